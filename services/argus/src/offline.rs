//! Packets from capture files (1.5).

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flow::Time;
use packet::{Dissector, LinkType, Rules};
use pcap::{Capture, Offline, Precision};

use crate::quick::QuickFile;

/// How often a followed file is looked at for more.
const FOLLOW: Duration = Duration::from_millis(100);
/// Packets taken before the signals are looked at.
const BATCH: usize = 512;

/// One capture file, open.
pub struct CaptureFile {
    way: Way,
    dissector: Dissector,
}

enum Way {
    /// The common kind.
    Quick(QuickFile),
    /// Everything else.
    Libpcap { capture: Capture<Offline>, nanos: bool, feeder: Option<Feeder> },
}

/// How a file is to be read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// libpcap's filter expression.
    pub filter: Option<String>,
    /// Optimise it.
    pub optimize: bool,
    /// Wait for more at the end.
    pub follow: bool,
    /// Microseconds only, as 3.0.8.
    pub compat: bool,
    /// How frames are dissected.
    pub rules: Rules,
    /// Set when the program is asked to stop.
    pub stop: Arc<AtomicUsize>,
}

/// Why a file was not read to its end.
#[derive(Debug)]
pub enum Fault {
    /// Not a capture, not readable, or of a link type that is not known.
    Unreadable(String),
    /// It ends in the middle of a packet.
    Cut(String),
    /// The filter expression is wrong.
    Filter(String),
}

impl CaptureFile {
    /// Opens a file; `-` is standard input. Compressed files are recognised by their first octets.
    ///
    /// # Errors
    /// [`Fault::Unreadable`], [`Fault::Filter`].
    pub fn open(path: &Path, reading: &Reading) -> Result<Self, Fault> {
        let plain_file = reading.filter.is_none() && !reading.follow && path.as_os_str() != "-";
        if plain_file && let Some(quick) = QuickFile::open(path, reading.compat) {
            let dissector = Dissector::new(LinkType::ETHERNET, reading.rules);
            return Ok(CaptureFile { way: Way::Quick(quick), dissector });
        }
        let feeder = feeder(path, reading).map_err(Fault::Unreadable)?;
        let precision = if reading.compat { Precision::Micro } else { Precision::Nano };
        let opened = match &feeder {
            Some(feeder) => Capture::from_file_with_precision(&feeder.path, precision),
            None => Capture::from_file_with_precision(path, precision),
        };
        let mut capture = match opened {
            Ok(capture) => capture,
            Err(error) => {
                let told = feeder.as_ref().and_then(Feeder::error);
                return Err(Fault::Unreadable(told.unwrap_or_else(|| plain(&error))));
            }
        };
        if let Some(feeder) = &feeder {
            feeder.opened();
        }
        let link = LinkType(capture.get_datalink().0);
        let dissector = Dissector::new(link, reading.rules);
        if let Some(filter) = &reading.filter {
            capture.filter(filter, reading.optimize).map_err(|error| Fault::Filter(filter_error(&error)))?;
        }
        Ok(CaptureFile { way: Way::Libpcap { capture, nanos: !reading.compat, feeder }, dissector })
    }

    /// Compiles a filter for the file's link type.
    ///
    /// # Errors
    /// The expression is wrong.
    pub fn compile(&self, expression: &str, optimize: bool) -> Result<pcap::BpfProgram, pcap::Error> {
        match &self.way {
            Way::Quick(_) => Capture::dead(pcap::Linktype::ETHERNET)?.compile(expression, optimize),
            Way::Libpcap { capture, .. } => capture.compile(expression, optimize),
        }
    }

    /// Gives up to `most` packets to `take`: time, dissector, octets, length on the wire. Returns how many there were, 0
    /// at the end.
    ///
    /// # Errors
    /// [`Fault::Cut`], [`Fault::Unreadable`].
    pub fn read<F>(&mut self, most: usize, mut take: F) -> Result<usize, Fault>
    where
        F: FnMut(Time, &Dissector, &[u8], u32),
    {
        let dissector = &self.dissector;
        let (capture, nanos, feeder) = match &mut self.way {
            Way::Quick(quick) => {
                return quick
                    .read(most.min(BATCH), |time, frame, length| take(time, dissector, frame, length));
            }
            Way::Libpcap { capture, nanos, feeder } => (capture, *nanos, &*feeder),
        };
        let done = capture.dispatch(Some(most.min(BATCH)), |packet| {
            let (seconds, fraction) = (packet.header.ts.tv_sec, packet.header.ts.tv_usec);
            let time = if nanos {
                // Seconds past 2038 come as negative ones.
                Time::from_nanos(i64::from(seconds as u32), fraction.clamp(0, 999_999_999))
            } else {
                Time::from_pcap(seconds, fraction)
            };
            take(time, dissector, packet.data, packet.header.len);
        });
        match done {
            Ok(0) => match feeder.as_ref().and_then(Feeder::error) {
                Some(error) => Err(Fault::Unreadable(error)),
                None => Ok(0),
            },
            Ok(count) => Ok(count),
            Err(error) => {
                if let Some(error) = feeder.as_ref().and_then(Feeder::error) {
                    return Err(Fault::Unreadable(error));
                }
                let text = plain(&error);
                Err(if text.contains("truncated") { Fault::Cut(text) } else { Fault::Unreadable(text) })
            }
        }
    }
}

/// libpcap's words, without those of its wrapper.
pub fn plain(error: &pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(text) => text.trim().to_owned(),
        other => other.to_string(),
    }
}

/// libpcap's words about a filter expression, which some of its versions begin with ours.
pub fn filter_error(error: &pcap::Error) -> String {
    let text = plain(error);
    if text.starts_with("can't parse") { text } else { format!("can't parse filter expression: {text}") }
}

/// A thread that hands a file's octets to libpcap through a pipe: what is compressed, grows, or is standard input.
struct Feeder {
    /// The pipe's end for libpcap, as a name it can open.
    path: String,
    /// Keeps the pipe's reading end open until libpcap has opened it for itself.
    end: Mutex<Option<std::os::fd::OwnedFd>>,
    error: Arc<Mutex<Option<String>>>,
}

impl Feeder {
    fn opened(&self) {
        self.end.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn error(&self) -> Option<String> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Starts a feeder when the file needs one.
fn feeder(path: &Path, reading: &Reading) -> Result<Option<Feeder>, String> {
    let standard = path.as_os_str() == "-";
    if !standard {
        let mut file = File::open(path).map_err(|error| reason(&error))?;
        let kind = file.metadata().map_err(|error| reason(&error))?;
        if kind.is_dir() {
            return Err("is a folder".to_owned());
        }
        if kind.is_file() && !reading.follow {
            if kind.len() == 0 {
                return Err("empty file".to_owned());
            }
            let mut magic = [0; 6];
            let got = read_up_to(&mut file, &mut magic).map_err(|error| reason(&error))?;
            if !stream::is_compressed(magic.get(..got).unwrap_or_default()) {
                return Ok(None);
            }
        }
    }
    let (end, begin) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)
        .map_err(|error| format!("cannot make a pipe: {error}"))?;
    let mut into = File::from(begin);
    let error = Arc::new(Mutex::new(None));
    let (told, path, reading) = (Arc::clone(&error), path.to_owned(), reading.clone());
    let feeder =
        Feeder { path: format!("/proc/self/fd/{}", end.as_raw_fd()), end: Mutex::new(Some(end)), error };
    let feed = move || {
        let done = if reading.follow && !standard {
            File::open(&path)
                .and_then(|file| copy_followed(file, &mut into, &reading.stop))
                .map_err(|e| reason(&e))
        } else {
            stream::open_input(&path)
                .map_err(|error| error.to_string())
                .and_then(|mut input| copy(&mut input, &mut into).map_err(|error| reason(&error)))
        };
        if let Err(error) = done {
            *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
        // The end of the pipe is seen only now, when the error is in place.
        drop(into);
    };
    std::thread::Builder::new()
        .name("feeder".to_owned())
        .spawn(feed)
        .map_err(|error| format!("cannot start a thread: {error}"))?;
    Ok(Some(feeder))
}

/// An error of the system in its own words, without the number.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

fn read_up_to(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while let Some(rest) = buffer.get_mut(got..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) => break,
            Ok(count) => got += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

/// Copies until either end closes. That the reader closes first is no error: it has seen enough.
fn copy(from: &mut dyn Read, into: &mut File) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => match into.write_all(buffer.get(..count).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                other => other?,
            },
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Copies what there is and what is appended, until a stop is asked for.
fn copy_followed(mut file: File, into: &mut File, stop: &AtomicUsize) -> io::Result<()> {
    while stop.load(Ordering::Acquire) == 0 {
        copy(&mut file, into)?;
        std::thread::sleep(FOLLOW);
    }
    Ok(())
}
