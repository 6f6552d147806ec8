//! Nine positions of remarks, and the arrow between the ends (chapter ra-output, section 10).

use crate::read::{link, loss};
use crate::row::Row;
use crate::value::{Short, Value};
use record::dsr::flow::{FRAGMENT, FlowKey};
use record::dsr::network::{Body as Network, status, subtype};
use record::dsr::{icmp, ipattr::IpAttr};
use record::{Index, Kind, Version};

const TCP: u8 = 6;
const ESP: u8 = 50;
const FRAGMENTS_OVERLAP: u8 = 0x02;
/// Bits of the qualifier of IPATTR that say that options or fragments were seen (chapter record-format, 7.6).
const REMARKABLE: u8 = 0x3C;
/// Octets of a MAC DSR.
const MAC_LEN: usize = 20;

/// The nine positions.
pub fn flgs<'a>(row: &Row<'a>) -> Value<'a> {
    let Some(view) = row.view() else { return Value::Absent };
    // Few records have what this shows: the qualifier tells without reading the rest.
    let remarkable = |dsr: &&[u8]| dsr.get(2).is_some_and(|qualifier| qualifier & REMARKABLE != 0);
    let attributes = view.dsr(Index::IpAttr).filter(remarkable).and_then(|_| view.ipattr());
    let mut text = [b' '; 9];
    text[0] = origin(row);
    text[1] = encapsulation(row);
    if let Some(error) = view.icmp_error() {
        text[2] = match error.qualifier {
            icmp::UNREACHABLE => b'U',
            icmp::REDIRECT => b'R',
            icmp::TIME_EXCEEDED => b'T',
            // 3.0.8 forgets the others.
            _ if row.style.compat => b' ',
            _ => b'I',
        };
    }
    transport(row, &mut text);
    text[6] = fragments(row, attributes.as_ref());
    text[7] = attributes.as_ref().map_or(b' ', options);
    if view.has(Index::Cor) {
        text[8] = b'0' + view.correlations().len().min(9) as u8;
    }
    Value::Text(Short::from_array(text))
}

fn origin(row: &Row<'_>) -> u8 {
    let Some(view) = row.view() else { return b' ' };
    // In version 5 this bit says nanoseconds.
    if view.header().version() == Version::V3
        && view.time_stored().is_some_and(|time| time.qualifier & 1 != 0)
    {
        return b'T';
    }
    match view.header().kind {
        Kind::Netflow => b'N',
        Kind::Aflow => b'A',
        _ => b' ',
    }
}

fn encapsulation(row: &Row<'_>) -> u8 {
    let Some(view) = row.view() else { return b' ' };
    let mac = view.dsr(Index::Mac).filter(|mac| mac.len() >= MAC_LEN);
    if mac.is_some_and(|mac| mac[2] & 3 != 0) {
        return b'M';
    }
    match view.encaps() {
        Some(encaps) => {
            let bits = encaps.src | encaps.dst;
            if bits.count_ones() > 1 { b'*' } else { link::letter(bits).unwrap_or(b' ') }
        }
        None if view.vlan().is_some() => b'v',
        None if mac.is_some() => b'e',
        None if view.mpls().is_some() => b'm',
        None => b' ',
    }
}

/// Positions 3 to 5: losses, order, windows, congestion.
fn transport(row: &Row<'_>, text: &mut [u8; 9]) {
    let Some(network) = &row.network else { return };
    let ipv4 = matches!(row.key(), Some(FlowKey::Ipv4(_)));
    match (&network.body, row.key().and_then(FlowKey::proto)) {
        (Network::Tcp(tcp), Some(TCP)) => {
            let word = tcp.status();
            let retransmitted = pair(word, status::SRC_PKTS_RETRANS, status::DST_PKTS_RETRANS, b"*sd");
            if !ipv4 {
                text[3] = retransmitted.unwrap_or(b' ');
                return;
            }
            text[3] = retransmitted
                .or_else(|| loss::has_gap(row).then_some(b'g'))
                .or_else(|| pair(word, status::SRC_OUTOFORDER, status::DST_OUTOFORDER, b"&ir"))
                .unwrap_or(b' ');
            text[4] = pair(word, status::SRC_WINDOW_SHUT, status::DST_WINDOW_SHUT, b"@SD").unwrap_or(b' ');
            text[5] = pair(word, status::SRC_CONGESTED, status::DST_CONGESTED, b"Ext").unwrap_or(b' ');
        }
        (Network::Rtp(rtp), _) => {
            let lost = u32::from(rtp.src_drops > 0) | u32::from(rtp.dst_drops > 0) << 1;
            text[3] = pair(lost, 1, 2, b"*sd").unwrap_or(b' ');
            text[4] = if row.style.compat && rtp.state & 2 != 0 {
                // 3.0.8 looks at the destination's bit for both sides.
                b'd'
            } else if row.style.compat {
                b' '
            } else {
                pair(rtp.state, 1, 2, b"*sd").unwrap_or(b' ')
            };
        }
        (Network::Udt(udt), _) => {
            let letter = |bits: u32, letter: u8| if udt.status & bits != 0 { letter } else { b' ' };
            // Drops and retransmissions, then disorder.
            text[3] = match letter(0x330, b's') {
                b' ' => letter(0x3_0000, b'i'),
                lost => lost,
            };
            text[4] = letter(0xc00, b'S');
            text[5] = letter(0xc000, b'E');
        }
        (Network::Esp(esp), Some(ESP)) => {
            // 3.0.8 takes the losses for disorder.
            let letters = if row.style.compat { b"&ir" } else { b"*sd" };
            text[3] = pair(esp.status, 0x10, 0x20, letters).unwrap_or(b' ');
        }
        _ => {}
    }
}

/// The letter for both, the first or the second of two bits.
fn pair(word: u32, src: u32, dst: u32, letters: &[u8; 3]) -> Option<u8> {
    match (word & src != 0, word & dst != 0) {
        (true, true) => Some(letters[0]),
        (true, false) => Some(letters[1]),
        (false, true) => Some(letters[2]),
        (false, false) => None,
    }
}

fn fragments(row: &Row<'_>, attributes: Option<&IpAttr>) -> u8 {
    let seen = attributes.is_some_and(|ip| ip.src_fragments || ip.dst_fragments)
        || row.flow.is_some_and(|flow| flow.qualifier & FRAGMENT != 0);
    match &row.network {
        Some(network) if network.subtype == subtype::FRAG && network.qualifier & FRAGMENTS_OVERLAP != 0 => {
            b'V'
        }
        Some(network) if network.subtype == subtype::FRAG => b'f',
        _ if seen => b'F',
        _ => b' ',
    }
}

fn options(ip: &IpAttr) -> u8 {
    match ip.src_options.unwrap_or(0) | ip.dst_options.unwrap_or(0) {
        0x00 => b' ',
        0x01 => b'R',
        0x02 => b'T',
        0x04 => b'+',
        0x08 => b'L',
        0x10 => b'D',
        0x20 => b'S',
        0x40 => b'A',
        more if more.count_ones() > 1 => b'O',
        _ => b'U',
    }
}

/// The arrow: who has sent, and for TCP who began.
pub fn dir<'a>(row: &Row<'a>) -> Value<'a> {
    let Some(view) = row.view() else { return Value::Absent };
    if view.header().kind == Kind::Event {
        return Value::Absent;
    }
    let Some(metric) = &row.metric else { return Value::Name("   ") };
    if row.is_arp() {
        return Value::Name("who");
    }
    let (src, dst) = (metric.src.packets > 0, metric.dst.packets > 0);
    let tcp = row.key().and_then(FlowKey::proto) == Some(TCP);
    let network = row.network.as_ref().filter(|_| tcp);
    if let Some(network) = network {
        let word = network.tcp().map_or(0, |tcp| tcp.status());
        return Value::Name(if word & (status::SAW_SYN | status::SAW_SYN_SENT) != 0 {
            " ->"
        } else {
            match (src, dst) {
                (true, true) => "<?>",
                (true, false) => " ?>",
                (false, true) => "<? ",
                (false, false) => " ? ",
            }
        });
    }
    Value::Name(match (src, dst) {
        (true, true) => "<->",
        (true, false) => " ->",
        (false, true) => "<- ",
        (false, false) => "   ",
    })
}
