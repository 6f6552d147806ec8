//! The index from keys to flows: open addressing by cache lines, at most three quarters full.
//!
//! An entry belongs into the line that its hash names, or, where that is full, into the next one with room: nearly every
//! lookup ends in the one line that was asked for in advance. The entries of a line tell a flow by its whole hash, so
//! that a packet of a new flow looks at no other flow's memory.
//!
//! The index starts small, so that few flows stay in the processor's caches, and grows by half as flows come; the entries of an
//! outgrown table move over a few at a time with later insertions, so that no packet waits for a rehash, and its memory is
//! given back. All sizes lie in one arena of address space that is reserved at the start. Deleting pulls entries behind back instead of leaving
//! tombstones: the cost of a lookup depends on the load alone and not on what happened before. The hash is keyed: no
//! sender can choose keys that collide.

use crate::config::ConfigError;
use crate::slab::{NONE, Part};

/// Entries of a line.
const WIDTH: usize = 8;

/// Words of a line.
const WORDS: usize = 2 * WIDTH;

/// A cache line of entries: their hashes, then flow numbers plus one. 0 is no flow, so that a table is fresh zero pages.
#[derive(Clone, Copy)]
struct Line<'a>(&'a [u32; WORDS]);

impl Line<'_> {
    #[inline(always)]
    fn hash(self, at: usize) -> u32 {
        self.0[at % WIDTH]
    }

    #[inline(always)]
    fn flow(self, at: usize) -> u32 {
        self.0[WIDTH + at % WIDTH]
    }

    /// The entries with a hash. Free ones are among them when it is 0.
    #[inline(always)]
    fn with_hash(self, hash: u32) -> Entries {
        let [hashes, _] = self.halves();
        Entries(memory::equal(hashes, hash))
    }

    /// The entry of a flow, given as it is stored; a free one for 0.
    #[inline(always)]
    fn with_flow(self, flow: u32) -> Option<usize> {
        let [_, flows] = self.halves();
        Entries(memory::equal(flows, flow)).next()
    }

    #[inline(always)]
    fn is_full(self) -> bool {
        self.with_flow(0).is_none()
    }

    #[inline(always)]
    fn halves(&self) -> [&[u32; WIDTH]; 2] {
        let (hashes, flows) = self.0.split_at(WIDTH);
        [hashes.first_chunk().unwrap_or(&[0; WIDTH]), flows.first_chunk().unwrap_or(&[0; WIDTH])]
    }
}

/// Entries of a line, a bit each.
struct Entries(u32);

impl Iterator for Entries {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        let first = self.0.trailing_zeros() as usize;
        self.0 &= self.0.wrapping_sub(1);
        (first < WIDTH).then_some(first)
    }
}

/// One table within the arena, in lines.
#[derive(Clone, Copy)]
struct Span {
    start: usize,
    size: u32,
}

impl Span {
    /// Where an entry is looked for first.
    #[inline(always)]
    fn home(self, hash: u32) -> u32 {
        ((u64::from(hash) * u64::from(self.size)) >> 32) as u32
    }

    #[inline(always)]
    fn after(self, at: u32) -> u32 {
        if at + 1 == self.size { 0 } else { at + 1 }
    }

    /// Steps from one line on to another.
    #[inline(always)]
    fn steps(self, from: u32, to: u32) -> u32 {
        if to >= from { to - from } else { to + (self.size - from) }
    }

    /// Flows beyond which the next table is begun: three quarters.
    #[inline(always)]
    fn most(self) -> u32 {
        self.size.saturating_mul(WIDTH as u32 / 4 * 3)
    }
}

/// Lines of the first table.
const SMALLEST: u32 = 1 << 10;

/// Lines of an outgrown table that are emptied with every insertion.
const STEP: u32 = 16;

/// Lines from which on a table is large enough for huge pages: its entries lie all over it, so that all of them are used.
const LARGE: u32 = 1 << 16;

pub(crate) struct Index {
    /// The tables of all sizes, one after another; pages come into being as they are used.
    arena: Vec<u32>,
    /// Words of the arena before the first line.
    skip: usize,
    current: Span,
    /// The table that was outgrown, while its entries move over, and the first line not emptied yet.
    outgrown: Option<(Span, u32)>,
    count: u32,
    largest: u32,
}

impl Index {
    /// Octets that a flow takes of an index that has just grown.
    pub const OCTETS: usize = 16;

    pub fn new(max_flows: u32) -> Result<Index, ConfigError> {
        let most = (u64::from(max_flows) * 4).div_ceil(3 * WIDTH as u64) + 1;
        let largest = u32::try_from(most).unwrap_or(u32::MAX).clamp(SMALLEST, 1 << 28);
        let mut last = Span { start: 0, size: SMALLEST };
        while last.size < largest {
            last = Index::next(last, largest);
        }
        // One line more than are used, so that the first can begin with a line of the cache.
        let words = (last.start + last.size as usize + 1) * WORDS;
        // Asks first, since the allocation below cannot fail politely.
        Vec::<u32>::new().try_reserve_exact(words).map_err(|_| ConfigError::Memory(max_flows))?;
        // A zeroed allocation of this size is mapped, not written.
        let arena = vec![0u32; words];
        Ok(Index {
            skip: arena.as_ptr().align_offset(memory::LINE).min(WORDS),
            arena,
            current: Span { start: 0, size: SMALLEST },
            outgrown: None,
            count: 0,
            largest,
        })
    }

    /// The table that follows an outgrown one: half as large again.
    fn next(span: Span, largest: u32) -> Span {
        Span {
            start: span.start + span.size as usize,
            size: largest.min(span.size.saturating_add(span.size / 2)),
        }
    }

    /// The flow of a key: `same` says whether a flow with an equal hash has that key.
    #[inline]
    pub fn find(&self, hash: u32, mut same: impl FnMut(Part) -> bool) -> Option<Part> {
        let found = self.search(self.current, hash, &mut same);
        match self.outgrown {
            Some((span, _)) if found.is_none() => self.search(span, hash, &mut same),
            _ => found,
        }
    }

    #[inline(always)]
    fn search(&self, span: Span, hash: u32, same: &mut impl FnMut(Part) -> bool) -> Option<Part> {
        let mut at = span.home(hash);
        loop {
            let line = self.line(span, at);
            for entry in line.with_hash(hash) {
                // Of a free entry this is no flow.
                let flow = line.flow(entry).wrapping_sub(1);
                if same(flow) {
                    return Some(flow);
                }
            }
            if !line.is_full() {
                return None;
            }
            at = span.after(at);
        }
    }

    /// Asks for the lines in which a hash is looked for.
    #[inline(always)]
    pub fn prefetch(&self, hash: u32) {
        self.prefetch_line(self.current, hash);
        if let Some((span, _)) = self.outgrown {
            self.prefetch_line(span, hash);
        }
    }

    #[inline(always)]
    fn prefetch_line(&self, span: Span, hash: u32) {
        if let Some(word) = self.arena.get(self.place_of(span, span.home(hash))) {
            memory::prefetch(word);
        }
    }

    /// The flow that a hash probably belongs to: the first with that hash; or no flow.
    #[inline(always)]
    pub fn guess(&self, hash: u32) -> Part {
        let line = self.line(self.current, self.current.home(hash));
        match line.with_hash(hash).next() {
            Some(entry) => line.flow(entry).wrapping_sub(1),
            None if line.is_full() || self.outgrown.is_some() => self.guess_further(hash),
            None => NONE,
        }
    }

    /// As [`Index::guess`], of all lines.
    #[inline(never)]
    fn guess_further(&self, hash: u32) -> Part {
        let mut guess = NONE;
        self.find(hash, |flow| {
            guess = flow;
            flow != NONE
        });
        guess
    }

    /// Adds a flow that is not in the index. The caller keeps the number of flows within `max_flows`.
    #[inline]
    pub fn insert(&mut self, hash: u32, flow: Part) {
        if self.outgrown.is_none() && self.current.size < self.largest && self.count >= self.current.most() {
            self.grow();
        }
        if self.outgrown.is_some() {
            self.move_over();
        }
        self.place(self.current, hash, flow + 1);
        self.count += 1;
    }

    /// Removes a flow.
    pub fn remove(&mut self, hash: u32, flow: Part) {
        let spans = [Some(self.current), self.outgrown.map(|(span, _)| span)];
        for span in spans.into_iter().flatten() {
            let mut at = span.home(hash);
            loop {
                let line = self.line(span, at);
                if let Some(entry) = line.with_flow(flow + 1) {
                    self.vacate(span, at, entry);
                    self.count -= 1;
                    return;
                }
                if !line.is_full() {
                    break;
                }
                at = span.after(at);
            }
        }
    }

    #[cold]
    fn grow(&mut self) {
        self.outgrown = Some((self.current, 0));
        self.current = Index::next(self.current, self.largest);
        if self.current.size >= LARGE
            && let Some(words) = self.words_of(self.current)
        {
            memory::prefer_huge_slice(words);
        }
    }

    /// The memory of a table.
    fn words_of(&mut self, span: Span) -> Option<&mut [u32]> {
        let start = self.place_of(span, 0);
        self.arena.get_mut(start..start + span.size as usize * WORDS)
    }

    /// Forgets all flows, and gives the memory back.
    pub fn clear(&mut self) {
        for span in [Some(self.current), self.outgrown.map(|(span, _)| span)].into_iter().flatten() {
            if let Some(words) = self.words_of(span) {
                words.fill(0);
                memory::give_back(words);
            }
        }
        self.current = Span { start: 0, size: SMALLEST.min(self.largest) };
        self.outgrown = None;
        self.count = 0;
    }

    /// Empties some lines of the outgrown table. The new one is filled only after more insertions than the outgrown one
    /// has lines, so that it is empty long before.
    #[cold]
    fn move_over(&mut self) {
        for _ in 0..STEP {
            self.move_line();
        }
    }

    fn move_line(&mut self) {
        let Some((span, at)) = self.outgrown else { return };
        for entry in 0..WIDTH {
            loop {
                let line = self.line(span, at);
                let (hash, flow) = (line.hash(entry), line.flow(entry));
                if flow == 0 {
                    break;
                }
                // Vacating may pull another entry into this place.
                self.vacate(span, at, entry);
                self.place(self.current, hash, flow);
            }
        }
        if at + 1 < span.size {
            self.outgrown = Some((span, at + 1));
            return;
        }
        self.outgrown = None;
        if let Some(words) = self.words_of(span) {
            memory::give_back(words);
        }
    }

    #[inline(always)]
    fn place_of(&self, span: Span, at: u32) -> usize {
        self.skip + (span.start + at as usize) * WORDS
    }

    #[inline(always)]
    fn line(&self, span: Span, at: u32) -> Line<'_> {
        let words = self.arena.get(self.place_of(span, at)..).and_then(|rest| rest.first_chunk());
        Line(words.unwrap_or(&[0; WORDS]))
    }

    #[inline(always)]
    fn set(&mut self, span: Span, at: u32, entry: usize, hash: u32, flow: u32) {
        let place = self.place_of(span, at);
        if let Some(words) = self.arena.get_mut(place..).and_then(|rest| rest.first_chunk_mut::<WORDS>()) {
            words[entry % WIDTH] = hash;
            words[WIDTH + entry % WIDTH] = flow;
        }
    }

    fn place(&mut self, span: Span, hash: u32, flow: u32) {
        let mut at = span.home(hash);
        loop {
            if let Some(entry) = self.line(span, at).with_flow(0) {
                return self.set(span, at, entry, hash, flow);
            }
            at = span.after(at);
        }
    }

    /// Empties an entry and pulls back what would no longer be reached past a line that is not full.
    fn vacate(&mut self, span: Span, at: u32, entry: usize) {
        let (mut hole, mut hole_entry) = (at, entry);
        if self.line(span, at).is_full() {
            let mut next = span.after(at);
            loop {
                let words = *self.line(span, next).0;
                let line = Line(&words);
                let strayed = (0..WIDTH).find(|&entry| {
                    let home = span.home(line.hash(entry));
                    line.flow(entry) != 0 && span.steps(home, next) >= span.steps(hole, next)
                });
                if let Some(entry) = strayed {
                    self.set(span, hole, hole_entry, line.hash(entry), line.flow(entry));
                    (hole, hole_entry) = (next, entry);
                }
                if !line.is_full() {
                    break;
                }
                next = span.after(next);
            }
        }
        self.set(span, hole, hole_entry, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hasher::Hasher;
    use std::collections::HashMap;

    #[test]
    fn behaves_as_a_map_under_insertions_and_removals() {
        // Few distinct hashes force long runs and wrap-around.
        let mut index = Index::new(64).unwrap();
        let mut model = HashMap::new();
        index.current = Span { start: 0, size: 11 };
        index.largest = 11;
        let mut state = 1u64;
        for step in 0..20_000u32 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let flow = (state >> 40) as u32 % 64;
            let hash = if flow.is_multiple_of(3) { u32::MAX - flow % 2 } else { flow % 7 };
            if let std::collections::hash_map::Entry::Vacant(e) = model.entry(flow) {
                index.insert(hash, flow);
                e.insert(hash);
            } else {
                index.remove(hash, flow);
                model.remove(&flow);
            }
            if step % 16 == 0 {
                for probe in 0..64 {
                    let hash = if probe % 3 == 0 { u32::MAX - probe % 2 } else { probe % 7 };
                    let found = index.find(hash, |candidate| candidate == probe);
                    assert_eq!(found.is_some(), model.contains_key(&probe), "flow {probe} at step {step}");
                }
            }
        }
    }

    #[test]
    fn grows_without_losing_anyone() {
        let mut index = Index::new(100_000).unwrap();
        let hasher = Hasher::new(7);
        let hash_of = |flow: u32| hasher.hash(&[0, 0, flow, 1, 0, 0, 0, 0, 0, 0]);
        for flow in 0..100_000 {
            index.insert(hash_of(flow), flow);
            if flow % 3 == 0 {
                index.remove(hash_of(flow / 2), flow / 2);
                index.insert(hash_of(flow / 2), flow / 2);
            }
            if flow % 1000 == 0 {
                for known in (0..=flow).step_by(97) {
                    assert_eq!(index.find(hash_of(known), |found| found == known), Some(known));
                    // Wherever it lies: strayed from its line, or not moved over yet.
                    assert_eq!(hash_of(index.guess(hash_of(known))), hash_of(known));
                }
            }
        }
        assert_eq!(index.current.size, index.largest);
        for flow in 0..100_000 {
            index.remove(hash_of(flow), flow);
        }
        assert!(index.arena.iter().all(|&word| word == 0));
    }
}
