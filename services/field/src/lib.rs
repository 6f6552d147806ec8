//! The one table of record fields: names, columns, units, how each is read and printed.
