//! What 3.0.8 takes for the length of what it finds behind radio, tunnel and authentication headers. Values seen by running
//! it.

use packet::{Dissector, Ip, LinkType, Network, Rules, Summary, Transport};

const ETHERNET: i32 = 1;
const IEEE802_11: i32 = 105;
const PRISM: i32 = 119;
const AVS: i32 = 163;

fn ipv4(protocol: u8, data: &[u8]) -> Vec<u8> {
    let [high, low] = (20 + data.len() as u16).to_be_bytes();
    let header = [0x45, 0, high, low, 0, 1, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    [&header[..], data].concat()
}

fn ipv6(next: u8, data: &[u8]) -> Vec<u8> {
    let [high, low] = (data.len() as u16).to_be_bytes();
    let address = |last: u8| [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    [&[0x60, 0, 0, 0, high, low, next, 64][..], &address(1), &address(2), data].concat()
}

/// Eight octets in a datagram.
fn datagram() -> Vec<u8> {
    [&[0x30, 0x39, 0x27, 0x0f, 0, 16, 0, 0][..], b"abcdefgh"].concat()
}

fn ethernet(ethertype: u16, data: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1][..], &ethertype.to_be_bytes(), data].concat()
}

fn told(link: i32, frame: &[u8], compat: bool) -> (Summary<'_>, Ip<'_>) {
    let rules = Rules { compat, ..Rules::default() };
    let summary = Dissector::new(LinkType(link), rules).dissect(frame, frame.len() as u32);
    let Network::Ip(ip) = summary.network else { panic!("{:?}", summary.network) };
    (summary, ip)
}

#[test]
fn ipv6_behind_headers_that_are_not_taken_off() {
    let inner = ipv6(17, &datagram());
    let radio = |quality: bool| {
        let mut frame = vec![if quality { 0x88 } else { 8 }, 1, 0, 0];
        frame.extend([2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0, 0]);
        frame.extend(if quality { &[0, 0][..] } else { &[] });
        frame.extend([0xaa, 0xaa, 3, 0, 0, 0, 0x86, 0xdd]);
        [frame, inner.clone()].concat()
    };
    let gre = |header: &[u8], data: &[u8]| ethernet(0x0800, &ipv4(47, &[header, data].concat()));
    let prism = [&[0, 0, 0, 0x44, 0, 0, 0, 144][..], &[0; 136], &radio(false)].concat();
    let avs = [&[0x80, 0x21, 0x10, 1, 0, 0, 0, 64][..], &[0; 56], &radio(false)].concat();
    let erspan = [&[0x10, 0, 0, 1, 0, 0, 0, 0][..], &ethernet(0x86dd, &inner)].concat();
    let isl =
        [&[1, 0, 0x0c, 0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 80][..], &[0; 12], &ethernet(0x86dd, &inner)].concat();
    for (name, link, frame, fault) in [
        ("802.11", IEEE802_11, radio(false), 24),
        ("802.11 with a class of traffic", IEEE802_11, radio(true), 26),
        ("PRISM", PRISM, prism, 144 + 24),
        ("AVS", AVS, avs, 64 + 24),
        ("GRE", ETHERNET, gre(&[0, 0, 0x86, 0xdd], &inner), 0),
        ("GRE with key and number", ETHERNET, gre(&[0x30, 0, 0x86, 0xdd, 0, 0, 0, 7, 0, 0, 0, 1], &inner), 8),
        ("ERSPAN", ETHERNET, gre(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1], &erspan), 0),
        ("ISL", ETHERNET, isl, -14),
    ] {
        assert_eq!(told(link, &frame, false).1.application, 8, "{name}");
        assert_eq!(told(link, &frame, true).1.application, 8 + fault, "{name}");
    }
}

#[test]
fn older_radio_headers() {
    let radio = [&[0, 0, 0, 0x44, 0, 0, 0, 144][..], &[0; 136], &[8, 1, 0, 0], &[2; 20]].concat();
    let frame = [&radio[..], &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &ipv4(17, &datagram())].concat();
    // 3.0.8 counts the header and does not tell of it.
    for (compat, octets, mask) in [(false, frame.len() - 144, 0x6_0008), (true, frame.len(), 0x2_0008)] {
        let (summary, _) = told(PRISM, &frame, compat);
        assert_eq!((summary.length as usize, summary.encapsulation.0), (octets, mask), "{compat}");
    }
}

#[test]
fn behind_an_authentication_header() {
    const AH: u8 = 51;
    let authenticated = |next: u8, check: usize, data: &[u8]| {
        let header = [next, (check / 4 + 1) as u8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1];
        ethernet(0x0800, &ipv4(AH, &[&header[..], &vec![5; check], data].concat()))
    };
    // 3.0.8 takes the header for 16 octets, and behind it looks for messages, but for no protocol below.
    let security = authenticated(50, 12, &[0, 0, 0, 9, 0, 0, 0, 1, 7, 7]);
    assert!(matches!(told(ETHERNET, &security, false).1.transport, Transport::Esp { spi: 9, .. }));
    assert_eq!(
        (told(ETHERNET, &security, true).1.protocol, told(ETHERNET, &security, true).0.user.len()),
        (AH, 18)
    );
    let tunnel = authenticated(47, 4, &[&[0, 0, 8, 0][..], &ipv4(17, &datagram())].concat());
    assert_eq!([false, true].map(|compat| told(ETHERNET, &tunnel, compat).1.protocol), [17, 47]);
    let twice =
        authenticated(AH, 4, &[17, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 5, 5, 5, 5, 0, 7, 0, 8, 0, 8, 0, 0]);
    assert_eq!([false, true].map(|compat| told(ETHERNET, &twice, compat).1.ports), [(7, 8), (0, 0)]);
    // An error that quotes such a packet: the user data begins where 3.0.8 would look for the transport header.
    for (octets, expected) in [(24, [24, 8]), (8, [8, 8])] {
        let quoted = &security[14..14 + 20 + octets];
        let error = ethernet(0x0800, &ipv4(1, &[&[3, 0, 0, 0, 0, 0, 0, 0][..], quoted].concat()));
        assert_eq!([false, true].map(|compat| told(ETHERNET, &error, compat).0.user.len()), expected);
    }
}

#[test]
fn discovery_of_pppoe_is_shown_whole() {
    let frame = ethernet(0x8863, &[0x11, 9, 0, 0, 0, 4, 1, 1, 0, 0]);
    for compat in [false, true] {
        let rules = Rules { compat, ..Rules::default() };
        let summary = Dissector::new(LinkType::ETHERNET, rules).dissect(&frame, frame.len() as u32);
        assert_eq!(summary.user, &frame[14..], "{compat}");
    }
}
