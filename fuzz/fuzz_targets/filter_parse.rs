//! Any text: refused with a place in it, or compiled to something that can be shown.
#![no_main]

use filter::{Compat, Filter, NoNames, Options};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for compat in [None, Some(Compat::V3_0_8)] {
        match Filter::parse_with(text, &Options { compat, names: &NoNames, ..Options::remote() }) {
            Ok(filter) => drop(filter.to_string()),
            Err(error) => {
                assert!(error.span.end <= text.len());
                drop(error.caret(text));
                drop(error.historic_lines(text));
            }
        }
    }
});
