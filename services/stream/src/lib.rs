//! Where records come from and go to: files, sockets, the Argus network protocol, time ranges.
#![forbid(unsafe_code)]

mod client;
mod command;
mod error;
mod follow;
mod frame;
mod hello;
mod inbox;
mod lzw;
mod open;
mod output;
mod patient;
mod reader;
mod ring;
mod server;
mod source;
pub mod srcid;
mod time_range;
mod udp;
mod writer;

use std::sync::Arc;

pub use client::{Client, ClientOptions, Event};
pub use error::{Error, FilterReply, Refusal};
pub use follow::{Happening, Retry, follow};
pub use frame::Runs;
pub use hello::Initial;
pub use open::{decompress, is_compressed, open as open_input};
pub use output::Output;
pub use patient::Keep;
pub use reader::{Damage, Item, Portion, Reader};
pub use server::{Broadcast, ClientStatus, MakeInitial, Server, ServerConfig, Totals, listen_addresses};
pub use source::{DEFAULT_PORT, Source, Transport};
pub use time_range::{TimeRange, TimeRangeError};
pub use udp::Datagrams;
pub use writer::{Target, Writer};

/// Octets of the initial management record, and of every complete one.
pub const INITIAL: usize = 128;

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Normal: a client came or went.
    Info,
    /// Something was refused, dropped or repaired.
    Warning,
    /// Something does not work.
    Error,
}

/// Takes messages about connections. Anything a peer chose in them is printable.
pub type Log = Arc<dyn Fn(Severity, &str) + Send + Sync>;
