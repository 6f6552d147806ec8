//! FLOW_HASH (0x07, 5.x): the sensor's hash of the key (section 7.24).

use super::{begin, code, end};
use crate::wire::{self, Put};

/// Hash and slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct FlowHash {
    /// Hash.
    pub hash: u32,
    /// Index in the sensor's table.
    pub index: u32,
}

impl FlowHash {
    /// Reads a whole DSR.
    pub fn parse(b: &[u8]) -> Option<FlowHash> {
        Some(FlowHash { hash: wire::be32(b, 4)?, index: wire::be32(b, 8)? })
    }

    /// Appends the DSR.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let at = begin(out, code::HASH, 0, 0);
        out.be32(self.hash);
        out.be32(self.index);
        end(out, at);
    }
}
