//! Frames that nobody meant as frames: mutated captures of every link type, with times that jump, go through
//! dissector and engine. Nothing panics, hangs, or grows past its ceilings, and whatever comes out is a sound record.
//!
//! Runs for `PANOPTES_FUZZ_SECONDS` (2 unless set) from `PANOPTES_FUZZ_SEED`; a failure names the seed of its round.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use flow::{Config, Engine, Frame, KeyParts, Keystroke, Sink, Time, Timeouts};
use packet::{Dissector, LinkType, Rules};
use record::{Form, Record, RecordView, SourceId, Version};

/// xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `end`; 0 when that is 0.
    fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { (self.next() >> 16) as usize % end }
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }
}

/// A frame and its link type.
type Seed = (i32, Vec<u8>);

/// TCP both ways, UDP with DNS, ICMP error and echo, ARP, IPv6, VLAN, MPLS, STP, GRE, fragment, IGMP, PPPoE: enough
/// to reach most protocols without the corpus.
fn handmade() -> Vec<Seed> {
    const FRAMES: &[&str] = &[
        "020000000002020000000001 0800 45000030100140004006166d 0a0000010a000002 9c400050000003e8000000007002faf000000000 020405b401030307",
        "020000000001020000000002 0800 450000282001400040060a7d 0a0000020a000001 00509c4000001388000003e9501201fd00000000",
        "020000000002020000000001 0800 4500002c1101000040113ab2 0a0000010a000002 9c41003500180000 12340100000100000000000001610000",
        "020000000002020000000001 0800 45000038120100004001 0000 0a0000fe0a000001 0303000000000000 45000020100100004011 0000 0a0000010a000002 9c41003500080000",
        "020000000002020000000001 0800 45000024120100004001 0000 0a0000010a000002 08003ad2005500017070707070707070",
        "ffffffffffff020000000001 0806 0001080006040001 0200000000010a000001 0000000000000a000002",
        "020000000002020000000001 86dd 6000000000120040 20010db8000000000000000000000001 20010db8000000000000000000000002 1100010400000000 9c42003500120000",
        "020000000002020000000001 8100a064 0800 45000020130100004011 0000 0a0000010a000002 00010002000c0000 61626364",
        "020000000002020000000001 8847 000640400012c140 45000020130100004011 0000 0a0000010a000002 00010002000c0000 61626364",
        "0180c2000000020000000001 0026 424203 0000000000 8000 020000000001 00000000 8000 020000000001 8001000014000200 0f00",
        "020000000002020000000001 0800 4500003c14010000402f 0000 0a0000010a000002 00000800 45000024150100004001 0000 c0a80001c0a80002 08003ad20055000170707070",
        "020000000002020000000001 0800 45000028150120b94011 0000 0a0000010a000002 6161616161616161616161616161616161616161",
        "020000000002020000000001 0800 46000020160100004002 0000 0a000001e0010203 94040000 16000000e0010203",
        "020000000002020000000001 0800 450000481a01000040110000 0a0000010a000002 02bc232800340000 80000000 00000000 00000000 00000000 00000004 00000001 00000064 000005dc 00002000 00000001 0000004d",
        "020000000002020000000001 0800 450000301a01000040110000 0a0000010a000002 02bc2328001c0000 00000064 c0000000 000003e8 0000004d 00000005",
        "020000000002020000000001 0800 450000341a01000040110000 0a0000010a000002 02bc232800200000 80030000 00000000 00000000 0000004d 80000066 00000068",
        "020000000002020000000001 8864 110000010022 0021 45000020130100004011 0000 0a0000010a000002 00010002000c0000 61626364",
    ];
    FRAMES
        .iter()
        .map(|frame| {
            let digits: Vec<u8> = frame.bytes().filter(u8::is_ascii_hexdigit).collect();
            let octet =
                |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap_or("0"), 16).unwrap_or(0);
            (1, digits.chunks(2).map(octet).collect())
        })
        .collect()
}

/// Some frames of every readable capture of the corpus.
fn corpus() -> Vec<Seed> {
    let shared = std::env::var_os("PANOPTES_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let mut seeds = Vec::new();
    let mut folders = vec![shared.join("corpus")];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            eprintln!("skipped: no captures at {}", folder.display());
            continue;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(mut capture) = pcap::Capture::from_file(&path) {
                let link = capture.get_datalink().0;
                for _ in 0..8 {
                    let Ok(packet) = capture.next_packet() else { break };
                    seeds.push((link, packet.data.to_vec()));
                }
            }
        }
    }
    // The order of a directory is not the same everywhere.
    seeds.sort();
    seeds
}

const LINKS: &[i32] = &[
    0, 1, 6, 7, 8, 9, 10, 11, 12, 14, 15, 16, 50, 51, 101, 104, 105, 108, 109, 113, 117, 119, 127, 163, 178,
    228, 229, 276,
];

/// Octets that headers turn on.
const TELLING: &[u8] =
    &[0, 1, 2, 3, 4, 5, 6, 0x0f, 0x11, 0x29, 0x2c, 0x2f, 0x33, 0x3a, 0x45, 0x4f, 0x60, 0x7f, 0x80, 0xff];

fn mutate(frame: &mut Vec<u8>, seeds: &[Seed], random: &mut Random) {
    for _ in 0..random.below(6) {
        let at = random.below(frame.len());
        match random.below(8) {
            0 => frame.truncate(at),
            1 => frame.extend((0..random.below(64)).map(|fill| fill as u8)),
            2 => {
                // The rest of another frame.
                let (_, other) = &seeds[random.below(seeds.len())];
                frame.truncate(at);
                frame.extend_from_slice(&other[random.below(other.len())..]);
            }
            3 => {
                // A piece again: options, tags, headers within headers.
                let piece = frame[at..frame.len().min(at + 1 + random.below(40))].to_vec();
                for _ in 0..1 + random.below(40) {
                    frame.splice(at..at, piece.iter().copied());
                }
            }
            _ => {
                if let Some(octet) = frame.get_mut(at) {
                    *octet = match random.below(3) {
                        0 => random.next() as u8,
                        1 => *octet ^ 1 << random.below(8),
                        _ => TELLING[random.below(TELLING.len())],
                    };
                }
            }
        }
    }
    frame.truncate(4096);
}

fn config(random: &mut Random) -> Config {
    let source_ids = [SourceId::None, SourceId::Int(7), SourceId::Str(*b"abcd"), SourceId::Uuid([9; 16])];
    let layers = random.chance(6);
    Config {
        status_interval: Duration::from_millis([0, 1, 200, 5000, u64::MAX / 2][random.below(5)]),
        source_id: source_ids[random.below(source_ids.len())],
        version: if random.chance(3) { Version::V5 } else { Version::V3 },
        compat: random.chance(2),
        application_octets: random.chance(2),
        jitter: random.chance(2),
        packet_size: random.chance(2),
        mac: random.chance(2),
        size_histogram: random.chance(2),
        keystroke: random.chance(2).then(|| Keystroke {
            ssh: random.chance(2),
            stroke: 1..=1000,
            answer: 1..=1000,
            apart: 0,
            ratio: 0.0..=1e9,
            ..Keystroke::default()
        }),
        user_data: [0, 1, 16, 3000, u16::MAX][random.below(5)],
        start_records: random.chance(3),
        bidirectional_timestamps: random.chance(3),
        track_duplicates: random.chance(3),
        tunnel_discovery: random.chance(2),
        outer_headers: random.chance(2),
        tunnels: random.chance(2),
        unidirectional: random.chance(4),
        key: KeyParts {
            five_tuple: !layers,
            layer_3_matrix: layers && random.chance(2),
            layer_2: random.chance(6),
            vlan: random.chance(6),
            mpls: random.chance(6),
        },
        max_flows: [1, 2, 64, 4096][random.below(4)],
        max_octets: [0, 1000, 1 << 16, 1 << 24][random.below(4)],
        hash_key: random.next(),
        hash_buckets: random.chance(3).then(|| random.next() as u32),
        tcp_performance: random.chance(2),
        timeouts: Timeouts {
            tcp: Duration::from_secs(random.below(3) as u64),
            fallow: Duration::from_secs(random.below(3) as u64),
            ..Timeouts::default()
        },
        ..Config::default()
    }
}

/// A record that the engine gave must be one that any reader takes whole. Returns the packets that it counts.
fn check(octets: &[u8]) -> u64 {
    let view = RecordView::new(octets).unwrap_or_else(|error| panic!("{error}: {octets:02x?}"));
    assert_eq!(view.bytes().len(), octets.len(), "octets behind the record");
    assert!(view.tail().is_empty(), "octets that belong to no part: {octets:02x?}");
    assert!(view.flow().is_some(), "no key: {octets:02x?}");
    assert!(view.metric().is_some_and(|metric| metric.packets() > 0), "no packets: {octets:02x?}");
    let times = view.times();
    assert!(times.start() <= times.end(), "ends before it starts: {octets:02x?}");
    let mut again = Vec::new();
    assert!(Record::from(view).encode(Form::Sensor, view.header().version(), &mut again).is_ok());
    assert_eq!(again, octets);
    view.metric().map_or(0, |metric| metric.packets())
}

/// A link type, and frames that came over it: time, octets, length on the wire.
type Waiting = (i32, Vec<(Time, Vec<u8>, u32)>);

/// Gives an engine what has waited, all at once.
fn deal(engine: &mut Engine, rules: Rules, waiting: &mut Waiting, sink: &mut dyn Sink) {
    let (link, frames) = waiting;
    let dissector = Dissector::new(LinkType(*link), rules);
    let each = frames.iter().map(|(time, octets, length)| Frame { time: *time, octets, length: *length });
    assert_eq!(engine.frames(&dissector, each, sink), frames.len());
    frames.clear();
}

/// One engine and some hundred packets. Returns how many, and how many records came of them.
fn round(seed: u64, seeds: &[Seed]) -> (u64, u64) {
    let mut random = Random(seed);
    let config = config(&mut random);
    // The table never has fewer than 16 places.
    let most_flows = config.max_flows.max(16) as usize;
    let rules = config.rules();
    let mut engine = Engine::new(config).expect("memory");
    let (mut records, mut in_records) = (0, 0);
    let mut sink = |octets: &[u8]| {
        records += 1;
        in_records += check(octets);
    };
    let mut now: i64 = [0, 1, 1_600_000_000, i64::from(u32::MAX), 0xefff_ffff][random.below(5)];
    let packets = 50 + random.below(400);
    let together = random.chance(2);
    let mut waiting = Waiting::default();
    for _ in 0..packets {
        let (link, frame) = &seeds[random.below(seeds.len())];
        let link = if random.chance(20) { LINKS[random.below(LINKS.len())] } else { *link };
        let dissector = Dissector::new(LinkType(link), rules);
        let mut frame = frame.clone();
        // Conversations need some frames as they are, and some again.
        if !random.chance(3) {
            mutate(&mut frame, seeds, &mut random);
        }
        let wire = match random.below(12) {
            0 => 0,
            1 => u32::MAX,
            2 => random.next() as u32,
            _ => frame.len() as u32,
        };
        now = match random.below(40) {
            0 => now.saturating_sub(random.below(1 << 20) as i64),
            1 => now.saturating_add(random.below(1 << 24) as i64),
            2 => i64::MAX / 2,
            3 => i64::MIN / 2,
            4 => 1_600_000_000,
            _ => now.saturating_add(random.below(2) as i64),
        };
        let time = Time::from_micros(now, random.next() as i64 >> random.below(64));
        let times = 1 + random.below(3);
        if together {
            if waiting.0 != link {
                deal(&mut engine, rules, &mut waiting, &mut sink);
                waiting.0 = link;
            }
            waiting.1.extend(std::iter::repeat_n((time, frame, wire), times));
            if random.chance(8) {
                deal(&mut engine, rules, &mut waiting, &mut sink);
            }
        } else {
            for _ in 0..times {
                engine.packet(time, &dissector.dissect(&frame, wire), &mut sink);
            }
        }
        if random.chance(10) {
            engine.tick(Time::from_micros(now, 0), &mut sink);
        }
        assert!(engine.flows() <= most_flows, "{} flows", engine.flows());
    }
    deal(&mut engine, rules, &mut waiting, &mut sink);
    engine.flush(&mut sink);
    let counters = engine.counters();
    assert_eq!(counters.packets, counters.in_flows, "{counters:?}");
    assert_eq!(counters.in_flows, in_records + counters.unreported, "{counters:?}");
    assert_eq!((counters.records, counters.unreported), (records, 0), "{counters:?}");
    (packets as u64, records)
}

#[test]
fn mutated_captures_make_sound_records() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let limit = Duration::from_secs(number("PANOPTES_FUZZ_SECONDS").unwrap_or(2));
    let first = number("PANOPTES_FUZZ_SEED").unwrap_or(1);
    let mut seeds = handmade();
    seeds.extend(corpus());
    let (sender, receiver) = mpsc::channel();
    // A round that never ends would keep a test from failing, so rounds run beside it.
    std::thread::spawn(move || {
        for seed in first.. {
            let spread = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let result = std::panic::catch_unwind(|| round(spread, &seeds));
            if sender.send(result.map_err(|_| ())).is_err() {
                break;
            }
        }
    });
    let began = Instant::now();
    let (mut packets, mut records) = (0, 0);
    for seed in first.. {
        match receiver.recv_timeout(Duration::from_secs(60)) {
            Ok(Ok((some, more))) => (packets, records) = (packets + some, records + more),
            Ok(Err(())) => panic!("PANOPTES_FUZZ_SEED={seed}"),
            Err(_) => panic!("PANOPTES_FUZZ_SEED={seed} does not end"),
        }
        if began.elapsed() > limit {
            println!("{} rounds, {packets} packets, {records} records", seed - first + 1);
            break;
        }
    }
    assert!(records > 0);
}
