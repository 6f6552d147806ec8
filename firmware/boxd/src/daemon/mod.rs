//! The daemon: brings the box into the state that its configuration asks for, and keeps it there.

mod api;
mod apply;
mod power;
mod status;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use net::{Event, Events};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::claim::Claim;
use crate::machine::Machine;
use crate::plan::Planned;
use crate::settings::{self, Settings};
use crate::{clock, console, files, hardware, log, stage1, supervise, users};
use power::Buttons;

/// Where the box keeps what must outlive a boot.
const KEPT: &str = "/data/config";

/// Where rendered files and findings are.
pub const RUN: &str = "/run/panoptes";

/// How often the daemon looks around when nothing happens.
const TICK: Duration = Duration::from_secs(1);

/// How often it does so until the box is ready.
const EAGER: Duration = Duration::from_millis(100);

/// How long devices may come one after the other at first boot before they are given their names.
const SETTLE: Duration = Duration::from_secs(3);

/// Silence that means that no more devices come.
const SILENCE: Duration = Duration::from_millis(200);

/// How long to wait before another attempt at what failed.
const RETRY: Duration = Duration::from_secs(10);

/// What the requests on the socket are answered from.
pub struct Shared {
    state: Mutex<State>,
    claim: Mutex<Option<Claim>>,
}

/// The state of the box as far as it is not read from the kernel or from s6 on the spot.
#[derive(Debug, Clone)]
pub struct State {
    /// The configuration in force.
    pub settings: Settings,
    /// NICs and what they are.
    pub nics: Vec<Planned>,
    /// Services that are to run.
    pub services: Vec<String>,
    /// Faults by what they are about: lines for a person.
    pub faults: BTreeMap<String, Vec<String>>,
}

impl Shared {
    /// The state; a thread that failed while it held it has left it whole, since it is only ever
    /// replaced field by field.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn claim(&self) -> MutexGuard<'_, Option<Claim>> {
        self.claim.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Daemon {
    shared: Arc<Shared>,
    machine: Machine,
    applied: apply::Applied,
    /// Management addresses that the console has been told.
    told: Vec<String>,
    ready: bool,
    /// When to look at everything again because something failed.
    retry: Option<Instant>,
    saved: Instant,
}

/// Runs the daemon. Comes back when it is told to end, or when it cannot work at all.
pub fn run(ready_fd: Option<i32>) -> io::Result<()> {
    let (mut signals, sender) = UnixStream::pair()?;
    signals.set_nonblocking(true)?;
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::low_level::pipe::register(signal, sender.try_clone()?)?;
    }
    let mut events = Events::open()?;
    let mut daemon = Daemon::start()?;
    api::serve(Arc::clone(&daemon.shared))?;
    settle(&mut events, &daemon.machine)?;
    daemon.reconcile();
    if let Some(fd) = ready_fd {
        announce(fd)?;
    }
    let mut buttons = Buttons::open();
    loop {
        let wait = if daemon.ready { TICK } else { EAGER };
        let mut watched = vec![signals.as_fd(), events.as_fd()];
        watched.extend(buttons.fds());
        wait_for(&watched, wait)?;
        let mut octet = [0];
        if matches!(signals.read(&mut octet), Ok(1)) {
            log::info("ending on request; what is set up stays");
            return Ok(());
        }
        if buttons.pressed() {
            console::say("panoptes: switching off: the power button");
            if let Err(error) = crate::stop::run("poweroff") {
                log::error(&error.to_string());
            }
        }
        if take(&mut events)? || daemon.retry.is_some_and(|at| Instant::now() >= at) {
            daemon.reconcile();
            buttons = Buttons::open();
        }
        daemon.look();
    }
}

/// Takes all waiting events; loads drivers for new devices. `true` when NICs may have changed.
fn take(events: &mut Events) -> io::Result<bool> {
    let (mut network, mut aliases) = (false, std::collections::BTreeSet::new());
    while let Some(event) = events.take()? {
        match event {
            Event::Network => network = true,
            Event::Device(alias) => {
                aliases.insert(alias);
            }
            Event::Lost => {
                network = true;
                hardware::load_present();
            }
        }
    }
    hardware::load(&aliases);
    Ok(network)
}

/// Loads drivers, and at first boot waits until no more devices come: their names go by the order of
/// their slots, not by the order in which drivers find them.
fn settle(events: &mut Events, machine: &Machine) -> io::Result<()> {
    hardware::load_present();
    let end = Instant::now() + SETTLE;
    loop {
        let changed = take(events)?;
        if Instant::now() >= end || (machine.knows_nics() && !changed) {
            return Ok(());
        }
        if wait_for(&[events.as_fd()], SILENCE)? == 0 {
            return Ok(());
        }
    }
}

/// Waits for input; gives how many have some.
fn wait_for(fds: &[BorrowedFd<'_>], limit: Duration) -> io::Result<i32> {
    let mut fds: Vec<PollFd<'_>> = fds.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
    let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
    match poll(&mut fds, limit) {
        Ok(count) => Ok(count),
        Err(nix::errno::Errno::EINTR) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// Tells s6 that the daemon serves.
fn announce(fd: i32) -> io::Result<()> {
    fs::write(format!("/proc/self/fd/{fd}"), "\n")?;
    nix::unistd::close(fd)?;
    Ok(())
}

impl Daemon {
    fn start() -> io::Result<Self> {
        let mut faults = BTreeMap::new();
        fs::create_dir_all(RUN)?;
        if let Err(error) = clock::raise(Path::new("/etc/os-release"), &kept("clock")) {
            faults.insert("clock".into(), vec![format!("the clock cannot be set: {error}")]);
        }
        folders(&mut faults);
        let settings = Settings::load(Path::new(KEPT), || settings::seeds(&Path::new(RUN).join("esp")));
        if let Some(fault) = &settings.fault {
            console::say(&format!("panoptes: {fault}"));
            faults.insert("configuration".into(), vec![fault.clone()]);
        }
        if let Some(server) = &settings.config.log.remote {
            let hostname = settings.config.this.hostname.as_str();
            log::send_to(server, settings.config.log.level, hostname)?;
        }
        let (machine, fault) = Machine::read(&kept("machine.toml"));
        if let Some(fault) = fault {
            faults.insert("machine".into(), vec![fault]);
        }
        faults.values().flatten().for_each(|line| log::error(line));
        let state = State { settings, nics: Vec::new(), services: Vec::new(), faults };
        let shared = Arc::new(Shared { state: Mutex::new(state), claim: Mutex::new(None) });
        open_claim(&shared)?;
        let mut daemon = Daemon {
            shared,
            machine,
            applied: apply::Applied::default(),
            told: Vec::new(),
            ready: false,
            retry: None,
            saved: Instant::now(),
        };
        let faults = apply::kernel_settings();
        daemon.fault("kernel", faults);
        Ok(daemon)
    }

    /// Replaces what is known to be wrong about one thing, and reports what is new.
    fn fault(&mut self, about: &str, lines: Vec<String>) {
        let mut state = self.shared.state();
        let old = match lines.is_empty() {
            true => state.faults.remove(about),
            false => state.faults.insert(about.into(), lines.clone()),
        };
        let old = old.unwrap_or_default();
        lines.iter().filter(|line| !old.contains(line)).for_each(|line| log::error(line));
    }

    /// What is done again and again while the box runs: small, and never in the way of events.
    fn look(&mut self) {
        self.tell_addresses();
        self.applied.refresh_radium();
        if !self.ready && self.all_up() {
            self.ready = true;
            console::say("ready");
            log::info(&format!("ready {} seconds after the kernel's start", crate::backoff::uptime()));
        }
        if self.saved.elapsed() >= clock::SAVE {
            self.saved = Instant::now();
            if let Err(error) = clock::save(&kept("clock")) {
                self.fault("clock", vec![format!("the time cannot be saved: {error}")]);
            }
        }
    }

    /// Says on the console under which addresses the box can be reached, when that has changed.
    fn tell_addresses(&mut self) {
        let addresses = self.applied.management_addresses();
        if addresses != self.told {
            addresses.iter().for_each(|address| console::say(&format!("management: {address}")));
            self.told = addresses;
        }
    }

    /// Whether every service works, and radium accepts.
    fn all_up(&self) -> bool {
        let state = self.shared.state();
        let up = |name: &String| {
            supervise::Status::read(&supervise::directory(name))
                .is_some_and(|status| status.pid.is_some() && (status.ready || !supervise::notifies(name)))
        };
        if !state.services.iter().all(up) {
            return false;
        }
        let port = u16::try_from(state.settings.config.radium.port.get()).unwrap_or(0);
        drop(state);
        TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), Duration::from_millis(500))
            .is_ok()
    }
}

/// Opens the claim, or makes its code, on a thread of its own: randomness may take seconds to gather
/// on a machine without a source of it, and the audit does not wait for that.
fn open_claim(shared: &Arc<Shared>) -> io::Result<()> {
    let shared = Arc::clone(shared);
    let open = move || match Claim::open(Path::new(KEPT)) {
        Ok(claim) => {
            if let Some(code) = claim.shown() {
                console::say(&format!("claim code: {code}"));
            }
            *shared.claim() = Some(claim);
        }
        Err(error) => {
            let line = format!("there is no claim code: {error}");
            log::error(&line);
            shared.state().faults.insert("claim".into(), vec![line]);
        }
    };
    std::thread::Builder::new().name("claim".into()).spawn(open).map(drop)
}

fn kept(name: &str) -> PathBuf {
    Path::new(KEPT).join(name)
}

/// Makes the services' folders, each belonging to who writes in it.
fn folders(faults: &mut BTreeMap<String, Vec<String>>) {
    let folders = [
        (KEPT, "root", 0o700),
        ("/data/archive", "archive", 0o755),
        ("/data/web", "web", 0o700),
        ("/run/radium", "radium", 0o755),
        ("/run/archived", "archive", 0o755),
        ("/var/lib/chrony", "_chrony", 0o750),
        ("/run/chrony", "_chrony", 0o750),
    ];
    let failed: Vec<String> = folders
        .into_iter()
        .filter_map(|(path, user, mode)| {
            let made = users::find(user).and_then(|user| users::own_folder(Path::new(path), user, mode));
            made.err().map(|error| format!("{path}: {error}"))
        })
        .collect();
    if !failed.is_empty() {
        faults.insert("folders".into(), failed);
    }
}

/// What stage 1 found wrong.
fn stage1_faults() -> Vec<String> {
    let files = fs::read_dir(stage1::DEGRADED).into_iter().flatten().flatten();
    let text = files.filter_map(|file| fs::read_to_string(file.path()).ok());
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect()
}

/// Writes a rendered file; `true` when it was another before.
fn render(name: &str, text: &str) -> io::Result<bool> {
    let path = Path::new(RUN).join(name);
    if fs::read_to_string(&path).is_ok_and(|old| old == text) {
        return Ok(false);
    }
    files::replace(&path, text.as_bytes()).map(|()| true)
}
