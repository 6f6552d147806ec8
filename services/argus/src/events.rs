//! Event records: what programs print and files hold, from time to time (ARGUS_EVENT_DATA; label chapter 8.1,
//! record-format 8).

use std::collections::VecDeque;
use std::io::{Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use daemon::Log;
use record::dsr::data::DataView;
use record::dsr::time::{ABSOLUTE_NSEC, SideTime, Time as TimeDsr};
use record::{Builder, Cause, Kind, SourceId, Stamp, Times, Transport, Version};

use crate::report::now;

/// Octets of a payload, its head line included (label chapter 8.1).
const MAX_PAYLOAD: usize = 64_512;
/// How long a program may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a thread looks whether it is to end.
const LOOK: Duration = Duration::from_millis(100);
/// Records that wait for the sensor; a sensor that does not take them loses the oldest.
const WAITING: usize = 1024;

/// One ARGUS_EVENT_DATA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Where the text comes from.
    pub method: Method,
    /// The file, or the program with its arguments.
    pub path: String,
    /// From one run to the next; zero runs once.
    pub interval: Duration,
    /// The text is compressed (zlib).
    pub compress: bool,
}

/// Where an event's text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// A file is read.
    File,
    /// The shell runs a program, whose standard output counts.
    Program,
}

impl Event {
    /// Reads `method:path:interval[:compress|compress2]`.
    ///
    /// # Errors
    /// Text of the reason.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad = |what: &str| format!("'{text}': {what}");
        let (method, rest) = text.split_once(':').ok_or_else(|| bad("not <method>:<path>:<interval>"))?;
        let method = match method {
            "file" => Method::File,
            "prog" => Method::Program,
            _ => return Err(bad("the method is neither file nor prog")),
        };
        let (rest, compress) = match rest.rsplit_once(':') {
            Some((rest, "compress" | "compress2")) => (rest, true),
            _ => (rest, false),
        };
        let (path, interval) = rest.rsplit_once(':').ok_or_else(|| bad("no interval"))?;
        if path.trim().is_empty() {
            return Err(bad("no path"));
        }
        let interval = interval_of(interval.trim()).ok_or_else(|| bad("bad interval"))?;
        Ok(Event { method, path: path.trim().to_owned(), interval, compress })
    }

    /// The line that a payload begins with; its mark is the version's.
    fn head(&self, version: Version) -> String {
        let mark = if version == Version::V5 { '=' } else { ':' };
        let method = match self.method {
            Method::File => "file",
            Method::Program => "prog",
        };
        format!("{method}{mark}{}\n", self.path)
    }
}

/// `n[s|m|h|d|w|M|y]`; months have 30 days, years 365.
fn interval_of(text: &str) -> Option<Duration> {
    let (digits, unit) = match text.chars().last()? {
        's' => (&text[..text.len() - 1], 1),
        'm' => (&text[..text.len() - 1], 60),
        'h' => (&text[..text.len() - 1], 3600),
        'd' => (&text[..text.len() - 1], 86_400),
        'w' => (&text[..text.len() - 1], 604_800),
        'M' => (&text[..text.len() - 1], 30 * 86_400),
        'y' => (&text[..text.len() - 1], 365 * 86_400),
        _ => (text, 1),
    };
    let count: u64 = digits.parse().ok()?;
    count.checked_mul(unit).filter(|seconds| *seconds <= 100 * 365 * 86_400).map(Duration::from_secs)
}

/// What all event records of a sensor have in common.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// Format.
    pub version: Version,
    /// Who observes.
    pub id: SourceId,
}

/// The threads that make event records. They end when this is dropped.
pub struct Events {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    ready: Mutex<VecDeque<Vec<u8>>>,
    lost: AtomicU64,
    number: AtomicU32,
    end: AtomicBool,
}

impl Events {
    /// One thread for each event.
    ///
    /// # Errors
    /// One line: the system has no more threads.
    pub fn start(events: &[Event], origin: Origin, log: &Log) -> Result<Self, String> {
        let shared = Arc::new(Shared {
            ready: Mutex::new(VecDeque::new()),
            lost: AtomicU64::new(0),
            number: AtomicU32::new(0),
            end: AtomicBool::new(false),
        });
        let mut all = Events { shared: Arc::clone(&shared), threads: Vec::new() };
        for event in events {
            let (event, shared, log) = (event.clone(), Arc::clone(&shared), log.clone());
            let thread = std::thread::Builder::new()
                .name("event".to_owned())
                .spawn(move || keep_running(&event, origin, &shared, &log))
                .map_err(|error| format!("event thread: {error}"))?;
            all.threads.push(thread);
        }
        Ok(all)
    }

    /// Gives the records that are there to `take`.
    pub fn take(&self, mut take: impl FnMut(&[u8])) {
        loop {
            let record = self.shared.ready.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            match record {
                Some(record) => take(&record),
                None => return,
            }
        }
    }

    /// Records that nobody took in time.
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.shared.end.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A panic of that thread was reported where it happened.
            let _ = thread.join();
        }
    }
}

fn keep_running(event: &Event, origin: Origin, shared: &Shared, log: &Log) {
    let mut due = Instant::now() + event.interval;
    let mut told = String::new();
    loop {
        while Instant::now() < due {
            if shared.end.load(Ordering::Relaxed) {
                return;
            }
            std::thread::sleep(LOOK.min(due.saturating_duration_since(Instant::now())));
        }
        if shared.end.load(Ordering::Relaxed) {
            return;
        }
        let start = now();
        let made = text(event, &shared.end).and_then(|text| {
            let number = shared.number.fetch_add(1, Ordering::Relaxed);
            record(event, origin, number, start, now(), &text)
        });
        match made {
            Ok(record) => {
                told.clear();
                let mut ready = shared.ready.lock().unwrap_or_else(PoisonError::into_inner);
                if ready.len() >= WAITING {
                    ready.pop_front();
                    shared.lost.fetch_add(1, Ordering::Relaxed);
                }
                ready.push_back(record);
            }
            // The same failure is told once.
            Err(error) if error != told => {
                log.warning(format_args!("event {}: {error}", event.path));
                told = error;
            }
            Err(_) => {}
        }
        if event.interval.is_zero() {
            return;
        }
        // What took longer than its interval is not made up for.
        while due <= Instant::now() {
            due += event.interval;
        }
    }
}

/// What a file holds or a program prints, as far as a record has room for it.
fn text(event: &Event, end: &AtomicBool) -> Result<Vec<u8>, String> {
    match event.method {
        Method::File => {
            let path = Path::new(&event.path);
            // A pipe or a device could hold us for ever.
            let kind = std::fs::metadata(path).map_err(|error| error.to_string())?;
            if !kind.is_file() {
                return Err("not a regular file".to_owned());
            }
            let mut octets = Vec::new();
            let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
            file.take(MAX_PAYLOAD as u64).read_to_end(&mut octets).map_err(|error| error.to_string())?;
            Ok(octets)
        }
        Method::Program => run(&event.path, PATIENCE, end),
    }
}

/// Runs a command by the shell in a process group of its own, which is killed when it takes too long.
fn run(command: &str, patience: Duration, end: &AtomicBool) -> Result<Vec<u8>, String> {
    let mut child = Command::new("/bin/sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| error.to_string())?;
    let group = i32::try_from(child.id()).map(nix::unistd::Pid::from_raw);
    // Only before it was waited for, so that the number is still its own.
    let kill = || {
        if let Ok(group) = group {
            // It may have ended by itself meanwhile.
            let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        }
    };
    let begin = Instant::now();
    let mut octets = Vec::new();
    let mut failure = None;
    if let Some(mut output) = child.stdout.take() {
        use std::os::fd::AsFd as _;
        let mut piece = [0; 8192];
        loop {
            if end.load(Ordering::Relaxed) || begin.elapsed() >= patience {
                kill();
                failure = Some(format!("ended after {} s", begin.elapsed().as_secs()));
                break;
            }
            let mut ready = [nix::poll::PollFd::new(output.as_fd(), nix::poll::PollFlags::POLLIN)];
            match nix::poll::poll(&mut ready, 100u8) {
                Ok(0) | Err(nix::errno::Errno::EINTR) => continue,
                Err(error) => {
                    kill();
                    failure = Some(error.desc().to_owned());
                    break;
                }
                Ok(_) => {}
            }
            match output.read(&mut piece) {
                Ok(0) => break,
                // What has no room in a record is read nevertheless, so that the program ends by itself.
                Ok(count) => {
                    let room = MAX_PAYLOAD.saturating_sub(octets.len()).min(count);
                    octets.extend_from_slice(piece.get(..room).unwrap_or_default());
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    kill();
                    failure = Some(error.to_string());
                    break;
                }
            }
        }
    }
    // Its output has ended, or it was killed; a program that closes its output and stays is not waited for.
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if begin.elapsed() >= patience || end.load(Ordering::Relaxed) => {
                kill();
                break child.wait().map_err(|error| error.to_string())?;
            }
            Ok(None) => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => return Err(error.to_string()),
        }
    };
    match failure {
        Some(failure) => Err(failure),
        None if octets.is_empty() && !status.success() => Err(format!("no output, {status}")),
        None => Ok(octets),
    }
}

/// An event record.
fn record(
    event: &Event,
    origin: Origin,
    number: u32,
    start: Stamp,
    end: Stamp,
    text: &[u8],
) -> Result<Vec<u8>, String> {
    let mut payload = event.head(origin.version).into_bytes();
    payload.extend_from_slice(text);
    payload.truncate(MAX_PAYLOAD);
    let size = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    let mut subtype = record::dsr::data::SRC;
    if event.compress {
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        payload = zlib.write_all(&payload).and_then(|()| zlib.finish()).map_err(|error| error.to_string())?;
        subtype |= record::dsr::data::COMPRESSED;
    }
    let mut octets = Vec::with_capacity(64 + payload.len());
    let mut record = Builder::new(&mut octets, Kind::Event, origin.version, Cause::Status);
    let five = origin.version == Version::V5;
    let transport = Transport::new(origin.id, number);
    Transport { interface: five.then_some(*b"evt0"), ..transport }.emit(record.buffer());
    if five {
        let times = TimeDsr::sides(Some(SideTime { start, end: Some(end) }), None);
        TimeDsr { encoding: 1, qualifier: ABSOLUTE_NSEC, ..times }.emit(record.buffer());
    } else {
        // 3.0.8.2 writes the end as an offset.
        TimeDsr::client(&Times { src: Some((start, end)), dst: None }).emit(record.buffer());
    }
    DataView { subtype, size, bytes: &payload }.emit(record.buffer());
    record.finish().map_err(|error| error.to_string())?;
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::RecordView;

    #[test]
    fn forms() {
        let event = Event::parse("prog:/usr/bin/ralsof -x:30s:compress").unwrap();
        assert_eq!(
            event,
            Event {
                method: Method::Program,
                path: "/usr/bin/ralsof -x".to_owned(),
                interval: Duration::from_secs(30),
                compress: true
            }
        );
        for (text, seconds) in [
            ("0", 0),
            ("7", 7),
            ("2m", 120),
            ("1h", 3600),
            ("1d", 86_400),
            ("1w", 604_800),
            ("1M", 2_592_000),
        ] {
            let event = Event::parse(&format!("file:/proc/vmstat:{text}")).unwrap();
            assert_eq!((event.interval.as_secs(), event.compress), (seconds, false), "{text}");
        }
        for text in [
            "",
            "file",
            "file:/x",
            "file::1s",
            "file:/x:1q",
            "file:/x:",
            "mail:/x:1s",
            "prog:/x:1s:gzip",
            "prog:/x:é",
        ] {
            assert!(Event::parse(text).is_err(), "{text}");
        }
    }

    fn made(line: &str, version: Version) -> Vec<u8> {
        let event = Event::parse(line).unwrap();
        let end = AtomicBool::new(false);
        let text = text(&event, &end).unwrap();
        let (start, stop) = (Stamp::from_sec_usec(10, 5), Stamp::from_sec_usec(11, 0));
        let origin = Origin { version, id: SourceId::Int(3) };
        record(&event, origin, 7, start, stop, &text).unwrap()
    }

    #[test]
    fn records_tell_what_was_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text");
        std::fs::write(&path, "words\n").unwrap();
        let path = path.display();
        for version in [Version::V3, Version::V5] {
            let mark = if version == Version::V5 { "=" } else { ":" };
            for (line, subtype, expected) in [
                (format!("file:{path}:1s"), 0x10, format!("file{mark}{path}\nwords\n")),
                (
                    "prog:echo a b; echo c:1s".to_owned(),
                    0x10,
                    format!("prog{mark}echo a b; echo c\na b\nc\n"),
                ),
                (format!("file:{path}:1s:compress"), 0x18, format!("file{mark}{path}\nwords\n")),
            ] {
                let octets = made(&line, version);
                let record = RecordView::new(&octets).unwrap();
                assert_eq!((record.kind(), record.header().version()), (Kind::Event, version));
                assert_eq!(
                    (record.start(), record.end()),
                    (Stamp::from_sec_usec(10, 5), Stamp::from_sec_usec(11, 0))
                );
                assert_eq!((record.source_id(), record.seq()), (SourceId::Int(3), 7));
                let data = record.src_data().unwrap();
                assert_eq!((data.subtype, usize::from(data.size)), (subtype, expected.len()), "{line}");
                let text = if subtype & 8 == 0 {
                    data.bytes.to_vec()
                } else {
                    let mut text = Vec::new();
                    flate2::read::ZlibDecoder::new(data.bytes).read_to_end(&mut text).unwrap();
                    text
                };
                assert_eq!(String::from_utf8(text).unwrap(), expected);
            }
        }
    }

    #[test]
    fn programs_that_do_not_end_are_ended() {
        let end = AtomicBool::new(false);
        let error = run("sleep 1000 & sleep 1000", Duration::from_millis(300), &end).unwrap_err();
        assert!(error.starts_with("ended after"), "{error}");
        let endless = run("yes", Duration::from_millis(300), &end).unwrap_err();
        assert!(endless.starts_with("ended after"), "{endless}");
        assert!(run("exit 3", PATIENCE, &end).unwrap_err().contains("no output"));
        assert!(text(&Event::parse("file:/dev/zero:1s").unwrap(), &end).is_err());
        let long = run("head -c 100000 /dev/zero", PATIENCE, &end).unwrap();
        assert_eq!(long.len(), MAX_PAYLOAD);
    }
}
