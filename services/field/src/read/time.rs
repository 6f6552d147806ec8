//! When: first and last packets, durations (chapter ra-output, section 6).

use crate::row::{Row, Side, UNSET};
use crate::value::Value;
use record::Stamp;

/// Earliest stamp of both sides.
pub fn start<'a>(row: &Row<'a>) -> Value<'a> {
    Value::Time(row.times.start())
}

/// Latest stamp of both sides.
pub fn last<'a>(row: &Row<'a>) -> Value<'a> {
    let end = row.times.end();
    // 3.0.8 has no end where the start is not set and one side alone has sent.
    let alone = row.counters(Side::Src).packets == 0 || row.counters(Side::Dst).packets == 0;
    Value::Time(if row.style.compat && alone && end.secs() == UNSET { Stamp::ZERO } else { end })
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
