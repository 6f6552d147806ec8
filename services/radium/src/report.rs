//! radium's own management records (sensor-and-transport chapter, 3.3).

use std::time::{Duration, SystemTime};

use record::{Cause, Mar, SourceId, Stamp, Version};
use stream::INITIAL;

use crate::hub::Hub;

/// Makes them.
#[derive(Clone, Debug)]
pub struct Report {
    id: SourceId,
    interval: Option<Duration>,
    /// Time of the one before.
    last: Stamp,
    records: u64,
    dropped: u64,
}

/// The record that greets clients and heads files.
pub fn initial(id: SourceId, started: Stamp, records: u64) -> [u8; INITIAL] {
    let mut mar = Mar::initial(Version::V3, id, started, Stamp::from(SystemTime::now()));
    mar.next_seq = wrapped(records);
    let mut octets = [0; INITIAL];
    octets.copy_from_slice(&mar.to_bytes());
    octets
}

/// Sequence numbers and counters of 32 bits run over.
fn wrapped(count: u64) -> u32 {
    (count & 0xffff_ffff) as u32
}

impl Report {
    pub fn new(id: SourceId, interval: Option<Duration>, started: Stamp) -> Report {
        Report { id, interval, last: started, records: 0, dropped: 0 }
    }

    pub fn set_interval(&mut self, interval: Option<Duration>) {
        self.interval = interval;
    }

    /// What happened since the one before; `cause` is STATUS, or SHUTDOWN for the last.
    pub fn make(&mut self, cause: Cause, hub: &Hub) -> Vec<u8> {
        let now = Stamp::from(SystemTime::now());
        let (records, dropped) = (hub.records(), hub.dropped());
        let mut mar = Mar::new(Version::V3, cause);
        mar.set_source_id(self.id);
        mar.start = (self.last.secs(), self.last.subsec_micros());
        mar.now = (now.secs(), now.subsec_micros());
        mar.next_seq = wrapped(records);
        mar.mar_interval = self.interval.map_or(0, |i| u16::try_from(i.as_secs()).unwrap_or(u16::MAX));
        mar.records = wrapped(records.saturating_sub(self.records));
        mar.dropped = wrapped(dropped.saturating_sub(self.dropped));
        mar.clients = u32::try_from(hub.clients()).unwrap_or(u32::MAX);
        (self.last, self.records, self.dropped) = (now, records, dropped);
        mar.to_bytes()
    }
}
