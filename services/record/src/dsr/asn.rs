//! ASN (0x32): autonomous systems (section 7.21).

use super::{begin, code, end};
use crate::wire::{self, Put};

/// AS numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Asn {
    /// 0x01 origin, 0x02 peer, 0x04 local (5.x).
    pub subtype: u8,
    /// 0x01 source, 0x02 destination, 0x04 intermediate node.
    pub qualifier: u8,
    /// Of the source.
    pub src: u32,
    /// Of the destination.
    pub dst: u32,
    /// Of the intermediate node; sensors and NetFlow leave it out, clients write it always.
    pub inode: Option<u32>,
}

impl Asn {
    /// Reads a whole DSR.
    pub fn parse(b: &[u8]) -> Option<Asn> {
        let [_, subtype, qualifier, _] = wire::array(b, 0)?;
        let inode = wire::be32(b, 12);
        Some(Asn { subtype, qualifier, src: wire::be32(b, 4)?, dst: wire::be32(b, 8)?, inode })
    }

    /// Appends the DSR.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let at = begin(out, code::ASN, self.subtype, self.qualifier);
        out.be32(self.src);
        out.be32(self.dst);
        if let Some(inode) = self.inode {
            out.be32(inode);
        }
        end(out, at);
    }

    /// The same seen from the other side.
    pub fn reversed(self) -> Asn {
        let q = self.qualifier;
        Asn { qualifier: (q & !3) | (q & 1) << 1 | (q & 2) >> 1, src: self.dst, dst: self.src, ..self }
    }
}
