//! Link types: what a frame starts with, how many octets it counts for, where the header walk begins.

use crate::bytes::{array_at, rest, u8_at, u16_at, u32_at};
use crate::ethernet::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_MPLS};
use crate::lane::{self, Everyday};
use crate::summary::{Carrier, Encapsulation, Ethernet, FrameKey, Network, Summary, Tunnel};
use crate::{Rules, ppp, wlan};

/// A pcap link type (`DLT_*`/`LINKTYPE_*` number as a capture handle reports it).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkType(pub i32);

impl LinkType {
    /// BSD loopback, family in host order of the capturing machine.
    pub const NULL: LinkType = LinkType(0);
    /// Ethernet.
    pub const ETHERNET: LinkType = LinkType(1);
    /// Raw IPv4 or IPv6.
    pub const RAW: LinkType = LinkType(101);
    /// Linux cooked capture.
    pub const LINUX_SLL: LinkType = LinkType(113);
    /// Linux cooked capture, second version.
    pub const LINUX_SLL2: LinkType = LinkType(276);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Ethernet,
    Null,
    Loop,
    Raw,
    Sll,
    Sll2,
    Ppp,
    PppSerial,
    PppEther,
    CiscoHdlc,
    Slip(usize),
    Wlan,
    Radiotap,
    Prism,
    Avs,
    Pflog,
    Enc,
    Atm,
    Arcnet,
    Juniper,
    Fddi,
    TokenRing,
    /// A header of so many octets without meaning for the flow, then an Ethernet frame.
    EthernetBehind(usize),
    /// A direction, then PPP in HDLC framing.
    PppDirected,
    HdlcDirected,
    FrameRelay,
    FrameRelayDirected,
    Multilink,
    AtmClip,
    SunAtm,
    IpOverFibreChannel,
    IpOverFireWire,
    Firewall,
    ArcnetLinux,
    Ppi,
    Pktap,
    Nflog,
    Ipnet,
    Infiniband,
    SwitchTag(usize),
    Docsis,
    Erf,
    Ax25(usize),
    JuniperCard,
    /// One whose headers are not followed: each of its frames belongs to one flow of the link itself.
    Other,
}

/// Reads the frames of one interface or capture file.
#[derive(Clone, Copy, Debug)]
pub struct Dissector {
    link: Link,
    /// The link type as it was given.
    link_type: LinkType,
    /// Low octet of the link type: the access points in the key of a frame that nothing else names.
    number: u8,
    rules: Rules,
}

impl Dissector {
    /// A dissector for frames of `link_type`, whatever it is: a link type whose headers are not followed gives frame
    /// flows, so that its packets are counted.
    pub fn new(link_type: LinkType, rules: Rules) -> Dissector {
        let link = match link_type.0 {
            0 => Link::Null,
            1 => Link::Ethernet,
            6 => Link::TokenRing,
            7 => Link::Arcnet,
            8 | 15 => Link::Slip(16),
            16 => Link::Slip(24),
            9 => Link::Ppp,
            10 => Link::Fddi,
            11 | 100 => Link::Atm,
            12 | 14 | 101 => Link::Raw,
            228 | 229 => Link::Raw,
            3 => Link::Ax25(0),
            202 => Link::Ax25(1),
            19 | 106 => Link::AtmClip,
            99 => Link::Firewall,
            107 => Link::FrameRelay,
            122 => Link::IpOverFibreChannel,
            123 => Link::SunAtm,
            129 => Link::ArcnetLinux,
            138 => Link::IpOverFireWire,
            143 => Link::Docsis,
            // Apple captured with the second user link type before it had one of its own.
            149 | 258 => Link::Pktap,
            130..=137 | 164 | 167 | 168 | 179..=181 | 183 | 194 | 200 => Link::JuniperCard,
            166 | 204 => Link::PppDirected,
            182 => Link::Multilink,
            192 => Link::Ppi,
            197 => Link::Erf,
            205 => Link::HdlcDirected,
            206 => Link::FrameRelayDirected,
            226 => Link::Ipnet,
            239 => Link::Nflog,
            240 | 282 => Link::EthernetBehind(4),
            241 => Link::EthernetBehind(12),
            242 => Link::Infiniband,
            259 | 274 => Link::EthernetBehind(8),
            276 => Link::Sll2,
            281 | 284 => Link::SwitchTag(4),
            285 => Link::SwitchTag(8),
            50 => Link::PppSerial,
            51 => Link::PppEther,
            104 => Link::CiscoHdlc,
            105 => Link::Wlan,
            108 => Link::Loop,
            109 => Link::Enc,
            113 => Link::Sll,
            117 => Link::Pflog,
            119 => Link::Prism,
            127 => Link::Radiotap,
            163 => Link::Avs,
            178 => Link::Juniper,
            _ => Link::Other,
        };
        Dissector { link, link_type, number: link_type.0 as u8, rules }
    }

    /// The link type of the frames.
    pub fn link_type(&self) -> LinkType {
        self.link_type
    }

    /// What `frame` is. `wire_length` is the frame's length on the wire, which may exceed what was captured.
    #[inline]
    pub fn dissect<'a>(&self, frame: &'a [u8], wire_length: u32) -> Summary<'a> {
        let mut summary = Summary::default();
        self.dissect_into(frame, wire_length, &mut summary);
        summary
    }

    /// As [`Dissector::dissect`], into a place that the caller has: summaries are too large to be moved for nothing.
    /// Says so when the frame is one of those that nearly all are.
    #[inline(always)]
    pub fn dissect_into<'a>(
        &self,
        frame: &'a [u8],
        wire_length: u32,
        summary: &mut Summary<'a>,
    ) -> Option<Everyday> {
        let ethernet = self.link == Link::Ethernet && wire_length >= 14;
        let found = if ethernet { lane::take(self.rules, frame, wire_length, summary) } else { None };
        if found.is_none() {
            self.walk_into(frame, wire_length, summary);
        }
        found
    }

    /// As [`Dissector::dissect_into`], for all frames.
    #[inline(never)]
    pub(crate) fn walk_into<'a>(&self, frame: &'a [u8], wire_length: u32, summary: &mut Summary<'a>) {
        let mut walk = Walk::new(self.rules, frame, wire_length);
        self.other_link(frame, wire_length, &mut walk);
        if matches!(walk.summary.network, Network::Link(_)) {
            walk.link_flow(frame, self.number);
        }
        *summary = walk.summary;
    }

    #[inline(never)]
    pub(crate) fn other_link<'a>(&self, frame: &'a [u8], wire_length: u32, walk: &mut Walk<'a>) {
        match self.link {
            Link::Ethernet if wire_length < 14 => walk.unnamed(),
            Link::Ethernet => walk.ethernet(frame),
            Link::Null => walk.family(frame, false),
            Link::Loop => walk.family(frame, true),
            Link::Raw => walk.ip_by_version(frame),
            Link::Sll => walk.sll(frame),
            Link::Sll2 => walk.sll2(frame),
            Link::Ppp => {
                walk.summary.encapsulation.add(Encapsulation::PPP);
                walk.count_without(4);
                if self.rules.compat {
                    // Four octets are skipped, and what is not IPv4 is IPv6, whatever the protocol field says.
                    let ipv4 = u8_at(frame, 4).is_some_and(|octet| octet >> 4 == 4);
                    walk.protocol(if ipv4 { ETHERTYPE_IPV4 } else { ETHERTYPE_IPV6 }, rest(frame, 4));
                } else {
                    ppp::packet(walk, frame);
                }
            }
            Link::PppSerial => ppp::serial(walk, frame),
            Link::PppEther => walk.ppp_ether(frame),
            Link::CiscoHdlc => walk.cisco_hdlc(frame),
            Link::Slip(header) => {
                walk.summary.encapsulation.add(Encapsulation::SLIP);
                walk.count_without(header as u32);
                walk.ip_by_version(rest(frame, header));
            }
            Link::Wlan => wlan::frame(walk, frame, false),
            Link::Radiotap => walk.radio(frame, u16_at(frame, 2).map(|n| usize::from(n.swap_bytes()))),
            Link::Prism => walk.older_radio(Encapsulation::PRISM, frame, Some(144)),
            Link::Avs => {
                walk.older_radio(Encapsulation::AVS, frame, u32_at(frame, 4).map(|octets| octets as usize));
            }
            Link::Pflog => walk.pflog(frame),
            Link::Enc => {
                walk.summary.encapsulation.add(Encapsulation::ENC);
                walk.count_without(12);
                walk.ip_by_version(rest(frame, 12));
            }
            Link::Atm => {
                walk.summary.encapsulation.add(Encapsulation::ATM);
                walk.count_without(8);
                match u16_at(frame, 6) {
                    _ if !self.rules.compat => walk.llc(frame),
                    Some(ethertype) => walk.protocol(ethertype, rest(frame, 8)),
                    None => walk.unnamed(),
                }
            }
            Link::Arcnet => {
                walk.summary.encapsulation.add(Encapsulation::ARCNET);
                walk.arcnet(frame);
            }
            Link::Juniper => {
                walk.summary.encapsulation.add(Encapsulation::JUNIPER);
                walk.juniper(frame);
            }
            Link::Fddi => walk.fddi(frame),
            Link::TokenRing => walk.token_ring(frame),
            Link::EthernetBehind(octets) => walk.ethernet(rest(frame, octets)),
            Link::PppDirected => ppp::serial(walk, rest(frame, 1)),
            Link::HdlcDirected => walk.cisco_hdlc(rest(frame, 1)),
            Link::FrameRelay => walk.frame_relay(frame),
            Link::FrameRelayDirected => walk.frame_relay(rest(frame, 1)),
            Link::Multilink => walk.multilink_relay(frame),
            Link::AtmClip if frame.starts_with(&[0xaa, 0xaa, 3]) => walk.llc(frame),
            Link::AtmClip => walk.ip_by_version(frame),
            Link::SunAtm => walk.sun_atm(frame),
            // Two addresses of the fabric, then LLC (RFC 2625).
            Link::IpOverFibreChannel => walk.llc(rest(frame, 16)),
            // Two 64-bit addresses, then the EtherType.
            Link::IpOverFireWire => match u16_at(frame, 16) {
                Some(ethertype) => walk.without_addresses(ethertype, rest(frame, 18)),
                None => walk.unnamed(),
            },
            Link::Firewall => match u16_at(frame, 6) {
                Some(ethertype) => walk.without_addresses(ethertype, rest(frame, 44)),
                None => walk.unnamed(),
            },
            Link::ArcnetLinux => walk.arcnet_at(frame, 4),
            Link::Ppi => walk.per_packet_information(frame),
            Link::Pktap => walk.packet_tap(frame),
            Link::Nflog => walk.netfilter_log(frame),
            Link::Ipnet => walk.observed_ip(frame),
            Link::Infiniband => walk.infiniband(frame),
            Link::SwitchTag(octets) => walk.switch_tag(octets, frame),
            Link::Docsis => walk.cable(frame),
            Link::Erf => walk.endace(frame),
            Link::Ax25(kiss) => walk.amateur_radio(rest(frame, kiss)),
            Link::JuniperCard => walk.juniper_card(frame),
            Link::Other => walk.unnamed(),
        }
    }
}

/// Octets on the wire from the start of `data`, which lies within `frame` and reaches to its end.
#[inline(always)]
pub(crate) fn wire_behind(wire_length: u32, frame: &[u8], data: &[u8]) -> u32 {
    let before = frame.len().saturating_sub(data.len());
    wire_length.saturating_sub(before as u32)
}

/// The dissection in progress: the summary so far and what bounds the walk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk<'a> {
    pub rules: Rules,
    pub summary: Summary<'a>,
    /// The captured frame; positions of slices within it are found by [`Walk::wire_after`].
    frame: &'a [u8],
    pub wire_length: u32,
    /// Encapsulations entered so far; bounds recursion on hostile nesting.
    pub depth: u8,
    /// Octets of headers that 3.0.8 forgets when it takes the length of an IPv6 packet from its frame's; negative when it
    /// takes off too many. 0 otherwise.
    pub ipv6_fault: i32,
    /// Whether an LLC header was met, which makes the frame key's type 0.
    pub llc: Option<(u8, u8)>,
}

/// Nested encapsulations followed before the rest counts as unreadable.
pub(crate) const MAX_DEPTH: u8 = 12;

impl<'a> Walk<'a> {
    #[inline(always)]
    pub fn new(rules: Rules, frame: &'a [u8], wire_length: u32) -> Walk<'a> {
        Walk {
            rules,
            summary: Summary { length: wire_length, ..Summary::default() },
            frame,
            wire_length,
            depth: 0,
            ipv6_fault: 0,
            llc: None,
        }
    }

    /// Octets on the wire from the start of `data`, which lies within the frame, to the frame's end.
    #[inline]
    pub fn wire_after(&self, data: &[u8]) -> u32 {
        wire_behind(self.wire_length, self.frame, data)
    }

    /// Takes a link header of `octets` off the counted length.
    pub fn count_without(&mut self, octets: u32) {
        self.summary.length = self.wire_length.saturating_sub(octets);
    }

    /// Notes how far off 3.0.8 is with the length of an IPv6 packet behind a header.
    pub fn miscount(&mut self, octets: i32) {
        if self.rules.compat {
            self.ipv6_fault = self.ipv6_fault.saturating_add(octets);
        }
    }

    /// Gives up on the frame: it becomes a flow of its link.
    pub fn unnamed(&mut self) {
        self.summary.network = Network::Link(FrameKey::default());
    }

    /// Closes the walk with the frame itself as the flow's key; `user` is where the walk got to.
    pub fn frame_flow(&mut self, user: &'a [u8]) {
        let header = self.summary.ethernet.unwrap_or_default();
        let (dsap, ssap) = self.llc.unwrap_or((0, 0));
        let typed = self.llc.is_none() && header.ethertype > 1500;
        self.summary.network = Network::Frame(FrameKey {
            destination: header.destination,
            source: header.source,
            ethertype: if typed { header.ethertype } else { 0 },
            dsap,
            ssap,
        });
        self.summary.user = user;
        self.reach(user);
    }

    /// The tunnel whose header `data` begins with, in the IP packet reached last; none unless the rules ask for it.
    pub fn tunnel(&self, carrier: Carrier, data: &'a [u8]) -> Option<Tunnel> {
        if !self.rules.tunnels {
            return None;
        }
        let header = data.as_ptr().addr().checked_sub(self.frame.as_ptr().addr())?;
        let packet = u16::try_from(self.summary.outer.len()).ok()?;
        let header = u16::try_from(header).ok().filter(|header| *header > packet)?;
        Some(Tunnel { carrier, packet, header })
    }

    /// Notes that everything in front of `data` was stripped, where the rules ask for it.
    #[inline(always)]
    pub fn reach(&mut self, data: &'a [u8]) {
        if self.rules.outer_headers {
            // By address: an inner packet need not reach to the frame's end. What lies elsewhere is an empty slice of no
            // place, behind which nothing is.
            let before = data.as_ptr().addr().checked_sub(self.frame.as_ptr().addr());
            if let Some(outer) = before.and_then(|octets| self.frame.get(..octets)) {
                self.summary.outer = outer;
            }
        }
    }

    /// Closes the walk for a frame that nothing names: a flow of its link, with the addresses and the EtherType that were
    /// reached, else zero and 0xFFFF, and the link type for access points.
    fn link_flow(&mut self, frame: &'a [u8], number: u8) {
        let reached = self.summary.ethernet;
        let header = reached.unwrap_or_default();
        self.summary.network = Network::Link(FrameKey {
            destination: header.destination,
            source: header.source,
            ethertype: reached.map_or(0xffff, |header| header.ethertype),
            dsap: number,
            ssap: number,
        });
        self.summary.user = frame;
        (self.summary.outer, self.summary.tunnel) = (&[], None);
    }

    /// Walks into a tunnel, one encapsulation deeper. When nothing within can be named, everything is as before, and false.
    pub fn within(&mut self, tunnel: impl FnOnce(&mut Self)) -> bool {
        if !self.enter() {
            return false;
        }
        let (outer, llc) = (self.summary, self.llc);
        self.unnamed();
        tunnel(self);
        let named = match self.summary.network {
            Network::Link(_) => false,
            // A frame of its own, not the one that the tunnel is in.
            Network::Frame(_) => self.summary.ethernet != outer.ethernet,
            _ => true,
        };
        if !named {
            (self.summary, self.llc) = (outer, llc);
        }
        named
    }

    /// IPv4 or IPv6 by the version nibble; anything else is a frame flow without addresses.
    pub fn ip_by_version(&mut self, data: &'a [u8]) {
        match u8_at(data, 0).map(|octet| octet >> 4) {
            Some(4) => self.protocol(ETHERTYPE_IPV4, data),
            Some(6) => self.protocol(ETHERTYPE_IPV6, data),
            Some(_) => self.unnamed(),
            None => self.unnamed(),
        }
    }

    fn family(&mut self, frame: &'a [u8], big_endian: bool) {
        self.count_without(4);
        let Some(octets) = array_at::<4>(frame, 0) else {
            return self.unnamed();
        };
        let mut family = if big_endian { u32::from_be_bytes(octets) } else { u32::from_le_bytes(octets) };
        if family & 0xffff_0000 != 0 {
            family = family.swap_bytes();
        }
        match family {
            2 | 24 | 28 | 30 | 10 => self.ip_by_version(rest(frame, 4)),
            _ => self.unnamed(),
        }
    }

    fn sll(&mut self, frame: &'a [u8]) {
        self.count_without(16);
        let (Some(kind), Some(address), Some(protocol)) =
            (u16_at(frame, 0), array_at(frame, 6), u16_at(frame, 14))
        else {
            return self.unnamed();
        };
        self.cooked(kind, address, protocol, rest(frame, 16));
    }

    fn sll2(&mut self, frame: &'a [u8]) {
        self.count_without(20);
        let (Some(kind), Some(address), Some(protocol)) =
            (u8_at(frame, 10), array_at(frame, 12), u16_at(frame, 0))
        else {
            return self.unnamed();
        };
        self.cooked(u16::from(kind), address, protocol, rest(frame, 20));
    }

    /// A cooked header becomes an Ethernet header whose destination tells the packet type.
    fn cooked(&mut self, kind: u16, source: [u8; 6], protocol: u16, data: &'a [u8]) {
        let destination = match kind {
            1 => [0xff; 6],
            2 => [1, 0, 0, 0, 0, 0],
            4 => [0; 6],
            _ => [0, 0, 0, 0, 0, 1],
        };
        self.summary.encapsulation.add(Encapsulation::SLL);
        // The Ethernet header that is made up here was not in the frame.
        self.miscount(-14);
        self.summary.encapsulation.add(Encapsulation::ETHERNET);
        self.summary.ethernet = Some(Ethernet { destination, source, ethertype: protocol });
        self.protocol(protocol, data);
    }

    fn ppp_ether(&mut self, frame: &'a [u8]) {
        // The frame starts at the PPPoE header (there is no Ethernet header before it).
        self.summary.encapsulation.add(Encapsulation::PPP);
        ppp::pppoe(self, frame);
    }

    fn cisco_hdlc(&mut self, frame: &'a [u8]) {
        self.count_without(4);
        self.summary.encapsulation.add(Encapsulation::CISCO_HDLC);
        match u16_at(frame, 2) {
            Some(protocol) => self.protocol(protocol, rest(frame, 4)),
            None => self.unnamed(),
        }
    }

    fn radio(&mut self, frame: &'a [u8], header: Option<usize>) {
        let Some(header) = header.filter(|&n| n <= frame.len()) else {
            return self.unnamed();
        };
        self.count_without(header as u32);
        // Radiotap flags (the first field after the optional TSFT) may say that the 802.11 header is padded.
        let padded = self.radiotap_pads(frame);
        wlan::frame(self, rest(frame, header), padded);
    }

    /// A frame behind one of the radio headers before radiotap. 3.0.8 neither tells of the header nor takes its octets off
    /// any length.
    fn older_radio(&mut self, kind: Encapsulation, frame: &'a [u8], octets: Option<usize>) {
        if !self.rules.compat {
            self.summary.encapsulation.add(kind);
            return self.radio(frame, octets);
        }
        let within = octets.filter(|octets| *octets <= frame.len());
        self.miscount(within.map_or(0, |octets| octets as i32));
        self.radio(frame, octets);
        self.count_without(0);
    }

    fn radiotap_pads(&self, frame: &[u8]) -> bool {
        let Some(present) = array_at::<4>(frame, 4).map(u32::from_le_bytes) else {
            return false;
        };
        if u8_at(frame, 0) != Some(0) || present & 0x8000_0002 != 2 {
            return false;
        }
        let at = if present & 1 != 0 { 16 } else { 8 };
        u8_at(frame, at).is_some_and(|flags| flags & 0x20 != 0)
    }

    fn pflog(&mut self, frame: &'a [u8]) {
        let (Some(length), Some(family)) = (u8_at(frame, 0), u8_at(frame, 1)) else {
            return self.unnamed();
        };
        let header = (usize::from(length) + 3) & !3;
        self.count_without(header as u32);
        match family {
            2 | 10 | 24 | 28 | 30 => self.ip_by_version(rest(frame, header)),
            _ => self.unnamed(),
        }
    }

    fn arcnet(&mut self, frame: &'a [u8]) {
        if !self.rules.compat {
            return self.arcnet_at(frame, 2);
        }
        match u8_at(frame, 2) {
            Some(212 | 240) => {
                self.ip_by_version(rest(frame, if u8_at(frame, 3) == Some(0) { 6 } else { 3 }))
            }
            Some(_) => self.unnamed(),
            None => self.unnamed(),
        }
    }

    /// A frame whose protocol identifier is at `at`; the old ones (RFC 1051) have no more header, the others (RFC 1201) a
    /// flag and a sequence number, which an exception packet repeats.
    fn arcnet_at(&mut self, frame: &'a [u8], at: usize) {
        let flag = u8_at(frame, at + 1);
        let header = if flag == Some(0xff) { at + 8 } else { at + 4 };
        match (u8_at(frame, at), flag) {
            (Some(240), _) => self.ip_by_version(rest(frame, at + 1)),
            (Some(241), _) => self.without_addresses(0x0806, rest(frame, at + 1)),
            // A later part of a packet has an even flag.
            (Some(212 | 213), Some(flag)) if flag != 0 && flag & 1 == 0 => self.unnamed(),
            (Some(212), _) => self.ip_by_version(rest(frame, header)),
            (Some(213), _) => self.without_addresses(0x0806, rest(frame, header)),
            (Some(214), _) => self.without_addresses(0x8035, rest(frame, header)),
            (Some(196), _) => self.without_addresses(0x86dd, rest(frame, header)),
            _ => self.unnamed(),
        }
    }

    fn juniper(&mut self, frame: &'a [u8]) {
        // "MGC", flags (0x80: extensions present, 0x02: no layer 2 header), [length, extensions].
        let Some(flags) = u8_at(frame, 3) else {
            return self.unnamed();
        };
        let mut header = 4;
        if flags & 0x80 != 0 {
            header += 2 + usize::from(u16_at(frame, 4).unwrap_or(0));
        }
        if flags & 2 != 0 {
            self.ip_by_version(rest(frame, header + 4));
        } else {
            self.ethernet(rest(frame, header));
        }
    }

    fn fddi(&mut self, frame: &'a [u8]) {
        self.summary.encapsulation.add(Encapsulation::FDDI);
        let (Some(control), Some(destination), Some(source)) =
            (u8_at(frame, 0), array_at(frame, 1), array_at(frame, 7))
        else {
            return self.unnamed();
        };
        self.snap_frame(control & 0xf0 == 0x50, destination, source, rest(frame, 13));
    }

    fn token_ring(&mut self, frame: &'a [u8]) {
        let (Some(control), Some(destination), Some(mut source)) =
            (u8_at(frame, 1), array_at(frame, 2), array_at::<6>(frame, 8))
        else {
            return self.unnamed();
        };
        // A set group bit in the source announces a routing information field.
        let mut header = 14;
        if source[0] & 0x80 != 0 {
            source[0] &= 0x7f;
            header += u8_at(frame, 14).map_or(0, |n| usize::from(n & 0x1f));
        }
        self.snap_frame(control & 0xc0 == 0x40, destination, source, rest(frame, header));
    }

    /// An LLC frame of a link with its own addresses, as if it had come over Ethernet.
    fn snap_frame(&mut self, llc: bool, destination: [u8; 6], source: [u8; 6], data: &'a [u8]) {
        self.summary.encapsulation.add(Encapsulation::ETHERNET);
        self.summary.ethernet = Some(Ethernet { destination, source, ethertype: 0 });
        if !llc {
            return self.frame_flow(data);
        }
        self.llc(data);
    }

    /// PPP protocol numbers and EtherTypes as serial links mix them.
    pub fn serial_protocol(&mut self, protocol: u16, data: &'a [u8]) {
        match protocol {
            0x0021 | ETHERTYPE_IPV4 => self.protocol(ETHERTYPE_IPV4, data),
            0x0057 | ETHERTYPE_IPV6 => self.protocol(ETHERTYPE_IPV6, data),
            0x0281 | 0x0283 | 0x8847 | 0x8848 => self.protocol(ETHERTYPE_MPLS, data),
            _ => self.unnamed(),
        }
    }
}
