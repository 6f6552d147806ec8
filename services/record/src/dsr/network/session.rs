//! NETWORK bodies other than TCP (section 7.5).

use crate::wire::{self, Put};
use std::net::Ipv4Addr;

/// An RTP header as in the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct RtpHeader {
    /// Version, padding, extension, CSRC count.
    pub flags: u8,
    /// Marker and payload type.
    pub payload: u8,
    /// Sequence number.
    pub seq: u16,
    /// Timestamp in units of the payload's clock.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
}

impl RtpHeader {
    fn parse(b: &[u8], at: usize) -> Option<RtpHeader> {
        Some(RtpHeader {
            flags: wire::byte(b, at)?,
            payload: wire::byte(b, at + 1)?,
            seq: wire::be16(b, at + 2)?,
            timestamp: wire::be32(b, at + 4)?,
            ssrc: wire::be32(b, at + 8)?,
        })
    }

    fn emit(&self, out: &mut Vec<u8>) {
        out.bytes(&[self.flags, self.payload]);
        out.be16(self.seq);
        out.be32(self.timestamp);
        out.be32(self.ssrc);
    }
}

/// RTP, guessed from UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Rtp {
    /// 1 source silence, 2 destination silence.
    pub state: u32,
    /// Last header of the source.
    pub src: RtpHeader,
    /// Last header of the destination.
    pub dst: RtpHeader,
    /// Packets lost, source.
    pub src_drops: u16,
    /// Packets lost, destination.
    pub dst_drops: u16,
    /// Jitter deviation, source.
    pub src_jitter: u16,
    /// Jitter deviation, destination.
    pub dst_jitter: u16,
}

impl Rtp {
    pub(super) fn parse(b: &[u8]) -> Option<Rtp> {
        Some(Rtp {
            state: wire::be32(b, 4)?,
            src: RtpHeader::parse(b, 8)?,
            dst: RtpHeader::parse(b, 20)?,
            src_drops: wire::be16(b, 32)?,
            dst_drops: wire::be16(b, 34)?,
            src_jitter: wire::be16(b, 36)?,
            dst_jitter: wire::be16(b, 38)?,
        })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.be32(self.state);
        self.src.emit(out);
        self.dst.emit(out);
        for v in [self.src_drops, self.dst_drops, self.src_jitter, self.dst_jitter] {
            out.be16(v);
        }
    }

    pub(super) fn reversed(self) -> Rtp {
        let silence = (self.state & 1) << 1 | (self.state & 2) >> 1;
        Rtp {
            state: (self.state & !3) | silence,
            src: self.dst,
            dst: self.src,
            src_drops: self.dst_drops,
            dst_drops: self.src_drops,
            src_jitter: self.dst_jitter,
            dst_jitter: self.src_jitter,
        }
    }
}

/// An RTCP header. Length and source are little-endian on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct RtcpHeader {
    /// Version, padding, report count.
    pub flags: u8,
    /// Packet type.
    pub packet_type: u8,
    /// Length in words minus one.
    pub length: u16,
    /// Synchronisation source.
    pub ssrc: u32,
}

impl RtcpHeader {
    fn parse(b: &[u8], at: usize) -> Option<RtcpHeader> {
        Some(RtcpHeader {
            flags: wire::byte(b, at)?,
            packet_type: wire::byte(b, at + 1)?,
            length: wire::le16(b, at + 2)?,
            ssrc: wire::le32(b, at + 4)?,
        })
    }

    fn emit(&self, out: &mut Vec<u8>) {
        out.bytes(&[self.flags, self.packet_type]);
        out.le16(self.length);
        out.le32(self.ssrc);
    }
}

/// RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Rtcp {
    /// Last header of the source.
    pub src: RtcpHeader,
    /// Last header of the destination.
    pub dst: RtcpHeader,
    /// Packets lost, source.
    pub src_drops: u16,
    /// Packets lost, destination.
    pub dst_drops: u16,
}

impl Rtcp {
    pub(super) fn parse(b: &[u8]) -> Option<Rtcp> {
        Some(Rtcp {
            src: RtcpHeader::parse(b, 4)?,
            dst: RtcpHeader::parse(b, 12)?,
            src_drops: wire::be16(b, 20)?,
            dst_drops: wire::be16(b, 22)?,
        })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        self.src.emit(out);
        self.dst.emit(out);
        out.be16(self.src_drops);
        out.be16(self.dst_drops);
    }

    pub(super) fn reversed(self) -> Rtcp {
        Rtcp { src: self.dst, dst: self.src, src_drops: self.dst_drops, dst_drops: self.src_drops }
    }
}

/// The host that answered an ARP request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct ArpReply {
    /// Its hardware address.
    pub haddr: [u8; 6],
    /// Zero.
    pub pad: u16,
    /// Words written after the address: 41 of zeros by 3.x (a larger structure written whole), none by 5.x.
    pub tail_words: u8,
}

impl ArpReply {
    /// The form that 3.x sensors write, 44 words.
    pub fn sensor(haddr: [u8; 6]) -> ArpReply {
        ArpReply { haddr, pad: 0, tail_words: 41 }
    }

    pub(super) fn parse(b: &[u8]) -> Option<ArpReply> {
        Some(ArpReply {
            haddr: wire::array(b, 4)?,
            pad: wire::be16(b, 10)?,
            tail_words: ((b.len() - 12) / 4).min(252) as u8,
        })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.bytes(&self.haddr);
        out.be16(self.pad);
        out.zeros(4 * usize::from(self.tail_words.min(252)));
    }
}

/// The first packet of an ICMP flow. Numbers are little-endian on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FirstIcmp {
    /// Message type.
    pub typ: u8,
    /// Code.
    pub code: u8,
    /// Octets 6–7 of the message: sequence number; ICMPv6: checksum.
    pub seq: u16,
    /// Outer source.
    pub src: Ipv4Addr,
    /// Outer destination.
    pub dst: Ipv4Addr,
    /// Source of the quoted packet (errors), else 0.
    pub inner_src: Ipv4Addr,
    /// Destination of the quoted packet (errors), else 0.
    pub inner_dst: Ipv4Addr,
    /// Octets 4–7 of the message (errors), else 0.
    pub gateway: u32,
}

impl FirstIcmp {
    pub(super) fn parse(b: &[u8]) -> Option<FirstIcmp> {
        let addr = |at| wire::le32(b, at).map(Ipv4Addr::from);
        Some(FirstIcmp {
            typ: wire::byte(b, 4)?,
            code: wire::byte(b, 5)?,
            seq: wire::le16(b, 6)?,
            src: addr(8)?,
            dst: addr(12)?,
            inner_src: addr(16)?,
            inner_dst: addr(20)?,
            gateway: wire::le32(b, 24)?,
        })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.bytes(&[self.typ, self.code]);
        out.le16(self.seq);
        for a in [self.src, self.dst, self.inner_src, self.inner_dst] {
            out.le32(u32::from(a));
        }
        out.le32(self.gateway);
    }
}

/// ESP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct EspState {
    /// 0x10 source, 0x20 destination packets lost; 0x1000 rollover; 0x2000 sequence failure.
    pub status: u32,
    /// Security parameter index.
    pub spi: u32,
    /// Last sequence number.
    pub last_seq: u32,
    /// Packets lost.
    pub lost: u32,
}

impl EspState {
    pub(super) fn parse(b: &[u8]) -> Option<EspState> {
        Some(EspState {
            status: wire::be32(b, 4)?,
            spi: wire::be32(b, 8)?,
            last_seq: wire::be32(b, 12)?,
            lost: wire::be32(b, 16)?,
        })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        for w in [self.status, self.spi, self.last_seq, self.lost] {
            out.be32(w);
        }
    }
}

/// IP fragments; every member is little-endian on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Fragments {
    /// Number of fragments.
    pub count: u32,
    /// Fragment id; 0 for a flow without first fragment.
    pub id: u32,
    /// Start octets.
    pub start_bytes: u32,
    /// Octets seen.
    pub bytes: u32,
    /// Octets of the whole.
    pub total_bytes: u32,
    /// Length of the whole.
    pub total_len: u16,
    /// Length so far.
    pub current_len: u16,
    /// Longest fragment.
    pub max_len: u16,
    /// Zero.
    pub pad: u16,
    /// Sixteen octets in which C sensors leak memory addresses; written as read, 0 by ours.
    pub leak: [u32; 4],
    /// Start of the first hole.
    pub hole_start: u32,
    /// End of the first hole.
    pub hole_end: u32,
}

impl Fragments {
    pub(super) fn parse(b: &[u8]) -> Option<Fragments> {
        let word = |at| wire::le32(b, at);
        Some(Fragments {
            count: word(4)?,
            id: word(8)?,
            start_bytes: word(12)?,
            bytes: word(16)?,
            total_bytes: word(20)?,
            total_len: wire::le16(b, 24)?,
            current_len: wire::le16(b, 26)?,
            max_len: wire::le16(b, 28)?,
            pad: wire::le16(b, 30)?,
            leak: [word(32)?, word(36)?, word(40)?, word(44)?],
            hole_start: word(48)?,
            hole_end: word(52)?,
        })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        for w in [self.count, self.id, self.start_bytes, self.bytes, self.total_bytes] {
            out.le32(w);
        }
        for h in [self.total_len, self.current_len, self.max_len, self.pad] {
            out.le16(h);
        }
        for w in self.leak {
            out.le32(w);
        }
        out.le32(self.hole_start);
        out.le32(self.hole_end);
    }
}

/// UDT: state, status, the handshake and a block of metrics for each side's data, of which clients know the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Udt {
    /// State.
    pub state: u32,
    /// 0x00100000 bad version, 0x01000000 first drop zero.
    pub status: u32,
    /// Version, socket type, initial sequence, packet size, window size, connection type, socket id.
    pub handshake: [u32; 7],
    /// Last seconds and fraction, seq, tstamp, ack, rtt, var, bsize, rate, lcap, solo, first, middle, last, drops,
    /// retrans, nacked.
    pub metrics: [u32; 17],
    /// The same of the destination's data; zero where a record ends before.
    pub dst_metrics: [u32; 17],
}

impl Udt {
    pub(super) fn parse(b: &[u8]) -> Option<Udt> {
        let mut udt = Udt { state: wire::be32(b, 4)?, status: wire::be32(b, 8)?, ..Udt::default() };
        for (i, w) in udt.handshake.iter_mut().enumerate() {
            *w = wire::be32(b, 12 + 4 * i)?;
        }
        for (i, w) in udt.metrics.iter_mut().enumerate() {
            *w = wire::be32(b, 40 + 4 * i)?;
        }
        for (i, w) in udt.dst_metrics.iter_mut().enumerate() {
            *w = wire::be32(b, 108 + 4 * i).unwrap_or(0);
        }
        Some(udt)
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.be32(self.state);
        out.be32(self.status);
        for w in self.handshake.iter().chain(&self.metrics).chain(&self.dst_metrics) {
            out.be32(*w);
        }
    }
}
