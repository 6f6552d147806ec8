//! ICMP messages and fragments as 3.0.8.2 takes them, and as they are. Values seen by running it.

mod common;

use common::{A, B, application, frame, icmp, ipv4, packets, records, section, timed_records, udp};
use flow::Config;
use record::Index;

fn config(compat: bool) -> Config {
    Config { compat, application_octets: true, ..Config::default() }
}

/// Start and end of a record in milliseconds from the first frame.
fn times(record: &[u8]) -> [u64; 2] {
    let time = section(record, Index::Time);
    let stamp = |words: &[u8]| {
        let numbers = u64::from_be_bytes(words.try_into().unwrap_or_default());
        ((numbers >> 32) - 1_600_000_000) * 1000 + (numbers & 0xffff_ffff) / 1000
    };
    let stamps: Vec<u64> = time[4..].chunks_exact(8).map(stamp).collect();
    [stamps[0], *stamps.last().unwrap_or(&0)]
}

#[test]
fn messages_of_routers_quote_nothing() {
    // A flow, and an advertisement whose octets could be one of its packets.
    let packet = ipv4(A, B, 17, (1, 0), &udp((1, 2), b"datagram"));
    let told = |code| frame(B, &ipv4(B, A, 1, (2, 0), &icmp(9, code, 0, &packet[..28])));
    for (compat, expected) in [(false, vec![[1, 0], [1, 0], [1, 0]]), (true, vec![[1, 0], [2, 0]])] {
        let got = records(config(compat), &[frame(A, &packet), told(0), told(16)]);
        // 3.0.8 does not tell code 16 (RFC 5944) from 0.
        assert_eq!(got.iter().map(|one| packets(one)).collect::<Vec<_>>(), expected);
        assert!(section(&got[0], Index::Icmp).is_empty(), "an error of the flow");
        assert_eq!(application(&got[1])[0] % 36, 0, "the message's octets, not what its third word states");
    }
    // Of a type that nobody knows 3.0.8 takes it for an error.
    let unknown = frame(B, &ipv4(B, A, 1, (2, 0), &icmp(99, 0, 0, &packet[..28])));
    let mapped = |compat| {
        !section(&records(config(compat), &[frame(A, &packet), unknown.clone()])[0], Index::Icmp).is_empty()
    };
    assert_eq!([mapped(false), mapped(true)], [false, true]);
}

fn fragment(id: u16, offset: usize, octets: usize, more: bool) -> Vec<u8> {
    let datagram = udp((1000, 2000), &[7; 200]);
    let word = (offset / 8) as u16 | if more { 0x2000 } else { 0 };
    frame(A, &ipv4(A, B, 17, (id, word), &datagram[offset..offset + octets]))
}

#[test]
fn fragments_never_set_a_flow_back() {
    let whole = frame(A, &ipv4(A, B, 17, (9, 0), &udp((1000, 2000), b"datagram")));
    // Datagrams with a hole, whose fragments are counted as the flow is reported.
    for (frames, expected) in [
        (vec![(0.0, fragment(1, 0, 32, true)), (0.2, fragment(1, 56, 24, false)), (1.0, whole)], [0, 1000]),
        (
            vec![
                (0.0, fragment(1, 0, 32, true)),
                (0.1, fragment(2, 0, 32, true)),
                (0.5, fragment(1, 56, 24, false)),
                (0.9, fragment(2, 56, 24, false)),
            ],
            [0, 900],
        ),
    ] {
        for compat in [false, true] {
            let got = timed_records(config(compat), &frames);
            assert_eq!((got.len(), times(&got[0])), (1, expected), "{compat}");
        }
    }
    // The first one last: 3.0.8 ends the record where the others did.
    let frames = [(0.0, fragment(1, 32, 24, true)), (1.0, fragment(1, 0, 32, true))];
    let told = |compat| times(&timed_records(config(compat), &frames)[0]);
    assert_eq!([told(false), told(true)], [[0, 1000], [0, 0]]);
}

#[test]
fn a_fragment_that_comes_twice() {
    // Flags of the section: 2 for fragments that overlap.
    let overlap = |compat, frames: &[Vec<u8>]| {
        let network = section(&records(config(compat), frames)[0], Index::Network);
        assert_eq!(network[1] & 0x0f, 5, "a fragment's section");
        network[2] & 2 != 0
    };
    let [one, last, other] =
        [fragment(1, 32, 24, true), fragment(1, 56, 24, false), fragment(1, 40, 24, true)];
    for (frames, as_before) in [
        (vec![one.clone(), one.clone(), last.clone()], false),
        (vec![last.clone(), one.clone(), one.clone()], true),
        (vec![one.clone(), other.clone(), last.clone()], true),
    ] {
        assert!(overlap(false, &frames));
        assert_eq!(overlap(true, &frames), as_before);
    }
    assert!(!overlap(false, &[one, last]));
}

#[test]
fn errors_of_a_record_are_told_together() {
    let packet = ipv4(A, B, 17, (1, 0), &udp((1000, 2000), b"datagram"));
    let error = |kind: u8| frame(B, &ipv4(B, A, 1, (2, 0), &icmp(kind, 0, 0, &packet[..28])));
    // Unreachable, then time exceeded; in the next record a parameter problem, which has no bit of its own.
    let frames = [
        (0.0, frame(A, &packet)),
        (0.1, error(3)),
        (0.2, error(11)),
        (6.0, frame(A, &packet)),
        (6.1, error(12)),
    ];
    for (compat, expected) in [(false, vec![(5, 11), (0, 12)]), (true, vec![(5, 11), (5, 12)])] {
        let got = timed_records(config(compat), &frames);
        let told: Vec<(u8, u8)> = got
            .iter()
            .map(|record| section(record, Index::Icmp))
            .filter(|section| !section.is_empty())
            .map(|section| (section[2], section[4]))
            .collect();
        assert_eq!(told, expected, "{compat}");
    }
}

#[test]
fn questions_begin_the_data_anew() {
    let question = |number: u8, octets: usize| {
        frame(A, &ipv4(A, B, 1, (1, 0), &icmp(17, 0, u32::from(number), &vec![number; octets])))
    };
    // 3.0.8 only adds a message of less than 28 octets.
    for (octets, as_before) in [(12, 3), (32, 1)] {
        let frames: Vec<Vec<u8>> = (1..4).map(|number| question(number, octets)).collect();
        for (compat, messages) in [(false, 1), (true, as_before)] {
            let got = records(Config { user_data: 200, ..config(compat) }, &frames);
            let data = section(&got[0], Index::SrcData);
            assert_eq!(
                usize::from(u16::from_be_bytes([data[6], data[7]])),
                messages * (8 + octets),
                "{compat}"
            );
        }
    }
}

#[test]
fn a_question_names_the_flow_of_its_early_answer() {
    let message =
        |kind, from, to| frame(from, &ipv4(from, to, 1, (1, 0), &icmp(kind, 0, 0x0007_0001, &[1; 40])));
    for compat in [false, true] {
        let kinds = |frames: &[Vec<u8>]| -> Vec<u8> {
            records(config(compat), frames).iter().map(|record| section(record, Index::Network)[4]).collect()
        };
        assert_eq!(kinds(&[message(0, B, A)]), [0]);
        assert_eq!(kinds(&[message(0, B, A), message(8, A, B)]), [8]);
    }
}
