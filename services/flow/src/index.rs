//! The index from keys to flows: open addressing with linear probing, at most half full, never rehashed.
//!
//! Deleting shifts the entries behind back instead of leaving tombstones, so the cost of a lookup depends on the
//! load alone and not on what happened before. The hash is keyed: no sender can choose keys that collide.

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

pub(crate) struct Index {
    slots: Vec<u64>,
    mask: u32,
}

impl Index {
    pub fn new(max_flows: u32) -> Result<Index, ConfigError> {
        let size = (max_flows as usize).max(8).saturating_mul(2).next_power_of_two().min(1 << 31);
        // Asks first, since the allocation below cannot fail politely.
        Vec::<u64>::new().try_reserve_exact(size).map_err(|_| ConfigError::Memory(max_flows))?;
        // A zeroed allocation of this size is mapped, not written.
        Ok(Index { slots: vec![0; size], mask: (size - 1) as u32 })
    }

    /// The flow of a key: `same` says whether a flow with an equal hash has that key.
    #[inline]
    pub fn find(&self, hash: u32, mut same: impl FnMut(Part) -> bool) -> Option<Part> {
        let mut at = hash & self.mask;
        loop {
            let slot = Slot::of(*self.slots.get(at as usize)?);
            if slot.flow == 0 {
                return None;
            }
            if slot.hash == hash && same(slot.flow - 1) {
                return Some(slot.flow - 1);
            }
            at = (at + 1) & self.mask;
        }
    }

    /// Adds a flow that is not in the index. The caller keeps the number of flows within `max_flows`.
    #[inline]
    pub fn insert(&mut self, hash: u32, flow: Part) {
        let mut at = hash & self.mask;
        while let Some(slot) = self.slots.get_mut(at as usize) {
            if Slot::of(*slot).flow == 0 {
                *slot = Slot { hash, flow: flow + 1 }.word();
                return;
            }
            at = (at + 1) & self.mask;
        }
    }

    /// Removes a flow.
    pub fn remove(&mut self, hash: u32, flow: Part) {
        let mut at = hash & self.mask;
        loop {
            match self.slots.get(at as usize).map(|&word| Slot::of(word)) {
                Some(slot) if slot.flow == 0 => return,
                Some(slot) if slot.flow == flow + 1 => break,
                Some(_) => at = (at + 1) & self.mask,
                None => return,
            }
        }
        // Shift back what would no longer be reached across the hole.
        let mut hole = at;
        let mut next = (at + 1) & self.mask;
        while let Some(slot) = self.slots.get(next as usize).map(|&word| Slot::of(word)) {
            if slot.flow == 0 {
                break;
            }
            let home = slot.hash & self.mask;
            let distance = next.wrapping_sub(home) & self.mask;
            if distance >= (next.wrapping_sub(hole) & self.mask) {
                if let Some(free) = self.slots.get_mut(hole as usize) {
                    *free = slot.word();
                }
                hole = next;
            }
            next = (next + 1) & self.mask;
        }
        if let Some(free) = self.slots.get_mut(hole as usize) {
            *free = 0;
        }
    }
}

/// A keyed hash of words: folded 64 by 64 bit multiplications.
#[inline]
pub(crate) fn hash(key: u64, words: &[u32]) -> u32 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = key ^ 0x243f_6a88_85a3_08d3;
    let mut pairs = words.chunks_exact(2);
    for pair in &mut pairs {
        let &[a, b] = pair else { continue };
        state = fold(state ^ (u64::from(a) << 32 | u64::from(b)), MULTIPLIER ^ key);
    }
    if let &[last] = pairs.remainder() {
        state = fold(state ^ u64::from(last), MULTIPLIER ^ key);
    }
    let state = fold(state, 0x1319_8a2e_0370_7344 ^ key.rotate_left(32));
    (state ^ (state >> 32)) as u32
}

#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b | 1);
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn behaves_as_a_map_under_insertions_and_removals() {
        // Few distinct hashes force long runs and wrap-around.
        let mut index = Index::new(64).unwrap();
        let mut model = HashMap::new();
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
    fn hash_depends_on_its_key() {
        let words = [1, 2, 3, 4, 5];
        assert_ne!(hash(1, &words), hash(2, &words));
        assert_ne!(hash(1, &words), hash(1, &words[..4]));
    }
}
