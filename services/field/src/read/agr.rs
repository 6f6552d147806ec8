//! Statistics over the records that were merged into this one; of itself, when there was no merge.

use crate::row::Row;
use crate::value::Value;
use record::dsr::agr::Agr;

/// The statistics; a record with packets that carries none stands for itself.
fn statistics(row: &Row<'_>) -> Option<Agr> {
    row.view()?.agr().or_else(|| {
        // 3.0.8 makes them before it makes halves of a flow.
        let duration = row.left_over.duration.unwrap_or_else(|| row.duration());
        (row.packets() > 0).then(|| Agr::single(duration))
    })
}

/// Number of records.
pub fn trans<'a>(row: &Row<'a>) -> Value<'a> {
    Value::Uint(statistics(row).map_or(0, |agr| agr.count.into()))
}

/// Mean duration of the active ones, seconds.
pub fn mean<'a>(row: &Row<'a>) -> Value<'a> {
    Value::Float(statistics(row).map_or(0.0, |agr| agr.active.mean.into()))
}

/// Shortest duration, seconds.
pub fn min<'a>(row: &Row<'a>) -> Value<'a> {
    statistics(row).map_or(Value::Absent, |agr| Value::Float(agr.active.min.into()))
}

/// Longest duration, seconds.
pub fn max<'a>(row: &Row<'a>) -> Value<'a> {
    statistics(row).map_or(Value::Absent, |agr| Value::Float(agr.active.max.into()))
}

/// Standard deviation of the durations, seconds.
pub fn stddev<'a>(row: &Row<'a>) -> Value<'a> {
    // 3.0.8 leaves that of an earlier record in place of one that it makes up.
    let made_up = row.packets() > 0 && row.view().is_some_and(|view| view.agr().is_none());
    let deviation =
        if made_up { Some(row.left_over.deviation) } else { statistics(row).map(|agr| agr.active.stdev) };
    Value::Float(deviation.unwrap_or(0.0).into())
}

/// Sum of the durations, seconds.
pub fn sum<'a>(row: &Row<'a>) -> Value<'a> {
    Value::Float(statistics(row).map_or(0.0, |agr| (agr.active.mean * agr.active.n as f32).into()))
}
