//! Records of shapes that were met before: known again by the headers of their parts, without a walk.
//!
//! A sensor writes records of a few dozen shapes: the same parts of the same lengths in the same order. Where the parts
//! of a shape are is remembered; whether a record has that shape is seen from a fixed number of words, whose places do
//! not depend on each other as those of a walk do.

mod form;

use crate::dsr::{DsrHeader, Index, code};
use crate::header::{Header, Kind};
use crate::view::{Layout, RecordView};
use form::KeyForm;
use std::fmt;

pub use form::{Family, Key};

/// Words of the longest record that is known by its shape, and of the header behind it.
pub(crate) const WINDOW: usize = 256;
/// Octets of these.
pub(crate) const WINDOW_OCTETS: usize = 4 * WINDOW;
/// Parts of a record that is known by its shape.
const MOST_PARTS: usize = 12;
/// Shapes that are remembered: a power of two.
const REMEMBERED: usize = 128;

/// The words of a record and some that follow.
pub(crate) type Window = [[u8; 4]; WINDOW];

/// The words at the start of `octets`, when there are enough of them.
#[inline]
pub(crate) fn window(octets: &[u8]) -> Option<&Window> {
    let octets: &[u8; WINDOW_OCTETS] = octets.first_chunk()?;
    octets.as_chunks::<4>().0.first_chunk()
}

/// What all records of a shape have in common.
#[derive(Clone, Copy)]
struct Shape {
    /// Words of the record; 0 of none.
    words: u16,
    /// Its parts; places that are not used name the record's header, of which nothing is asked.
    parts: [Part; MOST_PARTS],
    form: KeyForm,
    places: [u16; Index::COUNT],
}

/// What is known of a part of a record.
#[derive(Clone, Copy)]
struct Part {
    /// Word offset of its header.
    at: u8,
    /// The bits of its header that belong to the shape.
    mask: u32,
    /// Their values.
    value: u32,
}

const NO_SHAPE: Shape = Shape {
    words: 0,
    parts: [Part { at: 0, mask: 0, value: 0 }; MOST_PARTS],
    form: KeyForm::UNKNOWN,
    places: [0; Index::COUNT],
};

/// Shapes met lately.
#[derive(Clone)]
pub(crate) struct Shapes {
    remembered: Box<[Shape; REMEMBERED]>,
}

impl Default for Shapes {
    fn default() -> Shapes {
        Shapes { remembered: Box::new([NO_SHAPE; REMEMBERED]) }
    }
}

impl fmt::Debug for Shapes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shapes").finish_non_exhaustive()
    }
}

impl Shape {
    /// The shape of a sound record; `None` when it has too many parts.
    fn of(view: &RecordView<'_>) -> Option<Shape> {
        let mut shape = Shape {
            words: u16::try_from(view.bytes().len() / 4).ok()?,
            form: KeyForm::of(view)?,
            places: *view.layout().places(),
            ..NO_SHAPE
        };
        let mut at = Header::LEN;
        for (number, part) in view.dsrs().enumerate() {
            let DsrHeader { typ, subtype, .. } = part.header;
            let mask = match (typ & 0x7f, typ & 0x80, subtype & 0x80) {
                // The subtype of user data says whose they are; in their older form the qualifier does. And the form of
                // the key is part of the shape, as is whether there is a state that may turn it round.
                (code::DATA | code::FLOW | code::NETWORK, ..) => [0xff, 0xff, 0xff, 0xff],
                (_, 0x80, _) => [0xff, 0, 0, 0],
                (_, _, 0) => [0xff, 0x80, 0, 0xff],
                _ => [0xff, 0xff, 0xff, 0xff],
            };
            let mask = u32::from_ne_bytes(mask);
            let header = u32::from_ne_bytes(*part.bytes.first_chunk()?);
            *shape.parts.get_mut(number)? =
                Part { at: u8::try_from(at / 4).ok()?, mask, value: header & mask };
            at += part.bytes.len();
        }
        Some(shape)
    }

    /// Whether a record of this length has this shape.
    #[inline]
    fn fits(&self, window: &Window, words: u16) -> bool {
        let mut differing = u32::from(self.words ^ words);
        for part in &self.parts {
            differing |= (u32::from_ne_bytes(window[usize::from(part.at)]) & part.mask) ^ part.value;
        }
        differing == 0
    }
}

/// Where a shape is remembered: by the length of the record and the header of its second part, which in a sensor's
/// record is the key.
#[inline]
fn slot(window: &Window, words: u16) -> usize {
    let second = 1 + (window[1][3] & 0x7f);
    let header = u32::from_ne_bytes(window[usize::from(second)]);
    ((header ^ u32::from(words) << 16).wrapping_mul(0x9e37_79b1) >> 25) as usize % REMEMBERED
}

impl Shapes {
    /// The record that the window begins with, when nothing about it is in doubt: it is a flow record, its parts are
    /// known and fill it, and what may be a record follows it.
    #[inline(always)]
    pub(crate) fn glance<'a>(&'a mut self, window: &'a Window) -> Option<Glance<'a>> {
        let [typ, cause, high, low] = window[0];
        let words = u16::from_be_bytes([high, low]);
        // Sensors' records of both versions; others take the longer way.
        if !matches!(typ, 0x13 | 0x15) || cause > 0xaf || words == 0 || usize::from(words) >= WINDOW {
            return None;
        }
        let [next, next_cause, next_high, next_low] = window[usize::from(words) % WINDOW];
        let plausible = matches!(next & 0x0f, 3..=7) && next >= 0x10 && next_cause <= 0xaf;
        if !plausible || (next_high | next_low) == 0 {
            return None;
        }
        let slot = slot(window, words);
        if !self.remembered[slot].fits(window, words) {
            self.remember(window, slot)?;
        }
        Some(Glance { window, shape: &self.remembered[slot] })
    }

    #[cold]
    fn remember(&mut self, window: &Window, slot: usize) -> Option<()> {
        let view = RecordView::new(window.as_flattened()).ok().filter(RecordView::is_sound)?;
        self.remembered[slot] = Shape::of(&view)?;
        Some(())
    }
}

/// A sound flow record of a known shape, of which only what is asked for is read.
#[derive(Clone, Copy)]
pub struct Glance<'a> {
    window: &'a Window,
    shape: &'a Shape,
}

impl fmt::Debug for Glance<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Glance").field(&self.view()).finish()
    }
}

impl<'a> Glance<'a> {
    /// Octets of the record.
    #[inline]
    pub fn len(&self) -> usize {
        usize::from(self.shape.words) * 4
    }

    /// Whether it has no octets; there are none such.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Type of the record, as [`Kind::nibble`] has it.
    #[inline]
    pub fn nibble(&self) -> u8 {
        self.window[0][0] >> 4
    }

    /// Where its parts are.
    #[inline]
    pub fn layout(&self) -> Layout {
        let [typ, cause, high, low] = self.window[0];
        let header = Header {
            kind: Kind::from_nibble(typ >> 4),
            nibble: typ & 0x0f,
            cause: crate::Cause::from_nibble(cause >> 4),
            options: cause & 0x0f,
            words: u16::from_be_bytes([high, low]),
        };
        Layout::known(header, self.shape.places, self.window.as_flattened())
    }

    /// The record, to be looked at properly.
    pub fn view(&self) -> RecordView<'a> {
        RecordView::with_layout(self.window.as_flattened(), self.layout())
    }

    /// The key, when it is one of the common ones and no reader turns the record round (flow-model chapter, section
    /// 15). `None`: it must be looked at properly.
    #[inline]
    pub fn key(&self) -> Option<Key<'a>> {
        self.shape.form.read(self.window)
    }
}
