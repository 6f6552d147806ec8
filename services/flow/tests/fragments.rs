//! Datagrams in fragments whose flow is one of messages, or is reported before they have all come. Values seen by running
//! 3.0.8.2.

mod common;

use common::{frame, icmp, ipv4, packets, section, timed_records, udp};
use flow::Config;
use record::Index;

fn config(compat: bool, seconds: u64) -> Config {
    let status_interval = std::time::Duration::from_secs(seconds);
    Config { compat, application_octets: true, status_interval, ..Config::default() }
}

const LOWER: [u8; 4] = [10, 0, 0, 1];
const HIGHER: [u8; 4] = [10, 0, 0, 2];

/// The pieces of a datagram, 80 octets each.
fn pieces(from: [u8; 4], to: [u8; 4], protocol: u8, id: u16, payload: &[u8]) -> Vec<Vec<u8>> {
    let last = payload.len().div_ceil(80) - 1;
    let piece = |(number, part): (usize, &[u8])| {
        let more = if number < last { 0x2000 } else { 0 };
        frame(from, &ipv4(from, to, protocol, (id, (number as u16 * 10) | more), part))
    };
    payload.chunks(80).enumerate().map(piece).collect()
}

#[test]
fn fragments_of_messages_count_for_their_sender() {
    // A question in two fragments, its answer in three.
    for (asks, answers, as_before) in [(LOWER, HIGHER, [2, 3]), (HIGHER, LOWER, [3, 2])] {
        let question = pieces(asks, answers, 1, 1, &icmp(8, 0, 0x0007_0001, &[1; 100]));
        let answer = pieces(answers, asks, 1, 2, &icmp(0, 0, 0x0007_0001, &[1; 200]));
        let frames: Vec<_> = question.into_iter().chain(answer).map(|frame| (0.0, frame)).collect();
        // 3.0.8 goes by the order of the addresses, which the key of a message does not keep.
        for (compat, expected) in [(false, [2, 3]), (true, as_before)] {
            let got = timed_records(config(compat, 5), &frames);
            assert_eq!((got.len(), packets(&got[0])), (1, expected), "{asks:?} {compat}");
        }
    }
}

#[test]
fn fragments_that_come_slower_than_reports() {
    let datagram = pieces(LOWER, HIGHER, 17, 1, &udp((1000, 2000), &[7; 300]));
    let frames: Vec<_> = [0.0, 1.5, 3.0, 4.5].into_iter().zip(datagram).collect();
    let counts = |compat| -> Vec<_> {
        let got = timed_records(config(compat, 2), &frames);
        let fragment =
            |record: &[u8]| section(record, Index::Network).get(1).is_some_and(|kind| kind & 15 == 5);
        got.iter().map(|record| (packets(record)[0], fragment(record))).collect()
    };
    // At 3 s the flow is reported. 3.0.8 then forgets a datagram whose first fragment is 2 s old; what comes later is a flow
    // of fragments.
    assert_eq!(counts(false), [(3, false), (1, false)]);
    assert_eq!(counts(true), [(3, false), (1, true)]);
}

#[test]
fn the_key_of_fragments_in_later_records() {
    // Fragments other than the first, in one record each.
    let part = |offset: u16| frame(LOWER, &ipv4(LOWER, HIGHER, 17, (0x1234, offset | 0x2000), &[7; 80]));
    let frames = [(0.0, part(10)), (3.0, part(20)), (4.5, part(30))];
    for (compat, later) in [(false, 0x81), (true, 0x01)] {
        let got = timed_records(config(compat, 2), &frames);
        let qualifiers: Vec<u8> = got.iter().map(|record| section(record, Index::Flow)[2]).collect();
        assert_eq!(qualifiers, [0x81, later], "{compat}");
        let counted: Vec<u64> = got.iter().map(|record| packets(record)[0]).collect();
        assert_eq!(counted, [1, 2], "{compat}");
    }
}
