//! FLOW (0x02): who talks with whom (section 7.2).

mod ipv4;
mod ipv6;
mod link;

pub use ipv4::{Ipv4Detail, Ipv4Key};
pub use ipv6::{Ipv6Detail, Ipv6Key};
pub use link::{ArpKey, EtherKey, HwAddr, IsisKey, LcpKey, RarpKey, UdtKey, WlanKey};

use super::{begin, code, end};
use crate::wire;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Subtype bit: the stored source is really the destination.
pub const REVERSE: u8 = 0x40;
/// Qualifier bit: direction mark (ICMP flow built from a reply, fragment flow with swapped addresses; TCP record
/// that a reader turned round).
pub const DIRECTION: u8 = 0x20;
/// Qualifier bit: mask lengths are present.
pub const MASKS: u8 = 0x40;
/// Qualifier bit: key of a fragment whose first fragment was not seen.
pub const FRAGMENT: u8 = 0x80;

/// Low six bits of the subtype: the kind of key.
pub mod kind {
    #![allow(missing_docs)]
    pub const CLASSIC_5_TUPLE: u8 = 0x01;
    pub const LAYER_2_MATRIX: u8 = 0x02;
    pub const LAYER_3_MATRIX: u8 = 0x03;
    pub const ARP: u8 = 0x06;
}

/// Low five bits of the qualifier: the type of addresses.
pub mod address {
    #![allow(missing_docs)]
    pub const IPV4: u8 = 0x01;
    pub const IPV6: u8 = 0x02;
    pub const ETHER: u8 = 0x03;
    pub const ARP: u8 = 0x04;
    pub const RARP: u8 = 0x05;
    pub const WLAN: u8 = 0x08;
    pub const LCP: u8 = 0x09;
    pub const ISIS: u8 = 0x0A;
    pub const UDT: u8 = 0x0D;
}

/// An address of a flow's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Addr {
    /// IPv4.
    V4(Ipv4Addr),
    /// IPv6.
    V6(Ipv6Addr),
    /// Ethernet and the like.
    Mac([u8; 6]),
}

impl Addr {
    /// The IP address, if it is one.
    pub fn ip(self) -> Option<IpAddr> {
        match self {
            Addr::V4(a) => Some(IpAddr::V4(a)),
            Addr::V6(a) => Some(IpAddr::V6(a)),
            Addr::Mac(_) => None,
        }
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Addr::V4(a) => a.fmt(f),
            Addr::V6(a) => a.fmt(f),
            Addr::Mac([a, b, c, d, e, g]) => write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}"),
        }
    }
}

/// What identifies a flow. Numbers are in their true value whatever their byte order on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FlowKey {
    /// IPv4: addresses, protocol and what the protocol adds.
    Ipv4(Ipv4Key),
    /// IPv6: likewise.
    Ipv6(Ipv6Key),
    /// Ethernet addresses and type.
    Ether(EtherKey),
    /// ARP: who asks for whom.
    Arp(ArpKey),
    /// RARP.
    Rarp(RarpKey),
    /// 802.11.
    Wlan(WlanKey),
    /// PPP link control.
    Lcp(LcpKey),
    /// IS-IS.
    Isis(IsisKey),
    /// UDT.
    Udt(UdtKey),
    /// Two IPv4 addresses, nothing else (ARGUS_FLOW_KEY=LAYER_3_MATRIX).
    Matrix4(Ipv4Addr, Ipv4Addr),
    /// Two IPv6 addresses, nothing else.
    Matrix6(Ipv6Addr, Ipv6Addr),
    /// A kind without layout; its octets stay with the record.
    Other,
}

/// A flow key with the marks that come with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// Kind of key, low six bits of the subtype: one of [`kind`].
    pub kind: u8,
    /// Whether the stored source is really the destination (section 7.2.1).
    pub reversed: bool,
    /// The whole qualifier: address type and the marks [`DIRECTION`], [`MASKS`], [`FRAGMENT`].
    pub qualifier: u8,
    /// The key, as stored.
    pub key: FlowKey,
}

impl Flow {
    /// A flow of the usual kind for `key`, not reversed, no marks except FRAGMENT for fragment keys.
    pub fn new(key: FlowKey) -> Flow {
        let (kind, mut qualifier) = match key {
            FlowKey::Ipv4(_) => (kind::CLASSIC_5_TUPLE, address::IPV4),
            FlowKey::Ipv6(_) => (kind::CLASSIC_5_TUPLE, address::IPV6),
            FlowKey::Ether(_) => (kind::CLASSIC_5_TUPLE, address::ETHER),
            FlowKey::Arp(_) => (kind::ARP, address::ARP),
            FlowKey::Rarp(_) => (kind::ARP, address::RARP),
            FlowKey::Wlan(_) => (kind::CLASSIC_5_TUPLE, address::WLAN),
            FlowKey::Lcp(_) => (kind::CLASSIC_5_TUPLE, address::LCP),
            FlowKey::Isis(_) => (kind::CLASSIC_5_TUPLE, address::ISIS),
            FlowKey::Udt(_) => (kind::CLASSIC_5_TUPLE, address::UDT),
            FlowKey::Matrix4(..) => (kind::LAYER_3_MATRIX, address::IPV4),
            FlowKey::Matrix6(..) => (kind::LAYER_3_MATRIX, address::IPV6),
            FlowKey::Other => (0, 0),
        };
        if key.is_fragment() {
            qualifier |= FRAGMENT;
        }
        if matches!(key, FlowKey::Ipv6(Ipv6Key { masks: Some(_), .. })) {
            qualifier |= MASKS;
        }
        Flow { kind, reversed: false, qualifier, key }
    }

    /// Reads a whole DSR; `None` when it is too short for its key.
    pub fn parse(b: &[u8]) -> Option<Flow> {
        Flow::parse_order(b, false)
    }

    /// Reads a FLOW embedded in a tunnel DSR, whose addresses and ports are little-endian (section 7.15).
    pub(crate) fn parse_embedded(b: &[u8]) -> Option<Flow> {
        Flow::parse_order(b, true)
    }

    fn parse_order(b: &[u8], little: bool) -> Option<Flow> {
        let [_, st, q, _] = wire::array(b, 0)?;
        let kind = st & 0x3f;
        let key = match (kind, q & 0x1f) {
            (kind::LAYER_3_MATRIX, address::IPV4) => {
                FlowKey::Matrix4(Ipv4Addr::from(wire::le32(b, 4)?), Ipv4Addr::from(wire::le32(b, 8)?))
            }
            (kind::LAYER_3_MATRIX, address::IPV6) => FlowKey::Matrix6(
                Ipv6Addr::from(wire::array::<16>(b, 4)?),
                Ipv6Addr::from(wire::array::<16>(b, 20)?),
            ),
            (kind::ARP, address::RARP) => FlowKey::Rarp(RarpKey::parse(b)?),
            (kind::ARP, address::ARP) => FlowKey::Arp(ArpKey::parse(b)?),
            (kind::ARP, _) => FlowKey::Arp(ArpKey::parse_old(b)?),
            (_, address::IPV4) if little => FlowKey::Ipv4(Ipv4Key::parse_little(b)?),
            (_, address::IPV4) => FlowKey::Ipv4(Ipv4Key::parse(b, q & FRAGMENT != 0)?),
            (_, address::IPV6) => {
                FlowKey::Ipv6(Ipv6Key::parse(b, q & FRAGMENT != 0, q & MASKS != 0, little)?)
            }
            (_, address::ETHER) => FlowKey::Ether(EtherKey::parse(b)?),
            (_, address::ARP) => FlowKey::Arp(ArpKey::parse_oldest(b)?),
            (_, address::RARP) => FlowKey::Rarp(RarpKey::parse_oldest(b)?),
            (_, address::WLAN) => FlowKey::Wlan(WlanKey::parse(b)?),
            (_, address::LCP) => FlowKey::Lcp(LcpKey::parse(b)?),
            (_, address::ISIS) => FlowKey::Isis(IsisKey::parse(b)?),
            (_, address::UDT) => FlowKey::Udt(UdtKey::parse(b)?),
            _ => FlowKey::Other,
        };
        Some(Flow { kind, reversed: st & REVERSE != 0, qualifier: q, key })
    }

    /// Appends the DSR.
    pub fn emit(&self, out: &mut Vec<u8>) {
        self.emit_order(out, false);
    }

    pub(crate) fn emit_embedded(&self, out: &mut Vec<u8>) {
        self.emit_order(out, true);
    }

    fn emit_order(&self, out: &mut Vec<u8>, little: bool) {
        let st = (self.kind & 0x3f) | if self.reversed { REVERSE } else { 0 };
        let at = begin(out, code::FLOW, st, self.qualifier);
        match &self.key {
            FlowKey::Ipv4(k) if little => k.emit_little(out),
            FlowKey::Ipv4(k) => k.emit(out),
            FlowKey::Ipv6(k) => k.emit(out, little),
            FlowKey::Ether(k) => k.emit(out),
            FlowKey::Arp(k) => k.emit(out),
            FlowKey::Rarp(k) => k.emit(out),
            FlowKey::Wlan(k) => k.emit(out),
            FlowKey::Lcp(k) => k.emit(out),
            FlowKey::Isis(k) => k.emit(out),
            FlowKey::Udt(k) => k.emit(out),
            FlowKey::Matrix4(s, d) => {
                for a in [s, d] {
                    out.extend_from_slice(&u32::from(*a).to_le_bytes());
                }
            }
            FlowKey::Matrix6(s, d) => {
                for a in [s, d] {
                    out.extend_from_slice(&a.octets());
                }
            }
            FlowKey::Other => {}
        }
        end(out, at);
    }

    /// The key in true direction: ends exchanged when REVERSE is set, except for ARP and RARP, whose key is in
    /// request direction already (section 7.2.1). REVERSE is cleared.
    pub fn normalised(self) -> Flow {
        if !self.reversed {
            self
        } else if self.key.is_arp() {
            Flow { reversed: false, ..self }
        } else {
            Flow { reversed: false, ..self.exchanged() }
        }
    }

    /// The flow with its ends exchanged, mask lengths included; REVERSE stays as it is.
    pub fn exchanged(self) -> Flow {
        let mut key = self.key.exchanged();
        if let FlowKey::Ipv4(Ipv4Key { detail: Ipv4Detail::Ports { tail, .. }, .. }) = &mut key
            && self.qualifier & MASKS != 0
        {
            tail.reverse();
        }
        Flow { key, ..self }
    }

    /// Source mask length in bits: as stored when the qualifier says so, else the address's full length. 0 and
    /// values beyond the length count as the full length for IPv6 (section 7.2.8).
    pub fn src_mask(&self) -> u8 {
        self.masks().0
    }

    /// Destination mask length in bits.
    pub fn dst_mask(&self) -> u8 {
        self.masks().1
    }

    fn masks(&self) -> (u8, u8) {
        match self.key {
            FlowKey::Ipv4(Ipv4Key { detail: Ipv4Detail::Ports { tail, .. }, .. })
                if self.qualifier & MASKS != 0 =>
            {
                let [s, d] = tail;
                (s, d)
            }
            FlowKey::Ipv4(_) | FlowKey::Matrix4(..) => (32, 32),
            FlowKey::Ipv6(Ipv6Key { masks: Some((s, d)), .. }) => {
                let full = |m: u16| if m == 0 || m > 128 { 128 } else { m as u8 };
                (full(s), full(d))
            }
            FlowKey::Ipv6(_) | FlowKey::Matrix6(..) => (128, 128),
            _ => (0, 0),
        }
    }
}

impl FlowKey {
    /// Whether this is an ARP or RARP key, which stays in request direction.
    pub fn is_arp(&self) -> bool {
        matches!(self, FlowKey::Arp(_) | FlowKey::Rarp(_))
    }

    /// Whether this is the key of a fragment without its first one.
    pub fn is_fragment(&self) -> bool {
        matches!(
            self,
            FlowKey::Ipv4(Ipv4Key { detail: Ipv4Detail::Fragment { .. }, .. })
                | FlowKey::Ipv6(Ipv6Key { detail: Ipv6Detail::Fragment { .. }, .. })
        )
    }

    /// IP protocol, after extension headers.
    pub fn proto(&self) -> Option<u8> {
        match self {
            FlowKey::Ipv4(k) => Some(k.proto),
            FlowKey::Ipv6(k) => Some(k.proto),
            _ => None,
        }
    }

    /// Source address: the asker for ARP, the target (0 when unknown) for RARP.
    pub fn src_addr(&self) -> Option<Addr> {
        Some(match self {
            FlowKey::Ipv4(k) => Addr::V4(k.src),
            FlowKey::Ipv6(k) => Addr::V6(k.src),
            FlowKey::Matrix4(s, _) => Addr::V4(*s),
            FlowKey::Matrix6(s, _) => Addr::V6(*s),
            FlowKey::Ether(k) => Addr::Mac(k.src),
            FlowKey::Arp(k) => Addr::V4(k.spa),
            FlowKey::Rarp(k) => Addr::Mac(k.src_mac()),
            FlowKey::Wlan(k) => Addr::Mac(k.src),
            FlowKey::Lcp(k) => Addr::Mac(k.src),
            FlowKey::Isis(k) => Addr::Mac(k.src),
            FlowKey::Udt(k) => Addr::Mac(k.src),
            FlowKey::Other => return None,
        })
    }

    /// Destination address: the asked for ARP.
    pub fn dst_addr(&self) -> Option<Addr> {
        Some(match self {
            FlowKey::Ipv4(k) => Addr::V4(k.dst),
            FlowKey::Ipv6(k) => Addr::V6(k.dst),
            FlowKey::Matrix4(_, d) => Addr::V4(*d),
            FlowKey::Matrix6(_, d) => Addr::V6(*d),
            FlowKey::Ether(k) => Addr::Mac(k.dst),
            FlowKey::Arp(k) => Addr::V4(k.tpa),
            FlowKey::Rarp(k) => Addr::Mac(k.dst_mac()),
            FlowKey::Wlan(k) => Addr::Mac(k.dst),
            FlowKey::Lcp(k) => Addr::Mac(k.dst),
            FlowKey::Isis(k) => Addr::Mac(k.dst),
            FlowKey::Udt(k) => Addr::Mac(k.dst),
            FlowKey::Other => return None,
        })
    }

    /// Source and destination port of keys that have ports (0 for IP protocols without).
    pub fn ports(&self) -> Option<(u16, u16)> {
        match self {
            FlowKey::Ipv4(Ipv4Key { detail: Ipv4Detail::Ports { src, dst, .. }, .. })
            | FlowKey::Ipv6(Ipv6Key { detail: Ipv6Detail::Ports { src, dst }, .. }) => Some((*src, *dst)),
            _ => None,
        }
    }

    /// The key with its ends exchanged; the two octets after IPv4 ports stay ([`Flow::exchanged`] knows whether
    /// they are mask lengths). ICMP, IGMP and ESP details and fragment ids belong to neither end.
    pub fn exchanged(self) -> FlowKey {
        match self {
            FlowKey::Ipv4(k) => FlowKey::Ipv4(k.exchanged()),
            FlowKey::Ipv6(k) => FlowKey::Ipv6(k.exchanged()),
            FlowKey::Ether(k) => {
                FlowKey::Ether(EtherKey { src: k.dst, dst: k.src, dsap: k.ssap, ssap: k.dsap, ..k })
            }
            FlowKey::Arp(k) => FlowKey::Arp(ArpKey { spa: k.tpa, tpa: k.spa, ..k }),
            FlowKey::Rarp(k) => FlowKey::Rarp(k.exchanged()),
            FlowKey::Wlan(k) => FlowKey::Wlan(WlanKey { src: k.dst, dst: k.src, ..k }),
            FlowKey::Lcp(k) => FlowKey::Lcp(LcpKey { src: k.dst, dst: k.src, ..k }),
            FlowKey::Isis(k) => FlowKey::Isis(IsisKey { src: k.dst, dst: k.src, ..k }),
            FlowKey::Udt(k) => {
                FlowKey::Udt(UdtKey { src: k.dst, dst: k.src, dsap: k.ssap, ssap: k.dsap, ..k })
            }
            FlowKey::Matrix4(s, d) => FlowKey::Matrix4(d, s),
            FlowKey::Matrix6(s, d) => FlowKey::Matrix6(d, s),
            FlowKey::Other => FlowKey::Other,
        }
    }
}
