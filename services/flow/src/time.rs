//! Packet time.

use std::ops::Add;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970 as the capture stamped them. Time may run backwards within a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

/// Times lie so far around 1970 at most, in nanoseconds (146 years): the difference of any two is a number.
const REACH: i64 = 1 << 62;

impl Time {
    /// No time: before every other.
    pub const UNSET: Time = Time(-REACH);

    /// From seconds and microseconds, as in a pcap header. Microseconds may exceed a second.
    #[inline]
    pub const fn from_micros(seconds: i64, micros: i64) -> Time {
        Time::within(seconds.saturating_mul(1_000_000_000).saturating_add(micros.saturating_mul(1000)))
    }

    /// From the stamp of a packet as libpcap hands it over: seconds past 2038 may have become negative, and the
    /// fraction of a damaged capture may be anything; it is kept within its second.
    #[inline]
    pub fn from_pcap(seconds: i64, micros: i64) -> Time {
        Time::from_micros(i64::from(seconds as u32), micros.clamp(0, 999_999))
    }

    /// From seconds and nanoseconds.
    #[inline]
    pub const fn from_nanos(seconds: i64, nanos: i64) -> Time {
        Time::within(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
    }

    /// From the stamp of a packet in a capture file. Nanoseconds may exceed a second.
    #[inline(always)]
    pub const fn from_stamp(seconds: u32, nanos: u32) -> Time {
        // The greatest sum is within reach.
        Time(seconds as i64 * 1_000_000_000 + nanos as i64)
    }

    /// The nearest time to so many nanoseconds since 1970.
    const fn within(nanos: i64) -> Time {
        if nanos <= -REACH {
            Time(1 - REACH)
        } else if nanos >= REACH {
            Time(REACH - 1)
        } else {
            Time(nanos)
        }
    }

    /// The wall clock.
    pub fn now() -> Time {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Time::within(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
    }

    /// Whether this is a time at all.
    #[inline]
    pub fn is_set(self) -> bool {
        self != Time::UNSET
    }

    /// Whole seconds, 0 when unset or before 1970.
    #[inline]
    pub fn seconds(self) -> u32 {
        u32::try_from(self.0.max(0) / 1_000_000_000).unwrap_or(u32::MAX)
    }

    /// Nanoseconds within the second.
    #[inline]
    pub fn subsec_nanos(self) -> u32 {
        (self.0.max(0) % 1_000_000_000) as u32
    }

    /// Nanoseconds since 1970; negative before, and when unset.
    #[inline]
    pub fn nanos(self) -> i64 {
        self.0
    }

    /// Nanoseconds from `earlier` to this; negative when this is the earlier one.
    #[inline]
    pub fn since(self, earlier: Time) -> i64 {
        self.0 - earlier.0
    }
}

impl Add<Duration> for Time {
    type Output = Time;

    #[inline]
    fn add(self, duration: Duration) -> Time {
        Time::within(self.0.saturating_add(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
    }
}

/// A duration in nanoseconds as packet times are compared with it.
pub(crate) fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stay_within_reach_of_each_other() {
        let far = [i64::MIN, i64::MIN / 3, -1, 0, 1, i64::MAX / 3, i64::MAX];
        for seconds in far {
            for fraction in far {
                for time in [Time::from_nanos(seconds, fraction), Time::from_micros(seconds, fraction)] {
                    assert!(time.is_set() && time > Time::UNSET);
                    assert!((time.since(Time::UNSET) > 0) & (Time::UNSET.since(time) < 0));
                    assert!((time + Duration::MAX).since(Time::UNSET) > 0);
                }
            }
        }
        assert_eq!(Time::from_stamp(u32::MAX, u32::MAX), Time::from_nanos(u32::MAX.into(), u32::MAX.into()));
        assert_eq!(Time::from_stamp(7, 8), Time::from_nanos(7, 8));
    }
}
