//! User data: the first payload octets of each direction of a record (`-U`, chapter section 12.5).

use crate::config::ConfigError;
use crate::slab::{Beside, NONE, Part, Slab};

/// The most that a record's section holds for one direction.
pub(crate) const MAX: u16 = 65_528;
/// Octets kept of control plane traffic.
const FULL: u16 = u16::MAX;
/// Mark of the parts that belong to control plane flows. Neither pool has so many that it would be in the way.
const CONTROL: Part = 1 << 31;

/// User data of all flows: of control plane flows as much as a record holds, of the others what was configured.
pub(crate) struct UserData {
    plain: Pool,
    control: Pool,
    /// Where that of each flow is.
    places: Beside<Place>,
}

/// A part of one of the pools, or none.
#[derive(Clone, Copy)]
struct Place(Part);

impl Default for Place {
    fn default() -> Place {
        Place(NONE)
    }
}

impl UserData {
    /// Room for `limit` octets of each direction of `max_flows` flows, within `max_octets` altogether; for as much again
    /// of control plane flows when there is a `control` plane.
    pub fn new(limit: u16, control: bool, max_flows: u32, max_octets: u64) -> Result<UserData, ConfigError> {
        let full = if control { FULL } else { 0 };
        Ok(UserData {
            plain: Pool::new(limit, max_flows, max_octets)?,
            control: Pool::new(full, max_flows, max_octets)?,
            places: Beside::new(if limit > 0 || control { max_flows } else { 0 })?,
        })
    }

    /// Whether flows of one kind have user data.
    pub fn is_kept(&self, control: bool) -> bool {
        if control { self.control.limit > 0 } else { self.plain.limit > 0 }
    }

    /// Whether any flows have.
    #[inline(always)]
    pub fn is_on(&self) -> bool {
        self.plain.limit > 0 || self.control.limit > 0
    }

    /// Whether a flow has room of its own.
    pub fn has(&self, flow: Part) -> bool {
        self.place(flow) != NONE
    }

    /// The limit as records tell it.
    pub fn told_limit(&self, flow: Part) -> u16 {
        if self.place(flow) & CONTROL != 0 { self.control.told } else { self.plain.told }
    }

    /// Octets in use.
    pub fn octets(&self) -> u64 {
        self.plain.octets_used() + self.control.octets_used()
    }

    /// Makes room for a new flow, when it is to have any. False when there is none left.
    pub fn insert(&mut self, flow: Part, control: bool) -> bool {
        self.places.renew(flow);
        if !self.is_kept(control) {
            return true;
        }
        let room = if control {
            self.control.lengths.insert([0; 2]).map(|part| part | CONTROL)
        } else {
            self.plain.lengths.insert([0; 2])
        };
        if let Some(place) = self.places.get_mut(flow) {
            *place = Place(room.unwrap_or(NONE));
        }
        room.is_some()
    }

    /// Gives a flow's room back.
    pub fn remove(&mut self, flow: Part) {
        if let Some((pool, part)) = self.pool_mut(flow) {
            pool.lengths.remove(part);
        }
    }

    /// Takes all room back.
    pub fn clear(&mut self) {
        self.plain.lengths.clear();
        self.control.lengths.clear();
        self.places.clear();
    }

    /// Gives back the memory behind the last flow.
    pub fn trim(&mut self, flows: usize) {
        self.places.trim(flows);
    }

    /// Appends what fits.
    pub fn append(&mut self, flow: Part, side: usize, data: &[u8]) {
        if let Some((pool, part)) = self.pool_mut(flow) {
            pool.append(part, side, data);
        }
    }

    /// Forgets one side's data.
    pub fn restart(&mut self, flow: Part, side: usize) {
        if let Some((pool, part)) = self.pool_mut(flow)
            && let Some(length) = pool.lengths.get_mut(part).and_then(|lengths| lengths.get_mut(side))
        {
            *length = 0;
        }
    }

    /// Forgets both sides' data.
    pub fn reset(&mut self, flow: Part) {
        if let Some((pool, part)) = self.pool_mut(flow)
            && let Some(lengths) = pool.lengths.get_mut(part)
        {
            *lengths = [0; 2];
        }
    }

    /// One side's data.
    pub fn get(&self, flow: Part, side: usize) -> &[u8] {
        match self.place(flow) {
            NONE => &[],
            part if part & CONTROL != 0 => self.control.get(part & !CONTROL, side),
            part => self.plain.get(part, side),
        }
    }

    #[inline]
    fn place(&self, flow: Part) -> Part {
        self.places.get(flow).map_or(NONE, |place| place.0)
    }

    #[inline]
    fn pool_mut(&mut self, flow: Part) -> Option<(&mut Pool, Part)> {
        match self.place(flow) {
            NONE => None,
            part if part & CONTROL != 0 => Some((&mut self.control, part & !CONTROL)),
            part => Some((&mut self.plain, part)),
        }
    }
}

/// Octets of both directions of many flows, in one array.
struct Pool {
    /// Octets kept for each direction.
    limit: usize,
    /// The same as it was asked for.
    told: u16,
    octets: Vec<u8>,
    lengths: Slab<[u16; 2]>,
}

impl Pool {
    fn new(limit: u16, max_flows: u32, max_octets: u64) -> Result<Pool, ConfigError> {
        let (told, limit) = (limit, usize::from(limit.min(MAX)));
        let budget = usize::try_from(max_octets).unwrap_or(usize::MAX);
        let flows = if limit == 0 { 0 } else { (max_flows as usize).min(budget / (2 * limit)) };
        let size = flows * 2 * limit;
        Vec::<u8>::new().try_reserve_exact(size).map_err(|_| ConfigError::Memory(max_flows))?;
        Ok(Pool { limit, told, octets: vec![0; size], lengths: Slab::new(flows as u32)? })
    }

    fn octets_used(&self) -> u64 {
        self.lengths.len() as u64 * 2 * self.limit as u64
    }

    fn append(&mut self, part: Part, side: usize, data: &[u8]) {
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

    fn get(&self, part: Part, side: usize) -> &[u8] {
        let length = self.lengths.get(part).and_then(|lengths| lengths.get(side)).copied().unwrap_or(0);
        let start = (part as usize).saturating_mul(2).saturating_add(side).saturating_mul(self.limit);
        self.octets.get(start..start.saturating_add(usize::from(length))).unwrap_or(&[])
    }
}
