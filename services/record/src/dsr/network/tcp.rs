//! TCP bodies of NETWORK (section 7.5).

use super::subtype;
use crate::wire::{self, Put};

/// Bits of the record-level status word and of the options word.
pub mod status {
    #![allow(missing_docs)]
    pub const SAW_SYN: u32 = 0x0000_0001;
    pub const SAW_SYN_SENT: u32 = 0x0000_0002;
    pub const CON_ESTABLISHED: u32 = 0x0000_0004;
    pub const FIN: u32 = 0x0000_0008;
    pub const FIN_ACK: u32 = 0x0000_0010;
    pub const NORMAL_CLOSE: u32 = 0x0000_0020;
    pub const CLOSE_WAITING: u32 = 0x0000_0040;
    pub const PORT_REUSE: u32 = 0x0000_0080;
    pub const SRC_PKTS_RETRANS: u32 = 0x0000_0100;
    pub const DST_PKTS_RETRANS: u32 = 0x0000_0200;
    pub const SRC_WINDOW_SHUT: u32 = 0x0000_0400;
    pub const DST_WINDOW_SHUT: u32 = 0x0000_0800;
    pub const SRC_RESET: u32 = 0x0000_1000;
    pub const DST_RESET: u32 = 0x0000_2000;
    pub const SRC_CONGESTED: u32 = 0x0000_4000;
    pub const DST_CONGESTED: u32 = 0x0000_8000;
    pub const SRC_OUTOFORDER: u32 = 0x0001_0000;
    pub const DST_OUTOFORDER: u32 = 0x0002_0000;
    pub const SRC_DUPLICATES: u32 = 0x0004_0000;
    pub const DST_DUPLICATES: u32 = 0x0008_0000;
    pub const SRC_GAP: u32 = 0x0040_0000;
    pub const DST_GAP: u32 = 0x0080_0000;

    pub const OPT_MAXSEG: u32 = 0x0010_0000;
    pub const OPT_WSCALE: u32 = 0x0020_0000;
    pub const OPT_SACKOK: u32 = 0x0040_0000;
    pub const OPT_SACK: u32 = 0x0080_0000;
    pub const OPT_ECHO: u32 = 0x0100_0000;
    pub const OPT_ECHOREPLY: u32 = 0x0200_0000;
    pub const OPT_TIMESTAMP: u32 = 0x0400_0000;
    pub const OPT_CC: u32 = 0x0800_0000;
    pub const OPT_CCNEW: u32 = 0x1000_0000;
    pub const OPT_CCECHO: u32 = 0x2000_0000;
    pub const OPT_SRC_ECN: u32 = 0x4000_0000;
    pub const OPT_DST_ECN: u32 = 0x8000_0000;
}

/// TCP state in one of its three forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::large_enum_variant)]
pub enum Tcp {
    /// Only the first packet of the flow was seen.
    Init(TcpInit),
    /// From a NetFlow conversion.
    Status(TcpStatus),
    /// The full state.
    Perf(TcpPerf),
}

impl Tcp {
    /// Record-level status word, see [`status`].
    pub fn status(&self) -> u32 {
        match self {
            Tcp::Init(t) => t.status,
            Tcp::Status(t) => t.status,
            Tcp::Perf(t) => t.status,
        }
    }

    /// Options word, see the `OPT_` constants of [`status`].
    pub fn options(&self) -> u32 {
        match self {
            Tcp::Init(t) => t.options,
            Tcp::Status(_) => 0,
            Tcp::Perf(t) => t.options,
        }
    }

    /// Cumulated TCP flags of source and destination side.
    pub fn flags(&self) -> (u8, u8) {
        match self {
            Tcp::Init(t) => (t.flags, 0),
            Tcp::Status(t) => (t.src_flags, t.dst_flags),
            Tcp::Perf(t) => (t.src.flags, t.dst.flags),
        }
    }

    pub(super) fn subtype(&self) -> u8 {
        match self {
            Tcp::Init(_) => subtype::TCP_INIT,
            Tcp::Status(_) => subtype::TCP_STATUS,
            Tcp::Perf(_) => subtype::TCP_PERF,
        }
    }

    pub(super) fn qualifier(&self) -> u8 {
        match self {
            Tcp::Init(TcpInit { maxseg: Some(_), .. })
            | Tcp::Perf(TcpPerf { src: TcpSide { maxseg: Some(_), .. }, .. }) => 2,
            _ => 0,
        }
    }

    /// The same seen from the other side. INIT has one side only and stays.
    pub fn reversed(self) -> Tcp {
        match self {
            Tcp::Init(t) => Tcp::Init(t),
            Tcp::Status(t) => Tcp::Status(TcpStatus { src_flags: t.dst_flags, dst_flags: t.src_flags, ..t }),
            Tcp::Perf(t) => Tcp::Perf(TcpPerf { src: t.dst, dst: t.src, ..t }),
        }
    }
}

/// TCP_INIT: the record holds the first packet of the flow only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct TcpInit {
    /// Status word.
    pub status: u32,
    /// Sequence number of the packet.
    pub seq: u32,
    /// Options word.
    pub options: u32,
    /// Window as in the packet; C sensors do not fill it in.
    pub window: u16,
    /// TCP flags.
    pub flags: u8,
    /// Window scale, a power of two.
    pub window_scale: u8,
    /// Maximum segment size and padding (version 2 layout).
    pub maxseg: Option<(u16, u16)>,
}

impl TcpInit {
    pub(super) fn parse(b: &[u8], qualifier: u8) -> Option<TcpInit> {
        let two = qualifier == 2;
        Some(TcpInit {
            status: wire::be32(b, 4)?,
            seq: wire::be32(b, 8)?,
            options: wire::be32(b, 12)?,
            window: wire::be16(b, 16)?,
            flags: wire::byte(b, 18)?,
            window_scale: wire::byte(b, 19)?,
            maxseg: if two { wire::be16(b, 20).zip(wire::be16(b, 22)) } else { None },
        })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.be32(self.status);
        out.be32(self.seq);
        out.be32(self.options);
        out.be16(self.window);
        out.bytes(&[self.flags, self.window_scale]);
        if let Some((maxseg, pad)) = self.maxseg {
            out.be16(maxseg);
            out.be16(pad);
        }
    }
}

/// TCP_STATUS: status and flags, from NetFlow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct TcpStatus {
    /// Status word.
    pub status: u32,
    /// Flags of the source.
    pub src_flags: u8,
    /// Flags of the destination.
    pub dst_flags: u8,
    /// Zero.
    pub pad: u16,
}

impl TcpStatus {
    pub(super) fn parse(b: &[u8]) -> Option<TcpStatus> {
        Some(TcpStatus {
            status: wire::be32(b, 4)?,
            src_flags: wire::byte(b, 8)?,
            dst_flags: wire::byte(b, 9)?,
            pad: wire::be16(b, 10)?,
        })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.be32(self.status);
        out.bytes(&[self.src_flags, self.dst_flags]);
        out.be16(self.pad);
    }
}

/// One side of TCP_PERF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct TcpSide {
    /// Seconds of the last packet.
    pub last_sec: u32,
    /// Microseconds (version 5: nanoseconds) of the last packet.
    pub last_frac: u32,
    /// Side status word.
    pub status: u32,
    /// Initial sequence number.
    pub seqbase: u32,
    /// Highest sequence number.
    pub seq: u32,
    /// Highest acknowledgement number.
    pub ack: u32,
    /// Packets counted.
    pub winnum: u32,
    /// Payload octets.
    pub bytes: u32,
    /// Retransmitted packets or octets, as the flow model counts them.
    pub retrans: u32,
    /// Octets acknowledged.
    pub ackbytes: u32,
    /// Window octets.
    pub winbytes: u32,
    /// Last window, unscaled.
    pub window: u16,
    /// Cumulated TCP flags.
    pub flags: u8,
    /// Window scale, a power of two.
    pub window_scale: u8,
    /// Maximum segment size and padding (version 2 layout).
    pub maxseg: Option<(u16, u16)>,
}

const SIDE_V1: usize = 48;
const SIDE_V2: usize = 52;

impl TcpSide {
    fn parse(b: &[u8], at: usize, two: bool) -> Option<TcpSide> {
        let side: [u8; 48] = wire::array(b, at)?;
        let (words, _) = side.as_chunks::<4>();
        let word = |i: usize| words.get(i).map_or(0, |&word| u32::from_be_bytes(word));
        Some(TcpSide {
            last_sec: word(0),
            last_frac: word(1),
            status: word(2),
            seqbase: word(3),
            seq: word(4),
            ack: word(5),
            winnum: word(6),
            bytes: word(7),
            retrans: word(8),
            ackbytes: word(9),
            winbytes: word(10),
            window: u16::from_be_bytes([side[44], side[45]]),
            flags: side[46],
            window_scale: side[47],
            maxseg: if two { Some((wire::be16(b, at + 48)?, wire::be16(b, at + 50)?)) } else { None },
        })
    }

    fn emit(&self, out: &mut Vec<u8>) {
        let last = u32::from(self.window) << 16 | u32::from(self.flags) << 8 | u32::from(self.window_scale);
        out.be32s([
            self.last_sec,
            self.last_frac,
            self.status,
            self.seqbase,
            self.seq,
            self.ack,
            self.winnum,
            self.bytes,
            self.retrans,
            self.ackbytes,
            self.winbytes,
            last,
        ]);
        if let Some((maxseg, pad)) = self.maxseg {
            out.be16(maxseg);
            out.be16(pad);
        }
    }
}

/// TCP_PERF: the full state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct TcpPerf {
    /// Status word.
    pub status: u32,
    /// Connection state: 0 closed, 1 listen, 2 syn_sent, 3 syn_rcvd, 4 established, 5 close_wait, 6 fin_wait_1,
    /// 7 closing, 8 last_ack, 9 fin_wait_2, 10 time_wait.
    pub state: u32,
    /// Options word.
    pub options: u32,
    /// SYN to SYN/ACK, microseconds.
    pub syn_ack_usec: u32,
    /// SYN/ACK to ACK (data), microseconds.
    pub ack_data_usec: u32,
    /// Source side.
    pub src: TcpSide,
    /// Destination side.
    pub dst: TcpSide,
}

impl TcpPerf {
    pub(super) fn parse(b: &[u8], qualifier: u8) -> Option<TcpPerf> {
        let two = qualifier == 2;
        let width = if two { SIDE_V2 } else { SIDE_V1 };
        // A DSR without room for the destination half is legal; that half is zero then.
        let empty = TcpSide { maxseg: two.then_some((0, 0)), ..TcpSide::default() };
        Some(TcpPerf {
            status: wire::be32(b, 4)?,
            state: wire::be32(b, 8)?,
            options: wire::be32(b, 12)?,
            syn_ack_usec: wire::be32(b, 16)?,
            ack_data_usec: wire::be32(b, 20)?,
            src: TcpSide::parse(b, 24, two)?,
            dst: TcpSide::parse(b, 24 + width, two).unwrap_or(empty),
        })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.be32s([self.status, self.state, self.options, self.syn_ack_usec, self.ack_data_usec]);
        self.src.emit(out);
        self.dst.emit(out);
    }
}
