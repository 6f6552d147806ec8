//! The sensor from its settings to its last record, in the order of sensor-and-transport 1.1.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use daemon::{Identity as User, Log, PidFile, Ready, Signals};
use flow::Engine;
use stream::{Broadcast, Server, ServerConfig};

use crate::bpf;
use crate::capture;
use crate::dump::Dumper;
use crate::engines;
use crate::events::{Events, Origin};
use crate::exports::{self, Exports};
use crate::live::{self, Present};
use crate::observer::{Observer, tag_of_file};
use crate::offline::{CaptureFile, Fault, Reading, filter_error};
use crate::output::{Outlet, Outputs, prepare, stream_log};
use crate::report::{self, Identity, Reporter, Totals};
use crate::settings::Settings;
use crate::sieve::Sieve;

/// What runs, whatever the packets come from.
pub struct Sensor {
    /// One engine for each observation point.
    pub engines: Vec<Engine>,
    /// Where records go.
    pub outlet: Outlet,
    /// Makes management records.
    pub reporter: Reporter,
    /// Shared with the server, which greets clients.
    pub identity: Identity,
    /// Messages.
    pub log: Log,
    /// Signals.
    pub signals: Signals,
    /// Where packets are written, besides.
    pub dump: Option<Dumper>,
    /// What makes event records.
    pub events: Option<Events>,
    event_records: u64,
    mar_interval: Duration,
    next_mar: Instant,
    lost: u64,
    /// Flows that a ceiling cost something, as last told.
    pressed: (u64, u64),
}

impl Sensor {
    /// What the engines did together.
    pub fn totals(&self) -> Totals {
        let waiting = u32::try_from(self.outlet.waiting()).unwrap_or(u32::MAX);
        let mut totals = Totals { clients: self.outlet.clients(), waiting, ..Totals::default() };
        self.engines.iter().for_each(|engine| totals.add_engine(engine));
        totals.counters.records += self.event_records;
        self.identity.sequence.store(totals.sequence, Ordering::Relaxed);
        totals
    }

    /// Passes on the event records that are there.
    pub fn take_events(&mut self) {
        let Some(events) = &self.events else { return };
        let (outlet, count) = (&mut self.outlet, &mut self.event_records);
        events.take(|record| {
            *count += 1;
            flow::Sink::record(outlet, record);
        });
    }

    /// Tells what a capture file could not take.
    fn flush_dump(&mut self) {
        if let Some(told) = self.dump.as_mut().and_then(Dumper::flush) {
            self.log.warning(told);
        }
    }

    /// When the next management record is due.
    pub fn next_status(&self) -> Instant {
        self.next_mar
    }

    /// Writes the periodic management record when it is due. `complete` adds what the source knows.
    ///
    /// # Errors
    /// One line: an output failed.
    pub fn status_when_due(&mut self, complete: impl FnOnce(&mut Totals)) -> Result<(), String> {
        let now = Instant::now();
        if now < self.next_mar {
            return Ok(());
        }
        // After a pause (a suspended machine) one record, not one for each interval missed.
        while self.next_mar <= now {
            self.next_mar += self.mar_interval;
        }
        let mut totals = self.totals();
        complete(&mut totals);
        self.flush_dump();
        self.tell_lost();
        self.tell_pressure(&totals);
        flow::Sink::record(&mut self.outlet, &self.reporter.status(totals));
        self.outlet.flush()
    }

    /// Says how many records were lost on their way out since the last time.
    fn tell_lost(&mut self) {
        let lost = self.outlet.lost() + self.events.as_ref().map_or(0, Events::lost);
        if lost > self.lost {
            self.log.warning(format_args!(
                "{} records lost on the way to slow clients and outputs",
                lost - self.lost
            ));
            self.lost = lost;
        }
    }

    /// Says what the ceilings cost since the last time.
    fn tell_pressure(&mut self, totals: &Totals) {
        let now = (totals.counters.evictions, totals.counters.parts_refused);
        let (evicted, refused) = (now.0 - self.pressed.0, now.1 - self.pressed.1);
        if evicted > 0 {
            self.log.warning(format_args!(
                "{evicted} flows reported and forgotten early: the table is full (ARGUS_MAX_FLOWS, ARGUS_MAX_OCTETS)"
            ));
        }
        if refused > 0 {
            self.log
                .warning(format_args!("{refused} flows without their user data: no room (ARGUS_MAX_OCTETS)"));
        }
        self.pressed = now;
    }

    /// Reports all flows, writes the last management record, closes the outputs.
    ///
    /// # Errors
    /// One line: an output failed.
    pub fn finish(mut self, complete: impl FnOnce(&mut Totals)) -> Result<(), String> {
        self.outlet.end();
        self.flush_flows()?;
        self.take_events();
        if let Some(told) = self.dump.as_mut().and_then(Dumper::close) {
            self.log.warning(told);
        }
        let mut totals = self.totals();
        complete(&mut totals);
        self.tell_pressure(&totals);
        flow::Sink::record(&mut self.outlet, &self.reporter.stop(totals));
        let flushed = self.outlet.flush();
        self.tell_lost();
        self.outlet.close().and(flushed)
    }

    /// Reports all flows.
    fn flush_flows(&mut self) -> Result<(), String> {
        for engine in &mut self.engines {
            engine.flush(&mut self.outlet);
            self.outlet.pass_if_full()?;
        }
        Ok(())
    }
}

/// Runs the sensor until its input ends or it is told to stop.
///
/// # Errors
/// One line that says why it cannot go on.
pub fn run(settings: &Settings, log: &Log) -> Result<(), String> {
    for warning in &settings.warnings {
        log.warning(warning);
    }
    let present = Present::now();
    if settings.list_interfaces {
        show(&present.all().map(|name| format!("{name}\n")).collect::<String>());
        return Ok(());
    }
    if settings.dump_filter {
        return dump_filter(settings);
    }
    let user =
        User::find(settings.user.as_deref(), settings.group.as_deref()).map_err(|error| error.to_string())?;
    let prepared = prepare(&settings.outputs)?;
    let mut ready = Ready::new();
    if let Some(number) = settings.ready_fd {
        ready = ready.supervisor(number)?;
    }
    if settings.daemon {
        ready = ready.caller(daemon::background()?);
        if let Err(error) = log.open_syslog() {
            log.warning(error);
        }
    }
    let signals = Signals::new()
        .and_then(Signals::hangup_stops)
        // They turn the messages of debug builds up and off, which this is none of: they end nothing.
        .and_then(Signals::user)
        .map_err(|error| format!("cannot mind signals: {error}"))?;

    let names =
        settings.groups.iter().flat_map(|group| &group.interfaces).map(|interface| interface.name.as_str());
    let identity = Identity {
        id: settings.srcid,
        version: settings.version,
        tag_told: settings.tag_told,
        started: report::now(),
        report_interval: whole_seconds(settings.status_interval),
        mar_interval: whole_seconds(settings.mar_interval),
        user_data: settings.report.user_data,
        network: if settings.offline { (0, 0) } else { present.network(names.clone()) },
        sequence: Arc::new(AtomicU32::new(0)),
    };
    let server = listen(settings, &identity, log)?;
    let pid_file = (settings.daemon && settings.pid_file)
        .then(|| PidFile::create(&settings.pid_path, "argus", names.clone().next().unwrap_or("any")))
        .transpose()
        .map_err(|error| error.to_string())?;
    if let Some(folder) = &settings.chroot {
        // Not to be found behind the new root.
        log.zone();
        change_root(folder)?;
    }
    let outputs = user
        .effectively(|| Outputs::open(prepared, &identity, log, !settings.offline))
        .map_err(|error| error.to_string())
        .and_then(|opened| opened)?;

    let dump = user.effectively(|| Dumper::open(&settings.dump)).map_err(|error| error.to_string())??;
    let sensor = |outlet: Outlet, signals: Signals, mar: i64| Sensor {
        dump,
        events: None,
        event_records: 0,
        engines: Vec::new(),
        outlet,
        reporter: Reporter::new(identity.clone()),
        identity: identity.clone(),
        log: log.clone(),
        signals,
        mar_interval: Duration::from_micros(u64::try_from(mar).unwrap_or(0).max(100_000)),
        next_mar: Instant::now() + Duration::from_micros(u64::try_from(mar).unwrap_or(0).max(100_000)),
        lost: 0,
        pressed: (0, 0),
    };
    let result = if settings.offline {
        user.assume().map_err(|error| error.to_string())?;
        let broadcast = start(server)?;
        let sensor = sensor(Outlet::new(outputs, broadcast, false), signals, settings.mar_interval);
        ready.tell(log);
        read_files(settings, sensor)
    } else {
        let ports = live::open_ports(settings, &present, log)?;
        user.assume().map_err(|error| error.to_string())?;
        let broadcast = start(server)?;
        let mut sensor = sensor(Outlet::new(outputs, broadcast, true), signals, settings.mar_interval);
        if !settings.events.is_empty() {
            let origin = Origin { version: settings.version, id: settings.srcid };
            sensor.events = Some(Events::start(&settings.events, origin, log)?);
        }
        log.info("started");
        ready.tell(log);
        capture::run(settings, sensor, ports)
    };
    drop(pid_file);
    result
}

fn whole_seconds(micros: i64) -> u16 {
    u16::try_from(micros / 1_000_000).unwrap_or(u16::MAX)
}

/// Binds the port for clients, when there is to be one.
fn listen(settings: &Settings, identity: &Identity, log: &Log) -> Result<Option<Server>, String> {
    if settings.port == 0 {
        return Ok(None);
    }
    let addresses =
        stream::listen_addresses(&settings.bind, settings.port).map_err(|error| error.to_string())?;
    let greeting = identity.clone();
    let mut config = ServerConfig::new(addresses, Arc::new(move || greeting.initial(true)));
    config.status_passes_filters = true;
    config.log = stream_log(log);
    Server::bind(config).map(Some).map_err(|error| error.to_string())
}

fn start(server: Option<Server>) -> Result<Option<Broadcast>, String> {
    server.map(Server::start).transpose().map_err(|error| error.to_string())
}

fn change_root(folder: &Path) -> Result<(), String> {
    let told = |error: nix::Error| format!("cannot change root to {}: {}", folder.display(), error.desc());
    nix::unistd::chdir(folder).map_err(told)?;
    nix::unistd::chroot(".").map_err(told)?;
    nix::unistd::chdir("/").map_err(told)
}

/// How capture files are read.
fn reading(settings: &Settings, signals: Option<&Signals>) -> Reading {
    Reading {
        filter: settings.filter.clone(),
        optimize: settings.optimize,
        follow: settings.follow,
        compat: settings.compat,
        tsh: settings.tsh,
        rules: engines::rules(settings),
        stop: signals.map(Signals::stop_flag).unwrap_or_default(),
    }
}

/// Reads the capture files one after another, all flows reported between them.
fn read_files(settings: &Settings, mut sensor: Sensor) -> Result<(), String> {
    let reading = reading(settings, Some(&sensor.signals));
    let config = engines::config(settings, Observer::default(), None);
    sensor.engines.push(Engine::new(config).map_err(|error| error.to_string())?);
    let mut packets = Packets::new(settings);
    let mut faults = Vec::new();
    for word in &settings.files {
        let (path, exporting) = exports::split(word);
        let mut exports = exporting.then(|| Exports::new(settings.version));
        if sensor.signals.stop().is_some() || packets.left == 0 {
            break;
        }
        let name = if path.as_os_str() == "-" { "standard input".into() } else { path.display().to_string() };
        if let (None, Some(engine)) = (settings.tag, sensor.engines.first_mut()) {
            engine.set_interface(Some(tag_of_file(&path)));
        }
        match read_file(&path, &reading, &mut sensor, &mut packets, exports.as_mut()) {
            Ok(()) => {
                if let Some(told) = exports.as_ref().and_then(Exports::told) {
                    sensor.log.warning(format_args!("{name}: {told}"));
                }
            }
            Err(End::Output(error)) => return Err(error),
            Err(End::Fault(Fault::Filter(error))) => {
                faults.push(error);
                break;
            }
            // 3.0.8 takes what there is of a cut file, and says nothing.
            Err(End::Fault(Fault::Cut(error))) if settings.compat => {
                sensor.log.warning(format_args!("{name}: {error}"));
            }
            Err(End::Fault(Fault::Cut(error) | Fault::Unreadable(error))) => {
                faults.push(format!("{name}: {error}"))
            }
            // Taken care of where the file is read.
            Err(End::Fault(Fault::Wait | Fault::Renewed(_))) => {}
        }
        sensor.flush_flows()?;
    }
    let log = sensor.log.clone();
    sensor.finish(|_| {})?;
    // All but the last fault are told here, the last one by whoever called.
    let last = faults.pop();
    for fault in faults {
        log.error(fault);
    }
    last.map_or(Ok(()), Err)
}

/// Which packets are looked at (`-N`), and how fast (`-T`).
struct Packets {
    skip: u64,
    left: u64,
    pace: Option<f64>,
    /// Real time and packet time of the first packet.
    origin: Option<(Instant, flow::Time)>,
}

impl Packets {
    fn new(settings: &Settings) -> Self {
        let (skip, stop) = settings.count.unwrap_or((0, u64::MAX));
        Packets { skip, left: stop - skip, pace: settings.pace, origin: None }
    }

    /// Whether every packet is looked at, as fast as can be.
    fn all(&self) -> bool {
        self.skip == 0 && self.left == u64::MAX && self.pace.is_none()
    }
}

enum End {
    Fault(Fault),
    Output(String),
}

/// Reads a file; with `exports` also the flows that its packets tell of.
fn read_file(
    path: &Path,
    reading: &Reading,
    sensor: &mut Sensor,
    packets: &mut Packets,
    mut exports: Option<&mut Exports>,
) -> Result<(), End> {
    let mut file = CaptureFile::open(path, reading).map_err(End::Fault)?;
    // A reader that waits for its clock passes every record on at once.
    let most = if packets.pace.is_some() { 1 } else { u64::MAX };
    loop {
        let Sensor { engines, outlet, signals, dump, .. } = &mut *sensor;
        let Some(engine) = engines.first_mut() else { return Ok(()) };
        let wanted = packets.skip.saturating_add(packets.left).min(most);
        let mut written = Ok(());
        let got = if packets.all() && dump.is_none() && exports.is_none() {
            file.feed(engine, outlet)
        } else {
            file.read(usize::try_from(wanted).unwrap_or(usize::MAX), |time, dissector, frame, length| {
                if packets.skip > 0 {
                    packets.skip -= 1;
                    return;
                }
                packets.left -= 1;
                wait_until_due(packets.pace, &mut packets.origin, time, signals);
                let summary = dissector.dissect(frame, length);
                if let Some(dump) = dump {
                    dump.packet(dissector.link_type().0, time, frame, length, &summary);
                }
                engine.packet(time, &summary, outlet);
                if let Some(exports) = &mut exports {
                    exports.packet(time, &summary, outlet);
                }
                if written.is_ok() {
                    written = outlet.pass_if_full();
                }
            })
        };
        written = written.and(outlet.pass_if_full());
        written.map_err(End::Output)?;
        if let Some(exports) = &mut exports {
            sensor.event_records += exports.take_records();
        }
        let outlet = &mut sensor.outlet;
        if packets.pace.is_some() || file.may_wait() {
            outlet.flush().map_err(End::Output)?;
        }
        sensor.status_when_due(|_| {}).map_err(End::Output)?;
        let got = match got {
            Ok(got) => Some(got),
            Err(Fault::Wait) => None,
            Err(Fault::Renewed(how)) => {
                sensor.log.warning(format_args!("{}: {how}, reading it from its beginning", path.display()));
                file = CaptureFile::open(path, reading).map_err(End::Fault)?;
                None
            }
            Err(fault) => return Err(End::Fault(fault)),
        };
        if got == Some(0) || packets.left == 0 || sensor.signals.stop().is_some() {
            return Ok(());
        }
    }
}

/// Sleeps until a packet is due (`-T`), at most until a stop is asked for.
fn wait_until_due(
    pace: Option<f64>,
    origin: &mut Option<(Instant, flow::Time)>,
    time: flow::Time,
    signals: &Signals,
) {
    let Some(scale) = pace else { return };
    let (start, first) = *origin.get_or_insert((Instant::now(), time));
    let due = Duration::from_secs_f64((time.since(first).max(0) as f64 / 1e9 / scale).min(31_536_000.0));
    while let Some(left) = due.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) {
        if signals.stop().is_some() {
            return;
        }
        std::thread::sleep(left.min(Duration::from_millis(100)));
    }
}

/// `-b`: the compiled filter of the first source.
fn dump_filter(settings: &Settings) -> Result<(), String> {
    let expression = settings.filter.clone().unwrap_or_default();
    let told = |fault| match fault {
        Fault::Filter(error) => error,
        Fault::Cut(error) | Fault::Unreadable(error) | Fault::Renewed(error) => error,
        Fault::Wait => "nothing to read yet".to_owned(),
    };
    let compiled = if let Some(path) = settings.files.first() {
        let reading = Reading { filter: None, follow: false, ..reading(settings, None) };
        CaptureFile::open(&exports::split(path).0, &reading)
            .map_err(|fault| format!("{}: {}", path.display(), told(fault)))?
            .compile(&expression, settings.optimize)
            .map_err(told)?
    } else {
        Sieve::compile(&expression, settings.optimize, 1).map_err(|error| filter_error(&error))?
    };
    show(&bpf::listing(compiled.program()));
    Ok(())
}

/// Prints; that nobody reads it is no failure.
fn show(text: &str) {
    use std::io::Write as _;
    let _ = std::io::stdout().write_all(text.as_bytes());
}
