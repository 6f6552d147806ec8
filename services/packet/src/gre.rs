//! Generic routing encapsulation (RFC 2784, 2890; version 1: RFC 2637) and ERSPAN in it.

use crate::bytes::{rest, u8_at, u16_at};
use crate::link::Walk;
use crate::summary::{Carrier, Encapsulation};

const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
const ACKNOWLEDGEMENT: u16 = 0x0080;
const ERSPAN: u16 = 0x88be;
const ERSPAN_III: u16 = 0x22eb;
const WCCP: u16 = 0x883e;

/// Walks into a GRE packet. When what it carries cannot be read, the flow is the outer packet's, which
/// `walk.summary.network` holds on entry.
pub(crate) fn packet<'a>(walk: &mut Walk<'a>, data: &'a [u8]) {
    let (Some(flags), Some(protocol)) = (u16_at(data, 0), u16_at(data, 2)) else {
        return;
    };
    walk.summary.encapsulation.add(Encapsulation::GRE);
    let mut at = 4;
    match flags & 7 {
        0 => {
            at += if flags & (CHECKSUM | ROUTING) != 0 { 4 } else { 0 };
            at += if flags & KEY != 0 { 4 } else { 0 };
            at += if flags & SEQUENCE != 0 { 4 } else { 0 };
            if flags & ROUTING != 0 {
                // Source route entries: family (2), offset, length, routing; a zero entry ends the list.
                while let (Some(family), Some(length)) = (u16_at(data, at), u8_at(data, at + 3)) {
                    at += 4 + usize::from(length);
                    if family == 0 && length == 0 {
                        break;
                    }
                }
            }
        }
        1 => {
            at += if flags & KEY != 0 { 4 } else { 0 };
            at += if flags & SEQUENCE != 0 { 4 } else { 0 };
            at += if flags & ACKNOWLEDGEMENT != 0 { 4 } else { 0 };
        }
        // 3.0.8 takes other versions for headers without options.
        _ if walk.rules.compat => {}
        _ => {
            walk.summary.user = data;
            return;
        }
    }
    if protocol != ERSPAN {
        // 3.0.8 forgets what is optional in the header.
        walk.miscount(at as i32 - 4);
    }
    let inner = rest(data, at);
    let mut reached = walk.summary.encapsulation;
    let tunnel = walk.tunnel(Carrier::Gre, data);
    let named = walk.within(|walk| {
        walk.summary.tunnel = tunnel;
        payload(walk, protocol, flags, inner);
        reached = walk.summary.encapsulation;
    });
    if !named {
        walk.summary.encapsulation = reached;
        // 3.0.8 shows the header too.
        walk.summary.user = if walk.rules.compat { data } else { inner };
    }
}

fn payload<'a>(walk: &mut Walk<'a>, protocol: u16, flags: u16, inner: &'a [u8]) {
    match protocol {
        0x0800 | 0x86dd | 0x8100 | 0x8847 | 0x8848 | 0x8864 | 0x880b | 0x6558 => {
            walk.protocol(protocol, inner)
        }
        // 3.0.8 knows type II, which says so in its first four bits.
        ERSPAN if walk.rules.compat && u8_at(inner, 0).is_none_or(|octet| octet >> 4 != 1) => {}
        ERSPAN => {
            walk.summary.encapsulation.add(Encapsulation::ERSPAN);
            // Type I has no header of its own; it is told by the missing sequence number.
            let header = if flags & SEQUENCE == 0 && !walk.rules.compat { 0 } else { 8 };
            walk.ethernet(rest(inner, header));
        }
        _ if walk.rules.compat => {}
        ERSPAN_III => {
            walk.summary.encapsulation.add(Encapsulation::ERSPAN);
            let more = if u8_at(inner, 11).is_some_and(|octet| octet & 1 != 0) { 8 } else { 0 };
            // What the frame is: 0 Ethernet, 2 IP.
            match u16_at(inner, 10).map(|word| word >> 10 & 31) {
                Some(2) => walk.ip_by_version(rest(inner, 12 + more)),
                Some(0) => walk.ethernet(rest(inner, 12 + more)),
                _ => {}
            }
        }
        // The second version of the protocol puts a redirect header in front of the packet.
        WCCP if u8_at(inner, 0).is_some_and(|octet| octet >> 4 != 4) => walk.ip_by_version(rest(inner, 4)),
        WCCP => walk.ip_by_version(inner),
        _ => {
            walk.shim(protocol, inner);
        }
    }
}
