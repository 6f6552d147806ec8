//! How much: packets, octets, rates and loads (chapter ra-output, 8.6). Single precision, as 3.0.8 computes.

use crate::formula;
use crate::row::{Row, Side};
use crate::value::Value;
use record::dsr::metric::Counters;

fn total<'a>(row: &Row<'a>, of: impl Fn(Counters) -> u64) -> Value<'a> {
    match row.metric {
        Some(metric) => Value::Uint(of(metric.src).saturating_add(of(metric.dst))),
        None => Value::Absent,
    }
}

fn one<'a>(row: &Row<'a>, side: Side, of: impl Fn(Counters) -> u64) -> Value<'a> {
    if row.metric.is_some() { Value::Uint(of(row.counters(side))) } else { Value::Absent }
}

/// Octets of both sides.
pub fn bytes<'a>(row: &Row<'a>) -> Value<'a> {
    total(row, |side| side.bytes)
}

/// Octets from the source.
pub fn sbytes<'a>(row: &Row<'a>) -> Value<'a> {
    one(row, Side::Src, |side| side.bytes)
}

/// Octets from the destination.
pub fn dbytes<'a>(row: &Row<'a>) -> Value<'a> {
    one(row, Side::Dst, |side| side.bytes)
}

/// Application octets of both sides.
pub fn appbytes<'a>(row: &Row<'a>) -> Value<'a> {
    total(row, |side| side.app_bytes)
}

/// Application octets from the source.
pub fn sappbytes<'a>(row: &Row<'a>) -> Value<'a> {
    one(row, Side::Src, |side| side.app_bytes)
}

/// Application octets from the destination.
pub fn dappbytes<'a>(row: &Row<'a>) -> Value<'a> {
    one(row, Side::Dst, |side| side.app_bytes)
}

/// Packets of both sides.
pub fn pkts<'a>(row: &Row<'a>) -> Value<'a> {
    total(row, |side| side.packets)
}

/// Packets from the source.
pub fn spkts<'a>(row: &Row<'a>) -> Value<'a> {
    one(row, Side::Src, |side| side.packets)
}

/// Packets from the destination.
pub fn dpkts<'a>(row: &Row<'a>) -> Value<'a> {
    one(row, Side::Dst, |side| side.packets)
}

/// Duration of a side, or of the flow when the side has none.
fn span(row: &Row<'_>, side: Side) -> f32 {
    formula::span(&row.times, side)
}

fn side_load(row: &Row<'_>, side: Side) -> f32 {
    formula::load(row.counters(side), span(row, side))
}

/// Bits per second of both sides.
pub fn load<'a>(row: &Row<'a>) -> Value<'a> {
    let duration = row.left_over.duration.unwrap_or_else(|| row.duration());
    if duration <= 0.0 {
        return Value::Float(0.0);
    }
    if let Some(load) = row.left_over.load {
        // Of a half it divides the whole's by the whole's duration.
        let own = formula::side_duration(&row.times, Side::Src);
        return Value::Float((load * if own > 0.0 { own } else { duration } / duration).into());
    }
    let (src, dst) = (side_load(row, Side::Src), side_load(row, Side::Dst));
    Value::Float(((src * span(row, Side::Src) + dst * span(row, Side::Dst)) / duration).into())
}

/// 3.0.8 computes the loads before it turns a record round, and leaves them.
pub(crate) fn shown_load(row: &Row<'_>, side: Side) -> f32 {
    if let (Some(load), Side::Src) = (row.left_over.load, side) {
        return load;
    }
    let turned = row.style.compat && row.view().is_some_and(|view| view.is_turned());
    let side = match (side, turned) {
        (Side::Src, false) | (Side::Dst, true) => Side::Src,
        _ => Side::Dst,
    };
    side_load(row, side)
}

/// Bits per second from the source.
pub fn sload<'a>(row: &Row<'a>) -> Value<'a> {
    Value::Float(shown_load(row, Side::Src).into())
}

/// Bits per second from the destination.
pub fn dload<'a>(row: &Row<'a>) -> Value<'a> {
    Value::Float(shown_load(row, Side::Dst).into())
}

fn per_second(packets: u64, span: f32) -> Value<'static> {
    Value::Float(formula::rate(packets, span).into())
}

/// Packets per second of both sides.
pub fn rate<'a>(row: &Row<'a>) -> Value<'a> {
    per_second(row.packets(), row.duration())
}

/// Packets per second from the source.
pub fn srate<'a>(row: &Row<'a>) -> Value<'a> {
    per_second(row.counters(Side::Src).packets, span(row, Side::Src))
}

/// Packets per second from the destination.
pub fn drate<'a>(row: &Row<'a>) -> Value<'a> {
    per_second(row.counters(Side::Dst).packets, span(row, Side::Dst))
}

fn mean_size<'a>(row: &Row<'a>, side: Side) -> Value<'a> {
    let counters = row.counters(side);
    if counters.packets == 0 {
        return Value::Float(0.0);
    }
    Value::Float((counters.bytes as f32 / counters.packets as f32).into())
}

/// Mean size of the source's packets, octets.
pub fn smeansz<'a>(row: &Row<'a>) -> Value<'a> {
    mean_size(row, Side::Src)
}

/// Mean size of the destination's packets, octets.
pub fn dmeansz<'a>(row: &Row<'a>) -> Value<'a> {
    mean_size(row, Side::Dst)
}

/// Balance of application octets, from -1 (all from the destination) to 1 (all from the source).
pub fn abr<'a>(row: &Row<'a>) -> Value<'a> {
    let Some(metric) = row.metric else { return Value::Float(0.0) };
    let balance = formula::balance(&metric);
    // 3.0.8 prints the sign of nothing.
    Value::Float(if balance == 0.0 && !row.style.compat { 0.0 } else { balance })
}

fn share<'a>(row: &Row<'a>, application: u64, octets: u64) -> Value<'a> {
    match row.metric {
        None => Value::Absent,
        // 3.0.8 prints the sign.
        Some(_) if octets == 0 => Value::Float(if row.style.compat { -0.0 } else { 0.0 }),
        // In single precision, as everything that clients compute of counters.
        Some(_) => Value::Float((application as f32 / octets as f32).into()),
    }
}

/// Share of application octets in all.
pub fn tf<'a>(row: &Row<'a>) -> Value<'a> {
    let (src, dst) = (row.counters(Side::Src), row.counters(Side::Dst));
    share(row, src.app_bytes.saturating_add(dst.app_bytes), src.bytes.saturating_add(dst.bytes))
}

/// Share of application octets in the source's.
pub fn stf<'a>(row: &Row<'a>) -> Value<'a> {
    let src = row.counters(Side::Src);
    share(row, src.app_bytes, src.bytes)
}

/// Share of application octets in the destination's.
pub fn dtf<'a>(row: &Row<'a>) -> Value<'a> {
    let dst = row.counters(Side::Dst);
    share(row, dst.app_bytes, dst.bytes)
}
