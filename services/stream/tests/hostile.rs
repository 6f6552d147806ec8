//! Damaged and random inputs: every octet is handed out or counted, nothing panics, nothing takes for ever.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::Cursor;
use std::path::Path;

use common::*;
use proptest::prelude::*;
use record::RecordView;
use stream::{Error, Item, Reader};

/// Reads all: records, and damages as offset and length.
fn read(octets: Vec<u8>) -> (Vec<Vec<u8>>, Vec<(u64, u64)>) {
    let mut reader = Reader::new("input", Box::new(Cursor::new(octets))).unwrap();
    let (mut records, mut damages) = (vec![], vec![]);
    while let Some(item) = reader.next().unwrap() {
        match item {
            Item::Record { view, .. } => records.push(view.bytes().to_vec()),
            Item::Damage(damage) => damages.push((damage.offset, damage.length)),
        }
    }
    (records, damages)
}

/// A stream of `n` records behind the initial one.
fn stream_of(n: u32) -> Vec<u8> {
    let mut octets = initial().to_vec();
    (0..n).for_each(|sequence| octets.extend(flow(sequence, 1, 1)));
    octets
}

#[test]
fn a_flipped_bit_costs_at_most_its_record() {
    let whole = stream_of(12);
    let length = flow(0, 1, 1).len();
    for at in 128..whole.len() {
        for bit in 0..8 {
            let mut octets = whole.clone();
            octets[at] ^= 1 << bit;
            let (records, _) = read(octets);
            let hit = (at - 128) / length;
            for sequence in (0..12).filter(|s| *s != hit as u32) {
                assert!(
                    records.contains(&flow(sequence, 1, 1)),
                    "octet {at} bit {bit}: record {sequence} is missing"
                );
            }
        }
    }
}

#[test]
fn files_that_are_none() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("input");
    for (content, expected) in [
        (&b""[..], "unexpected end of file"),
        (b"x", "not an argus stream"),
        (&[0x1f, 0x8b], "unexpected end of file"),
        (&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff], ""),
        (&[0x1f, 0x9d, 0x90], "unexpected end of file"),
        (&[0x1f, 0x9d, 0x90, 0xff, 0xff], "compressed data (.Z): the first code"),
        (b"BZh9nonsense", ""),
        (b"\xfd7zXZ\0nonsense", ""),
        (b"\x28\xb5\x2f\xfdnonsense", ""),
        (&initial()[..64], "ends after 64 of the 128 octets"),
    ] {
        std::fs::write(&path, content).unwrap();
        let error = Reader::open(&path).err().unwrap().to_string();
        assert!(error.contains(expected) && error.contains("input"), "{error}: not {expected}");
    }
    assert!(matches!(Reader::open(dir.path()), Err(Error::Io { .. })));
    assert!(matches!(Reader::open(Path::new("/nonexistent")), Err(Error::Io { .. })));
}

#[test]
fn offsets_choose_records() {
    let length = flow(0, 1, 1).len() as u64;
    let mut reader = Reader::new("input", Box::new(Cursor::new(stream_of(10)))).unwrap();
    reader.set_range(128 + length..128 + 3 * length);
    let mut offsets = vec![];
    while let Some(Item::Record { offset, .. }) = reader.next().unwrap() {
        offsets.push(offset);
    }
    assert_eq!(offsets, [128 + length, 128 + 2 * length]);
}

proptest! {
    #[test]
    fn any_octets(octets in proptest::collection::vec(any::<u8>(), 0..4000)) {
        let total = 128 + octets.len() as u64;
        let (records, damages) = read([&initial()[..], &octets].concat());
        let read: u64 = records.iter().map(|r| r.len() as u64).sum();
        let damaged: u64 = damages.iter().map(|d| d.1).sum();
        prop_assert!(read + damaged <= total);
    }

    #[test]
    fn a_piece_put_in_is_passed_over(
        junk in proptest::collection::vec(any::<u8>(), 1..300),
        behind in 1_u32..9,
    ) {
        let length = flow(0, 1, 1).len();
        let mut octets = stream_of(10);
        let at = 128 + behind as usize * length;
        octets.splice(at..at, junk);
        let (records, _) = read(octets);
        for sequence in 0..10 {
            prop_assert!(records.contains(&flow(sequence, 1, 1)), "record {sequence} is missing");
        }
    }

    /// As [`a_piece_put_in_is_passed_over`], with junk that claims to be a record which ends within the stream: at the
    /// border of a record or anywhere.
    #[test]
    fn a_piece_that_claims_a_length_is_passed_over(
        junk in proptest::collection::vec(any::<u8>(), 4..300),
        kind in proptest::sample::select(vec![0x13_u8, 0x15, 0x33, 0x43, 0x53, 0x63, 0x83, 0x93, 0xb3, 0xf3]),
        cause in 0_u8..11,
        behind in 1_u32..9,
        swallowed in 0_u32..9,
        words in proptest::option::of(1_u16..300),
    ) {
        let length = flow(0, 1, 1).len();
        let mut junk = junk;
        let claimed = words.unwrap_or(((junk.len() + swallowed as usize * length) / 4) as u16);
        junk[..4].copy_from_slice(&[kind, cause << 4, 0, 0]);
        junk[2..4].copy_from_slice(&claimed.to_be_bytes());
        let mut octets = stream_of(10);
        let at = 128 + behind as usize * length;
        octets.splice(at..at, junk);
        // Parts that fill all of the claimed length exactly make a record of it, by chance.
        let lucky = octets.get(at..).map(RecordView::new);
        prop_assume!(!matches!(lucky, Some(Ok(view)) if view.kind().has_dsrs() && view.tail().is_empty()));
        let (records, _) = read(octets);
        for sequence in 0..10 {
            prop_assert!(records.contains(&flow(sequence, 1, 1)), "record {sequence} is missing");
        }
    }
}
