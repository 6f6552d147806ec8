//! What one packet changes in its flow (chapter sections 6 to 12).

use crate::config::Config;
use crate::engine::{Engine, Sink};
use crate::esp::Esp;
use crate::flow::{Flow, IcmpState, Mac, Metrics, Queue, Session, Side, State, Why};
use crate::key::{Key, Kind};
use crate::rtp::Rtp;
use crate::sizes::Histogram;
use crate::slab::Part;
use crate::tcp::{Segment, Tcp, status};
use crate::time::Time;
use crate::udt::{self, Udt};
use packet::{Addresses, Arp, Ethernet, Icmp, Ip, Isis, Network, Rarp, Summary, Transport};
use record::{Cause, Version};

/// Shortest ICMP message that the network section describes (record-format chapter, section 7.5).
const DESCRIBED_ICMP: u32 = 28;

impl Engine {
    /// Updates a flow with one of its packets.
    #[inline(always)]
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
        if let Some(label) = summary.mpls {
            self.label(part, key.direction, label);
        }
        if self.table.outer.is_kept() {
            self.keep_outer(part, key.direction, summary);
        }
        if self.matrix {
            return self.update_matrix(part, key, summary, first);
        }
        if let Network::Ip(ip) = &summary.network
            && let Transport::Tcp(header) = &ip.transport
        {
            self.tcp(part, key, ip, header, summary, first, sink);
            return part;
        }
        let application = application(summary, self.config.compat);
        let side = self.observe(part, key.direction, summary, first);
        let headers = self.session(part, summary, first, side, application);
        self.count(part, side, summary, application - headers as i32, true, headers);
        part
    }

    /// Updates the flow of two stations, which has no protocol (chapter section 4.2).
    #[cold]
    fn update_matrix(&mut self, part: Part, key: &Key, summary: &Summary<'_>, first: bool) -> Part {
        let application = match (Kind::of(&key.words), &summary.network) {
            // As of any flow of frames.
            (Kind::Frame, Network::Ip(_)) => summary.length as i32,
            // 3.0.8 counts what is in the IP packet.
            (Kind::Matrix | Kind::Matrix6, Network::Ip(ip)) if self.config.compat => ip.payload,
            _ => application(summary, self.config.compat),
        };
        let side = self.observe(part, key.direction, summary, first);
        self.count(part, side, summary, application, true, 0);
        part
    }

    /// Takes a packet of a protocol whose state is a session's, or that has none. Returns how many of its `application`
    /// octets are headers of the session's protocol.
    #[inline]
    fn session(
        &mut self,
        part: Part,
        summary: &Summary<'_>,
        first: bool,
        side: usize,
        application: i32,
    ) -> usize {
        match &summary.network {
            Network::Ip(ip) => match &ip.transport {
                Transport::Udp { .. } => return self.udp(part, ip, summary, first, side, application),
                Transport::Icmp(icmp) => self.icmp(part, ip, icmp, side),
                Transport::Esp { spi, sequence: Some(sequence) } => match self.table.session_of(part) {
                    Some(Session::Esp(esp)) => esp.next(*sequence, self.config.compat),
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
        0
    }

    /// Notes a packet's topmost MPLS label.
    #[cold]
    fn label(&mut self, part: Part, direction: u8, label: u32) {
        let Some(flow) = self.table.flows.get(part) else { return };
        let side = flow.side_of(direction);
        if let Some(rare) = self.table.rare_of(part) {
            rare.labels[side & 1] = Some(label);
        }
    }

    /// Keeps the headers around the first packet of a side.
    #[cold]
    fn keep_outer(&mut self, part: Part, direction: u8, summary: &Summary<'_>) {
        let Some(flow) = self.table.flows.get(part) else { return };
        if let Some(sides) = self.table.outer.get_mut(part) {
            sides[flow.side_of(direction) & 1].note(summary.outer, summary.tunnel);
        }
    }

    /// Notes what does not depend on the protocol: time, encapsulation, IP attributes, cause. Returns the side.
    fn observe(&mut self, part: Part, direction: u8, summary: &Summary<'_>, first: bool) -> usize {
        let Some(flow) = self.table.flows.get_mut(part) else { return 0 };
        let metrics = if self.config.mac { self.table.metrics.get_mut(part) } else { None };
        observe(flow, metrics, direction, summary, first, self.now, self.config.compat)
    }

    /// Counts the packet and measures its gap and size; `headers` octets in front of the user data are not shown.
    fn count(
        &mut self,
        part: Part,
        side: usize,
        summary: &Summary<'_>,
        application: i32,
        active: bool,
        headers: usize,
    ) {
        let Some(flow) = self.table.flows.get_mut(part) else { return };
        let histograms = self.table.sizes.get_mut(part);
        if self.table.user.is_on() {
            self.table.user.append(part, side & 1, summary.user.get(headers..).unwrap_or(&[]));
        }
        let metrics = self.table.metrics.get_mut(part);
        let gap = Gap { now: self.now, active, longest: self.longest_gap };
        count(flow, metrics, histograms, side, summary.length, application, &gap, &self.config);
    }

    /// Takes a TCP segment.
    #[expect(clippy::too_many_arguments, reason = "one call, on the packet path")]
    #[inline(always)]
    fn tcp(
        &mut self,
        part: Part,
        key: &Key,
        ip: &Ip<'_>,
        header: &packet::Tcp<'_>,
        summary: &Summary<'_>,
        first: bool,
        sink: &mut dyn Sink,
    ) {
        let (now, compat) = (self.now, self.config.compat);
        let table = &mut self.table;
        let Some(flow) = table.flows.get_mut(part) else { return };
        let mut metrics = table.metrics.get_mut(part);
        let seen = if self.config.mac { metrics.as_deref_mut() } else { None };
        let side = observe(flow, seen, key.direction, summary, first, now, compat);
        let track_duplicates = self.config.track_duplicates;
        let segment = Segment { header, side, now, ip_id: ip.id, compat, track_duplicates };
        let mut gap = Gap { now, active: true, longest: self.longest_gap };
        if let (State::Tcp, false) = (flow.state, first)
            && let Some(tcp) = table.tcp.get_mut(flow.network)
        {
            // What nearly every segment is: the next one of a known connection.
            let outcome = tcp.next(&segment);
            if !outcome.splits {
                gap.active = outcome.active;
                if table.user.is_on() {
                    table.user.append(part, side & 1, summary.user);
                }
                let histograms = table.sizes.get_mut(part);
                let application = if outcome.unread { ip.payload } else { ip.application };
                count(flow, metrics, histograms, side, summary.length, application, &gap, &self.config);
                if self.config.keystroke.is_some() {
                    self.stroke(part, &segment, false);
                }
                return;
            }
            let side = self.split(part, key, summary, &segment, sink);
            return self.count(part, side, summary, ip.application, true, 0);
        }
        let (mut side, mut active) = (side, true);
        if first {
            self.open(part, &segment);
        } else if let Some(tcp) = self.table.tcp_of(part) {
            let outcome = tcp.next(&segment);
            if outcome.splits {
                side = self.split(part, key, summary, &segment, sink);
            } else {
                active = outcome.active;
                self.stroke(part, &segment, false);
            }
        }
        self.count(part, side, summary, ip.application, active, 0);
    }

    /// Begins the TCP state of a flow with its first segment.
    fn open(&mut self, part: Part, segment: &Segment<'_>) {
        let noted = self.config.version == Version::V5;
        let Some(tcp) = self.table.tcp_of(part) else { return };
        *tcp = Tcp::first(segment);
        if noted {
            tcp.note_first(segment.side);
        }
        self.stroke(part, segment, true);
    }

    /// Ends a flow's record before a segment that opens a new connection on its ports (chapter section 6.6). Returns the
    /// side of the segment in the new one.
    #[cold]
    fn split(
        &mut self,
        part: Part,
        key: &Key,
        summary: &Summary<'_>,
        segment: &Segment<'_>,
        sink: &mut dyn Sink,
    ) -> usize {
        self.queues.remove(&mut self.table.flows, part);
        self.report(part, Some(Cause::Stop), sink);
        self.reset(part);
        if let Some(flow) = self.table.flows.get_mut(part)
            && segment.side == 1
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
        if let Some(label) = summary.mpls {
            self.label(part, key.direction, label);
        }
        if self.table.outer.is_kept() {
            self.keep_outer(part, key.direction, summary);
        }
        self.open(part, &Segment { side, ..*segment });
        if !self.config.compat
            && let Some(tcp) = self.table.tcp_of(part)
        {
            tcp.shared.status |= status::PORT_REUSE;
        }
        side
    }

    fn udp(
        &mut self,
        part: Part,
        ip: &Ip<'_>,
        summary: &Summary<'_>,
        first: bool,
        side: usize,
        application: i32,
    ) -> usize {
        let mut headers = 0;
        if first {
            let compat = self.config.compat;
            // A handshake looks like RTP, which 3.0.8 looks for first.
            let handshake = !compat && udt::is_handshake(ip.ports, summary.user);
            if let Some(rtp) = Rtp::first(ip.ports, summary.user, side).filter(|_| !handshake) {
                self.table.set_session(part, State::Rtp, Session::Rtp(rtp));
            } else if let Some(udt) = Udt::first(ip.ports, summary.user, compat) {
                self.table.set_udt(part, udt);
            }
        } else if let Some(udt) = self.table.udt_of(part) {
            headers = udt.next(summary.user, self.now, side, self.config.compat);
        } else if let Some(Session::Rtp(rtp)) = self.table.session_of(part) {
            headers = rtp.next(summary.user, application, side, self.config.compat);
        }
        if let Some(flow) = self.table.flows.get_mut(part)
            && !flow.is_settled()
            // This packet is counted after this, hence 2 for "more than 2".
            && flow.packets() >= 2
        {
            flow.settle();
        }
        headers
    }

    fn icmp(&mut self, part: Part, ip: &Ip<'_>, icmp: &Icmp<'_>, side: usize) {
        let v4 = matches!(ip.addresses, Addresses::V4 { .. });
        let requests = v4 && matches!(icmp.kind, 8 | 13 | 15 | 17);
        let described = !matches!(self.table.session_of(part), None | Some(Session::None));
        let whole = icmp.captured >= DESCRIBED_ICMP;
        if (!v4 || whole) && !described {
            self.table.set_session(part, State::Icmp, Session::Icmp(message(ip, icmp)));
        } else if requests
            && whole
            && let Some(Session::Icmp(first)) = self.table.session_of(part)
        {
            // A question gives its type to the answer that came before it.
            first.kind = icmp.kind;
        }
        // A shorter question is only added to the data of those before it in 3.0.8.
        if requests && (whole || !self.config.compat) && self.table.user.is_on() {
            self.table.user.restart(part, side & 1);
        }
    }

    /// Notes an ICMP error with the flow of the packet that it quotes (chapter section 8.2).
    pub(crate) fn map_error(&mut self, summary: &Summary<'_>, icmp: &Icmp<'_>) {
        let Network::Ip(ip) = &summary.network else { return };
        if self.config.compat && !matches!(ip.addresses, Addresses::V4 { .. }) {
            return;
        }
        if self.config.key.is_matrix() {
            return;
        }
        let Some(mut quoted) = packet::quoted(self.config.rules(), icmp.quoted) else { return };
        if self.config.key.extended() {
            // What the frame of the quoted packet was is told by the frame that came back.
            quoted.vlan = summary.vlan;
            quoted.mpls = summary.mpls;
            quoted.ethernet = summary.ethernet.map(|header| match self.config.compat {
                true => header,
                false => Ethernet { destination: header.source, source: header.destination, ..header },
            });
        }
        let key = Key::of(&quoted, &self.config);
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
            rare.errors |= qualifier;
            rare.mapped = Some(message(ip, icmp));
        }
    }
}

/// Application octets of a packet, before what its protocol's state says of them.
#[inline(always)]
fn application(summary: &Summary<'_>, compat: bool) -> i32 {
    match &summary.network {
        Network::Ip(ip) => ip.application,
        // 3.0.8 takes the message off the frame only when it was captured.
        Network::Arp(Arp { whole: false, .. }) | Network::Rarp(Rarp { fields: Arp { whole: false, .. } })
            if compat =>
        {
            summary.length as i32
        }
        Network::Arp(_) | Network::Rarp(_) => summary.length as i32 - 28,
        Network::Lcp(lcp) => i32::from(lcp.length),
        Network::Isis(Isis { octets, .. }) | Network::IsisFrame { octets, .. } => *octets as i32,
        _ => summary.length as i32,
    }
}

/// Notes in a flow what does not depend on the protocol. Returns the side.
#[inline(always)]
fn observe(
    flow: &mut Flow,
    metrics: Option<&mut Metrics>,
    direction: u8,
    summary: &Summary<'_>,
    first: bool,
    now: Time,
    compat: bool,
) -> usize {
    let index = flow.side_of(direction);
    if first {
        flow.cause = Why::Start;
    } else if flow.cause == Why::Unset {
        flow.cause = Why::Status;
    }
    let side = &mut flow.sides[index & 1];
    side.stamp(now, Engine::unset(compat));
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
    if let (Some(metrics), Some(header)) = (metrics, &summary.ethernet) {
        let (destination, source) = if index == 0 {
            (&header.destination, &header.source)
        } else {
            (&header.source, &header.destination)
        };
        match &mut metrics.mac {
            None => {
                let (destination, source) = (*destination, *source);
                metrics.mac = Some(Mac { destination, source, ethertype: header.ethertype, multipath: 0 });
            }
            Some(mac) => {
                let same = (mac.destination == *destination)
                    & (mac.source == *source)
                    & (mac.ethertype == header.ethertype);
                if !same {
                    mac.multipath |= 1 << index;
                }
            }
        }
    }
    index
}

/// The gap before a packet, as far as it is known.
struct Gap {
    now: Time,
    /// Data was outstanding.
    active: bool,
    /// Gaps as long as this, in nanoseconds, are not counted.
    longest: i64,
}

/// Counts a packet in its flow; measures its gap and its size where wanted.
#[expect(clippy::too_many_arguments, reason = "two calls, on the packet path")]
#[inline(always)]
fn count(
    flow: &mut Flow,
    metrics: Option<&mut Metrics>,
    histograms: Option<&mut [Histogram; 2]>,
    side: usize,
    length: u32,
    application: i32,
    gap: &Gap,
    config: &Config,
) {
    let counted = &mut flow.sides[side & 1];
    counted.packets += 1;
    counted.octets += u64::from(length);
    if config.packet_size {
        // 3.0.8 stores what does not fit cut off.
        let size = if config.compat { length as u16 } else { length.min(0xffff) as u16 };
        if length <= u32::from(counted.smallest) {
            counted.smallest = size;
        }
        if length > u32::from(counted.largest) {
            counted.largest = size;
        }
    }
    if let Some(histograms) = histograms {
        histograms[side & 1].packet(length);
    }
    if let Some(metrics) = metrics {
        if config.application_octets {
            metrics.application[side & 1] += u64::try_from(application).unwrap_or(0);
        }
        if config.jitter {
            metrics.gaps[side & 1].packet(gap.now, gap.active, gap.longest, config.compat);
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
