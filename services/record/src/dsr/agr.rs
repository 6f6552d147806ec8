//! AGR (0x60): statistics of what was merged into a record, written by clients (section 7.16).

use super::{begin, code, end};
use crate::wire::{self, Put};

/// Subtype: the metric is the duration.
pub const DURATION: u8 = 4;

/// Statistics of a metric. Floats compare by their bits. Little-endian on the wire.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    /// Number of values.
    pub n: u32,
    /// Least.
    pub min: f32,
    /// Mean.
    pub mean: f32,
    /// Standard deviation.
    pub stdev: f32,
    /// Greatest.
    pub max: f32,
    /// Histogram, zero.
    pub histogram: [u8; 8],
}

impl PartialEq for Stats {
    fn eq(&self, o: &Stats) -> bool {
        self.n == o.n && self.bits() == o.bits() && self.histogram == o.histogram
    }
}

impl Eq for Stats {}

impl Stats {
    /// Statistics of one value.
    pub fn one(value: f32) -> Stats {
        Stats { n: 1, min: value, mean: value, stdev: 0.0, max: value, histogram: [0; 8] }
    }

    fn bits(&self) -> [u32; 4] {
        [self.min, self.mean, self.stdev, self.max].map(f32::to_bits)
    }

    fn parse(b: &[u8], at: usize) -> Option<Stats> {
        Some(Stats {
            n: wire::le32(b, at)?,
            min: wire::lef32(b, at + 4)?,
            mean: wire::lef32(b, at + 8)?,
            stdev: wire::lef32(b, at + 12)?,
            max: wire::lef32(b, at + 16)?,
            histogram: wire::array(b, at + 20)?,
        })
    }

    fn emit(&self, out: &mut Vec<u8>) {
        out.le32(self.n);
        self.bits().into_iter().for_each(|w| out.le32(w));
        out.bytes(&self.histogram);
    }
}

/// Aggregation statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Agr {
    /// Index of the aggregated metric; [`DURATION`] by default.
    pub subtype: u8,
    /// 0x01.
    pub qualifier: u8,
    /// Records merged.
    pub count: u32,
    /// Seconds and microseconds, normally 0.
    pub last_start: (u32, u32),
    /// Seconds and microseconds, normally 0.
    pub last: (u32, u32),
    /// Of active records.
    pub active: Stats,
    /// Of idle times between them.
    pub idle: Stats,
}

impl Agr {
    /// What a client adds to a single record: its duration, in seconds (section 7.16).
    pub fn single(duration: f32) -> Agr {
        Agr { subtype: DURATION, qualifier: 0x01, count: 1, active: Stats::one(duration), ..Agr::default() }
    }

    /// Reads a whole DSR, which must be exactly 80 octets.
    pub fn parse(b: &[u8]) -> Option<Agr> {
        if b.len() != 80 {
            return None;
        }
        let [_, subtype, qualifier, _] = wire::array(b, 0)?;
        Some(Agr {
            subtype,
            qualifier,
            count: wire::be32(b, 4)?,
            last_start: (wire::le32(b, 8)?, wire::le32(b, 12)?),
            last: (wire::le32(b, 16)?, wire::le32(b, 20)?),
            active: Stats::parse(b, 24)?,
            idle: Stats::parse(b, 52)?,
        })
    }

    /// Appends the DSR.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let at = begin(out, code::AGR, self.subtype, self.qualifier);
        out.be32(self.count);
        for w in [self.last_start.0, self.last_start.1, self.last.0, self.last.1] {
            out.le32(w);
        }
        self.active.emit(out);
        self.idle.emit(out);
        end(out, at);
    }
}
