//! Any octets as a stream of records: framed, shown, held, encoded back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use record::{Form, Frame, Framer, Record, RecordView, Version};

fuzz_target!(|input: &[u8]| {
    let (mut framer, mut at) = (Framer::new(), 0);
    loop {
        let (used, frame) = framer.next(&input[at..], true);
        at += used;
        match frame {
            Frame::Record(view) => check(view),
            Frame::Unreadable { len, .. } => assert!(len > 0),
            Frame::More { .. } => unreachable!("the input has ended"),
            Frame::End { .. } => break,
        }
    }
    assert_eq!(at, input.len());
});

fn check(mut view: RecordView<'_>) {
    let _ = (view.flow(), view.times(), view.metric(), view.network(), view.jitter(), view.source_id());
    view.repair_direction();
    let _ = (view.flow(), view.tcp_flags(), view.src_data(), view.label(), view.encaps());
    let record = Record::from(view);
    assert_eq!(record.to_bytes().ok().as_deref(), Some(view.bytes()));
    for version in [Version::V3, Version::V5] {
        let mut out = Vec::new();
        let _ = record.encode(Form::Client, version, &mut out);
    }
}
