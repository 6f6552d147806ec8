//! Text written where it belongs in a row of blanks.
//!
//! Behind each place there is room for a few characters that are written later, so text is copied in whole pieces.

use crate::brief::Ends;
use crate::small::{HEX_PAIRS, OCTETS, PAIRS, Small, digits};

/// Puts text of a fixed length.
#[inline]
pub(crate) fn put<const N: usize>(out: &mut [u8], at: usize, text: [u8; N]) {
    if let Some(place) = out.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *place = text;
    }
}

/// Puts a number to the right of a cell; `None` when it is too long for it.
#[inline]
pub(crate) fn put_right(out: &mut [u8], at: usize, width: usize, value: u64) -> Option<usize> {
    let count = digits(value);
    if count > width {
        return None;
    }
    put_digits(out.get_mut(at + width - count..at + width)?, value);
    Some(width)
}

/// Puts a number to the left; tells how long it is.
#[inline]
pub(crate) fn put_left(out: &mut [u8], at: usize, value: u16) -> usize {
    let count = digits(value.into());
    if let Some(place) = out.get_mut(at..at + count) {
        put_digits(place, value.into());
    }
    count
}

/// Puts a number to the left as `0x` and four hexadecimal digits; tells how long that is.
#[inline]
pub(crate) fn put_hex(out: &mut [u8], at: usize, value: u16) -> usize {
    let [high, low] = value.to_be_bytes().map(|octet| HEX_PAIRS[usize::from(octet)]);
    put(out, at, [b'0', b'x', high[0], high[1], low[0], low[1]]);
    6
}

/// Puts a number; tells how long it is.
#[inline]
pub(crate) fn put_number(out: &mut [u8], at: usize, value: u64) -> Option<usize> {
    put_right(out, at, digits(value), value)
}

/// Puts text without the blanks at its end; tells how long that is.
#[inline]
pub(crate) fn put_trimmed<const N: usize>(out: &mut [u8], at: usize, text: [u8; N]) -> usize {
    put(out, at, text);
    text.trim_ascii_end().len()
}

/// Puts a dotted quad; tells how long it is.
#[inline]
pub(crate) fn put_ipv4(out: &mut [u8], at: usize, address: u32) -> usize {
    let mut to = at;
    for octet in address.to_be_bytes() {
        let (text, kept) = OCTETS[usize::from(octet)];
        put(out, to, text);
        to += usize::from(kept);
    }
    // Without the last dot.
    to - 1 - at
}

#[inline]
fn put_digits(place: &mut [u8], mut value: u64) {
    let (first, pairs) = place.as_rchunks_mut::<2>();
    for pair in pairs.iter_mut().rev() {
        *pair = PAIRS[(value % 100) as usize];
        value /= 100;
    }
    if let [digit] = first {
        *digit = b'0' + (value % 10) as u8;
    }
}

/// Puts an address to the right of a cell. One that is too long keeps one character less than the width, and a star.
#[inline]
pub(crate) fn put_address(
    out: &mut [u8],
    small: &mut Small,
    at: usize,
    width: usize,
    ends: &Ends,
    side: usize,
) {
    match ends {
        Ends::V4(addresses) => {
            let octets = addresses[side].to_be_bytes().map(|octet| OCTETS[usize::from(octet)]);
            let length = octets.iter().map(|&(_, kept)| usize::from(kept)).sum::<usize>() - 1;
            if length <= width {
                let mut to = at + width - length;
                for (text, kept) in octets {
                    put(out, to, text);
                    to += usize::from(kept);
                }
                // In place of the last dot.
                return put(out, at + width, [b' ']);
            }
            small.clear();
            small.put_ipv4(addresses[side]);
        }
        Ends::V6(addresses) => {
            small.clear();
            small.put_ipv6(addresses[side]);
        }
    }
    put_text(out, small, at, width);
}

/// Puts text to the right of a cell. What is too long keeps one character less than the width, and a star.
#[inline]
pub(crate) fn put_text(out: &mut [u8], text: &Small, at: usize, width: usize) {
    let Some(known) = text.text() else { return };
    if known.len() <= width {
        // Cannot fail: there is slack behind the last cell.
        text.copy_to(out, at + width - known.len());
        return;
    }
    let kept = width.saturating_sub(1);
    for (to, from) in out.iter_mut().skip(at).zip(known.iter().take(kept)) {
        *to = *from;
    }
    put(out, at + kept, [b'*']);
}
