//! How many flows several engines keep together: each counts its own against a quota, which it takes from a common store
//! and gives back in chunks, so that no packet touches what the engines share.

use crate::config::Config;
use crate::table::most_flows;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};

/// Flows that every engine may keep, whatever the others have.
pub(crate) const LEAST: usize = 16;

/// What several engines keep to together (`max_flows` and `max_octets` of their settings), as the engines of all
/// interfaces and threads of one sensor do.
///
/// ```
/// use flow::{Ceiling, Config, Engine};
///
/// let mut config = Config { max_flows: 1000, ..Config::default() };
/// config.ceiling = Some(Ceiling::new(&config));
/// let engines = [Engine::new(config.clone()), Engine::new(config)];
/// assert!(engines.iter().all(Result::is_ok));
/// ```
#[derive(Clone, Debug)]
pub struct Ceiling(Arc<Store>);

#[derive(Debug)]
struct Store {
    most: usize,
    /// Flows taken and given back at a time.
    chunk: usize,
    /// Flows that no engine has; negative when more engines came than have their least.
    free: AtomicI64,
    engines: AtomicU32,
    /// An engine found nothing left.
    wanted: AtomicBool,
}

impl Ceiling {
    /// The ceiling that these settings name. Engines that share it have the same options.
    pub fn new(config: &Config) -> Ceiling {
        let most = most_flows(config) as usize;
        Ceiling(Arc::new(Store {
            most,
            chunk: (most / 128).clamp(1, 4096),
            free: AtomicI64::new(most as i64),
            engines: AtomicU32::new(0),
            wanted: AtomicBool::new(false),
        }))
    }
}

/// What one engine has of a ceiling.
pub(crate) struct Share {
    store: Arc<Store>,
    /// Flows that it may keep.
    pub quota: usize,
}

impl Share {
    pub fn new(ceiling: &Ceiling) -> Share {
        let store = Arc::clone(&ceiling.0);
        store.engines.fetch_add(1, Ordering::Relaxed);
        store.free.fetch_sub(LEAST as i64, Ordering::Relaxed);
        Share { store, quota: LEAST }
    }

    /// Takes another chunk. False when there is none left: the others are asked to give some back.
    #[cold]
    pub fn take(&mut self) -> bool {
        let free = &self.store.free;
        let mut left = free.load(Ordering::Relaxed);
        while left > 0 {
            let taken = left.min(self.store.chunk as i64);
            match free.compare_exchange_weak(left, left - taken, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    self.quota += taken as usize;
                    return true;
                }
                Err(now) => left = now,
            }
        }
        // What every new flow of a flood would write is written once.
        if !self.store.wanted.load(Ordering::Relaxed) && self.quota < self.fair() {
            self.store.wanted.store(true, Ordering::Relaxed);
        }
        false
    }

    /// What each engine has when all want more.
    fn fair(&self) -> usize {
        (self.store.most / self.store.engines.load(Ordering::Relaxed).max(1) as usize).max(LEAST)
    }

    /// Flows that are to go because another engine has too few: a part of what is too much, so that packets need not
    /// wait for long.
    pub fn too_many(&self, flows: usize) -> usize {
        if !self.store.wanted.load(Ordering::Relaxed) {
            return 0;
        }
        let above = self.quota.saturating_sub(self.fair());
        let less = above.min((above / 8).max(self.store.chunk)).min(1 << 14);
        flows.saturating_sub(self.quota - less)
    }

    /// Gives back what so many flows leave unused: all of it when it is wanted, else what is more than they may soon
    /// need.
    pub fn give_back(&mut self, flows: usize) {
        let wanted = self.store.wanted.load(Ordering::Relaxed) && self.quota > self.fair();
        let spare = if wanted { 0 } else { flows / 2 + 2 * self.store.chunk };
        let keep = (flows + spare).max(LEAST);
        if self.quota > keep {
            self.store.free.fetch_add((self.quota - keep) as i64, Ordering::Relaxed);
            self.quota = keep;
            self.store.wanted.store(false, Ordering::Relaxed);
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.store.free.fetch_add(self.quota as i64, Ordering::Relaxed);
        self.store.engines.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_the_ceiling() {
        let config = Config { max_flows: 1000, ..Config::default() };
        let ceiling = Ceiling::new(&config);
        let (mut one, mut other) = (Share::new(&ceiling), Share::new(&ceiling));
        while one.take() {}
        assert_eq!(one.quota, 1000 - LEAST);
        assert_eq!(one.too_many(one.quota), 0);
        assert!(!other.take());
        for _ in 0..100 {
            let flows = one.quota - one.too_many(one.quota);
            one.give_back(flows);
            while other.take() {}
            assert!(one.quota + other.quota <= 1000);
        }
        assert!(one.quota.abs_diff(500) < 20 && other.quota.abs_diff(500) < 20);
        one.give_back(0);
        while other.take() {}
        assert_eq!(other.quota, 1000 - one.quota);
        drop(other);
        assert_eq!(ceiling.0.free.load(Ordering::Relaxed), 1000 - one.quota as i64);
    }
}
