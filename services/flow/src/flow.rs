//! The state of a flow: what every flow has, and the parts that only some have.

use crate::jitter::Gaps;
use crate::key::{Class, Words};
use crate::slab::{NONE, Part};
use crate::time::Time;

/// What was seen from one side: in the current record, or since the flow began where said so.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Side {
    /// Time of the first packet of the record.
    pub first: Time,
    /// Time of the last packet of the record; unset until the second.
    pub last: Time,
    pub packets: u64,
    /// Octets on the wire.
    pub octets: u64,
    pub encapsulation: u32,
    /// IP id of the last packet since the flow began.
    pub ip_id: u16,
    /// Tag control information of the last tagged packet.
    pub vlan: u16,
    pub smallest: u16,
    pub largest: u16,
    pub ttl: u8,
    pub tos: u8,
    /// IP options of the last packet.
    pub ip_options: u8,
    pub bits: u8,
}

impl Side {
    /// An IP packet came from this side since the flow began.
    pub const IP: u8 = 0x01;
    /// Fragments were merged into this side.
    pub const FRAGMENTS: u8 = 0x02;
    /// `vlan` is valid.
    pub const VLAN: u8 = 0x04;
    /// Packets of this side had different encapsulations.
    pub const ENCAPSULATION_CHANGED: u8 = 0x08;
    /// `encapsulation` is valid.
    pub const ENCAPSULATION: u8 = 0x10;

    pub const NEW: Side = Side {
        first: Time::UNSET,
        last: Time::UNSET,
        packets: 0,
        octets: 0,
        encapsulation: 0,
        ip_id: 0,
        vlan: 0,
        smallest: u16::MAX,
        largest: 0,
        ttl: 0,
        tos: 0,
        ip_options: 0,
        bits: 0,
    };

    /// Prepares for the next record: counters and times go, the IP attributes stay (chapter section 5.4).
    pub fn reset(&mut self) {
        *self =
            Side { ip_id: self.ip_id, ttl: self.ttl, tos: self.tos, bits: self.bits & Side::IP, ..Side::NEW };
    }

    /// Notes a packet's time.
    #[inline]
    pub fn stamp(&mut self, now: Time, unset: impl Fn(Time) -> bool) {
        if unset(self.first) {
            self.first = now;
        } else {
            self.last = now;
        }
    }
}

/// A flow: what every packet of it needs comes first, then what those of its sides need. What only some flows have lies
/// in slabs of its own.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Flow {
    pub key: Words,
    /// When the flow entered its queue.
    pub queue_time: Time,
    /// Protocol state; `state` says of which kind.
    pub network: Part,
    /// Flow transaction number; 0 until the first record was emitted.
    pub number: u32,
    pub bits: u8,
    /// Cause of the record being filled.
    pub cause: Why,
    /// Where the flow waits.
    pub queue: Queue,
    pub state: State,
    /// Rest of the key, labels, mapped errors, fragments.
    pub rare: Part,
    /// Source and destination. The source sent the first packet.
    pub sides: [Side; 2],
    pub next: Part,
    pub previous: Part,
}

/// Cause of a record before it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Why {
    Unset,
    Start,
    Status,
}

/// The queue a flow waits in, or the class of its idle queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Queue(pub u8);

impl Queue {
    /// In no queue: a fragment flow on its parent's list.
    pub const NONE: Queue = Queue(0xff);
    /// The status queue.
    pub const STATUS: Queue = Queue(0x80);
}

/// What the part named by `network` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum State {
    None,
    Tcp,
    Icmp,
    Esp,
    Arp,
    Rtp,
    Udt,
    Fragment,
}

impl Flow {
    /// The key's direction bit of the flow's first packet.
    pub const DIRECTION: u8 = 0x01;
    /// The record's source is the stored destination.
    pub const REVERSE: u8 = 0x02;
    /// The current record was emitted; the next packet starts another.
    pub const EMITTED: u8 = 0x04;
    /// A record of the flow had more than one stamp.
    pub const RANGE: u8 = 0x08;
    /// Shift of the idle class.
    pub const CLASS: u8 = 4;

    pub fn new(key: Words, direction: u8, class: u8) -> Flow {
        let direction_bits = if direction == 1 { Flow::DIRECTION | Flow::REVERSE } else { 0 };
        Flow {
            sides: [Side::NEW; 2],
            key,
            queue_time: Time::UNSET,
            next: NONE,
            previous: NONE,
            number: 0,
            network: NONE,
            rare: NONE,
            bits: direction_bits | class << Flow::CLASS,
            cause: Why::Unset,
            queue: Queue::NONE,
            state: State::None,
        }
    }

    pub fn has(&self, bit: u8) -> bool {
        self.bits & bit != 0
    }

    pub fn set(&mut self, bit: u8, on: bool) {
        if on {
            self.bits |= bit;
        } else {
            self.bits &= !bit;
        }
    }

    pub fn class(&self) -> u8 {
        self.bits >> Flow::CLASS
    }

    /// Whether the flow has the idle timeout of those that are no mere question.
    #[inline(always)]
    pub fn is_settled(&self) -> bool {
        self.class() == Class::Fixed as u8
    }

    /// Gives the flow that idle timeout, for good.
    pub fn settle(&mut self) {
        self.bits = (self.bits & ((1 << Flow::CLASS) - 1)) | (Class::Fixed as u8) << Flow::CLASS;
    }

    /// 0 when a packet of this key direction comes from the flow's source, 1 otherwise.
    #[inline]
    pub fn side_of(&self, direction: u8) -> usize {
        usize::from(direction ^ (self.bits & Flow::DIRECTION))
    }

    pub fn packets(&self) -> u64 {
        self.sides[0].packets.saturating_add(self.sides[1].packets)
    }
}

impl Default for Flow {
    fn default() -> Flow {
        Flow::new(Words::default(), 0, 0)
    }
}

/// What `-A`, `-J` and `-m` keep: a cache line for the gaps of each side, and one for the rest.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct Metrics {
    pub gaps: [Gaps; 2],
    /// Application octets of the record.
    pub application: [u64; 2],
    pub mac: Option<Mac>,
}

/// MAC addresses of the flow's first packet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mac {
    pub destination: [u8; 6],
    pub source: [u8; 6],
    pub ethertype: u16,
    /// Bit 1: another address or type came from the source; bit 2: from the destination.
    pub multipath: u8,
}

/// What few flows have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rare {
    /// The rest of a long key.
    pub rest: Option<Words>,
    /// Topmost MPLS label entries of the last labelled packets.
    pub labels: [Option<u32>; 2],
    /// The last ICMP error that quoted this flow in the record (record-format chapter, section 7.7).
    pub mapped: Option<IcmpState>,
    /// What such errors told: 1 unreachable, 2 redirect, 4 time exceeded. Of those of the record; in 3.0.8 of all.
    pub errors: u8,
    /// First of the fragment flows that belong to this one.
    pub fragments: Part,
}

impl Rare {
    /// What most flows have of it.
    pub const NONE: Rare = Rare { rest: None, labels: [None; 2], mapped: None, errors: 0, fragments: NONE };
}

impl Default for Rare {
    fn default() -> Rare {
        Rare::NONE
    }
}

/// The first ICMP message of a record, or one that quoted a flow.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct IcmpState {
    pub kind: u8,
    pub code: u8,
    /// Octets 6 and 7 of the message; of ICMPv6 the checksum.
    pub word: u16,
    pub source: u32,
    pub destination: u32,
    pub quoted_source: u32,
    pub quoted_destination: u32,
    /// Octets 4 to 7.
    pub gateway: u32,
}

/// Protocol state other than TCP's.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Session {
    #[default]
    None,
    /// The first message of the record.
    Icmp(IcmpState),
    /// The answering station's hardware address.
    Arp([u8; 6]),
    Esp(crate::esp::Esp),
    Rtp(crate::rtp::Rtp),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Index;
    use crate::tcp::Tcp;

    #[test]
    fn flows_are_small() {
        // With its place in the index and the free lists.
        let flow = size_of::<Flow>() + Index::OCTETS;
        assert!(flow <= 192, "{flow} octets");
        assert!(flow + size_of::<Tcp>() <= 320, "{} octets", flow + size_of::<Tcp>());
        let measured = flow + size_of::<Tcp>() + size_of::<Metrics>();
        assert!(measured <= 512, "{measured} octets");
    }
}
