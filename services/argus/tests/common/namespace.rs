//! Network namespaces for tests: virtual interfaces, packets on them, a sensor that listens.

use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Running, Seen, argus, installed, records};

/// True inside a network namespace. Outside, runs the test of this name inside and returns false.
pub fn inside(test: &str) -> bool {
    inside_by(test, &["120", "unshare", "-rn"])
}

/// The same, with all users of the system inside.
pub fn inside_as_root(test: &str) -> bool {
    inside_by(test, &["120", "unshare", "-n"])
}

fn inside_by(test: &str, how: &[&str]) -> bool {
    if std::env::var_os("ARGUS_TEST_NAMESPACE").is_some() {
        return true;
    }
    let unshare = || {
        let mut command = Command::new("timeout");
        command.args(how);
        command
    };
    let possible = installed("unshare")
        && installed("ip")
        && unshare()
            .args(["ip", "link", "add", "va", "type", "veth", "peer", "name", "vb"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
    if !possible {
        eprintln!("skipped: {test} needs network namespaces and virtual interfaces (root)");
        return false;
    }
    let own = std::env::current_exe().unwrap();
    let status = unshare()
        .arg(own)
        .args([test, "--exact", "--nocapture", "--test-threads", "1"])
        .env("ARGUS_TEST_NAMESPACE", "1")
        .status()
        .unwrap();
    assert!(status.success(), "{test} failed in its namespace");
    false
}

pub fn ip(line: &str) {
    assert!(Command::new("ip").args(line.split_whitespace()).status().unwrap().success(), "ip {line}");
}

/// Two connected interfaces, quiet but for what the test sends.
pub fn interfaces() {
    ip("link set lo up");
    for name in ["va", "vb"] {
        let _ = std::fs::write(format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6"), "1");
    }
    let _ = std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
    ip("link add va type veth peer name vb");
    ip("link set va up");
    ip("link set vb up");
    ip("addr add 10.9.0.1/24 dev va");
}

/// Sends datagrams onto the wire.
pub fn send(port: u16, count: usize) {
    let socket = UdpSocket::bind("10.9.0.1:0").unwrap();
    socket.set_broadcast(true).unwrap();
    for _ in 0..count {
        socket.send_to(&[7; 100], ("10.9.0.255", port)).unwrap();
    }
}

/// A sensor whose readiness is waited for through `--ready-fd`.
pub fn start(arguments: &[&str]) -> Running {
    start_with(arguments, Stdio::inherit())
}

pub fn start_with(arguments: &[&str], messages: Stdio) -> Running {
    use std::io::Read as _;
    let (mut ready, tell) = std::io::pipe().unwrap();
    // The pipe's end becomes the child's standard input, whose number we know.
    let mut command = argus();
    command.args(["--ready-fd", "0"]).args(arguments).stderr(messages);
    command.stdin(Stdio::from(std::os::fd::OwnedFd::from(tell)));
    let running = Running::start(&mut command);
    // The parent's copy of the pipe's end goes with the command.
    drop(command);
    let mut octet = [0];
    ready.read_exact(&mut octet).expect("the sensor says it is ready");
    assert_eq!(&octet, b"\n");
    running
}

/// Packets in the flow records of a file, as Debian's ra or our own model counts them.
pub fn packets(path: &Path, filter: impl Fn(&record::RecordView<'_>) -> bool) -> u64 {
    let octets = std::fs::read(path).unwrap_or_default();
    let mut whole = 0;
    while let Some(&[_, _, a, b]) = octets.get(whole..).and_then(|rest| rest.first_chunk()) {
        let next = whole + usize::from(u16::from_be_bytes([a, b])) * 4;
        if next > octets.len() || next == whole {
            break;
        }
        whole = next;
    }
    records(&octets[..whole])
        .iter()
        .map(|record| match record {
            Seen::Mar(_) => 0,
            Seen::Flow(octets) => {
                let view = record::RecordView::new(octets).unwrap();
                if filter(&view) {
                    view.metric().map_or(0, |metric| metric.src.packets + metric.dst.packets)
                } else {
                    0
                }
            }
        })
        .sum()
}
