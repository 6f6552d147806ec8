//! Interfaces (1.4): opening them, losing them, getting them back.

use std::collections::BTreeSet;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::{Duration, Instant};

use daemon::Log;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

use crate::interface::Interface;
use crate::lanes::{LINGER, Lanes};
use crate::observer::Observer;
use crate::opening::{self, Fault, Opening, is_special};
use crate::settings::Settings;
use crate::source::{Source, Taker};

/// How often interfaces are looked at.
pub const LOOK: Duration = Duration::from_millis(500);

/// Interfaces at most with `-i all`, as in argus 5: each has a buffer and a flow table.
const MOST: usize = 128;

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
    /// Other interfaces report to the same flow table: packets are brought into the order of their times.
    pub together: bool,
    source: Option<Source>,
    /// What is closed but not yet read to its end, and until when it is read.
    leaving: Vec<(Source, Instant)>,
    /// The interface has another name now: nothing is taken until its name is back.
    renamed: bool,
    /// Sources of the other lanes that are theirs from the next [`Ports::hand_over`] on; `None` when nothing changed.
    others: Option<Vec<Source>>,
    try_at: Instant,
    /// Kernel drops of sources that were closed.
    dropped_before: u64,
    /// A failure that was told already.
    told: Option<String>,
}

impl Port {
    /// A port that is not open yet.
    pub fn new(interface: Interface, group: usize, together: bool) -> Self {
        Port {
            interface,
            group,
            together,
            link: 0,
            up: false,
            found: false,
            source: None,
            leaving: Vec::new(),
            renamed: false,
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
        self.source.as_ref().map(|source| source.as_fd())
    }

    /// Opens the interface.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn open(&mut self, how: &Opening, log: &Log) -> Result<(), Fault> {
        let (sources, link) = opening::open(&self.interface, how, self.together, log)?;
        let mut sources = sources.into_iter();
        self.link = link;
        self.source = sources.next();
        self.others = Some(sources.collect());
        self.renamed = false;
        Ok(())
    }

    /// Closes it. What it took from the wire is read to its end; drops that were counted stay counted.
    pub fn close(&mut self) {
        if let Some(mut source) = self.source.take() {
            source.shut();
            self.leaving.push((source, Instant::now() + LINGER));
        }
        self.others = Some(Vec::new());
    }

    /// Packets that the kernel dropped since the start, those of other lanes not counted.
    pub fn dropped(&mut self) -> u64 {
        let leaving = self.leaving.iter_mut().map(|(source, _)| source);
        self.dropped_before + leaving.chain(&mut self.source).map(Source::dropped).sum::<u64>()
    }

    /// Hands over the packets that are there, or keeps them for those of other interfaces.
    ///
    /// # Errors
    /// The interface went away or down, and libpcap with it; the port is closed.
    pub fn read(&mut self, now: Instant, taker: &mut Taker<'_>) -> Result<(), String> {
        let together = self.together;
        let mut read = |source: &mut Source| match together {
            true => source.keep(now),
            false => source.read(taker),
        };
        for (source, until) in &mut self.leaving {
            // It was told that it is gone.
            let _ = read(source);
            if source.is_empty() {
                *until = now;
            }
        }
        let before = &mut self.dropped_before;
        self.leaving.retain_mut(|(source, until)| {
            let stays = now < *until || source.waits();
            if !stays {
                *before += source.dropped();
            }
            stays
        });
        let Some(source) = &mut self.source else { return Ok(()) };
        read(source).inspect_err(|_| self.close())
    }

    /// What it has open, that which is closed but not read to its end included. An interface that is down and has nothing
    /// makes nobody wait.
    pub fn sources(&mut self) -> impl Iterator<Item = &mut Source> {
        let up = self.up;
        let open = self.source.as_mut().filter(|source| up || source.waits());
        self.leaving.iter_mut().map(|(source, _)| source).chain(open)
    }

    /// Whether packets of it wait for those of others, or for their end.
    fn waits(&self) -> bool {
        !self.leaving.is_empty() || self.source.as_ref().is_some_and(Source::waits)
    }

    /// Takes nothing from the wire any more; what was taken can be read.
    pub fn shut(&mut self) {
        self.source.iter_mut().for_each(Source::shut);
    }

    /// Whether everything that was taken from the wire was read.
    pub fn is_empty(&mut self) -> bool {
        self.leaving.is_empty() && self.source.as_mut().is_none_or(Source::is_empty)
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
        let Some(source) = &mut self.source else { return true };
        let Some(ring) = source.ring() else { return there };
        let bound = ring.socket().bound();
        if !there {
            // It lives on under another name, under which somebody else may listen to it.
            if how.threads == 1 && bound.is_ok_and(|index| index > 0) && !self.renamed {
                self.renamed = ring.leave().is_ok();
            }
            return how.threads == 1;
        }
        let (Ok(bound), Ok(device)) = (bound, ring.socket().find(name)) else { return true };
        if bound == device.index && !self.renamed {
            return true;
        }
        let again = how.threads == 1
            && device.is_ethernet()
            && how.program(name).is_ok_and(|program| {
                ring.follow(device).is_ok() && (!self.renamed || ring.socket().filter(program).is_ok())
            });
        self.renamed &= !again;
        again
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
    /// That some are not, because they are too many, was told.
    full: bool,
    /// Ids of the observation points, in the order of their numbers.
    pub groups: Vec<Observer>,
}

/// Opens the configured interfaces.
///
/// # Errors
/// One line: the filter is wrong, or no interface can be opened, now or when it comes up.
pub fn open_ports(settings: &Settings, present: &Present, log: &Log) -> Result<Ports, String> {
    let rules = crate::engines::rules(settings);
    let all = settings.groups.iter().flat_map(|group| &group.interfaces).any(|one| one.name == "all");
    let opening = Opening::new(settings, rules, all.then(|| present.all().count()));
    let mut ports = Ports { list: Vec::new(), opening, all, full: false, groups: Vec::new() };
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
            continue;
        }
        let number = ports.groups.len();
        ports.groups.push(group.observer);
        let together = group.interfaces.len() > 1;
        ports
            .list
            .extend(group.interfaces.into_iter().map(|interface| Port::new(interface, number, together)));
    }
    ports.add_new(present, log);
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
    /// Gives the other lanes their sources of ports that were opened or closed.
    pub fn hand_over(&mut self, lanes: &Lanes) {
        for (number, port) in self.list.iter_mut().enumerate() {
            if let Some(sources) = port.others.take()
                && lanes.count() > 0
            {
                lanes.exchange((number, port.group, port.together), sources);
            }
        }
    }

    /// Whether packets are kept until other interfaces have told of earlier ones.
    pub fn wait_for_each_other(&self) -> bool {
        self.list.iter().any(Port::waits)
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
    pub fn add_new(&mut self, present: &Present, log: &Log) -> Vec<usize> {
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
            if self.list.len() >= MOST {
                if !std::mem::replace(&mut self.full, true) {
                    log.warning(format_args!(
                        "more than {MOST} interfaces: {name} and others are not opened"
                    ));
                }
                break;
            }
            let mut port = Port::new(Interface { name: name.clone(), link: None }, self.groups.len(), false);
            port.found = true;
            self.groups.push(Observer::default());
            self.list.push(port);
        }
        taken_over
    }
}
