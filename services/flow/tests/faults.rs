//! Faults of argus 3.0.8.2 that captures hardly show: reproduced with `compat`, right without. Values seen by running it.

mod common;

use common::{A, B, application, frame, ipv4, packets, records, section, tcp, timed_records, udp};
use flow::Config;
use record::Index;

fn config(compat: bool) -> Config {
    Config { compat, application_octets: true, jitter: true, ..Config::default() }
}

/// An RTP packet with 20 octets of sound.
fn rtp(sequence: u16) -> Vec<u8> {
    let header = [&[0x80, 0][..], &sequence.to_be_bytes(), &[0, 0, 0, 1, 0, 0, 0, 7]].concat();
    frame(A, &ipv4(A, B, 17, (1, 0), &udp((2000, 3000), &[&header[..], &[1; 20]].concat())))
}

#[test]
fn a_sequence_number_of_zero_is_a_number() {
    // The first packet's header counts (chapter section 7), no later one's; in 3.0.8 also that of the packet after 0.
    for (numbers, compat, expected) in [
        (&[0u16, 1, 2, 3][..], false, 92),
        (&[0, 1, 2, 3], true, 104),
        (&[65534, 65535, 0, 1, 2], false, 112),
        (&[65534, 65535, 0, 1, 2], true, 124),
        (&[7, 0, 0, 0, 9], true, 148),
    ] {
        let frames: Vec<_> = numbers.iter().map(|&number| rtp(number)).collect();
        let got = records(config(compat), &frames);
        assert_eq!(application(&got[0]), [expected, 0], "{numbers:?} {compat}");
    }
}

#[test]
fn sequence_numbers_of_sound_go_around() {
    let drops = |numbers: &[u16], compat| {
        let frames: Vec<_> = numbers.iter().map(|&number| rtp(number)).collect();
        let network = section(&records(config(compat), &frames)[0], Index::Network);
        assert_eq!(network[1], 0x0a, "{numbers:?}");
        u16::from_be_bytes([network[32], network[33]])
    };
    // 3.0.8 compares them as plain numbers, each with the one before.
    for (numbers, right, as_before) in [
        (&[65533u16, 65534, 2, 3, 4, 5][..], 3, 0),
        (&[1, 2, 65535, 3, 4, 5], 0, 65531),
        (&[1, 2, 4, 3, 5, 6], 0, 1),
        (&[1, 2, 40000, 3, 4, 5], 0, 39996),
    ] {
        assert_eq!([drops(numbers, false), drops(numbers, true)], [right, as_before], "{numbers:?}");
    }
}

#[test]
fn an_extension_header_is_taken_off() {
    // One word of extension (RFC 8285), then 20 octets of sound.
    let extended = |number: u16| {
        let mut frame = rtp(number);
        frame[42] |= 0x10;
        frame.splice(54..54, [0xbe, 0xde, 0, 1, 0x10, 1, 0, 0]);
        frame[17] += 8;
        frame[39] += 8;
        frame
    };
    let frames: Vec<_> = (1..=5).map(extended).collect();
    assert_eq!(application(&records(config(false), &frames)[0]), [40 + 4 * 20, 0]);
    // 3.0.8 takes it for implausible, and the flow for no sound.
    let got = records(config(true), &frames);
    assert_eq!(application(&got[0]), [5 * 40, 0]);
    assert_ne!(section(&got[0], Index::Network).get(1), Some(&0x0a));
}

#[test]
fn a_malformed_option_is_none() {
    let with = |options: [u8; 4]| {
        let mut packet = ipv4(A, B, 17, (1, 0), &udp((1, 2), b"datagram"));
        packet[0] = 0x46;
        packet[3] += 4;
        packet.splice(20..20, options);
        frame(A, &packet)
    };
    // Router alert whole, too long, without a length; one that is hidden behind an option of length 1.
    for (options, right, as_before) in [
        ([148, 4, 0, 0], 0x40, 0x40),
        ([148, 9, 0, 0], 0, 0x40),
        ([1, 1, 1, 148], 0, 0x40),
        ([99, 1, 148, 4], 0, 0x40),
        ([99, 9, 148, 4], 0, 0),
    ] {
        for (compat, expected) in [(false, right), (true, as_before)] {
            let got = records(config(compat), &[with(options)]);
            let attributes = section(&got[0], Index::IpAttr);
            let told = if attributes[2] & 4 != 0 { attributes[11] } else { 0 };
            assert_eq!(told, expected, "{options:?} {compat}");
        }
    }
}

#[test]
fn a_connection_goes_on_after_a_reset_that_began_its_flow() {
    let segment = |flags, payload: &[u8]| frame(A, &ipv4(A, B, 6, (1, 0), &tcp(flags, 1001, 5001, payload)));
    let frames = [segment(0x14, b""), segment(0x10, b""), segment(0x18, b"abc")];
    let right = records(config(false), &frames);
    assert_eq!((right.len(), application(&right[0])), (1, [3, 0]));
    assert_eq!(section(&right[0], Index::Network)[1], 5);
    // 3.0.8 notes their flags, and takes their headers for data.
    let as_before = records(config(true), &frames);
    assert_eq!((as_before.len(), application(&as_before[0])), (1, [43, 0]));
    let network = section(&as_before[0], Index::Network);
    assert_eq!((network[1], network[18]), (3, 0x1c));
    // A new connection ends the record, with nothing of its segment in it.
    let frames = [segment(0x14, b""), segment(0x02, b"")];
    for compat in [false, true] {
        let got = records(config(compat), &frames);
        assert_eq!(got.iter().map(|record| packets(record)).collect::<Vec<_>>(), [[1, 0], [1, 0]]);
        let status = section(&got[0], Index::Network)[6];
        assert_eq!((status & 0x10, status & 3), (0x10, 0), "reset, no retransmission");
    }
}

#[test]
fn duplicates_are_told_with_their_sender() {
    let from = |source: [u8; 4], destination, id, segment: &[u8]| {
        frame(source, &ipv4(source, destination, 6, (id, 0), segment))
    };
    let turned = |mut segment: Vec<u8>| {
        segment[..4].copy_from_slice(&[0, 80, 0, 1]);
        segment
    };
    let answer = from(B, A, 2, &turned(tcp(0x18, 5001, 1001, b"data")));
    let frames = [
        from(A, B, 1, &tcp(2, 1000, 0, b"")),
        from(B, A, 1, &turned(tcp(0x12, 5000, 1001, b""))),
        from(A, B, 2, &tcp(0x10, 1001, 5001, b"")),
        answer.clone(),
        answer,
    ];
    let status = |compat| {
        let config = Config { track_duplicates: true, ..config(compat) };
        let network = section(&records(config, &frames)[0], Index::Network);
        // Of the flow, its source, its destination.
        [4, 32, 80]
            .map(|at| u32::from_be_bytes(network[at..at + 4].try_into().unwrap_or_default()) & 0xc_0000)
    };
    assert_eq!(status(false), [0x8_0000, 0, 0xc_0000]);
    assert_eq!(status(true), [0x4_0000, 0x8_0000, 0]);
}

#[test]
fn a_short_arp_message_has_no_more_application_octets_for_it() {
    let mut arp = vec![0xff; 6];
    arp.extend_from_slice(&[2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1]);
    arp.extend_from_slice(&[0, 0, 0, 0, 0, 0, 10, 0, 0, 2]);
    let told = |captured: usize, compat| {
        let config = config(compat);
        let dissector = packet::Dissector::new(packet::LinkType::ETHERNET, config.rules());
        let mut engine = flow::Engine::new(config).expect("memory");
        let mut got = Vec::new();
        let mut sink = |record: &[u8]| got = record.to_vec();
        engine.packet(
            flow::Time::from_micros(1_600_000_000, 0),
            &dissector.dissect(&arp[..captured], 60),
            &mut sink,
        );
        engine.flush(&mut sink);
        application(&got)[0]
    };
    assert_eq!((told(42, true), told(42, false)), (32, 32));
    assert_eq!(told(40, true), 60);
}

#[test]
fn merged_fragments_bring_time_and_encapsulation() {
    let first = udp((1000, 2000), &[7; 792]);
    let frames: Vec<_> = [(0x2000, &first[..]), (0x2000 | 100, &[8; 800]), (200, &[9; 100])]
        .iter()
        .map(|&(offset, payload)| frame(A, &ipv4(A, B, 17, (7, offset), payload)))
        .collect();
    for compat in [false, true] {
        let got = records(Config { start_records: true, ..config(compat) }, &frames);
        assert_eq!(got.iter().map(|record| packets(record)).collect::<Vec<_>>(), [[1, 0], [2, 0]]);
        assert_eq!(section(&got[1], Index::Encaps)[4..8], [0, 0, 0, 2], "Ethernet");
        // 3.0.8 takes the first fragment for merged, and the last one's time for all.
        assert_eq!(section(&got[0], Index::IpAttr)[2] & 0x10 != 0, compat);
        assert_eq!(section(&got[1], Index::Time).len(), if compat { 12 } else { 20 });
    }
}

/// A segment from A to B, or back.
fn segment(side: usize, flags: u8, numbers: (u32, u32), payload: &[u8]) -> Vec<u8> {
    let mut octets = tcp(flags, numbers.0, numbers.1, payload);
    let (from, to) = if side == 0 { (A, B) } else { (B, A) };
    if side == 1 {
        octets[..4].copy_from_slice(&[0, 80, 0, 1]);
    }
    frame(from, &ipv4(from, to, 6, (1, 0), &octets))
}

/// The status words of the flow's records.
fn statuses(compat: bool, frames: &[(f64, Vec<u8>)]) -> Vec<u32> {
    let word = |record: &Vec<u8>| {
        let network = section(record, Index::Network);
        u32::from_be_bytes(network[4..8].try_into().unwrap_or_default())
    };
    timed_records(config(compat), frames).iter().map(word).collect()
}

#[test]
fn congestion_is_told_where_it_was() {
    // SYN with ECE and CWR, an answer with ECE, then an acknowledgement with ECE; later segments have none.
    let frames = [
        (0.0, segment(0, 0xc2, (1000, 0), b"")),
        (0.1, segment(1, 0x52, (5000, 1001), b"")),
        (0.2, segment(0, 0x50, (1001, 5001), b"")),
        (6.0, segment(0, 0x18, (1001, 5001), b"data")),
    ];
    let told = |compat| statuses(compat, &frames).iter().map(|word| word & 0xc000).collect::<Vec<_>>();
    assert_eq!(told(false), [0xc000, 0]);
    assert_eq!(told(true), [0xc000, 0xc000], "3.0.8 tells it ever after");
}

#[test]
fn a_reset_is_told_where_it_was() {
    // One that begins a flow; 3.0.8 tells it ever after.
    let frames = [(0.0, segment(0, 4, (1000, 0), b"")), (6.0, segment(1, 0x10, (5000, 1000), b""))];
    let told = |compat| statuses(compat, &frames).iter().map(|word| word & 0x3000).collect::<Vec<_>>();
    assert_eq!(told(false), [0x3000, 0]);
    assert_eq!(told(true), [0x3000, 0x3000]);
    // A connection that one ended is not closed in good order because a later record has none.
    let frames = [
        (0.0, segment(0, 0x10, (1000, 5000), b"")),
        (0.1, segment(0, 4, (4999, 0), b"")),
        (6.0, segment(1, 0x10, (5000, 1000), b"")),
    ];
    for compat in [false, true] {
        assert!(statuses(compat, &frames).iter().all(|word| word & 0x20 == 0), "{compat}");
    }
}

#[test]
fn a_segment_with_both_syn_and_reset_after_a_reset() {
    let frames = [segment(0, 4, (1000, 0), b""), segment(0, 6, (2000, 0), b"")];
    let told = |compat| records(config(compat), &frames).iter().map(|one| packets(one)).collect::<Vec<_>>();
    assert_eq!(told(false), [[2, 0]], "no new connection");
    assert_eq!(told(true), [[1, 0], [1, 0]]);
}

#[test]
fn a_time_that_does_not_fit() {
    // The answer comes five hours later: 18000 s, less 4 · 2³² µs in 3.0.8.
    let frames = [(0.0, segment(0, 2, (1000, 0), b"")), (18000.0, segment(1, 0x12, (5000, 1001), b""))];
    let times = |compat| {
        let record = timed_records(config(compat), &frames).pop().unwrap_or_default();
        let network = section(&record, Index::Network);
        u32::from_be_bytes(network[16..20].try_into().unwrap_or_default())
    };
    assert_eq!([times(false), times(true)], [u32::MAX, (18_000_000_000_u64 % (1 << 32)) as u32]);
}

#[test]
fn headers_of_sound_are_not_user_data() {
    let frames: Vec<Vec<u8>> = (1..5).map(rtp).collect();
    for compat in [false, true] {
        let got = records(Config { user_data: 200, ..config(compat) }, &frames);
        let data = section(&got[0], Index::SrcData);
        // The first packet whole, of the others the sound alone.
        assert_eq!(u16::from_be_bytes([data[6], data[7]]), 12 + 4 * 20, "{compat}");
    }
}
