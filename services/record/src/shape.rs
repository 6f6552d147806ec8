//! Records of shapes that were met before: known again by the headers of their parts, without a walk.
//!
//! A sensor writes records of a few dozen shapes: the same parts of the same lengths in the same order. Where the parts
//! of a shape are is remembered; whether a record has that shape is seen from a few blocks of words, whose places do not
//! depend on each other as those of a walk do.

mod attributes;
mod counts;
mod form;
mod state;

use crate::dsr::time::Time;
use crate::dsr::{DsrHeader, Index, code};
use crate::header::{Header, Kind};
use crate::stamp::Stamp;
use crate::view::{Layout, RecordView};
use memory::Octets;
use std::fmt;

pub use attributes::Attribute;
pub use counts::Count;
pub use form::{Bits, Family, Ports, RecordForm, Turn, Value};

/// Words of the longest record that is known by its shape.
const LONGEST: usize = 255;
/// Words that are looked at: those of the longest record, the header behind it, and whole blocks.
const WINDOW: usize = LONGEST + 1 + BLOCK;
/// Octets of these.
pub(crate) const WINDOW_OCTETS: usize = 4 * WINDOW;
/// Words that are compared at a time.
const BLOCK: usize = 4;
/// Blocks in which the headers of a record that is known by its shape lie, at most.
const MOST_BLOCKS: usize = 12;
/// Blocks of most records.
const USUAL_BLOCKS: usize = 8;
/// Shapes that are remembered: a power of two.
const REMEMBERED: usize = 128;

/// The words of a record and some that follow.
type Window = [[u8; 4]; WINDOW];

/// The words at the start of `octets`, when there are enough of them.
#[inline]
fn window(octets: &[u8]) -> Option<&Window> {
    let octets: &[u8; WINDOW_OCTETS] = octets.first_chunk()?;
    octets.as_chunks::<4>().0.first_chunk()
}

/// What all records of a shape have in common: bits of their own header and of those of their parts.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Shape {
    /// The header's.
    header: u32,
    /// Whether there are more blocks than usual.
    many: bool,
    /// Word offsets of the blocks in which the parts' headers lie. Of those that are not used nothing is asked.
    blocks: [u8; MOST_BLOCKS],
    /// Tells the forms of keys apart.
    form: u128,
    /// Bits of each block that belong to the shape, and their values.
    common: [([u8; 4 * BLOCK], [u8; 4 * BLOCK]); MOST_BLOCKS],
}

/// What else is known of the records of a shape.
#[derive(Clone, Copy)]
struct Details {
    form: RecordForm,
    /// Where each side's packets are, in no bits when it has none; `None`: elsewhere.
    packets: Option<[Bits; 2]>,
    places: [u16; Index::COUNT],
}

/// The bits of a record's header that belong to its shape: type, version, length.
const HEADER: u32 = u32::from_ne_bytes([0xff, 0, 0xff, 0xff]);

const NO_SHAPE: Shape = Shape {
    // No record's: these are the bits that do not belong to it.
    header: !HEADER,
    many: false,
    blocks: [0; MOST_BLOCKS],
    form: 0,
    common: [([0; 4 * BLOCK], [0; 4 * BLOCK]); MOST_BLOCKS],
};

const NO_DETAILS: Details = Details { form: RecordForm::UNKNOWN, packets: None, places: [0; Index::COUNT] };

/// Shapes met lately.
#[derive(Clone)]
pub struct Shapes {
    remembered: Box<[Shape; REMEMBERED]>,
    details: Box<[Details; REMEMBERED]>,
}

impl Default for Shapes {
    fn default() -> Shapes {
        Shapes { remembered: Box::new([NO_SHAPE; REMEMBERED]), details: Box::new([NO_DETAILS; REMEMBERED]) }
    }
}

impl fmt::Debug for Shapes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shapes").finish_non_exhaustive()
    }
}

impl Shape {
    /// The shape of a sound record; `None` when it has too many parts.
    fn of(view: &RecordView<'_>) -> Option<(Shape, Details)> {
        let form = RecordForm::of(view)?;
        let mut shape = Shape {
            header: u32::from_ne_bytes(*view.bytes().first_chunk()?) & HEADER,
            form: form.code(),
            ..NO_SHAPE
        };
        let (mut at, mut count) = (Header::LEN, 0);
        for part in view.dsrs() {
            let DsrHeader { typ, subtype, .. } = part.header;
            let mask: [u8; 4] = match (typ & 0x7f, typ & 0x80, subtype & 0x80) {
                // The subtype of user data says whose they are; in their older form the qualifier does. And the forms of
                // the key, of the counters, of the state and of the IP attributes are part of the shape.
                (code::DATA | code::FLOW | code::NETWORK | code::METRIC | code::IPATTR, ..) => {
                    [0xff, 0xff, 0xff, 0xff]
                }
                (_, 0x80, _) => [0xff, 0, 0, 0],
                (_, _, 0) => [0xff, 0x80, 0, 0xff],
                _ => [0xff, 0xff, 0xff, 0xff],
            };
            let word = u8::try_from(at / 4).ok()?;
            if count == 0 || word - shape.blocks[count - 1] >= BLOCK as u8 {
                *shape.blocks.get_mut(count)? = word;
                count += 1;
            }
            let (block, (masks, values)) = (shape.blocks[count - 1], &mut shape.common[count - 1]);
            let within = usize::from(word - block) * 4;
            for (number, (mask, octet)) in mask.into_iter().zip(part.bytes).enumerate() {
                (masks[within + number], values[within + number]) = (mask, octet & mask);
            }
            at += part.bytes.len();
        }
        shape.many = count > USUAL_BLOCKS;
        let packets = [0, 1].map(|side| match form.counter(Count::Packets, side) {
            Value::At(bits) => Some(bits),
            Value::Zero => Some(Bits { word: 0, mask: 0 }),
            Value::Absent | Value::Elsewhere => None,
        });
        let packets = packets[0].zip(packets[1]).map(<[Bits; 2]>::from);
        Some((shape, Details { form, packets, places: *view.layout().places() }))
    }

    /// Whether a record has this shape.
    #[inline(always)]
    fn fits(&self, window: &Window) -> bool {
        if u32::from_ne_bytes(window[0]) & HEADER != self.header {
            return false;
        }
        let differing = |number: usize| {
            let (mask, value) = &self.common[number];
            block(window, self.blocks[number]).and(Octets::of(mask)).xor(Octets::of(value))
        };
        let mut all = differing(0);
        for number in 1..USUAL_BLOCKS {
            all = all.or(differing(number));
        }
        if self.many {
            for number in USUAL_BLOCKS..MOST_BLOCKS {
                all = all.or(differing(number));
            }
        }
        all.are_zero()
    }
}

/// The block that begins with a word; it is always within the window.
#[inline(always)]
fn block(window: &Window, at: u8) -> Octets {
    let words: &[[u8; 4]; BLOCK] = window[usize::from(at)..].first_chunk().unwrap_or(&[[0; 4]; BLOCK]);
    Octets::of(words.as_flattened().first_chunk().unwrap_or(&[0; 4 * BLOCK]))
}

/// Where a shape is remembered, or beside it: by the length of the record and the header of its second part, which in a
/// sensor's record is the key.
#[inline(always)]
fn slot(window: &Window) -> usize {
    let [_, _, _, words] = window[0];
    let second = 1 + (window[1][3] & 0x7f);
    let header = u32::from_ne_bytes(window[usize::from(second)]);
    ((header ^ u32::from(words) << 16).wrapping_mul(0x9e37_79b1) >> 25) as usize % REMEMBERED
}

/// Whether an octet may be the first of a record.
#[inline(always)]
fn begins(octet: u8) -> bool {
    octet >= 0x10 && matches!(octet & 0x0f, 3..=7)
}

/// The highest second octet of a record's header that means something.
const LAST_CAUSE: u8 = 0xaf;

impl Shapes {
    /// The record that `input` begins with, when it is of a kind and a shape that leaves no doubt: it is a flow record,
    /// its parts are known and fill it, and what may be a record follows it. `None` says nothing; there are always doubts
    /// when `input` is shorter than [`Framer::GLANCE`](crate::Framer::GLANCE).
    #[inline(always)]
    pub fn glance<'a>(&'a mut self, input: &'a [u8]) -> Option<Glance<'a>> {
        let window = window(input)?;
        // Longer records have no shape.
        let [typ, cause, _, words] = window[0];
        let [next, next_cause, high, low] = window[usize::from(words)];
        // The next one is nearly always of the same kind.
        let follows = (next == typ || begins(next)) && next_cause <= LAST_CAUSE && high | low != 0;
        if !follows || cause > LAST_CAUSE {
            return None;
        }
        let mut slot = slot(window);
        if !self.remembered[slot].fits(window) {
            slot = self.other(window, slot)?;
        }
        Some(Glance { window, slot, shape: &self.remembered[slot], details: &self.details[slot] })
    }

    /// Where the shape is that is not where it is looked for first: beside it, or remembered just now in place of the older
    /// of the two.
    #[inline(never)]
    fn other(&mut self, window: &Window, slot: usize) -> Option<usize> {
        let beside = slot ^ 1;
        if self.remembered[beside].fits(window) {
            return Some(beside);
        }
        // Sensors' records of both versions, short enough for what follows them to be in sight; others take the longer way.
        let [typ, _, high, low] = window[0];
        if !matches!(typ, 0x13 | 0x15) || usize::from(u16::from_be_bytes([high, low])) > LONGEST {
            return None;
        }
        let view = RecordView::new(window.as_flattened()).ok().filter(RecordView::is_sound)?;
        let (shape, details) = Shape::of(&view)?;
        (self.remembered[beside], self.details[beside]) = (self.remembered[slot], self.details[slot]);
        (self.remembered[slot], self.details[slot]) = (shape, details);
        Some(slot)
    }
}

/// A sound flow record of a known shape, of which only what is asked for is read.
#[derive(Clone, Copy)]
pub struct Glance<'a> {
    window: &'a Window,
    slot: usize,
    shape: &'a Shape,
    details: &'a Details,
}

impl fmt::Debug for Glance<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Glance").field(&self.view()).finish()
    }
}

impl<'a> Glance<'a> {
    /// Shapes that are remembered at a time.
    pub const SHAPES: usize = REMEMBERED;

    /// Octets of the record.
    #[inline]
    pub fn len(&self) -> usize {
        let [_, _, high, low] = self.window[0];
        usize::from(u16::from_be_bytes([high, low])) * 4
    }

    /// Whether it has no octets; there are none such.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of its shape, below [`Glance::SHAPES`]. A shape that has not been met for long loses it to another.
    #[inline]
    pub fn number(&self) -> usize {
        self.slot
    }

    /// How its key is stored.
    #[inline]
    pub fn form(&self) -> &'a RecordForm {
        &self.details.form
    }

    /// A number that forms of keys have in common when they are the same, and only then.
    #[inline]
    pub fn form_code(&self) -> u128 {
        self.shape.form
    }

    /// The first octet of a word, as [`Glance::word`] has it.
    #[inline]
    pub fn octet(&self, at: u8) -> u8 {
        let [first, ..] = self.window[usize::from(at)];
        first
    }

    /// A word of the record, or of what follows it when it is not so long.
    #[inline]
    pub fn word(&self, at: u8) -> u32 {
        u32::from_be_bytes(self.window[usize::from(at)])
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
        Layout::known(header, self.details.places, self.window.as_flattened())
    }

    /// As [`RecordView::plain_times`].
    #[inline]
    pub fn plain_times(&self) -> Option<(Stamp, Stamp)> {
        let place = usize::from(self.details.places[Index::Time as usize]);
        let part = self.window.get(place..).filter(|_| place != 0)?.as_flattened();
        let &[_, _, _, words, ..] = part else { return None };
        let (first, last) = Time::plain(part.get(..4 * usize::from(words))?)?;
        Some((Stamp::from_sec_usec(first.0, first.1), Stamp::from_sec_usec(last.0, last.1)))
    }

    /// Microseconds between the first and the last stamp, where these are plain. Of a record of one packet they mean
    /// nothing.
    #[inline]
    pub fn plain_micros(&self) -> Option<u64> {
        let (first, last) = self.plain_times()?;
        Some(last.micros().saturating_sub(first.micros()).max(0).cast_unsigned())
    }

    /// The number that is stored in some bits of a word.
    #[inline]
    pub fn number_at(&self, Bits { word, mask }: Bits) -> u32 {
        (self.word(word) & mask) >> (mask.trailing_zeros() % u32::BITS)
    }

    /// Packets of both sides; `None`: they must be looked at properly.
    #[inline]
    pub fn packets(&self) -> Option<u64> {
        let [src, dst] = self.details.packets?.map(|place| u64::from(self.number_at(place)));
        Some(src + dst)
    }

    /// The record, to be looked at properly.
    pub fn view(&self) -> RecordView<'a> {
        RecordView::with_layout(self.window.as_flattened(), self.layout())
    }
}
