//! The order of start and end, signals and timers.

use std::os::fd::AsFd;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use daemon::{Identity, Level, Log, PidFile, Ready, Signals};
use filter::Filter;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use record::{Cause, Stamp};
use stream::{MakeInitial, Output, Server, ServerConfig, Severity};

use crate::hub::Hub;
use crate::input::{Rules, read_file};
use crate::report::{Report, initial};
use crate::settings::{self, Failure, Settings};
use crate::sources::Sources;
use crate::status;

/// How often the status file is written.
const STATUS: Duration = Duration::from_secs(2);

/// What one output may have waiting, octets.
const OUTPUT_QUEUE: usize = 16 << 20;

/// How long clients may take for what is queued at the end.
const GRACE: Duration = Duration::from_secs(3);

/// How often the loop looks whether the records that were wanted have come.
const LOOK: Duration = Duration::from_millis(200);

/// Does what the settings say, until a signal, the end of the inputs, or a limit.
///
/// # Errors
/// Text of what failed at the start.
pub fn run(settings: Settings, log: &Log) -> Result<ExitCode, String> {
    let text = |e: &dyn std::fmt::Display| e.to_string();
    let identity =
        Identity::find(settings.user.as_deref(), settings.group.as_deref()).map_err(|e| text(&e))?;
    let (started, started_at) = (Stamp::from(SystemTime::now()), SystemTime::now());
    let records = Arc::new(AtomicU64::new(0));
    let make_initial: MakeInitial = {
        let (id, records) = (settings.id, Arc::clone(&records));
        Arc::new(move || initial(id, started, records.load(Ordering::Relaxed)))
    };
    let stream_log: stream::Log = {
        let log = log.clone();
        Arc::new(move |severity, text| log.say(level(severity), text))
    };
    // With files alone there is nobody to serve: they are read, and that is it (3.6).
    let serves = settings.port != 0 && (settings.files.is_empty() || !settings.sources.is_empty());
    let server = serves.then(|| bind(&settings, &make_initial, &stream_log)).transpose()?;
    let mut ready = Ready::new();
    if let Some(fd) = settings.ready_fd {
        ready = ready.supervisor(fd)?;
    }
    if settings.daemon {
        ready = ready.caller(daemon::background()?);
        log.open_syslog().unwrap_or_else(|e| log.warning(e));
    }
    let signals = Signals::new().and_then(Signals::hangup_reloads).map_err(|e| format!("signals: {e}"))?;
    signal_hook::flag::register_usize(signal_hook::consts::SIGQUIT, signals.stop_flag(), 3)
        .map_err(|e| format!("signals: {e}"))?;
    let _pid = (settings.daemon && settings.pid_file)
        .then(|| PidFile::create(&settings.pid_path, "radium", "radium").map_err(|e| text(&e)))
        .transpose()?;
    if let Some(folder) = &settings.chroot {
        change_root(folder)?;
    }
    let outputs = identity
        .effectively(|| open_outputs(&settings, &make_initial, &stream_log))
        .map_err(|e| text(&e))??;
    identity.assume().map_err(|e| text(&e))?;

    let server = server.map(Server::start).transpose().map_err(|e| text(&e))?;
    let hub = Arc::new(Hub::new(server, outputs, records));
    let filter = settings.filter.as_deref().map(Filter::parse).transpose().map_err(|e| text(&e))?;
    let rules = Arc::new(Rules {
        hub: Arc::clone(&hub),
        filter,
        time_range: settings.time_range.clone(),
        adjust: settings.adjust,
        left: AtomicU64::new(settings.count.unwrap_or(u64::MAX)),
        stop: Arc::new(AtomicBool::new(settings.count == Some(0))),
        log: log.clone(),
    });
    let mut sources = Sources::new(Arc::clone(&rules));
    ready.tell(log);
    let mut program = Running {
        report: Report::new(settings.id, settings.interval, started),
        settings,
        log,
        signals: &signals,
        hub: &hub,
        rules: &rules,
        started: started_at,
        unreadable: Arc::default(),
    };
    let files = program.files()?;
    program.attend(files.as_ref(), &mut sources)?;
    Ok(program.end(&mut sources))
}

fn level(severity: Severity) -> Level {
    match severity {
        Severity::Info => Level::Info,
        Severity::Warning => Level::Warning,
        Severity::Error => Level::Error,
    }
}

fn bind(settings: &Settings, initial: &MakeInitial, log: &stream::Log) -> Result<Server, String> {
    let addresses = stream::listen_addresses(&settings.bind, settings.port).map_err(|e| e.to_string())?;
    let mut config = ServerConfig::new(addresses, Arc::clone(initial));
    config.max_clients = settings.max_clients;
    config.log = Arc::clone(log);
    // Seen from inside of a new root the archive has another name.
    config.archive = settings.archive.as_ref().map(|archive| match &settings.chroot {
        Some(root) => Path::new("/").join(archive.strip_prefix(root).unwrap_or(archive)),
        None => archive.clone(),
    });
    Server::bind(config).map_err(|e| e.to_string())
}

fn change_root(folder: &Path) -> Result<(), String> {
    let failed = |doing: &str, e: &dyn std::fmt::Display| format!("{doing} {}: {e}", folder.display());
    std::env::set_current_dir(folder).map_err(|e| failed("chdir", &e))?;
    nix::unistd::chroot(".").map_err(|e| failed("chroot", &e))?;
    std::env::set_current_dir("/").map_err(|e| failed("chdir", &e))
}

type Outputs = Vec<(Output, Option<Filter>)>;

fn open_outputs(settings: &Settings, initial: &MakeInitial, log: &stream::Log) -> Result<Outputs, String> {
    let mut outputs: Outputs = Vec::new();
    for output in &settings.outputs {
        let name = output.target.to_string();
        if outputs.iter().any(|(o, _)| o.name() == name) {
            return Err(format!("{name}: written to twice"));
        }
        let filter = output.filter.as_deref().map(Filter::parse).transpose().map_err(|e| e.to_string())?;
        let opened = Output::start(&output.target, initial, OUTPUT_QUEUE, log).map_err(|e| e.to_string())?;
        outputs.push((opened, filter));
    }
    Ok(outputs)
}

/// radium, once it is what it will be.
struct Running<'a> {
    settings: Settings,
    log: &'a Log,
    signals: &'a Signals,
    hub: &'a Arc<Hub>,
    rules: &'a Arc<Rules>,
    report: Report,
    started: SystemTime,
    /// A file could not be read.
    unreadable: Arc<AtomicBool>,
}

impl Running<'_> {
    fn stopping(&self) -> bool {
        self.signals.stop().is_some() || self.rules.stop.load(Ordering::Relaxed)
    }

    /// Starts to read the files, or standard input when nothing else could ever come.
    fn files(&mut self) -> Result<Option<JoinHandle<()>>, String> {
        let idle = self.settings.files.is_empty() && self.settings.sources.is_empty();
        if idle && !self.waits_for_sources() {
            self.settings.files.push("-".into());
        }
        if self.settings.files.is_empty() {
            return Ok(None);
        }
        let (files, rules) = (self.settings.files.clone(), Arc::clone(self.rules));
        let unreadable = Arc::clone(&self.unreadable);
        let thread = std::thread::Builder::new().name("files".into()).spawn(move || {
            for file in files {
                if rules.stop.load(Ordering::Relaxed) {
                    return;
                }
                if let Err(error) = read_file(&file, &rules) {
                    rules.log.error(&error);
                    unreadable.store(true, Ordering::Relaxed);
                }
            }
        });
        thread.map(Some).map_err(|e| format!("thread for files: {e}"))
    }

    /// A radium with a configuration file and a port waits for its sources: the file may name some when it is read
    /// again.
    fn waits_for_sources(&self) -> bool {
        self.settings.file.is_some() && self.settings.files.is_empty() && self.hub.server().is_some()
    }

    /// Minds signals and timers to the end of the files, and then to the end of the sources, which is never.
    fn attend(&mut self, files: Option<&JoinHandle<()>>, sources: &mut Sources) -> Result<(), String> {
        let begun = Instant::now();
        let mut report_at = self.settings.interval.map(|i| begun + i);
        let mut status_at = begun;
        let mut follows = false;
        while !self.stopping() {
            let now = Instant::now();
            let reading = files.is_some_and(|thread| !thread.is_finished());
            if !reading && !follows {
                let wanted = self.settings.parsed_sources()?;
                if wanted.is_empty() && !self.waits_for_sources() {
                    break;
                }
                sources.set(&wanted, self.settings.remote_filter.as_deref())?;
                follows = true;
            }
            if self.settings.run_time.is_some_and(|time| now >= begun + time) {
                break;
            }
            if report_at.is_some_and(|at| now >= at) {
                self.hub.give(&self.report.make(Cause::Status, self.hub), false);
                report_at = self.settings.interval.map(|i| now + i);
            }
            if let Some(path) = self.settings.status.as_deref().filter(|_| now >= status_at) {
                self.write_status(path, sources);
                status_at = now + STATUS;
            }
            let look = if reading { LOOK / 20 } else { LOOK };
            self.wait(report_at.map_or(look, |at| at.saturating_duration_since(now).min(look)));
            if self.signals.reload() && follows {
                self.reload(sources);
                report_at = self.settings.interval.map(|i| Instant::now() + i);
            }
        }
        Ok(())
    }

    fn wait(&self, time: Duration) {
        let mut waiting = [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        let time = u16::try_from(time.as_millis()).unwrap_or(u16::MAX).max(1);
        // Interrupted or not: the flags are looked at next.
        let _ = poll(&mut waiting, PollTimeout::from(time));
        self.signals.drain();
    }

    fn write_status(&self, path: &Path, sources: &Sources) {
        if let Err(error) = status::write(path, self.started, sources, self.hub) {
            self.log.warning(format_args!("{}: {error}", path.display()));
        }
    }

    /// Reads command line and file again and takes over what can change while running: the sources, what they are
    /// asked for, and the interval of status records. A file that is wrong changes nothing.
    fn reload(&mut self, sources: &mut Sources) {
        let fresh = match settings::read(std::env::args_os().skip(1)) {
            Ok(fresh) => fresh,
            Err(Failure::Stop(stop)) => return self.log.warning(format_args!("not read again: {stop}")),
            Err(Failure::File(text)) => return self.log.warning(format_args!("not read again: {text}")),
        };
        let done =
            fresh.parsed_sources().and_then(|wanted| sources.set(&wanted, fresh.remote_filter.as_deref()));
        if let Err(error) = done {
            self.log.warning(format_args!("not read again: {error}"));
            return;
        }
        self.report.set_interval(fresh.interval);
        self.settings.sources = fresh.sources;
        self.settings.remote_filter = fresh.remote_filter;
        self.settings.interval = fresh.interval;
        self.log.info(format_args!("configuration read again: {} sources", self.settings.sources.len()));
    }

    /// Lets the sources go, says the last word, and sends and writes what is queued.
    fn end(&mut self, sources: &mut Sources) -> ExitCode {
        self.rules.stop.store(true, Ordering::Relaxed);
        sources.stop(Duration::from_millis(500));
        self.hub.give(&self.report.make(Cause::Shutdown, self.hub), true);
        self.hub.finish(GRACE);
        if let Some(path) = &self.settings.status {
            // It would tell of clients that are no longer there.
            let _ = std::fs::remove_file(path);
        }
        if self.unreadable.load(Ordering::Relaxed) || self.hub.has_failed() {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }
}
