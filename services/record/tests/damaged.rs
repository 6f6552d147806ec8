//! Damaged streams: the record-format chapter's table 12.10 and section 11, read without losing what can be read.

mod common;

use common::*;
use record::{Frame, Framer, Reason, Record, RecordError, RecordView};

/// What a reader makes of a stream: offsets of records, unreadable stretches, octets cut at the end.
#[derive(Debug, PartialEq, Default)]
struct Seen {
    records: Vec<(u64, usize)>,
    bad: Vec<(u64, usize, Reason)>,
    cut: usize,
}

fn read(input: &[u8]) -> Seen {
    let (mut seen, mut framer, mut at) = (Seen::default(), Framer::new(), 0);
    loop {
        let (used, frame) = framer.next(&input[at..], true);
        at += used;
        assert_eq!(framer.offset(), at as u64);
        match frame {
            Frame::Record(v) => seen.records.push(((at - v.bytes().len()) as u64, v.bytes().len())),
            Frame::Unreadable { offset, len, reason } => seen.bad.push((offset, len, reason)),
            Frame::More { .. } => panic!("asked for more after the end"),
            Frame::End { cut, .. } => {
                seen.cut = cut;
                // The same in pieces of any size gives the same.
                for piece in [1, 3, 4, 7, 64, 1000] {
                    assert_eq!(read_in_pieces(input, piece), seen, "in pieces of {piece}");
                }
                return seen;
            }
        }
    }
}

fn read_in_pieces(input: &[u8], piece: usize) -> Seen {
    let (mut seen, mut framer, mut at, mut have) = (Seen::default(), Framer::new(), 0, 0);
    loop {
        let (used, frame) = framer.next(&input[at..have], have == input.len());
        at += used;
        match frame {
            Frame::Record(v) => seen.records.push(((at - v.bytes().len()) as u64, v.bytes().len())),
            Frame::Unreadable { offset, len, reason } => seen.bad.push((offset, len, reason)),
            Frame::More { .. } => have = (have + piece).min(input.len()),
            Frame::End { cut, .. } => {
                seen.cut = cut;
                return seen;
            }
        }
    }
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[test]
fn sound_stream_with_zero_words() {
    let (mar, tcp, udp) = (hex(MAR_INITIAL), hex(TCP), hex(UDP));
    let seen = read(&join(&[&mar, &[0; 4], &tcp, &[0xab, 0, 0, 0], &[0; 8], &udp, &mar, &[0; 4]]));
    assert_eq!(seen.records, [(0, 128), (132, 340), (484, 176), (660, 128)]);
    assert_eq!((seen.bad, seen.cut), (vec![], 0));
}

#[test]
fn record_cut_by_the_end() {
    let (mar, tcp) = (hex(MAR_INITIAL), hex(TCP));
    for keep in 1..tcp.len() {
        let seen = read(&join(&[&mar, &tcp[..keep]]));
        assert_eq!((seen.records.len(), seen.bad.len(), seen.cut), (1, 0, keep));
    }
}

#[test]
fn last_dsr_overruns_the_record() {
    let (mar, mut tcp, udp) = (hex(MAR_INITIAL), hex(TCP), hex(UDP));
    tcp[3] -= 1;
    let seen = read(&join(&[&mar, &tcp[..336], &udp]));
    assert_eq!(seen.records, [(0, 128), (128, 336), (464, 176)]);
    assert_eq!(seen.bad, []);
}

#[test]
fn tail_between_records() {
    // The record's length is two words short of its DSRs: the record is shown, the tail passed over.
    let (mar, mut tcp, udp) = (hex(MAR_INITIAL), hex(TCP), hex(UDP));
    tcp[3] -= 2;
    let seen = read(&join(&[&mar, &tcp, &udp]));
    assert_eq!(seen.records, [(0, 128), (128, 332), (468, 176)]);
    assert_eq!(seen.bad, [(460, 8, Reason::NotARecord)]);
}

#[test]
fn unknown_dsrs_and_fillers() {
    let (mar, tcp) = (hex(MAR_INITIAL), hex(TCP));
    let mut odd = join(&[&tcp[..4], &hex("7e000002 12345678 00000001"), &tcp[4..]]);
    odd[3] += 3;
    let seen = read(&join(&[&mar, &odd]));
    assert_eq!(seen.records, [(0, 128), (128, 352)]);
    let view = RecordView::new(&odd).expect("sound");
    assert_eq!(view.flow(), RecordView::new(&tcp).expect("sound").flow());
    assert_eq!(Record::from(view).to_bytes().expect("fits"), odd);
}

#[test]
fn zero_length_dsr() {
    let (mar, tcp, udp) = (hex(MAR_INITIAL), hex(TCP), hex(UDP));
    let mut early = tcp.clone();
    early[0x13] = 0;
    assert_eq!(RecordView::new(&early).map(|_| ()), Err(RecordError::ZeroDsr { at: 0x10 }));
    let seen = read(&join(&[&mar, &early, &udp]));
    assert_eq!(seen.records, [(0, 128), (468, 176)]);
    assert_eq!(seen.bad, [(128, 340, Reason::ZeroDsr)]);
    // After TIME what was decoded so far is used.
    let mut late = tcp.clone();
    late[0x3b] = 0;
    let view = RecordView::new(&late).expect("usable");
    assert!(view.metric().is_none());
    assert_eq!(view.start().secs(), 1_700_000_000);
    assert_eq!(Record::from(view).to_bytes().expect("fits"), late);
}

#[test]
fn unknown_record_type() {
    let (mar, mut odd, udp) = (hex(MAR_INITIAL), hex(TCP), hex(UDP));
    for typ in [0x93, 0x63, 0x23, 0x73] {
        odd[0] = typ;
        let seen = read(&join(&[&mar, &odd, &udp]));
        assert_eq!(seen.records, [(0, 128), (468, 176)]);
        assert_eq!(seen.bad, [(128, 340, Reason::UnknownType(typ >> 4))]);
    }
}

#[test]
fn length_of_65535_words() {
    let (mar, mut long, udp) = (hex(MAR_INITIAL), hex(TCP), hex(UDP));
    long[2..4].copy_from_slice(&[0xff, 0xff]);
    let seen = read(&join(&[&mar, &long, &udp, &udp]));
    assert_eq!(seen.records, [(0, 128), (468, 176), (644, 176)]);
    assert_eq!(seen.bad, [(128, 340, Reason::BadLength(0xffff))]);
}

#[test]
fn a_damaged_header_costs_one_record() {
    let (mar, tcp, udp) = (hex(MAR_INITIAL), hex(TCP), hex(UDP));
    for (at, value) in
        [(0, 0x00), (0, 0xff), (0, 0x10), (1, 0xf0), (2, 0x7f), (3, 0x01), (3, 0x40), (3, 0x60)]
    {
        let mut bad = tcp.clone();
        bad[at] = value;
        let seen = read(&join(&[&mar, &bad, &udp, &udp]));
        let good: Vec<_> = seen.records.iter().filter(|r| [468, 644].contains(&r.0)).collect();
        assert_eq!(good.len(), 2, "octet {at} = {value:#x}: {seen:?}");
    }
}

#[test]
fn garbage_between_records() {
    let (mar, udp) = (hex(MAR_INITIAL), hex(UDP));
    let seen = read(&join(&[&mar, &[0xee; 40], &udp]));
    assert_eq!(seen.records, [(0, 128), (168, 176)]);
    assert_eq!(seen.bad, [(128, 40, Reason::NotARecord)]);
    let seen = read(&join(&[&mar, &udp, b"HTTP/1.0 500 No, no\r\n"]));
    assert_eq!(seen.records, [(0, 128), (128, 176)]);
    assert_eq!(seen.bad, [(304, 21, Reason::NotARecord)]);
}

#[test]
fn endless_garbage_is_passed_over_in_bounded_memory() {
    let garbage = vec![0xee_u8; 3 << 20];
    let (mut framer, mut at, mut have, mut most) = (Framer::new(), 0usize, 0usize, 0usize);
    loop {
        let (used, frame) = framer.next(&garbage[at..have], have == garbage.len());
        at += used;
        match frame {
            Frame::More { need } => {
                assert!(need > have - at, "asks for more than there is");
                most = most.max(need);
                have = (at + need).min(garbage.len());
            }
            Frame::Unreadable { .. } => {}
            Frame::End { .. } => break,
            Frame::Record(_) => panic!("a record in garbage"),
        }
    }
    assert!(most <= record::MAX_RECORD_LEN + 4096);
}

#[test]
fn short_mars_and_other_versions() {
    let (mar, mut tcp) = (hex(MAR_INITIAL), hex(TCP));
    let error = [0x83, 0x40, 0, 1];
    tcp[0] = 0x14;
    let seen = read(&join(&[&mar, &error, &tcp]));
    assert_eq!(seen.records, [(0, 128), (128, 4), (132, 340)]);
    assert!(RecordView::new(&error).expect("short but sound").mar().is_none());
}
