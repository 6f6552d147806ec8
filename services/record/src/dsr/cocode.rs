//! COCODE (0x64): countries (section 7.19).

use super::{begin, code, end};
use crate::wire::{self, Put};

/// Two-letter country codes; zero octets where unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct CoCode {
    /// Subtype.
    pub subtype: u8,
    /// Qualifier; 0x03 is accepted and kept.
    pub qualifier: u8,
    /// Country of the source.
    pub src: [u8; 2],
    /// Country of the destination.
    pub dst: [u8; 2],
}

impl CoCode {
    /// Reads a whole DSR.
    pub fn parse(b: &[u8]) -> Option<CoCode> {
        let [_, subtype, qualifier, _] = wire::array(b, 0)?;
        Some(CoCode { subtype, qualifier, src: wire::array(b, 4)?, dst: wire::array(b, 6)? })
    }

    /// Appends the DSR.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let at = begin(out, code::COCODE, self.subtype, self.qualifier);
        out.bytes(&self.src);
        out.bytes(&self.dst);
        end(out, at);
    }

    /// The same seen from the other side.
    pub fn reversed(self) -> CoCode {
        CoCode { src: self.dst, dst: self.src, ..self }
    }
}
