//! Ethernet II, 802.1Q tags and the dispatch on EtherTypes.

use crate::bytes::{array_at, rest, u16_at};
use crate::link::{MAX_DEPTH, Walk};
use crate::summary::{Encapsulation, Ethernet};
use crate::{arp, mpls, ppp};

pub(crate) const ETHERTYPE_IPV4: u16 = 0x0800;
pub(crate) const ETHERTYPE_IPV6: u16 = 0x86dd;
pub(crate) const ETHERTYPE_MPLS: u16 = 0x8847;

const ARP: u16 = 0x0806;
const TRANSPARENT_ETHERNET: u16 = 0x6558;
const RARP: u16 = 0x8035;
pub(crate) const VLAN: u16 = 0x8100;
const PROVIDER_BRIDGING: u16 = 0x88a8;
const QINQ: u16 = 0x9100;
const MPLS_MULTICAST: u16 = 0x8848;
const PPPOE_DISCOVERY: u16 = 0x8863;
const PPPOE_SESSION: u16 = 0x8864;
const PPP: u16 = 0x880b;

/// The largest value of the type field that is a length (flow-model chapter, section 3.2).
const MAX_LENGTH_FIELD: u16 = 1500;

/// Cisco ISL frames are addressed to 01:00:0c:00:00:xx.
const ISL_PREFIX: [u8; 5] = [0x01, 0x00, 0x0c, 0x00, 0x00];
const ISL_HEADER: usize = 26;

/// The Ethernet header that `data` begins with, and what follows.
#[inline(always)]
pub(crate) fn split(data: &[u8]) -> Option<(Ethernet, &[u8])> {
    let (header, rest) = data.split_first_chunk::<14>()?;
    let (destination, source) = (array_at(header, 0)?, array_at(header, 6)?);
    let ethertype = u16_at(header, 12)?;
    Some((Ethernet { destination, source, ethertype }, rest))
}

/// The control information of the VLAN tag that `data` begins with, the EtherType in it, and what follows.
#[inline(always)]
pub(crate) fn split_tag(data: &[u8]) -> Option<(u16, u16, &[u8])> {
    let (&[c0, c1, t0, t1], rest) = data.split_first_chunk()?;
    Some((u16::from_be_bytes([c0, c1]), u16::from_be_bytes([t0, t1]), rest))
}

impl<'a> Walk<'a> {
    /// Walks an Ethernet frame from its destination address on.
    #[inline]
    pub fn ethernet(&mut self, data: &'a [u8]) {
        let Some((header, inner)) = split(data) else {
            return self.unnamed();
        };
        self.summary.encapsulation.add(Encapsulation::ETHERNET);
        self.summary.ethernet = Some(header);
        self.llc = None;
        let Ethernet { destination, ethertype, .. } = header;
        if ethertype <= MAX_LENGTH_FIELD && destination.starts_with(&ISL_PREFIX) && self.enter() {
            return self.inter_switch_link(data);
        }
        self.protocol(ethertype, inner);
    }

    #[inline(never)]
    fn inter_switch_link(&mut self, data: &'a [u8]) {
        self.summary.encapsulation.add(Encapsulation::ISL);
        // 3.0.8 takes a second Ethernet header off.
        self.miscount(-14);
        self.ethernet(rest(data, ISL_HEADER));
    }

    /// Walks on at `data`, which holds what `ethertype` announces.
    #[inline]
    pub fn protocol(&mut self, ethertype: u16, data: &'a [u8]) {
        self.reach(data);
        match ethertype {
            // The version nibble decides for IPv6, but for nothing else (flow-model chapter, section 3.3).
            ETHERTYPE_IPV4 if data.first().is_some_and(|octet| octet >> 4 == 6) => self.ipv6(data),
            ETHERTYPE_IPV4 => self.ipv4(data),
            ETHERTYPE_IPV6 => self.ipv6(data),
            _ => self.other_protocol(ethertype, data),
        }
    }

    #[inline(never)]
    fn other_protocol(&mut self, ethertype: u16, data: &'a [u8]) {
        match ethertype {
            VLAN => self.tag(data),
            // The reference does not look behind these tags (chapter section 3.3).
            PROVIDER_BRIDGING | QINQ if !self.rules.compat => self.tag(data),
            ETHERTYPE_MPLS | MPLS_MULTICAST if self.enter() => mpls::stack(self, data),
            PPPOE_DISCOVERY | PPPOE_SESSION if self.enter() => {
                self.summary.encapsulation.add(Encapsulation::PPP);
                ppp::pppoe(self, data);
            }
            PPP if self.enter() => {
                self.summary.encapsulation.add(Encapsulation::PPP);
                ppp::packet(self, data);
            }
            TRANSPARENT_ETHERNET if self.enter() => self.ethernet(data),
            ARP | RARP => arp::arp(self, data),
            0..=MAX_LENGTH_FIELD => self.llc(data),
            _ if !self.rules.compat && self.shim(ethertype, data) => {}
            _ => self.frame_flow(data),
        }
    }

    fn tag(&mut self, data: &'a [u8]) {
        match split_tag(data) {
            Some((control, ethertype, inner)) if self.enter() => {
                self.summary.vlan = Some(control);
                self.summary.encapsulation.add(Encapsulation::VLAN);
                self.protocol(ethertype, inner);
            }
            _ => self.frame_flow(data),
        }
    }

    /// Enters one more encapsulation; false when the frame nests deeper than is followed.
    pub fn enter(&mut self) -> bool {
        self.depth = self.depth.saturating_add(1);
        self.depth <= MAX_DEPTH
    }
}
