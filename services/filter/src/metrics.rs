//! Derived values: rates, loads, durations, ratios, losses, in single precision as the clients
//! compute them (ra chapter, section 8.6).

use record::Stamp;
use record::dsr::jitter::Intervals;
use record::dsr::network::{Body, Tcp};

use crate::subject::Subject;
use crate::test::{Fraction, Side};

/// The value of a fraction, `None` when the record does not carry it. Those derived from packets and times are
/// 0 for management records (filter chapter, section 5.2).
pub(crate) fn fraction(subject: &Subject<'_, '_>, fraction: Fraction, side: Side) -> Option<f32> {
    let intervals = |active: bool| -> Option<Intervals> {
        let Some(jitter) = subject.view.jitter() else {
            // To 3.0.8.2 an absent block holds −1.
            return subject.historic.then_some(Intervals { mean: -1.0, stdev: -1.0, ..Intervals::default() });
        };
        let found = match (side, active) {
            (Side::Src, true) => jitter.src_active,
            (Side::Src, false) => jitter.src_idle,
            (Side::Dst, true) => jitter.dst_active,
            (Side::Dst, false) => jitter.dst_idle,
        };
        if subject.historic { Some(found.unwrap_or_default()) } else { found }
    };
    let number = |value: f32| if value.is_nan() { 0.0 } else { value };
    match fraction {
        Fraction::Rate => Some(rate(subject, as_read(subject, side))),
        Fraction::Load => Some(load(subject, as_read(subject, side))),
        // 3.0.8.2 computes it only after filtering.
        Fraction::PercentLoss if subject.historic => Some(0.0),
        Fraction::PercentLoss => Some(percent_loss(subject, side)),
        Fraction::Pcr => Some(pcr(subject)),
        Fraction::Duration => Some(duration(subject)),
        Fraction::MeanDuration => Some(match subject.view.agr() {
            Some(agr) => agr.active.mean,
            None => duration(subject),
        }),
        Fraction::IntervalActive => intervals(true).map(|i| number(i.mean)),
        Fraction::IntervalIdle => intervals(false).map(|i| number(i.mean)),
        Fraction::JitterActive => intervals(true).map(|i| number(i.stdev)),
        Fraction::JitterIdle => intervals(false).map(|i| number(i.stdev)),
        Fraction::InterFlow => subject.view.agr().map(|agr| number(agr.idle.mean)),
        Fraction::InterFlowDeviation => subject.view.agr().map(|agr| number(agr.idle.stdev)),
        Fraction::Latitude | Fraction::Longitude => {
            let geo = subject.view.geo()?;
            let place = match side {
                Side::Src => geo.src,
                Side::Dst => geo.dst,
            }?;
            Some(if fraction == Fraction::Latitude { place.latitude } else { place.longitude })
        }
    }
}

/// The side that had the value when the record was read: 3.0.8.2 computes rates before it turns records round.
fn as_read(subject: &Subject<'_, '_>, side: Side) -> Side {
    match side {
        Side::Src if subject.historic && subject.view.is_turned() => Side::Dst,
        Side::Dst if subject.historic && subject.view.is_turned() => Side::Src,
        side => side,
    }
}

/// Seconds from the first to the last packet.
fn duration(subject: &Subject<'_, '_>) -> f32 {
    if !subject.view.kind().has_dsrs() {
        return 0.0;
    }
    let times = subject.view.times();
    seconds(times.start(), times.end())
}

/// The same of one side's packets; of the record when that is 0.
fn side_duration(subject: &Subject<'_, '_>, side: Side) -> f32 {
    let times = subject.view.times();
    let span = match side {
        Side::Src => times.src,
        Side::Dst => times.dst,
    };
    let own = span.map_or(0.0, |(start, end)| seconds(start, end));
    if own > 0.0 { own } else { duration(subject) }
}

fn seconds(start: Stamp, end: Stamp) -> f32 {
    (end.since(start) as f64 / 1e9) as f32
}

fn counters(subject: &Subject<'_, '_>, side: Side) -> Option<record::Counters> {
    let metric = subject.metric()?;
    Some(match side {
        Side::Src => metric.src,
        Side::Dst => metric.dst,
    })
}

/// Packets a second.
fn rate(subject: &Subject<'_, '_>, side: Side) -> f32 {
    let (Some(counters), span) = (counters(subject, side), side_duration(subject, side)) else { return 0.0 };
    if counters.packets < 2 || span <= 0.0 { 0.0 } else { (counters.packets - 1) as f32 / span }
}

/// Bits a second, the first packet's share taken off.
fn load(subject: &Subject<'_, '_>, side: Side) -> f32 {
    let (Some(counters), span) = (counters(subject, side), side_duration(subject, side)) else { return 0.0 };
    if counters.packets < 2 || span <= 0.0 {
        return 0.0;
    }
    let octets = counters.bytes - counters.bytes / counters.packets;
    octets as f32 * 8.0 / span
}

/// Packets lost or sent again.
pub(crate) fn loss(subject: &Subject<'_, '_>, side: Side) -> u64 {
    let pick = |src: u32, dst: u32| match side {
        Side::Src => u64::from(src),
        Side::Dst => u64::from(dst),
    };
    if counters(subject, side).is_none_or(|counters| counters.packets == 0) {
        return 0;
    }
    let Some(network) = subject.network() else { return 0 };
    match &network.body {
        Body::Tcp(Tcp::Perf(tcp)) if tcp.state != 0 || tcp.status != 0 => {
            pick(tcp.src.retrans, tcp.dst.retrans)
        }
        Body::Rtp(rtp) => pick(rtp.src_drops.into(), rtp.dst_drops.into()),
        Body::Udt(udt) => pick(udt.metrics[UDT_DROPS], 0),
        // An ESP flow has one direction.
        Body::Esp(esp) => esp.lost.into(),
        _ => 0,
    }
}

/// Place of the drops among the UDT counters (record-format chapter, section 7.5).
const UDT_DROPS: usize = 14;

fn percent_loss(subject: &Subject<'_, '_>, side: Side) -> f32 {
    let lost = loss(subject, side) as f32;
    let seen = counters(subject, side).map_or(0, |counters| counters.packets) as f32;
    if lost == 0.0 { 0.0 } else { lost * 100.0 / (seen + lost) }
}

/// Producer-consumer ratio: −0 without application octets.
pub(crate) fn pcr(subject: &Subject<'_, '_>) -> f32 {
    let Some(metric) = subject.metric() else { return 0.0 };
    let (src, dst) = (metric.src.app_bytes as f32, metric.dst.app_bytes as f32);
    if src + dst == 0.0 {
        return -0.0;
    }
    let ratio = (src - dst) / (src + dst);
    // 3.0.8.2 computes it before it turns the record round.
    if subject.historic && subject.view.is_turned() && ratio != 0.0 { -ratio } else { ratio }
}
