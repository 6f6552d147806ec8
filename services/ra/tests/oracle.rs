//! Beside the C programs: their files and streams read here, our files read there.

mod common;

use common::{RA, Running, command, difference, installed, printed, run, shared};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Captures with many kinds of flows in them.
const CAPTURES: [&str; 8] = [
    "tcpdump/IGMP_V2.pcap",
    "tcpdump/LLDP_and_CDP.pcap",
    "tcpdump/ISIS_level1_adjacency.pcap",
    "tcpdump/icmpv6.pcap",
    "tcpdump/mpls-traceroute.pcap",
    "ndpi/ethereum.pcap",
    "ndpi/android.pcap",
    "ndpi/icmp-tunnel.pcap",
];

/// Columns beside the usual ones.
const MORE: &str = "+srcid +seq +sttl +dttl +stos +sipid +sappbytes +sload +drate +sloss +smac +dmac +sintpkt +djit \
                    +swin +tcprtt +tcpopt +senc +smaxsz +suser:32 +duser:32 +offset +cause +dur +ltime +inode +icmpid";

/// The sensor's records of a capture.
fn sense(capture: &Path, folder: &Path) -> Option<PathBuf> {
    let records = folder.join("records");
    let _ = std::fs::remove_file(&records);
    let (input, output) = (capture.to_str()?, records.to_str()?);
    let status = command("argus")
        .args(["-X", "-F", "/dev/null", "-mAJZR", "-U", "64", "-e", "10.1.2.3", "-r", input, "-w", output])
        .stderr(Stdio::null())
        .status()
        .ok()?;
    (status.success() && records.exists()).then_some(records)
}

#[test]
fn both_readers_print_the_same_and_copies_are_identical() {
    let (Some(corpus), true, true) = (shared("corpus"), installed("argus"), installed("ra")) else { return };
    let scratch = tempfile::tempdir().expect("a folder");
    let mut compared = 0;
    for name in CAPTURES {
        let capture = corpus.join(name);
        if !capture.exists() {
            eprintln!("skipped: {name} is not in the corpus");
            continue;
        }
        let Some(records) = sense(&capture, scratch.path()) else { continue };
        let file = records.to_str().expect("UTF-8");
        for arguments in [
            &["-X", "-n", "-r", file][..],
            &["-X", "-r", file],
            &["-X", "-nn", "-u", "-r", file, "-c", ",", "-s", MORE],
            &["-X", "-n", "-M", "uni", "-r", file, "-s", MORE],
            &["-X", "-M", "rmon", "man", "-r", file, "-s", MORE],
            &["-X", "-r", file, "-c", "", "-s", "spktsz +sintdist +ico +nstroke +dnet +dport +stcpb"],
            &["-r", file, "-e", "[a-z]{4}", "-A", "-N", "o2-4"],
            &["-r", file, "-L", "2", "-", "jit gte 0.0 or vpri 0 or pcr lt 0.0"],
        ] {
            let (theirs, ours) =
                (run("ra", arguments), run(RA, &[&["--compat", "3.0.8"], arguments].concat()));
            assert!(
                theirs.stdout == ours.stdout,
                "{name} {arguments:?}\n{}",
                difference(&theirs.stdout, &ours.stdout)
            );
        }
        let copy = scratch.path().join("copy");
        let copy = copy.to_str().expect("UTF-8");
        let _ = std::fs::remove_file(copy);
        printed(RA, &["-X", "-r", file, "-w", copy]);
        assert!(std::fs::read(copy).expect("written") == std::fs::read(file).expect("read"), "{name}");
        // A selection of ours, read by theirs, is the selection that they make.
        let _ = std::fs::remove_file(copy);
        run(RA, &["-X", "-r", file, "-w", copy, "-", "udp", "or", "tcp"]);
        let theirs = run("ra", &["-X", "-n", "-r", file, "-", "udp", "or", "tcp"]);
        let ours = run("ra", &["-X", "-n", "-r", copy]);
        assert!(theirs.stdout == ours.stdout, "{name}\n{}", difference(&theirs.stdout, &ours.stdout));
        compared += 1;
    }
    assert!(compared > 0, "no capture was compared");
}

#[test]
fn ours_attaches_to_their_sensor() {
    if !installed("argus") {
        return;
    }
    let free =
        TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
    let child = command("argus")
        .args(["-X", "-F", "/dev/null", "-i", "lo", "-B", "127.0.0.1", "-P", &free.to_string(), "-S", "1"])
        .stderr(Stdio::null())
        .spawn()
        .expect("argus runs");
    let _running = Running(child);
    let until = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(("127.0.0.1", free)).is_err() {
        if Instant::now() > until {
            eprintln!("skipped: the sensor cannot capture on lo here");
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let port = socket.local_addr().expect("an address").port();
    let sink = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let talk = std::thread::spawn({
        let to = sink.local_addr().expect("an address");
        move || {
            for _ in 0..80 {
                let _ = socket.send_to(b"hello", to);
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    });
    let source = format!("127.0.0.1:{free}");
    let wanted = port.to_string();
    let text = printed(
        RA,
        &["-X", "-n", "-S", &source, "-T", "7", "-s", "proto sport spkts", "-", "udp", "port", &wanted],
    );
    assert!(text.lines().skip(1).any(|line| line.contains("udp") && line.contains(&wanted)), "{text}");
    talk.join().expect("talked");
}
