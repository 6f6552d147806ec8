//! How each field is read from a record.

pub mod agr;
pub mod attr;
pub mod flags;
pub mod flow;
pub mod jitter;
pub mod later;
pub mod link;
pub mod locality;
pub mod loss;
pub mod management;
pub mod metric;
pub mod other;
pub mod psize;
pub mod state;
pub mod tcp;
pub mod time;

use crate::row::Row;
use crate::value::Value;

/// A field that no record has: the reserved names of the historic table.
pub fn nothing<'a>(_: &Row<'a>) -> Value<'a> {
    Value::Absent
}
