//! Text of one cell on its way to the row: put together in place, copied once.

use std::net::Ipv6Addr;

/// Characters of the longest text.
const ROOM: usize = 64;

/// Characters that are copied at once.
const CHUNK: usize = 16;

/// Short ASCII text, blanks behind it. What does not fit marks it as spilt; then it is of no use.
pub struct Small {
    bytes: [u8; ROOM],
    len: usize,
    spilt: bool,
}

/// `00` to `99`.
pub(crate) const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        n += 1;
    }
    pairs
};

/// The octets of a dotted quad with the dot behind them, and how many characters that is.
pub(crate) const OCTETS: [([u8; 4], u8); 256] = {
    let mut octets = [([b' '; 4], 2); 256];
    let mut n = 0;
    while n < 256 {
        let [hundreds, tens, ones] =
            [b'0' + (n / 100) as u8, b'0' + (n / 10 % 10) as u8, b'0' + (n % 10) as u8];
        octets[n] = match n {
            0..10 => ([ones, b'.', b' ', b' '], 2),
            10..100 => ([tens, ones, b'.', b' '], 3),
            _ => ([hundreds, tens, ones, b'.'], 4),
        };
        n += 1;
    }
    octets
};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// `00` to `ff`.
pub(crate) const HEX_PAIRS: [[u8; 2]; 256] = {
    let mut pairs = [[0; 2]; 256];
    let mut n = 0;
    while n < 256 {
        pairs[n] = [HEX[n >> 4], HEX[n & 15]];
        n += 1;
    }
    pairs
};

impl Default for Small {
    fn default() -> Small {
        Small { bytes: [b' '; ROOM], len: 0, spilt: false }
    }
}

impl Small {
    /// Makes it empty.
    #[inline]
    pub fn clear(&mut self) {
        (self.len, self.spilt) = (0, false);
        self.bytes = [b' '; ROOM];
    }

    /// Writes the text to `out` from `at` on, where blanks are, perhaps with blanks behind it. `false` when there is no
    /// room for these.
    #[inline]
    pub fn copy_to(&self, out: &mut [u8], at: usize) -> bool {
        let (mut from, Some(mut rest)) = (0, out.get_mut(at..)) else { return false };
        loop {
            let (Some(place), Some(chunk)) =
                (rest.first_chunk_mut::<CHUNK>(), self.bytes.get(from..).and_then(|text| text.first_chunk()))
            else {
                return false;
            };
            *place = *chunk;
            from += CHUNK;
            if from >= self.len {
                return true;
            }
            rest = &mut rest[CHUNK..];
        }
    }

    /// Takes the last character back.
    #[inline]
    fn pop(&mut self) {
        if !self.spilt && self.len > 0 {
            self.len -= 1;
            self.bytes[self.len] = b' ';
        }
    }

    /// The text; `None` when it did not fit.
    #[inline]
    pub fn text(&self) -> Option<&[u8]> {
        if self.spilt { None } else { self.bytes.get(..self.len) }
    }

    /// Appends text.
    #[inline]
    pub fn put(&mut self, text: &[u8]) {
        match self.bytes.get_mut(self.len..self.len + text.len()) {
            Some(place) => {
                place.copy_from_slice(text);
                self.len += text.len();
            }
            None => self.spilt = true,
        }
    }

    #[inline]
    fn put_some<const N: usize>(&mut self, text: [u8; N], kept: usize) {
        match self.bytes.get_mut(self.len..).and_then(|rest| rest.first_chunk_mut()) {
            Some(place) => {
                *place = text;
                self.len += kept;
            }
            None => self.spilt = true,
        }
    }

    /// Appends a decimal number.
    #[inline]
    pub fn put_uint(&mut self, mut value: u64) {
        let count = digits(value);
        let Some(place) = self.bytes.get_mut(self.len..self.len + count) else {
            self.spilt = true;
            return;
        };
        let mut at = count;
        while at >= 2 {
            at -= 2;
            [place[at], place[at + 1]] = PAIRS[(value % 100) as usize];
            value /= 100;
        }
        if at == 1 {
            place[0] = b'0' + value as u8;
        }
        self.len += count;
    }

    /// Appends the first digits, at most six, of a fraction in microseconds.
    #[inline]
    pub fn put_micros(&mut self, micros: u32, digits: usize) {
        self.put_some(micro_digits(micros), 6);
        for _ in digits..6 {
            self.pop();
        }
    }

    /// Appends a fraction of as many decimals, at most nine.
    pub fn put_decimals(&mut self, mut value: u64, count: usize) {
        let mut digits = [b'0'; 9];
        for digit in digits[..count.min(9)].iter_mut().rev() {
            *digit = b'0' + (value % 10) as u8;
            value /= 10;
        }
        self.put(&digits[..count.min(9)]);
    }

    /// Appends a dotted quad.
    #[inline]
    pub fn put_ipv4(&mut self, address: u32) {
        for octet in address.to_be_bytes() {
            let (text, kept) = OCTETS[usize::from(octet)];
            self.put_some(text, usize::from(kept));
        }
        // The last dot.
        self.pop();
    }

    /// Appends an IPv6 address as the C library writes it: RFC 5952, and IPv4 notation for the embedded forms.
    pub fn put_ipv6(&mut self, octets: [u8; 16]) {
        let segments = Ipv6Addr::from(octets).segments();
        let mapped = segments[..6] == [0, 0, 0, 0, 0, 0xffff];
        if mapped || (segments[..6] == [0; 6] && segments[6] != 0) {
            self.put(if mapped { b"::ffff:" } else { b"::" });
            return self.put_ipv4(u32::from_be_bytes([octets[12], octets[13], octets[14], octets[15]]));
        }
        let (from, to) = longest_zeros(&segments);
        // Four digits are written at a time, those that count first; there is room for one more than are needed.
        let (mut text, mut len) = ([b' '; ROOM], 0);
        let mut put = |digits: [u8; 4], kept: usize| {
            if let Some(place) = text.get_mut(len..).and_then(|rest| rest.first_chunk_mut()) {
                *place = digits;
                len += kept;
            }
        };
        for (at, &segment) in segments.iter().enumerate() {
            if (from..to).contains(&at) {
                if at == from {
                    put(*b"::  ", 2);
                }
                continue;
            }
            if at > 0 && at != to {
                put(*b":   ", 1);
            }
            let [high, low] = segment.to_be_bytes().map(|octet| HEX_PAIRS[usize::from(octet)]);
            let zeros = (segment | 1).leading_zeros() / 4;
            let digits = u32::from_be_bytes([high[0], high[1], low[0], low[1]]);
            let blanks = u32::from_be_bytes(*b"    ");
            // Shifted by 32 bits nothing would be left, but there is always one digit.
            let digits = digits << (8 * zeros) | if zeros > 0 { blanks >> (32 - 8 * zeros) } else { 0 };
            put(digits.to_be_bytes(), 4 - zeros as usize);
        }
        self.put(text.get(..len).unwrap_or_default());
    }

    /// Appends at least `width` hexadecimal digits.
    pub fn put_hex(&mut self, value: u64, width: usize) {
        let needed = (64 - value.leading_zeros() as usize).div_ceil(4).max(1).max(width);
        for digit in (0..needed).rev() {
            let nibble = if digit < 16 { (value >> (4 * digit)) & 15 } else { 0 };
            self.put_some([HEX[nibble as usize]], 1);
        }
    }

    /// Appends six octets in hexadecimal with colons.
    pub fn put_mac(&mut self, octets: [u8; 6]) {
        for octet in octets {
            self.put_some([HEX[usize::from(octet >> 4)], HEX[usize::from(octet & 15)], b':'], 3);
        }
        self.pop();
    }
}

/// The six digits of a fraction in microseconds.
#[inline]
pub(crate) fn micro_digits(micros: u32) -> [u8; 6] {
    let [a, b] = PAIRS[(micros / 10_000 % 100) as usize];
    let [c, d] = PAIRS[(micros / 100 % 100) as usize];
    let [e, f] = PAIRS[(micros % 100) as usize];
    [a, b, c, d, e, f]
}

/// Decimal digits of a number.
#[inline]
pub(crate) fn digits(value: u64) -> usize {
    match value {
        0..10 => 1,
        10..100 => 2,
        100..1_000 => 3,
        1_000..10_000 => 4,
        10_000..100_000 => 5,
        _ => value.ilog10() as usize + 1,
    }
}

/// The longest run of two or more zero segments, the first one of several: where it begins and ends. Beyond all
/// segments when there is none.
fn longest_zeros(segments: &[u16; 8]) -> (usize, usize) {
    let (mut best, mut run) = ((8, 8), 0);
    for (at, &segment) in segments.iter().enumerate() {
        run = if segment == 0 { run + 1 } else { 0 };
        if run >= 2 && run > best.1 - best.0 {
            best = (at + 1 - run, at + 1);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(put: impl FnOnce(&mut Small)) -> String {
        let mut small = Small::default();
        put(&mut small);
        assert!(small.bytes[small.len..].iter().all(|&byte| byte == b' '), "blanks are behind it");
        String::from_utf8(small.text().expect("fits").to_vec()).expect("ASCII")
    }

    fn longer(put: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        put(&mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn what_does_not_fit_is_no_text() {
        let mut small = Small::default();
        for _ in 0..10 {
            small.put(b"seven..");
        }
        assert_eq!(small.text(), None);
        small.clear();
        small.put_ipv4(u32::MAX);
        assert_eq!(small.text(), Some(&b"255.255.255.255"[..]));
        let mut out = [b'_'; 20];
        assert!(small.copy_to(&mut out, 2) && !small.copy_to(&mut out, 5) && !small.copy_to(&mut out, 21));
        assert_eq!(&out, b"__255.255.255.255 __");
    }

    #[test]
    fn every_octet() {
        for octet in 0..=255u8 {
            assert_eq!(
                text(|s| s.put_ipv4(u32::from_be_bytes([octet; 4]))),
                format!("{octet}.{octet}.{octet}.{octet}")
            );
        }
    }

    proptest! {
        #[test]
        fn numbers(value in any::<u64>(), shift in 0u32..64, micros in 0u32..1_000_000, digits in 1usize..8) {
            let value = value >> shift;
            prop_assert_eq!(text(|s| s.put_uint(value)), value.to_string());
            prop_assert_eq!(text(|s| s.put_hex(value, 4)), format!("{value:04x}"));
            prop_assert_eq!(text(|s| s.put_micros(micros, digits)), format!("{micros:06}")[..digits.min(6)].to_owned());
            let decimals = value % 1_000_000_000;
            prop_assert_eq!(text(|s| s.put_decimals(decimals, 9)), format!("{decimals:09}"));
        }

        #[test]
        fn addresses(octets in any::<[u8; 16]>(), mask in any::<u16>(), mac in any::<[u8; 6]>()) {
            let mut octets = octets;
            for (at, octet) in octets.iter_mut().enumerate() {
                if mask & 1 << (at / 2) != 0 {
                    *octet = 0;
                }
            }
            prop_assert_eq!(text(|s| s.put_ipv6(octets)), longer(|out| crate::text::put_ipv6_exactly(out, octets)));
            prop_assert_eq!(text(|s| s.put_mac(mac)), longer(|out| crate::text::put_mac(out, mac)));
        }
    }
}
