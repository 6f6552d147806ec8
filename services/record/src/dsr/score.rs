//! SCORE (0x55, 5.x): how suspicious a flow is (section 7.25).

use super::{begin, code, end};
use crate::wire::{self, Put};

/// Score octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Score {
    /// 0x04: the first octet is the score.
    pub subtype: u8,
    /// Qualifier.
    pub qualifier: u8,
    /// The octets.
    pub values: [u8; 8],
}

impl Score {
    /// Reads a whole DSR.
    pub fn parse(b: &[u8]) -> Option<Score> {
        let [_, subtype, qualifier, _] = wire::array(b, 0)?;
        Some(Score { subtype, qualifier, values: wire::array(b, 4)? })
    }

    /// Appends the DSR.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let at = begin(out, code::SCORE, self.subtype, self.qualifier);
        out.bytes(&self.values);
        end(out, at);
    }
}
