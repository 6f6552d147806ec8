//! LOCAL (0x6A, 5.x): how local the ends are (section 7.23).

use super::{begin, code, end};
use crate::wire::{self, Put};

/// Locality of a flow's ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Local {
    /// Subtype.
    pub subtype: u8,
    /// 0x01 source, 0x02 destination.
    pub qualifier: u8,
    /// Status.
    pub status: u16,
    /// Locality of the source.
    pub src: i8,
    /// Locality of the destination.
    pub dst: i8,
    /// Undescribed.
    pub reserved: u16,
    /// Organisation.
    pub org: u16,
}

impl Local {
    /// Reads a whole DSR.
    pub fn parse(b: &[u8]) -> Option<Local> {
        let [_, subtype, qualifier, _] = wire::array(b, 0)?;
        Some(Local {
            subtype,
            qualifier,
            status: wire::be16(b, 4)?,
            src: wire::byte(b, 6)? as i8,
            dst: wire::byte(b, 7)? as i8,
            reserved: wire::be16(b, 8)?,
            org: wire::be16(b, 10)?,
        })
    }

    /// Appends the DSR.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let at = begin(out, code::LOCAL, self.subtype, self.qualifier);
        out.be16(self.status);
        out.bytes(&[self.src as u8, self.dst as u8]);
        out.be16(self.reserved);
        out.be16(self.org);
        end(out, at);
    }

    /// The same seen from the other side.
    pub fn reversed(self) -> Local {
        let q = self.qualifier;
        Local { qualifier: (q & !3) | (q & 1) << 1 | (q & 2) >> 1, src: self.dst, dst: self.src, ..self }
    }
}
