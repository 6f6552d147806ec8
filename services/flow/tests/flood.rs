//! Floods: many more flows, fragments and errors than there is room for lose no packet and stay within the ceilings.

use flow::{Config, Counters, Engine, Time};
use packet::{Dissector, LinkType};
use record::RecordView;
use std::sync::{Mutex, PoisonError};

/// Memory is read from the kernel's account of this process, so the tests take turns.
static TURN: Mutex<()> = Mutex::new(());

/// What a flood came to.
struct Outcome {
    counters: Counters,
    /// Packets that the records count.
    in_records: u64,
    /// Octets that the resident set grew by while the flows were open.
    grown: u64,
    /// Most flows open at a time.
    open: usize,
    /// Octets of state in use before the end.
    octets: u64,
}

/// Sends `packets` frames that `make` writes, a microsecond apart.
fn flood(config: Config, packets: u32, mut make: impl FnMut(u32, &mut Vec<u8>)) -> Outcome {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let dissector = Dissector::new(LinkType::ETHERNET, config.rules());
    let before = resident();
    let mut engine = Engine::new(config).expect("memory");
    let (mut in_records, mut open) = (0, 0);
    let mut sink = |octets: &[u8]| {
        let view = RecordView::new(octets).expect("a record");
        in_records += view.metric().map_or(0, |metric| metric.packets());
    };
    let mut frame = Vec::new();
    for number in 0..packets {
        frame.clear();
        make(number, &mut frame);
        let summary = dissector.dissect(&frame, frame.len() as u32);
        engine.packet(Time::from_micros(1_600_000_000, i64::from(number)), &summary, &mut sink);
        open = open.max(engine.flows());
    }
    let grown = resident().saturating_sub(before);
    let octets = engine.octets();
    engine.flush(&mut sink);
    Outcome { counters: engine.counters(), in_records, grown, open, octets }
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc/self/status");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") * 1024
}

fn conserved(outcome: &Outcome) {
    let counters = &outcome.counters;
    assert_eq!(counters.packets, counters.in_flows, "{counters:?}");
    assert_eq!(counters.in_flows, outcome.in_records, "{counters:?}");
    assert_eq!(counters.unreported, 0, "{counters:?}");
}

fn rich() -> Config {
    Config { application_octets: true, jitter: true, packet_size: true, mac: true, ..Config::default() }
}

fn ethernet(frame: &mut Vec<u8>, ethertype: u16) {
    frame.extend_from_slice(&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]);
    frame.extend_from_slice(&ethertype.to_be_bytes());
}

/// An IPv4 header; `fragment` is the word of flags and offset.
fn ip(frame: &mut Vec<u8>, protocol: u8, id: u16, fragment: u16, source: u32, payload: usize) {
    frame.extend_from_slice(&[0x45, 0]);
    frame.extend_from_slice(&(20 + payload as u16).to_be_bytes());
    frame.extend_from_slice(&id.to_be_bytes());
    frame.extend_from_slice(&fragment.to_be_bytes());
    frame.extend_from_slice(&[64, protocol, 0, 0]);
    frame.extend_from_slice(&source.to_be_bytes());
    frame.extend_from_slice(&[192, 0, 2, 1]);
}

/// A TCP segment of connection `number`.
fn tcp(frame: &mut Vec<u8>, number: u32, flags: u8) {
    ethernet(frame, 0x0800);
    ip(frame, 6, number as u16, 0x4000, 0x0a00_0000 | number >> 8, 20);
    frame.extend_from_slice(&(1024 + (number & 0xff) as u16).to_be_bytes());
    frame.extend_from_slice(&[0, 80]);
    frame.extend_from_slice(&number.to_be_bytes());
    frame.extend_from_slice(&[0, 0, 0, 1, 0x50, flags, 0x20, 0, 0, 0, 0, 0]);
}

fn udp(frame: &mut Vec<u8>, number: u32) {
    let port = (1024 + (number & 0xff) as u16).to_be_bytes();
    frame.extend_from_slice(&[port[0], port[1], 0x27, 0x0f, 0, 12, 0, 0, b'd', b'a', b't', b'a']);
}

#[test]
fn a_syn_flood_stays_within_its_flows() {
    let config = Config { max_flows: 50_000, ..Config::default() };
    let outcome = flood(config, 300_000, |number, frame| tcp(frame, number, 2));
    conserved(&outcome);
    assert_eq!(outcome.open, 50_000);
    assert_eq!(outcome.counters.evictions, 250_000);
    assert_eq!(outcome.counters.flows, 300_000);
    println!("{} octets resident for each flow", outcome.grown / 50_000);
}

#[test]
fn memory_stays_within_its_octets_whatever_comes() {
    const ROOM: u64 = 32 << 20;
    // One kind of traffic after the other, so that each comes when the parts of the one before are laid out.
    let outcome = flood(Config { max_octets: ROOM, ..rich() }, 400_000, |number, frame| {
        let address = 0x0a00_0000 | number >> 8;
        match number / 50_000 {
            0 => tcp(frame, number, 2),
            // Echo requests, each a flow.
            1 => {
                ethernet(frame, 0x0800);
                ip(frame, 1, 1, 0, address, 28);
                frame.extend_from_slice(&[8, 0, 0, 0]);
                frame.extend_from_slice(&number.to_be_bytes());
                frame.resize(62, 0);
            }
            // First fragments of one conversation: each a datagram that never ends.
            2 => {
                ethernet(frame, 0x0800);
                ip(frame, 17, number as u16, 0x2000, 0x0a00_0001 + (number >> 16), 16);
                udp(frame, 0);
                frame.resize(50, 0);
            }
            // Later fragments that nobody began.
            3 => {
                ethernet(frame, 0x0800);
                ip(frame, 17, number as u16, 0x2010, address, 16);
                frame.resize(50, 0);
            }
            // Datagrams under a label each.
            4 => {
                ethernet(frame, 0x8847);
                frame.extend_from_slice(&(number << 12 | 0x140).to_be_bytes());
                ip(frame, 17, 1, 0, address, 12);
                udp(frame, number);
            }
            // Datagrams, and errors that quote every second one.
            5 if number % 2 == 0 => {
                ethernet(frame, 0x0800);
                ip(frame, 17, 1, 0, address, 12);
                udp(frame, number);
            }
            5 => {
                ethernet(frame, 0x0800);
                ip(frame, 1, 1, 0, 0x0b00_0000 | number, 40);
                frame.extend_from_slice(&[3, 3, 0, 0, 0, 0, 0, 0]);
                ip(frame, 17, 1, 0, address, 12);
                udp(frame, number - 1);
            }
            // Requests for ever more addresses, answered.
            6 => {
                ethernet(frame, 0x0806);
                frame.extend_from_slice(&[0, 1, 8, 0, 6, 4, 0, 1 + (number % 2) as u8]);
                let (mac, asked) = ([2, 0, 0, 0, 0, 1], (number / 2).to_be_bytes());
                let (sender, target) =
                    if number % 2 == 0 { ([10, 0, 0, 1], asked) } else { (asked, [10, 0, 0, 1]) };
                for part in [&mac[..], &sender, &mac, &target] {
                    frame.extend_from_slice(part);
                }
                frame.resize(60, 0);
            }
            // Security associations.
            _ => {
                ethernet(frame, 0x0800);
                ip(frame, 50, 1, 0, address, 24);
                frame.extend_from_slice(&number.to_be_bytes());
                frame.resize(58, 0);
            }
        }
    });
    conserved(&outcome);
    assert!(outcome.counters.evictions > 100_000, "{:?}", outcome.counters);
    assert_eq!(outcome.counters.parts_refused, 0, "{:?}", outcome.counters);
    assert!(outcome.octets <= ROOM, "{} octets counted", outcome.octets);
    // Besides the flows there are the record being written and what the test holds.
    assert!(outcome.grown <= ROOM + (2 << 20), "{} octets resident", outcome.grown);
}

#[test]
fn user_data_stays_within_its_octets() {
    const ROOM: u64 = 16 << 20;
    let config = Config { max_octets: ROOM, max_flows: 100_000, user_data: 2000, ..Config::default() };
    let outcome = flood(config, 60_000, |number, frame| {
        ethernet(frame, 0x0800);
        ip(frame, 17, 1, 0, 0x0a00_0000 | number, 1012);
        udp(frame, number);
        frame.resize(1046, b'x');
    });
    conserved(&outcome);
    assert!(outcome.counters.parts_refused > 0, "{:?}", outcome.counters);
    assert!(outcome.grown <= 2 * ROOM + (2 << 20), "{} octets resident", outcome.grown);
}

#[test]
fn a_parent_outlives_the_room_made_for_its_fragments() {
    // The datagrams of one conversation, begun and never ended, while its flow is the oldest of a full table.
    let outcome = flood(Config { max_flows: 64, ..rich() }, 20_000, |number, frame| {
        ethernet(frame, 0x0800);
        match number % 64 {
            0 => {
                ip(frame, 17, number as u16, 0x2000, 0x0a00_0001, 16);
                udp(frame, 0);
                frame.resize(50, 0);
            }
            1 => {
                ip(frame, 17, (number - 1) as u16, 0x2002, 0x0a00_0001, 16);
                frame.resize(50, 0);
            }
            _ => {
                ip(frame, 17, 1, 0, 0x0b00_0000 | number, 12);
                udp(frame, number);
            }
        }
    });
    conserved(&outcome);
    assert!(outcome.open <= 64);
}

#[test]
fn conversations_outlive_a_flood() {
    // A connection that sends one packet in twenty of a flood ten times the size of the table.
    let mut records = 0;
    let outcome = flood(Config { max_flows: 1000, ..rich() }, 10_000, |number, frame| {
        if number % 20 == 0 {
            records += 1;
            tcp(frame, 0, if number == 0 { 2 } else { 0x10 });
        } else {
            tcp(frame, number, 2);
        }
    });
    conserved(&outcome);
    // Every packet of the flood is a flow of its own; the conversation stays one.
    assert_eq!(outcome.counters.flows, 10_000 - records + 1);
}
