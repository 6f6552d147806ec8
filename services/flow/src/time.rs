//! Packet time.

use std::ops::Add;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970 as the capture stamped them. Time may run backwards within a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

impl Time {
    /// No time: before every other.
    pub const UNSET: Time = Time(i64::MIN);

    /// From seconds and microseconds, as in a pcap header. Microseconds may exceed a second.
    #[inline]
    pub const fn from_micros(seconds: i64, micros: i64) -> Time {
        Time(seconds.saturating_mul(1_000_000_000).saturating_add(micros.saturating_mul(1000)))
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
        Time(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
    }

    /// The wall clock.
    pub fn now() -> Time {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Time(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
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

    /// Nanoseconds from `earlier` to this; negative when this is the earlier one.
    #[inline]
    pub fn since(self, earlier: Time) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Time {
    type Output = Time;

    #[inline]
    fn add(self, duration: Duration) -> Time {
        Time(self.0.saturating_add(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
    }
}

/// A duration in nanoseconds as packet times are compared with it.
pub(crate) fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
