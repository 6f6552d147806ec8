//! Packet sizes, octets on the wire (chapter ra-output, 8.5).

use crate::row::{Row, Side};
use crate::value::{Short, Value};
use record::dsr::psize::Sizes;

const HISTOGRAM: u8 = 0x04;

fn sizes(row: &Row<'_>, side: Side) -> Option<Sizes> {
    let psize = row.view()?.psize()?;
    match side {
        Side::Src => psize.src,
        Side::Dst => psize.dst,
    }
}

/// No packet has a size of 0: merging writes it where it knows none.
fn size<'a>(row: &Row<'a>, side: Side, of: impl Fn(Sizes) -> u16) -> Value<'a> {
    match sizes(row, side).map_or(0, of) {
        0 => Value::Absent,
        size => Value::Uint(size.into()),
    }
}

/// Largest packet of the source.
pub fn smaxsz<'a>(row: &Row<'a>) -> Value<'a> {
    size(row, Side::Src, |sizes| sizes.max)
}

/// Smallest packet of the source.
pub fn sminsz<'a>(row: &Row<'a>) -> Value<'a> {
    size(row, Side::Src, |sizes| sizes.min)
}

/// Largest packet of the destination.
pub fn dmaxsz<'a>(row: &Row<'a>) -> Value<'a> {
    size(row, Side::Dst, |sizes| sizes.max)
}

/// Smallest packet of the destination.
pub fn dminsz<'a>(row: &Row<'a>) -> Value<'a> {
    size(row, Side::Dst, |sizes| sizes.min)
}

/// One hexadecimal digit for each of eight bins.
fn histogram<'a>(row: &Row<'a>, side: Side) -> Value<'a> {
    let counted =
        row.view().and_then(|view| view.psize()).is_some_and(|psize| psize.subtype & HISTOGRAM != 0);
    // 3.0.8 shows one without packets too.
    let sizes = sizes(row, side).or_else(|| row.style.compat.then(Sizes::default));
    match sizes {
        Some(sizes) if counted && (row.style.compat || sizes.histogram != [0; 4]) => {
            let mut text = Short::new();
            for octet in sizes.histogram {
                // Cannot fail: eight digits.
                let _ = text.extend_from_slice(
                    &[octet >> 4, octet & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]),
                );
            }
            Value::Text(text)
        }
        _ => Value::Absent,
    }
}

/// Histogram of the source's sizes.
pub fn spktsz<'a>(row: &Row<'a>) -> Value<'a> {
    histogram(row, Side::Src)
}

/// Histogram of the destination's sizes.
pub fn dpktsz<'a>(row: &Row<'a>) -> Value<'a> {
    histogram(row, Side::Dst)
}
