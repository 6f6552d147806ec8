//! Attributes of IP at a glance (record-format chapter, section 7.6).

use super::form::{Bits, Value};
use crate::dsr::Index;
use crate::dsr::ipattr::IpAttr;
use crate::view::RecordView;

/// What a record says of the last packet of each side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// TTL or hop limit.
    Ttl,
    /// TOS or traffic class.
    Tos,
    /// The code point in it.
    CodePoint,
}

/// How the IP attributes of a record are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AttributeForm {
    /// Word offsets of those of the source and of the destination; 0 when there are none.
    places: [u8; 2],
    /// Whether there are attributes at all, and which sides sent fragments.
    marks: u8,
}

/// Marks: there are attributes; the source sent fragments; the destination did.
const THERE: u8 = 1;
const FRAGMENTS: [u8; 2] = [2, 4];

impl AttributeForm {
    pub(super) const NONE: AttributeForm = AttributeForm { places: [0; 2], marks: 0 };

    /// That of a record; `None` when the record is too long for a glance.
    pub(super) fn of(view: &RecordView<'_>) -> Option<AttributeForm> {
        let Some(found) = view.dsr(Index::IpAttr).and_then(IpAttr::parse) else {
            return Some(AttributeForm::NONE);
        };
        let mut at = u8::try_from(view.layout().place(Index::IpAttr)).ok()?;
        let mut next = |is_there: bool| {
            at += u8::from(is_there);
            if is_there { at } else { 0 }
        };
        // In the order in which they are stored.
        let src = next(found.src.is_some());
        next(found.src_options.is_some());
        let dst = next(found.dst.is_some());
        let fragments = [(found.src_fragments, FRAGMENTS[0]), (found.dst_fragments, FRAGMENTS[1])];
        let marks = fragments.iter().filter(|(sent, _)| *sent).fold(THERE, |marks, (_, mark)| marks | mark);
        Some(AttributeForm { places: [src, dst], marks })
    }

    /// All of it as three octets.
    pub(super) fn code(self) -> [u8; 3] {
        let [src, dst] = self.places;
        [src, dst, self.marks]
    }

    pub(super) fn value(self, attribute: Attribute, side: usize) -> Value {
        let mask = match attribute {
            Attribute::Ttl => 0xff00_0000,
            Attribute::Tos => 0x00ff_0000,
            Attribute::CodePoint => 0x00fc_0000,
        };
        match self.places[side & 1] {
            0 => Value::Absent,
            word => Value::At(Bits { word, mask }),
        }
    }

    pub(super) fn fragments(self, side: usize) -> Option<bool> {
        (self.marks & THERE != 0).then_some(self.marks & FRAGMENTS[side & 1] != 0)
    }
}
