//! Interfaces (1.4): opening them, losing them, getting them back.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use daemon::Log;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

use crate::interface::Interface;
use crate::lanes::Lanes;
use crate::observer::Observer;
use crate::settings::Settings;
use crate::source::{self, Fault, Opening, Ring, Source, Taker, is_special};

/// How often interfaces are looked at.
pub const LOOK: Duration = Duration::from_millis(500);

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
    /// It is one of `-i all`: when it is gone for good another may take its place.
    found: bool,
    source: Option<Source>,
    /// Rings of the other lanes that are theirs from the next [`Ports::hand_over`] on; `None` when nothing changed.
    others: Option<Vec<Ring>>,
    try_at: Instant,
    /// Kernel drops of sources that were closed.
    dropped_before: u64,
    /// A failure that was told already.
    told: Option<String>,
}

impl Port {
    /// A port that is not open yet.
    pub fn new(interface: Interface, group: usize) -> Self {
        Port {
            interface,
            group,
            link: 0,
            up: false,
            found: false,
            source: None,
            others: None,
            try_at: Instant::now(),
            dropped_before: 0,
            told: None,
        }
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.source.is_some()
    }

    /// What becomes readable when packets come.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.source.as_ref().map(|source| match source {
            Source::Ring(ring) => ring.receiver.as_fd(),
            Source::Libpcap(libpcap) => libpcap.capture.as_fd(),
        })
    }

    /// Opens the interface.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn open(&mut self, how: &Opening, log: &Log) -> Result<(), Fault> {
        let (source, others, link) = source::open(&self.interface, how, log)?;
        self.link = link;
        self.source = Some(source);
        self.others = Some(others);
        Ok(())
    }

    /// Closes it; drops that were counted stay counted.
    pub fn close(&mut self) {
        self.dropped_before = self.dropped();
        self.source = None;
        self.others = Some(Vec::new());
    }

    /// Packets that the kernel dropped since the start, those of other lanes' rings not counted.
    pub fn dropped(&mut self) -> u64 {
        self.dropped_before
            + match &mut self.source {
                None => 0,
                Some(Source::Ring(ring)) => ring.dropped(),
                Some(Source::Libpcap(libpcap)) => libpcap.dropped(),
            }
    }

    /// Hands over the packets that are there; true when there may be more.
    ///
    /// # Errors
    /// The interface went away or down, and libpcap with it; the port is closed. A ring lasts.
    pub fn read(&mut self, taker: &mut Taker<'_>) -> Result<bool, String> {
        match &mut self.source {
            None => Ok(false),
            Some(Source::Ring(ring)) => {
                let more = ring.read(taker);
                if !more {
                    // An interface that is down says so once; its flags say it too.
                    let _ = ring.receiver.socket().error();
                }
                Ok(more)
            }
            Some(Source::Libpcap(libpcap)) => libpcap.read(taker).inspect_err(|_| self.close()),
        }
    }

    /// Takes nothing from the wire any more; what was taken can be read.
    pub fn shut(&mut self) {
        match &mut self.source {
            Some(Source::Ring(ring)) => ring.shut(),
            Some(Source::Libpcap(libpcap)) => libpcap.shut(),
            None => {}
        }
    }

    /// Whether everything that was taken from the wire was read.
    pub fn is_empty(&mut self) -> bool {
        match &mut self.source {
            Some(Source::Ring(ring)) => ring.is_empty(),
            Some(Source::Libpcap(libpcap)) => libpcap.is_empty(),
            None => true,
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
        if !self.keeps(present, how) {
            self.close();
        }
        if !self.is_open() && up && Instant::now() >= self.try_at {
            self.try_at = Instant::now() + scan;
            match self.open(how, log) {
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

    /// False when it is open and has to be closed. A ring waits for an interface that is gone, and goes over to the one
    /// of the same name that comes: that takes no privilege, which may have been given up. Rings that share packets
    /// cannot do so.
    fn keeps(&mut self, present: &Present, how: &Opening) -> bool {
        let name = &self.interface.name;
        let there = present.is_there(name);
        match &mut self.source {
            None => true,
            Some(Source::Libpcap(_)) => there,
            Some(Source::Ring(_)) if !there => how.threads == 1,
            Some(Source::Ring(ring)) => {
                let socket = ring.receiver.socket();
                let (Ok(bound), Ok(device)) = (socket.bound(), socket.find(name)) else { return true };
                if bound == device.index {
                    return true;
                }
                how.threads == 1 && device.is_ethernet() && ring.receiver.follow(device).is_ok()
            }
        }
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
        match port.open(&ports.opening, log) {
            Ok(()) => {
                hopeful = true;
                if port.up {
                    log.info(format_args!("interface {name} is up"));
                } else {
                    log.alert(format_args!("interface {name} is down"));
                }
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
    /// Gives the other lanes their rings of ports that were opened or closed.
    pub fn hand_over(&mut self, lanes: &Lanes) {
        for (number, port) in self.list.iter_mut().enumerate() {
            if let Some(rings) = port.others.take()
                && lanes.count() > 0
            {
                lanes.exchange(number, port.group, rings);
            }
        }
    }

    /// Takes nothing from the wire any more.
    pub fn shut(&mut self) {
        self.list.iter_mut().for_each(Port::shut);
    }

    /// Whether everything that was taken from the wire was read.
    pub fn are_empty(&mut self) -> bool {
        self.list.iter_mut().all(Port::is_empty)
    }

    /// With `-i all`: interfaces that came since. One that is new takes the place of one that is gone, so that places are
    /// as many as there were interfaces at a time; the observation points of such places are returned.
    pub fn add_new(&mut self, present: &Present) -> Vec<usize> {
        let mut taken_over = Vec::new();
        if !self.all {
            return taken_over;
        }
        for name in present.all() {
            if self.list.iter().any(|port| port.interface.name == *name) {
                continue;
            }
            let gone = |port: &&mut Port| port.found && !present.is_there(&port.interface.name);
            if let Some(port) = self.list.iter_mut().find(gone) {
                taken_over.push(port.group);
                port.interface.name.clone_from(name);
                (port.up, port.told, port.try_at) = (false, None, Instant::now());
                continue;
            }
            let mut port = Port::new(Interface { name: name.clone(), link: None }, self.groups.len());
            port.found = true;
            self.groups.push(Observer::default());
            self.list.push(port);
        }
        taken_over
    }
}
