//! What is known about addresses and sensors beside the records: localities, names of source ids, baselines. And what
//! is said to whoever mistypes.

mod common;

use common::{RA, flow, initial, printed, run};
use record::dsr::flow::{Ipv4Detail, Ipv4Key};
use record::dsr::network::{Body, Network, Tcp, TcpStatus, status};
use record::dsr::time::{SideTime, Time};
use record::{Builder, Cause, Counters, Flow, FlowKey, Kind, Metric, SourceId, Stamp, Transport, Version};
use std::path::PathBuf;

/// A folder with a file of flows from 10.0.0.1 to 10.0.0.2, and files that belong to it.
struct Site(tempfile::TempDir);

impl Site {
    fn new() -> Site {
        let site = Site(tempfile::tempdir().expect("a folder"));
        site.put("flows", [initial(), flow(1), flow(2)].concat());
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("UTF-8").to_owned()
    }

    fn put(&self, name: &str, octets: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), octets).expect("written");
    }

    /// What `ra` prints of the flows with these settings.
    fn rows(&self, settings: &str, arguments: &[&str]) -> String {
        self.put("rarc", settings.replace("@", self.0.path().to_str().expect("UTF-8")));
        let (conf, flows) = (self.text("rarc"), self.text("flows"));
        printed(
            RA,
            &[&["-X", "-F", &conf, "-n", "-c", ",", "-L", "-1", "-r", &flows][..], arguments].concat(),
        )
    }
}

const LOCAL: &str = "RA_LOCAL=\"@/local\"\n";

#[test]
fn ends_are_local_or_remote() {
    let site = Site::new();
    site.put("local", "10.0.0.0/8\t2\t64500\tacme // all\n10.0.0.1\t5\t64501\tfront desk\n");
    let columns = ["-s", "sloc", "dloc", "laddr", "raddr", "lnet", "sgrp:8", "dgrp:8", "-N", "1"];
    assert_eq!(site.rows(LOCAL, &columns), "5,2,10.0.0.1,10.0.0.2,10.0.0.0,desk,acme\n");
    assert_eq!(site.rows("", &columns), ",,,,,,\n", "nothing is known");
    let counted = |filter: &str| {
        let rows = site.rows(LOCAL, &["-s", "dport", "-q", "-A", "-", filter]);
        let found = rows.split_whitespace().nth(7).expect("packets").to_owned();
        found.parse::<u32>().expect("a number")
    };
    for (filter, flows) in [
        ("src loc 5 and dst loc lt 3", 2),
        ("lcl host 10.0.0.1", 2),
        ("rmt host 10.0.0.2", 2),
        ("lcl net 10.0.0.0/8 and rmt net 10.0.0.0/8", 2),
        ("rmt port 1 and lcl port 5000", 1),
        ("far and loc gt 4", 2),
    ] {
        assert_eq!(counted(filter), flows, "{filter}");
    }
    let none =
        run(RA, &["-X", "-F", &site.text("rarc"), "-r", &site.text("flows"), "-", "lcl host 10.0.0.2"]);
    assert_eq!(none.status.code(), Some(1));
    // Records are written as they were read.
    site.rows(LOCAL, &["-w", &site.text("out"), "-", "lcl host 10.0.0.1"]);
    assert_eq!(std::fs::read(site.path("out")).expect("there"), [initial(), flow(1), flow(2)].concat());
}

#[test]
fn the_nearer_end_first_or_last() {
    let site = Site::new();
    site.put("local", "10.0.0.2 5\n10.0.0.0/8 1\n");
    let rows = |direction: &str| {
        let settings = format!("{LOCAL}RA_LOCAL_DIRECTION=\"{direction}\"\n");
        site.rows(&settings, &["-N", "1", "-s", "saddr", "sport", "daddr", "spkts", "dpkts", "sloc"])
    };
    let (plain, turned) = ("10.0.0.1,5000,10.0.0.2,1,0,1\n", "10.0.0.2,1,10.0.0.1,0,1,5\n");
    // Nothing is unknown about the direction of UDP.
    for direction in ["local:src", "suggest:src", "src", "force:dst"] {
        assert_eq!(rows(direction), plain, "{direction}");
    }
    assert_eq!(rows("force:src"), turned);
    let settings = format!("{LOCAL}RA_LOCAL_DIRECTION=force:src\nRA_RECORD_CORRECTION=no\n");
    assert_eq!(
        site.rows(&settings, &["-N", "1", "-s", "saddr", "sport", "daddr", "spkts", "dpkts", "sloc"]),
        plain
    );
    for wrong in ["here:src", "local:up", "force"] {
        site.put("rarc", format!("RA_LOCAL_DIRECTION={wrong}\n"));
        let refused = run(RA, &["-X", "-F", &site.text("rarc"), "-r", &site.text("flows")]);
        assert_eq!(refused.status.code(), Some(2), "{wrong}");
    }
}

/// A TCP flow of which no SYN was seen, whose destination was heard first.
fn answered_before_it_asked() -> Vec<u8> {
    let mut out = Vec::new();
    let mut builder = Builder::new(&mut out, Kind::Flow, Version::V3, Cause::Start);
    let key = Ipv4Key {
        src: [10, 0, 0, 1].into(),
        dst: [10, 0, 0, 2].into(),
        proto: 6,
        tp_p: 0,
        detail: Ipv4Detail::ports(6000, 5000),
    };
    Transport::new(SourceId::Int(7), 1).emit(builder.buffer());
    Flow::new(FlowKey::Ipv4(key)).emit(builder.buffer());
    let side = |second: u32| {
        let start = Stamp::from_sec_usec(1_600_000_000 + second, 0);
        Some(SideTime { start, end: Some(start) })
    };
    Time::sides(side(2), side(1)).emit(builder.buffer());
    let sent = Counters { packets: 1, bytes: 60, app_bytes: 0 };
    Metric { src: sent, dst: sent, ..Metric::default() }.emit(builder.buffer());
    let status = TcpStatus { status: status::CON_ESTABLISHED, src_flags: 0x10, dst_flags: 0x10, pad: 0 };
    Network::new(Body::Tcp(Tcp::Status(status))).emit(builder.buffer());
    builder.finish().expect("short enough");
    out
}

#[test]
fn who_was_heard_first_is_the_source() {
    let site = Site::new();
    site.put("flows", [initial(), answered_before_it_asked(), flow(1)].concat());
    let rows = |settings: &str| site.rows(settings, &["-s", "saddr", "sport"]);
    assert_eq!(rows(""), "10.0.0.1,6000\n10.0.0.1,5000\n");
    assert_eq!(rows("RA_LOCAL_DIRECTION=time\n"), "10.0.0.2,5000\n10.0.0.1,5000\n");
    // Ports say more than times.
    let ports = "RA_LOCAL_DIRECTION=time\nRA_PORT_DIRECTION=registered\n";
    assert_eq!(rows(ports), "10.0.0.1,6000\n10.0.0.1,5000\n");
}

#[test]
fn sensors_have_names() {
    let site = Site::new();
    site.put("names", "# id name\n7 border\n192.0.2.1 core\n");
    let settings = "RA_SRCID_ALIAS=\"file:@/names\"\n";
    assert_eq!(site.rows(settings, &["-s", "dport", "-", "node border and port 1"]), "1\n");
    assert_eq!(site.rows(settings, &["-s", "dport", "-", "srcid border"]), "1\n2\n");
    assert_eq!(site.rows(settings, &["-N", "1", "-s", "node", "dport"]), "border,1\n");
    let other = run(RA, &["-X", "-F", &site.text("rarc"), "-r", &site.text("flows"), "-", "node core"]);
    assert_eq!((other.status.code(), &*other.stderr), (Some(1), &b""[..]), "it has a name but sent nothing");
    let nobody = run(RA, &["-X", "-r", &site.text("flows"), "-", "node core"]);
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("no source id is called 'core'"));
}

#[test]
fn baselines_and_display_filters() {
    let site = Site::new();
    site.put("base", [initial(), flow(77)].concat());
    let base = format!("baseline:{}", site.text("base"));
    let ports = |arguments: &[&str]| {
        printed(RA, &[&["-X", "-n", "-L", "-1", "-s", "dport", "-r"], arguments].concat())
    };
    assert_eq!(ports(&[&base, &site.text("flows")]), "77\n1\n2\n");
    assert_eq!(ports(&[&base, &site.text("flows"), "-", "baseline"]), "77\n");
    assert_eq!(ports(&[&base, &site.text("flows"), "-", "udp and not baseline"]), "1\n2\n");
    // Those who redraw hide rows; ra prints them.
    assert_eq!(ports(&[&site.text("flows"), "-", "display port 1"]), "1\n2\n");
    assert_eq!(ports(&[&site.text("flows"), "-", "local port 1"]), "1\n");
    assert_eq!(printed(RA, &["-X", "-b", "-", "display port 1"]), "");
    assert_eq!(run(RA, &["-X", "-b", "-", "display port"]).status.code(), Some(1));
}

/// What is said on standard error, and the exit status.
fn said(arguments: &[&str]) -> (String, Option<i32>) {
    let output = run(RA, arguments);
    (String::from_utf8_lossy(&output.stderr).into_owned(), output.status.code())
}

#[test]
fn mistyped_words_are_answered_with_near_ones() {
    let site = Site::new();
    let flows = site.text("flows");
    for (arguments, message, code) in [
        (vec!["-s", "sadr"], "-s sadr: no field of that name (perhaps saddr)", 2),
        (vec!["-s", "nonsense"], "-s nonsense: no field of that name\n", 2),
        (vec!["-o", "RA_TIMEFORMAT=x"], "no variable is called 'RA_TIMEFORMAT' (perhaps RA_TIME_FORMAT)", 2),
        (vec!["-M", "jsn"], "-M jsn: no such mode (perhaps json)", 0),
        (vec!["--colour", "always"], "unknown option '--colour' (perhaps --color)", 2),
        (vec!["--", "tpc", "and", "port", "80"], "column 1: expected a test", 1),
        (vec!["--", "tpc"], "found 'tpc' (perhaps `tcp`)\n  tpc\n  ^^^\n", 1),
        (vec!["--", "ip6"], "(perhaps `ipv6`)", 1),
        (vec!["-e", "("], "regular expression '(' cannot be understood: unclosed group", 1),
    ] {
        let (text, status) = said(&[&["-X", "-r", &flows][..], &arguments].concat());
        assert!(text.contains(message), "{arguments:?}: {text}");
        assert_eq!(status, Some(code), "{arguments:?}");
    }
    site.put("rarc", "RA_LOCAL=/nonexistent\n");
    let (text, status) = said(&["-X", "-F", &site.text("rarc"), "-r", &flows]);
    assert!(text.contains("line 1: /nonexistent: No such file"), "{text}");
    assert_eq!(status, Some(2));
}

#[test]
fn inputs_that_cannot_be_read() {
    let site = Site::new();
    site.put("empty", "");
    site.put("words", "hello, world");
    std::fs::create_dir(site.path("folder")).expect("made");
    let flows = site.text("flows");
    for (name, message, code) in [
        ("empty", "empty: it is empty", 1),
        ("words", "words: not an argus stream", 1),
        ("folder", "folder: is a directory", 1),
        ("nowhere", "nowhere': No such file or directory", 2),
    ] {
        let output = run(RA, &["-X", "-n", "-L", "-1", "-s", "dport", "-r", &site.text(name), &flows]);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(message), "{name}: {text}");
        assert_eq!(output.status.code(), Some(code), "{name}");
        assert_eq!(output.stdout, b"1\n2\n", "{name}: the others are read");
    }
    let (text, status) = said(&["-X", "-R", &site.text("folder")]);
    assert!(text.contains("folder: no files in it"), "{text}");
    assert_eq!(status, Some(1));
    use std::os::unix::ffi::OsStrExt;
    let odd = site.0.path().join(std::ffi::OsStr::from_bytes(b"odd\xff\x1b[2J"));
    std::fs::write(&odd, [initial(), flow(3)].concat()).expect("written");
    let output = common::command(RA).args(["-X", "-n", "-L", "-1", "-s", "dport", "-r"]).arg(&odd).output();
    assert_eq!(output.expect("it runs").stdout, b"3\n");
    std::fs::remove_file(&odd).expect("removed");
    let output = common::command(RA).args(["-X", "-r"]).arg(&odd).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(!output.stderr.contains(&0x1b), "{output:?}");
}
