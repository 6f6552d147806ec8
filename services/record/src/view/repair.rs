//! What a reader changes before a record is filtered or shown (flow-model chapter, section 15).

use super::RecordView;
use crate::dsr::flow::{DIRECTION, Flow, FlowKey, Ipv4Detail, Ipv4Key};
use crate::dsr::network::{Tcp, status};

/// Changes that a view's accessors apply.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Repair {
    /// Bits added to the TCP status word.
    pub(super) status: u32,
    /// ICMP type shown in place of the stored one.
    pub(super) icmp_type: Option<u8>,
    /// Whether the record was turned round since it was read.
    pub(super) turned: bool,
    /// A bit for each [`Mark`].
    pub(super) marks: u8,
}

/// What a reader knows of a record that the record does not say (5.x: filter chapter, section 12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It belongs to the set that others are compared with.
    Baseline = 1,
    /// It was found in that set.
    Matched = 2,
}

impl RecordView<'_> {
    /// Shows the record from the other side: every source value becomes the destination's.
    pub fn turn(&mut self) {
        self.layout.key_exchanged = !self.layout.key_exchanged;
        self.layout.rest_exchanged = !self.layout.rest_exchanged;
        self.repair.turned = !self.repair.turned;
    }

    /// Puts a mark on the view.
    pub fn mark(&mut self, mark: Mark) {
        self.repair.marks |= mark as u8;
    }

    /// Whether the mark was put on the view.
    pub fn is_marked(&self, mark: Mark) -> bool {
        self.repair.marks & mark as u8 != 0
    }

    /// Whether [`RecordView::turn`] is in effect.
    pub fn is_turned(&self) -> bool {
        self.repair.turned
    }

    /// Whether [`RecordView::repair_direction`] has turned it round.
    pub fn is_repaired(&self) -> bool {
        self.repair.status != 0 || self.repair.icmp_type.is_some()
    }

    /// Applies what 3.x readers do to every record (flow-model chapter, section 15, rules 2 and 3); tells whether
    /// the record was turned round.
    ///
    /// An IPv4 TCP record with full state of which only the SYN/ACK was seen is turned and counts as normally
    /// closed, unless its key carries the direction mark. A lone ICMP reply is turned and gets its own message type
    /// back.
    pub fn repair_direction(&mut self) -> bool {
        let Some(flow) = self.flow() else { return false };
        let FlowKey::Ipv4(key) = flow.key else { return false };
        match key.proto {
            6 => self.repair_tcp(&flow),
            1 => self.repair_icmp(&flow, &key),
            _ => false,
        }
    }

    fn repair_tcp(&mut self, flow: &Flow) -> bool {
        const CLOSED: u32 = status::CON_ESTABLISHED | status::FIN | status::FIN_ACK | status::NORMAL_CLOSE;
        let Some(Tcp::Perf(tcp)) = self.tcp() else { return false };
        let syn_ack_only = tcp.status & (status::SAW_SYN | status::SAW_SYN_SENT) == status::SAW_SYN_SENT;
        if !syn_ack_only || tcp.status & CLOSED == 0 || flow.qualifier & DIRECTION != 0 {
            return false;
        }
        self.turn();
        self.repair.status |= status::NORMAL_CLOSE;
        true
    }

    fn repair_icmp(&mut self, flow: &Flow, key: &Ipv4Key) -> bool {
        let Ipv4Detail::Icmp { typ, .. } = key.detail else { return false };
        let (src, dst) = self.metric().map_or((0, 0), |m| (m.src.packets, m.dst.packets));
        if flow.qualifier & DIRECTION == 0 || src == 0 || dst != 0 {
            return false;
        }
        // The key holds the request's type; the packet was the reply.
        let reply = match typ {
            8 => 0,
            13 => 14,
            15 => 16,
            17 => 18,
            0 | 14 | 16 | 18 => typ,
            _ => return false,
        };
        self.turn();
        self.repair.icmp_type = Some(reply);
        true
    }
}
