//! Filters and records made at random.

#![allow(dead_code)] // Each test uses a part.

use proptest::prelude::*;

/// Expressions of every kind, accepted without names from outside.
pub const LEAVES: &[&str] = &[
    "man",
    "far",
    "event",
    "index",
    "start",
    "status",
    "stop",
    "timeout",
    "shut",
    "error",
    "ip",
    "ipv4",
    "ipv6",
    "tcp",
    "udp",
    "icmp",
    "igmp",
    "arp",
    "rarp",
    "rtp",
    "rtcp",
    "udt",
    "mpls",
    "vlan",
    "isis",
    "gre",
    "geneve",
    "vxlan",
    "host 192.168.2.16",
    "src 192.168.2.16",
    "src or dst host 192.168.2.16",
    "src and dst host 192.168.2.16",
    "host 5",
    "host fe80::dead",
    "dst host ff02::1",
    "arp host 192.168.1.104",
    "arp host 1:2:3:4:5:6",
    "icmp host 10.123.0.1",
    "gre host 10.0.0.1",
    "geneve host 10.0.0.1",
    "net 10",
    "net 192.168",
    "net 10.0.0.0/8",
    "net 0.0.0.0/0",
    "net 192.168.2.0 mask 255.255.255.0",
    "net fe80::/10",
    "ipv6 net ::/0",
    "port 80",
    "src port gt 1024",
    "dst port lte 1023",
    "port 53-80",
    "tcp port 80",
    "udp dst port (53 or 137)",
    "rtp port 6000",
    "proto 17",
    "ipv6 proto 58",
    "proto gt 17",
    "ether proto 0x8809",
    "ether proto ip",
    "ether proto pppoe",
    "ether proto decun",
    "ether src 0:13:c4:12:f:d",
    "ether dst 1:80:c2:0:0:0/24",
    "ether broadcast",
    "ip broadcast",
    "multicast",
    "ether multicast",
    "srcid 192.168.77.1",
    "srcid \"abcd\"",
    "srcid 123e4567-e89b-12d3-a456-426614174000",
    "seq lt 10",
    "inode 206.247.10.253",
    "spi gt 0",
    "trans eq 1",
    "encaps gre",
    "src encaps eth",
    "ttl lt 64",
    "dst ttl 64",
    "tos gt 0",
    "dsb cs6",
    "dsb 4",
    "ipid gt 60000",
    "vid lte 10",
    "vpri gt 3",
    "mid lt 30",
    "as gt 0",
    "as 1.5",
    "co US",
    "src co ZZ",
    "cocode",
    "con",
    "synack",
    "finack",
    "normal",
    "wait",
    "reuse",
    "syn",
    "src fin",
    "dst reset",
    "src and dst ack",
    "push",
    "urg",
    "ece",
    "cwr",
    "src ecn",
    "retrans",
    "dst ooo",
    "winshut",
    "src frag",
    "fragonly",
    "multipath",
    "hello",
    "lsp",
    "csnp",
    "psnp",
    "tcpopt",
    "mss",
    "wscale",
    "tcptimestamp",
    "secn",
    "echo",
    "unreach",
    "unrport",
    "redirect",
    "timexed",
    "icmpmap",
    "rtr",
    "mbr",
    "lvg",
    "local",
    "remote",
    "pkts gt 10",
    "pkts neq 1",
    "src pkts lt 5",
    "dst bytes gte 100",
    "appbytes gt -1",
    "loss gt 0",
    "rate gt 10",
    "src load gt 1000.5",
    "ploss gt 0",
    "pcr gte 0.0",
    "pcr lt -0.25",
    "dur gt .5",
    "dur eq 0.0",
    "avgdur lt 1",
    "intpkt gt 100",
    "src or dst intpktidle gt 10.0",
    "dst jit lte 5.5",
    "jitidle gt 10.0",
    "tcpb gt 4000000000",
    "maxseg 1460",
    "masklen 24",
    "nstroke gt 3",
    "cor gt 1",
    "deldur gt 3",
    "delstime lt 3",
    "delltime 3",
    "lat gt 50.5",
    "src lon lt 3",
    "loc 3",
    "intflow gt 1",
    "intflowsdev gt 1",
    "src class multi",
    "inf man0",
];

/// A filter of the language.
pub fn expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(LEAVES).prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|operand| format!("not ({operand})")),
            inner.clone().prop_map(|operand| format!("!({operand})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) and ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) || ({b})")),
            prop::collection::vec(inner, 1..4).prop_map(|all| all.join(" and ")),
        ]
    })
}

/// Texts that are nearly filters, and texts that are not at all.
pub fn hostile() -> impl Strategy<Value = String> {
    const SCRAPS: &[&str] = &[
        "and",
        "or",
        "not",
        "(",
        ")",
        "!",
        "&&",
        "||",
        "gt",
        "lte",
        ">=",
        "<",
        "=",
        "src",
        "dst",
        "host",
        "net",
        "port",
        "proto",
        "ether",
        "tcp",
        "ip",
        "arp",
        "mask",
        "/",
        "/8",
        "80",
        "-1",
        "0x",
        "0xfg",
        "1.5",
        ".",
        "1.",
        "10.0.0.1",
        "999.9.9.9",
        "::",
        "fe80::1",
        "1:2:3:4:5:6",
        "1:2:3:4:5:6:7",
        "53-80",
        "80-",
        "\"x\"",
        "\"",
        "\\",
        "\\tcp",
        "http",
        "ftp-data",
        "a",
        "foo",
        "pkts",
        "dur",
        "co",
        "srcid",
        "encaps",
        "gateway",
        "broadcast",
        "multicast",
        "len",
        "[",
        "]",
        "99999999999999999999999999999999999999999",
        "é",
        "\u{0}",
        "\n",
        "\t",
        "local",
        "loss",
        "neq",
        "ipid",
        "dsb",
    ];
    prop_oneof![
        any::<String>(),
        prop::collection::vec(prop::sample::select(SCRAPS), 0..24).prop_map(|scraps| scraps.join(" ")),
        prop::collection::vec(prop::sample::select(SCRAPS), 0..24).prop_map(|scraps| scraps.concat()),
        (expression(), any::<prop::sample::Index>(), any::<char>()).prop_map(|(text, at, new)| {
            let mut characters: Vec<char> = text.chars().collect();
            let at = at.index(characters.len());
            characters[at] = new;
            characters.into_iter().collect()
        }),
        prop::collection::vec(any::<u8>(), 0..64)
            .prop_map(|octets| String::from_utf8_lossy(&octets).into_owned()),
    ]
}

/// Records of the record-format chapter (sections 12.1, 12.3, 12.5, 12.6, 12.7, 12.9): a management record, TCP,
/// UDP over IPv6, ICMP, ARP, and one with the blocks of 5.x.
pub fn handmade_records() -> Vec<u8> {
    const RECORDS: &[&str] = &[
        "83100020 00800000 e5712dcb 00000000 00000000 00000000 6b030226 000a47a3 6b030226 000a4b5d 03000000 0005003c \
         00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 \
         00000000 00000000 00000000 00000000 00000000 00000000 c0000201 ffffffff",
        "1310003a 01030103 c0000201 00000001 02010105 0a000001 0a000002 06009c40 00500000 03021805 6553f100 00000000 \
         6553f100 00013880 10040204 00050128 00120003 00c20018 3005001e 0000001f 00000009 00300000 00002710 00002710 \
         6553f100 00013880 0000001c 000003e8 000003fb 000013a1 00000002 00000012 00000000 00000000 00000000 01f61b07 \
         6553f100 00011170 0000001a 00001388 000013a1 000003fb 00000002 00000018 00000000 00000000 00000000 01fd1b07 \
         48000303 40000510 3f000320 42000005 02000000 00020200 00000001 00080000 20000003 00000002 00000002",
        "1310001d 01030103 c0000201 00000001 0241020b 20010db8 00000000 00000000 00000002 20010db8 00000000 00000000 \
         00000001 11000000 00359c42 03021805 6553f100 00000000 6553f100 00001388 10040103 014e1001 5e200000 30000001 \
         48000303 40000000 3f000000 20000003 00000002 00000002",
        "13100026 01030103 c0000201 00000001 02010105 0a000001 0a000002 01000800 55000100 03021805 6553f100 00000000 \
         6553f100 000003e8 10040103 01321001 32100000 34000108 03030000 0a0000fe 0a000014 0a000014 0a000002 00000000 \
         00000000 40000102 a0640000 44011002 00064040 64000002 55534445 32000003 00000001 00000002 20000003 00000002 \
         00000002",
        "13100014 01030103 c0000201 00000001 02060406 00010800 06040001 0a000001 0a000002 02000000 03021805 6553f100 \
         00000000 6553f100 000001f4 10040103 012a0e01 2a0e0000 20000003 00000002 00000002",
        "1510001a 01033105 6d616e30 6d616e30 00000007 00000000 02010105 0a000001 0a000002 2f000000 00000000 41000007 \
         00000800 02410105 0200000a 1e00000a 2f000000 00000000 43000303 00000064 00000064 68000305 42280000 40a00000 \
         c2280000 c0a00000 6a000303 00000305 00000000",
    ];
    RECORDS
        .iter()
        .flat_map(|record| {
            let digits: Vec<u8> = record.bytes().filter(u8::is_ascii_hexdigit).collect();
            let mut octets: Vec<u8> = digits
                .chunks(2)
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap_or("0"), 16).unwrap_or(0))
                .collect();
            // The length that the record has here, whatever was left out.
            let words = (octets.len() / 4) as u16;
            octets[2..4].copy_from_slice(&words.to_be_bytes());
            octets
        })
        .collect()
}

/// A record with some octets changed, perhaps cut.
pub fn damaged_record() -> impl Strategy<Value = Vec<u8>> {
    let octets = handmade_records();
    let mut starts = Vec::new();
    let mut at = 0;
    while let Some(header) = octets.get(at..at + 4) {
        starts.push(at);
        at += usize::from(u16::from_be_bytes([header[2], header[3]])) * 4;
    }
    let damage = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12);
    (prop::sample::select(starts), damage, any::<prop::sample::Index>(), any::<bool>()).prop_map(
        move |(start, damage, cut, shorten)| {
            let words = usize::from(u16::from_be_bytes([octets[start + 2], octets[start + 3]]));
            let mut record = octets[start..start + words * 4].to_vec();
            for (at, new) in damage {
                let at = at.index(record.len());
                record[at] = new;
            }
            if shorten {
                let words = cut.index(words).max(1);
                record.truncate(words * 4);
                record[2..4].copy_from_slice(&(words as u16).to_be_bytes());
            }
            record
        },
    )
}
