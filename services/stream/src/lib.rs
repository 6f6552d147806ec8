//! Where records come from and go to: files, sockets, the Argus network protocol, time ranges.
#![forbid(unsafe_code)]

mod command;
mod error;
mod frame;
mod hello;
mod inbox;
mod open;
mod ring;
mod select;
mod server;
mod source;

use std::sync::Arc;

pub use error::{Error, FilterReply, Refusal};
pub use hello::Initial;
pub use server::{Broadcast, ClientStatus, MakeInitial, Server, ServerConfig, Totals, listen_addresses};
pub use source::{DEFAULT_PORT, Source, Transport};

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
