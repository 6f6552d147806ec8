//! Keys other than the 5-tuple in both directions, checked against argus 3.0.8.2 where `compat` is set.

mod common;

use common::{A, B, application, frame, icmp, ipv4, packets, records, section, tagged, tcp, udp};
use flow::{Config, KeyParts};
use record::Index;

const CLASSIC: KeyParts =
    KeyParts { five_tuple: true, layer_3_matrix: false, layer_2: false, vlan: false, mpls: false };

fn config(key: KeyParts, compat: bool) -> Config {
    Config { key, compat, application_octets: true, ..Config::default() }
}

/// A datagram in three fragments.
fn fragments(id: u16) -> Vec<Vec<u8>> {
    let first = udp((1000, 2000), &[7; 792]);
    [(0x2000, &first[..]), (0x2000 | 100, &[8; 800]), (200, &[9; 100])]
        .iter()
        .map(|&(offset, payload)| frame(A, &ipv4(A, B, 17, (id, offset), payload)))
        .collect()
}

#[test]
fn fragments_join_their_datagram_under_every_key_of_more_than_the_five_tuple() {
    let keys = [
        KeyParts { vlan: true, ..CLASSIC },
        KeyParts { mpls: true, ..CLASSIC },
        KeyParts { layer_2: true, ..CLASSIC },
    ];
    for key in keys {
        for compat in [false, true] {
            let plain = fragments(7);
            let on_vlan: Vec<_> = plain.iter().map(|frame| tagged(frame, 5)).collect();
            for frames in [plain, on_vlan] {
                let got = records(config(key, compat), &frames);
                assert_eq!(got.iter().map(|r| packets(r)).collect::<Vec<_>>(), [[3, 0]], "{key:?} {compat}");
                // Its fragments are merged.
                assert_eq!(section(&got[0], Index::IpAttr)[2] & 0x10, 0x10);
            }
        }
    }
}

#[test]
fn fragments_of_two_vlans_are_two_datagrams_where_the_tag_is_in_the_key() {
    let mixed = |key| {
        let frames: Vec<_> =
            [5, 6].iter().flat_map(|&tag| fragments(7).into_iter().map(move |f| tagged(&f, tag))).collect();
        records(config(key, false), &frames).iter().map(|record| packets(record)).collect::<Vec<_>>()
    };
    assert_eq!(mixed(KeyParts { vlan: true, ..CLASSIC }), [[3, 0], [3, 0]]);
    assert_eq!(mixed(CLASSIC), [[6, 0]]);
}

#[test]
fn errors_are_noted_with_the_flow_they_quote_under_longer_keys_too() {
    let datagram = ipv4(A, B, 17, (1, 0), &udp((1000, 2000), b"hello there"));
    let error = ipv4(B, A, 1, (2, 0), &icmp(3, 3, 0, &datagram[..28]));
    let frames = [tagged(&frame(A, &datagram), 5), tagged(&frame(B, &error), 5)];
    let noted = |key, compat| {
        let got = records(config(key, compat), &frames);
        assert_eq!(got.len(), 2);
        !section(&got[0], Index::Icmp).is_empty()
    };
    for compat in [false, true] {
        assert!(noted(CLASSIC, compat));
        assert!(noted(KeyParts { vlan: true, ..CLASSIC }, compat));
        assert!(noted(KeyParts { mpls: true, ..CLASSIC }, compat));
    }
    // 3.0.8 looks for it with the addresses of the frame that came back.
    assert!(noted(KeyParts { layer_2: true, ..CLASSIC }, false));
    assert!(!noted(KeyParts { layer_2: true, ..CLASSIC }, true));
    // Not on another network.
    let elsewhere = [tagged(&frame(A, &datagram), 5), tagged(&frame(B, &error), 6)];
    let got = records(config(KeyParts { vlan: true, ..CLASSIC }, false), &elsewhere);
    assert!(section(&got[0], Index::Icmp).is_empty());
}

#[test]
fn a_matrix_is_one_flow_whatever_the_protocol() {
    let frames = [
        frame(A, &ipv4(A, B, 17, (1, 0), &udp((1000, 2000), &[1; 30]))),
        frame(B, &ipv4(B, A, 1, (2, 0), &icmp(8, 0, 1, &[2; 20]))),
        frame(A, &ipv4(A, B, 6, (3, 0), &tcp(2, 1, 0, b""))),
        frame(A, &ipv4(A, B, 17, (4, 0x2000), &udp((1000, 2000), &[1; 792]))),
        frame(A, &ipv4(A, B, 17, (4, 100), &[3; 50])),
    ];
    let matrix = KeyParts { five_tuple: false, ..CLASSIC };
    for compat in [false, true] {
        let by_address = records(config(KeyParts { layer_3_matrix: true, ..matrix }, compat), &frames);
        assert_eq!(by_address.iter().map(|r| packets(r)).collect::<Vec<_>>(), [[4, 1]]);
        let expected = if compat { [38 + 20 + 800 + 50, 28] } else { [30 + 792 + 50, 28] };
        assert_eq!(application(&by_address[0]), expected);
        let by_station = records(config(KeyParts { layer_2: true, ..matrix }, compat), &frames);
        assert_eq!(by_station.iter().map(|r| packets(r)).collect::<Vec<_>>(), [[4, 1]]);
        let octets: usize = frames.iter().map(Vec::len).sum();
        assert_eq!(application(&by_station[0]).iter().sum::<u64>(), octets as u64);
        // No protocol, so no state of one.
        assert_eq!(section(&by_station[0], Index::Network), [0x30, 0, 0, 1]);
    }
}

#[test]
fn unidirectional_answers_are_flows_of_their_own() {
    let frames = [
        frame(A, &ipv4(A, B, 1, (1, 0), &icmp(8, 0, 0x55_0001, &[0; 30]))),
        frame(B, &ipv4(B, A, 1, (2, 0), &icmp(0, 0, 0x55_0001, &[0; 30]))),
    ];
    let told = |compat| {
        let config = Config { unidirectional: true, compat, ..Config::default() };
        records(config, &frames).iter().map(|record| packets(record)).collect::<Vec<_>>()
    };
    assert_eq!(told(false), [[1, 0], [1, 0]]);
    // 3.0.8 leaves them with their question.
    assert_eq!(told(true), [[1, 1]]);
}
