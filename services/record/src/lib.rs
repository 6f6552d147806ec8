//! Argus records and streams: views that read bytes in place, models that encode back.
//!
//! [`RecordView`] borrows a record's octets, is checked once and reads fields in place without allocating; reading,
//! filtering, printing and counting work on it. [`Record`] is owned and editable and encodes back; merging, labelling
//! and anonymising work on it. [`Builder`] appends a record DSR by DSR to a reused buffer, for the sensor. [`Framer`]
//! finds the records in a stream of octets. Nothing here does input or output.
//!
//! The format is described in the record-format chapter of the specification; section numbers in this crate are its.
#![forbid(unsafe_code)]

mod builder;
pub mod dsr;
mod framer;
mod header;
mod mar;
mod model;
mod shape;
mod source_id;
mod stamp;
mod view;
mod wire;

pub use builder::Builder;
pub use dsr::flow::{Addr, Flow, FlowKey};
pub use dsr::metric::{Counters, Metric};
pub use dsr::time::Times;
pub use dsr::transport::Transport;
pub use dsr::{DsrHeader, Index, RawDsr, Walk};
pub use framer::{Frame, Framer, Reason};
pub use header::{
    COOKIE_V2, COOKIE_V3, COOKIE_V5, Cause, Header, Kind, OPTION_ACCESS_DENIED, OPTION_MAX_LISTEN,
    OPTION_RADIUM, Version,
};
pub use mar::{Cookie, MAR_LEN, Mar, STATUS_ID_MASK, STATUS_INTERFACE, STATUS_SASL};
pub use model::{Dsr, EncodeError, Form, Record};
pub use shape::{Attribute, Bits, Count, Family, Glance, Ports, RecordForm, Shapes, Turn, Value};
pub use source_id::SourceId;
pub use stamp::Stamp;
pub use view::{Layout, Mark, Parts, RecordError, RecordView};

/// Octets of the longest record: 65 535 words.
pub const MAX_RECORD_LEN: usize = 65_535 * 4;
