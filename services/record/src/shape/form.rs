//! Records at a glance: what the shape of a record says of its key and of some other parts, and where the few words are
//! that differ.

use super::attributes::{Attribute, AttributeForm};
use super::counts::{Count, CounterForm};
use super::state::StateForm;
use crate::dsr::network::status;
use crate::dsr::{Index, flow};
use crate::view::RecordView;

/// What kind of key a record has, as far as a glance tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4, with protocol and ports.
    Ipv4,
    /// IPv6, likewise.
    Ipv6,
    /// ARP.
    Arp,
}

/// Bits of a word of a record, counted from its header; the word is read in network order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits {
    /// Which word.
    pub word: u8,
    /// Which bits of it, in their places.
    pub mask: u32,
}

/// Where a value of one side of a flow is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// The record has none.
    Absent,
    /// It is 0.
    Zero,
    /// There, as a number in network order.
    At(Bits),
    /// It must be looked at properly.
    Elsewhere,
}

/// Where the ports of a key are, source first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// There, sixteen bits each.
    At([Bits; 2]),
    /// They count as 0, whatever the protocol.
    Zero,
}

/// When a reader may turn a record round (flow-model chapter, section 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Never.
    Never,
    /// When these bits have this value.
    When(Bits, u32),
    /// It must be looked at properly.
    Perhaps,
}

/// How the key of a record, and what else of it is asked for at a glance, is stored: what it is and where, so that
/// questions about it can be made questions about words. Addresses and ports are those in true direction, unless a reader
/// turns the record round.
#[derive(Clone, Copy, Debug)]
pub struct RecordForm {
    /// `None`: in a way that a glance does not tell.
    family: Option<Family>,
    /// Word offset of the protocol; the ports follow it.
    protocol: u8,
    /// Octets between the protocol and the ports, which are four octets long.
    gap: u8,
    /// Whether the ends are exchanged.
    reversed: bool,
    /// Whether this is a fragment without its first one, which has ports 0 whatever its protocol.
    fragment: bool,
    /// Protocols below 64 that have no ports.
    portless: u64,
    /// Word offset of the addresses.
    addresses: u8,
    /// Where the state of a TCP flow is.
    state: StateForm,
    /// Whether a reader may turn it round when it is TCP, after its status alone.
    tcp_turns: bool,
    /// Whether a reader may turn it round when it is ICMP.
    icmp_turns: bool,
    /// Where its counters are.
    counters: CounterForm,
    /// Where its IP attributes are.
    attributes: AttributeForm,
    /// Which of [`ASKED_FOR`] it carries.
    carried: u8,
}

/// Parts that are asked for only whether they are there.
const ASKED_FOR: [Index; 6] = [Index::Vlan, Index::Mpls, Index::Gre, Index::Geneve, Index::Vxlan, Index::Agr];

const ICMP: u8 = 1;
const IGMP: u8 = 2;
const TCP: u8 = 6;
const ESP: u8 = 50;
const ICMP_V6: u8 = 58;

impl RecordForm {
    pub(super) const UNKNOWN: RecordForm = RecordForm {
        family: None,
        protocol: 0,
        gap: 3,
        reversed: false,
        fragment: false,
        portless: 0,
        addresses: 0,
        state: StateForm::NONE,
        tcp_turns: false,
        icmp_turns: false,
        counters: CounterForm::NONE,
        attributes: AttributeForm::NONE,
        carried: 0,
    };

    /// The form of a record's key; `None` when the record is too long for a glance.
    pub(super) fn of(view: &RecordView<'_>) -> Option<RecordForm> {
        let at = u8::try_from(view.layout().place(Index::Flow)).ok()?;
        let Some(&[_, subtype, qualifier, length, ..]) = view.dsr(Index::Flow) else {
            return Some(RecordForm::UNKNOWN);
        };
        let common = RecordForm {
            reversed: subtype & flow::REVERSE != 0,
            fragment: qualifier & flow::FRAGMENT != 0,
            addresses: at + 1,
            ..RecordForm::UNKNOWN
        };
        let carried = |form, (number, index): (usize, &Index)| form | u8::from(view.has(*index)) << number;
        let carried = ASKED_FOR.iter().enumerate().fold(0, carried);
        let (state, attributes) = (StateForm::of(view)?, AttributeForm::of(view)?);
        let common = RecordForm { counters: CounterForm::of(view)?, state, attributes, carried, ..common };
        Some(match (subtype & 0x3f, qualifier & 0x1f) {
            (flow::kind::ARP, flow::address::ARP) if length >= 5 => {
                // No place is read: any will do.
                RecordForm { family: Some(Family::Arp), carried, ..RecordForm::UNKNOWN }
            }
            (flow::kind::ARP | flow::kind::LAYER_3_MATRIX, _) => RecordForm::UNKNOWN,
            (_, flow::address::IPV4) if length >= 5 => RecordForm {
                family: Some(Family::Ipv4),
                protocol: at + 3,
                gap: 1,
                portless: 1 << ICMP | 1 << IGMP | 1 << ESP,
                tcp_turns: state.is_full(),
                icmp_turns: qualifier & flow::DIRECTION != 0,
                ..common
            },
            (_, flow::address::IPV6) if length >= 11 => RecordForm {
                family: Some(Family::Ipv6),
                protocol: at + 9,
                portless: 1 << IGMP | 1 << ESP | 1 << ICMP_V6,
                ..common
            },
            _ => RecordForm::UNKNOWN,
        })
    }

    /// Protocols of which forms say what they say of no other.
    pub const SPECIAL: [u8; 5] = [ICMP, IGMP, TCP, ESP, ICMP_V6];

    /// All of it as a number, by which forms can be told apart.
    pub(super) fn code(self) -> u128 {
        let family = match self.family {
            None => 0,
            Some(Family::Ipv4) => 1,
            Some(Family::Ipv6) => 2,
            Some(Family::Arp) => 3,
        };
        let marks = [self.reversed, self.fragment, self.icmp_turns, self.tcp_turns];
        let marks = marks.iter().fold(0, |marks, mark| marks << 1 | u8::from(*mark));
        let RecordForm { protocol, gap, addresses, state, counters, attributes, carried, .. } = self;
        let ([place, kind], [status, subtype, src_flags, dst_flags]) = (counters.code(), state.code());
        let [src, dst, fragments] = attributes.code();
        let key = [family << 4 | marks, protocol, gap, addresses];
        let [first, second, third, fourth] = key;
        u128::from_be_bytes([
            0, kind, first, second, third, fourth, place, status, subtype, src_flags, dst_flags, src, dst,
            fragments, carried, 0,
        ])
    }

    /// What kind of key it is; `None`: it must be looked at properly.
    pub fn family(&self) -> Option<Family> {
        self.family
    }

    /// The word whose first octet is the protocol, of IPv4 and IPv6; some word of others.
    pub fn protocol(&self) -> u8 {
        self.protocol
    }

    /// Where the ports are; `None` when there are none with this protocol.
    pub fn ports(&self, protocol: Option<u8>) -> Option<Ports> {
        let protocol = protocol?;
        if self.fragment {
            return Some(Ports::Zero);
        }
        if protocol < 64 && self.portless >> protocol & 1 != 0 {
            return None;
        }
        let (first, second) = (self.protocol, self.protocol.wrapping_add(1));
        let [low, high] = [0xffff, 0xffff_0000];
        let ends = match self.gap {
            3 => [Bits { word: second, mask: high }, Bits { word: second, mask: low }],
            _ => [Bits { word: first, mask: low }, Bits { word: second, mask: high }],
        };
        Some(Ports::At(self.directed(ends)))
    }

    /// The words at which the addresses begin, source first, of IPv4 and IPv6.
    pub fn addresses(&self) -> [u8; 2] {
        let words = if self.family == Some(Family::Ipv6) { 4 } else { 1 };
        self.directed([self.addresses, self.addresses.wrapping_add(words)])
    }

    /// When a reader may turn a record with this protocol round. `by_ports`: also one that asks the ports of TCP flows
    /// whose beginning was not seen.
    pub fn turn(&self, protocol: Option<u8>, by_ports: bool) -> Turn {
        match protocol {
            Some(TCP) if self.state.status != 0 && by_ports && self.family == Some(Family::Ipv4) => {
                Turn::When(Bits { word: self.state.status, mask: status::SAW_SYN }, 0)
            }
            Some(TCP) if self.tcp_turns => Turn::When(
                Bits { word: self.state.status, mask: status::SAW_SYN | status::SAW_SYN_SENT },
                status::SAW_SYN_SENT,
            ),
            Some(ICMP) if self.icmp_turns => Turn::Perhaps,
            _ => Turn::Never,
        }
    }

    /// Where a counter of the source (side 0) or the destination (1) is, unless a reader turns the record round. Of keys
    /// of ARP, which are shown the other way round than all else, none is told.
    pub fn counter(&self, count: Count, side: usize) -> Value {
        if self.is_ip() { self.counters.counter(count, side) } else { Value::Elsewhere }
    }

    /// Likewise where an IP attribute is.
    pub fn attribute(&self, attribute: Attribute, side: usize) -> Value {
        if self.is_ip() { self.attributes.value(attribute, side) } else { Value::Elsewhere }
    }

    /// Likewise whether a side sent fragments; `None` of records without IP attributes, and of keys other than IP.
    pub fn fragments(&self, side: usize) -> Option<bool> {
        self.attributes.fragments(side).filter(|_| self.is_ip())
    }

    /// The word that holds the status of a TCP flow; `None`: whether it has one must be looked at properly.
    pub fn status(&self) -> Option<u8> {
        (self.state.status != 0).then_some(self.state.status)
    }

    /// Where the TCP flags of the source (side 0) or the destination (1) are, in a record that no reader turns round.
    /// They do not count when that side has sent no packet.
    pub fn flags(&self, side: usize) -> Value {
        self.state.flags(side)
    }

    /// Whether the record has a part: one of labels, tunnels, or of what was aggregated (AGR). Of other parts none is
    /// told.
    pub fn carries(&self, index: Index) -> Option<bool> {
        let number = ASKED_FOR.iter().position(|asked| *asked == index)?;
        Some(self.carried >> number & 1 != 0)
    }

    fn is_ip(&self) -> bool {
        matches!(self.family, Some(Family::Ipv4 | Family::Ipv6))
    }

    fn directed<T: Copy>(&self, [first, second]: [T; 2]) -> [T; 2] {
        if self.reversed { [second, first] } else { [first, second] }
    }
}
