//! What gives way when a ceiling is reached: the flow that was silent longest, with its record.

use crate::engine::{Engine, Sink};
use crate::flow::{Flow, Queue};
use crate::key::Class;
use crate::slab::{NONE, Part};
use crate::time::Time;

/// How many conversations are passed over for each flow that goes: bounds the work of a packet.
const PASSES: u32 = 4;

impl Engine {
    /// Reports and forgets the flow that was silent longest. False when there is none but `keep`.
    ///
    /// Idle flows go first, then those of the status queue, oldest first. A flow that was heard of in the younger half
    /// of its time there is talking: it is reported early and starts another interval, so that a flood of single
    /// packets does not drive out the conversations among it.
    pub(crate) fn evict(&mut self, keep: Part, sink: &mut dyn Sink) -> bool {
        let mut victim = self.longest_idle(keep);
        for _ in 0..PASSES {
            if victim != NONE {
                break;
            }
            let oldest = self.first_but(Queue::STATUS, keep);
            if oldest == NONE {
                return false;
            }
            if self.is_talking(oldest) {
                self.report(oldest, None, sink);
                self.requeue(oldest, Queue::STATUS);
            } else {
                victim = oldest;
            }
        }
        if victim == NONE {
            victim = self.first_but(Queue::STATUS, keep);
        }
        if victim == NONE {
            return false;
        }
        self.counters.evictions += 1;
        self.retire(victim, sink);
        true
    }

    /// The flow that left the status queue first.
    fn longest_idle(&self, keep: Part) -> Part {
        let mut oldest: Option<(Time, Part)> = None;
        for class in 0..Class::COUNT as u8 {
            let part = self.first_but(Queue(class), keep);
            if let Some(flow) = self.table.flows.get(part)
                && oldest.is_none_or(|(time, _)| flow.queue_time < time)
            {
                oldest = Some((flow.queue_time, part));
            }
        }
        oldest.map_or(NONE, |(_, part)| part)
    }

    /// The first flow of a queue that is not `keep`.
    fn first_but(&self, queue: Queue, keep: Part) -> Part {
        let head = self.queues.head(queue);
        if head != NONE && head == keep {
            self.table.flows.get(head).map_or(NONE, |flow| flow.next)
        } else {
            head
        }
    }

    fn is_talking(&self, part: Part) -> bool {
        let Some(flow) = self.table.flows.get(part) else { return false };
        let latest = flow.sides.iter().flat_map(|side| [side.first, side.last]).max();
        let heard = latest.map_or(0, |latest| latest.since(flow.queue_time));
        !flow.has(Flow::EMITTED) && flow.packets() > 1 && heard > self.now.since(flow.queue_time) / 2
    }
}
