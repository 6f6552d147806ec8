//! Filters made at random, counted by Debian's `ra` and by ours under `--compat 3.0.8`, on the records of the case files.

mod common;

use std::process::Command;

use filter::{Compat, Filter, Options};

const WORDS: &[&str] = &[
    "man",
    "far",
    "start",
    "stop",
    "status",
    "timeout",
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
    "con",
    "synack",
    "finack",
    "normal",
    "wait",
    "echo",
    "unreach",
    "redirect",
    "timexed",
    "icmpmap",
    "rtr",
    "mbr",
    "lvg",
    "cocode",
    "tcpopt",
    "mss",
    "wscale",
    "selackok",
    "selack",
    "tcpecho",
    "tcptimestamp",
    "tcpcc",
    "secn",
    "decn",
    "ip multicast",
    "ip broadcast",
    "ether broadcast",
    "ether proto 0x8809",
    "ether proto 2048",
    "ether proto lldp",
    "not ether proto llc",
    "ether proto pppoe",
    "ether proto 3gpp or ether proto exp",
    "ether src 00:13:c4:12:0f:0d",
    "proto 17",
    "ipv6 proto 58",
    "proto 999",
    "seq lt 5",
    "trans eq 1",
    "spi gt 0",
    "inode 206.247.10.253",
    "srcid 192.168.77.1",
    "host fe80::dead",
    "avgdur gt 1",
    "avgdur lt 2.5",
];

/// Words before which any direction may stand.
const SIDED: &[&str] = &[
    "syn",
    "fin",
    "reset",
    "ack",
    "push",
    "urg",
    "ece",
    "ecn",
    "retrans",
    "outoforder",
    "winshut",
    "frag",
    "multipath",
    "hello",
    "host 192.168.2.16",
    "host 192.168.12.114",
    "host 5",
    "net 10.0.0.0/8",
    "net 192.168.0.0/16",
    "net 0.0.0.0/0",
    "net fe80::/10",
    "net 192.168.2",
    "net foo",
    "pkts 0.0.0.2",
    "syn or 192.168.12.114",
    "port http",
    "port domain",
    "port 53-80",
    "encaps eth",
    "encaps gre",
    "co US",
    "co ZZ",
];

/// Words with a comparison and a whole number.
const WHOLE: &[&str] = &[
    "port", "ttl", "tos", "dsb", "ipid", "vid", "vpri", "as", "pkts", "bytes", "appbytes", "tcpb", "nstroke",
];

/// Words with a comparison and a fraction.
const FRACTION: &[&str] = &["rate", "load", "ploss", "dur", "pcr", "intpkt", "intpktidle", "jit", "jitidle"];

const DIRECTIONS: &[&str] = &["", "src ", "dst ", "src or dst ", "src and dst "];
const COMPARISONS: &[&str] = &["", "eq ", "gt ", "gte ", "lt ", "lte "];
const NUMBERS: &[&str] =
    &["0", "1", "2", "5", "14", "46", "64", "80", "100", "192", "1000", "65535", "4000000000", "-1"];
const FRACTIONS: &[&str] = &["0.0", "-0.0", "0.5", "1.0", "10.0", "1000.5", "-0.25", "1.25"];

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % end
    }

    fn pick(&mut self, of: &[&'static str]) -> &'static str {
        of[self.below(of.len())]
    }

    fn leaf(&mut self) -> String {
        match self.below(5) {
            0 | 1 => self.pick(WORDS).to_owned(),
            2 => [self.pick(DIRECTIONS), self.pick(SIDED)].concat(),
            3 => {
                let word = self.pick(WHOLE);
                [self.pick(DIRECTIONS), word, " ", self.pick(COMPARISONS), self.pick(NUMBERS)].concat()
            }
            _ => {
                let word = self.pick(FRACTION);
                [self.pick(DIRECTIONS), word, " ", self.pick(COMPARISONS), self.pick(FRACTIONS)].concat()
            }
        }
    }

    fn expression(&mut self, depth: usize) -> String {
        match self.below(6) {
            _ if depth == 0 => self.leaf(),
            0 => self.leaf(),
            1 => format!("not ({})", self.expression(depth - 1)),
            2 => format!("({})", self.expression(depth - 1)),
            3 => format!("{} and {}", self.expression(depth - 1), self.leaf()),
            4 => format!("{} or {}", self.expression(depth - 1), self.leaf()),
            _ => format!("{} or ({})", self.expression(depth - 1), self.expression(depth - 1)),
        }
    }
}

/// Records that Debian's `ra` prints, with its `ra.conf` in force. `None`: it refuses the filter.
fn theirs(file: &std::path::Path, text: &str, optimise: bool) -> Option<usize> {
    let mut ra = Command::new("/usr/bin/ra");
    if !optimise {
        ra.arg("-O");
    }
    ra.args(["-F", "/dev/null", "-n", "-L", "-1", "-c", ",", "-s", "srcid", "-r"])
        .arg(file)
        .args(["-", text]);
    let output = ra.output().expect("ra was there a moment ago");
    // It ends with 1 when nothing matches; only a refusal says something.
    output.stderr.is_empty().then(|| output.stdout.iter().filter(|&&octet| octet == b'\n').count())
}

#[test]
fn random_filters_count_as_by_the_oracle() {
    let Some(folder) = common::folder() else { return };
    if !std::path::Path::new("/usr/bin/ra").exists() || !std::path::Path::new("/etc/ra.conf").exists() {
        eprintln!("skipped: no Debian argus-client here");
        return;
    }
    let options = Options { compat: Some(Compat::V3_0_8), ..Options::default() };
    let plain = Options { optimised: false, ..options };
    let mut random = Random(0x5eed_f117_e55e_ed01);
    let (mut agreed, mut optimiser, mut refused, mut failed) = (0, 0, 0, Vec::new());
    for name in ["mixed.argus", "tcp.argus", "labeled.argus"] {
        let path = folder.join(name);
        let octets = std::fs::read(&path).expect("an input of the cases");
        let views = common::records(&octets);
        for _ in 0..150 {
            let depth = random.below(4);
            let text = random.expression(depth);
            let count = |options| {
                Filter::parse_with(&text, options)
                    .map(|filter| views.iter().filter(|view| filter.matches(view)).count())
            };
            let ours = count(&options);
            match (theirs(&path, &text, true), ours) {
                (Some(theirs), Ok(ours)) if theirs == ours => agreed += 1,
                // Its optimiser breaks some filters.
                (Some(_), Ok(_)) if theirs(&path, &text, false) == count(&plain).ok() => optimiser += 1,
                // Never-true filters are refused by its optimiser.
                (None, Ok(0) | Err(_)) => refused += 1,
                (theirs, ours) => failed.push(format!("{name} {text}: theirs {theirs:?}, ours {ours:?}")),
            }
        }
    }
    println!(
        "{agreed} agree, {optimiser} only without its optimiser, {refused} refused, {} differ",
        failed.len()
    );
    println!("{}", failed.join("\n"));
    // What it reads from blocks that are not there is not reproduced to the last bit.
    assert!(failed.len() * 100 <= agreed, "{} of {agreed} differ:\n{}", failed.len(), failed.join("\n"));
    assert!(agreed > 400);
}
