//! Every packet received is counted in exactly one flow record, whatever it carries and with or without `--compat`.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};

use common::{Folder, Seen, mars, records, run, told};
use record::RecordView;

const MODES: [&[&str]; 2] = [&[], &["--compat", "3.0.8"]];

/// Packets of the flow records of a stream.
fn counted(seen: &[Seen]) -> u64 {
    seen.iter()
        .filter_map(|record| match record {
            Seen::Flow(octets) => RecordView::new(octets).unwrap().metric().map(|metric| metric.packets()),
            Seen::Mar(_) => None,
        })
        .sum()
}

fn captures(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            captures(&path, found);
        } else if path
            .extension()
            .is_some_and(|ending| ending == "pcap" || ending == "pcapng" || ending == "cap")
        {
            found.push(path);
        }
    }
}

#[test]
fn every_packet_of_the_corpus_is_in_one_record() {
    let shared = std::env::var_os("PANOPTES_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let corpus = shared.join("corpus");
    if !corpus.is_dir() {
        eprintln!("skipped: no captures at {} (PANOPTES_SHARED)", corpus.display());
        return;
    }
    let mut found = Vec::new();
    captures(&corpus, &mut found);
    let (mut packets, mut unread) = (0, 0);
    for path in &found {
        let name = path.to_str().unwrap();
        // What libpcap cannot read is counted by the sensor's own management records.
        let expected = pcap::Capture::from_file(path)
            .ok()
            .map(|mut capture| std::iter::from_fn(|| capture.next_packet().ok().map(|_| 1u64)).sum::<u64>());
        unread += u64::from(expected.is_none());
        for mode in MODES {
            let output = run(&[mode, &["-mAJZR", "-r", name, "-w", "-"]].concat());
            assert!(matches!(output.status.code(), Some(0 | 1)), "{name} {mode:?}: {}", told(&output));
            let seen = records(&output.stdout);
            let received: u64 = mars(&seen).iter().map(|mar| mar.packets).sum();
            assert_eq!(counted(&seen), received, "{name} {mode:?}: packets of the records");
            if let Some(expected) = expected {
                assert_eq!(received, expected, "{name} {mode:?}: packets of the capture");
            }
            packets += received;
        }
    }
    eprintln!("{packets} packets of {} captures in two modes; libpcap does not read {unread}", found.len());
    assert!(packets > 0);
}

/// Frames for a link: none of them sound, all of lengths at which headers begin or end.
fn frames(link: u32) -> Vec<Vec<u8>> {
    let mut seed = link.wrapping_mul(2_654_435_761) | 1;
    let mut octet = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    };
    let mut frames = Vec::new();
    for length in [1, 2, 3, 4, 6, 8, 12, 13, 14, 16, 20, 24, 34, 54, 60, 100, 144, 300] {
        frames.push(vec![0; length]);
        frames.push(vec![0xff; length]);
        frames.push((0..length).map(|_| octet()).collect());
        frames
            .push((0..length).map(|at| if at < 4 { octet() } else { [0x45, 0, 8, 0x60][at % 4] }).collect());
    }
    frames
}

/// One capture of each link type that libpcap names, and of some that it does not.
#[test]
fn every_frame_of_every_link_is_in_one_record() {
    let folder = Folder::new();
    let mut named = 0;
    for link in 0..320u32 {
        named += u32::from(pcap::Linktype(link as i32).get_name().is_ok());
        let frames = frames(link);
        let mut file = Vec::new();
        for word in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65_535, link] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        for (number, frame) in frames.iter().enumerate() {
            for word in [1_600_000_000, number as u32, frame.len() as u32, frame.len() as u32] {
                file.extend_from_slice(&word.to_le_bytes());
            }
            file.extend_from_slice(frame);
        }
        let path = folder.write("link.pcap", &file);
        for mode in MODES {
            let output = run(&[mode, &["-mAJZR", "-r", &path, "-w", "-"]].concat());
            assert_eq!(output.status.code(), Some(0), "link type {link} {mode:?}: {}", told(&output));
            let seen = records(&output.stdout);
            assert_eq!(counted(&seen), frames.len() as u64, "link type {link} {mode:?}");
        }
    }
    assert!(named > 100, "libpcap names {named} link types");
}
