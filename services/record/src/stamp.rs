//! Points in time as records carry them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A point in time: nanoseconds since 1970-01-01 00:00 UTC. Seconds on the wire are unsigned 32 bit, so the
/// value is never negative for a decoded record. Version 3 records have microsecond resolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Stamp(i64);

impl Stamp {
    /// The epoch itself, which the format uses for "not set".
    pub const ZERO: Stamp = Stamp(0);

    /// From nanoseconds since the epoch.
    pub const fn from_nanos(nanos: i64) -> Stamp {
        Stamp(nanos)
    }

    /// From microseconds since the epoch, saturating.
    pub const fn from_micros(micros: i64) -> Stamp {
        Stamp(micros.saturating_mul(1000))
    }

    /// From seconds and microseconds. As the C programs have it, the fraction has a sign, and one of more than a million
    /// counts as 999 999 (section 7.3, rule 4; the sign by running them). Times before 1970 count as its beginning.
    pub fn from_sec_usec(sec: u32, usec: u32) -> Stamp {
        let fraction = if usec.cast_signed() > 1_000_000 { 999_999 } else { usec.cast_signed() };
        Stamp((i64::from(sec) * 1_000_000_000 + i64::from(fraction) * 1000).max(0))
    }

    /// From seconds and nanoseconds. A fraction of a thousand million or more counts as 999 999 999.
    pub fn from_sec_nsec(sec: u32, nsec: u32) -> Stamp {
        Stamp(i64::from(sec) * 1_000_000_000 + i64::from(nsec.min(999_999_999)))
    }

    /// Nanoseconds since the epoch.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Microseconds since the epoch, rounded down: what version 3 readers see.
    pub const fn micros(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Whole seconds since the epoch, as written (32 bit, clamped).
    pub fn secs(self) -> u32 {
        u32::try_from(self.0.div_euclid(1_000_000_000).max(0)).unwrap_or(u32::MAX)
    }

    /// Microseconds within the second, 0–999 999.
    pub fn subsec_micros(self) -> u32 {
        self.subsec_nanos() / 1000
    }

    /// Nanoseconds within the second, 0–999 999 999.
    pub fn subsec_nanos(self) -> u32 {
        self.0.rem_euclid(1_000_000_000) as u32
    }

    /// Seconds since the epoch with the fraction.
    pub fn as_secs_f64(self) -> f64 {
        self.micros() as f64 / 1e6
    }

    /// `self - earlier` in nanoseconds; negative when `earlier` is later.
    pub const fn since(self, earlier: Stamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This point moved by `nanos`, saturating.
    pub const fn plus_nanos(self, nanos: i64) -> Stamp {
        Stamp(self.0.saturating_add(nanos))
    }

    /// Whether the format would take this point for a time: not zero, and below the value that sensors write
    /// for "unknown" (0xEFFFFFFF seconds, section 7.3).
    pub fn is_set(self) -> bool {
        self.0 != 0 && self.secs() != 0xEFFF_FFFF
    }
}

impl From<SystemTime> for Stamp {
    fn from(t: SystemTime) -> Stamp {
        match t.duration_since(UNIX_EPOCH) {
            Ok(d) => Stamp(i64::try_from(d.as_nanos()).unwrap_or(i64::MAX)),
            Err(e) => Stamp(i64::try_from(e.duration().as_nanos()).map_or(i64::MIN, |n| -n)),
        }
    }
}

impl From<Stamp> for SystemTime {
    fn from(s: Stamp) -> SystemTime {
        let d = Duration::from_nanos(s.0.unsigned_abs());
        if s.0 >= 0 { UNIX_EPOCH + d } else { UNIX_EPOCH - d }
    }
}
