//! Any filter on any octets that a view accepts; `not` gives the opposite.
#![no_main]

use filter::{Compat, Filter, NoNames, Options};
use libfuzzer_sys::fuzz_target;
use record::RecordView;

fuzz_target!(|input: (&str, &[u8])| {
    let (text, octets) = input;
    let Ok(mut view) = RecordView::new(octets) else { return };
    view.repair_direction();
    for compat in [None, Some(Compat::V3_0_8)] {
        let options = Options { compat, names: &NoNames, ..Options::remote() };
        let filter = Filter::parse_with(text, &options);
        let opposite = Filter::parse_with(&format!("not ({text})"), &options);
        if let (Ok(filter), Ok(opposite)) = (filter, opposite) {
            assert_ne!(filter.matches(&view), opposite.matches(&view));
        }
    }
});
