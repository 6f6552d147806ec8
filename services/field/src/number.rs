//! Numbers as text, exactly as C's `printf` writes them, without allocation.

use std::io::Write;

/// Appends a decimal number.
#[inline]
pub fn put_uint(out: &mut Vec<u8>, mut value: u64) {
    // Most numbers of a row have one digit: ports aside, counts of short flows.
    if value < 10 {
        return out.push(b'0' + value as u8);
    }
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    while value > 0 {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a decimal number with its sign.
pub fn put_int(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    put_uint(out, value.unsigned_abs());
}

/// Appends a decimal number of at least `width` digits, zeros in front.
pub fn put_padded(out: &mut Vec<u8>, value: u64, width: usize) {
    let from = out.len();
    put_uint(out, value);
    let written = out.len() - from;
    if written < width {
        out.resize(out.len() + width - written, b'0');
        out[from..].rotate_right(width - written);
    }
}

/// Appends `0x` and at least `width` hexadecimal digits.
pub fn put_hex(out: &mut Vec<u8>, value: u64, width: usize) {
    out.extend_from_slice(b"0x");
    put_hex_digits(out, value, width);
}

/// Appends at least `width` hexadecimal digits.
pub fn put_hex_digits(out: &mut Vec<u8>, value: u64, width: usize) {
    let needed = (64 - value.leading_zeros() as usize).div_ceil(4).max(1).max(width);
    for digit in (0..needed).rev() {
        let nibble = if digit < 16 { (value >> (4 * digit)) & 15 } else { 0 };
        out.push(b"0123456789abcdef"[nibble as usize]);
    }
}

/// Appends `value` with `precision` decimals, rounded as C's `%.*f` does: exactly, halves to even.
pub fn put_float(out: &mut Vec<u8>, value: f64, precision: usize) {
    if value.is_nan() {
        out.extend_from_slice(if value.is_sign_negative() { b"-nan" } else { b"nan" });
    } else if value.is_infinite() {
        out.extend_from_slice(if value < 0.0 { b"-inf" } else { b"inf" });
    } else if !put_short_float(out, value, precision) {
        // Writing to a vector cannot fail.
        let _ = write!(out, "{value:.precision$}");
    }
}

/// Appends a number in the common case.
fn put_short_float(out: &mut Vec<u8>, value: f64, precision: usize) -> bool {
    let Some((negative, whole, decimals)) = short_float(value, precision) else { return false };
    if negative {
        out.push(b'-');
    }
    put_uint(out, whole);
    if precision > 0 {
        out.push(b'.');
        put_padded(out, decimals, precision);
    }
    true
}

/// The common case in integer arithmetic: at most nine decimals of a number that fits 96 bits scaled. Sign, whole part
/// and decimals, rounded; `None` for what is no such number.
pub(crate) fn short_float(value: f64, precision: usize) -> Option<(bool, u64, u64)> {
    const POWERS: [u64; 10] =
        [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];
    if !value.is_finite() {
        return None;
    }
    let &scale = POWERS.get(precision)?;
    if value == 0.0 {
        return Some((value.is_sign_negative(), 0, 0));
    }
    let bits = value.to_bits();
    let exponent = ((bits >> 52) & 0x7FF) as i32;
    let fraction = bits & ((1 << 52) - 1);
    let (mantissa, power) =
        if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) };
    // mantissa < 2^53 and scale < 2^30: the product fits with 45 bits to spare.
    let scaled = u128::from(mantissa) * u128::from(scale);
    let rounded = match power {
        0..=40 => scaled << power,
        -126..0 => {
            let shift = -power as u32;
            let (whole, rest) = (scaled >> shift, scaled & ((1 << shift) - 1));
            let half = 1u128 << (shift - 1);
            whole + u128::from(rest > half || (rest == half && whole & 1 == 1))
        }
        41.. => return None,
        _ => 0,
    };
    let (whole, decimals) = match u64::try_from(rounded) {
        // A division of this width is one instruction.
        Ok(rounded) => (rounded / scale, rounded % scale),
        Err(_) => (u64::try_from(rounded / u128::from(scale)).ok()?, (rounded % u128::from(scale)) as u64),
    };
    Some((value.is_sign_negative(), whole, decimals))
}

/// Appends a number the way `-H` abbreviates it: three digits behind the point, cut to `precision`, then a
/// blank or the letter of the power of 1000.
pub fn put_abbreviated(out: &mut Vec<u8>, value: f64, precision: usize, later: bool) {
    const UNITS: &[u8; 9] = b" KMGTPEZY";
    // 5.0.3 divides once at least.
    let (mut value, mut unit) = if later && value >= 1.0 { (value / 1000.0, 1) } else { (value, 0) };
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let from = out.len();
    put_float(out, value, 3);
    if precision < 3 && out[from..].contains(&b'.') {
        out.truncate(out.len() - (3 - precision));
    }
    out.push(UNITS[unit]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(put: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        put(&mut out);
        String::from_utf8(out).expect("numbers are ASCII")
    }

    #[test]
    fn numbers_look_as_in_c() {
        assert_eq!(text(|o| put_uint(o, 0)), "0");
        assert_eq!(text(|o| put_uint(o, u64::MAX)), "18446744073709551615");
        assert_eq!(text(|o| put_int(o, i64::MIN)), "-9223372036854775808");
        assert_eq!(text(|o| put_padded(o, 42, 6)), "000042");
        assert_eq!(text(|o| put_hex(o, 0x0103, 4)), "0x0103");
        assert_eq!(text(|o| put_hex(o, 0, 1)), "0x0");
        assert_eq!(text(|o| put_float(o, -0.0, 6)), "-0.000000");
        assert_eq!(text(|o| put_float(o, 0.5, 0)), "0");
        assert_eq!(text(|o| put_float(o, 1.5, 0)), "2");
        assert_eq!(text(|o| put_float(o, f64::from(1.734033_f32), 9)), "1.734032989");
        assert_eq!(text(|o| put_float(o, f64::NAN, 6)), "nan");
        assert_eq!(text(|o| put_float(o, 1e300, 2)).len(), 304);
        assert_eq!(text(|o| put_abbreviated(o, 24045.0, 6, false)), "24.045K");
        assert_eq!(text(|o| put_abbreviated(o, 218.0, 6, false)), "218.000 ");
        assert_eq!(text(|o| put_abbreviated(o, 24045.0, 0, false)), "24.K");
        assert_eq!(text(|o| put_abbreviated(o, 134.0, 6, true)), "0.134K");
        assert_eq!(text(|o| put_abbreviated(o, 24045.0, 6, true)), "24.045K");
        assert_eq!(text(|o| put_abbreviated(o, 0.0, 6, true)), "0.000 ");
    }

    proptest! {
        #[test]
        fn short_floats_equal_the_exact_ones(value in any::<f64>(), precision in 0usize..10) {
            prop_assume!(value.is_finite());
            let mut out = Vec::new();
            if put_short_float(&mut out, value, precision) {
                prop_assert_eq!(String::from_utf8(out).expect("ASCII"), format!("{value:.precision$}"));
            }
        }

        #[test]
        fn everyday_floats_equal_the_exact_ones(value in -1e12f64..1e12, precision in 0usize..10) {
            prop_assert_eq!(text(|o| put_float(o, value, precision)), format!("{value:.precision$}"));
        }

        #[test]
        fn integers_equal_the_standard_ones(value in any::<u64>()) {
            prop_assert_eq!(text(|o| put_uint(o, value)), value.to_string());
            prop_assert_eq!(text(|o| put_hex(o, value, 4)), format!("{value:#06x}"));
        }
    }
}
