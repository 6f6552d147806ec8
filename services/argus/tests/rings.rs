//! What capture rings keep, on virtual interfaces in network namespaces: tags, nanoseconds, every packet or its drop, real
//! packets of super-packets, both directions of a flow together.
//!
//! Skipped, loudly, where there are no network namespaces.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::namespace::{inside, inside_as_root, interfaces, ip, packets, send, start, start_with};
use common::{Folder, Running, Seen, mars, wait_for};
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::Signal;
use record::RecordView;

/// The flow records of a file.
fn flows(seen: &[Seen]) -> Vec<RecordView<'_>> {
    let views = seen.iter().filter_map(|record| match record {
        Seen::Flow(octets) => Some(RecordView::new(octets).unwrap()),
        Seen::Mar(_) => None,
    });
    views.collect()
}

fn stop(mut sensor: Running) {
    sensor.signal(Signal::SIGTERM);
    assert!(sensor.end().success());
}

/// Packets that an interface received, as the system counts them.
fn received(interface: &str) -> u64 {
    let table = std::fs::read_to_string("/proc/self/net/dev").unwrap();
    let line = table.lines().find_map(|line| line.trim().strip_prefix(interface)?.strip_prefix(':')).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A namespace inside ours that has the interface `vb`, with 10.9.0.2; gone when dropped.
struct Peer(Child);

impl Peer {
    fn new() -> Peer {
        // A process that waits for its input to end keeps the namespace.
        let child = Command::new("unshare").args(["-n", "cat"]).stdin(Stdio::piped()).spawn().unwrap();
        let peer = Peer(child);
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        wait_for("a namespace", || {
            std::fs::read_link(peer.path()).ok().filter(|other| *other != own).map(|_| ())
        });
        ip(&format!("link set vb netns {}", peer.0.id()));
        peer.run(|| {
            ip("addr add 10.9.0.2/24 dev vb");
            ip("link set vb up");
        });
        peer
    }

    fn path(&self) -> String {
        format!("/proc/{}/ns/net", self.0.id())
    }

    /// Runs something inside, in a thread of its own.
    fn run<T: Send + 'static>(&self, action: impl FnOnce() -> T + Send + 'static) -> T {
        let namespace = std::fs::File::open(self.path()).unwrap();
        let inside = move || {
            setns(namespace.as_fd(), CloneFlags::CLONE_NEWNET).unwrap();
            action()
        };
        std::thread::spawn(inside).join().unwrap()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A frame with a VLAN tag and a datagram of a hundred octets.
fn tagged_datagram(vlan: u16, port: u16) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0, 0, 0, 0, 9, 0x81, 0]);
    frame.extend(vlan.to_be_bytes());
    frame.extend([8, 0, 0x45, 0, 0, 128, 0, 1, 0, 0, 64, 17, 0, 0, 10, 9, 5, 1, 10, 9, 5, 255]);
    frame.extend([0x12, 0x34]);
    frame.extend(port.to_be_bytes());
    frame.extend([0, 108, 0, 0]);
    frame.extend([7; 100]);
    frame
}

#[test]
fn vlan_tags_and_nanoseconds_are_kept() {
    if !inside("vlan_tags_and_nanoseconds_are_kept") {
        return;
    }
    interfaces();
    let folder = Folder::new();
    let out = |name: &str| folder.text(name);
    let all = start(&["-i", "vb", "--format", "5", "-w", &out("all")]);
    // The kernel keeps the tags beside the packets, where filters have to look for them.
    let fifth = start(&["-i", "vb", "-w", &out("fifth"), "-", "vlan 5 and udp"]);
    let sixth = start(&["-i", "vb", "-w", &out("sixth"), "-", "vlan 6"]);
    let socket = packetring::Socket::new().unwrap();
    let device = socket.find("va").unwrap();
    let mut wire = packetring::Transmitter::open(socket, device, 32).unwrap();
    for port in 5000..5020u16 {
        assert!(wire.put(&tagged_datagram(5, port)).unwrap());
        wire.send().unwrap();
    }
    send(6000, 3);
    for sensor in [all, fifth, sixth] {
        stop(sensor);
    }
    let seen = common::read(&folder.path("all"));
    let tagged: Vec<_> = flows(&seen).into_iter().filter(|flow| flow.dst_port() != Some(6000)).collect();
    assert_eq!(tagged.len(), 20);
    for flow in &tagged {
        assert_eq!(flow.vlan().unwrap().src.unwrap() & 0xfff, 5);
        // Ethernet, tag, IPv4 and UDP headers.
        assert_eq!(flow.metric().unwrap().src.bytes, 100 + 14 + 4 + 28);
    }
    // Twenty times whole microseconds do not come by chance.
    assert!(tagged.iter().any(|flow| flow.start().nanos() % 1000 != 0));
    assert!(
        flows(&seen).iter().filter(|flow| flow.dst_port() == Some(6000)).all(|flow| flow.vlan().is_none())
    );
    assert_eq!(packets(&folder.path("fifth"), |_| true), 20);
    assert_eq!(packets(&folder.path("sixth"), |_| true), 0);
}

#[test]
fn every_packet_is_counted_or_dropped_and_told() {
    if !inside("every_packet_is_counted_or_dropped_and_told") {
        return;
    }
    interfaces();
    let folder = Folder::new();
    for threads in [1, 3] {
        let name = format!("out{threads}");
        let conf = folder.write(
            "argus.conf",
            format!("ARGUS_PCAP_BUF_SIZE=100K\nARGUS_CAPTURE_THREADS={threads}\n").as_bytes(),
        );
        let out = folder.text(&name);
        let before = received("vb");
        let sensor = start(&["-i", "vb", "-F", &conf, "-w", &out, "-M", "1"]);
        // More than any of the rings holds, while nobody reads them.
        sensor.signal(Signal::SIGSTOP);
        for port in 5000..5040 {
            send(port, 1000);
        }
        let sent = received("vb") - before;
        sensor.signal(Signal::SIGCONT);
        wait_for("a management record with drops", || {
            let seen = common::records(&whole(&std::fs::read(&out).unwrap()));
            mars(&seen).iter().any(|mar| mar.dropped > 0).then_some(())
        });
        stop(sensor);
        let seen = common::read(&folder.path(&name));
        let taken: u64 = mars(&seen).iter().map(|mar| mar.packets).sum();
        let dropped: u64 = mars(&seen).iter().map(|mar| u64::from(mar.dropped)).sum();
        assert!(dropped > 0 && taken > 0, "{taken} taken, {dropped} dropped");
        assert_eq!(taken + dropped, sent, "{taken} taken, {dropped} dropped, {threads} threads");
        assert_eq!(packets(&folder.path(&name), |_| true), taken);
    }
}

/// The whole records at the head of a file that grows.
fn whole(octets: &[u8]) -> Vec<u8> {
    let mut end = 0;
    while let Some(&[_, _, a, b]) = octets.get(end..).and_then(|rest| rest.first_chunk()) {
        let next = end + usize::from(u16::from_be_bytes([a, b])) * 4;
        if next > octets.len() || next == end {
            break;
        }
        end = next;
    }
    octets[..end].to_vec()
}

#[test]
fn super_packets_are_counted_by_their_segments() {
    if !inside("super_packets_are_counted_by_their_segments") {
        return;
    }
    interfaces();
    let peer = Peer::new();
    let folder = Folder::new();
    let out = folder.text("out");
    let sensor = start(&["-i", "va", "-S", "60", "-Z", "-w", &out, "-", "tcp"]);
    const DATA: usize = 8 << 20;
    let listener = peer.run(|| TcpListener::bind("10.9.0.2:8000").unwrap());
    let sink = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::copy(&mut stream, &mut std::io::sink()).unwrap()
    });
    let mut stream = TcpStream::connect("10.9.0.2:8000").unwrap();
    stream.write_all(&vec![1; DATA]).unwrap();
    drop(stream);
    assert_eq!(sink.join().unwrap(), DATA as u64);
    stop(sensor);
    let seen = common::read(&folder.path("out"));
    let (mut count, mut octets, mut largest) = (0, 0, 0);
    for flow in flows(&seen) {
        let sent = flow.metric().unwrap().src;
        count += sent.packets;
        octets += sent.bytes;
        largest = largest.max(flow.psize().unwrap().src.unwrap().max);
    }
    // Ethernet, IPv4 and TCP headers with time stamps, of every segment; the first one has more options.
    let headers = 14 + 20 + 32;
    let data = octets - count * headers - 8;
    // On a busy machine some are sent twice.
    assert!((DATA as u64..2 * DATA as u64).contains(&data), "{count} packets, {octets} octets");
    assert!(count >= (DATA / 1448) as u64, "{count} packets");
    assert_eq!(largest, 1514);
}

#[test]
fn threads_keep_both_directions_of_a_flow_together() {
    if !inside("threads_keep_both_directions_of_a_flow_together") {
        return;
    }
    const FLOWS: usize = 200;
    const ROUNDS: usize = 5;
    interfaces();
    let peer = Peer::new();
    let folder = Folder::new();
    let conf = folder.write("argus.conf", b"ARGUS_CAPTURE_THREADS=4\n");
    let out = folder.text("out");
    let sensor = start(&["-i", "va", "-F", &conf, "-S", "60", "-w", &out, "-", "udp"]);
    // The fourth is the main loop.
    wait_for("three threads beside the main loop", || {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", sensor.0.id())).unwrap();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
        (names.filter(|name| name.starts_with("capture.")).count() == 3).then_some(())
    });
    let server = peer.run(|| UdpSocket::bind("10.9.0.2:7000").unwrap());
    let echo = std::thread::spawn(move || {
        let mut octets = [0; 100];
        for _ in 0..FLOWS * ROUNDS {
            let (count, from) = server.recv_from(&mut octets).unwrap();
            server.send_to(&octets[..count], from).unwrap();
        }
    });
    let clients: Vec<UdpSocket> = (0..FLOWS).map(|_| UdpSocket::bind("10.9.0.1:0").unwrap()).collect();
    for _ in 0..ROUNDS {
        for client in &clients {
            client.send_to(&[3; 80], "10.9.0.2:7000").unwrap();
            // One after another: nothing is lost on the way.
            client.recv_from(&mut [0; 100]).unwrap();
        }
    }
    echo.join().unwrap();
    stop(sensor);
    let seen = common::read(&folder.path("out"));
    let flows = flows(&seen);
    assert_eq!(flows.len(), FLOWS);
    for flow in &flows {
        let metric = flow.metric().unwrap();
        assert_eq!((metric.src.packets, metric.dst.packets), (ROUNDS as u64, ROUNDS as u64));
    }
    let counted: u64 = mars(&seen).iter().map(|mar| mar.packets).sum();
    assert_eq!(counted, (2 * FLOWS * ROUNDS) as u64);
}

#[test]
fn interfaces_come_back_to_an_unprivileged_sensor() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: interfaces_come_back_to_an_unprivileged_sensor needs root");
        return;
    }
    if !inside_as_root("interfaces_come_back_to_an_unprivileged_sensor") {
        return;
    }
    interfaces();
    let folder = Folder::new();
    // Its output belongs to nobody else.
    let place = folder.path("place");
    std::fs::create_dir(&place).unwrap();
    for path in [folder.path(""), place.clone()] {
        nix::unistd::chown(&path, Some(nix::unistd::Uid::from_raw(65534)), None).unwrap();
    }
    for threads in [1, 2] {
        let conf = folder.write("argus.conf", format!("ARGUS_CAPTURE_THREADS={threads}\n").as_bytes());
        let out = place.join(format!("out{threads}"));
        let log = std::fs::File::create(folder.path("log")).unwrap();
        let sensor = start_with(
            &["-F", &conf, "-i", "all", "-u", "nobody", "-S", "0.5", "-w", out.to_str().unwrap()],
            log.into(),
        );
        let status = std::fs::read_to_string(format!("/proc/{}/status", sensor.0.id())).unwrap();
        assert!(status.lines().any(|line| line == "CapEff:\t0000000000000000"), "{status}");
        for port in [5001, 5002] {
            ip("link del va");
            std::thread::sleep(Duration::from_millis(100 * u64::from(port % 2)));
            ip("link add va type veth peer name vb");
            ip("link set va up");
            ip("link set vb up");
            ip("addr add 10.9.0.1/24 dev va");
            wait_for("records of the new interface", || {
                send(port, 1);
                (packets(&out, |flow| flow.dst_port() == Some(port)) > 0).then_some(())
            });
        }
        // Some that were never there.
        for port in [5003, 5004] {
            let (near, far) = (format!("c{port}"), format!("d{port}"));
            ip(&format!("link add {near} type veth peer name {far}"));
            ip(&format!("link set {near} up"));
            ip(&format!("link set {far} up"));
            ip(&format!("addr add 10.8.0.1/24 dev {near}"));
            let socket = UdpSocket::bind("10.8.0.1:0").unwrap();
            socket.set_broadcast(true).unwrap();
            wait_for("records of an interface that came later", || {
                socket.send_to(&[1; 50], ("10.8.0.255", port)).unwrap();
                (packets(&out, |flow| flow.dst_port() == Some(port)) > 0).then_some(())
            });
            ip(&format!("link del {near}"));
        }
        stop(sensor);
        let mut told = String::new();
        std::fs::File::open(folder.path("log")).unwrap().read_to_string(&mut told).unwrap();
        assert!(!told.contains("not permitted"), "{told}");
    }
}
