//! Endace ERF: a header of 16 octets, extension headers of 8, then by type a short header and the frame.
//!
//! The time stamp is the one little-endian field: 32.32 bits of seconds since 1970. Lengths on the wire include the frame
//! check sequence on Ethernet and HDLC links; it is taken off, as libpcap does for the cards themselves.

use crate::buffer::{Buffer, Order, Window};
use crate::{Fault, Place, cut, link};

/// Octets of a record's header.
pub(crate) const HEADER: usize = 16;
/// Octets of an extension header.
const EXTENSION: usize = 8;
/// Extension headers that are believed.
const MAX_EXTENSIONS: usize = 64;
/// Frame check sequence, octets.
const FCS: u32 = 4;
/// The 802.2 header of routed protocols, by which an ATM cell is known to begin a datagram.
const SNAP: &[u8] = &[0xaa, 0xaa, 0x03];

/// The file.
pub(crate) struct Erf;

/// What the records of a type hold.
#[derive(Clone, Copy)]
struct Layout {
    /// Octets before the frame.
    before: usize,
    link: i32,
    /// Whether the length on the wire counts a frame check sequence.
    checked: bool,
}

/// HDLC: PPP or Cisco's, told apart by the frame.
const HDLC: i32 = 50;
/// AAL5 with an 802.2 header.
const ATM: i32 = 11;
/// A link type that is named and not followed: ERF itself.
const ERF: i32 = 197;
const INFINIBAND: i32 = 247;

/// The layout of a type, less its extension bit; `None` for records that hold no packet. Colour, hash and multi-channel
/// variants only use other header fields, or have four octets more.
fn layout(kind: u8) -> Option<Layout> {
    let of = |before, link, checked| Some(Layout { before, link, checked });
    match kind {
        1 | 10 | 15 | 19 => of(0, HDLC, true),
        2 | 11 | 16 | 20 => of(2, link::ETHERNET, true),
        5 | 17 => of(4, HDLC, true),
        3 | 4 => of(4, ATM, false),
        7 | 9 => of(8, ATM, false),
        6 | 8 => of(4, ERF, false),
        12 | 18 => of(8, ERF, false),
        21 | 25 => of(0, INFINIBAND, false),
        22 | 23 => of(0, link::RAW, false),
        // Counters of the card, provenance, padding.
        13 | 14 | 26 | 27 | 28..=31 | 48 => None,
        _ => of(0, ERF, false),
    }
}

/// Whether the types there are include this one.
fn is_known(kind: u8) -> bool {
    matches!(kind & 0x7f, 1..=31 | 48)
}

/// Whether a record's header can be what it says.
pub(crate) fn is_plausible(header: &[u8]) -> bool {
    let (Some(&kind), record, wire) = (header.get(8), Order::Big.u16(header, 10), Order::Big.u16(header, 14))
    else {
        return false;
    };
    let seconds = Order::Little.u32(header, 4);
    // A packet is not shorter on the wire than in the file, but for padding to 8 octets and short headers.
    let octets = usize::from(record).saturating_sub(HEADER);
    is_known(kind)
        && usize::from(record) >= HEADER
        && (seconds != 0 || kind & 0x7f == 48)
        && (layout(kind & 0x7f).is_none() || (wire > 0 && octets <= usize::from(wire) + 40))
}

/// The length of the record, octets.
pub(crate) fn length(header: &[u8]) -> usize {
    usize::from(Order::Big.u16(header, 10))
}

/// The link type of the next packet.
pub(crate) fn first_link(buffer: &mut Buffer) -> Result<Option<i32>, Fault> {
    Ok(Erf.next(buffer)?.map(|place| place.link))
}

impl Erf {
    /// The next packet; records without one are passed over.
    pub fn next(&mut self, buffer: &mut impl Window) -> Result<Option<Place>, Fault> {
        loop {
            match buffer.fill(HEADER)? {
                0 => return Ok(None),
                got @ ..HEADER => return Err(cut(buffer.place(), "header", HEADER, got)),
                _ => {}
            }
            let header = buffer.window();
            let kind = header.get(8).copied().unwrap_or_default();
            let whole = length(header);
            if !is_known(kind) || whole < HEADER {
                return Err(Fault::Unreadable(format!(
                    "record of type {} and {whole} octets at offset {} is no ERF",
                    kind & 0x7f,
                    buffer.place()
                )));
            }
            let got = buffer.fill(whole)?;
            if got < whole {
                return Err(cut(buffer.place(), "record", whole, got));
            }
            match place(buffer.window().get(..whole).unwrap_or_default()) {
                Some(place) => return Ok(Some(place)),
                None => buffer.pass(whole),
            }
        }
    }
}

/// Where the packet of a record is; `None` when it has none.
fn place(record: &[u8]) -> Option<Place> {
    let kind = record.get(8).copied()?;
    let layout = layout(kind & 0x7f)?;
    let (fraction, seconds) = (Order::Little.u32(record, 0), Order::Little.u32(record, 4));
    let nanos = (u64::from(fraction) * 1_000_000_000) >> 32;
    let mut at = HEADER;
    let mut more = kind & 0x80 != 0;
    for _ in 0..MAX_EXTENSIONS {
        if !more {
            break;
        }
        more = record.get(at).is_some_and(|first| first & 0x80 != 0);
        at += EXTENSION;
    }
    at = (at + layout.before).min(record.len());
    let frame = record.get(at..).unwrap_or_default();
    let wire = u32::from(Order::Big.u16(record, 14));
    let wire = if layout.checked { wire.saturating_sub(FCS) } else { wire };
    let (mut link, mut length) = (layout.link, wire);
    if matches!(kind & 0x7f, 3 | 7) {
        // One cell: 48 octets of payload behind its header.
        length = 48;
    } else if matches!(kind & 0x7f, 4 | 9) {
        // The length on the wire counts the cell's header.
        length = wire.saturating_sub(4);
    }
    if link == ATM && !frame.starts_with(SNAP) {
        link = ERF;
    }
    let captured = frame.len().min(length as usize);
    Some(Place { seconds, nanos: nanos as i64, link, at, captured, length, whole: record.len() })
}
