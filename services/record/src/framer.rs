//! Finding the records in a stream of octets, sound or damaged (sections 2, 11 and 12.10).

mod certain;

use crate::dsr::{Walk, code};
use crate::header::{Header, Kind, begins_record};
use crate::shape::{Shapes, WINDOW_OCTETS};
use crate::view::{RecordError, RecordView};
use certain::{
    After, Chain, Evidence, after, chain, evidence, junk_follows, overlapping, plausible, search, zero_words,
};
use std::fmt;

/// Damage longer than this is reported in pieces, so that a reader of endless noise learns about it.
const DAMAGE_PIECE: u64 = 1 << 20;
/// A header of unknown type that claims more octets than this is not waited for: most likely it is none.
const LONGEST_UNKNOWN: usize = 4 << 10;

/// What is at the current place of the input.
#[derive(Clone, Copy, Debug)]
pub enum Frame<'a> {
    /// A record.
    Record(RecordView<'a>),
    /// The input must be continued before more can be said: have at least `need` octets from the current place, or
    /// say that it has ended.
    More {
        /// Octets wanted, counted from the current place.
        need: usize,
    },
    /// Octets that are no readable record; they were passed over, some of them perhaps by earlier calls, and reading
    /// goes on behind them.
    Unreadable {
        /// Offset in the stream of the first of them.
        offset: u64,
        /// How many.
        len: usize,
        /// What is wrong.
        reason: Reason,
    },
    /// The input has ended. `cut` octets of an unfinished record were at its end (0 in a sound stream).
    End {
        /// Offset in the stream of the unfinished record.
        offset: u64,
        /// Its octets.
        cut: usize,
    },
}

/// Why octets are not a readable record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A record of a type that no reader knows; skipped by its length.
    UnknownType(u8),
    /// Octets that are no record header.
    NotARecord,
    /// The length field reaches over the records that follow.
    BadLength(u16),
    /// A part of length zero before the time.
    ZeroDsr,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::UnknownType(t) => write!(f, "record of unknown type 0x{:02x}", t << 4),
            Reason::NotARecord => f.write_str("no record header"),
            Reason::BadLength(w) => write!(f, "record length of {w} words reaches over the next record"),
            Reason::ZeroDsr => f.write_str("part of length zero"),
        }
    }
}

/// Walks a stream of records that comes in pieces. The caller keeps the octets; the framer says how far they are
/// used up.
///
/// ```
/// # use record::{Frame, Framer};
/// # fn show(_: record::RecordView<'_>) {}
/// # let input: Vec<u8> = Vec::new();
/// let mut framer = Framer::new();
/// let mut at = 0;
/// loop {
///     let (used, frame) = framer.next(&input[at..], true);
///     at += used;
///     match frame {
///         Frame::Record(view) => show(view),
///         Frame::Unreadable { offset, reason, .. } => eprintln!("{reason} at offset {offset}"),
///         Frame::More { .. } => unreachable!("the input was said to have ended"),
///         Frame::End { .. } => break,
///     }
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Framer {
    offset: u64,
    /// Where the octets that are being passed over begin, and what is wrong with them.
    passing: Option<(u64, Reason)>,
    /// Octets behind the current place that have been searched in vain.
    judged: usize,
    shapes: Shapes,
}

/// What a look at the current place gives.
enum Found<'a> {
    Record(RecordView<'a>),
    /// So many octets are no record; behind them reading goes on.
    Pass(usize, Reason),
    /// No record is here, and the next one has to be searched for.
    Lost(Reason),
    More(usize),
    End(usize),
}

impl Framer {
    /// Octets that must be there, from the beginning of a record on, for a glance at it.
    pub const GLANCE: usize = WINDOW_OCTETS;

    /// At the start of a stream.
    pub fn new() -> Framer {
        Framer::default()
    }

    /// In the middle of a stream, at this offset.
    pub fn at(offset: u64) -> Framer {
        Framer { offset, ..Framer::default() }
    }

    /// Offset in the stream of the current place.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether the next octets are searched for a record, because what stood before them was none.
    pub fn is_searching(&self) -> bool {
        self.passing.is_some()
    }

    /// The caller has used `octets` itself: something that is no record but stands between records.
    pub fn skip(&mut self, octets: usize) {
        self.offset += octets as u64;
    }

    /// Knows records at the current place at a glance, [`Framer::next`] would return them; `None` when that is out of the
    /// question. The caller that is done with such a record says so with [`Framer::skip`].
    #[inline]
    pub fn shapes(&mut self) -> Option<&mut Shapes> {
        self.passing.is_none().then_some(&mut self.shapes)
    }

    /// Looks at `input`, the octets from the current place on; `ended` says that no more will come. Returns how many
    /// octets are done with, zero words before a record included, and what was found. With [`Frame::More`] the caller
    /// appends to what is left after those octets and calls again.
    ///
    /// A record that follows another is believed when its parts fill it, or when a record follows where it says it
    /// ends. After damage only what is a record beyond doubt counts, and only if it does not overlap another one that is
    /// followed by a third.
    pub fn next<'a>(&mut self, input: &'a [u8], ended: bool) -> (usize, Frame<'a>) {
        let mut used = 0;
        loop {
            let rest = input.get(used..).unwrap_or(&[]);
            if let Some((begin, reason)) = self.passing {
                let (passed, frame) = self.pass(begin, reason, rest, ended);
                used += passed;
                match frame {
                    Some(frame) => return (used, frame),
                    None => continue,
                }
            }
            let zeros = zero_words(rest);
            used += zeros;
            self.offset += zeros as u64;
            let rest = rest.get(zeros..).unwrap_or(&[]);
            match frame(rest, ended) {
                Found::Record(view) => {
                    let len = view.bytes().len();
                    self.offset += len as u64;
                    return (used + len, Frame::Record(view));
                }
                Found::Pass(len, reason) => {
                    let offset = self.offset;
                    self.offset += len as u64;
                    return (used + len, Frame::Unreadable { offset, len, reason });
                }
                Found::Lost(reason) => {
                    self.passing = Some((self.offset, reason));
                    self.judged = 0;
                    self.offset += 1;
                    used += 1;
                }
                Found::More(need) => return (used, Frame::More { need }),
                Found::End(cut) => {
                    let offset = self.offset;
                    self.offset += cut as u64;
                    return (used + cut, Frame::End { offset, cut });
                }
            }
        }
    }

    /// Passes over octets up to the next record. `None`: found, look again.
    fn pass<'a>(&mut self, begin: u64, reason: Reason, b: &[u8], ended: bool) -> (usize, Option<Frame<'a>>) {
        let searched = search(b, self.judged, ended);
        self.judged = searched.judged;
        let (passed, need) = match (searched.found, searched.open) {
            (Some(at), _) => (at, None),
            (None, Some((at, need))) => (at, Some(need)),
            (None, None) => (b.len(), (!ended).then_some(Header::LEN)),
        };
        if passed > 0 && searched.open.is_none() {
            self.judged = 0;
        }
        self.offset += passed as u64;
        let len = self.offset - begin;
        if need.is_none() || len >= DAMAGE_PIECE {
            self.passing = need.map(|_| (self.offset, reason));
            // Fits: no longer than a piece and what a caller holds at a time.
            return (passed, Some(Frame::Unreadable { offset: begin, len: len as usize, reason }));
        }
        (passed, need.map(|need| Frame::More { need }))
    }
}

/// Looks at the octets behind a record.
fn frame(b: &[u8], ended: bool) -> Found<'_> {
    let Some(header) = Header::parse(b) else {
        return if ended { Found::End(b.len()) } else { Found::More(Header::LEN) };
    };
    if !plausible(header) {
        return Found::Lost(Reason::NotARecord);
    }
    let len = header.len();
    if b.len() < len {
        return incomplete(b, header, ended);
    }
    if matches!(header.kind, Kind::Other(_)) {
        return doubtful(b, header, Err(Reason::UnknownType(header.kind.nibble())), ended);
    }
    match RecordView::new(b) {
        Ok(view) if !view.is_sound() || (header.kind.is_mar() && evidence(b) != Evidence::Certain(len)) => {
            doubtful(b, header, Ok(view), ended)
        }
        Ok(view) if junk_follows(b, len, ended) => match overlapping(b, len, ended) {
            Some(at) => Found::Pass(at, Reason::BadLength(header.words)),
            None => Found::Record(view),
        },
        Ok(view) => Found::Record(view),
        Err(RecordError::ZeroDsr { .. }) => doubtful(b, header, Err(Reason::ZeroDsr), ended),
        Err(_) => Found::Lost(Reason::NotARecord),
    }
}

/// A record of which the end is not there.
fn incomplete(b: &[u8], header: Header, ended: bool) -> Found<'_> {
    // A length that reaches over the next record shows as a whole record where a DSR is expected. Looked for before
    // waiting for the rest of a long record, which may never come.
    if header.kind.has_dsrs() {
        match nested_record(b, header.len()) {
            Nested::At(at) => return Found::Pass(first_of(b, at), Reason::BadLength(header.words)),
            Nested::Unknown { need } if !ended => return Found::More(need),
            _ => {}
        }
    }
    if ended {
        return match search(b.get(1..).unwrap_or(&[]), 0, true).found {
            Some(at) => Found::Pass(at + 1, Reason::BadLength(header.words)),
            None => Found::End(b.len()),
        };
    }
    if matches!(header.kind, Kind::Other(_)) && header.len() > LONGEST_UNKNOWN {
        return Found::Lost(Reason::NotARecord);
    }
    Found::More(header.len())
}

/// Where the records begin that lead to the one at `at`.
fn first_of(b: &[u8], at: usize) -> usize {
    match chain(b, at, at) {
        Chain::To(first) => first,
        _ => at,
    }
}

/// A record, all there, that cannot be read or of which not all can be read: its length may be wrong. `what` is what it
/// is if the length is right.
fn doubtful<'a>(b: &'a [u8], header: Header, what: Result<RecordView<'a>, Reason>, ended: bool) -> Found<'a> {
    let len = header.len();
    if header.kind.has_dsrs() {
        match nested_record(b, len) {
            Nested::At(at) => return Found::Pass(first_of(b, at), Reason::BadLength(header.words)),
            Nested::Unknown { need } if !ended => return Found::More(need),
            _ => {}
        }
    }
    let (after, end) = after(b, len, ended);
    match (after, what) {
        // Readable to its end, but for parts that nobody knows: its successor may be long in coming.
        (After::Unseen(_), Ok(view)) if view.tail().is_empty() => {
            return match chain(b, len, end) {
                Chain::To(at) | Chain::Past(at) => Found::Pass(at, Reason::BadLength(header.words)),
                _ => Found::Record(view),
            };
        }
        (After::Unseen(need), _) => return Found::More(need),
        _ => {}
    }
    let wrong = match what {
        Ok(_) => Reason::BadLength(header.words),
        Err(reason) => reason,
    };
    match (chain(b, len, end), after, what) {
        // Captured octets of another stream may lie in a record; then they do not lead to its end.
        (Chain::Broken(_), After::Certain, Ok(view)) => Found::Record(view),
        (Chain::Broken(_), _, Ok(view)) if view.tail().is_empty() && !view.kind().is_mar() => {
            Found::Record(view)
        }
        (Chain::Broken(_), After::Certain, Err(reason)) => Found::Pass(len, reason),
        (Chain::To(at) | Chain::Past(at) | Chain::Broken(at), ..) => Found::Pass(at, wrong),
        (Chain::None, _, Ok(view)) => Found::Record(view),
        (Chain::None, After::Junk, Err(_)) => Found::Lost(Reason::NotARecord),
        (Chain::None, _, Err(reason)) => Found::Pass(len, reason),
    }
}

/// Whether the DSR walk of a record meets another record where a DSR should be.
enum Nested {
    No,
    At(usize),
    /// One may begin there; it shows with this many octets.
    Unknown {
        need: usize,
    },
}

/// Looks into the record at the start of `b`, said to be `len` octets long. The first octets looked for are no DSR types
/// of section 7.
fn nested_record(b: &[u8], len: usize) -> Nested {
    let mut walk = Walk::new(b.get(Header::LEN..len.min(b.len())).unwrap_or(&[]));
    let body = walk.rest().len();
    loop {
        let at = Header::LEN + body - walk.rest().len();
        let Some(here) = b.get(at..).filter(|_| at < len) else { return Nested::No };
        if here.first().is_some_and(|&octet| begins_record(octet)) {
            if matches!(evidence(here), Evidence::Certain(_)) {
                return Nested::At(at);
            }
            let transport = here.get(Header::LEN).is_none_or(|&t| t == code::TRANSPORT);
            let cut = Header::parse(here).filter(|h| plausible(*h) && h.len() > here.len());
            if let Some(h) = cut.filter(|h| h.kind.has_dsrs() && transport) {
                return Nested::Unknown { need: at + h.len() };
            }
        }
        if walk.next().is_none() {
            return Nested::No;
        }
    }
}
