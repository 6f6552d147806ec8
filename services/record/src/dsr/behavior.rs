//! BEHAVIOR (0x54): keystrokes (section 7.17).

use super::{begin, code, end};
use crate::wire::{self, Put};

/// Keystroke counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Behavior {
    /// 0x01 TCP, 0x02 SSH keystrokes.
    pub subtype: u8,
    /// Zero.
    pub qualifier: u8,
    /// Keystrokes of the source.
    pub src: u32,
    /// Keystrokes of the destination; sensors write 0.
    pub dst: u32,
}

impl Behavior {
    /// Reads a whole DSR.
    pub fn parse(b: &[u8]) -> Option<Behavior> {
        let [_, subtype, qualifier, _] = wire::array(b, 0)?;
        Some(Behavior { subtype, qualifier, src: wire::be32(b, 4)?, dst: wire::be32(b, 8)? })
    }

    /// Appends the DSR.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let at = begin(out, code::BEHAVIOR, self.subtype, self.qualifier);
        out.be32(self.src);
        out.be32(self.dst);
        end(out, at);
    }

    /// The same seen from the other side.
    pub fn reversed(self) -> Behavior {
        Behavior { src: self.dst, dst: self.src, ..self }
    }
}
