//! METRIC (0x10): packets, octets and application octets of both sides (section 7.4).

use super::{begin, code, end};
use crate::wire::{self, Put};

/// One side's counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash)]
pub struct Counters {
    /// Packets.
    pub packets: u64,
    /// Octets on the wire, link header included.
    pub bytes: u64,
    /// Application octets; 0 unless the sensor counts them (`-A`).
    pub app_bytes: u64,
}

/// What was counted since the previous record of the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash)]
pub struct Metric {
    /// From the source.
    pub src: Counters,
    /// From the destination.
    pub dst: Counters,
    /// Whether the record carries application octets (subtype 4).
    pub app: bool,
}

const PACKETS_BYTES: u8 = 0x01;
pub(crate) const PACKETS_BYTES_APP: u8 = 0x04;

/// Reads as many numbers as are wanted, of `N` octets each.
#[inline]
fn fill<const N: usize>(wanted: &mut [u64], body: &[u8], read: impl Fn([u8; N]) -> u64) -> Option<()> {
    let (numbers, _) = body.as_chunks::<N>();
    let numbers = numbers.get(..wanted.len())?;
    for (value, &octets) in wanted.iter_mut().zip(numbers) {
        *value = read(octets);
    }
    Some(())
}

impl Metric {
    /// Reads a whole DSR. An unknown qualifier reads as all zero (section 11).
    pub fn parse(b: &[u8]) -> Option<Metric> {
        let [_, st, q, _] = wire::array(b, 0)?;
        let app = st & 0x07 == PACKETS_BYTES_APP;
        let mut metric = Metric { app, ..Metric::default() };
        let q = q & 0x0f;
        if q == 0 || q > 12 {
            return Some(metric);
        }
        let (count, sides) = (if app { 3 } else { 2 }, if q <= 4 { 2 } else { 1 });
        let mut values = [0u64; 6];
        let wanted = values.get_mut(..count * sides)?;
        let body = b.get(4..)?;
        match (q - 1) % 4 {
            0 => fill(wanted, body, |[octet]: [u8; 1]| u64::from(octet))?,
            1 => fill(wanted, body, |octets| u64::from(u16::from_be_bytes(octets)))?,
            2 => fill(wanted, body, |octets| u64::from(u32::from_be_bytes(octets)))?,
            _ => fill(wanted, body, u64::from_be_bytes)?,
        }
        let [p1, b1, third, fourth, fifth, sixth] = values;
        let (first, second) = if app {
            (
                Counters { packets: p1, bytes: b1, app_bytes: third },
                Counters { packets: fourth, bytes: fifth, app_bytes: sixth },
            )
        } else {
            (
                Counters { packets: p1, bytes: b1, app_bytes: 0 },
                Counters { packets: third, bytes: fourth, app_bytes: 0 },
            )
        };
        match (q - 1) / 4 {
            0 => (metric.src, metric.dst) = (first, second),
            1 => metric.src = first,
            _ => metric.dst = first,
        }
        Some(metric)
    }

    /// Appends the DSR in the narrowest width that a 3.x writer would choose, by packets and octets.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let (s, d) = (&self.src, &self.dst);
        let app = |c: &Counters| if self.app { c.app_bytes } else { 0 };
        let active = |c: &Counters| c.packets | c.bytes | app(c) != 0;
        // The reference looks at packets and octets only; application octets never exceed octets in what a sensor
        // counts, and a merged or hand-made record that breaks this keeps its value here.
        let most = s.packets | s.bytes | app(s) | d.packets | d.bytes | app(d);
        let log = match most {
            0..=0xff => 0u8,
            0x100..=0xffff => 1,
            0x1_0000..=0xffff_ffff => 2,
            _ => 3,
        };
        // One side alone is never written in single octets.
        let (q, both, src) = match (active(s), active(d)) {
            (true, false) => (5 + log.max(1), false, true),
            (false, true) => (9 + log.max(1), false, false),
            _ => (1 + log, true, true),
        };
        let st = if self.app { PACKETS_BYTES_APP } else { PACKETS_BYTES };
        let at = begin(out, code::METRIC, st, q);
        let width = (q - 1) % 4;
        if src {
            self.put(out, s, width);
        }
        if both || !src {
            self.put(out, d, width);
        }
        end(out, at);
    }

    fn put(&self, out: &mut Vec<u8>, c: &Counters, log: u8) {
        fn all<const N: usize>(out: &mut Vec<u8>, numbers: [[u8; N]; 3], count: usize) {
            out.bytes(numbers.as_flattened().get(..N * count).unwrap_or_default());
        }
        let numbers = [c.packets, c.bytes, c.app_bytes];
        let count = if self.app { 3 } else { 2 };
        match log {
            0 => all(out, numbers.map(|n| [n as u8]), count),
            1 => all(out, numbers.map(|n| (n as u16).to_be_bytes()), count),
            2 => all(out, numbers.map(|n| (n as u32).to_be_bytes()), count),
            _ => all(out, numbers.map(u64::to_be_bytes), count),
        }
    }

    /// Packets of both sides together, saturating.
    pub fn packets(&self) -> u64 {
        self.src.packets.saturating_add(self.dst.packets)
    }

    /// Octets of both sides together, saturating.
    pub fn bytes(&self) -> u64 {
        self.src.bytes.saturating_add(self.dst.bytes)
    }

    /// The same seen from the other side.
    pub fn reversed(self) -> Metric {
        Metric { src: self.dst, dst: self.src, app: self.app }
    }
}
