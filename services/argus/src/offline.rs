//! Packets from capture files (1.5).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use capfile::{Hint, Kind, Packet, Packets, Reader};
use flow::{Engine, Frame, Sink, Time};
use packet::{Dissector, LinkType, Rules};
use pcap::{Capture, Offline, Precision};

pub use crate::input::reason;
use crate::input::{self, Feeder, Nature, Told};
use crate::sieve::Sieve;

/// Packets taken before the signals are looked at.
const BATCH: usize = 512;

/// One capture file, open.
pub struct CaptureFile {
    way: Way,
    path: PathBuf,
    reading: Reading,
    nature: Nature,
    links: Links,
    /// Set by a followed file that was cut or replaced.
    renewed: Told,
    /// Set by a thread that feeds the reader.
    fed: Option<Told>,
}

enum Way {
    /// Not looked at yet, or read by us.
    Ours(Reader),
    /// A variant of pcap that only libpcap knows, fed by a thread.
    Libpcap { capture: Capture<Offline>, feeder: Feeder, link: i32 },
    /// Taken apart while one way becomes another.
    None,
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
    /// What has no format of its own is TSH.
    pub tsh: bool,
    /// How frames are dissected.
    pub rules: Rules,
    /// Set when the program is asked to stop.
    pub stop: Arc<AtomicUsize>,
}

/// Why a file was not read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not a capture, or not readable.
    Unreadable(String),
    /// It ends in the middle of a packet.
    Cut(String),
    /// The filter expression is wrong.
    Filter(String),
    /// There is nothing yet; ask again.
    Wait,
    /// A followed file was cut or replaced, as the text says: it begins anew.
    Renewed(String),
}

impl From<capfile::Fault> for Fault {
    fn from(fault: capfile::Fault) -> Fault {
        match fault {
            capfile::Fault::Unreadable(text) => Fault::Unreadable(text),
            capfile::Fault::Cut(text) => Fault::Cut(text),
            capfile::Fault::Wait => Fault::Wait,
        }
    }
}

/// What is known of the link types of a file: each with its dissector and its filter.
struct Links {
    rules: Rules,
    filter: Option<(String, bool)>,
    list: Vec<(i32, Dissector, Option<Sieve>)>,
}

impl Links {
    /// Where a link type is in the list.
    #[inline]
    fn find(&mut self, link: i32, last: usize) -> Result<usize, Fault> {
        match self.list.get(last) {
            Some((known, ..)) if *known == link => Ok(last),
            _ => self.find_slowly(link),
        }
    }

    #[cold]
    fn find_slowly(&mut self, link: i32) -> Result<usize, Fault> {
        if let Some(at) = self.list.iter().position(|(known, ..)| *known == link) {
            return Ok(at);
        }
        let sieve = match &self.filter {
            None => None,
            Some((expression, optimize)) => Some(
                Sieve::compile(expression, *optimize, link)
                    .map_err(|error| Fault::Filter(filter_error(&error)))?,
            ),
        };
        self.list.push((link, Dissector::new(LinkType(link), self.rules), sieve));
        Ok(self.list.len() - 1)
    }
}

impl CaptureFile {
    /// Opens a file; `-` is standard input. What it is, is told by its content.
    ///
    /// # Errors
    /// [`Fault::Unreadable`], [`Fault::Cut`], [`Fault::Filter`].
    pub fn open(path: &Path, reading: &Reading) -> Result<Self, Fault> {
        let renewed = Told::default();
        let (input, nature) = input::open(path, reading.follow, &renewed).map_err(Fault::Unreadable)?;
        let filter = reading.filter.clone().map(|expression| (expression, reading.optimize));
        let mut file = CaptureFile {
            way: Way::Ours(Reader::new(input, hint(path, reading.tsh))),
            path: path.to_owned(),
            reading: reading.clone(),
            nature,
            links: Links { rules: reading.rules, filter, list: Vec::new() },
            renewed,
            fed: None,
        };
        match file.settle() {
            // A bad filter is told before the first packet.
            Ok(()) => {
                if let Ok(Some(link)) = file.link() {
                    file.links.find_slowly(link)?;
                }
            }
            Err(Fault::Wait) => {}
            Err(fault) => return Err(fault),
        }
        Ok(file)
    }

    /// Whether it may have to wait for its input.
    pub fn may_wait(&self) -> bool {
        self.reading.follow || self.nature == Nature::Pipe
    }

    /// Finds out what the input is and how to read it.
    fn settle(&mut self) -> Result<(), Fault> {
        // Compressed captures are not compressed again without end.
        for _ in 0..3 {
            let Way::Ours(reader) = &mut self.way else { return Ok(()) };
            match reader.detect()? {
                Kind::Capture => return Ok(()),
                Kind::Compressed => self.decompress()?,
                Kind::Libpcap => self.hand_over()?,
            }
        }
        Err(Fault::Unreadable("compressed more than twice".to_owned()))
    }

    fn decompress(&mut self) -> Result<(), Fault> {
        let Way::Ours(reader) = std::mem::replace(&mut self.way, Way::None) else { return Ok(()) };
        let input = if self.nature == Nature::Pipe {
            let feeder =
                Feeder::start(reader.into_input(), true, &self.reading.stop).map_err(Fault::Unreadable)?;
            let (input, told) = feeder.into_input();
            self.fed = Some(told);
            input
        } else if self.fed.is_none() && self.reading.follow {
            // Nobody appends to a compressed stream: what is read would end, while more is waited for.
            return Err(Fault::Unreadable("is compressed: it cannot be followed (-f)".to_owned()));
        } else {
            input::decompress(reader.into_input()).map_err(Fault::Unreadable)?
        };
        self.way = Way::Ours(Reader::new(input, hint(&self.path, self.reading.tsh)));
        Ok(())
    }

    fn hand_over(&mut self) -> Result<(), Fault> {
        let Way::Ours(reader) = std::mem::replace(&mut self.way, Way::None) else { return Ok(()) };
        let feeder =
            Feeder::start(reader.into_input(), false, &self.reading.stop).map_err(Fault::Unreadable)?;
        let precision = if self.reading.compat { Precision::Micro } else { Precision::Nano };
        let capture = Capture::from_file_with_precision(feeder.path(), precision)
            .map_err(|error| Fault::Unreadable(feeder.error().take().unwrap_or_else(|| plain(&error))))?;
        let link = capture.get_datalink().0;
        self.way = Way::Libpcap { capture, feeder, link };
        Ok(())
    }

    /// The link type of the next packet, or of the first interface; `None` at the end of the input.
    fn link(&mut self) -> Result<Option<i32>, Fault> {
        match &mut self.way {
            Way::Ours(reader) => Ok(reader.link()?),
            Way::Libpcap { link, .. } => Ok(Some(*link)),
            Way::None => Ok(None),
        }
    }

    /// Compiles a filter for the file's first link type.
    ///
    /// # Errors
    /// As [`CaptureFile::read`].
    pub fn compile(&mut self, expression: &str, optimize: bool) -> Result<Sieve, Fault> {
        let link = self.link()?.unwrap_or(LinkType::ETHERNET.0);
        Sieve::compile(expression, optimize, link).map_err(|error| Fault::Filter(filter_error(&error)))
    }

    /// Gives up to `most` packets that pass the filter to `take`: time, dissector, octets, length on the wire. Returns
    /// how many were looked at, 0 at the end.
    ///
    /// # Errors
    /// All packets before the fault have been given then.
    pub fn read<F>(&mut self, most: usize, take: F) -> Result<usize, Fault>
    where
        F: FnMut(Time, &Dissector, &[u8], u32),
    {
        self.settle()?;
        let done = self.batch(most.min(BATCH), take);
        self.conclude(done)
    }

    /// What is told of packets that were asked for, whoever else has something to tell.
    fn conclude(&mut self, done: Result<usize, Fault>) -> Result<usize, Fault> {
        let stopped = done == Err(Fault::Wait) && self.reading.stop.load(Ordering::Relaxed) != 0;
        let done = if stopped { Ok(0) } else { done };
        match (done, self.fed.as_ref().and_then(Told::take), self.renewed.take()) {
            (Ok(count), None, None) => Ok(count),
            // What came is taken first; the text is told when nothing more comes.
            (Ok(count @ 1..), fed, renewed) => {
                if let (Some(told), Some(text)) = (&self.fed, fed) {
                    told.tell(text);
                }
                if let Some(text) = renewed {
                    self.renewed.tell(text);
                }
                Ok(count)
            }
            (_, _, Some(how)) => Err(Fault::Renewed(how)),
            (_, Some(text), None) => Err(Fault::Unreadable(text)),
            (Err(fault), None, None) => Err(fault),
        }
    }

    /// Gives some packets to an engine, whose records go to `sink`. Returns how many there were, 0 at the end.
    ///
    /// # Errors
    /// As [`CaptureFile::read`].
    pub fn feed(&mut self, engine: &mut Engine, sink: &mut dyn Sink) -> Result<usize, Fault> {
        self.settle()?;
        if let Some(done) = self.feed_in_place(engine, sink) {
            return self.conclude(done);
        }
        self.read(usize::MAX, |time, dissector, frame, length| {
            engine.packet(time, &dissector.dissect(frame, length), sink);
        })
    }

    /// The same with packets that lie in memory, where the format has such; `None` for the others.
    fn feed_in_place(&mut self, engine: &mut Engine, sink: &mut dyn Sink) -> Option<Result<usize, Fault>> {
        let Way::Ours(reader) = &mut self.way else { return None };
        let packets = match reader.packets() {
            Ok(packets) => packets?,
            Err(fault) => return Some(Err(fault.into())),
        };
        let Some(link) = packets.link() else { return Some(Ok(0)) };
        let at = match self.links.find(link, 0) {
            Ok(at) => at,
            Err(fault) => return Some(Err(fault)),
        };
        let (_, dissector, sieve) = self.links.list.get(at)?;
        let compat = self.reading.compat;
        Some(Ok(match (packets, sieve) {
            (Packets::Pcap(packets), None) => {
                engine.frames(dissector, packets.map(move |packet| frame(packet, compat)), sink)
            }
            (packets, sieve) => {
                let mut count = 0;
                let mut passing = packets
                    .inspect(|_| count += 1)
                    .filter(|packet| {
                        sieve.as_ref().is_none_or(|sieve| sieve.passes(packet.data, packet.length))
                    })
                    .map(|packet| frame(packet, compat));
                // One piece of code for all that is less common.
                let passing: &mut dyn Iterator<Item = Frame<'_>> = &mut passing;
                engine.frames(dissector, passing, sink);
                count
            }
        }))
    }

    fn batch<F>(&mut self, most: usize, mut take: F) -> Result<usize, Fault>
    where
        F: FnMut(Time, &Dissector, &[u8], u32),
    {
        let (links, compat) = (&mut self.links, self.reading.compat);
        let (mut last, mut wrong) = (0, None);
        let mut pass = |link: i32, time: Time, data: &[u8], length: u32| {
            match links.find(link, last) {
                Ok(at) => last = at,
                Err(fault) => {
                    wrong.get_or_insert(fault);
                    return;
                }
            }
            let Some((_, dissector, sieve)) = links.list.get(last) else { return };
            if wrong.is_none() && sieve.as_ref().is_none_or(|sieve| sieve.passes(data, length)) {
                take(time, dissector, data, length);
            }
        };
        let done = match &mut self.way {
            Way::Ours(reader) => reader
                .read(most, |packet| {
                    let time = time(packet.seconds, packet.nanos, compat);
                    pass(packet.link, time, packet.data, packet.length);
                })
                .map_err(Fault::from),
            Way::Libpcap { capture, feeder, link } => {
                let done = capture.dispatch(Some(most), |packet| {
                    let (seconds, fraction) = (packet.header.ts.tv_sec, packet.header.ts.tv_usec);
                    let time = if compat {
                        Time::from_pcap(seconds, fraction)
                    } else {
                        // Seconds past 2038 come as negative ones.
                        Time::from_nanos(i64::from(seconds as u32), fraction.clamp(0, 999_999_999))
                    };
                    pass(*link, time, packet.data, packet.header.len);
                });
                match (done, feeder.error().take()) {
                    (Ok(0) | Err(_), Some(text)) => Err(Fault::Unreadable(text)),
                    (Ok(count), _) => Ok(count),
                    (Err(error), None) => {
                        let text = plain(&error);
                        let cut = text.contains("truncated");
                        Err(if cut { Fault::Cut(text) } else { Fault::Unreadable(text) })
                    }
                }
            }
            Way::None => Ok(0),
        };
        match wrong {
            Some(fault) => Err(fault),
            None => done,
        }
    }
}

/// The fraction of a damaged capture may be anything; it is kept within its second. 3.0.8 knows microseconds only.
#[inline(always)]
fn time(seconds: u32, nanos: i64, compat: bool) -> Time {
    let nanos = nanos.clamp(0, 999_999_999) as u32;
    Time::from_stamp(seconds, if compat { nanos / 1000 * 1000 } else { nanos })
}

/// A packet for an engine.
#[inline(always)]
fn frame(packet: Packet<'_>, compat: bool) -> Frame<'_> {
    let time = time(packet.seconds, packet.nanos, compat);
    Frame { time, octets: packet.data, length: packet.length }
}

/// What a file's name and the command line say of its format.
fn hint(path: &Path, tsh: bool) -> Hint {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match (name.contains(".erf"), tsh) {
        (true, _) => Hint::Erf,
        (false, true) => Hint::Tsh,
        (false, false) => Hint::None,
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
