//! MPLS label stacks and the guess at what is under them.

use crate::bytes::{rest, u8_at, u16_at, u32_at};
use crate::ethernet::{ETHERTYPE_IPV4, ETHERTYPE_IPV6};
use crate::link::Walk;
use crate::summary::Encapsulation;

const BOTTOM_OF_STACK: u32 = 0x100;

/// Strips a label stack; the first entry is remembered (flow-model chapter, section 3.3).
pub(crate) fn stack<'a>(walk: &mut Walk<'a>, data: &'a [u8]) {
    let Some(top) = u32_at(data, 0) else {
        return walk.frame_flow(data);
    };
    walk.summary.mpls = Some(top);
    walk.summary.encapsulation.add(Encapsulation::MPLS);
    let mut at = 0;
    while let Some(entry) = u32_at(data, at) {
        at += 4;
        if entry & BOTTOM_OF_STACK != 0 {
            return payload(walk, rest(data, at));
        }
    }
    walk.frame_flow(rest(data, at));
}

impl<'a> Walk<'a> {
    /// Whether `data` is likely to be an Ethernet frame.
    fn looks_like_ethernet(&self, data: &[u8]) -> bool {
        let inner = rest(data, 14);
        match u16_at(data, 12) {
            Some(ETHERTYPE_IPV4 | ETHERTYPE_IPV6) => self.looks_like_ip(inner),
            Some(0x0806 | 0x8100 | 0x8847 | 0x88a8 | 0x8863 | 0x8864 | 0x88cc) => true,
            Some(0..=1500) => matches!(u16_at(inner, 0), Some(0x4242 | 0xaaaa | 0xfefe)),
            _ => false,
        }
    }
}

fn payload<'a>(walk: &mut Walk<'a>, data: &'a [u8]) {
    let version = u8_at(data, 0).map(|octet| octet >> 4);
    let words = u8_at(data, 0).map_or(0, |octet| octet & 15);
    let ipv4_length = u16_at(data, 2).unwrap_or(0);
    let ipv6_payload = u16_at(data, 4).unwrap_or(u16::MAX);
    let tagged = u16_at(data, 2);
    if version == Some(4) && words >= 5 && ipv4_length >= 20 {
        walk.protocol(ETHERTYPE_IPV4, data);
    } else if version == Some(6)
        && (ipv6_payload <= 2048 || (!walk.rules.compat && walk.wire_after(data) >= 40))
    {
        walk.protocol(ETHERTYPE_IPV6, data);
    } else if let Some(ethertype @ (ETHERTYPE_IPV4 | ETHERTYPE_IPV6)) = tagged {
        walk.summary.vlan = u16_at(data, 0);
        walk.summary.encapsulation.add(Encapsulation::VLAN);
        walk.protocol(ethertype, rest(data, 4));
    } else if !walk.rules.compat
        && version == Some(0)
        && !walk.looks_like_ethernet(data)
        && walk.looks_like_ethernet(rest(data, 4))
        && walk.within(|walk| walk.ethernet(rest(data, 4)))
    {
        // A control word was in front of the frame (RFC 4448).
    } else if data.len() >= 14 && walk.enter() {
        walk.ethernet(data);
    } else {
        walk.frame_flow(data);
    }
}
