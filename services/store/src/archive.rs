//! Takes records and files them by their time.

use crate::error::{Doing, Error};
use crate::file::{OpenFile, Writing};
use crate::finish::Compression;
use crate::retention::{self, Limits};
use crate::state::{Shared, State, Tell};
use crate::worker::Worker;
use record::{Mar, RecordView, SourceId, Stamp, Version};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How an archive is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Its folder.
    pub root: PathBuf,
    /// Seconds of one file.
    pub split: u32,
    /// How long a record may be not on disk.
    pub sync: Duration,
    /// How closed files are packed.
    pub compression: Compression,
    /// What it may hold.
    pub limits: Limits,
}

/// A file stays open for this long after its interval, and after its last record: flows that end report late.
const GRACE: Duration = Duration::from_secs(30);
/// A record this much older than now goes to the oldest open file when that of its interval is closed. Older ones, of a
/// source whose clock is elsewhere, get files of their own time.
const LATE: i64 = 900;
/// Files open at a time.
const MAX_OPEN: usize = 64;
/// Files closed early in a minute to open others; what needs more is filed by its arrival.
const EVICTIONS: u32 = 30;
/// Octets that may wait for the disk before a sync is tried early.
const SYNC_AT: usize = 8 << 20;
/// Octets that may wait for a disk that takes none; what comes then is dropped and counted.
const MAX_PENDING: usize = 32 << 20;
/// Between attempts while the disk takes nothing.
const RETRY: Duration = Duration::from_secs(1);
/// Between messages of the same trouble.
const REPEAT: Duration = Duration::from_secs(60);

/// An archive being written. Every record goes to the file of the interval that it began in; `now` is always seconds
/// since the epoch. Whoever holds it calls [`Archive::tick`] some times a second.
pub struct Archive {
    config: Config,
    shared: Shared,
    worker: Worker,
    writing: Arc<Writing>,
    open: Vec<OpenFile>,
    /// The initial management record that new files begin with.
    initial: Vec<u8>,
    last_sync: Instant,
    last_try: Instant,
    faulty: bool,
    told: Option<(Instant, String)>,
    evictions: (Instant, u32),
}

impl Archive {
    /// Opens an archive, making its folder if need be. Mending what a crash left goes on beside.
    ///
    /// # Errors
    ///
    /// [`Error`] when the folder cannot be made.
    pub fn open(config: Config, tell: Tell) -> Result<Archive, Error> {
        std::fs::create_dir_all(&config.root).doing("create", &config.root)?;
        let shared = Shared::new(tell);
        let writing = Arc::new(Writing::default());
        let worker = Worker::start(config.clone(), shared.clone(), Arc::clone(&writing))
            .doing("start the worker of", &config.root)?;
        let now = Instant::now();
        Ok(Archive {
            config,
            shared,
            worker,
            writing,
            open: Vec::new(),
            initial: Vec::new(),
            last_sync: now,
            last_try: now,
            faulty: false,
            told: None,
            evictions: (now, 0),
        })
    }

    /// A connection begins with this initial management record: files opened from now on begin with it, and the open ones
    /// get it as a record. When it is of another version than theirs, they are closed.
    pub fn begin(&mut self, initial: &[u8]) {
        let version = |b: &[u8]| b.first().map(|t| t & 0x0f);
        if version(&self.initial).is_some_and(|v| Some(v) != version(initial)) {
            self.rotate();
        } else {
            for file in self.open.iter_mut().filter(|f| !f.closing) {
                file.append(initial);
                self.shared.state().records += 1;
            }
        }
        self.initial = initial.to_vec();
    }

    /// The initial management record that new files begin with; empty before the first connection.
    pub fn initial(&self) -> &[u8] {
        &self.initial
    }

    /// Takes a record.
    pub fn store(&mut self, view: &RecordView<'_>, now: i64) {
        let octets = view.bytes().len();
        {
            let mut state = self.shared.state();
            state.records += 1;
            state.octets += octets as u64;
        }
        let mut pending = self.pending();
        if pending + octets > SYNC_AT && (!self.faulty || self.last_try.elapsed() >= RETRY) {
            self.sync(now);
            pending = self.pending();
        }
        if pending + octets > MAX_PENDING {
            self.shared.state().dropped += 1;
            return;
        }
        let file = self.file_for(i64::from(view.start().secs()), now);
        let Some(file) = self.open.get_mut(file) else { return };
        file.append(view.bytes());
        if file.wants_writing() && !self.faulty {
            let written = file.write(&self.config.root, &self.writing);
            self.outcome(written);
        }
    }

    fn pending(&self) -> usize {
        self.open.iter().map(OpenFile::pending).sum()
    }

    fn bin(&self, time: i64) -> i64 {
        let split = i64::from(self.config.split.max(1));
        time.div_euclid(split).saturating_mul(split)
    }

    /// The place of the file for a record of this time.
    fn file_for(&mut self, time: i64, now: i64) -> usize {
        let time = if time == 0 { now } else { time };
        let bin = self.bin(time);
        if let Some(at) = self.find(bin) {
            return at;
        }
        let late = (now - LATE..=now).contains(&time);
        let newest = self.bin(now);
        let between = |f: &OpenFile| !f.closing && f.bin > bin && f.bin <= newest;
        let next = self.open.iter().enumerate().filter(|(_, f)| late && between(f));
        if let Some((at, _)) = next.min_by_key(|(_, f)| f.bin) {
            self.shared.state().late += 1;
            return at;
        }
        if self.open.len() >= MAX_OPEN && !self.evict() {
            self.shared.state().misdated += 1;
            let bin = self.bin(now);
            let newest = || self.open.len() - 1;
            return self.find(bin).unwrap_or_else(newest);
        }
        if self.initial.is_empty() {
            // A source without one, over UDP. Readers refuse a file that does not begin with one.
            let at = Stamp::from_micros(now.saturating_mul(1_000_000));
            self.initial = Mar::initial(Version::V3, SourceId::None, at, at).to_bytes();
        }
        self.open.push(OpenFile::new(bin, &self.initial));
        self.open.len() - 1
    }

    fn find(&self, bin: i64) -> Option<usize> {
        self.open.iter().position(|f| f.bin == bin && !f.closing)
    }

    /// Closes the file that was written longest ago, unless that was done too often lately.
    fn evict(&mut self) -> bool {
        let (since, count) = &mut self.evictions;
        if since.elapsed() >= Duration::from_secs(60) {
            (*since, *count) = (Instant::now(), 0);
        }
        if *count >= EVICTIONS || self.faulty {
            return false;
        }
        *count += 1;
        if let Some(file) = self.open.iter_mut().filter(|f| !f.closing).min_by_key(|f| f.touched) {
            file.closing = true;
        }
        self.close_marked();
        self.open.len() < MAX_OPEN
    }

    /// Does what is due: syncs, closes files whose time has passed.
    pub fn tick(&mut self, now: i64) {
        let interval = if self.faulty { RETRY } else { self.config.sync };
        if self.last_try.elapsed() >= interval {
            self.sync(now);
        }
        self.close_due(now);
    }

    /// Brings everything taken so far to the disk.
    pub fn sync(&mut self, now: i64) {
        self.last_try = Instant::now();
        let mut failed = None;
        for file in &mut self.open {
            match file.sync(&self.config.root, &self.writing) {
                Ok(records) => self.shared.state().synced_records += records,
                Err(e) => failed = Some(e),
            }
        }
        match failed {
            Some(e) => self.outcome(Err(e)),
            None => {
                self.outcome(Ok(()));
                self.last_sync = Instant::now();
                self.shared.state().last_sync = now as f64;
            }
        }
        let mut state = self.shared.state();
        state.open = self.open.len() as u64;
        let current = self.open.iter().filter(|f| f.name().is_some()).max_by_key(|f| f.touched);
        state.current = current.and_then(OpenFile::name).map(|n| n.path());
    }

    /// Keeps account of whether the disk works.
    fn outcome(&mut self, result: Result<(), Error>) {
        match result {
            Ok(()) if self.faulty => {
                self.faulty = false;
                self.told = None;
                let mut state = self.shared.state();
                state.fault.clear();
                let dropped = state.dropped;
                drop(state);
                self.shared
                    .tell(&format!("writing works again; {dropped} record(s) dropped since the start"));
            }
            Ok(()) => {}
            Err(e) => {
                self.faulty = true;
                if e.is_full() {
                    self.worker.make_room();
                }
                let text = e.to_string();
                self.shared.state().fault.clone_from(&text);
                let again = self.told.as_ref().is_none_or(|(when, what)| {
                    *what != text && when.elapsed() > RETRY * 5 || when.elapsed() >= REPEAT
                });
                if again {
                    self.told = Some((Instant::now(), text));
                    self.shared.error(&e);
                } else {
                    self.shared.state().errors += 1;
                }
            }
        }
    }

    /// Closes the files whose interval has passed, by the clock; those whose interval is not near the clock's time (it
    /// jumped, or a source's is elsewhere), when nothing has come for them for a while; and any that was open for much
    /// longer than an interval, whatever the clock says.
    fn close_due(&mut self, now: i64) {
        let split = i64::from(self.config.split);
        let grace = GRACE.as_secs() as i64;
        let longest = Duration::from_secs(u64::from(self.config.split)) + 2 * GRACE;
        for file in &mut self.open {
            let passed =
                now >= file.bin.saturating_add(split + grace) || file.bin > now.saturating_add(split);
            file.closing |= passed && file.touched.elapsed() >= GRACE || file.opened.elapsed() >= longest;
        }
        self.close_marked();
    }

    fn close_marked(&mut self) {
        let mut at = 0;
        while let Some(file) = self.open.get_mut(at) {
            if !file.closing || (self.faulty && self.last_try.elapsed() < RETRY) {
                at += 1;
                continue;
            }
            let synced = file.sync(&self.config.root, &self.writing);
            let closed = synced.and_then(|records| {
                self.shared.state().synced_records += records;
                file.close(&self.config.root)
            });
            match closed {
                Ok(name) => {
                    self.open.swap_remove(at);
                    if let Some(name) = name {
                        self.writing.remove(name);
                        self.worker.closed(name);
                    }
                }
                Err(e) => {
                    self.last_try = Instant::now();
                    self.outcome(Err(e));
                    at += 1;
                }
            }
        }
    }

    /// Closes all files now; the next record opens a new one.
    pub fn rotate(&mut self) {
        self.open.iter_mut().for_each(|f| f.closing = true);
        self.close_marked();
    }

    /// Closes all files and, with `finish`, waits until they are packed and listed; else that is done at the next start.
    /// What the disk does not take even now is counted as dropped in the state that comes back.
    pub fn close(mut self, finish: bool) -> State {
        self.last_try = Instant::now().checked_sub(RETRY).unwrap_or(self.last_try);
        self.rotate();
        let lost: u64 = self.open.iter().map(OpenFile::pending_records).sum();
        self.shared.state().dropped += lost;
        let Archive { worker, shared, .. } = self;
        if finish {
            worker.finish();
        } else {
            drop(worker);
        }
        let mut state = shared.state().clone();
        (state.current, state.open) = (None, 0);
        state
    }

    /// The state now.
    pub fn state(&self) -> State {
        self.shared.state().clone()
    }

    /// Octets free where the archive lies.
    ///
    /// # Errors
    ///
    /// [`Error`] when the file system cannot be asked.
    pub fn free(&self) -> Result<u64, Error> {
        retention::space(&self.config.root).map(|s| s.free)
    }

    /// How long the oldest record taken may have been waiting for the disk.
    pub fn unsynced_for(&self) -> Duration {
        if self.pending() == 0 { Duration::ZERO } else { self.last_sync.elapsed() }
    }
}
