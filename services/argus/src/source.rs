//! Where an interface's packets come from: a ring of ours where frames are Ethernet's, libpcap for everything else.
//!
//! libpcap compiles the filters, opens what it alone has names for (`any`, USB, Bluetooth, netfilter logs) and interfaces
//! whose frames are not Ethernet's.

use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use daemon::Log;
use flow::{Engine, Sink, Time};
use packet::{Dissector, LinkType, Rules};
use packetring::{Instruction, Receiver, Socket};
use pcap::{Active, Capture, Precision, TimestampType};

use crate::bpf;
use crate::dump::Dumper;
use crate::interface::Interface;
use crate::offline::{filter_error, plain, reason};
use crate::segments::Segments;
use crate::settings::Settings;

/// Octets of the rings of one interface when nothing else is configured (ARGUS_PCAP_BUF_SIZE): at 96 octets kept of each
/// packet, some 80 000 packets.
const BUFFER: usize = 16 << 20;
/// How long packets gather before they are handed over, milliseconds.
pub const GATHER: u16 = 100;
/// Blocks taken from one ring before the others have their turn.
const BLOCKS: usize = 8;
/// Packets taken from libpcap before the others have their turn.
const BATCH: usize = 4096;
/// Sockets kept for interfaces that come, or come back, when the right to make some is given up; of each thread.
const SPARE: usize = 32;

/// How interfaces are opened.
pub struct Opening {
    promiscuous: bool,
    snap: u32,
    buffer: Option<u32>,
    timestamps: Vec<String>,
    filter: Option<String>,
    optimize: bool,
    rules: Rules,
    /// Threads that share the packets of an interface.
    pub threads: usize,
    /// The filter for Ethernet frames, compiled once.
    program: OnceLock<Vec<Instruction>>,
    /// What asks for interfaces; `None` without the right to make sockets.
    probe: Option<Socket>,
    spare: Mutex<Vec<Socket>>,
}

/// Why an interface cannot be opened.
pub enum Fault {
    /// It may be opened later: not there, not up, no permission.
    Now(String),
    /// The filter expression is wrong: no interface will do.
    Filter(String),
}

impl Opening {
    /// As configured.
    pub fn new(settings: &Settings, rules: Rules) -> Self {
        // A capture file has its packets in their order.
        let threads = if settings.dump.path.is_some() { 1 } else { settings.capture_threads.max(1) };
        let mut spare = Vec::new();
        if settings.user.is_some() {
            spare.extend((0..SPARE * threads).map_while(|_| Socket::new().ok()));
        }
        Opening {
            promiscuous: settings.promiscuous,
            snap: settings.snaplen(),
            buffer: settings.buffer,
            timestamps: settings.timestamps.clone(),
            filter: settings.filter.clone(),
            optimize: settings.optimize,
            rules,
            threads,
            program: OnceLock::new(),
            probe: Socket::new().ok(),
            spare: Mutex::new(spare),
        }
    }

    /// A new socket, or one of those that were kept.
    fn socket(&self) -> Result<Socket, Fault> {
        Socket::new().or_else(|error| {
            let kept = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
            kept.ok_or_else(|| Fault::Now(reason(&error)))
        })
    }

    /// The kernel's program for Ethernet frames: the filter, and how much is kept.
    fn program(&self, name: &str) -> Result<&[Instruction], Fault> {
        if let Some(program) = self.program.get() {
            return Ok(program);
        }
        let program = match &self.filter {
            None => vec![Instruction::keep(self.snap)],
            Some(filter) => self.compile(name, filter)?,
        };
        Ok(self.program.get_or_init(|| program))
    }

    /// Compiles for an open interface where there is one: the kernel keeps VLAN tags beside the frame, which only then
    /// libpcap takes into account.
    fn compile(&self, name: &str, filter: &str) -> Result<Vec<Instruction>, Fault> {
        let wrong = |error: &pcap::Error| Fault::Filter(filter_error(error));
        let open = [name, "lo"].into_iter().find_map(|name| {
            let inactive = Capture::from_device(name).ok()?.promisc(false).snaplen(64).buffer_size(1 << 16);
            let mut open = inactive.open().ok()?;
            (open.get_datalink() == pcap::Linktype::ETHERNET
                || open.set_datalink(pcap::Linktype::ETHERNET).is_ok())
            .then_some(open)
        });
        let compiled = match open {
            Some(open) => open.compile(filter, self.optimize).map_err(|error| wrong(&error))?,
            None => Capture::dead(pcap::Linktype::ETHERNET)
                .and_then(|dead| dead.compile(filter, self.optimize))
                .map_err(|error| wrong(&error))?,
        };
        let mut instructions = bpf::instructions(&compiled).map_err(|error| wrong(&error))?;
        for instruction in &mut instructions {
            if (instruction.code, instruction.k > 0) == (0x06, true) {
                *instruction = Instruction::keep(self.snap);
            }
        }
        Ok(instructions)
    }
}

/// Where packets go.
pub struct Taker<'a> {
    /// The engine of their observation point.
    pub engine: &'a mut Engine,
    /// Where its records go.
    pub sink: &'a mut dyn Sink,
    /// Where they are written besides.
    pub dump: Option<&'a mut Dumper>,
}

impl Taker<'_> {
    /// Several at once.
    #[inline]
    fn packets<'a>(&mut self, dissector: &Dissector, frames: impl Iterator<Item = flow::Frame<'a>>) {
        if self.dump.is_none() {
            self.engine.frames(dissector, frames, self.sink);
            return;
        }
        for frame in frames {
            self.packet(frame.time, dissector, frame.octets, frame.length);
        }
    }

    #[inline]
    fn packet(&mut self, time: Time, dissector: &Dissector, octets: &[u8], length: u32) {
        let summary = dissector.dissect(octets, length);
        if let Some(dump) = &mut self.dump {
            dump.packet(dissector.link_type().0, time, octets, length, &summary);
        }
        self.engine.packet(time, &summary, self.sink);
    }
}

/// An open interface.
pub enum Source {
    /// Ours.
    Ring(Box<Ring>),
    /// libpcap's.
    Libpcap(Box<Libpcap>),
}

/// Opens an interface: the source of the first thread, and those of the others when packets are shared. Its link type is
/// told too.
///
/// # Errors
/// [`Fault`].
pub fn open(interface: &Interface, how: &Opening, log: &Log) -> Result<(Source, Vec<Ring>, u8), Fault> {
    let name = interface.name.as_str();
    let ethernet_asked = interface.link.as_deref().is_none_or(|link| link.eq_ignore_ascii_case("EN10MB"));
    // A port of a switch chip carries the chip's tags, which libpcap knows.
    let switch = Path::new("/sys/class/net").join(name).join("dsa/tagging").exists();
    if ethernet_asked && !switch && !is_special(name) {
        let found = how.probe.as_ref().and_then(|probe| probe.find(name).ok());
        if let Some(device) = found.filter(packetring::Device::is_ethernet) {
            let mut rings = rings(name, device, how, log)?.into_iter();
            if let Some(first) = rings.next() {
                return Ok((Source::Ring(Box::new(first)), rings.collect(), 1));
            }
        }
    }
    let opened = Libpcap::open(interface, how)?;
    let link = u8::try_from(opened.capture.get_datalink().0).unwrap_or(0);
    Ok((Source::Libpcap(Box::new(opened)), Vec::new(), link))
}

/// One ring for each thread; every packet goes to one of them.
fn rings(name: &str, device: packetring::Device, how: &Opening, log: &Log) -> Result<Vec<Ring>, Fault> {
    let failed = |error: std::io::Error| Fault::Now(reason(&error));
    let program = how.program(name)?;
    let whole = how.buffer.map_or(BUFFER, |octets| octets as usize);
    let options = packetring::Options {
        octets: whole / how.threads,
        gather: u32::from(GATHER),
        promiscuous: how.promiscuous,
    };
    // Until all of them share nobody takes anything: a packet is taken by one of them or by none.
    let closed = [Instruction::keep(0)];
    let begin = if how.threads > 1 { &closed[..] } else { program };
    let sockets = (0..how.threads).map(|_| how.socket()).collect::<Result<Vec<_>, _>>()?;
    let hardware = how
        .timestamps
        .iter()
        .any(|name| matches!(timestamp(name), Some(TimestampType::Adapter | TimestampType::AdapterUnsynced)));
    let mut rings: Vec<Ring> = Vec::new();
    let mut group = None;
    for socket in sockets {
        if hardware && let Err(error) = socket.hardware_times(name) {
            log.warning(format_args!("interface {name}: no hardware times: {}", reason(&error)));
        }
        let receiver = Receiver::open(socket, device, &options, begin).map_err(failed)?;
        if how.threads > 1 {
            group = Some(receiver.socket().share(group).map_err(failed)?);
        }
        let dissector = Dissector::new(LinkType::ETHERNET, how.rules);
        rings.push(Ring {
            receiver,
            dissector,
            segments: Segments::default(),
            read: 0,
            taken: 0,
            dropped: 0,
        });
    }
    if how.threads > 1 {
        for ring in &rings {
            ring.receiver.socket().filter(program).map_err(failed)?;
        }
    }
    Ok(rings)
}

/// A ring and what its packets need.
pub struct Ring {
    /// The ring.
    pub receiver: Receiver,
    dissector: Dissector,
    segments: Segments,
    /// Frames read.
    read: u64,
    /// Frames that the kernel put into the ring, as it last told.
    taken: u64,
    dropped: u64,
}

impl Ring {
    /// Hands over the packets that are there; true when there may be more.
    pub fn read(&mut self, taker: &mut Taker<'_>) -> bool {
        for _ in 0..BLOCKS {
            let Some(mut block) = self.receiver.block() else { return false };
            self.read += u64::from(block.count());
            let mut frames = block.frames();
            loop {
                // Up to a super-packet, which is looked at alone.
                let mut apart = None;
                let together = std::iter::from_fn(|| {
                    let frame = frames.next()?;
                    if frame.offload.is_none() {
                        return Some(flow::Frame {
                            time: Time::from_nanos(i64::from(frame.seconds), i64::from(frame.nanos)),
                            octets: frame.octets,
                            length: frame.length,
                        });
                    }
                    apart = Some(frame);
                    None
                });
                taker.packets(&self.dissector, together);
                let Some(frame) = apart else { break };
                split(&mut self.segments, &self.dissector, &frame, taker);
            }
        }
        true
    }

    /// Packets that the kernel dropped since the ring was made.
    pub fn dropped(&mut self) -> u64 {
        if let Ok((taken, dropped)) = self.receiver.socket().statistics() {
            self.taken += u64::from(taken);
            self.dropped += u64::from(dropped);
        }
        self.dropped
    }

    /// Takes nothing from the wire any more.
    pub fn shut(&self) {
        // That it fails leaves some packets uncounted when the sensor stops, as if it had stopped a little earlier.
        let _ = self.receiver.socket().filter(&[Instruction::keep(0)]);
    }

    /// Whether everything that the kernel took was read.
    pub fn is_empty(&mut self) -> bool {
        self.dropped();
        self.read >= self.taken
    }
}

/// The segments of a super-packet, one after another.
#[cold]
fn split(
    segments: &mut Segments,
    dissector: &Dissector,
    frame: &packetring::Frame<'_>,
    taker: &mut Taker<'_>,
) {
    let Some(offload) = frame.offload else { return };
    let time = Time::from_nanos(i64::from(frame.seconds), i64::from(frame.nanos));
    segments.each(frame.octets, frame.length, offload, |octets, length| {
        taker.packet(time, dissector, octets, length);
    });
}

/// A handle of libpcap and what its packets need.
pub struct Libpcap {
    /// The handle.
    pub capture: Capture<Active>,
    dissector: Dissector,
    dropped: u64,
    /// When its last packets will have been handed over.
    empty_at: Option<Instant>,
}

impl Libpcap {
    fn open(interface: &Interface, how: &Opening) -> Result<Libpcap, Fault> {
        let now = |error: &pcap::Error| Fault::Now(plain(error));
        let mut inactive = Capture::from_device(interface.name.as_str())
            .map_err(|error| now(&error))?
            // There is no such mode of all interfaces together.
            .promisc(how.promiscuous && interface.name != "any")
            .precision(Precision::Nano)
            .snaplen(i32::try_from(how.snap).unwrap_or(i32::MAX))
            .timeout(i32::from(GATHER));
        if let Some(octets) = how.buffer {
            inactive = inactive.buffer_size(i32::try_from(octets).unwrap_or(i32::MAX));
        }
        if let Some(kind) = how.timestamps.iter().find_map(|name| timestamp(name)) {
            inactive = inactive.tstamp_type(kind);
        }
        let mut capture = inactive.open().and_then(Capture::setnonblock).map_err(|error| now(&error))?;
        if let Some(name) = &interface.link {
            let link = pcap::Linktype::from_name(name).map_err(|error| now(&error))?;
            capture.set_datalink(link).map_err(|error| now(&error))?;
        }
        let dissector = Dissector::new(LinkType(capture.get_datalink().0), how.rules);
        if let Some(filter) = &how.filter {
            capture.filter(filter, how.optimize).map_err(|error| Fault::Filter(filter_error(&error)))?;
        }
        Ok(Libpcap { capture, dissector, dropped: 0, empty_at: None })
    }

    /// Hands over the packets that are there; true when there may be more.
    ///
    /// # Errors
    /// The interface went away or down.
    pub fn read(&mut self, taker: &mut Taker<'_>) -> Result<bool, String> {
        let dissector = &self.dissector;
        let done = self.capture.dispatch(Some(BATCH), |packet| {
            let stamp = packet.header.ts;
            let time = Time::from_nanos(i64::from(stamp.tv_sec as u32), stamp.tv_usec.clamp(0, 999_999_999));
            taker.packet(time, dissector, packet.data, packet.header.len);
        });
        done.map(|count| count >= BATCH).map_err(|error| plain(&error))
    }

    /// Takes nothing any more, as soon as what gathers now has been handed over.
    pub fn shut(&mut self) {
        self.empty_at = Some(Instant::now() + 2 * Duration::from_millis(u64::from(GATHER)));
    }

    /// Whether it was shut and has handed over everything.
    pub fn is_empty(&self) -> bool {
        self.empty_at.is_some_and(|at| Instant::now() >= at)
    }

    /// Packets that the kernel dropped since the handle was opened.
    pub fn dropped(&mut self) -> u64 {
        if let Ok(stats) = self.capture.stats() {
            self.dropped = self.dropped.max(u64::from(stats.dropped));
        }
        self.dropped
    }
}

/// Devices whose flags say nothing (1.4), and libpcap's pseudo devices.
pub fn is_special(name: &str) -> bool {
    ["any", "default"].contains(&name)
        || ["dag", "napa", "dna", "zc", "nflog", "nfqueue", "usbmon", "bluetooth", "dbus-"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

fn timestamp(name: &str) -> Option<TimestampType> {
    Some(match name {
        "host" => TimestampType::Host,
        "lowprec" | "host_lowprec" => TimestampType::HostLowPrec,
        "hiprec" | "host_hiprec" => TimestampType::HostHighPrec,
        "adapter" | "sync" => TimestampType::Adapter,
        "unsync" | "adapter_unsynced" => TimestampType::AdapterUnsynced,
        _ => return None,
    })
}
