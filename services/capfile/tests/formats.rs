//! Every format, written here and read back; damaged ones.
#![allow(clippy::unwrap_used)]

mod write;

use std::io::{self, Read};

use capfile::{Fault, Hint, Kind, Packet, Reader};
use proptest::prelude::*;
use write::{Interface, Order, Sample};

/// A packet as it was read: nanoseconds, link type, octets, length.
type Seen = (u64, i32, Vec<u8>, u32);

fn read_from(input: impl Read + Send + 'static, hint: Hint, most: usize) -> (Vec<Seen>, Result<(), Fault>) {
    let mut reader = Reader::new(Box::new(input), hint);
    let mut seen = Vec::new();
    let end = loop {
        let got = reader.read(most, |packet| {
            let nanos = (i128::from(packet.seconds) * 1_000_000_000 + i128::from(packet.nanos)) as u64;
            seen.push((nanos, packet.link, packet.data.to_vec(), packet.length));
        });
        match got {
            Ok(0) => break Ok(()),
            Ok(count) => assert!(count <= most),
            Err(Fault::Wait) => {}
            Err(fault) => break Err(fault),
        }
    };
    (seen, end)
}

/// As [`read_from`], where the packets lie in memory.
fn in_place(input: impl Read + Send + 'static, hint: Hint, most: usize) -> (Vec<Seen>, Result<(), Fault>) {
    let mut reader = Reader::new(Box::new(input), hint);
    let mut seen = Vec::new();
    let mut see = |packet: Packet<'_>| {
        let nanos = (i128::from(packet.seconds) * 1_000_000_000 + i128::from(packet.nanos)) as u64;
        seen.push((nanos, packet.link, packet.data.to_vec(), packet.length));
    };
    let end = loop {
        let got = match reader.packets() {
            Ok(Some(packets)) => {
                let link = packets.link();
                let count =
                    packets.take(most).inspect(|packet| assert_eq!(Some(packet.link), link)).map(&mut see);
                Some(Ok(count.count()))
            }
            Ok(None) => None,
            Err(fault) => Some(Err(fault)),
        };
        let got = got.unwrap_or_else(|| reader.read(most, &mut see));
        match got {
            Ok(0) => break Ok(()),
            Ok(_) | Err(Fault::Wait) => {}
            Err(fault) => break Err(fault),
        }
    };
    (seen, end)
}

/// In both ways, which tell the same.
fn read_as(octets: &[u8], hint: Hint, most: usize) -> (Vec<Seen>, Result<(), Fault>) {
    let read = read_from(io::Cursor::new(octets.to_vec()), hint, most);
    assert_eq!(in_place(io::Cursor::new(octets.to_vec()), hint, most), read);
    read
}

fn read(octets: &[u8]) -> (Vec<Seen>, Result<(), Fault>) {
    read_as(octets, Hint::None, 7)
}

fn expected(samples: &[Sample], link: i32, unit: u64) -> Vec<Seen> {
    samples.iter().map(|s| (s.nanos / unit * unit, link, s.data.clone(), s.length)).collect()
}

/// IPv4 packets of several lengths, cut to 36 octets.
fn samples() -> Vec<Sample> {
    (0..5u64)
        .map(|i| {
            let length = 40 + 100 * i as u16;
            let mut data = vec![0x45, 0];
            data.extend(length.to_be_bytes());
            data.extend([0, i as u8, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
            data.extend([i as u8; 16]);
            let nanos = 1_700_000_000_000_000_000 + i * 1_234_567_891;
            Sample { nanos, data, length: u32::from(length) }
        })
        .collect()
}

const PLAIN: Interface = Interface { link: 1, resolution: None, offset: None };

/// Every format with what it should give.
fn every_format() -> Vec<(String, Vec<u8>, Vec<Seen>)> {
    let s = samples();
    let micros = expected(&s, 1, 1000);
    let nanos = expected(&s, 1, 1);
    let mut all = Vec::new();
    for order in [Order::Little, Order::Big] {
        all.push((format!("pcap {order:?}"), write::pcap(&s, 1, order, false), micros.clone()));
        all.push((format!("pcap nano {order:?}"), write::pcap(&s, 1, order, true), nanos.clone()));
        all.push((format!("pcapng {order:?}"), write::pcapng(&s, &[PLAIN], order, 6), micros.clone()));
        all.push((format!("pcapng old {order:?}"), write::pcapng(&s, &[PLAIN], order, 2), micros.clone()));
        let fine = Interface { resolution: Some(9), ..PLAIN };
        all.push((format!("pcapng nano {order:?}"), write::pcapng(&s, &[fine], order, 6), nanos.clone()));
        let moved = Interface { resolution: Some(9), offset: Some(-77_000), ..PLAIN };
        all.push((format!("pcapng offset {order:?}"), write::pcapng(&s, &[moved], order, 6), nanos.clone()));
    }
    for version in [1, 2] {
        all.push((format!("snoop {version}"), write::snoop(&s, version, 4), micros.clone()));
    }
    all.push(("erf".to_owned(), write::erf(&s), nanos));
    all.push(("tsh".to_owned(), write::tsh(&s), expected(&s, 12, 1000)));
    all
}

#[test]
fn every_format_gives_the_same_packets() {
    for (name, octets, packets) in every_format() {
        let (seen, end) = read(&octets);
        assert_eq!(end, Ok(()), "{name}");
        if name == "erf" {
            // The frame check sequence is not in the file; padding to 8 octets is no part of a packet cut short, which
            // ERF cannot tell apart.
            for (one, other) in seen.iter().zip(&packets) {
                assert_eq!((one.0, one.1, one.3), (other.0, other.1, other.3), "{name}");
                assert!(one.2.starts_with(&other.2), "{name}");
            }
            assert_eq!(seen.len(), packets.len(), "{name}");
        } else {
            assert_eq!(seen, packets, "{name}");
        }
    }
}

/// Cut at every octet: no panic, all whole packets, and the cut is told unless it falls between packets.
#[test]
fn cut_at_every_octet() {
    for (name, octets, packets) in every_format() {
        let (whole, _) = read(&octets);
        assert_eq!(whole.len(), packets.len());
        let mut clean = 0;
        for cut in 0..octets.len() {
            let (seen, end) = read_as(&octets[..cut], hint(&name), 3);
            assert!(whole.starts_with(&seen), "{name} cut at {cut}");
            match end {
                Ok(()) => clean += 1,
                Err(Fault::Cut(text) | Fault::Unreadable(text)) => {
                    assert!(!text.is_empty() && !text.contains('\n'), "{name} cut at {cut}: {text}");
                    let place = text.split("at offset ").nth(1).map(|rest| rest.split(':').next());
                    let place: Option<usize> = place.flatten().and_then(|number| number.parse().ok());
                    assert!(place.is_none_or(|place| place <= cut), "{name} cut at {cut}: {text}");
                    assert!(place.is_some() || !text.starts_with("truncated"), "{name} cut at {cut}: {text}");
                }
                Err(Fault::Wait) => unreachable!(),
            }
        }
        // Between packets, behind the headers, in the padding of the last packet of a snoop file.
        assert!(clean <= packets.len() + 8, "{name}: {clean} cuts were not told");
    }
}

fn hint(name: &str) -> Hint {
    match name {
        "erf" => Hint::Erf,
        "tsh" => Hint::Tsh,
        _ => Hint::None,
    }
}

/// Gives one octet at a time, with nothing in between.
struct Drip {
    octets: Vec<u8>,
    at: usize,
    wait: bool,
}

impl Read for Drip {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.wait = !self.wait;
        if self.wait {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let Some(&octet) = self.octets.get(self.at) else { return Ok(0) };
        buffer[0] = octet;
        self.at += 1;
        Ok(1)
    }
}

#[test]
fn an_input_that_comes_slowly_is_read_the_same() {
    for (name, octets, _) in every_format() {
        let (whole, _) = read(&octets);
        let drip = || Drip { octets: octets.clone(), at: 0, wait: false };
        assert_eq!(in_place(drip(), hint(&name), 2), (whole.clone(), Ok(())), "{name}");
        assert_eq!(read_from(drip(), hint(&name), 2), (whole, Ok(())), "{name}");
    }
}

#[test]
fn interfaces_of_one_file_differ() {
    let s = samples();
    let interfaces = [
        Interface { link: 1, resolution: Some(3), offset: None },
        Interface { link: 101, resolution: Some(0x80 | 20), offset: Some(5) },
        Interface { link: 113, resolution: Some(0), offset: None },
        Interface { link: 147, resolution: Some(18), offset: Some(1_699_999_995) },
    ];
    let (seen, end) = read(&write::pcapng(&s, &interfaces, Order::Big, 6));
    assert_eq!(end, Ok(()));
    let links: Vec<i32> = seen.iter().map(|seen| seen.1).collect();
    assert_eq!(links, [1, 12, 113, 147, 1]);
    for (seen, (sample, unit)) in
        seen.iter().zip(s.iter().zip([1_000_000u64, 1000, 1_000_000_000, 1, 1_000_000]))
    {
        assert!(seen.0.abs_diff(sample.nanos) < unit, "{} {}", seen.0, sample.nanos);
    }
}

#[test]
fn two_sections_in_two_orders() {
    let s = samples();
    let mut octets = write::pcapng(&s, &[PLAIN], Order::Little, 6);
    octets.extend(write::pcapng(&s, &[Interface { link: 101, ..PLAIN }], Order::Big, 6));
    let (seen, end) = read(&octets);
    assert_eq!(end, Ok(()));
    assert_eq!(seen, [expected(&s, 1, 1000), expected(&s, 12, 1000)].concat());
}

#[test]
fn simple_packets_have_the_time_of_the_one_before() {
    let s = samples();
    let whole: Vec<Sample> = s.iter().map(|s| Sample::new(s.nanos, &s.data)).collect();
    let mut octets = write::pcapng(&whole[..1], &[PLAIN], Order::Little, 6);
    let simple = write::pcapng(&whole[1..], &[PLAIN], Order::Little, 3);
    // Without its section and interface.
    let first = simple.windows(8).position(|eight| eight[..4] == [3, 0, 0, 0] && eight[4] == 52).unwrap();
    octets.extend(&simple[first..]);
    let (seen, end) = read(&octets);
    assert_eq!((seen.len(), end), (5, Ok(())));
    assert!(seen.iter().all(|seen| seen.0 == seen.0.min(s[0].nanos) && seen.2.len() == 36));
}

#[test]
fn erf_types() {
    let sample = &samples()[1];
    let snap =
        Sample { data: [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &sample.data].concat(), ..sample.clone() };
    // type, octets before the frame, what the length on the wire has more, link type
    let cases: &[(u8, &[u8], u32, i32)] = &[
        (1, &[], 4, 50),
        (2, &[0, 0], 4, 1),
        (4, &[1; 4], 4, 11),
        (5, &[1; 4], 4, 50),
        (6, &[1; 4], 0, 197),
        (8, &[1; 4], 0, 197),
        (9, &[1; 8], 4, 11),
        (10, &[], 4, 50),
        (11, &[0, 0], 4, 1),
        (12, &[1; 8], 0, 197),
        (15, &[], 4, 50),
        (16, &[0, 0], 4, 1),
        (17, &[1; 4], 4, 50),
        (18, &[1; 8], 0, 197),
        (19, &[], 4, 50),
        (20, &[0, 0], 4, 1),
        (21, &[], 0, 247),
        (22, &[], 0, 12),
        (23, &[], 0, 12),
        (24, &[], 0, 197),
    ];
    for &(kind, before, wire, link) in cases {
        for extensions in [0, 1, 3] {
            let sample = if link == 11 { &snap } else { sample };
            let record = write::erf_record(sample, kind, extensions, before, wire);
            let padding = write::erf_record(sample, 48, 0, &[], 0);
            let (seen, end) = read_as(&[padding, record].concat(), Hint::Erf, 9);
            assert_eq!(end, Ok(()), "{kind}");
            assert_eq!(seen.len(), 1, "{kind}");
            assert_eq!((seen[0].1, seen[0].3), (link, sample.length), "{kind}");
            assert!(seen[0].2.starts_with(&sample.data), "{kind} {extensions}");
        }
    }
    // A cell is 48 octets, whatever the length on the wire.
    for (kind, before) in [(3, 4), (7, 8)] {
        let record = write::erf_record(&snap, kind, 0, &vec![9; before], 0);
        let (seen, _) = read_as(&record, Hint::Erf, 9);
        assert_eq!((seen[0].1, seen[0].3), (11, 48));
    }
}

#[test]
fn a_time_stamp_of_erf_is_a_binary_fraction() {
    let record = write::erf_record(&Sample::new(5_500_000_000, &[1; 60]), 2, 0, &[0, 0], 4);
    assert_eq!(record[..8], [0, 0, 0, 0x80, 5, 0, 0, 0]);
    assert_eq!(record[8..16], [2, 4, 0, 80, 0, 0, 0, 64]);
}

#[test]
fn ipv4_options_that_tsh_leaves_out_stay_counted() {
    let mut sample = samples()[0].clone();
    sample.data[0] = 0x47;
    let (seen, end) = read_as(&write::tsh(&[sample.clone()]), Hint::Tsh, 9);
    assert_eq!(end, Ok(()));
    // 20 octets of header, 8 of options, and of what follows what the packet is long.
    assert_eq!(seen[0].2.len(), 40);
    assert_eq!(seen[0].2[28..40], sample.data[20..32]);
}

#[test]
fn what_it_is_not() {
    let detect = |octets: &[u8]| Reader::new(Box::new(io::Cursor::new(octets.to_vec())), Hint::None).detect();
    assert_eq!(detect(b""), Err(Fault::Unreadable("empty file".to_owned())));
    assert!(matches!(detect(b"\xd4\xc3"), Err(Fault::Cut(_))));
    assert!(matches!(detect(b"a line of text that is no capture at all\n"), Err(Fault::Unreadable(_))));
    assert!(matches!(detect(b"snoop\0\0\0\0\0\0\x07\0\0\0\x04"), Err(Fault::Unreadable(_))));
    assert_eq!(detect(&[0x1f, 0x8b, 8, 0, 0]), Ok(Kind::Compressed));
    let mut modified = write::pcap(&samples(), 1, Order::Little, false);
    modified[..4].copy_from_slice(&0xa1b2_cd34u32.to_le_bytes());
    assert_eq!(detect(&modified), Ok(Kind::Libpcap));
    // Frames that libpcap changes when they come from the other byte order.
    assert_eq!(detect(&write::pcap(&samples(), 239, Order::Big, false)), Ok(Kind::Libpcap));
    assert_eq!(detect(&write::pcap(&samples(), 239, Order::Little, false)), Ok(Kind::Capture));
    // Hints do not overrule content.
    let mut reader = Reader::new(Box::new(io::Cursor::new(write::snoop(&samples(), 2, 4))), Hint::Tsh);
    assert_eq!((reader.detect(), reader.link()), (Ok(Kind::Capture), Ok(Some(1))));
    let mut reader = Reader::new(Box::new(io::Cursor::new(modified.clone())), Hint::None);
    assert_eq!(reader.detect(), Ok(Kind::Libpcap));
    let mut again = Vec::new();
    reader.into_input().read_to_end(&mut again).unwrap();
    assert_eq!(again, modified);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn noise_ends(octets in prop::collection::vec(any::<u8>(), 0..3000), hint in 0..3u8) {
        let hint = [Hint::None, Hint::Erf, Hint::Tsh][usize::from(hint)];
        let (seen, _) = read_as(&octets, hint, 5);
        prop_assert!(seen.len() <= octets.len());
    }

    #[test]
    fn damage_ends(which in 0..16usize, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let all = every_format();
        let (name, octets, _) = &all[which % all.len()];
        let mut octets = octets.clone();
        for (at, value) in changes {
            let at = at.index(octets.len());
            octets[at] = value;
        }
        let (seen, _) = read_as(&octets, hint(name), 5);
        prop_assert!(seen.len() <= octets.len() / 12);
    }

    #[test]
    fn any_packets_come_back(
        packets in prop::collection::vec((0..4_000_000_000_000_000_000u64, 0..200usize, 0..1000u32), 1..20),
        resolution in prop_oneof![Just(None), Just(Some(9u8)), Just(Some(0x80 | 30))],
    ) {
        let samples: Vec<Sample> = packets
            .iter()
            .map(|(nanos, octets, more)| Sample {
                nanos: *nanos,
                data: (0..*octets).map(|i| i as u8).collect(),
                length: *octets as u32 + more,
            })
            .collect();
        for order in [Order::Little, Order::Big] {
            let interface = Interface { resolution, ..PLAIN };
            let (seen, end) = read(&write::pcapng(&samples, &[interface, interface], order, 6));
            prop_assert_eq!(end, Ok(()));
            prop_assert_eq!(seen.len(), samples.len());
            for (seen, sample) in seen.iter().zip(&samples) {
                let unit = if resolution.is_none() { 1000 } else { 2 };
                prop_assert!(seen.0.abs_diff(sample.nanos) < unit);
                prop_assert_eq!((&seen.2, seen.3), (&sample.data, sample.length));
            }
            let (seen, end) = read(&write::pcap(&samples, 1, order, true));
            prop_assert_eq!((seen, end), (expected(&samples, 1, 1), Ok(())));
            let (seen, end) = read(&write::snoop(&samples, 2, 4));
            prop_assert_eq!((seen, end), (expected(&samples, 1, 1000), Ok(())));
        }
    }
}
