//! Correction of the clocks of sources (sensor-and-transport chapter, 3.4): signed, and without losing the time type.

use std::time::Duration;

use record::dsr::time::{SideTime, Stamps};
use record::{Mar, Record, Stamp};

/// What is known of one source's clock.
#[derive(Clone, Debug)]
pub struct Adjuster {
    /// Clocks that are further off are corrected.
    threshold: Duration,
    /// Local time minus the source's, nanoseconds.
    drift: i64,
}

impl Adjuster {
    pub fn new(threshold: Duration) -> Adjuster {
        Adjuster { threshold, drift: 0 }
    }

    /// Learns from a management record that has just arrived, and stores the drift in it, in microseconds.
    pub fn learn(&mut self, mar: &mut Mar, now: Stamp) {
        self.drift = now.since(mar.now_stamp());
        mar.drift = (self.drift / 1000) as u64;
    }

    /// Whether the source's records have to be corrected.
    pub fn is_off(&self) -> bool {
        u128::from(self.drift.unsigned_abs()) > self.threshold.as_nanos()
    }

    /// Moves the times of a record that are set.
    pub fn correct(&self, record: &mut Record) {
        let drift = self.drift;
        let moved = |stamp: Stamp| if stamp.is_set() { stamp.plus_nanos(drift) } else { stamp };
        let side =
            |side: Option<SideTime>| side.map(|s| SideTime { start: moved(s.start), end: s.end.map(moved) });
        if let Some(time) = record.time_mut() {
            time.stamps = match time.stamps {
                Stamps::One(at) => Stamps::One(moved(at)),
                Stamps::Range(start, end) => Stamps::Range(moved(start), moved(end)),
                Stamps::Sides(src, dst) => Stamps::Sides(side(src), side(dst)),
                Stamps::Relative(src, dst) => Stamps::Relative(side(src), side(dst)),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::dsr::time::Time;
    use record::{Cause, Dsr, Header, Kind, Version};

    #[test]
    fn corrects_both_ways_and_keeps_the_unit() {
        let at = |s| Stamp::from_sec_usec(s, 535_051);
        for (source, local) in [(1000, 1100), (1100, 1000)] {
            let mut adjuster = Adjuster::new(Duration::from_secs(5));
            let mut mar = Mar::new(Version::V3, Cause::Status);
            mar.now = (source, 535_051);
            adjuster.learn(&mut mar, at(local));
            assert_eq!(mar.drift as i64, (i64::from(local) - i64::from(source)) * 1_000_000);
            assert!(adjuster.is_off());
            let mut record = Record::new(Header::new(Kind::Flow, Version::V3, Cause::Start));
            record.set(Dsr::Time(Time::sensor(at(source), at(source + 1))));
            adjuster.correct(&mut record);
            assert_eq!((record.times().start(), record.times().end()), (at(local), at(local + 1)));
            assert_eq!(record.time().unwrap().qualifier, 0x18);
        }
        let mut adjuster = Adjuster::new(Duration::from_secs(5));
        let mut mar = Mar::new(Version::V3, Cause::Status);
        mar.now = (1000, 535_051);
        adjuster.learn(&mut mar, at(1004));
        assert!(!adjuster.is_off());
    }
}
