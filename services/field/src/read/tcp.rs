//! TCP's measurements (chapter ra-output, 8.5 and 8.6).

use crate::row::{Row, Side};
use crate::value::{Short, Value};
use record::dsr::flow::FlowKey;
use record::dsr::network::{Tcp, TcpPerf, TcpSide};

const TCP: u8 = 6;
/// Largest shift of a window (RFC 7323, 2.3).
const MAX_SCALE: u8 = 14;

fn state<'r>(row: &'r Row<'_>) -> Option<&'r Tcp> {
    if row.key().and_then(FlowKey::proto) != Some(TCP) {
        return None;
    }
    row.network.as_ref()?.tcp()
}

fn perf<'r>(row: &'r Row<'_>) -> Option<&'r TcpPerf> {
    match state(row)? {
        Tcp::Perf(perf) => Some(perf),
        _ => None,
    }
}

fn side(perf: &TcpPerf, side: Side) -> &TcpSide {
    match side {
        Side::Src => &perf.src,
        Side::Dst => &perf.dst,
    }
}

/// Octets that a side last offered to take.
fn window(row: &Row<'_>, of: Side) -> Option<u64> {
    let (window, scale) = match state(row)? {
        Tcp::Perf(perf) => (side(perf, of).window, side(perf, of).window_scale),
        Tcp::Init(init) if of == Side::Src => (init.window, init.window_scale),
        Tcp::Init(_) | Tcp::Status(_) => (0, 0),
    };
    let shown = if row.style.compat {
        // 3.0.8 shifts within 32 bits, by as many places as the processor takes.
        u32::from(window).wrapping_shl(scale.into()).into()
    } else {
        u64::from(window) << scale.min(MAX_SCALE)
    };
    (row.counters(of).packets > 0).then_some(shown)
}

/// Window of the source, octets.
pub fn swin<'a>(row: &Row<'a>) -> Value<'a> {
    window(row, Side::Src).map_or(Value::Absent, Value::Uint)
}

/// Window of the destination, octets. 3.0.8 shows it only when the source has sent something.
pub fn dwin<'a>(row: &Row<'a>) -> Value<'a> {
    if row.style.compat && row.counters(Side::Src).packets == 0 {
        return Value::Absent;
    }
    window(row, Side::Dst).map_or(Value::Absent, Value::Uint)
}

fn base<'a>(row: &Row<'a>, of: Side) -> Value<'a> {
    // Who sent the one packet has changed places with the other.
    let turned = row.view().is_some_and(|view| view.is_turned());
    let number = match state(row) {
        Some(Tcp::Perf(perf)) => side(perf, of).seqbase,
        Some(Tcp::Init(init)) if (of == Side::Src) != turned => init.seq,
        _ => 0,
    };
    // 3.0.8 shows what is not there, of version 6 only.
    let shown = row.style.compat
        && of == Side::Dst
        && state(row).is_some()
        && matches!(row.key(), Some(FlowKey::Ipv6(_)));
    if number == 0 && !shown { Value::Absent } else { Value::Uint(number.into()) }
}

/// First sequence number of the source.
pub fn stcpb<'a>(row: &Row<'a>) -> Value<'a> {
    base(row, Side::Src)
}

/// First sequence number of the destination.
pub fn dtcpb<'a>(row: &Row<'a>) -> Value<'a> {
    base(row, Side::Dst)
}

fn micros<'a>(row: &Row<'a>, of: impl Fn(&TcpPerf) -> u64) -> Value<'a> {
    Value::Float(perf(row).map_or(0.0, |perf| of(perf) as f64 / 1e6))
}

/// Time of the connection's setup, seconds.
pub fn tcprtt<'a>(row: &Row<'a>) -> Value<'a> {
    micros(row, |perf| u64::from(perf.syn_ack_usec) + u64::from(perf.ack_data_usec))
}

/// From SYN to SYN-ACK, seconds.
pub fn synack<'a>(row: &Row<'a>) -> Value<'a> {
    micros(row, |perf| perf.syn_ack_usec.into())
}

/// From SYN-ACK to its acknowledgement, seconds.
pub fn ackdat<'a>(row: &Row<'a>) -> Value<'a> {
    micros(row, |perf| perf.ack_data_usec.into())
}

/// The round trip that counts for throughput, microseconds: a leg below 100 is the sensor's own. Where both are, 3.0.8
/// counts the first.
fn round_trip(perf: &TcpPerf, compat: bool) -> u64 {
    let (synack, ackdat) = (u64::from(perf.syn_ack_usec), u64::from(perf.ack_data_usec));
    match (synack, ackdat) {
        (100.., 0..100) => synack,
        (0..100, 100..) => ackdat,
        (1..100, 0..100) if compat => synack,
        _ => synack + ackdat,
    }
}

/// Bits per second that the other side's window allows, in units of `scale`.
fn throughput<'a>(row: &Row<'a>, window_of: Side, scale: f64) -> Value<'a> {
    let (Some(perf), Some(window)) = (perf(row), window(row, window_of)) else { return Value::Float(0.0) };
    match round_trip(perf, row.style.compat) {
        0 => Value::Float(0.0),
        micros => Value::Float(window as f64 * 8.0 / (micros as f64 / 1e6) / scale),
    }
}

/// Most that the source can send, kbit/s.
pub fn stcpmax<'a>(row: &Row<'a>) -> Value<'a> {
    throughput(row, Side::Dst, 1000.0)
}

/// Most that the destination can send, kbit/s; 3.0.8 forgets the k.
pub fn dtcpmax<'a>(row: &Row<'a>) -> Value<'a> {
    throughput(row, Side::Src, if row.style.compat { 1.0 } else { 1000.0 })
}

/// TCP options seen: a letter at each of twelve places.
pub fn tcpopt<'a>(row: &Row<'a>) -> Value<'a> {
    let Some(state) = state(row) else { return Value::Absent };
    let options = state.options();
    let mut text = Short::new();
    for (place, &letter) in b"MwsSeETcNOSD".iter().enumerate() {
        // Cannot fail: twelve places.
        let _ = text.push(if options & 1 << (20 + place) != 0 { letter } else { b' ' });
    }
    Value::Text(text)
}
