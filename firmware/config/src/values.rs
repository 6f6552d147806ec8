//! The kinds of value that a document holds, each checked where it is read, so that a fault is reported
//! at its place.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Implements what serde needs for a value that is written as text and read by `FromStr`.
macro_rules! text_value {
    ($($name:ty),*) => {$(
        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.to_string()
            }
        }
    )*};
}
text_value!(HostName, Line, Mac, Network, PciPath, Host, Endpoint);

/// A host name: labels of letters, digits and inner dashes (RFC 1123), at most 63 octets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostName(String);

impl HostName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HostName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let good = text.len() <= 63 && text.split('.').all(is_label);
        good.then(|| HostName(text.into())).ok_or_else(|| format!("{text:?} is not a host name"))
    }
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One line of text, at most 1,000 octets, without control characters and without `"`, since it is
/// copied into other programs' configurations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Line(String);

impl Line {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Line {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() > 1000 {
            Err("longer than 1000 octets".into())
        } else if text.chars().any(|c| c.is_control() || c == '"') {
            Err("control characters and double quotes are not allowed here".into())
        } else {
            Ok(Line(text.into()))
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A hardware address, `aa:bb:cc:dd:ee:ff`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac(pub [u8; 6]);

impl FromStr for Mac {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a hardware address like 52:54:00:12:34:56");
        let mut octets = [0; 6];
        let mut parts = text.split(':');
        for octet in &mut octets {
            let part = parts.next().filter(|part| is_hex_pair(part)).ok_or_else(wrong)?;
            *octet = u8::from_str_radix(part, 16).map_err(|_| wrong())?;
        }
        if parts.next().is_some() { Err(wrong()) } else { Ok(Mac(octets)) }
    }
}

fn is_hex_pair(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|octet| octet.is_ascii_hexdigit())
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// Where a NIC is plugged in: the kernel's path of its device below `/sys/devices`, or the last part of
/// it, such as `0000:00:03.0`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PciPath(String);

impl PciPath {
    /// Whether a device with this full path is meant: the text is one or several whole components of it.
    pub fn matches(&self, full: &str) -> bool {
        let wanted = self.0.trim_matches('/');
        full.match_indices(wanted).any(|(at, _)| {
            let before = full.get(..at).unwrap_or_default();
            let after = full.get(at + wanted.len()..).unwrap_or_default();
            (before.is_empty() || before.ends_with('/')) && (after.is_empty() || after.starts_with('/'))
        })
    }
}

impl FromStr for PciPath {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let allowed = |octet: u8| octet.is_ascii_alphanumeric() || b":./-_".contains(&octet);
        let good = !text.trim_matches('/').is_empty() && text.len() <= 300 && text.bytes().all(allowed);
        good.then(|| PciPath(text.into()))
            .ok_or_else(|| format!("{text:?} is not a device path like 0000:00:03.0"))
    }
}

impl fmt::Display for PciPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A network in CIDR notation; an address alone is the network of that one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(pub IpNet);

impl FromStr for Network {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Network(IpNet::from(address)));
        }
        let net: IpNet = text.parse().map_err(|_| format!("{text:?} is not a network like 192.0.2.0/24"))?;
        // A rule that silently means another network than the one written is a hole.
        if net.trunc() == net {
            Ok(Network(net))
        } else {
            Err(format!(
                "{text:?} has host bits set; the network is {}, the host alone {}",
                net.trunc(),
                net.addr()
            ))
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A host to talk to: an address or a name to look up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Host {
    /// A numeric address.
    Address(IpAddr),
    /// A name; at most 253 octets.
    Name(String),
}

impl FromStr for Host {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse() {
            return Ok(Host::Address(address));
        }
        // A last label of digits only is a mistyped address, not a name (RFC 3696, section 2).
        let labels = text.split('.').all(|label| is_label(label) && label.len() <= 63);
        let numeric = text.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
        if labels && !numeric && text.len() <= 253 {
            Ok(Host::Name(text.into()))
        } else {
            Err(format!("{text:?} is neither an address nor a host name"))
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Address(address) => address.fmt(f),
            Host::Name(name) => f.write_str(name),
        }
    }
}

/// A host and a port: `192.0.2.1:514`, `[2001:db8::1]:514`, `logs.example.org:514`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Endpoint {
    /// The host.
    pub host: Host,
    /// The port, never 0.
    pub port: u16,
}

impl FromStr for Endpoint {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a host and port like 192.0.2.1:514");
        let endpoint = match text.parse::<SocketAddr>() {
            Ok(address) => Endpoint { host: Host::Address(address.ip()), port: address.port() },
            Err(_) => {
                let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
                let host @ Host::Name(_) = host.parse()? else { return Err(wrong()) };
                Endpoint { host, port: port.parse().map_err(|_| wrong())? }
            }
        };
        if endpoint.port == 0 { Err(wrong()) } else { Ok(endpoint) }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Address(address) => SocketAddr::new(*address, self.port).fmt(f),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

/// A whole number from `LOW` to `HIGH`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Range<const LOW: u64, const HIGH: u64>(u64);

impl<const LOW: u64, const HIGH: u64> Range<LOW, HIGH> {
    /// A number that is known to be in range when the program is compiled.
    pub const fn new<const N: u64>() -> Self {
        const { assert!(LOW <= N && N <= HIGH) };
        Range(N)
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl<const LOW: u64, const HIGH: u64> TryFrom<u64> for Range<LOW, HIGH> {
    type Error = String;
    fn try_from(number: u64) -> Result<Self, String> {
        let good = (LOW..=HIGH).contains(&number);
        good.then_some(Range(number)).ok_or_else(|| format!("{number} is not between {LOW} and {HIGH}"))
    }
}

impl<const LOW: u64, const HIGH: u64> From<Range<LOW, HIGH>> for u64 {
    fn from(value: Range<LOW, HIGH>) -> u64 {
        value.0
    }
}

/// A number of octets: a whole number, or text with a unit: `"512 MiB"`, `"20GB"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "NumberOrText", into = "u64")]
pub struct Bytes(pub u64);

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(u64),
    Text(String),
}

impl TryFrom<NumberOrText> for Bytes {
    type Error = String;
    fn try_from(value: NumberOrText) -> Result<Self, String> {
        match value {
            NumberOrText::Number(number) => Ok(Bytes(number)),
            NumberOrText::Text(text) => text.parse(),
        }
    }
}

impl From<Bytes> for u64 {
    fn from(value: Bytes) -> u64 {
        value.0
    }
}

impl FromStr for Bytes {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        const UNITS: [(&str, u64); 10] = [
            ("", 1),
            ("B", 1),
            ("kB", 1000),
            ("MB", 1_000_000),
            ("GB", 1_000_000_000),
            ("TB", 1_000_000_000_000),
            ("KiB", 1 << 10),
            ("MiB", 1 << 20),
            ("GiB", 1 << 30),
            ("TiB", 1 << 40),
        ];
        let wrong = || format!("{text:?} is not an amount like \"20 GB\" or \"512 MiB\"");
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(wrong)?;
        number.parse::<u64>().ok().and_then(|number| number.checked_mul(*factor)).map(Bytes).ok_or_else(wrong)
    }
}
