//! The life of the archiver: attached to its source, minding clock and signals.

use crate::config::{self, Config};
use crate::status::{Link, Status};
use daemon::{Log, Ready, Signals};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use store::{Archive, State, Tell};
use stream::{ClientOptions, Happening, Item, Retry, follow};

/// How often clock, signals and state file are looked at.
const TICK: Duration = Duration::from_millis(100);
/// How often the state file is written.
const STATUS: Duration = Duration::from_secs(1);
/// While the source stays away, it is said this often.
const REPEAT: Duration = Duration::from_secs(60);

/// The program with everything it was given.
pub struct Archiver {
    pub config_path: PathBuf,
    pub config: Config,
    pub status: Option<PathBuf>,
    pub signals: Signals,
    pub log: Log,
}

/// Why following a source ended.
enum End {
    Stop,
    /// The configuration names another source.
    Elsewhere,
    /// The archive can no longer be opened.
    Failed(store::Error),
}

impl Archiver {
    /// Runs until a signal says stop.
    ///
    /// # Errors
    ///
    /// [`store::Error`] when the archive cannot be opened.
    pub fn run(mut self, mut ready: Ready) -> Result<(), store::Error> {
        let mut archive = Some(self.open()?);
        ready.tell(&self.log);
        let mut link = Link::default();
        loop {
            let source = self.config.source.clone();
            link.source = source.to_string();
            let mut session = Session::new(&mut self, &mut archive, &mut link);
            // Local and lasting: attempts come quickly after one another.
            let retry = Retry { first: Duration::from_millis(200), longest: Duration::from_secs(2) };
            let options = ClientOptions { patience: TICK, ..ClientOptions::default() };
            let end = follow(&source, &options, retry, |happening| session.happening(happening));
            match end {
                End::Elsewhere => {}
                End::Failed(e) => return Err(e),
                End::Stop => break,
            }
        }
        if let Some(archive) = archive {
            let free = archive.free().unwrap_or(0);
            let state = archive.close(false);
            self.log.info(format_args!(
                "stopped: {} records taken, {} on disk, {} dropped",
                state.records, state.synced_records, state.dropped
            ));
            link.connected = false;
            self.write_status(&state, free, &link);
        }
        Ok(())
    }

    fn open(&self) -> Result<Archive, store::Error> {
        let log = self.log.clone();
        let tell: Tell = Arc::new(move |wrong, text: &str| match wrong {
            true => log.warning(text),
            false => log.info(text),
        });
        Archive::open(self.config.archive.clone(), tell)
    }

    fn write_status(&self, state: &State, free: u64, link: &Link) {
        if let Some(path) = &self.status
            && let Err(e) = Status::new(&self.config.archive.root, state, free, link).write(path)
        {
            self.log.warning(format_args!("{}: {e}", path.display()));
        }
    }
}

/// Following one source.
struct Session<'a> {
    archiver: &'a mut Archiver,
    /// `None` only while it is being opened anew.
    archive: &'a mut Option<Archive>,
    link: &'a mut Link,
    attached_before: bool,
    next_tick: Instant,
    next_status: Instant,
    told: Option<(Instant, String)>,
}

impl<'a> Session<'a> {
    fn new(archiver: &'a mut Archiver, archive: &'a mut Option<Archive>, link: &'a mut Link) -> Session<'a> {
        let now = Instant::now();
        Session {
            archiver,
            archive,
            link,
            attached_before: false,
            next_tick: now,
            next_status: now,
            told: None,
        }
    }

    fn happening(&mut self, happening: Happening<'_>) -> ControlFlow<End> {
        match happening {
            Happening::Item(Item::Record { view, .. }) => {
                if let Some(archive) = self.archive {
                    archive.store(&view, now());
                }
            }
            Happening::Item(Item::Damage(damage)) => {
                self.link.damaged += 1;
                let text = format!("{}: {damage}", self.link.source);
                self.tell(text);
            }
            Happening::Attached(initial) => {
                self.link.connected = true;
                self.link.reconnects += u64::from(self.attached_before);
                self.attached_before = true;
                self.told = None;
                self.archiver.log.info(format_args!("{}: attached", self.link.source));
                if let (Some(archive), Some(initial)) = (self.archive.as_mut(), initial) {
                    archive.begin(initial.bytes());
                }
            }
            Happening::Lost(error) => {
                self.link.connected = false;
                let text = match error {
                    Some(error) => error.to_string(),
                    None => format!("{}: connection closed", self.link.source),
                };
                self.tell(text);
                // Connecting again can take longer than the sync interval.
                if let Some(archive) = self.archive {
                    archive.sync(now());
                }
            }
            Happening::Failed(error) => {
                self.tell(error.to_string());
                self.next_tick = Instant::now();
            }
            Happening::Idle | Happening::Waiting => {}
        }
        if Instant::now() < self.next_tick {
            return ControlFlow::Continue(());
        }
        self.next_tick = Instant::now() + TICK;
        self.tick()
    }

    /// Says trouble with the source once, and again from time to time.
    fn tell(&mut self, text: String) {
        if self.told.as_ref().is_none_or(|(when, what)| *what != text || when.elapsed() >= REPEAT) {
            self.archiver.log.warning(&text);
            self.told = Some((Instant::now(), text));
        }
    }

    fn tick(&mut self) -> ControlFlow<End> {
        self.archiver.signals.drain();
        if self.archiver.signals.stop().is_some() {
            return ControlFlow::Break(End::Stop);
        }
        if self.archiver.signals.reload() {
            self.reload()?;
        }
        if let Some(archive) = self.archive {
            archive.tick(now());
            if Instant::now() >= self.next_status {
                self.next_status = Instant::now() + STATUS;
                let (state, free) = (archive.state(), archive.free().unwrap_or(0));
                self.archiver.write_status(&state, free, self.link);
            }
        }
        ControlFlow::Continue(())
    }

    /// HUP: closes the current files and takes over what has changed in the configuration. A configuration that cannot
    /// be used changes nothing.
    fn reload(&mut self) -> ControlFlow<End> {
        let log = self.archiver.log.clone();
        if let Some(archive) = self.archive {
            archive.rotate();
        }
        let config = match config::read(&self.archiver.config_path) {
            Ok(config) => config,
            Err(e) => {
                log.warning(format_args!("{e}; the former configuration stays"));
                return ControlFlow::Continue(());
            }
        };
        let old = std::mem::replace(&mut self.archiver.config, config);
        if old.archive != self.archiver.config.archive {
            let initial = self.archive.as_ref().map(|a| a.initial().to_vec()).unwrap_or_default();
            if let Some(archive) = self.archive.take() {
                archive.close(false);
            }
            match self.archiver.open() {
                Ok(mut archive) => {
                    archive.begin(&initial);
                    *self.archive = Some(archive);
                }
                Err(e) => return ControlFlow::Break(End::Failed(e)),
            }
        }
        log.info("files closed, configuration read again");
        if old.source != self.archiver.config.source {
            return ControlFlow::Break(End::Elsewhere);
        }
        ControlFlow::Continue(())
    }
}

/// Seconds since the epoch.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64)
}
