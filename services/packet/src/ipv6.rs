//! IPv6 headers and their extensions (RFC 8200).

use crate::bytes::{array_at, rest, u8_at, u16_at, u32_at};
use crate::ip::{AH, Addresses, Fragment, Ip, Transport};
use crate::link::Walk;
use crate::summary::Encapsulation;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION_OPTIONS: u8 = 60;

impl<'a> Walk<'a> {
    /// 3.0.8 takes the Ethernet header that it makes up for cooked captures off the length of IPv6 packets.
    pub fn cooked_fault(&self) -> i32 {
        let cooked = self.summary.encapsulation.0 & Encapsulation::SLL.0 != 0;
        if self.rules.compat && cooked { 14 } else { 0 }
    }

    /// Walks an IPv6 packet. A header that was not captured whole makes a frame flow.
    pub fn ipv6(&mut self, data: &'a [u8]) {
        let (Some(word), Some(source), Some(destination)) =
            (u32_at(data, 0), array_at::<16>(data, 8), array_at::<16>(data, 24))
        else {
            return self.frame_flow(data);
        };
        let stated = u16_at(data, 4).unwrap_or(0);
        let on_wire = self.wire_after(data).min(i32::MAX as u32) as i32 - 40 - self.cooked_fault();
        // 3.0.8 goes by the frame's length, padding included; a stated length of 0 is a jumbogram or an offloaded segment.
        let mut payload = if self.rules.compat || stated == 0 { on_wire } else { i32::from(stated) };
        let mut transport = rest(data, 40);
        if !self.rules.compat {
            let octets = usize::try_from(payload).unwrap_or(0);
            transport = transport.get(..octets).unwrap_or(transport);
        }
        // 3.0.8 reports bits of the flow label in the place of the traffic class (chapter section 11).
        let tos = if self.rules.compat { (word as u16 >> 4) as u8 } else { (word >> 20) as u8 };
        let mut protocol = u8_at(data, 6).unwrap_or(59);
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
                AH => match self.authentication_header(transport) {
                    Some((next, octets)) => {
                        protocol = next;
                        if self.rules.compat {
                            // As under IPv4, the header stays in the payload's length.
                            payload += octets as i32;
                        }
                        octets
                    }
                    None => break,
                },
                _ => break,
            };
            payload -= octets as i32;
            transport = rest(transport, octets);
            if fragment.is_some_and(|part| part.offset != 0) {
                break;
            }
        }
        let ip = Ip {
            addresses: Addresses::V6 { source, destination },
            protocol,
            ttl: u8_at(data, 7).unwrap_or(0),
            tos,
            id: 0,
            options: 0,
            fragment,
            payload,
            application: 0,
            ports: (0, 0),
            transport: Transport::Other,
        };
        let start = if fragment.is_some_and(|part| part.offset != 0) { transport } else { data };
        self.transport(ip, transport, start);
    }
}
