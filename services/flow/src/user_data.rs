//! User data: the first payload octets of each direction of a record (`-U`, chapter section 12.5).

use crate::config::ConfigError;
use crate::slab::{NONE, Part, Slab};

/// Octets of both directions of many flows, in one array.
pub(crate) struct UserData {
    /// Octets kept for each direction.
    limit: usize,
    octets: Vec<u8>,
    lengths: Slab<[u16; 2]>,
}

/// The most that a record's section holds for one direction.
pub(crate) const MAX: u16 = 65_528;

impl UserData {
    /// Room for `limit` octets of each direction of `max_flows` flows, within `max_octets` altogether.
    pub fn new(limit: u16, max_flows: u32, max_octets: u64) -> Result<UserData, ConfigError> {
        let limit = usize::from(limit.min(MAX));
        let budget = usize::try_from(max_octets).unwrap_or(usize::MAX);
        let flows = if limit == 0 { 0 } else { (max_flows as usize).min(budget / (2 * limit)) };
        let size = flows * 2 * limit;
        Vec::<u8>::new().try_reserve_exact(size).map_err(|_| ConfigError::Memory(max_flows))?;
        Ok(UserData { limit, octets: vec![0; size], lengths: Slab::new(flows as u32)? })
    }

    /// Octets kept for each direction of a record; 0 when none are.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Octets in use.
    pub fn octets(&self) -> u64 {
        self.lengths.len() as u64 * 2 * self.limit as u64
    }

    /// Makes room for a flow; `None` when there is none left.
    pub fn insert(&mut self) -> Option<Part> {
        self.lengths.insert([0; 2])
    }

    /// Gives a flow's room back.
    pub fn remove(&mut self, part: Part) {
        if part != NONE {
            self.lengths.remove(part);
        }
    }

    /// Appends what fits.
    pub fn append(&mut self, part: Part, side: usize, data: &[u8]) {
        let Some(length) = self.lengths.get_mut(part).and_then(|lengths| lengths.get_mut(side)) else {
            return;
        };
        let at = usize::from(*length);
        let take = data.len().min(self.limit.saturating_sub(at));
        let start = (part as usize * 2 + side) * self.limit + at;
        if let (Some(to), Some(from)) = (self.octets.get_mut(start..start + take), data.get(..take)) {
            to.copy_from_slice(from);
            *length += take as u16;
        }
    }

    /// Forgets one side's data.
    pub fn restart(&mut self, part: Part, side: usize) {
        if let Some(length) = self.lengths.get_mut(part).and_then(|lengths| lengths.get_mut(side)) {
            *length = 0;
        }
    }

    /// Forgets both sides' data.
    pub fn reset(&mut self, part: Part) {
        if let Some(lengths) = self.lengths.get_mut(part) {
            *lengths = [0; 2];
        }
    }

    /// One side's data.
    pub fn get(&self, part: Part, side: usize) -> &[u8] {
        let length = self.lengths.get(part).and_then(|lengths| lengths.get(side)).copied().unwrap_or(0);
        let start = (part as usize).saturating_mul(2).saturating_add(side).saturating_mul(self.limit);
        self.octets.get(start..start.saturating_add(usize::from(length))).unwrap_or(&[])
    }
}
