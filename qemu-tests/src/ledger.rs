//! Ground truth: what was really on a wire, by flow.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

use smoltcp::wire::{
    ArpOperation, ArpPacket, EthernetFrame, EthernetProtocol, Icmpv4Message, Icmpv4Packet, IpProtocol,
    Ipv4Packet, TcpPacket, UdpPacket,
};

/// A conversation as `ra` names it, seen from the host that began it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowKey {
    /// `tcp`, `udp`, `icmp` or `arp`.
    pub protocol: String,
    /// Address of the host that began.
    pub source: Ipv4Addr,
    /// Its port; 0 without ports.
    pub source_port: u16,
    /// Address of the other.
    pub destination: Ipv4Addr,
    /// Its port; 0 without ports.
    pub destination_port: u16,
}

impl FlowKey {
    /// The same conversation seen from the other side.
    pub fn reversed(&self) -> FlowKey {
        FlowKey {
            protocol: self.protocol.clone(),
            source: self.destination,
            source_port: self.destination_port,
            destination: self.source,
            destination_port: self.source_port,
        }
    }
}

impl fmt::Display for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}.{} -> {}.{}",
            self.protocol, self.source, self.source_port, self.destination, self.destination_port
        )
    }
}

/// Packets and octets both ways; octets are those on the wire without frame check sequence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets from the host that began.
    pub source_packets: u64,
    /// Packets to it.
    pub destination_packets: u64,
    /// Octets from the host that began.
    pub source_octets: u64,
    /// Octets to it.
    pub destination_octets: u64,
}

impl Counts {
    /// Adds another record's counts.
    pub fn add(&mut self, other: &Counts) {
        self.source_packets += other.source_packets;
        self.destination_packets += other.destination_packets;
        self.source_octets += other.source_octets;
        self.destination_octets += other.destination_octets;
    }
}

/// Flows with their counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    flows: BTreeMap<FlowKey, Counts>,
}

impl Ledger {
    /// A ledger of nothing.
    pub fn new() -> Ledger {
        Ledger::default()
    }

    /// Counts a frame as it was on the wire. Frames of other protocols than those of [`FlowKey`] are an error: hosts
    /// here do not send any, so ground truth would not be the truth.
    pub fn count(&mut self, frame: &[u8]) -> Result<(), String> {
        let (key, role) =
            classify(frame).ok_or_else(|| format!("a frame of {} octets of no known flow", frame.len()))?;
        let octets = frame.len() as u64;
        let reversed = key.reversed();
        let answers = match role {
            Role::Asks => false,
            Role::Answers => true,
            Role::Either => key != reversed && self.flows.contains_key(&reversed),
        };
        let counts = self.flows.entry(if answers { reversed } else { key }).or_default();
        if answers {
            counts.destination_packets += 1;
            counts.destination_octets += octets;
        } else {
            counts.source_packets += 1;
            counts.source_octets += octets;
        }
        Ok(())
    }

    /// Adds counts of one record.
    pub fn add(&mut self, key: FlowKey, counts: &Counts) {
        self.flows.entry(key).or_default().add(counts);
    }

    /// Adds all flows of another ledger.
    pub fn merge(&mut self, other: &Ledger) {
        for (key, counts) in &other.flows {
            self.add(key.clone(), counts);
        }
    }

    /// All flows.
    pub fn flows(&self) -> &BTreeMap<FlowKey, Counts> {
        &self.flows
    }

    /// Keeps the flows that `wanted` says.
    pub fn retain(&mut self, mut wanted: impl FnMut(&FlowKey) -> bool) {
        self.flows.retain(|key, _| wanted(key));
    }

    /// What differs between this truth and what was `seen`, one line each; empty when they agree.
    pub fn differences(&self, seen: &Ledger) -> Vec<String> {
        let mut lines = Vec::new();
        for (key, truth) in &self.flows {
            match seen.flows.get(key) {
                None => lines.push(format!("{key}: {truth:?} was sent, no record")),
                Some(counts) if counts != truth => {
                    lines.push(format!("{key}: {truth:?} was sent, {counts:?} is recorded"));
                }
                Some(_) => {}
            }
        }
        for (key, counts) in &seen.flows {
            if !self.flows.contains_key(key) {
                lines.push(format!("{key}: {counts:?} is recorded, nothing was sent"));
            }
        }
        lines
    }
}

/// What a packet is in its flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A question: its sender began the flow. Two hosts that ask each other have two flows.
    Asks,
    /// An answer: its receiver began the flow.
    Answers,
    /// Whoever was first began.
    Either,
}

/// The flow of a frame as its sender sees it.
fn classify(frame: &[u8]) -> Option<(FlowKey, Role)> {
    let ethernet = EthernetFrame::new_checked(frame).ok()?;
    let key = |protocol: &str, source, source_port, destination, destination_port| FlowKey {
        protocol: protocol.into(),
        source,
        source_port,
        destination,
        destination_port,
    };
    match ethernet.ethertype() {
        EthernetProtocol::Arp => {
            let arp = ArpPacket::new_checked(ethernet.payload()).ok()?;
            let address = |bytes: &[u8]| Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?));
            let (from, to) = (address(arp.source_protocol_addr())?, address(arp.target_protocol_addr())?);
            match arp.operation() {
                ArpOperation::Request => Some((key("arp", from, 0, to, 0), Role::Asks)),
                ArpOperation::Reply => Some((key("arp", from, 0, to, 0), Role::Answers)),
                ArpOperation::Unknown(_) => None,
            }
        }
        EthernetProtocol::Ipv4 => {
            let ip = Ipv4Packet::new_checked(ethernet.payload()).ok()?;
            let (from, to) = (ip.src_addr(), ip.dst_addr());
            match ip.next_header() {
                IpProtocol::Tcp => {
                    let tcp = TcpPacket::new_checked(ip.payload()).ok()?;
                    Some((key("tcp", from, tcp.src_port(), to, tcp.dst_port()), Role::Either))
                }
                IpProtocol::Udp => {
                    let udp = UdpPacket::new_checked(ip.payload()).ok()?;
                    Some((key("udp", from, udp.src_port(), to, udp.dst_port()), Role::Either))
                }
                IpProtocol::Icmp => {
                    let icmp = Icmpv4Packet::new_checked(ip.payload()).ok()?;
                    match icmp.msg_type() {
                        Icmpv4Message::EchoRequest => Some((key("icmp", from, 0, to, 0), Role::Asks)),
                        Icmpv4Message::EchoReply => Some((key("icmp", from, 0, to, 0), Role::Answers)),
                        _ => None,
                    }
                }
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(from: u8, to: u8) -> Vec<u8> {
        let mut frame = vec![2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 8, 0];
        frame.extend_from_slice(&[0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, from, 10, 0, 0, to]);
        let ports = if from == 1 { [0, 99, 0, 53] } else { [0, 53, 0, 99] };
        frame.extend_from_slice(&ports);
        frame.extend_from_slice(&[0, 9, 0, 0, 7]);
        frame.resize(60, 0);
        frame
    }

    #[test]
    fn both_ways_are_one_flow_of_the_one_who_began() {
        let mut ledger = Ledger::new();
        for frame in [frame(1, 2), frame(2, 1), frame(1, 2)] {
            ledger.count(&frame).unwrap();
        }
        let (key, counts) = ledger.flows().iter().next().unwrap();
        assert_eq!(key.to_string(), "udp 10.0.0.1.99 -> 10.0.0.2.53");
        assert_eq!((counts.source_packets, counts.destination_packets), (2, 1));
        assert_eq!((counts.source_octets, counts.destination_octets), (120, 60));
        assert!(ledger.count(&[0; 60]).is_err());
    }

    #[test]
    fn differences_are_told_both_ways() {
        let mut truth = Ledger::new();
        truth.count(&frame(1, 2)).unwrap();
        assert!(truth.differences(&truth.clone()).is_empty());
        assert_eq!(truth.differences(&Ledger::new()).len(), 1);
        assert!(Ledger::new().differences(&truth)[0].contains("nothing was sent"));
        let mut more = truth.clone();
        more.merge(&truth);
        assert!(truth.differences(&more)[0].contains("source_packets: 2"));
    }
}
