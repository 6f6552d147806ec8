//! Layer two tunnelling: version 2 (RFC 2661) and 3 (RFC 3931).

use crate::bytes::{rest, u16_at};
use crate::link::Walk;
use crate::ppp;
use crate::summary::Encapsulation;

const CONTROL: u16 = 0x8000;
const LENGTH: u16 = 0x4000;
const SEQUENCE: u16 = 0x0800;
const OFFSET: u16 = 0x0200;

/// Walks into an L2TP message in a UDP datagram.
pub(crate) fn datagram<'a>(walk: &mut Walk<'a>, data: &'a [u8]) {
    let Some(flags) = u16_at(data, 0).filter(|flags| flags & CONTROL == 0) else { return };
    match flags & 15 {
        2 => {
            let mut at = if flags & LENGTH != 0 { 8 } else { 6 };
            at += if flags & SEQUENCE != 0 { 4 } else { 0 };
            if flags & OFFSET != 0 {
                at += 2 + usize::from(u16_at(data, at).unwrap_or(0));
            }
            walk.summary.encapsulation.add(Encapsulation::PPP);
            ppp::tunnelled(walk, rest(data, at));
        }
        // Flags, reserved, session id.
        3 => session(walk, rest(data, 8)),
        _ => {}
    }
}

/// Data of a version 3 session behind its id. How long its cookie is and whether a sublayer header follows is agreed
/// between the two ends; what it is becomes plain from the first length at which something sound begins.
pub(crate) fn session<'a>(walk: &mut Walk<'a>, data: &'a [u8]) {
    for skip in [0, 4, 8, 12] {
        let inner = rest(data, skip);
        if matches!(u16_at(inner, 12), Some(0x0800 | 0x86dd)) && walk.looks_like_ip(rest(inner, 14))
            || matches!(u16_at(inner, 12), Some(0x0806 | 0x8100 | 0x88a8))
        {
            return walk.ethernet(inner);
        }
        if walk.looks_like_ip(inner) {
            return walk.ip_by_version(inner);
        }
        if inner.starts_with(&[0xff, 3]) {
            walk.summary.encapsulation.add(Encapsulation::PPP);
            return ppp::tunnelled(walk, inner);
        }
    }
}
