//! Any filter on any octets that a view accepts; `not` gives the opposite, and a glance does not err.
#![no_main]

use filter::{Compat, Filter, NoNames, Options};
use libfuzzer_sys::fuzz_target;
use record::{Framer, RecordView};

fuzz_target!(|input: (&str, &[u8])| {
    let (text, octets) = input;
    let Ok(mut view) = RecordView::new(octets) else { return };
    // Room for a look at what follows.
    let stream = [view.bytes(), &[0x13, 0x10, 0, 1], &[0; 2000]].concat();
    let mut framer = Framer::new();
    view.repair_direction();
    for compat in [None, Some(Compat::V3_0_8)] {
        let options = Options { compat, names: &NoNames, ..Options::remote() };
        let filter = Filter::parse_with(text, &options);
        let opposite = Filter::parse_with(&format!("not ({text})"), &options);
        if let (Ok(filter), Ok(opposite)) = (filter, opposite) {
            assert_ne!(filter.matches(&view), opposite.matches(&view));
            let glance = framer.shapes().and_then(|shapes| shapes.glance(&stream));
            if let Some(verdict) = glance.and_then(|glance| filter.judge(true).verdict(&glance)) {
                assert_eq!(verdict, filter.matches(&view));
            }
        }
    }
});
