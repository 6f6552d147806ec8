//! Frame relay (Q.922, RFC 2427), its multilink and fragmentation headers (FRF.12, FRF.16).

use crate::bytes::{rest, u8_at, u16_at};
use crate::isis;
use crate::link::Walk;

const UNNUMBERED: u8 = 3;
const SNAP: u8 = 0x80;
const FRAGMENT: u8 = 0xb1;
const IPV6: u8 = 0x8e;
const IPV4: u8 = 0xcc;

/// Both set: a fragment that is a whole frame.
const BEGIN_AND_END: u8 = 0xc0;
const CONTROL: u8 = 0x20;

/// Organisation code of bridged frames.
const BRIDGED: u32 = 0x0000_80c2;

impl<'a> Walk<'a> {
    /// A frame from its address on.
    pub fn frame_relay(&mut self, frame: &'a [u8]) {
        // The low bit of an address octet says whether it is the last of two to four.
        let Some(last) = (0..4).find(|&at| u8_at(frame, at).is_some_and(|octet| octet & 1 != 0)) else {
            return self.unnamed();
        };
        let data = rest(frame, last + 1);
        if u8_at(data, 0) != Some(UNNUMBERED) {
            // Cisco's form: the EtherType is next.
            return match u16_at(data, 0) {
                Some(ethertype) if ethertype > 1500 => self.without_addresses(ethertype, rest(data, 2)),
                _ => self.unnamed(),
            };
        }
        let padding = usize::from(u8_at(data, 1) == Some(0));
        let data = rest(data, 1 + padding);
        match u8_at(data, 0) {
            Some(IPV4 | IPV6) => self.ip_by_version(rest(data, 1)),
            Some(isis::NLPID) => {
                self.llc = Some((0xfe, 0xfe));
                isis::pdu(self, data);
            }
            Some(0x81 | 0x82) => {
                self.llc = Some((0xfe, 0xfe));
                self.frame_flow(data);
            }
            Some(SNAP) => self.relay_snap(rest(data, 1)),
            Some(FRAGMENT) => self.relay_fragment(rest(data, 1)),
            _ => self.unnamed(),
        }
    }

    fn relay_snap(&mut self, data: &'a [u8]) {
        let (Some(code), Some(low), Some(kind)) = (u16_at(data, 0), u8_at(data, 2), u16_at(data, 3)) else {
            return self.unnamed();
        };
        let code = u32::from(code) << 8 | u32::from(low);
        let inner = rest(data, 5);
        match (code, kind) {
            // With and without the check sequence.
            (BRIDGED, 1 | 7) => self.ethernet(inner),
            (BRIDGED, _) => self.unnamed(),
            _ if kind > 1500 => self.without_addresses(kind, inner),
            _ => self.unnamed(),
        }
    }

    /// A fragment's header: begin, end, sequence number. Only a whole frame can be read.
    fn relay_fragment(&mut self, data: &'a [u8]) {
        if u8_at(data, 0).is_some_and(|octet| octet & BEGIN_AND_END == BEGIN_AND_END) && self.enter() {
            return self.frame_relay(rest(data, 2));
        }
        self.unnamed();
    }

    /// A multilink frame: as a fragment, or control traffic of the bundle.
    pub fn multilink_relay(&mut self, frame: &'a [u8]) {
        if u8_at(frame, 0).is_some_and(|octet| octet & CONTROL != 0) {
            return self.unnamed();
        }
        self.relay_fragment(frame);
    }
}
