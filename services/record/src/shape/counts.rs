//! Counters at a glance: where the words are that hold them.

use super::form::{Bits, Value};
use crate::dsr::Index;
use crate::dsr::metric::{Metric, PACKETS_BYTES_APP};
use crate::view::RecordView;

/// What is counted of each side of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Packets.
    Packets,
    /// Octets on the wire.
    Octets,
    /// Application octets.
    AppOctets,
}

/// How the counters of a record are stored (record-format chapter, section 7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CounterForm {
    /// Word offset of METRIC; 0 when there is none.
    place: u8,
    /// Its qualifier: the width of the counters, and of which sides there are some; [`UNREADABLE`].
    kind: u8,
    /// Whether application octets are among them.
    app: bool,
}

/// The kind of a METRIC that cannot be read.
const UNREADABLE: u8 = 0x0f;

impl CounterForm {
    pub(super) const NONE: CounterForm = CounterForm { place: 0, kind: 0, app: false };

    /// That of a record; `None` when the record is too long for a glance.
    pub(super) fn of(view: &RecordView<'_>) -> Option<CounterForm> {
        let Some(dsr @ &[_, subtype, qualifier, _, ..]) = view.dsr(Index::Metric) else {
            return Some(CounterForm::NONE);
        };
        Some(CounterForm {
            place: u8::try_from(view.layout().place(Index::Metric)).ok()?,
            kind: if Metric::parse(dsr).is_some() { qualifier & 0x0f } else { UNREADABLE },
            app: subtype & 0x07 == PACKETS_BYTES_APP,
        })
    }

    /// All of it as two octets.
    pub(super) fn code(self) -> [u8; 2] {
        [self.place, self.kind | u8::from(self.app) << 4]
    }

    /// Where a counter of the source (side 0) or the destination (1) is.
    pub(super) fn counter(self, count: Count, side: usize) -> Value {
        let of_side = if self.app { 3 } else { 2 };
        let number = match count {
            _ if self.place == 0 => return Value::Absent,
            _ if self.kind == UNREADABLE => return Value::Elsewhere,
            Count::AppOctets if !self.app => return Value::Zero,
            count => count as u8,
        };
        let before = match (self.kind, side) {
            (1..=8, 0) | (9..=12, 1) => 0,
            (1..=4, 1) => of_side,
            _ => return Value::Zero,
        };
        let width = match (self.kind - 1) % 4 {
            0 => 1,
            1 => 2,
            2 => 4,
            _ => return Value::Elsewhere,
        };
        // Behind the header of the part.
        let octet = 4 + (before + number) * width;
        let Some(word) = self.place.checked_add(octet / 4) else { return Value::Elsewhere };
        let shift = 32 - 8 * u32::from(octet % 4 + width);
        Value::At(Bits { word, mask: u32::MAX >> (32 - 8 * u32::from(width)) << shift })
    }
}
