//! When: first and last packets, durations (chapter ra-output, section 6).

use crate::row::{Row, Side, UNSET};
use crate::value::Value;
use record::Stamp;
use record::dsr::time::Stamps;

/// Earliest stamp of both sides.
pub fn start<'a>(row: &Row<'a>) -> Value<'a> {
    Value::Time(row.times.start())
}

/// Latest stamp of both sides.
pub fn last<'a>(row: &Row<'a>) -> Value<'a> {
    let end = row.times.end();
    if !row.style.compat {
        return Value::Time(end);
    }
    // 3.0.8 finds none from January 2038 to what stands for "not set", where one side alone has sent.
    let alone = row.counters(Side::Src).packets == 0 || row.counters(Side::Dst).packets == 0;
    let unset = alone && (1 << 31..=UNSET).contains(&end.secs());
    Value::Time(if unset { Stamp::ZERO } else { only_end(row).unwrap_or(end) })
}

/// The end that 3.0.8 shows where one side has a start alone: that of the other.
fn only_end(row: &Row<'_>) -> Option<Stamp> {
    let stored = row.view()?.parts().time_stored?;
    match stored.stamps {
        Stamps::Sides(src, dst) | Stamps::Relative(src, dst) => match (src?.end, dst?.end) {
            (Some(end), None) | (None, Some(end)) => Some(end),
            _ => None,
        },
        _ => None,
    }
}

/// Seconds between the two.
pub fn dur<'a>(row: &Row<'a>) -> Value<'a> {
    Value::Float(f64::from(row.duration()))
}

/// Seconds between the first and the last packet of the source.
pub fn sdur<'a>(row: &Row<'a>) -> Value<'a> {
    Value::Float(f64::from(row.side_duration(Side::Src)))
}

/// Seconds between the first and the last packet of the destination.
pub fn ddur<'a>(row: &Row<'a>) -> Value<'a> {
    Value::Float(f64::from(row.side_duration(Side::Dst)))
}

/// First packet of the source.
pub fn src_start<'a>(row: &Row<'a>) -> Value<'a> {
    Value::Time(row.times.src.map_or(Stamp::ZERO, |range| range.0))
}

/// Last packet of the source.
pub fn src_last<'a>(row: &Row<'a>) -> Value<'a> {
    Value::Time(row.times.src.map_or(Stamp::ZERO, |range| range.1))
}

/// First packet of the destination.
pub fn dst_start<'a>(row: &Row<'a>) -> Value<'a> {
    Value::Time(row.times.dst.map_or(Stamp::ZERO, |range| range.0))
}

/// Last packet of the destination.
pub fn dst_last<'a>(row: &Row<'a>) -> Value<'a> {
    Value::Time(row.times.dst.map_or(Stamp::ZERO, |range| range.1))
}
