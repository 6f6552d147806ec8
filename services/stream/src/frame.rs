//! Cuts a stream of octets into whole records in one reused buffer, and finds its way back after damage.

use std::io::{self, Read};
use std::ops::Range;

/// The longest record: 65 535 words (record chapter 11).
pub(crate) const MAX_RECORD: usize = 65_535 * 4;

/// What is read at once.
const CHUNK: usize = 64 << 10;

/// The buffer never grows past this; it holds the longest record and a full read beside it.
const MAX_BUFFER: usize = 512 << 10;

/// While searching for the next record after damage only records up to this size are recognised. It bounds the work
/// that a hostile stream can cause per octet.
const MAX_SEARCHED: usize = 4 << 10;

/// Damage longer than this is reported in pieces, so that a reader of endless noise learns about it.
const DAMAGE_PIECE: u64 = 1 << 20;

/// How well the octets of one record can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Soundness {
    /// Every octet belongs to a part of it.
    Sound,
    /// It can be read, but some octets in it belong to nothing, or look like the header of another record.
    Loose,
    Unreadable,
}

/// What the framer found at its position.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A whole record, in the buffer at `range`; it began at `offset` of the stream.
    Record { range: Range<usize>, offset: u64 },
    /// Octets that are no record. `length` of them were passed over.
    Damage { offset: u64, length: u64, reason: &'static str },
    /// More octets are needed; at the end of the stream: nothing is left.
    More,
}

/// The buffer and the position in it.
pub(crate) struct Framer {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Stream offset of `buffer[start]`.
    offset: u64,
    /// Since where, and why, nothing readable was found.
    damage: Option<(u64, &'static str)>,
    /// How many `OK` replies may stand between records (transport chapter 2.3).
    replies: u32,
}

impl Default for Framer {
    fn default() -> Self {
        Framer { buffer: vec![0; CHUNK], start: 0, end: 0, offset: 0, damage: None, replies: 0 }
    }
}

impl Framer {
    /// A framer whose input has been read up to `offset` already.
    pub(crate) fn at(offset: u64) -> Framer {
        Framer { offset, ..Framer::default() }
    }

    /// The octets of a record that [`Framer::step`] has just returned.
    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.buffer.get(range).unwrap_or_default()
    }

    /// Stream offset of the next unread octet.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Octets held that were not handed out yet.
    pub(crate) fn pending(&self) -> &[u8] {
        self.bytes(self.start..self.end)
    }

    /// Passes over `n` octets of what is pending.
    pub(crate) fn consume(&mut self, n: usize) {
        let n = n.min(self.end - self.start);
        self.start += n;
        self.offset += n as u64;
    }

    /// From now on one more `OK` may appear in place of a record header.
    pub(crate) fn expect_reply(&mut self) {
        self.replies += 1;
    }

    /// Reads once into the free space. `Ok(0)` is the end of the stream.
    pub(crate) fn fill(&mut self, input: &mut (impl Read + ?Sized)) -> io::Result<usize> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.buffer.len() - self.end < CHUNK / 2 && self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            if self.buffer.len() >= MAX_BUFFER {
                // Cannot happen: a step consumes whatever is as long as the longest record.
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let free = self.buffer.get_mut(self.end..).unwrap_or_default();
        loop {
            match input.read(free) {
                Ok(n) => {
                    self.end += n;
                    return Ok(n);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// The next record or damage. `ended` says that nothing will follow what is in the buffer; `check` says whether
    /// the octets of one record can be read.
    pub(crate) fn step(&mut self, ended: bool, check: impl Fn(&[u8]) -> Soundness) -> Step {
        loop {
            if self.damage.is_some() {
                match self.search(ended, &check) {
                    Some(step) => return step,
                    None => continue,
                }
            }
            let pending = self.pending();
            if self.replies > 0 && pending.starts_with(b"OK") {
                self.replies -= 1;
                self.consume(2);
                continue;
            }
            let Some(header) = Header::read(pending) else {
                if ended && !pending.is_empty() {
                    return self.rest("the stream ends inside a record header");
                }
                return Step::More;
            };
            if header.octets == 0 {
                self.consume(4);
                continue;
            }
            let Some(record) = pending.get(..header.octets) else {
                if ended {
                    self.damage = Some((self.offset, "a record that is longer than the rest"));
                } else if !header.known() && header.octets > MAX_SEARCHED {
                    // Most likely no length at all: not to be waited for.
                    self.damage = Some((self.offset, "a record of unknown type"));
                } else {
                    return Step::More;
                }
                self.consume(1);
                continue;
            };
            // A short management record is legal and says nothing (record chapter 4.3, 11).
            if header.known() && header.is_mar() && header.octets < crate::INITIAL {
                self.consume(header.octets);
                continue;
            }
            let soundness = if header.known() { check(record) } else { Soundness::Unreadable };
            let swallows = soundness == Soundness::Loose && self.swallows(header, ended, &check);
            if soundness != Soundness::Unreadable && !swallows {
                let range = self.start..self.start + header.octets;
                let offset = self.offset;
                self.consume(header.octets);
                return Step::Record { range, offset };
            }
            let reason = if header.known() { "an unreadable record" } else { "a record of unknown type" };
            if !swallows && self.follows(header, ended) {
                let offset = self.offset;
                self.consume(header.octets);
                return Step::Damage { offset, length: header.octets as u64, reason };
            }
            self.damage = Some((self.offset, reason));
            self.consume(1);
        }
    }

    /// True when a whole record stands `at` octets ahead, by the strict rules of the search.
    fn certain(&self, at: usize, ended: bool, check: &impl Fn(&[u8]) -> Soundness) -> bool {
        let ahead = self.pending().get(at..).unwrap_or_default();
        let Some(header) = Header::read(ahead).filter(|h| h.searched()) else {
            return false;
        };
        ahead.get(..header.octets).is_some_and(|record| {
            known_start(record) && follows(ahead, header, ended) && check(record) == Soundness::Sound
        })
    }

    /// True when the length of a loose record is wrong: it would swallow records, or ends in front of nothing though
    /// it is long.
    fn swallows(&self, header: Header, ended: bool, check: &impl Fn(&[u8]) -> Soundness) -> bool {
        let searched = header.octets.min(MAX_SEARCHED);
        (4..searched).step_by(4).any(|at| self.certain(at, ended, check))
            || (header.octets > MAX_SEARCHED && !self.follows(header, ended))
    }

    /// True when what follows a record with this header, as far as it is there, looks like a record too.
    fn follows(&self, header: Header, ended: bool) -> bool {
        follows(self.pending(), header, ended)
    }

    /// Moves to the next octets that are certainly a record. `None`: found, go on there.
    fn search(&mut self, ended: bool, check: &impl Fn(&[u8]) -> Soundness) -> Option<Step> {
        loop {
            let (from, reason) = self.damage?;
            let pending = self.pending();
            let Some(header) = Header::read(pending) else {
                if ended {
                    self.damage = None;
                    self.consume(4);
                    return Some(Step::Damage { offset: from, length: self.offset - from, reason });
                }
                return Some(Step::More);
            };
            if header.searched() {
                match pending.get(..header.octets) {
                    Some(_) if self.certain(0, ended, check) => {
                        self.damage = None;
                        return Some(Step::Damage { offset: from, length: self.offset - from, reason });
                    }
                    // It may be one that is still coming; but one that is there already counts for more.
                    None if !ended && !(1..pending.len()).any(|at| self.certain(at, ended, check)) => {
                        return Some(Step::More);
                    }
                    _ => {}
                }
            }
            self.consume(1);
            if self.offset - from >= DAMAGE_PIECE {
                self.damage = Some((self.offset, reason));
                return Some(Step::Damage { offset: from, length: self.offset - from, reason });
            }
        }
    }

    /// Everything that is left is damage.
    fn rest(&mut self, reason: &'static str) -> Step {
        let (offset, length) = (self.offset, self.pending().len());
        self.consume(length);
        Step::Damage { offset, length: length as u64, reason }
    }
}

/// Whether what stands behind a record with this header at the start of `octets` looks like a record too.
fn follows(octets: &[u8], header: Header, ended: bool) -> bool {
    let rest = octets.get(header.octets..).unwrap_or_default();
    match Header::read(rest) {
        // Any header of length zero is passed over, but writers pad with zeros only.
        Some(next) if next.octets == 0 => (next.kind | next.version | next.cause) == 0,
        Some(next) => next.known() && (next.octets <= rest.len() || !ended),
        None => rest.is_empty() || !ended,
    }
}

/// The four octets in front of every record (record chapter 3).
#[derive(Clone, Copy)]
struct Header {
    kind: u8,
    version: u8,
    cause: u8,
    octets: usize,
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Header> {
        let &[kind, cause, high, low] = bytes.first_chunk()?;
        Some(Header {
            kind: kind & 0xf0,
            version: kind & 0x0f,
            cause: cause & 0xf0,
            octets: usize::from(u16::from_be_bytes([high, low])) * 4,
        })
    }

    fn is_mar(self) -> bool {
        matches!(self.kind, 0x80 | 0xb0)
    }

    /// A type that carries something and a version that is read (4 is read like 3, record chapter 12.10).
    fn known(self) -> bool {
        matches!(self.kind, 0x10 | 0x30 | 0x40 | 0x50 | 0x80 | 0xb0) && matches!(self.version, 3..=5 | 7)
    }

    /// Stricter, for the search after damage.
    fn searched(self) -> bool {
        self.known()
            && matches!(self.cause, 0x10..=0x80)
            && if self.is_mar() { self.octets == 128 } else { (16..=MAX_SEARCHED).contains(&self.octets) }
    }
}

/// True when a record's body begins as a body does: with a DSR of a known type. For the search after damage.
fn known_start(record: &[u8]) -> bool {
    match record {
        [kind, ..] if kind & 0xf0 == 0x80 => true,
        [_, _, _, _, dsr, _, _, words, ..] => {
            matches!(dsr, 0x01..=0x03 | 0x07 | 0x10 | 0x12 | 0x30 | 0x48) && *words > 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOW: [u8; 20] = [0x13, 0x10, 0, 5, 0x01, 3, 1, 3, 192, 0, 2, 77, 0, 0, 0, 1, 0x30, 0, 0, 1];

    fn flow(sequence: u8) -> [u8; 20] {
        let mut f = FLOW;
        f[15] = sequence;
        f
    }

    /// Reads all of `bytes`, `at_once` octets at a time; returns sequence numbers and damages.
    fn run(bytes: &[u8], at_once: usize) -> (Vec<u8>, Vec<(u64, u64)>) {
        let mut framer = Framer::default();
        let (mut input, mut ended) = (bytes, false);
        let (mut records, mut damage) = (vec![], vec![]);
        loop {
            match framer.step(ended, |_| Soundness::Sound) {
                Step::Record { range, offset } => {
                    let r = framer.bytes(range);
                    assert_eq!(r, &bytes[offset as usize..][..r.len()]);
                    records.push(*r.get(15).unwrap_or(&0));
                }
                Step::Damage { offset, length, .. } => damage.push((offset, length)),
                Step::More if ended => return (records, damage),
                Step::More => {
                    let mut some = (&mut input).take(at_once as u64);
                    ended = framer.fill(&mut some).unwrap() == 0;
                }
            }
        }
    }

    fn both(bytes: &[u8]) -> (Vec<u8>, Vec<(u64, u64)>) {
        let whole = run(bytes, bytes.len().max(1));
        assert_eq!(whole.0, run(bytes, 1).0);
        whole
    }

    #[test]
    fn skips_zero_words() {
        let bytes = [&flow(1)[..], &[0; 12], &flow(2)].concat();
        assert_eq!(both(&bytes), (vec![1, 2], vec![]));
    }

    #[test]
    fn reports_a_cut_record() {
        let bytes = [&flow(1)[..], &flow(2)[..19]].concat();
        assert_eq!(both(&bytes), (vec![1], vec![(20, 19)]));
        assert_eq!(both(&[flow(1).as_slice(), &[0x13, 0x10]].concat()), (vec![1], vec![(20, 2)]));
    }

    #[test]
    fn passes_over_unknown_types_by_length() {
        let mut odd = flow(9);
        odd[0] = 0x93;
        let bytes = [&flow(1)[..], &odd, &flow(2)].concat();
        assert_eq!(both(&bytes), (vec![1, 2], vec![(20, 20)]));
    }

    #[test]
    fn finds_the_next_record_after_junk() {
        for junk in [&b"x"[..], b"junk!", &[0xff; 63], &[0x13, 0x10, 0xff, 0xff]] {
            let bytes = [&flow(1)[..], junk, &flow(2), &flow(3)].concat();
            let (records, damage) = both(&bytes);
            assert_eq!(records, [1, 2, 3], "{junk:02x?}");
            assert_eq!(damage, [(20, junk.len() as u64)]);
        }
    }

    #[test]
    fn a_short_length_costs_one_record() {
        let mut short = flow(2);
        short[3] = 3;
        let bytes = [&flow(1)[..], &short, &flow(3)].concat();
        let (records, damage) = both(&bytes);
        assert_eq!(records, [1, 0, 3]);
        assert_eq!(damage, [(32, 8)]);
    }

    #[test]
    fn an_expected_reply_is_not_a_record() {
        let bytes = [&flow(1)[..], b"OK", &flow(2)].concat();
        let mut framer = Framer::default();
        framer.expect_reply();
        framer.fill(&mut &bytes[..]).unwrap();
        for expected in [1, 2] {
            let Step::Record { range, .. } = framer.step(false, |_| Soundness::Sound) else {
                panic!("no record");
            };
            assert_eq!(framer.bytes(range)[15], expected);
        }
    }

    #[test]
    fn the_longest_record_fits() {
        let mut long = vec![0x11; MAX_RECORD];
        long[..4].copy_from_slice(&[0x13, 0x10, 0xff, 0xff]);
        let bytes = [&flow(1)[..], &long, &flow(2)].concat();
        let (records, damage) = run(&bytes, 1000);
        assert_eq!((records, damage), (vec![1, 0x11, 2], vec![]));
    }

    #[test]
    fn a_live_stream_does_not_wait_for_what_noise_promises() {
        // The noise ends in what could be the header of a record of 4000 octets.
        let bytes = [&flow(1)[..], &[0xff; 9], &[0x13, 0x10, 0x03, 0xe8], &flow(2), &flow(3)].concat();
        let mut framer = Framer::default();
        framer.fill(&mut &bytes[..]).unwrap();
        let mut seen = vec![];
        loop {
            match framer.step(false, |_| Soundness::Sound) {
                Step::Record { range, .. } => seen.push(framer.bytes(range)[15]),
                Step::Damage { offset, length, .. } => assert_eq!((offset, length), (20, 13)),
                Step::More => break,
            }
        }
        assert_eq!(seen, [1, 2, 3]);
    }

    #[test]
    fn a_wrong_length_does_not_swallow_what_follows() {
        let loose = |r: &[u8]| if r.len() > 20 { Soundness::Loose } else { Soundness::Sound };
        let mut wrong = flow(2);
        wrong[2..4].copy_from_slice(&[0x10, 0x02]);
        let bytes = [&wrong[..], &flow(3).repeat(1000)].concat();
        let mut framer = Framer::default();
        framer.fill(&mut &bytes[..]).unwrap();
        let mut seen = 0;
        loop {
            match framer.step(true, loose) {
                Step::Record { .. } => seen += 1,
                Step::Damage { offset, length, .. } => assert_eq!((offset, length), (0, 20)),
                Step::More => break,
            }
        }
        assert_eq!(seen, 1000);
    }

    #[test]
    fn short_management_records_are_passed_over() {
        let bytes = [&flow(1)[..], &[0x83, 0x40, 0, 1], &flow(2)].concat();
        assert_eq!(both(&bytes), (vec![1, 2], vec![]));
    }

    proptest::proptest! {
        #[test]
        fn never_stalls(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..2000)) {
            let (_, damage) = run(&bytes, 7);
            for (offset, length) in damage {
                proptest::prop_assert!(offset + length <= bytes.len() as u64);
            }
        }
    }
}
