//! Packets that several interfaces, or several threads, share: in the order of their times, all packets of a flow together,
//! none lost when an interface goes. On virtual interfaces in network namespaces; skipped, loudly, where there are none.
#![allow(clippy::unwrap_used)]

mod common;

use common::namespace::{inside, interfaces, ip, packets, send, start};
use common::{Folder, Running, Seen, mars, wait_for};
use nix::sys::signal::Signal;
use record::RecordView;

const NEAR: [u8; 6] = [2, 0, 0, 0, 0, 1];
const FAR: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// What puts frames on an interface.
struct Wire(packetring::Transmitter);

impl Wire {
    fn new(interface: &str) -> Wire {
        let socket = packetring::Socket::new().unwrap();
        let device = socket.find(interface).unwrap();
        Wire(packetring::Transmitter::open(socket, device, 32).unwrap())
    }

    fn put(&mut self, frame: &[u8]) {
        assert!(self.0.put(frame).unwrap());
        self.0.send().unwrap();
    }
}

fn ethernet(back: bool, kind: u16, payload: &[u8]) -> Vec<u8> {
    let (to, from) = if back { (NEAR, FAR) } else { (FAR, NEAR) };
    [&to[..], &from, &kind.to_be_bytes(), payload].concat()
}

/// An IPv4 packet; `fragment` is the field of flags and offset.
fn ipv4(from: [u8; 4], to: [u8; 4], protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend((20 + payload.len() as u16).to_be_bytes());
    packet.extend([0, 9]);
    packet.extend(fragment.to_be_bytes());
    packet.extend([64, protocol, 0, 0]);
    packet.extend(from);
    packet.extend(to);
    packet.extend(payload);
    packet
}

fn udp(from: u16, to: u16, length: usize) -> Vec<u8> {
    let mut datagram =
        [from.to_be_bytes(), to.to_be_bytes(), (8 + length as u16).to_be_bytes(), [0; 2]].concat();
    datagram.resize(8 + length, 7);
    datagram
}

fn tcp(from: u16, to: u16, sequence: u32, acknowledged: u32, flags: u8) -> Vec<u8> {
    let mut segment = [from.to_be_bytes(), to.to_be_bytes()].concat();
    segment.extend(sequence.to_be_bytes());
    segment.extend(acknowledged.to_be_bytes());
    segment.extend([0x50, flags, 0x20, 0, 0, 0, 0, 0]);
    segment
}

fn stop(mut sensor: Running) {
    sensor.signal(Signal::SIGTERM);
    assert!(sensor.end().success());
}

/// Packets in each direction of the flow records that a filter takes.
fn counts(seen: &[Seen], wanted: impl Fn(&RecordView<'_>) -> bool) -> Vec<(u64, u64)> {
    let mut counts = Vec::new();
    for record in seen {
        let Seen::Flow(octets) = record else { continue };
        let view = RecordView::new(octets).unwrap();
        if wanted(&view) {
            let metric = view.metric().unwrap();
            counts.push((metric.src.packets, metric.dst.packets));
        }
    }
    counts
}

#[test]
fn answers_come_after_questions_on_another_interface() {
    if !inside("answers_come_after_questions_on_another_interface") {
        return;
    }
    const SESSIONS: u16 = 200;
    interfaces();
    // A tap: each of its interfaces sees one direction.
    for name in ["a", "b"] {
        ip(&format!("link add tap{name} type veth peer name wire{name}"));
        ip(&format!("link set tap{name} up"));
        ip(&format!("link set wire{name} up"));
    }
    let folder = Folder::new();
    for threads in [1, 2] {
        let conf = folder.write("argus.conf", format!("ARGUS_CAPTURE_THREADS={threads}\n").as_bytes());
        let out = folder.path(&format!("out{threads}"));
        let sensor =
            start(&["-F", &conf, "-i", "dup:tapa,tapb", "-S", "60", "-w", out.to_str().unwrap(), "-", "tcp"]);
        let (mut there, mut back) = (Wire::new("wirea"), Wire::new("wireb"));
        let (client, server) = ([10, 1, 0, 1], [10, 2, 0, 1]);
        for port in 2000..2000 + SESSIONS {
            let mut ask = |sequence, acknowledged, flags| {
                let segment = tcp(port, 80, sequence, acknowledged, flags);
                there.put(&ethernet(false, 0x0800, &ipv4(client, server, 6, 0, &segment)));
            };
            let mut answer = |sequence, acknowledged, flags| {
                let segment = tcp(80, port, sequence, acknowledged, flags);
                back.put(&ethernet(true, 0x0800, &ipv4(server, client, 6, 0, &segment)));
            };
            let (syn, fin, ack) = (2, 1, 16);
            ask(100, 0, syn);
            answer(500, 101, syn | ack);
            ask(101, 501, ack);
            ask(101, 501, fin | ack);
            answer(501, 102, fin | ack);
            ask(102, 502, ack);
        }
        stop(sensor);
        let seen = common::read(&out);
        assert_eq!(counts(&seen, |_| true), vec![(4, 2); usize::from(SESSIONS)], "{threads} threads");
        for record in &seen {
            let Seen::Flow(octets) = record else { continue };
            let view = RecordView::new(octets).unwrap();
            assert_eq!(view.dst_port(), Some(80));
        }
        assert_eq!(mars(&seen).iter().map(|mar| mar.packets).sum::<u64>(), 6 * u64::from(SESSIONS));
    }
}

#[test]
fn threads_keep_fragments_tunnels_and_errors_with_their_flow() {
    if !inside("threads_keep_fragments_tunnels_and_errors_with_their_flow") {
        return;
    }
    const HOSTS: u8 = 48;
    interfaces();
    let folder = Folder::new();
    let server = [10, 2, 0, 1];
    for threads in [1, 2, 4] {
        let conf = folder.write("argus.conf", format!("ARGUS_CAPTURE_THREADS={threads}\n").as_bytes());
        let out = folder.path(&format!("out{threads}"));
        let sensor =
            start(&["-F", &conf, "-i", "vb", "-S", "60", "-w", out.to_str().unwrap(), "-", "not ip6"]);
        let mut wire = Wire::new("va");
        let mut sent = 0u64;
        let mut put = |frame: Vec<u8>| {
            wire.put(&frame);
            sent += 1;
        };
        for host in 1..=HOSTS {
            let client = [10, 1, host, 1];
            // An answer in two fragments, plain and behind two VLAN tags.
            for (tags, port) in [(&[][..], 53), (&[0, 7, 0x81, 0, 0, 8][..], 54)] {
                let kind = if tags.is_empty() { 0x0800 } else { 0x8100 };
                let mut tagged = |back, packet: &[u8]| {
                    let inside: &[u8] = if tags.is_empty() { &[] } else { &[8, 0] };
                    put(ethernet(back, kind, &[tags, inside, packet].concat()));
                };
                let answer = udp(port, 2000, 1900);
                tagged(false, &ipv4(client, server, 17, 0, &udp(2000, port, 20)));
                tagged(true, &ipv4(server, client, 17, 0x2000, &answer[..1400]));
                tagged(true, &ipv4(server, client, 17, 1400 / 8, &answer[1400..]));
            }
            // Behind a label, in a PPPoE session, and in GRE between other ends.
            for (port, kind, there, back) in [
                (55, 0x8847u16, vec![0, 1, 0x01, 64], vec![0, 2, 0x21, 64]),
                (56, 0x8864, vec![0x11, 0, 0, 5, 0, 50, 0, 0x21], vec![0x11, 0, 0, 5, 0, 50, 0, 0x21]),
            ] {
                let question = ipv4(client, server, 17, 0, &udp(2000, port, 20));
                let answer = ipv4(server, client, 17, 0, &udp(port, 2000, 20));
                put(ethernet(false, kind, &[there, question].concat()));
                put(ethernet(true, kind, &[back, answer].concat()));
            }
            let (one, two) = ([192, 0, 2, 1], [192, 0, 2, 2]);
            for back in [false, true] {
                let (from, to, inner) = match back {
                    false => (one, two, ipv4(client, server, 17, 0, &udp(2000, 57, 20))),
                    true => (two, one, ipv4(server, client, 17, 0, &udp(57, 2000, 20))),
                };
                let carried = [vec![0, 0, 8, 0], inner].concat();
                put(ethernet(back, 0x0800, &ipv4(from, to, 47, 0, &carried)));
            }
            // ARP: a question to everybody, an answer to one.
            let head = [0, 1, 8, 0, 6, 4, 0];
            let question = [&head[..], &[1], &NEAR, &client, &[0; 6], &server].concat();
            let answer = [&head[..], &[2], &FAR, &server, &NEAR, &client].concat();
            put([&[0xff; 6][..], &NEAR, &[8, 6], &question].concat());
            put(ethernet(true, 0x0806, &answer));
        }
        stop(sensor);
        let seen = common::read(&out);
        let hosts = usize::from(HOSTS);
        for (port, packets) in [(53, (1, 2)), (54, (1, 2)), (55, (1, 1)), (56, (1, 1)), (57, (1, 1))] {
            let flows = counts(&seen, |view| view.dst_port() == Some(port) || view.src_port() == Some(port));
            assert_eq!(flows, vec![packets; hosts], "port {port}, {threads} threads");
        }
        assert_eq!(counts(&seen, |view| view.dst_port().is_none()), vec![(1, 1); hosts], "ARP");
        assert_eq!(mars(&seen).iter().map(|mar| mar.packets).sum::<u64>(), sent);
        assert_eq!(packets(&out, |_| true), sent);
    }
}

#[test]
fn nothing_is_lost_with_an_interface() {
    if !inside("nothing_is_lost_with_an_interface") {
        return;
    }
    interfaces();
    let folder = Folder::new();
    for threads in [1, 2] {
        let conf = folder.write("argus.conf", format!("ARGUS_CAPTURE_THREADS={threads}\n").as_bytes());
        let out = folder.path(&format!("out{threads}"));
        let sensor =
            start(&["-F", &conf, "-i", "vb", "-M", "1", "-w", out.to_str().unwrap(), "-", "udp port 5000"]);
        for _ in 0..3 {
            send(5000, 20);
            ip("link del va");
            ip("link add va type veth peer name vb");
            ip("link set va up");
            ip("link set vb up");
            ip("addr add 10.9.0.1/24 dev va");
            let before = packets(&out, |_| true);
            wait_for("records of the new interface", || {
                send(5000, 1);
                (packets(&out, |_| true) > before + 20).then_some(())
            });
        }
        stop(sensor);
        let seen = common::read(&out);
        let counted: u64 = mars(&seen).iter().map(|mar| mar.packets).sum();
        assert_eq!(packets(&out, |_| true), counted);
    }
}

#[test]
fn an_interface_is_known_by_its_name() {
    if !inside("an_interface_is_known_by_its_name") {
        return;
    }
    interfaces();
    let folder = Folder::new();
    let rename = |from: &str, to: &str| {
        ip(&format!("link set {from} down"));
        ip(&format!("link set {from} name {to}"));
        ip(&format!("link set {to} up"));
    };
    for threads in [1, 2] {
        let conf = folder.write("argus.conf", format!("ARGUS_CAPTURE_THREADS={threads}\n").as_bytes());
        let out = folder.path(&format!("out{threads}"));
        let sensor = start(&[
            "-F",
            &conf,
            "-i",
            "vb",
            "-S",
            "0.5",
            "-M",
            "1",
            "-w",
            out.to_str().unwrap(),
            "-",
            "udp",
        ]);
        let status = |up: u8| {
            wait_for("a management record that tells the state", || {
                let seen = common::read_so_far(&out);
                mars(&seen)
                    .last()
                    .is_some_and(|mar| mar.interface_status == up && !mar.is_initial())
                    .then_some(())
            });
        };
        status(1);
        send(5000, 3);
        rename("vb", "vz");
        status(0);
        send(5001, 3);
        rename("vz", "vb");
        status(1);
        wait_for("records under the old name", || {
            send(5002, 1);
            (packets(&out, |flow| flow.dst_port() == Some(5002)) > 0).then_some(())
        });
        stop(sensor);
        assert_eq!(packets(&out, |flow| flow.dst_port() == Some(5000)), 3);
        assert_eq!(packets(&out, |flow| flow.dst_port() == Some(5001)), 0, "{threads} threads");
    }
}
