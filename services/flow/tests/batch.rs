//! Frames that come together give the same records as frames that come alone.

use flow::{Config, Engine, Frame, KeyParts, Time};
use packet::{Dissector, LinkType};

/// An Ethernet frame: a UDP datagram, a TCP segment, a fragment, an echo request or what is too short for any.
fn frame(number: u32) -> Vec<u8> {
    // A small generator, so that flows come back at odd distances, within one handful of frames too.
    let mixed = number.wrapping_mul(0x9e37_79b9).rotate_left(13).wrapping_mul(0x85eb_ca6b);
    let (station, port, form) = (mixed % 23, (mixed >> 8) % 3, (mixed >> 16) % 8);
    let protocol = match form {
        0..3 => 6,
        3..6 => 17,
        6 => 1,
        _ => 89,
    };
    let mut octets = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, station as u8, 8, 0, 0x45, 0, 0, 60];
    octets.extend_from_slice(&(number as u16).to_be_bytes());
    octets.extend_from_slice(if number % 11 == 5 { &[0x20, 0] } else { &[0, 0] });
    octets.extend_from_slice(&[64, protocol, 0, 0, 10, 0, 0, station as u8, 10, 0, 1, (station % 5) as u8]);
    octets.extend_from_slice(&[4, port as u8, 0, 80]);
    octets.extend_from_slice(&number.to_be_bytes());
    octets.extend_from_slice(&(number / 2).to_be_bytes());
    octets.extend_from_slice(&[0x50, if number.is_multiple_of(40) { 2 } else { 0x10 }, 0x20, 0, 0, 0, 0, 0]);
    octets.resize(74, number as u8);
    if number.is_multiple_of(29) {
        octets.truncate(number as usize % 60);
    }
    octets
}

#[test]
fn together_is_as_alone() {
    as_alone(KeyParts::default(), false);
}

/// Where flows are not told apart by addresses, protocol and ports in either direction.
#[test]
fn together_is_as_alone_with_other_keys() {
    as_alone(KeyParts::default(), true);
    as_alone(KeyParts { vlan: true, layer_2: true, ..KeyParts::default() }, false);
    as_alone(KeyParts { five_tuple: false, layer_3_matrix: true, ..KeyParts::default() }, false);
}

fn as_alone(key: KeyParts, unidirectional: bool) {
    let config = Config {
        key,
        unidirectional,
        application_octets: true,
        jitter: true,
        packet_size: true,
        mac: true,
        user_data: 16,
        // Few enough that flows are evicted: the stations alone make no more than 23.
        max_flows: if key.five_tuple { 40 } else { 16 },
        ..Config::default()
    };
    let dissector = Dissector::new(LinkType::ETHERNET, config.rules());
    // Time jumps now and then by more than a status interval or an idle timeout, and back.
    let time = |number: u32| match number % 500 {
        250..260 => Time::from_micros(i64::from(number / 100) + 400, i64::from(number)),
        _ => Time::from_micros(i64::from(number / 100), i64::from(number)),
    };
    let frames: Vec<(Time, Vec<u8>)> = (0..20_000).map(|number| (time(number), frame(number))).collect();
    let mut alone = Vec::new();
    let mut engine = Engine::new(config.clone()).expect("memory");
    for (time, octets) in &frames {
        let mut sink = |record: &[u8]| alone.extend_from_slice(record);
        engine.packet(*time, &dissector.dissect(octets, octets.len() as u32), &mut sink);
    }
    engine.flush(&mut |record: &[u8]| alone.extend_from_slice(record));
    let expected = engine.counters();
    assert!(expected.evictions > 0 && expected.records > 1000, "{expected:?}");

    for size in [1, 5, 16, 17, 1000] {
        let mut together = Vec::new();
        let mut engine = Engine::new(config.clone()).expect("memory");
        let mut sink = |record: &[u8]| together.extend_from_slice(record);
        for part in frames.chunks(size) {
            let part =
                part.iter().map(|(time, octets)| Frame { time: *time, octets, length: octets.len() as u32 });
            assert!(engine.frames(&dissector, part, &mut sink) <= size);
        }
        engine.flush(&mut sink);
        assert_eq!(engine.counters(), expected, "{size} at a time");
        assert!(together == alone, "{size} at a time give other records");
    }
}
