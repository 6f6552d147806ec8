//! The last records that went out, in one block of memory, read by many cursors at their own pace.
//!
//! The ring belongs to the server's one thread. A record is appended once, whoever reads it; the oldest whole records
//! give way to it. A cursor that was overtaken learns how many records it missed and goes on at the oldest one.

/// A reader's place in a [`Ring`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Octets ever appended before the record that is read next.
    position: u64,
    /// Records ever appended before it.
    sequence: u64,
}

/// A bounded byte ring of whole records.
pub(crate) struct Ring {
    /// The records, each in one piece: one that does not fit before the end goes to the start.
    bytes: Vec<u8>,
    oldest: Cursor,
    next: Cursor,
    /// Position up to which the present and the last lap are filled; the rest of a lap is unused.
    lap_ends: [u64; 2],
}

impl Ring {
    /// A ring of `octets`, at least enough for the longest record. The memory is taken by use.
    pub(crate) fn new(octets: usize) -> Ring {
        Ring {
            bytes: vec![0; octets.max(2 * crate::frame::MAX_RECORD)],
            oldest: Cursor::default(),
            next: Cursor::default(),
            lap_ends: [u64::MAX; 2],
        }
    }

    fn capacity(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Where the next record will be: a reader that starts here sees only what comes.
    pub(crate) fn now(&self) -> Cursor {
        self.next
    }

    /// Records that `cursor` has not seen.
    pub(crate) fn queued(&self, cursor: Cursor) -> u64 {
        self.next.sequence.saturating_sub(cursor.sequence.max(self.oldest.sequence))
    }

    /// Appends the whole records in `records`, back to back.
    pub(crate) fn append(&mut self, mut records: &[u8]) {
        while let Some(record) = whole(records) {
            records = records.get(record.len()..).unwrap_or_default();
            self.push(record);
        }
    }

    fn push(&mut self, record: &[u8]) {
        let (n, capacity) = (record.len() as u64, self.capacity());
        let mut at = self.next.position % capacity;
        if at + n > capacity {
            // The rest of this lap stays empty.
            let lap = self.next.position / capacity;
            if let Some(end) = self.lap_ends.get_mut((lap % 2) as usize) {
                *end = self.next.position;
            }
            self.next.position += capacity - at;
            at = 0;
        }
        while self.next.position + n - self.oldest.position > capacity
            && self.oldest.sequence < self.next.sequence
        {
            self.oldest = self.after(self.oldest);
        }
        if self.oldest.sequence == self.next.sequence {
            self.oldest = self.next;
        }
        if at == 0 {
            // Only now is nothing of the lap before the last one left, whose end was kept here.
            let lap = self.next.position / capacity;
            if let Some(end) = self.lap_ends.get_mut((lap % 2) as usize) {
                *end = u64::MAX;
            }
        }
        if let Some(to) = self.bytes.get_mut(at as usize..(at + n) as usize) {
            to.copy_from_slice(record);
        }
        self.next.position += n;
        self.next.sequence += 1;
    }

    /// The position of the record at or after `position`: the start of the next lap when the rest of this one is
    /// unused.
    fn settle(&self, position: u64) -> u64 {
        let lap = position / self.capacity();
        match self.lap_ends.get((lap % 2) as usize) {
            Some(&end) if end / self.capacity() == lap && position >= end => (lap + 1) * self.capacity(),
            _ => position,
        }
    }

    fn after(&self, cursor: Cursor) -> Cursor {
        let position = self.settle(cursor.position);
        let rest = self.bytes.get((position % self.capacity()) as usize..).unwrap_or_default();
        let n = whole(rest).map_or(0, <[u8]>::len) as u64;
        Cursor { position: self.settle(position + n), sequence: cursor.sequence + 1 }
    }

    /// Moves an overtaken cursor to the oldest record; returns how many records it missed.
    pub(crate) fn catch_up(&self, cursor: &mut Cursor) -> u64 {
        let missed = self.oldest.sequence.saturating_sub(cursor.sequence);
        if missed > 0 {
            *cursor = self.oldest;
        }
        missed
    }

    /// The records from `cursor` on that lie in one piece, back to back; empty when there is nothing new. The cursor
    /// must have caught up.
    pub(crate) fn run(&self, cursor: &mut Cursor) -> &[u8] {
        if cursor.sequence >= self.next.sequence {
            return &[];
        }
        let capacity = self.capacity();
        cursor.position = self.settle(cursor.position);
        let lap = cursor.position / capacity;
        let lap_end = match self.lap_ends.get((lap % 2) as usize) {
            Some(&end) if end / capacity == lap => end,
            _ => (lap + 1) * capacity,
        };
        let end = lap_end.min(self.next.position) - lap * capacity;
        self.bytes.get((cursor.position % capacity) as usize..end as usize).unwrap_or_default()
    }

    /// Moves the cursor over `records` records of `octets` octets together, which it got from [`Ring::run`].
    pub(crate) fn advance(&self, cursor: &mut Cursor, records: u64, octets: usize) {
        cursor.sequence += records;
        cursor.position += octets as u64;
    }
}

/// The record at the start of `bytes`, by its length field.
pub(crate) fn whole(bytes: &[u8]) -> Option<&[u8]> {
    let &[_, _, high, low] = bytes.first_chunk()?;
    let n = usize::from(u16::from_be_bytes([high, low])) * 4;
    if n == 0 { None } else { bytes.get(..n) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(words: u16, tag: u32) -> Vec<u8> {
        let mut r = vec![0x13, 0x10];
        r.extend(words.to_be_bytes());
        for _ in 1..words {
            r.extend(tag.to_be_bytes());
        }
        r
    }

    /// Reads everything from `cursor` on, `at_once` records at a time.
    fn read(ring: &Ring, cursor: &mut Cursor, at_once: usize) -> (u64, Vec<u32>) {
        let missed = ring.catch_up(cursor);
        let mut tags = vec![];
        loop {
            let mut run = ring.run(cursor);
            if run.is_empty() {
                return (missed, tags);
            }
            let (mut n, mut octets) = (0, 0);
            while let Some(r) = whole(run).filter(|_| n < at_once) {
                tags.push(u32::from_be_bytes(r[4..8].try_into().unwrap()));
                assert_eq!(r, record((r.len() / 4) as u16, *tags.last().unwrap()));
                octets += r.len();
                n += 1;
                run = &run[r.len()..];
            }
            assert!(n > 0, "a run holds whole records");
            ring.advance(cursor, n as u64, octets);
        }
    }

    #[test]
    fn a_reader_that_keeps_up_misses_nothing() {
        let mut ring = Ring::new(0);
        let mut cursor = ring.now();
        for tag in 0..20_000 {
            ring.append(&record(20 + (tag * 7919 % 500) as u16, tag));
            if tag % 13 == 0 {
                let (missed, tags) = read(&ring, &mut cursor, 3);
                assert_eq!(missed, 0);
                assert_eq!(tags.last(), Some(&tag));
            }
        }
    }

    #[test]
    fn an_overtaken_reader_misses_the_oldest_and_knows_how_many() {
        let mut ring = Ring::new(0);
        let mut cursor = ring.now();
        let (mut missed, mut seen) = (0, 0);
        for tag in 0..40_000_u32 {
            ring.append(&record(20 + (tag % 91) as u16, tag));
            if tag % 13_001 == 13_000 {
                let (m, tags) = read(&ring, &mut cursor, 1000);
                missed += m;
                seen += tags.len() as u64;
                assert_eq!(missed + seen, u64::from(tag) + 1);
                assert!(tags.windows(2).all(|w| w[1] == w[0] + 1));
                assert!(m > 0);
            }
        }
    }

    #[test]
    fn the_longest_record_goes_round() {
        let mut ring = Ring::new(0);
        let mut cursor = ring.now();
        for tag in 0..50 {
            ring.append(&record(u16::MAX, tag));
            ring.append(&record(2, tag));
            assert_eq!(read(&ring, &mut cursor, 9), (0, vec![tag, tag]));
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(12))]
        #[test]
        fn nothing_is_lost_uncounted(lengths in proptest::collection::vec((2..30_000_u16, 0..9_u8), 1..400)) {
            let mut ring = Ring::new(0);
            let mut cursor = ring.now();
            let (mut missed, mut seen) = (0, 0);
            for (tag, (words, pause)) in lengths.iter().enumerate() {
                ring.append(&record(*words, tag as u32));
                if *pause == 0 {
                    let (m, tags) = read(&ring, &mut cursor, 2);
                    missed += m;
                    seen += tags.len() as u64;
                    proptest::prop_assert_eq!(missed + seen, tag as u64 + 1);
                    proptest::prop_assert_eq!(tags.last(), Some(&(tag as u32)));
                }
            }
        }
    }
}
