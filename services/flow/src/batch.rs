//! Many packets at once: the memory that one needs is asked for while others are dealt with.
//!
//! With many flows open, most of a packet's time would go to waiting for memory: for a line of the index, then for the
//! flow, then for its protocol state. Packets are therefore taken in groups, and while one group is dissected, what was
//! asked for earlier ones arrives: each step of a group is one group behind the step before. The steps of four packets, one
//! of each group, follow each other, so that what is asked for is asked evenly: memory that is asked for much at a time
//! holds up who asks, and does nothing while packets are accounted for. What a packet changes is the same as if it had
//! come alone.

use crate::engine::{Engine, Sink};
use crate::key::Key;
use crate::slab::{NONE, Part};
use crate::time::Time;
use crate::tuple::{become_classic, become_v4, become_v6};
use packet::{Dissector, Everyday, Summary};

/// Packets of a group.
const GROUP: usize = 8;
/// Steps of a packet: it is named, its flow is asked for, then the flow's state, and it is accounted for.
const STEPS: usize = 4;

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
        // In each row, one packet of every group.
        let mut rows = [[empty; STEPS]; GROUP];
        // How many frames there are of each group.
        let mut counts = [0; STEPS];
        let (mut total, classic) = (0, self.config.is_classic());
        let mut frames = frames.into_iter().fuse();
        let (mut step, mut end) = (0, usize::MAX);
        while step < end {
            let [new, sought, found, ready] = [0, 3, 2, 1].map(|before| (step + before) % STEPS);
            let (mut named, count) = (0, counts[ready]);
            for (at, row) in rows.iter_mut().enumerate() {
                if let Some(frame) = frames.next() {
                    let place = &mut row[new];
                    place.time = frame.time;
                    let everyday = dissector.dissect_into(frame.octets, frame.length, &mut place.summary);
                    self.name(place, everyday, classic);
                    named += 1;
                }
                // What is asked for in vain, for places with no frame or an earlier one, does no harm.
                self.table.prefetch_index(row[new].hash);
                row[sought].part = self.table.prefetch_flow(row[sought].hash);
                self.table.prefetch_state(row[found].part, row[found].key.direction);
                if at < count {
                    let frame = &row[ready];
                    self.keyed_packet(frame.time, &frame.summary, &frame.key, frame.hash, frame.part, sink);
                }
            }
            counts[new] = named;
            total += named;
            if named < GROUP {
                end = end.min(step + STEPS);
            }
            step += 1;
        }
        total
    }

    /// Finds the key of a frame.
    #[inline(always)]
    fn name(&self, place: &mut Pending<'_>, found: Option<Everyday>, classic: bool) {
        let Pending { key, summary, .. } = place;
        // Each of them by itself, with no question that was answered before.
        let named = match found {
            Some(Everyday::V4) => become_v4(key, summary, &self.table.hasher),
            Some(Everyday::V6) => become_v6(key, summary, &self.table.hasher),
            _ => None,
        };
        match named {
            Some(hash) if classic => place.hash = hash,
            _ => self.name_at_length(place, classic),
        }
    }

    #[inline(never)]
    fn name_at_length(&self, place: &mut Pending<'_>, classic: bool) {
        // Of links other than Ethernet most packets are like those of the lane too.
        if classic && let Some(hash) = become_classic(&mut place.key, &place.summary, &self.table.hasher) {
            place.hash = hash;
            return;
        }
        place.key = Key::of(&place.summary, &self.config);
        place.hash = self.table.hash_of(&place.key);
    }
}
