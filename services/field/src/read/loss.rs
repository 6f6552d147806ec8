//! What went missing: losses, gaps, and the counters of UDT (chapter ra-output, 8.6).

use crate::formula;
use crate::row::{Row, Side};
use crate::value::Value;
use record::dsr::flow::FlowKey;
use record::dsr::network::{Body as Network, Tcp, TcpPerf};

const TCP: u8 = 6;

fn perf<'r>(row: &'r Row<'_>) -> Option<&'r TcpPerf> {
    match &row.network.as_ref()?.body {
        Network::Tcp(Tcp::Perf(perf)) if row.key().and_then(FlowKey::proto) == Some(TCP) => Some(perf),
        _ => None,
    }
}

/// Packets lost from one side.
fn lost(row: &Row<'_>, side: Side) -> u64 {
    let Some(network) = &row.network else { return 0 };
    let tcp = row.key().and_then(FlowKey::proto) == Some(TCP);
    formula::lost(network, tcp, &row.metric.unwrap_or_default(), side)
}

/// The same, nothing when the side has sent no packet.
fn side_lost(row: &Row<'_>, side: Side) -> u64 {
    if row.counters(side).packets > 0 { lost(row, side) } else { 0 }
}

fn all_lost(row: &Row<'_>) -> u64 {
    // 3.0.8 looks at the source's packets alone.
    if row.style.compat && row.counters(Side::Src).packets == 0 {
        return 0;
    }
    lost(row, Side::Src) + lost(row, Side::Dst)
}

/// Packets lost.
pub fn loss<'a>(row: &Row<'a>) -> Value<'a> {
    Value::Uint(all_lost(row))
}

/// Packets lost from the source.
pub fn sloss<'a>(row: &Row<'a>) -> Value<'a> {
    Value::Uint(side_lost(row, Side::Src))
}

/// Packets lost from the destination.
pub fn dloss<'a>(row: &Row<'a>) -> Value<'a> {
    Value::Uint(side_lost(row, Side::Dst))
}

fn percent(part: u64, whole: u64) -> Value<'static> {
    Value::Float(formula::percent(part, whole))
}

/// Percentage of packets lost.
pub fn ploss<'a>(row: &Row<'a>) -> Value<'a> {
    percent(all_lost(row), row.packets())
}

/// Percentage of the source's packets lost.
pub fn sploss<'a>(row: &Row<'a>) -> Value<'a> {
    percent(side_lost(row, Side::Src), row.counters(Side::Src).packets)
}

/// Percentage of the destination's packets lost.
pub fn dploss<'a>(row: &Row<'a>) -> Value<'a> {
    percent(side_lost(row, Side::Dst), row.counters(Side::Dst).packets)
}

/// Octets of the sequence space that were not seen from one side; 0 where the record cannot tell.
pub fn gap(row: &Row<'_>, side: Side) -> u32 {
    let Some(perf) = perf(row) else { return 0 };
    let state = if side == Side::Src { &perf.src } else { &perf.dst };
    if state.retrans > 0 || is_silent(row, side) {
        return 0;
    }
    if state.seqbase == 0 && !row.style.compat {
        // Merging forgets where a side began.
        return 0;
    }
    let missing = state.seq.wrapping_sub(state.seqbase).wrapping_sub(state.bytes) as i32;
    u32::try_from(missing.saturating_sub(1)).unwrap_or(0)
}

/// A gap as it is shown. 3.0.8 has none of a side that sent no data, and the least number for one of 2³¹ and more.
fn shown_gap<'a>(row: &Row<'a>, side: Side) -> Value<'a> {
    if !is_tcp(row) {
        return Value::Absent;
    }
    let Some(perf) = perf(row).filter(|_| row.style.compat) else {
        return Value::Uint(gap(row, side).into());
    };
    let state = if side == Side::Src { &perf.src } else { &perf.dst };
    let missing = i64::from(state.seq.wrapping_sub(state.seqbase)) - i64::from(state.bytes);
    match missing - 1 {
        1.. if state.bytes == 0 || state.retrans > 0 || is_silent(row, side) => Value::Uint(0),
        gap @ 0x8000_0000.. if row.style.abbreviate => Value::Uint(gap.unsigned_abs()),
        0x8000_0000.. => Value::Int(i32::MIN.into()),
        _ => Value::Uint(gap(row, side).into()),
    }
}

/// Whether a side has sent nothing. Of a half 3.0.8 looks at the flow that it was made of.
fn is_silent(row: &Row<'_>, side: Side) -> bool {
    row.counters(side).packets == 0 && !row.is_half()
}

/// Whether octets are missing on either side. To 3.0.8 they are too where it shows the least number.
pub fn has_gap(row: &Row<'_>) -> bool {
    let missing = |side| match shown_gap(row, side) {
        Value::Uint(gap) => gap > 0,
        Value::Int(_) => true,
        _ => false,
    };
    missing(Side::Src) || missing(Side::Dst)
}

fn is_tcp(row: &Row<'_>) -> bool {
    row.key().and_then(FlowKey::proto) == Some(TCP)
        && row.network.is_some_and(|network| network.tcp().is_some())
}

/// Gap in the source's sequence, octets.
pub fn sgap<'a>(row: &Row<'a>) -> Value<'a> {
    shown_gap(row, Side::Src)
}

/// Gap in the destination's sequence, octets.
pub fn dgap<'a>(row: &Row<'a>) -> Value<'a> {
    shown_gap(row, Side::Dst)
}

/// Places of UDT's counters in its block of metrics.
const SOLO: usize = 10;
const FIRST: usize = 11;
const RETRANS: usize = 15;
const NACKED: usize = 16;

/// A counter of UDT, which readers know for the source only.
fn udt(row: &Row<'_>, place: usize, side: Option<Side>) -> u64 {
    match row.network.as_ref().map(|network| &network.body) {
        Some(Network::Udt(udt)) if side != Some(Side::Dst) => {
            udt.metrics.get(place).copied().unwrap_or(0).into()
        }
        _ => 0,
    }
}

fn udt_percent<'a>(row: &Row<'a>, place: usize, side: Option<Side>) -> Value<'a> {
    let packets = side.map_or(row.packets(), |side| row.counters(side).packets);
    if packets == 0 {
        return Value::Float(0.0);
    }
    Value::Float(100.0 * udt(row, place, side) as f64 / packets as f64)
}

/// Declares the readers of one counter: number and percentage, of both sides, the source, the destination.
macro_rules! counters {
    ($($place:ident $what:literal: $all:ident $src:ident $dst:ident $pall:ident $psrc:ident $pdst:ident;)*) => {$(
        #[doc = concat!("UDT: ", $what, ".")]
        pub fn $all<'a>(row: &Row<'a>) -> Value<'a> {
            Value::Uint(udt(row, $place, None))
        }

        #[doc = concat!("UDT: ", $what, " from the source.")]
        pub fn $src<'a>(row: &Row<'a>) -> Value<'a> {
            Value::Uint(udt(row, $place, Some(Side::Src)))
        }

        #[doc = concat!("UDT: ", $what, " from the destination.")]
        pub fn $dst<'a>(row: &Row<'a>) -> Value<'a> {
            Value::Uint(udt(row, $place, Some(Side::Dst)))
        }

        #[doc = concat!("UDT: percentage of ", $what, ".")]
        pub fn $pall<'a>(row: &Row<'a>) -> Value<'a> {
            udt_percent(row, $place, None)
        }

        #[doc = concat!("UDT: percentage of ", $what, " from the source.")]
        pub fn $psrc<'a>(row: &Row<'a>) -> Value<'a> {
            udt_percent(row, $place, Some(Side::Src))
        }

        #[doc = concat!("UDT: percentage of ", $what, " from the destination.")]
        pub fn $pdst<'a>(row: &Row<'a>) -> Value<'a> {
            udt_percent(row, $place, Some(Side::Dst))
        }
    )*};
}

counters! {
    RETRANS "packets sent again": retrans sretrans dretrans pretrans spretrans dpretrans;
    NACKED "packets reported missing": nacks snacks dnacks pnacks spnacks dpnacks;
    SOLO "messages of one packet": solo ssolo dsolo psolo spsolo dpsolo;
    FIRST "first packets of messages": first sfirst dfirst pfirst spfirst dpfirst;
}
