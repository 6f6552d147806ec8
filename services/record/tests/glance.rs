//! A glance at a record tells what a proper look does: the same records in the same stream, damaged or not.

mod common;

use common::*;
use proptest::prelude::*;
use record::{Family, FlowKey, Frame, Framer, Index, RecordView};

/// What stands in a stream, in words that compare: records with all that a view shows, damage, the end.
fn read(input: &[u8], glances: bool) -> (Vec<String>, usize) {
    let (mut seen, mut glanced, mut framer, mut at) = (vec![], 0, Framer::new(), 0);
    loop {
        if glances && let Some(glance) = framer.glance(&input[at..]) {
            seen.push(format!("{at} {:?}", glance.view()));
            check_key(&glance);
            let len = glance.len();
            framer.skip(len);
            (at, glanced) = (at + len, glanced + 1);
            continue;
        }
        let (used, frame) = framer.next(&input[at..], true);
        at += used;
        match frame {
            Frame::Record(view) => seen.push(format!("{} {view:?}", at - view.bytes().len())),
            Frame::End { .. } => {
                seen.push(format!("{frame:?}"));
                return (seen, glanced);
            }
            other => seen.push(format!("{other:?}")),
        }
    }
}

/// What a glance says of the key is what a view shows after readers have put the direction right.
fn check_key(glance: &record::Glance<'_>) {
    let mut view = glance.view();
    let walked = RecordView::new(view.bytes()).expect("a record");
    assert_eq!(format!("{walked:?}"), format!("{view:?}"));
    assert_eq!(glance.nibble(), view.kind().nibble());
    let Some(key) = glance.key() else { return };
    assert!(!view.repair_direction(), "a record that is turned round: {view:?}");
    let flow = view.flow().expect("a key that a glance can read");
    let family = match flow.key {
        FlowKey::Ipv4(_) => Family::Ipv4,
        FlowKey::Ipv6(_) => Family::Ipv6,
        FlowKey::Arp(_) => Family::Arp,
        other => panic!("a glance has no word for {other:?}"),
    };
    let fragment = flow.key.is_fragment().then_some((0, 0));
    assert_eq!((key.family(), key.proto()), (family, flow.key.proto()));
    assert_eq!(key.ports().map(|[src, dst]| (src, dst)), flow.key.ports().or(fragment));
    let addresses = match flow.key {
        FlowKey::Ipv4(ipv4) => Some([ipv4.src.into(), ipv4.dst.into()]),
        _ => None,
    };
    assert_eq!(key.ipv4(), addresses);
}

fn records() -> Vec<Vec<u8>> {
    [MAR_INITIAL, MAR_STATUS, TCP, UDP, V6, ICMP, ARP, MAR_V5].iter().map(|record| hex(record)).collect()
}

#[test]
fn the_records_of_the_chapter_are_known_at_a_glance() {
    let mut stream = vec![];
    for _ in 0..20 {
        stream.extend(records().concat());
    }
    let (seen, glanced) = read(&stream, true);
    assert_eq!(seen, read(&stream, false).0);
    // But for what no glance is taken at, and what stands at the end.
    assert!(glanced > 80, "{glanced}");
}

proptest! {
    #[test]
    fn whatever_is_damaged(
        order in prop::collection::vec((0usize..8, 0usize..3), 1..40),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..30),
        keys in prop::collection::vec((any::<prop::sample::Index>(), 0usize..24, any::<u8>()), 0..20),
        cut in any::<prop::sample::Index>(),
    ) {
        let records = records();
        let mut stream = vec![];
        let mut starts = vec![];
        for (which, zeros) in order {
            starts.push((stream.len(), which));
            stream.extend(&records[which]);
            stream.resize(stream.len() + zeros.saturating_sub(1) * 4, 0);
        }
        // Keys, and the state behind them, of all sorts.
        for (which, at, octet) in keys {
            let &(start, record) = which.get(&starts);
            let view = RecordView::new(&records[record]).expect("a record");
            let part = if at % 3 == 0 { Index::Network } else { Index::Flow };
            if let Some(part) = view.dsr(part) {
                let offset = part.as_ptr() as usize - records[record].as_ptr() as usize;
                if at != 3 && at < part.len() {
                    stream[start + offset + at] = octet;
                }
            }
        }
        for (at, octet) in damage {
            let at = at.index(stream.len());
            stream[at] = octet;
        }
        stream.truncate(stream.len() - cut.index(40).min(stream.len()));
        stream.extend(records[2].repeat(4));
        prop_assert_eq!(read(&stream, true).0, read(&stream, false).0);
    }
}
