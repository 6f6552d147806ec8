//! Derived values of a record under test: rates, loads, durations, ratios, losses. The formulas are those of the columns.

use field::formula;
use record::dsr::jitter::Intervals;

use crate::subject::Subject;
use crate::test::{Fraction, Side};

const TCP: u8 = 6;

/// The value of a fraction, `None` when the record does not carry it. Those derived from packets and times are
/// 0 for management records (filter chapter, section 5.2).
pub(crate) fn fraction(subject: &Subject<'_, '_>, fraction: Fraction, side: Side) -> Option<f64> {
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
    // A deviation out of a variance that rounding made negative.
    let number = |value: f32| if value.is_nan() && !subject.historic { 0.0 } else { value };
    let single = |value: f32| Some(f64::from(value));
    match fraction {
        Fraction::Rate => single(rate(subject, as_read(subject, side))),
        Fraction::Load => single(load(subject, as_read(subject, side))),
        // 3.0.8.2 computes it only after filtering.
        Fraction::PercentLoss if subject.historic => Some(0.0),
        Fraction::PercentLoss => Some(percent_loss(subject, side)),
        Fraction::Pcr => Some(pcr(subject)),
        Fraction::Duration => single(duration(subject)),
        Fraction::MeanDuration => single(match subject.view.agr() {
            Some(agr) => agr.active.mean,
            None => duration(subject),
        }),
        Fraction::IntervalActive => intervals(true).map(|i| f64::from(number(i.mean))),
        Fraction::IntervalIdle => intervals(false).map(|i| f64::from(number(i.mean))),
        Fraction::JitterActive => intervals(true).map(|i| f64::from(number(i.stdev))),
        Fraction::JitterIdle => intervals(false).map(|i| f64::from(number(i.stdev))),
        Fraction::InterFlow => subject.view.agr().map(|agr| f64::from(number(agr.idle.mean))),
        Fraction::InterFlowDeviation => subject.view.agr().map(|agr| f64::from(number(agr.idle.stdev))),
        Fraction::Latitude | Fraction::Longitude => {
            let geo = subject.view.geo()?;
            let place = match side {
                Side::Src => geo.src,
                Side::Dst => geo.dst,
            }?;
            single(if fraction == Fraction::Latitude { place.latitude } else { place.longitude })
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
    if subject.view.kind().has_dsrs() { formula::duration(&subject.view.times()) } else { 0.0 }
}

/// Packets a second.
fn rate(subject: &Subject<'_, '_>, side: Side) -> f32 {
    subject.metric().map_or(0.0, |metric| {
        let packets = formula::counters(metric, of_field(side)).packets;
        formula::rate(packets, formula::span(&subject.view.times(), of_field(side)))
    })
}

/// Bits a second.
fn load(subject: &Subject<'_, '_>, side: Side) -> f32 {
    subject.metric().map_or(0.0, |metric| {
        let counters = formula::counters(metric, of_field(side));
        formula::load(counters, formula::span(&subject.view.times(), of_field(side)))
    })
}

/// Packets lost or sent again.
pub(crate) fn loss(subject: &Subject<'_, '_>, side: Side) -> u64 {
    let (Some(metric), Some(network)) = (subject.metric(), subject.network()) else { return 0 };
    let tcp = subject.flow().and_then(|flow| flow.key.proto()) == Some(TCP);
    formula::side_lost(network, tcp, metric, of_field(side))
}

fn percent_loss(subject: &Subject<'_, '_>, side: Side) -> f64 {
    let Some(metric) = subject.metric() else { return 0.0 };
    formula::percent(loss(subject, side), formula::counters(metric, of_field(side)).packets)
}

/// Producer-consumer ratio: −0 without application octets.
pub(crate) fn pcr(subject: &Subject<'_, '_>) -> f64 {
    let Some(metric) = subject.metric() else { return 0.0 };
    let ratio = formula::balance(metric);
    // 3.0.8.2 computes it before it turns the record round by its ports.
    let turned = subject.view.is_turned() && !subject.view.is_repaired();
    if subject.historic && turned && ratio != 0.0 { -ratio } else { ratio }
}

/// A side, as the formulas know it.
fn of_field(side: Side) -> field::Side {
    match side {
        Side::Src => field::Side::Src,
        Side::Dst => field::Side::Dst,
    }
}
