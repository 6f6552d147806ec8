//! IPv6 headers and their extensions (RFC 8200).

use crate::Rules;
use crate::bytes::{first, rest, u8_at, u16_at, u32_at};
use crate::ip::{AH, Addresses, Fragment, Ip, Transport};
use crate::link::Walk;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION_OPTIONS: u8 = 60;

/// An IPv6 header without its extensions.
#[derive(Clone, Copy)]
pub(crate) struct Header<'a>(&'a [u8; 40]);

impl<'a> Header<'a> {
    /// The header that `data` begins with, and the octets behind it.
    #[inline(always)]
    pub fn split(data: &'a [u8]) -> Option<(Header<'a>, &'a [u8])> {
        let (header, rest) = data.split_first_chunk()?;
        Some((Header(header), rest))
    }

    #[inline(always)]
    pub fn next(self) -> u8 {
        self.0[6]
    }

    /// Octets behind the header. `on_wire` is how many there are in the frame, padding included: 3.0.8 goes by these. A
    /// stated length of 0 is a jumbogram or an offloaded segment.
    #[inline(always)]
    pub fn payload(self, rules: Rules, on_wire: i32) -> i32 {
        let stated = u16::from_be_bytes([self.0[4], self.0[5]]);
        if rules.compat || stated == 0 { on_wire } else { i32::from(stated) }
    }

    #[inline(always)]
    fn traffic_class(self, rules: Rules) -> u8 {
        if rules.compat {
            // 3.0.8 reports bits of the flow label in its place (flow-model chapter, section 11).
            self.0[2] << 4 | self.0[3] >> 4
        } else {
            self.0[0] << 4 | self.0[1] >> 4
        }
    }

    /// The packet as its header tells, without its extensions.
    #[inline(always)]
    pub fn ip<'b>(self, rules: Rules, payload: i32) -> Ip<'b> {
        let (source, destination) = (array(&self.0[8..24]), array(&self.0[24..]));
        Ip {
            addresses: Addresses::V6 { source, destination },
            protocol: self.next(),
            ttl: self.0[7],
            tos: self.traffic_class(rules),
            id: 0,
            options: 0,
            fragment: None,
            payload,
            application: 0,
            ports: (0, 0),
            transport: Transport::Other,
        }
    }
}

/// Sixteen octets of a header.
#[inline(always)]
fn array(octets: &[u8]) -> [u8; 16] {
    octets.first_chunk().copied().unwrap_or_default()
}

/// Octets of an IPv6 packet behind its header, of `wire` octets of the frame from the header on.
#[inline(always)]
pub(crate) fn on_wire(wire: u32) -> i32 {
    wire.min(i32::MAX as u32) as i32 - 40
}

impl<'a> Walk<'a> {
    /// Walks an IPv6 packet. A header that was not captured whole makes a frame flow.
    pub fn ipv6(&mut self, data: &'a [u8]) {
        let Some((header, mut transport)) = Header::split(data) else {
            return self.frame_flow(data);
        };
        let on_wire = on_wire(self.wire_after(data)).saturating_add(self.ipv6_fault);
        let mut payload = header.payload(self.rules, on_wire);
        if !self.rules.compat {
            transport = first(transport, payload);
        }
        let mut protocol = header.next();
        let mut fragment = None;
        // Every round takes at least 8 octets off the captured data, so the chain ends.
        loop {
            let octets = match protocol {
                HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS => {
                    let (Some(next), Some(length)) = (u8_at(transport, 0), u8_at(transport, 1)) else {
                        break;
                    };
                    protocol = next;
                    (usize::from(length) + 1) * 8
                }
                FRAGMENT => {
                    let (Some(next), Some(reserved), Some(place)) =
                        (u8_at(transport, 0), u8_at(transport, 1), u16_at(transport, 2))
                    else {
                        break;
                    };
                    protocol = next;
                    // 3.0.8 takes the reserved octet for a length as in the other headers.
                    let octets = if self.rules.compat { (usize::from(reserved) + 1) * 8 } else { 8 };
                    fragment = Some(Fragment {
                        id: u32_at(transport, 4).unwrap_or(0),
                        offset: u32::from(place & 0xfff8),
                        more: place & 1 != 0,
                        length: u32::try_from(payload - octets as i32).unwrap_or(0),
                    });
                    octets
                }
                // 3.0.8 steps over one.
                AH if !self.rules.compat || !self.is_authenticated() => {
                    match self.authentication_header(transport) {
                        Some((next, octets)) => {
                            protocol = next;
                            if self.rules.compat {
                                // As under IPv4, the header stays in the payload's length.
                                payload += octets as i32;
                            }
                            octets
                        }
                        None => break,
                    }
                }
                _ => break,
            };
            payload -= octets as i32;
            transport = rest(transport, octets);
            if fragment.is_some_and(|part| part.offset != 0) {
                break;
            }
        }
        let ip = Ip { protocol, fragment, ..header.ip(self.rules, payload) };
        let start = if fragment.is_some_and(|part| part.offset != 0) { transport } else { data };
        self.transport(ip, transport, start);
    }
}
