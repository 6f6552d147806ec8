//! The archive on disk: its layout, durable writing, compression, retention, recovery.
//!
//! [`Archive`] takes records and files them by their time under `YYYY/MM/DD/argus.YYYY.MM.DD.HH.MM.SS` (UTC, the start of
//! the split interval). An open file has the suffix `.part`; what was synced of it survives a power cut. Closed files are
//! synced, renamed, packed by a worker thread and listed in the day's `SHA256SUMS`. The worker also mends what a crash
//! left and deletes the oldest files as the limits say. The appliance chapter, section 6, has the requirements.
#![forbid(unsafe_code)]

mod archive;
mod error;
mod file;
mod finish;
mod inventory;
mod layout;
mod manifest;
mod recover;
mod retention;
mod state;
mod worker;

pub use archive::{Archive, Config};
pub use error::Error;
pub use finish::Compression;
pub use layout::{Name, Stage};
pub use retention::Limits;
pub use state::{State, Tell};
