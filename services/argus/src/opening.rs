//! Opening interfaces: a ring of ours where frames are Ethernet's, libpcap for everything else.
//!
//! libpcap compiles the filters, opens what it alone has names for (`any`, USB, Bluetooth, netfilter logs) and interfaces
//! whose frames are not Ethernet's.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use daemon::Log;
use packet::{Dissector, LinkType, Rules};
use packetring::{Instruction, Receiver, Socket};
use pcap::{Active, Capture, Precision, TimestampType};

use crate::bpf;
use crate::interface::Interface;
use crate::offline::{filter_error, plain, reason};
use crate::settings::Settings;
use crate::source::{GATHER, GATHER_SHARED, Source};

/// Octets of the rings of one interface when nothing else is configured (ARGUS_PCAP_BUF_SIZE): at 96 octets kept of each
/// packet, some 80 000 packets.
const BUFFER: usize = 16 << 20;
/// The same of all interfaces together when they are as many as the machine has (`-i all`), and the least of one.
const BUFFERS: usize = 128 << 20;
const SMALL_BUFFER: usize = 2 << 20;
/// Sockets kept for interfaces that come, or come back, when the right to make some is given up; of each thread.
const SPARE: usize = 32;

/// How interfaces are opened.
pub struct Opening {
    promiscuous: bool,
    snap: u32,
    buffer: Option<usize>,
    /// Octets of the rings of one interface without that.
    share: usize,
    timestamps: Vec<String>,
    filter: Option<String>,
    optimize: bool,
    rules: Rules,
    /// Which thread takes which packets.
    steer: Vec<Instruction>,
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
    /// As configured. `all`: how many interfaces there are now, when all are to be opened.
    pub fn new(settings: &Settings, rules: Rules, all: Option<usize>) -> Self {
        // A capture file has its packets in their order.
        let threads = if settings.dump.path.is_some() { 1 } else { settings.capture_threads.max(1) };
        let mut spare = Vec::new();
        if settings.user.is_some() {
            spare.extend((0..SPARE * threads).map_while(|_| Socket::new().ok()));
        }
        Opening {
            promiscuous: settings.promiscuous,
            snap: settings.snaplen(),
            buffer: settings.buffer.map(|octets| octets as usize),
            share: all.map_or(BUFFER, |count| (BUFFERS / count.max(1)).clamp(SMALL_BUFFER, BUFFER)),
            timestamps: settings.timestamps.clone(),
            filter: settings.filter.clone(),
            optimize: settings.optimize,
            rules,
            steer: packetring::by_ends(RandomState::new().build_hasher().finish() as u32),
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
    pub fn program(&self, name: &str) -> Result<&[Instruction], Fault> {
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

/// Opens an interface: the sources of all threads when packets are shared among them, otherwise that of the first; and its
/// link type. `together`: other interfaces report to the same flow table.
///
/// # Errors
/// [`Fault`].
pub fn open(
    interface: &Interface,
    how: &Opening,
    together: bool,
    log: &Log,
) -> Result<(Vec<Source>, u8), Fault> {
    let gather = if together { GATHER_SHARED } else { GATHER };
    let name = interface.name.as_str();
    let ethernet_asked = interface.link.as_deref().is_none_or(|link| link.eq_ignore_ascii_case("EN10MB"));
    // A port of a switch chip carries the chip's tags, which libpcap knows.
    let switch = Path::new("/sys/class/net").join(name).join("dsa/tagging").exists();
    if ethernet_asked && !switch && !is_special(name) {
        let found = how.probe.as_ref().and_then(|probe| probe.find(name).ok());
        if let Some(device) = found.filter(packetring::Device::is_ethernet) {
            return Ok((rings(name, device, how, gather, log)?, 1));
        }
    }
    let capture = handle(interface, how, gather, log)?;
    let link = capture.get_datalink();
    let dissector = Dissector::new(LinkType(link.0), how.rules);
    Ok((vec![Source::of_libpcap(capture, dissector, gather)], u8::try_from(link.0).unwrap_or(0)))
}

/// One ring for each thread; every packet goes to one of them.
fn rings(
    name: &str,
    device: packetring::Device,
    how: &Opening,
    gather: u16,
    log: &Log,
) -> Result<Vec<Source>, Fault> {
    let failed = |error: std::io::Error| Fault::Now(reason(&error));
    let program = how.program(name)?;
    let whole = how.buffer.unwrap_or(how.share);
    let options = packetring::Options {
        octets: whole / how.threads,
        gather: u32::from(gather),
        promiscuous: how.promiscuous,
    };
    // Until all of them share nobody takes anything: a packet is taken by one of them or by none.
    let closed = [Instruction::keep(0)];
    let begin = if how.threads > 1 { &closed[..] } else { program };
    let sockets = (0..how.threads).map(|_| how.socket()).collect::<Result<Vec<_>, _>>()?;
    let hardware = how.timestamps.iter().any(|name| is_hardware(name));
    let mut receivers = Vec::new();
    let (mut group, mut told) = (None, None);
    for socket in sockets {
        if hardware && let Err(error) = socket.hardware_times(name) {
            told.get_or_insert_with(|| reason(&error));
        }
        let receiver = Receiver::open(socket, device, &options, begin).map_err(failed)?;
        if how.threads > 1 {
            group = Some(receiver.socket().share(group, &how.steer).map_err(failed)?);
        }
        receivers.push(receiver);
    }
    if how.threads > 1 {
        for receiver in &receivers {
            receiver.socket().filter(program).map_err(failed)?;
        }
    }
    if let Some(error) = told {
        log.warning(format_args!(
            "interface {name}: no hardware times ({error}): the system's clock is used"
        ));
    }
    let dissector = || Dissector::new(LinkType::ETHERNET, how.rules);
    Ok(receivers.into_iter().map(|receiver| Source::of_ring(receiver, dissector())).collect())
}

/// A handle of libpcap.
fn handle(interface: &Interface, how: &Opening, gather: u16, log: &Log) -> Result<Capture<Active>, Fault> {
    let now = |error: &pcap::Error| Fault::Now(plain(error));
    let mut inactive = Capture::from_device(interface.name.as_str())
        .map_err(|error| now(&error))?
        // There is no such mode of all interfaces together.
        .promisc(how.promiscuous && interface.name != "any")
        .precision(Precision::Nano)
        .snaplen(i32::try_from(how.snap).unwrap_or(i32::MAX))
        .timeout(i32::from(gather));
    if let Some(octets) = how.buffer {
        inactive = inactive.buffer_size(i32::try_from(octets).unwrap_or(i32::MAX));
    }
    if how.timestamps.iter().any(|name| is_hardware(name)) {
        // libpcap keeps to itself whether it gets them.
        let name = &interface.name;
        log.warning(format_args!(
            "interface {name}: hardware times are not known to be there, only asked for"
        ));
    }
    if let Some(kind) = how.timestamps.iter().find_map(|name| timestamp(name)) {
        inactive = inactive.tstamp_type(kind);
    }
    let mut capture = inactive.open().and_then(Capture::setnonblock).map_err(|error| now(&error))?;
    if let Some(name) = &interface.link {
        let link = pcap::Linktype::from_name(name).map_err(|error| now(&error))?;
        capture.set_datalink(link).map_err(|error| now(&error))?;
    }
    if let Some(filter) = &how.filter {
        capture.filter(filter, how.optimize).map_err(|error| Fault::Filter(filter_error(&error)))?;
    }
    Ok(capture)
}

/// Devices whose flags say nothing (1.4), and libpcap's pseudo devices.
pub fn is_special(name: &str) -> bool {
    ["any", "default"].contains(&name)
        || ["dag", "napa", "dna", "zc", "nflog", "nfqueue", "usbmon", "bluetooth", "dbus-"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

/// Whether a time stamp type is that of the hardware's clock.
fn is_hardware(name: &str) -> bool {
    matches!(timestamp(name), Some(TimestampType::Adapter | TimestampType::AdapterUnsynced))
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
