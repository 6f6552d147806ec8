//! Damaged and odd pcap files read as libpcap reads them.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use capfile::{Fault, Hint, Kind, Reader};
use pcap::{Capture, Precision};
use proptest::prelude::*;

/// What a reader made of a file: packets (nanoseconds since 1970, octets, length), and how it ended.
type Read = (Vec<(i64, Vec<u8>, u32)>, String);

/// libpcap takes the words of a time as signed when they are in our byte order, and as unsigned otherwise.
fn by_libpcap(path: &Path, nanos: bool) -> Read {
    let unsigned = |value: i64, unit: i64| if value < 0 { value + (1 << 32) * unit } else { value };
    let mut packets = Vec::new();
    let mut capture = Capture::from_file_with_precision(path, Precision::Nano).unwrap();
    loop {
        match capture.next_packet() {
            Ok(packet) => {
                let stamp = packet.header.ts;
                let fraction = unsigned(stamp.tv_usec, if nanos { 1 } else { 1000 });
                let time = unsigned(stamp.tv_sec, 1) * 1_000_000_000 + fraction;
                packets.push((time, packet.data.to_vec(), packet.header.len));
            }
            Err(pcap::Error::NoMorePackets) => return (packets, String::new()),
            Err(pcap::Error::PcapError(text)) => return (packets, text.trim().to_owned()),
            Err(error) => return (packets, error.to_string()),
        }
    }
}

fn by_us(path: &Path, most: usize) -> Read {
    let mut reader = Reader::new(Box::new(std::fs::File::open(path).unwrap()), Hint::None);
    assert_eq!(reader.detect(), Ok(Kind::Capture));
    let mut packets = Vec::new();
    loop {
        let got = reader.read(most, |packet| {
            let time = i64::from(packet.seconds) * 1_000_000_000 + packet.nanos;
            packets.push((time, packet.data.to_vec(), packet.length));
        });
        match got {
            Ok(0) => return (packets, String::new()),
            Ok(_) => {}
            Err(Fault::Cut(error) | Fault::Unreadable(error)) => return (packets, error),
            Err(Fault::Wait) => unreachable!("a file never waits"),
        }
    }
}

/// As [`by_us`], where they lie in memory, `most` at a time.
fn in_place(path: &Path, most: usize) -> Read {
    let mut reader = Reader::new(Box::new(std::fs::File::open(path).unwrap()), Hint::None);
    let mut packets = Vec::new();
    loop {
        let before = packets.len();
        match reader.packets() {
            Ok(found) => packets.extend(found.expect("a pcap file").take(most).map(|packet| {
                let time = i64::from(packet.seconds) * 1_000_000_000 + packet.nanos;
                (time, packet.data.to_vec(), packet.length)
            })),
            Err(Fault::Cut(error) | Fault::Unreadable(error)) => return (packets, error),
            Err(Fault::Wait) => unreachable!("a file never waits"),
        }
        if packets.len() == before {
            return (packets, String::new());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn reads_what_libpcap_reads(
        kind in 0..4usize,
        snap in prop_oneof![Just(0u32), Just(65_535), 1..200u32, Just(u32::MAX), Just(262_144)],
        packets in prop::collection::vec((any::<u32>(), prop_oneof![0..1_000_000u32, any::<u32>()], 0..300usize, any::<u16>()), 0..12),
        odd in prop::option::of((0..4000usize, any::<u8>())),
        cut in prop::option::of(24..4000usize),
        most in 1..5usize,
    ) {
        let (swapped, nanos) = (kind & 1 == 1, kind & 2 == 2);
        let four = |value: u32| if swapped { value.to_be_bytes() } else { value.to_le_bytes() };
        let two = |value: u16| if swapped { value.to_be_bytes() } else { value.to_le_bytes() };
        let mut octets = four(if nanos { 0xa1b2_3c4d } else { 0xa1b2_c3d4 }).to_vec();
        octets.extend([two(2), two(4)].concat());
        octets.extend([0; 8]);
        octets.extend(four(snap));
        octets.extend(four(1));
        for (seconds, fraction, length, wire) in &packets {
            for value in [*seconds, *fraction, *length as u32, u32::from(*wire)] {
                octets.extend(four(value));
            }
            octets.extend((0..*length).map(|i| i as u8));
        }
        if let Some((at, value)) = odd && at >= 24 && at < octets.len() {
            octets[at] = value;
        }
        if let Some(cut) = cut {
            octets.truncate(cut);
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &octets).unwrap();
        let (ours, theirs) = (by_us(file.path(), most), by_libpcap(file.path(), nanos));
        prop_assert_eq!(&ours, &in_place(file.path(), most));
        prop_assert_eq!(&ours, &in_place(file.path(), usize::MAX));
        prop_assert_eq!(ours.0, theirs.0);
        // Of a packet longer than the snap length libpcap counts the octets in two parts; which limit a length is
        // beyond it says in one way or another.
        let words = |text: &str| {
            let begin = text.split(", bigger").next().unwrap_or_default();
            let begin = begin.split(", at offset").next().unwrap_or_default();
            begin.replace(|letter: char| letter.is_ascii_digit(), "")
        };
        prop_assert_eq!(words(&ours.1), words(&theirs.1));
    }
}
