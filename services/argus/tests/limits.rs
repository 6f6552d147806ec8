//! The ceilings of the flow table: what they force out is reported, counted and told.
#![allow(clippy::unwrap_used)]

mod common;

use std::process::Stdio;
use std::time::Duration;

use common::namespace::{inside, interfaces, send, start_with};
use common::{Folder, mars, ra, records, run, told};
use nix::sys::signal::Signal;
use record::Cause;

/// A capture of `count` datagrams, each of another flow.
fn flood(count: u32) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65_535, 1] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    for number in 0..count {
        for word in [1_600_000_000, number, 46, 46] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        file.extend_from_slice(&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]);
        file.extend_from_slice(&[0x45, 0, 0, 32, 0, 1, 0, 0, 64, 17, 0, 0]);
        file.extend_from_slice(&(0x0a00_0000 | number).to_be_bytes());
        file.extend_from_slice(&[192, 0, 2, 1, 0x10, 0, 0x20, 0, 0, 12, 0, 0, b'd', b'a', b't', b'a']);
    }
    file
}

#[test]
fn what_a_ceiling_forces_out_is_counted() {
    let folder = Folder::new();
    let path = folder.write("flood.pcap", &flood(3000));
    let conf = folder.write("argus.conf", b"ARGUS_MAX_FLOWS=1K\n");
    for (arguments, room) in [
        (&["--max-flows", "1000"][..], 1000),
        (&["-F", &conf], 1000),
        // Less than the least there is.
        (&["--max-octets", "1"], 16),
    ] {
        let mut words = vec!["-r", &path, "-w", "-"];
        words.extend(arguments);
        let output = run(&words);
        assert!(output.status.success(), "{arguments:?}");
        let text = told(&output);
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains(&format!("{} flows reported and forgotten early", 3000 - room)), "{text}");
        let seen = records(&output.stdout);
        let last = mars(&seen).pop().unwrap();
        assert_eq!(last.header.cause, Cause::Stop);
        assert_eq!((last.packets, last.records, last.flows, last.bufs), (3000, 3001, 3000, 3000 - room));
    }
    assert_eq!(told(&run(&["-r", &path, "-w", "-"])), "");
}

#[test]
fn the_reference_client_shows_what_was_forced_out() {
    if !common::installed("ra") {
        eprintln!("skipped: ra (Debian's argus-client) is needed");
        return;
    }
    let folder = Folder::new();
    let path = folder.write("flood.pcap", &flood(3000));
    let out = folder.text("out.argus");
    assert!(run(&["-r", &path, "-w", &out, "--max-flows", "1000"]).status.success());
    let shown = ra(&["-r", &out, "-M", "man", "-s", "daddr", "-", "man"]).output().unwrap();
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(text.lines().any(|line| line.trim() == "2000"), "{text}");
}

#[test]
fn interfaces_and_threads_keep_to_one_ceiling() {
    if !inside("interfaces_and_threads_keep_to_one_ceiling") {
        return;
    }
    interfaces();
    let folder = Folder::new();
    let out = folder.path("out");
    let conf = folder.write("argus.conf", b"ARGUS_CAPTURE_THREADS=2\nARGUS_MAX_FLOWS=1000\n");
    let out_text = out.to_str().unwrap();
    let mut sensor =
        start_with(&["-F", &conf, "-S", "120", "-i", "ind:va,vb", "-w", out_text], Stdio::null());
    // Each is a flow on either interface.
    for port in 10_000..13_000 {
        send(port, 1);
    }
    std::thread::sleep(Duration::from_millis(500));
    sensor.signal(Signal::SIGTERM);
    assert!(sensor.end().success());
    let seen = common::read(&out);
    let (mut flows, mut evicted, mut packets) = (0, 0, 0);
    for mar in mars(&seen) {
        flows += u64::from(mar.flows);
        evicted += u64::from(mar.bufs);
        packets += mar.packets;
    }
    assert_eq!((flows, packets), (6000, 6000));
    // Each of the four engines may have 16 flows whatever the others have.
    assert!(flows - evicted <= 1000 + 4 * 16, "{evicted} of {flows} were forced out");
    assert!(evicted <= 6000 - 500, "{evicted} of {flows} were forced out");
    assert_eq!(common::flows(&seen), 6000);
}

#[test]
fn no_record_is_lost_when_many_come_at_the_end() {
    if !inside("no_record_is_lost_when_many_come_at_the_end") {
        return;
    }
    interfaces();
    let folder = Folder::new();
    let out = folder.path("out");
    nix::unistd::mkfifo(&out, nix::sys::stat::Mode::S_IRWXU).unwrap();
    // Takes nothing until it is told to: far more comes meanwhile than waits in the sensor's queue.
    let (go, told_to_go) = std::sync::mpsc::channel();
    let path = out.clone();
    let reader = std::thread::spawn(move || {
        let mut file = std::fs::File::open(path).unwrap();
        told_to_go.recv().unwrap();
        let mut octets = Vec::new();
        std::io::Read::read_to_end(&mut file, &mut octets).unwrap();
        octets
    });
    let out = out.to_str().unwrap();
    let conf = folder.write("argus.conf", b"ARGUS_CAPTURE_THREADS=2\n");
    let arguments = ["-F", &conf, "-mAJZR", "-S", "120", "-i", "ind:va,vb", "-w", out, "-", "udp"];
    let mut sensor = start_with(&arguments, Stdio::null());
    for _ in 0..3 {
        let socket = std::net::UdpSocket::bind("10.9.0.1:0").unwrap();
        socket.set_broadcast(true).unwrap();
        for port in 10_000..50_000 {
            socket.send_to(&[7; 20], ("10.9.0.255", port)).unwrap();
            if port % 1000 == 0 {
                // No faster than the sensor.
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
    std::thread::sleep(Duration::from_millis(500));
    sensor.signal(Signal::SIGTERM);
    std::thread::sleep(Duration::from_millis(1500));
    go.send(()).unwrap();
    assert!(sensor.end().success());
    let octets = reader.join().unwrap();
    let seen = records(&octets);
    let all = mars(&seen);
    let sensed: u64 = all.iter().map(|mar| mar.packets).sum();
    assert!(octets.len() > 24 << 20, "{} octets are no test", octets.len());
    assert_eq!(common::flows(&seen) as u64, sensed);
}
