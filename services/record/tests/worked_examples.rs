//! Every record and DSR of the record-format chapter's section 12: decoded to the values stated there, encoded back to
//! the same octets.

mod common;

use common::*;
use record::dsr::flow::{Ipv4Detail, Ipv6Detail};
use record::dsr::network::{Body, Tcp, status};
use record::dsr::{agr, jitter};
use record::*;
use std::net::Ipv4Addr;

fn view(bytes: &[u8]) -> RecordView<'_> {
    RecordView::new(bytes).expect("sound record")
}

#[test]
fn whole_records_encode_back() {
    for text in ALL {
        let bytes = hex(text);
        let v = view(&bytes);
        assert_eq!(v.header().len(), bytes.len());
        assert!(v.tail().is_empty());
        assert_eq!(Record::from(v).to_bytes().expect("fits"), bytes);
        // The models alone say everything about these records: no octets are kept beside them.
        for raw in v.dsrs() {
            let mut out = Vec::new();
            Dsr::parse(raw).emit(&mut out);
            assert_eq!(out, raw.bytes);
        }
    }
}

#[test]
fn single_dsrs_encode_back() {
    for text in DSRS {
        let bytes = hex(text);
        let raw = Walk::new(&bytes).next().expect("one DSR");
        assert_eq!(raw.bytes.len(), bytes.len(), "{text}");
        let dsr = Dsr::parse(raw);
        assert_ne!(dsr, Dsr::Unknown, "{text}");
        let mut out = Vec::new();
        dsr.emit(&mut out);
        assert_eq!(out, bytes, "{dsr:?}");
    }
}

#[test]
fn initial_mar() {
    let bytes = hex(MAR_INITIAL);
    assert_eq!(Cookie::sniff(&bytes[..16]), Some(Cookie::V3));
    let mar = view(&bytes).mar().expect("management record");
    assert!(mar.is_initial());
    assert_eq!(mar.source_id(), SourceId::Ipv4(Ipv4Addr::new(192, 0, 2, 1)));
    assert_eq!((mar.report_interval, mar.mar_interval, mar.major), (5, 60, 3));
    assert_eq!(mar.record_len, u32::MAX);

    let built = Mar {
        report_interval: 5,
        mar_interval: 60,
        ..Mar::initial(Version::V3, mar.source_id(), mar.start_stamp(), mar.now_stamp())
    };
    assert_eq!(built.to_bytes(), bytes);
}

#[test]
fn status_mar() {
    let bytes = hex(MAR_STATUS);
    let mar = view(&bytes).mar().expect("management record");
    assert_eq!(mar.header.cause, Cause::Status);
    assert_eq!(mar.source_id(), SourceId::Ipv4(Ipv4Addr::new(192, 0, 2, 1)));
    assert_eq!((mar.packets, mar.bytes, mar.interface_type, mar.clients), (8, 496, 1, 1));
    let mut again = mar.clone();
    again.set_source_id(mar.source_id());
    assert_eq!(again, mar);
}

#[test]
fn version_5_mar() {
    let bytes = hex(MAR_V5);
    assert_eq!(Cookie::sniff(&bytes), Some(Cookie::V5));
    let mar = view(&bytes).mar().expect("management record");
    assert_eq!(mar.source_id(), SourceId::Ipv4(Ipv4Addr::new(192, 0, 2, 1)));
    assert_eq!(mar.header.version(), Version::V5);
    let v3 = Record::from(mar).into_version(Version::V3);
    let v3 = v3.mar().expect("management record");
    assert_eq!((v3.argusid, v3.major), (COOKIE_V3, 3));
    assert_eq!(v3.source_id(), SourceId::Ipv4(Ipv4Addr::new(192, 0, 2, 1)));
    assert_eq!(v3.to_bytes()[120..124], [192, 0, 2, 1]);
}

#[test]
fn radium_swaps_its_status_word() {
    let mut mar = Mar::initial(Version::V3, SourceId::Ipv4(Ipv4Addr::LOCALHOST), Stamp::ZERO, Stamp::ZERO);
    assert_eq!(mar.status, 0x0080_0000);
    mar.status = 0x0000_8000;
    assert_eq!(mar.source_id(), SourceId::Ipv4(Ipv4Addr::LOCALHOST));
}

#[test]
fn string_ids_are_reversed_in_version_3_mars() {
    let mar = Mar::initial(Version::V3, SourceId::Str(*b"abcd"), Stamp::ZERO, Stamp::ZERO);
    assert_eq!(mar.to_bytes()[120..124], *b"dcba");
    assert_eq!(mar.source_id(), SourceId::Str(*b"abcd"));
    let mar = Mar::initial(Version::V5, SourceId::Uuid([7; 16]), Stamp::ZERO, Stamp::ZERO);
    assert_eq!(mar.source_id(), SourceId::Uuid([7; 16]));
}

#[test]
fn tcp() {
    let bytes = hex(TCP);
    let v = view(&bytes);
    assert_eq!(v.source_id(), SourceId::Ipv4(Ipv4Addr::new(192, 0, 2, 1)));
    assert_eq!(v.seq(), 1);
    assert_eq!(v.src_addr(), Some(Addr::V4(Ipv4Addr::new(10, 0, 0, 1))));
    assert_eq!(v.dst_addr(), Some(Addr::V4(Ipv4Addr::new(10, 0, 0, 2))));
    assert_eq!((v.proto(), v.src_port(), v.dst_port()), (Some(6), Some(40000), Some(80)));
    assert_eq!(v.start().micros(), 1_700_000_000_000_000);
    assert_eq!(v.end().micros() - v.start().micros(), 80_000);
    let m = v.metric().expect("METRIC");
    assert_eq!((m.src.packets, m.src.bytes, m.src.app_bytes), (5, 296, 18));
    assert_eq!((m.dst.packets, m.dst.bytes, m.dst.app_bytes), (3, 194, 24));
    let Some(Tcp::Perf(tcp)) = v.tcp() else { panic!("full TCP state") };
    assert_eq!((tcp.status, tcp.state, tcp.options), (0x1f, 9, status::OPT_MAXSEG | status::OPT_WSCALE));
    assert_eq!((tcp.syn_ack_usec, tcp.ack_data_usec), (10_000, 10_000));
    assert_eq!((tcp.src.window, tcp.src.flags, tcp.src.window_scale), (502, 0x1b, 7));
    let j = v.jitter().expect("JITTER");
    let idle = j.src_idle.expect("source idle");
    assert_eq!((idle.n, idle.min, idle.mean, idle.max), (4, 10_000.0, 20_000.0, 30_000.0));
    assert!((idle.stdev - 7071.07).abs() < 0.01);
    assert!(j.src_active.is_none() && j.dst_active.is_none());
    let ip = v.ipattr().expect("IPATTR").src.expect("source side");
    assert_eq!((ip.ttl, ip.tos, ip.ip_id), (64, 0, 0x1005));
    assert_eq!(v.mac().expect("MAC").ether_type, 0x0800);
    assert_eq!(v.src_data().expect("DATA").bytes, b"GET / HTTP/1.0\r\n");
    assert_eq!(v.dst_data().expect("DATA").bytes, b"HTTP/1.0 200 OK\r");
    let sizes = v.psize().expect("PSIZE");
    assert_eq!(sizes.src.map(|s| (s.min, s.max)), Some((54, 72)));
    assert_eq!(v.encaps().map(|e| (e.src, e.dst)), Some((2, 2)));
}

#[test]
fn version_5_shows_the_same_values() {
    let (three, five) = (hex(TCP), hex(TCP_V5));
    let (a, b) = (view(&three), view(&five));
    assert_eq!(b.header().version(), Version::V5);
    assert_eq!(b.transport().and_then(|t| t.interface), Some(*b"tcap"));
    assert_eq!(a.times(), b.times());
    assert_eq!(a.metric(), b.metric());
    assert_eq!(a.flow(), b.flow());
    let (ja, jb) = (a.jitter().and_then(|j| j.src_idle), b.jitter().and_then(|j| j.src_idle));
    assert_eq!(ja.map(|i| (i.n, i.min, i.mean)), jb.map(|i| (i.n, i.min, i.mean)));
    assert_eq!(Record::from(b).jitter().map(|j| j.form), Some(jitter::Form::Seven));
    let Some(Tcp::Perf(tcp)) = b.tcp() else { panic!("full TCP state") };
    assert_eq!(tcp.src.maxseg, Some((1460, 0)));
    assert_eq!(tcp.src.last_frac, 80_000_000);

    // Converted to version 3 it is what a version 3 sensor writes, but for the sensors' own differences.
    let record = Record::from(b).into_version(Version::V3);
    let bytes = record.to_bytes().expect("fits");
    let c = view(&bytes);
    assert_eq!(c.dsr(Index::Transport), a.dsr(Index::Transport));
    assert_eq!(c.dsr(Index::Time), a.dsr(Index::Time));
    let Some(Tcp::Perf(tcp)) = c.tcp() else { panic!("full TCP state") };
    assert_eq!((tcp.src.maxseg, tcp.src.last_frac), (None, 80_000));
    let j = c.jitter().and_then(|j| j.src_idle).expect("JITTER");
    assert_eq!((j.n, j.min, j.max), (4, 10_000.0, 30_000.0));
}

#[test]
fn udp_with_dns_id() {
    let bytes = hex(UDP);
    let flow = view(&bytes).flow().expect("FLOW");
    let FlowKey::Ipv4(key) = flow.key else { panic!("IPv4") };
    assert_eq!(key.detail, Ipv4Detail::Ports { src: 40001, dst: 53, tail: [0x34, 0x12] });
    assert_eq!((flow.src_mask(), flow.dst_mask()), (32, 32));
    assert!(view(&bytes).network().is_none(), "the empty NETWORK is dropped");
}

#[test]
fn ipv6_reversed() {
    let bytes = hex(V6);
    let v = view(&bytes);
    assert!(v.is_reversed());
    assert_eq!(v.src_addr().map(|a| a.to_string()), Some("2001:db8::1".into()));
    assert_eq!((v.src_port(), v.dst_port()), (Some(40002), Some(53)));
    // One packet each way: the source keeps the start, the destination gets the end.
    let t = v.times();
    let at =
        |usec| Some((Stamp::from_sec_usec(1_700_000_000, usec), Stamp::from_sec_usec(1_700_000_000, usec)));
    assert_eq!((t.src, t.dst), (at(0), at(5000)));
}

#[test]
fn icmp() {
    let bytes = hex(ICMP);
    let Some(FlowKey::Ipv4(key)) = view(&bytes).flow().map(|f| f.key) else { panic!("IPv4") };
    assert_eq!(key.detail, Ipv4Detail::Icmp { typ: 8, code: 0, id: 0x55, seq: 1 });
}

#[test]
fn arp() {
    let bytes = hex(ARP);
    let v = view(&bytes);
    let Some(FlowKey::Arp(key)) = v.flow().map(|f| f.key) else { panic!("ARP") };
    assert_eq!((key.spa, key.tpa), (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)));
    assert_eq!(key.haddr.as_slice(), [2, 0, 0, 0]);
    let Some(Body::Arp(reply)) = v.network().map(|n| n.body) else { panic!("answer") };
    assert_eq!(reply.haddr, [2, 0, 0, 0, 0, 2]);
}

#[test]
fn lone_arp_reply_is_turned_but_for_its_key() {
    let mut out = Vec::new();
    let mut b = Builder::new(&mut out, Kind::Flow, Version::V3, Cause::Start);
    let key = dsr::flow::ArpKey::sensor(
        Ipv4Addr::new(10, 0, 0, 1),
        Ipv4Addr::new(10, 0, 0, 2),
        &[2, 0, 0, 0, 0, 1],
        true,
    );
    Flow { reversed: true, ..Flow::new(FlowKey::Arp(key)) }.emit(b.buffer());
    let one = Counters { packets: 1, bytes: 42, app_bytes: 0 };
    Metric { src: one, ..Metric::default() }.emit(b.buffer());
    dsr::mac::Mac { dst: [2, 0, 0, 0, 0, 1], src: [2, 0, 0, 0, 0, 2], ..Default::default() }.emit(b.buffer());
    b.finish().expect("fits");
    let v = view(&out);
    assert_eq!(v.src_addr(), Some(Addr::V4(Ipv4Addr::new(10, 0, 0, 1))));
    assert_eq!(v.metric().map(|m| (m.src.packets, m.dst.packets)), Some((0, 1)));
    assert_eq!(v.mac().map(|m| m.src), Some([2, 0, 0, 0, 0, 1]));
    let plain = Record::from(v).normalised().to_bytes().expect("fits");
    let w = view(&plain);
    assert!(!w.is_reversed());
    assert_eq!((w.src_addr(), w.metric(), w.mac()), (v.src_addr(), v.metric(), v.mac()));
}

#[test]
fn client_form_of_the_tcp_record() {
    let bytes = hex(TCP);
    let mut out = Vec::new();
    Record::from(view(&bytes)).encode(Form::Client, Version::V3, &mut out).expect("fits");
    let v = view(&out);
    assert_eq!(v.dsr(Index::Flow), Some(&hex("02014105 0a000001 0a000002 06009c40 00502020")[..]));
    assert_eq!(v.dsr(Index::Time), Some(&hex("037d1806 6553f100 00000000 00013880 00000000 00013880")[..]));
    assert_eq!(v.dsr(Index::Psize).map(|d| d[..4].to_vec()), Some(hex("12070205")));
    let agr = v.agr().expect("AGR");
    assert_eq!((agr.count, agr.subtype, agr.active), (1, agr::DURATION, agr::Stats::one(0.08)));
    assert_eq!(v.times().end(), view(&bytes).times().end());
    let order: Vec<_> = v.dsrs().filter_map(|d| d.header.index()).collect();
    assert!(order.is_sorted());
}

#[test]
fn client_form_of_the_reversed_ipv6_record() {
    let bytes = hex(V6);
    let mut out = Vec::new();
    Record::from(view(&bytes)).encode(Form::Client, Version::V3, &mut out).expect("fits");
    let v = view(&out);
    assert_eq!(v.dsr(Index::Flow), Some(&hex(DSRS[22])[..]));
    assert!(v.dsr(Index::Network).is_none(), "the empty NETWORK is not written back");
}

#[test]
fn client_form_keeps_what_c_clients_lose() {
    // Section 9: ESP's SPI, ICMP's sequence number, IGMP's fields, fragment ids, the ARP hardware address.
    for (text, index) in [(DSRS[3], 0), (DSRS[5], 0), (DSRS[6], 0), (DSRS[8], 0), (DSRS[14], 0)] {
        let mut record = vec![0x13, 0x10, 0, 0];
        record.extend(hex(text));
        record[3] = (record.len() / 4) as u8;
        let mut out = Vec::new();
        Record::from(view(&record)).encode(Form::Client, Version::V3, &mut out).expect("fits");
        assert_eq!(view(&out).flow(), view(&record).flow(), "{index}");
    }
}

#[test]
fn little_endian_fields_show_their_value() {
    let flow = |text: &str| Flow::parse(&hex(text)).expect("FLOW").key;
    let FlowKey::Ipv4(k) = flow(DSRS[3]) else { panic!("IPv4") };
    assert_eq!(k.detail, Ipv4Detail::Fragment { pad: [0; 4], ip_id: 0x1234 });
    let FlowKey::Ipv4(k) = flow(DSRS[14]) else { panic!("IPv4") };
    assert_eq!(k.detail, Ipv4Detail::Icmp { typ: 3, code: 3, id: 7100, seq: 0 });
    let FlowKey::Ipv4(k) = flow(DSRS[16]) else { panic!("IPv4") };
    assert_eq!(k.detail.icmp_addr(), Some(Ipv4Addr::new(10, 0, 0, 2)));
    let FlowKey::Ipv6(k) = flow(DSRS[18]) else { panic!("IPv6") };
    assert_eq!(k.detail, Ipv6Detail::Fragment { id: 0xcafe_babe });
    let net = |text: &str| dsr::network::Network::parse(&hex(text)).expect("NETWORK").body;
    let Body::Frag(f) = net(DSRS[4]) else { panic!("FRAG") };
    assert_eq!((f.count, f.bytes, f.total_len, f.hole_end), (1, 32, 1512, 1512));
    let Body::Icmp(i) = net(DSRS[15]) else { panic!("ICMP") };
    assert_eq!((i.src, i.inner_dst), (Ipv4Addr::new(10, 0, 0, 254), Ipv4Addr::new(10, 0, 0, 2)));
    let gre = dsr::tunnel::Gre::parse(&hex(DSRS[25])).expect("GRE");
    assert_eq!(gre.outer.normalised().key.src_addr(), Some(Addr::V4(Ipv4Addr::new(10, 0, 0, 30))));
    let geneve = dsr::tunnel::Geneve::parse(&hex(DSRS[27])).expect("GENEVE");
    assert_eq!(geneve.outer.key.src_addr(), Some(Addr::V4(Ipv4Addr::new(192, 168, 56, 11))));
    assert_eq!(geneve.outer.key.ports(), Some((0x40e5, 6081)).map(|(s, d): (u16, u16)| (s, d)));
}

#[test]
fn lone_icmp_reply_is_repaired() {
    let mut out = Vec::new();
    let mut b = Builder::new(&mut out, Kind::Flow, Version::V3, Cause::Start);
    b.buffer().extend(hex(DSRS[17]));
    Metric { src: Counters { packets: 1, bytes: 50, app_bytes: 0 }, ..Metric::default() }.emit(b.buffer());
    b.finish().expect("fits");
    let mut v = view(&out);
    // As stored and put right: the host that sent the reply is the source.
    assert_eq!(v.src_addr(), Some(Addr::V4(Ipv4Addr::new(10, 0, 0, 2))));
    assert!(v.repair_direction());
    assert_eq!(v.src_addr(), Some(Addr::V4(Ipv4Addr::new(10, 0, 0, 1))));
    assert_eq!(v.metric().map(|m| (m.src.packets, m.dst.packets)), Some((0, 1)));
    let Some(FlowKey::Ipv4(key)) = v.flow().map(|f| f.key) else { panic!("IPv4") };
    assert!(matches!(key.detail, Ipv4Detail::Icmp { typ: 0, .. }));
}

#[test]
fn times_by_form() {
    let time = |text: &str| dsr::time::Time::parse(&hex(text)).expect("TIME");
    let both = Metric {
        src: Counters { packets: 5, bytes: 1, app_bytes: 0 },
        dst: Counters { packets: 3, bytes: 1, app_bytes: 0 },
        app: false,
    };
    let usec = |t: Option<(Stamp, Stamp)>| t.map(|(s, e)| (s.subsec_micros(), e.subsec_micros()));
    let t = time(DSRS[19]).resolve(Some(&both), false);
    assert_eq!((usec(t.src), usec(t.dst)), (Some((0, 80_000)), Some((10_000, 70_000))));
    // One packet in the source only, stamps written for both ends.
    let one = Metric { src: Counters { packets: 1, ..both.src }, ..Metric::default() };
    let t = time("03021805 6553f100 00000000 6553f100 00001388").resolve(Some(&one), false);
    assert_eq!((usec(t.src), t.dst), (Some((5000, 5000)), None));
    // The same flow, quoted by an ICMP error at that time.
    let t = time("03021805 6553f100 00000000 6553f100 00001388").resolve(Some(&one), true);
    assert_eq!((usec(t.src), t.dst), (Some((0, 5000)), None));
    // Swapped stamps, fractions out of range, sensor's value for an unknown start.
    let t = time("03021805 6553f101 ffffffff 6553f100 00000000").resolve(Some(&both), false);
    assert_eq!(usec(t.src), Some((0, 999_999)));
    let t = time("03011805 efffffff 00000000 ffcedd80 00000000").resolve(Some(&one), false);
    assert_eq!(t.src.map(|(s, _)| s.secs()), Some(0xffce_dd80));
    // An offset before the first stamp.
    let t = time("032d1804 6553f100 000003e8 fffffc18").resolve(Some(&both), false);
    assert_eq!((usec(t.src), usec(t.dst)), (Some((1000, 1000)), Some((0, 0))));
    // An offset that leads before 1970 leads to it.
    let t = time("032d1804 00000000 00000001 ffffffff").resolve(Some(&both), false);
    assert_eq!(t.src.map(|(s, _)| s.nanos()), Some(1000));
    assert_eq!(t.dst, t.src, "not set, so the other side's");
    // Exchanged, the offset of one end no longer fits: written whole, and read back the same.
    let t = time("032d1804 6553f100 00000000 80000000");
    let mut out = Vec::new();
    t.reversed().emit(&mut out);
    assert_eq!(
        dsr::time::Time::parse(&out).map(|t| t.resolve(None, false)),
        Some(t.reversed().resolve(None, false))
    );
    assert_eq!(out.len(), 20);
    // Beyond 2^31 microseconds: absolute pairs.
    let far = Times { src: Some((Stamp::from_sec_usec(1000, 0), Stamp::from_sec_usec(3200, 5))), dst: None };
    let mut out = Vec::new();
    dsr::time::Time::client(&far).emit(&mut out);
    assert_eq!(out, hex("031a1805 000003e8 00000000 00000c80 00000005"));
}

#[test]
fn metric_widths() {
    let emit = |m: Metric| {
        let mut out = Vec::new();
        m.emit(&mut out);
        assert_eq!(Metric::parse(&out), Some(m));
        out
    };
    let c = |packets, bytes| Counters { packets, bytes, app_bytes: 0 };
    let m = |src, dst| Metric { src, dst, app: false };
    assert_eq!(emit(m(c(1, 255), c(1, 60))), hex("10010102 01ff013c"));
    assert_eq!(emit(m(c(1, 256), c(1, 60))), hex("10010203 00010100 0001003c"));
    assert_eq!(emit(m(c(1, 60), c(0, 0))), hex("10010602 0001003c"));
    assert_eq!(emit(m(c(0, 0), c(1, 60))), hex("10010a02 0001003c"));
    assert_eq!(emit(m(c(1, 65536), c(0, 0))), hex("10010703 00000001 00010000"));
    assert_eq!(emit(m(c(1, 1 << 32), c(0, 0))), hex("10010805 00000000 00000001 00000001 00000000"));
    assert_eq!(Metric::parse(&hex("10010002 01ff013c")), Some(Metric::default()));
}
