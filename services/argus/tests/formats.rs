//! The sensor reads captures of every format (sensor-and-transport 1.5): the same packets give the same records.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "../../capfile/tests/write/mod.rs"]
mod write;

use std::io::Write as _;
use std::process::{Command, Stdio};

use common::{Folder, Running, Seen, argus, capture, flows, mars, records, run, told, wait_for};
use nix::sys::signal::Signal;
use write::{Interface, Order, Sample};

/// The packets of [`capture`], to be written in other formats.
fn samples() -> Vec<Sample> {
    let octets = capture(common::BEGIN);
    let mut rest = &octets[24..];
    let mut samples = Vec::new();
    while !rest.is_empty() {
        let word = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
        let nanos = u64::from(word(0)) * 1_000_000_000 + u64::from(word(4)) * 1000;
        let length = word(8) as usize;
        samples.push(Sample::new(nanos, &rest[16..16 + length]));
        rest = &rest[16 + length..];
    }
    samples
}

/// The flow records of a run.
fn flow_records(octets: &[u8]) -> Vec<Vec<u8>> {
    records(octets)
        .into_iter()
        .filter_map(|seen| match seen {
            Seen::Flow(record) => Some(record),
            Seen::Mar(_) => None,
        })
        .collect()
}

fn every_ethernet_format() -> Vec<(&'static str, Vec<u8>)> {
    let s = samples();
    let plain = Interface { link: 1, resolution: None, offset: None };
    let fine = Interface { resolution: Some(9), offset: Some(1_000_000), ..plain };
    let coarse = Interface { resolution: Some(0x80 | 30), ..plain };
    vec![
        ("big.pcap", write::pcap(&s, 1, Order::Big, false)),
        ("nano.pcap", write::pcap(&s, 1, Order::Little, true)),
        ("bignano.pcap", write::pcap(&s, 1, Order::Big, true)),
        ("one.pcapng", write::pcapng(&s, &[plain], Order::Little, 6)),
        ("three.pcapng", write::pcapng(&s, &[plain, fine, coarse], Order::Big, 6)),
        ("old.pcapng", write::pcapng(&s, &[plain, fine], Order::Little, 2)),
        ("one.snoop", write::snoop(&s, 1, 4)),
        ("two.snoop", write::snoop(&s, 2, 4)),
        ("one.erf", write::erf(&s)),
        ("erf", write::erf(&s)),
    ]
}

#[test]
fn every_format_gives_the_same_records() {
    let folder = Folder::new();
    let expected = run(&["-mAJZR", "-U", "32", "-r", &folder.text("t.pcap"), "-w", "-"]);
    let expected = flow_records(&expected.stdout);
    assert_eq!(expected.len(), 2);
    for (name, octets) in every_ethernet_format() {
        let path = folder.write(name, &octets);
        let output = run(&["-mAJZR", "-U", "32", "-r", &path, "-w", "-"]);
        assert_eq!((output.status.code(), told(&output).as_str()), (Some(0), ""), "{name}");
        assert_eq!(flow_records(&output.stdout), expected, "{name}");
        // The same through a filter that other links than the file's have no words for.
        let filter = ["-", "not", "ether", "src", "02:ff:ff:ff:ff:ff"];
        let output = run(&[&["-mAJZR", "-U", "32", "-r", &path, "-w", "-"], &filter[..]].concat());
        assert_eq!((output.status.code(), told(&output).as_str()), (Some(0), ""), "{name}");
        assert_eq!(flow_records(&output.stdout), expected, "{name}");
        // The same from a pipe, and through a filter that keeps one of the two.
        let mut child = argus()
            .args(["-mAJZR", "-U", "32", "-r", "-", "-w", "-", "-", "tcp", "port", "80"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&octets).unwrap();
        let piped = flow_records(&child.wait_with_output().unwrap().stdout);
        assert_eq!(piped.len(), 1, "{name}");
        let mut kept = expected.clone();
        // Sequence numbers count the flows of a run.
        kept.retain(|record| record.len() == piped[0].len());
        assert_eq!(kept.len(), 1, "{name}");
        assert_eq!(piped[0][16..], kept[0][16..], "{name}");
    }
}

#[test]
fn compressed_captures_of_every_format() {
    let folder = Folder::new();
    let expected = flow_records(&run(&["-r", &folder.text("t.pcap"), "-w", "-"]).stdout);
    for (name, octets) in every_ethernet_format() {
        let path = folder.write(name, &octets);
        for (program, ending) in [("gzip", "gz"), ("zstd", "zst"), ("bzip2", "bz2"), ("xz", "xz")] {
            if !common::installed(program) {
                continue;
            }
            let packed = Command::new(program).args(["-c", &path]).output().unwrap().stdout;
            let path = folder.write(&format!("{name}.{ending}"), &packed);
            let output = run(&["-r", &path, "-w", "-"]);
            assert_eq!(told(&output), "", "{name}.{ending}");
            assert_eq!(flow_records(&output.stdout), expected, "{name}.{ending}");
            let mut child = argus()
                .args(["-r", "-", "-w", "-"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            child.stdin.take().unwrap().write_all(&packed).unwrap();
            assert_eq!(flow_records(&child.wait_with_output().unwrap().stdout), expected, "{name}.{ending}");
        }
    }
}

/// TSH keeps 16 octets behind the IPv4 header: the same as a raw IP capture cut there.
#[test]
fn tsh_is_raw_ip_cut_short() {
    let folder = Folder::new();
    let cut: Vec<Sample> = samples()
        .iter()
        .map(|sample| {
            let mut packet = sample.data[14..].to_vec();
            let length = packet.len() as u32;
            packet.truncate(36);
            Sample { nanos: sample.nanos, data: packet, length }
        })
        .collect();
    let raw = folder.write("raw.pcap", &write::pcap(&cut, 101, Order::Little, false));
    let expected = flow_records(&run(&["-r", &raw, "-w", "-"]).stdout);
    assert_eq!(expected.len(), 2);
    let tsh = folder.write("trace", &write::tsh(&cut));
    for options in [&["-t"][..], &[]] {
        let output = run(&[options, &["-r", &tsh, "-w", "-"]].concat());
        assert_eq!((output.status.code(), told(&output).as_str()), (Some(0), ""));
        assert_eq!(flow_records(&output.stdout), expected);
    }
    // What -t says counts only where the content tells nothing.
    let output = run(&["-t", "-r", &folder.text("t.pcap"), "-w", "-"]);
    assert_eq!(flows(&records(&output.stdout)), 2);
}

#[test]
fn interfaces_with_different_link_types() {
    let folder = Folder::new();
    let s = samples();
    // The same packets, every second one without its Ethernet header.
    let mixed: Vec<Sample> = s
        .iter()
        .enumerate()
        .map(|(i, sample)| Sample::new(sample.nanos, &sample.data[if i % 2 == 0 { 0 } else { 14 }..]))
        .collect();
    let ethernet = Interface { link: 1, resolution: None, offset: None };
    let raw = Interface { link: 101, resolution: Some(9), offset: None };
    let path = folder.write("mixed.pcapng", &write::pcapng(&mixed, &[ethernet, raw], Order::Little, 6));
    for (filter, count) in [("ip", 2), ("udp", 1), ("src host 192.0.2.1", 2), ("udp src port 5353", 1)] {
        let mut arguments = vec!["-r", &path, "-w", "-", "-"];
        arguments.extend(filter.split(' '));
        let output = run(&arguments);
        assert_eq!((output.status.code(), told(&output).as_str()), (Some(0), ""), "{filter}");
        assert_eq!(flows(&records(&output.stdout)), count, "{filter}");
    }
    let output = run(&["-r", &path, "-w", "-"]);
    assert_eq!(mars(&records(&output.stdout))[1].packets, 8);
    // A filter that one of the link types has no words for is told.
    let output = run(&["-r", &path, "-w", "-", "-", "ether", "src", "02:00:00:00:00:01"]);
    assert_eq!((output.status.code(), told(&output).lines().count()), (Some(1), 1), "{}", told(&output));
}

/// Cut within a packet: one line, status 1, the packets before it counted.
#[test]
fn cut_captures_of_every_format() {
    let folder = Folder::new();
    for (name, octets) in every_ethernet_format() {
        let path = folder.write(name, &octets[..octets.len() - 9]);
        let output = run(&["-r", &path, "-w", "-"]);
        let text = told(&output);
        assert_eq!((output.status.code(), text.lines().count()), (Some(1), 1), "{name}: {text}");
        assert!(text.starts_with(&format!("argus: {path}: truncated")), "{name}: {text}");
        let seen = records(&output.stdout);
        assert_eq!((flows(&seen), mars(&seen)[1].packets), (2, 7), "{name}");
    }
}

#[test]
fn damaged_captures_of_every_format_end() {
    let folder = Folder::new();
    let mut seed = 7u32;
    for (name, whole) in every_ethernet_format() {
        for round in 0..12usize {
            let mut octets = whole.clone();
            for _ in 0..1 + round % 4 {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = (seed >> 8) as usize % octets.len();
                octets[at] ^= (seed >> 24) as u8 | 1;
            }
            let path = folder.write(name, &octets);
            let output = run(&["-r", &path, "-mAJZR", "-U", "64", "-w", "-"]);
            let text = told(&output);
            assert!(matches!(output.status.code(), Some(0 | 1)), "{name}: {:?} {text}", output.status);
            assert_eq!(text.lines().count(), output.status.code().unwrap() as usize, "{name}: {text}");
            assert_eq!(mars(&records(&output.stdout)).len(), 2, "{name}");
        }
    }
}

/// Each part of a file comes when the one before has been read.
#[test]
fn a_growing_pcapng_is_followed() {
    let folder = Folder::new();
    let whole =
        write::pcapng(&samples(), &[Interface { link: 1, resolution: None, offset: None }], Order::Little, 6);
    let path = folder.write("grows.pcapng", b"");
    let out = folder.path("out");
    let mut sensor =
        Running::start(argus().args(["-f", "-M", "0.2", "-r", &path, "-w", out.to_str().unwrap()]));
    let mut written = 0;
    for part in [3, 60, 200, 201, whole.len()] {
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(&whole[written..part]).unwrap();
        written = part;
        // Management records keep coming while there is nothing to read.
        let before = mars(&common::read_so_far(&out)).len();
        wait_for("a management record", || {
            (mars(&common::read_so_far(&out)).len() > before + 1).then_some(())
        });
    }
    wait_for("all packets", || {
        let packets: u64 = mars(&common::read_so_far(&out)).iter().map(|mar| mar.packets).sum();
        (packets >= 8).then_some(())
    });
    sensor.signal(Signal::SIGTERM);
    assert!(sensor.end().success());
    assert_eq!(flows(&common::read(&out)), 2);
}

#[test]
fn a_followed_file_that_is_replaced_or_cut_begins_anew() {
    let folder = Folder::new();
    let whole = capture(common::BEGIN);
    let path = folder.write("turns.pcap", &whole);
    let out = folder.path("out");
    let mut command = argus();
    command.args(["-f", "-M", "0.2", "-r", &path, "-w", out.to_str().unwrap()]).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let packets = |most: u64| {
        wait_for("packets", || {
            let sum: u64 = mars(&common::read_so_far(&out)).iter().map(|mar| mar.packets).sum();
            (sum >= most).then_some(())
        });
    };
    packets(8);
    std::fs::rename(&path, folder.path("turns.pcap.1")).unwrap();
    folder.write("new.pcap", &write::pcap(&samples(), 1, Order::Big, true));
    std::fs::rename(folder.path("new.pcap"), &path).unwrap();
    packets(16);
    folder.write("turns.pcap", &whole[..whole.len() - 60]);
    packets(23);
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
    let status = child.wait().unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut text).unwrap();
    assert!(status.success(), "{text}");
    assert!(text.contains("was replaced") && text.contains("was cut short"), "{text}");
}

/// A signal in the middle of an input that has no end: all flows and the last management record are written.
#[test]
fn a_signal_ends_a_long_input_in_order() {
    let folder = Folder::new();
    let out = folder.path("out");
    let mut child =
        argus().args(["-r", "-", "-w", out.to_str().unwrap()]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let feed = std::thread::spawn(move || {
        let packets = capture(common::BEGIN)[24..].repeat(100);
        if input.write_all(&capture(common::BEGIN)).is_ok() {
            while input.write_all(&packets).is_ok() {}
        }
    });
    wait_for("records", || (out.exists() && std::fs::metadata(&out).unwrap().len() > 50_000).then_some(()));
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
    assert!(child.wait().unwrap().success());
    feed.join().unwrap();
    let seen = common::read(&out);
    let last = mars(&seen).last().unwrap().clone();
    assert_eq!(last.header.cause, record::Cause::Stop);
}

/// A pipe that nobody has opened for writing yet does not keep a signal waiting.
#[test]
fn a_named_pipe_without_a_writer() {
    let folder = Folder::new();
    let (path, out) = (folder.path("pipe"), folder.path("out"));
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut sensor = Running::start(argus().args([
        "-r",
        path.to_str().unwrap(),
        "-w",
        out.to_str().unwrap(),
        "-M",
        "0.2",
    ]));
    wait_for("a management record", || (mars(&common::read_so_far(&out)).len() > 1).then_some(()));
    sensor.signal(Signal::SIGTERM);
    assert!(sensor.end().success());
}

/// An IPv4 packet from 127.0.0.2 with an export datagram in it.
fn export(payload: &[u8]) -> Sample {
    let length = 28 + payload.len() as u16;
    let mut packet = vec![0x45, 0];
    packet.extend(length.to_be_bytes());
    packet.extend([0, 1, 0, 0, 64, 17, 0, 0, 127, 0, 0, 2, 127, 0, 0, 1, 0x30, 0x39, 0x08, 0x07]);
    packet.extend((length - 20).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(payload);
    Sample::new(1_700_000_000_000_000_000, &packet)
}

/// A v5 datagram with one flow: 10.1.1.1:40000 to 10.2.2.2:80, 10 packets of 5000 octets, SYN and PUSH among its flags.
fn version_5() -> Vec<u8> {
    let mut datagram = vec![0, 5, 0, 1];
    for word in [
        100_000u32,
        1_700_000_000,
        500_000_000,
        1,
        0,
        0x0a01_0101,
        0x0a02_0202,
        0,
        0x0003_0007,
        10,
        5000,
        90_000,
        95_250,
        0x9c40_0050,
        0x000a_0648,
        0xfbf4_fbf5,
        0x1810_0000,
    ] {
        datagram.extend(word.to_be_bytes());
    }
    datagram
}

#[test]
fn flows_out_of_export_packets() {
    let folder = Folder::new();
    let samples = [export(&version_5()), export(b"no export"), export(&[0, 8, 0, 1, 0, 0])];
    let path = folder.write("exports.pcap", &write::pcap(&samples, 101, Order::Little, false));
    let plain = run(&["-r", &path, "-w", "-"]);
    let output = run(&["-r", &format!("cisco:{path}"), "-w", "-"]);
    assert_eq!((output.status.code(), told(&output).as_str()), (Some(0), ""));
    let seen = records(&output.stdout);
    assert_eq!((flows(&records(&plain.stdout)), flows(&seen)), (1, 2));
    assert_eq!(mars(&seen)[1].records, mars(&records(&plain.stdout))[1].records + 1);
    let foreign: Vec<Vec<u8>> =
        flow_records(&output.stdout).into_iter().filter(|record| record[0] & 0xf0 == 0x30).collect();
    assert_eq!(foreign.len(), 1);
    // Debian's ra reads it.
    if common::installed("ra") {
        let file = folder.write("out", &output.stdout);
        let shown = common::ra(&[
            "-r", &file, "-s", "srcid", "stime", "proto", "saddr", "sport", "dir", "daddr", "dport",
        ])
        .args(["spkts", "sbytes", "state", "stos", "sas", "das", "-", "tcp"])
        .output()
        .unwrap();
        let shown = String::from_utf8_lossy(&shown.stdout).replace(' ', "");
        let row = shown.lines().last().unwrap_or_default();
        let expected =
            "127.0.0.2|1699999990.500000|tcp|10.1.1.1|40000|->|10.2.2.2|80|10|5000|CON|72|64500|64501";
        assert_eq!(row, expected, "{shown}");
    }
    // Nothing in it is told, and is no failure.
    let output = run(&["-r", &format!("cisco:{}", folder.text("t.pcap")), "-w", "-"]);
    assert_eq!((output.status.code(), told(&output).lines().count()), (Some(0), 1));
    assert!(told(&output).contains("no NetFlow in it"));
}

/// `-C` keeps all user data of ARP and of the ports that are named, and only of these.
#[test]
fn control_plane_mode() {
    let folder = Folder::new();
    let mut arp = vec![0xff; 6];
    arp.extend([2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1]);
    arp.extend([0, 0, 0, 0, 0, 0, 10, 0, 0, 2]);
    arp.extend([7; 18]);
    let mut all = samples();
    all.push(Sample::new(all[7].nanos + 1, &arp));
    let path = folder.write("control.pcap", &write::pcap(&all, 1, Order::Little, false));
    let conf = folder.write("conf", b"ARGUS_CONTROLPLANE_PROTO=udp:5353\n");
    // Octets of user data of each record, with what its section says could be.
    let kept = |arguments: &[&str]| -> Vec<(u16, u16)> {
        let output = run(&[arguments, &["-r", &path, "-w", "-"]].concat());
        assert!(output.status.success(), "{}", told(&output));
        flow_records(&output.stdout)
            .iter()
            .filter_map(|octets| {
                let record = record::Record::from(record::RecordView::new(octets).unwrap());
                record.src_data().map(|data| (data.bytes.len() as u16, data.size))
            })
            .collect()
    };
    assert_eq!(kept(&[]), []);
    assert_eq!(kept(&["-C"]), [(18, 0xffff)]);
    assert_eq!(kept(&["-C", "-F", &conf]), [(5, 0xffff), (18, 0xffff)]);
    assert_eq!(kept(&["-C", "-U", "4"]), [(4, 4), (0, 4), (18, 0xffff)]);
}
