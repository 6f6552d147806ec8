//! Records from flows, section by section in wire order (record-format chapter, sections 6 and 7).

use crate::engine::{Engine, Sink};
use crate::flow::{Flow, IcmpState, Rare, Session, Side, State, Why};
use crate::fragment::Reassembly;
use crate::jitter::Accumulator;
use crate::key::Kind;
use crate::rtp::Form;
use crate::section::flow_section;
use crate::slab::Part;
use crate::tcp::{Registers, Tcp};
use crate::time::Time;
use crate::udt::Stream;
use record::dsr::behavior::Behavior;
use record::dsr::data::DataView;
use record::dsr::encaps::EncapsView;
use record::dsr::icmp::IcmpError;
use record::dsr::ipattr::{IpAttr, IpSide};
use record::dsr::jitter::{Form as JitterForm, Intervals, Jitter};
use record::dsr::mac::Mac;
use record::dsr::mpls::Mpls;
use record::dsr::network::{
    ArpReply, Body, EspState, FirstIcmp, Fragments, Network, Rtcp, RtcpHeader, Rtp, RtpHeader,
    Tcp as TcpBody, TcpInit, TcpPerf, TcpSide, TcpStatus, Udt,
};
use record::dsr::psize::{Psize, Sizes};
use record::dsr::time::{ABSOLUTE_NSEC, SideTime, Stamps, Time as TimeDsr};
use record::dsr::vlan::Vlan;
use record::{Builder, Cause, Counters, Kind as RecordKind, Metric, SourceId, Stamp, Transport, Version};
use std::net::Ipv4Addr;

/// Seconds that stand for "no start" in the records of the reference.
const NO_START: u32 = 0xefff_ffff;

/// Subtypes of the DATA section: user data of the source, of the destination.
const USER_DATA: [u8; 2] = [0x90, 0xa0];

impl Engine {
    /// Writes a flow's record and hands it on. Does nothing for a record without packets.
    pub(crate) fn emit(&mut self, part: Part, cause: Option<Cause>, sink: &mut dyn Sink) {
        let Some(flow) = self.table.flows.get_mut(part) else { return };
        let packets = flow.packets();
        if packets == 0 {
            return;
        }
        flow.set(Flow::EMITTED, true);
        if packets > 1 {
            flow.set(Flow::RANGE, true);
        }
        let sequence = if self.config.version == Version::V5 || flow.number == 0 {
            let (lane, lanes) = self.config.lane;
            // 0 is no number; numbers wrap past it and past the reserved highest one.
            let number = loop {
                let number = self.number.wrapping_mul(lanes).wrapping_add(lane).wrapping_add(1);
                self.number = self.number.wrapping_add(1);
                if !matches!(number, 0 | u32::MAX) || lanes == 0 {
                    break number;
                }
            };
            flow.number = number;
            number
        } else {
            flow.number
        };
        let cause = cause.unwrap_or(if flow.cause == Why::Start { Cause::Start } else { Cause::Status });
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let mut record = Builder::new(&mut buffer, RecordKind::Flow, self.config.version, cause);
        self.sections(part, sequence, record.buffer());
        // A record is far shorter than its length field can say: user data is bounded by the configuration.
        if record.finish().is_ok() {
            self.counters.records += 1;
            if let Some(stale) = self.stale.get_mut(..buffer.len()) {
                stale.copy_from_slice(&buffer);
            }
            sink.record(&buffer);
        } else {
            self.counters.unreported += packets;
        }
        self.buffer = buffer;
    }

    fn sections(&self, part: Part, sequence: u32, out: &mut Vec<u8>) {
        let Some(flow) = self.table.flows.get(part) else { return };
        let rare = self.table.rare.get(flow.rare).unwrap_or(&Rare::NONE);
        let [src, dst] = &flow.sides;
        // A 5.x sensor without a source id writes no transport section (chapter section 5.5).
        if self.config.version == Version::V3 || self.config.source_id != SourceId::None {
            let interface = self.config.interface.filter(|_| self.config.version == Version::V5);
            Transport { interface, ..Transport::new(self.config.source_id, sequence) }.emit(out);
        }
        let key = out.len();
        let section = flow_section(flow, rare, self.config.compat);
        section.emit(out);
        let time = out.len();
        self.time(flow).emit(out);
        if self.config.compat && Kind::of(&flow.key) == Kind::Arp && flow.key[2] >> 24 == 0 {
            // The section of a key without hardware address is one word short in 3.0.8 (record-format chapter, 7.2.10):
            // its readers take the next section's header for the target. Ours is whole and shows the same.
            if let Some(&[a, b, c, d]) = out.get(time..time + 4) {
                let shown = if flow.key[2] >> 16 == 4 { [d, c, b, a] } else { [a, b, c, d] };
                if let Some(target) = out.get_mut(key + 16..key + 20) {
                    target.copy_from_slice(&shown);
                }
            }
        }
        let metrics = self.table.metrics.get(part);
        let application = metrics.map_or([0; 2], |metrics| metrics.application);
        Metric {
            src: counters(src, application[0]),
            dst: counters(dst, application[1]),
            app: self.config.application_octets && application != [0; 2],
        }
        .emit(out);
        self.network(flow, out.len()).emit(out);
        if (src.bits | dst.bits) & Side::VLAN != 0 {
            let tag = |side: &Side| (side.bits & Side::VLAN != 0).then_some(side.vlan);
            Vlan { src: tag(src), dst: tag(dst) }.emit(out);
        }
        if rare.labels != [None; 2] {
            let [src, dst] = rare.labels;
            Mpls { src, dst, src_count: u8::from(src.is_some()), dst_count: u8::from(dst.is_some()) }
                .emit(out);
        }
        if let Some(metrics) = metrics.filter(|_| self.config.jitter) {
            let (nanoseconds, compat) = (self.config.version == Version::V5, self.config.compat);
            let [source, destination] = &metrics.gaps;
            let jitter = Jitter {
                subtype: 0,
                form: if nanoseconds { JitterForm::Seven } else { JitterForm::Five },
                src_active: intervals(&source.active, nanoseconds, compat),
                src_idle: intervals(&source.idle, nanoseconds, compat),
                dst_active: intervals(&destination.active, nanoseconds, compat),
                dst_idle: intervals(&destination.idle, nanoseconds, compat),
            };
            if [jitter.src_active, jitter.src_idle, jitter.dst_active, jitter.dst_idle]
                .iter()
                .any(Option::is_some)
            {
                jitter.emit(out);
            }
        }
        if (src.bits | dst.bits) & Side::IP != 0 {
            ip_attributes(src, dst).emit(out);
        }
        if self.config.packet_size {
            const HISTOGRAM: u8 = 0x04;
            let histograms = self.table.sizes.get(part);
            let packed = histograms.map_or([[0; 4]; 2], |sides| [sides[0].packed(), sides[1].packed()]);
            let sizes = |side: &Side, histogram: [u8; 4]| {
                (side.largest != 0).then_some(Sizes { min: side.smallest, max: side.largest, histogram })
            };
            let (src, dst) = (sizes(src, packed[0]), sizes(dst, packed[1]));
            let sides = u8::from(src.is_some()) | u8::from(dst.is_some()) << 1;
            let subtype = match self.config.version {
                _ if histograms.is_some() => sides | HISTOGRAM,
                Version::V3 => 0,
                Version::V5 => sides,
            };
            Psize { subtype, src, dst }.emit(out);
        }
        if self.table.user.has(part) {
            let size = self.table.user.told_limit(part);
            for (side, subtype) in USER_DATA.into_iter().enumerate() {
                if flow.sides[side].packets != 0 {
                    let bytes = self.table.user.get(part, side);
                    DataView { subtype, size, bytes }.emit(out);
                }
            }
        }
        if let Some(mac) = metrics.and_then(|metrics| metrics.mac).filter(|_| self.config.mac) {
            Mac {
                qualifier: mac.multipath,
                dst: mac.destination,
                src: mac.source,
                ether_type: mac.ethertype,
                dsap: 0,
                ssap: 0,
            }
            .emit(out);
        }
        if let Some(message) = rare.mapped {
            IcmpError {
                qualifier: rare.errors,
                typ: message.kind,
                code: message.code,
                seq: message.word,
                src: Ipv4Addr::from(message.source),
                dst: Ipv4Addr::from(message.destination),
                inner_src: Ipv4Addr::from(message.quoted_source),
                inner_dst: Ipv4Addr::from(message.quoted_destination),
                gateway: message.gateway,
                pad: Some(0),
            }
            .emit(out);
        }
        let changed =
            |side: &Side, bit: u8| if side.bits & Side::ENCAPSULATION_CHANGED != 0 { bit } else { 0 };
        let outer = self.table.outer.get(part);
        // Packets have them; not what 3.0.8 tells of fragments alone.
        if (src.bits | dst.bits) & Side::ENCAPSULATION != 0 {
            EncapsView {
                qualifier: changed(src, record::dsr::encaps::SRC_CHANGED)
                    | changed(dst, record::dsr::encaps::DST_CHANGED),
                src: self.encapsulation(src) | outer.map_or(0, |[side, _]| side.mask()),
                dst: self.encapsulation(dst) | outer.map_or(0, |[_, side]| side.mask()),
                headers: outer
                    .filter(|_| self.config.outer_headers)
                    .map(|[src, dst]| (src.octets(), dst.octets())),
            }
            .emit(out);
        }
        if let Some(rules) = &self.config.keystroke
            && let Some(strokes) = self.table.strokes.get(part)
            && strokes.looked
        {
            Behavior { subtype: if rules.ssh { 2 } else { 1 }, qualifier: 0, src: strokes.count, dst: 0 }
                .emit(out);
        }
        if let Some(buckets) = self.config.hash_buckets {
            let words = out.get(key + 4..time).unwrap_or_default();
            crate::hash::of(words, section.qualifier, buckets).emit(out);
        }
        if let Some(sides) = outer {
            crate::outer::tunnel_sections(sides, out);
        }
    }

    /// The encapsulations of a side. What version 3 calls ERSPAN is VXLAN in version 5; the GRE around it stays told.
    fn encapsulation(&self, side: &Side) -> u32 {
        match self.config.version {
            Version::V3 => side.encapsulation,
            Version::V5 => side.encapsulation & !packet::Encapsulation::ERSPAN.0,
        }
    }

    /// The time section (chapter section 12.2).
    fn time(&self, flow: &Flow) -> TimeDsr {
        let unset = Engine::unset(self.config.compat);
        let [src, dst] = &flow.sides;
        let all = [src.first, src.last, dst.first, dst.last];
        let stamps = all.into_iter().filter(|&time| !unset(time));
        let mut time = if self.config.bidirectional_timestamps {
            let side = |side: &Side| {
                (!unset(side.first)).then(|| SideTime {
                    start: stamp(side.first),
                    end: (!unset(side.last)).then(|| stamp(side.last)),
                })
            };
            TimeDsr::sides(side(src), side(dst))
        } else if self.config.compat {
            // 3.0.8 looks for the earliest start by whole seconds only.
            let count = stamps.clone().count();
            let end = stamps.clone().max();
            let mut start: Option<Time> = None;
            for time in stamps {
                // Its seconds are signed, past 2038 as on the wire of a capture file.
                let signed = |time: Time| i64::from(time.seconds() as i32);
                if signed(time) < start.map_or(i64::from(NO_START), signed) {
                    start = Some(time);
                }
            }
            let start = start.map_or(Stamp::from_sec_usec(NO_START, 0), stamp);
            let end = end.map_or(Stamp::ZERO, stamp);
            let stamps = if start == end { Stamps::One(start) } else { Stamps::Range(start, end) };
            TimeDsr {
                encoding: if count > 1 || flow.has(Flow::RANGE) { 2 } else { 1 },
                stamps,
                ..TimeDsr::sensor(start, end)
            }
        } else {
            let start = stamps.clone().min().map_or(Stamp::ZERO, stamp);
            let end = stamps.max().map_or(Stamp::ZERO, stamp);
            TimeDsr::sensor(start, end)
        };
        if self.config.version == Version::V5 {
            time.qualifier = ABSOLUTE_NSEC;
        }
        time
    }

    /// The network section, which will begin at octet `at` of the record.
    fn network(&self, flow: &Flow, at: usize) -> Network {
        let version = self.config.version;
        // The window of a single segment is never filled in by 3.0.8, and then turned to network order.
        let stale = match self.stale.get(at + 16..at + 18) {
            Some(&[low, high]) => Some(u16::from_be_bytes([high, low])),
            _ => None,
        };
        match flow.state {
            State::Tcp => match self.table.tcp.get(flow.network) {
                Some(tcp) if self.config.tcp_performance || self.config.compat => {
                    Network::new(Body::Tcp(tcp_body(tcp, version, stale)))
                }
                Some(tcp) => Network::new(Body::Tcp(TcpBody::Status(TcpStatus {
                    status: tcp.reported_status(),
                    src_flags: tcp.sides[0].flags,
                    dst_flags: tcp.sides[1].flags,
                    pad: 0,
                }))),
                None => Network::EMPTY,
            },
            State::Fragment => match self.table.reassemblies.get(flow.network) {
                Some(pieces) => fragments(pieces),
                None => Network::EMPTY,
            },
            State::Udt => match self.table.udt.get(flow.network) {
                Some(udt) => Network::new(Body::Udt(udt_body(udt, self.config.compat))),
                None => Network::EMPTY,
            },
            State::None => Network::EMPTY,
            _ => match self.table.sessions.get(flow.network) {
                Some(Session::Icmp(message)) => Network::new(Body::Icmp(first_icmp(message))),
                Some(Session::Arp(station)) => Network::new(Body::Arp(match version {
                    Version::V3 => ArpReply::sensor(*station),
                    Version::V5 => ArpReply { tail_words: 0, ..ArpReply::sensor(*station) },
                })),
                Some(Session::Esp(esp)) => Network::new(Body::Esp(EspState {
                    status: esp.status,
                    spi: esp.spi,
                    last_seq: esp.last,
                    lost: esp.lost,
                })),
                Some(Session::Rtp(rtp)) => real_time(rtp),
                _ => Network::EMPTY,
            },
        }
    }
}

fn stamp(time: Time) -> Stamp {
    Stamp::from_nanos(time.nanos().max(0))
}

fn counters(side: &Side, application: u64) -> Counters {
    Counters { packets: side.packets, bytes: side.octets, app_bytes: application }
}

fn intervals(gaps: &Accumulator, nanoseconds: bool, compat: bool) -> Option<Intervals> {
    let scale = if nanoseconds { 1000.0 } else { 1.0 };
    (gaps.count != 0).then(|| Intervals {
        n: gaps.count,
        min: gaps.min * scale,
        mean: gaps.mean() * scale,
        stdev: gaps.deviation(compat) * scale,
        max: gaps.max * scale,
        histogram: [0; 2],
    })
}

fn ip_attributes(src: &Side, dst: &Side) -> IpAttr {
    let seen = |side: &Side| side.bits & Side::IP != 0;
    let word = |side: &Side| seen(side).then_some(IpSide { ttl: side.ttl, tos: side.tos, ip_id: side.ip_id });
    let options = |side: &Side| (side.ip_options != 0).then_some(u32::from(side.ip_options));
    let fragments = |side: &Side| side.bits & Side::FRAGMENTS != 0;
    IpAttr {
        src: word(src),
        dst: word(dst),
        src_options: options(src),
        dst_options: options(dst),
        src_fragments: fragments(src),
        dst_fragments: fragments(dst),
    }
}

fn tcp_body(tcp: &Tcp, version: Version, stale: Option<u16>) -> TcpBody {
    let segment_size = |side: &Registers| match version {
        Version::V3 => None,
        Version::V5 => Some((side.segment_size, 0)),
    };
    if !tcp.shared.continued {
        // The source sent the only packet.
        let side = &tcp.sides[0];
        return TcpBody::Init(TcpInit {
            status: tcp.shared.status,
            seq: side.base,
            options: tcp.shared.options,
            window: stale.unwrap_or(side.window),
            flags: side.flags,
            window_scale: side.shift,
            maxseg: segment_size(side),
        });
    }
    let side = |side: &Registers| TcpSide {
        last_sec: side.last().seconds(),
        last_frac: if version == Version::V5 {
            side.last().subsec_nanos()
        } else {
            side.last().subsec_nanos() / 1000
        },
        status: side.status,
        seqbase: side.base,
        seq: side.sequence,
        ack: side.acknowledged,
        winnum: side.windows,
        bytes: side.octets,
        retrans: side.retransmitted,
        ackbytes: side.acknowledged_octets,
        winbytes: side.window_octets,
        window: side.window,
        flags: side.flags,
        window_scale: side.shift,
        maxseg: segment_size(side),
    };
    TcpBody::Perf(TcpPerf {
        status: tcp.reported_status(),
        state: tcp.shared.phase as u32,
        options: tcp.shared.options,
        syn_ack_usec: tcp.shared.syn_ack,
        ack_data_usec: tcp.shared.ack_data,
        src: side(&tcp.sides[0]),
        dst: side(&tcp.sides[1]),
    })
}

fn first_icmp(message: &IcmpState) -> FirstIcmp {
    FirstIcmp {
        typ: message.kind,
        code: message.code,
        seq: message.word,
        src: Ipv4Addr::from(message.source),
        dst: Ipv4Addr::from(message.destination),
        inner_src: Ipv4Addr::from(message.quoted_source),
        inner_dst: Ipv4Addr::from(message.quoted_destination),
        gateway: message.gateway,
    }
}

fn real_time(rtp: &crate::rtp::Rtp) -> Network {
    let header = |h: &[u8; 12]| RtpHeader {
        flags: h[0],
        payload: h[1],
        seq: u16::from_be_bytes([h[2], h[3]]),
        timestamp: u32::from_be_bytes([h[4], h[5], h[6], h[7]]),
        ssrc: u32::from_be_bytes([h[8], h[9], h[10], h[11]]),
    };
    let control = |h: &[u8; 12]| RtcpHeader {
        flags: h[0],
        packet_type: h[1],
        length: u16::from_be_bytes([h[2], h[3]]),
        ssrc: u32::from_be_bytes([h[4], h[5], h[6], h[7]]),
    };
    let [src, dst] = &rtp.headers;
    let [src_drops, dst_drops] = rtp.drops;
    match rtp.form {
        Form::Dropped => Network::EMPTY,
        Form::Rtcp => {
            Network::new(Body::Rtcp(Rtcp { src: control(src), dst: control(dst), src_drops, dst_drops }))
        }
        Form::Rtp => {
            let body = Rtp {
                state: 0,
                src: header(src),
                dst: header(dst),
                src_drops,
                dst_drops,
                src_jitter: 0,
                dst_jitter: 0,
            };
            let mut network = Network::new(Body::Rtp(body));
            network.qualifier = rtp.silence;
            network
        }
    }
}

fn udt_body(udt: &crate::udt::Udt, compat: bool) -> Udt {
    // 3.0.8 leaves all but the handshake in the order of its machine.
    let word = |word: u32| if compat { word.swap_bytes() } else { word };
    let metrics = |stream: &Stream| {
        let (seconds, fraction) = stream.last.map_or((0, 0), |at| (at.seconds(), at.subsec_nanos() / 1000));
        let Stream { report: [ack, rest @ ..], messages, drops, retransmitted, lacked, .. } = *stream;
        let mut words = [0; 17];
        let told = [seconds, fraction, stream.sequence.unwrap_or(0), stream.stamp, ack].into_iter();
        let told = told.chain(rest).chain(messages).chain([drops, retransmitted, lacked]);
        for (to, from) in words.iter_mut().zip(told) {
            *to = word(from);
        }
        words
    };
    let [src, dst] = &udt.streams;
    Udt {
        state: 0,
        status: word(udt.status),
        handshake: udt.handshake,
        metrics: metrics(src),
        dst_metrics: metrics(dst),
    }
}

fn fragments(pieces: &Reassembly) -> Network {
    const OVERLAP: u8 = 0x02;
    const LATE_FIRST: u8 = 0x20;
    let total = u16::try_from(pieces.total).unwrap_or(u16::MAX);
    let (hole_start, hole_end) = pieces.first_range();
    let mut network = Network::new(Body::Frag(Fragments {
        count: pieces.fragments,
        id: u32::from(pieces.id),
        start_bytes: pieces.first,
        bytes: pieces.octets,
        total_bytes: pieces.octets,
        total_len: total,
        current_len: 0,
        max_len: u16::try_from(pieces.longest).unwrap_or(u16::MAX),
        pad: 0,
        leak: [0; 4],
        hole_start,
        hole_end,
    }));
    network.qualifier =
        if pieces.overlap { OVERLAP } else { 0 } | if pieces.late_first { LATE_FIRST } else { 0 };
    network
}
