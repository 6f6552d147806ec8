//! What the archive counts and tells.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counters and conditions, all since the start unless said otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// The open file written last, relative to the archive.
    pub current: Option<PathBuf>,
    /// Open files.
    pub open: u64,
    /// Records taken.
    pub records: u64,
    /// Octets of them.
    pub octets: u64,
    /// Records that are on disk for certain.
    pub synced_records: u64,
    /// When everything taken so far was last on disk, Unix time in seconds.
    pub last_sync: f64,
    /// Records put into a neighbouring file because the file of their time was closed.
    pub late: u64,
    /// Records filed by their arrival because their times would open too many files.
    pub misdated: u64,
    /// Records that could not be kept because the disk took none for too long.
    pub dropped: u64,
    /// Operations that failed.
    pub errors: u64,
    /// What is wrong now; empty when nothing is.
    pub fault: String,
    /// Closed files in the archive now.
    pub files: u64,
    /// Octets of them.
    pub bytes: u64,
    /// Time of the oldest of them, Unix time in seconds; `None` when there is none.
    pub oldest: Option<i64>,
    /// Files deleted because of the limits.
    pub expired: u64,
    /// The limit that deleted last: "age", "bytes" or "free space"; empty when none did.
    pub binding: &'static str,
    /// Files that a crash had left and that were mended.
    pub recovered: u64,
    /// Octets cut from them: torn records.
    pub cut: u64,
}

/// Takes messages for the log; the flag says whether something is wrong.
pub type Tell = Arc<dyn Fn(bool, &str) + Send + Sync>;

/// The state, shared between the archive and its worker.
#[derive(Clone)]
pub(crate) struct Shared {
    state: Arc<Mutex<State>>,
    tell: Tell,
}

impl Shared {
    pub(crate) fn new(tell: Tell) -> Shared {
        Shared { state: Arc::default(), tell }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tell(&self, text: &str) {
        (self.tell)(false, text);
    }

    /// Counts an error and tells it.
    pub(crate) fn error(&self, error: &dyn std::fmt::Display) {
        self.state().errors += 1;
        (self.tell)(true, &error.to_string());
    }
}
