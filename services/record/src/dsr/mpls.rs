//! MPLS (0x44): top label of both sides (section 7.9).

use super::{begin, code, end};
use crate::wire::{self, Put};

const SRC: u8 = 0x01;
const DST: u8 = 0x02;

/// Label stack entries: label 20 bits, experimental 3, bottom of stack 1, TTL 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Mpls {
    /// Top entry seen from the source.
    pub src: Option<u32>,
    /// Top entry seen from the destination.
    pub dst: Option<u32>,
    /// Number of labels of the source's stack, 0–15.
    pub src_count: u8,
    /// Number of labels of the destination's stack, 0–15.
    pub dst_count: u8,
}

impl Mpls {
    /// Reads a whole DSR.
    pub fn parse(b: &[u8]) -> Option<Mpls> {
        let [_, st, q, _] = wire::array(b, 0)?;
        let mut at = 4;
        let mut next = |bit: u8| -> Option<u32> {
            if st & bit == 0 {
                return None;
            }
            at += 4;
            wire::be32(b, at - 4)
        };
        Some(Mpls { src: next(SRC), dst: next(DST), src_count: q >> 4, dst_count: q & 0x0f })
    }

    /// Appends the DSR.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let st = self.src.map_or(0, |_| SRC) | self.dst.map_or(0, |_| DST);
        let at = begin(out, code::MPLS, st, self.src_count << 4 | (self.dst_count & 0x0f));
        for label in [self.src, self.dst].into_iter().flatten() {
            out.be32(label);
        }
        end(out, at);
    }

    /// The same seen from the other side.
    pub fn reversed(self) -> Mpls {
        Mpls { src: self.dst, dst: self.src, src_count: self.dst_count, dst_count: self.src_count }
    }
}
