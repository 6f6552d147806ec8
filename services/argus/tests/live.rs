//! A live sensor on a pair of virtual interfaces in a network namespace of its own (1.4, 1.7, 1.8, 1.9).
//!
//! Each test starts itself again under `unshare -rn`; without that (no user namespaces, not root) it is skipped, loudly.
#![allow(clippy::unwrap_used)]

mod common;

use std::process::Stdio;
use std::time::Duration;

use common::namespace::{inside, interfaces, ip, packets, send, start, start_with};
use common::{Folder, Seen, argus, flows, installed, mars, ra, read_so_far, records, wait_for};
use nix::sys::signal::Signal;
use record::{Cause, Mar, SourceId};

#[test]
fn a_sensor_reports_rotates_and_stops() {
    if !inside("a_sensor_reports_rotates_and_stops") {
        return;
    }
    interfaces();
    let folder = Folder::new();
    let (out, old) = (folder.path("out"), folder.path("old"));
    let mut sensor = start(&["-i", "va", "-e", "5", "-S", "0.5", "-M", "1", "-w", out.to_str().unwrap()]);
    send(5000, 10);
    wait_for("the first records", || (packets(&out, |_| true) >= 10).then_some(()));
    std::fs::rename(&out, &old).unwrap();
    // The next record makes the file anew, with an initial management record first.
    wait_for("the new file", || {
        send(5001, 1);
        out.exists().then_some(())
    });
    send(5002, 3);
    wait_for("a status record", || {
        let octets = std::fs::read(&out).unwrap_or_default();
        (octets.len() >= 256 && octets.len() % 4 == 0).then_some(())
    });
    std::thread::sleep(Duration::from_millis(600));
    sensor.signal(Signal::SIGTERM);
    assert!(sensor.end().success());
    let (first, second) = (common::read(&old), common::read(&out));
    assert!(mars(&first)[0].is_initial() && mars(&second)[0].is_initial());
    let all = [mars(&first), mars(&second)].concat();
    assert_eq!(all.last().unwrap().header.cause, Cause::Stop);
    assert_eq!(all.last().unwrap().source_id(), SourceId::Int(5));
    let status: Vec<&Mar> = all.iter().filter(|mar| mar.header.cause == Cause::Status).collect();
    assert!(
        !status.is_empty() && status.iter().all(|mar| mar.interface_status == 1 && mar.interface_type == 1)
    );
    // Every packet is in a record, and in the management records' counts.
    let counted: u64 = all.iter().map(|mar| mar.packets).sum();
    let reported = packets(&old, |_| true) + packets(&out, |_| true);
    assert_eq!(counted, reported);
    assert!(reported >= 14);
}

#[test]
fn an_interface_goes_and_comes_back() {
    if !inside("an_interface_goes_and_comes_back") {
        return;
    }
    interfaces();
    let folder = Folder::new();
    let out = folder.path("out");
    let log = std::fs::File::create(folder.path("log")).unwrap();
    let mut sensor =
        start_with(&["-i", "va", "-S", "0.5", "-M", "1", "-w", out.to_str().unwrap()], log.into());
    let told = |words: &str| {
        wait_for(words, || {
            std::fs::read_to_string(folder.path("log")).unwrap().contains(words).then_some(())
        });
    };
    send(5000, 4);
    wait_for("records", || (packets(&out, |_| true) >= 4).then_some(()));
    ip("link set va down");
    told("interface va is down");
    wait_for("a management record that says so", || {
        mars(&common::read(&out))
            .iter()
            .any(|mar| mar.header.cause == Cause::Status && mar.interface_status == 0)
            .then_some(())
    });
    ip("link set va up");
    told("interface va is up");
    let before = packets(&out, |_| true);
    wait_for("records after it was down", || {
        send(5001, 1);
        (packets(&out, |_| true) > before).then_some(())
    });
    ip("link del va");
    std::thread::sleep(Duration::from_millis(700));
    ip("link add va type veth peer name vb");
    ip("link set va up");
    ip("link set vb up");
    ip("addr add 10.9.0.1/24 dev va");
    let before = packets(&out, |_| true);
    wait_for("records of the new interface", || {
        send(5002, 1);
        (packets(&out, |_| true) > before).then_some(())
    });
    sensor.signal(Signal::SIGINT);
    assert!(sensor.end().success());
}

#[test]
fn clients_attach_to_a_live_sensor() {
    if !inside("clients_attach_to_a_live_sensor") {
        return;
    }
    interfaces();
    let port = "45661";
    let mut sensor =
        start(&["-i", "va", "-e", "192.0.2.77", "-S", "1", "-M", "3", "-P", port, "-B", "127.0.0.1"]);
    // The initial record: id, network of the interface, intervals.
    use std::io::Read as _;
    let mut greeting = [0; 128];
    std::net::TcpStream::connect(("127.0.0.1", 45661)).unwrap().read_exact(&mut greeting).unwrap();
    let greeting = Mar::parse(&greeting).unwrap();
    assert!(greeting.is_initial());
    assert_eq!(greeting.source_id(), SourceId::Ipv4("192.0.2.77".parse().unwrap()));
    assert_eq!((greeting.localnet, greeting.netmask), (0x0a09_0000, 0xffff_ff00));
    assert_eq!((greeting.report_interval, greeting.mar_interval), (1, 3));
    if installed("ra") {
        let address = format!("127.0.0.1:{port}");
        let client =
            ra(&["-S", &address, "-N", "1", "-s", "proto,dport,spkts", "-", "udp and dst port 5000"])
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
        // Until the client is served: one datagram after another, to two ports.
        let mut client = Some(client);
        let output = wait_for("a record at the client", || {
            send(5000, 1);
            send(6000, 1);
            let ended = client.as_mut().unwrap().try_wait().unwrap();
            ended.map(|_| client.take().unwrap().wait_with_output().unwrap())
        });
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.lines().nth(1).is_some_and(|row| row.starts_with("udp|5000|")), "{text}");
    }
    sensor.signal(Signal::SIGHUP);
    assert!(sensor.end().success());
}

#[test]
fn interfaces_of_one_group_share_a_flow_table() {
    if !inside("interfaces_of_one_group_share_a_flow_table") {
        return;
    }
    interfaces();
    let folder = Folder::new();
    for (spec, expected) in [("bond:va,vb/7", vec![20]), ("ind:va/\"a\",vb", vec![10, 10])] {
        let out = folder.path(&format!("out{}", expected.len()));
        let mut sensor = start(&["-i", spec, "-w", out.to_str().unwrap(), "-", "udp port 5000"]);
        send(5000, 10);
        std::thread::sleep(Duration::from_millis(500));
        sensor.signal(Signal::SIGTERM);
        assert!(sensor.end().success());
        let seen = common::read(&out);
        let counts: Vec<u64> = seen
            .iter()
            .filter_map(|record| match record {
                Seen::Flow(octets) => {
                    let metric = record::RecordView::new(octets).unwrap().metric().unwrap();
                    Some(metric.src.packets + metric.dst.packets)
                }
                Seen::Mar(_) => None,
            })
            .collect();
        assert_eq!(counts, expected, "{spec}");
    }
}

#[test]
fn what_cannot_be_opened_is_told() {
    if !inside("what_cannot_be_opened_is_told") {
        return;
    }
    interfaces();
    let output = common::run(&["-i", "nosuch0"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(common::told(&output).contains("argus: interface nosuch0: "), "{}", common::told(&output));
    let output = common::run(&["-i", "va", "-", "not a filter"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        common::told(&output).contains("argus: can't parse filter expression"),
        "{}",
        common::told(&output)
    );
    let output = common::run(&["-u", "no such user", "-i", "va"]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn daemons_have_pid_files_and_report_their_start() {
    if !inside("daemons_have_pid_files_and_report_their_start") {
        return;
    }
    interfaces();
    let folder = Folder::new();
    let conf = folder.write(
        "argus.conf",
        format!(
            "ARGUS_DAEMON=yes\nARGUS_SET_PID=yes\nARGUS_PID_PATH=\"{0}\"\nARGUS_INTERFACE=va\nARGUS_OUTPUT_FILE=\"{0}/out\"\n",
            folder.path("").display()
        )
        .as_bytes(),
    );
    assert!(argus().args(["-F", &conf]).status().unwrap().success());
    assert!(argus().args(["-F", &conf]).status().unwrap().success());
    let files = [folder.path("argus.va.0.pid"), folder.path("argus.va.1.pid")];
    send(5000, 5);
    std::thread::sleep(Duration::from_millis(400));
    for file in &files {
        let pid: i32 = std::fs::read_to_string(file).unwrap().trim().parse().unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGTERM).unwrap();
        wait_for("the pid file to go", || (!file.exists()).then_some(()));
    }
    wait_for("both daemons' last records", || {
        let octets = std::fs::read(folder.path("out")).unwrap();
        let seen = records(&octets);
        (mars(&seen).iter().filter(|mar| mar.header.cause == Cause::Stop).count() == 2 && flows(&seen) == 2)
            .then_some(())
    });
    // A start that fails is told where it was asked for.
    let failed = argus().args(["-d", "-i", "nosuch0"]).output().unwrap();
    assert_eq!(failed.status.code(), Some(1));
    assert!(common::told(&failed).contains("nosuch0"), "{}", common::told(&failed));
}

#[test]
fn signals_that_ask_for_nothing_end_nothing() {
    if !inside("signals_that_ask_for_nothing_end_nothing") {
        return;
    }
    interfaces();
    let folder = Folder::new();
    let out = folder.path("out");
    // Everything of each packet is taken.
    let mut sensor = start(&["-i", "vb", "-s", "0", "-S", "0.5", "-w", out.to_str().unwrap(), "-", "udp"]);
    for signal in [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGPIPE] {
        sensor.signal(signal);
        let before = packets(&out, |flow| flow.dst_port() == Some(5000));
        wait_for("records after the signal", || {
            send(5000, 1);
            (packets(&out, |flow| flow.dst_port() == Some(5000)) > before).then_some(())
        });
    }
    sensor.signal(Signal::SIGTERM);
    assert!(sensor.end().success());
}

#[test]
fn a_daemon_in_another_root_lets_its_caller_go() {
    if !inside("a_daemon_in_another_root_lets_its_caller_go") {
        return;
    }
    interfaces();
    let folder = Folder::new();
    let conf = folder.write(
        "argus.conf",
        format!("ARGUS_DAEMON=yes\nARGUS_SET_PID=yes\nARGUS_PID_PATH=\"{}\"\n", folder.text("")).as_bytes(),
    );
    // Whoever reads its standard error reads to the end.
    let output = argus()
        .args(["-F", &conf, "-c", &folder.text(""), "-i", "vb", "-w", "/out", "-", "udp"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", common::told(&output));
    send(5000, 5);
    let pid: i32 = std::fs::read_to_string(folder.path("argus.vb.0.pid")).unwrap().trim().parse().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGTERM).unwrap();
    wait_for("its last record", || {
        let seen = read_so_far(&folder.path("out"));
        mars(&seen).iter().any(|mar| mar.header.cause == Cause::Stop).then_some(())
    });
    assert_eq!(packets(&folder.path("out"), |_| true), 5);
}
