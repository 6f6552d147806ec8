//! Slabs: arrays of equal parts that are reserved once and reused.
//!
//! The whole address range is reserved when the engine is made, and pages come into being some at a time as parts are used,
//! so that neither creating a flow nor growing the table ever allocates or moves anything. A slab that has become large
//! goes on with huge pages: a packet then need not wait for the processor to find out where its flow's page is, and a new
//! flow seldom for the kernel to make one.

use crate::config::ConfigError;
use std::collections::VecDeque;

/// Index of a part; [`NONE`] stands for no part.
pub(crate) type Part = u32;

/// No part.
pub(crate) const NONE: Part = u32::MAX;

/// Octets from which on a slab goes on with huge pages: what the last one has unused is at most as much again.
const SMALL: usize = memory::HUGE;

/// Parts of a slab whose memory is not worth giving back.
const WORTH: usize = 1 << 14;

/// Octets of small pages that are made at a time, at least and at most.
const AT_ONCE: (usize, usize) = (32 << 10, 256 << 10);

/// Items that are pushed into room reserved for them.
struct Room<T> {
    items: Vec<T>,
    limit: usize,
    /// At how many items the pages are looked at next.
    look: usize,
}

impl<T> Room<T> {
    fn new(limit: u32) -> Result<Room<T>, ConfigError> {
        let mut items = Vec::new();
        items.try_reserve_exact(limit as usize).map_err(|_| ConfigError::Memory(limit))?;
        Ok(Room { items, limit: limit as usize, look: 0 })
    }

    /// Forgets the items from the `end` on, and gives back their memory.
    fn truncate(&mut self, end: usize) {
        if end < self.items.len() {
            self.items.truncate(end);
            memory::give_back_room(&mut self.items);
        }
    }

    /// Adds an item; `None` when there is no room.
    #[inline]
    fn push(&mut self, item: T) -> Option<Part> {
        let part = self.items.len();
        if part >= self.limit {
            return None;
        }
        if part == self.look {
            self.look_ahead();
        }
        self.items.push(item);
        Some(part as Part)
    }

    /// Has the kernel make the next pages, as long as they are small, and huge ones from then on.
    #[cold]
    fn look_ahead(&mut self) {
        let item = size_of::<T>().max(1);
        let here = self.items.len() * item;
        if here < SMALL {
            let octets = (here / 8).clamp(AT_ONCE.0, AT_ONCE.1);
            memory::populate_room(&mut self.items, octets);
            self.look += (octets / item).max(1);
        } else {
            memory::prefer_huge(&mut self.items);
            self.look = usize::MAX;
        }
    }
}

pub(crate) struct Slab<T> {
    room: Room<T>,
    /// The first is used next.
    free: VecDeque<Part>,
    /// Parts from here on are used again only when there are no others, so that their memory may go back.
    seldom: usize,
}

impl<T: Default> Slab<T> {
    pub fn new(limit: u32) -> Result<Slab<T>, ConfigError> {
        let mut free = VecDeque::new();
        free.try_reserve_exact(limit as usize).map_err(|_| ConfigError::Memory(limit))?;
        Ok(Slab { room: Room::new(limit)?, free, seldom: usize::MAX })
    }

    /// Stores `item`; `None` when the slab is full.
    #[inline]
    pub fn insert(&mut self, item: T) -> Option<Part> {
        if let Some(part) = self.free.pop_front()
            && let Some(slot) = self.room.items.get_mut(part as usize)
        {
            *slot = item;
            return Some(part);
        }
        self.room.push(item)
    }

    /// Gives a part back. Giving back [`NONE`] does nothing.
    #[inline]
    pub fn remove(&mut self, part: Part) {
        if (part as usize) < self.room.items.len() && self.free.len() < self.room.limit {
            if (part as usize) < self.seldom {
                self.free.push_front(part);
            } else {
                self.free.push_back(part);
            }
        }
    }

    #[inline(always)]
    pub fn get(&self, part: Part) -> Option<&T> {
        self.room.items.get(part as usize)
    }

    #[inline(always)]
    pub fn get_mut(&mut self, part: Part) -> Option<&mut T> {
        self.room.items.get_mut(part as usize)
    }

    /// Where a part lies, or would lie if there were so many: to be asked for, not to be read.
    #[inline(always)]
    pub fn place(&self, part: Part) -> *const T {
        self.room.items.as_ptr().wrapping_add(part as usize)
    }

    /// Takes all parts back.
    pub fn clear(&mut self) {
        self.free.clear();
        self.seldom = usize::MAX;
        self.room.truncate(0);
    }

    /// Whether most of what was in use once is free, and is worth giving back.
    pub fn is_sparse(&self) -> bool {
        self.room.items.len() > WORTH && self.free.len() > self.room.items.len() / 2
    }

    /// Gives back the memory behind the last part in use. From now on the first free parts are used first, so that the
    /// last ones become free.
    pub fn trim(&mut self) {
        self.free.make_contiguous().sort_unstable();
        let end = self.end();
        let last = self.free.iter().rev().zip((0..end as Part).rev());
        let unused = last.take_while(|(part, last)| *part == last).count();
        self.free.truncate(self.free.len() - unused);
        self.room.truncate(end - unused);
        self.seldom = 2 * self.len().max(WORTH);
    }

    /// Parts that are or were in use.
    pub fn end(&self) -> usize {
        self.room.items.len()
    }

    /// Parts in use.
    pub fn len(&self) -> usize {
        self.room.items.len() - self.free.len()
    }
}

/// Parts that every flow has when an option asks for them: each at its flow's own index, so that they are found, and
/// fetched from memory, without looking at the flow first.
pub(crate) struct Beside<T> {
    room: Room<T>,
}

impl<T: Default> Beside<T> {
    pub fn new(limit: u32) -> Result<Beside<T>, ConfigError> {
        Ok(Beside { room: Room::new(limit)? })
    }

    /// A fresh part for a new flow. Flows are numbered without gaps.
    pub fn renew(&mut self, part: Part) {
        match self.room.items.get_mut(part as usize) {
            Some(item) => *item = T::default(),
            None => {
                self.room.push(T::default());
            }
        }
    }

    #[inline(always)]
    pub fn get(&self, part: Part) -> Option<&T> {
        self.room.items.get(part as usize)
    }

    #[inline(always)]
    pub fn get_mut(&mut self, part: Part) -> Option<&mut T> {
        self.room.items.get_mut(part as usize)
    }

    /// Takes all parts back.
    pub fn clear(&mut self) {
        self.room.truncate(0);
    }

    /// Takes back the parts behind the last flow.
    pub fn trim(&mut self, flows: usize) {
        self.room.truncate(flows);
    }

    /// Whether flows have this part at all.
    pub fn is_kept(&self) -> bool {
        self.room.limit != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_slabs_keep_what_they_hold() {
        let count = (SMALL + 3 * memory::HUGE) / 64;
        let mut slab = Slab::<[u64; 8]>::new(count as u32).unwrap();
        for number in 0..count as u64 {
            slab.insert([number; 8]).unwrap();
        }
        assert_eq!(slab.insert([0; 8]), None);
        assert_eq!(slab.room.look, usize::MAX);
        assert!((0..count).all(|number| slab.get(number as Part) == Some(&[number as u64; 8])));
    }

    #[test]
    fn the_end_is_given_back() {
        let count = 3 * WORTH as u32;
        let mut slab = Slab::<[u64; 8]>::new(count).unwrap();
        for number in 0..count {
            slab.insert([u64::from(number); 8]).unwrap();
        }
        // All but a hundred, one of them near the end.
        for part in (100..count).filter(|part| *part != 2 * WORTH as u32) {
            slab.remove(part);
        }
        assert!(slab.is_sparse());
        slab.trim();
        assert_eq!((slab.end(), slab.len()), (2 * WORTH + 1, 101));
        assert_eq!(slab.insert([7; 8]), Some(100));
        slab.remove(2 * WORTH as u32);
        slab.trim();
        assert_eq!((slab.end(), slab.len()), (101, 101));
        assert!((0..100).all(|part| slab.get(part) == Some(&[u64::from(part); 8])));
        assert_eq!(slab.insert([8; 8]), Some(101));
    }

    #[test]
    fn parts_are_reused_and_bounded() {
        let mut slab = Slab::<u64>::new(2).unwrap();
        let a = slab.insert(1).unwrap();
        let b = slab.insert(2).unwrap();
        assert_eq!(slab.insert(3), None);
        slab.remove(a);
        slab.remove(NONE);
        assert_eq!(slab.len(), 1);
        assert_eq!(slab.insert(4), Some(a));
        assert_eq!((slab.get(a), slab.get(b)), (Some(&4), Some(&2)));
    }
}
