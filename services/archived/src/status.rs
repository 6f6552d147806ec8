//! The state file that the web admin reads.

use serde::Serialize;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use store::State;

/// What the file says. Times are Unix times in seconds.
#[derive(Debug, Serialize)]
pub struct Status<'a> {
    /// Path of the file being written; empty when there is none.
    current: String,
    open: u64,
    /// Taken since the start.
    records: u64,
    octets: u64,
    /// On disk for certain.
    synced_records: u64,
    last_sync: f64,
    files: u64,
    bytes: u64,
    /// 0 when there is none.
    oldest: f64,
    dropped: u64,
    late: u64,
    misdated: u64,
    damaged: u64,
    errors: u64,
    fault: &'a str,
    expired: u64,
    binding: &'a str,
    recovered: u64,
    cut: u64,
    free: u64,
    source: &'a str,
    connected: bool,
    reconnects: u64,
}

/// The connection.
#[derive(Clone, Debug, Default)]
pub struct Link {
    /// Where it goes.
    pub source: String,
    /// Whether it stands.
    pub connected: bool,
    /// How often it was made again.
    pub reconnects: u64,
    /// Stretches of its stream that were no records.
    pub damaged: u64,
}

impl<'a> Status<'a> {
    /// Puts together what is known.
    pub fn new(root: &Path, state: &'a State, free: u64, link: &'a Link) -> Status<'a> {
        let current = state.current.as_ref().map(|p| root.join(p)).unwrap_or_default();
        Status {
            current: current.display().to_string(),
            open: state.open,
            records: state.records,
            octets: state.octets,
            synced_records: state.synced_records,
            last_sync: state.last_sync,
            files: state.files,
            bytes: state.bytes,
            oldest: state.oldest.unwrap_or(0) as f64,
            dropped: state.dropped,
            late: state.late,
            misdated: state.misdated,
            damaged: link.damaged,
            errors: state.errors,
            fault: &state.fault,
            expired: state.expired,
            binding: state.binding,
            recovered: state.recovered,
            cut: state.cut,
            free,
            source: &link.source,
            connected: link.connected,
            reconnects: link.reconnects,
        }
    }

    /// Replaces the file, so that readers see the old or the new one, whole.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut new = path.as_os_str().to_owned();
        new.push(".part");
        let new = PathBuf::from(new);
        let mut text = serde_json::to_vec(self).map_err(io::Error::other)?;
        text.push(b'\n');
        File::create(&new)?.write_all(&text)?;
        std::fs::rename(&new, path)
    }
}
