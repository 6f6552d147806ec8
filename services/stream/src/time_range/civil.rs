//! Calendar fields that may run over, as C's `mktime` takes them.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The units of the grammar, largest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unit {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

impl Unit {
    pub(super) const ALL: [Unit; 6] =
        [Unit::Year, Unit::Month, Unit::Day, Unit::Hour, Unit::Minute, Unit::Second];

    pub(super) fn from_letter(letter: u8) -> Option<Unit> {
        Some(match letter {
            b'y' => Unit::Year,
            b'M' => Unit::Month,
            b'd' => Unit::Day,
            b'h' => Unit::Hour,
            b'm' => Unit::Minute,
            b's' => Unit::Second,
            _ => return None,
        })
    }

    /// Its length, where it has one.
    pub(super) fn seconds(self) -> Option<i64> {
        match self {
            Unit::Year | Unit::Month => None,
            Unit::Day => Some(86_400),
            Unit::Hour => Some(3600),
            Unit::Minute => Some(60),
            Unit::Second => Some(1),
        }
    }

    /// The least value of its field.
    pub(super) fn least(self) -> i64 {
        match self {
            Unit::Year => 1970,
            Unit::Month | Unit::Day => 1,
            _ => 0,
        }
    }
}

/// A moment in local time, in fields; they may be out of range and then run over into the larger ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    /// Year, month, day, hour, minute, second.
    values: [i64; 6],
    pub(super) micros: i64,
}

impl Fields {
    pub(super) fn from_civil(at: DateTime) -> Fields {
        Fields {
            values: [
                at.year().into(),
                at.month().into(),
                at.day().into(),
                at.hour().into(),
                at.minute().into(),
                at.second().into(),
            ],
            micros: i64::from(at.subsec_nanosecond() / 1000),
        }
    }

    pub(super) fn get(&self, unit: Unit) -> i64 {
        self.values.get(unit as usize).copied().unwrap_or_default()
    }

    pub(super) fn set(&mut self, unit: Unit, value: i64) {
        if let Some(field) = self.values.get_mut(unit as usize) {
            *field = value;
        }
    }

    pub(super) fn add(&mut self, unit: Unit, value: i64) {
        self.set(unit, self.get(unit).saturating_add(value));
    }

    /// Everything smaller than `unit` at its least.
    pub(super) fn truncate(&mut self, unit: Unit) {
        for smaller in Unit::ALL.into_iter().filter(|u| *u > unit) {
            self.set(smaller, smaller.least());
        }
        self.micros = 0;
    }

    /// Fields that have run over put into their places, then everything smaller than `unit` at its least; a fraction
    /// of a second stays with the seconds.
    pub(super) fn begin(&mut self, unit: Unit) {
        let Ok(moment) = jiff::Timestamp::from_microsecond(self.line()) else { return };
        *self = Fields::from_civil(TimeZone::UTC.to_datetime(moment));
        let micros = self.micros;
        self.truncate(unit);
        if unit == Unit::Second {
            self.micros = micros;
        }
    }

    /// Microseconds on the local time line, fields run over. Saturates far outside of the calendar.
    pub(super) fn line(&self) -> i64 {
        let [year, month, day, hour, minute, second] =
            self.values.map(|v| v.clamp(-400_000_000, 400_000_000));
        let months = year * 12 + month - 1;
        let days = days_from_civil(months.div_euclid(12), months.rem_euclid(12) + 1) + day - 1;
        let seconds = i128::from(days) * 86_400
            + i128::from(hour) * 3600
            + i128::from(minute) * 60
            + i128::from(second);
        let micros = seconds * 1_000_000 + i128::from(self.micros);
        i64::try_from(micros).unwrap_or(if micros < 0 { i64::MIN } else { i64::MAX })
    }

    /// Microseconds since 1970; `None` outside of the calendar. In a gap or a fold of summer time the moment that
    /// `mktime` takes when it is left the choice.
    pub(super) fn moment(&self, zone: &TimeZone) -> Option<i64> {
        let line = self.line();
        let civil = TimeZone::UTC.to_datetime(jiff::Timestamp::from_microsecond(line).ok()?);
        Some(zone.to_zoned(civil).ok()?.timestamp().as_microsecond())
    }
}

/// Days since 1970-01-01 of the first of a month (1–12) of the proleptic Gregorian calendar.
fn days_from_civil(year: i64, month: i64) -> i64 {
    // Count from March, so that the leap day is the last of the year.
    let year = if month <= 2 { year - 1 } else { year };
    let from_march = (month + 9) % 12;
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let days_of_year = (153 * from_march + 2) / 5;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + days_of_year - 719_468
}

/// Which fields do not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wildcards([bool; 6]);

impl Wildcards {
    pub(super) fn insert(&mut self, unit: Unit) {
        if let Some(field) = self.0.get_mut(unit as usize) {
            *field = true;
        }
    }

    pub(super) fn any(&self) -> bool {
        self.0.contains(&true)
    }

    /// `at` with the fields that do not matter at their least.
    pub(super) fn apply(&self, mut at: Fields) -> Fields {
        for (unit, wild) in Unit::ALL.into_iter().zip(self.0) {
            if wild {
                at.set(unit, unit.least());
            }
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_run_over() {
        let at = |values| Fields { values, micros: 0 }.line() / 1_000_000;
        assert_eq!(at([1970, 1, 1, 0, 0, 0]), 0);
        assert_eq!(at([2020, 1, 15, 10, 0, 0]), 1_579_082_400);
        assert_eq!(at([2020, 2, 30, 0, 0, 0]), at([2020, 3, 1, 0, 0, 0]));
        assert_eq!(at([2020, 14, 1, 0, 0, 0]), at([2021, 2, 1, 0, 0, 0]));
        assert_eq!(at([2020, 0, 1, 0, 0, 0]), at([2019, 12, 1, 0, 0, 0]));
        assert_eq!(at([2020, 1, 0, -1, 0, 0]), at([2019, 12, 30, 23, 0, 0]));
    }
}
