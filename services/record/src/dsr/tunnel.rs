//! VXLAN (0x43), GRE (0x41), GENEVE (0x45): the tunnel that a flow was found in (5.x, section 7.15).

use super::flow::Flow;
use super::{begin, code, end};
use crate::wire::{self, Put};

/// VXLAN network ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Vxlan {
    /// 1 source, 2 destination.
    pub qualifier: u8,
    /// Network id seen from the source.
    pub src: u32,
    /// Network id seen from the destination.
    pub dst: u32,
}

impl Vxlan {
    /// Reads a whole DSR.
    pub fn parse(b: &[u8]) -> Option<Vxlan> {
        Some(Vxlan { qualifier: wire::byte(b, 2)?, src: wire::be32(b, 4)?, dst: wire::be32(b, 8)? })
    }

    /// Appends the DSR.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let at = begin(out, code::VXLAN, 0, self.qualifier);
        out.be32(self.src);
        out.be32(self.dst);
        end(out, at);
    }

    /// The same seen from the other side.
    pub fn reversed(self) -> Vxlan {
        let q = self.qualifier;
        Vxlan { qualifier: (q & !3) | (q & 1) << 1 | (q & 2) >> 1, src: self.dst, dst: self.src }
    }
}

/// GRE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Gre {
    /// Flags and version, as in the packet.
    pub flags: u16,
    /// Protocol type.
    pub protocol: u16,
    /// The outer flow.
    pub outer: Flow,
}

impl Gre {
    /// Reads a whole DSR.
    pub fn parse(b: &[u8]) -> Option<Gre> {
        let outer = Flow::parse_embedded(b.get(8..)?)?;
        Some(Gre { flags: wire::be16(b, 4)?, protocol: wire::be16(b, 6)?, outer })
    }

    /// Appends the DSR.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let at = begin(out, code::GRE, 0, 0);
        out.be16(self.flags);
        out.be16(self.protocol);
        self.outer.emit_embedded(out);
        end(out, at);
    }
}

/// Geneve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geneve {
    /// Version and length of options.
    pub version: u8,
    /// Flags.
    pub flags: u8,
    /// Protocol type.
    pub protocol: u16,
    /// Network id; 0, since sensors do not fill it in.
    pub vni: u32,
    /// The outer flow.
    pub outer: Flow,
}

impl Geneve {
    /// Reads a whole DSR.
    pub fn parse(b: &[u8]) -> Option<Geneve> {
        Some(Geneve {
            version: wire::byte(b, 4)?,
            flags: wire::byte(b, 5)?,
            protocol: wire::be16(b, 6)?,
            vni: wire::be32(b, 8)?,
            outer: Flow::parse_embedded(b.get(12..)?)?,
        })
    }

    /// Appends the DSR.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let at = begin(out, code::GENEVE, 0, 0);
        out.bytes(&[self.version, self.flags]);
        out.be16(self.protocol);
        out.be32(self.vni);
        self.outer.emit_embedded(out);
        end(out, at);
    }
}
