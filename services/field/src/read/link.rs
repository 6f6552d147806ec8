//! Below the addresses: Ethernet, VLAN, MPLS, encapsulations, ARP answers (chapter ra-output, 8.5 and 10.3).

use crate::row::{Row, Side};
use crate::value::{Short, Value};
use record::Index;
use record::dsr::encaps::EncapsView;
use record::dsr::network::Body as Network;

/// Letters of encapsulation bits, in ascending order of the bits; bits that are not listed have none.
const LETTERS: [(u32, u8); 24] = [
    (0x1, b'm'),
    (0x2, b'e'),
    (0x4, b'v'),
    (0x8, b'l'),
    (0x10, b'p'),
    (0x20, b'i'),
    (0x40, b'G'),
    (0x80, b'a'),
    (0x100, b'P'),
    (0x200, b'6'),
    (0x400, b'H'),
    (0x800, b'C'),
    (0x1000, b'A'),
    (0x2000, b'S'),
    (0x4000, b'F'),
    (0x8000, b's'),
    (0x1_0000, b'R'),
    (0x2_0000, b'w'),
    (0x4_0000, b'z'),
    (0x8_0000, b'a'),
    (0x40_0000, b'T'),
    (0x200_0000, b'J'),
    (0x400_0000, b'E'),
    (0x1000_0000, b'g'),
];

/// The letter of one encapsulation bit.
pub fn letter(bit: u32) -> Option<u8> {
    LETTERS.iter().find(|&&(known, _)| known == bit && bit != 0).map(|&(_, letter)| letter)
}

/// Ethernet address of the source.
pub fn smac<'a>(row: &Row<'a>) -> Value<'a> {
    row.view().and_then(|view| view.mac()).map_or(Value::Absent, |mac| Value::MacOrBroadcast(mac.src))
}

/// Ethernet address of the destination.
pub fn dmac<'a>(row: &Row<'a>) -> Value<'a> {
    row.view().and_then(|view| view.mac()).map_or(Value::Absent, |mac| Value::MacOrBroadcast(mac.dst))
}

fn label<'a>(row: &Row<'a>, side: Side) -> Value<'a> {
    let Some(mpls) = row.view().and_then(|view| view.mpls()) else { return Value::Absent };
    let entry = match side {
        Side::Src => mpls.src,
        Side::Dst => mpls.dst,
    };
    entry.map_or(Value::Absent, |entry| Value::Uint((entry >> 12).into()))
}

/// Top MPLS label from the source.
pub fn smpls<'a>(row: &Row<'a>) -> Value<'a> {
    label(row, Side::Src)
}

/// Top MPLS label from the destination.
pub fn dmpls<'a>(row: &Row<'a>) -> Value<'a> {
    label(row, Side::Dst)
}

fn tag<'a>(row: &Row<'a>, side: Side, of: impl Fn(u16) -> Value<'a>) -> Value<'a> {
    let Some(vlan) = row.view().and_then(|view| view.vlan()) else { return Value::Absent };
    let tag = match side {
        Side::Src => vlan.src,
        Side::Dst => vlan.dst,
    };
    tag.map_or(Value::Absent, of)
}

/// VLAN tag from the source, priority and all.
pub fn svlan<'a>(row: &Row<'a>) -> Value<'a> {
    tag(row, Side::Src, |tag| Value::Hex(tag.into(), 4))
}

/// VLAN tag from the destination.
pub fn dvlan<'a>(row: &Row<'a>) -> Value<'a> {
    tag(row, Side::Dst, |tag| Value::Hex(tag.into(), 4))
}

/// VLAN number from the source.
pub fn svid<'a>(row: &Row<'a>) -> Value<'a> {
    tag(row, Side::Src, |tag| Value::Uint((tag & 0x0FFF).into()))
}

/// VLAN number from the destination.
pub fn dvid<'a>(row: &Row<'a>) -> Value<'a> {
    tag(row, Side::Dst, |tag| Value::Uint((tag & 0x0FFF).into()))
}

/// 3.0.8 leaves the priorities out.
fn priority<'a>(row: &Row<'a>, side: Side) -> Value<'a> {
    if row.style.compat { Value::Absent } else { tag(row, side, |tag| Value::Uint((tag >> 13).into())) }
}

/// VLAN priority from the source.
pub fn svpri<'a>(row: &Row<'a>) -> Value<'a> {
    priority(row, Side::Src)
}

/// VLAN priority from the destination.
pub fn dvpri<'a>(row: &Row<'a>) -> Value<'a> {
    priority(row, Side::Dst)
}

fn encapsulations<'a>(row: &Row<'a>, side: Side) -> Value<'a> {
    let Some(view) = row.view() else { return Value::Absent };
    let stored = || view.dsr(Index::Encaps).and_then(EncapsView::parse);
    // 3.0.8 leaves these where they were when it turns a record round.
    let Some(encaps) = (if row.style.compat { stored() } else { view.encaps() }) else {
        return Value::Absent;
    };
    let bits = match side {
        Side::Src => encaps.src,
        Side::Dst => encaps.dst,
    };
    let mut text = Short::new();
    for &(_, letter) in LETTERS.iter().filter(|&&(bit, _)| bits & bit != 0) {
        // Cannot fail: fewer letters than fit.
        let _ = text.push(letter);
    }
    Value::Text(text)
}

/// Letters of the source's encapsulations.
pub fn senc<'a>(row: &Row<'a>) -> Value<'a> {
    encapsulations(row, Side::Src)
}

/// Letters of the destination's encapsulations.
pub fn denc<'a>(row: &Row<'a>) -> Value<'a> {
    encapsulations(row, Side::Dst)
}

/// Hardware address in the answer to an ARP request.
pub fn resp<'a>(row: &Row<'a>) -> Value<'a> {
    match row.network.as_ref().map(|network| &network.body) {
        Some(Network::Arp(answer)) => Value::Mac(answer.haddr),
        _ => Value::Absent,
    }
}
