//! Who: addresses, protocol, ports (chapter ra-output, 7.1 to 7.3).

use crate::names;
use crate::row::{Row, Side};
use crate::value::{Short, Value};
use record::dsr::flow::{Addr, FlowKey, Ipv4Detail, Ipv4Key, Ipv6Detail, Ipv6Key, IsisKey};
use record::dsr::network::{Body as Network, subtype};
use std::net::Ipv4Addr;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ESP: u8 = 50;
const ICMPV6: u8 = 58;
const ETHERTYPE_ARP: u16 = 0x0806;

/// Source address.
pub fn saddr<'a>(row: &Row<'a>) -> Value<'a> {
    address(row, Side::Src)
}

/// Destination address.
pub fn daddr<'a>(row: &Row<'a>) -> Value<'a> {
    address(row, Side::Dst)
}

fn address<'a>(row: &Row<'a>, side: Side) -> Value<'a> {
    let Some(flow) = &row.flow else { return event_source(row, side) };
    if let FlowKey::Isis(key) = &flow.key {
        return match isis(key, side, row.style.compat) {
            // 3.0.8 has nothing to print there, and says so where cells have no width.
            Value::Absent if row.style.compat && row.style.is_bare() => Value::Name("(null)"),
            shown => shown,
        };
    }
    // RARP: who asks is the target of the answer, which the sensor stores second.
    let rarp = matches!(flow.key, FlowKey::Rarp(_));
    let (address, mask) = if (side == Side::Src) != rarp {
        (flow.key.src_addr(), flow.src_mask())
    } else {
        (flow.key.dst_addr(), flow.dst_mask())
    };
    match address {
        Some(Addr::V4(address)) => Value::Ipv4(address.into(), mask),
        Some(Addr::V6(address)) => Value::Ipv6(address.octets(), mask),
        Some(Addr::Mac(address)) => Value::Mac(address),
        None if row.style.compat => Value::Name("(null)"),
        None => Value::Absent,
    }
}

/// An event's source address is the id of who reports it.
fn event_source<'a>(row: &Row<'a>, side: Side) -> Value<'a> {
    match row.view() {
        Some(view) if side == Side::Src && view.header().kind == record::Kind::Event => {
            super::other::srcid(row)
        }
        _ => Value::Absent,
    }
}

/// Source network.
pub fn snet<'a>(row: &Row<'a>) -> Value<'a> {
    network(row, Side::Src)
}

/// Destination network.
pub fn dnet<'a>(row: &Row<'a>) -> Value<'a> {
    network(row, Side::Dst)
}

/// The address under its classful mask. 3.0.8 prints 0.0.0.0 for ARP, nothing for 802.11.
fn network<'a>(row: &Row<'a>, side: Side) -> Value<'a> {
    if row.style.compat {
        let bare = row.style.is_bare();
        match row.key() {
            Some(FlowKey::Arp(_)) => return Value::Ipv4(0, 32),
            // It says so only where cells have no width.
            Some(FlowKey::Isis(_)) if bare => return Value::Name("(null)"),
            Some(FlowKey::Wlan(_)) if bare && side == Side::Src => return Value::Name("(null)"),
            Some(FlowKey::Isis(_)) => return Value::Absent,
            Some(FlowKey::Wlan(_)) if side == Side::Src => return Value::Absent,
            _ => {}
        }
    }
    match address(row, side) {
        Value::Ipv4(address, mask) => Value::Ipv4(address & classful(address), mask),
        other => other,
    }
}

fn classful(address: u32) -> u32 {
    match Ipv4Addr::from(address).octets()[0] {
        0..128 => 0xFF00_0000,
        128..192 => 0xFFFF_0000,
        192..224 => 0xFFFF_FF00,
        224..240 => 0xFFFF_FFFF,
        // No network: what is above is no unicast address of the old classes.
        240.. => 0,
    }
}

/// Protocol above the addresses.
pub fn proto<'a>(row: &Row<'a>) -> Value<'a> {
    let Some(key) = row.key() else {
        // A key too short for its layout still says what it was made for.
        if row.is_arp() {
            return Value::Ethertype(ETHERTYPE_ARP);
        }
        let event = row.view().is_some_and(|view| view.header().kind == record::Kind::Event);
        return if event { Value::Name("evt") } else { Value::Absent };
    };
    match key {
        FlowKey::Ipv4(Ipv4Key { proto: UDP, .. }) | FlowKey::Ipv6(Ipv6Key { proto: UDP, .. }) => {
            // Guessed from the packets; a number where numbers are wanted.
            let guess = match row.network.map(|network| (network.subtype, network.body)) {
                Some((_, Network::Rtp(_))) => "rtp",
                Some((_, Network::Rtcp(_))) => "rtcp",
                Some((subtype::UDT, _)) if matches!(key, FlowKey::Ipv4(_)) => "udt",
                _ => return Value::Protocol(UDP),
            };
            if row.style.names == crate::style::Names::None {
                Value::Protocol(UDP)
            } else {
                Value::Name(guess)
            }
        }
        FlowKey::Ipv4(key) => Value::Protocol(key.proto),
        FlowKey::Ipv6(key) => Value::Protocol(key.proto),
        FlowKey::Matrix4(..) | FlowKey::Matrix6(..) => Value::Protocol(0),
        FlowKey::Ether(key) => Value::Ethertype(key.ether_type),
        FlowKey::Arp(_) => Value::Ethertype(ETHERTYPE_ARP),
        FlowKey::Rarp(_) => Value::Name("rarp"),
        FlowKey::Isis(_) => Value::Name("isis"),
        FlowKey::Wlan(_) => Value::Name("wlan"),
        FlowKey::Lcp(_) => Value::Name("lcp"),
        FlowKey::Udt(_) => Value::Name("udt"),
        FlowKey::Other => Value::Absent,
    }
}

/// Source port, or what stands in its place.
pub fn sport<'a>(row: &Row<'a>) -> Value<'a> {
    port(row, Side::Src)
}

/// Destination port, or what stands in its place.
pub fn dport<'a>(row: &Row<'a>) -> Value<'a> {
    port(row, Side::Dst)
}

fn port<'a>(row: &Row<'a>, side: Side) -> Value<'a> {
    if row.style.later
        && let Some(value) = port_of_5(row, side)
    {
        return value;
    }
    match plain_port(row, side) {
        Value::Absent if row.style.zero_ports && row.key().is_some_and(|key| key.proto().is_some()) => {
            Value::Uint(0)
        }
        port => port,
    }
}

/// What 5.0.3 shows otherwise: names of ICMP types and codes, no code 0 of ICMPv6, no port 0.
fn port_of_5(row: &Row<'_>, side: Side) -> Option<Value<'static>> {
    let src = side == Side::Src;
    let text = |text: &str| if text.is_empty() { Value::Absent } else { Value::text(text.as_bytes()) };
    match row.key()? {
        FlowKey::Ipv4(Ipv4Key { detail: Ipv4Detail::Icmp { typ, code, .. }, .. }) => {
            let names = row.style.names <= crate::style::Names::Ports;
            match (names, src) {
                (true, true) => Some(text(names::icmp_type(*typ))),
                (true, false) => Some(text(names::icmp_code(*typ, *code).unwrap_or_default())),
                (false, true) if *typ == 3 => Some(Value::Hex(3, 4)),
                (false, false) if *typ == 3 => Some(Value::Hex((*code).into(), 4)),
                _ => None,
            }
        }
        FlowKey::Ipv6(Ipv6Key { detail: Ipv6Detail::Icmp { code: 0, .. }, .. }) if !src => {
            Some(Value::Absent)
        }
        FlowKey::Ipv4(Ipv4Key { detail: Ipv4Detail::Ports { src: 0, .. }, .. })
        | FlowKey::Ipv6(Ipv6Key { detail: Ipv6Detail::Ports { src: 0, .. }, .. })
            if src && !row.style.zero_ports =>
        {
            Some(Value::Absent)
        }
        FlowKey::Ipv4(Ipv4Key { detail: Ipv4Detail::Ports { dst: 0, .. }, .. })
        | FlowKey::Ipv6(Ipv6Key { detail: Ipv6Detail::Ports { dst: 0, .. }, .. })
            if !src && !row.style.zero_ports =>
        {
            Some(Value::Absent)
        }
        _ => None,
    }
}

fn plain_port<'a>(row: &Row<'a>, side: Side) -> Value<'a> {
    let src = side == Side::Src;
    match row.key() {
        Some(FlowKey::Ipv4(key)) => ipv4_port(key, src, row.style.compat),
        Some(FlowKey::Ipv6(key)) => match key.detail {
            Ipv6Detail::Ports { src: sport, dst: dport } if matches!(key.proto, TCP | UDP) => {
                Value::Port { protocol: key.proto, port: if src { sport } else { dport } }
            }
            Ipv6Detail::Icmp { typ, code, .. } => Value::IcmpV6(if src { typ } else { code }),
            Ipv6Detail::Esp { spi } if !src => Value::Hex(spi.into(), 8),
            // A fragment's id lies where others have ports; 3.0.8 shows it as such.
            Ipv6Detail::Fragment { id } if matches!(key.proto, TCP | UDP) => {
                let (first, second) = ((id.swap_bytes() >> 16) as u16, id.swap_bytes() as u16);
                // They change places with the addresses.
                let reversed = row.view().is_some_and(|view| view.is_reversed());
                let port = match (row.style.compat, src != reversed) {
                    (false, _) => 0,
                    (true, true) => first,
                    (true, false) => second,
                };
                Value::Port { protocol: key.proto, port }
            }
            Ipv6Detail::Fragment { id } if key.proto == ICMPV6 && row.style.compat => {
                let [typ, code, ..] = id.to_le_bytes();
                Value::IcmpV6(if src { typ } else { code })
            }
            _ => Value::Absent,
        },
        Some(FlowKey::Ether(key)) => Value::Sap(if src { key.ssap } else { key.dsap }),
        Some(FlowKey::Isis(key)) if !src => Value::Hex(key.checksum.into(), 1),
        _ => Value::Absent,
    }
}

fn ipv4_port(key: &Ipv4Key, src: bool, compat: bool) -> Value<'static> {
    match key.detail {
        Ipv4Detail::Ports { src: sport, dst: dport, .. } if matches!(key.proto, TCP | UDP) => {
            Value::Port { protocol: key.proto, port: if src { sport } else { dport } }
        }
        Ipv4Detail::Icmp { typ, code, .. } if src => Value::Hex(u64::from(code) << 8 | u64::from(typ), 4),
        // 3.0.8 shows the octets in the order of the sensor's memory.
        Ipv4Detail::Icmp { id, .. } => Value::Hex(if compat { id.swap_bytes() } else { id }.into(), 4),
        // 3.0.8 lays mask lengths over the upper half.
        Ipv4Detail::Esp { spi, .. } if !src => {
            Value::Hex(if compat { spi & 0xFFFF | 0x2020_0000 } else { spi }.into(), 8)
        }
        Ipv4Detail::Fragment { .. } => match key.proto {
            TCP | UDP => Value::Port { protocol: key.proto, port: 0 },
            ICMP => Value::Hex(0, 4),
            ESP if !src => Value::Hex(if compat { 0x2020_0000 } else { 0 }, 8),
            _ => Value::Absent,
        },
        _ => Value::Absent,
    }
}

/// Identifier of an ICMP flow, decimal.
pub fn icmpid<'a>(row: &Row<'a>) -> Value<'a> {
    match row.key() {
        Some(FlowKey::Ipv4(Ipv4Key { detail: Ipv4Detail::Icmp { id, .. }, .. })) => {
            Value::Uint(if row.style.compat { id.swap_bytes() } else { *id }.into())
        }
        Some(FlowKey::Ipv6(Ipv6Key { detail: Ipv6Detail::Icmp { id, .. }, .. })) => Value::Uint((*id).into()),
        _ => Value::Absent,
    }
}

/// Basic service set of an 802.11 flow.
pub fn bssid<'a>(row: &Row<'a>) -> Value<'a> {
    match row.key() {
        Some(FlowKey::Wlan(key)) => Value::Mac(key.bssid),
        _ => Value::Absent,
    }
}

/// Network name of an 802.11 flow.
pub fn ssid<'a>(row: &Row<'a>) -> Value<'a> {
    match row.key() {
        Some(FlowKey::Wlan(key)) => {
            let length = key.ssid.iter().position(|&byte| byte == 0).unwrap_or(key.ssid.len());
            let mut text = Short::new();
            for &byte in &key.ssid[..length] {
                // Cannot fail: a name has at most 32 octets.
                let _ = text.push(if byte.is_ascii_graphic() || byte == b' ' { byte } else { b'.' });
            }
            Value::Text(text)
        }
        _ => Value::Absent,
    }
}

/// PDU types of IS-IS (chapter record-format, 7.2.14).
mod pdu {
    pub const L1_HELLO: u32 = 15;
    pub const L2_HELLO: u32 = 16;
    pub const L1_LSP: u32 = 18;
    pub const L2_LSP: u32 = 20;
}

/// What an IS-IS PDU names: system and LAN; LSP and its number; source node.
fn isis(key: &IsisKey, side: Side, compat: bool) -> Value<'static> {
    let mut text = Short::new();
    match (key.pdu_type, side) {
        (pdu::L1_HELLO | pdu::L2_HELLO, Side::Src) => put_system(&mut text, &key.body[..6]),
        (pdu::L1_HELLO | pdu::L2_HELLO, Side::Dst) => put_system(&mut text, &key.body[6..13]),
        (pdu::L1_LSP | pdu::L2_LSP, Side::Src) => put_system(&mut text, &key.body[..8]),
        (pdu::L1_LSP | pdu::L2_LSP, Side::Dst) => {
            let octets = [key.body[8], key.body[9], key.body[10], key.body[11]];
            // The sensor writes them in the order of its memory; 3.0.8 shows them as if it had not.
            let number = if compat { u32::from_be_bytes(octets) } else { u32::from_le_bytes(octets) };
            return Value::Hex(number.into(), 8);
        }
        (_, Side::Src) => put_system(&mut text, &key.body[..7]),
        (_, Side::Dst) => return Value::Absent,
    }
    Value::Text(text)
}

/// `2222.2222.2222`, with `.01` for a seventh and `-00` for an eighth octet.
fn put_system(text: &mut Short, octets: &[u8]) {
    for (at, octet) in octets.iter().enumerate() {
        let separator = match at {
            2 | 4 | 6 => Some(b'.'),
            7 => Some(b'-'),
            _ => None,
        };
        let digits = [octet >> 4, octet & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]);
        // Cannot fail: eight octets make 20 characters.
        let _ = separator.map_or(Ok(()), |byte| text.push(byte));
        let _ = text.extend_from_slice(&digits);
    }
}
