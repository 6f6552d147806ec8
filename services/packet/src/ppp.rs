//! PPP on serial lines and over Ethernet.

use crate::bytes::{rest, u8_at, u16_at};
use crate::ethernet::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_MPLS};
use crate::link::Walk;
use crate::summary::{Encapsulation, Network};

const IPV4: u16 = 0x0021;
const IPV6: u16 = 0x0057;
const BRIDGING: u16 = 0x0031;
const MPLS: u16 = 0x0281;
const MPLS_MULTICAST: u16 = 0x0283;
const LCP: u16 = 0xc021;

/// A PPP link control packet (flow-model chapter, section 9.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lcp {
    /// What is asked or answered.
    pub code: u8,
    /// Matches answers to requests.
    pub id: u8,
    /// Octets of the packet as it says itself.
    pub length: u16,
}

/// Strips the 6 octets of a PPPoE header. Discovery stays a frame flow, whose user data begins with
/// it: it tells the step.
pub(crate) fn pppoe<'a>(walk: &mut Walk<'a>, data: &'a [u8]) {
    match u8_at(data, 1) {
        Some(0) => packet(walk, rest(data, 6)),
        _ => walk.frame_flow(data),
    }
}

/// A PPP packet, with or without address and control, from its protocol field on.
pub(crate) fn packet<'a>(walk: &mut Walk<'a>, data: &'a [u8]) {
    let data = if data.starts_with(&[0xff, 3]) { rest(data, 2) } else { data };
    match protocol(data) {
        Some((IPV4, header)) => walk.protocol(ETHERTYPE_IPV4, rest(data, header)),
        Some((IPV6, header)) => walk.protocol(ETHERTYPE_IPV6, rest(data, header)),
        Some((MPLS | MPLS_MULTICAST, header)) if !walk.rules.compat => {
            walk.protocol(ETHERTYPE_MPLS, rest(data, header));
        }
        // Flags and the type of the frame, then the frame (RFC 3518); type 1 is Ethernet.
        Some((BRIDGING, header)) if !walk.rules.compat && u8_at(data, header + 1) == Some(1) => {
            if !walk.within(|walk| walk.ethernet(rest(data, header + 2))) {
                walk.frame_flow(rest(data, header));
            }
        }
        Some((_, header)) => walk.frame_flow(rest(data, header)),
        None => walk.frame_flow(data),
    }
}

/// A PPP packet in a tunnel: what is not understood is left to the tunnel's own flow.
pub(crate) fn tunnelled<'a>(walk: &mut Walk<'a>, data: &'a [u8]) {
    let data = if data.starts_with(&[0xff, 3]) { rest(data, 2) } else { data };
    if let Some((protocol, header)) = protocol(data) {
        walk.serial_protocol(protocol, rest(data, header));
    }
}

/// A frame of a serial line: PPP in HDLC framing, otherwise Cisco HDLC.
pub(crate) fn serial<'a>(walk: &mut Walk<'a>, frame: &'a [u8]) {
    let (protocol, header) = if frame.starts_with(&[0xff, 3]) {
        walk.summary.encapsulation.add(Encapsulation::HDLC);
        walk.summary.encapsulation.add(Encapsulation::PPP);
        match protocol(rest(frame, 2)) {
            Some((protocol, octets)) => (protocol, 2 + octets),
            None => return walk.unnamed(),
        }
    } else {
        walk.summary.encapsulation.add(Encapsulation::CISCO_HDLC);
        match u16_at(frame, 2) {
            Some(protocol) => (protocol, 4),
            None => return walk.unnamed(),
        }
    };
    walk.count_without(header as u32);
    let data = rest(frame, header);
    if protocol == LCP {
        let (Some(code), Some(id), Some(length)) = (u8_at(data, 0), u8_at(data, 1), u16_at(data, 2)) else {
            return walk.unnamed();
        };
        walk.summary.user = rest(data, 4);
        walk.summary.network = Network::Lcp(Lcp { code, id, length });
    } else {
        walk.serial_protocol(protocol, data);
    }
}

/// The protocol number, one octet when it is odd, and the octets it takes.
fn protocol(data: &[u8]) -> Option<(u16, usize)> {
    let first = u8_at(data, 0)?;
    if first & 1 != 0 { Some((u16::from(first), 1)) } else { Some((u16_at(data, 0)?, 2)) }
}
