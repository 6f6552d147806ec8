//! The box audits a network, seen from outside: boots, sensors, ground truth, collectors, archive, firewall.
//!
//! A boot under TCG takes its time, so each test checks many things on one boot.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use qemu_tests::records::{self, Collector, Relay, ledger_of, lines_of, wait_for};
use qemu_tests::{
    Answer, BOX_ADDRESS, Conversation, Firmware, LET_IN, Ledger, MANAGEMENT_MAC, Machine, Options, Port,
    Scanner, Segment, Shell, Stopped, Witness, default_image, free_port, get, lab_image, lab_seed, tap_srcid,
    wait_until_ready,
};

/// How long a box may take from QEMU's start until everything answers, on a machine that is busy with other things.
const BOOT: Duration = Duration::from_secs(180);
/// How long the records of a conversation may take: the status interval, twice, and the way through a busy machine.
const REPORT: Duration = Duration::from_secs(45);
const TAPS: usize = 3;

/// QEMU takes both cores: one machine at a time.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn boot(image: PathBuf, firmware: Firmware, taps: usize) -> Machine {
    let options = Options { image, firmware, taps, seed: Some(lab_seed(30)), console: None };
    Machine::boot(options).unwrap()
}

fn srcids(taps: usize) -> Vec<u32> {
    (0..taps).map(tap_srcid).collect()
}

/// Conversations on the segment of tap `number` between hosts of the network 10.`net`.`number`.0/24; gives back the
/// segment with its ledger.
fn talk(net: u8, number: u8, tap: Port, size: usize) -> Segment {
    let mut segment = Segment::new(Some(tap)).unwrap();
    let host = |last: u8| Ipv4Addr::new(10, net, number, last);
    let (client, server, other) =
        (segment.add_host(host(1)), segment.add_host(host(2)), segment.add_host(host(3)));
    let conversations = [
        Conversation::Tcp { client, server, port: 80, request: 300, answer: size },
        Conversation::Tcp { client: other, server, port: 2525, request: size / 2, answer: 40 },
        Conversation::Udp {
            client,
            server: other,
            port: 9999,
            datagrams: 7,
            request: 100 + number as usize,
            answer: 700,
        },
        Conversation::Udp { client: other, server: client, port: 4500, datagrams: 1, request: 5, answer: 5 },
        Conversation::Echo { client, server, requests: 5, payload: 56 },
        Conversation::Echo { client: other, server: client, requests: 2, payload: 1200 },
    ];
    segment.converse(&conversations, Duration::from_secs(60)).unwrap();
    segment
}

/// Talk on all taps at the same time; gives back the segments and what was on their wires.
fn talk_everywhere(net: u8, taps: Vec<Port>) -> (Vec<Segment>, Ledger) {
    let threads: Vec<_> = taps
        .into_iter()
        .enumerate()
        .map(|(number, tap)| thread::spawn(move || talk(net, number as u8, tap, 20_000 + 5_000 * number)))
        .collect();
    let segments: Vec<Segment> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let mut truth = Ledger::new();
    segments.iter().for_each(|segment| truth.merge(segment.ledger()));
    (segments, truth)
}

/// Waits until what `read` gives is the truth; on time-out tells the differences.
fn wait_for_truth(who: &str, truth: &Ledger, mut read: impl FnMut() -> Option<Ledger>) {
    let mut differences = vec!["nothing could be read".to_string()];
    let seen = wait_for(who, REPORT, || {
        if let Some(seen) = read() {
            differences = truth.differences(&seen);
        }
        Ok(differences.is_empty().then_some(()))
    });
    assert!(seen.is_ok(), "{who} does not show what was on the wire:\n{}", differences.join("\n"));
}

/// The flows between hosts of 10.`net`.0.0/16.
fn only_net(mut ledger: Ledger, net: u8) -> Ledger {
    ledger.retain(|key| key.source.octets()[..2] == [10, net]);
    ledger
}

fn services(shell: &mut Shell) -> BTreeSet<String> {
    let names = shell.run("ls -d /run/service/argus.*").unwrap();
    names.lines().filter_map(|path| path.rsplit('/').next()).map(str::to_string).collect()
}

/// Process id of a supervised service that is up; 0 when it is down, or its supervisor is only just starting.
fn pid(shell: &mut Shell, service: &str) -> u32 {
    let said = shell.run(&format!("s6-svstat -o up,pid /run/service/{service}")).unwrap_or_default();
    match said.split_once(' ') {
        Some(("true", pid)) => pid.trim().parse().unwrap_or(0),
        _ => 0,
    }
}

/// Whether a supervised service has said that it is ready.
fn is_ready(shell: &mut Shell, service: &str) -> bool {
    shell.run(&format!("s6-svstat -o ready /run/service/{service}")).is_ok_and(|said| said.trim() == "true")
}

/// All files below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort_unstable();
    found
}

/// Record files of the archive on a machine that is off, copied to `folder`.
fn archive(stopped: &Stopped, folder: &Path) -> Vec<PathBuf> {
    stopped.disk().read_data("/archive", folder).unwrap();
    let named =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("argus."));
    let files: Vec<PathBuf> = files(folder).into_iter().filter(named).collect();
    assert!(!files.is_empty(), "the archive has no files");
    files
}

#[test]
fn it_audits_three_nics() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let mut machine = boot(lab_image(), Firmware::Bios, TAPS);
    wait_until_ready(&mut machine, &srcids(TAPS), BOOT).unwrap();
    eprintln!("up {:?} after QEMU's start", machine.age());
    let mut shell = machine.shell().unwrap();

    // One sensor for each audited NIC, each a process of its own.
    let wanted: BTreeSet<String> = ["argus.em1", "argus.em2", "argus.em3"].map(String::from).into();
    assert_eq!(services(&mut shell), wanted);
    let pids: BTreeSet<u32> = wanted.iter().map(|service| pid(&mut shell, service)).collect();
    assert!(pids.len() == TAPS && !pids.contains(&0), "{pids:?}");

    // Collectors: Debian's ra, ours, Debian's ra behind Debian's radium, and one in this process.
    let debian = Path::new(records::DEBIAN_RA);
    let own = records::own_ra();
    let relay = Relay::start(machine.radium(), free_port().unwrap()).unwrap();
    let by_debian = Collector::attach(debian, machine.radium(), &folder.path().join("debian")).unwrap();
    let by_own = Collector::attach(&own, machine.radium(), &folder.path().join("own")).unwrap();
    let by_relay = Collector::attach(debian, relay.port, &folder.path().join("relay")).unwrap();
    let witness = Witness::attach(machine.radium()).unwrap();
    let witnessed = folder.path().join("witness");
    // The sensors' management records, which come every 5 s, show that each collector hears the box.
    for collector in [&by_debian, &by_own, &by_relay] {
        wait_for("octets at a collector", REPORT, || {
            Ok(std::fs::metadata(collector.file()).is_ok_and(|data| data.len() > 128).then_some(()))
        })
        .unwrap();
    }

    let taps = (0..TAPS).map(|number| machine.tap(number).unwrap()).collect();
    let (mut segments, truth) = talk_everywhere(1, taps);
    for (protocol, least) in [("tcp", 2), ("udp", 2), ("icmp", 2), ("arp", 3)] {
        let flows = truth.flows().keys().filter(|key| key.protocol == protocol).count();
        assert!(flows >= TAPS * least, "{flows} {protocol} flows");
    }
    wait_for_truth("a reader in this process", &truth, || {
        witness.write(&witnessed, Instant::now()).unwrap();
        Some(only_net(ledger_of(debian, &witnessed).unwrap(), 1))
    });
    let files = [
        ("Debian's ra", debian, by_debian),
        ("our ra", own.as_path(), by_own),
        ("Debian's radium", debian, by_relay),
    ];
    let mut lines = Vec::new();
    for (who, program, collector) in files {
        // What the collector has not written yet it writes in a moment; a file is torn while it grows.
        wait_for_truth(who, &truth, || ledger_of(program, collector.file()).ok());
        let file = collector.stop().unwrap();
        assert_eq!(
            truth.differences(&ledger_of(program, &file).unwrap()),
            Vec::<String>::new(),
            "{who}, at its end"
        );
        assert_eq!(
            truth.differences(&ledger_of(&own, &file).unwrap()),
            Vec::<String>::new(),
            "{who}, read by our ra"
        );
        lines.push((who, lines_of(debian, &[file]).unwrap()));
    }

    a_killed_sensor_comes_back(&mut shell);
    let plugged = a_new_nic_gets_a_sensor(&mut machine, &mut shell, &witness, &witnessed);
    nobody_else_is_answered(&machine);
    segments.push(plugged);
    taps_stay_silent(&mut segments);

    // Off in order; what the archive has is what the collectors got.
    let ending = shell.run("kill -USR2 1");
    eprintln!("power off: {ending:?}");
    let stopped = machine.wait_for_end(Duration::from_secs(60)).unwrap();
    let archived = archive(&stopped, &folder.path().join("archive"));
    let mut seen = Ledger::new();
    archived.iter().for_each(|file| seen.merge(&ledger_of(debian, file).unwrap()));
    assert_eq!(truth.differences(&only_net(seen, 1)), Vec::<String>::new(), "the archive");
    let kept: BTreeSet<String> = lines_of(debian, &archived).unwrap().into_iter().collect();
    for (who, lines) in lines {
        let lost: Vec<&String> = lines.iter().filter(|line| !kept.contains(*line)).collect();
        assert!(lost.is_empty(), "{who} got records that the archive has not: {lost:#?}");
    }
}

fn a_killed_sensor_comes_back(shell: &mut Shell) {
    let before = pid(shell, "argus.em2");
    shell.run(&format!("kill -KILL {before}")).unwrap();
    wait_for("sensor in the place of the killed one", Duration::from_secs(20), || {
        let now = pid(shell, "argus.em2");
        Ok((now != 0 && now != before && is_ready(shell, "argus.em2")).then_some(()))
    })
    .unwrap();
}

/// Plugs in a fourth tap NIC; its sensor comes by itself and what it sees arrives at a collector that was there before.
fn a_new_nic_gets_a_sensor(
    machine: &mut Machine,
    shell: &mut Shell,
    witness: &Witness,
    file: &Path,
) -> Segment {
    let port = machine.plug_in().unwrap();
    wait_for("sensor of the new NIC", Duration::from_secs(30), || {
        let up = services(shell).contains("argus.em4") && pid(shell, "argus.em4") != 0;
        Ok((up && shell.run("s6-svstat -o ready /run/service/argus.em4").unwrap().trim() == "true")
            .then_some(()))
    })
    .unwrap();
    // Attached to radium too: its management record has come.
    wait_for_line(witness, file, &format!("{},", tap_srcid(3)));
    let segment = talk(2, 0, port, 9000);
    wait_for_truth("radium, of the new NIC,", segment.ledger(), || {
        witness.write(file, Instant::now()).unwrap();
        Some(only_net(ledger_of(Path::new(records::DEBIAN_RA), file).unwrap(), 2))
    });
    segment
}

/// Waits for a record of any kind whose first column is `srcid`.
fn wait_for_line(witness: &Witness, file: &Path, srcid: &str) {
    wait_for("record of the new sensor", REPORT, || {
        witness.write(file, Instant::now())?;
        let output = std::process::Command::new(records::DEBIAN_RA)
            .args(["-X", "-n", "-c", ",", "-M", "man", "-r"])
            .arg(file)
            .args(["-s", "srcid", "proto"])
            .output()
            .unwrap();
        Ok(String::from_utf8_lossy(&output.stdout).lines().any(|line| line.starts_with(srcid)).then_some(()))
    })
    .unwrap();
}

fn nobody_else_is_answered(machine: &Machine) {
    let patience = Duration::from_secs(3);
    // Whoever is on the lists finds exactly the two ports: the scan sees what there is to see.
    let mut friend = Scanner::plug_in(machine.management(), LET_IN);
    let open = friend.tcp([22, 80, 443, 561, 562, 4000, 4001].into_iter(), patience).unwrap();
    assert_eq!(open.into_iter().collect::<Vec<_>>(), [(443, Answer::Open), (561, Answer::Open)]);

    let mut stranger = Scanner::plug_in(machine.management(), Ipv4Addr::new(10, 0, 2, 77));
    let began = Instant::now();
    let answered = stranger.tcp(1..=u16::MAX, patience).unwrap();
    eprintln!("65,535 ports in {:?}", began.elapsed());
    assert!(answered.is_empty(), "ports that answer a stranger: {answered:?}");
    stranger.udp([53, 67, 68, 123, 161, 514, 561, 5353].into_iter(), patience).unwrap();
    assert!(stranger.others().is_empty(), "a stranger hears {:?}", stranger.others());

    // All ports but the two are closed for friends too.
    let answered = friend.tcp(1..=u16::MAX, patience).unwrap();
    assert_eq!(answered.into_iter().collect::<Vec<_>>(), [(443, Answer::Open), (561, Answer::Open)]);
}

/// On a tap NIC's wire nothing was ever heard from the box, and nothing answers what begs for an answer.
fn taps_stay_silent(segments: &mut [Segment]) {
    for (number, segment) in segments.iter_mut().enumerate() {
        for frame in provocations(number) {
            segment.inject(&frame).unwrap();
        }
    }
    thread::sleep(Duration::from_secs(3));
    for (number, segment) in segments.iter_mut().enumerate() {
        let heard = segment.from_tap().unwrap();
        assert!(
            heard.is_empty(),
            "tap {number} has sent {} frames, the first: {:02x?}",
            heard.len(),
            heard[0]
        );
    }
}

/// Frames that a host with any address or stack on that NIC would answer: ARP for the box's address, echo requests to
/// all, a connection to its hardware address, an IPv6 neighbour solicitation of all nodes.
fn provocations(number: usize) -> Vec<Vec<u8>> {
    let me = [2, 0xbb, 0, 0, 0, number as u8];
    let mine = [10, 0, 2, 99];
    let [a, b, c, d] = BOX_ADDRESS.octets();
    let tap = [MANAGEMENT_MAC[0], MANAGEMENT_MAC[1], 0, 0x20, 0, number as u8 + 1];
    let frame = |to: [u8; 6], kind: [u8; 2], payload: &[u8]| [&to[..], &me, &kind, payload].concat();
    let mut arp = vec![0, 1, 8, 0, 6, 4, 0, 1];
    arp.extend_from_slice(&[&me[..], &mine, &[0; 6], &[a, b, c, d]].concat());
    let ip = |protocol: u8, to: [u8; 4], payload: &[u8]| {
        let mut header =
            [[0x45, 0, 0, 20 + payload.len() as u8, 0, 1, 0, 0, 64, protocol, 0, 0], [0; 12]].concat();
        header.truncate(12);
        header.extend_from_slice(&mine);
        header.extend_from_slice(&to);
        let sum = checksum(&header);
        header[10..12].copy_from_slice(&sum);
        header.extend_from_slice(payload);
        header
    };
    let mut echo = vec![8, 0, 0, 0, 0x12, 0x34, 0, 1];
    let sum = checksum(&echo);
    echo[2..4].copy_from_slice(&sum);
    // SYN from port 99 to 443; checksum over the pseudo header (RFC 9293, section 3.1).
    let mut syn = vec![0, 99, 1, 187, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 4, 0, 0, 0, 0, 0];
    let sum = checksum(&[&mine[..], &[a, b, c, d], &[0, 6, 0, 20], &syn].concat());
    syn[16..18].copy_from_slice(&sum);
    let all_nodes = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let my_link_local = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0xbb, 0, 0xff, 0xfe, 0, 0, number as u8];
    let mut ping6 = vec![128, 0, 0, 0, 0, 1, 0, 1];
    let sum = checksum(&[&my_link_local[..], &all_nodes, &[0, 0, 0, 8, 0, 0, 0, 58], &ping6].concat());
    ping6[2..4].copy_from_slice(&sum);
    let ip6 = [&[0x60, 0, 0, 0, 0, 8, 58, 255][..], &my_link_local, &all_nodes, &ping6].concat();
    vec![
        frame([0xff; 6], [8, 6], &arp),
        frame([0xff; 6], [8, 0], &ip(1, [255, 255, 255, 255], &echo)),
        frame(tap, [8, 0], &ip(1, [a, b, c, d], &echo)),
        frame(tap, [8, 0], &ip(6, [a, b, c, d], &syn)),
        frame([0x33, 0x33, 0, 0, 0, 1], [0x86, 0xdd], &ip6),
    ]
}

/// The internet checksum (RFC 1071), big-endian.
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let sum: u32 = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low)))
        .sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    (!((sum & 0xffff) + (sum >> 16)) as u16).to_be_bytes()
}

#[test]
fn it_boots_under_uefi_and_ships_no_shell() {
    let _turn = turn();
    let mut machine = boot(default_image(), Firmware::Uefi, 1);
    wait_until_ready(&mut machine, &srcids(1), BOOT).unwrap();
    eprintln!("up {:?} after QEMU's start", machine.age());
    let code = machine.console().wait_for("claim code: ", Duration::from_secs(5)).unwrap();
    assert!(code.ends_with(|c: char| c.is_ascii_alphanumeric()), "{code}");
    assert!(get(machine.web(), "/", Duration::from_secs(20)).unwrap().status < 400);

    // It senses as well as under BIOS.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("records");
    let witness = Witness::attach(machine.radium()).unwrap();
    let segment = talk(1, 0, machine.tap(0).unwrap(), 4000);
    wait_for_truth("radium", segment.ledger(), || {
        witness.write(&file, Instant::now()).unwrap();
        Some(ledger_of(Path::new(records::DEBIAN_RA), &file).unwrap())
    });

    // Only lab images have a shell.
    let said = machine.shell().unwrap().run_within("echo here", Duration::from_secs(5));
    assert!(said.is_err(), "a shell answers in the image that is shipped: {said:?}");
}

#[test]
fn it_survives_a_power_cut_in_the_middle_of_writing() {
    let _turn = turn();
    /// The archive's sync interval, and what a record may need on its way from radium to the archiver.
    const SYNCED: Duration = Duration::from_secs(5 + 2);
    let folder = tempfile::tempdir().unwrap();
    let mut machine = boot(lab_image(), Firmware::Bios, 1);
    wait_until_ready(&mut machine, &srcids(1), BOOT).unwrap();
    let witness = Witness::attach(machine.radium()).unwrap();

    // Rounds of talk until there are records that must be kept and others that come right before the cut.
    let port = machine.tap(0).unwrap();
    let began = Instant::now();
    let mut net = 100;
    while began.elapsed() < Duration::from_secs(25) {
        talk(net, 0, port.share().unwrap(), 3000);
        net += 1;
        thread::sleep(Duration::from_millis(500));
    }
    let cut = Instant::now();
    let stopped = machine.kill().unwrap();
    let safe = folder.path().join("safe");
    let count = witness.write(&safe, cut - SYNCED).unwrap();
    assert!(count > 20, "only {count} records came in time");
    drop(witness);

    // It starts again by itself, and audits on.
    let mut machine = stopped.boot().unwrap();
    wait_until_ready(&mut machine, &srcids(1), BOOT).unwrap();
    eprintln!("up {:?} after the power cut", machine.age());
    let witness = Witness::attach(machine.radium()).unwrap();
    let after = folder.path().join("after");
    let segment = talk(1, 0, machine.tap(0).unwrap(), 3000);
    wait_for_truth("radium, after the cut,", segment.ledger(), || {
        witness.write(&after, Instant::now()).unwrap();
        Some(only_net(ledger_of(Path::new(records::DEBIAN_RA), &after).unwrap(), 1))
    });
    thread::sleep(SYNCED);
    let _ = machine.shell().unwrap().run("kill -USR2 1");
    let stopped = machine.wait_for_end(Duration::from_secs(60)).unwrap();

    // Every file of the archive opens, and holds what was safe before the cut and what came after it.
    let archived = archive(&stopped, &folder.path().join("archive"));
    let debian = Path::new(records::DEBIAN_RA);
    let kept: BTreeSet<String> = lines_of(debian, &archived).unwrap().into_iter().collect();
    for (file, when) in [(safe, "before the cut"), (after, "after the cut")] {
        let lines = lines_of(debian, &[file]).unwrap();
        let lost: Vec<&String> = lines.iter().filter(|line| !kept.contains(*line)).collect();
        assert!(
            !lines.is_empty() && lost.is_empty(),
            "of {} records {when} are lost: {lost:#?}",
            lines.len()
        );
    }
}
