//! Laws of the engine: nothing lost, nothing unbounded, nothing allocated on the packet path.

use flow::{Config, Counters, Engine, Time};
use packet::{Dissector, LinkType};
use record::RecordView;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Counts the allocations of each thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn rich() -> Config {
    Config {
        application_octets: true,
        jitter: true,
        packet_size: true,
        mac: true,
        user_data: 64,
        ..Config::default()
    }
}

/// An Ethernet frame with an IPv4 UDP datagram.
fn udp(source: u32, port: u16, octets: usize) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0];
    frame.extend_from_slice(&(28 + octets as u16).to_be_bytes());
    frame.extend_from_slice(&[0, 1, 0, 0, 64, 17, 0, 0]);
    frame.extend_from_slice(&source.to_be_bytes());
    frame.extend_from_slice(&[10, 0, 0, 2]);
    frame.extend_from_slice(&port.to_be_bytes());
    frame.extend_from_slice(&9999u16.to_be_bytes());
    frame.extend_from_slice(&(8 + octets as u16).to_be_bytes());
    frame.extend_from_slice(&[0, 0]);
    frame.resize(42 + octets, b'x');
    frame
}

/// Packets that a record counts.
fn counted(record: &[u8]) -> u64 {
    let view = RecordView::new(record).expect("a record");
    view.metric().map_or(0, |metric| metric.src.packets + metric.dst.packets)
}

fn conserved(counters: &Counters, in_records: u64) {
    assert_eq!(counters.packets, counters.in_flows, "{counters:?}");
    assert_eq!(counters.in_flows, in_records, "{counters:?}");
    assert_eq!((counters.unreported, counters.parts_refused), (0, 0), "{counters:?}");
}

#[test]
fn evicts_the_oldest_with_its_record() {
    let config = Config { max_flows: 64, ..rich() };
    let dissector = Dissector::new(LinkType::ETHERNET, config.rules());
    let mut engine = Engine::new(config).expect("memory");
    let mut total = 0;
    let mut sink = |record: &[u8]| total += counted(record);
    for step in 0..5000u32 {
        let frame = udp(0x0a00_0100 + step, 4000, 10);
        let summary = dissector.dissect(&frame, frame.len() as u32);
        engine.packet(Time::from_micros(1_600_000_000, i64::from(step) * 10), &summary, &mut sink);
        assert!(engine.flows() <= 64);
    }
    engine.flush(&mut sink);
    let counters = engine.counters();
    conserved(&counters, total);
    assert_eq!(counters.evictions, 5000 - 64);
    assert_eq!((counters.flows, counters.records), (5000, 5000));
}

#[test]
fn stays_within_its_octets() {
    let config = Config { max_octets: 100_000, ..rich() };
    let dissector = Dissector::new(LinkType::ETHERNET, config.rules());
    let mut engine = Engine::new(config).expect("memory");
    let mut sink = |_: &[u8]| {};
    for step in 0..5000u32 {
        let frame = udp(0x0a00_0100 + step, 4000, 10);
        let summary = dissector.dissect(&frame, frame.len() as u32);
        engine.packet(Time::from_micros(1_600_000_000, i64::from(step) * 10), &summary, &mut sink);
        assert!(engine.octets() <= 101_000, "{} octets", engine.octets());
    }
    assert!(engine.counters().evictions > 4000);
}

#[test]
fn a_clock_set_back_does_not_stop_the_timers() {
    let config = Config::default();
    let dissector = Dissector::new(LinkType::ETHERNET, config.rules());
    let mut engine = Engine::new(config).expect("memory");
    let mut records = 0;
    let mut sink = |_: &[u8]| records += 1;
    let frame = udp(0x0a00_0001, 4000, 10);
    let summary = dissector.dissect(&frame, frame.len() as u32);
    engine.packet(Time::from_micros(2_000_000_000, 0), &summary, &mut sink);
    let other = udp(0x0a00_0003, 4000, 10);
    let summary = dissector.dissect(&other, other.len() as u32);
    for second in 0..20 {
        engine.packet(Time::from_micros(1_600_000_000 + second, 0), &summary, &mut sink);
    }
    assert!(records >= 4, "{records} records");
}

#[test]
fn what_is_due_does_not_wait_for_what_came_later() {
    // The first of a flow of a later time, one of another flow, and that one again when it is due.
    let times = [(0x0a00_0001, 100.0), (0x0a00_0003, 98.0), (0x0a00_0001, 102.9), (0x0a00_0003, 103.2)];
    for (link, compat, wanted) in [
        (LinkType::ETHERNET, false, vec![1]),
        (LinkType::RAW, false, vec![1]),
        (LinkType::RAW, true, vec![1]),
        // As 3.0.8 has it.
        (LinkType::ETHERNET, true, vec![]),
    ] {
        let config = Config { compat, ..Config::default() };
        let dissector = Dissector::new(link, config.rules());
        let mut engine = Engine::new(config).expect("memory");
        let (mut early, mut all) = (Vec::new(), 0);
        for (address, time) in times {
            let frame = udp(address, 4000, 10);
            let frame = if link == LinkType::RAW { &frame[14..] } else { &frame };
            let summary = dissector.dissect(frame, frame.len() as u32);
            let time = Time::from_micros(1_600_000_000, (time * 1e6) as i64);
            engine.packet(time, &summary, &mut |record: &[u8]| early.push(counted(record)));
        }
        engine.flush(&mut |record: &[u8]| all += counted(record));
        assert_eq!(early, wanted, "{link:?} {compat}");
        assert_eq!(early.iter().sum::<u64>() + all, 4);
    }
}

#[test]
fn queues_are_looked_at_at_an_even_pace() {
    let config = Config::default();
    let dissector = Dissector::new(LinkType::ETHERNET, config.rules());
    let mut engine = Engine::new(config).expect("memory");
    let mut reported = Vec::new();
    let mut packet = |address, millis: i64| {
        let frame = udp(address, 4000, 10);
        let summary = dissector.dissect(&frame, frame.len() as u32);
        let time = Time::from_micros(1_600_000_000, millis * 1000);
        engine.packet(time, &summary, &mut |record: &[u8]| {
            reported.push((millis, counted(record)));
        });
    };
    // Every 190 ms, so that looks 200 ms after each other would come with every second packet only.
    for number in 0..=26 {
        packet(0x0a00_0001, number * 190);
        if number == 0 {
            packet(0x0a00_0003, 30);
        }
    }
    packet(0x0a00_0005, 5_130);
    assert_eq!(reported, [(5_130, 27), (5_130, 1)]);
}

#[test]
fn a_live_connection_lies_fallow() {
    let mut config = Config::default();
    config.timeouts.fallow = Duration::from_secs(100);
    let dissector = Dissector::new(LinkType::ETHERNET, config.rules());
    let mut engine = Engine::new(config).expect("memory");
    let mut sink = |_: &[u8]| {};
    let segment = |port: u16, flags: u8| {
        let mut frame = udp(0x0a00_0001, port, 12);
        frame[23] = 6;
        frame[46] = 0x50;
        frame[47] = flags;
        frame
    };
    for (port, flags) in [(1, 0x10), (2, 0x10), (2, 0x11), (3, 2)] {
        let frame = segment(port, flags);
        let summary = dissector.dissect(&frame, frame.len() as u32);
        engine.packet(Time::from_micros(1_600_000_000, 0), &summary, &mut sink);
    }
    // Five seconds to the status check, sixty idle; the established one stays for a hundred more.
    for (second, flows, fallow) in [(6, 3, 0), (64, 3, 0), (67, 1, 1), (166, 1, 1), (168, 0, 0)] {
        engine.tick(Time::from_micros(1_600_000_000 + second, 0), &mut sink);
        assert_eq!((engine.flows(), engine.fallow()), (flows, fallow), "after {second} s");
    }
}

#[test]
fn packets_are_counted_by_size() {
    let config = Config { packet_size: true, size_histogram: true, ..Config::default() };
    let dissector = Dissector::new(LinkType::ETHERNET, config.rules());
    let mut engine = Engine::new(config).expect("memory");
    let mut sections = Vec::new();
    let mut sink = |record: &[u8]| {
        let view = RecordView::new(record).expect("a record");
        sections.push(view.dsr(record::Index::Psize).expect("sizes").to_vec());
    };
    for octets in [10, 10, 40, 1000] {
        let frame = udp(0x0a00_0001, 4000, octets);
        engine.packet(
            Time::from_micros(1_600_000_000, 0),
            &dissector.dissect(&frame, frame.len() as u32),
            &mut sink,
        );
    }
    engine.flush(&mut sink);
    // 52, 52, 82, 1042 octets.
    assert_eq!(sections, [[0x12, 0x05, 6, 3, 0, 52, 0x04, 0x12, 0x21, 0, 0x01, 0]]);
}

#[test]
fn engines_of_one_source_share_the_numbers() {
    let dissector = Dissector::new(LinkType::ETHERNET, Config::default().rules());
    let mut numbers = Vec::new();
    for lane in 0..3 {
        let config = Config { lane: (lane, 3), ..Config::default() };
        let mut engine = Engine::new(config).expect("an engine");
        let mut sink = |record: &[u8]| numbers.push(RecordView::new(record).expect("a record").seq());
        for port in 0..4 {
            let frame = udp(0x0a00_0001, port, 10);
            let summary = dissector.dissect(&frame, frame.len() as u32);
            engine.packet(Time::from_micros(1, i64::from(port)), &summary, &mut sink);
        }
        engine.flush(&mut sink);
        assert_eq!(engine.sequence_number(), 4);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=12).collect::<Vec<u32>>());
}

#[test]
fn a_tick_reports_what_is_due() {
    let config = Config { status_interval: Duration::from_secs(2), ..Config::default() };
    let dissector = Dissector::new(LinkType::ETHERNET, config.rules());
    let mut engine = Engine::new(config).expect("memory");
    let frame = udp(0x0a00_0001, 4000, 10);
    let summary = dissector.dissect(&frame, frame.len() as u32);
    let mut records = Vec::new();
    let mut sink = |record: &[u8]| records.push(record.to_vec());
    engine.packet(Time::from_micros(1_600_000_000, 0), &summary, &mut sink);
    engine.tick(Time::from_micros(1_600_000_001, 0), &mut sink);
    engine.tick(Time::from_micros(1_600_000_002, 0), &mut sink);
    assert_eq!((records.len(), engine.flows()), (1, 1));
    let mut sink = |_: &[u8]| panic!("reported twice");
    engine.tick(Time::from_micros(1_600_000_040, 0), &mut sink);
    assert_eq!(engine.flows(), 0);
}

#[test]
fn the_packet_path_does_not_allocate() {
    let config = Config { max_flows: 10_000, compat: true, ..rich() };
    let dissector = Dissector::new(LinkType::ETHERNET, config.rules());
    let mut engine = Engine::new(config).expect("memory");
    let frames: Vec<Vec<u8>> = (0..20_000u32).map(|n| udp(0x0a00_0000 + n, 4000, n as usize % 200)).collect();
    let mut octets = 0;
    let mut sink = |record: &[u8]| octets += record.len();
    let before = ALLOCATIONS.with(Cell::get);
    for (step, frame) in frames.iter().cycle().take(60_000).enumerate() {
        let summary = dissector.dissect(frame, frame.len() as u32);
        engine.packet(Time::from_micros(1_600_000_000, step as i64 * 400), &summary, &mut sink);
    }
    engine.flush(&mut sink);
    assert_eq!(ALLOCATIONS.with(Cell::get) - before, 0);
    assert!(octets > 0);
}

fn captures() -> Vec<PathBuf> {
    let shared = match std::env::var_os("PANOPTES_SHARED") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
    };
    let mut found = Vec::new();
    for folder in ["tcpdump", "ndpi"] {
        if let Ok(entries) = std::fs::read_dir(shared.join("corpus").join(folder)) {
            found.extend(entries.filter_map(|entry| entry.ok()).map(|entry| entry.path()));
        }
    }
    found.sort();
    found
}

#[test]
fn counts_every_packet_of_the_captures_once() {
    let captures = captures();
    if captures.is_empty() {
        eprintln!("skipped: no captures (PANOPTES_SHARED)");
        return;
    }
    let mut packets = 0;
    for compat in [false, true] {
        for path in &captures {
            let Ok(mut capture) = pcap::Capture::from_file(path) else { continue };
            let config = Config { compat, max_flows: 4096, ..rich() };
            let link = LinkType(capture.get_datalink().0);
            let dissector = Dissector::new(link, config.rules());
            let mut engine = Engine::new(config).expect("memory");
            let mut total = 0;
            let mut sink = |record: &[u8]| total += counted(record);
            while let Ok(packet) = capture.next_packet() {
                let time = Time::from_pcap(packet.header.ts.tv_sec, packet.header.ts.tv_usec);
                engine.packet(time, &dissector.dissect(packet.data, packet.header.len), &mut sink);
                packets += 1;
            }
            engine.flush(&mut sink);
            let counters = engine.counters();
            assert_eq!(counters.packets, counters.in_flows, "{}", path.display());
            assert_eq!(counters.in_flows, total, "{} compat {compat}: {counters:?}", path.display());
        }
    }
    eprintln!("{packets} packets of {} captures, each counted once", captures.len());
}

#[test]
fn a_matrix_counts_both_directions_in_one_flow() {
    for (layer_3_matrix, layer_2) in [(true, false), (false, true)] {
        let key = flow::KeyParts { five_tuple: false, layer_3_matrix, layer_2, vlan: false, mpls: false };
        let config = Config { key, ..Config::default() };
        let dissector = Dissector::new(LinkType::ETHERNET, config.rules());
        let mut engine = Engine::new(config).expect("memory");
        let mut packets = Vec::new();
        let mut sink = |record: &[u8]| {
            let metric = RecordView::new(record).expect("a record").metric().expect("counts");
            packets.push((metric.src.packets, metric.dst.packets));
        };
        let there = udp(0x0a00_0001, 4000, 10);
        let mut back = there.clone();
        for (to, from) in [(0..6, 6..12), (6..12, 0..6), (26..30, 30..34), (30..34, 26..30)] {
            back[to].copy_from_slice(&there[from]);
        }
        for frame in [&there, &back, &there] {
            let summary = dissector.dissect(frame, frame.len() as u32);
            engine.packet(Time::from_micros(1_600_000_000, 0), &summary, &mut sink);
        }
        engine.flush(&mut sink);
        assert_eq!(packets, [(2, 1)]);
    }
}
