//! The elementary tests of the compiled form. Each looks at one value of one side.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use record::Mark;

/// A side of the flow, as the reader shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The source.
    Src,
    /// The destination.
    Dst,
}

/// The comparisons that are evaluated; the others are their negations, which is why an absent value is
/// "less" than everything (filter chapter, section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Equal.
    Eq,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
}

/// An elementary test. On a value that the record does not carry it is false.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Test {
    /// The record's type has one of these bits of the type nibble (0x80 management, 0x10 flow, …).
    Type(u8),
    /// The flow key is of this family.
    Family(Family),
    /// IP protocol of an IPv4 or IPv6 key.
    Protocol(u8),
    /// Address of an IPv4 key under a mask.
    Address4(Side, u32, u32),
    /// Asking (source) or asked (destination) address of an ARP key under a mask.
    Arp4(Side, u32, u32),
    /// Address of an IPv6 key under a mask.
    Address6(Side, u128, u128),
    /// Outer address of a GRE or Geneve tunnel under a mask.
    Tunnel4(Tunnel, Side, u32, u32),
    /// Address in the MAC block under a mask.
    Mac(Side, u64, u64),
    /// The asker's hardware address of an ARP key.
    ArpHardware(u64),
    /// The record carries this block.
    Carries(Block),
    /// The NETWORK block has this subtype.
    Network(u8),
    /// Source id, one word.
    SourceId(u32),
    /// Source id, sixteen octets.
    LongSourceId(u128),
    /// A reader put this mark on the record.
    Marked(Mark),
    /// Interface name of the source id.
    Interface([u8; 4]),
    /// A whole number.
    Whole(Whole, Side, Relation, i128),
    /// Some bits of a word.
    Bits(Word, Side, u32, Relation, u32),
    /// A fraction, both sides of the comparison rounded as the filter says.
    Fraction(Fraction, Side, Relation, f64),
    /// A one-off of argus 3.0.8.2, only in filters compiled for compatibility.
    Historic(Historic),
}

/// Families of flow keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Family {
    Ipv4,
    Ipv6,
    Arp,
    Rarp,
    Ether,
    Isis,
}

/// Tunnel blocks with addresses (5.x).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Tunnel {
    Gre,
    Geneve,
}

/// Blocks whose presence can be tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Block {
    Vlan,
    Mpls,
    Gre,
    Geneve,
    Vxlan,
}

/// Whole numbers of a record. Those that a record has once ignore the side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Whole {
    Port,
    IpProtocol,
    Packets,
    Bytes,
    AppBytes,
    Loss,
    Ttl,
    Tos,
    CodePoint,
    IpId,
    VlanId,
    VlanPriority,
    MplsLabel,
    Asn,
    TcpBase,
    MaxSegment,
    MaskLength,
    Keystrokes,
    Locality,
    Country,
    EtherType,
    IsisPdu,
    Sequence,
    Transactions,
    Observers,
    Spi,
    /// Type of the ICMP message that the flow is made of.
    IcmpType,
    IgmpType,
    /// How the ICMP error mapped to the flow hit it: 1 unreachable, 2 redirect, 4 time exceeded.
    MappedKind,
    /// Type and code of the ICMP error mapped to the flow, and the router that sent it.
    MappedType,
    MappedCode,
    MappedNode,
    /// Differences to another observer, microseconds.
    DeltaDuration,
    DeltaStart,
    DeltaLast,
}

/// Words that are tested by their bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Word {
    /// The cause octet: high nibble.
    Cause,
    Encapsulations,
    VlanTag,
    MplsEntry,
    Tos,
    IpAttrQualifier,
    MacQualifier,
    IcmpQualifier,
    TcpStatus,
    TcpOptions,
    TcpFlags,
    EspStatus,
}

/// Fractions of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Fraction {
    /// Packets a second.
    Rate,
    /// Bits a second.
    Load,
    /// Percent.
    PercentLoss,
    /// −1 to 1.
    Pcr,
    /// Seconds.
    Duration,
    /// Seconds.
    MeanDuration,
    /// Milliseconds.
    IntervalActive,
    IntervalIdle,
    JitterActive,
    JitterIdle,
    /// Idle statistics of aggregated flows, milliseconds.
    InterFlow,
    InterFlowDeviation,
    /// Degrees.
    Latitude,
    Longitude,
}

/// What argus 3.0.8.2 tests by mistake (filter chapter, section 13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Historic {
    /// `arp`: any key of the ARP kind, RARP too.
    ArpKind,
    /// `rtp`, `rtcp`: protocol octet at the place of IPv4 keys only.
    Protocol4(u8),
    /// `avgdur`: the mean duration and the producer-consumer ratio as one 64-bit integer.
    AvgDur(Relation, u32),
    /// `rtr`, `mbr`, `lvg`: the IGMP code instead of the type.
    IgmpCode(u8),
    /// TCP options read from any NETWORK block of an IPv4 flow.
    NetworkOptions(u32),
    /// `net NAME` and `net A.B.C`: the first words of any key equal to 0.
    ZeroAddress(Side),
    /// `cocode`: not zero, which an absent code is not.
    CountryNotZero,
    /// Bits compared with 0 and optimised: none is set, which holds for absent words too.
    NoBits(Word, Side, u32),
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Src => "src",
            Side::Dst => "dst",
        })
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Relation::Eq => "==",
            Relation::Gt => ">",
            Relation::Ge => ">=",
        })
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Test::Type(bits) => write!(f, "type & {bits:#04x}"),
            Test::Family(family) => write!(f, "key is {family:?}"),
            Test::Protocol(protocol) => write!(f, "protocol == {protocol}"),
            Test::Address4(side, address, mask) => masked4(f, format_args!("{side} ipv4"), address, mask),
            Test::Arp4(side, address, mask) => masked4(f, format_args!("{side} arp"), address, mask),
            Test::Tunnel4(tunnel, side, address, mask) => {
                masked4(f, format_args!("{side} {tunnel:?} tunnel"), address, mask)
            }
            Test::Address6(side, address, mask) => {
                write!(f, "{side} ipv6 == {}", Ipv6Addr::from(address))?;
                if mask == u128::MAX { Ok(()) } else { write!(f, "/{}", mask.leading_ones()) }
            }
            Test::Mac(side, address, mask) => {
                write!(f, "{side} mac")?;
                if mask != 0xffff_ffff_ffff {
                    write!(f, " & {mask:#x}")?;
                }
                write!(f, " == {address:#x}")
            }
            Test::ArpHardware(address) => write!(f, "arp hardware == {address:#x}"),
            Test::Carries(block) => write!(f, "carries {block:?}"),
            Test::Network(subtype) => write!(f, "network block == {subtype:#04x}"),
            Test::SourceId(word) => write!(f, "source id == {}", Ipv4Addr::from(word)),
            Test::LongSourceId(id) => write!(f, "source id == {id:032x}"),
            Test::Marked(mark) => write!(f, "marked {mark:?}"),
            Test::Interface(name) => write!(f, "interface == {}", name.escape_ascii()),
            Test::Whole(value, side, relation, constant) => {
                if value.has_sides() {
                    write!(f, "{side} ")?;
                }
                write!(f, "{value:?} {relation} {constant}")
            }
            Test::Bits(word, side, mask, relation, constant) => {
                if word.has_sides() {
                    write!(f, "{side} ")?;
                }
                write!(f, "{word:?} & {mask:#x} {relation} {constant:#x}")
            }
            Test::Fraction(value, side, relation, constant) => {
                if value.has_sides() {
                    write!(f, "{side} ")?;
                }
                write!(f, "{value:?} {relation} {constant:?}")
            }
            Test::Historic(historic) => write!(f, "3.0.8.2 {historic:?}"),
        }
    }
}

fn masked4(f: &mut fmt::Formatter<'_>, what: fmt::Arguments<'_>, address: u32, mask: u32) -> fmt::Result {
    write!(f, "{what} == {}", Ipv4Addr::from(address))?;
    match mask {
        u32::MAX => Ok(()),
        _ if mask.leading_ones() == mask.count_ones() => write!(f, "/{}", mask.count_ones()),
        _ => write!(f, " mask {}", Ipv4Addr::from(mask)),
    }
}

impl Whole {
    /// Whether the value is part of the flow key.
    pub(crate) fn in_key(self) -> bool {
        use Whole as W;
        matches!(self, W::Port | W::Spi | W::IgmpType)
    }

    /// Whether the oracle asks for the family of the key first, and so never misses it.
    pub(crate) fn in_known_key(self) -> bool {
        matches!(self, Whole::IpProtocol | Whole::EtherType | Whole::IsisPdu)
    }

    pub(crate) fn has_sides(self) -> bool {
        use Whole as W;
        matches!(
            self,
            W::Port
                | W::Packets
                | W::Bytes
                | W::AppBytes
                | W::Loss
                | W::Ttl
                | W::Tos
                | W::CodePoint
                | W::IpId
                | W::VlanId
                | W::VlanPriority
                | W::MplsLabel
                | W::Asn
                | W::TcpBase
                | W::MaxSegment
                | W::MaskLength
                | W::Keystrokes
                | W::Locality
                | W::Country
        )
    }
}

impl Word {
    pub(crate) fn has_sides(self) -> bool {
        matches!(self, Word::Encapsulations | Word::VlanTag | Word::MplsEntry | Word::Tos | Word::TcpFlags)
    }
}

impl Fraction {
    pub(crate) fn has_sides(self) -> bool {
        use Fraction as F;
        !matches!(self, F::Pcr | F::Duration | F::MeanDuration | F::InterFlow | F::InterFlowDeviation)
    }
}
