//! The thread beside the archive: mends what a crash left, packs and lists closed files, deletes the oldest.

use crate::archive::Config;
use crate::file::Writing;
use crate::finish::finish;
use crate::inventory::{Inventory, closed};
use crate::layout::{self, Name, Stage};
use crate::state::Shared;
use crate::{recover, retention};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

enum Job {
    /// A file was closed.
    Closed(Name),
    /// A write found the disk full.
    MakeRoom,
}

/// How often the limits are looked at when nothing happens, and failed work is tried again.
const PERIOD: Duration = Duration::from_secs(10);

/// The worker, as the archive sees it. It ends when this goes; what it has not done it does at the next start.
pub(crate) struct Worker {
    jobs: Option<Sender<Job>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    pub(crate) fn start(config: Config, shared: Shared, writing: Arc<Writing>) -> std::io::Result<Worker> {
        let (jobs, queue) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let mut work = Work {
            config,
            shared,
            writing,
            stop: Arc::clone(&stop),
            inventory: Inventory::default(),
            unfinished: VecDeque::new(),
        };
        let thread = std::thread::Builder::new().name("archive".into()).spawn(move || work.run(&queue))?;
        Ok(Worker { jobs: Some(jobs), stop, thread: Some(thread) })
    }

    pub(crate) fn closed(&self, name: Name) {
        self.send(Job::Closed(name));
    }

    pub(crate) fn make_room(&self) {
        self.send(Job::MakeRoom);
    }

    fn send(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // It lives as long as we do.
            let _ = jobs.send(job);
        }
    }

    /// Lets it finish the files closed so far, then ends it.
    pub(crate) fn finish(mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Work {
    config: Config,
    shared: Shared,
    writing: Arc<Writing>,
    stop: Arc<AtomicBool>,
    inventory: Inventory,
    unfinished: VecDeque<Name>,
}

impl Work {
    fn run(&mut self, queue: &Receiver<Job>) {
        self.expire();
        self.recover();
        let mut next = Instant::now();
        loop {
            let job = queue.recv_timeout(next.saturating_duration_since(Instant::now()));
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            match job {
                Ok(Job::Closed(name)) => {
                    if !self.unfinished.contains(&name) {
                        self.unfinished.push_back(name);
                    }
                    next = Instant::now();
                }
                Ok(Job::MakeRoom) => self.make_room(),
                Err(RecvTimeoutError::Timeout) => {
                    self.pack();
                    self.expire();
                    next = Instant::now() + PERIOD;
                }
                Err(RecvTimeoutError::Disconnected) => {
                    self.pack();
                    self.expire();
                    return;
                }
            }
        }
    }

    /// Goes through all days, newest first: what a crash left is there.
    fn recover(&mut self) {
        let days = match layout::days(&self.config.root) {
            Ok(days) => days,
            Err(e) => return self.shared.error(&format_args!("{}: list: {e}", self.config.root.display())),
        };
        for day in days.iter().rev() {
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            let writing = Arc::clone(&self.writing);
            let shared = self.shared.clone();
            let found = recover::day(&self.config.root, day, &|name| writing.contains(name), &mut |e| {
                shared.error(&e)
            });
            let found = match found {
                Ok(found) => found,
                Err(e) => {
                    self.shared.error(&e);
                    continue;
                }
            };
            found.settled.iter().for_each(|&(name, octets)| self.inventory.insert(name, octets));
            for name in found.unfinished {
                self.count(name);
                if !self.unfinished.contains(&name) {
                    self.unfinished.push_back(name);
                }
            }
            if found.mended > 0 {
                self.shared.tell(&format!(
                    "{}: {} unfinished file(s) mended, {} octets of torn records cut",
                    day.display(),
                    found.mended,
                    found.cut
                ));
                let mut state = self.shared.state();
                state.recovered += found.mended;
                state.cut += found.cut;
            }
        }
        self.inventory.publish(&self.shared);
    }

    /// Enters a closed file as it is on disk now.
    fn count(&mut self, name: Name) {
        if let Ok(m) = self.config.root.join(name.path()).metadata() {
            self.inventory.insert(name, m.len());
        }
    }

    /// Packs and lists what has been closed. What fails stays for the next time.
    fn pack(&mut self) {
        let stop = Arc::clone(&self.stop);
        for _ in 0..self.unfinished.len() {
            let Some(name) = self.unfinished.pop_front() else { break };
            if !self.config.root.join(name.path()).exists() {
                // Expired, or finished already.
                let packed = name.at(Stage::Packed);
                self.inventory.remove(name);
                if self.config.root.join(packed.path()).exists() {
                    self.count(packed);
                }
                continue;
            }
            self.count(name);
            match finish(&self.config.root, name, self.config.compression, &|| stop.load(Ordering::Acquire)) {
                Ok(Some((now, octets))) => {
                    self.inventory.remove(name);
                    if closed(now.stage) {
                        self.inventory.insert(now, octets);
                    }
                }
                Ok(None) => return,
                Err(e) => {
                    self.shared.error(&e);
                    self.unfinished.push_back(name);
                    if e.is_full() {
                        self.make_room();
                    }
                }
            }
        }
        self.inventory.publish(&self.shared);
    }

    /// Deletes the oldest files until no limit is broken; returns how many went.
    fn expire(&mut self) -> u64 {
        let mut gone = 0;
        loop {
            let space = match retention::space(&self.config.root) {
                Ok(space) => space,
                Err(e) => {
                    self.shared.error(&e);
                    break;
                }
            };
            let split = i64::from(self.config.split);
            let limit = retention::broken(&self.config.limits, &self.inventory, split, now(), space);
            let Some(limit) = limit else { break };
            if !self.delete_oldest(limit) {
                break;
            }
            gone += 1;
        }
        if gone > 0 {
            self.inventory.publish(&self.shared);
        }
        gone
    }

    /// The disk is full: the oldest goes, whatever the limits say, before the newest stops.
    fn make_room(&mut self) {
        if self.expire() == 0 && self.delete_oldest("full disk") {
            self.inventory.publish(&self.shared);
        }
    }

    fn delete_oldest(&mut self, limit: &'static str) -> bool {
        let Some(name) = self.inventory.oldest() else { return false };
        self.inventory.remove(name);
        let done = retention::delete(&self.config.root, name);
        let mut state = self.shared.state();
        state.expired += 1;
        if state.binding != limit {
            state.binding = limit;
            drop(state);
            self.shared.tell(&format!("{} deleted: limit reached: {limit}", name.path().display()));
        }
        match done {
            Ok(()) => true,
            Err(e) => {
                self.shared.error(&e);
                // It is gone when only its checksum could not be taken out.
                !self.config.root.join(name.path()).exists()
            }
        }
    }
}

/// Seconds since the epoch.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64)
}
