//! The lane says of a frame what the walk says.

use std::path::{Path, PathBuf};

use capfile::{Hint, Kind, Reader};
use proptest::prelude::*;
use proptest::sample::Index;

use super::take;
use crate::{Dissector, LinkType, Rules, Summary};

fn all_rules() -> impl Iterator<Item = Rules> {
    (0u8..8).map(|bits| Rules {
        compat: bits & 1 != 0,
        tunnel_discovery: bits & 2 != 0,
        outer_headers: bits & 4 != 0,
        tunnels: bits & 4 != 0,
    })
}

/// Compares the two under all rules; how often the lane took the frame.
fn compare(frame: &[u8], wire_length: u32) -> usize {
    let mut taken = 0;
    for rules in all_rules() {
        let dissector = Dissector::new(LinkType::ETHERNET, rules);
        let (mut by_lane, mut by_walk) = (Summary::default(), Summary::default());
        dissector.walk_into(frame, wire_length, &mut by_walk);
        if wire_length >= 14 && take(rules, frame, wire_length, &mut by_lane).is_some() {
            assert_eq!(by_lane, by_walk, "{rules:?}, {wire_length} octets on the wire, {frame:02x?}");
            taken += 1;
        }
        // Whatever the place held before.
        dissector.dissect_into(frame, wire_length, &mut by_lane);
        assert_eq!(by_lane, by_walk, "{rules:?}, {wire_length} octets on the wire, {frame:02x?}");
    }
    taken
}

/// What goes into a frame.
#[derive(Clone, Debug)]
struct Recipe {
    addresses: [u8; 32],
    tag: Option<u16>,
    ipv6: bool,
    protocol: u8,
    fields: [u8; 20],
    ports: (u16, u16),
    /// Data offset of TCP, 32-bit words.
    words: u8,
    payload: Vec<u8>,
    padding: usize,
    /// What the IP header says more than there is.
    unsaid: u16,
}

fn recipe() -> impl Strategy<Value = Recipe> {
    let port = prop_oneof![Just(53u16), Just(4789), Just(3544), 10_000u16..];
    let protocol =
        prop_oneof![4 => Just(6u8), 3 => Just(17u8), 1 => Just(1), 1 => Just(58), 1 => any::<u8>()];
    let wrong = prop_oneof![6 => Just(0u16), 1 => any::<u16>()];
    let words = prop_oneof![4 => Just(5u8), 2 => 6u8..16, 1 => 0u8..5];
    (
        (any::<[u8; 32]>(), any::<Option<u16>>(), any::<bool>(), protocol, any::<[u8; 20]>()),
        ((port.clone(), port), words, prop::collection::vec(any::<u8>(), 0..80), 0usize..20, wrong),
    )
        .prop_map(
            |((addresses, tag, ipv6, protocol, fields), (ports, words, payload, padding, unsaid))| Recipe {
                addresses,
                tag,
                ipv6,
                protocol,
                fields,
                ports,
                words,
                payload,
                padding,
                unsaid,
            },
        )
}

fn cook(recipe: &Recipe) -> Vec<u8> {
    let Recipe { addresses, fields, payload, .. } = recipe;
    let mut frame = fields[..12].to_vec();
    if let Some(control) = recipe.tag {
        frame.extend_from_slice(&[0x81, 0]);
        frame.extend_from_slice(&control.to_be_bytes());
    }
    frame.extend_from_slice(if recipe.ipv6 { &[0x86, 0xdd] } else { &[8, 0] });
    let head = if recipe.protocol == 17 { 8 } else { 20 };
    let octets = (head + payload.len() + if recipe.ipv6 { 0 } else { 20 }) as u16;
    let octets = octets.wrapping_add(recipe.unsaid).to_be_bytes();
    if recipe.ipv6 {
        frame.extend_from_slice(&[0x60 | fields[12] >> 4, fields[13], fields[14], fields[15]]);
        frame.extend_from_slice(&octets);
        frame.extend_from_slice(&[recipe.protocol, fields[16]]);
        frame.extend_from_slice(addresses);
    } else {
        frame.extend_from_slice(&[0x45, fields[12]]);
        frame.extend_from_slice(&octets);
        frame.extend_from_slice(&[fields[13], fields[14], fields[15] & 0xc0, 0, fields[16], recipe.protocol]);
        frame.extend_from_slice(&addresses[..10]);
    }
    frame.extend_from_slice(&recipe.ports.0.to_be_bytes());
    frame.extend_from_slice(&recipe.ports.1.to_be_bytes());
    frame.extend_from_slice(&fields[..head - 4]);
    if recipe.protocol != 17 {
        let at = frame.len() - 8;
        frame[at] = recipe.words << 4 | fields[8] & 15;
    }
    frame.extend_from_slice(payload);
    frame.resize(frame.len() + recipe.padding, 0);
    frame
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Frames as they are, with an octet changed, and cut short.
    #[test]
    fn says_what_the_walk_says(
        recipe in recipe(),
        changed in any::<Option<(Index, u8)>>(),
        kept in prop_oneof![2 => Just(None), 1 => any::<Option<Index>>()],
        wire in prop_oneof![2 => Just(None), 1 => any::<Option<u32>>()],
    ) {
        let mut frame = cook(&recipe);
        let whole = frame.len() as u32;
        let clean = changed.is_none() && kept.is_none() && wire.is_none() && recipe.unsaid == 0;
        if let Some((at, octet)) = changed {
            let at = at.index(frame.len());
            frame[at] = octet;
        }
        if let Some(kept) = kept {
            frame.truncate(kept.index(frame.len()));
        }
        let taken = compare(&frame, wire.unwrap_or(whole));
        if clean {
            let expected = match (recipe.protocol, recipe.ipv6) {
                (6, _) | (1, false) | (58, true) => 8,
                // Where tunnels are looked for, the walk reads those with the port of one; with `compat` IPv4 with any.
                (17, ipv6) => {
                    let has = |known: &[u16]| [recipe.ports.0, recipe.ports.1].iter().any(|port| known.contains(port));
                    let right = if has(&[3544, 4789]) { 0 } else { 2 };
                    4 + right + if ipv6 || has(&[53]) { 2 } else { 0 }
                }
                _ => 0,
            };
            prop_assert_eq!(taken, expected);
        }
    }

    #[test]
    fn of_random_octets_too(frame in prop::collection::vec(any::<u8>(), 0..120), wire in any::<u32>()) {
        compare(&frame, wire);
    }
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// All frames of the corpus, whatever their links, as if they were Ethernet's.
#[test]
fn of_the_corpus_too() {
    let shared = match std::env::var_os("PANOPTES_SHARED") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
    };
    let mut captures = Vec::new();
    files(&shared.join("corpus"), &mut captures);
    if captures.is_empty() {
        eprintln!("skipped: no captures (PANOPTES_SHARED)");
        return;
    }
    let (mut frames, mut taken) = (0usize, 0);
    for path in captures {
        let Ok(file) = std::fs::File::open(&path) else { continue };
        let mut reader = Reader::new(Box::new(file), Hint::None);
        if reader.detect() != Ok(Kind::Capture) {
            continue;
        }
        while let Ok(1..) = reader.read(1000, |packet| {
            frames += 1;
            taken += compare(packet.data, packet.length);
        }) {}
    }
    assert!(frames > 10_000 && taken > frames, "{taken} of {frames}");
}
