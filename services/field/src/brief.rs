//! The everyday flow read in one go: TCP, UDP or ICMP over IP, as a sensor writes it, with nothing unusual about it.
//!
//! It says what [`crate::Row`] would say. Whatever it does not know how to read is left to that.

use record::dsr::flow::{self, address, kind};
use record::dsr::network::{status, subtype};
use record::dsr::time::Time;
use record::{Cause, Counters, Index, Kind, Metric, RecordView, Stamp, Times};

use crate::row::Side;

pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const ICMP: u8 = 1;

/// Octets of an IPv4 and an IPv6 key.
const KEY_4: usize = 20;
const KEY_6: usize = 44;
/// Octets of a MAC DSR.
const MAC_LEN: usize = 20;
/// Bits of the qualifier of IPATTR that say that options or fragments were seen.
const REMARKABLE: u8 = 0x3C;
/// Octets of one side of the full TCP state, without and with maximum segment sizes.
const SIDES: [usize; 2] = [48, 52];
/// Where the source's side begins in it.
const SIDE: usize = 24;
/// Octets of the state of a TCP flow of one packet.
const INIT: usize = 20;

/// Addresses of both ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ends {
    V4([u32; 2]),
    V6([[u8; 16]; 2]),
}

/// TCP's state, as far as columns ask for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TcpBrief {
    pub status: u32,
    /// Whether octets of either side's sequence space were not seen.
    pub gap: bool,
}

/// An everyday flow in true direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Brief {
    /// First and last packet: seconds and microseconds.
    pub start: (u32, u32),
    pub last: (u32, u32),
    pub protocol: u8,
    pub ends: Ends,
    /// Of ICMP, code and type, and the identifier.
    pub ports: [u16; 2],
    pub src: Counters,
    pub dst: Counters,
    /// Of TCP only, which always has it here.
    pub tcp: Option<TcpBrief>,
    pub cause: u8,
    /// Below IP: marks of a MAC DSR that several addresses were seen.
    pub many_macs: bool,
    /// Encapsulations of both sides.
    pub encapsulations: u32,
}

#[inline]
fn word(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..)?.first_chunk().map(|&word| u32::from_be_bytes(word))
}

impl Brief {
    /// Reads a record; `None` when there is anything about it that takes a longer look.
    #[inline]
    pub(crate) fn of(view: &RecordView<'_>) -> Option<Brief> {
        let header = view.header();
        let odd = [Index::Icmp, Index::Cor].iter().any(|&index| view.has(index));
        if header.kind != Kind::Flow || header.cause == Cause::Error || view.is_turned() || odd {
            return None;
        }
        let (protocol, ends, ports) = key(view.dsr(Index::Flow)?)?;
        let metric = Metric::parse(view.dsr(Index::Metric)?)?;
        let (start, last) = times(view.dsr(Index::Time)?, &metric)?;
        let state = view.dsr(Index::Network);
        let tcp = match (protocol, state) {
            (TCP, Some(state)) => Some(tcp(state, &metric)?),
            (UDP, None | Some([_, 0, _, _])) => None,
            (ICMP, None | Some([_, 0 | subtype::ICMP, ..])) => None,
            _ => return None,
        };
        if view.dsr(Index::IpAttr).is_some_and(|attributes| attributes[2] & REMARKABLE != 0) {
            return None;
        }
        let encapsulations = view.dsr(Index::Encaps)?;
        Some(Brief {
            start,
            last,
            protocol,
            ends,
            ports,
            src: metric.src,
            dst: metric.dst,
            tcp,
            cause: header.cause.nibble(),
            many_macs: view.dsr(Index::Mac).is_some_and(|mac| mac.len() >= MAC_LEN && mac[2] & 3 != 0),
            encapsulations: word(encapsulations, 4)? | word(encapsulations, 8)?,
        })
    }
}

/// Protocol, addresses and ports.
#[inline]
fn key(key: &[u8]) -> Option<(u8, Ends, [u16; 2])> {
    let &[_, subtype, qualifier, _, ..] = key else { return None };
    let reversed = subtype & flow::REVERSE != 0;
    if matches!(subtype & 0x3f, kind::ARP | kind::LAYER_3_MATRIX) || qualifier & flow::FRAGMENT != 0 {
        return None;
    }
    let exchanged = |[src, dst]: [u16; 2]| if reversed { [dst, src] } else { [src, dst] };
    let pair = |at: usize| Some(u16::from_be_bytes(*key.get(at..)?.first_chunk()?));
    match qualifier & 0x1f {
        address::IPV4 => {
            let key: &[u8; KEY_4] = key.first_chunk()?;
            let (src, dst) = (word(key, 4)?, word(key, 8)?);
            let ends = Ends::V4(if reversed { [dst, src] } else { [src, dst] });
            match key[12] {
                protocol @ (TCP | UDP) => Some((protocol, ends, exchanged([pair(14)?, pair(16)?]))),
                // They belong to neither end, and lie there in the order of the sensor's memory.
                ICMP => Some((ICMP, ends, [pair(14)?.swap_bytes(), pair(16)?.swap_bytes()])),
                _ => None,
            }
        }
        address::IPV6 => {
            let key: &[u8; KEY_6] = key.first_chunk()?;
            let (src, dst) = (*key[4..].first_chunk()?, *key[20..].first_chunk()?);
            let ends = Ends::V6(if reversed { [dst, src] } else { [src, dst] });
            let protocol = Some(key[36]).filter(|protocol| matches!(*protocol, TCP | UDP))?;
            Some((protocol, ends, exchanged([pair(40)?, pair(42)?])))
        }
        _ => None,
    }
}

/// First and last packet of one absolute stamp or two, without sides.
#[inline]
fn times(time: &[u8], metric: &Metric) -> Option<((u32, u32), (u32, u32))> {
    let (first, last) = Time::plain(time)?;
    // A lone packet has the time of the end.
    let lone = matches!((metric.src.packets, metric.dst.packets), (1, 0) | (0, 1));
    Some((if lone { last } else { first }, last))
}

/// State of TCP, whole or of one packet.
#[inline]
fn tcp(state: &[u8], metric: &Metric) -> Option<TcpBrief> {
    let &[_, form, qualifier, _, ..] = state else { return None };
    match form {
        subtype::TCP_INIT if state.len() >= INIT => Some(TcpBrief { status: word(state, 4)?, gap: false }),
        subtype::TCP_PERF => {
            let width = SIDES[usize::from(qualifier == 2)];
            let sides = state.get(SIDE..SIDE + 2 * width)?;
            let gap = |side: &[u8], packets: u64| -> Option<bool> {
                let (seqbase, seq) = (word(side, 12)?, word(side, 16)?);
                let (octets, again) = (word(side, 28)?, word(side, 32)?);
                let missing = seq.wrapping_sub(seqbase).wrapping_sub(octets) as i32;
                let gap = again == 0 && packets > 0 && missing > 1;
                // Merging forgets where a side began: that is looked at properly.
                (!gap || seqbase != 0).then_some(gap)
            };
            let (src, dst) = sides.split_at(width);
            let gap = gap(src, metric.src.packets)? || gap(dst, metric.dst.packets)?;
            Some(TcpBrief { status: word(state, 4)?, gap })
        }
        _ => None,
    }
}

impl Brief {
    /// Counters of one side.
    #[inline]
    pub(crate) fn counters(&self, side: Side) -> Counters {
        match side {
            Side::Src => self.src,
            Side::Dst => self.dst,
        }
    }

    /// Times by side, as [`record::Times`] resolves them (record-format chapter, section 7.3).
    pub(crate) fn times(&self) -> Times {
        let stamp = |(seconds, micros)| Stamp::from_sec_usec(seconds, micros);
        let (start, last) = (stamp(self.start), stamp(self.last));
        let range = Some((start, last));
        match (self.src.packets, self.dst.packets) {
            (0, 0) => Times { src: range, dst: None },
            (1, 1) => Times { src: Some((start, start)), dst: Some((last, last)) },
            (_, 0) => Times { src: range, dst: None },
            (0, _) => Times { src: None, dst: range },
            _ => Times { src: range, dst: range },
        }
    }

    /// The nine remarks. `letter` names an encapsulation.
    #[inline]
    pub(crate) fn flags(&self, letter: impl Fn(u32) -> u8) -> [u8; 9] {
        let mut text = [b' '; 9];
        text[1] = match self.encapsulations.count_ones() {
            _ if self.many_macs => b'M',
            0 => b' ',
            1 => letter(self.encapsulations),
            _ => b'*',
        };
        let Some(tcp) = self.tcp else { return text };
        let pair = |src: u32, dst: u32, letters: [u8; 4]| {
            letters[usize::from(tcp.status & src != 0) | usize::from(tcp.status & dst != 0) << 1]
        };
        text[3] = pair(status::SRC_PKTS_RETRANS, status::DST_PKTS_RETRANS, *b" sd*");
        if matches!(self.ends, Ends::V4(_)) {
            if text[3] == b' ' {
                text[3] = if tcp.gap {
                    b'g'
                } else {
                    pair(status::SRC_OUTOFORDER, status::DST_OUTOFORDER, *b" ir&")
                };
            }
            text[4] = pair(status::SRC_WINDOW_SHUT, status::DST_WINDOW_SHUT, *b" SD@");
            text[5] = pair(status::SRC_CONGESTED, status::DST_CONGESTED, *b" xtE");
        }
        text
    }

    /// The arrow.
    #[inline]
    pub(crate) fn direction(&self) -> [u8; 3] {
        let sides = (self.src.packets > 0, self.dst.packets > 0);
        match self.tcp {
            Some(tcp) if tcp.status & (status::SAW_SYN | status::SAW_SYN_SENT) != 0 => *b" ->",
            Some(_) => match sides {
                (true, true) => *b"<?>",
                (true, false) => *b" ?>",
                (false, true) => *b"<? ",
                (false, false) => *b" ? ",
            },
            None => match sides {
                (true, true) => *b"<->",
                (true, false) => *b" ->",
                (false, true) => *b"<- ",
                (false, false) => *b"   ",
            },
        }
    }

    /// The state in a word of TCP and UDP.
    #[inline]
    pub(crate) fn state(&self) -> [u8; 3] {
        const START: u8 = 0x1;
        const TIMEOUT: u8 = 0x4;
        let (src, dst) = (self.src.packets > 0, self.dst.packets > 0);
        let Some(TcpBrief { status: word, .. }) = self.tcp else {
            return match (src, dst) {
                (true, true) => *b"CON",
                (false, true) => *b"RSP",
                _ if self.cause & START != 0 => *b"INT",
                _ => *b"REQ",
            };
        };
        if word & (status::SRC_RESET | status::DST_RESET) != 0 {
            *b"RST"
        } else if word & (status::FIN | status::FIN_ACK) != 0 {
            *b"FIN"
        } else if word & status::NORMAL_CLOSE != 0 {
            *b"CLO"
        } else if self.cause & TIMEOUT != 0 {
            *b"TIM"
        } else if word & status::CON_ESTABLISHED != 0 {
            *b"CON"
        } else if word & status::SAW_SYN_SENT != 0 {
            *b"ACC"
        } else if word & status::SAW_SYN != 0 {
            *b"REQ"
        } else if word != 0 || (src && dst) {
            *b"CON"
        } else {
            *b"INT"
        }
    }
}
