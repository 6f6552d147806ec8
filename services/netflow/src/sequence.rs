//! Sequence numbers of exporters: what a gap says was lost on the way (chapter 1.4).

use std::collections::HashMap;
use std::net::IpAddr;

/// Streams whose next number is kept; of more, gaps are not noticed.
const MAX_STREAMS: usize = 4096;

/// Where numbers go on: an exporter's engine, source or domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stream {
    pub address: IpAddr,
    pub version: u16,
    /// Port of an IPFIX exporter.
    pub port: u16,
    /// Engine type and id, source id, observation domain.
    pub domain: u32,
}

/// What is expected of a stream.
#[derive(Clone, Copy, Debug)]
struct Next {
    /// Unset after a datagram whose flows could not be counted.
    number: Option<u32>,
    /// Milliseconds since the device started, where datagrams tell.
    uptime: Option<u32>,
}

/// The next numbers of all streams.
#[derive(Debug, Default)]
pub(crate) struct Sequences {
    streams: HashMap<Stream, Next>,
}

impl Sequences {
    /// Takes a datagram's number, and how many numbers it stands for unless that is not known. Returns how many were
    /// missed before it; none when the device was started anew, or when an old datagram came late.
    pub fn take(&mut self, stream: Stream, number: u32, units: Option<u32>, uptime: Option<u32>) -> u32 {
        let next = Next { number: units.map(|units| number.wrapping_add(units)), uptime };
        if self.streams.len() >= MAX_STREAMS && !self.streams.contains_key(&stream) {
            return 0;
        }
        let Some(known) = self.streams.insert(stream, next) else { return 0 };
        let restarted = matches!((known.uptime, uptime), (Some(before), Some(now)) if now < before);
        let missed = known.number.map_or(0, |expected| number.wrapping_sub(expected));
        if restarted || missed >= 1 << 31 { 0 } else { missed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const STREAM: Stream =
        Stream { address: IpAddr::V4(Ipv4Addr::LOCALHOST), version: 5, port: 0, domain: 0 };

    #[test]
    fn gaps_restarts_and_wraps() {
        let mut sequences = Sequences::default();
        let mut take = |number, units, uptime| sequences.take(STREAM, number, units, Some(uptime));
        assert_eq!(take(u32::MAX - 4, Some(3), 1), 0);
        assert_eq!(take(u32::MAX - 1, Some(2), 2), 0, "follows");
        assert_eq!(take(10, Some(1), 3), 10, "wrapped");
        assert_eq!(take(5, Some(1), 3), 0, "late");
        assert_eq!(take(100, Some(1), 1), 0, "started anew");
        assert_eq!(take(101, None, 2), 0);
        assert_eq!(take(500, Some(1), 3), 0, "nobody knows");
        assert_eq!(take(502, Some(1), 4), 1);
    }

    #[test]
    fn streams_are_bounded_and_apart() {
        let mut sequences = Sequences::default();
        for domain in 0..10_000 {
            assert_eq!(sequences.take(Stream { domain, ..STREAM }, domain, Some(1), None), 0);
        }
        assert_eq!(sequences.streams.len(), MAX_STREAMS);
        assert_eq!(sequences.take(Stream { domain: 7, ..STREAM }, 10, Some(1), None), 2);
    }
}
