//! The rest: source id, sequence, cause, user data, labels, AS numbers, correlation.

use crate::row::{Row, Side, source_text};
use crate::value::{NO_PREFIX, Value};
use record::{Cause, Index, SourceId};

/// Id of who observed the record.
pub fn srcid<'a>(row: &Row<'a>) -> Value<'a> {
    row.view()
        .and_then(|view| view.transport())
        .and_then(|transport| transport.id)
        .map_or(Value::Absent, |id| source_text(row, id))
}

/// A source id as it is shown.
pub fn source(id: SourceId) -> Value<'static> {
    match id {
        SourceId::None => Value::Ipv4(0, NO_PREFIX),
        SourceId::Ipv4(address) => Value::Ipv4(address.into(), NO_PREFIX),
        SourceId::Int(number) => Value::Uint(number.into()),
        other => Value::text(other.to_string().as_bytes()),
    }
}

/// Number of the transaction or the record.
pub fn seq<'a>(row: &Row<'a>) -> Value<'a> {
    match row.view().and_then(|view| view.transport()) {
        Some(transport) => Value::Uint(transport.seq.unwrap_or(0).into()),
        None => Value::Absent,
    }
}

/// Why the record was written.
pub fn cause<'a>(row: &Row<'a>) -> Value<'a> {
    row.view().map_or(Value::Absent, |view| cause_name(view.header().cause))
}

/// The name of a cause.
pub fn cause_name(cause: Cause) -> Value<'static> {
    Value::Name(match cause {
        Cause::Start => "Start",
        Cause::Status => "Status",
        Cause::Stop => "Stop",
        Cause::Timeout => "Timeout",
        Cause::Shutdown => "Shutdown",
        Cause::Error => "Error",
        _ => "Unknown",
    })
}

/// Ordinal in the output.
pub fn rank<'a>(row: &Row<'a>) -> Value<'a> {
    if row.rank == 0 { Value::Absent } else { Value::Uint(row.rank) }
}

/// Octet of the input at which the record begins.
pub fn offset<'a>(row: &Row<'a>) -> Value<'a> {
    Value::Uint(row.offset)
}

/// Text that was attached to the record.
pub fn label<'a>(row: &Row<'a>) -> Value<'a> {
    row.view().and_then(|view| view.label()).map_or(Value::Absent, |label| Value::Bytes(label.text))
}

fn country<'a>(row: &Row<'a>, side: Side) -> Value<'a> {
    let Some(codes) = row.view().and_then(|view| view.cocode()) else { return Value::Absent };
    let code = if side == Side::Src { codes.src } else { codes.dst };
    Value::text(code.split(|&byte| byte == 0).next().unwrap_or_default())
}

/// Country of the source.
pub fn sco<'a>(row: &Row<'a>) -> Value<'a> {
    country(row, Side::Src)
}

/// Country of the destination.
pub fn dco<'a>(row: &Row<'a>) -> Value<'a> {
    country(row, Side::Dst)
}

/// Country of the intermediate node: records of version 3 do not carry one.
pub fn ico<'a>(_: &Row<'a>) -> Value<'a> {
    Value::Absent
}

fn system(row: &Row<'_>, number: Option<u32>) -> Value<'static> {
    use crate::style::AsFormat;
    let Some(number) = number.filter(|&number| number != 0) else { return Value::Absent };
    let dotted = || {
        let mut text = Vec::new();
        crate::number::put_uint(&mut text, (number >> 16).into());
        text.push(b'.');
        crate::number::put_uint(&mut text, (number & 0xFFFF).into());
        Value::text(&text)
    };
    match row.style.as_format {
        AsFormat::DotPlus => dotted(),
        AsFormat::Dot if number > 0xFFFF => dotted(),
        _ => Value::Uint(number.into()),
    }
}

/// Autonomous system of the source.
pub fn sas<'a>(row: &Row<'a>) -> Value<'a> {
    system(row, row.view().and_then(|view| view.asn()).map(|asn| asn.src))
}

/// Autonomous system of the destination.
pub fn das<'a>(row: &Row<'a>) -> Value<'a> {
    system(row, row.view().and_then(|view| view.asn()).map(|asn| asn.dst))
}

/// Autonomous system of the intermediate node.
pub fn ias<'a>(row: &Row<'a>) -> Value<'a> {
    system(row, row.view().and_then(|view| view.asn()).and_then(|asn| asn.inode))
}

/// The router that reported an ICMP error about the flow.
pub fn inode<'a>(row: &Row<'a>) -> Value<'a> {
    let Some(view) = row.view() else { return Value::Absent };
    // 3.0.8 knows three kinds of errors.
    if row.style.compat && view.icmp_mapped().is_none() {
        return Value::Absent;
    }
    view.icmp_error().map_or(Value::Absent, |error| Value::Ipv4(error.src.into(), 32))
}

/// Captured user data of the source.
pub fn suser<'a>(row: &Row<'a>) -> Value<'a> {
    match row.view().and_then(|view| view.src_data()) {
        Some(data) if !data.bytes.is_empty() => Value::Data(b's', data.bytes),
        _ => Value::Absent,
    }
}

/// Captured user data of the destination.
pub fn duser<'a>(row: &Row<'a>) -> Value<'a> {
    match row.view().and_then(|view| view.dst_data()) {
        Some(data) if !data.bytes.is_empty() => Value::Data(b'd', data.bytes),
        _ => Value::Absent,
    }
}

fn keystrokes<'a>(row: &Row<'a>, of: impl Fn(u64, u64) -> u64) -> Value<'a> {
    let behavior = row.view().and_then(|view| view.behavior());
    behavior.map_or(Value::Absent, |behavior| Value::Uint(of(behavior.src.into(), behavior.dst.into())))
}

/// Keystrokes of both sides.
pub fn nstroke<'a>(row: &Row<'a>) -> Value<'a> {
    keystrokes(row, |src, dst| src + dst)
}

/// Keystrokes of the source.
pub fn snstroke<'a>(row: &Row<'a>) -> Value<'a> {
    keystrokes(row, |src, _| src)
}

/// Keystrokes of the destination.
pub fn dnstroke<'a>(row: &Row<'a>) -> Value<'a> {
    keystrokes(row, |_, dst| dst)
}

/// Of the first correlated record.
fn correlated<'a>(row: &Row<'a>, of: impl Fn(&record::dsr::cor::Correlation) -> Value<'a>) -> Value<'a> {
    let Some(view) = row.view().filter(|view| view.has(Index::Cor)) else { return Value::Absent };
    view.correlations().first().map_or(Value::Absent, of)
}

fn delta(micros: i32) -> Value<'static> {
    Value::Float(f64::from(micros) / 1e6)
}

/// How much longer the correlated record lasts, seconds.
pub fn dldur<'a>(row: &Row<'a>) -> Value<'a> {
    correlated(row, |other| delta(other.duration))
}

/// How much later it starts, seconds.
pub fn dlstime<'a>(row: &Row<'a>) -> Value<'a> {
    correlated(row, |other| delta(other.start))
}

/// How much later it ends, seconds.
pub fn dlltime<'a>(row: &Row<'a>) -> Value<'a> {
    correlated(row, |other| delta(other.last))
}

/// How many more packets the source sent.
pub fn dlspkt<'a>(row: &Row<'a>) -> Value<'a> {
    correlated(row, |other| Value::Int(other.src_packets.into()))
}

/// How many more packets the destination sent.
pub fn dldpkt<'a>(row: &Row<'a>) -> Value<'a> {
    correlated(row, |other| Value::Int(other.dst_packets.into()))
}

/// Source id of the correlated record.
pub fn cor<'a>(row: &Row<'a>) -> Value<'a> {
    correlated(row, |other| Value::Ipv4(other.id, NO_PREFIX))
}

/// Row number in a database: 0 outside of one.
pub fn autoid<'a>(_: &Row<'a>) -> Value<'a> {
    Value::Uint(0)
}

/// Seconds since the start of the first record of the run.
pub fn rtime<'a>(row: &Row<'a>) -> Value<'a> {
    let start = row.times.start();
    Value::Float((start.micros() - row.base.unwrap_or(start).micros()) as f64 / 1e6)
}

/// How long the record has been waiting: nothing waits in a reader.
pub fn idle<'a>(_: &Row<'a>) -> Value<'a> {
    Value::Absent
}
