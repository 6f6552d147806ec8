//! Flow keys: which packets belong together, and in which direction they travel (chapter section 4).
//!
//! A key is ten words, enough for IPv6; longer keys (802.11, IS-IS, extended key lists) continue in ten more. The
//! first word tells the kind, the others follow a layout of that kind, decoded again only when a record is written.

use crate::config::{Config, ControlPlane};
use crate::tuple;
use packet::{Addresses, Arp, FrameKey, Icmp, Ip, Network, Summary, Transport};

/// The words of a key.
pub(crate) type Words = [u32; 10];

/// What a key identifies; decides the layout of its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// 1, 2 addresses; 3 ports; 4 DNS id.
    Ipv4 = 1,
    /// 1, 2 addresses; 3 type and code; 4 id and sequence.
    Icmp,
    /// 1, 2 addresses; 3 type and code; 4 IP id.
    Igmp,
    /// 1, 2 addresses; 3 SPI.
    Esp,
    /// 1, 2 addresses; 3 IP id.
    Fragment,
    /// 1, 2 addresses.
    Matrix,
    /// 1–8 addresses; 9 ports.
    Ipv6,
    /// 1–8 addresses; 9 type and code.
    Icmp6,
    /// 1–8 addresses; 9 SPI.
    Esp6,
    /// 1–8 addresses; 9 identification.
    Fragment6,
    /// 1–8 addresses.
    Matrix6,
    /// 1 types; 2 lengths and operation; 3 sender; 4 target; 5–9 and on in the rest: sender hardware address.
    Arp,
    /// 1 types; 2 lengths and operation; 3 target; 4–9 source hardware address; in the rest the destination's, and the
    /// end of the source's.
    Rarp,
    /// 1–3 destination and source; 4 type and service access points.
    Frame,
    /// 1–3 source and destination; 4 type, version, checksum; 5–8 id.
    Isis,
    /// 1 code and id.
    Lcp,
    /// 1–5 addresses; the rest the network's name.
    Wlan,
}

impl Kind {
    const ALL: [Kind; 17] = [
        Kind::Ipv4,
        Kind::Icmp,
        Kind::Igmp,
        Kind::Esp,
        Kind::Fragment,
        Kind::Matrix,
        Kind::Ipv6,
        Kind::Icmp6,
        Kind::Esp6,
        Kind::Fragment6,
        Kind::Matrix6,
        Kind::Arp,
        Kind::Rarp,
        Kind::Frame,
        Kind::Isis,
        Kind::Lcp,
        Kind::Wlan,
    ];

    /// The kind of a stored key.
    pub fn of(words: &Words) -> Kind {
        let code = (words[0] >> 24) as usize;
        Kind::ALL.get(code.wrapping_sub(1)).copied().unwrap_or(Kind::Frame)
    }
}

/// Bit of the first word: an ICMP error's id words hold an address.
pub(crate) const ADDRESS_FORM: u32 = 1;

/// The IPsec authentication header's protocol number.
const AH: u8 = 51;

/// A key, the direction of the packet it was made from, and where its idle flows wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub words: Words,
    /// The rest of a long key.
    pub rest: Option<Words>,
    /// 0: the packet travels in the order of the key; 1: against it.
    pub direction: u8,
    pub class: Class,
}

impl Default for Key {
    fn default() -> Key {
        Key { words: Words::default(), rest: None, direction: 0, class: Class::Other }
    }
}

/// Which idle timeout applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Class {
    Ip,
    Tcp,
    Icmp,
    Arp,
    Other,
    /// Constant 30 s.
    Fixed,
    Igmp,
    Fragment,
    /// Live TCP connections whose idle time is over. No key is of this class.
    Fallow,
}

impl Class {
    pub const COUNT: usize = 9;
}

pub(crate) const fn head(kind: Kind, protocol: u8, second: u8) -> u32 {
    (kind as u32) << 24 | (protocol as u32) << 16 | (second as u32) << 8
}

/// The IP protocol in a key's first word.
pub(crate) fn protocol(words: &Words) -> u8 {
    (words[0] >> 16) as u8
}

/// The second protocol octet in a key's first word.
pub(crate) fn second_protocol(words: &Words) -> u8 {
    (words[0] >> 8) as u8
}

impl Key {
    /// Whether the flow is of the control plane.
    pub fn is_control(&self, plane: &ControlPlane) -> bool {
        let ports = match Kind::of(&self.words) {
            Kind::Arp | Kind::Isis => return true,
            Kind::Ipv4 => self.words[3],
            Kind::Ipv6 => self.words[9],
            _ => return false,
        };
        let protocol = protocol(&self.words);
        plane
            .ports
            .iter()
            .any(|&(of, port)| of == protocol && [(ports >> 16) as u16, ports as u16].contains(&port))
    }

    /// The key of a frame.
    #[inline]
    pub fn of(summary: &Summary<'_>, config: &Config) -> Key {
        let mut key = match &summary.network {
            Network::Ip(ip) => match ip.addresses {
                Addresses::V4 { source, destination } => Key::ipv4(ip, source, destination, config),
                Addresses::V6 { source, destination } => Key::ipv6(ip, &source, &destination, config),
            },
            Network::Arp(arp) => Key::arp(arp),
            Network::Rarp(rarp) => Key::rarp(&rarp.fields),
            Network::Frame(frame) | Network::Link(frame) | Network::IsisFrame { key: frame, .. } => {
                Key::frame(frame, config.unidirectional)
            }
            Network::Isis(isis) => {
                let mut words = [head(Kind::Isis, 0, 0), 0, 0, 0, 0, 0, 0, 0, 0, 0];
                [words[1], words[2], words[3]] = macs(&isis.source, &isis.destination);
                words[4] =
                    u32::from(isis.pdu_type) << 24 | u32::from(isis.version) << 16 | u32::from(isis.checksum);
                pack(&mut words[5..9], &isis.id);
                Key { words, rest: None, direction: 0, class: Class::Other }
            }
            Network::Lcp(lcp) => {
                let words = [
                    head(Kind::Lcp, 0, 0),
                    u32::from(lcp.code) << 8 | u32::from(lcp.id),
                    0,
                    0,
                    0,
                    0,
                    0,
                    0,
                    0,
                    0,
                ];
                Key { words, rest: None, direction: 0, class: Class::Other }
            }
            Network::Wlan(wlan) => {
                let mut words = [head(Kind::Wlan, 0, 0), 0, 0, 0, 0, 0, 0, 0, 0, 0];
                let mut octets = [0u8; 18];
                octets[..6].copy_from_slice(&wlan.destination);
                octets[6..12].copy_from_slice(&wlan.source);
                octets[12..].copy_from_slice(&wlan.bssid);
                pack(&mut words[1..6], &octets);
                let mut rest = Words::default();
                pack(&mut rest[..8], &wlan.ssid);
                Key { words, rest: Some(rest), direction: 0, class: Class::Other }
            }
        };
        if config.key.extended() {
            key.extend(summary, config);
        }
        key
    }

    #[inline]
    fn ipv4(ip: &Ip<'_>, source: u32, destination: u32, config: &Config) -> Key {
        let make =
            |kind: Kind, second: u8, a: u32, b: u32, w3: u32, w4: u32, direction: u8, class: Class| Key {
                words: [head(kind, ip.protocol, second), a, b, w3, w4, 0, 0, 0, 0, 0],
                rest: None,
                direction,
                class,
            };
        if !config.key.five_tuple && config.key.layer_3_matrix {
            let reverse = !config.unidirectional && source > destination;
            let (a, b) = if reverse { (destination, source) } else { (source, destination) };
            return Key {
                words: [head(Kind::Matrix, 0, 0), a, b, 0, 0, 0, 0, 0, 0, 0],
                rest: None,
                direction: u8::from(reverse),
                class: Class::Ip,
            };
        }
        let (class, dns) = match ip.transport {
            Transport::Icmp(icmp) => return Key::icmp(ip, &icmp, source, destination, config),
            Transport::Igmp { kind, code, group } => {
                // Everything but a general query is about its group; 3.0.8 takes no group for one.
                let general = group == 0 && (!config.compat || kind == 0x11);
                let named = if general { destination } else { group };
                let message = u32::from(kind) << 8 | u32::from(code);
                return make(Kind::Igmp, 0, source, named, message, u32::from(ip.id), 0, Class::Igmp);
            }
            Transport::Esp { spi, .. } => {
                return make(Kind::Esp, 0, source, destination, spi, 0, 0, Class::Fixed);
            }
            Transport::Fragment => {
                let id = ip.fragment.map_or(0, |fragment| fragment.id);
                return Key::fragment(ip.protocol, id, source, destination, config.unidirectional);
            }
            Transport::Tcp(_) => (Class::Tcp, 0),
            Transport::Udp { dns_id } => (Class::Ip, dns_id.map_or(0, u32::from)),
            Transport::Other => (if ip.protocol == 6 { Class::Tcp } else { Class::Ip }, 0),
        };
        let (pairs, reverse) = tuple::v4(ip, (source, destination), dns, config.unidirectional);
        tuple::key(pairs, class, reverse)
    }

    /// The key of the fragments of an IPv4 datagram.
    pub fn fragment(protocol: u8, id: u32, source: u32, destination: u32, unidirectional: bool) -> Key {
        let reverse = !unidirectional && source > destination;
        let (a, b) = if reverse { (destination, source) } else { (source, destination) };
        Key {
            words: [head(Kind::Fragment, protocol, 0), a, b, id, 0, 0, 0, 0, 0, 0],
            rest: None,
            direction: u8::from(reverse),
            class: Class::Fragment,
        }
    }

    /// ICMP keys by message type (chapter section 8.1).
    fn icmp(ip: &Ip<'_>, icmp: &Icmp<'_>, source: u32, destination: u32, config: &Config) -> Key {
        let (kind, direction) = match icmp.kind {
            // In 3.0.8 these stay with their question.
            reply @ (0 | 14 | 16 | 18) if !config.unidirectional || config.compat => {
                (if reply == 0 { 8 } else { reply - 1 }, 1u8)
            }
            kind => (kind, 0),
        };
        let (mut code, mut second, mut words, mut form) = (0u8, 0u8, 0u32, 0u32);
        match kind {
            0 | 8 => words = icmp.word,
            13..=18 => {}
            // Routers: 3.0.8 does not tell their messages apart by code.
            9 | 10 if config.compat => {}
            _ => {
                code = icmp.code;
                let octet = |at: usize| icmp.quoted.get(at).copied().unwrap_or(0);
                let quoted_destination = u32::from_be_bytes([octet(16), octet(17), octet(18), octet(19)]);
                match (kind, icmp.code) {
                    _ if icmp.quoted.is_empty() => {}
                    (3 | 5, 0 | 1) => (words, form) = (quoted_destination, ADDRESS_FORM),
                    (3, 2) => words = u32::from(octet(9)) << 16,
                    (3, 3) => {
                        let ports = usize::from(octet(0) & 15) * 4;
                        second = octet(9);
                        words = u32::from(octet(ports + 2)) << 24 | u32::from(octet(ports + 3)) << 16;
                    }
                    (5, 2 | 3) => second = octet(1),
                    _ => {}
                }
            }
        }
        let (a, b) = if direction == 1 { (destination, source) } else { (source, destination) };
        let message = u32::from(kind) << 8 | u32::from(code);
        Key {
            words: [head(Kind::Icmp, ip.protocol, second) | form, a, b, message, words, 0, 0, 0, 0, 0],
            rest: None,
            direction,
            // Behind an authentication header 3.0.8 sees no ICMP.
            class: if ip.protocol == AH { Class::Ip } else { Class::Icmp },
        }
    }

    fn ipv6(ip: &Ip<'_>, source: &[u8; 16], destination: &[u8; 16], config: &Config) -> Key {
        let (reverse, ports) = tuple::order6(ip, source, destination, config.unidirectional);
        let (kind, last, class, ordered) = if !config.key.five_tuple && config.key.layer_3_matrix {
            (Kind::Matrix6, 0, Class::Ip, true)
        } else {
            match ip.transport {
                Transport::Icmp(icmp) => {
                    let request = match icmp.kind {
                        kind if config.unidirectional => kind,
                        129 => 128,
                        131 | 132 => 130,
                        134 => 133,
                        136 => 135,
                        // 3.0.8 takes these for a flow of their own.
                        145 if !config.compat => 144,
                        kind => kind,
                    };
                    let message = u32::from(request) << 24 | u32::from(icmp.code) << 16;
                    (Kind::Icmp6, message, Class::Icmp, true)
                }
                Transport::Esp { spi, .. } => (Kind::Esp6, spi, Class::Fixed, false),
                Transport::Fragment => {
                    (Kind::Fragment6, ip.fragment.map_or(0, |part| part.id), Class::Fragment, true)
                }
                Transport::Tcp(_) => (Kind::Ipv6, ports, Class::Tcp, true),
                _ => (Kind::Ipv6, ports, if ip.protocol == 6 { Class::Tcp } else { Class::Ip }, true),
            }
        };
        let protocol = if kind == Kind::Matrix6 { 0 } else { ip.protocol };
        let reverse = reverse && ordered;
        let pairs = tuple::v6(head(kind, protocol, 0), (source, destination), last, reverse);
        tuple::key(pairs, class, reverse)
    }

    fn arp(arp: &Arp) -> Key {
        let (sender, target, hardware) = if arp.reply {
            (arp.target, arp.sender, &arp.target_hardware)
        } else {
            (arp.sender, arp.target, &arp.sender_hardware)
        };
        let mut words = arp_head(Kind::Arp, arp, if arp.protocol_length == 0 { 0 } else { 1 });
        words[3] = sender;
        words[4] = target;
        pack(&mut words[5..10], &hardware[..20]);
        let rest = (arp.hardware_length > 20).then(|| {
            let mut rest = Words::default();
            pack(&mut rest[..3], &hardware[20..]);
            rest
        });
        Key { words, rest, direction: u8::from(arp.reply), class: Class::Arp }
    }

    /// A request asks for its target hardware address; a reply names the address assigned to its target.
    fn rarp(arp: &Arp) -> Key {
        let mut words = arp_head(Kind::Rarp, arp, 3);
        let (target, source, destination) = if arp.reply {
            (arp.target, &arp.sender_hardware, &arp.target_hardware)
        } else {
            (0, &arp.target_hardware, &arp.sender_hardware)
        };
        words[3] = target;
        pack(&mut words[4..10], &source[..24]);
        let mut rest = Words::default();
        pack(&mut rest[..8], destination);
        pack(&mut rest[8..], &source[24..]);
        Key { words, rest: Some(rest), direction: 0, class: Class::Arp }
    }

    fn frame(frame: &FrameKey, unidirectional: bool) -> Key {
        let reverse = !unidirectional && frame.source > frame.destination;
        let (destination, source, dsap, ssap) = if reverse {
            (&frame.source, &frame.destination, frame.ssap, frame.dsap)
        } else {
            (&frame.destination, &frame.source, frame.dsap, frame.ssap)
        };
        let mut words = [head(Kind::Frame, 0, 0), 0, 0, 0, 0, 0, 0, 0, 0, 0];
        [words[1], words[2], words[3]] = macs(destination, source);
        words[4] = u32::from(frame.ethertype) << 16 | u32::from(dsap) << 8 | u32::from(ssap);
        Key { words, rest: None, direction: u8::from(reverse), class: Class::Other }
    }

    /// Adds what an extended key list names. These words tell flows apart and are not written into records.
    pub fn extend(&mut self, summary: &Summary<'_>, config: &Config) {
        let parts = config.key;
        let mut rest = self.rest.unwrap_or_default();
        if parts.layer_2
            && let Some(header) = summary.ethernet
        {
            let matrix = !parts.five_tuple && !parts.layer_3_matrix;
            if matrix {
                // In the order of any frame's key.
                self.direction = u8::from(!config.unidirectional && header.source > header.destination);
            }
            let (a, b) = if self.direction == 1 {
                (&header.source, &header.destination)
            } else {
                (&header.destination, &header.source)
            };
            [rest[4], rest[5], rest[6]] = macs(a, b);
            rest[7] ^= u32::from(header.ethertype);
            if matrix {
                self.words = [head(Kind::Frame, 0, 0), 0, 0, 0, 0, 0, 0, 0, 0, 0];
                [self.words[1], self.words[2], self.words[3]] = macs(a, b);
                self.words[4] = u32::from(header.ethertype) << 16;
            }
        }
        if parts.vlan {
            rest[8] = summary.vlan.map_or(0, |control| u32::from(control & 0xfff) | 0x1000);
        }
        if parts.mpls {
            rest[9] = summary.mpls.unwrap_or(0);
        }
        self.rest = Some(rest);
    }
}

fn arp_head(kind: Kind, arp: &Arp, operation: u16) -> Words {
    let types = u32::from(arp.hardware_type) << 16 | u32::from(arp.protocol_type);
    let lengths =
        u32::from(arp.hardware_length) << 24 | u32::from(arp.protocol_length) << 16 | u32::from(operation);
    [head(kind, 0, 0), types, lengths, 0, 0, 0, 0, 0, 0, 0]
}

/// Two MAC addresses in three words.
fn macs(a: &[u8; 6], b: &[u8; 6]) -> [u32; 3] {
    [
        u32::from_be_bytes([a[0], a[1], a[2], a[3]]),
        u32::from_be_bytes([a[4], a[5], b[0], b[1]]),
        u32::from_be_bytes([b[2], b[3], b[4], b[5]]),
    ]
}

/// Octets into words, big-endian, the last word zero padded.
#[inline]
fn pack(words: &mut [u32], octets: &[u8]) {
    for (word, chunk) in words.iter_mut().zip(octets.chunks(4)) {
        let mut four = [0u8; 4];
        for (to, from) in four.iter_mut().zip(chunk) {
            *to = *from;
        }
        *word = u32::from_be_bytes(four);
    }
}

/// The reverse of `pack`: fills `octets` from `words`.
pub(crate) fn unpack(words: &[u32], octets: &mut [u8]) {
    for (chunk, word) in octets.chunks_mut(4).zip(words) {
        for (to, from) in chunk.iter_mut().zip(word.to_be_bytes()) {
            *to = from;
        }
    }
}
