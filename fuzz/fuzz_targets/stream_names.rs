//! Any text as a source and as an output.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stream::{DEFAULT_PORT, Source, Target};

fuzz_target!(|text: &str| {
    if let Ok(source) = Source::parse(text, DEFAULT_PORT) {
        let _ = source.to_string();
    }
    let _ = Target::parse(text);
});
