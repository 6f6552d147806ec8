//! Spans of time that share a file, aligned to the clock (chapter aggregation-tools, 8.3).

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// Microseconds of a second.
const SECOND: i64 = 1_000_000;
/// The first Sunday of the epoch, seconds.
const FIRST_SUNDAY: i64 = 3 * 86_400;

/// The unit of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// So many seconds: seconds, minutes, hours, days.
    Seconds(i64),
    /// Weeks from Sunday.
    Week,
    /// Months of the calendar.
    Month,
    /// Years of the calendar.
    Year,
}

/// A span: a unit and how many of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Bins {
    unit: Unit,
    count: i64,
    zone: TimeZone,
}

impl Bins {
    /// Parses `N[smhdwMy]`, seconds without a unit; at least a second. Local time is that of `zone`.
    pub fn parse(text: &str, zone: TimeZone) -> Option<Bins> {
        let (number, unit) = match text.as_bytes().last()? {
            b's' => (&text[..text.len() - 1], Unit::Seconds(1)),
            b'm' => (&text[..text.len() - 1], Unit::Seconds(60)),
            b'h' => (&text[..text.len() - 1], Unit::Seconds(3600)),
            b'd' => (&text[..text.len() - 1], Unit::Seconds(86_400)),
            b'w' => (&text[..text.len() - 1], Unit::Week),
            b'M' => (&text[..text.len() - 1], Unit::Month),
            b'y' => (&text[..text.len() - 1], Unit::Year),
            _ => (text, Unit::Seconds(1)),
        };
        let count = number.parse::<f64>().ok()?;
        let (unit, count) = match unit {
            Unit::Seconds(size) => (Unit::Seconds(1), count * size as f64),
            other => (other, count),
        };
        // A span is a whole number of its units, not longer than the years that stamps can say.
        let whole = count.is_finite() && count.fract() == 0.0 && (1.0..=4e9).contains(&count);
        whole.then_some(Bins { unit, count: count as i64, zone })
    }

    /// The span that holds a moment: its first microsecond and the first behind it.
    pub fn around(&self, micros: i64) -> (i64, i64) {
        let second = micros.div_euclid(SECOND);
        let (start, end) = match self.unit {
            Unit::Seconds(_) => {
                let at = Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH);
                let offset = i64::from(self.zone.to_offset(at).seconds());
                let start = (second + offset).div_euclid(self.count) * self.count - offset;
                (start, start + self.count)
            }
            Unit::Week => {
                let size = self.count * 7 * 86_400;
                let start = (second - FIRST_SUNDAY).div_euclid(size) * size + FIRST_SUNDAY;
                (start, start + size)
            }
            Unit::Month => self.calendar(second, 1),
            Unit::Year => self.calendar(second, 12),
        };
        (start * SECOND, end * SECOND)
    }

    /// Spans of `count` times `months`, from the first of a month in local time.
    fn calendar(&self, second: i64, months: i64) -> (i64, i64) {
        let at = Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH);
        let day = self.zone.to_datetime(at).date();
        let size = self.count.saturating_mul(months);
        let month = i64::from(day.year()) * 12 + i64::from(day.month()) - 1;
        let first = month.div_euclid(size) * size;
        let end = first.saturating_add(size);
        (self.midnight(first), self.midnight(end).max(second + 1))
    }

    /// The first second of a month counted from the year 0; the end of time for months that have none.
    fn midnight(&self, month: i64) -> i64 {
        let year = i16::try_from(month.div_euclid(12)).unwrap_or(i16::MAX).clamp(1, 9998);
        let day: Date = date(year, 1, 1).saturating_add((month.rem_euclid(12)).months());
        day.to_zoned(self.zone.clone())
            .map_or(i64::from(u32::MAX), |midnight| midnight.timestamp().as_second())
    }

    /// The flat length of a span in microseconds, by which records are cut.
    pub fn flat(&self) -> i64 {
        let unit = match self.unit {
            Unit::Seconds(size) => size,
            Unit::Week => 7 * 86_400,
            Unit::Month => 28 * 86_400,
            Unit::Year => 364 * 86_400,
        };
        unit.saturating_mul(self.count).saturating_mul(SECOND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2023-11-14 22:13:21 UTC.
    const AT: i64 = 1_700_000_001;

    fn start(text: &str, zone: &str) -> String {
        let bins = Bins::parse(text, field::time::zone(zone)).expect("a span");
        let (start, end) = bins.around(AT * SECOND + 5);
        assert!(start <= AT * SECOND && end > AT * SECOND);
        Timestamp::from_microsecond(start).expect("a time").to_string()
    }

    #[test]
    fn spans_are_aligned() {
        assert_eq!(start("5s", "UTC"), "2023-11-14T22:13:20Z");
        assert_eq!(start("7m", "UTC"), "2023-11-14T22:13:00Z");
        assert_eq!(start("12h", "UTC"), "2023-11-14T12:00:00Z");
        assert_eq!(start("12h", "America/New_York"), "2023-11-14T17:00:00Z");
        assert_eq!(start("1d", "America/New_York"), "2023-11-14T05:00:00Z");
        assert_eq!(start("1w", "UTC"), "2023-11-12T00:00:00Z");
        assert_eq!(start("1M", "UTC"), "2023-11-01T00:00:00Z");
        assert_eq!(start("1y", "UTC"), "2023-01-01T00:00:00Z");
    }

    #[test]
    fn bad_spans_are_refused() {
        for bad in ["", "s", "0s", "-5s", "0.5s", "1e99y", "nan", "5x"] {
            assert_eq!(Bins::parse(bad, TimeZone::UTC), None, "{bad}");
        }
        let last = Bins::parse("1y", TimeZone::UTC).expect("a span").around(i64::from(u32::MAX) * SECOND);
        assert!(last.1 > i64::from(u32::MAX) * SECOND);
        let huge = Bins::parse("4000000000y", TimeZone::UTC).expect("a span").around(AT * SECOND);
        assert!(huge.0 < huge.1);
    }
}
