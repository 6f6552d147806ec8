//! IPv6 keys (section 7.2.8).

use crate::wire::{self, Put};
use std::net::Ipv6Addr;

/// What the protocol adds to an IPv6 key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ipv6Detail {
    /// TCP, UDP and protocols without a layout of their own (ports 0).
    Ports {
        /// Source port.
        src: u16,
        /// Destination port.
        dst: u16,
    },
    /// ICMPv6 (protocol 58), replies mapped to their request.
    Icmp {
        /// Message type.
        typ: u8,
        /// Code.
        code: u8,
        /// 0 in what the sensors write.
        id: u16,
    },
    /// IGMP (protocol 2).
    Igmp {
        /// Message type.
        typ: u8,
        /// Code.
        code: u8,
        /// Zero.
        pad: u16,
    },
    /// ESP (protocol 50).
    Esp {
        /// Security parameter index.
        spi: u32,
    },
    /// A fragment whose first fragment was not seen.
    Fragment {
        /// Fragment id. Little-endian on the wire.
        id: u32,
    },
}

/// An IPv6 key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ipv6Key {
    /// Source address, as stored.
    pub src: Ipv6Addr,
    /// Destination address, as stored.
    pub dst: Ipv6Addr,
    /// Protocol after extension headers.
    pub proto: u8,
    /// Low 24 bits of the word that holds the protocol: four bits zero, flow label (always 0 in practice).
    pub label: u32,
    /// What the protocol adds.
    pub detail: Ipv6Detail,
    /// Source and destination mask length, written by clients.
    pub masks: Option<(u16, u16)>,
}

impl Ipv6Key {
    pub(super) fn parse(b: &[u8], fragment: bool, masks: bool, little: bool) -> Option<Ipv6Key> {
        let (src, dst) = (wire::array::<16>(b, 4)?, wire::array::<16>(b, 20)?);
        let word = if little { wire::le32(b, 36)? } else { wire::be32(b, 36)? };
        let proto = (word >> 24) as u8;
        let half = |at| if little { wire::le16(b, at) } else { wire::be16(b, at) };
        let detail = match proto {
            _ if fragment => Ipv6Detail::Fragment { id: wire::le32(b, 40)? },
            58 => Ipv6Detail::Icmp { typ: wire::byte(b, 40)?, code: wire::byte(b, 41)?, id: half(42)? },
            2 => Ipv6Detail::Igmp { typ: wire::byte(b, 40)?, code: wire::byte(b, 41)?, pad: half(42)? },
            50 => Ipv6Detail::Esp { spi: wire::be32(b, 40)? },
            _ => Ipv6Detail::Ports { src: half(40)?, dst: half(42)? },
        };
        // Without room for the mask lengths they count as absent.
        let masks = if masks { wire::le16(b, 44).zip(wire::le16(b, 46)) } else { None };
        let label = word & 0x00ff_ffff;
        Some(Ipv6Key { src: Ipv6Addr::from(src), dst: Ipv6Addr::from(dst), proto, label, detail, masks })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>, little: bool) {
        out.bytes(&self.src.octets());
        out.bytes(&self.dst.octets());
        let word = u32::from(self.proto) << 24 | (self.label & 0x00ff_ffff);
        if little {
            out.le32(word)
        } else {
            out.be32(word)
        }
        let half = |out: &mut Vec<u8>, v: u16| if little { out.le16(v) } else { out.be16(v) };
        match self.detail {
            Ipv6Detail::Ports { src, dst } => {
                half(out, src);
                half(out, dst);
            }
            Ipv6Detail::Icmp { typ, code, id } => {
                out.bytes(&[typ, code]);
                half(out, id);
            }
            Ipv6Detail::Igmp { typ, code, pad } => {
                out.bytes(&[typ, code]);
                half(out, pad);
            }
            Ipv6Detail::Esp { spi } => out.be32(spi),
            Ipv6Detail::Fragment { id } => out.le32(id),
        }
        if let Some((s, d)) = self.masks {
            out.le16(s);
            out.le16(d);
        }
    }

    pub(super) fn exchanged(self) -> Ipv6Key {
        let detail = match self.detail {
            Ipv6Detail::Ports { src, dst } => Ipv6Detail::Ports { src: dst, dst: src },
            same => same,
        };
        Ipv6Key { src: self.dst, dst: self.src, detail, masks: self.masks.map(|(s, d)| (d, s)), ..self }
    }
}
