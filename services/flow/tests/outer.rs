//! Captured encapsulation headers in records of version 5 (ARGUS_ENCAPS_CAPTURE).

mod common;

use common::{A, B, frame, icmp, ipv4, records, section, tagged, tcp, timed_records, udp};
use flow::Config;
use record::{Index, RecordView, Version};

fn config() -> Config {
    Config { outer_headers: true, tunnel_discovery: true, version: Version::V5, ..Config::default() }
}

/// The captured headers of source and destination.
fn headers(record: &[u8]) -> Option<[Vec<u8>; 2]> {
    let encaps = RecordView::new(record).expect("a record").encaps().expect("encapsulations");
    encaps.headers.map(|(src, dst)| [src.to_vec(), dst.to_vec()])
}

/// A frame of a datagram from `from`, between the same two.
fn datagram(from: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let (to, ports) = if from == A { (B, (1000, 2000)) } else { (A, (2000, 1000)) };
    frame(from, &ipv4(from, to, 17, (1, 0), &udp(ports, payload)))
}

/// The example of the record-format chapter, section 12.9: the section octet by octet.
#[test]
fn ethernet_headers_of_both_directions() {
    let frames = [
        frame(A, &ipv4(A, B, 6, (1, 0), &tcp(2, 1, 0, b""))),
        // The answer, its ports the other way round.
        frame(B, &ipv4(B, A, 6, (1, 0), &[&[0, 80, 0, 1][..], &tcp(0x12, 9, 2, b"")[4..]].concat())),
    ];
    let got = records(config(), &frames);
    assert_eq!(got.len(), 1);
    let expected = [
        &[0x20, 0, 0, 12][..],
        &[0, 0, 0, 2, 0, 0, 0, 2, 0, 14, 0, 14],
        &frames[0][..14],
        &[0, 0],
        &frames[1][..14],
        &[0, 0],
    ]
    .concat();
    assert_eq!(section(&got[0], Index::Encaps), expected);
}

/// The first packet's of each direction and record, whatever follows; both ways through a frame, and frames of no IP.
#[test]
fn first_packets_count() {
    let plain = datagram(A, b"x");
    let frames = [
        (0.0, tagged(&plain, 7)),
        (0.1, plain.clone()),
        (0.2, datagram(B, b"y")),
        // Another record.
        (20.0, plain.clone()),
    ];
    let got = timed_records(config(), &frames);
    let told: Vec<_> = got.iter().map(|record| headers(record).expect("headers")).collect();
    let first = [frames[0].1[..18].to_vec(), frames[2].1[..14].to_vec()];
    assert_eq!(told, [first, [plain[..14].to_vec(), Vec::new()]]);

    let arp = [&frame(A, b"")[..12], &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1], &[0; 20]].concat();
    let llc = [&frame(A, b"")[..12], &[0, 38, 0x42, 0x42, 3], &[0; 35]].concat();
    let ping = frame(A, &ipv4(A, B, 1, (1, 0), &icmp(8, 0, 1, &[0; 20])));
    for (frame, octets) in [(arp, 14), (llc, 17), (ping, 14)] {
        let got = records(config(), std::slice::from_ref(&frame));
        assert_eq!(headers(&got[0]), Some([frame[..octets].to_vec(), Vec::new()]), "{frame:02x?}");
    }
}

/// All that is around the inner packet, up to its own header.
#[test]
fn tunnels_are_kept_whole() {
    const OUT: ([u8; 4], [u8; 4]) = ([192, 0, 2, 1], [192, 0, 2, 2]);
    let inner = datagram(A, b"x");
    let vxlan = [&[8, 0, 0, 0, 0, 0, 100, 0][..], &inner].concat();
    let geneve = [&[0, 0, 0x65, 0x58, 0, 0, 100, 0][..], &inner].concat();
    let gre = [&[0, 0, 8, 0][..], &inner[14..]].concat();
    let labels = [&frame(A, b"")[..12], &[0x88, 0x47, 0, 1, 0x41, 64], &inner[14..]].concat();
    let around = |protocol, payload: &[u8]| frame(A, &ipv4(OUT.0, OUT.1, protocol, (1, 0), payload));
    for (name, mut octets, expected) in [
        ("VXLAN", around(17, &udp((5000, 4789), &vxlan)), 14 + 20 + 8 + 8 + 14),
        ("GENEVE", around(17, &udp((5000, 6081), &geneve)), 14 + 20 + 8 + 8 + 14),
        ("GRE", around(47, &gre), 14 + 20 + 4),
        ("MPLS", labels, 14 + 4),
        // Nothing within can be read: the flow is the tunnel's, and only what is around that is kept.
        ("unread", around(47, &[0, 0, 0x12, 0x34, 1, 2, 3]), 14),
    ] {
        // Padding behind the outer packet moves nothing.
        octets.extend_from_slice(&[0; 9]);
        let got = records(config(), std::slice::from_ref(&octets));
        assert_eq!(headers(&got[0]), Some([octets[..expected].to_vec(), Vec::new()]), "{name}");
    }
}

/// The sections of GRE, VXLAN and GENEVE: ids of each direction, the outer key once.
#[test]
fn tunnels_are_told() {
    let config = || Config { tunnels: true, outer_headers: false, ..config() };
    let (one, two) = ([10, 0, 0, 30], [10, 0, 0, 2]);
    let outer = |back: bool, protocol, payload: &[u8]| {
        let (from, to) = if back { (two, one) } else { (one, two) };
        frame(from, &ipv4(from, to, protocol, (1, 0), payload))
    };
    let there = datagram(A, b"x");
    let back = datagram(B, b"y");
    // The worked example of the chapter, octet by octet.
    let gre = |inner: &[u8]| [&[0, 0, 8, 0][..], &inner[14..]].concat();
    let got = records(config(), &[outer(false, 47, &gre(&there)), outer(true, 47, &gre(&back))]);
    assert_eq!(got.len(), 1);
    let example =
        [&[0x41, 0, 0, 7, 0, 0, 8, 0, 2, 0x41, 1, 5, 2, 0, 0, 10, 30, 0, 0, 10, 0x2f, 0, 0, 0][..], &[0; 4]]
            .concat();
    assert_eq!(section(&got[0], Index::Gre), example);
    let encaps = RecordView::new(&got[0]).expect("a record").encaps().expect("encapsulations");
    assert_eq!((encaps.src, encaps.dst, encaps.headers), (0x142, 0x142, None));
    // The same record when only the answer was in a tunnel.
    let got = records(config(), &[there.clone(), outer(true, 47, &gre(&back))]);
    assert_eq!(section(&got[0], Index::Gre), example);

    let vxlan = |vni: u8, inner: &[u8]| [&[8, 0, 0, 0, 0, 1, vni, 0][..], inner].concat();
    let got = records(
        config(),
        &[
            outer(false, 17, &udp((5000, 4789), &vxlan(2, &there))),
            outer(true, 17, &udp((5001, 4789), &vxlan(3, &back))),
        ],
    );
    assert_eq!(section(&got[0], Index::Vxlan), [0x43, 0, 3, 3, 0, 0, 1, 2, 0, 0, 1, 3]);

    let geneve = [&[0, 0, 0x65, 0x58, 0, 0, 100, 0][..], &there].concat();
    let got = records(config(), &[outer(false, 17, &udp((5000, 6081), &geneve))]);
    let view = RecordView::new(&got[0]).expect("a record");
    let told = view.geneve().expect("a tunnel");
    assert_eq!((told.protocol, told.vni), (0x6558, 100));
    let key = told.outer.normalised().key;
    assert_eq!(
        (key.src_addr(), key.dst_addr(), key.ports()),
        (Some(record::Addr::V4(one.into())), Some(record::Addr::V4(two.into())), Some((5000, 6081)))
    );
    // Nothing of it for flows outside of tunnels, nor where it was not asked for.
    for (config, frames) in [
        (config(), [there]),
        (Config { tunnels: false, ..config() }, [outer(false, 47, &gre(&back))]),
        (Config { version: Version::V3, ..config() }, [outer(false, 47, &gre(&back))]),
    ] {
        let got = records(config, &frames);
        for index in [Index::Gre, Index::Vxlan, Index::Geneve] {
            assert!(section(&got[0], index).is_empty());
        }
    }
}

/// More than is kept: the first 128 octets.
#[test]
fn long_headers_are_cut() {
    let mut packet = ipv4(A, B, 17, (1, 0), &udp((1, 2), b"x"));
    for _ in 0..9 {
        packet = ipv4(A, B, 4, (1, 0), &packet);
    }
    let octets = frame(A, &packet);
    let got = records(config(), std::slice::from_ref(&octets));
    assert_eq!(headers(&got[0]), Some([octets[..128].to_vec(), Vec::new()]));
}

#[test]
fn only_where_asked_for_and_there_is_a_place() {
    let frames = [datagram(A, b"x")];
    for config in [Config { outer_headers: false, ..config() }, Config { version: Version::V3, ..config() }] {
        let got = records(config, &frames);
        assert_eq!(headers(&got[0]), None);
        assert_eq!(section(&got[0], Index::Encaps).len(), 12);
    }
}
