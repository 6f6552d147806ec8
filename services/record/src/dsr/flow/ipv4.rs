//! IPv4 keys (sections 7.2.2–7.2.7).

use crate::wire::{self, Put};
use std::net::Ipv4Addr;

/// What the protocol adds to an IPv4 key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ipv4Detail {
    /// TCP, UDP and protocols without a layout of their own (ports 0).
    Ports {
        /// Source port.
        src: u16,
        /// Destination port.
        dst: u16,
        /// The two octets after the ports: mask lengths when the qualifier says so; in UDP flows with port 53 the
        /// DNS transaction id, little-endian; else 0.
        tail: [u8; 2],
    },
    /// ICMP (protocol 1), in request direction.
    Icmp {
        /// Message type; replies are mapped to their request.
        typ: u8,
        /// Code.
        code: u8,
        /// Identifier, or what section 7.2.4 puts in its place. Little-endian on the wire.
        id: u16,
        /// Sequence number of the first packet. Little-endian on the wire.
        seq: u16,
    },
    /// IGMP (protocol 2).
    Igmp {
        /// Message type.
        typ: u8,
        /// Code.
        code: u8,
        /// Zero.
        pad: u16,
        /// IP id of the first packet.
        ip_id: u16,
    },
    /// ESP (protocol 50).
    Esp {
        /// Zero.
        pad: u16,
        /// Security parameter index.
        spi: u32,
    },
    /// A fragment whose first fragment was not seen.
    Fragment {
        /// Zero.
        pad: [u8; 4],
        /// IP id. Little-endian on the wire unless the protocol is IGMP.
        ip_id: u16,
    },
}

impl Ipv4Detail {
    /// Ports without mask lengths.
    pub fn ports(src: u16, dst: u16) -> Ipv4Detail {
        Ipv4Detail::Ports { src, dst, tail: [0, 0] }
    }

    /// ICMP detail whose id and sequence places hold an address in network order: net and host unreachable,
    /// redirects (section 7.2.4).
    pub fn icmp_with_addr(typ: u8, code: u8, addr: Ipv4Addr) -> Ipv4Detail {
        let [a, b, c, d] = addr.octets();
        Ipv4Detail::Icmp { typ, code, id: u16::from_le_bytes([a, b]), seq: u16::from_le_bytes([c, d]) }
    }

    /// The address that [`Ipv4Detail::icmp_with_addr`] put there; meaningless for other messages.
    pub fn icmp_addr(&self) -> Option<Ipv4Addr> {
        let Ipv4Detail::Icmp { id, seq, .. } = self else { return None };
        let ([a, b], [c, d]) = (id.to_le_bytes(), seq.to_le_bytes());
        Some(Ipv4Addr::new(a, b, c, d))
    }
}

/// An IPv4 key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ipv4Key {
    /// Source address, as stored.
    pub src: Ipv4Addr,
    /// Destination address, as stored.
    pub dst: Ipv4Addr,
    /// IP protocol.
    pub proto: u8,
    /// Second protocol octet: inner protocol or TOS of some ICMP messages, else 0.
    pub tp_p: u8,
    /// What the protocol adds.
    pub detail: Ipv4Detail,
}

impl Ipv4Key {
    pub(super) fn parse(b: &[u8], fragment: bool) -> Option<Ipv4Key> {
        let (src, dst) = (wire::be32(b, 4)?, wire::be32(b, 8)?);
        let [proto, tp_p] = wire::array(b, 12)?;
        let detail = match proto {
            _ if fragment => Ipv4Detail::Fragment {
                pad: wire::array(b, 14)?,
                ip_id: if proto == 2 { wire::be16(b, 18)? } else { wire::le16(b, 18)? },
            },
            1 => Ipv4Detail::Icmp {
                typ: wire::byte(b, 14)?,
                code: wire::byte(b, 15)?,
                id: wire::le16(b, 16)?,
                seq: wire::le16(b, 18)?,
            },
            2 => Ipv4Detail::Igmp {
                typ: wire::byte(b, 14)?,
                code: wire::byte(b, 15)?,
                pad: wire::be16(b, 16)?,
                ip_id: wire::be16(b, 18)?,
            },
            50 => Ipv4Detail::Esp { pad: wire::be16(b, 14)?, spi: wire::be32(b, 16)? },
            _ => Ipv4Detail::Ports {
                src: wire::be16(b, 14)?,
                dst: wire::be16(b, 16)?,
                tail: wire::array(b, 18)?,
            },
        };
        Some(Ipv4Key { src: Ipv4Addr::from(src), dst: Ipv4Addr::from(dst), proto, tp_p, detail })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        let three = |a: [u8; 2], b: [u8; 2], c: [u8; 2]| [a[0], a[1], b[0], b[1], c[0], c[1]];
        let detail = match self.detail {
            Ipv4Detail::Ports { src, dst, tail } => three(src.to_be_bytes(), dst.to_be_bytes(), tail),
            Ipv4Detail::Icmp { typ, code, id, seq } => {
                three([typ, code], id.to_le_bytes(), seq.to_le_bytes())
            }
            Ipv4Detail::Igmp { typ, code, pad, ip_id } => {
                three([typ, code], pad.to_be_bytes(), ip_id.to_be_bytes())
            }
            Ipv4Detail::Esp { pad, spi } => {
                let [a, b, c, d] = spi.to_be_bytes();
                three(pad.to_be_bytes(), [a, b], [c, d])
            }
            Ipv4Detail::Fragment { pad: [a, b, c, d], ip_id } => {
                let id = if self.proto == 2 { ip_id.to_be_bytes() } else { ip_id.to_le_bytes() };
                three([a, b], [c, d], id)
            }
        };
        let [a, b, c, d, e, f] = detail;
        let (src, dst) = (u32::from(self.src), u32::from(self.dst));
        let last = u32::from_be_bytes([self.proto, self.tp_p, a, b]);
        out.be32s([src, dst, last, u32::from_be_bytes([c, d, e, f])]);
    }

    /// A key embedded in a tunnel DSR: addresses and ports little-endian.
    pub(super) fn parse_little(b: &[u8]) -> Option<Ipv4Key> {
        let [proto, tp_p] = wire::array(b, 12)?;
        Some(Ipv4Key {
            src: Ipv4Addr::from(wire::le32(b, 4)?),
            dst: Ipv4Addr::from(wire::le32(b, 8)?),
            proto,
            tp_p,
            detail: Ipv4Detail::Ports {
                src: wire::le16(b, 14)?,
                dst: wire::le16(b, 16)?,
                tail: wire::array(b, 18)?,
            },
        })
    }

    pub(super) fn emit_little(&self, out: &mut Vec<u8>) {
        out.le32(u32::from(self.src));
        out.le32(u32::from(self.dst));
        out.bytes(&[self.proto, self.tp_p]);
        if let Ipv4Detail::Ports { src, dst, tail } = self.detail {
            out.le16(src);
            out.le16(dst);
            out.bytes(&tail);
        } else {
            out.zeros(6);
        }
    }

    pub(super) fn exchanged(self) -> Ipv4Key {
        let detail = match self.detail {
            Ipv4Detail::Ports { src, dst, tail } => Ipv4Detail::Ports { src: dst, dst: src, tail },
            same => same,
        };
        Ipv4Key { src: self.dst, dst: self.src, detail, ..self }
    }
}
