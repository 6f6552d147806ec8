//! Management and event records: true counts, as Debian's `ra` prints them, beside those of Debian's sensor (flow-model
//! 14, record-format 4 and 8).
#![allow(clippy::unwrap_used)]

mod common;

use std::process::{Command, Stdio};
use std::time::Duration;

use common::namespace::{inside, interfaces, send, start};
use common::{Folder, flows, installed, mars, ra, read, read_so_far, records, run, told, wait_for};
use nix::sys::signal::Signal;
use record::{Cause, Kind, Mar, RecordView, SourceId};

/// Columns of a management record: packets, records, octets, drops, clients, evictions (ra-output 11.3).
const COLUMNS: &str = "proto,spkts,dpkts,sbytes,sport,dport,daddr,state";

#[test]
fn counts_are_true_and_printed_by_debians_ra() {
    let folder = Folder::new();
    let out = folder.text("out");
    assert!(run(&["-r", &folder.text("t.pcap"), "-w", &out]).status.success());
    let all = mars(&read(&folder.path("out")));
    let stop = all.last().unwrap();
    assert_eq!((stop.packets, stop.bytes, stop.dropped), (8, 420, 0));
    assert_eq!((stop.records, stop.flows, stop.queue, stop.output), (3, 2, 0, 0));
    assert_eq!((stop.clients, stop.bufs), (1, 0));
    assert_eq!(stop.start, all[0].start, "since the start");
    assert!(stop.now >= all[0].now);
    if !installed("ra") || !installed("argus") {
        return;
    }
    let rows = |file: &str| {
        let output = ra(&["-r", file, "-M", "man", "-s", COLUMNS, "-", "man"]).output().unwrap();
        assert!(output.stderr.is_empty(), "{}", told(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        let rows = text.lines().skip(1).map(|row| row.replace(' ', ""));
        rows.filter(|row| !row.is_empty()).collect::<Vec<_>>()
    };
    assert_eq!(rows(&out), ["man|0|0|0|0|0|0|STA", "man|8|3|420|0|1|0|STP"]);
    // Debian's sensor closes its source before it counts; what it says of records and outputs is the same.
    let theirs = folder.text("theirs");
    let mut command = Command::new("timeout");
    command.args(["60", "argus", "-X", "-F", "/dev/null", "-r", &folder.text("t.pcap"), "-w", &theirs]);
    assert!(command.stderr(Stdio::null()).status().unwrap().success());
    let theirs = mars(&read(&folder.path("theirs")));
    let theirs = theirs.last().unwrap();
    assert_eq!((theirs.records, theirs.clients), (stop.records, stop.clients));
    assert_eq!((theirs.report_interval, theirs.mar_interval), (stop.report_interval, stop.mar_interval));
}

#[test]
fn evictions_are_counted() {
    let folder = Folder::new();
    let path = folder.write("many.pcap", &common::many_flows(100));
    let output = run(&["--max-flows", "20", "-r", &path, "-w", "-"]);
    assert!(output.status.success());
    assert!(told(&output).contains("80 flows reported and forgotten early"), "{}", told(&output));
    let seen = records(&output.stdout);
    let stop = mars(&seen).pop().unwrap();
    assert_eq!((stop.packets, stop.flows, stop.bufs), (100, 100, 80));
    assert_eq!(flows(&seen), 100);
}

#[test]
fn standard_input_has_periodic_records_while_nothing_comes() {
    use std::io::Write as _;
    let folder = Folder::new();
    let out = folder.path("out");
    let mut command = common::argus();
    command.args(["-M", "0.2", "-r", "-", "-w", out.to_str().unwrap()]).stdin(Stdio::piped());
    let mut sensor = common::Running::start(&mut command);
    let mut input = sensor.0.stdin.take().unwrap();
    input.write_all(&common::capture(common::BEGIN)).unwrap();
    let statuses = || {
        let seen = if out.exists() { mars(&read_so_far(&out)) } else { Vec::new() };
        seen.into_iter().filter(|mar| mar.header.cause == Cause::Status).collect::<Vec<Mar>>()
    };
    wait_for("two status records", || (statuses().len() >= 2).then_some(()));
    drop(input);
    assert!(sensor.end().success());
    let all = mars(&read(&out));
    assert_eq!(all.iter().map(|mar| mar.packets).sum::<u64>(), 8);
    for pair in all.windows(2).skip(1) {
        assert_eq!(pair[1].start, pair[0].now, "each begins where the one before ended");
    }
}

#[test]
fn a_live_sensor_counts_what_debians_counts() {
    if !inside("a_live_sensor_counts_what_debians_counts") {
        return;
    }
    interfaces();
    let folder = Folder::new();
    let (ours, theirs) = (folder.path("ours"), folder.path("theirs"));
    let filter = ["-", "udp", "port", "5000"];
    let mut sensor =
        start(&[&["-i", "va", "-S", "1", "-M", "1", "-w", ours.to_str().unwrap()][..], &filter].concat());
    let debian = installed("argus").then(|| {
        let mut command = Command::new("timeout");
        command.args(["60", "argus", "-X", "-F", "/dev/null", "-i", "va", "-S", "1", "-M", "1", "-w"]);
        command.arg(&theirs).args(filter).stdin(Stdio::null()).stderr(Stdio::null());
        common::Running::start(&mut command)
    });
    if debian.is_some() {
        // It listens when it has counted something; that is not among what is compared.
        wait_for("Debian's sensor", || {
            send(5000, 1);
            let seen = if theirs.exists() { read_so_far(&theirs) } else { Vec::new() };
            mars(&seen).iter().any(|mar| mar.packets > 0).then_some(())
        });
    }
    let packets =
        |path: &std::path::Path| -> u64 { mars(&read_so_far(path)).iter().map(|mar| mar.packets).sum() };
    // Until both tell nothing new for a while: what was sent so far is counted.
    let settled = |path: &std::path::Path| {
        let mut before = u64::MAX;
        wait_for("a quiet second", || {
            std::thread::sleep(Duration::from_millis(1500));
            let now = packets(path);
            let quiet = now == before;
            before = now;
            quiet.then_some(now)
        })
    };
    let ours_before = settled(&ours);
    let theirs_before = debian.as_ref().map(|_| settled(&theirs));
    send(5000, 250);
    wait_for("our count", || (packets(&ours) >= ours_before + 250).then_some(()));
    assert_eq!(settled(&ours), ours_before + 250);
    if let Some(before) = theirs_before {
        wait_for("their count", || (packets(&theirs) >= before + 250).then_some(()));
        assert_eq!(settled(&theirs), before + 250);
    }
    sensor.signal(Signal::SIGTERM);
    assert!(sensor.end().success());
    let all = mars(&read(&ours));
    let status: Vec<&Mar> = all.iter().filter(|mar| mar.header.cause == Cause::Status).collect();
    assert!(status.iter().all(|mar| mar.interface_status == 1 && mar.interface_type == 1));
    // Octets of a datagram of 100: with 8, 20 and 14 of headers.
    assert!(all.iter().all(|mar| mar.bytes == mar.packets * 142));
    assert_eq!(all.last().unwrap().header.cause, Cause::Stop);
}

#[test]
fn programs_and_files_become_event_records() {
    if !inside("programs_and_files_become_event_records") {
        return;
    }
    interfaces();
    let folder = Folder::new();
    let text = folder.write("text", b"some words\n");
    let conf = folder.write(
        "argus.conf",
        format!(
            "ARGUS_MONITOR_ID=9\nARGUS_EVENT_DATA=\"prog:echo it is $0:1s\"\nARGUS_EVENT_DATA=\"file:{text}:1s:compress\"\n\
             ARGUS_EVENT_DATA=\"file:{text}.none:1s\"\nARGUS_EVENT_DATA=\"prog:echo once:0\"\n"
        )
        .as_bytes(),
    );
    let out = folder.path("out");
    let log = std::fs::File::create(folder.path("log")).unwrap();
    let out_name = out.to_str().unwrap();
    let mut sensor = common::namespace::start_with(&["-F", &conf, "-i", "va", "-w", out_name], log.into());
    let events = || -> Vec<Vec<u8>> {
        read_so_far(&out)
            .into_iter()
            .filter_map(|record| match record {
                common::Seen::Flow(octets) => Some(octets),
                common::Seen::Mar(_) => None,
            })
            .filter(|octets| RecordView::new(octets).unwrap().kind() == Kind::Event)
            .collect()
    };
    let is_compressed =
        |octets: &Vec<u8>| RecordView::new(octets).unwrap().src_data().unwrap().subtype & 8 != 0;
    wait_for("events of both kinds", || {
        let events = events();
        let compressed = events.iter().filter(|event| is_compressed(event)).count();
        (compressed >= 2 && events.len() - compressed >= 3).then_some(())
    });
    sensor.signal(Signal::SIGTERM);
    assert!(sensor.end().success());
    let seen = read(&out);
    let events = events();
    let texts: Vec<String> = events
        .iter()
        .filter(|event| !is_compressed(event))
        .map(|event| {
            let view = RecordView::new(event).unwrap();
            assert_eq!((view.source_id(), view.header().cause), (SourceId::Int(9), Cause::Status));
            String::from_utf8(view.src_data().unwrap().bytes.to_vec()).unwrap()
        })
        .collect();
    assert!(texts.contains(&"prog:echo it is $0\nit is /bin/sh\n".to_owned()), "{texts:?}");
    assert_eq!(texts.iter().filter(|text| *text == "prog:echo once\nonce\n").count(), 1, "{texts:?}");
    // They count among the records, and a file that is not there is told once.
    let counted: u32 = mars(&seen).iter().map(|mar| mar.records).sum();
    assert_eq!(counted as usize, flows(&seen) + 1);
    let log = std::fs::read_to_string(folder.path("log")).unwrap();
    assert_eq!(log.matches("text.none: ").count(), 1, "{log}");
    if installed("ra") {
        let output =
            ra(&["-r", out_name, "-M", "event", "-s", "proto,srcid", "-", "event"]).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{}", told(&output));
    }
    if installed("raevent") {
        let mut command = Command::new("timeout");
        let output = command.args(["20", "raevent", "-X", "-n", "-r", out_name]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("some words") && text.contains("it is /bin/sh"), "{text}");
    }
}
