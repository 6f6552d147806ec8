//! The sensor's management records: initial, status, stop (record-format 4, sensor-and-transport 2.2 and 2.6).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use flow::{Counters, Engine};
use record::{Cause, MAR_LEN, Mar, STATUS_INTERFACE, SourceId, Stamp, Version};

/// What all management records of one run have in common. Clones share the sequence number.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The id.
    pub id: SourceId,
    /// Format of the records.
    pub version: Version,
    /// Ids have an interface tag.
    pub tag_told: bool,
    /// When the sensor started.
    pub started: Stamp,
    /// Flow status interval, whole seconds.
    pub report_interval: u16,
    /// Management record interval, whole seconds.
    pub mar_interval: u16,
    /// Octets of user data kept of each direction.
    pub user_data: u16,
    /// Network and mask of the first interface that has one, host order.
    pub network: (u32, u32),
    /// Number of the latest flow transaction.
    pub sequence: Arc<AtomicU32>,
}

impl Identity {
    /// The record that a client gets first. In a file it has no network and no sequence number, as with 3.0.8.
    pub fn initial(&self, for_client: bool) -> [u8; MAR_LEN] {
        let mut mar = Mar::initial(self.version, self.id, self.started, now());
        self.tell_tag(&mut mar);
        mar.report_interval = self.report_interval;
        mar.mar_interval = self.mar_interval;
        if for_client {
            (mar.localnet, mar.netmask) = self.network;
            mar.next_seq = self.sequence.load(Ordering::Relaxed);
        }
        if self.version == Version::V5 {
            // Version 5 tells the number of the record to come.
            mar.next_seq = mar.next_seq.wrapping_add(1);
        }
        octets(&mar)
    }

    fn tell_tag(&self, mar: &mut Mar) {
        if self.version == Version::V5 && self.tag_told {
            mar.status |= STATUS_INTERFACE;
        }
    }
}

/// Totals since the start, from which the next record tells what is new.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// What the engines did.
    pub counters: Counters,
    /// Packets that the kernel dropped.
    pub dropped: u64,
    /// Flows in the status queues.
    pub queue: u32,
    /// Live TCP flows past their idle timeout.
    pub fallow: u32,
    /// Clients and outputs.
    pub clients: u32,
    /// Octets of flow state.
    pub octets: u64,
    /// Interfaces.
    pub interfaces: u32,
    /// Records that wait for an output.
    pub waiting: u32,
    /// Link type of the first interface.
    pub link: u8,
    /// Whether the first interface is up.
    pub up: bool,
    /// Flow transactions.
    pub sequence: u32,
}

impl Totals {
    /// Adds what an engine did.
    pub fn add_engine(&mut self, engine: &Engine) {
        let mut totals = Totals { counters: engine.counters(), ..Totals::default() };
        totals.queue = engine.status_queue();
        totals.fallow = engine.fallow();
        totals.octets = engine.octets();
        totals.sequence = engine.sequence_number();
        self.add(&totals);
    }

    /// Adds what others did.
    pub fn add(&mut self, other: &Totals) {
        let (sum, counters) = (&mut self.counters, &other.counters);
        sum.packets += counters.packets;
        sum.octets += counters.octets;
        sum.in_flows += counters.in_flows;
        sum.flows += counters.flows;
        sum.records += counters.records;
        sum.evictions += counters.evictions;
        sum.parts_refused += counters.parts_refused;
        self.dropped += other.dropped;
        self.queue = self.queue.saturating_add(other.queue);
        self.fallow = self.fallow.saturating_add(other.fallow);
        self.octets += other.octets;
        self.sequence = self.sequence.wrapping_add(other.sequence);
    }
}

/// Makes the periodic records and the last one.
#[derive(Debug)]
pub struct Reporter {
    identity: Identity,
    previous: Stamp,
    told: Totals,
}

impl Reporter {
    /// A reporter whose first interval begins at the sensor's start.
    pub fn new(identity: Identity) -> Self {
        Reporter { previous: identity.started, identity, told: Totals::default() }
    }

    /// The periodic record.
    pub fn status(&mut self, totals: Totals) -> [u8; MAR_LEN] {
        self.record(Cause::Status, totals)
    }

    /// The last record, which counts itself among the records.
    pub fn stop(&mut self, totals: Totals) -> [u8; MAR_LEN] {
        self.record(Cause::Stop, totals)
    }

    fn record(&mut self, cause: Cause, totals: Totals) -> [u8; MAR_LEN] {
        let now = now();
        let stop = cause == Cause::Stop;
        let version = self.identity.version;
        let mut mar = Mar::new(version, cause);
        mar.set_source_id(self.identity.id);
        self.identity.tell_tag(&mut mar);
        match version {
            Version::V3 => mar.next_seq = if stop { 0 } else { totals.sequence },
            Version::V5 => {
                mar.argusid = version.cookie();
                mar.next_seq = totals.sequence.wrapping_add(1);
                // What version 3 calls drift: interfaces, and flows of the fallow queue.
                mar.drift = u64::from(totals.interfaces) << 32 | u64::from(totals.fallow);
            }
        }
        mar.start = (self.previous.secs(), self.previous.subsec_micros());
        mar.now = (now.secs(), now.subsec_micros());
        mar.interface_type = totals.link;
        mar.interface_status = u8::from(totals.up);
        mar.report_interval = self.identity.report_interval;
        mar.mar_interval = self.identity.mar_interval;
        mar.packets = totals.counters.packets - self.told.counters.packets;
        mar.bytes = totals.counters.octets - self.told.counters.octets;
        mar.records = word(totals.counters.records - self.told.counters.records + u64::from(stop));
        mar.flows = word(totals.counters.flows - self.told.counters.flows);
        mar.dropped = word(totals.dropped.saturating_sub(self.told.dropped));
        mar.queue = totals.queue;
        mar.clients = totals.clients;
        // The readers' name for this member is allocations; `ra` prints it in the place of the destination address.
        mar.bufs = word(totals.counters.evictions - self.told.counters.evictions);
        mar.output = totals.waiting;
        mar.alloc = word(totals.octets);
        mar.src_user_len = self.identity.user_data;
        mar.dst_user_len = self.identity.user_data;
        self.previous = now;
        self.told = totals;
        octets(&mar)
    }
}

/// The wall clock: management records never tell packet time.
pub fn now() -> Stamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Stamp::from_sec_usec(word(since.as_secs()), since.subsec_micros())
}

fn word(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn octets(mar: &Mar) -> [u8; MAR_LEN] {
    let mut all = [0; MAR_LEN];
    for (to, from) in all.iter_mut().zip(mar.to_bytes()) {
        *to = from;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_since_the_previous_record() {
        let identity = Identity {
            id: SourceId::Int(7),
            version: Version::V3,
            tag_told: true,
            started: Stamp::from_sec_usec(1, 2),
            report_interval: 5,
            mar_interval: 60,
            user_data: 32,
            network: (0x7f00_0000, 0xff00_0000),
            sequence: Arc::new(AtomicU32::new(9)),
        };
        let client = Mar::parse(&identity.initial(true)).unwrap();
        assert_eq!(
            (client.next_seq, client.localnet, client.source_id()),
            (9, 0x7f00_0000, SourceId::Int(7))
        );
        let file = Mar::parse(&identity.initial(false)).unwrap();
        assert_eq!((file.next_seq, file.localnet, file.start), (0, 0, (1, 2)));

        let mut reporter = Reporter::new(identity);
        let mut totals = Totals { dropped: 3, ..Totals::default() };
        totals.counters.packets = 10;
        totals.counters.records = 4;
        totals.counters.evictions = 2;
        let first = Mar::parse(&reporter.status(totals)).unwrap();
        assert_eq!((first.packets, first.records, first.dropped, first.src_user_len), (10, 4, 3, 32));
        assert_eq!(first.bufs, 2);
        totals.counters.packets = 12;
        let last = Mar::parse(&reporter.stop(totals)).unwrap();
        assert_eq!((last.packets, last.records, last.dropped, last.bufs), (2, 1, 0, 0));
        assert_eq!(last.start, first.now);
        assert_eq!(last.source_id(), SourceId::Int(7));
    }
    #[test]
    fn version_5_has_its_own_places() {
        let id = SourceId::Uuid([9; 16]);
        let identity = Identity {
            id,
            version: Version::V5,
            tag_told: true,
            started: Stamp::from_sec_usec(1, 2),
            report_interval: 5,
            mar_interval: 60,
            user_data: 0,
            network: (0, 0),
            sequence: Arc::new(AtomicU32::new(9)),
        };
        let initial = identity.initial(true);
        assert_eq!(initial[..12], [0x85, 0x10, 0, 0x20, 0, 0xb0, 0, 0, 0xe5, 0x71, 0x50, 0xcb]);
        let mar = Mar::parse(&initial).unwrap();
        assert_eq!((mar.source_id(), mar.next_seq, mar.major), (id, 10, 5));
        let mut reporter = Reporter::new(identity);
        let totals = Totals { interfaces: 2, sequence: 12, ..Totals::default() };
        for octets in [reporter.status(totals), reporter.stop(totals)] {
            let mar = Mar::parse(&octets).unwrap();
            assert_eq!((mar.argusid, mar.next_seq), (record::COOKIE_V5, 13));
            assert_eq!((mar.source_id(), mar.interfaces(), mar.fallow()), (id, 2, 0));
        }
    }
}
