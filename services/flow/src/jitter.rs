//! Gaps between the packets of one direction, while data was outstanding and while not (chapter section 12.3).

use crate::time::Time;

/// Gap statistics, in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Accumulator {
    pub count: u32,
    pub min: f32,
    pub max: f32,
    sum: f64,
    squares: f64,
}

impl Accumulator {
    fn add(&mut self, gap: f64) {
        if self.count == 0 || (gap as f32) < self.min {
            self.min = gap as f32;
        }
        self.max = self.max.max(gap as f32);
        self.count = self.count.saturating_add(1);
        self.sum += gap;
        self.squares += gap * gap;
    }

    /// Mean gap.
    pub fn mean(&self) -> f32 {
        if self.count == 0 { 0.0 } else { (self.sum / f64::from(self.count)) as f32 }
    }

    /// Standard deviation of the gaps.
    pub fn deviation(&self) -> f32 {
        if self.count == 0 {
            return 0.0;
        }
        let mean = self.sum / f64::from(self.count);
        (self.squares / f64::from(self.count) - mean * mean).max(0.0).sqrt() as f32
    }
}

/// The gaps of one direction.
#[derive(Clone, Copy, Debug)]
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
    pub fn packet(&mut self, now: Time, active: bool, longest: i64) {
        if self.latest.is_set() {
            let gap = now.since(self.latest);
            if gap <= 0 {
                return;
            }
            if gap < longest {
                let accumulator = if active { &mut self.active } else { &mut self.idle };
                accumulator.add(gap as f64 / 1000.0);
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
            gaps.packet(Time::from_micros(seconds, 0), true, 10_000_000_000);
        }
        assert_eq!((gaps.active.count, gaps.active.mean()), (1, 1e6));
    }

    #[test]
    fn worked_example() {
        let mut gaps = Gaps::default();
        for millis in [0, 10, 30, 60] {
            gaps.packet(Time::from_micros(0, millis * 1000), true, 10_000_000_000);
        }
        assert_eq!((gaps.active.count, gaps.active.min, gaps.active.max), (3, 10_000.0, 30_000.0));
        assert!((gaps.active.deviation() - 8164.97).abs() < 0.01);
    }
}
