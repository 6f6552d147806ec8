//! A glance at a record tells what a proper look does: the same records in the same stream, damaged or not.

mod common;

use common::*;
use proptest::prelude::*;
use record::{
    Attribute, Bits, Count, Counters, Family, FlowKey, Frame, Framer, Index, Kind, Ports, RecordView, Stamp,
    Turn, Value,
};

/// What stands in a stream, in words that compare: records with all that a view shows, damage, the end.
fn read(input: &[u8], glances: bool) -> (Vec<String>, usize) {
    let (mut seen, mut glanced, mut framer, mut at) = (vec![], 0, Framer::new(), 0);
    loop {
        if glances && let Some(glance) = framer.shapes().and_then(|shapes| shapes.glance(&input[at..])) {
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
    assert_eq!(view.kind(), Kind::Flow);
    let form = glance.form();
    let Some(family) = form.family() else { return };
    let has_protocol = family != Family::Arp;
    let proto = has_protocol.then(|| glance.octet(form.protocol()));
    let bits = |Bits { word, mask }| glance.word(word) & mask;
    let may_turn = match form.turn(proto, false) {
        Turn::Never => false,
        Turn::When(place, value) => bits(place) == value,
        Turn::Perhaps => true,
    };
    check_state(glance, &walked);
    let turned = view.repair_direction();
    assert!(may_turn || !turned, "a record that is turned round: {view:?}");
    let directed = |[src, dst]: [u32; 2]| if turned { [dst, src] } else { [src, dst] };
    let flow = view.flow().expect("a key that a glance can read");
    let (wanted, addresses) = match flow.key {
        FlowKey::Ipv4(key) => (Family::Ipv4, [key.src.to_bits(), key.dst.to_bits()]),
        FlowKey::Ipv6(key) => {
            let first_words = [key.src, key.dst].map(|address| (address.to_bits() >> 96) as u32);
            (Family::Ipv6, first_words)
        }
        FlowKey::Arp(_) => (Family::Arp, [0, 0]),
        other => panic!("a glance has no word for {other:?}"),
    };
    assert_eq!((family, proto), (wanted, flow.key.proto()));
    if has_protocol {
        assert_eq!(directed(form.addresses().map(|word| glance.word(word))), addresses);
    }
    let ports = form.ports(proto).map(|ports| match ports {
        Ports::Zero => [0, 0],
        Ports::At(ends) => directed(ends.map(|place| bits(place) >> place.mask.trailing_zeros())),
    });
    let fragment = flow.key.is_fragment().then_some([0, 0]);
    assert_eq!(ports, flow.key.ports().map(|(src, dst)| [src.into(), dst.into()]).or(fragment));
}

/// What a glance says of counters, state, attributes and times is what a view shows.
fn check_state(glance: &record::Glance<'_>, view: &RecordView<'_>) {
    let (form, metric) = (glance.form(), view.metric());
    let number = |value| match value {
        Value::Elsewhere => None,
        Value::Absent => Some(None),
        Value::Zero => Some(Some(0)),
        Value::At(bits) => Some(Some(glance.number_at(bits))),
    };
    for side in [0, 1] {
        let shown = view.ipattr().and_then(|found| if side == 0 { found.src } else { found.dst });
        for (attribute, shown) in [
            (Attribute::Ttl, shown.map(|side| side.ttl)),
            (Attribute::Tos, shown.map(|side| side.tos)),
            (Attribute::CodePoint, shown.map(|side| side.tos >> 2)),
        ] {
            let Some(told) = number(form.attribute(attribute, side)) else { continue };
            assert_eq!(told, shown.map(u32::from), "{attribute:?} of side {side} of {view:?}");
        }
        if let Some(sent) = form.fragments(side) {
            let shown = view.ipattr().expect("attributes");
            assert_eq!(sent, if side == 0 { shown.src_fragments } else { shown.dst_fragments });
        }
        let sent = metric.is_none_or(|metric| (if side == 0 { metric.src } else { metric.dst }).packets > 0);
        if let Some(Some(told)) = number(form.flags(side)).filter(|_| sent) {
            let (src, dst) = view.tcp_flags().expect("a state");
            assert_eq!(told, if side == 0 { src } else { dst }.into(), "flags of side {side} of {view:?}");
        }
        for (count, read) in [
            (Count::Packets, (|counters| counters.packets) as fn(&Counters) -> u64),
            (Count::Octets, |counters| counters.bytes),
            (Count::AppOctets, |counters| counters.app_bytes),
        ] {
            let shown = metric.map(|metric| read(if side == 0 { &metric.src } else { &metric.dst }));
            let Some(told) = number(form.counter(count, side)) else { continue };
            assert_eq!(told.map(u64::from), shown, "{count:?} of side {side} of {view:?}");
        }
    }
    for index in [Index::Vlan, Index::Mpls, Index::Gre, Index::Geneve, Index::Vxlan, Index::Agr] {
        assert_eq!(form.carries(index), Some(view.has(index)));
    }
    let packets = metric.map(|metric| metric.src.packets + metric.dst.packets);
    if let Some(told) = glance.packets() {
        assert_eq!(Some(told), packets, "{view:?}");
    }
    // Whichever side it is asked of.
    let times = view.times();
    let sides = [times.src, times.dst].into_iter().flatten().filter(|(first, last)| first != last);
    if let Some(micros) = glance.plain_micros().filter(|_| packets.is_some_and(|packets| packets > 1)) {
        let between = |(first, last): (Stamp, Stamp)| (last.micros() - first.micros()).cast_unsigned();
        assert_eq!(micros, between((times.start(), times.end())), "{view:?}");
        assert!(sides.map(between).all(|shown| shown == micros), "{view:?}");
    }
    assert_eq!(glance.plain_times(), view.plain_times());
    if let Some((first, last)) = glance.plain_times() {
        let shown = (view.start(), view.end());
        assert!(shown == (first, last) || shown == (last, last), "{view:?}");
    }
    if let Some(word) = form.status() {
        assert_eq!(Some(glance.word(word)), view.tcp_status(), "{view:?}");
    }
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
            let parts = [Index::Network, Index::Flow, Index::IpAttr, Index::Metric, Index::Time, Index::Flow];
            let part = parts[at % parts.len()];
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

/// A record of so many parts, far enough from each other to be compared one by one, and a header behind it.
fn of_parts(count: usize) -> Vec<u8> {
    const TYPES: [u8; 13] = [0x01, 0x02, 0x03, 0x10, 0x30, 0x46, 0x48, 0x12, 0x50, 0x42, 0x40, 0x62, 0x20];
    let words = 1 + 5 * count as u8;
    let mut stream = vec![0x13, 0x20, 0, words];
    for typ in &TYPES[..count] {
        stream.extend([*typ, 0x01, 0, 5]);
        stream.extend([0xee; 16]);
    }
    stream.extend([0x13, 0x20, 0, 4]);
    stream.resize(stream.len() + Framer::GLANCE, 0);
    stream
}

#[test]
fn every_part_is_looked_at() {
    for count in 1..=12 {
        let stream = of_parts(count);
        let mut framer = Framer::new();
        let shapes = framer.shapes().expect("at the beginning nothing is passed over");
        let octets = shapes.glance(&stream).map(|glance| glance.len());
        assert_eq!(octets, Some(4 + 20 * count), "{count} parts");
        for part in 0..count {
            // A type that nobody knows, and another length.
            for (octet, value) in [(0, 0x7e), (3, 4)] {
                let mut other = stream.clone();
                other[4 + 20 * part + octet] = value;
                assert!(shapes.glance(&other).is_none(), "part {part} of {count}, octet {octet}");
                assert!(shapes.glance(&stream).is_some());
            }
        }
        // Nothing of what follows the headers belongs to the shape.
        let mut other = stream.clone();
        other.iter_mut().filter(|octet| **octet == 0xee).for_each(|octet| *octet = 0x11);
        assert!(shapes.glance(&other).is_some());
    }
    // Many shapes are remembered at a time, also such as are looked for in the same place.
    let mut framer = Framer::new();
    let shapes = framer.shapes().expect("at the beginning nothing is passed over");
    let streams: Vec<Vec<u8>> = (0..200u8)
        .map(|number| {
            let mut stream = of_parts(4);
            stream[4 + 20 + 1] = number & 0x7f;
            stream[0] = if number < 128 { 0x13 } else { 0x15 };
            stream
        })
        .collect();
    for _ in 0..3 {
        assert!(streams.iter().all(|stream| shapes.glance(stream).is_some_and(|glance| glance.len() == 84)));
    }
    // More are too many, and too little is in sight.
    let mut framer = Framer::new();
    let shapes = framer.shapes().expect("at the beginning nothing is passed over");
    assert!(shapes.glance(&of_parts(13)).is_none());
    assert!(shapes.glance(&of_parts(3)[..Framer::GLANCE - 1]).is_none());
    // Both versions, and no others.
    for (octet, known) in [(0x13, true), (0x15, true), (0x14, false), (0x33, false), (0x83, false)] {
        let mut stream = of_parts(3);
        stream[0] = octet;
        assert_eq!(shapes.glance(&stream).is_some(), known, "{octet:02x}");
    }
}
