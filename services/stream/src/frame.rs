//! The octets of a stream, in one reused buffer or in windows on a file, cut into records by [`record::Framer`].

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;

use mapped::Window;

use record::{Frame, Glance, Layout, MAX_RECORD_LEN, RecordView};

use crate::reader::Damage;

/// What is read at once.
const CHUNK: usize = 256 << 10;

/// The buffer never grows past this; it holds the longest record and a full read beside it.
const MAX_BUFFER: usize = 512 << 10;

/// Octets of a window on a file: many times the longest record.
const WINDOW: u64 = 4 << 20;

/// What is left of a file is read when it is shorter than this: it may grow, and a window on it gains nothing.
const LEAST_WINDOW: u64 = 1 << 20;

/// What the framer found at its position.
#[derive(Debug)]
pub(crate) enum Step {
    /// A whole record.
    Record(Place),
    /// Octets that are no record were passed over.
    Damage(Damage),
    /// More octets are needed; at the end of the stream: nothing is left.
    More,
}

/// Where in the buffer a run of records that are taken begins or ends, and how many were taken before.
#[derive(Clone, Copy, Debug, Default)]
struct Border {
    at: u32,
    taken: u32,
}

/// Borders that are noted at a time.
const BORDERS: usize = 1024;

/// Whole records that are taken as they are: runs of them, and how many each has.
#[derive(Clone, Debug)]
pub struct Runs<'a> {
    octets: &'a [u8],
    borders: std::slice::ChunksExact<'a, Border>,
}

impl<'a> Iterator for Runs<'a> {
    type Item = (&'a [u8], u64);

    #[inline]
    fn next(&mut self) -> Option<(&'a [u8], u64)> {
        let &[from, to] = self.borders.next()? else { return None };
        let records = self.octets.get(from.at as usize..to.at as usize)?;
        Some((records, u64::from(to.taken - from.taken)))
    }
}

/// What sifting found.
#[derive(Debug)]
pub(crate) enum Sifted {
    /// Records that are taken, to be had from [`Framer::runs`].
    Runs,
    /// Something that is to be looked at.
    Step(Step),
}

/// Where a record is: in the buffer, until the next step, and in the stream.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    range: Range<usize>,
    /// Octets of the stream in front of it.
    pub(crate) offset: u64,
}

/// The buffer, or the window, and the position in it.
pub(crate) struct Framer {
    buffer: Vec<u8>,
    /// In place of the buffer; where it ends in the file.
    window: Option<Window>,
    window_end: u64,
    start: usize,
    end: usize,
    framer: record::Framer,
    /// Where the parts of the record are that was found last.
    layout: Layout,
    /// Of the runs of records that sifting has taken: beginnings and ends in turn.
    borders: Box<[Border; BORDERS]>,
    border_count: usize,
    /// How many `OK` replies may stand between records (transport chapter 2.3).
    replies: u32,
}

impl Default for Framer {
    fn default() -> Self {
        Framer::at(0)
    }
}

impl Framer {
    /// A framer whose input has been read up to `offset` already.
    pub(crate) fn at(offset: u64) -> Framer {
        Framer {
            buffer: vec![0; CHUNK],
            window: None,
            window_end: 0,
            start: 0,
            end: 0,
            framer: record::Framer::at(offset),
            layout: Layout::default(),
            borders: Box::new([Border::default(); BORDERS]),
            border_count: 0,
            replies: 0,
        }
    }

    /// A record that [`Framer::step`] has just returned.
    #[inline]
    pub(crate) fn view(&self, place: &Place) -> RecordView<'_> {
        RecordView::with_layout(self.octets(place.range.clone()), self.layout)
    }

    /// Stream offset of the next unread octet.
    pub(crate) fn offset(&self) -> u64 {
        self.framer.offset()
    }

    /// From now on one more `OK` may appear in place of a record header.
    pub(crate) fn expect_reply(&mut self) {
        self.replies += 1;
    }

    /// Reads once into the free space. `Ok(0)` is the end of the stream.
    pub(crate) fn fill(&mut self, input: &mut (impl Read + ?Sized)) -> io::Result<usize> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.start > 0 && self.buffer.len() - self.end < CHUNK * 3 / 4 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            if self.buffer.len() >= MAX_BUFFER {
                // Cannot happen: a step uses up whatever is longer than two of the longest records.
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

    /// Goes on in a window on `file`, whose octets these are, from the next unread one. False when there is no window to
    /// go on in, because too little of the file is left or the system gives none: then nothing is held.
    pub(crate) fn slide(&mut self, file: &File) -> bool {
        let offset = self.framer.offset();
        let left = file.metadata().map_or(0, |file| file.len().saturating_sub(offset));
        // A window that did not bring it further is as good as it gets.
        let stands = self.window.take().is_some() && self.start == 0;
        if left >= LEAST_WINDOW && !stands {
            self.window = Window::new(file, offset, left.min(WINDOW) as usize).ok();
        }
        self.start = 0;
        self.end = self.window.as_ref().map_or(0, |window| window.octets().len());
        self.window_end = offset + self.end as u64;
        self.window.is_some()
    }

    /// Whether the window on `file` shows what is no longer there: what was found last is not to be believed.
    #[inline]
    pub(crate) fn is_cut(&self, file: Option<&File>) -> bool {
        let Some(window) = &self.window else { return false };
        // The page in which a file ends goes on in zeros.
        let next: Option<&[u8; 4]> = window.octets().get(self.start..).and_then(|rest| rest.first_chunk());
        let at_zeros = next.is_none_or(|next| *next == [0; 4]);
        let ends_before = |file: &File| file.metadata().is_ok_and(|file| file.len() < self.window_end);
        window.is_cut() || at_zeros && file.is_some_and(ends_before)
    }

    /// Octets that are held.
    #[inline]
    pub(crate) fn octets(&self, range: Range<usize>) -> &[u8] {
        held(&self.window, &self.buffer).get(range).unwrap_or_default()
    }

    /// The records that [`Framer::sift`] has just taken.
    pub(crate) fn runs(&self) -> Runs<'_> {
        let borders = self.borders.get(..self.border_count).unwrap_or_default();
        Runs { octets: held(&self.window, &self.buffer), borders: borders.chunks_exact(2) }
    }

    /// As [`Framer::step`], but records that are beyond doubt are first shown to `judge`, which tells whether they are
    /// taken as they are or passed over; `None`: they are to be looked at.
    #[inline(never)]
    pub(crate) fn sift(&mut self, ended: bool, mut judge: impl FnMut(&Glance<'_>) -> Option<bool>) -> Sifted {
        if self.replies > 0 {
            return Sifted::Step(self.slow_step(ended));
        }
        let pending = held(&self.window, &self.buffer).get(self.start..self.end).unwrap_or_default();
        // Whether a record is taken follows no pattern that a processor could foresee: so each notes a border, over which
        // the next one writes unless it was one.
        let (mut at, mut border, mut taken, mut takes) = (0, 0, 0, false);
        let mut look = None;
        let Some(shapes) = self.framer.shapes() else { return Sifted::Step(self.slow_step(ended)) };
        while let Some(glance) = pending.get(at..).and_then(|input| shapes.glance(input)) {
            let Some(take) = judge(&glance) else {
                look = Some(glance.layout());
                break;
            };
            let Some(place) = self.borders[..BORDERS - 1].get_mut(border) else { break };
            // Fits: buffers and windows are shorter.
            *place = Border { at: (self.start + at) as u32, taken };
            border += usize::from(take != takes);
            takes = take;
            taken += u32::from(takes);
            at += glance.len();
        }
        if takes {
            self.borders[border] = Border { at: (self.start + at) as u32, taken };
            border += 1;
        }
        self.border_count = border;
        self.framer.skip(at);
        self.start += at;
        match look {
            _ if taken > 0 => Sifted::Runs,
            Some(layout) => {
                let (from, offset) = (self.start, self.framer.offset());
                self.layout = layout;
                self.framer.skip(layout.len());
                self.start += layout.len();
                Sifted::Step(Step::Record(Place { range: from..self.start, offset }))
            }
            None => Sifted::Step(self.slow_step(ended)),
        }
    }

    /// The next record or damage. `ended` says that nothing will follow what is in the buffer.
    #[inline]
    pub(crate) fn step(&mut self, ended: bool) -> Step {
        if self.replies == 0 {
            let pending = held(&self.window, &self.buffer).get(self.start..self.end).unwrap_or_default();
            if let Some(glance) = self.framer.shapes().and_then(|shapes| shapes.glance(pending)) {
                self.layout = glance.layout();
                let (from, len, offset) = (self.start, glance.len(), self.framer.offset());
                self.framer.skip(len);
                self.start += len;
                return Step::Record(Place { range: from..self.start, offset });
            }
        }
        self.slow_step(ended)
    }

    fn slow_step(&mut self, ended: bool) -> Step {
        loop {
            let pending = held(&self.window, &self.buffer).get(self.start..self.end).unwrap_or_default();
            if self.replies > 0 && !self.framer.is_searching() && pending.starts_with(b"OK") {
                self.replies -= 1;
                self.framer.skip(2);
                self.start += 2;
                continue;
            }
            let (used, frame) = self.framer.next(pending, ended);
            self.start += used;
            return match frame {
                // A short management record is legal and says nothing (record chapter 4.3, 11).
                Frame::Record(view) if view.kind().is_mar() && view.bytes().len() < crate::INITIAL => {
                    continue;
                }
                Frame::Record(view) => {
                    let len = view.bytes().len();
                    self.layout = view.layout();
                    Step::Record(Place {
                        range: self.start - len..self.start,
                        offset: self.framer.offset() - len as u64,
                    })
                }
                Frame::Unreadable { offset, len, reason } => {
                    Step::Damage(Damage { offset, length: len as u64, reason: Some(reason) })
                }
                Frame::End { offset, cut } if cut > 0 => {
                    Step::Damage(Damage { offset, length: cut as u64, reason: None })
                }
                Frame::End { .. } | Frame::More { .. } => Step::More,
            };
        }
    }
}

#[inline]
fn held<'a>(window: &'a Option<Window>, buffer: &'a [u8]) -> &'a [u8] {
    match window {
        Some(window) => window.octets(),
        None => buffer,
    }
}

/// The longest record (record chapter 11).
pub(crate) const MAX_RECORD: usize = MAX_RECORD_LEN;

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
            match framer.step(ended) {
                Step::Record(place) => {
                    let view = framer.view(&place);
                    let r = view.bytes();
                    assert_eq!(r, &bytes[place.offset as usize..][..r.len()]);
                    records.push(*r.get(15).unwrap_or(&0));
                }
                Step::Damage(Damage { offset, length, .. }) => damage.push((offset, length)),
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
        for piece in [1, 3, 7] {
            assert_eq!(whole, run(bytes, piece));
        }
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
        for (expected, offset) in [(1, 0), (2, 22)] {
            let Step::Record(place) = framer.step(false) else {
                panic!("no record");
            };
            assert_eq!((framer.view(&place).bytes()[15], place.offset), (expected, offset));
        }
    }

    #[test]
    fn the_longest_record_fits() {
        let mut long = vec![0x11; MAX_RECORD];
        long[..8].copy_from_slice(&[0x13, 0x10, 0xff, 0xff, 0x50, 0x81, 0xff, 0xfe]);
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
            match framer.step(false) {
                Step::Record(place) => seen.push(framer.view(&place).bytes()[15]),
                Step::Damage(damage) => assert_eq!((damage.offset, damage.length), (20, 13)),
                Step::More => break,
            }
        }
        assert_eq!(seen, [1, 2, 3]);
    }

    #[test]
    fn a_wrong_length_does_not_swallow_what_follows() {
        let mut wrong = flow(2);
        wrong[2..4].copy_from_slice(&[0x10, 0x02]);
        let bytes = [&wrong[..], &flow(3).repeat(1000)].concat();
        assert_eq!(both(&bytes), (vec![3; 1000], vec![(0, 20)]));
    }

    #[test]
    fn short_management_records_are_passed_over() {
        let bytes = [&flow(1)[..], &[0x83, 0x40, 0, 1], &flow(2)].concat();
        assert_eq!(both(&bytes), (vec![1, 2], vec![]));
    }

    /// Sequence numbers of records in the order in which sifting hands them out, and damages. Those that `judge` skips
    /// are left out when they are looked at all the same.
    fn sifted(
        bytes: &[u8],
        at_once: usize,
        judge: fn(u8) -> Option<bool>,
    ) -> (Vec<u8>, Vec<(u64, u64)>, usize) {
        let mut framer = Framer::default();
        let (mut input, mut ended) = (bytes, false);
        let (mut records, mut damage, mut runs) = (vec![], vec![], 0);
        loop {
            match framer.sift(ended, |glance| judge(glance.view().bytes()[15])) {
                Sifted::Runs => {
                    for (run, count) in framer.runs() {
                        let taken: Vec<u8> = run.chunks(20).map(|record| record[15]).collect();
                        assert_eq!(taken.len() as u64, count);
                        assert!(taken.iter().all(|&sequence| judge(sequence) == Some(true)));
                        records.extend(taken);
                        runs += 1;
                    }
                }
                Sifted::Step(Step::Record(place)) => {
                    let record = framer.view(&place).bytes();
                    assert_eq!(record, &bytes[place.offset as usize..][..record.len()]);
                    records
                        .extend(record.get(15).copied().filter(|&sequence| judge(sequence) != Some(false)));
                }
                Sifted::Step(Step::Damage(Damage { offset, length, .. })) => damage.push((offset, length)),
                Sifted::Step(Step::More) if ended => return (records, damage, runs),
                Sifted::Step(Step::More) => {
                    let mut some = (&mut input).take(at_once as u64);
                    ended = framer.fill(&mut some).unwrap() == 0;
                }
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn sifting_keeps_what_it_should(
            sequences in proptest::collection::vec(proptest::num::u8::ANY, 0..400),
            junk in proptest::collection::vec((0usize..8000, proptest::num::u8::ANY), 0..4),
            at_once in 3000usize..9000,
        ) {
            let mut bytes: Vec<u8> = sequences.iter().flat_map(|&sequence| flow(sequence)).collect();
            for (at, octet) in junk {
                if let Some(place) = bytes.get_mut(at) {
                    *place = octet;
                }
            }
            let judge = |sequence: u8| match sequence % 5 {
                0 => Some(false),
                1 => None,
                _ => Some(true),
            };
            let (all, damage) = run(&bytes, at_once);
            let kept: Vec<u8> = all.into_iter().filter(|&sequence| judge(sequence) != Some(false)).collect();
            let (ours, our_damage, runs) = sifted(&bytes, at_once, judge);
            proptest::prop_assert_eq!((ours, our_damage), (kept, damage));
            let takes = sequences.iter().filter(|&&sequence| judge(sequence) == Some(true)).count();
            proptest::prop_assert!(runs > 0 || takes < 150);
        }

        #[test]
        fn never_stalls(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..2000)) {
            let (_, damage) = run(&bytes, 7);
            for (offset, length) in damage {
                proptest::prop_assert!(offset + length <= bytes.len() as u64);
            }
        }
    }
}
