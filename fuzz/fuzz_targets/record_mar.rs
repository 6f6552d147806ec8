//! Any octets as a management record.
#![no_main]

use libfuzzer_sys::fuzz_target;
use record::{Cookie, Mar, Record, Version};

fuzz_target!(|input: &[u8]| {
    let _ = Cookie::sniff(input);
    if let Some(mar) = Mar::parse(input) {
        assert_eq!(mar.to_bytes()[4..], input[4..128]);
        let _ = mar.source_id().to_string();
        for version in [Version::V3, Version::V5] {
            let _ = Record::from(mar.clone()).into_version(version).to_bytes();
        }
    }
});
