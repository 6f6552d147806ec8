//! Gaps between the packets of one direction, while data was outstanding and while not (chapter section 12.3).

use crate::time::Time;

/// Gap statistics, in microseconds. Packed, so that the gaps of a direction fill a cache line and no more.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, packed(4))]
pub(crate) struct Accumulator {
    pub count: u32,
    pub min: f32,
    pub max: f32,
    sum: f64,
    squares: f64,
}

impl Accumulator {
    /// Adds a gap that is not negative. 3.0.8 adds up in single precision and takes whole microseconds.
    #[inline]
    fn add(&mut self, gap: f64, compat: bool) {
        // Such numbers are ordered as their bits are, which are compared without a branch.
        let bits = (gap as f32).to_bits();
        let least = if self.count == 0 { u32::MAX } else { self.min.to_bits() };
        self.min = f32::from_bits(bits.min(least));
        self.max = f32::from_bits(bits.max(self.max.to_bits()));
        self.count = self.count.saturating_add(1);
        self.sum = if compat { f64::from(self.sum as f32 + gap as f32) } else { self.sum + gap };
        self.squares += gap * gap;
    }

    /// Mean gap.
    pub fn mean(&self) -> f32 {
        if self.count == 0 { 0.0 } else { (self.sum / f64::from(self.count)) as f32 }
    }

    /// Standard deviation of the gaps.
    pub fn deviation(&self, compat: bool) -> f32 {
        if self.count == 0 {
            return 0.0;
        }
        if compat {
            // The mean is rounded to single precision before it is squared, and the mean of the squares is an
            // integer: small deviations are off, or not a number at all.
            let mean = f64::from(self.mean());
            let variance = (self.squares / f64::from(self.count)).trunc() - mean * mean;
            return if variance < 0.0 { f32::from_bits(0xffc0_0000) } else { variance.sqrt() as f32 };
        }
        let mean = self.sum / f64::from(self.count);
        (self.squares / f64::from(self.count) - mean * mean).max(0.0).sqrt() as f32
    }
}

/// The gaps of one direction.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Gaps {
    /// The latest packet; kept from record to record.
    latest: Time,
    pub active: Accumulator,
    pub idle: Accumulator,
}

impl Default for Gaps {
    fn default() -> Gaps {
        Gaps { latest: Time::UNSET, active: Accumulator::default(), idle: Accumulator::default() }
    }
}

impl Gaps {
    /// Notes a packet. Gaps of `longest` nanoseconds and more are not counted.
    #[inline(always)]
    pub fn packet(&mut self, now: Time, active: bool, longest: i64, compat: bool) {
        let known = self.latest.is_set() && !(compat && self.latest.seconds() == 0);
        if known {
            let gap = now.since(self.latest);
            if gap <= 0 {
                return;
            }
            if gap < longest {
                let accumulator = if active { &mut self.active } else { &mut self.idle };
                let micros = if compat { (gap / 1000) as f64 } else { gap as f64 / 1000.0 };
                accumulator.add(micros, compat);
            }
        }
        self.latest = now;
    }

    /// Starts the next record.
    pub fn reset(&mut self) {
        *self = Gaps { latest: self.latest, ..Gaps::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_of_order_packets_add_nothing() {
        let mut gaps = Gaps::default();
        for seconds in [100, 90, 95, 101] {
            gaps.packet(Time::from_micros(seconds, 0), true, 10_000_000_000, false);
        }
        assert_eq!((gaps.active.count, gaps.active.mean()), (1, 1e6));
    }

    #[test]
    fn worked_example() {
        let mut gaps = Gaps::default();
        for millis in [0, 10, 30, 60] {
            gaps.packet(Time::from_micros(0, millis * 1000), true, 10_000_000_000, false);
        }
        assert_eq!((gaps.active.count, gaps.active.min, gaps.active.max), (3, 10_000.0, 30_000.0));
        assert!((gaps.active.deviation(false) - 8164.97).abs() < 0.01);
    }
}
