//! Cutting a flow record at the ends of spans (chapter aggregation-tools, 5.2).

use crate::bins::Bins;
use record::dsr::agr::Agr;
use record::dsr::metric::{Counters, Metric};
use record::dsr::time::{ABSOLUTE_USEC, Time, Times};
use record::{Dsr, Record, Stamp};

/// More pieces than this are not made of one record: a span of a second and a record of days, as an attacker would
/// write it.
const MOST: usize = 100_000;

/// One side of what is left of a record.
#[derive(Clone, Copy, Debug, Default)]
struct Side {
    /// First and last packet, microseconds; `None` when no time is left.
    range: Option<(i64, i64)>,
    left: Counters,
    /// Packets, octets and application octets in a full span.
    packets: f64,
    octets: f64,
    application: f64,
    /// Spans between two packets.
    gap: f64,
    carry: f64,
}

impl Side {
    fn new(range: Option<(Stamp, Stamp)>, counters: Counters, size: f64) -> Side {
        let range = range.map(|(start, end)| (start.micros(), end.micros()));
        let period = range.map_or(1.0, |(start, end)| ((end - start) as f64 / size).max(1.0));
        Side {
            range,
            left: counters,
            packets: counters.packets as f64 / period,
            octets: counters.bytes as f64 / period,
            application: counters.app_bytes as f64 / period,
            gap: if counters.packets > 1 { period / (counters.packets - 1) as f64 } else { 0.0 },
            carry: 0.0,
        }
    }

    /// Takes what lies before `end` from this side: its range and counters.
    fn take(&mut self, end: i64, size: f64) -> (Option<(i64, i64)>, Counters) {
        let Some((first, last)) = self.range else { return (None, Counters::default()) };
        if first > end {
            return (None, Counters::default());
        }
        let (taken, rest) =
            if last > end { ((first, end), Some((end, last))) } else { ((first, last), None) };
        self.range = rest;
        if rest.is_none() {
            self.gap = 0.0;
        }
        if self.left.packets == 0 {
            return (Some(taken), Counters::default());
        }
        let whole = ((last - first) as f64).min(size);
        let part = ((taken.1 - taken.0) as f64).min(size);
        let share = if whole > 0.0 { part / whole } else { 1.0 };
        let wanted = self.packets * share;
        let packets = ((self.packets + self.carry) * share) as u64;
        let packets = packets.clamp(1, self.left.packets);
        self.carry += wanted - packets as f64;
        let of = |full: f64, left: u64| {
            if self.packets > 0.0 { ((full * packets as f64 / self.packets) as u64).min(left) } else { 0 }
        };
        let counters = Counters {
            packets,
            bytes: of(self.octets, self.left.bytes),
            app_bytes: of(self.application, self.left.app_bytes),
        };
        self.left = less(self.left, counters);
        if self.left.packets == 1 {
            self.range = self.range.map(|(_, last)| (last, last));
        } else if let (Some((start, last)), true) = (self.range, self.gap > 0.0) {
            let next = first + (self.gap * packets as f64 * size) as i64;
            // Spans in which there was nothing are skipped.
            if next - end >= size as i64 {
                self.range = Some((next.clamp(start, last), last));
            }
        }
        (Some(taken), counters)
    }
}

fn less(from: Counters, taken: Counters) -> Counters {
    Counters {
        packets: from.packets - taken.packets,
        bytes: from.bytes - taken.bytes,
        app_bytes: from.app_bytes - taken.app_bytes,
    }
}

fn more(to: Counters, added: Counters) -> Counters {
    Counters {
        packets: to.packets + added.packets,
        bytes: to.bytes + added.bytes,
        app_bytes: to.app_bytes + added.app_bytes,
    }
}

/// Half of a side, rounded up, and what is left of it.
fn halved(side: Counters) -> (Counters, Counters) {
    let first = Counters { packets: 1, bytes: side.bytes.div_ceil(2), app_bytes: side.app_bytes.div_ceil(2) };
    (first, less(side, first))
}

/// Cuts a record, in true direction, at the ends of the spans that it reaches over. A record that lies in one span
/// comes back alone.
pub fn cut(record: Record, bins: &Bins) -> Vec<Record> {
    let (Some(metric), times) = (record.metric().copied(), record.times()) else { return vec![record] };
    let (start, end) = (times.start().micros(), times.end().micros());
    if metric.packets() < 2 || bins.around(start).1 >= end {
        return vec![record];
    }
    let size = bins.flat() as f64;
    let mut src = Side::new(times.src, metric.src, size);
    let mut dst = Side::new(times.dst, metric.dst, size);
    let whole =
        Whole { duration: ((end - start) as f64 / 1e6) as f32, packets: metric.packets(), app: metric.app };
    let mut pieces = Vec::new();
    while let Some(start) = [src.range, dst.range].iter().flatten().map(|range| range.0).min() {
        let last = [src.range, dst.range].iter().flatten().map(|range| range.1).max().unwrap_or(start);
        let edge = bins.around(start).1;
        let packets = src.left.packets + dst.left.packets;
        if packets < 2 || last <= edge || pieces.len() >= MOST {
            let at = if packets == 1 { last.max(start) } else { last };
            let clip = |range: Option<(i64, i64)>| range.map(|(first, last)| (first.min(at), last));
            pieces.push(whole.piece(&record, clip(src.range), src.left, clip(dst.range), dst.left));
            break;
        }
        if packets == 2 {
            let (one, two) = pair(&whole, &record, &src, &dst);
            pieces.extend([one, two]);
            break;
        }
        let (mut from_src, mut from_dst) = (src.take(edge, size), dst.take(edge, size));
        give_back(&mut src, &mut from_src.1, &mut dst, &mut from_dst.1);
        if from_src.1.packets + from_dst.1.packets == 1 {
            for range in [&mut from_src.0, &mut from_dst.0].into_iter().flatten() {
                range.1 = range.0;
            }
        }
        if from_src.1.packets + from_dst.1.packets > 0 {
            pieces.push(whole.piece(&record, from_src.0, from_src.1, from_dst.0, from_dst.1));
        }
        for side in [&mut src, &mut dst] {
            if side.left.packets == 0 {
                side.range = None;
            }
        }
    }
    pieces
}

/// Nothing left but octets: one packet goes back to them, or they go with the piece.
fn give_back(src: &mut Side, from_src: &mut Counters, dst: &mut Side, from_dst: &mut Counters) {
    for (side, taken) in [(src, from_src), (dst, from_dst)] {
        if side.left.packets == 0 && (side.left.bytes > 0 || side.left.app_bytes > 0) {
            if taken.packets > 1 && side.range.is_some() {
                taken.packets -= 1;
                side.left.packets += 1;
            } else {
                *taken = more(*taken, side.left);
                side.left = Counters::default();
            }
        }
    }
}

/// Two packets are a piece each.
fn pair(whole: &Whole, record: &Record, src: &Side, dst: &Side) -> (Record, Record) {
    let none = Counters::default();
    let at = |moment: i64| Some((moment, moment));
    let (first, last) = src.range.unwrap_or_default();
    let (other, other_last) = dst.range.unwrap_or_default();
    if src.left.packets == 1 {
        return (
            whole.piece(record, at(first), src.left, None, none),
            whole.piece(record, None, none, at(other_last.max(other)), dst.left),
        );
    }
    if src.left.packets == 2 {
        let (one, two) = halved(src.left);
        return (
            whole.piece(record, at(first), one, None, none),
            whole.piece(record, at(last), two, None, none),
        );
    }
    let (one, two) = halved(dst.left);
    (whole.piece(record, None, none, at(other), one), whole.piece(record, None, none, at(other_last), two))
}

/// What pieces inherit from the whole.
struct Whole {
    duration: f32,
    packets: u64,
    app: bool,
}

impl Whole {
    fn piece(
        &self,
        record: &Record,
        src_range: Option<(i64, i64)>,
        src: Counters,
        dst_range: Option<(i64, i64)>,
        dst: Counters,
    ) -> Record {
        let mut piece = record.clone();
        let stamps = |range: Option<(i64, i64)>, counters: Counters| {
            let (start, end) = range.filter(|_| counters.packets > 0)?;
            Some((Stamp::from_micros(start), Stamp::from_micros(end.max(start))))
        };
        let times = Times { src: stamps(src_range, src), dst: stamps(dst_range, dst) };
        let mut time = Time::client(&times);
        time.qualifier = ABSOLUTE_USEC;
        piece.set(Dsr::Time(time));
        piece.set(Dsr::Metric(Metric { src, dst, app: self.app }));
        let mut agr = record.agr().copied().unwrap_or_else(|| Agr::single(self.duration));
        let share = (src.packets + dst.packets) as f64 / self.packets as f64;
        agr.count = ((f64::from(agr.count) * share) as u32).max(1);
        piece.set(Dsr::Agr(agr));
        piece
    }
}
