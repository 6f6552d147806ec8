//! 802.11 frames (flow-model chapter, section 3.6).

use crate::bytes::{array_at, rest, u8_at};
use crate::link::Walk;
use crate::summary::{Encapsulation, Ethernet, Network};

const TYPE_DATA: u8 = 2;
const SUBTYPE_NULL: u8 = 4;
const SUBTYPE_QOS: u8 = 8;
const TO_DS: u8 = 1;
const FROM_DS: u8 = 2;
const PROTECTED: u8 = 0x40;
const ELEMENT_SSID: u8 = 0;

/// An 802.11 frame without readable data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wlan {
    /// Address 1: the receiver.
    pub destination: [u8; 6],
    /// Address 2: the transmitter; zero where the frame has none.
    pub source: [u8; 6],
    /// Address 3: the basic service set; zero where the frame has none.
    pub bssid: [u8; 6],
    /// Network name of management frames, zero padded.
    pub ssid: [u8; 32],
}

/// Walks an 802.11 frame. `padded` says that the header is filled up to a multiple of four octets.
pub(crate) fn frame<'a>(walk: &mut Walk<'a>, data: &'a [u8], padded: bool) {
    walk.summary.encapsulation.add(Encapsulation::WLAN);
    let (Some(control), Some(flags), Some(destination)) = (u8_at(data, 0), u8_at(data, 1), array_at(data, 4))
    else {
        return walk.unnamed();
    };
    let (kind, subtype) = (control >> 2 & 3, control >> 4);
    let source = array_at(data, 10).unwrap_or_default();
    let bssid = array_at(data, 16).unwrap_or_default();
    if kind == TYPE_DATA && subtype & SUBTYPE_NULL == 0 && flags & PROTECTED == 0 {
        let mut header = if flags & (TO_DS | FROM_DS) == TO_DS | FROM_DS { 30 } else { 24 };
        if subtype & SUBTYPE_QOS != 0 {
            header += 2;
        }
        if padded {
            header = (header + 3) & !3;
        }
        if data.len() > header + 8 {
            let (destination, source) = match flags & (TO_DS | FROM_DS) {
                TO_DS => (bssid, source),
                FROM_DS => (destination, bssid),
                0 => (destination, source),
                _ => (bssid, array_at(data, 24).unwrap_or_default()),
            };
            if !walk.rules.compat {
                walk.summary.ethernet = Some(Ethernet { destination, source, ethertype: 0 });
            }
            walk.miscount(header as i32);
            walk.llc(rest(data, header));
            if walk.rules.compat
                && let Network::Frame(key) = &mut walk.summary.network
            {
                // 3.0.8 takes the first octets of the 802.11 header for those of an Ethernet header.
                key.destination = array_at(data, 0).unwrap_or_default();
                key.source = array_at(data, 6).unwrap_or_default();
            }
            return;
        }
    }
    let mut ssid = [0u8; 32];
    if kind == 0 {
        name(subtype, rest(data, 24), &mut ssid);
    }
    walk.summary.network = Network::Wlan(Wlan { destination, source, bssid, ssid });
    walk.summary.user = data;
}

/// Copies the network name of a management frame's body into `ssid`.
fn name(subtype: u8, body: &[u8], ssid: &mut [u8; 32]) {
    let fixed = match subtype {
        0 => 4,
        2 => 10,
        1 | 3 => 6,
        4 => 0,
        5 | 8 => 12,
        _ => return,
    };
    let mut elements = rest(body, fixed);
    while let (Some(element), Some(length)) = (u8_at(elements, 0), u8_at(elements, 1)) {
        let content = rest(elements, 2);
        if element == ELEMENT_SSID {
            for (to, from) in ssid.iter_mut().zip(content.iter().take(usize::from(length))) {
                *to = *from;
            }
            return;
        }
        elements = rest(content, usize::from(length));
    }
}
