//! radium as a whole: between sources and clients, ours and the C programs.
#![allow(clippy::unwrap_used)]

#[path = "../../stream/tests/common/mod.rs"]
mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::*;
use record::{Cause, Record, RecordView, Version};
use stream::{Broadcast, Client, ClientOptions, Event, Item, Reader, Source};

/// A radium with a configuration file of its own. Asked to end, and waited for, when the test is over.
struct Radium {
    child: Child,
    dir: tempfile::TempDir,
    address: SocketAddr,
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

impl Radium {
    /// Starts it with these lines in its file, and waits until it serves.
    fn start(lines: &[String]) -> Radium {
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        Radium::configure(dir.path(), port, lines);
        let mut child = Command::new(env!("CARGO_BIN_EXE_radium"))
            .args(["-X", "-f"])
            .arg(dir.path().join("radium.conf"))
            .arg("--status")
            .arg(dir.path().join("status.json"))
            .args(["--ready-fd", "1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert_eq!(ready, "\n", "radium says that it serves");
        Radium { child, dir, address: (Ipv4Addr::LOCALHOST, port).into() }
    }

    fn configure(dir: &Path, port: u16, lines: &[String]) {
        let own = format!(
            "RADIUM_ACCESS_PORT={port}\nRADIUM_BIND_IP=127.0.0.1\nRADIUM_MONITOR_ID=192.0.2.200\n{}\n",
            lines.join("\n")
        );
        std::fs::write(dir.join("radium.conf"), own).unwrap();
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// A client of ours; it has been told START when this returns, and radium knows.
    fn client(&self, filter: Option<&str>) -> Client {
        let before = self.clients();
        let options = ClientOptions {
            patience: Duration::from_millis(50),
            filter: filter.map(String::from),
            ..ClientOptions::default()
        };
        let source = Source::parse(&self.address.to_string(), 561).unwrap();
        let client = Client::connect(&source, &options).unwrap();
        until("the client is known", || self.clients() > before);
        client
    }

    fn clients(&self) -> usize {
        self.status()["clients"].as_array().map_or(0, |c| c.iter().filter(|c| c["started"] == true).count())
    }

    fn status(&self) -> serde_json::Value {
        let text = std::fs::read(self.dir.path().join("status.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    fn end(mut self) -> Option<i32> {
        self.signal("TERM");
        self.child.wait().unwrap().code()
    }
}

impl Drop for Radium {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn source_line(address: SocketAddr) -> String {
    format!("RADIUM_ARGUS_SERVER={address}")
}

fn wait_for_client(server: &Broadcast) {
    until("radium is attached", || server.clients().iter().any(|c| c.started));
}

/// Reads until `wanted` records are there.
fn read_some(client: &mut Client, wanted: usize) -> Vec<Vec<u8>> {
    let mut records = vec![];
    let end = Instant::now() + Duration::from_secs(10);
    while records.len() < wanted {
        assert!(Instant::now() < end, "only {} of {wanted} records came", records.len());
        if let Event::Item(Item::Record { view, .. }) = client.next().unwrap() {
            records.push(view.bytes().to_vec());
        }
    }
    records
}

fn shared() -> Option<PathBuf> {
    let shared = std::env::var_os("PANOPTES_SHARED")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    if !shared.exists() {
        eprintln!("skipped: no {}", shared.display());
        return None;
    }
    Some(shared)
}

fn run(args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_radium")).args(args).stdin(Stdio::null()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn many_sources_many_clients_many_filters() {
    let (one, first) = serve(|_| {});
    let (two, second) = serve(|_| {});
    let radium = Radium::start(&[source_line(first), source_line(second)]);
    wait_for_client(&one);
    wait_for_client(&two);
    let mut all = radium.client(None);
    let mut dns = radium.client(Some("port 53"));
    let initial = RecordView::new(all.initial().unwrap().bytes()).unwrap().mar().unwrap();
    assert_eq!(initial.source_id().to_string(), "192.0.2.200");
    one.publish(&[flow(1, 4000, 53), mar(Cause::Status)].concat());
    assert_eq!(read_some(&mut all, 2), [flow(1, 4000, 53), mar(Cause::Status)], "octets stay as they are");
    two.publish(&[flow(2, 4000, 80), flow(3, 4000, 53)].concat());
    assert_eq!(read_some(&mut all, 2), [flow(2, 4000, 80), flow(3, 4000, 53)]);
    assert_eq!(read_some(&mut dns, 3), [flow(1, 4000, 53), mar(Cause::Status), flow(3, 4000, 53)]);

    // A wrong filter costs that client its connection and nobody anything else.
    let bad = TcpStream::connect(radium.address).unwrap();
    say(&bad, "FILTER: host no.such.host.invalid");
    assert!(rest(&bad).ends_with(b"SY"));
    two.publish(&flow(4, 1, 1));
    assert_eq!(read_some(&mut all, 1), [flow(4, 1, 1)]);

    let clients = radium.status();
    assert_eq!(clients["sources"].as_array().unwrap().len(), 2);
    assert!(clients["clients"].as_array().unwrap().iter().any(|c| c["filter"] == "man or (port 53)"));
    assert_eq!(radium.end(), Some(0));
    // Its last word: cause SHUTDOWN.
    let last = read_some(&mut all, 1);
    assert_eq!(last[0][..4], [0x83, 0x60, 0, 0x20]);
}

#[test]
fn a_source_that_goes_and_comes_is_attached_to_again() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let radium = Radium::start(&[source_line(listener.local_addr().unwrap())]);
    let accept = || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(&initial()).unwrap();
        let mut start = [0; 7];
        stream.read_exact(&mut start).unwrap();
        assert_eq!(&start, b"START: ");
        stream
    };
    let mut first = accept();
    let mut client = radium.client(None);
    // It dies in the middle of a record.
    first.write_all(&[&flow(1, 1, 1)[..], &flow(2, 1, 1)[..20]].concat()).unwrap();
    assert_eq!(read_some(&mut client, 1), [flow(1, 1, 1)]);
    drop(first);
    // The next time it only gets as far as half a greeting, then it speaks another language.
    for greeting in [&initial()[..64], b"HTTP/1.1 400 Bad Request\r\n\r\n"] {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(greeting).unwrap();
    }
    let mut last = accept();
    last.write_all(&flow(3, 1, 1)).unwrap();
    assert_eq!(read_some(&mut client, 1), [flow(3, 1, 1)]);
    until("the status tells", || radium.status()["sources"][0]["reconnects"] == 1);
}

#[test]
fn noise_from_a_source_harms_nobody() {
    let (good, address) = serve(|_| {});
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let radium = Radium::start(&[source_line(address), source_line(listener.local_addr().unwrap())]);
    wait_for_client(&good);
    let mut client = radium.client(None);
    let (mut bad, _) = listener.accept().unwrap();
    bad.write_all(&initial()).unwrap();
    let mut state = 7_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    })
    .take(1 << 20)
    .collect();
    bad.write_all(&noise).unwrap();
    bad.write_all(&[flow(5, 5, 5), flow(6, 6, 6)].concat()).unwrap();
    good.publish(&flow(1, 1, 1));
    let mut seen = vec![];
    until("both are forwarded", || {
        seen.extend(read_some(&mut client, 1));
        seen.contains(&flow(1, 1, 1)) && seen.contains(&flow(6, 6, 6))
    });
    until("the damage is counted", || {
        radium.status()["sources"].as_array().unwrap().iter().any(|s| s["damages"].as_u64() > Some(0))
    });
}

#[test]
fn a_hangup_reads_the_file_again_and_disturbs_no_client() {
    let (one, first) = serve(|_| {});
    let (two, second) = serve(|_| {});
    let (three, third) = serve(|_| {});
    let radium = Radium::start(&[source_line(first), source_line(second)]);
    wait_for_client(&one);
    wait_for_client(&two);
    let mut client = radium.client(None);
    Radium::configure(radium.dir.path(), radium.address.port(), &[source_line(second), source_line(third)]);
    radium.signal("HUP");
    wait_for_client(&three);
    until("the first is let go", || one.clients().is_empty());
    assert_eq!(two.clients().len(), 1);
    two.publish(&flow(2, 1, 1));
    assert_eq!(read_some(&mut client, 1), [flow(2, 1, 1)]);
    three.publish(&flow(3, 1, 1));
    assert_eq!(read_some(&mut client, 1), [flow(3, 1, 1)]);

    // A file that is wrong changes nothing.
    Radium::configure(radium.dir.path(), radium.address.port(), &["RADIUM_ADJUST_TIME=no".into()]);
    radium.signal("HUP");
    std::thread::sleep(Duration::from_millis(300));
    two.publish(&flow(4, 1, 1));
    assert_eq!(read_some(&mut client, 1), [flow(4, 1, 1)]);
}

#[test]
fn sources_may_come_later_or_not_at_all() {
    let radium = Radium::start(&[]);
    let mut client = radium.client(None);
    let (server, address) = serve(|_| {});
    Radium::configure(radium.dir.path(), radium.address.port(), &[source_line(address)]);
    radium.signal("HUP");
    wait_for_client(&server);
    server.publish(&flow(1, 1, 1));
    assert_eq!(read_some(&mut client, 1), [flow(1, 1, 1)]);
    assert_eq!(radium.end(), Some(0));
}

#[test]
fn a_pipe_is_served_while_it_lasts() {
    let port = free_port();
    let child = Command::new(env!("CARGO_BIN_EXE_radium"))
        .args(["-X", "-P", &port.to_string(), "-B", "127.0.0.1"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Running(child);
    let mut pipe = child.0.stdin.take().unwrap();
    pipe.write_all(&initial()).unwrap();
    until("it listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    let source = Source::parse(&format!("127.0.0.1:{port}"), 561).unwrap();
    let mut client = Client::connect(&source, &ClientOptions::default()).unwrap();
    let mut sequence = 0;
    until("a record comes through", || {
        sequence += 1;
        pipe.write_all(&flow(sequence, 1, 1)).unwrap();
        matches!(client.next().unwrap(), Event::Item(Item::Record { view, .. }) if view.kind().is_flow())
    });
    drop(pipe);
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
}

#[test]
fn own_status_records_come_without_any_source() {
    let nobody = free_port();
    let radium = Radium::start(&[
        format!("RADIUM_ARGUS_SERVER=127.0.0.1:{nobody}"),
        "RADIUM_MAR_STATUS_INTERVAL=0.3".into(),
    ]);
    let mut client = radium.client(None);
    let mars = read_some(&mut client, 3);
    for pair in mars.windows(2) {
        let [before, after] = [&pair[0], &pair[1]].map(|m| RecordView::new(m).unwrap().mar().unwrap());
        assert_eq!(after.header.cause, Cause::Status);
        assert_eq!(after.source_id().to_string(), "192.0.2.200");
        assert_eq!(after.start, before.now, "from the one before");
        assert_eq!((after.records, after.clients), (1, 1));
    }
}

#[test]
fn the_filter_goes_to_the_sources_and_the_expression_stays_here() {
    let (server, address) = serve(|_| {});
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let radium = Radium::start(&[
        source_line(address),
        "RADIUM_FILTER=\"udp\"".into(),
        format!("RADIUM_OUTPUT_FILE={} \"port 53\"", out.display()),
    ]);
    until("attached", || server.clients().iter().any(|c| c.started && c.filter == "man or (udp)"));
    server.publish(&[flow(1, 1, 53), ip_flow(2, 6, 1, 53), flow(3, 1, 80)].concat());
    until("written", || std::fs::metadata(&out).is_ok_and(|m| m.len() > 128));
    assert_eq!(radium.end(), Some(0));
    let mut reader = Reader::open(&out).unwrap();
    let mut kinds = vec![];
    while let Some(Item::Record { view, .. }) = reader.next().unwrap() {
        kinds.push((view.header().cause, view.seq()));
    }
    assert_eq!(kinds, [(Cause::Start, 0), (Cause::Start, 1)], "initial record, one flow");
}

#[test]
fn times_are_corrected_when_the_clock_is_off() {
    let (server, address) = serve(|_| {});
    let radium = Radium::start(&[source_line(address), "RADIUM_ADJUST_TIME=5s".into()]);
    wait_for_client(&server);
    let mut client = radium.client(None);
    // The source's management record says 2023.
    server.publish(&[mar(Cause::Status), flow(1, 1, 1)].concat());
    let records = read_some(&mut client, 2);
    let mar = RecordView::new(&records[0]).unwrap().mar().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let drift = i64::try_from(now.as_secs()).unwrap() - 1_700_000_000;
    assert!((mar.drift as i64 / 1_000_000 - drift).abs() < 10, "{} {drift}", mar.drift);
    let view = RecordView::new(&records[1]).unwrap();
    assert!((i64::from(view.start().secs()) - 1_700_000_000 - drift).abs() < 10);
    assert_eq!(view.end().since(view.start()), 1_500_000_000);
}

#[test]
fn version_5_sources_are_converted() {
    let (server, address) = serve(|_| {});
    let radium = Radium::start(&[source_line(address)]);
    wait_for_client(&server);
    let mut client = radium.client(None);
    let mut five = Record::from(RecordView::new(&flow(7, 4000, 53)).unwrap());
    five = five.into_version(Version::V5);
    let five = five.to_bytes().unwrap();
    assert_eq!(five[0], 0x15);
    server.publish(&five);
    let got = read_some(&mut client, 1);
    assert_eq!(got[0], flow(7, 4000, 53));
}

/// Some hundred records of the C sensor, of every kind that it writes.
fn sensor_file() -> Option<PathBuf> {
    let file = shared()?.join("spec/filter-cases/mixed.argus");
    file.is_file().then_some(file)
}

/// What C `ra` prints of a file.
fn shown(file: &Path) -> Option<String> {
    let ra = oracle("ra")?;
    let fields = "stime dur flgs proto saddr sport dir daddr dport spkts dpkts sbytes dbytes state seq srcid \
                  smac dmac suser:16 duser:16 sintpkt sttl dttl sipid";
    let args = ["-X", "-n", "-c", ",", "-r", file.to_str().unwrap(), "-s"];
    let (text, _) =
        spawn(&ra, &[&args[..], &fields.split_whitespace().collect::<Vec<_>>()].concat()).output();
    Some(text)
}

#[test]
fn what_passes_through_is_what_c_ra_sees_at_the_sensor() {
    let dir = tempfile::tempdir().unwrap();
    let Some(file) = sensor_file() else {
        eprintln!("skipped: no records of the C sensor (PANOPTES_SHARED)");
        return;
    };
    let out = dir.path().join("out");
    let args = ["-X", "-r", file.to_str().unwrap(), "-w", out.to_str().unwrap()];
    assert_eq!(run(&args), (Some(0), String::new()));
    let (before, after) = (shown(&file), shown(&out));
    assert!(before.as_ref().is_some_and(|b| b.lines().count() > 100), "{before:?}");
    assert!(before == after, "differs");
}

#[test]
fn before_and_behind_c_radium() {
    let (Some(c_radium), Some(ra)) = (oracle("radium"), oracle("ra")) else { return };
    let (server, address) = serve(|_| {});
    // Sensor, ours, C radium, ours, C ra.
    let first = Radium::start(&[source_line(address)]);
    wait_for_client(&server);
    let port = free_port().to_string();
    let _middle = spawn(
        &c_radium,
        &["-X", "-F", "/dev/null", "-S", &first.address.to_string(), "-P", &port, "-B", "127.0.0.1"],
    );
    until("C radium is attached", || first.clients() == 1);
    let last = Radium::start(&[format!("RADIUM_ARGUS_SERVER=127.0.0.1:{port}")]);
    until("attached to C radium", || last.status()["sources"][0]["connected"] == true);
    let last_address = last.address.to_string();
    let mut reader =
        spawn(&ra, &["-X", "-S", &last_address, "-n", "-s", "seq", "dport", "-N", "50", "-", "udp"]);
    until("C ra is attached", || last.clients() == 1);
    let mut sequence = 0;
    while reader.0.try_wait().unwrap().is_none() && sequence < 2000 {
        server.publish(&[flow(sequence, 1, 53), ip_flow(sequence, 6, 1, 80)].concat());
        sequence += 1;
        std::thread::sleep(Duration::from_millis(5));
    }
    let (text, _) = reader.output();
    let rows: Vec<u32> = text.lines().filter_map(|l| l.split_whitespace().next()?.parse().ok()).collect();
    assert_eq!(rows.len(), 50, "{text}");
    assert!(rows.windows(2).all(|w| w[1] == w[0] + 1), "{rows:?}");
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_string()
    };
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let adjust = file("adjust", "#\nRADIUM_ADJUST_TIME=no\n");
    let quote = file("quote", "RADIUM_FILTER=\"udp\n");
    let noise =
        file("noise", "this is no record, but it is long enough to be looked at; or so it seems to be.");
    let empty = file("empty", "");
    let cases: &[(&[&str], i32, &str)] = &[
        (&["-X", "-f", &adjust], 1, "syntax error: line 2: RADIUM_ADJUST_TIME is no time"),
        (&["-X", "-f", &quote], 1, "string unterminated at line 1"),
        (&["-X", "-f", "/nonexistent/radium.conf"], 1, "/nonexistent/radium.conf: "),
        (&["-X", "-S", "127.0.0.1:1", "-P", &port, "-B", "127.0.0.1"], 1, "bind 127.0.0.1:"),
        (&["-X", "-S", "45997"], 1, "45997: a port without a host"),
        (&["-X", "-S", "h", "-", "host", "("], 2, "filter syntax error"),
        (&["-X", "-r", &noise], 1, "not an argus stream"),
        (&["-X", "-r", &empty], 1, "empty"),
        (&["-X", "-r", "/nonexistent"], 1, "/nonexistent: "),
        (&["-X", "-r", &noise, "-w", "/nonexistent/out"], 1, "/nonexistent/out: "),
        (&["-X", "-S", "127.0.0.1:1", "-u", "no-such-user"], 1, "no-such-user"),
        (&["--nonsense"], 2, "nonsense"),
    ];
    for (args, code, expected) in cases {
        let (status, said) = run(args);
        assert_eq!(status, Some(*code), "{args:?}: {said}");
        assert!(said.contains(expected), "{args:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{args:?}: {said}");
    }
}

#[test]
fn counts_and_times_end_it() {
    let dir = tempfile::tempdir().unwrap();
    let (server, address) = serve(|_| {});
    let out = dir.path().join("out");
    let address = address.to_string();
    let child = Command::new(env!("CARGO_BIN_EXE_radium"))
        .args(["-X", "-S", &address, "-N", "3", "-w", out.to_str().unwrap()])
        .spawn()
        .unwrap();
    let mut child = Running(child);
    wait_for_client(&server);
    for sequence in 0..10 {
        server.publish(&flow(sequence, 1, 1));
    }
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
    let mut reader = Reader::open(&out).unwrap();
    let mut flows = 0;
    while let Some(Item::Record { view, .. }) = reader.next().unwrap() {
        flows += usize::from(view.kind().is_flow());
    }
    assert_eq!(flows, 3);
    let begun = Instant::now();
    assert_eq!(run(&["-X", "-S", &address, "-T", "1"]).0, Some(0));
    assert!((Duration::from_secs(1)..Duration::from_secs(4)).contains(&begun.elapsed()));
}
