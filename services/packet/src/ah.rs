//! The IPsec authentication header (RFC 4302), and how far 3.0.8 reads behind it.

use crate::bytes::{u8_at, u32_at};
use crate::icmp;
use crate::ip::{AH, ESP, ICMP, IGMP, Ip, Transport};
use crate::link::Walk;
use crate::summary::{Encapsulation, Network};

/// Octets that 3.0.8 takes every authentication header for (flow-model chapter, section 3.4).
pub(crate) const COMPAT_OCTETS: usize = 16;

impl<'a> Walk<'a> {
    /// Steps over an authentication header: the protocol behind it and the octets it takes.
    pub fn authentication_header(&mut self, data: &'a [u8]) -> Option<(u8, usize)> {
        let next = u8_at(data, 0)?;
        let words = u8_at(data, 1)?;
        self.summary.encapsulation.add(Encapsulation::AH);
        let octets = if self.rules.compat { COMPAT_OCTETS } else { (usize::from(words) + 2) * 4 };
        (data.len() >= octets).then_some((next, octets))
    }

    /// Whether an authentication header lies in front of what is being read.
    pub fn is_authenticated(&self) -> bool {
        self.summary.encapsulation.0 & Encapsulation::AH.0 != 0
    }

    /// Closes the walk behind an authentication header as 3.0.8 does in IPv4: of ICMP and IGMP the key has the message, but
    /// the header's protocol, of ESP the protocol alone; tunnels are not entered.
    #[cold]
    pub fn close_authenticated(&mut self, mut ip: Ip<'a>, data: &'a [u8]) {
        ip.application = ip.payload;
        match ip.protocol {
            ICMP => {
                if let Some(message) = icmp::message(data) {
                    // None that a network section is written for.
                    ip.transport = Transport::Icmp(icmp::Icmp { captured: 0, ..message });
                }
                ip.protocol = AH;
            }
            IGMP => {
                if let (Some(kind), Some(code)) = (u8_at(data, 0), u8_at(data, 1)) {
                    ip.transport = Transport::Igmp { kind, code, group: u32_at(data, 4).unwrap_or(0) };
                }
                ip.protocol = AH;
            }
            ESP => ip.protocol = AH,
            _ => {}
        }
        self.summary.user = data;
        self.summary.network = Network::Ip(ip);
    }
}
