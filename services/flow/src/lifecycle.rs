//! When records are due and flows forgotten (chapter section 5).

use crate::engine::{Engine, Sink};
use crate::flow::{Flow, Queue, Session, State, Why};
use crate::key::Class;
use crate::outer::Outer;
use crate::queue::Queues;
use crate::slab::{NONE, Part};
use crate::tcp::Phase;
use record::Cause;

impl Engine {
    /// Reports the flows that are due and forgets those that were idle long enough.
    pub(crate) fn manage_queues(&mut self, sink: &mut dyn Sink) {
        self.expire_status(self.interval, sink);
        for class in 0..Class::COUNT as u8 {
            let timeout = self.timeouts.get(usize::from(class)).copied().unwrap_or(i64::MAX);
            while let Some(part) = self.due(Queue(class), timeout) {
                self.table.prefetch_next(part, true);
                if class == Class::Tcp as u8 && !self.config.timeouts.fallow.is_zero() && self.is_live(part) {
                    self.requeue(part, Queue(Class::Fallow as u8));
                } else {
                    self.retire(part, sink);
                }
            }
        }
    }

    /// Whether a TCP connection was established and nobody has ended it.
    fn is_live(&self, part: Part) -> bool {
        let Some(flow) = self.table.flows.get(part).filter(|flow| flow.state == State::Tcp) else {
            return false;
        };
        self.table.tcp.get(flow.network).is_some_and(|tcp| tcp.shared.phase == Phase::Established)
    }

    /// The head of a queue, when it has waited for `interval`.
    fn due(&self, queue: Queue, interval: i64) -> Option<Part> {
        let part = self.queues.head(queue);
        let flow = self.table.flows.get(part)?;
        let waited = self.now.since(flow.queue_time);
        // A flow stamped far ahead of the clock would otherwise hold up all behind it.
        let ahead = !self.config.compat && waited < interval.max(1_000_000_000).saturating_neg();
        (waited >= interval || ahead).then_some(part)
    }

    /// Reports the flows of the status queue that entered it `interval` ago and lets them wait idle.
    pub(crate) fn expire_status(&mut self, interval: i64, sink: &mut dyn Sink) {
        while let Some(part) = self.due(Queue::STATUS, interval) {
            self.table.prefetch_next(part, false);
            self.queues.remove(&mut self.table.flows, part);
            self.report(part, None, sink);
            let class = self.table.flows.get(part).map_or(Class::Other as u8, Flow::class);
            self.queues.push(&mut self.table.flows, part, Queue(class), self.now);
        }
    }

    /// Emits a flow's record, fragments merged, unless it was emitted or has no packets.
    pub(crate) fn report(&mut self, part: Part, cause: Option<Cause>, sink: &mut dyn Sink) {
        if self.table.flows.get(part).is_some_and(|flow| flow.rare != NONE) {
            self.merge_fragments(part);
        }
        let open = self.table.flows.get(part).is_some_and(|flow| !flow.has(Flow::EMITTED));
        if open {
            self.emit(part, cause, sink);
        }
    }

    /// Reports what is unreported of a flow and forgets it.
    pub(crate) fn retire(&mut self, part: Part, sink: &mut dyn Sink) {
        self.queues.remove(&mut self.table.flows, part);
        self.report(part, None, sink);
        self.release_fragments(part, sink);
        self.table.delete(part);
    }

    /// Prepares a flow whose record was emitted for the next one (chapter section 5.4).
    pub(crate) fn reset(&mut self, part: Part) {
        let Some(flow) = self.table.flows.get_mut(part) else { return };
        for side in &mut flow.sides {
            side.reset();
        }
        flow.cause = Why::Unset;
        flow.set(Flow::EMITTED, false);
        let flow = *flow;
        if let Some(metrics) = self.table.metrics.get_mut(part) {
            metrics.application = [0; 2];
            for gaps in &mut metrics.gaps {
                gaps.reset();
            }
        }
        if let Some(strokes) = self.table.strokes.get_mut(part) {
            strokes.reset();
        }
        if let Some(sizes) = self.table.sizes.get_mut(part) {
            *sizes = Default::default();
        }
        if let Some(sides) = self.table.outer.get_mut(part) {
            sides.iter_mut().for_each(Outer::reset);
        }
        self.table.user.reset(part);
        if let Some(rare) = self.table.rare.get_mut(flow.rare) {
            rare.labels = [None; 2];
            rare.mapped = None;
            if !self.config.compat {
                rare.errors = 0;
            }
        }
        match flow.state {
            State::Tcp => {
                if let Some(tcp) = self.table.tcp.get_mut(flow.network) {
                    tcp.reset(self.config.compat);
                }
            }
            State::None | State::Fragment => {}
            // 3.0.8 counts on.
            State::Udt if self.config.compat => {}
            State::Udt => {
                if let Some(udt) = self.table.udt.get_mut(flow.network) {
                    udt.reset();
                }
            }
            _ => match self.table.sessions.get_mut(flow.network) {
                Some(Session::Esp(esp)) => esp.reset(),
                Some(Session::Rtp(rtp)) => rtp.reset(),
                Some(session @ Session::Icmp(_)) => *session = Session::None,
                _ => {}
            },
        }
    }

    /// Reports every flow that has unreported packets and forgets all flows: the end of the input.
    pub fn flush(&mut self, sink: &mut dyn Sink) {
        // The fraction of the interval survives in 3.0.8: what is not that old ends as shut down (section 5.6).
        let interval = if self.config.compat { self.interval % 1_000_000_000 } else { 0 };
        let rest = (interval != 0).then_some(Cause::Shutdown);
        self.expire_status(if interval == 0 { i64::MIN } else { interval }, sink);
        for queue in [Queue::STATUS].into_iter().chain((0..Class::COUNT as u8).map(Queue)) {
            loop {
                let part = self.queues.head(queue);
                if part == NONE {
                    break;
                }
                self.table.prefetch_next(part, false);
                // A flow that is being reported is in no queue.
                self.queues.remove(&mut self.table.flows, part);
                self.report(part, rest, sink);
                self.release_fragments(part, sink);
            }
        }
        // At once: one after another, each would have to be looked for in the index.
        self.queues = Queues::new();
        self.table.clear();
        self.table.settle();
    }
}
