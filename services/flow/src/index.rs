//! The index from keys to flows: open addressing with linear probing, at most two thirds full.
//!
//! It starts small, so that few flows stay in the processor's caches, and grows eightfold as flows come; the entries of an
//! outgrown table move over a few at a time with later insertions, so that no packet waits for a rehash. All sizes
//! lie in one arena that is reserved at the start. Deleting shifts the entries behind back instead of leaving
//! tombstones: the cost of a lookup depends on the load alone and not on what happened before. The hash is keyed: no
//! sender can choose keys that collide.

use crate::config::ConfigError;
use crate::slab::Part;

/// A slot packed into one word (hash above, flow number plus one below): 0 is a free slot, so that a table is
/// fresh zero pages.
#[derive(Clone, Copy, Default)]
struct Slot {
    hash: u32,
    flow: u32,
}

impl Slot {
    #[inline(always)]
    fn of(word: u64) -> Slot {
        Slot { hash: (word >> 32) as u32, flow: word as u32 }
    }

    #[inline(always)]
    fn word(self) -> u64 {
        u64::from(self.hash) << 32 | u64::from(self.flow)
    }
}

/// One table within the arena.
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

    /// Steps from one slot on to another.
    #[inline(always)]
    fn steps(self, from: u32, to: u32) -> u32 {
        if to >= from { to - from } else { to + (self.size - from) }
    }
}

/// Slots of the first table.
const SMALLEST: u32 = 1 << 12;

/// How many times as large the next table is. What an outgrown one leaves of the resident set is that much smaller.
const GROWTH: u32 = 8;

/// Slots of an outgrown table that are emptied with every insertion.
const STEP: u32 = 8;

pub(crate) struct Index {
    /// The tables of all sizes, one after another; pages come into being as they are used.
    arena: Vec<u64>,
    current: Span,
    /// The table that was outgrown, while its entries move over, and the first slot not emptied yet.
    outgrown: Option<(Span, u32)>,
    count: u32,
    largest: u32,
}

impl Index {
    /// Octets that a flow takes of a full index at most, the tables outgrown on the way included.
    pub const OCTETS: usize = 24;
    /// Octets that a flow takes of a full index of a million flows and more.
    #[cfg(test)]
    pub const FULL: usize = 16;

    pub fn new(max_flows: u32) -> Result<Index, ConfigError> {
        let most = u64::from(max_flows) * 3 / 2 + 1;
        let largest = u32::try_from(most).unwrap_or(u32::MAX).clamp(SMALLEST, 1 << 31);
        let mut last = Span { start: 0, size: SMALLEST };
        while last.size < largest {
            last = Index::next(last, largest);
        }
        let size = last.start + last.size as usize;
        // Asks first, since the allocation below cannot fail politely.
        Vec::<u64>::new().try_reserve_exact(size).map_err(|_| ConfigError::Memory(max_flows))?;
        // A zeroed allocation of this size is mapped, not written.
        Ok(Index {
            arena: vec![0; size],
            current: Span { start: 0, size: SMALLEST },
            outgrown: None,
            count: 0,
            largest,
        })
    }

    /// The table that follows an outgrown one. The last step may be a long one: two of nearly equal size would leave
    /// much behind.
    fn next(span: Span, largest: u32) -> Span {
        let size = if largest / (2 * GROWTH) < span.size { largest } else { span.size * GROWTH };
        Span { start: span.start + span.size as usize, size }
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
            let slot = self.slot(span, at);
            if slot.flow == 0 {
                return None;
            }
            if slot.hash == hash && same(slot.flow - 1) {
                return Some(slot.flow - 1);
            }
            at = span.after(at);
        }
    }

    /// The flow that a hash probably belongs to; reads the slot from memory.
    #[inline(always)]
    pub fn guess(&self, hash: u32) -> Option<Part> {
        let slot = self.slot(self.current, self.current.home(hash));
        (slot.hash == hash).then(|| slot.flow.wrapping_sub(1))
    }

    /// Adds a flow that is not in the index. The caller keeps the number of flows within `max_flows`.
    #[inline]
    pub fn insert(&mut self, hash: u32, flow: Part) {
        let size = self.current.size;
        if self.outgrown.is_none() && size < self.largest && self.count / 2 >= size / 3 {
            self.outgrown = Some((self.current, 0));
            self.current = Index::next(self.current, self.largest);
        }
        self.move_over();
        self.place(self.current, Slot { hash, flow: flow + 1 });
        self.count += 1;
    }

    /// Removes a flow.
    pub fn remove(&mut self, hash: u32, flow: Part) {
        let spans = [Some(self.current), self.outgrown.map(|(span, _)| span)];
        for span in spans.into_iter().flatten() {
            let mut at = span.home(hash);
            loop {
                let slot = self.slot(span, at);
                if slot.flow == 0 {
                    break;
                }
                if slot.flow == flow + 1 {
                    self.vacate(span, at);
                    self.count -= 1;
                    return;
                }
                at = span.after(at);
            }
        }
    }

    /// Empties some slots of the outgrown table. The new one is filled only after more insertions than
    /// the outgrown one has slots, so that is empty long before.
    fn move_over(&mut self) {
        let Some((span, mut at)) = self.outgrown else { return };
        for _ in 0..STEP {
            loop {
                let slot = self.slot(span, at);
                if slot.flow == 0 {
                    break;
                }
                // Vacating may shift another entry into this slot.
                self.vacate(span, at);
                self.place(self.current, slot);
            }
            if at + 1 == span.size {
                self.outgrown = None;
                return;
            }
            at += 1;
        }
        self.outgrown = Some((span, at));
    }

    #[inline(always)]
    fn slot(&self, span: Span, at: u32) -> Slot {
        Slot::of(self.arena.get(span.start + at as usize).copied().unwrap_or(0))
    }

    #[inline(always)]
    fn set(&mut self, span: Span, at: u32, slot: Slot) {
        if let Some(word) = self.arena.get_mut(span.start + at as usize) {
            *word = slot.word();
        }
    }

    fn place(&mut self, span: Span, slot: Slot) {
        let mut at = span.home(slot.hash);
        while self.slot(span, at).flow != 0 {
            at = span.after(at);
        }
        self.set(span, at, slot);
    }

    /// Empties a slot and shifts back what would no longer be reached across the hole.
    fn vacate(&mut self, span: Span, at: u32) {
        let mut hole = at;
        let mut next = span.after(at);
        loop {
            let slot = self.slot(span, next);
            if slot.flow == 0 {
                break;
            }
            let home = span.home(slot.hash);
            if span.steps(home, next) >= span.steps(hole, next) {
                self.set(span, hole, slot);
                hole = next;
            }
            next = span.after(next);
        }
        self.set(span, hole, Slot::default());
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
        index.current = Span { start: 0, size: 127 };
        index.largest = 127;
        let mut state = 1u64;
        for step in 0..20_000u32 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let flow = (state >> 40) as u32 % 64;
            let hash = if flow % 3 == 0 { u32::MAX - flow % 2 } else { flow % 7 };
            if model.contains_key(&flow) {
                index.remove(hash, flow);
                model.remove(&flow);
            } else {
                index.insert(hash, flow);
                model.insert(flow, hash);
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
