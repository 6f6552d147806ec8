//! What one packet changes in its flow (chapter sections 6 to 12).

use crate::engine::{Engine, Sink};
use crate::esp::Esp;
use crate::flow::{Flow, IcmpState, Mac, Mapped, Queue, Session, Side, State, Why};
use crate::key::{Class, Key};
use crate::rtp::Rtp;
use crate::slab::Part;
use crate::tcp::{Segment, Tcp, status};
use packet::{Addresses, Icmp, Ip, Isis, Network, Summary, Transport};
use record::{Cause, Version};

/// Shortest ICMP message that the network section describes (record-format chapter, section 7.5).
const DESCRIBED_ICMP: u32 = 28;

impl Engine {
    /// Updates a flow with one of its packets.
    pub(crate) fn update(
        &mut self,
        part: Part,
        key: &Key,
        summary: &Summary<'_>,
        first: bool,
        sink: &mut dyn Sink,
    ) -> Part {
        let Some(flow) = self.table.flows.get(part) else { return part };
        if flow.has(Flow::EMITTED) {
            self.reset(part);
        }
        let mut side = self.observe(part, key.direction, summary, first);
        let mut active = true;
        let mut application = match &summary.network {
            Network::Ip(ip) => ip.application,
            Network::Arp(_) | Network::Rarp(_) => summary.length as i32 - 28,
            Network::Lcp(lcp) => i32::from(lcp.length),
            Network::Isis(Isis { octets, .. }) | Network::IsisFrame { octets, .. } => *octets as i32,
            _ => summary.length as i32,
        };
        match &summary.network {
            Network::Ip(ip) => match &ip.transport {
                Transport::Tcp(_) => (side, active) = self.tcp(part, key, ip, summary, first, side, sink),
                Transport::Udp { .. } => {
                    self.udp(part, ip, summary, first, side, &mut application);
                }
                Transport::Icmp(icmp) => self.icmp(part, ip, icmp, side),
                Transport::Esp { spi, sequence: Some(sequence) } => match self.table.session_of(part) {
                    Some(Session::Esp(esp)) => esp.next(*sequence),
                    _ => self.table.set_session(part, State::Esp, Session::Esp(Esp::first(*spi, *sequence))),
                },
                _ => {}
            },
            Network::Arp(arp)
                if arp.reply
                // 3.0.8 looks for the answer's address directly behind the Ethernet header.
                && (summary.vlan.is_none() || !self.config.compat) =>
            {
                let mut station = [0u8; 6];
                for (to, from) in station.iter_mut().zip(arp.sender_hardware) {
                    *to = from;
                }
                self.table.set_session(part, State::Arp, Session::Arp(station));
            }
            _ => {}
        }
        self.count(part, side, summary, application, active);
        part
    }

    /// Notes what does not depend on the protocol: time, encapsulation, IP attributes, cause. Returns the side.
    fn observe(&mut self, part: Part, direction: u8, summary: &Summary<'_>, first: bool) -> usize {
        let (now, unset) = (self.now, Engine::unset(self.config.compat));
        let Some(flow) = self.table.flows.get_mut(part) else { return 0 };
        let index = flow.side_of(direction);
        if first {
            flow.cause = Why::Start;
        } else if flow.cause == Why::Unset {
            flow.cause = Why::Status;
        }
        let side = &mut flow.sides[index & 1];
        side.stamp(now, unset);
        let mask = summary.encapsulation.0;
        if side.bits & Side::ENCAPSULATION == 0 {
            side.bits |= Side::ENCAPSULATION;
            side.encapsulation = mask;
        } else if side.encapsulation != mask {
            side.bits |= Side::ENCAPSULATION_CHANGED;
            side.encapsulation |= mask;
        }
        if let Some(control) = summary.vlan {
            side.bits |= Side::VLAN;
            side.vlan = control;
        }
        if let Network::Ip(ip) = &summary.network {
            side.bits |= Side::IP;
            side.ttl = ip.ttl;
            side.tos = ip.tos;
            side.ip_id = ip.id;
            side.ip_options = ip.options;
        }
        if let Some(label) = summary.mpls
            && let Some(rare) = self.table.rare_of(part)
        {
            rare.labels[index & 1] = Some(label);
        }
        if self.config.mac
            && let (Some(metrics), Some(header)) = (self.table.metrics.get_mut(part), summary.ethernet)
        {
            let (destination, source) = if index == 0 {
                (header.destination, header.source)
            } else {
                (header.source, header.destination)
            };
            match &mut metrics.mac {
                None => {
                    metrics.mac =
                        Some(Mac { destination, source, ethertype: header.ethertype, multipath: 0 });
                }
                Some(mac) => {
                    if (mac.destination, mac.source, mac.ethertype) != (destination, source, header.ethertype)
                    {
                        mac.multipath |= 1 << index;
                    }
                }
            }
        }
        index
    }

    /// Counts the packet and measures its gap and size.
    fn count(&mut self, part: Part, side: usize, summary: &Summary<'_>, application: i32, active: bool) {
        let (now, longest) = (self.now, self.interval.saturating_mul(2));
        let (jitter, sizes, compat) = (self.config.jitter, self.config.packet_size, self.config.compat);
        let Some(flow) = self.table.flows.get_mut(part) else { return };
        let counted = &mut flow.sides[side & 1];
        counted.packets += 1;
        counted.octets += u64::from(summary.length);
        counted.application += u64::try_from(application).unwrap_or(0);
        if sizes {
            // 3.0.8 stores what does not fit cut off.
            let size = if compat { summary.length as u16 } else { summary.length.min(0xffff) as u16 };
            if summary.length <= u32::from(counted.smallest) {
                counted.smallest = size;
            }
            if summary.length > u32::from(counted.largest) {
                counted.largest = size;
            }
        }
        if let Some(histograms) = self.table.sizes.get_mut(part) {
            histograms[side & 1].packet(summary.length);
        }
        if jitter && let Some(metrics) = self.table.metrics.get_mut(part) {
            metrics.gaps[side & 1].packet(now, active, longest, compat);
        }
        if self.table.user.limit() > 0 {
            self.table.user.append(flow.user, side & 1, summary.user);
        }
    }

    /// Takes a TCP segment; a new connection on the same ports splits the flow (chapter section 6.6).
    #[expect(clippy::too_many_arguments, reason = "one call, on the packet path")]
    fn tcp(
        &mut self,
        part: Part,
        key: &Key,
        ip: &Ip<'_>,
        summary: &Summary<'_>,
        first: bool,
        side: usize,
        sink: &mut dyn Sink,
    ) -> (usize, bool) {
        let Transport::Tcp(header) = &ip.transport else { return (side, true) };
        let segment = Segment {
            header,
            side,
            now: self.now,
            ip_id: ip.id,
            compat: self.config.compat,
            track_duplicates: self.config.track_duplicates,
        };
        let noted = self.config.version == Version::V5;
        let Some(tcp) = self.table.tcp_of(part) else { return (side, true) };
        if first {
            *tcp = Tcp::first(&segment);
            if noted {
                tcp.note_first(side);
            }
            self.stroke(part, &segment, true);
            return (side, true);
        }
        let outcome = tcp.next(&segment);
        if !outcome.splits {
            self.stroke(part, &segment, false);
            return (side, outcome.active);
        }
        self.queues.remove(&mut self.table.flows, part);
        self.report(part, Some(Cause::Stop), sink);
        self.reset(part);
        if let Some(flow) = self.table.flows.get_mut(part)
            && side == 1
        {
            // The former destination opens the new connection and is its source.
            flow.set(Flow::DIRECTION, key.direction == 1);
            flow.set(Flow::REVERSE, key.direction == 1 && !self.config.compat);
            if !self.config.compat {
                flow.sides.swap(0, 1);
                if let Some(metrics) = self.table.metrics.get_mut(part) {
                    metrics.gaps.swap(0, 1);
                    metrics.mac = None;
                }
            }
        }
        self.queues.push(&mut self.table.flows, part, Queue::STATUS, self.now);
        let side = self.observe(part, key.direction, summary, true);
        let reuse = !self.config.compat;
        if let Some(tcp) = self.table.tcp_of(part) {
            *tcp = Tcp::first(&Segment { side, ..segment });
            if noted {
                tcp.note_first(side);
            }
            if reuse {
                tcp.status |= status::PORT_REUSE;
            }
        }
        self.stroke(part, &Segment { side, ..segment }, true);
        (side, true)
    }

    fn udp(
        &mut self,
        part: Part,
        ip: &Ip<'_>,
        summary: &Summary<'_>,
        first: bool,
        side: usize,
        application: &mut i32,
    ) {
        if first {
            if let Some(rtp) = Rtp::first(ip.ports, summary.user, side) {
                self.table.set_session(part, State::Rtp, Session::Rtp(rtp));
            }
        } else if self.config.compat && matches!(ip.addresses, Addresses::V6 { .. }) {
            // 3.0.8 looks at no later packet of such a flow.
        } else if let Some(Session::Rtp(rtp)) = self.table.session_of(part) {
            *application -= rtp.next(summary.user, *application, side) as i32;
        }
        if let Some(flow) = self.table.flows.get_mut(part) {
            // This packet is counted after this, hence 2 for "more than 2".
            if flow.packets() >= 2 {
                flow.bits = (flow.bits & ((1 << Flow::CLASS) - 1)) | (Class::Fixed as u8) << Flow::CLASS;
            }
        }
    }

    fn icmp(&mut self, part: Part, ip: &Ip<'_>, icmp: &Icmp<'_>, side: usize) {
        let v4 = matches!(ip.addresses, Addresses::V4 { .. });
        let requests = v4 && matches!(icmp.kind, 8 | 13 | 15 | 17);
        let described = !matches!(self.table.session_of(part), None | Some(Session::None));
        if (!v4 || icmp.captured >= DESCRIBED_ICMP) && (!described) {
            self.table.set_session(part, State::Icmp, Session::Icmp(message(ip, icmp)));
        }
        if requests && self.table.user.limit() > 0 {
            let user = self.table.flows.get(part).map_or(crate::slab::NONE, |flow| flow.user);
            self.table.user.restart(user, side & 1);
        }
    }

    /// Notes an ICMP error with the flow of the packet that it quotes (chapter section 8.2).
    pub(crate) fn map_error(&mut self, summary: &Summary<'_>, icmp: &Icmp<'_>) {
        let Network::Ip(ip) = &summary.network else { return };
        if self.config.compat && !matches!(ip.addresses, Addresses::V4 { .. }) {
            return;
        }
        let Some(quoted) = packet::quoted(self.config.rules(), icmp.quoted) else { return };
        let key = Key::of(&quoted, &self.config);
        if key.rest.is_some() {
            return;
        }
        let (_, Some(part)) = self.table.find(&key) else { return };
        let (now, unset) = (self.now, Engine::unset(self.config.compat));
        if let Some(flow) = self.table.flows.get_mut(part) {
            flow.sides[0].stamp(now, unset);
        }
        let qualifier = match icmp.kind {
            3 => 1,
            5 => 2,
            11 => 4,
            _ => 0,
        };
        if let Some(rare) = self.table.rare_of(part) {
            rare.mapped = Some(Mapped { qualifier, message: message(ip, icmp) });
        }
    }
}

/// What a record tells of an ICMP message.
fn message(ip: &Ip<'_>, icmp: &Icmp<'_>) -> IcmpState {
    let Addresses::V4 { source, destination } = ip.addresses else {
        return IcmpState { kind: icmp.kind, code: icmp.code, word: icmp.checksum, ..IcmpState::default() };
    };
    let word_at = |at: usize| match icmp.quoted.get(at..at + 4) {
        Some(&[a, b, c, d]) => u32::from_be_bytes([a, b, c, d]),
        _ => 0,
    };
    IcmpState {
        kind: icmp.kind,
        code: icmp.code,
        word: icmp.sequence(),
        source,
        destination,
        quoted_source: word_at(12),
        quoted_destination: word_at(16),
        gateway: if icmp.is_query() { 0 } else { icmp.word },
    }
}
