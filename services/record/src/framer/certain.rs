//! What is a record beyond doubt: the evidence by which a reader finds its way back after damage.

use crate::dsr::{DsrHeader, code};
use crate::header::{Header, begins_record};

/// DSRs that a record beyond doubt has at most. Twice what any writer makes; without a bound, octets made for it would
/// have every place of a long record walked to its end.
const MOST_DSRS: usize = 64;
/// Octets that a flow record beyond doubt has at least: a header and two parts.
const SHORTEST: usize = 16;
/// Behind what may be a long record, only such as are not longer than this are waited for.
const LONG: usize = 4 << 10;
/// Chains of records that are followed in search of where a doubtful record ends.
const MOST_CHAINS: usize = 16;

/// Whether a header may begin a record: a version from 3 to 7 (radium 5.0.3 writes 7), a known cause, a length.
pub(super) fn plausible(h: Header) -> bool {
    h.words > 0 && (3..=7).contains(&h.nibble) && h.cause.nibble() <= 0xa && h.kind.nibble() != 0
}

/// Octets of words whose length field is zero (section 2).
pub(super) fn zero_words(b: &[u8]) -> usize {
    b.chunks_exact(4).take_while(|w| matches!(w, [_, _, 0, 0])).count() * 4
}

/// Whether a record is at the start of some octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// No.
    No,
    /// Beyond doubt, and it has so many octets.
    Certain(usize),
    /// Perhaps; it shows when so many octets are there.
    Open(usize),
}

/// Looks at the start of `b`: a flow record whose DSRs, not too many, fill it exactly, or a management record of full
/// length.
pub(super) fn evidence(b: &[u8]) -> Evidence {
    let Some(h) = Header::parse(b) else {
        return match b {
            [first, ..] if !(3..=7).contains(&(first & 15)) || *first < 0x10 => Evidence::No,
            [] => Evidence::No,
            _ => Evidence::Open(Header::LEN),
        };
    };
    if !plausible(h) {
        return Evidence::No;
    }
    if h.kind.is_mar() {
        return match b.get(..h.len()) {
            _ if h.words != 32 => Evidence::No,
            Some(record) if record.ends_with(&[0xff; 4]) => Evidence::Certain(record.len()),
            Some(_) => Evidence::No,
            None => Evidence::Open(h.len()),
        };
    }
    if !h.kind.has_dsrs() || h.len() < SHORTEST {
        return Evidence::No;
    }
    walk(b, h.len())
}

/// Walks the DSRs of what may be a record of `len` octets.
fn walk(b: &[u8], len: usize) -> Evidence {
    let mut at = Header::LEN;
    let of_sensor = b.get(at) == Some(&code::TRANSPORT);
    for _ in 0..MOST_DSRS {
        if at == len {
            return if len <= b.len() { Evidence::Certain(len) } else { Evidence::Open(len) };
        }
        let Some(dsr) = b.get(at..).and_then(DsrHeader::parse) else {
            return if at + Header::LEN <= len { Evidence::Open(len) } else { Evidence::No };
        };
        // A part that nobody knows is believed in a record that begins as all records of sensors do.
        let known = dsr.index().is_some() || of_sensor;
        if dsr.len == 0 || !known || begins_record(dsr.typ) || at + dsr.len > len {
            return Evidence::No;
        }
        at += dsr.len;
    }
    Evidence::No
}

/// What stands behind a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// It is not there yet; it shows when there are so many octets, counted from the record's start.
    Unseen(usize),
    /// The end of the input, or a record beyond doubt.
    Certain,
    /// Something that may be a record.
    Plausible,
    /// No record.
    Junk,
}

/// Looks behind the first `len` octets of `b`, zero words passed over. Returns also where that is.
pub(super) fn after(b: &[u8], len: usize, ended: bool) -> (After, usize) {
    let rest = b.get(len..).unwrap_or(&[]);
    let at = len + zero_words(rest);
    let rest = b.get(at..).unwrap_or(&[]);
    let what = match Header::parse(rest) {
        None if ended && rest.is_empty() => After::Certain,
        None if ended => After::Junk,
        None => After::Unseen(at + Header::LEN),
        Some(h) if !plausible(h) => After::Junk,
        Some(h) if ended && h.len() > rest.len() => After::Junk,
        Some(_) if matches!(evidence(rest), Evidence::Certain(_)) => After::Certain,
        Some(_) => After::Plausible,
    };
    (what, at)
}

/// Whether what follows a record looks like no record: asked of every record, so the common answer comes quickly.
#[inline]
pub(super) fn junk_follows(b: &[u8], len: usize, ended: bool) -> bool {
    match b.get(len..).and_then(Header::parse) {
        Some(h) if plausible(h) => false,
        Some(_) => after(b, len, ended).0 == After::Junk,
        None => false,
    }
}

/// How a chain of records beyond doubt, from somewhere inside a doubtful record, meets its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chain {
    /// It leads there: the doubtful record has swallowed them.
    To(usize),
    /// It leads past it.
    Past(usize),
    /// It breaks off before.
    Broken(usize),
    /// There is none.
    None,
}

/// Looks for records inside the first `len` octets of `b`, whose successor is expected at `end`. The strongest finding
/// counts, each with where its first record begins.
pub(super) fn chain(b: &[u8], len: usize, end: usize) -> Chain {
    let mut found = Chain::None;
    let mut chains = 0;
    let mut from = 1;
    while from < len && chains < MOST_CHAINS {
        let Evidence::Certain(first) = evidence(b.get(from..).unwrap_or(&[])) else {
            from += 1;
            continue;
        };
        chains += 1;
        let mut at = from + first;
        while at < end {
            at += zero_words(b.get(at..end).unwrap_or(&[]));
            match evidence(b.get(at..).unwrap_or(&[])) {
                Evidence::Certain(more) => at += more,
                Evidence::Open(more) => {
                    at += more;
                    break;
                }
                Evidence::No => break,
            }
        }
        if at == end {
            return Chain::To(from);
        }
        match found {
            Chain::None | Chain::Broken(_) if at > end => found = Chain::Past(from),
            Chain::None => found = Chain::Broken(from),
            _ => {}
        }
        from += 1;
    }
    found
}

/// What a search has found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Searched {
    /// Where the first record is that can be believed.
    pub(super) found: Option<usize>,
    /// Otherwise: where one may begin that is not all there, and the octets it needs.
    pub(super) open: Option<(usize, usize)>,
    /// Behind that, up to here, there is certainly none; counted from where it may begin.
    pub(super) judged: usize,
}

/// Searches `b` for a record. One that is all there counts for more than one that may begin before it: a live stream
/// does not wait for what noise promises. When something may begin at the start of `b`, the octets behind it are judged
/// already up to `judged`.
pub(super) fn search(b: &[u8], judged: usize, ended: bool) -> Searched {
    let (mut open, mut doubtful) = (None, None);
    let mut at = 0;
    while at < b.len() {
        let rest = b.get(at..).unwrap_or(&[]);
        match evidence(rest) {
            // What follows it is looked at too: junk that looks like a record may have swallowed the start of one.
            Evidence::Certain(len) => {
                let junk = after(rest, len, ended).0 == After::Junk;
                let other = if junk { overlapping(rest, len, ended) } else { None };
                return Searched { found: Some(at + other.unwrap_or(0)), ..Searched::default() };
            }
            Evidence::Open(need) if !ended => match open {
                None => {
                    open = Some((at, need));
                    if at == 0 {
                        at = judged;
                    }
                }
                // A longer one is not looked at until this one has turned out to be none.
                Some(_) if need <= LONG => doubtful = doubtful.or(Some(at)),
                Some(_) => {}
            },
            _ => {}
        }
        at = at.saturating_add(1);
    }
    let from = open.map_or(0, |(at, _)| at);
    Searched { found: None, open, judged: doubtful.unwrap_or(b.len()).saturating_sub(from + 1) }
}

/// A record beyond doubt that begins in the first `len` octets of `b`, reaches over their end and is followed by a
/// record: then `len` is no true length.
pub(super) fn overlapping(b: &[u8], len: usize, ended: bool) -> Option<usize> {
    (1..len).find(|&at| {
        let rest = b.get(at..).unwrap_or(&[]);
        match evidence(rest) {
            Evidence::Certain(own) => at + own > len && after(rest, own, ended).0 != After::Junk,
            _ => false,
        }
    })
}
