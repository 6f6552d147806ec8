//! ARP and RARP.

use crate::bytes::{rest, u8_at, u16_at, u32_at};
use crate::link::Walk;
use crate::summary::Network;

/// The longest hardware address that a key holds.
const MAX_HARDWARE: usize = 32;

/// A message about Ethernet and IPv4 addresses.
const OCTETS: usize = 28;

const REQUEST: u16 = 1;
const REPLY: u16 = 2;
const REVERSE_REQUEST: u16 = 3;
const REVERSE_REPLY: u16 = 4;

/// A hardware address of up to 32 octets, zero padded.
pub type Hardware = [u8; MAX_HARDWARE];

/// An ARP request or reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arp {
    /// Hardware type; 1 is Ethernet.
    pub hardware_type: u16,
    /// Protocol type; 0x0800 is IPv4.
    pub protocol_type: u16,
    /// Octets of a hardware address.
    pub hardware_length: u8,
    /// Octets of a protocol address.
    pub protocol_length: u8,
    /// Whether this is a reply.
    pub reply: bool,
    /// Sender protocol address.
    pub sender: u32,
    /// Target protocol address.
    pub target: u32,
    /// Sender hardware address.
    pub sender_hardware: Hardware,
    /// Target hardware address.
    pub target_hardware: Hardware,
    /// Whether the 28 octets of a message about Ethernet and IPv4 addresses were captured, or as many.
    pub whole: bool,
}

/// A RARP request or reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rarp {
    /// The same fields as in ARP.
    pub fields: Arp,
}

/// Reads ARP or RARP: the operation says which, whatever the EtherType.
pub(crate) fn arp<'a>(walk: &mut Walk<'a>, data: &'a [u8]) {
    match parse(data, walk.rules.compat) {
        Some((REQUEST, fields)) => walk.summary.network = Network::Arp(fields),
        Some((REPLY, fields)) => {
            let reply = fields.protocol_length != 0;
            walk.summary.network = Network::Arp(Arp { reply, ..fields });
        }
        Some((REVERSE_REQUEST, fields)) => walk.summary.network = Network::Rarp(Rarp { fields }),
        Some((REVERSE_REPLY, fields)) => {
            walk.summary.network = Network::Rarp(Rarp { fields: Arp { reply: true, ..fields } });
        }
        _ => return walk.frame_flow(data),
    }
    walk.summary.user = rest(data, OCTETS);
}

fn parse(data: &[u8], compat: bool) -> Option<(u16, Arp)> {
    let hardware_length = u8_at(data, 4)?;
    let protocol_length = u8_at(data, 5)?;
    let (hardware, protocol) = (usize::from(hardware_length), usize::from(protocol_length));
    let operation = u16_at(data, 6)?;
    if compat {
        // 3.0.8 reads addresses wherever the lengths put them, and nothing at all unless protocol addresses have four octets.
        if protocol != 4 {
            return Some((operation, Arp { whole: data.len() >= OCTETS, ..Arp::default() }));
        }
    } else if hardware > MAX_HARDWARE || data.len() < 8 + 2 * (hardware + protocol) {
        return None;
    }
    let sender_hardware = 8;
    let sender = sender_hardware + hardware;
    let target_hardware = sender + protocol;
    let target = target_hardware + hardware;
    let fields = Arp {
        hardware_type: u16_at(data, 0)?,
        protocol_type: u16_at(data, 2)?,
        hardware_length,
        protocol_length,
        reply: false,
        sender: if protocol == 4 { u32_at(data, sender).unwrap_or(0) } else { 0 },
        target: if protocol == 4 { u32_at(data, target).unwrap_or(0) } else { 0 },
        sender_hardware: address(data, sender_hardware, hardware),
        target_hardware: address(data, target_hardware, hardware),
        whole: data.len() >= OCTETS,
    };
    Some((operation, fields))
}

fn address(data: &[u8], at: usize, length: usize) -> Hardware {
    let mut padded = Hardware::default();
    for (to, from) in padded.iter_mut().zip(rest(data, at).iter().take(length)) {
        *to = *from;
    }
    padded
}
