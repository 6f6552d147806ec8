//! The status file: sources, clients, outputs and totals as JSON, replaced as a whole.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::hub::Hub;
use crate::sources::Sources;

#[derive(Serialize)]
struct Status {
    /// Seconds since 1970.
    updated: u64,
    started: u64,
    sources: Vec<SourceEntry>,
    clients: Vec<ClientEntry>,
    outputs: Vec<OutputEntry>,
    totals: Totals,
}

#[derive(Serialize)]
struct SourceEntry {
    address: String,
    connected: bool,
    records: u64,
    octets: u64,
    reconnects: u64,
    /// Pieces of the stream that could not be read.
    damages: u64,
    /// Why it is not connected.
    error: String,
}

#[derive(Serialize)]
struct ClientEntry {
    address: String,
    filter: String,
    started: bool,
    records: u64,
    octets: u64,
    queued: u64,
    dropped: u64,
}

#[derive(Serialize)]
struct OutputEntry {
    target: String,
    records: u64,
    dropped: u64,
    failed: bool,
}

#[derive(Serialize)]
struct Totals {
    /// Handed out, radium's own included.
    records: u64,
    /// Missed by clients and outputs.
    dropped: u64,
    clients: usize,
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// Writes the file beside its place and moves it there, so that a reader never sees half of one.
///
/// # Errors
/// What the system said.
pub fn write(path: &Path, started: SystemTime, sources: &Sources, hub: &Hub) -> io::Result<()> {
    let clients = hub.server().map(|s| s.clients()).unwrap_or_default();
    let status = Status {
        updated: seconds(SystemTime::now()),
        started: seconds(started),
        sources: sources
            .status()
            .map(|s| SourceEntry {
                address: s.address.clone(),
                connected: s.connected.load(Ordering::Relaxed),
                records: s.records.load(Ordering::Relaxed),
                octets: s.octets.load(Ordering::Relaxed),
                reconnects: s.reconnects.load(Ordering::Relaxed),
                damages: s.damages.load(Ordering::Relaxed),
                error: s.error(),
            })
            .collect(),
        clients: clients
            .into_iter()
            .map(|c| ClientEntry {
                address: c.address.to_string(),
                filter: c.filter,
                started: c.started,
                records: c.records,
                octets: c.octets,
                queued: c.queued,
                dropped: c.dropped,
            })
            .collect(),
        outputs: hub
            .outputs()
            .map(|o| OutputEntry {
                target: o.name().into(),
                records: o.records(),
                dropped: o.dropped(),
                failed: o.has_failed(),
            })
            .collect(),
        totals: Totals { records: hub.records(), dropped: hub.dropped(), clients: hub.clients() },
    };
    let mut beside = PathBuf::from(path).into_os_string();
    beside.push(".new");
    let text = serde_json::to_vec(&status).map_err(io::Error::other)?;
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, path)
}
