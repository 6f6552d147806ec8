//! ICMP (RFC 792) and ICMPv6 (RFC 4443) messages.

use crate::bytes::{rest, u8_at, u16_at, u32_at};
use crate::ip::{Ip, Transport};
use crate::link::Walk;
use crate::summary::{Network, Summary};
use crate::{Rules, ah, ip};

/// An ICMP or ICMPv6 message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Icmp<'a> {
    /// Message type.
    pub kind: u8,
    /// Message code.
    pub code: u8,
    /// Checksum.
    pub checksum: u16,
    /// Octets 4 to 7: identifier and sequence number, gateway, MTU.
    pub word: u32,
    /// Captured octets of the whole message.
    pub captured: u32,
    /// The packet that an error quotes, from its IP header on; empty unless that header was captured whole.
    pub quoted: &'a [u8],
}

impl Icmp<'_> {
    /// Identifier of a query.
    pub fn identifier(&self) -> u16 {
        (self.word >> 16) as u16
    }

    /// Sequence number of a query.
    pub fn sequence(&self) -> u16 {
        self.word as u16
    }

    /// Whether an IPv4 message of this type asks or answers (flow-model chapter, section 8.1).
    pub fn is_query(&self) -> bool {
        matches!(self.kind, 0 | 8 | 13..=18)
    }

    /// Whether an IPv4 message of this type quotes the packet it is about. To 3.0.8 all do that neither ask, answer,
    /// nor tell of routers.
    fn is_error(&self, compat: bool) -> bool {
        match self.kind {
            3..=5 | 11 | 12 => true,
            9 | 10 => false,
            _ => compat && !self.is_query(),
        }
    }
}

/// The message that `data` holds, without what it quotes.
pub(crate) fn message(data: &[u8]) -> Option<Icmp<'_>> {
    Some(Icmp {
        kind: u8_at(data, 0)?,
        code: u8_at(data, 1)?,
        checksum: u16_at(data, 2).unwrap_or(0),
        word: u32_at(data, 4).unwrap_or(0),
        captured: data.len() as u32,
        quoted: &[],
    })
}

pub(crate) fn v4<'a>(rules: Rules, summary: &mut Summary<'a>, ip: &mut Ip<'a>, data: &'a [u8]) {
    let Some(mut icmp) = message(data) else {
        return;
    };
    let quoted = rest(data, 8);
    if icmp.is_error(rules.compat) && quoted.len() >= 20 {
        icmp.quoted = quoted;
        let header = usize::from(u8_at(quoted, 0).unwrap_or(0) & 15) * 4;
        summary.user = rest(quoted, header);
        if rules.compat {
            if u8_at(quoted, 9) == Some(ip::AH) {
                // 3.0.8 steps over an authentication header as it does in packets, where it was captured.
                summary.user = summary.user.get(ah::COMPAT_OCTETS..).unwrap_or(summary.user);
            }
            // 3.0.8 counts what the quoted header states instead of the message (chapter section 12.1).
            let stated = i32::from(u16_at(quoted, 2).unwrap_or(0));
            ip.application = stated - header as i32;
        }
    }
    ip.transport = Transport::Icmp(icmp);
}

pub(crate) fn v6<'a>(ip: &mut Ip<'a>, data: &'a [u8]) {
    if let Some(mut icmp) = message(data) {
        if icmp.kind < 128 && data.len() >= 48 {
            icmp.quoted = rest(data, 8);
        }
        ip.transport = Transport::Icmp(icmp);
    }
}

/// Dissects the packet that an ICMP error quotes; `None` when it is not one that a flow could be named for.
pub fn quoted(rules: Rules, packet: &[u8]) -> Option<Summary<'_>> {
    // The quotation is cut short on purpose: the lengths are those of the original packet.
    let mut walk = Walk::new(
        Rules { tunnel_discovery: false, outer_headers: false, tunnels: false, ..rules },
        packet,
        u32::from(u16::MAX),
    );
    match u8_at(packet, 0)? >> 4 {
        6 => walk.ipv6(packet),
        _ => walk.ipv4(packet),
    }
    match walk.summary.network {
        Network::Ip(_) => Some(walk.summary),
        _ => None,
    }
}
