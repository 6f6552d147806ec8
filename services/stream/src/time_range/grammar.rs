//! The grammar of `-t` (ra chapter 9.1) and what its forms stand for (9.2).

use jiff::Zoned;
use jiff::tz::TimeZone;

use super::civil::{Fields, Unit, Wildcards};
use super::{Mode, TimeRange, TimeRangeError, Wild};

/// Numbers above this are seconds since 1970.
const LEAST_UNIX: i64 = 10_000_000;

/// One end of a range.
#[derive(Clone, Copy, Debug)]
struct Spec {
    at: Fields,
    /// The smallest unit that was given: the range is that long when no end is given.
    unit: Unit,
    wild: Wildcards,
    /// Given as seconds since 1970.
    unix: bool,
    /// Without length unless an end is given.
    empty: bool,
}

pub(super) fn parse(text: &str, now: &Zoned, compat: bool) -> Result<TimeRange, TimeRangeError> {
    let syntax = || TimeRangeError::Syntax(text.to_string());
    let trimmed = text.trim_end();
    let (negate, rest) = match trimmed.strip_prefix('x') {
        Some(rest) => (true, rest),
        None => (false, trimmed),
    };
    let (mode, rest) = match rest.as_bytes().first() {
        Some(b'i') => (Mode::Intersects, rest.get(1..)),
        Some(b'c') => (Mode::Contained, rest.get(1..)),
        Some(b'n' | b's') => (Mode::Spans, rest.get(1..)),
        _ => (Mode::Intersects, Some(rest)),
    };
    let rest = rest.unwrap_or_default();
    if !rest.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '*') || !rest.is_ascii() {
        return Err(syntax());
    }
    let context = Context { zone: now.time_zone(), now: Fields::from_civil(now.datetime()), compat };
    let (relative, rest) = match rest.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let (first, second) = match rest.find(['-', '+']) {
        Some(at) => {
            let (first, second) = rest.split_at(at);
            let (join, second) = second.split_at(1);
            (first.trim(), Some((join, second.trim())))
        }
        None => (rest.trim(), None),
    };
    let spec = if relative { context.before_now(first) } else { context.spec(first, &context.now) };
    let spec = spec.ok_or_else(syntax)?;
    // A negative clock is no clock; nor is one that the calendar does not hold.
    let line =
        |f: &Fields| if spec.wild.any() { Some(f.line()) } else { f.moment(context.zone) }.ok_or_else(syntax);
    let begin = line(&spec.at)?;
    let (start, end) = match second {
        None => {
            let mut end = spec.at;
            if spec.empty {
                (begin, begin)
            } else if relative && begin <= line(&context.now)? {
                // Up to the end of the unit that now is in.
                let mut end = context.now;
                end.truncate(spec.unit);
                end.add(spec.unit, 1);
                (begin, line(&end)?)
            } else if spec.unix && compat {
                // A fault of C argus.
                end.add(Unit::Year, 1);
                (begin, line(&end)?)
            } else {
                end.add(spec.unit, 1);
                (begin, line(&end)?)
            }
        }
        Some(("+", "")) if relative => (begin, line(&context.now)?),
        Some(("+", duration)) => (begin, context.shift(&spec, duration, 1, &line).ok_or_else(syntax)?),
        Some((_, second)) if ends_in_unit(second) => {
            // 3.0.8 forgets the fraction of the end.
            let over = if compat { begin.rem_euclid(1_000_000) } else { 0 };
            (context.shift(&spec, second, -1, &line).ok_or_else(syntax)?, begin - over)
        }
        Some((_, second)) => {
            // Where a year would end the range, 3.0.8 takes it for seconds.
            let year = compat && second.len() == 4;
            let other = if year { context.seconds(second) } else { None };
            let other = other.or_else(|| context.spec(second, &spec.at)).ok_or_else(syntax)?;
            (begin, line(&spec.wild.apply(other.at))?)
        }
    };
    if end <= start {
        return Err(TimeRangeError::Empty { start, end });
    }
    let wild = spec.wild.any().then(|| Wild { fields: spec.wild, zone: context.zone.clone() });
    Ok(TimeRange { negate, mode, ends_only: compat, start, end, wild })
}

fn ends_in_unit(text: &str) -> bool {
    text.bytes().last().is_some_and(|b| Unit::from_letter(b).is_some())
}

struct Context<'a> {
    zone: &'a TimeZone,
    now: Fields,
    compat: bool,
}

impl Context<'_> {
    /// An absolute moment, what it leaves out being taken from `base`.
    fn spec(&self, text: &str, base: &Fields) -> Option<Spec> {
        if ends_in_unit(text) {
            return self.units(text, base);
        }
        if let Some(unix) = self.unix(text) {
            return Some(unix);
        }
        // A point at the end leaves the range without length.
        let (text, empty) = match text.strip_suffix('.') {
            Some(text) => (text, true),
            None => (text, false),
        };
        let mut spec = Spec { at: *base, unit: Unit::Year, wild: Wildcards::default(), unix: false, empty };
        let (date, time) = match text.split_once('.') {
            Some((date, time)) => (Some(date), Some(time)),
            None if text.contains('/') => (Some(text), None),
            None if text.contains(':') => (None, Some(text)),
            None if text.len() == 4 => (Some(text), None),
            None => (None, Some(text)),
        };
        if let Some(date) = date {
            let parts: Vec<&str> = date.split('/').collect();
            let year_first = parts.first().is_some_and(|p| p.len() == 4);
            let units: &[Unit] = match (parts.len(), year_first, time.is_some()) {
                (1, true, false) => &[Unit::Year],
                (2, true, false) => &[Unit::Year, Unit::Month],
                (3, true, _) => &[Unit::Year, Unit::Month, Unit::Day],
                (2, false, _) => &[Unit::Month, Unit::Day],
                (1, false, true) => &[Unit::Day],
                _ => return None,
            };
            for (&unit, part) in units.iter().zip(parts) {
                let digits = if unit == Unit::Year { 4 } else { 2 };
                if part.len() != digits {
                    return None;
                }
                spec.put(unit, part)?;
            }
        }
        // 3.0.8 takes numbers above the hours for years.
        let year =
            time.filter(|_| self.compat && date.is_none()).and_then(digits).filter(|&number| number > 23);
        match (year, time) {
            (Some(24), _) => return None,
            (Some(_), Some(text)) => spec.put(Unit::Year, text)?,
            (None, Some(text)) => self.time(&mut spec, text)?,
            (_, None) => {}
        }
        let micros = spec.at.micros;
        spec.at.truncate(spec.unit);
        if spec.unit == Unit::Second {
            spec.at.micros = micros;
        }
        spec.at = spec.wild.apply(spec.at);
        Some(spec)
    }

    /// `hh[:mm[:ss[.frac]]]`.
    fn time(&self, spec: &mut Spec, text: &str) -> Option<()> {
        spec.at.micros = 0;
        let mut parts = text.split(':');
        let hour = parts.next()?;
        let late = hour.bytes().all(|b| b.is_ascii_digit()) && hour.parse::<i64>().ok()? > 23;
        if self.compat && (late || (hour.contains('*') && hour != "**")) {
            // C argus falls back to the day.
            spec.unit = spec.unit.max(Unit::Day);
            return Some(());
        }
        if hour.contains('*') && hour != "**" {
            return None;
        }
        spec.put(Unit::Hour, hour)?;
        let Some(minute) = parts.next() else {
            return Some(());
        };
        if minute.len() != 2 {
            return None;
        }
        spec.put(Unit::Minute, minute)?;
        let Some(second) = parts.next() else {
            return Some(());
        };
        let (second, fraction) = match second.split_once('.') {
            Some((second, fraction)) => (second, Some(fraction)),
            None => (second, None),
        };
        if second.len() != 2 || parts.next().is_some() {
            return None;
        }
        spec.put(Unit::Second, second)?;
        if let Some(fraction) = fraction {
            spec.at.micros = micros(fraction)?;
        }
        Some(())
    }

    /// Seconds since 1970, with a fraction.
    fn unix(&self, text: &str) -> Option<Spec> {
        let (seconds, fraction) = match text.split_once('.') {
            Some(_) if self.compat => return None,
            Some((seconds, fraction)) => (seconds, micros(fraction)?),
            None => (text, 0),
        };
        // 3.0.8 takes all for seconds that is too long for a year.
        let many = self.compat && text.len() > 4;
        let seconds: i64 = digits(seconds).filter(|s| *s > LEAST_UNIX || many)?;
        self.moment(seconds, fraction)
    }

    /// Seconds since 1970, however few.
    fn seconds(&self, text: &str) -> Option<Spec> {
        self.moment(digits(text)?, 0)
    }

    fn moment(&self, seconds: i64, fraction: i64) -> Option<Spec> {
        let moment = jiff::Timestamp::from_microsecond(seconds.checked_mul(1_000_000)? + fraction).ok()?;
        Some(Spec {
            at: Fields::from_civil(self.zone.to_datetime(moment)),
            unit: Unit::Second,
            wild: Wildcards::default(),
            unix: true,
            empty: false,
        })
    }

    /// `2020y1M15d`: fields set; what is skipped between them keeps its present value.
    fn units(&self, text: &str, base: &Fields) -> Option<Spec> {
        let mut spec =
            Spec { at: *base, unit: Unit::Year, wild: Wildcards::default(), unix: false, empty: false };
        for (number, unit) in unit_list(text)? {
            spec.put(unit, number)?;
            // The last one counts, also where it is not the smallest: `2020y1m15d` is a day.
            spec.unit = unit;
        }
        spec.at.truncate(spec.unit);
        spec.at = spec.wild.apply(spec.at);
        Some(spec)
    }

    /// `-2h`: the unit that now is in, and those before it.
    fn before_now(&self, text: &str) -> Option<Spec> {
        let list = unit_list(text)?;
        let &(number, unit) = list.first()?;
        let mut spec = Spec { at: self.now, unit, wild: Wildcards::default(), unix: false, empty: false };
        if self.compat {
            spec.at.truncate(unit);
            spec.at.add(unit, 1 - digits(number)?);
            for (number, unit) in list.into_iter().skip(1) {
                // A fault of C argus: further units are set, not subtracted.
                spec.put(unit, number)?;
            }
            return Some(spec);
        }
        let smallest = list.iter().map(|(_, unit)| *unit).max()?;
        spec.at.truncate(smallest);
        for (number, unit) in list {
            spec.at.add(unit, -digits(number)?);
        }
        spec.at.add(smallest, 1);
        spec.unit = smallest;
        Some(spec)
    }

    /// The moment `duration` after or before the spec.
    fn shift(
        &self,
        spec: &Spec,
        duration: &str,
        sign: i64,
        line: &impl Fn(&Fields) -> Result<i64, TimeRangeError>,
    ) -> Option<i64> {
        let mut at = spec.at;
        let mut micros = 0_i64;
        let units = unit_list(duration)?;
        let &(_, last) = units.last()?;
        for (number, unit) in units {
            let number = decimal(number)?;
            match unit.seconds() {
                Some(seconds) => {
                    // Fractions of a second are cut, as the C programs do.
                    let seconds = number.checked_mul(seconds)? / 1_000_000;
                    micros = micros.checked_add(seconds.checked_mul(1_000_000)?)?;
                }
                None => {
                    at.add(unit, sign * (number / 1_000_000));
                    if !self.compat {
                        at.truncate(unit);
                    }
                }
            }
        }
        if self.compat {
            // It counts on in fields, and stops where the last unit begins.
            at.add(Unit::Second, sign * (std::mem::take(&mut micros) / 1_000_000));
            at.begin(last);
        }
        line(&at).ok()?.checked_add(sign * micros)
    }
}

impl Spec {
    /// Sets a field from digits or asterisks.
    fn put(&mut self, unit: Unit, text: &str) -> Option<()> {
        self.unit = self.unit.max(unit);
        if !text.is_empty() && text.bytes().all(|b| b == b'*') {
            self.wild.insert(unit);
            return Some(());
        }
        let value = digits(text)?;
        let fits = match unit {
            Unit::Year => (1..=9999).contains(&value),
            Unit::Month => (1..=12).contains(&value),
            Unit::Day => (1..=31).contains(&value),
            Unit::Hour => value < 24,
            Unit::Minute | Unit::Second => value < 60,
        };
        self.at.set(unit, value);
        fits.then_some(())
    }
}

/// `1h30m` in pieces.
fn unit_list(text: &str) -> Option<Vec<(&str, Unit)>> {
    let mut list = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let unit = Unit::from_letter(*rest.as_bytes().get(end)?)?;
        list.push((rest.get(..end)?.trim(), unit));
        rest = rest.get(end + 1..)?;
    }
    (!list.is_empty()).then_some(list)
}

fn digits(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.len() <= 12 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

/// A decimal number in millionths.
fn decimal(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    digits(whole)?.checked_mul(1_000_000)?.checked_add(micros(fraction)?)
}

/// Digits behind a point in millionths; further ones are cut.
fn micros(fraction: &str) -> Option<i64> {
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits(&format!("{fraction:0<6}").chars().take(6).collect::<String>())
}
