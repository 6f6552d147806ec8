//! The engine: packets in, records out.

use crate::config::{Config, ConfigError};
use crate::counters::Counters;
use crate::flow::{Flow, Queue};
use crate::key::{Class, Key, Kind};
use crate::queue::Queues;
use crate::slab::{NONE, Part};
use crate::table::Table;
use crate::time::{Time, nanos};
use crate::tuple::become_classic;
use packet::{Encapsulation, Network, Summary, Transport};
use std::time::Duration;

/// Takes the records that an engine emits.
pub trait Sink {
    /// One complete record, header included. The buffer is reused for the next one.
    fn record(&mut self, record: &[u8]);
}

impl<F: FnMut(&[u8])> Sink for F {
    fn record(&mut self, record: &[u8]) {
        self(record);
    }
}

/// How often the queues are looked at, in nanoseconds of packet time. Measured; the chapter says half a second.
const TICK: i64 = 200_000_000;

/// Turns packets into flow records.
///
/// All memory is reserved by [`Engine::new`]: [`Engine::packet`] and [`Engine::tick`] never allocate and never panic.
/// Time is what the capture says; nothing here looks at a clock.
///
/// ```
/// use flow::{Config, Engine, Time};
/// use packet::{Dissector, LinkType};
///
/// let config = Config { jitter: true, ..Config::default() };
/// let dissector = Dissector::new(LinkType::ETHERNET, config.rules());
/// let mut engine = Engine::new(config).expect("memory");
/// let mut output = Vec::new();
/// let mut sink = |record: &[u8]| output.extend_from_slice(record);
///
/// let frame = [0u8; 60];
/// let summary = dissector.dissect(&frame, 60);
/// engine.packet(Time::from_micros(1_600_000_000, 0), &summary, &mut sink);
/// engine.tick(Time::from_micros(1_600_000_006, 0), &mut sink); // a live sensor does this when nothing comes
/// engine.flush(&mut sink); // at the end of the input
/// assert_eq!(engine.counters().records, 1);
/// assert_eq!(output[0], 0x13); // a version 3 flow record
/// ```
pub struct Engine {
    pub(crate) config: Config,
    pub(crate) table: Table,
    pub(crate) queues: Queues,
    /// Time of the packet being processed.
    pub(crate) now: Time,
    next_tick: Time,
    /// How many numbers were given: to flow transactions, in version 5 to records.(version 3) or record (version 5).
    pub(crate) number: u32,
    pub(crate) counters: Counters,
    /// The record being written.
    pub(crate) buffer: Vec<u8>,
    /// Octets of earlier records, where 3.0.8 shows through what it does not fill in; empty otherwise.
    pub(crate) stale: Vec<u8>,
    /// The status interval in nanoseconds.
    pub(crate) interval: i64,
    /// Gaps between packets as long as this, in nanoseconds, are not counted.
    pub(crate) longest_gap: i64,
    /// Idle timeouts by class in nanoseconds.
    pub(crate) timeouts: [i64; Class::COUNT],
    /// Whether all that two stations send each other is one flow.
    pub(crate) matrix: bool,
}

/// Whether a packet is a whole segment of TCP or a whole datagram of UDP.
#[inline(always)]
fn is_ordinary(summary: &Summary<'_>) -> bool {
    let Network::Ip(ip) = &summary.network else { return false };
    ip.fragment.is_none() && matches!(ip.transport, Transport::Tcp(_) | Transport::Udp { .. })
}

impl Engine {
    /// An engine with its memory reserved (as address space; pages are used as flows come).
    pub fn new(config: Config) -> Result<Engine, ConfigError> {
        let steady = Duration::from_secs(30);
        let times = &config.timeouts;
        // 3.0.8 reads the variables of these and does not use them.
        let unless_ignored = |wanted: Option<Duration>, instead| match wanted {
            Some(time) if !config.compat => time,
            _ => instead,
        };
        let timeouts = [
            times.ip,
            times.tcp,
            times.icmp,
            times.arp,
            unless_ignored(Some(times.other), steady),
            steady,
            unless_ignored(times.igmp, times.ip),
            unless_ignored(times.fragment, times.ip),
            times.fallow,
        ]
        .map(nanos);
        Ok(Engine {
            table: Table::new(&config)?,
            queues: Queues::new(),
            now: Time::UNSET,
            next_tick: Time::UNSET,
            number: 0,
            counters: Counters::default(),
            buffer: Vec::with_capacity(1 << 18),
            stale: if config.compat { vec![0; 1 << 18] } else { Vec::new() },
            interval: nanos(config.status_interval),
            longest_gap: nanos(config.status_interval).saturating_mul(2),
            timeouts,
            matrix: config.key.is_matrix(),
            config,
        })
    }

    /// Accounts for one packet. `time` is the capture's; records that become due are given to `sink`.
    pub fn packet(&mut self, time: Time, summary: &Summary<'_>, sink: &mut dyn Sink) {
        let mut key = Key::default();
        let hash = match become_classic(&mut key, summary, &self.table.hasher) {
            Some(hash) if self.config.is_classic() => hash,
            _ => {
                key = Key::of(summary, &self.config);
                self.table.hash_of(&key)
            }
        };
        self.keyed_packet(time, summary, &key, hash, NONE, sink);
    }

    /// Accounts for one packet, whose key and hash are known; `guess` is what flow it probably belongs to.
    #[inline(always)]
    pub(crate) fn keyed_packet(
        &mut self,
        time: Time,
        summary: &Summary<'_>,
        key: &Key,
        hash: u32,
        guess: Part,
        sink: &mut dyn Sink,
    ) {
        self.now = time;
        self.counters.packets += 1;
        self.counters.octets += u64::from(summary.length);
        self.deliver(key, hash, guess, summary, sink);
        self.run_timers(sink);
    }

    /// Tells the time when no packet does: a live sensor calls this at least every half second.
    pub fn tick(&mut self, now: Time, sink: &mut dyn Sink) {
        self.now = now;
        self.run_timers(sink);
    }

    /// What happened so far.
    pub fn counters(&self) -> Counters {
        Counters { parts_refused: self.table.refused, ..self.counters }
    }

    /// Flows remembered, idle ones included.
    pub fn flows(&self) -> usize {
        self.table.flows.len()
    }

    /// Flows in the status queue, as a management record states them.
    pub fn status_queue(&self) -> u32 {
        self.queues.status_length()
    }

    /// Live TCP flows that are remembered past their idle timeout.
    pub fn fallow(&self) -> u32 {
        self.queues.length(Queue(Class::Fallow as u8))
    }

    /// Octets of flow state in use.
    pub fn octets(&self) -> u64 {
        self.table.octets()
    }

    /// How many numbers were given: to flow transactions, in version 5 to records.
    pub fn sequence_number(&self) -> u32 {
        self.number
    }

    /// Changes the interface tag of the records to come: another capture file begins.
    pub fn set_interface(&mut self, tag: Option<[u8; 4]>) {
        self.config.interface = tag;
    }

    /// The settings in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    #[inline(always)]
    fn run_timers(&mut self, sink: &mut dyn Sink) {
        let left = self.next_tick.since(self.now);
        // A clock set back must not stop the timers until it has caught up.
        if left <= 0 || (left > 2 * TICK && !self.config.compat) {
            self.tick_over(sink);
        }
    }

    #[cold]
    fn tick_over(&mut self, sink: &mut dyn Sink) {
        self.manage_queues(sink);
        for _ in 0..self.table.too_many() {
            self.evict(NONE, sink);
        }
        self.table.settle();
        // At an even pace, from the packet that came after a longer pause on.
        let tick = Duration::from_nanos(TICK as u64);
        self.next_tick = self.next_tick + tick;
        if !(0..=TICK).contains(&self.next_tick.since(self.now)) {
            self.next_tick = self.now + tick;
        }
    }

    /// Finds or creates the flow of a packet and updates it (chapter section 1, steps 5 and 6).
    #[inline(always)]
    fn deliver(&mut self, key: &Key, hash: u32, guess: Part, summary: &Summary<'_>, sink: &mut dyn Sink) {
        let found = self.table.find_guessed(key, hash, guess);
        let part = match found {
            Some(part) => {
                self.wake(part, summary, sink);
                part
            }
            None => match self.create(key, hash, NONE, sink) {
                Some(part) => part,
                // Cannot happen while the ceiling is kept: every slab has room for every flow.
                None => {
                    self.counters.unreported += 1;
                    return;
                }
            },
        };
        self.counters.in_flows += 1;
        // What nearly every packet is needs nothing else.
        let ordinary = is_ordinary(summary) && !self.config.start_records;
        if !ordinary && matches!(Kind::of(&key.words), Kind::Fragment | Kind::Fragment6) {
            self.fragment(part, key, summary, sink);
            return;
        }
        let part = self.update(part, key, summary, found.is_none(), sink);
        if !ordinary {
            self.deliver_rest(part, key, summary, found.is_none(), sink);
        }
    }

    /// What the updated flow of an uncommon packet, new or not, needs besides.
    #[inline(never)]
    fn deliver_rest(
        &mut self,
        part: Part,
        key: &Key,
        summary: &Summary<'_>,
        first: bool,
        sink: &mut dyn Sink,
    ) {
        match &summary.network {
            Network::Link(_) => self.counters.unnamed += 1,
            Network::Ip(ip) => {
                if let (Some(fragment), packet::Addresses::V4 { .. }) = (&ip.fragment, &ip.addresses)
                    && fragment.offset == 0
                    && fragment.more
                {
                    self.adopt_fragments(part, key, summary, fragment, sink);
                }
                if let Transport::Icmp(icmp) = &ip.transport
                    && !icmp.quoted.is_empty()
                {
                    self.map_error(summary, icmp);
                }
            }
            _ => {}
        }
        if self.config.start_records && first {
            // 3.0.8 takes the first fragment of a datagram for merged at once.
            if self.config.compat { self.report(part, None, sink) } else { self.emit(part, None, sink) }
        }
    }

    /// Moves a flow that a packet was seen of to the young end of the status queue, when it is due or idle.
    #[inline(always)]
    fn wake(&mut self, part: Part, summary: &Summary<'_>, sink: &mut dyn Sink) {
        let Some(flow) = self.table.flows.get(part) else { return };
        if flow.queue == Queue::STATUS {
            let waited = self.now.since(flow.queue_time);
            if waited >= self.interval {
                self.report_due(part, summary, sink);
                self.requeue(part, Queue::STATUS);
            } else if !self.config.compat && waited < -self.interval {
                self.requeue(part, Queue::STATUS);
            }
        } else if flow.queue != Queue::NONE {
            // 3.0.8 leaves the flow of a fragment idle, and then loses its counts (chapter section 10).
            self.requeue(part, Queue::STATUS);
        }
    }

    /// Reports a flow that is due, and those before it.
    #[cold]
    fn report_due(&mut self, part: Part, summary: &Summary<'_>, sink: &mut dyn Sink) {
        self.expire_status(self.interval, sink);
        let waits = self.table.flows.get(part).is_some_and(|flow| flow.queue == Queue::STATUS);
        // One whose time is later stands before it, because the clock went back. 3.0.8 then lets it go on for another
        // interval where the link has a header of its own.
        let framed = Encapsulation::ETHERNET.0
            | Encapsulation::LLC.0
            | Encapsulation::HDLC.0
            | Encapsulation::CISCO_HDLC.0
            | Encapsulation::WLAN.0;
        if waits && !(self.config.compat && summary.encapsulation.0 & framed != 0) {
            self.report(part, None, sink);
        }
    }

    pub(crate) fn requeue(&mut self, part: Part, queue: Queue) {
        self.queues.remove(&mut self.table.flows, part);
        self.queues.push(&mut self.table.flows, part, queue, self.now);
    }

    /// Makes a flow. Under a ceiling another one is reported and forgotten for it, but never `keep`.
    pub(crate) fn create(&mut self, key: &Key, hash: u32, keep: Part, sink: &mut dyn Sink) -> Option<Part> {
        while self.table.is_full() {
            if !self.evict(keep, sink) {
                return None;
            }
        }
        let control = self.config.control.as_ref().is_some_and(|plane| key.is_control(plane));
        let part = self.table.create(key, hash, key.class as u8, control)?;
        self.counters.flows += 1;
        self.queues.push(&mut self.table.flows, part, Queue::STATUS, self.now);
        Some(part)
    }

    /// Whether a stamp of a record is still open: 3.0.8 takes the first second of 1970 for none.
    pub(crate) fn unset(compat: bool) -> impl Fn(Time) -> bool {
        move |time| !time.is_set() || (compat && time.seconds() == 0)
    }

    pub(crate) fn flow(&mut self, part: Part) -> Option<&mut Flow> {
        self.table.flows.get_mut(part)
    }
}
