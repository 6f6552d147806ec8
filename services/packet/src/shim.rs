//! Headers between Ethernet and what it carries that 3.0.8 does not know: what is behind them makes the flow.

use crate::bytes::{rest, u8_at, u16_at, u32_at};
use crate::ethernet::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_MPLS};
use crate::link::Walk;

/// Provider backbone bridging, the I-TAG (IEEE 802.1ah).
const BACKBONE_BRIDGING: u16 = 0x88e7;
/// Media access control security (IEEE 802.1AE).
const MACSEC: u16 = 0x88e5;
/// Network interface virtualisation tag of Cisco.
const VN_TAG: u16 = 0x8926;
/// Port extension (IEEE 802.1BR).
const E_TAG: u16 = 0x893f;
/// Cisco metadata, in front of the EtherType proper.
const CISCO_METADATA: u16 = 0x8909;
/// High-availability seamless redundancy (IEC 62439-3).
const SEAMLESS_REDUNDANCY: u16 = 0x892f;
/// Transparent interconnection of lots of links (RFC 6325).
const TRILL: u16 = 0x22f3;
/// Network service header (RFC 8300).
const SERVICE_HEADER: u16 = 0x894f;

const MACSEC_ENCRYPTED: u8 = 0x0c;
const MACSEC_CHANNEL_ID: u8 = 0x20;

impl<'a> Walk<'a> {
    /// Walks on behind one of these headers; false when `ethertype` is none of them or nothing can be read behind it.
    pub fn shim(&mut self, ethertype: u16, data: &'a [u8]) -> bool {
        match ethertype {
            BACKBONE_BRIDGING => self.within(|walk| walk.ethernet(rest(data, 4))),
            TRILL => {
                let options = usize::from(u16_at(data, 0).unwrap_or(0) >> 6 & 0x1f) * 4;
                self.within(|walk| walk.ethernet(rest(data, 6 + options)))
            }
            MACSEC => {
                let Some(control) = u8_at(data, 0).filter(|octet| octet & MACSEC_ENCRYPTED == 0) else {
                    return false;
                };
                self.typed(data, if control & MACSEC_CHANNEL_ID != 0 { 14 } else { 6 })
            }
            VN_TAG | SEAMLESS_REDUNDANCY => self.typed(data, 4),
            E_TAG | CISCO_METADATA => self.typed(data, 6),
            SERVICE_HEADER => self.service(data),
            _ => false,
        }
    }

    /// Walks on at the EtherType that is `at` octets into `data`.
    fn typed(&mut self, data: &'a [u8], at: usize) -> bool {
        let Some(ethertype) = u16_at(data, at) else { return false };
        self.within(|walk| walk.protocol(ethertype, rest(data, at + 2)))
    }

    /// A network service header: its length counts words, its next protocol has numbers of its own.
    pub fn service(&mut self, data: &'a [u8]) -> bool {
        let (Some(length), Some(next)) = (u8_at(data, 1), u8_at(data, 3)) else { return false };
        let inner = rest(data, usize::from(length & 0x3f).max(2) * 4);
        self.numbered(next, inner)
    }

    /// What the next protocol numbers of VXLAN-GPE and of the network service header name.
    pub fn numbered(&mut self, next: u8, inner: &'a [u8]) -> bool {
        match next {
            1 => self.within(|walk| walk.protocol(ETHERTYPE_IPV4, inner)),
            2 => self.within(|walk| walk.protocol(ETHERTYPE_IPV6, inner)),
            3 => self.within(|walk| walk.ethernet(inner)),
            4 => self.enter() && self.service(inner),
            5 => self.within(|walk| walk.protocol(ETHERTYPE_MPLS, inner)),
            _ => false,
        }
    }

    /// Whether `data` begins like a whole IP packet: what follows a header of unknown length is told by this.
    pub fn looks_like_ip(&self, data: &[u8]) -> bool {
        let wire = self.wire_after(data);
        match u8_at(data, 0) {
            Some(first @ 0x45..=0x4f) => u16_at(data, 2)
                .is_some_and(|total| u32::from(total) <= wire && total >= u16::from(first & 15) * 4),
            Some(0x60..=0x6f) => {
                u32_at(data, 36).is_some()
                    && u16_at(data, 4).is_some_and(|length| u32::from(length) + 40 <= wire)
            }
            _ => false,
        }
    }
}
