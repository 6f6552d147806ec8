//! Management records: who writes a stream, since when, and what it counted (record-format chapter, section 4).

use crate::header::{COOKIE_V2, COOKIE_V3, COOKIE_V5, Cause, Header, Kind, Version};
use crate::source_id::SourceId;
use crate::stamp::Stamp;
use crate::wire::{self, Put};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Octets of a management record.
pub const MAR_LEN: usize = 128;
/// Status bit: SASL authentication follows.
pub const STATUS_SASL: u32 = 0x0000_1000;
/// Status bit: the id includes the interface (5.x).
pub const STATUS_INTERFACE: u32 = 0x0010_0000;
/// Mask of the id type in the status word.
pub const STATUS_ID_MASK: u32 = 0x00E0_0000;

/// The stream format that a cookie announces (section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cookie {
    /// Version 2, the legacy layout.
    V2,
    /// Version 3.
    V3,
    /// Version 5.
    V5,
}

impl Cookie {
    /// Looks at the first 16 octets (or more) of an input; `None` when this is not an argus stream. Only the
    /// cookie decides, except for version 2 where type, cause and sequence number must agree too.
    pub fn sniff(first: &[u8]) -> Option<Cookie> {
        match wire::be32(first, 8)? {
            COOKIE_V3 => Some(Cookie::V3),
            COOKIE_V5 => Some(Cookie::V5),
            COOKIE_V2 => {
                let [typ, cause] = wire::array(first, 0)?;
                (typ & 0x80 != 0 && cause == 0x01).then_some(Cookie::V2)
            }
            _ => None,
        }
    }
}

/// A management record. Every octet of the 128 is represented, so decoding and encoding loses nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mar {
    /// Record header; `words` is 32.
    pub header: Header,
    /// Id type and flags, `STATUS_*`.
    pub status: u32,
    /// The cookie in initial records, the source id in status and stop records of version 3.
    pub argusid: u32,
    /// IPv4 network of the first interface, host order; 0 when none.
    pub localnet: u32,
    /// Its mask.
    pub netmask: u32,
    /// Running count of flow transactions (3.x status records).
    pub next_seq: u32,
    /// Seconds and microseconds of the sensor's start or of the previous management record.
    pub start: (u32, u32),
    /// Seconds and microseconds of emission; wall clock, never capture time.
    pub now: (u32, u32),
    /// Major version, 3 or 5.
    pub major: u8,
    /// Minor version, 0.
    pub minor: u8,
    /// Link type (pcap DLT) of the interface.
    pub interface_type: u8,
    /// 0 in everything observed.
    pub interface_status: u8,
    /// Flow status interval, seconds.
    pub report_interval: u16,
    /// Management record interval, seconds.
    pub mar_interval: u16,
    /// Packets since the previous management record.
    pub packets: u64,
    /// Octets since the previous management record.
    pub bytes: u64,
    /// Version 3: clock drift in microseconds, two's complement. Version 5: interfaces in the upper, flows in the
    /// fallow queue in the lower 32 bits.
    pub drift: u64,
    /// Records written since the previous management record.
    pub records: u32,
    /// New flows since the previous management record.
    pub flows: u32,
    /// Packets dropped by the kernel.
    pub dropped: u32,
    /// Flows in the status queue.
    pub queue: u32,
    /// Records waiting for output.
    pub output: u32,
    /// Connected writers, the output file included.
    pub clients: u32,
    /// Outstanding allocations (informational).
    pub bufs: u32,
    /// Allocated octets (informational).
    pub alloc: u32,
    /// Configured user-data length, source side; little-endian on the wire.
    pub src_user_len: u16,
    /// Configured user-data length, destination side; little-endian on the wire.
    pub dst_user_len: u16,
    /// Octets 108–123: the id union of version 5; padding and, in the last word, the id of version 3.
    pub id: [u8; 16],
    /// 0xFFFFFFFF: records of variable length.
    pub record_len: u32,
}

impl Mar {
    /// A management record with every counter zero.
    pub fn new(version: Version, cause: Cause) -> Mar {
        Mar {
            header: Header { words: 32, ..Header::new(Kind::Mar, version, cause) },
            status: 0,
            argusid: 0,
            localnet: 0,
            netmask: 0,
            next_seq: 0,
            start: (0, 0),
            now: (0, 0),
            major: version.nibble(),
            minor: 0,
            interface_type: 0,
            interface_status: 0,
            report_interval: 0,
            mar_interval: 0,
            packets: 0,
            bytes: 0,
            drift: 0,
            records: 0,
            flows: 0,
            dropped: 0,
            queue: 0,
            output: 0,
            clients: 0,
            bufs: 0,
            alloc: 0,
            src_user_len: 0,
            dst_user_len: 0,
            id: [0; 16],
            record_len: u32::MAX,
        }
    }

    /// An initial management record: cookie in place, id where the version keeps it.
    pub fn initial(version: Version, id: SourceId, start: Stamp, now: Stamp) -> Mar {
        let mut mar = Mar::new(version, Cause::Start);
        mar.argusid = version.cookie();
        mar.set_source_id(id);
        mar.start = (start.secs(), start.subsec_micros());
        mar.now = (now.secs(), now.subsec_micros());
        mar
    }

    /// Decodes a whole record; `None` when it is not a management record of at least 128 octets.
    pub fn parse(b: &[u8]) -> Option<Mar> {
        let header = Header::parse(b)?;
        if !header.kind.is_mar() || header.words < 32 || b.len() < MAR_LEN {
            return None;
        }
        let word = |at| wire::be32(b, at);
        Some(Mar {
            header,
            status: word(4)?,
            argusid: word(8)?,
            localnet: word(12)?,
            netmask: word(16)?,
            next_seq: word(20)?,
            start: (word(24)?, word(28)?),
            now: (word(32)?, word(36)?),
            major: wire::byte(b, 40)?,
            minor: wire::byte(b, 41)?,
            interface_type: wire::byte(b, 42)?,
            interface_status: wire::byte(b, 43)?,
            report_interval: wire::be16(b, 44)?,
            mar_interval: wire::be16(b, 46)?,
            packets: wire::be64(b, 48)?,
            bytes: wire::be64(b, 56)?,
            drift: wire::be64(b, 64)?,
            records: word(72)?,
            flows: word(76)?,
            dropped: word(80)?,
            queue: word(84)?,
            output: word(88)?,
            clients: word(92)?,
            bufs: word(96)?,
            alloc: word(100)?,
            src_user_len: wire::le16(b, 104)?,
            dst_user_len: wire::le16(b, 106)?,
            id: wire::array(b, 108)?,
            record_len: word(124)?,
        })
    }

    /// Appends the 128 octets.
    pub fn emit(&self, out: &mut Vec<u8>) {
        out.bytes(&Header { words: 32, ..self.header }.to_bytes());
        for w in [
            self.status,
            self.argusid,
            self.localnet,
            self.netmask,
            self.next_seq,
            self.start.0,
            self.start.1,
            self.now.0,
            self.now.1,
        ] {
            out.be32(w);
        }
        out.bytes(&[self.major, self.minor, self.interface_type, self.interface_status]);
        out.be16(self.report_interval);
        out.be16(self.mar_interval);
        out.be64(self.packets);
        out.be64(self.bytes);
        out.be64(self.drift);
        for w in [
            self.records,
            self.flows,
            self.dropped,
            self.queue,
            self.output,
            self.clients,
            self.bufs,
            self.alloc,
        ] {
            out.be32(w);
        }
        out.le16(self.src_user_len);
        out.le16(self.dst_user_len);
        out.bytes(&self.id);
        out.be32(self.record_len);
    }

    /// The 128 octets.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(MAR_LEN);
        self.emit(&mut out);
        out
    }

    /// Whether this is an initial management record (cause START and a known cookie).
    pub fn is_initial(&self) -> bool {
        self.header.cause == Cause::Start && matches!(self.argusid, COOKIE_V3 | COOKIE_V5)
    }

    /// Status word with the byte order mended: an initial record of a 3.x radium holds it in host order
    /// (sensor-and-transport chapter, 2.2).
    pub fn status_mended(&self) -> u32 {
        let swapped = self.status.swap_bytes();
        if self.is_initial() && self.status & STATUS_ID_MASK == 0 && swapped & STATUS_ID_MASK != 0 {
            swapped
        } else {
            self.status
        }
    }

    /// The source's id. Version 3 status and stop records hold it in `argusid`; all others in the id union: the
    /// first word when not zero, else the last (section 4.2).
    pub fn source_id(&self) -> SourceId {
        let first = wire::be32(&self.id, 0).unwrap_or(0);
        let last = wire::be32(&self.id, 12).unwrap_or(0);
        let mut word = if first != 0 { first } else { last };
        if word == 0 && !matches!(self.argusid, COOKIE_V3 | COOKIE_V5) {
            word = self.argusid;
        }
        match self.status_mended() & STATUS_ID_MASK {
            0x0020_0000 if self.header.version() == Version::V3 && first == 0 => {
                // 3.x writes the four characters reversed (section 1).
                SourceId::Str(word.to_le_bytes())
            }
            0x0020_0000 => SourceId::Str(word.to_be_bytes()),
            0x0040_0000 => SourceId::Int(word),
            0x0060_0000 => SourceId::Ipv6(Ipv6Addr::from(self.id)),
            0x0080_0000 => SourceId::Ipv4(Ipv4Addr::from(word)),
            0x00A0_0000 => SourceId::Uuid(self.id),
            _ => SourceId::None,
        }
    }

    /// Sets id type and id where this record's version and cause keep them.
    pub fn set_source_id(&mut self, id: SourceId) {
        let v5 = self.header.version() == Version::V5;
        let id = if v5 { id } else { id.to_v3() };
        self.status = (self.status & !STATUS_ID_MASK) | id.mar_status();
        self.id = [0; 16];
        let word = match id {
            SourceId::Str(s) if !v5 => u32::from_le_bytes(s),
            other => other.word(),
        };
        match (v5, id) {
            (true, SourceId::Ipv6(a)) => self.id = a.octets(),
            (true, SourceId::Uuid(u)) => self.id = u,
            (true, _) => self.id[..4].copy_from_slice(&word.to_be_bytes()),
            (false, _) if self.header.cause == Cause::Start => {
                self.id[12..].copy_from_slice(&word.to_be_bytes());
            }
            (false, _) => self.argusid = word,
        }
    }

    /// Time of emission.
    pub fn now_stamp(&self) -> Stamp {
        Stamp::from_sec_usec(self.now.0, self.now.1)
    }

    /// Time of the sensor's start or of the previous management record.
    pub fn start_stamp(&self) -> Stamp {
        Stamp::from_sec_usec(self.start.0, self.start.1)
    }

    /// Interfaces (version 5).
    pub fn interfaces(&self) -> u32 {
        (self.drift >> 32) as u32
    }

    /// Flows in the fallow queue (version 5).
    pub fn fallow(&self) -> u32 {
        self.drift as u32
    }

    /// An error management record as servers send it before they close: a bare header, no body
    /// (sensor-and-transport chapter, 2.4). `options` is one of the header module's `OPTION_*`.
    pub fn error(version: Version, options: u8) -> [u8; 4] {
        Header { options, ..Header::new(Kind::Mar, version, Cause::Error) }.to_bytes()
    }
}
