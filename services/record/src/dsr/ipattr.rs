//! IPATTR (0x48): TTL, TOS, IP id and options of both sides (section 7.6).

use super::{begin, code, end};
use crate::wire::{self, Put};

const SRC: u8 = 0x01;
const DST: u8 = 0x02;
const SRC_OPTIONS: u8 = 0x04;
const DST_OPTIONS: u8 = 0x08;
const SRC_FRAGMENTS: u8 = 0x10;
const DST_FRAGMENTS: u8 = 0x20;

/// Attributes of the last packet of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct IpSide {
    /// TTL or hop limit.
    pub ttl: u8,
    /// TOS or traffic class.
    pub tos: u8,
    /// IP id, 0 for IPv6. Little-endian on the wire, and shown swapped by C clients.
    pub ip_id: u16,
}

/// IP attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct IpAttr {
    /// Source side.
    pub src: Option<IpSide>,
    /// Destination side.
    pub dst: Option<IpSide>,
    /// IP options of the source: 0x01 record route, 0x02 timestamp, 0x04 security, 0x08 loose source route,
    /// 0x10 stream id, 0x20 strict source route, 0x40 router alert.
    pub src_options: Option<u32>,
    /// IP options of the destination.
    pub dst_options: Option<u32>,
    /// Whether the source sent fragments.
    pub src_fragments: bool,
    /// Whether the destination sent fragments.
    pub dst_fragments: bool,
}

impl IpAttr {
    /// Reads a whole DSR. Sides beyond the end of a short one are absent.
    pub fn parse(b: &[u8]) -> Option<IpAttr> {
        let q = wire::byte(b, 2)?;
        let mut at = 4;
        let mut next = |bit: u8| -> Option<[u8; 4]> {
            if q & bit == 0 {
                return None;
            }
            at += 4;
            wire::array(b, at - 4)
        };
        let side = |w: [u8; 4]| {
            let [ttl, tos, lo, hi] = w;
            IpSide { ttl, tos, ip_id: u16::from_le_bytes([lo, hi]) }
        };
        Some(IpAttr {
            src: next(SRC).map(side),
            src_options: next(SRC_OPTIONS).map(u32::from_be_bytes),
            dst: next(DST).map(side),
            dst_options: next(DST_OPTIONS).map(u32::from_be_bytes),
            src_fragments: q & SRC_FRAGMENTS != 0,
            dst_fragments: q & DST_FRAGMENTS != 0,
        })
    }

    /// Appends the DSR.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let bits = [
            (self.src.is_some(), SRC),
            (self.dst.is_some(), DST),
            (self.src_options.is_some(), SRC_OPTIONS),
            (self.dst_options.is_some(), DST_OPTIONS),
            (self.src_fragments, SRC_FRAGMENTS),
            (self.dst_fragments, DST_FRAGMENTS),
        ];
        let q = bits.into_iter().filter(|(set, _)| *set).fold(0, |q, (_, bit)| q | bit);
        let at = begin(out, code::IPATTR, 0, q);
        for (side, options) in [(self.src, self.src_options), (self.dst, self.dst_options)] {
            if let Some(s) = side {
                let [low, high] = s.ip_id.to_le_bytes();
                out.bytes(&[s.ttl, s.tos, low, high]);
            }
            if let Some(o) = options {
                out.be32(o);
            }
        }
        end(out, at);
    }

    /// The same seen from the other side.
    pub fn reversed(self) -> IpAttr {
        IpAttr {
            src: self.dst,
            dst: self.src,
            src_options: self.dst_options,
            dst_options: self.src_options,
            src_fragments: self.dst_fragments,
            dst_fragments: self.src_fragments,
        }
    }
}
