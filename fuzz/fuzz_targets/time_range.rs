//! Any text as a time range.
#![no_main]

use jiff::{Timestamp, tz::TimeZone};
use libfuzzer_sys::fuzz_target;
use stream::TimeRange;

fuzz_target!(|input: (&str, bool, i64)| {
    let (text, compat, at) = input;
    let now = Timestamp::from_second(1_700_000_000).expect("a valid time").to_zoned(TimeZone::UTC);
    if let Ok(range) = TimeRange::parse(text, &now, compat) {
        range.matches(at, at);
    }
});
