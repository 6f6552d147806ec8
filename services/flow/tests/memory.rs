//! What a flood took of memory goes back to the system. A test of its own: it looks at the resident set.

use flow::{Config, Engine, Frame, Time};
use packet::{Dissector, LinkType};
use record::RecordView;

/// A datagram of flow `number`.
fn datagram(number: u32) -> [u8; 46] {
    let mut octets = [0; 46];
    octets[..14].copy_from_slice(&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]);
    octets[14..26].copy_from_slice(&[0x45, 0, 0, 32, 0, 1, 0, 0, 64, 17, 0, 0]);
    octets[26..30].copy_from_slice(&(0x0a00_0000 | number).to_be_bytes());
    octets[30..42].copy_from_slice(&[192, 0, 2, 1, 0x10, 0, 0x20, 0, 0, 12, 0, 0]);
    octets
}

/// Gives an engine new flows, at a time in milliseconds. Returns the packets in the records that came of them.
fn give(engine: &mut Engine, numbers: std::ops::Range<u32>, millis: i64) -> u64 {
    let dissector = Dissector::new(LinkType::ETHERNET, engine.config().rules());
    let mut reported = 0;
    let frames: Vec<[u8; 46]> = numbers.map(datagram).collect();
    let frames = frames.iter().map(|octets| Frame {
        time: Time::from_micros(1_600_000_000, millis * 1000),
        octets,
        length: octets.len() as u32,
    });
    engine.frames(&dissector, frames, &mut |record: &[u8]| reported += packets(record));
    reported
}

fn packets(record: &[u8]) -> u64 {
    let view = RecordView::new(record).expect("a record");
    view.metric().map_or(0, |metric| metric.packets())
}

#[test]
fn memory_goes_back_after_a_flood() {
    let mut engine = Engine::new(Config::default()).expect("memory");
    let mut reported = give(&mut engine, 0..300_000, 0);
    let full = resident();
    // All but what is new idles for long enough to be forgotten, and what was last in memory too.
    let mut number = 300_000;
    for second in 1..150 {
        reported += give(&mut engine, number..number + 10, second * 1000);
        number += 10;
    }
    assert!(engine.flows() < 1000, "{} flows", engine.flows());
    let Some((full, after)) = full.zip(resident()) else {
        eprintln!("skipped: /proc/self/statm is needed");
        return;
    };
    // Flows took 50 MB, of which the index is not given back.
    assert!(after + (30 << 20) < full, "{after} of {full} octets");
    engine.flush(&mut |record: &[u8]| reported += packets(record));
    assert_eq!(reported, u64::from(number));
}

/// Octets of the resident set.
fn resident() -> Option<u64> {
    let line = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096)
}
