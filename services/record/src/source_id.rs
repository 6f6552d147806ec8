//! The identity of an observation point, in TRANSPORT DSRs and management records (sections 4 and 7.1).

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Who observed a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub enum SourceId {
    /// None configured. The word that was written instead (normally 0) is kept.
    #[default]
    None,
    /// An IPv4 address.
    Ipv4(Ipv4Addr),
    /// An unsigned integer.
    Int(u32),
    /// Four characters, as they are.
    Str([u8; 4]),
    /// An IPv6 address (5.x).
    Ipv6(Ipv6Addr),
    /// A UUID (5.x).
    Uuid([u8; 16]),
    /// An Ethernet address and two octets of padding (5.x; no writer known).
    Ether([u8; 8]),
}

impl SourceId {
    /// TRANSPORT qualifier without the interface bit (section 7.1).
    pub fn qualifier(self) -> u8 {
        match self {
            SourceId::None => 0x00,
            SourceId::Ipv4(_) => 0x01,
            SourceId::Int(_) => 0x20,
            SourceId::Str(_) => 0x21,
            SourceId::Ipv6(_) => 0x02,
            SourceId::Uuid(_) => 0x22,
            SourceId::Ether(_) => 0x03,
        }
    }

    /// Bits of a management record's status word (section 4.1).
    pub fn mar_status(self) -> u32 {
        match self {
            SourceId::None | SourceId::Ether(_) => 0,
            SourceId::Str(_) => 0x0020_0000,
            SourceId::Int(_) => 0x0040_0000,
            SourceId::Ipv6(_) => 0x0060_0000,
            SourceId::Ipv4(_) => 0x0080_0000,
            SourceId::Uuid(_) => 0x00A0_0000,
        }
    }

    /// The id reduced to the one word that version 3 has room for: the first word of a longer id (section 9).
    pub fn word(self) -> u32 {
        let first = |b: &[u8]| b.iter().take(4).fold(0u32, |w, &o| w << 8 | u32::from(o));
        match self {
            SourceId::None => 0,
            SourceId::Ipv4(a) => u32::from(a),
            SourceId::Int(n) => n,
            SourceId::Str(s) => u32::from_be_bytes(s),
            SourceId::Ipv6(a) => first(&a.octets()),
            SourceId::Uuid(u) => first(&u),
            SourceId::Ether(e) => first(&e),
        }
    }

    /// The id of version 3 nearest to this one: UUID becomes an integer, IPv6 an IPv4 address, of its first word.
    pub fn to_v3(self) -> SourceId {
        match self {
            SourceId::Ipv6(_) => SourceId::Ipv4(Ipv4Addr::from(self.word())),
            SourceId::Uuid(_) | SourceId::Ether(_) => SourceId::Int(self.word()),
            short => short,
        }
    }
}

impl fmt::Display for SourceId {
    /// As `ra` prints it: dotted address, decimal number, characters, colon form, UUID with dashes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceId::None => f.write_str("0.0.0.0"),
            SourceId::Ipv4(a) => a.fmt(f),
            SourceId::Int(n) => n.fmt(f),
            SourceId::Str(s) => {
                s.iter().take_while(|&&c| c != 0).try_for_each(|&c| write!(f, "{}", c.escape_ascii()))
            }
            SourceId::Ipv6(a) => a.fmt(f),
            SourceId::Uuid(u) => {
                for (i, o) in u.iter().enumerate() {
                    if matches!(i, 4 | 6 | 8 | 10) {
                        f.write_str("-")?;
                    }
                    write!(f, "{o:02x}")?;
                }
                Ok(())
            }
            SourceId::Ether(e) => {
                for (i, o) in e.iter().take(6).enumerate() {
                    if i > 0 {
                        f.write_str(":")?;
                    }
                    write!(f, "{o:02x}")?;
                }
                Ok(())
            }
        }
    }
}
