//! Flows that other devices export, and what else `ra` reads beside streams of argus records; records of version 5 that
//! become version 3; `ra` in the background.

mod common;

use common::{RA, Running, command, flow, initial, printed, run, shared, text, until};
use record::dsr::flow::{Ipv4Detail, Ipv4Key};
use record::dsr::metric::Counters;
use record::dsr::time::Time;
use record::{
    Builder, Cause, Flow, FlowKey, Kind, Mar, Metric, RecordView, SourceId, Stamp, Transport, Version,
};
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::Stdio;

/// A datagram of version 5: flows of TCP from 10.1.1.1 port 40000 to 10.2.2.2 ports of our choice.
fn datagram(ports: &[u16]) -> Vec<u8> {
    let mut octets = Vec::new();
    octets.extend(5u16.to_be_bytes());
    octets.extend((ports.len() as u16).to_be_bytes());
    for word in [100_000u32, 1_700_000_000, 500_000_000, 1, 0] {
        octets.extend(word.to_be_bytes());
    }
    for &port in ports {
        for word in [0x0a01_0101u32, 0x0a02_0202, 0, 0x0003_0007, 10, 5000, 90_000, 95_250] {
            octets.extend(word.to_be_bytes());
        }
        for word in [0x9c40_0000 | u32::from(port), 0x001b_0648, 0xfbf4_fbf5, 0x1810_0000] {
            octets.extend(word.to_be_bytes());
        }
    }
    octets
}

const COLUMNS: [&str; 13] =
    ["-c", ",", "-L", "-1", "-u", "-s", "srcid", "stime", "saddr", "dport", "spkts", "sas", "flgs"];

#[test]
fn files_of_datagrams() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("flows");
    std::fs::write(&path, [datagram(&[80, 81]), datagram(&[82])].concat()).expect("written");
    let name = format!("cisco:{}", text(&path));
    let rows = printed(RA, &[&["-X", "-n", "-r", &name][..], &COLUMNS].concat());
    let row = |port: u16| format!(",1699999990.500000,10.1.1.1,{port},10,64500,Ne        \n");
    assert_eq!(rows, [80, 81, 82].map(row).concat());
    // Filters, ranges of octets, and files of records beside it.
    let plain = folder.path().join("records");
    std::fs::write(&plain, [initial(), flow(7)].concat()).expect("written");
    let ports =
        |arguments: &[&str]| printed(RA, &[&["-X", "-n", "-L", "-1", "-s", "dport"], arguments].concat());
    assert_eq!(ports(&["-r", &name, text(&plain), "-", "port 81 or port 7"]), "81\n7\n");
    assert_eq!(ports(&["-r", &format!("{name}::100:1000"), text(&plain)]), "82\n7\n");
    assert_eq!(ports(&["-N", "1", "-r", &name, text(&plain)]), "80\n");
    // What is written is a stream of records.
    let out = folder.path().join("out");
    printed(RA, &["-X", "-r", &name, "-w", text(&out)]);
    assert_eq!(ports(&["-r", text(&out)]), "80\n81\n82\n");
    // Compressed, and from standard input.
    let packed = folder.path().join("packed");
    let gzip = std::process::Command::new("gzip").arg("-c").arg(&path).output();
    match gzip {
        Ok(gzip) => {
            std::fs::write(&packed, gzip.stdout).expect("written");
            assert_eq!(ports(&["-r", &format!("jflow:{}", text(&packed))]), "80\n81\n82\n");
        }
        Err(_) => eprintln!("skipped: gzip is not installed"),
    }
}

#[test]
fn what_is_no_netflow_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x");
    let failed = |octets: &[u8], code: i32| {
        std::fs::write(&path, octets).expect("written");
        let output = run(RA, &["-X", "-r", &format!("cisco:{}", text(&path))]);
        assert_eq!(output.status.code(), Some(code));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(failed(b"hello, world", 1).contains("offset 0: no export datagram begins here"));
    assert!(failed(b"", 1).contains("no NetFlow in it"));
    let mut spoilt = datagram(&[80]);
    spoilt.extend(b"hello");
    assert!(failed(&spoilt, 1).contains("offset 72: no export datagram begins here"));
    let cut = &datagram(&[80, 81])[..100];
    assert!(failed(cut, 0).contains("1 damaged parts"));
    let missing = run(RA, &["-X", "-r", "cisco:/nonexistent/file"]);
    assert_eq!(missing.status.code(), Some(2));
    let refused = run(RA, &["-X", "-r", "sflow:/nonexistent/file"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("sFlow cannot be read"));
}

#[test]
fn captures_of_exporters() {
    let Some(cases) = shared("spec/netflow-cases") else { return };
    // nfdump's count of the flows is in the listings.
    for name in ["softflowd-v1-ntpv4", "softflowd-v5-dtls2", "softflowd-v9-dtls2", "softflowd-v10-dtls2"] {
        let listing = std::fs::read_to_string(cases.join(format!("{name}.nfdump.txt"))).expect("a listing");
        let wanted = listing.matches("Flow Record").count();
        assert!(wanted > 0, "{name}");
        let file = format!("cisco:{}", text(&cases.join(format!("{name}.pcap"))));
        let rows = printed(RA, &["-X", "-n", "-L", "-1", "-r", &file, "-s", "saddr", "srcid"]);
        assert_eq!(rows.lines().count(), wanted, "{name}");
        // Exporters have addresses.
        assert!(rows.lines().all(|row| row.split_whitespace().count() == 2), "{name}: {rows}");
    }
}

#[test]
fn a_port_for_exporters() {
    // The port is free a moment before it is used.
    let port = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
    let folder = tempfile::tempdir().expect("a folder");
    let conf = folder.path().join("rarc");
    std::fs::write(&conf, format!("RA_CISCONETFLOW_PORT={port}\n")).expect("written");
    for arguments in [
        vec!["-C".to_owned(), format!("127.0.0.1:{port}")],
        vec!["-S".to_owned(), format!("cisco://127.0.0.1:{port}")],
        vec!["-F".to_owned(), text(&conf).to_owned()],
    ] {
        let child = command(RA)
            .args(["-X", "-n"])
            .args(arguments)
            .args(["-N", "3"])
            .args(COLUMNS)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut child = Running(child);
        let sender = UdpSocket::bind("127.0.0.1:0").expect("a port");
        until("three flows", || {
            // Nobody may listen yet.
            let _ = sender.send_to(&datagram(&[80]), ("127.0.0.1", port));
            child.0.try_wait().expect("a child").is_some()
        });
        let mut rows = String::new();
        child.0.stdout.take().expect("a pipe").read_to_string(&mut rows).expect("text");
        let row = "127.0.0.1,1699999990.500000,10.1.1.1,80,10,64500,Ne        \n";
        assert_eq!(rows, row.repeat(3));
    }
}

#[test]
fn version_5_becomes_version_3() {
    let start = Stamp::from_sec_usec(1_600_000_000, 0);
    let id = SourceId::Uuid(*b"0123456789abcdef");
    let mut stream = Mar::initial(Version::V5, id, start, start).to_bytes();
    let mut record = Vec::new();
    let mut builder = Builder::new(&mut record, Kind::Flow, Version::V5, Cause::Start);
    let key = Ipv4Key {
        src: [10, 0, 0, 1].into(),
        dst: [10, 0, 0, 2].into(),
        proto: 17,
        tp_p: 0,
        detail: Ipv4Detail::ports(5000, 53),
    };
    Transport::new(id, 1).emit(builder.buffer());
    Flow::new(FlowKey::Ipv4(key)).emit(builder.buffer());
    Time::sensor(start, start).emit(builder.buffer());
    let src = Counters { packets: 1, bytes: 60, app_bytes: 0 };
    Metric { src, ..Metric::default() }.emit(builder.buffer());
    builder.finish().expect("short enough");
    stream.extend(&record);
    let folder = tempfile::tempdir().expect("a folder");
    let (five, three) = (folder.path().join("five"), folder.path().join("three"));
    std::fs::write(&five, &stream).expect("written");
    printed(RA, &["-X", "-3", "-r", text(&five), "-w", text(&three)]);
    let written = std::fs::read(&three).expect("there");
    let first = RecordView::new(&written).expect("a record");
    let second = RecordView::new(&written[first.bytes().len()..]).expect("a record");
    for view in [first, second] {
        assert_eq!(view.header().version(), Version::V3);
    }
    assert_eq!(view_rest(&written, &[first, second]), 0);
    let shown = |file: &Path| {
        printed(
            RA,
            &["-X", "-n", "-L", "-1", "-r", text(file), "-s", "stime", "saddr", "dport", "pkts", "bytes"],
        )
    };
    assert_eq!(shown(&three), shown(&five));
    // Without the option a record is written as it is.
    let copy = folder.path().join("copy");
    printed(RA, &["-X", "-r", text(&five), "-w", text(&copy)]);
    assert_eq!(std::fs::read(&copy).expect("there"), stream);
}

/// Octets behind some records.
fn view_rest(octets: &[u8], views: &[RecordView<'_>]) -> usize {
    octets.len() - views.iter().map(|view| view.bytes().len()).sum::<usize>()
}

/// Ends a process that is no child of ours.
struct Daemon(String);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = std::process::Command::new("kill").arg(&self.0).status();
    }
}

#[test]
fn connections_come_from_the_port_that_is_asked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    // Free a moment before it is used.
    let ours = TcpListener::bind("127.0.0.1:0").and_then(|ours| ours.local_addr()).expect("a port").port();
    let server = std::thread::spawn(move || {
        let (mut connection, from) = listener.accept().expect("a client");
        connection.write_all(&initial()).expect("written");
        // The client says START before there are records.
        let _ = connection.read(&mut [0; 256]);
        connection.write_all(&flow(5)).expect("written");
        while connection.read(&mut [0; 256]).is_ok_and(|read| read > 0) {}
        from.port()
    });
    let folder = tempfile::tempdir().expect("a folder");
    let conf = folder.path().join("rarc");
    std::fs::write(&conf, format!("RA_SOURCE_PORT={ours}\n")).expect("written");
    let rows = printed(
        RA,
        &[
            "-X",
            "-F",
            text(&conf),
            "-n",
            "-L",
            "-1",
            "-s",
            "dport",
            "-N",
            "1",
            "-S",
            &format!("127.0.0.1:{port}"),
        ],
    );
    assert_eq!(rows, "5\n");
    assert_eq!(server.join().expect("no panic"), ours);
}

#[test]
fn in_the_background_with_a_pid_file() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    // A source that stays.
    std::thread::spawn(move || {
        let Ok((mut connection, _)) = listener.accept() else { return };
        let _ = connection.write_all(&initial());
        let _ = connection.read(&mut [0; 256]);
        let _ = connection.write_all(&flow(9));
        while connection.read(&mut [0; 256]).is_ok_and(|read| read > 0) {}
    });
    let folder = tempfile::tempdir().expect("a folder");
    let (conf, out) = (folder.path().join("rarc"), folder.path().join("out"));
    let pids = folder.path().join("pids");
    std::fs::create_dir(&pids).expect("made");
    std::fs::write(&conf, format!("RA_SET_PID=yes\nRA_PID_PATH=\"{}\"\n", text(&pids))).expect("written");
    let source = format!("127.0.0.1:{port}");
    // The caller comes back when the daemon is at work.
    printed(RA, &["-X", "-F", text(&conf), "-d", "-S", &source, "-w", text(&out)]);
    let file = pids.join("ra.daemon.0.pid");
    let pid = std::fs::read_to_string(&file).expect("a pid file").trim().to_owned();
    let daemon = Daemon(pid.clone());
    assert!(Path::new("/proc").join(&pid).exists());
    until("a record", || std::fs::read(&out).is_ok_and(|octets| octets.len() > initial().len()));
    drop(daemon);
    until("the pid file is gone", || !file.exists());
    assert_eq!(std::fs::read(&out).expect("there"), [initial(), flow(9)].concat());
    // Where no pid file can be written, the caller is told.
    std::fs::write(&conf, "RA_SET_PID=yes\nRA_PID_PATH=/nonexistent\n").expect("written");
    let refused = run(RA, &["-X", "-F", text(&conf), "-d", "-S", &source, "-w", text(&out)]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("pid file"), "{refused:?}");
}
