//! What a field holds in one record, before any decision on how to show it.

use record::Stamp;
use std::cmp::Ordering;

/// Short text made while reading: flags, states, letters, identifiers.
pub type Short = heapless::Vec<u8, 40, u8>;

/// No prefix length.
pub const NO_PREFIX: u8 = u8::MAX;

/// The value of one field of one record.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// The record has no such data; nothing is printed.
    Absent,
    /// A number without sign.
    Uint(u64),
    /// A number with sign.
    Int(i64),
    /// A real number; its unit is that of the field.
    Float(f64),
    /// A number shown as `0x` and at least so many hexadecimal digits.
    Hex(u64, u8),
    /// A point in time.
    Time(Stamp),
    /// An IPv4 address in host order and its prefix length, [`NO_PREFIX`] for what is no address of a network.
    Ipv4(u32, u8),
    /// An IPv6 address and its prefix length.
    Ipv6([u8; 16], u8),
    /// An Ethernet address.
    Mac([u8; 6]),
    /// An Ethernet address where the broadcast one is shown by its name.
    MacOrBroadcast([u8; 6]),
    /// A TCP or UDP port.
    Port {
        /// The IP protocol, which decides on the service's name.
        protocol: u8,
        /// The number.
        port: u16,
    },
    /// An IP protocol number.
    Protocol(u8),
    /// An ethertype; 0 is LLC.
    Ethertype(u16),
    /// An LLC service access point.
    Sap(u8),
    /// A differentiated services code point, 0 to 63.
    CodePoint(u8),
    /// A type or code of ICMPv6: decimal, or hexadecimal where names are wanted.
    IcmpV6(u8),
    /// Text known beforehand.
    Name(&'static str),
    /// Short text.
    Text(Short),
    /// Text of the record itself.
    Bytes(&'a [u8]),
    /// Captured user data: side letter and octets.
    Data(u8, &'a [u8]),
    /// Octets shown as hexadecimal digits.
    Octets(&'a [u8]),
    /// An Ethernet address of which only the vendor is shown.
    Vendor([u8; 6]),
    /// An Ethernet address that begins with its vendor's name.
    VendorMac([u8; 6]),
    /// Parts of a record: bits numbered as [`record::Index`].
    Parts(u32),
}

impl Value<'_> {
    /// Text that is built here, perhaps of octets of the record: control characters do not reach the terminal.
    pub fn text(bytes: &[u8]) -> Value<'static> {
        let mut text = Short::new();
        for &byte in bytes.iter().take(text.capacity()) {
            // Cannot fail: not more than the capacity.
            let _ = text.push(if byte < b' ' || byte == 0x7F { b'.' } else { byte });
        }
        Value::Text(text)
    }

    /// The value as a number, for tests, sorting and sums; `None` for absent values and those that are no number.
    pub fn number(&self) -> Option<f64> {
        Some(match *self {
            Value::Uint(n) | Value::Hex(n, _) => n as f64,
            Value::Int(n) => n as f64,
            Value::Float(x) => x,
            Value::Time(stamp) => stamp.as_secs_f64(),
            Value::Ipv4(address, _) => f64::from(address),
            Value::Port { port, .. } => f64::from(port),
            Value::Protocol(n) | Value::Sap(n) | Value::CodePoint(n) | Value::IcmpV6(n) => f64::from(n),
            Value::Ethertype(n) => f64::from(n),
            _ => return None,
        })
    }

    /// Order of two values of the same field: absent ones first, numbers by size, addresses and text by octets.
    pub fn compare(&self, other: &Value<'_>) -> Ordering {
        match (self, other) {
            (Value::Uint(a) | Value::Hex(a, _), Value::Uint(b) | Value::Hex(b, _)) => a.cmp(b),
            (Value::Int(a), Value::Int(b)) => a.cmp(b),
            (Value::Time(a), Value::Time(b)) => a.cmp(b),
            (Value::Ipv6(a, _), Value::Ipv6(b, _)) => a.cmp(b),
            (Value::Mac(a) | Value::MacOrBroadcast(a), Value::Mac(b) | Value::MacOrBroadcast(b))
            | (Value::Vendor(a), Value::Vendor(b))
            | (Value::VendorMac(a), Value::VendorMac(b)) => a.cmp(b),
            (Value::Parts(a), Value::Parts(b)) => a.cmp(b),
            _ => match (self.number(), other.number()) {
                (Some(a), Some(b)) => a.total_cmp(&b),
                _ => self.rank().cmp(&other.rank()).then_with(|| self.octets().cmp(other.octets())),
            },
        }
    }

    /// Place among values of different shapes.
    fn rank(&self) -> u8 {
        match self {
            Value::Absent => 0,
            Value::Ipv4(..) => 2,
            Value::Ipv6(..) => 3,
            Value::Mac(_) | Value::MacOrBroadcast(_) | Value::Vendor(_) | Value::VendorMac(_) => 4,
            Value::Name(_) | Value::Text(_) | Value::Bytes(_) | Value::Data(..) | Value::Octets(_) => 5,
            _ => 1,
        }
    }

    fn octets(&self) -> &[u8] {
        match self {
            Value::Name(text) => text.as_bytes(),
            Value::Text(text) => text,
            Value::Bytes(bytes) | Value::Data(_, bytes) | Value::Octets(bytes) => bytes,
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_ordered() {
        assert_eq!(Value::Absent.compare(&Value::Uint(0)), Ordering::Less);
        assert_eq!(Value::Uint(9).compare(&Value::Uint(10)), Ordering::Less);
        assert_eq!(Value::Float(0.5).compare(&Value::Uint(0)), Ordering::Greater);
        assert_eq!(Value::Name("tcp").compare(&Value::text(b"udp")), Ordering::Less);
        assert_eq!(Value::Ipv4(1, 32).compare(&Value::Ipv6([0; 16], 128)), Ordering::Less);
        assert_eq!(Value::Mac([1; 6]).compare(&Value::MacOrBroadcast([1; 6])), Ordering::Equal);
    }
}
