//! What the words mean on records of which every octet is known: those that the case files have no example of,
//! the words of 5.x, names, options.

mod common;
mod texts;

use filter::{CodePoints, Compat, FilesAndResolver, Filter, Names, NoNames, Options, SystemFiles};

/// Which of the handmade records match: 0 management, 1 TCP, 2 UDP over IPv6, 3 ICMP with tags, 4 ARP,
/// 5 version 5 with a tunnel.
fn matched(text: &str, options: &Options<'_>) -> Vec<usize> {
    let filter = Filter::parse_with(text, options).unwrap_or_else(|error| panic!("{text}: {error}"));
    let octets = texts::handmade_records();
    let views = common::records(&octets);
    assert_eq!(views.len(), 6);
    views.iter().enumerate().filter(|(_, view)| filter.matches(view)).map(|(at, _)| at).collect()
}

#[test]
fn words_find_their_records() {
    let table: &[(&str, &[usize])] = &[
        ("", &[0, 1, 2, 3, 4, 5]),
        (" \t", &[0, 1, 2, 3, 4, 5]),
        ("man", &[0]),
        ("far", &[1, 2, 3, 4, 5]),
        ("tcp and udp", &[]),
        ("src host 10.0.0.1 and dst host 10.0.0.2", &[1, 3, 4, 5]),
        // Stored larger address first, shown as it went.
        ("src host 2001:db8::1", &[2]),
        ("dst port 53", &[2]),
        ("ip host 2001:db8::1", &[2]),
        ("net 10/8 and not arp", &[1, 3, 5]),
        ("net 10.0", &[1, 3, 4, 5]),
        ("net 10.0.0/24", &[1, 3, 4, 5]),
        ("net 10.0.1/24", &[]),
        ("net ::/0", &[2]),
        ("host 167772161", &[1, 3, 4, 5]),
        ("port 40000-40002", &[1, 2]),
        ("port 81-39999", &[]),
        ("tcp pkts gt 2", &[1]),
        ("udp pkts gt 2", &[]),
        ("proto tcp or proto icmp", &[1, 3]),
        ("ether proto ip", &[1, 3, 5]),
        ("not ether proto ip", &[0, 2, 4]),
        ("ether src 2:0:0:0:0:0/24", &[1]),
        ("src class laa", &[1]),
        ("class multi", &[]),
        ("echo", &[3]),
        ("unrport", &[3]),
        ("unrhost", &[]),
        ("unr and icmpmap", &[3]),
        ("inode 10.0.0.254", &[3]),
        ("vlan and vpri 5", &[3]),
        ("vid 100 and dst vid lt 4096", &[]),
        ("mpls and mid 100", &[3]),
        ("src co US and dst co DE", &[3]),
        ("src as 1 and dst as 0.2", &[3]),
        ("as 0.1", &[3]),
        ("srcid 192.0.2.1", &[0, 1, 2, 3, 4]),
        ("srcid \"man0\"", &[5]),
        ("inf man0", &[5]),
        ("inf eth0", &[]),
        ("inf m234an0", &[5]),
        ("seq 7", &[5]),
        ("gre and vxlan", &[5]),
        ("gre host 10.0.0.30", &[5]),
        ("gre src 10.0.0.30", &[5]),
        ("gre dst host 10.0.0.30", &[]),
        ("geneve", &[]),
        ("lat gt 41.9", &[5]),
        ("src lat lt 0 and far and gre", &[]),
        ("dst lon -5.0", &[5]),
        ("loc 5", &[5]),
        ("local", &[5]),
        ("lcl host 10.0.0.1", &[5]),
        ("lcl 10.0.0.2", &[5]),
        ("rmt host 10.0.0.2", &[]),
        ("lcl or rmt host 10.0.0.1", &[1, 3, 4, 5]),
        ("lcl and rmt host 10.0.0.1", &[]),
        ("lcl bytes lt 1", &[5]),
        ("baseline", &[]),
        ("not match", &[0, 1, 2, 3, 4, 5]),
        ("remote", &[]),
        ("loss gt 0", &[]),
        ("dur gt 0.0799 and lt 0.0801", &[1]),
        ("src rate gt 49 and lt 51", &[1]),
        ("pcr lt 0", &[1, 2]),
        ("tcpb 1000 and 5000", &[1]),
        ("ttl 64", &[1]),
        ("encaps eth and not far", &[]),
        ("encaps \\mpls or encaps \\udt or encaps geneve", &[]),
    ];
    for (text, wanted) in table {
        assert_eq!(matched(text, &Options::default()), *wanted, "{text}");
    }
}

#[test]
fn precision_rounds_both_sides() {
    let with = |precision| Options { precision, ..Options::default() };
    assert_eq!(matched("dur 0.08", &with(6)), [1]);
    assert_eq!(matched("dur 0.12", &with(6)), []);
    assert_eq!(matched("dur 0.12", &with(1)), [1]);
    assert_eq!(matched("far and dur gt 0", &with(0)), []);
    assert_eq!(matched("dur 0.08", &with(255)).len(), matched("dur 0.08", &with(15)).len());
}

#[test]
fn names_come_from_where_the_options_say() {
    let directory = tempfile::tempdir().expect("a directory");
    let put = |file: &str, text: &str| std::fs::write(directory.path().join(file), text).expect("a file");
    put("hosts", "10.0.0.2 gate\n2001:db8::2 gate six\n");
    put("services", "odd-name 53/udp\nntp 123/udp\nweb 80/tcp\n");
    put("protocols", "ospf 89\n");
    put("networks", "ten 10.0.0.0\n");
    put("ethers", "02:00:00:00:00:02 gate\n2:0:0:0:0:3 other\n");
    let names = SystemFiles::new(directory.path());
    let options = Options { names: &names, ..Options::default() };
    // Names are looked for in IP flows, not in ARP.
    assert_eq!(matched("dst host gate", &options), [1, 2, 3, 5]);
    assert_eq!(matched("net ten", &options), [1, 3, 4, 5]);
    assert_eq!(matched("port odd-name", &options), [2]);
    assert_eq!(matched("port web", &options), [1]);
    assert_eq!(matched("udp port odd-name", &options), [2]);
    assert_eq!(matched("ether dst gate", &options), [1]);
    // The frame went to the gate's address, and so did the packet.
    assert_eq!(matched("gateway gate", &options), []);
    for (text, message) in [
        ("tcp port ntp", "port 'ntp' is udp"),
        ("port nonsense", "unknown port 'nonsense'"),
        ("host nonsense", "unknown host 'nonsense'"),
        ("proto nonsense", "unknown protocol 'nonsense'"),
        ("net nonsense", "unknown network 'nonsense'"),
        ("srcid nonsense", "unknown source id 'nonsense'"),
        ("gateway other", "unknown host 'other'"),
        ("gateway 10.0.0.1", "`gateway` takes a name"),
    ] {
        let error = Filter::parse_with(text, &options).expect_err(text);
        assert!(error.to_string().ends_with(message), "{text}: {error}");
    }
    let none = Options { names: &NoNames, ..Options::default() };
    for text in ["host localhost", "port http", "proto ospf", "ether host x1", "gateway x1"] {
        assert!(Filter::parse_with(text, &none).is_err(), "{text}");
    }
    // Words of the language are protocols even without a file.
    assert_eq!(matched("proto tcp", &none), [1]);
    assert_eq!(FilesAndResolver.service("http"), SystemFiles::etc().service("http"));
}

/// Three source ids by name, one name for two of them.
struct Nodes;

impl Names for Nodes {
    fn host(&self, _: &str) -> Vec<std::net::IpAddr> {
        Vec::new()
    }
    fn service(&self, _: &str) -> Vec<(u8, u16)> {
        Vec::new()
    }
    fn protocol(&self, _: &str) -> Option<u8> {
        None
    }
    fn network(&self, _: &str) -> Option<std::net::Ipv4Addr> {
        None
    }
    fn ether(&self, _: &str) -> Option<[u8; 6]> {
        None
    }
    fn source_ids(&self, name: &str) -> Vec<String> {
        match name {
            "border" => vec!["192.0.2.1".into(), "man0".into()],
            "core" => vec!["12345678-1234-1234-1234-123456789abc".into()],
            _ => Vec::new(),
        }
    }
}

#[test]
fn source_ids_have_names() {
    let options = Options { names: &Nodes, ..Options::default() };
    assert_eq!(matched("node border", &options), [0, 1, 2, 3, 4, 5]);
    assert_eq!(matched("node \"border\" and gre", &options), [5]);
    assert_eq!(matched("srcid border and tcp", &options), [1]);
    assert_eq!(matched("node core", &options), []);
}

#[test]
fn marks_are_of_the_view() {
    let filter = Filter::parse("baseline and not match").expect("good");
    let octets = texts::handmade_records();
    let mut view = common::records(&octets)[1];
    assert!(!filter.matches(&view));
    view.mark(record::Mark::Baseline);
    assert!(filter.matches(&view));
    view.mark(record::Mark::Matched);
    assert!(!filter.matches(&view));
}

#[test]
fn code_points_have_two_tables() {
    let disa = Options { code_points: CodePoints::Disa, ..Options::default() };
    assert_eq!(matched("src dsb cs0", &Options::default()), [1]);
    assert_eq!(matched("src dsb be", &disa), [1]);
    assert!(Filter::parse("dsb voice").is_err());
    assert!(Filter::parse_with("dsb voice", &disa).is_ok());
}

#[test]
fn words_of_5x_are_names_to_3x() {
    let old = Options { compat: Some(Compat::V3_0_8), ..Options::default() };
    for text in
        ["reuse", "pkts neq 1", "loss gt 0", "host 10.0.0.1 and remote", "vxlan", "proto tcp", "as neq 1"]
    {
        assert!(Filter::parse(text).is_ok(), "{text}");
        assert!(Filter::parse_with(text, &old).is_err(), "{text}");
    }
    // Where a name is due they are names in either.
    for options in [&old, &Options::default()] {
        let error = Filter::parse_with("host gre", options).expect_err("no such host");
        assert!(error.to_string().contains("unknown host 'gre'"), "{error}");
        assert!(!matched("encaps gre", options).contains(&1));
    }
}

#[test]
fn flags_take_a_direction_from_before_only_in_3x() {
    let old = Options { compat: Some(Compat::V3_0_8), ..Options::default() };
    // The TCP record has FIN, SYN, PUSH and ACK on both sides; URG on neither.
    for (text, same) in [
        ("src port 40000 and syn", "src port 40000 and src syn"),
        ("dst host 1.2.3.4 or (fin)", "dst host 1.2.3.4 or (dst fin)"),
        ("dst host 1.2.3.4 or igmp or fin", "dst host 1.2.3.4 or igmp or (src or dst fin)"),
        ("(dst host 1.2.3.4) or fin", "(dst host 1.2.3.4) or (src or dst fin)"),
        ("src and dst host 1.2.3.4 or not urg", "src and dst host 1.2.3.4 or not src and dst urg"),
    ] {
        let show = |text: &str, options: &Options<'_>| {
            Filter::parse_with(text, options).map(|filter| filter.to_string())
        };
        assert_eq!(show(text, &old), show(same, &old), "{text}");
    }
    let plain = Filter::parse("dst host 1.2.3.4 or syn").map(|filter| filter.to_string());
    assert_eq!(plain, Filter::parse("dst host 1.2.3.4 or (src or dst syn)").map(|filter| filter.to_string()));
}

#[test]
fn what_3x_takes_for_numbers_and_addresses() {
    let old = Options { compat: Some(Compat::V3_0_8), ..Options::default() };
    for (text, same) in [
        // An address is a number where numbers are compared.
        ("pkts 0.0.0.2", "pkts 2"),
        ("dst port 80 or 0.0.0.81", "dst port 80 or 81"),
        // A number is an address behind an address.
        ("src host 1.2.3.4 or 5", "src host 1.2.3.4 or 0.0.0.5"),
        ("net 1.2.3.4/16 or 10", "net 1.2.3.4/16 or 10.0.0.0/8"),
        // A flag with a direction leaves it to what follows.
        ("dst syn or 1.2.3.4", "dst syn or dst host 1.2.3.4"),
        ("dst port 80 or syn or 1.2.3.4", "dst port 80 or dst syn or dst host 1.2.3.4"),
    ] {
        let show = |text: &str| Filter::parse_with(text, &old).map(|filter| filter.to_string());
        assert!(show(text).is_ok(), "{text}");
        assert_eq!(show(text), show(same), "{text}");
    }
    assert!(Filter::parse("pkts 0.0.0.2").is_err() && Filter::parse("dst syn or 1.2.3.4").is_err());
    assert!(Filter::parse("net foo").is_err() && Filter::parse_with("net foo", &old).is_ok());
    assert!(Filter::parse_with("syn or 5", &old).is_err());
}

#[test]
fn the_optimiser_of_3x_changes_what_absent_blocks_mean() {
    let old = Options { compat: Some(Compat::V3_0_8), ..Options::default() };
    let plain = Options { optimised: false, ..old };
    // Record 3 alone has a tag, of priority 5.
    assert_eq!(matched("src vpri 0", &old), [0, 1, 2, 4, 5]);
    assert_eq!(matched("src vpri 0", &plain), []);
    assert_eq!(matched("icmpmap", &old), [3]);
    assert_eq!(matched("icmpmap", &plain), [0, 1, 2, 3, 4, 5]);
    assert_eq!(matched("src vpri 0", &Options::default()), []);
}

#[test]
fn errors_say_what_was_expected_and_where() {
    let table = [
        (
            "tcp and",
            8,
            "expected a test such as `tcp`, `src host`, `port` or `(`, found the end of the filter",
        ),
        ("port > 80", 6, "comparisons are the words `gt`, `gte`, `lt`, `lte`"),
        ("tpc and port 80", 1, "found 'tpc' (perhaps `tcp`)"),
        ("sctp", 1, "(perhaps `proto sctp`)"),
        ("src or rmt port 1", 8, "expected `dst`"),
        ("node nobody", 6, "no source id is called 'nobody'"),
        ("tcp udp", 5, "expected `and`, `or` or the end, found 'udp'"),
        ("(tcp", 5, "expected `)`, `and` or `or`, found the end of the filter"),
        ("tcp or 443", 8, "a qualifier such as `port` or `host` before the identifier"),
        ("tcp # udp", 5, "illegal character '#'"),
        ("host 10.0.0.0/8", 6, "a mask belongs to `net`"),
        ("net 10.0.0.0/33", 5, "a prefix of this address has 0 to 32 bits"),
        ("tcp host 10.0.0.1", 1, "write `tcp and host …`"),
        ("src and host 10.0.0.1", 9, "expected `dst`"),
        ("port (gt 80)", 7, "no comparison stands directly after `(`"),
        ("pkts gt 1.5", 9, "'1.5' is not a whole number"),
        ("len > 0", 1, "tests nothing that a record holds"),
        ("port ne 80", 6, "unknown port 'ne'"),
        ("host 1:2:3:4:5:6", 6, "an Ethernet address stands only after `ether`"),
    ];
    for (text, column, message) in table {
        let error = Filter::parse(text).expect_err(text);
        assert_eq!(error.column, column, "{text}: {error}");
        assert!(error.to_string().contains(message), "{text}: {error}");
    }
}

#[test]
fn the_compiled_form_is_readable() {
    assert_eq!(Filter::parse("").map(|filter| filter.to_string()).as_deref(), Ok("(000) accept\n"));
    assert_eq!(
        Filter::parse("tcp and host ::1 or pkts gt 5").map(|filter| filter.to_string()),
        Ok(concat!(
            "(000) protocol == 6                                jt 1\tjf 3\n",
            "(001) src ipv6 == ::1                              jt 5\tjf 2\n",
            "(002) dst ipv6 == ::1                              jt 5\tjf 3\n",
            "(003) src Packets > 5                              jt 5\tjf 4\n",
            "(004) dst Packets > 5                              jt 5\tjf 6\n",
            "(005) accept\n",
            "(006) reject\n",
        )
        .to_owned())
    );
}
