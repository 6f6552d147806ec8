//! The one table of record fields: names, columns, units, how each is read and printed.
//!
//! [`table::FIELDS`] declares every field once. A [`Row`] is one record with its place; [`Row::read`] gives a field's
//! [`Value`], which compares, and which a [`Printer`] turns into text in a buffer that is reused from row to row.
//! Facts are from the chapter `ra-output` unless another is named.
#![forbid(unsafe_code)]

mod brief;
mod cells;
mod colour;
pub mod columns;
mod express;
pub mod formula;
mod historic_xml;
mod hosts;
pub mod locality;
pub mod names;
mod number;
mod place;
mod print;
mod read;
mod row;
mod services;
mod small;
mod structured;
pub mod style;
pub mod table;
mod text;
pub mod time;
mod userdata;
mod vacant;
mod value;
mod vendors;

pub use columns::{Column, ColumnError, Columns};
pub use express::Beside;
pub use hosts::HostNames;
pub use locality::Localities;
pub use print::Printer;
pub use row::{Body, LeftOver, Row, Side};
pub use services::Services;
pub use structured::{column, put_xml_foot, put_xml_head};
pub use style::Style;
pub use table::{Field, find};
pub use value::{Short, Value};
pub use vendors::Vendors;
