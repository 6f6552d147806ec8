//! The capture: conversations of many kinds, interleaved by time, the same ones at every run.
//!
//! About 700 conversations are open at any time. By number: 45 % DNS, 30 % TCP (web-like: handshake, request, response
//! segments acknowledged every second one, close or reset), 10 % UDP streams, 10 % ICMP echo, 5 % ARP; a fifth of those
//! over IP use IPv6. By packets most are TCP. Lengths on the wire are realistic; the file holds the first octets of each.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, BufWriter, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;

/// What was written.
pub struct Made {
    /// Packets.
    pub packets: u64,
    /// Conversations begun.
    pub flows: u64,
    /// Octets on the wire.
    pub octets: u64,
    /// Seconds between the first and the last packet.
    pub seconds: f64,
}

/// Conversations open at a time.
const OPEN: usize = 700;
/// Time of the first packet, microseconds since 1970.
const BEGIN: u64 = 1_700_000_000_000_000;

/// Xorshift: the same numbers at every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `limit`.
    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Tcp,
    Dns,
    Udp,
    Echo,
    Arp,
}

/// One conversation.
struct Talk {
    kind: Kind,
    v6: bool,
    client: u32,
    server: u32,
    ports: (u16, u16),
    /// Packets sent so far.
    step: u32,
    /// Packets (or response segments) it will have.
    length: u32,
    sequence: (u32, u32),
    /// Microseconds between packets, on average.
    pace: u64,
}

/// Writes a capture of at least `packets` packets, `snap` octets kept of each.
pub fn write(path: &Path, packets: u64, snap: u32) -> io::Result<Made> {
    let mut out = BufWriter::with_capacity(1 << 20, std::fs::File::create(path)?);
    let mut header = Vec::with_capacity(24);
    header.extend(0xa1b2_c3d4u32.to_le_bytes());
    header.extend([2, 0, 4, 0]);
    header.extend([0; 8]);
    header.extend(snap.to_le_bytes());
    header.extend(1u32.to_le_bytes());
    out.write_all(&header)?;
    let made = each(packets, |now, frame| {
        let kept = frame.len().min(snap as usize);
        let mut record = [0; 16];
        record[..4].copy_from_slice(&((now / 1_000_000) as u32).to_le_bytes());
        record[4..8].copy_from_slice(&((now % 1_000_000) as u32).to_le_bytes());
        record[8..12].copy_from_slice(&(kept as u32).to_le_bytes());
        record[12..].copy_from_slice(&(frame.len() as u32).to_le_bytes());
        out.write_all(&record)?;
        out.write_all(&frame[..kept])
    })?;
    out.flush()?;
    Ok(made)
}

/// Gives `packets` packets to `take`: time in microseconds since 1970, and the whole frame.
pub fn each(packets: u64, mut take: impl FnMut(u64, &[u8]) -> io::Result<()>) -> io::Result<Made> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut queue = BinaryHeap::new();
    let mut talks: Vec<Talk> = Vec::with_capacity(OPEN);
    for slot in 0..OPEN {
        talks.push(Talk::new(&mut random));
        queue.push(Reverse((BEGIN + random.below(1_000_000), slot)));
    }
    let mut made = Made { packets: 0, flows: OPEN as u64, octets: 0, seconds: 0.0 };
    let mut frame = Vec::with_capacity(1600);
    while made.packets < packets {
        let Some(Reverse((now, slot))) = queue.pop() else { break };
        let Some(talk) = talks.get_mut(slot) else { break };
        frame.clear();
        let more = talk.packet(&mut frame, &mut random);
        take(now, &frame)?;
        made.packets += 1;
        made.octets += frame.len() as u64;
        made.seconds = (now - BEGIN) as f64 / 1e6;
        if !more {
            *talk = Talk::new(&mut random);
            made.flows += 1;
        }
        let gap = 1 + random.below(2 * talk.pace);
        queue.push(Reverse((now + gap, slot)));
    }
    Ok(made)
}

impl Talk {
    fn new(random: &mut Random) -> Self {
        let kind = match random.below(100) {
            0..45 => Kind::Dns,
            45..75 => Kind::Tcp,
            75..85 => Kind::Udp,
            85..95 => Kind::Echo,
            _ => Kind::Arp,
        };
        // Few conversations are long: lengths are spread over powers of two.
        let long = 1u32 << random.below(8);
        let (length, pace, server_port) = match kind {
            Kind::Dns => (2, 20_000, 53),
            Kind::Arp => (2, 10_000, 0),
            Kind::Echo => (2 * (1 + random.below(5) as u32), 500_000, 0),
            Kind::Udp => (4 + long, 20_000, [443, 123, 5004, 161][random.below(4) as usize]),
            Kind::Tcp => (1 + long, 15_000, [443, 443, 80, 22, 25, 993][random.below(6) as usize]),
        };
        Talk {
            kind,
            v6: kind != Kind::Arp && random.below(5) == 0,
            client: random.below(4_000) as u32,
            server: random.below(2_000) as u32,
            ports: (1024 + random.below(64_000) as u16, server_port),
            step: 0,
            length,
            sequence: (random.next() as u32, random.next() as u32),
            pace,
        }
    }

    /// Appends the next frame; false when it was the last.
    fn packet(&mut self, frame: &mut Vec<u8>, random: &mut Random) -> bool {
        let step = self.step;
        self.step += 1;
        match self.kind {
            Kind::Arp => {
                self.arp(frame, step == 1);
                self.step < 2
            }
            Kind::Dns => {
                let reply = step == 1;
                let payload = if reply { 60 + random.below(200) } else { 28 + random.below(30) };
                self.udp(frame, reply, payload as usize);
                self.step < 2
            }
            Kind::Udp => {
                self.udp(frame, step % 3 == 1, 40 + random.below(1_200) as usize);
                self.step < self.length
            }
            Kind::Echo => {
                self.echo(frame, step % 2 == 1, (step / 2) as u16);
                self.step < self.length
            }
            Kind::Tcp => self.tcp_step(frame, step, random),
        }
    }

    fn tcp_step(&mut self, frame: &mut Vec<u8>, step: u32, random: &mut Random) -> bool {
        const FIN: u8 = 1;
        const SYN: u8 = 2;
        const RST: u8 = 4;
        const PSH: u8 = 8;
        const ACK: u8 = 16;
        let data_end = 4 + self.length + self.length / 2;
        match step {
            0 => self.tcp(frame, false, SYN, 0),
            1 => self.tcp(frame, true, SYN | ACK, 0),
            2 => self.tcp(frame, false, ACK, 0),
            3 => self.tcp(frame, false, PSH | ACK, 200 + random.below(900) as usize),
            step if step < data_end => {
                // Two segments, then an acknowledgement.
                let reply = step % 3 != 0;
                let payload = if reply { 1_448 } else { 0 };
                self.tcp(frame, reply, ACK, payload);
            }
            step if step == data_end && random.below(10) == 0 => {
                self.tcp(frame, false, RST | ACK, 0);
                return false;
            }
            step if step == data_end => self.tcp(frame, false, FIN | ACK, 0),
            step if step == data_end + 1 => self.tcp(frame, true, FIN | ACK, 0),
            _ => {
                self.tcp(frame, false, ACK, 0);
                return false;
            }
        }
        true
    }

    fn ethernet(&self, frame: &mut Vec<u8>, reply: bool, kind: u16) {
        let client = [&[2, 0, 0][..], &self.client.to_be_bytes()[1..]].concat();
        let router = [2, 1, 0, 0, 0, 1];
        if reply {
            frame.extend(&client);
            frame.extend(router);
        } else {
            frame.extend(router);
            frame.extend(&client);
        }
        frame.extend(kind.to_be_bytes());
    }

    /// Ethernet and IP headers before a payload of `length` octets.
    fn ip(&self, frame: &mut Vec<u8>, reply: bool, protocol: u8, length: usize) {
        self.ethernet(frame, reply, if self.v6 { 0x86dd } else { 0x0800 });
        if self.v6 {
            frame.extend([0x60, 0, 0, 0]);
            frame.extend((length as u16).to_be_bytes());
            frame.extend([protocol, 64]);
            let client = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, self.client as u16).octets();
            let server = Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, self.server as u16).octets();
            let (source, destination) = if reply { (server, client) } else { (client, server) };
            frame.extend(source);
            frame.extend(destination);
        } else {
            let client = Ipv4Addr::from(0x0a00_0000 + self.client).octets();
            let server = Ipv4Addr::from(0xc612_0000 + self.server).octets();
            let (source, destination) = if reply { (server, client) } else { (client, server) };
            frame.extend([0x45, 0]);
            frame.extend((20 + length as u16).to_be_bytes());
            frame.extend((self.step as u16).to_be_bytes());
            frame.extend([0x40, 0, if reply { 57 } else { 64 }, protocol, 0, 0]);
            frame.extend(source);
            frame.extend(destination);
        }
    }

    fn udp(&self, frame: &mut Vec<u8>, reply: bool, payload: usize) {
        self.ip(frame, reply, 17, 8 + payload);
        let (from, to) = if reply { (self.ports.1, self.ports.0) } else { self.ports };
        frame.extend(from.to_be_bytes());
        frame.extend(to.to_be_bytes());
        frame.extend((8 + payload as u16).to_be_bytes());
        frame.extend([0, 0]);
        if self.ports.1 == 53 && payload >= 12 {
            let id = (self.sequence.0 as u16).to_be_bytes();
            frame.extend(id);
            frame.extend(if reply { [0x81, 0x80] } else { [1, 0] });
            frame.extend([0, 1, 0, u8::from(reply), 0, 0, 0, 0]);
            frame.extend(std::iter::repeat_n(7, payload - 12));
        } else {
            frame.extend(std::iter::repeat_n(0x55, payload));
        }
    }

    fn echo(&self, frame: &mut Vec<u8>, reply: bool, number: u16) {
        let (protocol, request) = if self.v6 { (58, 128) } else { (1, 8) };
        self.ip(frame, reply, protocol, 64);
        let kind = match (reply, self.v6) {
            (false, _) => request,
            (true, false) => 0,
            (true, true) => 129,
        };
        frame.extend([kind, 0, 0, 0]);
        frame.extend(self.ports.0.to_be_bytes());
        frame.extend(number.to_be_bytes());
        frame.extend([0x61; 56]);
    }

    fn arp(&self, frame: &mut Vec<u8>, reply: bool) {
        self.ethernet(frame, reply, 0x0806);
        frame.extend([0, 1, 8, 0, 6, 4, 0, if reply { 2 } else { 1 }]);
        let client = [&[2, 0, 0][..], &self.client.to_be_bytes()[1..]].concat();
        let router = [2u8, 1, 0, 0, 0, 1];
        let (me, you) = (Ipv4Addr::from(0x0a00_0000 + self.client).octets(), [10, 0, 0xff, 1]);
        if reply {
            frame.extend(router);
            frame.extend(you);
            frame.extend(&client);
            frame.extend(me);
        } else {
            frame.extend(&client);
            frame.extend(me);
            frame.extend([0; 6]);
            frame.extend(you);
        }
        frame.extend([0; 18]);
    }

    fn tcp(&mut self, frame: &mut Vec<u8>, reply: bool, flags: u8, payload: usize) {
        self.ip(frame, reply, 6, 32 + payload);
        let (from, to) = if reply { (self.ports.1, self.ports.0) } else { self.ports };
        let (mine, other) = if reply {
            (&mut self.sequence.1, self.sequence.0)
        } else {
            (&mut self.sequence.0, self.sequence.1)
        };
        frame.extend(from.to_be_bytes());
        frame.extend(to.to_be_bytes());
        frame.extend(mine.to_be_bytes());
        frame.extend(if flags & 16 == 0 { [0; 4] } else { other.to_be_bytes() });
        frame.extend([0x80, flags, 0x20, 0, 0, 0, 0, 0]);
        frame.extend([1, 1, 8, 10]);
        frame.extend(self.step.to_be_bytes());
        frame.extend([0; 4]);
        let control = u32::from(flags & 3 != 0);
        *mine = mine.wrapping_add(payload as u32 + control);
        frame.extend(std::iter::repeat_n(0x2e, payload));
    }
}
