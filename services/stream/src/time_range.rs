//! Time ranges as `-t` gives them (ra chapter 9): which records lie in them.

mod civil;
mod grammar;

use jiff::Zoned;
use jiff::tz::TimeZone;

use civil::{Fields, Wildcards};

/// How a record's interval has to lie to the range (ra chapter 9.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    /// They have a moment in common.
    #[default]
    Intersects,
    /// The record lies in the range.
    Contained,
    /// The record covers the range.
    Spans,
}

/// Why the argument of `-t` is no time range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeRangeError {
    /// It is not in the grammar.
    #[error("time syntax error {0}")]
    Syntax(String),
    /// It ends before, or when, it begins.
    #[error("error: invalid time range startime_t {} lasttime_t {}", stamp(*.start), stamp(*.end))]
    Empty {
        /// Microseconds since 1970.
        start: i64,
        /// Microseconds since 1970.
        end: i64,
    },
}

fn stamp(micros: i64) -> String {
    format!("{}.{:06}", micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000))
}

/// A range of time, both ends included.
///
/// ```
/// use jiff::{Timestamp, tz::TimeZone};
/// use stream::TimeRange;
/// let now = Timestamp::from_second(1_600_000_000).unwrap().to_zoned(TimeZone::UTC);
/// let range = TimeRange::parse("2020/01/15.10", &now, false).unwrap();
/// let at = |second: i64| second * 1_000_000;
/// assert!(range.matches(at(1_579_082_400), at(1_579_082_401)));
/// assert!(!range.matches(at(1_579_086_001), at(1_579_086_002)));
/// ```
#[derive(Clone, Debug)]
pub struct TimeRange {
    negate: bool,
    mode: Mode,
    /// C argus takes an intersection for an end of the record within the range.
    ends_only: bool,
    start: i64,
    end: i64,
    wild: Option<Wild>,
}

/// A range in which some fields of the time do not matter.
#[derive(Clone, Debug)]
struct Wild {
    fields: Wildcards,
    zone: TimeZone,
}

impl TimeRange {
    /// Parses the argument of `-t`. What it leaves out is taken from `now`, and it speaks of local time in `now`'s
    /// zone. `compat` reads it as argus 3.0.8.2 does, faults included (ra chapter 9.2, 9.3).
    ///
    /// # Errors
    ///
    /// [`TimeRangeError`]; its text is that of C `ra`.
    pub fn parse(text: &str, now: &Zoned, compat: bool) -> Result<TimeRange, TimeRangeError> {
        grammar::parse(text, now, compat)
    }

    /// Whether a record that began at `start` and ended at `end`, microseconds since 1970, is in the range.
    #[inline]
    pub fn matches(&self, start: i64, end: i64) -> bool {
        let (s, l) = match &self.wild {
            None => (start, end),
            Some(wild) => (wild.blank(start), wild.blank(end)),
        };
        let within = match self.mode {
            Mode::Intersects if self.ends_only => {
                (self.start <= s && s <= self.end) || (self.start < l && l <= self.end)
            }
            Mode::Intersects => s <= self.end && (l > self.start || s >= self.start),
            Mode::Contained => self.start <= s && l <= self.end,
            Mode::Spans => s <= self.start && l >= self.end,
        };
        within != self.negate
    }

    /// Whether a management record whose `now` is this second, since 1970, is in the range. Only the modes' negation
    /// matters for it.
    pub fn matches_mar(&self, now: u32) -> bool {
        let at = i64::from(now) * 1_000_000;
        let at = self.wild.as_ref().map_or(at, |w| w.blank(at));
        let second = |t: i64| t.div_euclid(1_000_000);
        (second(self.start) <= second(at) && second(at) <= second(self.end)) != self.negate
    }

    /// First and last moment, microseconds since 1970; none when a wildcard stands for many. For skipping files that
    /// cannot hold a match.
    pub fn bounds(&self) -> Option<(i64, i64)> {
        (self.wild.is_none() && !self.negate).then_some((self.start, self.end))
    }
}

impl Wild {
    /// The moment with the fields that do not matter set to constants, on the local time line.
    fn blank(&self, micros: i64) -> i64 {
        let Ok(moment) = jiff::Timestamp::from_microsecond(micros) else {
            return micros;
        };
        let local = Fields::from_civil(self.zone.to_datetime(moment));
        self.fields.apply(local).line()
    }
}

#[cfg(test)]
mod tests;
