//! The worked cases of the flow-model chapter: each capture through the engine in compatibility mode, the records
//! printed by Debian's `ra`, every printed field compared with what argus 3.0.8.2 gave.

use flow::{Config, Engine, Time};
use packet::{Dissector, LinkType};
use record::{Mar, SourceId, Stamp, Version};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Cases where ours differs on purpose or not yet agrees, and why. One that agrees must be taken off this list.
const KNOWN: &[(&str, &str)] = &[
    ("arp_unknown_op", "the reference drops the packet"),
    ("dlt_fddi", "the reference crashes"),
    ("dlt_ipv4", "the reference refuses the link type"),
    ("dlt_ipv6", "the reference refuses the link type"),
    ("dlt_loop", "the reference discards every packet"),
    ("dlt_ppp_serial_lcp", "the reference counts the octets of an earlier packet"),
    ("dlt_sll", "the reference cuts 14 octets of user data"),
    ("dlt_sll2", "the reference refuses the link type"),
    ("dlt_sll_vlan", "the reference cuts 14 octets of user data"),
    ("dlt_token_ring", "the reference discards every packet"),
    ("dlt_unsupported", "the reference refuses the link type"),
    ("esp", "the reference shows header fields turned to host order in the user data"),
    ("ip6_esp", "the reference loses the packets"),
    ("ip6_header_truncated", "the reference loses the packet"),
    ("short_frame", "the reference drops the frame"),
];

/// Groups of cases that must agree whatever the list above says.
const REQUIRED: &[&str] = &[
    "tcp_", "udp_", "icmp_", "dns_", "arp_", "ip6_tcp", "ip6_udp", "ip6_echo", "ip6_nd", "idle_", "order_",
    "reuse_", "jitter_",
];

/// The one case of [`REQUIRED`] in which the reference loses a packet.
const LOST: &str = "arp_unknown_op";

fn shared() -> Option<PathBuf> {
    let path = match std::env::var_os("PANOPTES_SHARED") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
    };
    path.join("spec/flow-cases/expected.json").is_file().then_some(path)
}

fn has(program: &str) -> bool {
    Command::new(program).arg("-h").output().is_ok()
}

/// Runs one capture through an engine; `None` when the link type is refused, as the reference does.
fn sense(capture: &Path, config: Config) -> Option<Vec<u8>> {
    let mut capture = pcap::Capture::from_file(capture).ok()?;
    let dissector = Dissector::new(LinkType(capture.get_datalink().0), config.rules());
    let stamp = Stamp::from_micros(1_600_000_000_000_000);
    let mut file = Vec::new();
    Mar::initial(Version::V3, SourceId::None, stamp, stamp).emit(&mut file);
    let mut engine = Engine::new(config).expect("memory");
    let mut sink = |record: &[u8]| file.extend_from_slice(record);
    while let Ok(packet) = capture.next_packet() {
        let summary = dissector.dissect(packet.data, packet.header.len);
        let time = Time::from_pcap(packet.header.ts.tv_sec, packet.header.ts.tv_usec);
        engine.packet(time, &summary, &mut sink);
    }
    engine.flush(&mut sink);
    Some(file)
}

/// The records of a file as `ra` prints them, management records left out.
fn print(file: &Path, fields: &[&str]) -> Vec<BTreeMap<String, String>> {
    let output = Command::new("ra")
        .args(["-X", "-n", "-u", "-p", "6", "-c", "|", "-r"])
        .arg(file)
        .arg("-s")
        .args(fields)
        .env("TZ", "UTC")
        .output()
        .expect("ra runs");
    let text: String = output.stdout.iter().map(|&octet| char::from(octet)).collect();
    let mut rows = Vec::new();
    for line in text.lines().skip(1).filter(|line| !line.is_empty()) {
        let mut row = BTreeMap::new();
        for (field, cell) in fields.iter().zip(line.split('|')) {
            let name = field.split(':').next().unwrap_or(field);
            let cell = if matches!(name, "flgs" | "dir") { cell } else { cell.trim() };
            if !cell.is_empty() {
                row.insert(name.to_owned(), cell.to_owned());
            }
        }
        if row.get("proto").map(String::as_str) != Some("man") {
            rows.push(row);
        }
    }
    rows
}

fn options(arguments: &Value, rich: bool) -> Option<Config> {
    let mut config = Config { compat: true, ..Config::default() };
    let words: Vec<&str> = arguments.as_array()?.iter().filter_map(Value::as_str).collect();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        match word {
            "-S" => config.status_interval = Duration::from_secs_f64(words.next()?.parse().ok()?),
            _ => return None,
        }
    }
    if rich {
        config.application_octets = true;
        config.jitter = true;
        config.packet_size = true;
        config.mac = true;
        config.user_data = 32;
    }
    Some(config)
}

/// The first difference between what is expected of a pass and what came, if any.
fn difference(expected: &Value, rows: &[BTreeMap<String, String>]) -> Option<String> {
    let expected = expected["records"].as_array()?;
    if expected.len() != rows.len() {
        return Some(format!("{} records expected, {} came", expected.len(), rows.len()));
    }
    for (number, (want, got)) in expected.iter().zip(rows).enumerate() {
        let want = want.as_object()?;
        for name in want.keys().chain(got.keys()) {
            let (a, b) =
                (want.get(name).and_then(Value::as_str).unwrap_or(""), got.get(name).map_or("", |x| x));
            if a != b {
                return Some(format!("record {number}, {name}: {a:?} expected, {b:?} came"));
            }
        }
    }
    None
}

/// The shared folder when all that the tests need is there; says what is not.
fn ready() -> Option<PathBuf> {
    let shared = shared();
    if shared.is_none() {
        eprintln!("skipped: the flow cases are not there (PANOPTES_SHARED)");
    }
    if !has("ra") || !has("python3") {
        eprintln!("skipped: ra (Debian's argus-client) and python3 are needed");
        return None;
    }
    shared
}

#[test]
fn agrees_with_the_reference() {
    let Some(shared) = ready() else { return };
    let cases = shared.join("spec/flow-cases");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let made = Command::new("python3").arg(cases.join("make_cases.py")).arg(directory.path()).output();
    assert!(made.is_ok_and(|output| output.status.success()), "make_cases.py failed");
    let text = std::fs::read_to_string(cases.join("expected.json")).expect("expected.json");
    let expected: Value = serde_json::from_str(&text).expect("expected.json is JSON");
    let fields = |pass: &str| -> Vec<String> {
        let list = expected["_fields"][pass].as_array().expect("field names");
        list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let (plain, rich) = (fields("plain"), fields("rich"));
    let (mut failures, mut agreed, mut known) = (Vec::new(), 0, 0);
    for (name, case) in expected["cases"].as_object().expect("cases") {
        let mut found = None;
        for (pass, list) in [("plain", &plain), ("rich", &rich)] {
            if (name.as_str(), pass) == ("dlt_ppp_serial_lcp", "rich") {
                // The reference's output varies from run to run there.
                continue;
            }
            let Some(config) = options(&case["args"], pass == "rich") else {
                found = Some(format!("options {} are not understood", case["args"]));
                break;
            };
            let records = sense(&directory.path().join(format!("{name}.pcap")), config);
            let rows = match records {
                Some(records) => {
                    let file = directory.path().join("records");
                    std::fs::write(&file, records).expect("room for a record file");
                    print(&file, &list.iter().map(String::as_str).collect::<Vec<_>>())
                }
                None => Vec::new(),
            };
            found = found.or(difference(&case[pass], &rows).map(|what| format!("{pass}: {what}")));
        }
        let reason = KNOWN.iter().find(|(known, _)| known == name).map(|(_, reason)| reason);
        let required = name != LOST && REQUIRED.iter().any(|prefix| name.starts_with(prefix));
        match (found, reason) {
            (Some(what), None) => failures.push(format!("{name}: {what}")),
            (Some(what), Some(_)) if required => failures.push(format!("{name}: {what}")),
            (Some(_), Some(_)) => known += 1,
            (None, Some(reason)) => failures.push(format!("{name}: agrees, though listed: {reason}")),
            (None, None) => agreed += 1,
        }
    }
    eprintln!("{agreed} cases agree in every field, {known} differ for a known reason");
    assert!(failures.is_empty(), "{} cases differ:\n{}", failures.len(), failures.join("\n"));
    assert!(agreed > 200, "only {agreed} cases were compared");
}

/// What is right where the reference loses data: protocol, source, its port, destination, its port, packets, octets and
/// application octets of both sides, source's user data. In both modes: lost data are not reproduced.
const RIGHT: &[(&str, &[&str])] = &[
    ("arp_unknown_op", &["arp|02:00:00:00:00:0a|0|02:00:00:00:00:0b|0|1|0|60|0|60|0"]),
    ("dlt_fddi", &["udp|10.0.0.1|40000|10.0.0.2|9999|1|0|79|0|30|0|s[30]=ABCDEFGHIJKLMNOPQRSTUVWXYZABCD"]),
    ("dlt_ipv4", &["udp|10.0.0.1|40000|10.0.0.2|9999|1|1|58|58|30|30|s[30]=ABCDEFGHIJKLMNOPQRSTUVWXYZABCD"]),
    ("dlt_ipv6", &["udp|2001:db8::1|40000|2001:db8::2|9999|1|0|57|0|9|0|s[9]=ABCDEFGHI"]),
    ("dlt_loop", &["udp|10.0.0.1|40000|10.0.0.2|9999|1|1|58|58|30|30|s[30]=ABCDEFGHIJKLMNOPQRSTUVWXYZABCD"]),
    ("dlt_ppp_serial_lcp", &["|(null)||(null)||1|0|8|0|8|0", "|(null)||(null)||1|0|8|0|8|0"]),
    ("dlt_sll", &["udp|10.0.0.1|40000|10.0.0.2|9999|1|1|58|58|30|30|s[30]=ABCDEFGHIJKLMNOPQRSTUVWXYZABCD"]),
    ("dlt_sll2", &["udp|10.0.0.1|40000|10.0.0.2|9999|1|1|58|58|30|30|s[30]=ABCDEFGHIJKLMNOPQRSTUVWXYZABCD"]),
    (
        "dlt_sll_vlan",
        &["udp|10.0.0.1|40000|10.0.0.2|9999|1|0|62|0|30|0|s[30]=ABCDEFGHIJKLMNOPQRSTUVWXYZABCD"],
    ),
    (
        "dlt_token_ring",
        &["udp|10.0.0.1|40000|10.0.0.2|9999|1|0|80|0|30|0|s[30]=ABCDEFGHIJKLMNOPQRSTUVWXYZABCD"],
    ),
    ("dlt_unsupported", &["*|00:00:00:00:00:00|147|00:00:00:00:00:00|147|1|0|58|0|58|0"]),
    (
        "esp",
        &[
            "esp|10.0.0.1||10.0.0.2|0x20201000|4|0|424|0|288|0|s[32]=........ABCDEFGHIJKLMNOPQRSTUVWX",
            "esp|10.0.0.2||10.0.0.1|0x20202000|1|0|106|0|72|0|s[32]=.. .....ABCDEFGHIJKLMNOPQRSTUVWX",
        ],
    ),
    ("ip6_esp", &["esp|2001:db8::1||2001:db8::2|"]),
    ("ip6_header_truncated", &["ipv6|02:00:00:00:00:0a|0|02:00:00:00:00:0b|0|1|0|44|0|44|0"]),
    ("short_frame", &["*|00:00:00:00:00:00|1|00:00:00:00:00:00|1|1|0|10|0|10|0"]),
];

#[test]
fn is_right_where_the_reference_loses_data() {
    let Some(shared) = ready() else { return };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let script = shared.join("spec/flow-cases/make_cases.py");
    let made = Command::new("python3").arg(script).arg(directory.path()).output();
    assert!(made.is_ok_and(|output| output.status.success()), "make_cases.py failed");
    let names: Vec<&str> = RIGHT.iter().map(|(name, _)| *name).collect();
    assert!(
        KNOWN.iter().all(|(name, _)| names.contains(name)),
        "every case that differs has its right result"
    );
    for compat in [false, true] {
        for (name, right) in RIGHT {
            let config = Config { compat, application_octets: true, user_data: 32, ..Config::default() };
            let records = sense(&directory.path().join(format!("{name}.pcap")), config).expect("a capture");
            let file = directory.path().join("records");
            std::fs::write(&file, records).expect("room for a record file");
            let output = Command::new("ra")
                .args(["-X", "-n", "-u", "-c", "|", "-r"])
                .arg(&file)
                .args([
                    "-s", "proto", "saddr", "sport", "daddr", "dport", "spkts", "dpkts", "sbytes", "dbytes",
                ])
                .args(["sappbytes", "dappbytes", "suser:40", "-", "not", "man"])
                .output()
                .expect("ra runs");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let lines: Vec<&str> = text.lines().skip(1).collect();
            assert_eq!(lines.len(), right.len(), "{name}, compat {compat}: {text}");
            for (line, right) in lines.iter().zip(*right) {
                assert!(line.starts_with(right), "{name}, compat {compat}: {line} is not {right}");
            }
        }
    }
}
