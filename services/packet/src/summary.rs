//! What a frame was found to be: the fixed-size result of a dissection.

use crate::{Arp, Ip, Isis, Lcp, Rarp, Wlan};

/// One dissected frame. Borrows option lists and user data from the captured octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary<'a> {
    /// Octets counted for the frame: its length on the wire, less what the link type subtracts (chapter section 2).
    pub length: u32,
    /// The headers that were stripped on the way to `network`.
    pub encapsulation: Encapsulation,
    /// The innermost Ethernet header, where there is one.
    pub ethernet: Option<Ethernet>,
    /// The innermost 802.1Q tag control information.
    pub vlan: Option<u16>,
    /// The topmost MPLS label stack entry, all 32 bits.
    pub mpls: Option<u32>,
    /// The header that identifies the flow.
    pub network: Network<'a>,
    /// Captured octets behind the last parsed header.
    pub user: &'a [u8],
    /// Captured octets from the frame's start up to `network`, where [`Rules`](crate::Rules) ask for them; else empty.
    pub outer: &'a [u8],
    /// The innermost of the tunnels that records tell, where [`Rules`](crate::Rules) ask for it.
    pub tunnel: Option<Tunnel>,
}

impl Default for Summary<'_> {
    /// Nothing yet.
    fn default() -> Self {
        Summary {
            length: 0,
            encapsulation: Encapsulation::default(),
            ethernet: None,
            vlan: None,
            mpls: None,
            network: Network::Link(FrameKey::default()),
            user: &[],
            outer: &[],
            tunnel: None,
        }
    }
}

/// A tunnel around `network`; places are octets from the frame's start, within `outer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// What carries the packet.
    pub carrier: Carrier,
    /// Where the IP packet begins that the tunnel's header is in.
    pub packet: u16,
    /// Where the tunnel's header begins: behind the IP headers, or behind a UDP header.
    pub header: u16,
}

/// A tunnel protocol that has a section in records of version 5 (record-format chapter, section 7.15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Generic routing encapsulation, directly in IP.
    Gre,
    /// VXLAN, in UDP.
    Vxlan,
    /// GENEVE, in UDP.
    Geneve,
}

/// The header that identifies the flow of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network<'a> {
    /// IPv4 or IPv6, with the transport header found.
    Ip(Ip<'a>),
    /// An ARP request or reply.
    Arp(Arp),
    /// A RARP request or reply.
    Rarp(Rarp),
    /// Any other Ethernet frame.
    Frame(FrameKey),
    /// An IS-IS PDU with a key of its own.
    Isis(Isis),
    /// Any other IS-IS PDU: a frame flow of type 131.
    IsisFrame {
        /// The frame's key.
        key: FrameKey,
        /// Octets on the wire from the network layer protocol identifier on, padding included.
        octets: u32,
    },
    /// A PPP link control packet on a serial line.
    Lcp(Lcp),
    /// An 802.11 frame that carries no readable data.
    Wlan(Wlan),
    /// A frame that nothing names: it is too short, or its link announces what is not followed. Its flow is that of the
    /// link itself: the addresses and the EtherType reached, else zero and 0xFFFF, and the low octet of the link type for
    /// access points.
    Link(FrameKey),
}

/// An Ethernet header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ethernet {
    /// Destination address.
    pub destination: [u8; 6],
    /// Source address.
    pub source: [u8; 6],
    /// EtherType, or the length field of an 802.3 frame.
    pub ethertype: u16,
}

/// The key of a frame that is identified by nothing above the MAC layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameKey {
    /// Destination address; zero on links without Ethernet addresses.
    pub destination: [u8; 6],
    /// Source address.
    pub source: [u8; 6],
    /// EtherType of the Ethernet header itself; 0 for LLC frames.
    pub ethertype: u16,
    /// LLC destination service access point.
    pub dsap: u8,
    /// LLC source service access point.
    pub ssap: u8,
}

/// The mask of headers stripped from a frame (record-format chapter, section 7.14).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Encapsulation(pub u32);

impl Encapsulation {
    /// MPLS label stack.
    pub const MPLS: Encapsulation = Encapsulation(0x1);
    /// Ethernet.
    pub const ETHERNET: Encapsulation = Encapsulation(0x2);
    /// 802.1Q tag.
    pub const VLAN: Encapsulation = Encapsulation(0x4);
    /// 802.2 LLC.
    pub const LLC: Encapsulation = Encapsulation(0x8);
    /// PPP or PPPoE.
    pub const PPP: Encapsulation = Encapsulation(0x10);
    /// Cisco inter-switch link.
    pub const ISL: Encapsulation = Encapsulation(0x20);
    /// Generic routing encapsulation.
    pub const GRE: Encapsulation = Encapsulation(0x40);
    /// IPsec authentication header.
    pub const AH: Encapsulation = Encapsulation(0x80);
    /// An IPv4 packet around the one that makes the flow.
    pub const OUTER_IPV4: Encapsulation = Encapsulation(0x100);
    /// An IPv6 packet around the one that makes the flow.
    pub const OUTER_IPV6: Encapsulation = Encapsulation(0x200);
    /// HDLC.
    pub const HDLC: Encapsulation = Encapsulation(0x400);
    /// Cisco HDLC.
    pub const CISCO_HDLC: Encapsulation = Encapsulation(0x800);
    /// RFC 1483 ATM.
    pub const ATM: Encapsulation = Encapsulation(0x1000);
    /// Linux cooked capture.
    pub const SLL: Encapsulation = Encapsulation(0x2000);
    /// FDDI.
    pub const FDDI: Encapsulation = Encapsulation(0x4000);
    /// SLIP.
    pub const SLIP: Encapsulation = Encapsulation(0x8000);
    /// ARCnet.
    pub const ARCNET: Encapsulation = Encapsulation(0x1_0000);
    /// 802.11.
    pub const WLAN: Encapsulation = Encapsulation(0x2_0000);
    /// PRISM radio header.
    pub const PRISM: Encapsulation = Encapsulation(0x4_0000);
    /// AVS radio header.
    pub const AVS: Encapsulation = Encapsulation(0x8_0000);
    /// Teredo.
    pub const TEREDO: Encapsulation = Encapsulation(0x40_0000);
    /// OpenBSD enc(4).
    pub const ENC: Encapsulation = Encapsulation(0x100_0000);
    /// Juniper.
    pub const JUNIPER: Encapsulation = Encapsulation(0x200_0000);
    /// ERSPAN (in version 3 streams).
    pub const ERSPAN: Encapsulation = Encapsulation(0x400_0000);

    /// Adds a header to the mask.
    #[inline(always)]
    pub fn add(&mut self, header: Encapsulation) {
        self.0 |= header.0;
    }
}
