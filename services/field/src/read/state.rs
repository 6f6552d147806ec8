//! The state of a flow in a few letters (chapter ra-output, section 11).

use crate::row::{Row, Side};
use crate::style::TcpStates;
use crate::value::{Short, Value};
use record::Cause;
use record::dsr::flow::{FlowKey, Ipv4Detail, Ipv4Key, Ipv6Detail, Ipv6Key};
use record::dsr::network::status::{
    CON_ESTABLISHED, DST_RESET, FIN, FIN_ACK, NORMAL_CLOSE, SAW_SYN, SAW_SYN_SENT, SRC_RESET,
};

const TCP: u8 = 6;

/// Cause bits that a test looks at.
const CAUSE_START: u8 = 0x1;
const CAUSE_TIMEOUT: u8 = 0x4;

/// The state.
pub fn state<'a>(row: &Row<'a>) -> Value<'a> {
    let Some(view) = row.view() else { return Value::Absent };
    if view.header().cause == Cause::Error {
        return Value::Name("ERR");
    }
    match row.key() {
        None if !row.is_arp() => Value::Name("   "),
        Some(key) if key.proto() == Some(TCP) => tcp(row),
        Some(&FlowKey::Ipv4(Ipv4Key { detail: Ipv4Detail::Icmp { typ, code, .. }, .. })) => {
            let (typ, code) = view.icmp_error().map_or((typ, code), |icmp| (icmp.typ, icmp.code));
            Value::Name(if row.style.later { icmp_5(typ, code) } else { icmp(typ, code, row.style.compat) })
        }
        Some(&FlowKey::Ipv6(Ipv6Key { detail: Ipv6Detail::Icmp { typ, code, .. }, .. })) => {
            Value::Name(match typ {
                // 5.0.3 mistakes them for types of version 4.
                133..=136 if row.style.later => icmp_5(typ - 92, code),
                _ => icmp_v6(typ, code),
            })
        }
        Some(FlowKey::Isis(key)) => Value::Name(match key.pdu_type {
            15 => "L1-IIH",
            16 => "L2-IIH",
            18 => "L1-LSP",
            20 => "L2-LSP",
            24 => "L1-CSNP",
            25 => "L2-CSNP",
            26 => "L1-PSNP",
            27 => "L2-PSNP",
            _ => "UNK",
        }),
        Some(FlowKey::Other) => Value::Name("UNK"),
        _ => Value::Name(by_packets(row, view.header().cause)),
    }
}

/// States of protocols that have none of their own: who has sent.
fn by_packets(row: &Row<'_>, cause: Cause) -> &'static str {
    let arp = row.is_arp();
    let (src, dst) = (row.counters(Side::Src).packets > 0, row.counters(Side::Dst).packets > 0);
    match (src, dst) {
        (true, true) => "CON",
        (false, true) if !row.style.rmon => "RSP",
        (true, false) | (false, true) if arp || cause.nibble() & CAUSE_START != 0 => "INT",
        (true, false) | (false, true) => "REQ",
        (false, false) if arp || cause.nibble() & CAUSE_START != 0 => "INT",
        (false, false) => "REQ",
    }
}

fn tcp<'a>(row: &Row<'a>) -> Value<'a> {
    let state = row.network.as_ref().and_then(|network| network.tcp());
    let status = state.map_or(0, |tcp| tcp.status());
    match row.style.tcp_states {
        TcpStates::Word => Value::Name(word(row, status)),
        TcpStates::Nothing => Value::Absent,
        TcpStates::Letters => {
            let seen = [
                (SAW_SYN, b's'),
                (SAW_SYN_SENT, b'S'),
                (CON_ESTABLISHED, b'E'),
                (FIN, b'f'),
                (FIN_ACK, b'F'),
                (NORMAL_CLOSE, b'C'),
                (SRC_RESET | DST_RESET, b'R'),
            ];
            let mut text = Short::new();
            for (_, letter) in seen.into_iter().filter(|&(bits, _)| status & bits != 0) {
                // Cannot fail: seven letters.
                let _ = text.push(letter);
            }
            Value::Text(text)
        }
        shown => {
            let (src, dst) = row.view().and_then(|view| view.tcp_flags()).unwrap_or((0, 0));
            // A side without packets has no flags, whatever is left in its place.
            let src = if row.counters(Side::Src).packets > 0 { src } else { 0 };
            let dst = if row.counters(Side::Dst).packets > 0 { dst } else { 0 };
            let mut text = Short::new();
            if shown != TcpStates::DestinationFlags {
                put_flags(&mut text, src);
            }
            if shown == TcpStates::BothFlags {
                let _ = text.push(b'_');
            }
            if shown != TcpStates::SourceFlags {
                put_flags(&mut text, dst);
            }
            Value::Text(text)
        }
    }
}

fn put_flags(text: &mut Short, flags: u8) {
    for (_, &letter) in b"FSRPAUEC".iter().enumerate().filter(|&(bit, _)| flags & 1 << bit != 0) {
        // Cannot fail: eight letters a side.
        let _ = text.push(letter);
    }
}

fn word(row: &Row<'_>, status: u32) -> &'static str {
    let timeout = row.view().is_some_and(|view| view.header().cause.nibble() & CAUSE_TIMEOUT != 0);
    if status & (SRC_RESET | DST_RESET) != 0 {
        "RST"
    } else if status & (FIN | FIN_ACK) != 0 {
        "FIN"
    } else if status & NORMAL_CLOSE != 0 {
        "CLO"
    } else if timeout {
        "TIM"
    } else if status & CON_ESTABLISHED != 0 {
        "CON"
    } else if status & SAW_SYN_SENT != 0 {
        "ACC"
    } else if status & SAW_SYN != 0 {
        "REQ"
    } else if status != 0 || (row.counters(Side::Src).packets > 0 && row.counters(Side::Dst).packets > 0) {
        "CON"
    } else {
        "INT"
    }
}

#[rustfmt::skip]
const ICMP_TYPES: [&str; 46] = [
    "ECR", "", "", "UR", "SRC", "RED", "AHA", "", "ECO", "RTA", "RTS", "TXD", "PAR", "TST", "TSR", "IRQ",
    "IRR", "MAS", "MSR", "SEC", "ROB", "ROB", "ROB", "ROB", "ROB", "ROB", "ROB", "ROB", "ROB", "ROB", "TRC",
    "DCE", "MHR", "WAY", "IAH", "MRQ", "MRP", "DNQ", "DNP", "SKP", "PHO", "NRS", "NRA", "NNS", "NNA", "PTB",
];

const UNREACHABLE: [&str; 16] = [
    "URN", "URH", "URO", "URP", "URF", "URS", "URNU", "URHU", "URISO", "URNPRO", "URHPRO", "URNTOS",
    "URHTOS", "URFIL", "URPRE", "URCUT",
];

/// The name of an ICMP message.
pub(crate) fn icmp(typ: u8, code: u8, compat: bool) -> &'static str {
    match typ {
        3 => UNREACHABLE.get(usize::from(code)).unwrap_or(&"UR"),
        // 3.0.8 has names of ICMPv6 there.
        41 if !compat => "EXM",
        42 if !compat => "EEO",
        43 if !compat => "EER",
        44 if !compat => "UNK",
        _ => ICMP_TYPES.get(usize::from(typ)).unwrap_or(&"UNK"),
    }
}

/// The names of 5.0.3: an answer has that of its question, and a few are missing.
fn icmp_5(typ: u8, code: u8) -> &'static str {
    match typ {
        44 => "NNA",
        45 | 46 => "",
        _ => icmp(crate::names::icmp_question(typ), code, false),
    }
}

fn icmp_v6(typ: u8, code: u8) -> &'static str {
    match (typ, code) {
        (1, 0) => "URNR",
        (1, 1) => "URAD",
        (1, 2) => "URBS",
        (1, 3) => "URAR",
        (1, 4) => "URP",
        (1, 5) => "URSF",
        (1, 6) => "URRR",
        (1, 7) => "URES",
        (2, _) => "PTB",
        (3, 0) => "TXT",
        (3, 1) => "TXR",
        (4, 0) => "PPH",
        (4, 1) => "PPNH",
        (4, 2) => "PPO",
        (128, _) => "ECO",
        (129, _) => "ECR",
        (130, _) => "MRQ",
        (131 | 143, _) => "MHR",
        (133, _) => "NRS",
        (134, _) => "NRA",
        (135, _) => "NNS",
        (136, _) => "NNA",
        (137, _) => "RED",
        _ => "UNK",
    }
}
