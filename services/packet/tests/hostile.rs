//! Whatever the octets are, dissection ends, does not panic and borrows only from the frame.

use packet::{Dissector, LinkType, Network, Rules, Summary, Transport};
use proptest::prelude::*;

/// Every number that libpcap gives to a link type, and some more.
const LINKS: std::ops::Range<i32> = 0..310;

fn every_way(frame: &[u8], wire_length: u32) {
    for link in LINKS {
        for (compat, tunnel_discovery) in [(false, false), (true, false), (false, true), (true, true)] {
            let rules = Rules { compat, tunnel_discovery, ..Rules::default() };
            let dissector = Dissector::new(LinkType(link), rules);
            let summary = dissector.dissect(frame, wire_length);
            let rules = Rules { outer_headers: true, tunnels: true, ..rules };
            let told = Dissector::new(LinkType(link), rules).dissect(frame, wire_length);
            assert!(summary.outer.is_empty() && frame.starts_with(told.outer));
            if let Some(tunnel) = told.tunnel {
                assert!(tunnel.packet < tunnel.header && usize::from(tunnel.header) < told.outer.len());
            }
            assert_eq!(Summary { outer: &[], tunnel: None, ..told }, summary, "the same but for the octets");
            assert!(summary.length <= wire_length);
            assert!(summary.user.len() <= frame.len());
            if let Network::Ip(ip) = summary.network
                && let Transport::Icmp(icmp) = ip.transport
            {
                let _ = packet::quoted(rules, icmp.quoted);
            }
        }
    }
}

proptest! {
    #[test]
    fn random_octets(frame in prop::collection::vec(any::<u8>(), 0..200), more in 0u32..100_000) {
        every_way(&frame, frame.len() as u32 + more);
    }

    /// Octets that look like headers, so that the walk gets deep.
    #[test]
    fn header_like_octets(
        choices in prop::collection::vec(prop::sample::select(vec![
            &[0x08u8, 0x00][..], &[0x86, 0xdd], &[0x81, 0x00], &[0x88, 0x47], &[0x88, 0x64], &[0x08, 0x06], &[0x88, 0x0b],
            &[0x65, 0x58], &[0x88, 0xbe], &[0x00, 0x21], &[0x45, 0x00], &[0x4f, 0x00], &[0x60, 0x00], &[0x40, 0x2f],
            &[0x40, 0x11], &[0x40, 0x06], &[0x40, 0x01], &[0x40, 0x33], &[0x00, 0x00], &[0xff, 0xff], &[0xaa, 0xaa],
            &[0x03, 0x00], &[0xfe, 0xfe], &[0x12, 0xb5], &[0x08, 0x68], &[0x06, 0xa5], &[0x17, 0xc1], &[0x40, 0x04], &[0x40, 0x29],
            &[0x40, 0x61], &[0x40, 0x73], &[0x22, 0xeb], &[0x88, 0xe7], &[0x89, 0x4f], &[0x34, 0xff], &[0x4d, 0x47, 0x43, 0x80], &[0x20, 0x00], &[0x00, 0x54],
        ]), 0..120),
        cut in 0usize..8,
    ) {
        let mut frame: Vec<u8> = choices.concat();
        frame.truncate(frame.len().saturating_sub(cut));
        every_way(&frame, frame.len() as u32);
    }
}

/// GRE in GRE in GRE …: the walk gives up at its depth and the packet still has a flow.
#[test]
fn endless_nesting_ends() {
    let mut frame = vec![0u8; 12];
    frame.extend_from_slice(&[0x08, 0x00]);
    for _ in 0..60 {
        frame.extend_from_slice(&[0x45, 0, 0x05, 0xdc, 0, 0, 0, 0, 64, 47, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        frame.extend_from_slice(&[0, 0, 0x08, 0x00]);
    }
    for compat in [false, true] {
        let rules = Rules { compat, tunnel_discovery: true, outer_headers: true, tunnels: true };
        let dissector = Dissector::new(LinkType::ETHERNET, rules);
        let summary = dissector.dissect(&frame, frame.len() as u32);
        assert!(matches!(summary.network, Network::Ip(ip) if ip.protocol == 47));
    }
}

#[test]
fn tcp_over_vlan() {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x81, 0, 0xa0, 0x64, 0x08, 0];
    frame.extend_from_slice(&[0x45, 0x10, 0, 44, 0, 7, 0, 0, 63, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    frame.extend_from_slice(&[
        0x9c, 0x40, 0, 80, 0, 0, 3, 0xe8, 0, 0, 0, 0, 0x60, 2, 0x20, 0, 0, 0, 0, 0, 2, 4, 5, 0xb4,
    ]);
    frame.resize(64, 0);
    let dissector = Dissector::new(LinkType::ETHERNET, Rules::default());
    let summary = dissector.dissect(&frame, 64);
    assert_eq!((summary.length, summary.vlan, summary.encapsulation.0), (64, Some(0xa064), 6));
    assert!(summary.user.is_empty(), "padding is not user data");
    let Network::Ip(ip) = summary.network else { panic!("{:?}", summary.network) };
    assert_eq!((ip.protocol, ip.ttl, ip.tos, ip.id, ip.ports), (6, 63, 0x10, 7, (40000, 80)));
    let Transport::Tcp(tcp) = ip.transport else { panic!("{:?}", ip.transport) };
    assert_eq!((tcp.sequence, tcp.flags.0, tcp.window, tcp.payload), (1000, 2, 8192, 0));
    assert_eq!(tcp.options, [2, 4, 5, 0xb4]);
}

#[test]
fn user_data_of_a_padded_frame() {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0];
    frame.extend_from_slice(&[0x45, 0, 0, 31, 0, 7, 0, 0, 63, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    frame.extend_from_slice(&[0x9c, 0x40, 0, 69, 0, 11, 0, 0, b'a', b'b', b'c']);
    frame.resize(60, 0);
    for compat in [false, true] {
        let rules = Rules { compat, ..Rules::default() };
        assert_eq!(Dissector::new(LinkType::ETHERNET, rules).dissect(&frame, 60).user, b"abc");
        // With IP options the general walk reads it.
        let mut with_options = frame.clone();
        with_options[14] = 0x46;
        with_options[17] = 35;
        with_options.splice(34..34, [1, 1, 1, 0]);
        let summary = Dissector::new(LinkType::ETHERNET, rules).dissect(&with_options, 64);
        assert_eq!(summary.user, b"abc", "compat {compat}");
    }
}
