//! Generic routing encapsulation (RFC 2784, 2890; version 1: RFC 2637) and ERSPAN in it.

use crate::bytes::{rest, u8_at, u16_at};
use crate::link::Walk;
use crate::summary::{Encapsulation, FrameKey, Network};

const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
const ACKNOWLEDGEMENT: u16 = 0x0080;
const ERSPAN: u16 = 0x88be;

/// Walks into a GRE packet. When what it carries cannot be read, the flow is the outer packet's, which
/// `walk.summary.network` holds on entry.
pub(crate) fn packet<'a>(walk: &mut Walk<'a>, data: &'a [u8]) {
    let outer = walk.summary;
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
        _ => {
            at += if flags & KEY != 0 { 4 } else { 0 };
            at += if flags & SEQUENCE != 0 { 4 } else { 0 };
            at += if flags & ACKNOWLEDGEMENT != 0 { 4 } else { 0 };
        }
    }
    let inner = rest(data, at);
    walk.summary.network = Network::Link(FrameKey::default());
    match protocol {
        0x0800 | 0x86dd => walk.protocol(protocol, inner),
        0x8100 | 0x8847 | 0x8848 | 0x880b | 0x6558 => walk.protocol(protocol, inner),
        // 3.0.8 knows type II, which says so in its first four bits.
        ERSPAN if walk.rules.compat && u8_at(inner, 0).is_none_or(|octet| octet >> 4 != 1) => {}
        ERSPAN => {
            walk.summary.encapsulation.add(Encapsulation::ERSPAN);
            // Type I has no header of its own; it is told by the missing sequence number.
            let header = if flags & SEQUENCE == 0 && !walk.rules.compat { 0 } else { 8 };
            walk.ethernet(rest(inner, header));
        }
        _ => {}
    }
    let own_frame = walk.summary.ethernet != outer.ethernet;
    let unnamed = match walk.summary.network {
        Network::Link(_) => true,
        Network::Frame(_) => !own_frame,
        _ => false,
    };
    if unnamed {
        let encapsulation = walk.summary.encapsulation;
        walk.summary = outer;
        walk.summary.encapsulation = encapsulation;
        walk.summary.user = inner;
    }
}
