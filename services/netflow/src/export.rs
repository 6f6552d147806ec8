//! A flow as another device exported it, and the argus record it becomes (chapters 1.3, 1.5).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use record::dsr::agr::Agr;
use record::dsr::asn::Asn;
use record::dsr::flow::{Flow, FlowKey, Ipv4Detail, Ipv4Key, Ipv6Detail, Ipv6Key, MASKS};
use record::dsr::ipattr::{IpAttr, IpSide};
use record::dsr::mac::Mac;
use record::dsr::metric::{Counters, Metric};
use record::dsr::mpls::Mpls;
use record::dsr::network::{Body, Network, Tcp, TcpStatus};
use record::dsr::psize::{Psize, Sizes};
use record::dsr::time::Time;
use record::dsr::vlan::Vlan;
use record::{Cause, Dsr, Header, Kind, Record, SourceId, Stamp, Transport, Version};

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// TCP flags.
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;
const URG: u8 = 0x20;

/// Bits of the status word.
const SAW_SYN: u32 = 0x01;
const SAW_SYN_ACK: u32 = 0x02;
const ESTABLISHED: u32 = 0x04;
const CLOSING: u32 = 0x08;
const RESET: u32 = 0x3000;

/// Marks a MAC section that holds interface numbers.
const PORTS: u8 = 0x04;

/// What one side of a flow sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// Packets.
    pub packets: u64,
    /// Octets.
    pub octets: u64,
    /// Type of service.
    pub tos: Option<u8>,
    /// Time to live.
    pub ttl: Option<u8>,
    /// IPv4 identification.
    pub ip_id: Option<u16>,
    /// All TCP flags seen.
    pub tcp_flags: Option<u8>,
    /// Lengths of the smallest and the largest packet.
    pub sizes: Option<(u16, u16)>,
}

/// A flow as it was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Who exported it; unspecified when not known.
    pub exporter: IpAddr,
    /// Source address.
    pub src: IpAddr,
    /// Destination address, of the same family unless one is absent.
    pub dst: IpAddr,
    /// IP protocol.
    pub protocol: u8,
    /// Source and destination port.
    pub ports: (u16, u16),
    /// ICMP type and code.
    pub icmp: Option<(u8, u8)>,
    /// Prefix lengths of the addresses.
    pub masks: Option<(u8, u8)>,
    /// What was sent by the source.
    pub sent: Side,
    /// What came back, when the exporter tells both (RFC 5103).
    pub answered: Option<Side>,
    /// First packet.
    pub start: Option<Stamp>,
    /// Last packet.
    pub end: Option<Stamp>,
    /// Flows that were put together.
    pub flows: Option<u32>,
    /// Interfaces by which packets came and went.
    pub interfaces: Option<(u32, u32)>,
    /// Autonomous systems of source and destination.
    pub systems: Option<(u32, u32)>,
    /// Ethernet addresses of source and destination.
    pub macs: Option<([u8; 6], [u8; 6])>,
    /// VLANs before and behind the device.
    pub vlans: (Option<u16>, Option<u16>),
    /// Top entry of the label stack.
    pub mpls: Option<u32>,
    /// Type of service behind the device.
    pub tos_behind: Option<u8>,
    /// Whether a SYN with an ACK among the flags tells who answered: not in version 9.
    pub handshake_order: bool,
}

impl Default for Export {
    fn default() -> Self {
        let none = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Export {
            exporter: none,
            src: none,
            dst: none,
            protocol: 0,
            ports: (0, 0),
            icmp: None,
            masks: None,
            sent: Side::default(),
            answered: None,
            start: None,
            end: None,
            flows: None,
            interfaces: None,
            systems: None,
            macs: None,
            vlans: (None, None),
            mpls: None,
            tos_behind: None,
            handshake_order: false,
        }
    }
}

impl Export {
    /// Whether both directions are told.
    pub fn is_biflow(&self) -> bool {
        self.answered.is_some()
    }

    /// Type and code of ICMP stand in the destination port unless they have fields of their own.
    pub(crate) fn icmp_from_port(&mut self) {
        if matches!(self.protocol, ICMP | ICMPV6) && self.icmp.is_none() {
            let [kind, code] = self.ports.1.to_be_bytes();
            self.icmp = Some((kind, code));
        }
    }

    /// The record: class NetFlow, cause status, version 3. `id` stands in when the exporter is not known.
    pub fn to_record(&self, id: Option<SourceId>) -> Record {
        let mut record = Record::new(Header::new(Kind::Netflow, Version::V3, Cause::Status));
        let exporter = match self.exporter {
            address if address.is_unspecified() => id,
            IpAddr::V4(address) => Some(SourceId::Ipv4(address)),
            IpAddr::V6(address) => Some(SourceId::Ipv6(address)),
        };
        if let Some(id) = exporter {
            record.set(Dsr::Transport(Transport { id: Some(id), interface: None, seq: None }));
        }
        record.set(Dsr::Flow(self.flow()));
        let (start, end) = (self.start.unwrap_or(Stamp::ZERO), self.end.unwrap_or(Stamp::ZERO));
        record.set(Dsr::Time(Time::sensor(start.min(end), start.max(end))));
        let count = |side: Side| Counters { packets: side.packets, bytes: side.octets, app_bytes: 0 };
        let answered = self.answered.unwrap_or_default();
        record.set(Dsr::Metric(Metric { src: count(self.sent), dst: count(answered), app: false }));
        if let Some(flows) = self.flows.filter(|&flows| flows != 1) {
            let duration = end.since(start).max(0) as f32 / 1e9;
            record.set(Dsr::Agr(Agr { count: flows, ..Agr::single(duration) }));
        }
        record.set(Dsr::Network(self.state()));
        self.add_rest(&mut record);
        record
    }

    fn flow(&self) -> Flow {
        let masks = self.masks.filter(|masks| *masks != (0, 0));
        let icmp = self.icmp.unwrap_or_default();
        let ports = if matches!(self.protocol, TCP | UDP) { self.ports } else { (0, 0) };
        match (self.src, self.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                let (mut tail, mut marks) = ([0, 0], 0);
                if let Some((from, to)) = masks {
                    (tail, marks) = ([from, to], MASKS);
                }
                let detail = match self.protocol {
                    ICMP => {
                        marks = 0;
                        Ipv4Detail::Icmp { typ: icmp.0, code: icmp.1, id: 0, seq: 0 }
                    }
                    2 => Ipv4Detail::Igmp { typ: 0, code: 0, pad: 0, ip_id: 0 },
                    50 => Ipv4Detail::Esp { pad: 0, spi: 0 },
                    _ => Ipv4Detail::Ports { src: ports.0, dst: ports.1, tail },
                };
                if matches!(self.protocol, 2 | 50) {
                    marks = 0;
                }
                let mut flow =
                    Flow::new(FlowKey::Ipv4(Ipv4Key { src, dst, proto: self.protocol, tp_p: 0, detail }));
                flow.qualifier |= marks;
                flow
            }
            (src, dst) => {
                let six = |address| match address {
                    IpAddr::V6(address) => address,
                    // Only one of the two was exported.
                    IpAddr::V4(address) if address.is_unspecified() => Ipv6Addr::UNSPECIFIED,
                    IpAddr::V4(address) => address.to_ipv6_mapped(),
                };
                let detail = match self.protocol {
                    ICMPV6 => Ipv6Detail::Icmp { typ: icmp.0, code: icmp.1, id: 0 },
                    2 => Ipv6Detail::Igmp { typ: 0, code: 0, pad: 0 },
                    50 => Ipv6Detail::Esp { spi: 0 },
                    _ => Ipv6Detail::Ports { src: ports.0, dst: ports.1 },
                };
                let masks = masks.map(|(from, to)| (u16::from(from), u16::from(to)));
                let (src, dst, proto) = (six(src), six(dst), self.protocol);
                Flow::new(FlowKey::Ipv6(Ipv6Key { src, dst, proto, label: 0, detail, masks }))
            }
        }
    }

    /// What the flags of TCP tell (chapter 1.5).
    fn state(&self) -> Network {
        let (Some(flags), TCP) = (self.sent.tcp_flags, self.protocol) else { return Network::EMPTY };
        let back = self.answered.and_then(|side| side.tcp_flags);
        let all = flags | back.unwrap_or(0);
        let mut status = 0;
        if all & RST != 0 {
            status |= RESET;
        }
        if all & FIN != 0 {
            status |= CLOSING;
        }
        if all & (ACK | PSH | URG) != 0 {
            status |= ESTABLISHED;
        }
        if back.is_some() {
            // Who began is told by who sent the SYN alone, not guessed.
            if all & SYN != 0 {
                status |= SAW_SYN;
            }
            if back.is_some_and(|back| back & (SYN | ACK) == SYN | ACK) {
                status |= SAW_SYN_ACK;
            }
        } else if flags & (SYN | ACK) == SYN {
            status |= SAW_SYN;
        } else if flags & SYN != 0 && self.handshake_order {
            status |= SAW_SYN_ACK;
            if self.sent.packets > 1 {
                status &= !ESTABLISHED;
            }
        }
        let tcp = TcpStatus { status, src_flags: flags, dst_flags: back.unwrap_or(0), pad: 0 };
        Network::new(Body::Tcp(Tcp::Status(tcp)))
    }

    /// Sections that are there when there is something to tell.
    fn add_rest(&self, record: &mut Record) {
        let side = |side: Side| {
            (side.tos.is_some() || side.ttl.is_some() || side.ip_id.is_some()).then(|| IpSide {
                ttl: side.ttl.unwrap_or(0),
                tos: side.tos.unwrap_or(0),
                ip_id: side.ip_id.unwrap_or(0),
            })
        };
        let behind = self.tos_behind.map(|tos| IpSide { tos, ..IpSide::default() });
        let attributes = IpAttr {
            src: side(self.sent),
            dst: self.answered.and_then(side).or(behind),
            ..IpAttr::default()
        };
        if attributes.src.is_some() || attributes.dst.is_some() {
            record.set(Dsr::IpAttr(attributes));
        }
        if self.vlans.0.is_some() || self.vlans.1.is_some() {
            record.set(Dsr::Vlan(Vlan { src: self.vlans.0, dst: self.vlans.1 }));
        }
        if let Some(label) = self.mpls.filter(|label| *label != 0) {
            record.set(Dsr::Mpls(Mpls { src: Some(label), src_count: 1, ..Mpls::default() }));
        }
        let sizes = |side: Side| side.sizes.map(|(min, max)| Sizes { min, max, histogram: [0; 4] });
        let sizes = Psize { subtype: 0, src: sizes(self.sent), dst: self.answered.and_then(sizes) };
        if sizes.src.is_some() || sizes.dst.is_some() {
            record.set(Dsr::Psize(sizes));
        }
        if let Some((src, dst)) = self.macs.filter(|macs| *macs != ([0; 6], [0; 6])) {
            record.set(Dsr::Mac(Mac { src, dst, ..Mac::default() }));
        } else if let Some((input, output)) = self.interfaces {
            let port = |number: u32| {
                let [a, b, c, d] = number.to_be_bytes();
                [0, 0, a, b, c, d]
            };
            record.set(Dsr::Mac(Mac {
                qualifier: PORTS,
                src: port(input),
                dst: port(output),
                ..Mac::default()
            }));
        }
        if let Some((src, dst)) = self.systems.filter(|systems| *systems != (0, 0)) {
            record.set(Dsr::Asn(Asn { src, dst, ..Asn::default() }));
        }
    }
}
