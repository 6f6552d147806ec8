//! When records are due: found by running argus 3.0.8.2.

mod common;

use common::{A, B, frame, ipv4, timed_records, udp};
use flow::Config;

fn datagram(port: u16) -> Vec<u8> {
    frame(A, &ipv4(A, B, 17, (1, 0), &udp((port, 9999), b"datagram")))
}

/// The queues are looked at every fifth of a second: a flow that was due at 5 s is idle from then on, or a little later.
#[test]
fn the_queues_are_looked_at_five_times_a_second() {
    for (second, forgotten) in [(5.0999, false), (5.1, true)] {
        // A look at 4.9 s, so the next comes at 5.1 s. Thirty seconds after it the first flow is forgotten.
        let late = second + 30.05;
        let times = [(0.0, 1), (4.9, 2), (second, 2), (late, 3), (late + 0.01, 1)];
        let frames: Vec<_> = times.iter().map(|&(at, port)| (at, datagram(port))).collect();
        let got = timed_records(Config::default(), &frames);
        // Cause: the first record of a flow, or a later one.
        let cause = got.last().map(|record| record[1] & 0xf0);
        assert_eq!(cause, Some(if forgotten { 0x10 } else { 0x20 }), "{second}");
    }
}
