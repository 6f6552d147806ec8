//! Network interfaces as the box sees them: discovery, roles, addresses, offloads, hot-plug.
//!
//! [`nics`] tells what the kernel has, [`names`] what the box calls it, [`Link`] changes it, [`Events`]
//! tells when something came or went (appliance chapter, sections 3 and 5).

#![deny(unsafe_code)]

mod ethtool;
mod link;
mod names;
mod nic;
mod setup;
mod uevent;

use std::io;

pub use link::{Assigned, Link};
pub use names::{Known, MAX_NUMBER, names};
pub use nic::{Counters, Nic, SYS_NET, counters, has_link, nics};
pub use setup::{close, manage, tap};
pub use uevent::{Event, Events};

/// What could not be done to which NIC.
#[derive(Debug, thiserror::Error)]
#[error("{nic}: {doing}: {source}")]
pub struct Error {
    /// The NIC's name.
    pub nic: String,
    /// What was being done.
    pub doing: &'static str,
    /// What the system said.
    pub source: io::Error,
}

impl Error {
    fn new(nic: &str, doing: &'static str, source: impl Into<io::Error>) -> Self {
        Error { nic: nic.into(), doing, source: source.into() }
    }
}
