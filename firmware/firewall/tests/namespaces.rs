//! The rules in a real kernel: a box and its neighbours in network namespaces.

#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::time::Duration;

use config::Config;
use nix::sched::{CloneFlags, setns, unshare};

const PATIENCE: Duration = Duration::from_millis(400);

/// A network namespace that goes away with the value.
struct Namespace(String);

impl Namespace {
    fn new(test: &str, name: &str) -> Self {
        let name = format!("pan-{}-{test}-{name}", std::process::id());
        run(&["ip", "netns", "add", &name]);
        Namespace(name)
    }

    /// Does something in the namespace, on a thread of its own.
    fn inside<T: Send>(&self, what: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let file = File::open(format!("/run/netns/{}", self.0)).unwrap();
                setns(file, CloneFlags::CLONE_NEWNET).unwrap();
                what()
            });
            thread.join().unwrap()
        })
    }

    fn ip(&self, words: &str) {
        let mut all = vec!["ip", "-n", &self.0];
        all.extend(words.split(' '));
        run(&all);
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

fn run(words: &[&str]) {
    let output = Command::new(words[0]).args(&words[1..]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Whether namespaces and nftables can be used here; says so when not.
fn possible() -> bool {
    let probe = || {
        unshare(CloneFlags::CLONE_NEWNET).map_err(|error| format!("no network namespaces: {error}"))?;
        firewall::load("table inet probe {}\n").map_err(|error| error.to_string())
    };
    match std::thread::spawn(probe).join().unwrap() {
        Ok(()) => true,
        Err(why) => {
            eprintln!("skipped: {why}");
            false
        }
    }
}

/// A box with a management NIC em0 and a tap em1, each with a neighbour at the other end.
fn lab(test: &str, config: &str) -> Option<[Namespace; 3]> {
    if !possible() {
        return None;
    }
    let [bx, manager, wire] = ["box", "manager", "wire"].map(|name| Namespace::new(test, name));
    for (nic, other, at) in [("em0", &manager, "192.0.2.1/24"), ("em1", &wire, "198.51.100.1/24")] {
        bx.ip(&format!("link add {nic} type veth peer name eth0 netns {}", other.0));
        // The tap has an address here, so that only the rules keep it silent.
        bx.ip(&format!("addr add {at} dev {nic}"));
    }
    let config = Config::parse(&format!("schema = 1\n{config}")).unwrap();
    bx.inside(|| {
        firewall::load(&firewall::render(&config, Some("em0"))).unwrap();
        firewall::load(&firewall::tap("em1")).unwrap();
        // What is in force can be replaced by the same.
        firewall::load(&firewall::render(&config, Some("em0"))).unwrap();
        firewall::load(&firewall::tap("em1")).unwrap();
    });
    for nic in ["lo", "em0", "em1"] {
        bx.ip(&format!("link set {nic} up"));
    }
    for (other, addresses) in
        [(&manager, &["192.0.2.20/24", "192.0.2.30/24"][..]), (&wire, &["198.51.100.20/24"][..])]
    {
        addresses.iter().for_each(|address| other.ip(&format!("addr add {address} dev eth0")));
        other.ip("link set lo up");
        other.ip("link set eth0 up");
    }
    Some([bx, manager, wire])
}

/// What a connection attempt meets.
#[derive(Debug, PartialEq)]
enum Answer {
    Connected,
    Silence,
    /// A reset, an ICMP message: the box has shown itself.
    Error(String),
}

fn attempt(from: &str, to: &str) -> Answer {
    match socket::connect_from(from.parse().unwrap(), to.parse().unwrap()) {
        Ok(_) => Answer::Connected,
        // connect(2) ends with EINPROGRESS when the send timeout has passed.
        Err(error) if error.raw_os_error() == Some(nix::errno::Errno::EINPROGRESS as i32) => Answer::Silence,
        Err(error) => Answer::Error(error.to_string()),
    }
}

mod socket {
    use super::*;
    use nix::sys::socket::*;
    use std::os::fd::AsRawFd;

    /// A TCP connection from a chosen address, waiting no longer than [`PATIENCE`].
    pub fn connect_from(from: IpAddr, to: SocketAddr) -> std::io::Result<TcpStream> {
        let IpAddr::V4(from) = from else { unreachable!() };
        let SocketAddr::V4(to) = to else { unreachable!() };
        let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::empty(), None)?;
        bind(socket.as_raw_fd(), &SockaddrIn::from(std::net::SocketAddrV4::new(from, 0)))?;
        let wait = nix::sys::time::TimeVal::new(0, PATIENCE.as_micros() as i64);
        setsockopt(&socket, sockopt::SendTimeout, &wait)?;
        connect(socket.as_raw_fd(), &SockaddrIn::from(to))?;
        Ok(TcpStream::from(socket))
    }
}

/// Packets that have arrived at the far end of a NIC.
fn arrived(namespace: &Namespace) -> u64 {
    let output = Command::new("ip").args(["-n", &namespace.0, "-s", "-j", "link", "show", "eth0"]).output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    let rx = text.split("\"rx\":{").nth(1).unwrap();
    let packets = rx.split("\"packets\":").nth(1).unwrap();
    packets.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

#[test]
fn only_the_named_are_answered() {
    let config = "[radium]\ncollectors = [\"192.0.2.20\"]\n[firewall]\nmanagement = [\"192.0.2.0/24\"]\n";
    let Some([bx, manager, wire]) = lab("in", config) else { return };
    let listeners: Vec<TcpListener> =
        bx.inside(|| [443, 561, 22].map(|port| TcpListener::bind(("0.0.0.0", port)).unwrap()).into());
    manager.inside(|| {
        for (from, to, answer) in [
            ("192.0.2.20", "192.0.2.1:443", Answer::Connected),
            ("192.0.2.30", "192.0.2.1:443", Answer::Connected),
            ("192.0.2.20", "192.0.2.1:561", Answer::Connected),
            ("192.0.2.30", "192.0.2.1:561", Answer::Silence),
            ("192.0.2.20", "192.0.2.1:22", Answer::Silence),
            ("192.0.2.20", "192.0.2.1:1", Answer::Silence),
            ("192.0.2.20", "192.0.2.1:65535", Answer::Silence),
        ] {
            assert_eq!(attempt(from, to), answer, "{from} to {to}");
        }
    });
    wire.inside(|| assert_eq!(attempt("198.51.100.20", "198.51.100.1:443"), Answer::Silence));
    bx.inside(|| {
        let stream = TcpStream::connect_timeout(&"127.0.0.1:561".parse().unwrap(), PATIENCE);
        assert!(stream.is_ok(), "loopback is open");
    });
    drop(listeners);
}

#[test]
fn a_tap_sends_nothing_whatever_the_box_tries() {
    let Some([bx, _manager, wire]) = lab("out", "") else { return };
    bx.inside(|| {
        let socket = UdpSocket::bind("198.51.100.1:0").unwrap();
        for to in ["198.51.100.20:9", "198.51.100.99:9", "198.51.100.255:9", "224.0.0.1:9"] {
            let _ = socket.send_to(b"x", to);
        }
    });
    run(&["ip", "netns", "exec", &bx.0, "ip", "link", "set", "em1", "down"]);
    run(&["ip", "netns", "exec", &bx.0, "ip", "link", "set", "em1", "up"]);
    std::thread::sleep(PATIENCE);
    assert_eq!(arrived(&wire), 0);
}

#[test]
fn the_box_itself_reaches_only_what_is_named() {
    let config = "[log]\nremote = \"192.0.2.30:514\"\n";
    let Some([bx, manager, _wire]) = lab("egress", config) else { return };
    let [syslog, other] = manager.inside(|| {
        ["192.0.2.30:514", "192.0.2.30:515"].map(|at| {
            let socket = UdpSocket::bind(at).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket
        })
    });
    bx.inside(|| {
        let socket = UdpSocket::bind("192.0.2.1:0").unwrap();
        socket.send_to(b"syslog", "192.0.2.30:514").unwrap();
        let _ = socket.send_to(b"other", "192.0.2.30:515");
    });
    let mut buffer = [0; 16];
    assert_eq!(syslog.recv(&mut buffer).unwrap(), 6);
    assert!(other.recv(&mut buffer).is_err());
}

#[test]
fn bad_rules_change_nothing_and_say_where() {
    if !possible() {
        return;
    }
    let namespace = Namespace::new("bad", "box");
    namespace.inside(|| {
        firewall::load(&firewall::render(&Config::default(), None)).unwrap();
        let error = firewall::load("delete table inet panoptes\ntable inet x { chain y { nonsense } }\n");
        assert!(error.unwrap_err().to_string().contains("nonsense"));
        run(&["nft", "list", "table", "inet", "panoptes"]);
    });
}

#[test]
fn the_rules_of_last_resort_load() {
    if !possible() {
        return;
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../os-overlay/etc/panoptes/closed.nft");
    let rules = std::fs::read_to_string(path).unwrap();
    let namespace = Namespace::new("closed", "box");
    namespace.inside(|| {
        firewall::load(&firewall::render(&Config::default(), Some("em0"))).unwrap();
        firewall::load(&rules).unwrap();
        firewall::load(&firewall::render(&Config::default(), Some("em0"))).unwrap();
    });
}
