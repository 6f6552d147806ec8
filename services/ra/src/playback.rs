//! `-M rtime`: files are played back at the speed at which they were recorded.

use std::time::{Duration, Instant};

/// Longest nap: signals and quiet outputs are looked after in between.
const NAP: Duration = Duration::from_millis(100);

/// Says when a record is due.
pub struct Playback {
    /// How many times faster than it was.
    speed: f64,
    /// The end of the first record, microseconds, and when it was shown.
    begun: Option<(i64, Instant)>,
}

impl Playback {
    /// Playback at a multiple of the speed.
    pub fn new(speed: f64) -> Playback {
        Playback { speed, begun: None }
    }

    /// How long the record that ended at `micros` has to wait; naps make up a longer wait. Records are due when their
    /// sensor could have reported them: when they ended.
    pub fn nap(&mut self, micros: i64, now: Instant) -> Option<Duration> {
        let (first, begun) = *self.begun.get_or_insert((micros, now));
        let after = micros.saturating_sub(first).max(0) as f64 / 1e6 / self.speed;
        // Beyond the reach of clocks nothing is ever due.
        let due = Duration::try_from_secs_f64(after).unwrap_or(Duration::MAX);
        let left = due.checked_sub(now.saturating_duration_since(begun))?;
        (!left.is_zero()).then(|| left.min(NAP))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_due_at_their_time() {
        let now = Instant::now();
        let mut playback = Playback::new(2.0);
        assert_eq!(playback.nap(1_000_000, now), None);
        assert_eq!(playback.nap(1_000_000, now), None);
        assert_eq!(playback.nap(500_000, now), None, "late ones do not wait");
        assert_eq!(playback.nap(1_100_000, now), Some(Duration::from_millis(50)));
        assert_eq!(playback.nap(9_000_000, now), Some(NAP));
        assert_eq!(playback.nap(9_000_000, now + Duration::from_secs(4)), None);
        assert_eq!(playback.nap(i64::MAX, now), Some(NAP));
    }
}
