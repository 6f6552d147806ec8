//! The queues that flows wait in: the status queue and one idle queue for every timeout.
//!
//! This is the timer of the flow table. All flows of one queue wait equally long, so each queue is kept in the order
//! in which flows entered it and its head is due first: entering, leaving and finding the next due flow take
//! constant time however many flows there are (a timer wheel with one slot for each distinct interval), and due
//! flows come out in the order that records must have (chapter section 5.7).

use crate::flow::{Flow, Queue};
use crate::key::Class;
use crate::slab::{NONE, Part, Slab};
use crate::time::Time;

#[derive(Clone, Copy)]
struct List {
    head: Part,
    tail: Part,
    count: u32,
}

const EMPTY: List = List { head: NONE, tail: NONE, count: 0 };

pub(crate) struct Queues {
    status: List,
    idle: [List; Class::COUNT],
}

impl Queues {
    pub fn new() -> Queues {
        Queues { status: EMPTY, idle: [EMPTY; Class::COUNT] }
    }

    fn list(&mut self, queue: Queue) -> Option<&mut List> {
        if queue == Queue::STATUS { Some(&mut self.status) } else { self.idle.get_mut(usize::from(queue.0)) }
    }

    /// The flow that entered a queue first.
    pub fn head(&self, queue: Queue) -> Part {
        if queue == Queue::STATUS {
            self.status.head
        } else {
            self.idle.get(usize::from(queue.0)).map_or(NONE, |list| list.head)
        }
    }

    /// Flows in an idle queue.
    pub fn length(&self, queue: Queue) -> u32 {
        self.idle.get(usize::from(queue.0)).map_or(0, |list| list.count)
    }

    /// Flows in the status queue.
    pub fn status_length(&self) -> u32 {
        self.status.count
    }

    /// Puts a flow at the young end of a queue, out of the one that it may be in.
    pub fn push(&mut self, flows: &mut Slab<Flow>, part: Part, queue: Queue, now: Time) {
        if flows.get(part).is_some_and(|flow| flow.queue != Queue::NONE) {
            self.remove(flows, part);
        }
        let Some(list) = self.list(queue) else { return };
        let tail = list.tail;
        let Some(flow) = flows.get_mut(part) else { return };
        flow.queue = queue;
        flow.queue_time = now;
        flow.previous = tail;
        flow.next = NONE;
        list.tail = part;
        list.count += 1;
        match flows.get_mut(tail) {
            Some(before) => before.next = part,
            None => list.head = part,
        }
    }

    /// Takes a flow out of its queue, if it is in one.
    pub fn remove(&mut self, flows: &mut Slab<Flow>, part: Part) {
        let Some(flow) = flows.get_mut(part) else { return };
        let (queue, previous, next) = (flow.queue, flow.previous, flow.next);
        let Some(list) = self.list(queue) else { return };
        flow.queue = Queue::NONE;
        flow.previous = NONE;
        flow.next = NONE;
        list.count = list.count.saturating_sub(1);
        if list.head == part {
            list.head = next;
        }
        if list.tail == part {
            list.tail = previous;
        }
        if let Some(before) = flows.get_mut(previous) {
            before.next = next;
        }
        if let Some(after) = flows.get_mut(next) {
            after.previous = previous;
        }
    }
}
