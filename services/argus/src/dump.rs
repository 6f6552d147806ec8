//! Packets written to a capture file besides (ARGUS_PACKET_CAPTURE_FILE).
//!
//! The file is classic pcap with nanoseconds, made anew at each start. It has one link type, that of its first packet;
//! packets of another, and those that the disk has no room for, are counted and told.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use flow::Time;
use packet::{Ip, Network, Summary};

/// Octets gathered before they are written.
const GATHER: usize = 256 << 10;

/// Which packets go where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dump {
    /// The file; none by default.
    pub path: Option<PathBuf>,
    /// Only packets that could not be decoded (ARGUS_PACKET_CAPTURE_ON_ERROR), and those of `protocols`.
    pub on_error: bool,
    /// Only packets of these protocols (ARGUS_PACKET_CAPTURE_ON_PROTO), and those of `on_error`.
    pub protocols: Vec<Protocol>,
}

/// A protocol that packets are chosen by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// By the protocol of the innermost IP header.
    Number(u8),
    /// IPv4, whatever it carries.
    Ipv4,
    /// IPv6, whatever it carries.
    Ipv6,
    /// ARP.
    Arp,
    /// RARP.
    Rarp,
    /// IS-IS.
    Isis,
}

impl Protocol {
    /// Reads a name or number; `None` when there is no such protocol.
    pub fn parse(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        Some(match lower.as_str() {
            "ip" | "ipv4" => Protocol::Ipv4,
            "ipv6" | "ip6" => Protocol::Ipv6,
            "arp" => Protocol::Arp,
            "rarp" => Protocol::Rarp,
            "isis" => Protocol::Isis,
            "icmp6" | "icmpv6" => Protocol::Number(58),
            name => match name.parse() {
                Ok(number) => Protocol::Number(number),
                Err(_) => {
                    let at = field::names::PROTOCOLS.iter().position(|known| *known == name)?;
                    Protocol::Number(u8::try_from(at).ok()?)
                }
            },
        })
    }

    fn is_of(self, summary: &Summary<'_>) -> bool {
        match (self, &summary.network) {
            (Protocol::Number(number), Network::Ip(ip)) => ip.protocol == number,
            (Protocol::Ipv4, Network::Ip(ip)) => is_ipv4(ip),
            (Protocol::Ipv6, Network::Ip(ip)) => !is_ipv4(ip),
            (Protocol::Arp, Network::Arp(_))
            | (Protocol::Rarp, Network::Rarp(_))
            | (Protocol::Isis, Network::Isis(_) | Network::IsisFrame { .. }) => true,
            _ => false,
        }
    }
}

fn is_ipv4(ip: &Ip<'_>) -> bool {
    matches!(ip.addresses, packet::Addresses::V4 { .. })
}

/// A header that announces what could not be read: no flow could be named, or only that of the frame itself though the
/// frame says it carries IP or ARP.
fn is_undecoded(summary: &Summary<'_>) -> bool {
    match &summary.network {
        Network::Link(_) => true,
        Network::Frame(key) => matches!(key.ethertype, 0x0800 | 0x0806 | 0x86dd),
        _ => false,
    }
}

/// An open capture file.
pub struct Dumper {
    what: Dump,
    name: String,
    file: BufWriter<File>,
    link: Option<i32>,
    begun: bool,
    failed: Option<String>,
    lost: u64,
    told: u64,
}

impl Dumper {
    /// Makes the file; `None` when none is configured.
    ///
    /// # Errors
    /// One line that names the file.
    pub fn open(what: &Dump) -> Result<Option<Self>, String> {
        let Some(path) = &what.path else { return Ok(None) };
        let name = path.display().to_string();
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
        let file = file.map_err(|error| format!("{name}: {error}"))?;
        let file = BufWriter::with_capacity(GATHER, file);
        Ok(Some(Dumper {
            what: what.clone(),
            name,
            file,
            link: None,
            begun: false,
            failed: None,
            lost: 0,
            told: 0,
        }))
    }

    /// Writes a packet when it is one of those that are wanted. `length` is that on the wire.
    pub fn packet(&mut self, link: i32, time: Time, frame: &[u8], length: u32, summary: &Summary<'_>) {
        let all = !self.what.on_error && self.what.protocols.is_empty();
        let wanted = all
            || (self.what.on_error && is_undecoded(summary))
            || self.what.protocols.iter().any(|protocol| protocol.is_of(summary));
        if !wanted {
            return;
        }
        let same = *self.link.get_or_insert(link) == link;
        if self.failed.is_some() || !same {
            self.lost += 1;
            return;
        }
        self.begin(link);
        let captured = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        let mut header = [0; 16];
        let fields = [time.seconds(), time.subsec_nanos(), captured, length];
        for (to, from) in header.chunks_exact_mut(4).zip(fields) {
            to.copy_from_slice(&from.to_ne_bytes());
        }
        let done = self.file.write_all(&header).and_then(|()| self.file.write_all(frame));
        self.note(done);
    }

    /// Writes the file's header, once.
    fn begin(&mut self, link: i32) {
        if !std::mem::replace(&mut self.begun, true) {
            let done = self.file.write_all(&head(link));
            self.note(done);
        }
    }

    fn note(&mut self, done: std::io::Result<()>) {
        if let Err(error) = done {
            self.failed.get_or_insert_with(|| error.to_string());
            self.lost += 1;
        }
    }

    /// Hands everything to the system. Text of a warning when packets could not be written since the last time.
    pub fn flush(&mut self) -> Option<String> {
        if self.failed.is_none() {
            let done = self.file.flush();
            self.note(done);
        }
        let new = self.lost - self.told;
        self.told = self.lost;
        let why = self.failed.as_deref().unwrap_or("of another link type than the file's");
        (new > 0).then(|| format!("{}: {new} packets not written: {why}", self.name))
    }

    /// Ends the file; one without packets has a header nevertheless. Text as [`Dumper::flush`].
    pub fn close(&mut self) -> Option<String> {
        self.begin(self.link.unwrap_or(1));
        self.flush()
    }
}

/// The header of a file: classic pcap, nanoseconds, our byte order.
fn head(link: i32) -> [u8; 24] {
    // Numbers that differ between systems have one of their own in files.
    let link = match link {
        11 => 100,
        12 | 14 => 101,
        15 => 102,
        16 => 103,
        same => same,
    };
    let mut head = [0; 24];
    let fields = [0xa1b2_3c4d, 0x0004_0002, 0, 0, 262_144, link as u32];
    for (to, from) in head.chunks_exact_mut(4).zip(fields) {
        to.copy_from_slice(&from.to_ne_bytes());
    }
    if cfg!(target_endian = "big") {
        head[4..8].copy_from_slice(&[0, 2, 0, 4]);
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;
    use packet::{Dissector, LinkType, Rules};

    /// A frame from Ethernet addresses of zeros.
    fn frame(ethertype: u16, rest: &[u8]) -> Vec<u8> {
        [&[0; 12], &ethertype.to_be_bytes()[..], rest].concat()
    }

    fn udp() -> Vec<u8> {
        let ip =
            [0x45, 0, 0, 29, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 53, 0, 53, 0, 9, 0, 0, 7];
        frame(0x0800, &ip)
    }

    fn written(what: Dump, frames: &[Vec<u8>]) -> Vec<(i64, i64, Vec<u8>)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.pcap");
        let mut dumper = Dumper::open(&Dump { path: Some(path.clone()), ..what }).unwrap().unwrap();
        let dissector = Dissector::new(LinkType::ETHERNET, Rules::default());
        for (at, frame) in frames.iter().enumerate() {
            let length = frame.len() as u32;
            let summary = dissector.dissect(frame, length);
            dumper.packet(1, Time::from_nanos(1_700_000_000, at as i64), frame, length, &summary);
        }
        assert_eq!(dumper.close(), None);
        let mut capture =
            pcap::Capture::from_file_with_precision(&path, pcap::Precision::Nano).expect("a capture file");
        let mut packets = Vec::new();
        while let Ok(packet) = capture.next_packet() {
            packets.push((packet.header.ts.tv_sec, packet.header.ts.tv_usec, packet.data.to_vec()));
        }
        packets
    }

    #[test]
    fn packets_are_chosen() {
        let frames = [udp(), frame(0x0800, &[0x45, 0, 0]), frame(0x9999, &[0; 40])];
        let all: Vec<_> = written(Dump::default(), &frames);
        assert_eq!(all.len(), 3);
        assert_eq!(all[1], (1_700_000_000, 1, frames[1].clone()));
        let bad = written(Dump { on_error: true, ..Dump::default() }, &frames);
        assert_eq!(bad.iter().map(|packet| packet.1).collect::<Vec<_>>(), [1]);
        let protocols = ["udp", "arp"].map(|name| Protocol::parse(name).unwrap()).to_vec();
        let some = written(Dump { protocols, ..Dump::default() }, &frames);
        assert_eq!(some.iter().map(|packet| packet.1).collect::<Vec<_>>(), [0]);
        // A file without packets can be read too.
        assert!(written(Dump { on_error: true, ..Dump::default() }, &[udp()]).is_empty());
    }

    #[test]
    fn names_of_protocols() {
        for (name, protocol) in [
            ("tcp", Protocol::Number(6)),
            ("IP", Protocol::Ipv4),
            ("47", Protocol::Number(47)),
            ("icmpv6", Protocol::Number(58)),
        ] {
            assert_eq!(Protocol::parse(name), Some(protocol), "{name}");
        }
        assert_eq!(Protocol::parse("nosuch"), None);
        assert_eq!(Protocol::parse("256"), None);
    }

    #[test]
    fn what_cannot_be_written_is_counted() {
        let mut dumper =
            Dumper::open(&Dump { path: Some("/dev/full".into()), ..Dump::default() }).unwrap().unwrap();
        let dissector = Dissector::new(LinkType::ETHERNET, Rules::default());
        let frame = udp();
        let summary = dissector.dissect(&frame, 43);
        dumper.packet(1, Time::from_nanos(1, 0), &frame, 43, &summary);
        dumper.packet(113, Time::from_nanos(1, 0), &frame, 43, &summary);
        let told = dumper.close().unwrap();
        assert!(told.starts_with("/dev/full: 2 packets not written: "), "{told}");
        assert_eq!(dumper.flush(), None);
    }
}
