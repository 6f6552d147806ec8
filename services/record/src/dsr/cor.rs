//! COR (0x62): correlated records (section 7.18). Little-endian on the wire.

use super::{begin, code, end};
use crate::wire::{self, Put};

/// One correlated record: differences to this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Correlation {
    /// Source id: its word and, in version 5 layout, 16 more octets and four of interface name.
    pub id: u32,
    /// Rest of a version 5 id.
    pub long_id: Option<[u8; 20]>,
    /// Duration, microseconds.
    pub duration: i32,
    /// Start, microseconds.
    pub start: i32,
    /// Last, microseconds.
    pub last: i32,
    /// Source packets.
    pub src_packets: i32,
    /// Destination packets.
    pub dst_packets: i32,
}

/// Most correlations that a DSR's length octet can hold.
const MAX: usize = 254 / 6;

/// Correlations of a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Cor {
    /// Subtype.
    pub subtype: u8,
    /// Qualifier.
    pub qualifier: u8,
    /// The correlated records.
    pub correlations: Vec<Correlation>,
}

impl Cor {
    /// How many correlations a DSR of version 3 layout holds.
    pub fn count(b: &[u8]) -> usize {
        (b.len() / 4).saturating_sub(1) / 6
    }

    /// Reads a whole DSR. A body that is a multiple of ten words and not of six has version 5 elements.
    pub fn parse(b: &[u8]) -> Option<Cor> {
        let [_, subtype, qualifier, _] = wire::array(b, 0)?;
        let words = (b.len() / 4).saturating_sub(1);
        let long = !words.is_multiple_of(6) && words.is_multiple_of(10);
        let step = if long { 40 } else { 24 };
        let mut correlations = Vec::new();
        let mut at = 4;
        while at + step <= b.len() {
            let deltas = at + step - 20;
            let delta = |i: usize| wire::le32(b, deltas + 4 * i).map(|v| v as i32);
            correlations.push(Correlation {
                id: if long { 0 } else { wire::le32(b, at)? },
                long_id: if long { Some(wire::array(b, at)?) } else { None },
                duration: delta(0)?,
                start: delta(1)?,
                last: delta(2)?,
                src_packets: delta(3)?,
                dst_packets: delta(4)?,
            });
            at += step;
        }
        Some(Cor { subtype, qualifier, correlations })
    }

    /// Appends the DSR; at most as many correlations as its length can say.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let at = begin(out, code::COR, self.subtype, self.qualifier);
        let long = self.correlations.iter().any(|c| c.long_id.is_some());
        for c in self.correlations.iter().take(if long { 25 } else { MAX }) {
            match c.long_id {
                Some(id) => out.bytes(&id),
                None if long => {
                    out.le32(c.id);
                    out.zeros(16);
                }
                None => out.le32(c.id),
            }
            for v in [c.duration, c.start, c.last, c.src_packets, c.dst_packets] {
                out.le32(v as u32);
            }
        }
        end(out, at);
    }
}
