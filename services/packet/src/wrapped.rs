//! Links whose own header is followed by another link's: captures that say of each packet where it came from, switch tags,
//! preambles.

use crate::bytes::{array_at, rest, u8_at, u16_at, u32_at};
use crate::ethernet::ETHERTYPE_IPV6;
use crate::link::{Dissector, LinkType, Walk};
use crate::summary::{Encapsulation, Ethernet};

/// A 32-bit number in the order of an x86 or ARM machine.
fn little(data: &[u8], at: usize) -> Option<usize> {
    array_at(data, at).and_then(|octets| usize::try_from(u32::from_le_bytes(octets)).ok())
}

impl<'a> Walk<'a> {
    /// A frame of `link` within another link's.
    fn link_within(&mut self, link: usize, frame: &'a [u8]) {
        let Ok(number) = i32::try_from(link) else { return self.unnamed() };
        if !self.enter() {
            return self.unnamed();
        }
        let wire = self.wire_after(frame);
        Dissector::new(LinkType(number), self.rules).other_link(frame, wire, self);
        // The inner link takes its header off the whole frame's length.
        let taken = self.wire_length.saturating_sub(self.summary.length);
        self.summary.length = wire.saturating_sub(taken);
    }

    /// Per-packet information: version, flags, length, link type, all little-endian.
    pub fn per_packet_information(&mut self, frame: &'a [u8]) {
        let length = array_at(frame, 2).map(u16::from_le_bytes);
        match (length, little(frame, 4)) {
            (Some(length), Some(link)) if length >= 8 => {
                self.link_within(link, rest(frame, usize::from(length)))
            }
            _ => self.unnamed(),
        }
    }

    /// Apple's packet tap: length of the header, 1 for a packet, link type, in the order of the machine.
    pub fn packet_tap(&mut self, frame: &'a [u8]) {
        match (little(frame, 0), little(frame, 4), little(frame, 8)) {
            (Some(length @ 108..=4096), Some(1), Some(link @ 0..=0xffff)) => {
                self.link_within(link, rest(frame, length));
            }
            _ => self.unnamed(),
        }
    }

    /// Linux netfilter log: family, version, resource, then attributes with their lengths in the order of the machine.
    pub fn netfilter_log(&mut self, frame: &'a [u8]) {
        const PAYLOAD: u16 = 9;
        let mut at = 4;
        while let (Some(length), Some(kind)) = (array_at::<2>(frame, at), array_at::<2>(frame, at + 2)) {
            let (mut length, mut kind) = (u16::from_le_bytes(length), u16::from_le_bytes(kind));
            if kind > 0xff {
                (length, kind) = (length.swap_bytes(), kind.swap_bytes());
            }
            let length = usize::from(length);
            if length < 4 {
                break;
            }
            if kind == PAYLOAD {
                return self.ip_by_version(rest(frame, at + 4));
            }
            at += (length + 3) & !3;
        }
        self.unnamed();
    }

    /// Solaris IP observability: 24 octets, the second the family.
    pub fn observed_ip(&mut self, frame: &'a [u8]) {
        match u8_at(frame, 1) {
            Some(2 | 26) => self.ip_by_version(rest(frame, 24)),
            _ => self.unnamed(),
        }
    }

    /// IP over InfiniBand: 40 octets of a route header, EtherType, 2 reserved.
    pub fn infiniband(&mut self, frame: &'a [u8]) {
        match u16_at(frame, 40) {
            Some(ethertype) => self.without_addresses(ethertype, rest(frame, 44)),
            None => self.unnamed(),
        }
    }

    /// What an EtherType announces on a link without Ethernet addresses.
    pub fn without_addresses(&mut self, ethertype: u16, data: &'a [u8]) {
        self.summary.ethernet = Some(Ethernet { ethertype, ..Ethernet::default() });
        self.protocol(ethertype, data);
    }

    /// A switch tag of `octets` between the addresses and the EtherType.
    pub fn switch_tag(&mut self, octets: usize, frame: &'a [u8]) {
        let (Some(destination), Some(source), Some(ethertype)) =
            (array_at(frame, 0), array_at(frame, 6), u16_at(frame, 12 + octets))
        else {
            return self.unnamed();
        };
        self.summary.encapsulation.add(Encapsulation::ETHERNET);
        self.summary.ethernet = Some(Ethernet { destination, source, ethertype });
        self.protocol(ethertype, rest(frame, 14 + octets));
    }

    /// DOCSIS: frame control, parameter, length, extended header, check sequence; type 0 carries an Ethernet frame.
    pub fn cable(&mut self, frame: &'a [u8]) {
        match (u8_at(frame, 0), u8_at(frame, 1)) {
            (Some(control), Some(extended)) if control & 0xc0 == 0 => {
                self.ethernet(rest(frame, 6 + if control & 1 != 0 { usize::from(extended) } else { 0 }));
            }
            _ => self.unnamed(),
        }
    }

    /// The records of an Endace card: type, 16 octets in all, extensions while the first bit says so.
    pub fn endace(&mut self, frame: &'a [u8]) {
        let Some(kind) = u8_at(frame, 8) else { return self.unnamed() };
        let mut at = 16;
        let mut more = kind & 0x80 != 0;
        while more {
            more = u8_at(frame, at).is_some_and(|octet| octet & 0x80 != 0);
            at += 8;
        }
        match kind & 0x7f {
            2 | 11 | 16 | 20 => self.ethernet(rest(frame, at + 2)),
            1 | 5 | 12 | 15 | 17 => crate::ppp::serial(self, rest(frame, at)),
            22 => self.ip_by_version(rest(frame, at)),
            23 => self.protocol(ETHERTYPE_IPV6, rest(frame, at)),
            _ => self.unnamed(),
        }
    }

    /// AX.25: addresses of 7 octets, the last one with its low bit set; control 3, then the protocol.
    pub fn amateur_radio(&mut self, frame: &'a [u8]) {
        const ADDRESSES: usize = 10;
        let Some(last) =
            (0..ADDRESSES).find(|at| u8_at(frame, at * 7 + 6).is_some_and(|octet| octet & 1 != 0))
        else {
            return self.unnamed();
        };
        let data = rest(frame, (last + 1) * 7);
        match (u8_at(data, 0), u8_at(data, 1)) {
            (Some(3), Some(0xcc)) => self.ip_by_version(rest(data, 2)),
            (Some(3), Some(0xcd)) => self.without_addresses(0x0806, rest(data, 2)),
            _ => self.unnamed(),
        }
    }

    /// Juniper's captures: "MGC", flags, extensions where the flags say so. What follows depends on the interface card,
    /// whose cookie has 0 to 8 octets.
    pub fn juniper_card(&mut self, frame: &'a [u8]) {
        if !frame.starts_with(b"MGC") {
            return self.unnamed();
        }
        let flags = u8_at(frame, 3).unwrap_or(0);
        let extensions = if flags & 0x80 != 0 { 2 + usize::from(u16_at(frame, 4).unwrap_or(0)) } else { 0 };
        let data = rest(frame, 4 + extensions);
        for skip in [0, 1, 2, 3, 4, 5, 6, 8, 9, 12] {
            let inner = rest(data, skip);
            if inner.starts_with(&[0xaa, 0xaa, 3]) || inner.starts_with(&[0xfe, 0xfe, 3]) {
                return self.llc(inner);
            }
            if self.looks_like_ip(inner) {
                return self.ip_by_version(inner);
            }
            if matches!(u16_at(inner, 12), Some(0x0800 | 0x86dd)) && self.looks_like_ip(rest(inner, 14)) {
                return self.ethernet(inner);
            }
        }
        self.unnamed();
    }

    /// An ATM driver's header of four octets, the first one's low half: 1 a LAN emulation frame, 2 LLC.
    pub fn sun_atm(&mut self, frame: &'a [u8]) {
        match u32_at(frame, 0).map(|word| word >> 24 & 15) {
            Some(1) => self.ethernet(rest(frame, 6)),
            Some(2) => self.llc(rest(frame, 4)),
            _ => self.unnamed(),
        }
    }
}
