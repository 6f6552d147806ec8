//! A record in place: checked once, fields read without allocating, direction put right.

mod fields;
mod repair;

use crate::dsr::flow::{self, address, kind};
use crate::dsr::{DATA, DsrHeader, Index, PLACES, Walk};
use crate::header::{Cause, Header, Kind};
use crate::mar::Mar;
use thiserror::Error;

pub use fields::Parts;
pub use repair::Mark;

/// Why octets are not a record that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RecordError {
    /// The octets end before the record does.
    #[error("record of {need} octets is cut after {have}")]
    Truncated {
        /// Octets there are.
        have: usize,
        /// Octets the header announces (4 when even that is cut).
        need: usize,
    },
    /// The length field is zero.
    #[error("record of length zero")]
    Zero,
    /// A DSR of length zero before any TIME DSR: the record is discarded (section 5.1).
    #[error("part of length zero at octet {at} of the record")]
    ZeroDsr {
        /// Offset in the record.
        at: usize,
    },
}

/// A record in place.
///
/// Accessors show the record in **true direction**: the key exchanged when REVERSE is set; for ARP and RARP the key
/// as it is and everything else exchanged (section 7.2.1). Use [`RecordView::dsr`] for octets as stored. Values that
/// the format stores little-endian are shown in their true value. Times and inter-packet times have the same unit
/// whatever the record's version.
#[derive(Clone, Copy, Debug)]
pub struct RecordView<'a> {
    bytes: &'a [u8],
    layout: Layout,
    repair: repair::Repair,
}

/// Where the parts of a record are: what a walk over it found out. A reader that must let go of its buffer between
/// finding a record and showing it keeps this, and need not walk twice.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    header: Header,
    /// Word offset of the last DSR of each place; 0 is absent, since the record header is there.
    at: [u16; Index::COUNT],
    /// Octets that the DSR walk covered, record header included.
    walked: usize,
    /// Whether the key is shown with its ends exchanged.
    key_exchanged: bool,
    /// Whether all else is.
    rest_exchanged: bool,
    /// Whether a DSR has a type that no chapter describes, or that only record headers have.
    strange: bool,
}

impl Default for Layout {
    /// That of no record.
    fn default() -> Layout {
        Layout {
            header: Header { kind: Kind::Other(0), nibble: 0, cause: Cause::Unset, options: 0, words: 0 },
            at: [0; Index::COUNT],
            walked: 0,
            key_exchanged: false,
            rest_exchanged: false,
            strange: false,
        }
    }
}

impl Layout {
    /// Octets of the record.
    #[inline]
    pub fn len(&self) -> usize {
        self.header.len()
    }

    /// Whether the record has no octets; there are none such.
    pub fn is_empty(&self) -> bool {
        self.header.is_empty()
    }

    /// The layout of a sound record with its parts at these places.
    #[inline]
    pub(crate) fn known(header: Header, at: [u16; Index::COUNT], record: &[u8]) -> Layout {
        let mut layout = Layout {
            header,
            at,
            walked: header.len(),
            key_exchanged: false,
            rest_exchanged: false,
            strange: false,
        };
        layout.orient(record.get(usize::from(layout.place(Index::Flow)) * 4..).unwrap_or_default());
        layout
    }

    /// Word offset of the part of this place; 0 when there is none.
    #[inline]
    pub(crate) fn place(&self, index: Index) -> u16 {
        self.at.get(index as usize).copied().unwrap_or(0)
    }

    pub(crate) fn places(&self) -> &[u16; Index::COUNT] {
        &self.at
    }

    /// Notes how the record is to be shown, from the octets of its key.
    #[inline]
    fn orient(&mut self, key: &[u8]) {
        if self.place(Index::Flow) != 0
            && let [_, st, q, ..] = key
            && st & flow::REVERSE != 0
        {
            let arp = st & 0x3f == kind::ARP || matches!(q & 0x1f, address::ARP | address::RARP);
            self.key_exchanged = !arp;
            self.rest_exchanged = arp;
        }
    }
}

impl<'a> RecordView<'a> {
    /// Checks the record at the start of `bytes`, which may be longer than the record.
    pub fn new(bytes: &'a [u8]) -> Result<RecordView<'a>, RecordError> {
        let truncated = |need| RecordError::Truncated { have: bytes.len(), need };
        let header = Header::parse(bytes).ok_or(truncated(Header::LEN))?;
        if header.is_empty() {
            return Err(RecordError::Zero);
        }
        let bytes = bytes.get(..header.len()).ok_or(truncated(header.len()))?;
        let layout = Layout {
            header,
            at: [0; Index::COUNT],
            walked: bytes.len(),
            key_exchanged: false,
            rest_exchanged: false,
            strange: false,
        };
        let mut view = RecordView { bytes, layout, repair: repair::Repair::default() };
        if header.kind.has_dsrs() {
            view.walk()?;
        }
        Ok(view)
    }

    /// The record at the start of `bytes`, which were walked before. With the layout of another record the view shows
    /// nonsense, but never octets beyond `bytes`.
    #[inline]
    pub fn with_layout(bytes: &'a [u8], layout: Layout) -> RecordView<'a> {
        let bytes = bytes.get(..layout.len()).unwrap_or(bytes);
        RecordView { bytes, layout, repair: repair::Repair::default() }
    }

    /// Where the record's parts are.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Whether every octet belongs to a DSR of a type that a chapter describes.
    pub fn is_sound(&self) -> bool {
        self.tail().is_empty() && !self.layout.strange
    }

    fn walk(&mut self) -> Result<(), RecordError> {
        let bytes = self.bytes;
        let mut at = Header::LEN;
        let mut stopped_at_zero = false;
        while let Some(dsr) = bytes.get(at..).and_then(DsrHeader::parse) {
            stopped_at_zero = dsr.len == 0;
            if stopped_at_zero || dsr.len > bytes.len() - at {
                break;
            }
            let place = match PLACES[usize::from(dsr.typ)] {
                DATA => dsr.index().map_or(usize::MAX, |index| index as usize),
                place => usize::from(place),
            };
            match self.layout.at.get_mut(place) {
                // Fits: a record has at most 65 535 words.
                Some(word) => *word = (at / 4) as u16,
                None => self.layout.strange = true,
            }
            at += dsr.len;
        }
        self.layout.walked = at;
        if stopped_at_zero && !self.has(Index::Time) {
            return Err(RecordError::ZeroDsr { at });
        }
        let key = usize::from(self.layout.place(Index::Flow)) * 4;
        self.layout.orient(bytes.get(key..).unwrap_or_default());
        Ok(())
    }

    /// All octets of the record, header included, as stored.
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The record's header.
    pub fn header(&self) -> Header {
        self.layout.header
    }

    /// What the record is.
    #[inline]
    pub fn kind(&self) -> Kind {
        self.layout.header.kind
    }

    /// The management record, decoded; `None` for other records and for short ones.
    pub fn mar(&self) -> Option<Mar> {
        Mar::parse(self.bytes)
    }

    /// Whether the record has a DSR at this place.
    #[inline]
    pub fn has(&self, index: Index) -> bool {
        self.layout.at.get(index as usize).is_some_and(|&w| w != 0)
    }

    /// The octets of a DSR as stored, DSR header included; the last one when there are several of a type.
    #[inline]
    pub fn dsr(&self, index: Index) -> Option<&'a [u8]> {
        let at = usize::from(*self.layout.at.get(index as usize)?) * 4;
        if at == 0 {
            return None;
        }
        let rest = self.bytes.get(at..)?;
        rest.get(..DsrHeader::parse(rest)?.len)
    }

    /// All DSRs in the order in which they are stored, unknown ones included.
    pub fn dsrs(&self) -> Walk<'a> {
        let body = if self.kind().has_dsrs() { self.bytes.get(4..self.layout.walked) } else { None };
        Walk::new(body.unwrap_or(&[]))
    }

    /// Octets at the end of the record that belong to no DSR; empty in a sound record (section 5.1).
    pub fn tail(&self) -> &'a [u8] {
        self.bytes.get(self.layout.walked..).unwrap_or(&[])
    }
}
