//! Tunnels on well-known UDP ports, followed when tunnel discovery is on (flow-model chapter, section 3.4).

use crate::bytes::{rest, u8_at, u16_at};
use crate::ethernet::{ETHERTYPE_IPV6, ETHERTYPE_MPLS};
use crate::ip::{Addresses, Ip};
use crate::link::Walk;
use crate::summary::{Carrier, Encapsulation};
use crate::{Rules, l2tp};

/// Octets of a UDP header.
pub(crate) const HEADER: usize = 8;

const DNS: u16 = 53;
const L2TP: u16 = 1701;
const GTP_USER: u16 = 2152;
const TEREDO: u16 = 3544;
const VXLAN: u16 = 4789;
const VXLAN_GPE: u16 = 4790;
const GENEVE: u16 = 6081;
const MPLS_IN_UDP: u16 = 6635;
const VXLAN_OF_LINUX: u16 = 8472;

/// The one flag of a VXLAN header: its network identifier is valid.
const VXLAN_VNI: u8 = 8;

/// Whether datagrams of these ports are looked into for tunnels.
pub(crate) fn is_tunnel(rules: Rules, addresses: &Addresses, (source, destination): (u16, u16)) -> bool {
    if rules.compat {
        // 3.0.8 looks for Teredo on every port but that of DNS.
        return matches!(addresses, Addresses::V4 { .. }) && source != DNS && destination != DNS;
    }
    [destination, source].into_iter().any(|port| {
        matches!(port, VXLAN | VXLAN_OF_LINUX | VXLAN_GPE | GENEVE | L2TP | GTP_USER | MPLS_IN_UDP | TEREDO)
    })
}

/// Walks into a tunnel and says whether the flow within could be named; otherwise the walk is as before.
pub(crate) fn tunnel<'a>(walk: &mut Walk<'a>, ip: &Ip<'a>, data: &'a [u8]) -> bool {
    let (source, destination) = ip.ports;
    if walk.rules.compat {
        return is_tunnel(walk.rules, &ip.addresses, ip.ports) && walk.within(|walk| teredo(walk, data));
    }
    // The receiver's port says more than the sender's.
    [destination, source].into_iter().any(|port| match port {
        VXLAN | VXLAN_OF_LINUX if u8_at(data, 0) == Some(VXLAN_VNI) => {
            let tunnel = walk.tunnel(Carrier::Vxlan, data);
            walk.within(|walk| {
                walk.summary.tunnel = tunnel;
                walk.ethernet(rest(data, 8));
            })
        }
        // The generic protocol extension: the octet before the VNI names what follows.
        VXLAN_GPE if u8_at(data, 0).is_some_and(|flags| flags & 0x0c == 0x0c) => {
            walk.numbered(u8_at(data, 3).unwrap_or(0), rest(data, 8))
        }
        GENEVE => match (u8_at(data, 0), u16_at(data, 2)) {
            (Some(options), Some(ethertype)) if options >> 6 == 0 => {
                let inner = rest(data, 8 + usize::from(options & 0x3f) * 4);
                let tunnel = walk.tunnel(Carrier::Geneve, data);
                walk.within(|walk| {
                    walk.summary.tunnel = tunnel;
                    walk.protocol(ethertype, inner);
                })
            }
            _ => false,
        },
        L2TP => walk.within(|walk| l2tp::datagram(walk, data)),
        GTP_USER => walk.within(|walk| gtp(walk, data)),
        MPLS_IN_UDP => walk.within(|walk| walk.protocol(ETHERTYPE_MPLS, data)),
        TEREDO => walk.within(|walk| teredo(walk, data)),
        _ => false,
    })
}

/// A user packet of the GPRS tunnelling protocol (3GPP TS 29.281, section 5).
fn gtp<'a>(walk: &mut Walk<'a>, data: &'a [u8]) {
    const USER_PACKET: u8 = 255;
    let (Some(flags), Some(USER_PACKET)) = (u8_at(data, 0), u8_at(data, 1)) else { return };
    // Version 1, protocol type GTP.
    if flags & 0xf0 != 0x30 {
        return;
    }
    let mut at = 8;
    if flags & 7 != 0 {
        // Sequence number, N-PDU number, type of the first extension; each extension ends with the next one's type.
        at += 4;
        let mut next = u8_at(data, 11).unwrap_or(0);
        while flags & 4 != 0 && next != 0 {
            let words = usize::from(u8_at(data, at).unwrap_or(0));
            at += words * 4;
            match u8_at(data, at.saturating_sub(1)) {
                Some(kind) if words != 0 => next = kind,
                _ => return,
            }
        }
    }
    walk.ip_by_version(rest(data, at));
}

fn teredo<'a>(walk: &mut Walk<'a>, mut data: &'a [u8]) {
    walk.summary.encapsulation.add(Encapsulation::TEREDO);
    // Authentication (0x0001) and origin indication (0x0000) headers come before the packet (RFC 4380, 5.1.1).
    if u16_at(data, 0) == Some(1) {
        let lengths = usize::from(u8_at(data, 2).unwrap_or(0)) + usize::from(u8_at(data, 3).unwrap_or(0));
        data = rest(data, 13 + lengths);
    }
    let mut origins = 0;
    // 3.0.8 takes as many as come one after another.
    while u16_at(data, 0) == Some(0) && (origins == 0 || walk.rules.compat) {
        data = rest(data, 8);
        origins += 1;
    }
    if u8_at(data, 0).is_some_and(|octet| octet >> 4 == 6) && data.len() >= 40 {
        walk.protocol(ETHERTYPE_IPV6, data);
    }
}
