//! Tunnels on well-known UDP ports, followed when tunnel discovery is on (flow-model chapter, section 3.4).

use crate::bytes::{rest, u8_at, u16_at};
use crate::ethernet::ETHERTYPE_IPV6;
use crate::ip::Ip;
use crate::link::Walk;
use crate::summary::{Encapsulation, Network};

const TEREDO: u16 = 3544;
const VXLAN: [u16; 2] = [4789, 8472];
const GENEVE: u16 = 6081;

/// Walks into a tunnel and says whether the flow within could be named; otherwise the walk is as before.
pub(crate) fn tunnel<'a>(walk: &mut Walk<'a>, ip: &Ip<'a>, data: &'a [u8]) -> bool {
    let (source, destination) = ip.ports;
    if !walk.enter() {
        return false;
    }
    let before = walk.summary;
    if walk.rules.compat {
        if source != TEREDO && destination != TEREDO {
            return false;
        }
        teredo(walk, data);
    } else if [destination, source].iter().any(|port| VXLAN.contains(port)) && u8_at(data, 0) == Some(8) {
        walk.ethernet(rest(data, 8));
    } else if [destination, source].contains(&GENEVE) {
        let (Some(options), Some(ethertype)) = (u8_at(data, 0), u16_at(data, 2)) else {
            return false;
        };
        walk.protocol(ethertype, rest(data, 8 + usize::from(options & 0x3f) * 4));
    } else if source == TEREDO || destination == TEREDO {
        teredo(walk, data);
    } else {
        return false;
    }
    if matches!(walk.summary.network, Network::Link(_)) {
        walk.summary = before;
        return false;
    }
    true
}

fn teredo<'a>(walk: &mut Walk<'a>, mut data: &'a [u8]) {
    walk.summary.encapsulation.add(Encapsulation::TEREDO);
    // Authentication (0x0001) and origin indication (0x0000) headers come before the packet (RFC 4380, 5.1.1).
    if u16_at(data, 0) == Some(1) {
        let lengths = usize::from(u8_at(data, 2).unwrap_or(0)) + usize::from(u8_at(data, 3).unwrap_or(0));
        data = rest(data, 13 + lengths);
    }
    if u16_at(data, 0) == Some(0) {
        data = rest(data, 8);
    }
    if u8_at(data, 0).is_some_and(|octet| octet >> 4 == 6) && data.len() >= 40 {
        walk.protocol(ETHERTYPE_IPV6, data);
    }
}
