//! What the sensor did, for its management records and for whoever watches it.

/// Running totals since the engine was made. A management record holds the difference between two of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets handed in.
    pub packets: u64,
    /// Octets of these packets as they are counted in flows.
    pub octets: u64,
    /// Packets counted in flows: all of them but those of `unreported`.
    pub in_flows: u64,
    /// Of these, packets that nothing names: too short, or of a protocol that their link does not name.
    pub unnamed: u64,
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
