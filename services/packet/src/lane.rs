//! The lane of what nearly all frames are: Ethernet, perhaps one VLAN tag, then a whole IPv4 packet without options or an
//! IPv6 packet without extension headers, then TCP, UDP or ICMP.
//!
//! Such a frame is read in a straight line and described where its description is to stay. Everything else is left to the
//! [`Walk`](crate::link::Walk), which says the same of these frames too: both read headers by the same views.

use crate::Rules;
use crate::bytes::first;
use crate::ethernet::{self, ETHERTYPE_IPV4, ETHERTYPE_IPV6, VLAN};
use crate::ip::{Ip, TCP, UDP, close_icmp, close_tcp, close_udp, has_icmp, ports};
use crate::link::wire_behind;
use crate::summary::{Encapsulation, Summary};
use crate::{ipv4, ipv6, tcp, udp};

/// What a frame of the lane was found to hold. Who goes on differently for each need not ask the description, which could
/// not be foretold once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Everyday {
    /// A whole IPv4 packet with a TCP segment or a UDP datagram.
    V4,
    /// A whole IPv6 packet with a TCP segment or a UDP datagram.
    V6,
    /// An ICMP message of either version.
    Icmp,
}

/// Describes an Ethernet frame if it is one for the lane; else the description is of no use.
#[inline(always)]
pub(crate) fn take<'a>(
    rules: Rules,
    frame: &'a [u8],
    wire_length: u32,
    summary: &mut Summary<'a>,
) -> Option<Everyday> {
    let (header, data) = ethernet::split(frame)?;
    // The transport header's writer sees to these two.
    let Summary { length, encapsulation, ethernet, vlan, mpls, network: _, user: _, outer, tunnel: _ } =
        summary;
    *length = wire_length;
    *encapsulation = Encapsulation::ETHERNET;
    *ethernet = Some(header);
    *vlan = None;
    *mpls = None;
    let (ethertype, data) = if header.ethertype == VLAN {
        let (control, ethertype, data) = ethernet::split_tag(data)?;
        *vlan = Some(control);
        encapsulation.add(Encapsulation::VLAN);
        (ethertype, data)
    } else {
        (header.ethertype, data)
    };
    if rules.outer_headers {
        // Without the rule it is empty, and stays so; as does the tunnel, of which the lane knows none.
        *outer = frame.get(..frame.len() - data.len()).unwrap_or_default();
    }
    match ethertype {
        ETHERTYPE_IPV4 => {
            let (header, behind) = ipv4::Header::split(data)?;
            let total = header.total();
            let payload = total - ipv4::LEAST as i32;
            if !header.is_plain() || payload < 0 {
                return None;
            }
            let segment = if rules.compat { behind } else { first(behind, payload) };
            let found = close(rules, summary, header.ip(payload), segment, Everyday::V4)?;
            if rules.compat {
                summary.user = ipv4::without_padding(summary.user, ipv4::padding(data, total, ipv4::LEAST));
            }
            Some(found)
        }
        ETHERTYPE_IPV6 => {
            let (header, behind) = ipv6::Header::split(data)?;
            let on_wire = ipv6::on_wire(wire_behind(wire_length, frame, data));
            let payload = header.payload(rules, on_wire);
            let segment = if rules.compat { behind } else { first(behind, payload) };
            close(rules, summary, header.ip(rules, payload), segment, Everyday::V6)
        }
        _ => None,
    }
}

/// Closes the description with a transport header that was captured whole. `version` says which IP it is.
#[inline(always)]
fn close<'a>(
    rules: Rules,
    summary: &mut Summary<'a>,
    ip: Ip<'a>,
    segment: &'a [u8],
    version: Everyday,
) -> Option<Everyday> {
    let holds = |octets: usize| segment.len() >= octets && ip.payload >= octets as i32;
    if ip.protocol == TCP && holds(tcp::LEAST) {
        close_tcp(summary, ip, segment, 0);
        Some(version)
    } else if ip.protocol == UDP && holds(udp::HEADER) {
        if rules.tunnel_discovery && udp::is_tunnel(rules, &ip.addresses, ports(segment)) {
            return None;
        }
        close_udp(summary, ip, segment, 0);
        Some(version)
    } else if has_icmp(&ip) {
        close_icmp(rules, summary, ip, segment);
        Some(Everyday::Icmp)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
