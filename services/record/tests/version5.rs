//! Version 5: records of argus 5.0.3 encode back from their models to their octets, and records of version 3 become
//! records of version 5 and back.

mod common;

use record::dsr::network::{Body, Tcp};
use record::{Form, Frame, Framer, Index, Mar, RawDsr, Record, RecordView, SourceId, Version};
use std::path::{Path, PathBuf};

/// The record files of the 5.x cases.
fn fixtures() -> Vec<(PathBuf, Vec<u8>)> {
    let shared = std::env::var_os("PANOPTES_SHARED")
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let Ok(folder) = std::fs::read_dir(shared.join("spec/clients-5x-cases/in")) else {
        eprintln!("skipped: no shared folder with records of argus 5 (set PANOPTES_SHARED)");
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = folder
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "arg"))
        .collect();
    files.sort();
    assert!(files.len() > 10, "there are fixtures");
    files.into_iter().map(|path| (path.clone(), std::fs::read(path).expect("a fixture"))).collect()
}

fn records(octets: &[u8]) -> Vec<Vec<u8>> {
    let (mut framer, mut at, mut records) = (Framer::new(), 0, Vec::new());
    loop {
        let (used, frame) = framer.next(&octets[at..], true);
        at += used;
        match frame {
            Frame::Record(view) => records.push(view.bytes().to_vec()),
            Frame::End { .. } => return records,
            other => panic!("{other:?}"),
        }
    }
}

/// Encoded anew from the models alone: what a record kept of its octets is left behind.
fn rebuilt(octets: &[u8]) -> Vec<u8> {
    let view = RecordView::new(octets).expect("sound");
    if let Some(mar) = view.mar() {
        return mar.to_bytes();
    }
    let read = Record::from(view);
    let mut new = Record::new(read.header());
    for dsr in read.dsrs() {
        new.set(dsr.clone());
    }
    new.to_bytes().expect("fits")
}

/// A DSR without its padding, which the sensor leaves as it finds it (section 7.4).
fn meaningful<'a>(dsr: &RawDsr<'a>) -> &'a [u8] {
    let length = match (dsr.header.index(), dsr.bytes) {
        (Some(Index::Metric), [_, 4, 1 | 6 | 10, 3, ..]) => 10,
        (Some(Index::Metric), [_, 4, 5 | 9, 2, ..]) => 7,
        (Some(Index::SrcData | Index::DstData), [_, _, _, _, _, _, high, low, ..]) => {
            8 + usize::from(u16::from_be_bytes([*high, *low]))
        }
        _ => dsr.bytes.len(),
    };
    &dsr.bytes[..length]
}

#[test]
fn records_of_argus_5_encode_back_from_their_models() {
    let (mut count, mut kinds) = (0, std::collections::BTreeSet::new());
    for (path, octets) in fixtures() {
        for (number, record) in records(&octets).into_iter().enumerate() {
            let what = format!("{} record {number}", path.display());
            let ours = rebuilt(&record);
            let view = RecordView::new(&record).expect("sound");
            // Clients of 5.x write labels with zeros behind them (section 7.20); ours end with their text.
            let labelled = view.has(Index::Label);
            assert!(labelled || ours.len() == record.len(), "{what}");
            assert_eq!(ours[..2], record[..2], "{what}");
            if view.mar().is_some() {
                assert_eq!(ours, record, "{what}");
            }
            let again = RecordView::new(&ours).expect("sound");
            for (ours, theirs) in again.dsrs().zip(view.dsrs()) {
                let index = ours.header.index();
                if index == Some(Index::Label) {
                    let text = |octets: &[u8]| -> Vec<u8> {
                        octets[4..].iter().copied().take_while(|octet| *octet != 0).collect()
                    };
                    assert_eq!(text(ours.bytes), text(theirs.bytes), "{what}");
                    continue;
                }
                assert_eq!(ours.header, theirs.header, "{what}");
                assert_eq!(meaningful(&ours), meaningful(&theirs), "{what}: {index:?}");
            }
            kinds.extend(view.dsrs().filter_map(|raw| raw.header.index()));
            assert!(view.dsrs().all(|raw| raw.header.index().is_some()), "{what}: unknown DSR");
            count += usize::from(view.header().version() == Version::V5);
        }
    }
    eprintln!("{count} records of version 5 with {kinds:?}");
}

#[test]
fn the_chapters_records_encode_back_from_their_models() {
    for hex in [common::MAR_V5, common::TCP_V5] {
        let octets = common::hex(hex);
        assert_eq!(rebuilt(&octets), octets);
    }
}

/// A sensor's record of version 3 as one of version 5: the chapter has the same flow from both sensors.
#[test]
fn a_record_of_version_3_becomes_that_of_version_5() {
    let (three, five) = (common::hex(common::TCP), common::hex(common::TCP_V5));
    let mut record = Record::from(RecordView::new(&three).expect("sound"));
    if let Some(transport) = record.transport_mut() {
        transport.interface = Some(*b"tcap");
    }
    let mut record = record.into_version(Version::V5);
    // Version 3 does not know the maximum segment sizes, and does not note the first packet on its side (flow-model
    // chapter, section 16).
    if let Some(network) = record.network_mut()
        && let Body::Tcp(Tcp::Perf(perf)) = &mut network.body
    {
        perf.src.status |= 1;
        perf.src.maxseg = Some((1460, 0));
        perf.dst.maxseg = Some((1460, 0));
    }
    let made = record.to_bytes().expect("fits");
    // The deviations differ: the sensors compute them in different units and with different roundings.
    let (made, expected) = (RecordView::new(&made).expect("sound"), RecordView::new(&five).expect("sound"));
    assert_eq!(made.bytes().len(), expected.bytes().len());
    for (ours, theirs) in made.dsrs().zip(expected.dsrs()) {
        assert_eq!(ours.header, theirs.header);
        if ours.header.index() != Some(Index::Jitter) {
            assert_eq!(ours.bytes, theirs.bytes, "{:?}", ours.header.index());
        }
    }
    let (a, b) = (made.jitter().expect("there"), expected.jitter().expect("there"));
    let close = |a: f32, b: f32| (a - b).abs() <= b.abs() * 0.2;
    for (a, b) in [(a.src_idle, b.src_idle), (a.dst_idle, b.dst_idle)] {
        let (a, b) = (a.expect("there"), b.expect("there"));
        assert_eq!((a.n, a.min, a.max), (b.n, b.min, b.max));
        assert!(close(a.mean, b.mean), "{a:?} {b:?}");
    }
}

#[test]
fn there_and_back() {
    for hex in common::ALL {
        let octets = common::hex(hex);
        let record = Record::from(RecordView::new(&octets).expect("sound"));
        if record.header().version() == Version::V5 {
            continue;
        }
        let mut five = Vec::new();
        record.encode(Form::Sensor, Version::V5, &mut five).expect("fits");
        let view = RecordView::new(&five).expect("sound");
        assert_eq!(view.header().version(), Version::V5);
        assert_eq!(rebuilt(&five), five);
        // What readers see is the same.
        let before = RecordView::new(&octets).expect("sound");
        assert_eq!((view.start(), view.end()), (before.start(), before.end()));
        assert_eq!((view.metric(), view.flow()), (before.metric(), before.flow()));
        assert_eq!(view.source_id(), before.source_id());
        let mut back = Record::from(view).into_version(Version::V3);
        if let Some(mar) = back.mar_mut() {
            // Only version 3 keeps its id there.
            assert_eq!(mar.source_id(), SourceId::Ipv4([192, 0, 2, 1].into()));
            continue;
        }
        if let Some(network) = back.network_mut()
            && let Body::Arp(arp) = &mut network.body
        {
            arp.tail_words = 41;
        }
        if let Some(psize) = back.psize_mut() {
            psize.subtype = 0;
        }
        let back = back.to_bytes().expect("fits");
        let (back, before) =
            (RecordView::new(&back).expect("sound"), RecordView::new(&octets).expect("sound"));
        for (ours, theirs) in back.dsrs().zip(before.dsrs()) {
            // The scale of a float may change its last bit.
            if ours.header.index() != Some(Index::Jitter) {
                assert_eq!(ours.bytes, theirs.bytes, "{:?}", ours.header.index());
            }
        }
    }
}

#[test]
fn management_records_keep_every_kind_of_id() {
    for id in [
        SourceId::Int(7),
        SourceId::Str(*b"abcd"),
        SourceId::Ipv4([192, 0, 2, 1].into()),
        SourceId::Ipv6("2001:db8::1".parse().expect("an address")),
        SourceId::Uuid([0xa5; 16]),
    ] {
        let mut mar = Mar::new(Version::V5, record::Cause::Status);
        mar.argusid = Version::V5.cookie();
        mar.set_source_id(id);
        let read = Mar::parse(&mar.to_bytes()).expect("whole");
        assert_eq!((read.source_id(), &read), (id, &mar));
    }
}
