//! Packets of several interfaces that share a flow table, in the order of their times.
//!
//! Each interface's ring hands its packets over some time after they came, and rings are read one after another. Where
//! `dup:` interfaces carry one direction each, an answer would be seen before its question. So what is read is kept until
//! every other interface of the group has something later, or has had the time to tell of something earlier.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use flow::Time;
use packetring::Offload;

use crate::source::GATHER_SHARED;

/// How long packets are kept at most: a block that is not full is handed over after up to twice its time to gather.
pub const HOLD: Duration = Duration::from_millis(3 * GATHER_SHARED as u64);
/// Octets that are kept of one interface at most; what comes then stays in its ring.
const MOST: usize = 8 << 20;

/// Packets of one interface that wait for those of others.
#[derive(Default)]
pub struct Queue {
    octets: Vec<u8>,
    waiting: VecDeque<Waiting>,
}

/// A packet that waits.
#[derive(Clone, Copy)]
struct Waiting {
    time: Time,
    /// When it was read.
    since: Instant,
    /// Where its octets are.
    begin: usize,
    end: usize,
    length: u32,
    offload: Option<Offload>,
}

/// A packet whose turn it is.
pub struct Packet<'a> {
    /// When it was captured.
    pub time: Time,
    /// What was captured of it.
    pub octets: &'a [u8],
    /// Octets on the wire.
    pub length: u32,
    /// Set when it is a super-packet.
    pub offload: Option<Offload>,
}

impl Queue {
    /// Keeps a packet that was read at `since`.
    pub fn keep(&mut self, since: Instant, packet: &Packet<'_>) {
        let begin = self.octets.len();
        self.octets.extend_from_slice(packet.octets);
        let end = self.octets.len();
        let Packet { time, length, offload, .. } = *packet;
        self.waiting.push_back(Waiting { time, since, begin, end, length, offload });
    }

    /// Whether no more is to be read for now.
    pub fn is_full(&self) -> bool {
        self.octets.len() >= MOST
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn head(&self) -> Option<&Waiting> {
        self.waiting.front()
    }

    /// Takes the first one away and shows it.
    fn next<T>(&mut self, show: impl FnOnce(&Packet<'_>) -> T) -> Option<T> {
        let first = self.waiting.pop_front()?;
        let octets = self.octets.get(first.begin..first.end).unwrap_or_default();
        let Waiting { time, length, offload, .. } = first;
        let shown = show(&Packet { time, octets, length, offload });
        if self.waiting.is_empty() {
            self.octets.clear();
        } else if first.end >= MOST / 2 {
            self.octets.drain(..first.end);
            for waiting in &mut self.waiting {
                waiting.begin -= first.end;
                waiting.end -= first.end;
            }
        }
        Some(shown)
    }
}

/// Gives out, in order, the packets whose turn it is at `now`: those earlier than the first of every other queue, and those
/// that were kept long enough. `all` keeps none back. `give` gets the number of the queue.
pub fn release(queues: &mut [&mut Queue], now: Instant, all: bool, mut give: impl FnMut(usize, &Packet<'_>)) {
    loop {
        let mut first: Option<(Time, usize)> = None;
        let (mut missing, mut due) = (false, all);
        for (number, queue) in queues.iter().enumerate() {
            let Some(head) = queue.head() else {
                missing = true;
                continue;
            };
            due |= queue.is_full() || now.saturating_duration_since(head.since) >= HOLD;
            if first.is_none_or(|(time, _)| head.time < time) {
                first = Some((head.time, number));
            }
        }
        let Some((_, number)) = first.filter(|_| due || !missing) else { return };
        if let Some(queue) = queues.get_mut(number) {
            queue.next(|packet| give(number, packet));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Time {
        Time::from_nanos(1_700_000_000, millis * 1_000_000)
    }

    fn packet(millis: i64, octets: &[u8]) -> Packet<'_> {
        Packet { time: at(millis), octets, length: 60, offload: None }
    }

    fn released(queues: &mut [Queue], now: Instant, all: bool) -> Vec<(usize, u8)> {
        let mut given = Vec::new();
        let mut queues: Vec<&mut Queue> = queues.iter_mut().collect();
        release(&mut queues, now, all, |number, packet| given.push((number, packet.octets[0])));
        given
    }

    #[test]
    fn packets_come_in_the_order_of_their_times() {
        let mut queues = [Queue::default(), Queue::default()];
        let now = Instant::now();
        for (number, time, name) in [(0, 1, 1), (0, 4, 4), (0, 5, 5), (1, 2, 2), (1, 3, 3)] {
            queues[number].keep(now, &packet(time, &[name]));
        }
        // Whether something comes before the fourth is not known yet.
        assert_eq!(released(&mut queues, now, false), [(0, 1), (1, 2), (1, 3)]);
        assert_eq!(released(&mut queues, now + HOLD / 2, false), []);
        queues[1].keep(now + HOLD / 2, &packet(6, &[6]));
        assert_eq!(released(&mut queues, now + HOLD / 2, false), [(0, 4), (0, 5)]);
        assert_eq!(released(&mut queues, now + HOLD, false), []);
        assert_eq!(released(&mut queues, now + HOLD * 2, false), [(1, 6)]);
    }

    #[test]
    fn clocks_that_disagree_keep_nothing_back_for_long() {
        let mut queues = [Queue::default(), Queue::default()];
        let now = Instant::now();
        queues[0].keep(now, &packet(37_000, &[9]));
        for number in 0..3 {
            queues[1].keep(now + HOLD, &packet(number, &[number as u8]));
        }
        assert_eq!(released(&mut queues, now + HOLD, false), [(1, 0), (1, 1), (1, 2), (0, 9)]);
        queues[0].keep(now, &packet(37_000, &[9]));
        assert_eq!(released(&mut queues, now, true), [(0, 9)]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut queues = [Queue::default(), Queue::default()];
        let now = Instant::now();
        let frame = vec![7; 60_000];
        let mut given = 0;
        for number in 0..1000 {
            queues[0].keep(now, &packet(number, &frame));
            given += released(&mut queues, now, false).len();
            assert!(queues[0].octets.len() <= MOST + frame.len());
        }
        assert!(given > 0);
        given += released(&mut queues, now, true).len();
        assert_eq!(given, 1000);
        assert!(queues[0].is_empty() && queues[0].octets.is_empty());
    }
}
