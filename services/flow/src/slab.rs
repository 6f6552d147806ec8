//! Slabs: arrays of equal parts that are reserved once and reused.
//!
//! The whole address range is reserved when the engine is made, and pages come into being as they are first used,
//! so that neither creating a flow nor growing the table ever allocates or moves anything.

use crate::config::ConfigError;

/// Index of a part; [`NONE`] stands for no part.
pub(crate) type Part = u32;

/// No part.
pub(crate) const NONE: Part = u32::MAX;

pub(crate) struct Slab<T> {
    items: Vec<T>,
    free: Vec<Part>,
    limit: usize,
}

impl<T: Default> Slab<T> {
    pub fn new(limit: u32) -> Result<Slab<T>, ConfigError> {
        let mut items = Vec::new();
        let mut free = Vec::new();
        items.try_reserve_exact(limit as usize).map_err(|_| ConfigError::Memory(limit))?;
        free.try_reserve_exact(limit as usize).map_err(|_| ConfigError::Memory(limit))?;
        Ok(Slab { items, free, limit: limit as usize })
    }

    /// Stores `item`; `None` when the slab is full.
    #[inline]
    pub fn insert(&mut self, item: T) -> Option<Part> {
        if let Some(part) = self.free.pop()
            && let Some(slot) = self.items.get_mut(part as usize)
        {
            *slot = item;
            return Some(part);
        }
        if self.items.len() >= self.limit {
            return None;
        }
        self.items.push(item);
        Some((self.items.len() - 1) as Part)
    }

    /// Gives a part back. Giving back [`NONE`] does nothing.
    #[inline]
    pub fn remove(&mut self, part: Part) {
        if (part as usize) < self.items.len() && self.free.len() < self.limit {
            self.free.push(part);
        }
    }

    #[inline(always)]
    pub fn get(&self, part: Part) -> Option<&T> {
        self.items.get(part as usize)
    }

    #[inline(always)]
    pub fn get_mut(&mut self, part: Part) -> Option<&mut T> {
        self.items.get_mut(part as usize)
    }

    /// Parts in use.
    pub fn len(&self) -> usize {
        self.items.len() - self.free.len()
    }
}

/// Parts that every flow has when an option asks for them: each at its flow's own index, so that they are found, and
/// fetched from memory, without looking at the flow first.
pub(crate) struct Beside<T> {
    items: Vec<T>,
    limit: usize,
}

impl<T: Default> Beside<T> {
    pub fn new(limit: u32) -> Result<Beside<T>, ConfigError> {
        let mut items = Vec::new();
        items.try_reserve_exact(limit as usize).map_err(|_| ConfigError::Memory(limit))?;
        Ok(Beside { items, limit: limit as usize })
    }

    /// A fresh part for a new flow. Flows are numbered without gaps.
    pub fn renew(&mut self, part: Part) {
        if let Some(item) = self.items.get_mut(part as usize) {
            *item = T::default();
        } else if self.items.len() < self.limit {
            self.items.push(T::default());
        }
    }

    #[inline(always)]
    pub fn get(&self, part: Part) -> Option<&T> {
        self.items.get(part as usize)
    }

    #[inline(always)]
    pub fn get_mut(&mut self, part: Part) -> Option<&mut T> {
        self.items.get_mut(part as usize)
    }

    /// Whether flows have this part at all.
    pub fn is_kept(&self) -> bool {
        self.limit != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
