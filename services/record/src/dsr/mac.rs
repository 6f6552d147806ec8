//! MAC (0x42): Ethernet addresses (section 7.13).

use super::{begin, code, end};
use crate::wire::{self, Put};

/// Qualifier: addresses or type differed in some packet of the source.
pub const SRC_MULTIPATH: u8 = 0x01;
/// Qualifier: addresses or type differed in some packet of the destination.
pub const DST_MULTIPATH: u8 = 0x02;

/// Ethernet addresses as seen from the flow's source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Mac {
    /// [`SRC_MULTIPATH`], [`DST_MULTIPATH`].
    pub qualifier: u8,
    /// Destination address.
    pub dst: [u8; 6],
    /// Source address.
    pub src: [u8; 6],
    /// Type, or 802.3 length for LLC frames. Little-endian on the wire.
    pub ether_type: u16,
    /// LLC destination service access point.
    pub dsap: u8,
    /// LLC source service access point.
    pub ssap: u8,
}

impl Mac {
    /// Reads a whole DSR.
    pub fn parse(b: &[u8]) -> Option<Mac> {
        Some(Mac {
            qualifier: wire::byte(b, 2)?,
            dst: wire::array(b, 4)?,
            src: wire::array(b, 10)?,
            ether_type: wire::le16(b, 16)?,
            dsap: wire::byte(b, 18)?,
            ssap: wire::byte(b, 19)?,
        })
    }

    /// Appends the DSR.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let at = begin(out, code::MAC, 0, self.qualifier);
        out.bytes(&self.dst);
        out.bytes(&self.src);
        out.le16(self.ether_type);
        out.bytes(&[self.dsap, self.ssap]);
        end(out, at);
    }

    /// The same seen from the other side.
    pub fn reversed(self) -> Mac {
        let paths = (self.qualifier & 1) << 1 | (self.qualifier & 2) >> 1;
        Mac { qualifier: (self.qualifier & !3) | paths, dst: self.src, src: self.dst, ..self }
    }
}
