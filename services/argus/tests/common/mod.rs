//! What the tests share: a small capture made in code, the sensor, readers of its records.
#![allow(dead_code)]

pub mod namespace;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use record::{Mar, RecordView};

/// Time of the first packet of [`capture`].
pub const BEGIN: u32 = 1_700_000_000;

/// The sensor.
pub fn argus() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_argus"));
    command.arg("-X").stdin(Stdio::null()).env("TZ", "UTC");
    command
}

/// Runs the sensor to its end.
pub fn run(arguments: &[&str]) -> Output {
    argus().args(arguments).output().expect("the sensor runs")
}

/// Standard error as text.
pub fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The eight packets of the transport chapter's head: two UDP, six TCP, between 192.0.2.1 and 198.51.100.2.
pub fn capture(begin: u32) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(0xa1b2_c3d4u32.to_le_bytes());
    file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    file.extend(65_535u32.to_le_bytes());
    file.extend(1u32.to_le_bytes());
    let mut add = |micros: u32, frame: Vec<u8>| {
        file.extend((begin + micros / 1_000_000).to_le_bytes());
        file.extend((micros % 1_000_000).to_le_bytes());
        file.extend((frame.len() as u32).to_le_bytes());
        file.extend((frame.len() as u32).to_le_bytes());
        file.extend(frame);
    };
    add(0, udp(false, b"hello"));
    add(100_000, udp(true, b"world!!"));
    let (syn, fin, ack) = (2, 1, 16);
    add(1_000_000, tcp(false, 100, 0, syn));
    add(1_100_000, tcp(true, 500, 101, syn | ack));
    add(1_200_000, tcp(false, 101, 501, ack));
    add(1_300_000, tcp(false, 101, 501, fin | ack));
    add(1_400_000, tcp(true, 501, 102, fin | ack));
    add(1_500_000, tcp(false, 102, 502, ack));
    file
}

fn ip(reply: bool, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let (a, b) = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    let (client, server) = ([192, 0, 2, 1], [198, 51, 100, 2]);
    let mut frame = Vec::new();
    frame.extend(if reply { a } else { b });
    frame.extend(if reply { b } else { a });
    frame.extend([8, 0, 0x45, 0]);
    frame.extend((20 + payload.len() as u16).to_be_bytes());
    frame.extend([0, 1, 0, 0, 64, protocol, 0, 0]);
    frame.extend(if reply { server } else { client });
    frame.extend(if reply { client } else { server });
    frame.extend(payload);
    frame
}

fn ports(reply: bool, client: u16, server: u16) -> [u8; 4] {
    let (from, to) = if reply { (server, client) } else { (client, server) };
    let ([a, b], [c, d]) = (from.to_be_bytes(), to.to_be_bytes());
    [a, b, c, d]
}

fn udp(reply: bool, data: &[u8]) -> Vec<u8> {
    let mut payload = ports(reply, 40_000, 5353).to_vec();
    payload.extend((8 + data.len() as u16).to_be_bytes());
    payload.extend([0, 0]);
    payload.extend(data);
    ip(reply, 17, &payload)
}

fn tcp(reply: bool, sequence: u32, acknowledged: u32, flags: u8) -> Vec<u8> {
    let mut payload = ports(reply, 40_001, 80).to_vec();
    payload.extend(sequence.to_be_bytes());
    payload.extend(acknowledged.to_be_bytes());
    payload.extend([0x50, flags, 0x20, 0, 0, 0, 0, 0]);
    ip(reply, 6, &payload)
}

/// A folder with [`capture`] in it as `t.pcap`.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        let folder = Folder(tempfile::tempdir().expect("a temporary folder"));
        folder.write("t.pcap", &capture(BEGIN));
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("UTF-8").to_owned()
    }

    pub fn write(&self, name: &str, octets: &[u8]) -> String {
        std::fs::write(self.path(name), octets).expect("a file");
        self.text(name)
    }
}

/// What a record is, for comparing.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// A management record.
    Mar(Box<Mar>),
    /// A flow record: its octets.
    Flow(Vec<u8>),
}

/// The records of a file. Panics when they are not whole.
pub fn records(octets: &[u8]) -> Vec<Seen> {
    let mut rest = octets;
    let mut seen = Vec::new();
    while !rest.is_empty() {
        let words = u16::from_be_bytes([rest[2], rest[3]]);
        let (record, more) = rest.split_at(usize::from(words) * 4);
        RecordView::new(record).expect("a sound record");
        seen.push(match Mar::parse(record) {
            Some(mar) => Seen::Mar(Box::new(mar)),
            None => Seen::Flow(record.to_vec()),
        });
        rest = more;
    }
    seen
}

/// The records of a file.
pub fn read(path: &Path) -> Vec<Seen> {
    records(&std::fs::read(path).expect("an output"))
}

/// The whole records of a file that is being written.
pub fn read_so_far(path: &Path) -> Vec<Seen> {
    let octets = std::fs::read(path).unwrap_or_default();
    let mut whole = 0;
    while let Some([high, low]) = octets.get(whole + 2..whole + 4) {
        match whole + usize::from(u16::from_be_bytes([*high, *low])) * 4 {
            next if next <= octets.len() => whole = next,
            _ => break,
        }
    }
    records(&octets[..whole])
}

/// Its management records.
pub fn mars(seen: &[Seen]) -> Vec<Mar> {
    seen.iter()
        .filter_map(|record| match record {
            Seen::Mar(mar) => Some((**mar).clone()),
            Seen::Flow(_) => None,
        })
        .collect()
}

/// How many flow records there are.
pub fn flows(seen: &[Seen]) -> usize {
    seen.iter().filter(|record| matches!(record, Seen::Flow(_))).count()
}

/// Waits for a condition, at most a minute.
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a program is installed; says so when it is not.
pub fn installed(program: &str) -> bool {
    let there = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()));
    if !there {
        eprintln!("skipped: {program} is not installed");
    }
    there
}

/// Debian's `ra`, without its configuration files.
pub fn ra(arguments: &[&str]) -> Command {
    // Nothing that a client does may hang the tests.
    let mut command = Command::new("timeout");
    command
        .args(["20", "ra", "-X", "-n", "-u", "-c", "|"])
        .args(arguments)
        .stdin(Stdio::null())
        .env("TZ", "UTC");
    command
}

/// A free TCP port of the loopback interface.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address").port()
}

/// A sensor that runs; killed when dropped.
pub struct Running(pub std::process::Child);

impl Running {
    pub fn start(command: &mut Command) -> Self {
        Running(command.spawn().expect("the sensor starts"))
    }

    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).expect("a pid"));
        nix::sys::signal::kill(pid, signal).expect("the sensor runs");
    }

    /// Waits for its end; the exit status.
    pub fn end(&mut self) -> std::process::ExitStatus {
        wait_for("the sensor's end", || self.0.try_wait().expect("a child"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A capture of so many UDP flows of one packet.
pub fn many_flows(count: u16) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 1u32] {
        file.extend(word.to_le_bytes());
    }
    for port in 0..count {
        let mut frame =
            vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0];
        frame.extend([10, 0, 0, 1, 10, 0, 0, 2]);
        frame.extend(port.to_be_bytes());
        frame.extend([0x30, 0x39, 0, 8, 0, 0]);
        for word in [BEGIN + u32::from(port / 100), 0, frame.len() as u32, frame.len() as u32] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}
