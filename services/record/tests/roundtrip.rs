//! `decode(encode(x)) == x` for every model.

use proptest::option::of;
use proptest::prelude::*;
use record::dsr::flow::*;
use record::dsr::network::*;
use record::dsr::{agr, asn, behavior, cocode, cor, data, encaps, geo, hash, icmp, ipattr, jitter, label};
use record::dsr::{local, mac, mpls, psize, score, time, tunnel, vlan};
use record::*;
use std::net::{Ipv4Addr, Ipv6Addr};

fn v4() -> impl Strategy<Value = Ipv4Addr> {
    any::<u32>().prop_map(Ipv4Addr::from)
}

fn v6() -> impl Strategy<Value = Ipv6Addr> {
    any::<u128>().prop_map(Ipv6Addr::from)
}

fn stamp() -> impl Strategy<Value = Stamp> {
    (any::<u32>(), 0..1_000_000u32).prop_map(|(s, u)| Stamp::from_sec_usec(s, u))
}

fn transport() -> impl Strategy<Value = Dsr> {
    let id = prop_oneof![
        Just(SourceId::None),
        v4().prop_map(SourceId::Ipv4),
        any::<u32>().prop_map(SourceId::Int),
        any::<[u8; 4]>().prop_map(SourceId::Str),
        v6().prop_map(SourceId::Ipv6),
        any::<[u8; 16]>().prop_map(SourceId::Uuid),
        any::<[u8; 8]>().prop_map(SourceId::Ether),
    ];
    (id, of(any::<[u8; 4]>()), any::<u32>()).prop_map(|(id, interface, seq)| {
        Dsr::Transport(Transport { id: Some(id), interface, seq: Some(seq) })
    })
}

fn ipv4_key() -> impl Strategy<Value = FlowKey> {
    let ports = (any::<u16>(), any::<u16>(), any::<[u8; 2]>(), 3u8..50)
        .prop_map(|(src, dst, tail, p)| (p, Ipv4Detail::Ports { src, dst, tail }));
    let icmp = (any::<[u8; 2]>(), any::<u16>(), any::<u16>())
        .prop_map(|([typ, code], id, seq)| (1, Ipv4Detail::Icmp { typ, code, id, seq }));
    let igmp = (any::<[u8; 2]>(), any::<u16>(), any::<u16>())
        .prop_map(|([typ, code], pad, ip_id)| (2, Ipv4Detail::Igmp { typ, code, pad, ip_id }));
    let esp = (any::<u16>(), any::<u32>()).prop_map(|(pad, spi)| (50, Ipv4Detail::Esp { pad, spi }));
    let frag = (any::<u8>(), any::<[u8; 4]>(), any::<u16>())
        .prop_map(|(p, pad, ip_id)| (p, Ipv4Detail::Fragment { pad, ip_id }));
    (v4(), v4(), any::<u8>(), prop_oneof![ports, icmp, igmp, esp, frag]).prop_map(
        |(src, dst, tp_p, (proto, detail))| FlowKey::Ipv4(Ipv4Key { src, dst, proto, tp_p, detail }),
    )
}

fn ipv6_key() -> impl Strategy<Value = FlowKey> {
    let ports =
        (any::<u16>(), any::<u16>(), 3u8..50).prop_map(|(src, dst, p)| (p, Ipv6Detail::Ports { src, dst }));
    let icmp = (any::<[u8; 2]>(), any::<u16>())
        .prop_map(|([typ, code], id)| (58, Ipv6Detail::Icmp { typ, code, id }));
    let igmp = (any::<[u8; 2]>(), any::<u16>())
        .prop_map(|([typ, code], pad)| (2, Ipv6Detail::Igmp { typ, code, pad }));
    let esp = any::<u32>().prop_map(|spi| (50, Ipv6Detail::Esp { spi }));
    let frag = (any::<u8>(), any::<u32>()).prop_map(|(p, id)| (p, Ipv6Detail::Fragment { id }));
    let detail = prop_oneof![ports, icmp, igmp, esp, frag];
    (v6(), v6(), 0u32..1 << 24, detail, of(any::<(u16, u16)>())).prop_map(
        |(src, dst, label, (proto, detail), masks)| {
            FlowKey::Ipv6(Ipv6Key { src, dst, proto, label, detail, masks })
        },
    )
}

fn link_key() -> impl Strategy<Value = FlowKey> {
    let macs = || any::<([u8; 6], [u8; 6])>();
    let ether =
        (macs(), any::<u16>(), any::<[u8; 2]>()).prop_map(|((dst, src), ether_type, [dsap, ssap])| {
            FlowKey::Ether(EtherKey { dst, src, ether_type, dsap, ssap })
        });
    let arp = (v4(), v4(), proptest::collection::vec(any::<u8>(), 0..=32), any::<bool>())
        .prop_map(|(spa, tpa, hw, reversed)| FlowKey::Arp(ArpKey::sensor(spa, tpa, &hw, reversed)));
    let rarp = (v4(), any::<[u8; 6]>(), any::<[u8; 6]>()).prop_map(|(tpa, s, d)| {
        FlowKey::Rarp(RarpKey {
            hrd: 1,
            pro: 0x800,
            hln: 6,
            pln: 4,
            op: 3,
            tpa,
            shaddr: HwAddr::new(&s),
            dhaddr: HwAddr::new(&d),
        })
    });
    let wlan = (macs(), any::<[u8; 6]>(), any::<[u8; 32]>(), any::<u16>())
        .prop_map(|((dst, src), bssid, ssid, pad)| FlowKey::Wlan(WlanKey { dst, src, bssid, ssid, pad }));
    let lcp = (macs(), any::<u16>(), any::<[u8; 2]>()).prop_map(|((dst, src), ether_type, [code, id])| {
        FlowKey::Lcp(LcpKey { dst, src, ether_type, code, id })
    });
    let isis = (any::<u32>(), macs(), any::<[u8; 4]>(), any::<[u8; 14]>(), any::<u32>(), any::<u16>())
        .prop_map(|(pdu_type, (src, dst), version, body, checksum, pad)| {
            FlowKey::Isis(IsisKey { pdu_type, src, dst, version, body, checksum, pad })
        });
    let udt = (macs(), any::<u16>(), any::<[u8; 2]>(), any::<u32>()).prop_map(
        |((dst, src), ether_type, [dsap, ssap], socket)| {
            FlowKey::Udt(UdtKey { dst, src, ether_type, dsap, ssap, socket })
        },
    );
    let matrix = prop_oneof![
        (v4(), v4()).prop_map(|(s, d)| FlowKey::Matrix4(s, d)),
        (v6(), v6()).prop_map(|(s, d)| FlowKey::Matrix6(s, d)),
    ];
    prop_oneof![ether, arp, rarp, wlan, lcp, isis, udt, matrix]
}

fn flow() -> impl Strategy<Value = Dsr> {
    (prop_oneof![ipv4_key(), ipv6_key(), link_key()], any::<bool>(), any::<bool>()).prop_map(
        |(key, reversed, mark)| {
            let flow = Flow::new(key);
            Dsr::Flow(Flow { reversed, qualifier: flow.qualifier | if mark { DIRECTION } else { 0 }, ..flow })
        },
    )
}

fn times() -> impl Strategy<Value = Dsr> {
    let side = || {
        of((stamp(), of(-1_000_000i64..1_000_000))).prop_map(|s| {
            s.map(|(start, end)| time::SideTime { start, end: end.map(|e| start.plus_nanos(e * 1000)) })
        })
    };
    let near = (1u32..u32::MAX - 3000, 0u32..1_000_000, any::<[Option<i32>; 3]>());
    let make = |encoding, stamps| time::Time { encoding, qualifier: time::ABSOLUTE_USEC, stamps };
    prop_oneof![
        stamp().prop_map(move |t| make(1, time::Stamps::One(t))),
        (stamp(), stamp()).prop_map(move |(s, e)| make(2, time::Stamps::Range(s, e))),
        (side(), side())
            .prop_filter("some stamp, in range", |(s, d)| {
                [s, d].into_iter().flatten().count() > 0
                    && [s, d].into_iter().flatten().all(|s| s.end.is_none_or(|e| e.nanos() >= 0))
            })
            .prop_map(move |(s, d)| make(2, time::Stamps::Sides(s, d))),
        near.prop_map(move |(sec, usec, [a, b, c])| {
            let base = Stamp::from_sec_usec(sec, usec);
            let off = |o: i32| base.plus_nanos(i64::from(o) * 1000);
            let src = time::SideTime { start: base, end: a.map(off) };
            let dst = b.map(|b| time::SideTime { start: off(b), end: c.map(off) });
            let one = src.end.is_none() && dst.is_none();
            make(if one { 1 } else { 5 }, time::Stamps::Relative(Some(src), dst))
        }),
        (any::<u32>(), 0u32..1_000_000_000).prop_map(|(s, n)| time::Time {
            encoding: 1,
            qualifier: time::ABSOLUTE_NSEC,
            stamps: time::Stamps::One(Stamp::from_sec_nsec(s, n)),
        }),
    ]
    .prop_map(Dsr::Time)
}

fn counters() -> impl Strategy<Value = Counters> {
    let n = || prop_oneof![Just(0u64), 0u64..256, 0u64..65536, 0u64..1 << 32, any::<u64>()];
    (n(), n(), n()).prop_map(|(packets, bytes, app_bytes)| Counters { packets, bytes, app_bytes })
}

fn metric() -> impl Strategy<Value = Dsr> {
    (counters(), counters(), any::<bool>()).prop_map(|(mut src, mut dst, app)| {
        if !app {
            (src.app_bytes, dst.app_bytes) = (0, 0);
        }
        Dsr::Metric(Metric { src, dst, app })
    })
}

fn network() -> impl Strategy<Value = Dsr> {
    let maxseg = of(any::<(u16, u16)>());
    let init = (any::<[u32; 3]>(), any::<u16>(), any::<[u8; 2]>(), maxseg).prop_map(
        |([status, seq, options], window, [flags, window_scale], maxseg)| {
            Body::Tcp(Tcp::Init(TcpInit { status, seq, options, window, flags, window_scale, maxseg }))
        },
    );
    let side = |two: bool| {
        (any::<[u32; 11]>(), any::<u16>(), any::<[u8; 2]>(), any::<(u16, u16)>()).prop_map(
            move |(w, window, [flags, window_scale], m)| TcpSide {
                last_sec: w[0],
                last_frac: w[1],
                status: w[2],
                seqbase: w[3],
                seq: w[4],
                ack: w[5],
                winnum: w[6],
                bytes: w[7],
                retrans: w[8],
                ackbytes: w[9],
                winbytes: w[10],
                window,
                flags,
                window_scale,
                maxseg: two.then_some(m),
            },
        )
    };
    let perf = any::<bool>().prop_flat_map(move |two| {
        (any::<[u32; 5]>(), side(two), side(two)).prop_map(|(w, src, dst)| {
            Body::Tcp(Tcp::Perf(TcpPerf {
                status: w[0],
                state: w[1],
                options: w[2],
                syn_ack_usec: w[3],
                ack_data_usec: w[4],
                src,
                dst,
            }))
        })
    });
    let rtp_header = || {
        (any::<[u8; 2]>(), any::<u16>(), any::<u32>(), any::<u32>()).prop_map(
            |([flags, payload], seq, timestamp, ssrc)| RtpHeader { flags, payload, seq, timestamp, ssrc },
        )
    };
    let rtp =
        (any::<u32>(), rtp_header(), rtp_header(), any::<[u16; 4]>()).prop_map(|(state, src, dst, n)| {
            Body::Rtp(Rtp {
                state,
                src,
                dst,
                src_drops: n[0],
                dst_drops: n[1],
                src_jitter: n[2],
                dst_jitter: n[3],
            })
        });
    let rtcp_header = || {
        (any::<[u8; 2]>(), any::<u16>(), any::<u32>())
            .prop_map(|([flags, packet_type], length, ssrc)| RtcpHeader { flags, packet_type, length, ssrc })
    };
    let rtcp = (rtcp_header(), rtcp_header(), any::<[u16; 2]>())
        .prop_map(|(src, dst, n)| Body::Rtcp(Rtcp { src, dst, src_drops: n[0], dst_drops: n[1] }));
    let icmp = (any::<[u8; 2]>(), any::<u16>(), v4(), v4(), v4(), v4(), any::<u32>()).prop_map(
        |([typ, code], seq, src, dst, inner_src, inner_dst, gateway)| {
            Body::Icmp(FirstIcmp { typ, code, seq, src, dst, inner_src, inner_dst, gateway })
        },
    );
    let frag = (any::<[u32; 7]>(), any::<[u16; 4]>(), any::<[u32; 4]>()).prop_map(|(w, h, leak)| {
        Body::Frag(Fragments {
            count: w[0],
            id: w[1],
            start_bytes: w[2],
            bytes: w[3],
            total_bytes: w[4],
            hole_start: w[5],
            hole_end: w[6],
            total_len: h[0],
            current_len: h[1],
            max_len: h[2],
            pad: h[3],
            leak,
        })
    });
    prop_oneof![
        Just(Body::Empty),
        init,
        (any::<u32>(), any::<[u8; 2]>(), any::<u16>()).prop_map(|(status, [src_flags, dst_flags], pad)| {
            Body::Tcp(Tcp::Status(TcpStatus { status, src_flags, dst_flags, pad }))
        }),
        perf,
        rtp,
        rtcp,
        icmp,
        frag,
        any::<[u8; 6]>().prop_map(|haddr| Body::Arp(ArpReply::sensor(haddr))),
        any::<[u32; 4]>().prop_map(|w| Body::Esp(EspState {
            status: w[0],
            spi: w[1],
            last_seq: w[2],
            lost: w[3]
        })),
        (any::<[u32; 9]>(), any::<[[u32; 17]; 2]>()).prop_map(|(w, [metrics, dst_metrics])| {
            let [state, status, handshake @ ..] = w;
            Body::Udt(Udt { state, status, handshake, metrics, dst_metrics })
        }),
    ]
    .prop_map(|body| Dsr::Network(Network::new(body)))
}

fn statistics() -> impl Strategy<Value = Dsr> {
    let intervals = || {
        of((any::<u32>(), any::<[u32; 4]>(), any::<[u32; 2]>()).prop_map(|(n, f, histogram)| {
            let [min, mean, stdev, max] = f.map(f32::from_bits);
            jitter::Intervals { n, min, mean, stdev, max, histogram }
        }))
    };
    let jitter =
        (intervals(), intervals(), intervals(), intervals(), 0u8..3).prop_map(|(a, b, c, d, form)| {
            let form = [jitter::Form::Five, jitter::Form::Histogram, jitter::Form::Seven][usize::from(form)];
            let none = [a, b, c, d].iter().all(Option::is_none);
            let form = if none { jitter::Form::Five } else { form };
            let keep = |i: Option<jitter::Intervals>| {
                i.map(|i| {
                    let [x, y] = i.histogram;
                    let histogram = match form {
                        jitter::Form::Five => [0, 0],
                        jitter::Form::Histogram => [x, 0],
                        jitter::Form::Seven => [x, y],
                    };
                    jitter::Intervals { histogram, ..i }
                })
            };
            let subtype = u8::from(form == jitter::Form::Histogram);
            Dsr::Jitter(jitter::Jitter {
                subtype,
                form,
                src_active: keep(a),
                src_idle: keep(b),
                dst_active: keep(c),
                dst_idle: keep(d),
            })
        });
    let stats = || {
        (any::<u32>(), any::<[u32; 4]>(), any::<[u8; 8]>()).prop_map(|(n, f, histogram)| {
            let [min, mean, stdev, max] = f.map(f32::from_bits);
            agr::Stats { n, min, mean, stdev, max, histogram }
        })
    };
    let agr = (any::<[u8; 2]>(), any::<u32>(), any::<[(u32, u32); 2]>(), stats(), stats()).prop_map(
        |([subtype, qualifier], count, [last_start, last], active, idle)| {
            Dsr::Agr(agr::Agr { subtype: subtype & 0x7f, qualifier, count, last_start, last, active, idle })
        },
    );
    let sizes = || {
        (any::<[u16; 2]>(), any::<[u8; 4]>()).prop_map(|([min, max], histogram)| psize::Sizes {
            min,
            max,
            histogram,
        })
    };
    let psize = (of(sizes()), of(sizes()), 0u8..8)
        .prop_filter("some side", |(s, d, _)| s.is_some() || d.is_some())
        .prop_map(|(src, dst, subtype)| {
            let keep = |s: Option<psize::Sizes>| {
                s.map(|s| if subtype & 4 != 0 { s } else { psize::Sizes { histogram: [0; 4], ..s } })
            };
            Dsr::Psize(psize::Psize { subtype, src: keep(src), dst: keep(dst) })
        });
    prop_oneof![jitter, agr, psize]
}

fn attributes() -> impl Strategy<Value = Dsr> {
    let side = || {
        of((any::<[u8; 2]>(), any::<u16>()).prop_map(|([ttl, tos], ip_id)| ipattr::IpSide {
            ttl,
            tos,
            ip_id,
        }))
    };
    let q2 = || (0u8..0x80, any::<u8>());
    prop_oneof![
        (side(), side(), of(any::<u32>()), of(any::<u32>()), any::<[bool; 2]>()).prop_map(
            |(src, dst, src_options, dst_options, [src_fragments, dst_fragments])| Dsr::IpAttr(
                ipattr::IpAttr { src, dst, src_options, dst_options, src_fragments, dst_fragments }
            )
        ),
        (of(any::<u16>()), of(any::<u16>())).prop_map(|(src, dst)| Dsr::Vlan(vlan::Vlan { src, dst })),
        (of(any::<u32>()), of(any::<u32>()), 0u8..16, 0u8..16).prop_map(
            |(src, dst, src_count, dst_count)| Dsr::Mpls(mpls::Mpls { src, dst, src_count, dst_count })
        ),
        (any::<u8>(), any::<[[u8; 6]; 2]>(), any::<u16>(), any::<[u8; 2]>()).prop_map(
            |(qualifier, [dst, src], ether_type, [dsap, ssap])| Dsr::Mac(mac::Mac {
                qualifier,
                dst,
                src,
                ether_type,
                dsap,
                ssap
            })
        ),
        (any::<[u8; 3]>(), any::<u16>(), [v4(), v4(), v4(), v4()], any::<u32>(), of(any::<u32>())).prop_map(
            |([qualifier, typ, code], seq, [src, dst, inner_src, inner_dst], gateway, pad)| Dsr::Icmp(
                icmp::IcmpError { qualifier, typ, code, seq, src, dst, inner_src, inner_dst, gateway, pad }
            )
        ),
        (q2(), any::<[u32; 2]>()).prop_map(|((subtype, qualifier), [src, dst])| Dsr::Behavior(
            behavior::Behavior { subtype, qualifier, src, dst }
        )),
        (q2(), any::<[[u8; 2]; 2]>()).prop_map(|((subtype, qualifier), [src, dst])| Dsr::CoCode(
            cocode::CoCode { subtype, qualifier, src, dst }
        )),
        (q2(), any::<[u32; 2]>(), of(any::<u32>())).prop_map(|((subtype, qualifier), [src, dst], inode)| {
            Dsr::Asn(asn::Asn { subtype, qualifier, src, dst, inode })
        }),
        (q2(), any::<[u16; 3]>(), any::<[i8; 2]>()).prop_map(
            |((subtype, qualifier), [status, reserved, org], [src, dst])| {
                Dsr::Local(local::Local { subtype, qualifier, status, src, dst, reserved, org })
            }
        ),
        any::<[u32; 2]>().prop_map(|[hash, index]| Dsr::Hash(hash::FlowHash { hash, index })),
        (q2(), any::<[u8; 8]>()).prop_map(|((subtype, qualifier), values)| Dsr::Score(score::Score {
            subtype,
            qualifier,
            values
        })),
        (any::<u8>(), any::<[u32; 2]>()).prop_map(|(qualifier, [src, dst])| Dsr::Vxlan(tunnel::Vxlan {
            qualifier,
            src,
            dst
        })),
    ]
}

fn places() -> impl Strategy<Value = Dsr> {
    let place = || {
        of(any::<[u32; 2]>().prop_map(|p| {
            let [latitude, longitude] = p.map(f32::from_bits);
            geo::Place { latitude, longitude }
        }))
    };
    (place(), place(), place(), 0u8..0x80)
        .prop_map(|(src, dst, inode, subtype)| Dsr::Geo(geo::Geo { subtype, src, dst, inode }))
}

fn variable() -> impl Strategy<Value = Dsr> {
    let octets = |n: usize| proptest::collection::vec(any::<u8>(), 0..n);
    let header =
        || (proptest::collection::vec(any::<u8>(), 0..60), proptest::collection::vec(any::<u8>(), 0..60));
    let outer = || {
        (v4(), v4(), any::<[u16; 2]>()).prop_map(|(src, dst, [s, d])| {
            Flow::new(FlowKey::Ipv4(Ipv4Key {
                src,
                dst,
                proto: 17,
                tp_p: 0,
                detail: Ipv4Detail::ports(s, d),
            }))
        })
    };
    let correlation = any::<([u32; 1], [i32; 5])>().prop_map(|([id], d)| cor::Correlation {
        id,
        long_id: None,
        duration: d[0],
        start: d[1],
        last: d[2],
        src_packets: d[3],
        dst_packets: d[4],
    });
    prop_oneof![
        (0u8..16, any::<u16>(), octets(300)).prop_map(|(low, size, bytes)| Dsr::SrcData(data::Data {
            subtype: data::SRC | low,
            size,
            bytes
        })),
        (0u8..16, any::<u16>(), octets(3000)).prop_map(|(low, size, bytes)| Dsr::DstData(data::Data {
            subtype: data::DST | low,
            size,
            bytes
        })),
        (any::<u8>(), any::<[u32; 2]>(), of(header())).prop_map(|(qualifier, [src, dst], headers)| {
            Dsr::Encaps(encaps::Encaps { qualifier, src, dst, headers })
        }),
        (0u8..0x80, any::<u8>(), proptest::collection::vec(1u8..=255, 0..1016))
            .prop_map(|(subtype, qualifier, text)| Dsr::Label(label::Label { subtype, qualifier, text })),
        (any::<[u16; 2]>(), outer()).prop_map(|([flags, protocol], outer)| Dsr::Gre(tunnel::Gre {
            flags,
            protocol,
            outer
        })),
        (any::<[u8; 2]>(), any::<u16>(), any::<u32>(), outer()).prop_map(
            |([version, flags], protocol, vni, outer)| {
                Dsr::Geneve(tunnel::Geneve { version, flags, protocol, vni, outer })
            }
        ),
        (0u8..0x80, any::<u8>(), proptest::collection::vec(correlation, 0..20)).prop_map(
            |(subtype, qualifier, correlations)| Dsr::Cor(cor::Cor { subtype, qualifier, correlations })
        ),
    ]
}

fn dsr() -> impl Strategy<Value = Dsr> {
    prop_oneof![
        transport(),
        flow(),
        times(),
        metric(),
        network(),
        statistics(),
        attributes(),
        places(),
        variable()
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn a_dsr(dsr in dsr()) {
        let mut out = Vec::new();
        dsr.emit(&mut out);
        prop_assert_eq!(out.len() % 4, 0);
        let raw = Walk::new(&out).next().expect("one DSR");
        prop_assert_eq!(raw.bytes.len(), out.len());
        prop_assert_eq!(&Dsr::parse(raw), &dsr);
        prop_assert_eq!(dsr.clone().reversed().reversed(), dsr);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_record(dsrs in proptest::collection::vec(dsr(), 0..12), cause in 0u8..11, five in any::<bool>()) {
        let version = if five { Version::V5 } else { Version::V3 };
        let mut record = Record::new(Header::new(Kind::Flow, version, Cause::from_nibble(cause)));
        for d in dsrs {
            record.set(d);
        }
        let bytes = record.to_bytes().expect("fits");
        let view = RecordView::new(&bytes).expect("sound");
        prop_assert!(view.tail().is_empty());
        record.header_mut().words = view.header().words;
        let again = Record::from(view);
        prop_assert_eq!(&again, &record);
        prop_assert_eq!(&again.to_bytes().expect("fits"), &bytes);
        // Writers keep the order of section 5.2.
        prop_assert!(again.dsrs().map(|d| d.index()).is_sorted());
        // True direction shows what the view shows.
        let plain = again.normalised().to_bytes().expect("fits");
        let plain = RecordView::new(&plain).expect("sound");
        prop_assert_eq!(plain.flow(), view.flow());
        prop_assert_eq!(plain.metric(), view.metric());
        prop_assert_eq!(plain.times(), view.times());
        prop_assert_eq!(plain.mac(), view.mac());
    }

    #[test]
    fn a_mar(words in any::<[u32; 31]>(), version in prop_oneof![Just(3u8), Just(5)], cause in 0u8..11) {
        let mut bytes = vec![0x80 | version, cause << 4, 0, 32];
        bytes.extend(words.iter().flat_map(|w| w.to_be_bytes()));
        let mar = Mar::parse(&bytes).expect("management record");
        prop_assert_eq!(mar.to_bytes(), bytes.clone());
        prop_assert_eq!(Record::from(RecordView::new(&bytes).expect("sound")).to_bytes().expect("fits"), bytes);
    }
}
