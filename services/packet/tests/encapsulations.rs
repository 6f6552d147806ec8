//! One datagram in everything that can be around it: by default the flow is the datagram's, however it is wrapped.

use packet::{Addresses, Dissector, LinkType, Network, Rules};

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

fn behind(hex: &str, data: Vec<u8>) -> Vec<u8> {
    [octets(hex), data].concat()
}

fn ip(protocol: u8, source: u8, data: &[u8]) -> Vec<u8> {
    let length = (20 + data.len() as u16).to_be_bytes();
    let mut packet = vec![0x45, 0, length[0], length[1], 0, 1, 0, 0, 64, protocol, 0, 0];
    packet.extend([10, 0, 0, source, 10, 0, 0, 200]);
    packet.extend(data);
    packet
}

fn ipv6(next: u8, data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u16).to_be_bytes();
    let mut packet = vec![0x60, 0, 0, 0, length[0], length[1], next, 64];
    packet.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    packet.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    packet.extend(data);
    packet
}

fn udp(port: u16, data: &[u8]) -> Vec<u8> {
    let (port, length) = (port.to_be_bytes(), (8 + data.len() as u16).to_be_bytes());
    [&[0x30, 0x39, port[0], port[1], length[0], length[1], 0, 0], data].concat()
}

fn ethernet(ethertype: u16, data: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    frame.extend(ethertype.to_be_bytes());
    frame.extend(data);
    frame
}

/// The datagram: 10.0.0.1:12345 → 10.0.0.200:9999.
fn inner() -> Vec<u8> {
    ip(17, 1, &udp(9999, b"data"))
}

fn in_ip(protocol: u8, header: &str, data: Vec<u8>) -> Vec<u8> {
    ethernet(0x0800, &ip(protocol, 99, &behind(header, data)))
}

fn in_udp(port: u16, header: &str, data: Vec<u8>) -> Vec<u8> {
    ethernet(0x0800, &ip(17, 99, &udp(port, &behind(header, data))))
}

fn is_the_datagram(link: i32, frame: &[u8], tunnel_discovery: bool) -> bool {
    let rules = Rules { tunnel_discovery, ..Rules::default() };
    let summary = Dissector::new(LinkType(link), rules).dissect(frame, frame.len() as u32);
    let Network::Ip(ip) = summary.network else { return false };
    let Addresses::V4 { source, .. } = ip.addresses else { return false };
    (source, ip.ports, ip.application, summary.user) == (0x0a00_0001, (12345, 9999), 4, b"data")
}

#[test]
fn every_link_that_carries_ip() {
    let frame = || ethernet(0x0800, &inner());
    let pktap = |link: u8| format!("6c000000 01000000 {link:02x}000000 {}", "00".repeat(96));
    for (name, link, frame) in [
        ("null", 0, behind("02000000", inner())),
        ("Ethernet", 1, frame()),
        ("AX.25", 3, behind("82a088a4626a e0 9c6e86a240c2 61 03cc", inner())),
        ("token ring", 6, behind("1040 020000000002 020000000001 aaaa03 000000 0800", inner())),
        (
            "token ring, routed",
            6,
            behind("1040 020000000002 820000000001 0630 00120023 aaaa03 000000 0800", inner()),
        ),
        ("ARCNET of RFC 1201", 7, behind("0102 d4 00 0001", inner())),
        ("ARCNET of RFC 1051", 7, behind("0102 f0", inner())),
        ("ARCNET exception", 7, behind("0102 d4 ff ffff d4 00 0001", inner())),
        ("SLIP", 8, behind(&"00".repeat(16), inner())),
        ("PPP", 9, behind("ff03 0021", inner())),
        ("PPP, MPLS", 9, behind("ff03 0281 00064140", inner())),
        ("PPP, bridged", 9, behind("ff03 0031 0001", frame())),
        ("FDDI", 10, behind("50 020000000002 020000000001 aaaa03 000000 0800", inner())),
        ("RFC 1483", 11, behind("aaaa03 000000 0800", inner())),
        ("raw", 12, inner()),
        ("classical IP over ATM", 19, behind("aaaa03 000000 0800", inner())),
        ("classical IP over ATM, no LLC", 19, inner()),
        ("PPP serial", 50, behind("ff03 0021", inner())),
        ("PPP over Ethernet", 51, behind("11 00 0001 0022 0021", inner())),
        ("Symantec", 99, behind(&format!("000000000000 0800 {}", "00".repeat(36)), inner())),
        ("Cisco HDLC", 104, behind("0f00 0800", inner())),
        (
            "802.11",
            105,
            behind("0800 0000 020000000002 020000000001 020000000003 0000 aaaa03 000000 0800", inner()),
        ),
        (
            "802.11, QoS",
            105,
            behind("8801 0000 020000000003 020000000001 020000000002 0000 0000 aaaa03 000000 0800", inner()),
        ),
        ("frame relay", 107, behind("1841 03 cc", inner())),
        ("frame relay, SNAP", 107, behind("1841 0300 80 000000 0800", inner())),
        ("frame relay, bridged", 107, behind("1841 0300 80 0080c2 0007", frame())),
        ("frame relay, Cisco", 107, behind("1841 0800", inner())),
        ("frame relay, long address", 107, behind("184000 41 03 cc", inner())),
        ("loop", 108, behind("00000002", inner())),
        ("enc", 109, behind("02000000 00000000 00000000", inner())),
        ("SLL", 113, behind("0000 0001 0006 020000000001 0000 0800", inner())),
        ("PFLOG", 117, behind(&format!("3d 02 {}", "00".repeat(62)), inner())),
        (
            "PRISM",
            119,
            behind(
                &format!(
                    "{} 0800 0000 020000000002 020000000001 020000000003 0000 aaaa03 000000 0800",
                    "00".repeat(144)
                ),
                inner(),
            ),
        ),
        ("IP over Fibre Channel", 122, behind(&format!("{} aaaa03 000000 0800", "00".repeat(16)), inner())),
        ("SunATM", 123, behind("02000000 aaaa03 000000 0800", inner())),
        (
            "radiotap",
            127,
            behind(
                "0000 0800 00000000 0800 0000 020000000002 020000000001 020000000003 0000 aaaa03 000000 0800",
                inner(),
            ),
        ),
        ("ARCNET of Linux", 129, behind("0102 0000 d4 00 0001", inner())),
        ("Juniper ATM", 137, behind("4d4743 00 00000000 aaaa03 000000 0800", inner())),
        ("FireWire", 138, behind(&format!("{} 0800", "00".repeat(16)), inner())),
        ("DOCSIS", 143, behind("00 00 0040 0000", frame())),
        ("Apple's tap by its old number", 149, behind(&pktap(1), frame())),
        (
            "AVS",
            163,
            behind(
                &format!(
                    "80211001 00000040 {} 0800 0000 020000000002 020000000001 020000000003 0000 aaaa03 000000 0800",
                    "00".repeat(56)
                ),
                inner(),
            ),
        ),
        ("Juniper Ethernet", 178, behind("4d4743 00", frame())),
        ("multilink frame relay", 182, behind("c0 01 1841 03 cc", inner())),
        ("PPI", 192, behind("0000 0800 01000000", frame())),
        ("PPI of raw IP", 192, behind("0000 0800 65000000", inner())),
        ("ERF", 197, behind("0000000000000000 02 00 0040 0000 0040 0000", frame())),
        ("AX.25 with KISS", 202, behind("00 82a088a4626a e0 9c6e86a240c2 61 03cc", inner())),
        ("PPP with direction", 204, behind("00 ff03 0021", inner())),
        ("HDLC with direction", 205, behind("00 0f00 0800", inner())),
        ("frame relay with direction", 206, behind("00 1841 03 cc", inner())),
        ("IPNET", 226, behind(&format!("0102 {}", "00".repeat(22)), inner())),
        ("IPv4", 228, inner()),
        ("NFLOG", 239, behind("02 00 0000 08000100 08000000 2400 0900", inner())),
        ("netANALYZER", 240, behind("00000000", frame())),
        ("IPoIB", 242, behind(&format!("{} 0800 0000", "00".repeat(40)), inner())),
        ("PKTAP", 258, behind(&pktap(12), inner())),
        ("mPacket", 274, behind("55555555555555d5", frame())),
        ("SLL2", 276, behind("0800 0000 00000001 0001 00 06 0200000000010000", inner())),
        ("Broadcom tag", 281, behind("020000000002 020000000001 00000001 0800", inner())),
        ("Broadcom tag in front", 282, behind("00000001", frame())),
        ("DSA", 284, behind("020000000002 020000000001 00000001 0800", inner())),
        ("EDSA", 285, behind("020000000002 020000000001 dada0000 00000001 0800", inner())),
    ] {
        assert!(is_the_datagram(link, &frame, false), "{name}");
    }
}

#[test]
fn every_encapsulation() {
    let frame = || ethernet(0x0800, &inner());
    for (name, frame) in [
        ("LLC and SNAP", ethernet(60, &behind("aaaa03 000000 0800", inner()))),
        ("VLAN tags", ethernet(0x88a8, &behind("0064 8100 0065 0800", inner()))),
        ("tag, then SNAP", ethernet(0x8100, &behind("0064 0040 aaaa03 000000 0800", inner()))),
        ("label stack", ethernet(0x8847, &behind("00064040 0006 5140", inner()))),
        ("pseudo-wire", ethernet(0x8847, &behind("00064140", frame()))),
        ("pseudo-wire with control word", ethernet(0x8847, &behind("00064140 00000007", frame()))),
        ("PPPoE", ethernet(0x8864, &behind("11 00 0001 0022 0021", inner()))),
        ("backbone bridging", ethernet(0x88e7, &behind("00000064", frame()))),
        (
            "MACsec, integrity only",
            ethernet(0x88e5, &behind("20 00 00000001 0000000000000001 0800", inner())),
        ),
        ("VN-Tag", ethernet(0x8926, &behind("00000000 0800", inner()))),
        ("E-Tag", ethernet(0x893f, &behind("000000000000 0800", inner()))),
        ("HSR", ethernet(0x892f, &behind("00200001 0800", inner()))),
        ("TRILL", ethernet(0x22f3, &behind("0000 0001 0002", frame()))),
        ("GRE", in_ip(47, "0000 0800", inner())),
        ("GRE with key and sequence", in_ip(47, "3000 0800 00000001 00000002", inner())),
        ("PPTP", in_ip(47, "3001 880b 00240001 00000001 ff03 0021", inner())),
        ("transparent bridging", in_ip(47, "2000 6558 00001000", frame())),
        ("GRE in IPv6", ethernet(0x86dd, &ipv6(47, &behind("2000 0800 00000007", inner())))),
        ("PPPoE in GRE", in_ip(47, "0000 8864 11 00 0001 0022 0021", inner())),
        ("WCCP", in_ip(47, "0000 883e 00000000", inner())),
        ("ERSPAN I", in_ip(47, "0000 88be", frame())),
        ("ERSPAN II", in_ip(47, "1000 88be 00000001 10000000 00000000", frame())),
        ("ERSPAN III", in_ip(47, "1000 22eb 00000001 20000000 00000000 00000000", frame())),
        ("IP in IP", in_ip(4, "", inner())),
        ("IP in IPv6", ethernet(0x86dd, &ipv6(4, &inner()))),
        ("6in4, then IP in IPv6", in_ip(41, "", ipv6(4, &inner()))),
        ("EtherIP", in_ip(97, "3000", frame())),
        ("MPLS in IP", in_ip(137, "00064140", inner())),
        ("L2TPv3", in_ip(115, "00000001", frame())),
        ("L2TPv3 with cookie", in_ip(115, "00000001 1122334455667788", frame())),
    ] {
        assert!(is_the_datagram(1, &frame, false), "{name}");
    }
}

#[test]
fn tunnels_on_udp_ports_when_they_are_looked_for() {
    let frame = || ethernet(0x0800, &inner());
    for (name, frame) in [
        ("VXLAN", in_udp(4789, "08000000 00000100", frame())),
        ("VXLAN of Linux", in_udp(8472, "08000000 00000100", frame())),
        ("VXLAN-GPE", in_udp(4790, "0c000001 00000100", inner())),
        ("VXLAN-GPE with a service header", in_udp(4790, "0c000004 00000100 0002 01 01 00000000", inner())),
        ("GENEVE", in_udp(6081, "0000 6558 00000100", frame())),
        ("GENEVE with options", in_udp(6081, "0100 0800 00000100 00000000", inner())),
        ("L2TPv2", in_udp(1701, "0002 0001 0002 ff03 0021", inner())),
        ("L2TPv2 with length and offset", in_udp(1701, "4202 0040 0001 0002 0002 0000 ff03 0021", inner())),
        ("L2TPv3", in_udp(1701, "0003 0000 00000001", frame())),
        ("GTP-U", in_udp(2152, "30ff 0020 00000001", inner())),
        ("GTP-U with an extension", in_udp(2152, "34ff 0028 00000001 000000 85 01 0010 00", inner())),
        ("MPLS in UDP", in_udp(6635, "00064140", inner())),
        ("Teredo, then IP in IPv6", in_udp(3544, "", ipv6(4, &inner()))),
    ] {
        assert!(is_the_datagram(1, &frame, true), "{name}");
        assert!(!is_the_datagram(1, &frame, false), "{name}: ARGUS_TUNNEL_DISCOVERY is off");
    }
}

/// 3.0.8 takes what begins like it for Teredo on every port, and knows no other tunnel on UDP.
#[test]
fn tunnels_on_udp_ports_as_in_3_0_8() {
    let told = |frame: &[u8], compat| {
        let rules = Rules { tunnel_discovery: true, compat, ..Rules::default() };
        let summary = Dissector::new(LinkType::ETHERNET, rules).dissect(frame, frame.len() as u32);
        matches!(summary.network, Network::Ip(ip) if matches!(ip.addresses, Addresses::V6 { .. }))
    };
    let within = ipv6(17, &udp(9999, b"data"));
    for (header, port, right, as_before) in [
        ("", 3544, true, true),
        ("", 5353, false, true),
        ("0000 0000 00000000", 5353, false, true),
        ("0000 0000 00000000 0000 0000 00000000", 5353, false, true),
        ("0001 0000 0000000000000000 00", 5353, false, true),
        ("7f", 5353, false, false),
        ("", 53, false, false),
    ] {
        let frame = in_udp(port, header, within.clone());
        assert_eq!([told(&frame, false), told(&frame, true)], [right, as_before], "{header} {port}");
    }
}

/// What cannot be read within a tunnel leaves the tunnel's own flow.
#[test]
fn an_unreadable_tunnel_is_its_own_flow() {
    for (name, frame, protocol) in [
        ("IP in IP", in_ip(4, "", vec![0xff; 40]), 4),
        ("cut inner header", in_ip(4, "4500 0030", vec![]), 4),
        ("6in4", in_ip(41, "60", vec![0; 8]), 41),
        ("GRE of something", in_ip(47, "0000 2001", vec![0; 40]), 47),
        ("GRE of an unknown version", in_ip(47, "3002 0800", inner()), 47),
        ("EtherIP of another version", in_ip(97, "2000", ethernet(0x0800, &inner())), 97),
        ("L2TPv3 control", in_ip(115, "00000000", inner()), 115),
        ("VXLAN without a network", in_udp(4789, "00000000 00000100", ethernet(0x0800, &inner())), 17),
        ("GTP echo", in_udp(2152, "3201 0004 00000000 00000000", vec![]), 17),
        ("GTP extensions without end", in_udp(2152, "34ff 0028 00000001 000000 85", vec![0; 40]), 17),
    ] {
        let rules = Rules { tunnel_discovery: true, ..Rules::default() };
        let summary = Dissector::new(LinkType::ETHERNET, rules).dissect(&frame, frame.len() as u32);
        let Network::Ip(ip) = summary.network else { panic!("{name}: {:?}", summary.network) };
        assert_eq!(ip.protocol, protocol, "{name}");
        assert!(matches!(ip.addresses, Addresses::V4 { source: 0x0a00_0063, .. }), "{name}");
    }
}

/// 3.0.8 looks for GRE in IPv4 only, but there in every fragment, and shows its header when it cannot read on.
#[test]
fn generic_encapsulation_as_in_3_0_8() {
    let mut later = in_ip(47, "2000 0800 00000007", inner());
    later[21] = 0x10;
    let unknown = in_ip(47, "0000 2001", vec![7; 40]);
    for compat in [false, true] {
        let rules = Rules { compat, ..Rules::default() };
        let told = |frame: &[u8]| {
            let summary = Dissector::new(LinkType::ETHERNET, rules).dissect(frame, frame.len() as u32);
            let Network::Ip(ip) = summary.network else { panic!("{:?}", summary.network) };
            (ip.protocol, summary.encapsulation.0 & 0x40 != 0, summary.user.len())
        };
        let in_ipv6 = told(&ethernet(0x86dd, &ipv6(47, &behind("2000 0800 00000007", inner()))));
        assert_eq!(in_ipv6, if compat { (47, false, 40) } else { (17, true, 4) });
        assert_eq!(told(&later), if compat { (17, true, 4) } else { (47, false, 60) });
        assert_eq!(told(&unknown), (47, true, if compat { 44 } else { 40 }));
    }
}

/// Whatever nests without end: the walk gives up at its depth, and the frame still has a flow that is not the innermost.
#[test]
fn nesting_is_bounded() {
    let many = |header: &dyn Fn(Vec<u8>) -> Vec<u8>| (0..40).fold(inner(), |data, _| header(data));
    for (name, frame) in [
        (
            "tags",
            ethernet(
                0x8100,
                &(0..40).fold(behind("0001 0800", inner()), |data, _| behind("0001 8100", data)),
            ),
        ),
        ("IP in IP", ethernet(0x0800, &many(&|data| ip(4, 99, &data)))),
        (
            "VXLAN",
            ethernet(
                0x0800,
                &many(&|data| ip(17, 99, &udp(4789, &behind("08000000 00000100", ethernet(0x0800, &data))))),
            ),
        ),
        (
            "GRE bridging",
            ethernet(0x0800, &many(&|data| ip(47, 99, &behind("0000 6558", ethernet(0x0800, &data))))),
        ),
        ("PPI in PPI", (0..40).fold(inner(), |data, _| behind("0000 0800 c0000000", data))),
    ] {
        let link = if name == "PPI in PPI" { 192 } else { 1 };
        let rules = Rules { tunnel_discovery: true, ..Rules::default() };
        let summary = Dissector::new(LinkType(link), rules).dissect(&frame, frame.len() as u32);
        let innermost = matches!(summary.network, Network::Ip(ip) if ip.ports == (12345, 9999));
        assert!(!innermost, "{name}: {:?}", summary.network);
    }
}
