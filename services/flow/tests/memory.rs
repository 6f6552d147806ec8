//! What a flood took of memory goes back to the system. A test of its own: it looks at the resident set.

mod common;

use common::{give, packets};
use flow::{Config, Engine};

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
    engine.flush(&mut |record: &[u8]| reported += packets(record).iter().sum::<u64>());
    assert_eq!(reported, u64::from(number));
}

/// Octets of the resident set.
fn resident() -> Option<u64> {
    let line = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096)
}
