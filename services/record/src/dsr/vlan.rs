//! VLAN (0x40): tags of both sides (section 7.8).

use super::{begin, code, end};
use crate::wire::{self, Put};

const SRC: u8 = 0x01;
const DST: u8 = 0x02;

/// Full tag control information (priority, DEI, id) of the innermost 802.1Q tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Vlan {
    /// Seen from the source.
    pub src: Option<u16>,
    /// Seen from the destination.
    pub dst: Option<u16>,
}

impl Vlan {
    /// Reads a whole DSR.
    pub fn parse(b: &[u8]) -> Option<Vlan> {
        let q = wire::byte(b, 2)?;
        let (src, dst) = (wire::be16(b, 4)?, wire::be16(b, 6)?);
        Some(Vlan { src: (q & SRC != 0).then_some(src), dst: (q & DST != 0).then_some(dst) })
    }

    /// Appends the DSR.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let q = self.src.map_or(0, |_| SRC) | self.dst.map_or(0, |_| DST);
        let at = begin(out, code::VLAN, 0, q);
        out.be16(self.src.unwrap_or(0));
        out.be16(self.dst.unwrap_or(0));
        end(out, at);
    }

    /// The same seen from the other side.
    pub fn reversed(self) -> Vlan {
        Vlan { src: self.dst, dst: self.src }
    }
}
