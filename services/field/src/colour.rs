//! Colours of cells on a terminal (`--color`).

use crate::table::Field;
use crate::value::Value;

/// Bold, for titles.
pub const TITLE: &[u8] = b"\x1b[1m";
/// Back to what the terminal had.
pub const PLAIN: &[u8] = b"\x1b[0m";

/// The colour of a cell; `None` leaves it as it is.
pub fn of(field: &Field, value: &Value<'_>, text: &[u8]) -> Option<&'static [u8]> {
    let blank = text.iter().all(|&byte| byte == b' ');
    match field.name {
        _ if blank => None,
        "saddr" | "sport" => Some(b"\x1b[36m"),
        "daddr" | "dport" => Some(b"\x1b[34m"),
        "proto" => Some(b"\x1b[35m"),
        "flgs" => text.iter().any(|byte| b"sdgi&r@SDFfV".contains(byte)).then_some(b"\x1b[33m"),
        "state" => Some(match value {
            Value::Name("RST" | "ERR" | "MAX" | "ADN") => b"\x1b[31m",
            Value::Name("REQ" | "INT" | "TIM" | "RSP") => b"\x1b[33m",
            Value::Name(name) if name.starts_with("UR") => b"\x1b[31m",
            _ => b"\x1b[32m",
        }),
        _ => None,
    }
}

/// Puts a colour around what is not blank behind `from`.
pub fn paint(out: &mut Vec<u8>, from: usize, colour: &[u8]) {
    let text = &out[from..];
    let Some(first) = text.iter().position(|&byte| byte != b' ') else { return };
    let last = text.iter().rposition(|&byte| byte != b' ').unwrap_or(first);
    out.splice(from + last + 1..from + last + 1, PLAIN.iter().copied());
    out.splice(from + first..from + first, colour.iter().copied());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_blank_is_painted() {
        let mut out = b"x  a b  ".to_vec();
        paint(&mut out, 1, b"<");
        assert_eq!(out, b"x  <a b\x1b[0m  ");
        let mut out = b"x   ".to_vec();
        paint(&mut out, 1, b"<");
        assert_eq!(out, b"x   ");
    }
}
