//! Hands a record to all clients and outputs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use filter::Filter;
use record::RecordView;
use stream::{Broadcast, Output};

/// Where every record goes that radium takes over or makes.
pub struct Hub {
    server: Option<Broadcast>,
    outputs: Vec<(Output, Option<Filter>)>,
    records: Arc<AtomicU64>,
}

impl Hub {
    /// `records` is counted up with every record.
    pub fn new(
        server: Option<Broadcast>,
        outputs: Vec<(Output, Option<Filter>)>,
        records: Arc<AtomicU64>,
    ) -> Hub {
        Hub { server, outputs, records }
    }

    /// One record. `waiting` says that the input can wait for outputs, so that they lose nothing; clients never hold
    /// it up.
    pub fn give(&self, record: &[u8], waiting: bool) {
        self.records.fetch_add(1, Ordering::Relaxed);
        for (output, filter) in &self.outputs {
            let wanted = match (filter, RecordView::new(record)) {
                (Some(filter), Ok(view)) => filter.matches(&view),
                (filter, _) => filter.is_none(),
            };
            if wanted && waiting {
                output.publish_waiting(record);
            } else if wanted {
                output.publish(record);
            }
        }
        match &self.server {
            Some(server) if waiting => server.publish_waiting(record),
            Some(server) => server.publish(record),
            None => {}
        }
    }

    /// Records handed out so far.
    pub fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    /// Records that a client or an output missed.
    pub fn dropped(&self) -> u64 {
        let clients = self.server.as_ref().map_or(0, |s| s.totals().dropped);
        clients + self.outputs.iter().map(|(o, _)| o.dropped()).sum::<u64>()
    }

    /// Connected clients and working outputs.
    pub fn clients(&self) -> usize {
        let clients = self.server.as_ref().map_or(0, |s| s.totals().clients);
        clients + self.outputs.iter().filter(|(o, _)| !o.has_failed()).count()
    }

    pub fn server(&self) -> Option<&Broadcast> {
        self.server.as_ref()
    }

    pub fn outputs(&self) -> impl Iterator<Item = &Output> {
        self.outputs.iter().map(|(output, _)| output)
    }

    /// Whether an output has failed: records that were to be kept are not.
    pub fn has_failed(&self) -> bool {
        self.outputs().any(Output::has_failed)
    }

    /// Sends and writes what is queued.
    pub fn finish(&self, grace: Duration) {
        for output in self.outputs() {
            output.finish();
        }
        if let Some(server) = &self.server {
            server.stop(grace);
        }
    }
}
