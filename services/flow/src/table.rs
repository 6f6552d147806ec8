//! The flow table: flows, their optional parts, the index over their keys.

use crate::ceiling::{Ceiling, Share};
use crate::config::{Config, ConfigError};
use crate::flow::{Flow, Metrics, Rare, Session, State};
use crate::fragment::Reassembly;
use crate::hasher::Hasher;
use crate::index::Index;
use crate::key::{Key, Words};
use crate::keystroke::Strokes;
use crate::outer::Outer;
use crate::sizes::Histogram;
use crate::slab::{Beside, NONE, Part, Slab};
use crate::tcp::Tcp;
use crate::udt::Udt;
use crate::user_data::UserData;

/// Ticks between looks for memory that can be given back: a look sorts what is free.
const TRIM: u32 = 16;

pub(crate) struct Table {
    pub flows: Slab<Flow>,
    pub tcp: Slab<Tcp>,
    pub sessions: Slab<Session>,
    pub udt: Slab<Udt>,
    pub reassemblies: Slab<Reassembly>,
    pub metrics: Beside<Metrics>,
    pub strokes: Beside<Strokes>,
    pub sizes: Beside<[Histogram; 2]>,
    pub outer: Beside<[Outer; 2]>,
    pub rare: Slab<Rare>,
    pub user: UserData,
    index: Index,
    pub hasher: Hasher,
    /// How many flows there may be now.
    share: Share,
    /// Ticks until memory is looked for that can be given back.
    trim_in: u32,
    /// Parts that found no room.
    pub refused: u64,
}

/// Whether flows have metrics.
fn is_measured(config: &Config) -> bool {
    config.jitter || config.mac || config.application_octets
}

fn counts_sizes(config: &Config) -> bool {
    config.packet_size && config.size_histogram
}

/// One flow in so many can be of UDT, whose state is large.
const UDT_SHARE: u32 = 8;

/// Flows that keep both ceilings. A flow is charged with every part that it may come to have: what one kind of traffic
/// has had once stays reserved when another kind comes, so that the sum of the parts in use says too little.
pub(crate) fn most_flows(config: &Config) -> u32 {
    let slot = size_of::<Part>();
    let each = size_of::<Flow>()
        + size_of::<Tcp>()
        + size_of::<Session>()
        + size_of::<Udt>() / UDT_SHARE as usize
        + size_of::<Reassembly>()
        + size_of::<Rare>()
        + if is_measured(config) { size_of::<Metrics>() } else { 0 }
        + if counts_sizes(config) { size_of::<[Histogram; 2]>() } else { 0 }
        + if config.keeps_outer_headers() { size_of::<[Outer; 2]>() } else { 0 }
        + if config.keystroke.is_some() { size_of::<Strokes>() } else { 0 }
        + 5 * slot
        + Index::OCTETS;
    let affordable = u32::try_from(config.max_octets / each as u64).unwrap_or(u32::MAX);
    config.max_flows.min(affordable).clamp(16, 1 << 28)
}

/// Compares in line instead of calling a comparison of memory.
#[inline(always)]
fn same_words(a: &Words, b: &Words) -> bool {
    a.iter().zip(b).fold(0, |difference, (x, y)| difference | (x ^ y)) == 0
}

impl Table {
    pub fn new(config: &Config) -> Result<Table, ConfigError> {
        let measured = is_measured(config);
        let limit = most_flows(config);
        Ok(Table {
            flows: Slab::new(limit)?,
            tcp: Slab::new(limit)?,
            sessions: Slab::new(limit)?,
            udt: Slab::new(limit / UDT_SHARE)?,
            reassemblies: Slab::new(limit)?,
            metrics: Beside::new(if measured { limit } else { 0 })?,
            strokes: Beside::new(if config.keystroke.is_some() { limit } else { 0 })?,
            sizes: Beside::new(if counts_sizes(config) { limit } else { 0 })?,
            outer: Beside::new(if config.keeps_outer_headers() { limit } else { 0 })?,
            rare: Slab::new(limit)?,
            user: UserData::new(config.user_data, config.control.is_some(), limit, config.max_octets)?,
            index: Index::new(limit)?,
            hasher: Hasher::new(config.hash_key),
            share: Share::new(&config.ceiling.clone().unwrap_or_else(|| Ceiling::new(config))),
            trim_in: 0,
            refused: 0,
        })
    }

    /// Whether another flow would break a ceiling.
    #[inline]
    pub fn is_full(&mut self) -> bool {
        self.flows.len() >= self.share.quota && !self.share.take()
    }

    /// Flows that are to go for those of other engines.
    pub fn too_many(&self) -> usize {
        self.share.too_many(self.flows.len())
    }

    /// Leaves to other engines what this one does not need, and to the system the memory of flows long gone. To be
    /// called now and then.
    pub fn settle(&mut self) {
        self.share.give_back(self.flows.len());
        self.trim_in = self.trim_in.saturating_sub(1);
        if self.trim_in == 0 && self.flows.is_sparse() {
            self.trim_in = TRIM;
            self.flows.trim();
            self.tcp.trim();
            self.sessions.trim();
            self.udt.trim();
            self.reassemblies.trim();
            self.rare.trim();
            self.metrics.trim(self.flows.end());
            self.strokes.trim(self.flows.end());
            self.sizes.trim(self.flows.end());
            self.outer.trim(self.flows.end());
            self.user.trim(self.flows.end());
        }
    }

    /// Octets of flow state in use, the index included as far as it is filled.
    pub fn octets(&self) -> u64 {
        let of = |count: usize, size: usize| count as u64 * size as u64;
        of(self.flows.len(), size_of::<Flow>() + Index::OCTETS)
            + of(self.tcp.len(), size_of::<Tcp>())
            + of(self.sessions.len(), size_of::<Session>())
            + of(self.udt.len(), size_of::<Udt>())
            + of(self.reassemblies.len(), size_of::<Reassembly>())
            + if self.metrics.is_kept() { of(self.flows.len(), size_of::<Metrics>()) } else { 0 }
            + if self.strokes.is_kept() { of(self.flows.len(), size_of::<Strokes>()) } else { 0 }
            + if self.sizes.is_kept() { of(self.flows.len(), size_of::<[Histogram; 2]>()) } else { 0 }
            + if self.outer.is_kept() { of(self.flows.len(), size_of::<[Outer; 2]>()) } else { 0 }
            + of(self.rare.len(), size_of::<Rare>())
            + self.user.octets()
    }

    #[inline(always)]
    fn hash(&self, words: &Words, rest: Option<&Words>) -> u32 {
        // Keys other than IPv6 leave the second half of the words empty: the kind word tells them apart.
        let hash = self.hasher.hash(words);
        match rest {
            Some(rest) => self.hasher.chain(hash, rest),
            None => hash,
        }
    }

    /// The hash of a key.
    #[inline(always)]
    pub fn hash_of(&self, key: &Key) -> u32 {
        self.hash(&key.words, key.rest.as_ref())
    }

    /// The flow of a key, and the key's hash.
    pub fn find(&self, key: &Key) -> (u32, Option<Part>) {
        let hash = self.hash_of(key);
        (hash, self.find_hashed(key, hash))
    }

    /// The flow of a key whose hash is known.
    #[inline]
    pub fn find_hashed(&self, key: &Key, hash: u32) -> Option<Part> {
        self.index.find(hash, |part| self.flows.get(part).is_some_and(|flow| self.is_of(flow, key)))
    }

    /// Whether a flow has this key.
    #[inline(always)]
    fn is_of(&self, flow: &Flow, key: &Key) -> bool {
        if !same_words(&flow.key, &key.words) {
            return false;
        }
        if flow.rare == NONE && key.rest.is_none() {
            return true;
        }
        self.has_rest(flow, key)
    }

    /// Whether a flow has the rest of a key that may be long.
    #[inline(never)]
    fn has_rest(&self, flow: &Flow, key: &Key) -> bool {
        self.rest_of(flow) == key.rest.as_ref()
    }

    /// The flow of a key whose hash is known; `guess` is looked at first.
    #[inline(always)]
    pub fn find_guessed(&self, key: &Key, hash: u32, guess: Part) -> Option<Part> {
        match self.flows.get(guess) {
            Some(flow) if self.is_of(flow, key) => Some(guess),
            _ => self.find_hashed(key, hash),
        }
    }

    /// Asks for the line of the index that a hash is looked for in.
    #[inline(always)]
    pub fn prefetch_index(&self, hash: u32) {
        self.index.prefetch(hash);
    }

    /// The flow that a hash probably belongs to, or none. Asks for its first part, which says where the rest is.
    #[inline(always)]
    pub fn prefetch_flow(&self, hash: u32) -> Part {
        let part = self.index.guess(hash);
        if let Some(flow) = self.flows.get(part) {
            memory::prefetch_span(&flow.key, &flow.rare);
        }
        part
    }

    /// Asks for the rest of what a packet of a flow will need, and no more: memory has only so many lines for us in a
    /// given time. `direction` is that of the packet's key. Of what protocol the next packet is cannot be foretold, so that
    /// a place is chosen, and not a way.
    #[inline(always)]
    pub fn prefetch_state(&self, part: Part, direction: u8) {
        let Some(flow) = self.flows.get(part) else { return };
        let (index, tcp) = (flow.side_of(direction) & 1, flow.state == State::Tcp);
        let side = &flow.sides[index];
        // Until its idle timeout is settled, packets of both sides decide it.
        let other = &flow.sides[index ^ usize::from(!tcp && !flow.is_settled())];
        memory::prefetch_span(&side.first, &side.bits);
        memory::prefetch_span(&other.first, &other.bits);
        // Where there is no state, memory is asked for that is needed anyway: to find that there is none takes long.
        let (session, connection) = (self.sessions.place(flow.network), self.tcp.place(flow.network));
        let places: [*const u8; 3] = [std::ptr::from_ref(side).cast(), session.cast(), connection.cast()];
        let state = places[usize::from(flow.network != NONE) * (1 + usize::from(tcp))];
        memory::prefetch_place(state);
        memory::prefetch_place(state.wrapping_add(if tcp { memory::LINE } else { 0 }));
        if let Some(metrics) = self.metrics.get(part) {
            memory::prefetch(&metrics.gaps[flow.side_of(direction) & 1]);
            memory::prefetch(&metrics.application);
        }
    }

    /// Asks for what will be needed of the flows that wait behind this one, whose turn is next: also for their places in
    /// the index when they are to be forgotten.
    pub fn prefetch_next(&self, part: Part, index: bool) {
        let Some(next) = self.flows.get(part).map(|flow| flow.next) else { return };
        let Some(flow) = self.flows.get(next) else { return };
        if let Some(after) = self.flows.get(flow.next) {
            memory::prefetch_whole(after);
        }
        self.prefetch_state(next, 0);
        if index {
            self.index.prefetch(self.hash(&flow.key, self.rest_of(flow)));
        }
    }

    fn rest_of(&self, flow: &Flow) -> Option<&Words> {
        self.rare.get(flow.rare).and_then(|rare| rare.rest.as_ref())
    }

    /// Creates the flow of a key that is not in the table. The caller has made room.
    /// `control` says that it is control plane traffic.
    pub fn create(&mut self, key: &Key, hash: u32, class: u8, control: bool) -> Option<Part> {
        let mut flow = Flow::new(key.words, key.direction, class);
        if key.rest.is_some() {
            flow.rare = self.rare.insert(Rare { rest: key.rest, ..Rare::default() })?;
        }
        let rare = flow.rare;
        let Some(part) = self.flows.insert(flow) else {
            self.rare.remove(rare);
            return None;
        };
        self.index.insert(hash, part);
        self.metrics.renew(part);
        self.strokes.renew(part);
        self.sizes.renew(part);
        self.outer.renew(part);
        if self.user.is_on() && !self.user.insert(part, control) {
            self.refused += 1;
        }
        Some(part)
    }

    /// Forgets a flow that is in no queue.
    pub fn delete(&mut self, part: Part) {
        let Some(flow) = self.flows.get(part) else { return };
        let flow = *flow;
        let hash = self.hash(&flow.key, self.rest_of(&flow));
        self.index.remove(hash, part);
        self.release(&flow);
        self.rare.remove(flow.rare);
        self.user.remove(part);
        if let Some(flow) = self.flows.get_mut(part) {
            // No key is like this: what guesses a flow must not find one that is gone.
            flow.key = Words::default();
        }
        self.flows.remove(part);
    }

    /// Forgets all flows.
    pub fn clear(&mut self) {
        self.flows.clear();
        self.tcp.clear();
        self.sessions.clear();
        self.udt.clear();
        self.reassemblies.clear();
        self.metrics.clear();
        self.strokes.clear();
        self.sizes.clear();
        self.outer.clear();
        self.rare.clear();
        self.user.clear();
        self.index.clear();
    }

    /// Gives back a flow's protocol state.
    fn release(&mut self, flow: &Flow) {
        match flow.state {
            State::None => {}
            State::Tcp => self.tcp.remove(flow.network),
            State::Fragment => self.reassemblies.remove(flow.network),
            State::Udt => self.udt.remove(flow.network),
            _ => self.sessions.remove(flow.network),
        }
    }

    /// A flow's TCP state, made when it has none.
    pub fn tcp_of(&mut self, part: Part) -> Option<&mut Tcp> {
        let flow = self.flows.get_mut(part)?;
        if flow.state != State::Tcp {
            let old = *flow;
            let Some(tcp) = self.tcp.insert(Tcp::default()) else {
                self.refused += 1;
                return None;
            };
            flow.state = State::Tcp;
            flow.network = tcp;
            self.release(&old);
        }
        let network = self.flows.get(part)?.network;
        self.tcp.get_mut(network)
    }

    /// Replaces a flow's protocol state.
    pub fn set_session(&mut self, part: Part, state: State, session: Session) {
        let Some(flow) = self.flows.get_mut(part) else { return };
        if matches!(flow.state, State::None | State::Tcp | State::Udt | State::Fragment) {
            let old = *flow;
            let Some(network) = self.sessions.insert(session) else {
                self.refused += 1;
                return;
            };
            flow.network = network;
            flow.state = state;
            self.release(&old);
        } else {
            flow.state = state;
            if let Some(stored) = self.sessions.get_mut(flow.network) {
                *stored = session;
            }
        }
    }

    /// A flow's protocol state other than TCP's.
    pub fn session_of(&mut self, part: Part) -> Option<&mut Session> {
        let flow = self.flows.get(part)?;
        match flow.state {
            State::None | State::Tcp | State::Udt | State::Fragment => None,
            _ => self.sessions.get_mut(flow.network),
        }
    }

    /// Gives a flow that has no protocol state yet one of UDT.
    pub fn set_udt(&mut self, part: Part, udt: Udt) {
        let Some(flow) = self.flows.get_mut(part).filter(|flow| flow.state == State::None) else { return };
        match self.udt.insert(udt) {
            Some(network) => {
                flow.network = network;
                flow.state = State::Udt;
            }
            None => self.refused += 1,
        }
    }

    /// A flow's state of UDT.
    #[inline(always)]
    pub fn udt_of(&mut self, part: Part) -> Option<&mut Udt> {
        let flow = self.flows.get(part).filter(|flow| flow.state == State::Udt)?;
        self.udt.get_mut(flow.network)
    }

    /// The pieces of a fragment flow.
    pub fn reassembly_of(&mut self, part: Part) -> Option<&mut Reassembly> {
        let flow = self.flows.get_mut(part)?;
        if flow.state == State::None {
            let Some(network) = self.reassemblies.insert(Reassembly::default()) else {
                self.refused += 1;
                return None;
            };
            flow.network = network;
            flow.state = State::Fragment;
        }
        if flow.state != State::Fragment {
            return None;
        }
        self.reassemblies.get_mut(flow.network)
    }

    /// What few flows have, made when this one has none.
    pub fn rare_of(&mut self, part: Part) -> Option<&mut Rare> {
        let flow = self.flows.get_mut(part)?;
        if flow.rare == NONE {
            let Some(rare) = self.rare.insert(Rare::default()) else {
                self.refused += 1;
                return None;
            };
            flow.rare = rare;
        }
        self.rare.get_mut(flow.rare)
    }
}
