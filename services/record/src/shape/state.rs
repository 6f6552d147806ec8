//! The state of TCP flows at a glance (record-format chapter, section 7.5).

use super::form::{Bits, Value};
use crate::dsr::Index;
use crate::dsr::network::subtype::{TCP_INIT, TCP_PERF, TCP_STATUS};
use crate::view::RecordView;

/// How the state of a TCP flow is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StateForm {
    /// Word offset of the status; 0 when there is no such state.
    pub(super) status: u8,
    /// Which of the three forms it has.
    subtype: u8,
    /// Word offsets of the flags of the source and of the destination; 0 when there are none.
    flags: [u8; 2],
}

/// Where the flags stand in the word that they are in.
const FLAGS: u32 = 0x0000_ff00;

impl StateForm {
    pub(super) const NONE: StateForm = StateForm { status: 0, subtype: 0, flags: [0; 2] };

    /// That of a record; `None` when the record is too long for a glance.
    pub(super) fn of(view: &RecordView<'_>) -> Option<StateForm> {
        let Some(dsr @ &[_, subtype @ (TCP_INIT | TCP_STATUS | TCP_PERF), qualifier, ..]) =
            view.dsr(Index::Network)
        else {
            return Some(StateForm::NONE);
        };
        if view.tcp().is_none() {
            return Some(StateForm::NONE);
        }
        let place = view.layout().place(Index::Network);
        // Sides of the second layout have one word more.
        let side: u16 = if qualifier == 2 { 13 } else { 12 };
        let flags = match subtype {
            TCP_INIT => [place + 4, 0],
            TCP_PERF if dsr.len() >= 4 * usize::from(6 + 2 * side) => [place + 17, place + 17 + side],
            TCP_PERF => [place + 17, 0],
            _ => [0, 0],
        };
        let [status, src, dst] = [place + 1, flags[0], flags[1]].map(|word| u8::try_from(word).ok());
        Some(StateForm { status: status?, subtype, flags: [src?, dst?] })
    }

    /// All of it as four octets.
    pub(super) fn code(self) -> [u8; 4] {
        let [src, dst] = self.flags;
        [self.status, self.subtype, src, dst]
    }

    /// Whether it is the full state.
    pub(super) fn is_full(self) -> bool {
        self.subtype == TCP_PERF
    }

    /// Where the flags of the source (side 0) or the destination (1) are; those of a side that sent no packet do not
    /// count.
    pub(super) fn flags(self, side: usize) -> Value {
        match (self.subtype, self.flags[side & 1]) {
            (TCP_INIT | TCP_PERF, 0) => Value::Zero,
            (TCP_INIT | TCP_PERF, word) => Value::At(Bits { word, mask: FLAGS }),
            _ => Value::Absent,
        }
    }
}
