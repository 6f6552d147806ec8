//! The flow section of a record, from the key of a flow (record-format chapter, section 7.2).

use crate::flow::{Flow, Rare, Why};
use crate::key::{self, ADDRESS_FORM, Kind, Words};
use record::dsr::flow::{
    ArpKey, EtherKey, FlowKey, HwAddr, Ipv4Detail, Ipv4Key, Ipv6Detail, Ipv6Key, IsisKey, LcpKey, RarpKey,
    WlanKey,
};
use std::net::{Ipv4Addr, Ipv6Addr};

/// The flow section: the stored key, and whether the source is its second half.
pub(crate) fn flow_section(flow: &Flow, rare: &Rare, compat: bool) -> record::Flow {
    let words = &flow.key;
    let kind = Kind::of(words);
    let reversed = flow.has(Flow::REVERSE);
    let mut section = record::Flow::new(match kind {
        Kind::Matrix => FlowKey::Matrix4(Ipv4Addr::from(words[1]), Ipv4Addr::from(words[2])),
        Kind::Ipv4 | Kind::Icmp | Kind::Igmp | Kind::Esp | Kind::Fragment => {
            FlowKey::Ipv4(ipv4_key(kind, words))
        }
        Kind::Matrix6 => {
            let (src, dst) = ipv6_addresses(words);
            FlowKey::Matrix6(src, dst)
        }
        Kind::Ipv6 | Kind::Icmp6 | Kind::Esp6 | Kind::Fragment6 => FlowKey::Ipv6(ipv6_key(kind, words)),
        Kind::Arp => arp_key(words, rare.rest.as_ref(), reversed),
        Kind::Rarp => rarp_key(words, rare.rest.as_ref()),
        Kind::Frame => {
            let mut octets = [0u8; 16];
            key::unpack(&words[1..5], &mut octets);
            FlowKey::Ether(EtherKey {
                dst: six(&octets, 0),
                src: six(&octets, 6),
                ether_type: u16::from_be_bytes([octets[12], octets[13]]),
                dsap: octets[14],
                ssap: octets[15],
            })
        }
        Kind::Isis => isis_key(words),
        Kind::Lcp => FlowKey::Lcp(LcpKey {
            dst: [0; 6],
            src: [0; 6],
            ether_type: 0,
            code: (words[1] >> 8) as u8,
            id: words[1] as u8,
        }),
        Kind::Wlan => {
            let mut octets = [0u8; 20];
            key::unpack(&words[1..6], &mut octets);
            let mut ssid = [0u8; 32];
            key::unpack(&rare.rest.unwrap_or_default()[..8], &mut ssid);
            FlowKey::Wlan(WlanKey {
                dst: six(&octets, 0),
                src: six(&octets, 6),
                bssid: six(&octets, 12),
                ssid,
                pad: 0,
            })
        }
    });
    section.reversed = reversed;
    if reversed && matches!(kind, Kind::Icmp | Kind::Fragment) {
        section.qualifier |= record::dsr::flow::DIRECTION;
    }
    if compat && flow.cause != Why::Start && matches!(kind, Kind::Fragment | Kind::Fragment6) {
        forget_fragment(&mut section);
    }
    section
}

/// The protocol number of ICMPv6.
const ICMPV6: u8 = 58;

/// 3.0.8 marks the key of fragments in the first record only; the identification is then written as if it were ports.
#[cold]
fn forget_fragment(section: &mut record::Flow) {
    section.qualifier &= !record::dsr::flow::FRAGMENT;
    if let FlowKey::Ipv6(key) = &mut section.key
        && let Ipv6Detail::Fragment { id } = key.detail
    {
        let [a, b, c, d] = id.to_le_bytes();
        // Of ICMPv6 they would be a type, a code and an identifier.
        let first = if key.proto == ICMPV6 { [d, c] } else { [c, d] };
        key.detail = Ipv6Detail::Ports { src: u16::from_be_bytes(first), dst: u16::from_be_bytes([a, b]) };
    }
}

fn ipv4_key(kind: Kind, words: &Words) -> Ipv4Key {
    let (high, low) = ((words[3] >> 16) as u16, words[3] as u16);
    let detail = match kind {
        Kind::Icmp if words[0] & ADDRESS_FORM != 0 => {
            Ipv4Detail::icmp_with_addr((low >> 8) as u8, low as u8, Ipv4Addr::from(words[4]))
        }
        Kind::Icmp => Ipv4Detail::Icmp {
            typ: (low >> 8) as u8,
            code: low as u8,
            id: (words[4] >> 16) as u16,
            seq: words[4] as u16,
        },
        Kind::Igmp => {
            Ipv4Detail::Igmp { typ: (low >> 8) as u8, code: low as u8, pad: 0, ip_id: words[4] as u16 }
        }
        Kind::Esp => Ipv4Detail::Esp { pad: 0, spi: words[3] },
        Kind::Fragment => Ipv4Detail::Fragment { pad: [0; 4], ip_id: low },
        // The DNS transaction id, little-endian as the reference stores it.
        _ => Ipv4Detail::Ports { src: high, dst: low, tail: (words[4] as u16).to_le_bytes() },
    };
    Ipv4Key {
        src: Ipv4Addr::from(words[1]),
        dst: Ipv4Addr::from(words[2]),
        proto: key::protocol(words),
        tp_p: key::second_protocol(words),
        detail,
    }
}

fn ipv6_addresses(words: &Words) -> (Ipv6Addr, Ipv6Addr) {
    let address = |at: usize| {
        let mut octets = [0u8; 16];
        key::unpack(words.get(at..at + 4).unwrap_or(&[]), &mut octets);
        Ipv6Addr::from(octets)
    };
    (address(1), address(5))
}

fn ipv6_key(kind: Kind, words: &Words) -> Ipv6Key {
    let (src, dst) = ipv6_addresses(words);
    let last = words[9];
    let detail = match kind {
        Kind::Icmp6 => Ipv6Detail::Icmp { typ: (last >> 24) as u8, code: (last >> 16) as u8, id: 0 },
        Kind::Esp6 => Ipv6Detail::Esp { spi: last },
        Kind::Fragment6 => Ipv6Detail::Fragment { id: last },
        _ => Ipv6Detail::Ports { src: (last >> 16) as u16, dst: last as u16 },
    };
    Ipv6Key { src, dst, proto: key::protocol(words), label: 0, detail, masks: None }
}

fn arp_key(words: &Words, rest: Option<&Words>, reversed: bool) -> FlowKey {
    let lengths = words[2].to_be_bytes();
    let mut hardware = [0u8; 32];
    key::unpack(&words[5..10], &mut hardware[..20]);
    key::unpack(&rest.copied().unwrap_or_default()[..3], &mut hardware[20..]);
    let hardware = hardware.get(..usize::from(lengths[0])).unwrap_or(&hardware);
    let (sender, target) = (Ipv4Addr::from(words[3]), Ipv4Addr::from(words[4]));
    FlowKey::Arp(ArpKey {
        hrd: (words[1] >> 16) as u16,
        pro: words[1] as u16,
        hln: lengths[0],
        pln: lengths[1],
        op: words[2] as u16,
        ..ArpKey::sensor(sender, target, hardware, reversed)
    })
}

fn rarp_key(words: &Words, rest: Option<&Words>) -> FlowKey {
    let lengths = words[2].to_be_bytes();
    let (mut source, mut destination) = ([0u8; 32], [0u8; 32]);
    let rest = rest.copied().unwrap_or_default();
    key::unpack(&words[4..10], &mut source[..24]);
    key::unpack(&rest[8..], &mut source[24..]);
    key::unpack(&rest[..8], &mut destination);
    let address = |octets: &[u8; 32]| HwAddr::new(octets.get(..usize::from(lengths[0])).unwrap_or(octets));
    FlowKey::Rarp(RarpKey {
        hrd: (words[1] >> 16) as u16,
        pro: words[1] as u16,
        hln: lengths[0],
        pln: lengths[1],
        op: words[2] as u16,
        tpa: Ipv4Addr::from(words[3]),
        shaddr: address(&source),
        dhaddr: address(&destination),
    })
}

fn isis_key(words: &Words) -> FlowKey {
    let mut octets = [0u8; 12];
    key::unpack(&words[1..4], &mut octets);
    let mut id = [0u8; 14];
    key::unpack(&words[5..9], &mut id);
    let fields = words[4].to_be_bytes();
    FlowKey::Isis(IsisKey {
        pdu_type: u32::from(fields[0]),
        src: six(&octets, 0),
        dst: six(&octets, 6),
        version: [fields[1], 0, 0, 0],
        body: id,
        checksum: u32::from(u16::from_be_bytes([fields[2], fields[3]])),
        pad: 0,
    })
}

fn six(octets: &[u8], at: usize) -> [u8; 6] {
    octets.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default()
}
