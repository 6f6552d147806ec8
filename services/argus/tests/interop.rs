//! Debian's `ra` on our files and on our port.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Folder, Running, argus, free_port, installed, ra, run, wait_for};

const FIELDS: &str = "proto,saddr,sport,dir,daddr,dport,spkts,dpkts,sbytes,dbytes,state";

const ROWS: [&str; 2] = [
    "udp|192.0.2.1|40000|  <->|198.51.100.2|5353|1|1|47|49|CON",
    "tcp|192.0.2.1|40001|   ->|198.51.100.2|80|4|2|216|108|FIN",
];

#[test]
fn ra_reads_our_file() {
    if !installed("ra") {
        return;
    }
    let folder = Folder::new();
    assert!(run(&["-mAJZR", "-r", &folder.text("t.pcap"), "-w", &folder.text("out")]).status.success());
    let output = ra(&["-r", &folder.text("out"), "-s", FIELDS]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().skip(1).collect::<Vec<_>>(), ROWS, "{text}");
}

#[test]
fn ra_attaches_to_our_port() {
    if !installed("ra") {
        return;
    }
    let folder = Folder::new();
    let port = free_port();
    // Replayed slowly enough that the client is there when the first record is made.
    let path = folder.text("t.pcap");
    let mut sensor =
        Running::start(argus().args(["-r", &path, "-T", "0.5", "-P", &port.to_string(), "-B", "127.0.0.1"]));
    wait_for("the port", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
    // Two flows and no more: ra 3.0.8.2 attaches again and again when its source ends.
    let output =
        ra(&["-S", &format!("127.0.0.1:{port}"), "-N", "2", "-s", FIELDS, "-", "ip"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(text.lines().skip(1).collect::<Vec<_>>(), ROWS, "{text}");
    assert!(sensor.end().success());
}

#[test]
fn the_port_of_a_replay_is_bound_where_it_was_asked_for() {
    let folder = Folder::new();
    let port = free_port();
    let path = folder.text("t.pcap");
    // 3.0.8.2 forgets -B here and listens everywhere.
    let _sensor =
        Running::start(argus().args(["-f", "-r", &path, "-P", &port.to_string(), "-B", "127.0.0.1"]));
    wait_for("the port", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let listening =
        table.lines().find(|line| line.contains(&format!(":{port:04X} 00000000:0000 0A"))).unwrap();
    assert!(listening.contains(&format!("0100007F:{port:04X}")), "{listening}");
}

#[test]
fn a_taken_port_is_a_failure() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = Folder::new();
    let output = run(&["-r", &folder.text("t.pcap"), "-T", "1", "-P", &port, "-B", "127.0.0.1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(common::told(&output).contains("in use"), "{}", common::told(&output));
}
