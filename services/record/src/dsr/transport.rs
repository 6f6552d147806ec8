//! TRANSPORT (0x01): source id and sequence number (section 7.1).

use super::{begin, code, end};
use crate::source_id::SourceId;
use crate::wire::{self, Put};
use std::net::{Ipv4Addr, Ipv6Addr};

const SRCID: u8 = 0x01;
const SEQ: u8 = 0x02;
const INTERFACE: u8 = 0x10;

/// Who observed the record and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transport {
    /// Source id; `None` when the DSR carries none (sensors always write one).
    pub id: Option<SourceId>,
    /// The four characters of the interface's name (5.x), zero padded.
    pub interface: Option<[u8; 4]>,
    /// Version 3: number of the flow transaction, the same in all its records, from 1. Version 5: number of the
    /// record.
    pub seq: Option<u32>,
}

impl Transport {
    /// The form that 3.x writes.
    pub fn new(id: SourceId, seq: u32) -> Transport {
        Transport { id: Some(id), interface: None, seq: Some(seq) }
    }

    /// Reads a whole DSR.
    pub fn parse(b: &[u8]) -> Option<Transport> {
        let [_, st, q, words] = wire::array(b, 0)?;
        let (mut id, mut interface, mut seq) = (None, None, None);
        let mut at = 4;
        // Twelve octets or more have both parts whatever the subtype says (5.x readers).
        let both = words >= 3;
        if st & SRCID != 0 || both {
            let (value, len) = match q & !INTERFACE {
                0x01 => (SourceId::Ipv4(Ipv4Addr::from(wire::be32(b, at)?)), 4),
                0x20 => (SourceId::Int(wire::be32(b, at)?), 4),
                0x21 => (SourceId::Str(wire::array(b, at)?), 4),
                0x02 => (SourceId::Ipv6(Ipv6Addr::from(wire::array::<16>(b, at)?)), 16),
                0x22 => (SourceId::Uuid(wire::array(b, at)?), 16),
                0x03 => (SourceId::Ether(wire::array(b, at)?), 8),
                _ => (SourceId::None, 4),
            };
            id = Some(value);
            at += len;
            if q & INTERFACE != 0 {
                interface = Some(wire::array(b, at)?);
                at += 4;
            }
        }
        if st & SEQ != 0 || both {
            seq = wire::be32(b, at);
        }
        Some(Transport { id, interface, seq })
    }

    /// Appends the DSR.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let st = if self.id.is_some() { SRCID } else { 0 } | if self.seq.is_some() { SEQ } else { 0 };
        let interface = self.interface.filter(|_| self.id.is_some());
        let q = self.id.map_or(0, SourceId::qualifier) | if interface.is_some() { INTERFACE } else { 0 };
        let at = begin(out, code::TRANSPORT, st, q);
        match self.id {
            Some(SourceId::Ipv6(a)) => out.bytes(&a.octets()),
            Some(SourceId::Uuid(u)) => out.bytes(&u),
            Some(SourceId::Ether(e)) => out.bytes(&e),
            Some(short) => out.be32(short.word()),
            None => {}
        }
        if let Some(name) = interface {
            out.bytes(&name);
        }
        if let Some(seq) = self.seq {
            out.be32(seq);
        }
        end(out, at);
    }

    /// The form that version 3 has room for: one-word id, no interface (section 9).
    pub fn to_v3(self) -> Transport {
        Transport { id: self.id.map(SourceId::to_v3), interface: None, seq: self.seq }
    }
}
