//! The sample exports, against what nfdump read in them; hostile datagrams.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use netflow::{Decoder, Export, Exporter, Side};
use proptest::prelude::*;
use record::dsr::network::{Body, Tcp};
use record::{FlowKey, Kind, Record, RecordView, SourceId, Stamp};

fn from(address: [u8; 4]) -> Exporter {
    Exporter { address: IpAddr::from(address), port: 2055 }
}

fn decode(decoder: &mut Decoder, exporter: Exporter, payload: &[u8]) -> Vec<Export> {
    let mut exports = Vec::new();
    let received = Stamp::from_micros(1_700_000_100_000_000);
    decoder.decode(exporter, received, payload, |export| exports.push(export.clone()));
    exports
}

/// The datagram of the chapter's worked example.
fn version_5() -> Vec<u8> {
    let mut datagram = Vec::new();
    for half in [5u16, 1] {
        datagram.extend(half.to_be_bytes());
    }
    for word in
        [100_000u32, 1_700_000_000, 500_000_000, 1, 0, 0x0a01_0101, 0x0a02_0202, 0, 0x0003_0007, 10, 5000]
    {
        datagram.extend(word.to_be_bytes());
    }
    for word in [90_000u32, 95_250, 0x9c40_0050, 0x001b_0648, 0xfbf4_fbf5, 0x1810_0000] {
        datagram.extend(word.to_be_bytes());
    }
    datagram
}

#[test]
fn the_worked_example() {
    let datagram = version_5();
    assert_eq!(datagram.len(), 72);
    assert!(Decoder::is_export(&datagram));
    let mut decoder = Decoder::new();
    let exports = decode(&mut decoder, from([127, 0, 0, 1]), &datagram);
    assert_eq!(exports.len(), 1);
    let record = exports[0].to_record(None);
    let octets = record.to_bytes().unwrap();
    assert_eq!(octets[..4], [0x33, 0x20, 0, octets.len() as u8 / 4]);
    let view = RecordView::new(&octets).unwrap();
    let read = Record::from(&view);
    assert_eq!(read.header().kind, Kind::Netflow);
    assert_eq!(read.transport().unwrap().id, Some(SourceId::Ipv4(Ipv4Addr::LOCALHOST)));
    let times = read.times();
    assert_eq!(
        (times.start().micros(), times.end().micros()),
        (1_699_999_990_500_000, 1_699_999_995_750_000)
    );
    let metric = read.metric().unwrap();
    assert_eq!((metric.src.packets, metric.src.bytes, metric.dst.packets), (10, 5000, 0));
    let Body::Tcp(Tcp::Status(tcp)) = read.network().unwrap().body else { panic!("no state") };
    assert_eq!((tcp.status, tcp.src_flags, tcp.dst_flags), (0x0a, 0x1b, 0));
    assert_eq!(read.ipattr().unwrap().src.unwrap().tos, 0x48);
    let mac = read.mac().unwrap();
    assert_eq!((mac.qualifier, mac.src[5], mac.dst[5]), (4, 3, 7));
    assert_eq!((read.asn().unwrap().src, read.asn().unwrap().dst), (64_500, 64_501));
    // Network section as a record of three words.
    assert!(octets.windows(4).any(|four| four == [0x30, 4, 0, 3]));
}

/// The status word for each combination of flags (chapter 1.5).
#[test]
fn flags_and_status() {
    for (flags, packets, status) in [
        (0u8, 3u32, 0u32),
        (1, 3, 8),
        (2, 3, 1),
        (3, 3, 9),
        (4, 3, 0x3000),
        (0x10, 3, 4),
        (0x18, 1, 4),
        (0x11, 3, 0xc),
        (0x12, 1, 6),
        (0x12, 3, 2),
        (0x13, 3, 0xa),
        (0x16, 1, 0x3006),
        (0x14, 1, 0x3004),
    ] {
        let mut datagram = version_5();
        datagram[24 + 37] = flags;
        datagram[24 + 16..24 + 20].copy_from_slice(&packets.to_be_bytes());
        let exports = decode(&mut Decoder::new(), from([127, 0, 0, 1]), &datagram);
        let record = exports[0].to_record(None);
        let Body::Tcp(Tcp::Status(tcp)) = record.network().unwrap().body else { panic!("no state") };
        assert_eq!(tcp.status, status, "{flags:#x} {packets}");
    }
}

#[test]
fn the_uptime_may_have_wrapped() {
    let mut datagram = version_5();
    datagram[4..8].copy_from_slice(&5000u32.to_be_bytes());
    datagram[24 + 24..24 + 28].copy_from_slice(&4_294_960_000u32.to_be_bytes());
    let exports = decode(&mut Decoder::new(), from([127, 0, 0, 1]), &datagram);
    assert_eq!(exports[0].start.unwrap().micros(), 1_699_999_988_204_000);
}

#[test]
fn gaps_and_sampling_are_told() {
    let mut decoder = Decoder::new();
    let numbered = |number: u32, engine: u8| {
        let mut datagram = version_5();
        datagram[16..20].copy_from_slice(&number.to_be_bytes());
        datagram[21] = engine;
        datagram
    };
    for (number, engine) in [(1, 0), (2, 0), (900, 1), (50, 0), (901, 1)] {
        decode(&mut decoder, from([127, 0, 0, 1]), &numbered(number, engine));
    }
    // Another exporter counts for itself.
    decode(&mut decoder, from([127, 0, 0, 2]), &numbered(7000, 0));
    assert_eq!((decoder.counters().missed_flows, decoder.counters().sampling), (47, 0));
    let mut sampled = numbered(51, 0);
    sampled[22..24].copy_from_slice(&(1u16 << 14 | 100).to_be_bytes());
    decode(&mut decoder, from([127, 0, 0, 1]), &sampled);
    let told = decoder.counters().told().unwrap();
    assert!(told.contains("47 flows") && told.contains("1 packet of 100"), "{told}");
    // Records that do not fit are not missing ones.
    let mut cut = numbered(52, 0);
    cut[3] = 3;
    decode(&mut decoder, from([127, 0, 0, 1]), &cut);
    decode(&mut decoder, from([127, 0, 0, 1]), &numbered(55, 0));
    assert_eq!(decoder.counters().missed_flows, 47);
}

/// What the exports among the samples that were made to have gaps or sampling come to.
#[test]
fn gaps_and_sampling_of_the_samples() {
    let Some(folder) = cases() else { return };
    for (name, flows, rate) in [
        ("synthetic-v5-gap-two-exporters", 47, 0),
        ("synthetic-v5-sampled", 0, 100),
        ("synthetic-v9-options-sampling", 0, 1000),
        ("synthetic-v9-basic", 0, 0),
        ("softflowd-v10-ntpv4", 0, 1),
    ] {
        let mut decoder = Decoder::new();
        for (exporter, payload) in sample(std::fs::read(folder.join(format!("{name}.pcap"))).unwrap()) {
            decode(&mut decoder, exporter, &payload);
        }
        let counters = decoder.counters();
        assert!(counters.flows > 0, "{name}");
        assert_eq!((counters.missed_flows, counters.missed_datagrams), (flows, 0), "{name}");
        assert_eq!(counters.sampling, rate, "{name}");
    }
}

#[test]
fn counts_and_lengths() {
    let mut datagram = version_5();
    // More records than there are.
    datagram[3] = 3;
    assert!(!Decoder::is_export(&datagram));
    let mut decoder = Decoder::new();
    assert_eq!(decode(&mut decoder, Exporter::UNKNOWN, &datagram).len(), 1);
    assert_eq!(decoder.counters().damaged, 1);
    // Fewer than there are, and every cut.
    datagram[3] = 1;
    datagram.extend([0; 48]);
    assert_eq!(decode(&mut decoder, Exporter::UNKNOWN, &datagram).len(), 1);
    for cut in 0..72 {
        assert_eq!(decode(&mut decoder, Exporter::UNKNOWN, &datagram[..cut]).len(), 0, "{cut}");
    }
    // No exporter is known: the id of the caller, or none.
    let export = &decode(&mut decoder, Exporter::UNKNOWN, &datagram)[0];
    assert!(export.to_record(None).transport().is_none());
    assert_eq!(export.to_record(Some(SourceId::Int(7))).transport().unwrap().id, Some(SourceId::Int(7)));
}

fn set(id: u16, body: &[u8]) -> Vec<u8> {
    let mut set = id.to_be_bytes().to_vec();
    set.extend((body.len() as u16 + 4).to_be_bytes());
    set.extend(body);
    set
}

fn halves(halves: &[u16]) -> Vec<u8> {
    halves.iter().flat_map(|half| half.to_be_bytes()).collect()
}

fn ipfix(sets: &[Vec<u8>]) -> Vec<u8> {
    let body = sets.concat();
    let mut message = halves(&[10, body.len() as u16 + 16]);
    message.extend(1_700_000_000u32.to_be_bytes());
    message.extend([0, 0, 0, 1, 0, 0, 0, 9]);
    message.extend(body);
    message
}

#[test]
fn both_directions() {
    let mut template = halves(&[300, 8, 8, 4, 12, 4, 7, 2, 11, 2, 4, 1, 6, 1, 0x8006, 1]);
    template.extend(29_305u32.to_be_bytes());
    template.extend(halves(&[0x8002, 8]));
    template.extend(29_305u32.to_be_bytes());
    let mut data = vec![10, 0, 0, 1, 10, 0, 0, 2];
    data.extend(halves(&[40_000, 80]));
    data.extend([6, 0x02, 0x1a]);
    data.extend(7_000_000_000u64.to_be_bytes());
    let message = ipfix(&[set(2, &template), set(300, &data)]);
    let exports = decode(&mut Decoder::new(), from([127, 0, 0, 1]), &message);
    let back = Side { packets: 7_000_000_000, tcp_flags: Some(0x1a), ..Side::default() };
    assert_eq!(exports[0].answered, Some(back));
    let record = exports[0].to_record(None);
    let Body::Tcp(Tcp::Status(tcp)) = record.network().unwrap().body else { panic!("no state") };
    assert_eq!((tcp.status, tcp.src_flags, tcp.dst_flags), (7, 0x02, 0x1a));
    assert_eq!(record.metric().unwrap().dst.packets, 7_000_000_000);
}

#[test]
fn templates_have_their_scope_and_end() {
    let template = set(2, &halves(&[256, 1, 4, 1]));
    let data = set(256, &[17]);
    let mut decoder = Decoder::new();
    let a = from([10, 0, 0, 1]);
    assert_eq!(decode(&mut decoder, a, &ipfix(&[data.clone(), template.clone(), data.clone()])).len(), 1);
    assert_eq!(decode(&mut decoder, a, &ipfix(std::slice::from_ref(&data))).len(), 1);
    // Another exporter, another port.
    assert_eq!(decode(&mut decoder, from([10, 0, 0, 2]), &ipfix(std::slice::from_ref(&data))).len(), 0);
    assert_eq!(decode(&mut decoder, Exporter { port: 9, ..a }, &ipfix(std::slice::from_ref(&data))).len(), 0);
    // Withdrawn.
    assert_eq!(decode(&mut decoder, a, &ipfix(&[set(2, &halves(&[256, 0])), data.clone()])).len(), 0);
    assert_eq!(
        decode(&mut decoder, a, &ipfix(&[template.clone(), set(2, &halves(&[2, 0])), data.clone()])).len(),
        0
    );
    // Half an hour later.
    assert_eq!(decode(&mut decoder, a, &ipfix(&[template])).len(), 0);
    let later = Stamp::from_micros(1_700_000_100_000_000 + 1_801_000_000);
    let mut count = 0;
    decoder.decode(a, later, &ipfix(&[data]), |_| count += 1);
    assert_eq!((count, decoder.counters().without_template), (0, 6));
}

#[test]
fn a_flood_of_templates_is_bounded() {
    let mut decoder = Decoder::new();
    for exporter in 0..100u32 {
        let templates: Vec<Vec<u8>> = (256..356u16).map(|id| set(2, &halves(&[id, 1, 4, 1]))).collect();
        decode(&mut decoder, from(exporter.to_be_bytes()), &ipfix(&templates));
    }
    assert_eq!(decoder.counters().forgotten, 10_000 - 4096);
    // Those of no length give no records without end.
    let empty = set(2, &halves(&[256, 1, 4, 0]));
    assert_eq!(decode(&mut decoder, from([1, 1, 1, 1]), &ipfix(&[empty, set(256, &[0; 100])])).len(), 0);
}

/// The datagrams of a sample: exporter and payload.
fn sample(octets: Vec<u8>) -> Vec<(Exporter, Vec<u8>)> {
    let mut reader = capfile::Reader::new(Box::new(std::io::Cursor::new(octets)), capfile::Hint::None);
    let mut datagrams = Vec::new();
    while reader
        .read(100, |packet| {
            let data = packet.data;
            let address: [u8; 4] = data[12..16].try_into().unwrap();
            let port = u16::from_be_bytes([data[20], data[21]]);
            datagrams.push((Exporter { address: IpAddr::from(address), port }, data[28..].to_vec()));
        })
        .unwrap()
        > 0
    {}
    datagrams
}

fn cases() -> Option<PathBuf> {
    let shared = std::env::var_os("PANOPTES_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let folder = shared.join("spec/netflow-cases");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no {}", folder.display());
    None
}

/// The records of an nfdump listing.
fn listing(text: &str) -> Vec<HashMap<String, String>> {
    let mut records = Vec::new();
    for line in text.lines() {
        if line.starts_with("Flow Record") {
            records.push(HashMap::new());
        } else if let (Some((name, value)), Some(record)) = (line.split_once('='), records.last_mut()) {
            let value = value.split_whitespace().next().unwrap_or_default();
            record.insert(name.trim().to_owned(), value.to_owned());
        }
    }
    records
}

#[test]
fn as_nfdump_reads_them() {
    let Some(folder) = cases() else { return };
    let (mut compared, mut files) = (0, 0);
    let mut names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    for path in names {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some(stem) = name.strip_suffix(".nfdump.txt") else { continue };
        let expected = listing(&std::fs::read_to_string(&path).unwrap());
        let mut decoder = Decoder::new();
        let exports: Vec<Export> = sample(std::fs::read(folder.join(format!("{stem}.pcap"))).unwrap())
            .iter()
            .flat_map(|(exporter, payload)| decode(&mut decoder, *exporter, payload))
            .collect();
        // nfdump reads neither version 6 nor 8, and drops version 1 datagrams of more than 24 flows.
        if expected.is_empty() || stem == "softflowd-v1-teams" {
            continue;
        }
        files += 1;
        assert_eq!(exports.len(), expected.len(), "{stem}: {:?}", decoder.counters());
        for (export, expected) in exports.iter().zip(&expected) {
            let value = |name: &str| expected.get(name).map(String::as_str);
            let number = |name: &str| value(name).map(|text| text.parse::<u64>().unwrap());
            let at = format!("{stem} record {:?}", value("RecordCount"));
            assert_eq!(value("src addr"), Some(export.src.to_string().as_str()), "{at}");
            assert_eq!(value("dst addr"), Some(export.dst.to_string().as_str()), "{at}");
            assert_eq!(value("ip exporter"), Some(export.exporter.to_string().as_str()), "{at}");
            assert_eq!(number("proto"), Some(export.protocol.into()), "{at}");
            // It multiplies what was sampled; we tell what was counted.
            let sampled = match stem {
                "synthetic-v5-sampled" => 100,
                _ => 1,
            };
            assert_eq!(number("in packets"), Some(export.sent.packets * sampled), "{at}");
            assert_eq!(number("in bytes"), Some(export.sent.octets * sampled), "{at}");
            if let Some(packets) = number("out packets").filter(|_| export.answered.is_some()) {
                let back = export.answered.unwrap();
                assert_eq!((packets, number("out bytes")), (back.packets, Some(back.octets)), "{at}");
            }
            if matches!(export.protocol, 6 | 17) {
                assert_eq!(number("src port"), Some(export.ports.0.into()), "{at}");
                assert_eq!(number("dst port"), Some(export.ports.1.into()), "{at}");
            }
            // Of two directions it keeps the tos of the other one.
            if let (Some(tos), Some(told), None) = (export.sent.tos, number("src tos"), export.answered) {
                assert_eq!(told, u64::from(tos), "{at}");
            }
            for (name, ours) in [
                ("input", export.interfaces.map(|both| both.0)),
                ("output", export.interfaces.map(|both| both.1)),
                ("src as", export.systems.map(|both| both.0)),
                ("dst as", export.systems.map(|both| both.1)),
            ] {
                if let (Some(told), Some(ours)) = (number(name), ours) {
                    assert_eq!(told, u64::from(ours), "{at} {name}");
                }
            }
            // It knows no times in seconds, does not spread packets over them, takes what lies a little after the
            // device's clock for something of one turn of that clock (49.7 days) ago, and exchanges start and end when
            // IPFIX counts them from the device's start (tshark does not).
            if let (Some(first @ 1..), Some(last)) = (number("first"), number("last")) {
                let turned = stem.contains("-v10") && first > last;
                let (first, last) = if turned { (last, first) } else { (first, last) };
                let (start, end) =
                    (export.start.unwrap().micros() / 1000, export.end.unwrap().micros() / 1000);
                let turn = |ours: i64, theirs: u64| (ours as u64).wrapping_sub(theirs);
                assert!([0, 1 << 32].contains(&turn(start, first)), "{at}: {start} {first}");
                let spread = turn(end, last) % (1 << 32);
                assert!(spread == 0 || (spread < 100 && first == last), "{at}: {spread}");
            }
            let record = export.to_record(None).to_bytes().unwrap();
            RecordView::new(&record).unwrap_or_else(|error| panic!("{at}: {error}"));
            compared += 1;
        }
    }
    assert!(files > 40 && compared > 500, "{files} files, {compared} records");
}

/// Version 8 has keys in part; what there is becomes a record.
#[test]
fn aggregations() {
    let Some(folder) = cases() else { return };
    for (name, key) in [("as", "0.0.0.0"), ("protoport", "0.0.0.0"), ("srcprefix", "10."), ("prefix", "10.")]
    {
        let datagrams = sample(std::fs::read(folder.join(format!("synthetic-v8-{name}.pcap"))).unwrap());
        let exports = decode(&mut Decoder::new(), datagrams[0].0, &datagrams[0].1);
        assert!(!exports.is_empty(), "{name}");
        for export in exports {
            let record = export.to_record(None);
            let FlowKey::Ipv4(flow) = record.flow().unwrap().key else { panic!("{name}") };
            assert!(flow.src.to_string().starts_with(key), "{name} {}", flow.src);
            assert!(record.metric().unwrap().src.packets > 0, "{name}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_datagram_ends(
        version in prop_oneof![Just(1u16), 5..=10u16, any::<u16>()],
        rest in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let mut datagram = version.to_be_bytes().to_vec();
        datagram.extend(rest);
        let mut decoder = Decoder::new();
        for _ in 0..2 {
            let exports = decode(&mut decoder, from([10, 0, 0, 1]), &datagram);
            prop_assert!(exports.len() <= datagram.len());
            for export in exports {
                let octets = export.to_record(None).to_bytes().unwrap();
                prop_assert!(RecordView::new(&octets).is_ok());
            }
        }
    }

    /// Sets that make sense, their octets then changed here and there.
    #[test]
    fn damaged_sets_end(
        fields in prop::collection::vec((0..400u16, prop_oneof![0..20u16, Just(0xffff)], any::<bool>()), 0..30),
        data in prop::collection::vec(any::<u8>(), 0..400),
        nine in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut template = halves(&[256, fields.len() as u16]);
        for (element, length, reverse) in fields {
            let reverse = reverse && !nine;
            template.extend(halves(&[if reverse { element | 0x8000 } else { element }, length]));
            if reverse {
                template.extend(29_305u32.to_be_bytes());
            }
        }
        let mut datagram = ipfix(&[set(if nine { 0 } else { 2 }, &template), set(256, &data)]);
        if nine {
            datagram[..2].copy_from_slice(&[0, 9]);
            datagram.splice(8..8, 1_700_000_000u32.to_be_bytes());
        }
        for (at, value) in changes {
            let at = at.index(datagram.len());
            datagram[at] = value;
        }
        let mut decoder = Decoder::new();
        let exports = decode(&mut decoder, from([10, 0, 0, 1]), &datagram);
        prop_assert!(exports.len() <= data.len() + 1);
        for export in exports {
            let octets = export.to_record(None).to_bytes().unwrap();
            prop_assert!(RecordView::new(&octets).is_ok());
        }
    }
}
