//! Long files, which are looked at through windows: they read as a stream of the same octets does, also when they are
//! damaged, and also when they are cut, emptied or longer meanwhile.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use common::*;
use stream::{Event, Item, Portion, Reader};

/// More than two windows, and a tail.
const RECORDS: u32 = 240_000;

/// A record; all have the same length.
fn numbered(sequence: u32) -> Vec<u8> {
    flow(sequence % 200, 1, 1)
}

/// Records with noise between them here and there, at the seams of windows too.
fn octets(damaged: bool) -> Vec<u8> {
    let mut octets = initial().to_vec();
    for sequence in 0..RECORDS {
        octets.extend(numbered(sequence));
        let near_a_seam = octets.len() % (4 << 20) < 300;
        if damaged && (sequence % 5_003 == 0 || near_a_seam && sequence % 2 == 0) {
            octets.extend((0..sequence % 2_311).map(|number| (number * 37) as u8));
        }
    }
    octets
}

/// Sum over what was read: records and their octets, places, damages.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    records: u64,
    sum: u64,
    damages: Vec<(u64, u64)>,
    end: u64,
}

impl Seen {
    fn item(&mut self, item: &Item<'_>) {
        match item {
            Item::Record { offset, view } => {
                self.records += 1;
                self.sum = view.bytes().iter().fold(self.sum.rotate_left(5) ^ offset, |sum, octet| {
                    sum.wrapping_mul(0x100_0000_01b3) ^ u64::from(*octet)
                });
                self.end = offset + view.bytes().len() as u64;
            }
            Item::Damage(damage) => self.damages.push((damage.offset, damage.length)),
        }
    }
}

fn all(mut reader: Reader) -> Seen {
    let mut seen = Seen::default();
    while let Some(item) = reader.next().unwrap() {
        seen.item(&item);
    }
    seen
}

fn written(folder: &Path, octets: &[u8]) -> std::path::PathBuf {
    let path = folder.join("input");
    std::fs::write(&path, octets).unwrap();
    path
}

#[test]
fn read_as_streams_do() {
    let folder = tempfile::tempdir().unwrap();
    for damaged in [false, true] {
        let octets = octets(damaged);
        assert!(octets.len() > 10 << 20);
        let path = written(folder.path(), &octets);
        let through_windows = all(Reader::open(&path).unwrap());
        let read = all(Reader::new("input", Box::new(File::open(&path).unwrap())).unwrap());
        assert_eq!(through_windows, read);
        assert_eq!(read.damages.is_empty(), !damaged);
        assert_eq!(read.records, u64::from(RECORDS) + 1);
    }
}

#[test]
fn sifted_as_streams_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &octets(true));
    let sifted = |mut reader: Reader| {
        let (mut taken, mut count, mut looked) = (Vec::new(), 0, Seen::default());
        let mut number = 0_u32;
        loop {
            let judge = |_: &record::Glance<'_>| {
                number += 1;
                [Some(true), Some(true), Some(false), None, Some(true)][(number / 3) as usize % 5]
            };
            match reader.next_sifted(judge).unwrap() {
                Portion::Runs(runs) => {
                    for (records, some) in runs {
                        taken.extend_from_slice(records);
                        count += some;
                    }
                }
                Portion::Nothing | Portion::Event(Event::Idle) => {}
                Portion::Event(Event::Item(item)) => looked.item(&item),
                Portion::Event(Event::Closed) => return (taken.len(), count, looked.damages),
            }
        }
    };
    // Who judges is asked about every record that is beyond doubt; how often about the same one depends on the portions.
    let (octets, count, damages) = sifted(Reader::open(&path).unwrap());
    let (_, _, others) = sifted(Reader::new("input", Box::new(File::open(&path).unwrap())).unwrap());
    assert_eq!(damages, others);
    assert_eq!(octets as u64, count * numbered(0).len() as u64);
    assert!(count > u64::from(RECORDS) / 4, "{count}");
}

/// Reads half of a file, does something to it, reads the rest.
fn meanwhile(path: &Path, change: impl FnOnce(&File)) -> Seen {
    let mut reader = Reader::open(path).unwrap();
    let mut seen = Seen::default();
    while seen.records < u64::from(RECORDS) / 2 {
        seen.item(&reader.next().unwrap().unwrap());
    }
    change(&OpenOptions::new().append(true).open(path).unwrap());
    while let Some(item) = reader.next().unwrap() {
        seen.item(&item);
    }
    seen
}

#[test]
fn files_that_change_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let octets = octets(false);
    let path = written(folder.path(), &octets);
    let unchanged = meanwhile(&path, |_| {});
    assert_eq!((unchanged.records, unchanged.end), (u64::from(RECORDS) + 1, octets.len() as u64));

    // Cut within a record behind where the reader is, in the same window or in a later one.
    let length = numbered(0).len() as u64;
    let half = 128 + u64::from(RECORDS) / 2 * length;
    for cut in [
        half + 5 * length + 7,
        half + 9 * length - 1,
        half + 12 * length,
        half + (2 << 20) + 3,
        octets.len() as u64 - 3,
    ] {
        let path = written(folder.path(), &octets);
        let seen = meanwhile(&path, |file| file.set_len(cut).unwrap());
        let whole = (cut - 128) / length;
        let rest = (cut - 128) % length;
        assert_eq!(
            seen.damages,
            if rest > 0 { vec![(128 + whole * length, rest)] } else { vec![] },
            "cut at {cut}"
        );
        assert_eq!(seen.records, whole + 1, "cut at {cut}");
    }

    // Emptied: nothing more comes, and nothing that is not there.
    let path = written(folder.path(), &octets);
    let seen = meanwhile(&path, |file| file.set_len(0).unwrap());
    assert!(seen.damages.is_empty());
    assert!(seen.records >= u64::from(RECORDS) / 2, "{}", seen.records);
    assert_eq!(seen.end, 128 + (seen.records - 1) * length);

    // Continued.
    let path = written(folder.path(), &octets);
    let more: Vec<u8> = (0..70_000).flat_map(numbered).collect();
    let seen = meanwhile(&path, |mut file| file.write_all(&more).unwrap());
    assert_eq!(seen.records, u64::from(RECORDS) + 70_001);
    assert!(seen.damages.is_empty());
}
