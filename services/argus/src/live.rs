//! Packets from network interfaces (1.4): opening them, losing them, getting them back.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use daemon::Log;
use flow::Time;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use packet::{Dissector, LinkType, Rules};
use pcap::{Active, Capture, TimestampType};

use crate::interface::Interface;
use crate::observer::Observer;
use crate::offline::{filter_error, plain};
use crate::settings::Settings;

/// Packets taken from one interface before the others have their turn.
const BATCH: usize = 4096;
/// How often interfaces are looked at.
pub const LOOK: Duration = Duration::from_millis(500);
/// How long libpcap lets packets gather, milliseconds.
const TIMEOUT: i32 = 100;

/// How interfaces are opened.
#[derive(Clone, Debug)]
pub struct Opening {
    promiscuous: bool,
    snap: u32,
    buffer: Option<u32>,
    timestamps: Vec<String>,
    filter: Option<String>,
    optimize: bool,
    rules: Rules,
}

impl Opening {
    /// As configured.
    pub fn new(settings: &Settings, rules: Rules) -> Self {
        Opening {
            promiscuous: settings.promiscuous,
            snap: settings.snaplen(),
            buffer: settings.buffer,
            timestamps: settings.timestamps.clone(),
            filter: settings.filter.clone(),
            optimize: settings.optimize,
            rules,
        }
    }
}

/// One interface of one observation point.
pub struct Port {
    /// Which.
    pub interface: Interface,
    /// Number of its observation point.
    pub group: usize,
    /// Link type when open.
    pub link: u8,
    /// Whether it is up, as last seen.
    pub up: bool,
    opened: Option<Opened>,
    try_at: Instant,
    /// Kernel drops of handles that were closed.
    dropped_before: u64,
    /// A failure that was told already.
    told: Option<String>,
}

struct Opened {
    capture: Capture<Active>,
    dissector: Dissector,
    dropped: u64,
}

/// Why an interface cannot be opened.
pub enum Fault {
    /// It may be opened later: not there, not up, no permission.
    Now(String),
    /// The filter expression is wrong: no interface will do.
    Filter(String),
}

impl Port {
    /// A port that is not open yet.
    pub fn new(interface: Interface, group: usize) -> Self {
        Port {
            interface,
            group,
            link: 0,
            up: false,
            opened: None,
            try_at: Instant::now(),
            dropped_before: 0,
            told: None,
        }
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.opened.is_some()
    }

    /// What becomes readable when packets come.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.opened.as_ref().map(|opened| opened.capture.as_fd())
    }

    /// Opens the interface.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn open(&mut self, how: &Opening) -> Result<(), Fault> {
        let now = |error: &pcap::Error| Fault::Now(plain(error));
        let mut inactive = Capture::from_device(self.interface.name.as_str())
            .map_err(|error| now(&error))?
            .promisc(how.promiscuous)
            .snaplen(i32::try_from(how.snap).unwrap_or(i32::MAX))
            .timeout(TIMEOUT);
        if let Some(octets) = how.buffer {
            inactive = inactive.buffer_size(i32::try_from(octets).unwrap_or(i32::MAX));
        }
        if let Some(kind) = how.timestamps.iter().find_map(|name| timestamp(name)) {
            inactive = inactive.tstamp_type(kind);
        }
        let mut capture = inactive.open().and_then(Capture::setnonblock).map_err(|error| now(&error))?;
        if let Some(name) = &self.interface.link {
            let link = pcap::Linktype::from_name(name).map_err(|error| now(&error))?;
            capture.set_datalink(link).map_err(|error| now(&error))?;
        }
        let link = LinkType(capture.get_datalink().0);
        let dissector = Dissector::new(link, how.rules);
        if let Some(filter) = &how.filter {
            capture.filter(filter, how.optimize).map_err(|error| Fault::Filter(filter_error(&error)))?;
        }
        self.link = u8::try_from(link.0).unwrap_or(0);
        self.opened = Some(Opened { capture, dissector, dropped: 0 });
        Ok(())
    }

    /// Closes it; drops that were counted stay counted.
    pub fn close(&mut self) {
        self.dropped();
        if let Some(opened) = self.opened.take() {
            self.dropped_before += opened.dropped;
        }
    }

    /// Packets that the kernel dropped since the start.
    pub fn dropped(&mut self) -> u64 {
        let Some(opened) = &mut self.opened else { return self.dropped_before };
        if let Ok(stats) = opened.capture.stats() {
            opened.dropped = opened.dropped.max(u64::from(stats.dropped));
        }
        self.dropped_before + opened.dropped
    }

    /// Gives the packets that are there to `take`; true when there may be more.
    ///
    /// # Errors
    /// The interface went away or down; the port is closed.
    pub fn read<F>(&mut self, mut take: F) -> Result<bool, String>
    where
        F: FnMut(Time, &Dissector, &pcap::Packet<'_>),
    {
        let Some(opened) = &mut self.opened else { return Ok(false) };
        let dissector = &opened.dissector;
        let done = opened.capture.dispatch(Some(BATCH), |packet| {
            let time = Time::from_pcap(packet.header.ts.tv_sec, packet.header.ts.tv_usec);
            take(time, dissector, &packet);
        });
        match done {
            Ok(count) => Ok(count >= BATCH),
            Err(error) => {
                self.close();
                Err(plain(&error))
            }
        }
    }

    /// Follows the interface's state: tells changes, closes what is gone, opens what is back.
    ///
    /// # Errors
    /// Only a wrong filter expression.
    pub fn follow(
        &mut self,
        present: &Present,
        how: &Opening,
        scan: Duration,
        log: &Log,
    ) -> Result<(), String> {
        let name = self.interface.name.clone();
        let up = present.is_up(&name);
        if up != self.up {
            self.up = up;
            if up {
                log.info(format_args!("interface {name} is up"));
                self.try_at = Instant::now();
            } else {
                log.alert(format_args!("interface {name} is down"));
            }
        }
        if !present.is_there(&name) && self.is_open() {
            self.close();
        }
        if !self.is_open() && up && Instant::now() >= self.try_at {
            self.try_at = Instant::now() + scan;
            match self.open(how) {
                Ok(()) => self.told = None,
                Err(Fault::Filter(error)) => return Err(error),
                Err(Fault::Now(error)) => {
                    if self.told.as_ref() != Some(&error) {
                        log.warning(format_args!("interface {name}: {error}"));
                        self.told = Some(error);
                    }
                }
            }
        }
        Ok(())
    }
}

/// The interfaces that the system has now.
#[derive(Clone, Debug, Default)]
pub struct Present {
    names: BTreeSet<String>,
    up: BTreeSet<String>,
    loopback: BTreeSet<String>,
    networks: Vec<(String, (u32, u32))>,
}

impl Present {
    /// Looks.
    pub fn now() -> Self {
        let mut present = Present::default();
        let Ok(addresses) = getifaddrs() else { return present };
        for address in addresses {
            let name = address.interface_name;
            if address.flags.contains(InterfaceFlags::IFF_UP) {
                present.up.insert(name.clone());
            }
            if address.flags.contains(InterfaceFlags::IFF_LOOPBACK) {
                present.loopback.insert(name.clone());
            }
            let four = |storage: Option<nix::sys::socket::SockaddrStorage>| {
                storage.and_then(|storage| storage.as_sockaddr_in().map(|address| u32::from(address.ip())))
            };
            if let (Some(address), Some(mask)) = (four(address.address), four(address.netmask)) {
                present.networks.push((name.clone(), (address & mask, mask)));
            }
            present.names.insert(name);
        }
        present
    }

    /// Whether the system has the interface. `any` always is there; so are those it has no flags for.
    pub fn is_there(&self, name: &str) -> bool {
        is_special(name) || self.names.contains(name)
    }

    /// Whether it is up.
    pub fn is_up(&self, name: &str) -> bool {
        is_special(name) || self.up.contains(name)
    }

    /// All but loopback.
    pub fn all(&self) -> impl Iterator<Item = &String> {
        self.names.difference(&self.loopback)
    }

    /// IPv4 network and mask, host order, of the first of these that has one.
    pub fn network<'a>(&self, names: impl Iterator<Item = &'a str>) -> (u32, u32) {
        let mut names = names;
        names
            .find_map(|name| self.networks.iter().find(|(known, _)| known == name))
            .map_or((0, 0), |(_, network)| *network)
    }
}

/// Devices whose flags say nothing (1.4), and libpcap's pseudo devices.
fn is_special(name: &str) -> bool {
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

/// Everything that is open at the start.
pub struct Ports {
    /// The interfaces.
    pub list: Vec<Port>,
    /// How they are opened.
    pub opening: Opening,
    /// Interfaces that come later are opened too (`-i all`).
    all: bool,
    /// Ids of the observation points, in the order of their numbers.
    pub groups: Vec<Observer>,
}

/// Opens the configured interfaces.
///
/// # Errors
/// One line: the filter is wrong, or no interface can be opened, now or when it comes up.
pub fn open_ports(settings: &Settings, present: &Present, log: &Log) -> Result<Ports, String> {
    let rules = crate::engines::rules(settings);
    let mut ports =
        Ports { list: Vec::new(), opening: Opening::new(settings, rules), all: false, groups: Vec::new() };
    let mut groups = settings.groups.clone();
    if groups.is_empty() {
        let first =
            present.all().find(|name| present.is_up(name)).ok_or("no interface to listen on")?.clone();
        groups.push(crate::interface::Group {
            interfaces: vec![Interface { name: first, link: None }],
            observer: Observer::default(),
        });
    }
    for group in groups {
        if group.interfaces.iter().any(|interface| interface.name == "all") {
            ports.all = true;
            continue;
        }
        let number = ports.groups.len();
        ports.groups.push(group.observer);
        ports.list.extend(group.interfaces.into_iter().map(|interface| Port::new(interface, number)));
    }
    ports.add_new(present);
    let mut hopeful = false;
    let mut last = "no interface to listen on".to_owned();
    for port in &mut ports.list {
        let name = port.interface.name.clone();
        port.up = present.is_up(&name);
        match port.open(&ports.opening) {
            Ok(()) => {
                hopeful = true;
                log.info(format_args!("interface {name} is up"));
            }
            Err(Fault::Filter(error)) => return Err(error),
            Err(Fault::Now(_)) if present.is_there(&name) && !port.up => {
                hopeful = true;
                log.alert(format_args!("interface {name} is down"));
            }
            Err(Fault::Now(error)) => {
                log.warning(format_args!("interface {name}: {error}"));
                last = format!("interface {name}: {error}");
                port.told = Some(error);
            }
        }
    }
    if hopeful || (ports.all && ports.list.is_empty()) { Ok(ports) } else { Err(last) }
}

impl Ports {
    /// With `-i all`: interfaces that came since.
    pub fn add_new(&mut self, present: &Present) {
        if !self.all {
            return;
        }
        for name in present.all() {
            if !self.list.iter().any(|port| port.interface.name == *name) {
                let number = self.groups.len();
                self.groups.push(Observer::default());
                self.list.push(Port::new(Interface { name: name.clone(), link: None }, number));
            }
        }
    }
}
