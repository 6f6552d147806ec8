//! The closed files of the archive, as the worker knows them.

use crate::layout::{Name, Stage};
use crate::state::Shared;
use std::collections::BTreeMap;

/// Closed files by time, with their octets.
#[derive(Default)]
pub(crate) struct Inventory {
    files: BTreeMap<Name, u64>,
    bytes: u64,
}

impl Inventory {
    pub(crate) fn insert(&mut self, name: Name, octets: u64) {
        let old = self.files.insert(name, octets).unwrap_or(0);
        self.bytes = (self.bytes - old) + octets;
    }

    pub(crate) fn remove(&mut self, name: Name) {
        self.bytes -= self.files.remove(&name).unwrap_or(0);
    }

    pub(crate) fn oldest(&self) -> Option<Name> {
        self.files.keys().next().copied()
    }

    /// Time of the newest file.
    pub(crate) fn newest(&self) -> Option<i64> {
        self.files.keys().next_back().map(|n| n.time)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Tells the state what there is.
    pub(crate) fn publish(&self, shared: &Shared) {
        let mut state = shared.state();
        state.files = self.files.len() as u64;
        state.bytes = self.bytes;
        state.oldest = self.oldest().map(|n| n.time);
    }
}

/// Whether a file at this stage counts as closed.
pub(crate) fn closed(stage: Stage) -> bool {
    matches!(stage, Stage::Plain | Stage::Packed)
}
