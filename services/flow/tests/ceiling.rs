//! Engines that keep to one ceiling together.

mod common;

use common::{give, packets};
use flow::{Ceiling, Config, Engine};
use std::sync::Barrier;

fn sharing(most: u32) -> Config {
    let config = Config { max_flows: most, ..Config::default() };
    Config { ceiling: Some(Ceiling::new(&config)), ..config }
}

#[test]
fn one_engine_may_have_it_all_and_hands_over_what_others_need() {
    const MOST: usize = 20_000;
    /// What each engine may have beyond the ceiling when there is nothing left.
    const LEAST: usize = 16;
    let config = sharing(MOST as u32);
    let mut one = Engine::new(config.clone()).expect("memory");
    let mut reported = give(&mut one, 0..30_000, 0);
    assert_eq!((one.flows(), one.counters().evictions), (MOST, 10_000));
    // Another comes when nothing is left. Both get more than they may keep, and their clocks go on.
    let mut other = Engine::new(config).expect("memory");
    let mut given = 30_000;
    for step in 1..100 {
        reported += give(&mut other, given..given + 1000, step * 200);
        reported += give(&mut one, given + 1000..given + 1100, step * 200);
        given += 1100;
        assert!(one.flows() + other.flows() <= MOST + 2 * LEAST, "{} and {}", one.flows(), other.flows());
    }
    let held = one.flows() + other.flows();
    assert!(held >= MOST * 9 / 10, "{held} flows are kept");
    assert!(other.flows() >= MOST * 2 / 5, "{} flows of the one that came later", other.flows());
    // What is gone leaves room.
    one.flush(&mut |record: &[u8]| reported += packets(record).iter().sum::<u64>());
    assert_eq!(one.flows(), 0);
    drop(one);
    reported += give(&mut other, given..given + 30_000, 21_000);
    assert!((MOST - LEAST..=MOST).contains(&other.flows()), "{} flows", other.flows());
    other.flush(&mut |record: &[u8]| reported += packets(record).iter().sum::<u64>());
    assert_eq!(reported, u64::from(given) + 30_000);
}

#[test]
fn threads_keep_to_it_together() {
    const MOST: u32 = 10_000;
    let config = sharing(MOST);
    let barrier = Barrier::new(4);
    let open: Vec<(usize, u64)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let (config, barrier) = (config.clone(), &barrier);
                scope.spawn(move || {
                    let mut engine = Engine::new(config).expect("memory");
                    let mut reported = 0;
                    for step in 0..200 {
                        let first = thread * 1_000_000 + step * 500;
                        reported += give(&mut engine, first..first + 500, i64::from(step) * 25);
                    }
                    // Counted while all of them have what they have.
                    barrier.wait();
                    let open = engine.flows();
                    barrier.wait();
                    engine.flush(&mut |record: &[u8]| reported += packets(record).iter().sum::<u64>());
                    (open, reported)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    let (flows, reported): (Vec<usize>, Vec<u64>) = open.into_iter().unzip();
    assert_eq!(reported, [100_000; 4]);
    assert!(flows.iter().sum::<usize>() <= MOST as usize + 4 * 16, "{flows:?}");
}
