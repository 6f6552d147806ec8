//! Keys of what is not IP: Ethernet, ARP, RARP, 802.11, LCP, IS-IS, UDT (sections 7.2.9–7.2.15).

use crate::wire::{self, Put};
use std::net::Ipv4Addr;

/// Ethernet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EtherKey {
    /// Destination address.
    pub dst: [u8; 6],
    /// Source address.
    pub src: [u8; 6],
    /// Type; 0 for LLC frames.
    pub ether_type: u16,
    /// LLC destination service access point.
    pub dsap: u8,
    /// LLC source service access point.
    pub ssap: u8,
}

impl EtherKey {
    pub(super) fn parse(b: &[u8]) -> Option<EtherKey> {
        Some(EtherKey {
            dst: wire::array(b, 4)?,
            src: wire::array(b, 10)?,
            ether_type: wire::be16(b, 16)?,
            dsap: wire::byte(b, 18)?,
            ssap: wire::byte(b, 19)?,
        })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.bytes(&self.dst);
        out.bytes(&self.src);
        out.be16(self.ether_type);
        out.bytes(&[self.dsap, self.ssap]);
    }
}

/// As many octets of a hardware address as its DSR holds, at most 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct HwAddr {
    octets: [u8; 32],
    len: u8,
}

impl HwAddr {
    /// The first 32 octets of `b`.
    pub fn new(b: &[u8]) -> HwAddr {
        let mut octets = [0; 32];
        let len = b.len().min(32);
        for (to, from) in octets.iter_mut().zip(b) {
            *to = *from;
        }
        HwAddr { octets, len: len as u8 }
    }

    /// The octets.
    pub fn as_slice(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or(&[])
    }

    /// The first six octets, zero where there are fewer.
    pub fn mac(&self) -> [u8; 6] {
        let [a, b, c, d, e, f, ..] = self.octets;
        [a, b, c, d, e, f]
    }
}

/// ARP, always in request direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ArpKey {
    /// Hardware type.
    pub hrd: u16,
    /// Protocol type.
    pub pro: u16,
    /// Length of hardware addresses.
    pub hln: u8,
    /// Length of protocol addresses.
    pub pln: u8,
    /// Operation; 1, since replies are mapped to the request.
    pub op: u16,
    /// Who asks.
    pub spa: Ipv4Addr,
    /// Who is asked for.
    pub tpa: Ipv4Addr,
    /// Hardware address of the asker, as far as the DSR holds it: sensors write 4 octets, or 32 with REVERSE.
    pub haddr: HwAddr,
}

impl ArpKey {
    /// The key as the 3.x sensor writes it: the hardware address cut one word short, or the whole 32-octet field when
    /// the flow was first seen as a reply (section 7.2.10).
    pub fn sensor(spa: Ipv4Addr, tpa: Ipv4Addr, haddr: &[u8], reversed: bool) -> ArpKey {
        let hln = haddr.len().min(32) as u8;
        let mut field = [0u8; 32];
        for (to, from) in field.iter_mut().zip(haddr) {
            *to = *from;
        }
        let kept = if reversed { 32 } else { usize::from(hln).div_ceil(4).saturating_sub(1) * 4 };
        let haddr = HwAddr::new(field.get(..kept).unwrap_or(&[]));
        ArpKey { hrd: 1, pro: 0x0800, hln, pln: 4, op: 1, spa, tpa, haddr }
    }

    pub(super) fn parse(b: &[u8]) -> Option<ArpKey> {
        Some(ArpKey {
            hrd: wire::be16(b, 4)?,
            pro: wire::be16(b, 6)?,
            hln: wire::byte(b, 8)?,
            pln: wire::byte(b, 9)?,
            op: wire::be16(b, 10)?,
            spa: Ipv4Addr::from(wire::be32(b, 12)?),
            tpa: Ipv4Addr::from(wire::be32(b, 16)?),
            haddr: HwAddr::new(b.get(20..)?),
        })
    }

    /// Old form: no hardware type and no operation.
    pub(super) fn parse_old(b: &[u8]) -> Option<ArpKey> {
        Some(ArpKey {
            hrd: 1,
            pro: wire::be16(b, 4)?,
            hln: wire::byte(b, 6)?,
            pln: wire::byte(b, 7)?,
            op: 0,
            spa: Ipv4Addr::from(wire::be32(b, 8)?),
            tpa: Ipv4Addr::from(wire::be32(b, 12)?),
            haddr: HwAddr::new(b.get(16..)?),
        })
    }

    /// Oldest form: two addresses and six octets.
    pub(super) fn parse_oldest(b: &[u8]) -> Option<ArpKey> {
        Some(ArpKey {
            hrd: 1,
            pro: 0x0800,
            hln: 6,
            pln: 4,
            op: 0,
            spa: Ipv4Addr::from(wire::be32(b, 4)?),
            tpa: Ipv4Addr::from(wire::be32(b, 8)?),
            haddr: HwAddr::new(b.get(12..18)?),
        })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.be16(self.hrd);
        out.be16(self.pro);
        out.bytes(&[self.hln, self.pln]);
        out.be16(self.op);
        out.bytes(&self.spa.octets());
        out.bytes(&self.tpa.octets());
        out.bytes(self.haddr.as_slice());
    }
}

/// RARP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RarpKey {
    /// Hardware type.
    pub hrd: u16,
    /// Protocol type.
    pub pro: u16,
    /// Length of hardware addresses.
    pub hln: u8,
    /// Length of protocol addresses.
    pub pln: u8,
    /// Operation; 3.
    pub op: u16,
    /// The assigned address; 0 in a flow that starts with the request.
    pub tpa: Ipv4Addr,
    /// Source hardware address.
    pub shaddr: HwAddr,
    /// Destination hardware address and the padding after it.
    pub dhaddr: HwAddr,
}

impl RarpKey {
    pub(super) fn parse(b: &[u8]) -> Option<RarpKey> {
        let hln = wire::byte(b, 8)?;
        let (src, dst) = b.get(16..)?.split_at_checked(usize::from(hln.min(32)))?;
        Some(RarpKey {
            hrd: wire::be16(b, 4)?,
            pro: wire::be16(b, 6)?,
            hln,
            pln: wire::byte(b, 9)?,
            op: wire::be16(b, 10)?,
            tpa: Ipv4Addr::from(wire::be32(b, 12)?),
            shaddr: HwAddr::new(src),
            dhaddr: HwAddr::new(dst),
        })
    }

    /// Oldest form: address and two six-octet hardware addresses.
    pub(super) fn parse_oldest(b: &[u8]) -> Option<RarpKey> {
        Some(RarpKey {
            hrd: 1,
            pro: 0x0800,
            hln: 6,
            pln: 4,
            op: 3,
            tpa: Ipv4Addr::from(wire::be32(b, 4)?),
            shaddr: HwAddr::new(b.get(8..14)?),
            dhaddr: HwAddr::new(b.get(14..20)?),
        })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.be16(self.hrd);
        out.be16(self.pro);
        out.bytes(&[self.hln, self.pln]);
        out.be16(self.op);
        out.bytes(&self.tpa.octets());
        out.bytes(self.shaddr.as_slice());
        out.bytes(self.dhaddr.as_slice());
    }

    /// Source hardware address, six octets.
    pub fn src_mac(&self) -> [u8; 6] {
        self.shaddr.mac()
    }

    /// Destination hardware address, six octets.
    pub fn dst_mac(&self) -> [u8; 6] {
        self.dhaddr.mac()
    }

    pub(super) fn exchanged(self) -> RarpKey {
        RarpKey { shaddr: self.dhaddr, dhaddr: self.shaddr, ..self }
    }
}

/// 802.11.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WlanKey {
    /// Destination address.
    pub dst: [u8; 6],
    /// Source address.
    pub src: [u8; 6],
    /// Basic service set.
    pub bssid: [u8; 6],
    /// Network name, zero padded.
    pub ssid: [u8; 32],
    /// Zero.
    pub pad: u16,
}

impl WlanKey {
    pub(super) fn parse(b: &[u8]) -> Option<WlanKey> {
        Some(WlanKey {
            dst: wire::array(b, 4)?,
            src: wire::array(b, 10)?,
            bssid: wire::array(b, 16)?,
            ssid: wire::array(b, 22)?,
            pad: wire::be16(b, 54)?,
        })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.bytes(&self.dst);
        out.bytes(&self.src);
        out.bytes(&self.bssid);
        out.bytes(&self.ssid);
        out.be16(self.pad);
    }
}

/// PPP link control under PPPoE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LcpKey {
    /// Destination address.
    pub dst: [u8; 6],
    /// Source address.
    pub src: [u8; 6],
    /// Type.
    pub ether_type: u16,
    /// LCP code.
    pub code: u8,
    /// LCP identifier.
    pub id: u8,
}

impl LcpKey {
    pub(super) fn parse(b: &[u8]) -> Option<LcpKey> {
        Some(LcpKey {
            dst: wire::array(b, 4)?,
            src: wire::array(b, 10)?,
            ether_type: wire::be16(b, 16)?,
            code: wire::byte(b, 18)?,
            id: wire::byte(b, 19)?,
        })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.bytes(&self.dst);
        out.bytes(&self.src);
        out.be16(self.ether_type);
        out.bytes(&[self.code, self.id]);
    }
}

/// IS-IS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IsisKey {
    /// PDU type.
    pub pdu_type: u32,
    /// Source address.
    pub src: [u8; 6],
    /// Destination address.
    pub dst: [u8; 6],
    /// Protocol version and three octets of padding.
    pub version: [u8; 4],
    /// By PDU type (section 7.2.14): hello: source id 6, LAN id 7, circuit id 1; LSP: id 8, sequence number 4;
    /// CSNP and PSNP: source id 7.
    pub body: [u8; 14],
    /// Checksum.
    pub checksum: u32,
    /// Zero.
    pub pad: u16,
}

impl IsisKey {
    pub(super) fn parse(b: &[u8]) -> Option<IsisKey> {
        Some(IsisKey {
            pdu_type: wire::be32(b, 4)?,
            src: wire::array(b, 8)?,
            dst: wire::array(b, 14)?,
            version: wire::array(b, 20)?,
            body: wire::array(b, 24)?,
            checksum: wire::be32(b, 38)?,
            pad: wire::be16(b, 42)?,
        })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.be32(self.pdu_type);
        out.bytes(&self.src);
        out.bytes(&self.dst);
        out.bytes(&self.version);
        out.bytes(&self.body);
        out.be32(self.checksum);
        out.be16(self.pad);
    }
}

/// UDT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UdtKey {
    /// Destination address.
    pub dst: [u8; 6],
    /// Source address.
    pub src: [u8; 6],
    /// Type.
    pub ether_type: u16,
    /// LLC destination service access point.
    pub dsap: u8,
    /// LLC source service access point.
    pub ssap: u8,
    /// Socket id.
    pub socket: u32,
}

impl UdtKey {
    pub(super) fn parse(b: &[u8]) -> Option<UdtKey> {
        let EtherKey { dst, src, ether_type, dsap, ssap } = EtherKey::parse(b)?;
        Some(UdtKey { dst, src, ether_type, dsap, ssap, socket: wire::be32(b, 20)? })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        let UdtKey { dst, src, ether_type, dsap, ssap, socket } = *self;
        EtherKey { dst, src, ether_type, dsap, ssap }.emit(out);
        out.be32(socket);
    }
}
