//! Intervals between packets and their variation, milliseconds (chapter ra-output, note J and 8.6).

use crate::row::{Row, Side};
use crate::value::{Short, Value};
use record::dsr::jitter::Intervals;

/// Active and idle intervals of one side.
#[derive(Clone, Copy, Default)]
struct Pair {
    active: Intervals,
    idle: Intervals,
}

impl Pair {
    /// Mean over both classes, microseconds, in single precision as 3.0.8 computes it. It rounds that of one class
    /// too, for the source.
    fn mean(&self, rounded: bool) -> f32 {
        let (a, i) = match (self.active.n, self.idle.n) {
            (_, 0) if !rounded => return self.active.mean,
            (0, _) if !rounded => return self.idle.mean,
            (a, i) => (a as f32, i as f32),
        };
        (self.active.mean * a + self.idle.mean * i) / (a + i)
    }
}

/// `None` when the record has no such measurements at all.
fn pair(row: &Row<'_>, side: Side) -> Option<Pair> {
    let jitter = row.view()?.jitter()?;
    let (active, idle) = match side {
        Side::Src => (jitter.src_active, jitter.src_idle),
        Side::Dst => (jitter.dst_active, jitter.dst_idle),
    };
    Some(Pair { active: active.unwrap_or_default(), idle: idle.unwrap_or_default() })
}

fn millis<'a>(row: &Row<'a>, side: Side, of: impl Fn(&Pair) -> f32) -> Value<'a> {
    pair(row, side).map_or(Value::Absent, |pair| Value::Float(f64::from(of(&pair)) / 1000.0))
}

fn mean<'a>(row: &Row<'a>, side: Side) -> Value<'a> {
    match pair(row, side) {
        Some(pair) if pair.active.n > 0 || pair.idle.n > 0 => {
            Value::Float(f64::from(pair.mean(row.style.compat && side == Side::Src)) / 1000.0)
        }
        // 3.0.8 has a zero for the source and nothing for the destination.
        Some(_) if row.style.compat && side == Side::Src => Value::Float(0.0),
        _ => Value::Absent,
    }
}

/// Standard deviation over both classes. Where both are populated 3.0.8 mixes its units.
fn deviation<'a>(row: &Row<'a>, side: Side) -> Value<'a> {
    let Some(pair) = pair(row, side) else { return Value::Absent };
    let Pair { active, idle } = pair;
    let millis = match (active.n, idle.n) {
        (0, 0) => return Value::Absent,
        (_, 0) => return class(row, active),
        (0, _) => return class(row, idle),
        (a, i) => {
            let square = |class: &Intervals| {
                let (n, total) = (f64::from(class.n), f64::from(class.n as f32 * class.mean));
                n * f64::from(class.stdev).powi(2) + total * total / n
            };
            let n = f64::from(a) + f64::from(i);
            let sum = square(&active) + square(&idle);
            if row.style.compat {
                let variance =
                    sum / 1000.0 / n - f64::from((f64::from(pair.mean(true)) / 1000.0) as f32).powi(2);
                // A deviation that is no number stays one, with the sign that it gets there.
                if variance.is_nan() {
                    return Value::Float(-f64::NAN);
                }
                variance.max(0.0).sqrt()
            } else {
                (sum / n - f64::from(pair.mean(true)).powi(2)).max(0.0).sqrt() / 1000.0
            }
        }
    };
    Value::Float(if millis.is_nan() { 0.0 } else { millis })
}

fn class_deviation<'a>(row: &Row<'a>, side: Side, of: impl Fn(&Pair) -> Intervals) -> Value<'a> {
    match pair(row, side).map(|pair| of(&pair)) {
        Some(intervals) if intervals.n > 0 => class(row, intervals),
        _ => Value::Absent,
    }
}

/// Standard deviation of one class. Sensors write what is no number; 3.0.8 shows it.
fn class<'a>(row: &Row<'a>, intervals: Intervals) -> Value<'a> {
    let millis = f64::from(intervals.stdev) / 1000.0;
    Value::Float(if millis.is_nan() && !row.style.compat { 0.0 } else { millis })
}

fn longest<'a>(row: &Row<'a>, side: Side) -> Value<'a> {
    let active_only = row.style.compat && side == Side::Dst;
    millis(row, side, |pair| if active_only { pair.active.max } else { pair.active.max.max(pair.idle.max) })
}

/// 3.0.8 takes the larger of both minima from the source, the active one alone from the destination.
fn shortest<'a>(row: &Row<'a>, side: Side) -> Value<'a> {
    let compat = row.style.compat;
    millis(row, side, |Pair { active, idle }| match (compat, side) {
        (true, Side::Src) => active.min.max(idle.min),
        (true, Side::Dst) => active.min,
        (false, _) => match (active.n, idle.n) {
            (0, _) => idle.min,
            (_, 0) => active.min,
            _ => active.min.min(idle.min),
        },
    })
}

/// Eight hexadecimal digits, one for each power of two.
fn histogram<'a>(row: &Row<'a>, side: Side, class: impl Fn(&Pair) -> [u32; 2]) -> Value<'a> {
    let counted = row.view().and_then(|view| view.jitter()).is_some_and(|jitter| jitter.subtype & 7 == 1);
    let Some(pair) = pair(row, side).filter(|_| counted) else { return Value::Absent };
    let [word, _] = class(&pair);
    let mut text = Short::new();
    for digit in (0..8).rev() {
        // Cannot fail: eight digits.
        let _ = text.push(b"0123456789abcdef"[(word >> (4 * digit)) as usize & 15]);
    }
    Value::Text(text)
}

/// Bins of both classes added, each up to 15.
fn both(pair: &Pair) -> [u32; 2] {
    let bin = |word: u32, digit: u32| word >> (4 * digit) & 15;
    let sum = |digit| (bin(pair.active.histogram[0], digit) + bin(pair.idle.histogram[0], digit)).min(15);
    [(0..8).fold(0, |word, digit| word | sum(digit) << (4 * digit)), 0]
}

/// Declares the readers of one quantity, source and destination.
macro_rules! sides {
    ($($src:ident $dst:ident $what:literal = |$row:ident, $side:ident| $value:expr;)*) => {$(
        #[doc = concat!("Source: ", $what)]
        pub fn $src<'a>($row: &Row<'a>) -> Value<'a> {
            let $side = Side::Src;
            $value
        }

        #[doc = concat!("Destination: ", $what)]
        pub fn $dst<'a>($row: &Row<'a>) -> Value<'a> {
            let $side = Side::Dst;
            $value
        }
    )*};
}

sides! {
    sintpkt dintpkt "mean interval." = |row, side| mean(row, side);
    sintpktact dintpktact "mean interval while active." = |row, side| millis(row, side, |p| p.active.mean);
    sintpktidl dintpktidl "mean interval while idle." = |row, side| millis(row, side, |p| p.idle.mean);
    sintpktmax dintpktmax "longest interval." = |row, side| longest(row, side);
    sintpktmin dintpktmin "shortest interval." = |row, side| shortest(row, side);
    sintpktactmax dintpktactmax "longest while active." = |row, side| millis(row, side, |p| p.active.max);
    sintpktactmin dintpktactmin "shortest while active." = |row, side| millis(row, side, |p| p.active.min);
    sintpktidlmax dintpktidlmax "longest while idle." = |row, side| millis(row, side, |p| p.idle.max);
    sintpktidlmin dintpktidlmin "shortest while idle." = |row, side| millis(row, side, |p| p.idle.min);
    sjit djit "standard deviation." = |row, side| deviation(row, side);
    sjitact djitact "standard deviation while active." = |row, side| class_deviation(row, side, |p| p.active);
    sjitidl djitidl "standard deviation while idle." = |row, side| class_deviation(row, side, |p| p.idle);
    sintdist dintdist "histogram." = |row, side| histogram(row, side, both);
    sintdistact dintdistact "histogram while active." = |row, side| histogram(row, side, |p| p.active.histogram);
    sintdistidl dintdistidl "histogram while idle." = |row, side| histogram(row, side, |p| p.idle.histogram);
}
