//! Many packets at once: the memory that one needs is asked for while others are dealt with.
//!
//! With many flows open, most of a packet's time would go to waiting for memory: for a line of the index, then for the
//! flow, then for its protocol state. Packets are therefore taken a handful at a time, and while one is dissected, what
//! was asked for earlier ones arrives: each step of a packet is some packets behind the step before. What a packet changes
//! is the same as if it had come alone.

use crate::engine::{Engine, Sink};
use crate::key::Key;
use crate::slab::{NONE, Part};
use crate::time::Time;
use crate::tuple::become_classic;
use packet::{Dissector, Summary};

/// Packets that are dealt with together.
const TOGETHER: usize = 32;
/// So many packets after that whose line of the index was asked for, the flow is.
const FLOW_AFTER: usize = 8;
/// So many packets after that, its protocol state is asked for.
const STATE_AFTER: usize = 16;
/// So many packets after that, it is accounted for.
const TAKEN_AFTER: usize = 24;

/// A captured frame.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// When it was captured.
    pub time: Time,
    /// What was captured of it.
    pub octets: &'a [u8],
    /// Its length on the wire, octets.
    pub length: u32,
}

/// A frame on its way.
#[derive(Clone, Copy)]
struct Pending<'a> {
    time: Time,
    summary: Summary<'a>,
    key: Key,
    hash: u32,
    /// Where its flow probably is.
    part: Part,
}

impl Engine {
    /// Accounts for frames in their order, as [`Engine::packet`] does for one. Records that become due are given to
    /// `sink`. Returns how many frames there were.
    ///
    /// ```
    /// use flow::{Config, Engine, Frame, Time};
    /// use packet::{Dissector, LinkType};
    ///
    /// let config = Config::default();
    /// let dissector = Dissector::new(LinkType::ETHERNET, config.rules());
    /// let mut engine = Engine::new(config).expect("memory");
    /// let octets = [0u8; 60];
    /// let frames = (0..100).map(|second| Frame { time: Time::from_micros(second, 0), octets: &octets, length: 60 });
    /// let mut records = 0;
    /// assert_eq!(engine.frames(&dissector, frames, &mut |_: &[u8]| records += 1), 100);
    /// assert_eq!(engine.counters().packets, 100);
    /// ```
    #[inline]
    pub fn frames<'a>(
        &mut self,
        dissector: &Dissector,
        frames: impl IntoIterator<Item = Frame<'a>>,
        sink: &mut dyn Sink,
    ) -> usize {
        let empty = Pending {
            time: Time::UNSET,
            summary: Summary::default(),
            key: Key::default(),
            hash: 0,
            part: NONE,
        };
        let mut pending = [empty; TOGETHER];
        let (mut total, classic) = (0, self.config.is_classic());
        for frame in frames {
            let place = &mut pending[total % TOGETHER];
            place.time = frame.time;
            dissector.dissect_into(frame.octets, frame.length, &mut place.summary);
            self.name(place, classic);
            self.advance(&mut pending, total, usize::MAX, sink);
            total += 1;
        }
        for step in total..total + TAKEN_AFTER {
            self.advance(&mut pending, step, total, sink);
        }
        total
    }

    /// Finds the key of a frame and asks for its line of the index.
    #[inline(always)]
    fn name(&self, place: &mut Pending<'_>, classic: bool) {
        match become_classic(&mut place.key, &place.summary, &self.table.hasher) {
            Some(hash) if classic => place.hash = hash,
            _ => self.name_at_length(place),
        }
        self.table.prefetch_index(place.hash);
    }

    #[inline(never)]
    fn name_at_length(&self, place: &mut Pending<'_>) {
        place.key = Key::of(&place.summary, &self.config);
        place.hash = self.table.hash_of(&place.key);
    }

    /// Takes the frames that came some before that of this `step` on their way, as far as there are so many.
    #[inline(always)]
    fn advance(
        &mut self,
        pending: &mut [Pending<'_>; TOGETHER],
        step: usize,
        total: usize,
        sink: &mut dyn Sink,
    ) {
        let before = |steps: usize| step.checked_sub(steps).filter(|at| *at < total);
        if let Some(at) = before(FLOW_AFTER) {
            let frame = &mut pending[at % TOGETHER];
            frame.part = self.table.prefetch_flow(frame.hash);
        }
        if let Some(at) = before(STATE_AFTER) {
            let frame = &pending[at % TOGETHER];
            self.table.prefetch_state(frame.part, frame.key.direction);
        }
        if let Some(at) = before(TAKEN_AFTER) {
            let frame = &pending[at % TOGETHER];
            self.keyed_packet(frame.time, &frame.summary, &frame.key, frame.hash, frame.part, sink);
        }
    }
}
