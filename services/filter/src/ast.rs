//! The tree that a filter's text is parsed to. Every node knows its place in the text.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::error::Span;

/// An expression and the octets of the text that it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it says.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of expressions.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// Operands joined by `and` and `or`. Both bind equally and to the left, so
    /// `a or b and c` is `(a or b) and c`; a chain keeps that order without nesting.
    Chain {
        /// The leftmost operand.
        first: Box<Expr>,
        /// The others, each with the connective before it.
        rest: Vec<(Connective, Expr)>,
    },
    /// `not X`.
    Not(Box<Expr>),
    /// A protocol word alone.
    Protocol(Protocol),
    /// A word that takes neither direction nor value.
    State(State),
    /// A word that takes a direction and no value; with the direction a protocol may stand.
    Flag {
        /// The protocol written before the direction.
        protocol: Option<Protocol>,
        /// The direction, if one was written.
        direction: Direction,
        /// The word.
        flag: Flag,
    },
    /// `[protocol] broadcast` and `[protocol] multicast`.
    Cast {
        /// The protocol written before it.
        protocol: Option<Protocol>,
        /// Which of the two.
        cast: Cast,
    },
    /// A value compared with an identifier: `tcp dst port 80`, `pkts gt 10`.
    Compare {
        /// The qualifiers, written or inherited from the operand before.
        head: Head,
        /// The comparison written, if any. It is `eq` otherwise.
        cmp: Option<Cmp>,
        /// What it is compared with.
        id: Id,
        /// Where the identifier stands.
        id_span: Span,
    },
}

/// `and`, `or`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connective {
    /// Both.
    And,
    /// Either.
    Or,
}

/// The qualifiers before an identifier. They stick: a bare identifier after `and` or `or` takes
/// those of the operand before it (filter chapter, section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The protocol, if one was written.
    pub protocol: Option<Protocol>,
    /// The direction.
    pub direction: Direction,
    /// The type. `host` if only a direction was written.
    pub kind: Type,
}

/// The side of the flow that a test looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// None written: either side for most types, both for the jitter ones.
    Unspecified,
    /// `src`.
    Src,
    /// `dst`.
    Dst,
    /// `src or dst`.
    Either,
    /// `src and dst`.
    Both,
    /// `lcl`: the end of locality 3 or more (5.x).
    Local,
    /// `rmt`: the end of less (5.x).
    Remote,
}

/// Comparison words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Cmp {
    Eq,
    /// 5.x.
    Neq,
    Lt,
    Lte,
    Gt,
    Gte,
}

/// `broadcast`, `multicast`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Cast {
    Broadcast,
    Multicast,
}

/// Protocol words (filter chapter, section 6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Protocol {
    Ether,
    Ip,
    Ipv4,
    Ipv6,
    Arp,
    Rarp,
    Tcp,
    Udp,
    Icmp,
    Igmp,
    Rtp,
    Rtcp,
    Udt,
    Mpls,
    Vlan,
    Isis,
    Anon,
    Gre,
    Geneve,
    Vxlan,
}

/// What an identifier is compared with (filter chapter, sections 6.3 to 6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Type {
    Host,
    Net,
    SrcId,
    Inode,
    Gateway,
    Port,
    Proto,
    Ttl,
    Tos,
    Dsb,
    Co,
    As,
    IpId,
    Vid,
    Vpri,
    Mid,
    Encaps,
    Spi,
    Seq,
    Trans,
    Pkts,
    Bytes,
    AppBytes,
    Loss,
    TcpBase,
    MaxSegment,
    MaskLength,
    Keystrokes,
    Observers,
    Rate,
    Load,
    PercentLoss,
    Pcr,
    Dur,
    AvgDur,
    InterFlow,
    InterFlowDeviation,
    DeltaDur,
    DeltaStart,
    DeltaLast,
    IntPkt,
    IntPktIdle,
    Jitter,
    JitterIdle,
    Latitude,
    Longitude,
    Locality,
    MacClass,
    Interface,
    /// The name that was given to a source id.
    Node,
}

/// Tests that take a direction but no value (filter chapter, section 6.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Flag {
    Syn,
    Fin,
    Reset,
    Ack,
    Push,
    Urg,
    Ece,
    Cwr,
    Ecn,
    Retrans,
    OutOfOrder,
    WinShut,
    Frag,
    FragOnly,
    Multipath,
    Hello,
    Lsp,
    Csnp,
    Psnp,
}

/// Tests that stand alone (filter chapter, sections 6.1 and 6.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum State {
    Man,
    Far,
    Event,
    Index,
    Start,
    Status,
    Stop,
    Timeout,
    Shut,
    Error,
    Connected,
    Normal,
    Wait,
    SynAck,
    FinAck,
    PortReuse,
    /// One bit of the TCP option word.
    TcpOption(u32),
    AnyTcpOption,
    Echo,
    Unreach,
    /// 5.x: mapped unreachable with this code.
    UnreachCode(u8),
    Redirect,
    TimeExceeded,
    IcmpMapped,
    IgmpQuery,
    IgmpMember,
    IgmpLeave,
    CountryCode,
    BothLocal,
    BothRemote,
    /// 5.x: the record belongs to the set that others are compared with.
    Baseline,
    /// 5.x: the record was found in that set.
    Matched,
}

/// An identifier.
#[derive(Debug, Clone, PartialEq)]
pub enum Id {
    /// A whole number, perhaps followed by `/LEN`.
    Number(Number, Option<Number>),
    /// A decimal fraction and its text (`10.1` is also the short form of a network).
    Float(f64, String, Option<Number>),
    /// A name, or text in quotes.
    Name {
        /// The name without quotes or backslash.
        text: String,
        /// It stood in quotes.
        quoted: bool,
        /// A prefix length after it.
        length: Option<Number>,
    },
    /// An IPv4 address.
    V4(Ipv4Addr, V4Mask),
    /// An IPv6 address and a prefix length.
    V6(Ipv6Addr, Option<Number>),
    /// An Ethernet address; 5.x: and the number of its leading bits that count.
    Mac([u8; 6], Option<Number>),
    /// 5.x: a 16-octet source id.
    Uuid([u8; 16]),
}

/// What follows an IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum V4Mask {
    /// Nothing.
    None,
    /// `/LEN`.
    Length(Number),
    /// `mask M.M.M.M`.
    Mask(Ipv4Addr),
}

/// A whole number as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number {
    /// Its value. Absurdly large ones stay at the ends of this range.
    pub value: i128,
    /// Its value modulo 2³², which is what the oracle compares with.
    pub wrapped: u32,
}

impl Number {
    /// A small number.
    #[must_use]
    pub const fn new(value: u32) -> Self {
        Number { value: value as i128, wrapped: value }
    }
}
