//! Finding the records in a stream of octets, sound or damaged (sections 2, 11 and 12.10).

use crate::MAX_RECORD_LEN;
use crate::dsr::{Walk, code};
use crate::header::{Header, Kind};
use crate::view::{RecordError, RecordView};
use std::fmt;

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
    /// Octets that are no readable record; they were passed over and reading goes on behind them.
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
}

impl Framer {
    /// At the start of a stream.
    pub fn new() -> Framer {
        Framer::default()
    }

    /// In the middle of a stream, at this offset.
    pub fn at(offset: u64) -> Framer {
        Framer { offset }
    }

    /// Offset in the stream of the current place.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Looks at `input`, the octets from the current place on; `ended` says that no more will come. Returns how many
    /// octets are done with, zero words before a record included, and what was found. With [`Frame::More`] the caller
    /// appends to what is left after those octets and calls again.
    pub fn next<'a>(&mut self, input: &'a [u8], ended: bool) -> (usize, Frame<'a>) {
        let zeros = leading_zero_words(input);
        self.offset += zeros as u64;
        let rest = input.get(zeros..).unwrap_or(&[]);
        let (used, frame) = self.frame(rest, ended);
        let frame = match frame {
            Frame::Unreadable { len, reason, .. } => Frame::Unreadable { offset: self.offset, len, reason },
            Frame::End { cut, .. } => Frame::End { offset: self.offset, cut },
            other => other,
        };
        self.offset += used as u64;
        (zeros + used, frame)
    }

    fn frame<'a>(&self, b: &'a [u8], ended: bool) -> (usize, Frame<'a>) {
        let cut = || (b.len(), Frame::End { offset: 0, cut: b.len() });
        let more = |need: usize| if ended { cut() } else { (0, Frame::More { need }) };
        let Some(header) = Header::parse(b) else { return more(Header::LEN) };
        if !plausible(header) {
            return self.resynchronise(b, ended, Reason::NotARecord);
        }
        // A length that reaches over the next record shows as a whole record where a DSR is expected. Looked for
        // before waiting for the rest of a long record, which may never come.
        if header.kind.has_dsrs() {
            match nested_record(b, header.len()) {
                Nested::At(at) => return unreadable(at, Reason::BadLength(header.words)),
                Nested::Unknown { need } if !ended => return (0, Frame::More { need }),
                _ => {}
            }
        }
        if b.len() < header.len() {
            if ended && let Some(at) = next_record(b, 4) {
                return unreadable(at, Reason::BadLength(header.words));
            }
            return more(header.len());
        }
        if matches!(header.kind, Kind::Other(_)) {
            return self.unknown_type(b, header, ended);
        }
        match RecordView::new(b) {
            Ok(view) => (header.len(), Frame::Record(view)),
            Err(RecordError::ZeroDsr { .. }) => unreadable(header.len(), Reason::ZeroDsr),
            Err(_) => self.resynchronise(b, ended, Reason::NotARecord),
        }
    }

    /// A record of unknown type is skipped by its length when a record follows there; else its length is not to be
    /// trusted either.
    fn unknown_type<'a>(&self, b: &'a [u8], header: Header, ended: bool) -> (usize, Frame<'a>) {
        let after = b.get(header.len()..).unwrap_or(&[]);
        let zeros = leading_zero_words(after);
        let follows = match after.get(zeros..).and_then(Header::parse) {
            Some(next) => plausible(next),
            None if ended => true,
            None => return (0, Frame::More { need: header.len() + zeros + Header::LEN }),
        };
        if follows {
            unreadable(header.len(), Reason::UnknownType(header.kind.nibble()))
        } else {
            self.resynchronise(b, ended, Reason::NotARecord)
        }
    }

    /// Passes over what is no record, up to the next one in `b`, or as far as no record can begin.
    fn resynchronise<'a>(&self, b: &'a [u8], ended: bool, reason: Reason) -> (usize, Frame<'a>) {
        if let Some(at) = next_record(b, 4) {
            return unreadable(at, reason);
        }
        if ended {
            return unreadable(b.len(), reason);
        }
        // Enough to hold any record that might begin here; what is in front of the last such place is of no use.
        if b.len() < MAX_RECORD_LEN {
            return (0, Frame::More { need: (b.len() + 4).next_multiple_of(4096).min(MAX_RECORD_LEN) });
        }
        unreadable(b.len() - b.len() % 4, reason)
    }
}

fn unreadable<'a>(len: usize, reason: Reason) -> (usize, Frame<'a>) {
    (len, Frame::Unreadable { offset: 0, len, reason })
}

/// Octets of words whose length field is zero (section 2).
fn leading_zero_words(b: &[u8]) -> usize {
    b.chunks_exact(4).take_while(|w| matches!(w, [_, _, 0, 0])).count() * 4
}

/// Whether a header may begin a record: a version from 3 to 7 (radium 5.0.3 writes 7), a known cause, a length.
fn plausible(h: Header) -> bool {
    h.words > 0 && (3..=7).contains(&h.nibble) && h.cause.nibble() <= 0xa && h.kind.nibble() != 0
}

/// DSRs that a record beyond doubt has at most. Twice what any writer makes; without a bound, octets made for it would
/// have every place of a long record walked to its end.
const MOST_DSRS: usize = 64;

/// Whether `b` begins with something that is a whole record beyond doubt: a flow record whose DSRs, not too many, fill
/// it exactly and begin with TRANSPORT, or a management record of full length.
fn certain(b: &[u8]) -> bool {
    let Some(h) = Header::parse(b) else { return false };
    if !plausible(h) {
        return false;
    }
    let Some(body) = b.get(Header::LEN..h.len()) else { return false };
    if h.kind.is_mar() {
        return h.words == 32 && body.ends_with(&[0xff; 4]);
    }
    if !h.kind.has_dsrs() || body.first() != Some(&code::TRANSPORT) {
        return false;
    }
    let mut walk = Walk::new(body);
    walk.by_ref().take(MOST_DSRS).for_each(drop);
    walk.rest().is_empty()
}

/// Offset of the first certain record at or behind `from`, on the word grid of `b`.
fn next_record(b: &[u8], from: usize) -> Option<usize> {
    (from..b.len()).step_by(4).find(|&at| b.get(at..).is_some_and(certain))
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
        if let Some(0x13 | 0x15 | 0x33 | 0x35 | 0x83 | 0x85) = here.first() {
            if certain(here) {
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
