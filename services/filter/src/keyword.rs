//! The words of the language (filter chapter, sections 2.1 and 12).

use crate::ast::{Cmp, Flag, Protocol, State, Type};
use crate::error::Found;

/// What a keyword is to the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keyword {
    And,
    Or,
    Not,
    Cmp(Cmp),
    Src,
    Dst,
    /// `lcl`, `rmt`: the end that is local, the end that is not.
    Lcl,
    Rmt,
    Mask,
    Type(Type),
    Protocol(Protocol),
    /// A test that takes a direction and no value.
    Flag(Flag),
    /// A test that takes neither direction nor value.
    State(State),
    Broadcast,
    Multicast,
    /// `inbound`, `outbound`, `len`: accepted by the oracle without a meaning, refused here.
    Meaningless,
    /// A word that cannot be a name, though no expression uses it.
    Reserved,
}

/// Since which version a word is a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    V3,
    /// Known to 5.x only: still a name where a name is expected.
    V5,
}

/// Looks a word up. Keywords are lower case only.
pub(crate) fn lookup(word: &str) -> Option<(Keyword, Since)> {
    v3(word).map(|keyword| (keyword, Since::V3)).or_else(|| v5(word).map(|keyword| (keyword, Since::V5)))
}

#[rustfmt::skip]
fn v3(word: &str) -> Option<Keyword> {
    use Keyword as K;
    Some(match word {
        "and" => K::And,
        "or" => K::Or,
        "not" => K::Not,
        "eq" | "equal" => K::Cmp(Cmp::Eq),
        "lt" | "less" => K::Cmp(Cmp::Lt),
        "lte" => K::Cmp(Cmp::Lte),
        "gt" | "greater" => K::Cmp(Cmp::Gt),
        "gte" => K::Cmp(Cmp::Gte),
        "src" => K::Src,
        "dst" => K::Dst,
        "mask" => K::Mask,

        "man" | "mar" => K::State(State::Man),
        "far" => K::State(State::Far),
        "event" => K::State(State::Event),
        "index" => K::State(State::Index),
        "start" | "init" => K::State(State::Start),
        "stop" => K::State(State::Stop),
        "status" => K::State(State::Status),
        "shut" => K::State(State::Shut),
        "error" => K::State(State::Error),
        "timeout" => K::State(State::Timeout),

        "host" => K::Type(Type::Host),
        "net" => K::Type(Type::Net),
        "srcid" => K::Type(Type::SrcId),
        "inode" => K::Type(Type::Inode),
        "gateway" => K::Type(Type::Gateway),
        "port" => K::Type(Type::Port),
        "proto" => K::Type(Type::Proto),
        "ttl" => K::Type(Type::Ttl),
        "tos" => K::Type(Type::Tos),
        "dsb" | "dsbyte" => K::Type(Type::Dsb),
        "co" => K::Type(Type::Co),
        "as" | "asn" => K::Type(Type::As),
        "ipid" => K::Type(Type::IpId),
        "vid" => K::Type(Type::Vid),
        "vpri" => K::Type(Type::Vpri),
        "mid" => K::Type(Type::Mid),
        "encaps" => K::Type(Type::Encaps),
        "spi" => K::Type(Type::Spi),
        "seq" => K::Type(Type::Seq),
        "trans" => K::Type(Type::Trans),
        "pkts" | "pkt" => K::Type(Type::Pkts),
        "bytes" | "byte" => K::Type(Type::Bytes),
        "appbytes" | "appbyte" | "data" => K::Type(Type::AppBytes),
        "tcpb" | "base" => K::Type(Type::TcpBase),
        "nstroke" | "nstrokes" => K::Type(Type::Keystrokes),
        "rate" => K::Type(Type::Rate),
        "load" => K::Type(Type::Load),
        "ploss" => K::Type(Type::PercentLoss),
        "pcr" | "pcratio" | "abr" | "abratio" => K::Type(Type::Pcr),
        "dur" => K::Type(Type::Dur),
        "avgdur" => K::Type(Type::AvgDur),
        "deldur" => K::Type(Type::DeltaDur),
        "delstime" => K::Type(Type::DeltaStart),
        "delltime" => K::Type(Type::DeltaLast),
        "intpkt" | "inter" | "intpktact" => K::Type(Type::IntPkt),
        "intpktidle" => K::Type(Type::IntPktIdle),
        "jit" | "jitter" | "jitact" => K::Type(Type::Jitter),
        "jitidle" => K::Type(Type::JitterIdle),

        "ether" | "link" | "fddi" | "ppp" | "slip" => K::Protocol(Protocol::Ether),
        "ip" => K::Protocol(Protocol::Ip),
        "ipv4" => K::Protocol(Protocol::Ipv4),
        "ipv6" => K::Protocol(Protocol::Ipv6),
        "arp" => K::Protocol(Protocol::Arp),
        "rarp" => K::Protocol(Protocol::Rarp),
        "tcp" => K::Protocol(Protocol::Tcp),
        "udp" => K::Protocol(Protocol::Udp),
        "icmp" => K::Protocol(Protocol::Icmp),
        "igmp" => K::Protocol(Protocol::Igmp),
        "rtp" => K::Protocol(Protocol::Rtp),
        "rtcp" => K::Protocol(Protocol::Rtcp),
        "udt" => K::Protocol(Protocol::Udt),
        "mpls" => K::Protocol(Protocol::Mpls),
        "vlan" => K::Protocol(Protocol::Vlan),
        "isis" => K::Protocol(Protocol::Isis),
        "anon" => K::Protocol(Protocol::Anon),

        "syn" => K::Flag(Flag::Syn),
        "fin" => K::Flag(Flag::Fin),
        "rst" | "reset" => K::Flag(Flag::Reset),
        "ack" => K::Flag(Flag::Ack),
        "push" => K::Flag(Flag::Push),
        "urg" => K::Flag(Flag::Urg),
        "ece" => K::Flag(Flag::Ece),
        "cwr" => K::Flag(Flag::Cwr),
        "ecn" => K::Flag(Flag::Ecn),
        "retrans" | "drop" => K::Flag(Flag::Retrans),
        "outoforder" | "ooo" => K::Flag(Flag::OutOfOrder),
        "winshut" => K::Flag(Flag::WinShut),
        "frag" => K::Flag(Flag::Frag),
        "fragonly" => K::Flag(Flag::FragOnly),
        "multipath" | "mpath" => K::Flag(Flag::Multipath),
        "hello" => K::Flag(Flag::Hello),
        "lsp" => K::Flag(Flag::Lsp),
        "csnp" => K::Flag(Flag::Csnp),
        "psnp" => K::Flag(Flag::Psnp),

        "est" | "con" | "avail" => K::State(State::Connected),
        "normal" => K::State(State::Normal),
        "wait" => K::State(State::Wait),
        "synack" => K::State(State::SynAck),
        "finack" => K::State(State::FinAck),
        "tcpopt" => K::State(State::AnyTcpOption),
        "mss" => K::State(State::TcpOption(0x0010_0000)),
        "wscale" => K::State(State::TcpOption(0x0020_0000)),
        "selackok" => K::State(State::TcpOption(0x0040_0000)),
        "selack" => K::State(State::TcpOption(0x0080_0000)),
        "tcpecho" => K::State(State::TcpOption(0x0100_0000)),
        "tcpechoreply" => K::State(State::TcpOption(0x0200_0000)),
        "tcptimestamp" => K::State(State::TcpOption(0x0400_0000)),
        "tcpcc" => K::State(State::TcpOption(0x0800_0000)),
        "tcpccnew" => K::State(State::TcpOption(0x1000_0000)),
        "tcpccecho" => K::State(State::TcpOption(0x2000_0000)),
        "secn" => K::State(State::TcpOption(0x4000_0000)),
        "decn" => K::State(State::TcpOption(0x8000_0000)),
        "echo" => K::State(State::Echo),
        "unreach" => K::State(State::Unreach),
        "redirect" => K::State(State::Redirect),
        "timexed" => K::State(State::TimeExceeded),
        "icmpmap" => K::State(State::IcmpMapped),
        "rtr" => K::State(State::IgmpQuery),
        "mbr" => K::State(State::IgmpMember),
        "lvg" => K::State(State::IgmpLeave),
        "cocode" => K::State(State::CountryCode),

        "multicast" => K::Multicast,
        "broadcast" => K::Broadcast,
        "inbound" | "outbound" | "len" | "length" => K::Meaningless,
        "loss" | "gap" | "dup" | "cor" | "corolated" | "svc" | "tcprtt" | "auth" | "recurs" | "req"
        | "rsp" => K::Reserved,
        _ => return None,
    })
}

#[rustfmt::skip]
fn v5(word: &str) -> Option<Keyword> {
    use Keyword as K;
    Some(match word {
        "neq" | "notequal" => K::Cmp(Cmp::Neq),
        "addr" => K::Type(Type::Host),
        "count" => K::Type(Type::Trans),
        "maxseg" => K::Type(Type::MaxSegment),
        "masklen" | "mlen" => K::Type(Type::MaskLength),
        "lat" => K::Type(Type::Latitude),
        "lon" => K::Type(Type::Longitude),
        "loc" => K::Type(Type::Locality),
        "intflow" => K::Type(Type::InterFlow),
        "intflowsdev" => K::Type(Type::InterFlowDeviation),
        "class" => K::Type(Type::MacClass),
        "inf" => K::Type(Type::Interface),
        "node" => K::Type(Type::Node),
        "lcl" => K::Lcl,
        "rmt" | "rem" => K::Rmt,
        "gre" => K::Protocol(Protocol::Gre),
        "geneve" => K::Protocol(Protocol::Geneve),
        "vxlan" => K::Protocol(Protocol::Vxlan),
        "reuse" => K::State(State::PortReuse),
        "unr" => K::State(State::Unreach),
        "unrnet" => K::State(State::UnreachCode(0)),
        "unrhost" => K::State(State::UnreachCode(1)),
        "unrproto" => K::State(State::UnreachCode(2)),
        "unrport" => K::State(State::UnreachCode(3)),
        "unrfrag" => K::State(State::UnreachCode(4)),
        "unrsrcfail" => K::State(State::UnreachCode(5)),
        "unrnetunk" => K::State(State::UnreachCode(6)),
        "unrhostunk" => K::State(State::UnreachCode(7)),
        "unriso" => K::State(State::UnreachCode(8)),
        "unrnetpro" => K::State(State::UnreachCode(9)),
        "unrhostpro" => K::State(State::UnreachCode(10)),
        "unrnettos" => K::State(State::UnreachCode(11)),
        "unrhosttos" => K::State(State::UnreachCode(12)),
        "unrfilter" => K::State(State::UnreachCode(13)),
        "unrhostpre" => K::State(State::UnreachCode(14)),
        "unrnetpre" => K::State(State::UnreachCode(15)),
        "baseline" => K::State(State::Baseline),
        "match" => K::State(State::Matched),
        "local" => K::State(State::BothLocal),
        "remote" => K::State(State::BothRemote),
        _ => return None,
    })
}

/// What a word reserved by 3.x became in 5.x.
pub(crate) fn since_v5(word: &str) -> Option<Keyword> {
    match word {
        "loss" => Some(Keyword::Type(Type::Loss)),
        "cor" | "corolated" => Some(Keyword::Type(Type::Observers)),
        _ => None,
    }
}

/// The words that a mistyped one may have been meant for.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "and", "or", "not", "eq", "equal", "lt", "less", "lte", "gt", "greater", "gte", "src", "dst", "mask",
    "man", "mar", "far", "event", "index", "start", "init", "stop", "status", "shut", "error", "timeout",
    "host", "net", "srcid", "inode", "gateway", "port", "proto", "ttl", "tos", "dsb", "dsbyte", "co", "as",
    "asn", "ipid", "vid", "vpri", "mid", "encaps", "spi", "seq", "trans", "pkts", "pkt", "bytes", "byte",
    "appbytes", "appbyte", "data", "tcpb", "base", "nstroke", "nstrokes", "rate", "load", "ploss", "pcr",
    "pcratio", "abr", "abratio", "dur", "avgdur", "deldur", "delstime", "delltime", "intpkt", "inter",
    "intpktact", "intpktidle", "jit", "jitter", "jitact", "jitidle", "ether", "link", "fddi", "ppp", "slip",
    "ip", "ipv4", "ipv6", "arp", "rarp", "tcp", "udp", "icmp", "igmp", "rtp", "rtcp", "udt", "mpls", "vlan",
    "isis", "syn", "fin", "rst", "reset", "ack", "push", "urg", "ece", "cwr", "ecn", "retrans", "drop",
    "outoforder", "ooo", "winshut", "frag", "fragonly", "multipath", "mpath", "hello", "lsp", "csnp",
    "psnp", "est", "con", "avail", "normal", "wait", "synack", "finack", "tcpopt", "mss", "wscale",
    "selackok", "selack", "tcpecho", "tcpechoreply", "tcptimestamp", "tcpcc", "tcpccnew", "tcpccecho",
    "secn", "decn", "echo", "unreach", "redirect", "timexed", "icmpmap", "rtr", "mbr", "lvg", "cocode",
    "multicast", "broadcast", "loss", "cor", "corolated", "neq", "notequal", "addr", "count", "maxseg",
    "masklen", "mlen", "lat", "lon", "loc", "intflow", "intflowsdev", "class", "inf", "node", "lcl", "rmt",
    "rem", "gre", "geneve", "vxlan", "reuse", "unr", "unrnet", "unrhost", "unrproto", "unrport", "unrfrag",
    "unrsrcfail", "unrnetunk", "unrhostunk", "unriso", "unrnetpro", "unrhostpro", "unrnettos", "unrhosttos",
    "unrfilter", "unrhostpre", "unrnetpre", "baseline", "match", "local", "remote",
];

/// Words of packet filters and of `ra -s` that have another form here.
const ELSEWHERE: &[(&str, &str)] = &[
    ("ip4", "ipv4"),
    ("ip6", "ipv6"),
    ("icmp6", "proto ipv6-icmp"),
    ("icmpv6", "proto ipv6-icmp"),
    ("esp", "proto esp"),
    ("ah", "proto ah"),
    ("sctp", "proto sctp"),
    ("ospf", "proto ospf"),
    ("pim", "proto pim"),
    ("vrrp", "proto vrrp"),
    ("portrange", "port LOW-HIGH"),
    ("saddr", "src host"),
    ("daddr", "dst host"),
    ("laddr", "lcl host"),
    ("raddr", "rmt host"),
    ("sport", "src port"),
    ("dport", "dst port"),
    ("spkts", "src pkts"),
    ("dpkts", "dst pkts"),
    ("sbytes", "src bytes"),
    ("dbytes", "dst bytes"),
    ("sttl", "src ttl"),
    ("dttl", "dst ttl"),
    ("sloc", "src loc"),
    ("dloc", "dst loc"),
    ("smac", "ether src"),
    ("dmac", "ether dst"),
];

/// What to say of a word that begins no test.
pub(crate) fn unknown(word: &str) -> Found {
    let lower = word.to_ascii_lowercase();
    let elsewhere = ELSEWHERE.iter().find(|(known, _)| *known == lower).map(|(_, here)| *here);
    match elsewhere.or_else(|| field::names::nearest(word, WORDS.iter().copied())) {
        Some(meant) => Found::Unknown { word: word.to_owned(), meant: meant.to_owned() },
        None => Found::Text(word.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_proposed_is_of_the_language() {
        for word in WORDS {
            assert!(lookup(word).is_some(), "{word}");
        }
        for (word, here) in ELSEWHERE {
            assert!(lookup(word).is_none(), "{word}");
            assert!(lookup(here.split(' ').next().unwrap_or_default()).is_some(), "{here}");
        }
    }

    #[test]
    fn mistyped_words_are_understood() {
        let meant = |word: &str| match unknown(word) {
            Found::Unknown { meant, .. } => Some(meant),
            _ => None,
        };
        assert_eq!(meant("hots").as_deref(), Some("host"));
        assert_eq!(meant("TCP").as_deref(), Some("tcp"));
        assert_eq!(meant("sctp").as_deref(), Some("proto sctp"));
        assert_eq!(meant("portrange").as_deref(), Some("port LOW-HIGH"));
        assert_eq!(meant("nonsense"), None);
    }
}
