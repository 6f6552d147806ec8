//! ENCAPS (0x20): what a flow's packets were wrapped in (section 7.14).

use super::{begin, code, end, pad};
use crate::wire::{self, Put};

/// Qualifier: the source's mask changed.
pub const SRC_CHANGED: u8 = 0x04;
/// Qualifier: the destination's mask changed.
pub const DST_CHANGED: u8 = 0x08;

/// Most octets of headers kept per side, so that the DSR fits its length octet.
const MAX_HEADER: usize = 500;

/// Bits of the masks.
pub mod bits {
    #![allow(missing_docs)]
    pub const MPLS: u32 = 0x1;
    pub const ETHER: u32 = 0x2;
    pub const VLAN: u32 = 0x4;
    pub const LLC: u32 = 0x8;
    pub const PPPOE: u32 = 0x10;
    pub const ISL: u32 = 0x20;
    pub const GRE: u32 = 0x40;
    pub const AH: u32 = 0x80;
    pub const IPNIP: u32 = 0x100;
    pub const IPNIP6: u32 = 0x200;
    pub const HDLC: u32 = 0x400;
    pub const CHDLC: u32 = 0x800;
    pub const ATM: u32 = 0x1000;
    pub const SLL: u32 = 0x2000;
    pub const FDDI: u32 = 0x4000;
    pub const SLIP: u32 = 0x8000;
    pub const ARCNET: u32 = 0x1_0000;
    pub const WLAN: u32 = 0x2_0000;
    pub const PRISM: u32 = 0x4_0000;
    pub const AVS: u32 = 0x8_0000;
    pub const IB_LRH: u32 = 0x10_0000;
    pub const IB_GRH: u32 = 0x20_0000;
    pub const TEREDO: u32 = 0x40_0000;
    pub const UDT: u32 = 0x80_0000;
    pub const SPI: u32 = 0x100_0000;
    pub const JUNIPER: u32 = 0x200_0000;
    /// Version 3: ERSPAN; version 5: VXLAN.
    pub const ERSPAN_OR_VXLAN: u32 = 0x400_0000;
    pub const L2TP: u32 = 0x800_0000;
    pub const GENEVE: u32 = 0x1000_0000;
}

/// Encapsulations in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct EncapsView<'a> {
    /// Marks: [`SRC_CHANGED`], [`DST_CHANGED`], 0x10 and 0x20 for changed interfaces.
    pub qualifier: u8,
    /// Mask of what the source's packets were wrapped in, see [`bits`].
    pub src: u32,
    /// Mask of the destination's packets.
    pub dst: u32,
    /// Captured header octets of both sides (5.x ARGUS_ENCAPS_CAPTURE).
    pub headers: Option<(&'a [u8], &'a [u8])>,
}

impl<'a> EncapsView<'a> {
    /// Reads a whole DSR.
    pub fn parse(b: &'a [u8]) -> Option<EncapsView<'a>> {
        let headers = || -> Option<(&'a [u8], &'a [u8])> {
            let (slen, dlen) = (usize::from(wire::be16(b, 12)?), usize::from(wire::be16(b, 14)?));
            let src = b.get(16..16 + slen)?;
            let at = 16 + slen.next_multiple_of(4);
            Some((src, b.get(at..at + dlen)?))
        };
        Some(EncapsView {
            qualifier: wire::byte(b, 2)?,
            src: wire::be32(b, 4)?,
            dst: wire::be32(b, 8)?,
            headers: headers(),
        })
    }

    /// Appends the DSR; headers are cut at 500 octets a side.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let at = begin(out, code::ENCAPS, 0, self.qualifier);
        out.be32s([self.src, self.dst]);
        if let Some((src, dst)) = self.headers {
            let cut = |h: &'a [u8]| h.get(..h.len().min(MAX_HEADER)).unwrap_or(h);
            let (src, dst) = (cut(src), cut(dst));
            out.be16(src.len() as u16);
            out.be16(dst.len() as u16);
            out.bytes(src);
            pad(out, at);
            out.bytes(dst);
        }
        end(out, at);
    }

    /// The same seen from the other side.
    pub fn reversed(self) -> EncapsView<'a> {
        EncapsView {
            qualifier: swap_marks(self.qualifier),
            src: self.dst,
            dst: self.src,
            headers: self.headers.map(|(s, d)| (d, s)),
        }
    }
}

fn swap_marks(q: u8) -> u8 {
    (q & !0x3c) | (q & 0x14) << 1 | (q & 0x28) >> 1
}

/// Encapsulations, owned.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Encaps {
    /// Marks: [`SRC_CHANGED`], [`DST_CHANGED`], 0x10 and 0x20 for changed interfaces.
    pub qualifier: u8,
    /// Mask of what the source's packets were wrapped in, see [`bits`].
    pub src: u32,
    /// Mask of the destination's packets.
    pub dst: u32,
    /// Captured header octets of both sides (5.x ARGUS_ENCAPS_CAPTURE).
    pub headers: Option<(Vec<u8>, Vec<u8>)>,
}

impl Encaps {
    /// Borrowed.
    pub fn view(&self) -> EncapsView<'_> {
        let headers = self.headers.as_ref().map(|(s, d)| (s.as_slice(), d.as_slice()));
        EncapsView { qualifier: self.qualifier, src: self.src, dst: self.dst, headers }
    }

    /// The same seen from the other side.
    pub fn reversed(self) -> Encaps {
        Encaps {
            qualifier: swap_marks(self.qualifier),
            src: self.dst,
            dst: self.src,
            headers: self.headers.map(|(s, d)| (d, s)),
        }
    }
}

impl From<EncapsView<'_>> for Encaps {
    fn from(v: EncapsView<'_>) -> Encaps {
        let headers = v.headers.map(|(s, d)| (s.to_vec(), d.to_vec()));
        Encaps { qualifier: v.qualifier, src: v.src, dst: v.dst, headers }
    }
}
