//! The command line: options, precedence, outputs, filters (sensor-and-transport 1.1, 1.2, 1.7).
#![allow(clippy::unwrap_used)]

mod common;

use common::{BEGIN, Folder, Seen, flows, mars, read, records, run, told};
use record::{Cause, Mar, SourceId};

#[test]
fn a_capture_becomes_the_records_of_the_chapter() {
    let folder = Folder::new();
    let out = folder.text("out");
    let output = run(&["-r", &folder.text("t.pcap"), "-w", &out]);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", told(&output));
    assert_eq!(std::fs::read(&out).unwrap().len(), 556, "MAR 128, udp 92, tcp 208, MAR 128");
    let seen = read(&folder.path("out"));
    let mars = mars(&seen);
    assert_eq!(mars.iter().map(|mar| mar.header.cause).collect::<Vec<_>>(), [Cause::Start, Cause::Stop]);
    assert!(mars[0].is_initial());
    assert_eq!((mars[0].report_interval, mars[0].mar_interval), (5, 60));
    assert_eq!((mars[1].packets, mars[1].bytes, mars[1].records, mars[1].flows), (8, 420, 3, 2));

    // A second run appends a second stream.
    assert!(run(&["-r", &folder.text("t.pcap"), "-w", &out]).status.success());
    assert_eq!(std::fs::read(&out).unwrap().len(), 2 * 556);
}

#[test]
fn files_are_read_in_the_order_of_their_names_with_a_flush_between() {
    let folder = Folder::new();
    let late = folder.write("aa.pcap", &common::capture(BEGIN + 1000));
    let early = folder.write("zz.pcap", &common::capture(BEGIN));
    let out = folder.text("out");
    assert!(run(&["-r", &early, &late, "-w", &out, "-", "udp"]).status.success());
    let starts: Vec<u32> = read(&folder.path("out"))
        .iter()
        .filter_map(|record| match record {
            Seen::Flow(octets) => Some(record::RecordView::new(octets).unwrap().start().secs()),
            Seen::Mar(_) => None,
        })
        .collect();
    assert_eq!(starts, [BEGIN + 1000, BEGIN]);
}

#[test]
fn outputs_have_their_own_filters() {
    let folder = Folder::new();
    let capture = folder.text("t.pcap");
    let (tcp, all, man) = (folder.text("tcp"), folder.text("all"), folder.text("man"));
    assert!(run(&["-r", &capture, "-w", &tcp, "tcp", "-w", &all, "-w", &man, "man"]).status.success());
    let counts = |name: &str| {
        let seen = read(&folder.path(name));
        (flows(&seen), mars(&seen).len())
    };
    // The stop record goes through the filter.
    assert_eq!(counts("tcp"), (1, 1));
    assert_eq!(counts("all"), (2, 2));
    assert_eq!(counts("man"), (0, 2));
}

#[test]
fn a_bad_output_filter_is_told_before_anything_is_created() {
    let folder = Folder::new();
    let output = run(&["-r", &folder.text("t.pcap"), "-w", &folder.text("out"), "tcp andd udp"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).starts_with("argus: output filter 'tcp andd udp': "), "{}", told(&output));
    assert!(!folder.path("out").exists());
}

#[test]
fn the_packet_filter_is_the_rest_of_the_line() {
    let folder = Folder::new();
    let capture = folder.text("t.pcap");
    let out = run(&["-r", &capture, "-w", "-", "-", "udp", "port", "5353"]);
    assert_eq!(flows(&records(&out.stdout)), 1);
    let output = run(&["-r", &capture, "-w", "-", "-", "udp port"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(told(&output).lines().count(), 1);
    assert!(told(&output).starts_with("argus: can't parse filter expression: "), "{}", told(&output));
}

#[test]
fn counts_of_packets() {
    let folder = Folder::new();
    for (count, packets) in [("3", 3), ("2-4", 2), ("0", 8), ("100", 8), ("8-9", 0)] {
        let out = run(&["-r", &folder.text("t.pcap"), "-N", count, "-w", "-"]);
        let mars = mars(&records(&out.stdout));
        assert_eq!(mars.last().unwrap().packets, packets, "-N {count}");
    }
}

#[test]
fn the_last_setter_of_the_id_wins() {
    let folder = Folder::new();
    let conf = folder.write(
        "argus.conf",
        b"# an id\nARGUS_MONITOR_ID=192.0.2.44 // comment\nARGUS_MONITOR_ID_INCLUDE_INF=no\n",
    );
    let id = |arguments: &[&str]| {
        let capture = folder.text("t.pcap");
        let out = run(&[arguments, &["-r", &capture, "-w", "-"]].concat());
        assert!(out.stderr.is_empty(), "{}", told(&out));
        mars(&records(&out.stdout))[0].source_id()
    };
    let file = SourceId::Ipv4("192.0.2.44".parse().unwrap());
    assert_eq!(id(&["-F", &conf, "-e", "7"]), SourceId::Int(7));
    assert_eq!(id(&["-e", "7", "-F", &conf]), file);
    assert_eq!(id(&["-e", "\"abcdef\""]), SourceId::Str(*b"abcd"));
    assert_eq!(id(&["-F", &conf, "-X"]), SourceId::None);
}

#[test]
fn configuration_faults() {
    let folder = Folder::new();
    let capture = folder.text("t.pcap");
    let bad = folder.write("bad.conf", b"\nARGUS_FILTER=\"udp\n");
    let output = run(&["-F", &bad, "-r", &capture]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(told(&output), format!("argus: {bad}: string unterminated at line 2\n"));
    let odd = folder.write("odd.conf", b"ARGUS_NO_SUCH=1\n");
    let output = run(&["-F", &odd, "-r", &capture]);
    assert!(output.status.success());
    assert!(told(&output).contains("line 1: unknown variable ARGUS_NO_SUCH"), "{}", told(&output));
    assert_eq!(run(&["-F", &folder.text("none"), "-r", &capture]).status.code(), Some(1));
}

#[test]
fn usage_help_and_version() {
    for line in
        [&["-k"][..], &["-P", "x"], &["--nope"], &["-N", "5-2"], &["-w"], &["-w", "tcp://x"], &["-e", ""]]
    {
        let output = run(line);
        assert_eq!(output.status.code(), Some(2), "{line:?}");
        assert_eq!(told(&output).lines().count(), 1, "{line:?}");
        assert!(told(&output).starts_with("argus: "), "{line:?}");
    }
    let help = run(&["-h"]);
    assert!(help.status.success());
    let text = String::from_utf8(help.stdout).unwrap();
    assert!(text.starts_with("Argus Version "), "{text}");
    assert!(
        text.contains("\n         -M <secs>               set MAR Status Report Time Interval"),
        "{text}"
    );
    for (what, begin) in [
        ("man", ".TH ARGUS 8"),
        ("complete-bash", "_argus()"),
        ("complete-zsh", "#compdef argus"),
        ("complete-fish", "complete -c argus"),
    ] {
        let output = run(&["--generate", what]);
        assert!(output.status.success() && output.stdout.starts_with(begin.as_bytes()), "{what}");
    }
    assert!(run(&["--version"]).stdout.starts_with(b"argus "));
}

#[test]
fn the_compiled_packet_filter_is_shown() {
    let folder = Folder::new();
    let output = run(&["-b", "-r", &folder.text("t.pcap"), "-", "udp"]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("(000) ldh      [12]\n(001) jeq      #0x"), "{text}");
}

#[test]
fn an_output_that_cannot_be_made_is_a_failure() {
    let folder = Folder::new();
    let output = run(&["-r", &folder.text("t.pcap"), "-w", "/nonexistent/out"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).starts_with("argus: /nonexistent/out: "), "{}", told(&output));
    let output = run(&["-r", &folder.text("t.pcap"), "-w", "/dev/full"]);
    assert_eq!((output.status.code(), told(&output).lines().count()), (Some(1), 1), "{}", told(&output));
}

#[test]
fn records_go_out_as_datagrams() {
    let folder = Folder::new();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
    let url = format!("argus-udp://127.0.0.1:{}", socket.local_addr().unwrap().port());
    assert!(run(&["-r", &folder.text("t.pcap"), "-w", &url]).status.success());
    let mut buffer = [0; 2048];
    let lengths: Vec<usize> = (0..4).map(|_| socket.recv(&mut buffer).unwrap()).collect();
    assert_eq!(lengths, [128, 92, 208, 128]);
    assert_eq!(Mar::parse(&buffer).unwrap().header.cause, Cause::Stop);
}
