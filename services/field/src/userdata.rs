//! Captured user data as text (chapter ra-output, section 14).

use crate::number::{put_hex, put_hex_digits, put_uint};
use crate::style::UserData;

/// The widths of the cell of user data of `width` octets: of its text, and the one its title is laid out for.
pub fn widths(width: usize, printer: UserData) -> (usize, usize) {
    let text = match printer {
        UserData::Encode32 | UserData::Encode64 => width.saturating_mul(2),
        _ => width,
    };
    let cell = text + 8 + usize::from(width >= 10) + usize::from(width >= 100);
    (cell, text + usize::from(width > 10))
}

/// Appends the title of such a column, the blank behind it included.
pub fn put_title(out: &mut Vec<u8>, title: &str, width: usize, printer: UserData) {
    let (_, room) = widths(width, printer);
    let side = (room / 2).max(1);
    out.resize(out.len() + side, b' ');
    out.extend_from_slice(title.as_bytes());
    out.resize(out.len() + side + 1 + room % 2, b' ');
}

/// Appends `s[16]=GET / HTTP/1.0..`: the side, the length of what follows and the octets, at most `width`.
pub fn put(out: &mut Vec<u8>, side: u8, data: &[u8], width: usize, printer: UserData, compat: bool) {
    let shown = &data[..data.len().min(width)];
    let length = match printer {
        UserData::Hex => return,
        UserData::Ascii | UserData::Obfuscate => shown.len(),
        UserData::Encode32 if compat => shown.len().next_multiple_of(2) * 2,
        UserData::Encode32 => shown.len() * 2,
        UserData::Encode64 => shown.len().div_ceil(3) * 4,
    };
    out.push(side);
    out.push(b'[');
    put_uint(out, length as u64);
    out.extend_from_slice(b"]=");
    put_encoded(out, shown, printer, compat);
}

/// Appends the octets alone.
pub fn put_encoded(out: &mut Vec<u8>, data: &[u8], printer: UserData, compat: bool) {
    match printer {
        UserData::Ascii | UserData::Hex => out.extend(data.iter().map(|&byte| printable(byte))),
        UserData::Obfuscate => {
            let from = out.len();
            out.extend(data.iter().map(|&byte| printable(byte)));
            hide_passwords(&mut out[from..], data, compat);
        }
        UserData::Encode32 => {
            for &byte in data {
                let from = out.len();
                put_hex_digits(out, u64::from(byte), 2);
                out[from..].make_ascii_uppercase();
            }
        }
        UserData::Encode64 => put_base64(out, data),
    }
}

/// Appends a dump of the octets: sixteen a line, an empty line behind.
pub fn put_dump(out: &mut Vec<u8>, data: &[u8]) {
    for (line, octets) in data.chunks(16).enumerate() {
        out.extend_from_slice(b"      ");
        put_hex(out, 16 * line as u64, 4);
        out.push(b'\t');
        let from = out.len();
        for pair in octets.chunks(2) {
            out.push(b' ');
            for &byte in pair {
                put_hex_digits(out, u64::from(byte), 2);
            }
        }
        out.resize(from + 40, b' ');
        out.push(b'\t');
        out.extend(octets.iter().map(|&byte| if byte.is_ascii_graphic() { byte } else { b'.' }));
        out.push(b'\n');
    }
    out.push(b'\n');
}

fn printable(byte: u8) -> u8 {
    if matches!(byte, b' '..=b'~') { byte } else { b'.' }
}

/// Overwrites what follows `PASS `. 3.0.8 ends at the next blank or dot of the text, so that a password with a
/// dot shows its rest; the right end is the next blank or line end of the data.
fn hide_passwords(text: &mut [u8], data: &[u8], compat: bool) {
    let mut at = 0;
    while let Some(found) = text[at..].windows(4).position(|four| four == b"PASS") {
        at += found + 5;
        while at < text.len() {
            let ends = if compat {
                matches!(text[at], b' ' | b'.')
            } else {
                data.get(at).is_none_or(|byte| byte.is_ascii_whitespace() || *byte == 0)
            };
            if ends {
                break;
            }
            text[at] = b'x';
            at += 1;
        }
        if at >= text.len() {
            break;
        }
    }
}

fn put_base64(out: &mut Vec<u8>, data: &[u8]) {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in data.chunks(3) {
        let octet = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = octet(0) << 16 | octet(1) << 8 | octet(2);
        for digit in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * digit)) as usize & 63];
            out.push(if digit <= group.len() { letter } else { b'=' });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(data: &[u8], width: usize, printer: UserData, compat: bool) -> String {
        let mut out = Vec::new();
        put(&mut out, b's', data, width, printer, compat);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn printers() {
        assert_eq!(text(b"GET / HTTP/1.0\r\nX", 16, UserData::Ascii, false), "s[16]=GET / HTTP/1.0..");
        assert_eq!(text(b"a\xffb", 16, UserData::Encode32, false), "s[6]=61FF62");
        assert_eq!(text(b"a\xffb", 16, UserData::Encode32, true), "s[8]=61FF62");
        assert_eq!(text(b"pleasure.", 8, UserData::Encode64, false), "s[12]=cGxlYXN1cmU=");
        assert_eq!(text(b"plea", 9, UserData::Encode64, false), "s[8]=cGxlYQ==");
        assert_eq!(text(b"x", 9, UserData::Hex, false), "");
    }

    #[test]
    fn passwords_are_hidden_to_their_end() {
        let login = b"PASS michael@sponge.es.net\r\nPASS x";
        assert_eq!(text(login, 40, UserData::Obfuscate, true), "s[34]=PASS xxxxxxxxxxxxxx.es.net..PASS x");
        assert_eq!(text(login, 40, UserData::Obfuscate, false), "s[34]=PASS xxxxxxxxxxxxxxxxxxxxx..PASS x");
        assert_eq!(text(b"PASS", 40, UserData::Obfuscate, false), "s[4]=PASS");
    }

    #[test]
    fn titles_are_as_wide_as_cells() {
        for width in [16, 20] {
            let mut out = Vec::new();
            put_title(&mut out, "srcUdata", width, UserData::Ascii);
            assert_eq!(out.len(), widths(width, UserData::Ascii).0 + 1);
        }
    }
}
