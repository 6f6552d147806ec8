//! TIME (0x03): when the flow's packets were seen (section 7.3).

use super::metric::Metric;
use super::{begin, code, end};
use crate::stamp::Stamp;
use crate::wire::{self, Put};

const SRC_START: u8 = 0x08;
const SRC_END: u8 = 0x10;
const DST_START: u8 = 0x20;
const DST_END: u8 = 0x40;
/// Qualifier: absolute, microseconds.
pub const ABSOLUTE_USEC: u8 = 0x18;
/// Seconds that stand for no time.
const UNSET: u32 = 0xEFFF_FFFF;
/// Qualifier: absolute, nanoseconds.
pub const ABSOLUTE_NSEC: u8 = 0x19;

/// One side's times as a DSR states them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SideTime {
    /// Time of the first packet.
    pub start: Stamp,
    /// Time of the last packet; `None` when the DSR states only the start.
    pub end: Option<Stamp>,
}

/// The layout of the stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stamps {
    /// Form A, 3 words: one stamp is start and end of both sides.
    One(Stamp),
    /// Form A, 5 words: earliest start and latest end of both sides.
    Range(Stamp, Stamp),
    /// Form B: absolute stamps by side.
    Sides(Option<SideTime>, Option<SideTime>),
    /// Form C, written by clients: the first stamp absolute, the others as 32-bit offsets from it in microseconds.
    Relative(Option<SideTime>, Option<SideTime>),
}

/// The DSR as it is stored. What a reader makes of it is [`Times`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Time {
    /// Low three bits of the subtype: 1 one stamp, 2 range, 5 relative range. They do not tell the layout.
    pub encoding: u8,
    /// Qualifier: 0x18 microseconds, 0x19 nanoseconds.
    pub qualifier: u8,
    /// The stamps.
    pub stamps: Stamps,
}

/// Times by side after the rules of section 7.3; every end is at or after its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash)]
pub struct Times {
    /// First and last packet from the source.
    pub src: Option<(Stamp, Stamp)>,
    /// First and last packet from the destination.
    pub dst: Option<(Stamp, Stamp)>,
}

impl Times {
    /// Earliest stamp; [`Stamp::ZERO`] when there is none.
    pub fn start(&self) -> Stamp {
        match (self.src, self.dst) {
            (Some(s), Some(d)) => s.0.min(d.0),
            (Some(one), None) | (None, Some(one)) => one.0,
            (None, None) => Stamp::ZERO,
        }
    }

    /// Latest stamp; [`Stamp::ZERO`] when there is none.
    pub fn end(&self) -> Stamp {
        match (self.src, self.dst) {
            (Some(s), Some(d)) => s.1.max(d.1),
            (Some(one), None) | (None, Some(one)) => one.1,
            (None, None) => Stamp::ZERO,
        }
    }

    /// `end - start` in nanoseconds.
    pub fn duration_nanos(&self) -> i64 {
        self.end().since(self.start())
    }

    /// The same seen from the other side.
    pub fn reversed(self) -> Times {
        Times { src: self.dst, dst: self.src }
    }
}

impl Time {
    /// What a 3.x sensor writes by default: one stamp, or earliest and latest when they differ.
    pub fn sensor(start: Stamp, end: Stamp) -> Time {
        let (encoding, stamps) = if start == end || !end.is_set() {
            (1, Stamps::One(start))
        } else {
            (2, Stamps::Range(start, end))
        };
        Time { encoding, qualifier: ABSOLUTE_USEC, stamps }
    }

    /// Absolute stamps for each side (ARGUS_GENERATE_BIDIRECTIONAL_TIMESTAMPS, form B).
    pub fn sides(src: Option<SideTime>, dst: Option<SideTime>) -> Time {
        Time { encoding: 2, qualifier: ABSOLUTE_USEC, stamps: Stamps::Sides(src, dst) }
    }

    /// What 3.x clients write (form C): ends equal to their start dropped; absolute when an offset does not fit
    /// 32 bits of microseconds.
    pub fn client(times: &Times) -> Time {
        let side = |t: Option<(Stamp, Stamp)>| {
            t.map(|(start, end)| SideTime { start, end: (end != start).then_some(end) })
        };
        let (src, dst) = (side(times.src), side(times.dst));
        let count = [src, dst].iter().flatten().map(|s| 1 + usize::from(s.end.is_some())).sum::<usize>();
        let base = src.or(dst).map_or(Stamp::ZERO, |s| s.start);
        let fits = [src, dst].iter().flatten().all(|s| {
            [Some(s.start), s.end]
                .into_iter()
                .flatten()
                .all(|t| i32::try_from(t.micros().saturating_sub(base.micros())).is_ok())
        });
        let (encoding, stamps) = match (count, fits) {
            (0, _) => (1, Stamps::One(Stamp::ZERO)),
            (1, _) => (1, Stamps::Relative(src, dst)),
            (_, true) => (5, Stamps::Relative(src, dst)),
            (_, false) => (2, Stamps::Sides(src, dst)),
        };
        Time { encoding, qualifier: ABSOLUTE_USEC, stamps }
    }

    /// Whether the fractions are nanoseconds.
    pub fn is_nsec(&self) -> bool {
        self.qualifier == ABSOLUTE_NSEC
    }

    /// First and last stamp, seconds and microseconds each, when they are one absolute stamp or two in their order, and
    /// without sides: what nearly all records have. Such a record lasts from the first to the last, or is of one packet
    /// with the time of the last.
    #[inline]
    pub fn plain(b: &[u8]) -> Option<((u32, u32), (u32, u32))> {
        let &[_, subtype, ABSOLUTE_USEC, _, ..] = b else { return None };
        let stamp = |at: usize| {
            let stamp = (wire::be32(b, at)?, wire::be32(b, at + 4)?);
            (stamp.1 < 1_000_000 && stamp != (0, 0) && stamp.0 != UNSET).then_some(stamp)
        };
        let (first, last) = match b.len() {
            12 => (stamp(4)?, stamp(4)?),
            20 => (stamp(4)?, stamp(12)?),
            _ => return None,
        };
        (subtype & (SRC_START | DST_START) == 0 && first <= last).then_some((first, last))
    }

    /// Reads a whole DSR.
    pub fn parse(b: &[u8]) -> Option<Time> {
        let [_, st, q, _] = wire::array(b, 0)?;
        let stamp = |at: usize| -> Option<Stamp> {
            let (sec, frac) = (wire::be32(b, at)?, wire::be32(b, at + 4)?);
            Some(if q == ABSOLUTE_NSEC {
                Stamp::from_sec_nsec(sec, frac)
            } else {
                Stamp::from_sec_usec(sec, frac)
            })
        };
        let first = stamp(4)?;
        let encoding = st & 0x07;
        let pairs = (b.len() / 4).saturating_sub(1) / 2;
        if st & (SRC_START | DST_START) == 0 {
            if pairs < 2 {
                return Some(Time { encoding, qualifier: q, stamps: Stamps::One(first) });
            }
            // The C programs do not let a negative fraction put the end before the start.
            let negative = q != ABSOLUTE_NSEC && wire::be32(b, 16)?.cast_signed() < 0;
            let last = stamp(12)?;
            let last = if negative { last.max(first) } else { last };
            return Some(Time { encoding, qualifier: q, stamps: Stamps::Range(first, last) });
        }
        // An END without its START is ignored.
        let mut flags = st & (SRC_START | SRC_END | DST_START | DST_END);
        if flags & SRC_START == 0 {
            flags &= !SRC_END;
        }
        if flags & DST_START == 0 {
            flags &= !DST_END;
        }
        let n = flags.count_ones() as usize;
        let relative = n > pairs && b.len() / 4 == 2 + n;
        let written_relative = relative || (n == 1 && encoding != 2);
        let mut i = 0;
        let mut take = |flag: u8| -> Option<Stamp> {
            if flags & flag == 0 {
                return None;
            }
            let t = match (i, relative) {
                (0, _) => Some(first),
                // Nothing was seen before 1970; such a stamp could not be written as a first one either.
                (_, true) => wire::be32(b, 8 + 4 * i)
                    .map(|off| first.plus_nanos(i64::from(off as i32).saturating_mul(1000)).max(Stamp::ZERO)),
                (_, false) => stamp(4 + 8 * i),
            };
            i += 1;
            t
        };
        let mut side = |start: u8, end: u8| {
            let (start, end) = (take(start), take(end));
            start.map(|start| SideTime { start, end })
        };
        let src = side(SRC_START, SRC_END);
        let dst = side(DST_START, DST_END);
        let stamps = if written_relative { Stamps::Relative(src, dst) } else { Stamps::Sides(src, dst) };
        Some(Time { encoding, qualifier: q, stamps })
    }

    /// Appends the DSR.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let nsec = self.is_nsec();
        let stamp = |out: &mut Vec<u8>, t: Stamp| {
            out.be32s([t.secs(), if nsec { t.subsec_nanos() } else { t.subsec_micros() }]);
        };
        let mut st = self.encoding & 0x07;
        let (src, dst, relative) = match self.stamps {
            Stamps::One(t) => {
                let at = begin(out, code::TIME, st, self.qualifier);
                stamp(out, t);
                return end(out, at);
            }
            Stamps::Range(s, e) => {
                let at = begin(out, code::TIME, st, self.qualifier);
                stamp(out, s);
                stamp(out, e);
                return end(out, at);
            }
            Stamps::Sides(s, d) => (s, d, false),
            Stamps::Relative(s, d) => (s, d, true),
        };
        // Offsets from a first stamp that was not the first before the sides were exchanged need not fit: then the
        // stamps are written whole, which the length tells.
        let flat = |side: Option<SideTime>| side.into_iter().flat_map(|s| [Some(s.start), s.end]).flatten();
        let first = flat(src).chain(flat(dst)).next();
        let offset = |t: Stamp, base: Stamp| i32::try_from(t.since(base).div_euclid(1000));
        let fits = first.is_none_or(|base| flat(src).chain(flat(dst)).all(|t| offset(t, base).is_ok()));
        if relative && !fits && st == 5 {
            st = 2;
        }
        let relative = relative && fits;
        for (side, start, end) in [(src, SRC_START, SRC_END), (dst, DST_START, DST_END)] {
            if let Some(side) = side {
                st |= start | if side.end.is_some() { end } else { 0 };
            }
        }
        let at = begin(out, code::TIME, st, self.qualifier);
        let mut base: Option<Stamp> = None;
        for t in flat(src).chain(flat(dst)) {
            match base.map(|base| offset(t, base)) {
                Some(Ok(offset)) if relative => out.be32(offset as u32),
                _ => stamp(out, t),
            }
            base = base.or(Some(t));
        }
        if base.is_none() {
            stamp(out, Stamp::ZERO);
        }
        end(out, at);
    }

    /// Times by side as a reader shows them. `metric` decides which sides the stamps belong to (section 7.3,
    /// rule 5); without METRIC both sides keep what the DSR says. `quoted` says that an ICMP error quoted the flow: the
    /// end of a single packet's record is then the time of the error, and is kept.
    pub fn resolve(&self, metric: Option<&Metric>, quoted: bool) -> Times {
        let set = |start: Stamp, end: Stamp| match (start.is_set(), end.is_set()) {
            (true, true) => Some((start.min(end), start.max(end))),
            (true, false) => Some((start, start)),
            (false, true) => Some((end, end)),
            (false, false) => None,
        };
        let side = |s: Option<SideTime>| s.and_then(|s| set(s.start, s.end.unwrap_or(s.start)));
        let times = match self.stamps {
            Stamps::One(t) => Times { src: set(t, t), dst: None },
            Stamps::Range(s, e) => Times { src: set(s, e), dst: None },
            Stamps::Sides(s, d) | Stamps::Relative(s, d) => Times { src: side(s), dst: side(d) },
        };
        let Some(m) = metric else { return times };
        let first = |t: Option<(Stamp, Stamp)>| t.map(|(start, _)| (start, start));
        let last = |t: Option<(Stamp, Stamp)>| t.map(|(_, end)| (end, end));
        let alone = |own, packets| if packets == 1 && !quoted { last(own) } else { own };
        match (m.src.packets, m.dst.packets) {
            (0, 0) => times,
            (1, 1) if times.dst.is_none() => Times { src: first(times.src), dst: last(times.src) },
            (1, 1) if times.src.is_none() => Times { src: last(times.dst), dst: first(times.dst) },
            (s, 0) => Times { src: alone(times.src.or(times.dst), s), dst: None },
            (0, d) => Times { src: None, dst: alone(times.dst.or(times.src), d) },
            _ => Times { src: times.src.or(times.dst), dst: times.dst.or(times.src) },
        }
    }

    /// The same seen from the other side; form A states no sides and stays as it is.
    pub fn reversed(self) -> Time {
        let stamps = match self.stamps {
            Stamps::Sides(s, d) => Stamps::Sides(d, s),
            Stamps::Relative(s, d) => Stamps::Relative(d, s),
            same => same,
        };
        Time { stamps, ..self }
    }
}
