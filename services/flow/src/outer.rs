//! The headers around a flow's packets, as captured, and the tunnel in them (5.x, ARGUS_ENCAPS_CAPTURE and
//! ARGUS_TUNNEL_INFORMATION; flow-model chapter, sections 3.4 and 13, record-format chapter, section 7.15).

use packet::{Carrier, Tunnel};
use record::dsr::flow::{FlowKey, Ipv4Detail, Ipv4Key, Ipv6Detail, Ipv6Key};
use record::dsr::tunnel::{Geneve, Gre, Vxlan};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Most octets kept of one direction: GENEVE with options over IPv6, with tags and MPLS labels, takes fewer.
pub(crate) const MOST: usize = 128;

/// What lay in front of the key's headers in the first packet of one direction of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outer {
    octets: [u8; MOST],
    length: u8,
    seen: bool,
    tunnel: Option<Tunnel>,
}

impl Default for Outer {
    fn default() -> Outer {
        Outer { octets: [0; MOST], length: 0, seen: false, tunnel: None }
    }
}

impl Outer {
    /// Keeps the first octets of `headers` and where the tunnel is in them, unless a packet was seen before.
    pub fn note(&mut self, headers: &[u8], tunnel: Option<Tunnel>) {
        if self.seen {
            return;
        }
        self.seen = true;
        for (to, from) in self.octets.iter_mut().zip(headers) {
            *to = *from;
        }
        self.length = headers.len().min(MOST) as u8;
        self.tunnel = tunnel;
    }

    /// Makes ready for the next record.
    pub fn reset(&mut self) {
        (self.length, self.seen, self.tunnel) = (0, false, None);
    }

    /// What is kept.
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// The tunnel.
    pub fn tunnel(&self) -> Option<Tunnel> {
        self.tunnel
    }

    /// What the tunnel adds to the encapsulations of a record of version 5.
    pub fn mask(&self) -> u32 {
        match (self.tunnel.map(|tunnel| tunnel.carrier), self.packet().first().map(|octet| octet >> 4)) {
            (Some(Carrier::Gre), Some(6)) => packet::Encapsulation::OUTER_IPV6.0,
            (Some(Carrier::Gre), Some(_)) => packet::Encapsulation::OUTER_IPV4.0,
            (Some(Carrier::Vxlan), _) => record::dsr::encaps::bits::ERSPAN_OR_VXLAN,
            (Some(Carrier::Geneve), _) => record::dsr::encaps::bits::GENEVE,
            _ => 0,
        }
    }

    /// The first octets of the tunnel's header, when they were kept.
    fn header(&self) -> Option<[u8; 8]> {
        self.octets().get(usize::from(self.tunnel?.header)..)?.first_chunk().copied()
    }

    /// The first four octets, which is all that GRE always has.
    fn short_header(&self) -> Option<[u8; 4]> {
        self.octets().get(usize::from(self.tunnel?.header)..)?.first_chunk().copied()
    }

    /// The IP packet that the tunnel is in, up to the tunnel's header.
    fn packet(&self) -> &[u8] {
        let place = |tunnel: Tunnel| usize::from(tunnel.packet)..usize::from(tunnel.header);
        self.tunnel.and_then(|tunnel| self.octets().get(place(tunnel))).unwrap_or_default()
    }

    /// The key of the tunnel's own flow: the smaller address first, as in all keys.
    fn key(&self) -> Option<record::Flow> {
        let packet = self.packet();
        let (proto, (sport, dport)) = match self.tunnel?.carrier {
            Carrier::Gre => (47, (0, 0)),
            Carrier::Vxlan | Carrier::Geneve => {
                // The UDP header ends the packet's headers.
                let &[a, b, c, d, ..] = packet.last_chunk::<8>()?;
                (17, (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
            }
        };
        let (key, reversed) = if packet.first()? >> 4 == 6 {
            let (src, dst) = packet.get(8..40)?.split_at(16);
            let address = |octets: &[u8]| octets.first_chunk::<16>().copied().map(Ipv6Addr::from);
            let (src, dst) = (address(src)?, address(dst)?);
            let detail = Ipv6Detail::Ports { src: sport, dst: dport };
            (FlowKey::Ipv6(Ipv6Key { src, dst, proto, label: 0, detail, masks: None }), src > dst)
        } else {
            let (src, dst) = packet.get(12..20)?.split_at(4);
            let address = |octets: &[u8]| octets.first_chunk::<4>().copied().map(Ipv4Addr::from);
            let (src, dst) = (address(src)?, address(dst)?);
            let detail = Ipv4Detail::ports(sport, dport);
            (FlowKey::Ipv4(Ipv4Key { src, dst, proto, tp_p: 0, detail }), src > dst)
        };
        let mut flow = record::Flow::new(if reversed { key.exchanged() } else { key });
        flow.reversed = reversed;
        Some(flow)
    }
}

/// Appends the sections of the tunnels that the two directions of a record were first seen in.
pub(crate) fn tunnel_sections([src, dst]: &[Outer; 2], out: &mut Vec<u8>) {
    let vni = |side: &Outer| match (side.tunnel?.carrier, side.header()?) {
        (Carrier::Vxlan, [_, _, _, _, a, b, c, _]) => Some(u32::from_be_bytes([0, a, b, c])),
        _ => None,
    };
    let ids = [vni(src), vni(dst)];
    if let [Some(_), _] | [_, Some(_)] = ids {
        let [src, dst] = ids;
        let qualifier = u8::from(src.is_some()) | u8::from(dst.is_some()) << 1;
        Vxlan { qualifier, src: src.unwrap_or(0), dst: dst.unwrap_or(0) }.emit(out);
    }
    // One outer key for both directions: that of the source's packets, else that of the answers, turned round.
    let found = |carrier: Carrier| {
        let of = |side: &Outer| side.tunnel().is_some_and(|tunnel| tunnel.carrier == carrier);
        let mut key =
            [src, dst].into_iter().find(|side| of(side)).and_then(|side| Some((side.key()?, *side)));
        if let Some((key, _)) = key.as_mut().filter(|_| !of(src)) {
            key.reversed = !key.reversed;
        }
        key
    };
    if let Some((outer, side)) = found(Carrier::Gre)
        && let Some([a, b, c, d]) = side.short_header()
    {
        let (flags, protocol) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        Gre { flags, protocol, outer }.emit(out);
    }
    if let Some((outer, side)) = found(Carrier::Geneve)
        && let Some([version, flags, c, d, x, y, z, _]) = side.header()
    {
        let (protocol, vni) = (u16::from_be_bytes([c, d]), u32::from_be_bytes([0, x, y, z]));
        Geneve { version, flags, protocol, vni, outer }.emit(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_packet_counts_and_is_cut() {
        let mut outer = Outer::default();
        outer.note(&[7; MOST + 9], None);
        outer.note(&[8; 4], None);
        assert_eq!(outer.octets(), [7; MOST]);
        outer.reset();
        assert_eq!(outer.octets(), []);
        outer.note(&[], None);
        outer.note(&[9; 14], None);
        assert_eq!(outer.octets(), [], "the first packet had none");
    }
}
