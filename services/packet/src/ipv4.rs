//! IPv4 headers (RFC 791).

use crate::bytes::{rest, u8_at};
use crate::ip::{AH, Addresses, Fragment, Ip, Transport};
use crate::link::Walk;
use crate::summary::Network;

/// Octets of a header without options.
pub(crate) const LEAST: usize = 20;

const MORE_FRAGMENTS: u16 = 0x2000;
const OFFSET: u16 = 0x1fff;

/// The fixed part of an IPv4 header.
#[derive(Clone, Copy)]
pub(crate) struct Header<'a>(&'a [u8; LEAST]);

impl<'a> Header<'a> {
    /// The header that `data` begins with, and the octets behind its fixed part.
    #[inline(always)]
    pub fn split(data: &'a [u8]) -> Option<(Header<'a>, &'a [u8])> {
        let (header, rest) = data.split_first_chunk()?;
        Some((Header(header), rest))
    }

    #[inline(always)]
    fn u16_at(self, at: usize) -> u16 {
        u16::from_be_bytes([self.0[at], self.0[at + 1]])
    }

    #[inline(always)]
    fn u32_at(self, at: usize) -> u32 {
        u32::from_be_bytes([self.0[at], self.0[at + 1], self.0[at + 2], self.0[at + 3]])
    }

    /// Octets of the header with its options, as it says; may be below 20.
    #[inline(always)]
    pub fn length(self) -> usize {
        usize::from(self.0[0] & 15) * 4
    }

    /// Octets of the packet, as it says.
    #[inline(always)]
    pub fn total(self) -> i32 {
        i32::from(self.u16_at(2))
    }

    #[inline(always)]
    pub fn protocol(self) -> u8 {
        self.0[9]
    }

    /// Whether it is of version 4, has no options, and heads a whole packet.
    #[inline(always)]
    pub fn is_plain(self) -> bool {
        self.0[0] == 0x45 && self.u16_at(6) & (MORE_FRAGMENTS | OFFSET) == 0
    }

    /// The packet as its fixed part tells, but for what makes it a fragment.
    #[inline(always)]
    pub fn ip<'b>(self, payload: i32) -> Ip<'b> {
        Ip {
            addresses: Addresses::V4 { source: self.u32_at(12), destination: self.u32_at(16) },
            protocol: self.protocol(),
            ttl: self.0[8],
            tos: self.0[1],
            id: self.u16_at(4),
            options: 0,
            fragment: None,
            payload,
            application: 0,
            ports: (0, 0),
            transport: Transport::Other,
        }
    }
}

/// Octets behind the packet that `data` begins with: Ethernet padding.
#[inline(always)]
pub(crate) fn padding(data: &[u8], total: i32, header_length: usize) -> usize {
    data.len().saturating_sub(usize::try_from(total).unwrap_or(0).max(header_length))
}

/// Takes padding off the end of octets.
#[inline(always)]
pub(crate) fn without_padding(user: &[u8], padding: usize) -> &[u8] {
    user.get(..user.len().saturating_sub(padding)).unwrap_or(&[])
}

impl<'a> Walk<'a> {
    /// Walks an IPv4 packet. What cannot be one becomes a frame flow (flow-model chapter, section 3.5).
    #[inline]
    pub fn ipv4(&mut self, data: &'a [u8]) {
        let Some((header, _)) = Header::split(data) else {
            return self.frame_flow(data);
        };
        let header_length = header.length();
        let mut total = header.total();
        if total < LEAST as i32 || (header_length < LEAST && !self.rules.compat) {
            // Segmentation offload leaves the length 0: the frame is as long as it is.
            if total != 0 || self.rules.compat || header_length < LEAST {
                return self.frame_flow(data);
            }
            total = self.wire_after(data).min(i32::MAX as u32) as i32;
        }
        let mut payload = total - header_length as i32;
        let padding = padding(data, total, header_length);
        let packet = without_padding(data, padding);
        // 3.0.8 takes padding for a transport header that is missing.
        let seen = if self.rules.compat { data } else { packet };
        let mut transport = rest(seen, header_length);
        let flags = header.u16_at(6);
        let (offset, more) = (u32::from(flags & OFFSET) * 8, flags & MORE_FRAGMENTS != 0);
        let mut protocol = header.protocol();
        let fragment = (offset != 0 || more).then(|| Fragment {
            id: u32::from(header.u16_at(4)),
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
                if self.rules.compat {
                    // 3.0.8 steps over one.
                    break;
                }
            }
        }
        let options = if header_length > LEAST {
            options(rest(data.get(..header_length).unwrap_or(data), LEAST), self.rules.compat)
        } else {
            0
        };
        self.transport(Ip { protocol, options, fragment, ..header.ip(payload) }, transport, seen);
        if self.rules.compat && padding != 0 && matches!(self.summary.network, Network::Ip(_)) {
            self.summary.user = without_padding(self.summary.user, padding);
        }
    }
}

/// Which options of interest the list holds; a malformed length ends it (flow-model chapter, section 11).
fn options(mut list: &[u8], compat: bool) -> u8 {
    let mut seen = 0;
    while let Some(kind) = u8_at(list, 0) {
        // 3.0.8 counts an option before it looks at its length, and goes on after a length of 1.
        let (shortest, otherwise) = if compat { (1, usize::MAX) } else { (2, 0) };
        let length = match kind {
            0 => break,
            1 => 1,
            _ => match u8_at(list, 1) {
                Some(length) if length >= shortest && usize::from(length) <= list.len() => {
                    usize::from(length)
                }
                _ => otherwise,
            },
        };
        if length == 0 {
            break;
        }
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
