//! What IPv4 and IPv6 share: the parsed network header and the dispatch on the transport protocol.

use std::net::IpAddr;

use crate::bytes::{array_at, rest, u8_at, u16_at, u32_at};
use crate::ethernet::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_MPLS};
use crate::icmp::{self, Icmp};
use crate::link::Walk;
use crate::summary::{Encapsulation, Network, Summary};
use crate::tcp::{self, Tcp};
use crate::{Rules, gre, l2tp, udp};

pub(crate) const ICMP: u8 = 1;
pub(crate) const IGMP: u8 = 2;
const IPV4_IN_IP: u8 = 4;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
const IPV6_IN_IP: u8 = 41;
pub(crate) const GRE: u8 = 47;
pub(crate) const ESP: u8 = 50;
pub(crate) const AH: u8 = 51;
pub(crate) const ICMPV6: u8 = 58;
const ETHERNET_IN_IP: u8 = 97;
const L2TP_IN_IP: u8 = 115;
const MPLS_IN_IP: u8 = 137;

/// Source and destination of an IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// IPv4 addresses as host integers.
    V4 {
        /// Sender.
        source: u32,
        /// Receiver.
        destination: u32,
    },
    /// IPv6 addresses.
    V6 {
        /// Sender.
        source: [u8; 16],
        /// Receiver.
        destination: [u8; 16],
    },
}

impl Addresses {
    /// The sender's address.
    pub fn source(&self) -> IpAddr {
        match *self {
            Addresses::V4 { source, .. } => IpAddr::V4(source.into()),
            Addresses::V6 { source, .. } => IpAddr::V6(source.into()),
        }
    }
}

/// Where a fragment belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Identification; 16 bits in IPv4.
    pub id: u32,
    /// Octets of the datagram's payload before this fragment.
    pub offset: u32,
    /// Whether more fragments follow.
    pub more: bool,
    /// Octets of the fragment's own payload.
    pub length: u32,
}

/// An IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ip<'a> {
    /// Source and destination.
    pub addresses: Addresses,
    /// Protocol of the payload, after extension headers.
    pub protocol: u8,
    /// Time to live, hop limit.
    pub ttl: u8,
    /// Type of service, traffic class.
    pub tos: u8,
    /// IPv4 identification; 0 for IPv6.
    pub id: u16,
    /// Options present in an IPv4 header (record-format chapter, section 7.6).
    pub options: u8,
    /// Present on every fragment, the first included.
    pub fragment: Option<Fragment>,
    /// Octets behind the IP headers as the header says; negative when it says less than itself.
    pub payload: i32,
    /// Application octets (flow-model chapter, section 12.1); not counted when negative.
    pub application: i32,
    /// Source and destination port; 0 where there is none or it cannot be read.
    pub ports: (u16, u16),
    /// The transport header.
    pub transport: Transport<'a>,
}

/// The header behind the IP headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport<'a> {
    /// A complete TCP header.
    Tcp(Tcp<'a>),
    /// UDP.
    Udp {
        /// First two octets of the payload when a port is 53: the DNS transaction.
        dns_id: Option<u16>,
    },
    /// ICMP or ICMPv6.
    Icmp(Icmp<'a>),
    /// IGMP.
    Igmp {
        /// Message type.
        kind: u8,
        /// Maximum response code.
        code: u8,
        /// Group address; 0 where the message names none.
        group: u32,
    },
    /// IPsec encapsulating security payload.
    Esp {
        /// Security parameters index.
        spi: u32,
        /// Sequence number, when it was captured.
        sequence: Option<u32>,
    },
    /// A fragment other than the first.
    Fragment,
    /// Any other protocol, or a header that was not captured.
    Other,
}

impl<'a> Walk<'a> {
    /// Reads the transport header of `ip` at `data` and closes the walk. `start` is where the IP header begins.
    #[inline(always)]
    pub fn transport(&mut self, ip: Ip<'a>, data: &'a [u8], start: &'a [u8]) {
        let whole = ip.fragment.is_none_or(|fragment| fragment.offset == 0);
        let spare = (-self.ipv6_fault).max(0);
        match ip.protocol {
            TCP if whole => close_tcp(&mut self.summary, ip, data, spare),
            UDP if whole && !self.rules.tunnel_discovery => close_udp(&mut self.summary, ip, data, spare),
            _ => self.other_transport(ip, data, start),
        }
    }

    #[inline(never)]
    fn other_transport(&mut self, mut ip: Ip<'a>, data: &'a [u8], start: &'a [u8]) {
        if ip.fragment.is_some_and(|fragment| fragment.offset != 0) {
            ip.transport = Transport::Fragment;
            ip.application = ip.payload;
            self.summary.user = start;
            self.summary.network = Network::Ip(ip);
            if self.rules.compat && self.looks_into_gre(&ip) {
                // 3.0.8 takes what a later fragment holds for the tunnel's header.
                gre::packet(self, data);
            }
            return;
        }
        if self.rules.compat
            && self.is_authenticated()
            && matches!(ip.addresses, Addresses::V4 { .. })
            && ip.protocol != UDP
        {
            return self.close_authenticated(ip, data);
        }
        ip.application = ip.payload;
        self.summary.user = data;
        match ip.protocol {
            // Tunnels are looked for.
            UDP => {
                let spare = (-self.ipv6_fault).max(0);
                close_udp(&mut self.summary, ip, data, spare);
                let Network::Ip(ip) = self.summary.network else { return };
                if ip.ports != (0, 0)
                    && let Some(inner) = data.get(udp::HEADER..)
                {
                    udp::tunnel(self, &ip, inner);
                }
                return;
            }
            ICMP | ICMPV6 if has_icmp(&ip) => {
                return close_icmp(self.rules, &mut self.summary, ip, data);
            }
            IGMP => {
                if let (Some(kind), Some(code)) = (u8_at(data, 0), u8_at(data, 1)) {
                    // Version 3 reports carry a record count where older messages carry the group.
                    let group = if kind == 0x22 && !self.rules.compat { None } else { u32_at(data, 4) };
                    ip.transport = Transport::Igmp { kind, code, group: group.unwrap_or(0) };
                }
            }
            ESP => {
                if let Some(spi) = u32_at(data, 0) {
                    ip.transport = Transport::Esp { spi, sequence: u32_at(data, 4) };
                }
            }
            GRE if self.looks_into_gre(&ip) => {
                self.summary.network = Network::Ip(ip);
                return gre::packet(self, data);
            }
            IPV4_IN_IP | IPV6_IN_IP | ETHERNET_IN_IP | L2TP_IN_IP | MPLS_IN_IP if !self.rules.compat => {
                self.summary.network = Network::Ip(ip);
                return self.ip_tunnel(&ip, data);
            }
            _ => {}
        }
        self.summary.network = Network::Ip(ip);
    }

    /// Whether GRE is walked into: 3.0.8 does so in IPv4 only.
    fn looks_into_gre(&self, ip: &Ip<'_>) -> bool {
        ip.protocol == GRE && (!self.rules.compat || matches!(ip.addresses, Addresses::V4 { .. }))
    }

    /// Walks into what IP carries without a header of GRE; the flow is the outer packet's when that cannot be read.
    fn ip_tunnel(&mut self, ip: &Ip<'a>, data: &'a [u8]) {
        let outer = match ip.addresses {
            Addresses::V4 { .. } => Encapsulation::OUTER_IPV4,
            Addresses::V6 { .. } => Encapsulation::OUTER_IPV6,
        };
        self.within(|walk| {
            walk.summary.encapsulation.add(outer);
            match ip.protocol {
                IPV4_IN_IP if u8_at(data, 0).is_some_and(|octet| octet >> 4 == 4) => {
                    walk.protocol(ETHERTYPE_IPV4, data);
                }
                IPV6_IN_IP if u8_at(data, 0).is_some_and(|octet| octet >> 4 == 6) => {
                    walk.protocol(ETHERTYPE_IPV6, data);
                }
                // Version 3 in four bits, the rest reserved (RFC 3378).
                ETHERNET_IN_IP if u8_at(data, 0).is_some_and(|octet| octet >> 4 == 3) => {
                    walk.ethernet(rest(data, 2))
                }
                MPLS_IN_IP => walk.protocol(ETHERTYPE_MPLS, data),
                // Session 0 is control traffic (RFC 3931, section 4.1.1).
                L2TP_IN_IP if u32_at(data, 0).is_some_and(|session| session != 0) => {
                    l2tp::session(walk, rest(data, 4))
                }
                _ => {}
            }
        });
    }
}

/// Closes a summary with the TCP segment `data`. Ports count when the payload and some `spare` octets hold them.
#[inline(always)]
pub(crate) fn close_tcp<'a>(summary: &mut Summary<'a>, ip: Ip<'a>, data: &'a [u8], spare: i32) {
    let ports = if ip.payload + spare >= tcp::LEAST as i32 { ports(data) } else { (0, 0) };
    let (application, transport) = match tcp::parse(data, ip.payload) {
        Some(header) => {
            summary.user = rest(data, usize::from(header.header_length));
            (header.payload, Transport::Tcp(header))
        }
        None => {
            summary.user = data;
            (ip.payload, Transport::Other)
        }
    };
    summary.network = Network::Ip(Ip { ports, application, transport, ..ip });
}

/// The same with a UDP datagram.
#[inline(always)]
pub(crate) fn close_udp<'a>(summary: &mut Summary<'a>, ip: Ip<'a>, data: &'a [u8], spare: i32) {
    let ports = if ip.payload + spare >= udp::HEADER as i32 { ports(data) } else { (0, 0) };
    let (user, application) = match data.get(udp::HEADER..) {
        Some(user) => (user, ip.payload - udp::HEADER as i32),
        None => (data, ip.payload),
    };
    summary.user = user;
    let transport = Transport::Udp { dns_id: dns_id(ports, data) };
    summary.network = Network::Ip(Ip { ports, application, transport, ..ip });
}

/// Whether what a packet holds is the ICMP of its IP version.
#[inline(always)]
pub(crate) fn has_icmp(ip: &Ip<'_>) -> bool {
    match ip.addresses {
        Addresses::V4 { .. } => ip.protocol == ICMP,
        Addresses::V6 { .. } => ip.protocol == ICMPV6,
    }
}

/// Closes a summary with an ICMP or ICMPv6 message.
#[inline(never)]
pub(crate) fn close_icmp<'a>(rules: Rules, summary: &mut Summary<'a>, mut ip: Ip<'a>, data: &'a [u8]) {
    ip.application = ip.payload;
    summary.user = data;
    match ip.addresses {
        Addresses::V4 { .. } => icmp::v4(rules, summary, &mut ip, data),
        Addresses::V6 { .. } => icmp::v6(&mut ip, data),
    }
    summary.network = Network::Ip(ip);
}

#[inline(always)]
pub(crate) fn ports(data: &[u8]) -> (u16, u16) {
    match array_at::<4>(data, 0) {
        Some([a, b, c, d]) => (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])),
        None => (0, 0),
    }
}

/// The transaction of a DNS message in a UDP datagram.
#[inline(always)]
fn dns_id(ports: (u16, u16), datagram: &[u8]) -> Option<u16> {
    if ports.0 == 53 || ports.1 == 53 { u16_at(datagram, 8) } else { None }
}
