//! The packets that a super-packet was made of.
//!
//! Receive offloads (GRO, LRO) join the segments of a flow before anybody sees them, and send offloads (TSO, GSO) split
//! them after everybody did. The wire carries segments: each of them is counted, with the headers that it has or will
//! have, as the kernel's own segmentation makes them (RFC 9293 for the sequence numbers; flags that end a burst on its
//! last segment, CWR on its first).

use packetring::Offload;

/// Headers that carry a length, from the outermost on.
const MAX_LENGTHS: usize = 8;

#[derive(Clone, Copy)]
enum Length {
    /// IPv4 header at this offset: total length and identification.
    Ipv4(usize),
    /// IPv6 header at this offset: payload length.
    Ipv6(usize),
    /// UDP header at this offset.
    Udp(usize),
}

/// Where the headers of a frame are.
struct Layout {
    lengths: [Option<Length>; MAX_LENGTHS],
    count: usize,
    /// Offset of the TCP header, when there is one.
    tcp: Option<usize>,
    /// Where the payload begins.
    payload: usize,
    /// A hop-by-hop header that only tells the length of the super-packet, which its segments do not have.
    jumbo: Option<usize>,
}

/// Makes segments, in a buffer that it keeps.
#[derive(Default)]
pub struct Segments {
    headers: Vec<u8>,
    frame: Vec<u8>,
}

impl Segments {
    /// Gives each segment of a super-packet to `take`: what was captured of it, and its length on the wire. A frame that
    /// is no such thing is given as it is. `frame` is what was captured of the super-packet and `length` its length.
    pub fn each(&mut self, frame: &[u8], length: u32, offload: Offload, mut take: impl FnMut(&[u8], u32)) {
        let Some(mut layout) = Layout::of(frame, offload.udp) else { return take(frame, length) };
        self.headers.clear();
        self.headers.extend_from_slice(frame.get(..layout.payload).unwrap_or(frame));
        let begin = layout.payload;
        let mut length = length as usize;
        if let Some(at) = layout.jumbo {
            if at + 8 > self.headers.len() || length < begin {
                return take(frame, length as u32);
            }
            layout.without_jumbo(at, &mut self.headers);
            length -= 8;
        }
        let Some(payload) = length.checked_sub(layout.payload) else { return take(frame, length as u32) };
        let size = usize::from(offload.size);
        if payload <= size && layout.jumbo.is_none() {
            return take(frame, length as u32);
        }
        let captured = frame.get(begin..).unwrap_or_default();
        let count = payload.div_ceil(size).max(1);
        for number in 0..count {
            let done = number * size;
            let part = size.min(payload - done);
            self.frame.clear();
            self.frame.extend_from_slice(&self.headers);
            let wire = layout.payload + part;
            layout.mend(&mut self.frame, wire, number, count, done);
            let data = captured.get(done..).unwrap_or_default();
            let room = frame.len().saturating_sub(self.frame.len());
            self.frame.extend_from_slice(data.get(..part.min(data.len()).min(room)).unwrap_or_default());
            take(&self.frame, u32::try_from(wire).unwrap_or(u32::MAX));
        }
    }
}

impl Layout {
    /// Finds the headers of a frame that carries TCP, or UDP, at last; `None` when it does not, as far as is known.
    fn of(frame: &[u8], udp: bool) -> Option<Layout> {
        let mut layout =
            Layout { lengths: [None; MAX_LENGTHS], count: 0, tcp: None, payload: 0, jumbo: None };
        layout.ethernet(frame, 0, udp)?;
        Some(layout)
    }

    fn length(&mut self, length: Length) -> Option<()> {
        *self.lengths.get_mut(self.count)? = Some(length);
        self.count += 1;
        Some(())
    }

    fn ethernet(&mut self, frame: &[u8], at: usize, udp: bool) -> Option<()> {
        self.protocol(frame, two(frame, at + 12)?, at + 14, udp)
    }

    /// What an EtherType announces.
    fn protocol(&mut self, frame: &[u8], mut kind: u16, mut at: usize, udp: bool) -> Option<()> {
        for _ in 0..4 {
            match kind {
                0x8100 | 0x88a8 | 0x9100 => {
                    kind = two(frame, at + 2)?;
                    at += 4;
                }
                0x8847 | 0x8848 => {
                    while one(frame, at + 2)? & 1 == 0 {
                        at += 4;
                    }
                    at += 4;
                    kind = if one(frame, at)? >> 4 == 6 { 0x86dd } else { 0x0800 };
                }
                0x0800 => return self.ipv4(frame, at, udp),
                0x86dd => return self.ipv6(frame, at, udp),
                0x6558 => return self.ethernet(frame, at, udp),
                _ => return None,
            }
        }
        None
    }

    fn ipv4(&mut self, frame: &[u8], at: usize, udp: bool) -> Option<()> {
        self.length(Length::Ipv4(at))?;
        let header = usize::from(one(frame, at)? & 15) * 4;
        if header < 20 || two(frame, at + 6)? & 0x3fff != 0 {
            return None;
        }
        self.upper(frame, one(frame, at + 9)?, at + header, udp)
    }

    fn ipv6(&mut self, frame: &[u8], at: usize, udp: bool) -> Option<()> {
        self.length(Length::Ipv6(at))?;
        let mut next = one(frame, at + 6)?;
        let mut header = at + 40;
        if next == 0 && two(frame, at + 4)? == 0 && one(frame, header + 2)? == 0xc2 {
            self.jumbo = Some(header);
        }
        for _ in 0..4 {
            if !matches!(next, 0 | 43 | 60) {
                break;
            }
            next = one(frame, header)?;
            header += (usize::from(one(frame, header + 1)?) + 1) * 8;
        }
        self.upper(frame, next, header, udp)
    }

    /// What an IP header announces.
    fn upper(&mut self, frame: &[u8], protocol: u8, at: usize, udp: bool) -> Option<()> {
        match protocol {
            6 if !udp => {
                let header = usize::from(one(frame, at + 12)? >> 4) * 4;
                self.tcp = Some(at);
                self.payload = at + header;
                (header >= 20).then_some(())
            }
            17 if udp => {
                self.length(Length::Udp(at))?;
                self.payload = at + 8;
                Some(())
            }
            4 => self.ipv4(frame, at, udp),
            41 => self.ipv6(frame, at, udp),
            47 => {
                let flags = two(frame, at)?;
                let options = [0x8000, 0x2000, 0x1000].iter().filter(|&&bit| flags & bit != 0).count();
                self.protocol(frame, two(frame, at + 2)?, at + 4 + 4 * options, udp)
            }
            17 => {
                self.length(Length::Udp(at))?;
                match two(frame, at + 2)? {
                    4789 | 8472 => self.ethernet(frame, at + 16, udp),
                    6081 => {
                        let options = usize::from(one(frame, at + 8)? & 0x3f) * 4;
                        self.protocol(frame, two(frame, at + 10)?, at + 16 + options, udp)
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Takes the hop-by-hop header at `at` out of the headers.
    fn without_jumbo(&mut self, at: usize, headers: &mut Vec<u8>) {
        let next = one(headers, at);
        headers.drain(at..at + 8);
        if let (Some(next), Some(field)) = (next, headers.get_mut(at - 40 + 6)) {
            *field = next;
        }
        let moved = |offset: &mut usize| {
            if *offset > at {
                *offset -= 8;
            }
        };
        self.tcp.iter_mut().for_each(moved);
        moved(&mut self.payload);
        for length in self.lengths.iter_mut().flatten() {
            match length {
                Length::Ipv4(offset) | Length::Ipv6(offset) | Length::Udp(offset) => moved(offset),
            }
        }
    }

    /// Makes the headers of a super-packet those of its segment `number` of `count`, with `done` octets before it.
    fn mend(&self, frame: &mut [u8], wire: usize, number: usize, count: usize, done: usize) {
        let word = |value: usize| u16::try_from(value).unwrap_or(0).to_be_bytes();
        for length in self.lengths.iter().flatten() {
            match *length {
                Length::Ipv4(at) => {
                    put(frame, at + 2, word(wire - at));
                    let (id, flags) = (two(frame, at + 4).unwrap_or(0), one(frame, at + 6).unwrap_or(0));
                    // Hosts that never fragment may send no identification at all.
                    if id != 0 || flags & 0x40 == 0 {
                        put(frame, at + 4, id.wrapping_add(number as u16).to_be_bytes());
                    }
                }
                Length::Ipv6(at) => put(frame, at + 4, word(wire.saturating_sub(at + 40))),
                Length::Udp(at) => put(frame, at + 4, word(wire - at)),
            }
        }
        let Some(tcp) = self.tcp else { return };
        let sequence = frame.get(tcp + 4..).and_then(|rest| rest.first_chunk()).copied();
        if let Some(sequence) = sequence.map(u32::from_be_bytes) {
            put(frame, tcp + 4, sequence.wrapping_add(done as u32).to_be_bytes());
        }
        const FIN_PSH: u8 = 0x09;
        const CWR: u8 = 0x80;
        if let Some(flags) = frame.get_mut(tcp + 13) {
            if number + 1 < count {
                *flags &= !FIN_PSH;
            }
            if number > 0 {
                *flags &= !CWR;
            }
        }
    }
}

fn one(frame: &[u8], at: usize) -> Option<u8> {
    frame.get(at).copied()
}

fn two(frame: &[u8], at: usize) -> Option<u16> {
    frame.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}

fn put<const N: usize>(frame: &mut [u8], at: usize, octets: [u8; N]) {
    if let Some(place) = frame.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *place = octets;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use packet::{Dissector, LinkType, Network, Rules, Transport};

    const TCP: Offload = Offload { size: 1000, udp: false };

    /// An Ethernet frame with an IPv4 or IPv6 header and `data` octets of TCP payload.
    fn tcp(version: u8, data: usize) -> Vec<u8> {
        let mut frame = vec![2; 12];
        let total = 20 + data as u16;
        if version == 4 {
            frame.extend([8, 0, 0x45, 0]);
            frame.extend((20 + total).to_be_bytes());
            frame.extend([0xff, 0xff, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
        } else {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            frame.extend(total.to_be_bytes());
            frame.extend([6, 64]);
            frame.extend([0x20; 32]);
        }
        frame.extend([0, 80, 0x30, 0x39, 0xff, 0xff, 0xff, 0, 0, 0, 0, 9, 0x50, 0x99, 1, 0, 0, 0, 0, 0]);
        frame.extend((0..data).map(|i| (i / 1000) as u8));
        frame
    }

    fn segments(frame: &[u8], length: u32, offload: Offload) -> Vec<(Vec<u8>, u32)> {
        let mut all = Vec::new();
        Segments::default().each(frame, length, offload, |frame, length| all.push((frame.to_vec(), length)));
        all
    }

    /// Sequence number, flags and payload as the dissector finds them.
    fn seen(frame: &[u8], length: u32) -> (u32, u8, i32, u16) {
        let summary = Dissector::new(LinkType::ETHERNET, Rules::default()).dissect(frame, length);
        let Network::Ip(ip) = summary.network else { panic!("{:?}", summary.network) };
        let Transport::Tcp(tcp) = ip.transport else { panic!("{ip:?}") };
        (tcp.sequence, tcp.flags.0, tcp.payload, ip.id)
    }

    #[test]
    fn segments_have_their_own_headers() {
        for version in [4, 6] {
            let frame = tcp(version, 2500);
            let all = segments(&frame, frame.len() as u32, TCP);
            let head = frame.len() - 2500;
            assert_eq!(all.iter().map(|s| s.1 as usize - head).collect::<Vec<_>>(), [1000, 1000, 500]);
            let read: Vec<_> = all.iter().map(|s| seen(&s.0, s.1)).collect();
            let flags: Vec<u8> = read.iter().map(|s| s.1).collect();
            // CWR ACK, ACK, PSH ACK FIN.
            assert_eq!(flags, [0x90, 0x10, 0x19]);
            assert_eq!(read.iter().map(|s| s.0).collect::<Vec<_>>(), [0xffff_ff00, 0x2e8, 0x6d0]);
            assert_eq!(read.iter().map(|s| s.2).collect::<Vec<_>>(), [1000, 1000, 500]);
            if version == 4 {
                assert_eq!(read.iter().map(|s| s.3).collect::<Vec<_>>(), [0xffff, 0, 1]);
            }
            for (number, (octets, length)) in all.iter().enumerate() {
                assert_eq!(octets.len(), *length as usize);
                assert!(octets[head..].iter().all(|&octet| usize::from(octet) == number));
            }
        }
    }

    #[test]
    fn what_was_cut_off_stays_cut_off() {
        let frame = tcp(4, 5000);
        let all = segments(&frame[..96], frame.len() as u32, TCP);
        assert_eq!(all.len(), 5);
        assert_eq!(all[0].0.len(), 96);
        assert_eq!(all[1].0.len(), 54);
        assert!(all.iter().all(|s| s.1 == 1054 && seen(&s.0, s.1).2 == 1000));
    }

    #[test]
    fn tags_tunnels_and_jumbo_packets() {
        let inner = tcp(4, 1500);
        // A VLAN tag, then IPv4 in GRE in IPv4.
        let mut outer = vec![2; 12];
        outer.extend([0x81, 0, 0, 5, 8, 0, 0x45, 0]);
        outer.extend((24 + inner.len() as u16 - 14).to_be_bytes());
        outer.extend([0, 0, 0, 0, 64, 47, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0, 0, 8, 0]);
        let head = outer.len() + 40;
        outer.extend(&inner[14..]);
        let all = segments(&outer, outer.len() as u32, TCP);
        assert_eq!(all.iter().map(|s| s.1 as usize - head).collect::<Vec<_>>(), [1000, 500]);
        let first = &all[0].0;
        assert_eq!(two(first, 18 + 2).unwrap() as usize, first.len() - 18);
        assert_eq!(two(first, 18 + 24 + 2).unwrap() as usize, first.len() - 18 - 24);
        // A hop-by-hop header that tells the length is gone from the segments.
        let mut jumbo = tcp(6, 70_000);
        (jumbo[18], jumbo[19], jumbo[20]) = (0, 0, 0);
        jumbo.splice(54..54, [6, 0, 0xc2, 4, 0, 1, 0x11, 0x84]);
        let all = segments(&jumbo, jumbo.len() as u32, TCP);
        assert_eq!(all.len(), 70);
        assert!(all.iter().all(|s| s.1 == 1074 && seen(&s.0, s.1).2 == 1000));
    }

    #[test]
    fn datagrams() {
        let mut frame = tcp(4, 2100);
        frame[23] = 17;
        let all = segments(&frame, frame.len() as u32, Offload { size: 1000, udp: true });
        // What was a TCP header is payload now.
        assert_eq!(all.iter().map(|s| s.1 - 42).collect::<Vec<_>>(), [1000, 1000, 112]);
        assert!(all.iter().all(|s| u32::from(two(&s.0, 38).unwrap()) == s.1 - 34));
    }

    #[test]
    fn whatever_comes_the_octets_add_up() {
        use proptest::prelude::*;
        proptest!(|(
            octets in prop::collection::vec(any::<u8>(), 0..300),
            kind in prop_oneof![Just(0x0800u16), Just(0x86dd), Just(0x8100), Just(0x8847), any::<u16>()],
            more in 0..70_000u32, size in 1..=u16::MAX, udp: bool,
        )| {
            let mut frame = octets;
            put(&mut frame, 12, kind.to_be_bytes());
            let length = frame.len() as u32 + more;
            let size = size.max(8);
            let (mut count, mut sum) = (0u64, 0u64);
            Segments::default().each(&frame, length, Offload { size, udp }, |part, length| {
                assert!(part.len() <= frame.len().max(1) && part.len() <= length as usize || count == 0);
                count += 1;
                sum += u64::from(length);
            });
            prop_assert!(count > 0);
            prop_assert!(sum + 8 >= u64::from(length));
        });
    }
}
