//! The program as it runs on the box: attached to a server, killed, stopped, told to rotate.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use record::dsr::time::Time;
use record::{
    Builder, Cause, Counters, Frame, Framer, Kind, Mar, Metric, SourceId, Stamp, Transport, Version,
};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A flow record of now with its number.
fn record(seq: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let mut b = Builder::new(&mut out, Kind::Flow, Version::V3, Cause::Start);
    Transport::new(SourceId::Int(1), seq).emit(b.buffer());
    let now = Stamp::from(std::time::SystemTime::now());
    Time::sensor(now, now).emit(b.buffer());
    Metric { src: Counters { packets: 1, bytes: 60, app_bytes: 0 }, ..Metric::default() }.emit(b.buffer());
    b.finish().expect("fits");
    out
}

/// A server of the argus protocol that sends numbered records as fast as it is told, each number once.
struct Server {
    port: u16,
    sent: Arc<AtomicU32>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    /// `most` records, `pace` apart; none to clients that do not ask.
    fn start(most: u32, pace: Duration) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("non-blocking");
        let port = listener.local_addr().expect("an address").port();
        let (sent, stop) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, end) = (Arc::clone(&sent), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((client, _)) => {
                        client.set_nonblocking(false).expect("blocking");
                        let _ = Server::serve(client, &count, &end, most, pace);
                    }
                    Err(_) => std::thread::sleep(Duration::from_millis(10)),
                }
            }
        });
        Server { port, sent, stop, thread: Some(thread) }
    }

    fn serve(
        mut client: TcpStream,
        sent: &AtomicU32,
        stop: &AtomicBool,
        most: u32,
        pace: Duration,
    ) -> std::io::Result<()> {
        let now = Stamp::from(std::time::SystemTime::now());
        client.write_all(&Mar::initial(Version::V3, SourceId::Int(1), now, now).to_bytes())?;
        let mut ask = [0; 7];
        client.read_exact(&mut ask)?;
        assert_eq!(&ask, b"START: ");
        while !stop.load(Ordering::Relaxed) {
            let next = sent.load(Ordering::Relaxed);
            if next < most {
                client.write_all(&record(next))?;
                sent.store(next + 1, Ordering::Relaxed);
            } else {
                client.set_read_timeout(Some(Duration::from_millis(50)))?;
                if matches!(client.read(&mut ask), Ok(0)) {
                    return Ok(());
                }
            }
            if !pace.is_zero() {
                std::thread::sleep(pace);
            }
        }
        Ok(())
    }

    fn sent(&self) -> u32 {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The program, killed when a test fails.
struct Program {
    child: Child,
    dir: PathBuf,
}

impl Program {
    fn start(dir: &Path, port: u16, more: &str) -> Program {
        let config = dir.join("archived.toml");
        let text = format!(
            "source = \"127.0.0.1:{port}\"\ndirectory = {:?}\nsync-interval = 1\nmin-free = 0\n{more}\n",
            dir.join("archive")
        );
        std::fs::write(&config, text).expect("written");
        let mut child = Command::new(env!("CARGO_BIN_EXE_archived"))
            .arg("--config")
            .arg(&config)
            .arg("--status")
            .arg(dir.join("status.json"))
            .args(["--ready-fd", "1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        let mut ready = [0];
        let out = child.stdout.as_mut().expect("its output");
        out.read_exact(&mut ready).expect("readiness");
        assert_eq!(&ready, b"\n");
        Program { child, dir: dir.to_path_buf() }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).expect("a signal");
    }

    /// Waits for its end; its exit status and what it said.
    fn end(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().expect("its end");
        let mut said = String::new();
        self.child.stderr.as_mut().expect("its messages").read_to_string(&mut said).expect("text");
        (status.code(), said)
    }

    fn status(&self, key: &str) -> serde_json::Value {
        let text = std::fs::read(self.dir.join("status.json")).unwrap_or_default();
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
        value.get(key).cloned().unwrap_or_default()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < until, "waited in vain for: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn files(at: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(at).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            out.extend(files(&path));
        } else if path.file_name().is_some_and(|n| n != "SHA256SUMS") {
            out.push(path);
        }
    }
    out.sort();
    out
}

/// Numbers of the flow records of all closed files, which must be whole, in the order of file and place.
fn seqs(dir: &Path) -> Vec<u32> {
    let mut out = Vec::new();
    for path in files(&dir.join("archive")) {
        let mut bytes = std::fs::read(&path).expect("a file");
        if path.extension().is_some_and(|e| e == "gz") {
            let packed = std::mem::take(&mut bytes);
            flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut bytes).expect("whole gzip");
        }
        assert!(Mar::parse(&bytes).is_some_and(|m| m.is_initial()), "{}", path.display());
        let (mut framer, mut at) = (Framer::new(), 0);
        loop {
            let (used, frame) = framer.next(&bytes[at..], true);
            at += used;
            match frame {
                Frame::Record(v) if v.kind().is_flow() => out.push(v.seq()),
                Frame::Record(_) => {}
                Frame::End { cut: 0, .. } => break,
                other => panic!("{}: {other:?}", path.display()),
            }
        }
    }
    out
}

#[test]
fn killed_while_writing_it_loses_at_most_one_sync_interval() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(u32::MAX, Duration::from_micros(50));
    let mut from = 0;
    let mut lost = Vec::new();
    for _ in 0..3 {
        let program = Program::start(dir.path(), server.port, "");
        // How many had been sent at which time.
        let mut history = Vec::new();
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(3700) {
            history.push((Instant::now(), server.sent()));
            std::thread::sleep(Duration::from_millis(5));
        }
        let synced = program.status("synced_records").as_u64().unwrap_or(0);
        assert!(synced > 0, "nothing synced in 3.7 s");
        program.signal(Signal::SIGKILL);
        let killed = Instant::now();
        let (code, _) = program.end();
        assert_eq!(code, None);
        let all = server.sent();

        // The next start mends the file.
        let program = Program::start(dir.path(), 1, "");
        wait_for("the torn file to be mended", || program.status("recovered").as_u64() == Some(1));
        wait_for("the file to be packed", || {
            files(dir.path()).iter().all(|f| {
                let name = f.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
                !name.starts_with("argus.2") || name.ends_with(".gz")
            })
        });
        program.signal(Signal::SIGTERM);
        assert_eq!(program.end().0, Some(0));

        let kept: Vec<u32> = seqs(dir.path()).into_iter().filter(|s| *s >= from).collect();
        let last = *kept.last().expect("something kept");
        assert_eq!(kept, (from..=last).collect::<Vec<_>>(), "no holes, no doubles");
        assert!(kept.len() as u64 >= synced, "{} kept of {synced} synced", kept.len());
        // Everything handed over before the last sync interval (and what the tick and the socket add) is there.
        let limit = killed - Duration::from_millis(1000 + 400);
        let before = history.iter().take_while(|(at, _)| *at <= limit).last().map_or(0, |h| h.1);
        assert!(last + 1 >= before, "kept up to {last}, {before} were sent 1.4 s before the end");
        lost.push(all.saturating_sub(last + 1));
        from = all;
        // What the server had sent into the closed connection is gone with it; numbers go on from there.
        wait_for("the server to see the end", || {
            let now = server.sent();
            std::thread::sleep(Duration::from_millis(50));
            from = server.sent();
            now == from
        });
    }
    eprintln!("{} records sent, lost with each kill: {lost:?}", server.sent());
}

#[test]
fn term_closes_everything_and_hup_rotates() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(5000, Duration::ZERO);
    let program = Program::start(dir.path(), server.port, "");
    wait_for("records on disk", || program.status("synced_records").as_u64() == Some(5000));
    let current = program.status("current").as_str().map(PathBuf::from).expect("a path");
    assert!(current.is_file() && current.to_string_lossy().ends_with(".part"), "{current:?}");
    program.signal(Signal::SIGHUP);
    wait_for("the file to be closed and packed", || {
        files(&dir.path().join("archive")).iter().all(|f| f.extension().is_some_and(|e| e == "gz"))
    });
    assert_eq!(program.status("connected").as_bool(), Some(true));
    program.signal(Signal::SIGTERM);
    let (code, said) = program.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("archived: stopped: 5000 records taken, 5000 on disk, 0 dropped"), "{said}");
    assert_eq!(seqs(dir.path()), (0..5000).collect::<Vec<_>>());
}

#[test]
fn term_keeps_what_came_last() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(100, Duration::ZERO);
    // A sync interval that does not come.
    let program = Program::start(dir.path(), server.port, "");
    std::fs::write(
        dir.path().join("archived.toml"),
        std::fs::read_to_string(dir.path().join("archived.toml")).expect("text").replace("= 1\n", "= 3600\n"),
    )
    .expect("written");
    program.signal(Signal::SIGHUP);
    wait_for("records", || program.status("connected").as_bool() == Some(true) && server.sent() == 100);
    std::thread::sleep(Duration::from_millis(300));
    program.signal(Signal::SIGTERM);
    let (code, said) = program.end();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(seqs(dir.path()), (0..100).collect::<Vec<_>>(), "{said}");
}

#[test]
fn it_attaches_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let first = Server::start(10, Duration::ZERO);
    let port = first.port;
    let program = Program::start(dir.path(), port, "");
    wait_for("records on disk", || program.status("synced_records").as_u64() == Some(10));
    drop(first);
    wait_for("the loss to be seen", || program.status("connected").as_bool() == Some(false));
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the same port");
    let (mut client, _) = listener.accept().expect("an attempt");
    let now = Stamp::from(std::time::SystemTime::now());
    client.write_all(&Mar::initial(Version::V3, SourceId::Int(1), now, now).to_bytes()).expect("sent");
    // A damaged record in the stream: told, counted, passed over.
    let mut bad = record(98);
    bad[0] = 0x93;
    client.write_all(&[record(97), bad, record(99)].concat()).expect("sent");
    wait_for("records on disk", || program.status("synced_records").as_u64() == Some(13));
    assert_eq!(program.status("damaged").as_u64(), Some(1));
    assert_eq!(program.status("reconnects").as_u64(), Some(1));
    program.signal(Signal::SIGTERM);
    let (code, said) = program.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("connection closed") && said.contains(" octets skipped"), "{said}");
    assert_eq!(seqs(dir.path()), (0..10).chain([97, 99]).collect::<Vec<_>>());
}

#[test]
fn unusable_configuration_is_one_line() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = dir.path().join("a.toml");
    let run = |args: &[&str]| {
        let out = Command::new(env!("CARGO_BIN_EXE_archived")).args(args).output().expect("the program");
        (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    let path = config.display().to_string();
    let (code, said) = run(&["--config", &path]);
    assert_eq!(code, Some(1));
    assert!(
        said.starts_with(&format!("archived: {path}: No such file")) && said.lines().count() == 1,
        "{said}"
    );
    std::fs::write(&config, "source = \"x\"\ndirectory = \"/proc/none\"\nsplit = 1\n").expect("written");
    let (code, said) = run(&["--config", &path]);
    assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains("line 3: unknown field `split`"), "{said}");
    std::fs::write(&config, "source = \"127.0.0.1\"\ndirectory = \"/proc/none\"\n").expect("written");
    let (code, said) = run(&["--config", &path]);
    assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.starts_with("archived: /proc/none: create: "), "{said}");
    assert_eq!(run(&[]).0, Some(2));
    assert_eq!(run(&["--config", &path, "more"]).0, Some(2));
}

/// Debian's sensor as the server, Debian's reader of what was written.
#[test]
fn with_the_c_programs() {
    for program in ["argus", "ra"] {
        if Command::new(program).arg("-h").output().is_err() {
            eprintln!("skipped: Debian's {program} is not installed");
            return;
        }
    }
    let dir = tempfile::tempdir().expect("a folder");
    let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
    let talk = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let target = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let to = target.local_addr().expect("an address");
    let sensor = Command::new("argus")
        .args(["-X", "-F", "/dev/null", "-e", "192.0.2.1", "-i", "lo", "-S", "1", "-B", "127.0.0.1", "-P"])
        .arg(port.to_string())
        .args(["-", "udp", "port", &to.port().to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(sensor) = sensor else {
        eprintln!("skipped: Debian's argus cannot be run");
        return;
    };
    let mut sensor = Program { child: sensor, dir: dir.path().to_path_buf() };
    std::thread::sleep(Duration::from_secs(1));
    if sensor.child.try_wait().expect("its state").is_some() {
        eprintln!("skipped: Debian's argus cannot capture here");
        return;
    }
    let program = Program::start(dir.path(), port, "");
    wait_for("the sensor", || program.status("connected").as_bool() == Some(true));
    let mut packets = 0u64;
    wait_for("records on disk", || {
        packets += u64::from(talk.send_to(b"hello", to).is_ok());
        std::thread::sleep(Duration::from_millis(20));
        program.status("synced_records").as_u64().is_some_and(|n| n >= 3)
    });
    // The sensor says all it knows when it stops, but does not look at its interface once more.
    std::thread::sleep(Duration::from_millis(700));
    sensor.signal(Signal::SIGTERM);
    let _ = sensor.child.wait();
    wait_for("the end of the stream", || program.status("connected").as_bool() == Some(false));
    program.signal(Signal::SIGTERM);
    let (code, said) = program.end();
    assert_eq!(code, Some(0), "{said}");
    let mut seen = 0u64;
    for file in files(&dir.path().join("archive")) {
        let out = Command::new("ra")
            .args(["-X", "-n", "-L", "-1", "-s", "spkts", "-r"])
            .arg(&file)
            .args(["-", "udp"])
            .output()
            .expect("ra");
        assert!(out.status.success());
        seen += String::from_utf8_lossy(&out.stdout)
            .lines()
            .filter_map(|l| l.trim().parse::<u64>().ok())
            .sum::<u64>();
    }
    // Each packet passes the loopback interface twice for a capture.
    assert!(seen == packets || seen == 2 * packets, "{packets} sent, {seen} in the archive; {said}");
}
