//! Fragment flows and the flows they belong to (chapter section 10).

use crate::engine::{Engine, Sink};
use crate::flow::{Flow, Queue, Side};
use crate::key::Key;
use crate::slab::{NONE, Part};
use packet::{Addresses, Fragment, Ip, Network, Summary};
use record::Cause;

/// How long a fragment flow stays with a reported parent, in nanoseconds.
const LINGER: i64 = 2_000_000_000;

impl Engine {
    /// Counts a fragment other than the first in its fragment flow.
    pub(crate) fn fragment(&mut self, part: Part, key: &Key, summary: &Summary<'_>, sink: &mut dyn Sink) {
        let compat = self.config.compat;
        let known = self.table.flows.get(part);
        let first = known.is_some_and(|flow| flow.packets() == 0 && flow.number == 0);
        let reported = known.is_some_and(|flow| flow.has(Flow::EMITTED));
        self.update(part, key, summary, first, sink);
        let Network::Ip(Ip { fragment: Some(fragment), .. }) = &summary.network else { return };
        let Some(pieces) = self.table.reassembly_of(part) else { return };
        if compat && reported {
            // 3.0.8 forgets with the counts what the datagram lacks.
            pieces.begin_again();
        }
        pieces.add(fragment, compat);
        let (parent, complete) = (pieces.parent, pieces.complete());
        if parent != NONE && !compat {
            // Its place in time is its own: it is in no queue. In 3.0.8 it is the first fragment's.
            if let Some(flow) = self.table.flows.get_mut(part) {
                flow.queue_time = self.now;
            }
        }
        if complete {
            self.complete(part, parent, sink);
        }
    }

    /// Ties the fragment flow of a datagram to the flow of its first fragment.
    pub(crate) fn adopt_fragments(
        &mut self,
        parent: Part,
        key: &Key,
        summary: &Summary<'_>,
        fragment: &Fragment,
        sink: &mut dyn Sink,
    ) {
        let Network::Ip(Ip { addresses: Addresses::V4 { source, destination }, protocol, .. }) =
            &summary.network
        else {
            return;
        };
        if self.config.key.is_matrix() {
            return;
        }
        let mut own =
            Key::fragment(*protocol, fragment.id, *source, *destination, self.config.unidirectional);
        if self.config.key.extended() {
            own.extend(summary, &self.config);
        }
        let compat = self.config.compat;
        // 3.0.8 goes by the order of the addresses, which is not that of an ICMP key.
        let direction = if compat { own.direction } else { key.direction };
        let side = self.table.flows.get(parent).map_or(0, |flow| flow.side_of(direction));
        let (hash, found) = self.table.find(&own);
        let part = match found {
            Some(part) => part,
            None => {
                let Some(part) = self.create(&own, hash, parent, sink) else { return };
                part
            }
        };
        if compat && let Some(flow) = self.table.flows.get_mut(parent) {
            let own = flow.side_of(key.direction);
            flow.sides[own & 1].bits |= Side::FRAGMENTS;
        }
        self.queues.remove(&mut self.table.flows, part);
        if let Some(flow) = self.table.flows.get_mut(part) {
            flow.queue_time = self.now;
        }
        let Some(pieces) = self.table.reassembly_of(part) else { return };
        let known = pieces.parent;
        pieces.late_first |= found.is_some() && known == NONE;
        pieces.side = side as u8;
        pieces.id = fragment.id as u16;
        pieces.add(fragment, compat);
        let complete = pieces.complete();
        if known == NONE {
            pieces.parent = parent;
            self.link(parent, part);
        }
        if complete {
            self.complete(part, parent, sink);
        }
    }

    fn link(&mut self, parent: Part, part: Part) {
        let Some(rare) = self.table.rare_of(parent) else { return };
        let head = std::mem::replace(&mut rare.fragments, part);
        if let Some(flow) = self.table.flows.get_mut(part) {
            flow.previous = NONE;
            flow.next = head;
        }
        if let Some(next) = self.table.flows.get_mut(head) {
            next.previous = part;
        }
    }

    fn unlink(&mut self, parent: Part, part: Part) {
        let Some(flow) = self.table.flows.get_mut(part) else { return };
        let (previous, next) = (flow.previous, flow.next);
        flow.previous = NONE;
        flow.next = NONE;
        match self.table.flows.get_mut(previous) {
            Some(before) => before.next = next,
            None => {
                let rare = self.table.flows.get(parent).map_or(NONE, |flow| flow.rare);
                if let Some(rare) = self.table.rare.get_mut(rare) {
                    rare.fragments = next;
                }
            }
        }
        if let Some(after) = self.table.flows.get_mut(next) {
            after.previous = previous;
        }
    }

    /// A whole datagram was seen.
    fn complete(&mut self, part: Part, parent: Part, sink: &mut dyn Sink) {
        if parent == NONE {
            self.queues.remove(&mut self.table.flows, part);
            self.report(part, Some(Cause::Stop), sink);
        } else {
            self.merge(parent, part);
            self.unlink(parent, part);
        }
        self.table.delete(part);
    }

    /// Adds a fragment flow's counts to its parent's.
    fn merge(&mut self, parent: Part, part: Part) {
        let Some(flow) = self.table.flows.get(part) else { return };
        let counted = flow.sides;
        let times = || counted.iter().flat_map(|side| [side.first, side.last]).filter(|time| time.is_set());
        let (earliest, last) = (times().min(), times().max());
        let encapsulation = counted[0].encapsulation | counted[1].encapsulation;
        let counts = flow.packets() != 0 && !flow.has(Flow::EMITTED);
        let outer = self.table.outer.get(part).map(|sides| sides[usize::from(counted[0].packets == 0)]);
        let Some(pieces) = self.table.reassembly_of(part) else { return };
        if !counts && pieces.merged {
            return;
        }
        pieces.merged = true;
        let side = usize::from(pieces.side & 1);
        // 3.0.8 leaves the encapsulation to packets of the side's own, but for a flow of which only the start was told.
        let encapsulates = !self.config.compat
            || self
                .table
                .flows
                .get(parent)
                .is_some_and(|flow| flow.has(Flow::EMITTED) && flow.queue == Queue::STATUS);
        if self.table.flows.get(parent).is_some_and(|flow| flow.has(Flow::EMITTED)) {
            self.reset(parent);
            // A parent that is being reported is in no queue, and stays so until its report is done.
            if self.table.flows.get(parent).is_some_and(|flow| flow.queue != Queue::NONE) {
                self.requeue(parent, Queue::STATUS);
            }
            if let Some(flow) = self.flow(parent) {
                flow.cause = crate::flow::Why::Status;
            }
        }
        let (compat, unset) = (self.config.compat, Engine::unset(self.config.compat));
        if let Some(flow) = self.table.flows.get_mut(parent) {
            // Whether a record of the flow had a second stamp.
            let ranged = flow.has(Flow::RANGE) || flow.sides[side ^ 1].first.is_set();
            let into = &mut flow.sides[side];
            into.bits |= Side::FRAGMENTS;
            if counts {
                for from in &counted {
                    into.packets += from.packets;
                    into.octets += from.octets;
                }
                if let (Some(earliest), Some(last)) = (earliest, last) {
                    // The start of a record without packets of its own stays open in 3.0.8.
                    let open = unset(into.first);
                    let latest = into.last.max(into.first);
                    // A flow that had one stamp gets both of the fragments' there, be they earlier.
                    let moves = compat && !ranged && !into.last.is_set();
                    if if open { !compat } else { (moves || !compat) && earliest < into.first } {
                        into.first = earliest;
                    }
                    if moves || open || last > latest {
                        into.last = last;
                    } else if !compat {
                        into.last = latest;
                    }
                }
                if encapsulates && into.bits & Side::ENCAPSULATION == 0 {
                    into.bits |= Side::ENCAPSULATION;
                    into.encapsulation = encapsulation;
                    if let (Some(outer), Some(sides)) = (outer, self.table.outer.get_mut(parent)) {
                        sides[side].note(outer.octets(), outer.tunnel());
                    }
                }
            }
        }
        // Counted once: what comes later is counted anew.
        self.reset(part);
    }

    /// Merges every fragment flow of `parent`, complete or not, and forgets those that have been idle.
    pub(crate) fn merge_fragments(&mut self, parent: Part) {
        let rare = self.table.flows.get(parent).map_or(NONE, |flow| flow.rare);
        let mut part = self.table.rare.get(rare).map_or(NONE, |rare| rare.fragments);
        while let Some(flow) = self.table.flows.get(part) {
            let (next, idle) = (flow.next, self.now.since(flow.queue_time) >= LINGER);
            self.merge(parent, part);
            if idle {
                self.unlink(parent, part);
                self.table.delete(part);
            }
            part = next;
        }
    }

    /// Lets go of the fragment flows of a flow that is about to be deleted.
    pub(crate) fn release_fragments(&mut self, parent: Part, sink: &mut dyn Sink) {
        let rare = self.table.flows.get(parent).map_or(NONE, |flow| flow.rare);
        let mut part = self.table.rare.get(rare).map_or(NONE, |rare| rare.fragments);
        while let Some(flow) = self.table.flows.get(part) {
            let next = flow.next;
            self.report(part, Some(Cause::Timeout), sink);
            self.table.delete(part);
            part = next;
        }
        if let Some(rare) = self.table.rare.get_mut(rare) {
            rare.fragments = NONE;
        }
    }
}
