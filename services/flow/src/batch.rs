//! Many packets at once: the memory that one needs is asked for while others are dealt with.
//!
//! With many flows open, most of a packet's time goes to waiting for memory: for a slot of the index, then for the flow,
//! then for its protocol state. Packets are therefore taken a handful at a time, and each of these steps is begun for
//! all of them before the next is begun for any. What a packet changes is the same as if it had come alone.

use crate::engine::{Engine, Sink};
use crate::key::Key;
use crate::slab::{NONE, Part};
use crate::time::Time;
use packet::{Dissection, Dissector};

/// Packets that are dealt with together.
const TOGETHER: usize = 16;

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
    dissection: Dissection<'a>,
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
            dissection: Dissection::default(),
            key: Key::default(),
            hash: 0,
            part: NONE,
        };
        let mut pending = [empty; TOGETHER];
        let mut frames = frames.into_iter();
        let mut total = 0;
        loop {
            let mut count = 0;
            for (place, frame) in pending.iter_mut().zip(&mut frames) {
                place.time = frame.time;
                dissector.dissect_into(frame.octets, frame.length, &mut place.dissection);
                self.name(place);
                count += 1;
            }
            let Some(taken) = pending.get_mut(..count).filter(|taken| !taken.is_empty()) else {
                return total;
            };
            self.deal(taken, sink);
            total += count;
            if count < TOGETHER {
                return total;
            }
        }
    }

    /// Finds the key of a frame and asks for its slot of the index.
    #[inline(always)]
    fn name(&self, place: &mut Pending<'_>) {
        place.key = Key::of(place.dissection.summary(), &self.config);
        place.hash = self.table.hash_of(&place.key);
        self.table.touch_slot(place.hash);
    }

    /// Asks for the flows and their states, then takes the frames one after another.
    fn deal(&mut self, taken: &mut [Pending<'_>], sink: &mut dyn Sink) {
        for frame in &mut *taken {
            frame.part = self.table.guess(frame.hash);
            self.table.touch(frame.part);
        }
        for frame in &*taken {
            self.table.touch_state(frame.part);
        }
        for frame in &*taken {
            self.keyed_packet(frame.time, frame.dissection.summary(), &frame.key, frame.hash, sink);
        }
    }
}
