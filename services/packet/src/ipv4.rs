//! IPv4 headers (RFC 791).

use crate::bytes::{rest, u8_at};
use crate::ip::{AH, Addresses, Fragment, Ip, Transport};
use crate::link::Walk;
use crate::summary::Network;

const MORE_FRAGMENTS: u16 = 0x2000;

impl<'a> Walk<'a> {
    /// Walks an IPv4 packet. What cannot be one becomes a frame flow (flow-model chapter, section 3.5).
    #[inline]
    pub fn ipv4(&mut self, data: &'a [u8]) {
        let Some(header) = data.first_chunk::<20>() else {
            return self.frame_flow(data);
        };
        let header_length = usize::from(header[0] & 15) * 4;
        let mut total = i32::from(u16::from_be_bytes([header[2], header[3]]));
        if total < 20 || (header_length < 20 && !self.rules.compat) {
            // Segmentation offload leaves the length 0: the frame is as long as it is.
            if total != 0 || self.rules.compat || header_length < 20 {
                return self.frame_flow(data);
            }
            total = self.wire_after(data).min(i32::MAX as u32) as i32;
        }
        let mut payload = total - header_length as i32;
        let mut transport = rest(data, header_length);
        // Octets behind the packet are Ethernet padding; 3.0.8 takes them for a header that is missing.
        let end = usize::try_from(total).unwrap_or(0).max(header_length);
        let packet = data.get(..end).unwrap_or(data);
        if !self.rules.compat {
            transport = rest(packet, header_length);
        }
        let flags = u16::from_be_bytes([header[6], header[7]]);
        let (offset, more) = (u32::from(flags & 0x1fff) * 8, flags & MORE_FRAGMENTS != 0);
        let id = u16::from_be_bytes([header[4], header[5]]);
        let mut protocol = header[9];
        let fragment = (offset != 0 || more).then(|| Fragment {
            id: u32::from(id),
            offset,
            more,
            length: u32::try_from(payload).unwrap_or(0),
        });
        if protocol == AH && offset == 0 {
            while protocol == AH && self.enter() {
                let Some((next, octets)) = self.authentication_header(transport) else {
                    break;
                };
                protocol = next;
                if !self.rules.compat {
                    payload -= octets as i32;
                }
                transport = rest(transport, octets);
            }
        }
        let ip = Ip {
            addresses: Addresses::V4 {
                source: u32::from_be_bytes([header[12], header[13], header[14], header[15]]),
                destination: u32::from_be_bytes([header[16], header[17], header[18], header[19]]),
            },
            protocol,
            ttl: header[8],
            tos: header[1],
            id,
            options: if header_length > 20 {
                options(rest(data.get(..header_length).unwrap_or(data), 20))
            } else {
                0
            },
            fragment,
            payload,
            application: 0,
            ports: (0, 0),
            transport: Transport::Other,
        };
        let padding = data.len() - packet.len();
        self.transport(ip, transport, data);
        if padding != 0 && matches!(self.summary.network, Network::Ip(_)) {
            let user = self.summary.user;
            self.summary.user = user.get(..user.len().saturating_sub(padding)).unwrap_or(&[]);
        }
    }
}

/// Which options of interest the list holds; a malformed length ends it (flow-model chapter, section 11).
fn options(mut list: &[u8]) -> u8 {
    let mut seen = 0;
    while let Some(kind) = u8_at(list, 0) {
        let length = match kind {
            0 => break,
            1 => 1,
            _ => match u8_at(list, 1) {
                Some(length) if length >= 2 && usize::from(length) <= list.len() => usize::from(length),
                _ => break,
            },
        };
        seen |= match kind {
            7 => 0x01,
            68 => 0x02,
            130 => 0x04,
            131 => 0x08,
            136 => 0x10,
            137 => 0x20,
            148 => 0x40,
            _ => 0,
        };
        list = rest(list, length);
    }
    seen
}
