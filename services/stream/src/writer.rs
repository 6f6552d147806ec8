//! Writes records to a file, to standard output, or as datagrams.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::UdpSocket;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use crate::ring::whole;
use crate::source::{DEFAULT_PORT, resolve};
use crate::{Error, INITIAL};

/// Records are gathered to this many octets, unless the owner says otherwise.
const GATHER: usize = 64 << 10;

/// How often a file is looked for at its path.
const LOOK: Duration = Duration::from_secs(1);

/// The most that one datagram carries over IPv4.
const MAX_DATAGRAM: usize = 65_507;

/// Where records are written: the argument of `-w`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file, appended to.
    File(PathBuf),
    /// Standard output (`-`).
    Stdout,
    /// Datagrams, one record each (`argus-udp://host[:port]`, `udp://host[:port]`).
    Udp {
        /// Name or address.
        host: String,
        /// The port.
        port: u16,
    },
}

impl Target {
    /// Parses the argument of `-w`.
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`] for URLs of other types and bad ports.
    pub fn parse(text: &str) -> Result<Target, Error> {
        if text == "-" {
            return Ok(Target::Stdout);
        }
        let Some((scheme, _)) = text.split_once("://") else {
            return Ok(Target::File(text.into()));
        };
        if !matches!(scheme, "argus-udp" | "udp") {
            return Err(Error::Syntax {
                text: text.into(),
                reason: format!("outputs of type {scheme} are not supported"),
            });
        }
        let source = crate::Source::parse(text, DEFAULT_PORT)?;
        Ok(Target::Udp { host: source.host, port: source.port })
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Target::File(path) => write!(f, "{}", path.display()),
            Target::Stdout => f.write_str("(stdout)"),
            Target::Udp { host, port } => write!(f, "argus-udp://{host}:{port}"),
        }
    }
}

/// Writes whole records. Nothing is written by being dropped: call [`Writer::flush`].
pub struct Writer {
    name: String,
    sink: Sink,
    /// Whole records that were not written yet.
    buffer: Vec<u8>,
    /// Octets to which they are gathered.
    gather: usize,
    records: u64,
    octets: u64,
    dropped: u64,
}

enum Sink {
    File(Appended),
    Stdout(io::Stdout),
    Udp(UdpSocket),
}

/// A file that may be renamed or removed under us, which is how Argus sites rotate.
struct Appended {
    path: PathBuf,
    file: File,
    looked: Instant,
    /// Not a regular file (`/dev/null`, a pipe): never looked for.
    special: bool,
}

impl Writer {
    /// Opens `target` and writes the initial management record to it: also to a file that has content, since one file
    /// may hold several streams.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] or [`Error::UnknownHost`] when it cannot be opened.
    pub fn open(target: &Target, initial: &[u8; INITIAL]) -> Result<Writer, Error> {
        Writer::open_by(target, initial, Appended::open)
    }

    /// The same, but a pipe that nobody reads is an error, and is not waited for.
    ///
    /// # Errors
    ///
    /// As [`Writer::open`].
    pub fn open_at_once(target: &Target, initial: &[u8; INITIAL]) -> Result<Writer, Error> {
        Writer::open_by(target, initial, Appended::open_at_once)
    }

    fn open_by(
        target: &Target,
        initial: &[u8; INITIAL],
        open: impl Fn(&Path) -> io::Result<Appended>,
    ) -> Result<Writer, Error> {
        let name = target.to_string();
        let fail = |e| Error::io(&name, e);
        let sink = match target {
            Target::File(path) => Sink::File(open(path).map_err(fail)?),
            Target::Stdout => Sink::Stdout(io::stdout()),
            Target::Udp { host, port } => Sink::Udp(udp(host, *port).map_err(|e| match e {
                Some(e) => Error::io(&name, e),
                None => Error::UnknownHost { host: host.clone() },
            })?),
        };
        let mut writer = Writer {
            name,
            sink,
            buffer: Vec::with_capacity(GATHER),
            gather: GATHER,
            records: 0,
            octets: 0,
            dropped: 0,
        };
        writer.buffer.extend_from_slice(initial);
        writer.flush()?;
        Ok(writer)
    }

    /// Gathers records to half a megabyte before they are handed to the system, which takes what is much at a time more
    /// cheaply, in larger pages. For outputs that nobody waits for: more is lost when one must be given up.
    #[must_use]
    pub fn in_bulk(mut self) -> Writer {
        self.gather = 8 * GATHER;
        self.buffer.reserve_exact(self.gather);
        self
    }

    /// The target's name for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Records given to [`Writer::write`].
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Octets given to [`Writer::write`].
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Records that could not be written: larger than a datagram, refused by the system, or on the way when the output
    /// failed.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Whether an error may pass: a file's, whose disk may have room again. A pipe or a device stays as it is.
    pub fn can_recover(&self) -> bool {
        matches!(&self.sink, Sink::File(file) if !file.special)
    }

    /// Writes one whole record, or several back to back, some time before the next flush.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; the output then ends at a record's border; only when [`Writer::can_recover`] it is to be written to again.
    pub fn write(&mut self, records: &[u8]) -> Result<(), Error> {
        self.write_run(records, crate::inbox::count(records))
    }

    /// As [`Writer::write`], for so many records.
    ///
    /// # Errors
    ///
    /// As [`Writer::write`].
    #[inline]
    pub fn write_run(&mut self, records: &[u8], count: u64) -> Result<(), Error> {
        self.records += count;
        self.octets += records.len() as u64;
        if self.buffer.len() + records.len() > self.gather {
            self.flush().inspect_err(|_| self.dropped += count)?;
        }
        if records.len() >= self.gather {
            return self.hand_over(records);
        }
        self.buffer.extend_from_slice(records);
        Ok(())
    }

    /// Hands everything to the system.
    ///
    /// # Errors
    ///
    /// As [`Writer::write`].
    pub fn flush(&mut self) -> Result<(), Error> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let done = self.hand_over(&buffer);
        buffer.clear();
        self.buffer = buffer;
        done
    }

    fn hand_over(&mut self, records: &[u8]) -> Result<(), Error> {
        let done = match &mut self.sink {
            Sink::File(file) => file.append(records).map_err(|(error, kept)| {
                self.dropped += crate::inbox::count(records.get(kept..).unwrap_or_default());
                error
            }),
            // How much of them went out cannot be known.
            Sink::Stdout(out) => out.write_all(records).and_then(|()| out.flush()).inspect_err(|_| {
                self.dropped += crate::inbox::count(records);
            }),
            Sink::Udp(socket) => {
                self.dropped += send(socket, records);
                Ok(())
            }
        };
        done.map_err(|e| Error::io(&self.name, e))
    }

    /// Looks, at most once a second, whether the file is still at its path. When it was renamed or removed it is
    /// created again, and what is empty gets `initial` first (transport chapter 1.7). Call it before writing.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when it cannot be created again; the old file stays in use.
    pub fn keep_path(&mut self, now: Instant, initial: impl FnOnce() -> [u8; INITIAL]) -> Result<(), Error> {
        let Sink::File(appended) = &self.sink else {
            return Ok(());
        };
        if appended.special || now.saturating_duration_since(appended.looked) < LOOK {
            return Ok(());
        }
        let moved = appended.moved();
        let Sink::File(appended) = &mut self.sink else {
            return Ok(());
        };
        appended.looked = now;
        if let Moved::No = moved {
            return Ok(());
        }
        // What was written so far belongs to the old file.
        let path = appended.path.clone();
        self.flush()?;
        let fresh = match moved {
            Moved::Away => {
                let fresh = Appended::open(&path).map_err(|e| Error::io(&self.name, e))?;
                let empty = fresh.file.metadata().is_ok_and(|m| m.len() == 0);
                self.sink = Sink::File(fresh);
                empty
            }
            _ => true,
        };
        if fresh {
            self.buffer.extend_from_slice(&initial());
        }
        Ok(())
    }
}

enum Moved {
    No,
    /// Another file, or none, is at the path.
    Away,
    /// It is empty now.
    Emptied,
}

impl Appended {
    fn open(path: &Path) -> io::Result<Appended> {
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o644);
        Appended::opened(path, options.open(path)?)
    }

    fn open_at_once(path: &Path) -> io::Result<Appended> {
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o644).custom_flags(nix::libc::O_NONBLOCK);
        let file = options.open(path)?;
        let flags = OFlag::from_bits_retain(fcntl(&file, FcntlArg::F_GETFL)?) - OFlag::O_NONBLOCK;
        fcntl(&file, FcntlArg::F_SETFL(flags))?;
        Appended::opened(path, file)
    }

    fn opened(path: &Path, file: File) -> io::Result<Appended> {
        let special = !file.metadata()?.is_file();
        Ok(Appended { path: path.into(), file, looked: Instant::now(), special })
    }

    fn moved(&self) -> Moved {
        let (Ok(here), there) = (self.file.metadata(), std::fs::metadata(&self.path)) else {
            return Moved::No;
        };
        match there {
            Ok(there) if (there.dev(), there.ino()) != (here.dev(), here.ino()) => Moved::Away,
            Ok(there) if there.len() == 0 => Moved::Emptied,
            Ok(_) => Moved::No,
            Err(e) if e.kind() == io::ErrorKind::NotFound => Moved::Away,
            // Unreachable for the moment (permissions, a network file system): stay with what is open.
            Err(_) => Moved::No,
        }
    }

    /// Appends whole records. When the disk takes only a part, the cut record is taken back; how many octets are written
    /// then comes with the error.
    fn append(&mut self, records: &[u8]) -> Result<(), (io::Error, usize)> {
        let mut written = 0;
        while let Some(rest) = records.get(written..).filter(|r| !r.is_empty()) {
            match self.file.write(rest) {
                Ok(0) => return Err(self.take_back(records, written, io::ErrorKind::WriteZero.into())),
                Ok(n) => written += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(self.take_back(records, written, e)),
            }
        }
        Ok(())
    }

    fn take_back(&mut self, records: &[u8], written: usize, error: io::Error) -> (io::Error, usize) {
        let mut kept = 0;
        while let Some(record) = whole(records.get(kept..).unwrap_or_default()) {
            if kept + record.len() > written {
                break;
            }
            kept += record.len();
        }
        let cut = (written - kept) as u64;
        if cut > 0
            && !self.special
            && let Ok(now) = self.file.metadata()
        {
            // If this fails too, a reader will skip the cut record.
            let _ = self.file.set_len(now.len().saturating_sub(cut));
        }
        (error, kept)
    }
}

/// A socket that sends to `host`; `None` when the name is unknown.
fn udp(host: &str, port: u16) -> Result<UdpSocket, Option<io::Error>> {
    let address = resolve(host, port).ok().and_then(|a| a.into_iter().next()).ok_or(None)?;
    let local = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(local).map_err(Some)?;
    if address.is_ipv4() {
        // As the C sensor sets it, so that multicast leaves the site it is meant for.
        socket.set_multicast_ttl_v4(128).map_err(Some)?;
    }
    socket.connect(address).map_err(Some)?;
    Ok(socket)
}

/// One datagram for each record. Returns how many could not be sent.
fn send(socket: &UdpSocket, mut records: &[u8]) -> u64 {
    let mut lost = 0;
    while let Some(record) = whole(records) {
        records = records.get(record.len()..).unwrap_or_default();
        // A refusal that an earlier datagram met is reported for this one, which was not sent: try once more.
        let sent = record.len() <= MAX_DATAGRAM
            && match socket.send(record) {
                Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => socket.send(record).is_ok(),
                other => other.is_ok(),
            };
        lost += u64::from(!sent);
    }
    lost
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(tag: u8) -> [u8; 8] {
        [0x13, 0x10, 0, 2, tag, tag, tag, tag]
    }

    #[test]
    fn appends_a_second_stream_to_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        for run in 1..=2 {
            let mut writer = Writer::open(&Target::File(path.clone()), &[9; INITIAL]).unwrap();
            writer.write(&record(1)).unwrap();
            writer.flush().unwrap();
            assert_eq!(std::fs::read(&path).unwrap().len(), run * (INITIAL + 8));
        }
    }

    #[test]
    fn goes_on_in_a_new_file_after_a_rename() {
        let dir = tempfile::tempdir().unwrap();
        let (path, old) = (dir.path().join("out"), dir.path().join("old"));
        let mut writer = Writer::open(&Target::File(path.clone()), &[9; INITIAL]).unwrap();
        let start = Instant::now();
        writer.write(&record(1)).unwrap();
        std::fs::rename(&path, &old).unwrap();
        writer.keep_path(start, || unreachable!("too early")).unwrap();
        writer.write(&record(2)).unwrap();
        writer.keep_path(start + LOOK, || [8; INITIAL]).unwrap();
        writer.write(&record(3)).unwrap();
        writer.flush().unwrap();
        assert_eq!(std::fs::read(&old).unwrap(), [&[9; INITIAL][..], &record(1), &record(2)].concat());
        assert_eq!(std::fs::read(&path).unwrap(), [&[8; INITIAL][..], &record(3)].concat());
        std::fs::write(&path, "").unwrap();
        writer.keep_path(start + 3 * LOOK, || [7; INITIAL]).unwrap();
        writer.flush().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), [7; INITIAL]);
    }

    #[test]
    fn a_datagram_is_a_record() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let target = Target::parse(&format!("argus-udp://{}", socket.local_addr().unwrap())).unwrap();
        let mut writer = Writer::open(&target, &{
            let mut mar = [0; INITIAL];
            mar[..4].copy_from_slice(&[0x83, 0x10, 0, 0x20]);
            mar
        })
        .unwrap();
        let huge = [&[0x13, 0x10, 0xff, 0xff][..], &vec![0; 65_534 * 4]].concat();
        writer.write(&[&record(1)[..], &huge, &record(2)].concat()).unwrap();
        writer.flush().unwrap();
        let mut buffer = [0; 2000];
        let mut lengths = vec![];
        for _ in 0..3 {
            lengths.push(socket.recv(&mut buffer).unwrap());
        }
        assert_eq!(lengths, [128, 8, 8]);
        assert_eq!((writer.records(), writer.dropped()), (3, 1));
    }

    #[test]
    fn targets() {
        assert_eq!(Target::parse("-").unwrap(), Target::Stdout);
        assert_eq!(Target::parse("a/b").unwrap(), Target::File("a/b".into()));
        assert_eq!(Target::parse("udp://h:9").unwrap(), Target::Udp { host: "h".into(), port: 9 });
        assert!(Target::parse("argus-tcp://h").is_err());
        assert!(Target::parse("domain://h").is_err());
    }
}
