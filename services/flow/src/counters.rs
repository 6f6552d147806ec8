//! What the sensor did, for its management records and for whoever watches it.

use packet::Ignored;

/// Running totals since the engine was made. A management record holds the difference between two of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets handed in.
    pub packets: u64,
    /// Octets of these packets as they are counted in flows.
    pub octets: u64,
    /// Packets counted in flows. `packets` is always the sum of this and of `ignored`.
    pub in_flows: u64,
    /// Packets that no flow could be named for, by reason.
    pub ignored: [u64; Ignored::COUNT],
    /// Flows created.
    pub flows: u64,
    /// Flow records emitted.
    pub records: u64,
    /// Flows reported and forgotten early because a ceiling was reached.
    pub evictions: u64,
    /// Flows whose optional part (protocol state, metrics, user data) found no room.
    pub parts_refused: u64,
    /// Packets counted in flows that were never reported: always 0 unless an output refuses a record.
    pub unreported: u64,
}

impl Counters {
    /// Packets that were not counted in a flow.
    pub fn ignored_packets(&self) -> u64 {
        self.ignored.iter().sum()
    }
}
