//! What the variables of argus.conf do (sensor-and-transport 1.10), seen from outside.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::{
    BEGIN, Folder, Running, Seen, argus, flows, installed, mars, ra, read, records, run, told, wait_for,
};
use record::dsr::network::{Body, Tcp};
use record::{COOKIE_V5, Cause, Index, RecordView, SourceId, Version};

/// Runs the sensor over the folder's capture with a configuration; its records.
fn with(folder: &Folder, configuration: &str, capture: &str) -> Vec<Seen> {
    let file = folder.write("argus.conf", configuration.as_bytes());
    let output = run(&["-F", &file, "-r", &folder.text(capture), "-w", "-"]);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", told(&output));
    records(&output.stdout)
}

fn flow_records(seen: &[Seen]) -> Vec<&[u8]> {
    seen.iter()
        .filter_map(|record| match record {
            Seen::Flow(octets) => Some(&octets[..]),
            Seen::Mar(_) => None,
        })
        .collect()
}

/// A capture of frames on Ethernet, each with its second.
fn capture_of(frames: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 1u32] {
        file.extend(word.to_le_bytes());
    }
    for (second, frame) in frames {
        for word in [BEGIN + second, 0, frame.len() as u32, frame.len() as u32] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

/// An IPv4 frame from 10.0.0.1 to 10.0.0.2.
fn ipv4(protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0];
    frame.extend((20 + payload.len() as u16).to_be_bytes());
    frame.extend([0x12, 0x34]);
    frame.extend(fragment.to_be_bytes());
    frame.extend([64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    frame.extend(payload);
    frame
}

#[test]
fn what_cannot_be_had_is_told_with_its_place() {
    let folder = Folder::new();
    let lines = [
        ("ARGUS_MAX_SSF=128", "clients are not authenticated: this build has no SASL"),
        ("ARGUS_FLOW_KEY=\"CLASSIC_5_TUPLE+MOON\"", "unknown parts of a key: MOON"),
        ("ARGUS_PACKET_CAPTURE_ON_PROTO=tcp,nosuch", "unknown protocols: nosuch"),
        ("ARGUS_TIMESTAMP_TYPE=\"host atomic\"", "unknown kinds of time stamps: atomic"),
        ("ARGUS_ENV=novalue", "'novalue' is no NAME=value"),
        ("ARGUS_LOG_DISPLAY_PRIORITY=9", "'9' is not a priority from 0 to 7"),
        ("ARGUS_TCP_TIMEOUT=soon", "'soon' is not a number of seconds"),
    ];
    let text: String = lines.iter().map(|(line, _)| format!("{line}\n")).collect();
    let file = folder.write("argus.conf", text.as_bytes());
    let output = run(&["-F", &file, "-r", &folder.text("t.pcap")]);
    assert!(output.status.success(), "{}", told(&output));
    let told = told(&output);
    // The priority was not taken: messages are still shown.
    for (number, (line, expected)) in lines.iter().enumerate() {
        let name = line.split('=').next().unwrap();
        let expected = format!("{file}: line {}: {name}: {expected}", number + 1);
        assert!(told.lines().any(|line| line.ends_with(&expected)), "{expected}\n{told}");
    }
    assert_eq!(told.lines().count(), lines.len(), "{told}");
}

#[test]
fn what_must_not_be_guessed_is_a_failure() {
    let folder = Folder::new();
    for line in [
        "ARGUS_EVENT_DATA=\"file:/proc/vmstat\"",
        "ARGUS_EVENT_DATA=\"mail:root:1s\"",
        "ARGUS_MONITOR_ID=192.0.2.1/toolong",
        "ARGUS_MONITOR_ID_INCLUDE_INF=toolong",
        "ARGUS_FORMAT=4",
        "ARGUS_OUTPUT_FILE=ftp://x",
    ] {
        let file = folder.write("argus.conf", format!("\n{line}\n").as_bytes());
        let output = run(&["-F", &file, "-r", &folder.text("t.pcap")]);
        assert_eq!(output.status.code(), Some(1), "{line}");
        let name = line.split('=').next().unwrap();
        assert!(told(&output).starts_with(&format!("argus: {file}: line 2: {name}: ")), "{}", told(&output));
        assert_eq!(told(&output).lines().count(), 1, "{}", told(&output));
    }
}

#[test]
fn variables_reach_the_environment() {
    let folder = Folder::new();
    let file = folder
        .write("argus.conf", b"ARGUS_ENV=\"PCAP_MEMORY=300000\"\nARGUS_ENV=TZ=UTC0\nARGUS_ENV=A_B=x=y\n");
    let out = folder.path("out");
    let mut sensor = Running::start(argus().args([
        "-F",
        &file,
        "-f",
        "-r",
        &folder.text("t.pcap"),
        "-w",
        out.to_str().unwrap(),
    ]));
    wait_for("its output", || (std::fs::metadata(&out).ok()?.len() >= 128).then_some(()));
    let environment = std::fs::read(format!("/proc/{}/environ", sensor.0.id())).unwrap();
    let has = |entry: &str| environment.split(|octet| *octet == 0).any(|there| there == entry.as_bytes());
    assert!(has("PCAP_MEMORY=300000") && has("TZ=UTC0") && has("A_B=x=y"));
    sensor.signal(nix::sys::signal::Signal::SIGTERM);
    assert!(sensor.end().success());
}

#[test]
fn packets_are_also_written_to_a_file() {
    let folder = Folder::new();
    let count = |more: &str| {
        let path = folder.text("packets");
        with(&folder, &format!("ARGUS_PACKET_CAPTURE_FILE=\"{path}\"\n{more}"), "t.pcap");
        let mut capture = pcap::Capture::from_file(&path).unwrap();
        let mut count = 0;
        while capture.next_packet().is_ok() {
            count += 1;
        }
        count
    };
    assert_eq!(count(""), 8);
    assert_eq!(count("ARGUS_PACKET_CAPTURE_ON_PROTO=\"udp arp\"\n"), 2);
    assert_eq!(count("ARGUS_PACKET_CAPTURE_ON_ERROR=yes\n"), 0);
    // It is the user's that the sensor becomes, and a folder that is not there is a failure.
    let file = folder.write("argus.conf", b"ARGUS_PACKET_CAPTURE_FILE=/nonexistent/packets\n");
    let output = run(&["-F", &file, "-r", &folder.text("t.pcap")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).starts_with("argus: /nonexistent/packets: "), "{}", told(&output));
}

#[test]
fn timeouts_of_igmp_and_fragments() {
    let folder = Folder::new();
    let igmp = ipv4(2, 0, &[0x16, 0, 0, 0, 224, 1, 2, 3]);
    let piece = ipv4(17, 0x0010, &[7; 64]);
    let other = ipv4(17, 0, &[0, 7, 0, 9, 0, 8, 0, 0]);
    // A clock for the sensor, a packet a second; IGMP and a lone fragment twice, 20 s apart.
    let mut frames: Vec<_> = (0..40).map(|second| (second, other.clone())).collect();
    for second in [0, 20] {
        frames.push((second, igmp.clone()));
        frames.push((second, piece.clone()));
    }
    frames.sort_by_key(|(second, _)| *second);
    folder.write("idle.pcap", &capture_of(&frames));
    let numbers = |configuration: &str, compat: &str| {
        let file = folder.write("argus.conf", configuration.as_bytes());
        let output = run(&["-F", &file, "--compat", compat, "-r", &folder.text("idle.pcap"), "-w", "-"]);
        assert!(output.status.success(), "{}", told(&output));
        let seen = records(&output.stdout);
        // All but those of the clock, whose ports are 7 and 9.
        let mut numbers: Vec<u32> = flow_records(&seen)
            .iter()
            .map(|record| RecordView::new(record).unwrap())
            .filter(|record| record.dst_port() != Some(9))
            .map(|record| record.seq())
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.len()
    };
    let short = "ARGUS_IGMP_TIMEOUT=4\nARGUS_FRAG_TIMEOUT=4\n";
    assert_eq!(numbers("", "none"), 2, "remembered for 30 s");
    assert_eq!(numbers(short, "none"), 4, "forgotten after 4 s");
    assert_eq!(numbers("ARGUS_IGMP_TIMEOUT=4\n", "none"), 3);
    assert_eq!(numbers(short, "3.0.8"), 2, "3.0.8 reads the variables and does not use them");
}

#[test]
fn longer_keys_have_one_direction_in_3_0_8() {
    let folder = Folder::new();
    folder.write("two-ways.pcap", &common::capture(BEGIN));
    let told = |configuration: &str, compat: &[&str]| {
        let file = folder.write("argus.conf", configuration.as_bytes());
        let input = folder.text("two-ways.pcap");
        let output = run(&[compat, &["-F", &file, "-r", &input, "-w", "-"]].concat());
        flows(&records(&output.stdout))
    };
    let compat = ["--compat", "3.0.8"];
    let (key, both) = ("ARGUS_FLOW_KEY=CLASSIC_5_TUPLE+VLAN\n", "ARGUS_FLOW_TYPE=Bidirectional\n");
    let right = told("", &[]);
    assert_eq!([told(key, &[]), told("", &compat), told(&[key, both].concat(), &compat)], [right; 3]);
    assert_eq!(told(key, &compat), told("ARGUS_FLOW_TYPE=Unidirectional\n", &compat));
    assert!(told(key, &compat) > right);
}

#[test]
fn tcp_performance_may_be_left_out() {
    let folder = Folder::new();
    let seen = with(&folder, "ARGUS_GENERATE_TCP_PERF_METRIC=no\n", "t.pcap");
    let tcp = flow_records(&seen)
        .into_iter()
        .map(|record| RecordView::new(record).unwrap())
        .find(|record| record.proto() == Some(6))
        .unwrap();
    let body = tcp.network().unwrap().body;
    assert!(matches!(body, Body::Tcp(Tcp::Status(_))), "{body:?}");
    if installed("ra") {
        let out = folder.text("out");
        let file = folder.text("argus.conf");
        assert!(run(&["-F", &file, "-r", &folder.text("t.pcap"), "-w", &out]).status.success());
        let output = ra(&["-r", &out, "-s", "proto,spkts,state", "-", "tcp"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.lines().nth(1), Some("tcp|4|FIN"), "{text}");
    }
}

#[test]
fn keys_have_hashes() {
    let folder = Folder::new();
    let seen = with(&folder, "ARGUS_GENERATE_HASH_METRICS=yes\nARGUS_HASHTABLE_SIZE=1000\n", "t.pcap");
    let all = flow_records(&seen);
    assert_eq!(all.len(), 2);
    for record in all {
        let view = RecordView::new(record).unwrap();
        let place = view.dsr(Index::Hash).expect("a hash");
        assert!(u32::from_be_bytes(place[8..12].try_into().unwrap()) < 999);
    }
    if installed("ra") {
        let (file, out) = (folder.text("argus.conf"), folder.text("out"));
        assert!(run(&["-F", &file, "-r", &folder.text("t.pcap"), "-w", &out]).status.success());
        let output = ra(&["-r", &out, "-s", "proto"]).output().unwrap();
        assert!(output.stderr.is_empty(), "{}", told(&output));
        assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 3);
    }
}

/// Without a source id there is no transport section (flow-model chapter 5.5): UDP 80 octets, TCP 204.
#[test]
fn records_of_version_5() {
    let folder = Folder::new();
    let out = folder.text("out");
    assert!(run(&["--format", "5", "-r", &folder.text("t.pcap"), "-w", &out]).status.success());
    assert_eq!(std::fs::read(&out).unwrap().len(), 540, "MAR 128, udp 80, tcp 204, MAR 128");
    let seen = read(Path::new(&out));
    let all = mars(&seen);
    assert_eq!(all.iter().map(|mar| mar.header.cause).collect::<Vec<_>>(), [Cause::Start, Cause::Stop]);
    assert!(all.iter().all(|mar| mar.header.version() == Version::V5 && mar.argusid == COOKIE_V5));
    assert_eq!((all[0].next_seq, all[1].packets, all[1].records), (1, 8, 3));
    for record in flow_records(&seen) {
        assert_eq!((record[0], RecordView::new(record).unwrap().has(Index::Transport)), (0x15, false));
    }
    let ids = |configuration: &str| {
        let seen = with(&folder, configuration, "t.pcap");
        let transports: Vec<_> = flow_records(&seen)
            .iter()
            .map(|record| {
                let transport = RecordView::new(record).unwrap().transport().unwrap();
                (transport.id.unwrap(), transport.interface.unwrap(), transport.seq.unwrap())
            })
            .collect();
        (mars(&seen)[0].source_id(), mars(&seen)[0].status & 0x0010_0000 != 0, transports)
    };
    let id = SourceId::Ipv4([192, 0, 2, 1].into());
    // The number is that of the record; the tag that of the file, unless one is given.
    assert_eq!(
        ids("ARGUS_FORMAT=5\nARGUS_MONITOR_ID=192.0.2.1\n"),
        (id, false, vec![(id, *b"tcap", 1), (id, *b"tcap", 2)])
    );
    assert_eq!(
        ids("ARGUS_FORMAT=5\nARGUS_MONITOR_ID=ipv4:/192.0.2.1/en0\nARGUS_MONITOR_ID_INCLUDE_INF=yes\n"),
        (id, true, vec![(id, *b"en0\0", 1), (id, *b"en0\0", 2)])
    );
    let uuid = "00112233-4455-6677-8899-aabbccddeeff";
    let (told, _, records) = ids(&format!("ARGUS_FORMAT=5\nARGUS_MONITOR_ID={uuid}/lo\n"));
    assert_eq!((told.to_string(), records[0].0.to_string()), (uuid.to_owned(), uuid.to_owned()));
}

#[test]
fn the_delivered_configuration_is_taken_without_a_word() {
    let example = Path::new("/etc/argus.conf");
    let Ok(text) = std::fs::read_to_string(example) else {
        eprintln!("skipped: no /etc/argus.conf");
        return;
    };
    let folder = Folder::new();
    // Its port and its daemon are not for a test; the rest is.
    let text: String = text
        .lines()
        .filter(|line| {
            !["ARGUS_DAEMON", "ARGUS_ACCESS_PORT", "ARGUS_OUTPUT"].iter().any(|name| line.starts_with(name))
        })
        .map(|line| format!("{line}\n"))
        .collect();
    let seen = with(&folder, &text, "t.pcap");
    assert_eq!(flows(&seen), 2);
}
