//! What the tests of the network protocol share: records, the C programs, a server.
#![allow(dead_code)] // Every test file uses its part.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use record::{Builder, Cause, Kind, Mar, Metric, SourceId, Stamp, Transport, Version};
use stream::{Broadcast, Server, ServerConfig};

/// A UDP flow record with this sequence number, source port and destination port.
pub fn flow(sequence: u32, sport: u16, dport: u16) -> Vec<u8> {
    ip_flow(sequence, 17, sport, dport)
}

/// A flow record of any protocol with ports.
pub fn ip_flow(sequence: u32, protocol: u8, sport: u16, dport: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut record = Builder::new(&mut bytes, Kind::Flow, Version::V3, Cause::Start);
    Transport::new(SourceId::Ipv4(Ipv4Addr::new(192, 0, 2, 77)), sequence).emit(record.buffer());
    let flow = record.buffer();
    flow.extend([2, 1, 1, 5, 192, 0, 2, 1, 198, 51, 100, 2, protocol, 0]);
    flow.extend(sport.to_be_bytes());
    flow.extend(dport.to_be_bytes());
    flow.extend([0, 0]);
    let (start, end) = (Stamp::from_sec_usec(1_700_000_000, 0), Stamp::from_sec_usec(1_700_000_001, 500_000));
    record::dsr::time::Time::sensor(start, end).emit(record.buffer());
    let mut metric = Metric::default();
    (metric.src.packets, metric.src.bytes) = (u64::from(sequence) + 1, 100);
    metric.emit(record.buffer());
    record.finish().unwrap();
    bytes
}

/// A management record of source 192.0.2.77.
pub fn mar(cause: Cause) -> Vec<u8> {
    let now = Stamp::from_sec_usec(1_700_000_000, 0);
    let id = SourceId::Ipv4(Ipv4Addr::new(192, 0, 2, 77));
    match cause {
        Cause::Start => Mar::initial(Version::V3, id, now, now).to_bytes(),
        cause => {
            let mut mar = Mar::new(Version::V3, cause);
            mar.set_source_id(id);
            mar.now = (1_700_000_000, 0);
            mar.to_bytes()
        }
    }
}

pub fn initial() -> [u8; 128] {
    mar(Cause::Start).try_into().unwrap()
}

/// A server on a free port of the loopback; `change` sets what the test is about.
pub fn serve(change: impl FnOnce(&mut ServerConfig)) -> (Broadcast, SocketAddr) {
    let mut config = ServerConfig::new(vec![(Ipv4Addr::LOCALHOST, 0).into()], Arc::new(initial));
    config.log = Arc::new(|severity, text| eprintln!("{severity:?}: {text}"));
    change(&mut config);
    let server = Server::bind(config).unwrap();
    let address = server.addresses()[0];
    (server.start().unwrap(), address)
}

/// Connects and reads the initial record.
pub fn attach(address: SocketAddr) -> TcpStream {
    greeted(TcpStream::connect(address).unwrap())
}

/// Likewise, with so small a receive buffer that the system does not read ahead for a client that does not read.
pub fn attach_small(address: SocketAddr) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(65_536).unwrap();
    socket.connect(&address.into()).unwrap();
    greeted(socket.into())
}

fn greeted(mut stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut greeting = [0; 128];
    stream.read_exact(&mut greeting).unwrap();
    assert_eq!(greeting, initial());
    stream
}

/// Sends one command in a segment of its own.
pub fn say(mut stream: &TcpStream, command: &str) {
    stream.write_all(command.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(20));
}

/// Reads to the end of the connection, a reset being one too.
pub fn rest(mut stream: &TcpStream) -> Vec<u8> {
    let mut all = vec![];
    let mut some = [0; 65_536];
    while let Ok(n @ 1..) = stream.read(&mut some) {
        all.extend_from_slice(&some[..n]);
    }
    all
}

/// Reads one whole record.
pub fn read_record(mut stream: &TcpStream) -> Vec<u8> {
    let mut record = vec![0; 4];
    stream.read_exact(&mut record).unwrap();
    let octets = usize::from(u16::from_be_bytes([record[2], record[3]])) * 4;
    record.resize(octets, 0);
    stream.read_exact(&mut record[4..]).unwrap();
    record
}

/// Waits until `met`, at most ten seconds.
#[track_caller]
pub fn until(what: &str, mut met: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !met() {
        assert!(Instant::now() < end, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A C program, when it is installed.
pub fn oracle(name: &str) -> Option<PathBuf> {
    let found =
        ["/usr/bin", "/usr/sbin"].map(|d| PathBuf::from(d).join(name)).into_iter().find(|p| p.exists());
    if found.is_none() {
        eprintln!("skipped: {name} is not installed (packages argus-server and argus-client)");
    }
    found
}

/// A running program, killed when the test is over.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn spawn(program: &PathBuf, args: &[&str]) -> Running {
    let child = Command::new(program)
        .args(args)
        .env("TZ", "UTC")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    Running(child)
}

impl Running {
    /// The first lines that it prints; then it is killed.
    pub fn first_lines(mut self, lines: usize) -> String {
        let out = std::io::BufReader::new(self.0.stdout.take().unwrap());
        std::io::BufRead::lines(out).take(lines).map(|l| l.unwrap() + "\n").collect()
    }

    /// What it printed, once it has ended, and its exit status.
    pub fn output(mut self) -> (String, Option<i32>) {
        let mut text = String::new();
        self.0.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        (text, self.0.wait().unwrap().code())
    }
}
