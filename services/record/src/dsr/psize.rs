//! PSIZE (0x12): packet sizes (section 7.11).

use super::{begin, code, end};
use crate::wire::{self, Put};

const HISTOGRAM: u8 = 0x04;
const BOTH: u8 = 2;
const SRC_ONLY: u8 = 6;
const DST_ONLY: u8 = 10;

/// One side's sizes, octets on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Sizes {
    /// Smallest packet.
    pub min: u16,
    /// Largest packet.
    pub max: u16,
    /// Eight four-bit bins, even bin in the high nibble; all 0 without histogram.
    pub histogram: [u8; 4],
}

/// Packet sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Psize {
    /// Subtype: 3.x sensors write 0; 5.x 0x01 source, 0x02 destination; 0x04 histogram words follow.
    pub subtype: u8,
    /// Source side.
    pub src: Option<Sizes>,
    /// Destination side.
    pub dst: Option<Sizes>,
}

impl Psize {
    /// Reads a whole DSR; the qualifier tells the sides.
    pub fn parse(b: &[u8]) -> Option<Psize> {
        let [_, st, q, _] = wire::array(b, 0)?;
        let (src, dst) = match q & 0x0f {
            BOTH => (true, true),
            SRC_ONLY => (true, false),
            DST_ONLY => (false, true),
            _ => return None,
        };
        let count = usize::from(src) + usize::from(dst);
        let side = |i: usize| -> Option<Sizes> {
            let histogram = if st & HISTOGRAM != 0 {
                wire::array(b, 4 + 4 * count + 4 * i).unwrap_or([0; 4])
            } else {
                [0; 4]
            };
            Some(Sizes { min: wire::be16(b, 4 + 4 * i)?, max: wire::be16(b, 6 + 4 * i)?, histogram })
        };
        let first = side(0)?;
        Some(match (src, dst) {
            (true, true) => Psize { subtype: st, src: Some(first), dst: Some(side(1)?) },
            (true, _) => Psize { subtype: st, src: Some(first), dst: None },
            _ => Psize { subtype: st, src: None, dst: Some(first) },
        })
    }

    /// Appends the DSR. Without any side nothing is written.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let q = match (self.src, self.dst) {
            (Some(_), Some(_)) => BOTH,
            (Some(_), None) => SRC_ONLY,
            (None, Some(_)) => DST_ONLY,
            (None, None) => return,
        };
        let at = begin(out, code::PSIZE, self.subtype, q);
        let sides = || [self.src, self.dst].into_iter().flatten();
        for s in sides() {
            out.be32(u32::from(s.min) << 16 | u32::from(s.max));
        }
        if self.subtype & HISTOGRAM != 0 {
            sides().for_each(|s| out.bytes(&s.histogram));
        }
        end(out, at);
    }

    /// The form that clients write: the subtype names the sides, and histogram words follow (section 9).
    pub fn client(self) -> Psize {
        let sides = u8::from(self.src.is_some()) | u8::from(self.dst.is_some()) << 1;
        Psize { subtype: HISTOGRAM | sides, ..self }
    }

    /// The same seen from the other side.
    pub fn reversed(self) -> Psize {
        let sides = (self.subtype & 0x01) << 1 | (self.subtype & 0x02) >> 1;
        Psize { subtype: (self.subtype & !3) | sides, src: self.dst, dst: self.src }
    }
}
