//! The bare text of values: numbers, names, addresses, ports, without padding (chapter ra-output, 7 and 8.4).

use crate::columns::Column;
use crate::names;
use crate::number::{put_abbreviated, put_float, put_hex, put_hex_digits, put_int, put_uint};
use crate::print::Printer;
use crate::small::Small;
use crate::style::{Cidr, Names, Style};
use crate::table::Cell;
use crate::userdata;
use crate::value::Value;
use std::net::{Ipv4Addr, Ipv6Addr};

impl Printer {
    /// Appends a time.
    pub(crate) fn put_time(&mut self, out: &mut Vec<u8>, stamp: record::Stamp) {
        self.time.put(out, stamp);
    }

    /// Appends the text of a value in a column, without padding.
    pub fn text(&mut self, out: &mut Vec<u8>, column: &Column, value: &Value<'_>) {
        self.put_value(out, column, value);
    }

    /// Appends the bare text of a value.
    pub(crate) fn put_value(&mut self, out: &mut Vec<u8>, column: &Column, value: &Value<'_>) {
        let style = &self.style;
        if let (Some(total), Some(number), true) = (column.total, value.number(), self.shares) {
            let share = if total > 0.0 { 100.0 * number / total } else { 0.0 };
            // 5.0.3 computes in single precision.
            return put_float(
                out,
                if style.later { f64::from(share as f32) } else { share },
                style.precision,
            );
        }
        match *value {
            Value::Absent => {}
            Value::Uint(n) if style.abbreviate && column.field.abbreviates => {
                put_abbreviated(out, n as f64, style.precision, style.later);
            }
            Value::Float(x) if style.abbreviate && column.field.abbreviates => {
                put_abbreviated(out, x, style.precision, style.later);
            }
            Value::Uint(n) => match own_format(column, style) {
                Some(format) => put_formatted(out, format, n, style.compat),
                None => put_uint(out, n),
            },
            // Ports of ICMP are numbers as others, those of eight digits are not ports.
            Value::Hex(n, digits) => match own_format(column, style) {
                Some(format) if digits < 8 && (column.field.cell != Cell::Port || digits == 4) => {
                    put_formatted(out, format, n, style.compat);
                }
                _ => put_hex(out, n, usize::from(digits)),
            },
            Value::Int(n) => put_int(out, n),
            Value::Float(x) => {
                let from = out.len();
                put_float(out, x, style.precision);
                if style.compat && column.field.is_percentage() {
                    let short = 3usize.saturating_sub(out.len() - from);
                    out.resize(out.len() + short, b' ');
                    out[from..].rotate_right(short);
                }
            }
            Value::Time(stamp) => {
                let own = match &column.format {
                    Some(format) => self.formats.iter_mut().find(|(known, _)| known == format),
                    None => None,
                };
                own.map_or(&mut self.time, |(_, text)| text).put(out, stamp);
            }
            Value::Ipv4(address, prefix) => match own_format(column, style) {
                Some(format) => put_formatted(out, format, u64::from(address), style.compat),
                _ if style.names == Names::All
                    && self.hosts.put(out, Ipv4Addr::from(address).into(), style.host_names) => {}
                _ => {
                    put_ipv4(out, address);
                    put_prefix(out, prefix, 32, style.cidr);
                }
            },
            Value::Ipv6(octets, prefix) => {
                let address = Ipv6Addr::from(octets).into();
                if !(style.names == Names::All && self.hosts.put(out, address, style.host_names)) {
                    put_ipv6(out, octets);
                    put_prefix(out, prefix, 128, style.cidr);
                }
            }
            // 3.0.8 names it in every address of a row that shows Ethernet addresses too.
            Value::Mac([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])
                if self.names_broadcast && style.names < Names::None =>
            {
                out.extend_from_slice(b"Broadcast")
            }
            Value::MacOrBroadcast(octets)
                if octets == [0xFF; 6] && style.names < Names::None && !style.later =>
            {
                out.extend_from_slice(b"Broadcast")
            }
            Value::Mac(octets) | Value::MacOrBroadcast(octets) | Value::VendorMac(octets) => {
                let by_name = style.vendor_addresses || matches!(value, Value::VendorMac(_));
                match style.vendors.as_ref().filter(|_| by_name).and_then(|vendors| vendors.name(octets)) {
                    Some(name) => put_vendor_address(out, name, octets),
                    None => put_mac(out, octets),
                }
            }
            Value::Vendor(octets) => {
                let name = style.vendors.as_ref().and_then(|vendors| vendors.name(octets));
                out.extend_from_slice(name.unwrap_or_default().as_bytes());
            }
            Value::Octets(octets) => octets.iter().for_each(|&octet| put_hex_digits(out, octet.into(), 2)),
            Value::Parts(bits) => {
                let from = out.len();
                for (name, _) in names::PARTS.iter().filter(|&&(_, index)| bits & 1 << index as u32 != 0) {
                    if out.len() > from {
                        out.push(b',');
                    }
                    out.extend_from_slice(name.as_bytes());
                }
            }
            Value::Port { protocol, port } => match self.services.name(protocol, port) {
                _ if style.names >= Names::Protocols => match own_format(column, style) {
                    Some(format) => put_formatted(out, format, u64::from(port), style.compat),
                    None => put_uint(out, u64::from(port)),
                },
                _ if port == 0 => put_no_port(out, style),
                Some(name) => out.extend_from_slice(name.as_bytes()),
                None => put_uint(out, u64::from(port)),
            },
            Value::Protocol(n) if style.names == Names::None => put_uint(out, u64::from(n)),
            Value::Protocol(n) => out.extend_from_slice(names::PROTOCOLS[usize::from(n)].as_bytes()),
            Value::Ethertype(n) => match names::ethertype(n) {
                Some(name) if style.names < Names::None => out.extend_from_slice(name.as_bytes()),
                None if style.names <= Names::Ports => out.extend_from_slice(b"unknown"),
                _ => put_uint(out, u64::from(n)),
            },
            Value::Sap(n) => match names::sap(n, style.compat) {
                _ if style.names >= Names::Protocols => match own_format(column, style) {
                    Some(format) => put_formatted(out, format, u64::from(n), style.compat),
                    None => put_uint(out, u64::from(n)),
                },
                _ if n == 0 => put_no_port(out, style),
                Some(name) => out.extend_from_slice(name.as_bytes()),
                None => put_hex(out, u64::from(n), 2),
            },
            Value::CodePoint(n) => match names::code_point(n, style.disa) {
                Some(name) if style.names < Names::None => out.extend_from_slice(name.as_bytes()),
                _ => {
                    if style.compat && n < 10 {
                        out.push(b' ');
                    }
                    put_uint(out, u64::from(n));
                }
            },
            Value::IcmpV6(n) if style.names <= Names::Ports => put_hex(out, u64::from(n), 4),
            Value::IcmpV6(n) => match own_format(column, style) {
                Some(format) => put_formatted(out, format, u64::from(n), style.compat),
                None => put_uint(out, u64::from(n)),
            },
            Value::Name(text) => out.extend_from_slice(text.as_bytes()),
            // Histograms have room for two digits a bin.
            Value::Text(ref text)
                if style.compat && column.width >= 16 && matches!(column.field.name, "spktsz" | "dpktsz") =>
            {
                out.extend(text.iter().flat_map(|&digit| [b'0', digit]));
            }
            Value::Text(ref text) => out.extend_from_slice(text),
            Value::Bytes(bytes) => put_printable(out, bytes),
            Value::Data(side, data) => {
                userdata::put(out, side, data, column.width, style.user_data, style.compat);
            }
        }
    }
}

/// The format that was given for the numbers of a column, where these take one.
fn own_format<'a>(column: &'a Column, style: &Style) -> Option<&'a str> {
    let port = column.field.cell == Cell::Port;
    let formats = column.field.formats && (!port || style.names >= Names::Protocols);
    column.format.as_deref().filter(|_| formats)
}

/// What stands for a port that has neither number nor name.
fn put_no_port(out: &mut Vec<u8>, style: &Style) {
    // It shows where columns have no width.
    if style.compat {
        out.push(b' ');
    }
}

/// Text of a record goes to the terminal without its control characters.
fn put_printable(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(bytes.iter().map(|&byte| if byte < b' ' || byte == 0x7F { b'.' } else { byte }));
}

/// Appends a dotted quad.
pub fn put_ipv4(out: &mut Vec<u8>, address: u32) {
    let mut small = Small::default();
    small.put_ipv4(address);
    out.extend_from_slice(small.text().unwrap_or_default());
}

/// Appends an IPv6 address as the C library writes it: RFC 5952, and IPv4 notation for the embedded forms.
pub fn put_ipv6(out: &mut Vec<u8>, octets: [u8; 16]) {
    let mut small = Small::default();
    small.put_ipv6(octets);
    out.extend_from_slice(small.text().unwrap_or_default());
}

/// The same by the standard library's hand.
#[cfg(test)]
pub(crate) fn put_ipv6_exactly(out: &mut Vec<u8>, octets: [u8; 16]) {
    use std::io::Write;
    let segments = Ipv6Addr::from(octets).segments();
    if segments[..6] == [0; 6] && segments[6] != 0 {
        let [.., a, b, c, d] = octets;
        write!(out, "::{a}.{b}.{c}.{d}").expect("a vector takes all");
    } else {
        write!(out, "{}", Ipv6Addr::from(octets)).expect("a vector takes all");
    }
}

/// Appends an Ethernet address with its vendor's name in place of the first half.
fn put_vendor_address(out: &mut Vec<u8>, name: &str, octets: [u8; 6]) {
    out.extend_from_slice(name.as_bytes());
    for (at, &octet) in octets[3..].iter().enumerate() {
        out.push(if at == 0 { b'_' } else { b':' });
        put_hex_digits(out, octet.into(), 2);
    }
}

/// Appends six octets in hexadecimal with colons.
pub fn put_mac(out: &mut Vec<u8>, octets: [u8; 6]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (at, octet) in octets.into_iter().enumerate() {
        if at > 0 {
            out.push(b':');
        }
        out.push(DIGITS[usize::from(octet >> 4)]);
        out.push(DIGITS[usize::from(octet & 15)]);
    }
}

fn put_prefix(out: &mut Vec<u8>, prefix: u8, full: u8, cidr: Cidr) {
    let shown = match cidr {
        Cidr::No => false,
        Cidr::Shorter => 0 < prefix && prefix < full,
        Cidr::Strict => prefix <= full,
    };
    if shown {
        out.push(b'/');
        put_uint(out, u64::from(prefix));
    }
}

/// One integer conversion of `printf` with the text around it: flags `0`, `-`, `#`, a width, and `d i u x X o`.
/// `signed`: as 3.0.8, which takes all numbers for signed ones of 32 bits.
fn put_formatted(out: &mut Vec<u8>, format: &str, value: u64, signed: bool) {
    let Some(at) = format.find('%') else { return out.extend_from_slice(format.as_bytes()) };
    let (before, rest) = (&format[..at], &format[at + 1..]);
    let flags = rest.bytes().take_while(|byte| b"0-#+ ".contains(byte)).count();
    let digits = rest[flags..].bytes().take_while(u8::is_ascii_digit).count();
    let (flags, width) = (&rest[..flags], rest[flags..flags + digits].parse().unwrap_or(0usize).min(256));
    let rest = rest[flags.len() + digits..].trim_start_matches(['l', 'h', 'q']);
    let mut letters = rest.chars();
    let conversion = letters.next();
    let alternate = flags.contains('#') && value != 0;
    let text = match conversion {
        Some('d' | 'i') if signed => (value as u32).cast_signed().to_string(),
        Some('d' | 'i' | 'u') => value.to_string(),
        Some('x') if alternate => format!("{value:#x}"),
        Some('x') => format!("{value:x}"),
        Some('X') if alternate => format!("0X{value:X}"),
        Some('X') => format!("{value:X}"),
        Some('o') => format!("{value:o}"),
        _ => return out.extend_from_slice(format.as_bytes()),
    };
    out.extend_from_slice(before.as_bytes());
    let (sign, text) = text.strip_prefix('-').map_or(("", &*text), |digits| ("-", digits));
    let missing = width.saturating_sub(sign.len() + text.len());
    let (left, zeros) = (flags.contains('-'), flags.contains('0') && !flags.contains('-'));
    if !left && !zeros {
        out.resize(out.len() + missing, b' ');
    }
    out.extend_from_slice(sign.as_bytes());
    if zeros {
        out.resize(out.len() + missing, b'0');
    }
    out.extend_from_slice(text.as_bytes());
    if left {
        out.resize(out.len() + missing, b' ');
    }
    out.extend_from_slice(letters.as_str().as_bytes());
}
