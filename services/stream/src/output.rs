//! An output with a thread of its own, so that a slow disk delays nobody.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::inbox::{Inbox, count};
use crate::ring::whole;
use crate::writer::{Target, Writer};
use crate::{Error, Log, MakeInitial, Severity};

/// How long records may wait in memory before they are handed to the system.
const FLUSH: Duration = Duration::from_millis(250);

/// How long a file that failed is left alone before it is tried again.
const PAUSE: Duration = Duration::from_secs(1);
/// Records are written in parts of about this many octets.
const PART: usize = 64 << 10;
/// How long the end waits for an output that takes nothing more.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where published records are written, by a thread of its own. When that falls behind by the length of its queue,
/// the oldest records are dropped and counted. A file that cannot be written to, because the disk is full say, is tried
/// again every second; a pipe that its reader closed is not.
pub struct Output {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    name: String,
    inbox: Inbox,
    records: AtomicU64,
    /// Records that never reached the writer.
    dropped: AtomicU64,
    /// Records that the writer did not get rid of.
    refused: AtomicU64,
    /// Records that the thread has taken and not written yet.
    under_way: AtomicU64,
    failed: AtomicBool,
    closed: AtomicBool,
}

impl Output {
    /// Opens `target`, writes the initial record, and starts the thread. `queue` is in octets. A pipe that nobody reads is
    /// not waited for.
    ///
    /// # Errors
    ///
    /// As [`Writer::open`]; no such device or address for a pipe that nobody reads.
    pub fn start(target: &Target, initial: &MakeInitial, queue: usize, log: &Log) -> Result<Output, Error> {
        let writer = Writer::open_at_once(target, &initial())?;
        let shared = Arc::new(Shared {
            name: target.to_string(),
            inbox: Inbox::new(queue),
            records: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            under_way: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        });
        let (for_thread, initial, log) = (Arc::clone(&shared), Arc::clone(initial), Arc::clone(log));
        let thread = std::thread::Builder::new()
            .name("output".into())
            .spawn(move || {
                let (shared, initial, log) = (&*for_thread, &initial, &log);
                Running { shared, writer, initial, log, path_told: None }.run();
            })
            .map_err(|e| Error::io(target.to_string(), e))?;
        Ok(Output { shared, thread: Mutex::new(Some(thread)) })
    }

    /// The target's name for messages.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Queues one record, or several back to back. Never waits.
    pub fn publish(&self, records: &[u8]) {
        self.give(records, Inbox::push);
    }

    /// Like [`Output::publish`], but waits for room, so that nothing is dropped: for inputs that can wait.
    pub fn publish_waiting(&self, records: &[u8]) {
        self.give(records, Inbox::push_waiting);
    }

    /// Waits until there is room for such records, at most `patience`. False when there is none then.
    pub fn wait_for_room(&self, records: &[u8], patience: Duration) -> bool {
        self.shared.inbox.wait_for_room(records, patience)
    }

    /// Whether nothing waits for the thread.
    pub fn is_idle(&self) -> bool {
        self.shared.inbox.is_empty()
    }

    fn give(&self, records: &[u8], how: impl Fn(&Inbox, &[u8]) -> bool) {
        if self.shared.closed.load(Ordering::Relaxed) {
            self.shared.dropped.fetch_add(count(records), Ordering::Relaxed);
        } else {
            how(&self.shared.inbox, records);
        }
    }

    /// Records written.
    pub fn records(&self) -> u64 {
        self.shared.records.load(Ordering::Relaxed)
    }

    /// Records that were not written: the thread was behind, the output had failed, or the datagram was too large.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed) + self.shared.refused.load(Ordering::Relaxed)
    }

    /// Records that wait for the thread.
    pub fn waiting(&self) -> u64 {
        self.shared.inbox.waiting()
    }

    /// True once the output has failed. It stays so.
    pub fn has_failed(&self) -> bool {
        self.shared.failed.load(Ordering::Relaxed)
    }

    /// Writes what is queued and ends the thread; an output that takes nothing for five seconds is given up, and what
    /// waits for it counts as dropped. Later calls return at once.
    pub fn finish(&self) {
        self.shared.inbox.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        let progress = || (self.records(), self.dropped(), self.waiting());
        let (mut before, mut since) = (progress(), Instant::now());
        while !thread.is_finished() {
            std::thread::sleep(Duration::from_millis(2));
            let now = progress();
            if now != before {
                (before, since) = (now, Instant::now());
            }
            if since.elapsed() >= PATIENCE {
                let lost = self.waiting() + self.shared.under_way.load(Ordering::Relaxed);
                self.shared.dropped.fetch_add(lost, Ordering::Relaxed);
                self.shared.failed.store(true, Ordering::Relaxed);
                return;
            }
        }
        // A panic of that thread was reported where it happened.
        let _ = thread.join();
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.finish();
    }
}

/// What the thread works with.
struct Running<'a> {
    shared: &'a Shared,
    writer: Writer,
    initial: &'a MakeInitial,
    log: &'a Log,
    /// What was told of a path that cannot be made anew.
    path_told: Option<String>,
}

impl Running<'_> {
    fn run(mut self) {
        let (mut older, mut newer) = (Vec::new(), Vec::new());
        let mut flushed = Instant::now();
        // When a file that failed is tried again, and how many records it has lost.
        let mut pause: Option<(Instant, u64)> = None;
        while self.shared.inbox.wait(FLUSH) {
            let missed = self.shared.inbox.take(&mut older, &mut newer);
            if missed > 0 && self.shared.dropped.fetch_add(missed, Ordering::Relaxed) == 0 {
                self.tell(
                    Severity::Warning,
                    &format!("{} is too slow: records are dropped", self.shared.name),
                );
            }
            let now = Instant::now();
            self.shared.under_way.store(count(&older) + count(&newer), Ordering::Relaxed);
            if let Some((_, lost)) = pause.as_mut().filter(|(until, _)| now < *until) {
                *lost += self.give_up_batch();
                continue;
            }
            let refused = self.writer.dropped();
            self.keep_path(now);
            // Either there is a pause, or enough time has passed.
            let flush = newer.is_empty() || now.saturating_duration_since(flushed) >= FLUSH;
            match self.write(&[&older, &newer], flush || pause.is_some()) {
                Ok(()) => {
                    if flush {
                        flushed = now;
                    }
                    if let Some((_, lost)) = pause.take() {
                        let name = &self.shared.name;
                        self.tell(
                            Severity::Warning,
                            &format!("{name}: written to again, {lost} records lost"),
                        );
                    }
                }
                Err(error) => {
                    let lost = self.give_up_batch() + (self.writer.dropped() - refused);
                    self.count();
                    if !self.writer.can_recover() {
                        return self.close(&error);
                    }
                    match &mut pause {
                        Some((until, sum)) => (*until, *sum) = (now + PAUSE, *sum + lost),
                        None => {
                            self.shared.failed.store(true, Ordering::Relaxed);
                            self.tell(
                                Severity::Error,
                                &format!("{error}: records are dropped until it can be written to again"),
                            );
                            pause = Some((now + PAUSE, lost));
                        }
                    }
                }
            }
            self.count();
        }
        if let Err(error) = self.writer.flush() {
            self.count();
            self.close(&error);
        }
    }

    fn tell(&self, severity: Severity, text: &str) {
        (self.log)(severity, text);
    }

    /// What could not be looked for, or made again, is written to as it is.
    fn keep_path(&mut self, now: Instant) {
        let initial = self.initial;
        match self.writer.keep_path(now, || initial()) {
            Ok(()) => self.path_told = None,
            Err(error) => {
                let text = error.to_string();
                if self.path_told.as_ref() != Some(&text) {
                    self.tell(Severity::Warning, &text);
                }
                self.path_told = Some(text);
            }
        }
    }

    /// Writes records in parts, so that those who wait see that it goes on.
    fn write(&mut self, batches: &[&[u8]], flush: bool) -> Result<(), Error> {
        for batch in batches {
            let mut rest = *batch;
            while !rest.is_empty() {
                let (part, more) = rest.split_at(whole_records(rest, PART));
                let records = count(part);
                let written = self.writer.write(part);
                self.shared.under_way.fetch_sub(records, Ordering::Relaxed);
                self.count();
                written?;
                rest = more;
            }
        }
        if flush { self.writer.flush() } else { Ok(()) }
    }

    /// Counts what is left of the batch as dropped.
    fn give_up_batch(&self) -> u64 {
        let lost = self.shared.under_way.swap(0, Ordering::Relaxed);
        self.shared.dropped.fetch_add(lost, Ordering::Relaxed);
        lost
    }

    fn count(&self) {
        let refused = self.writer.dropped();
        self.shared.refused.store(refused, Ordering::Relaxed);
        self.shared.records.store(self.writer.records().saturating_sub(refused), Ordering::Relaxed);
    }

    /// The end of an output that does not come back.
    fn close(&self, error: &Error) {
        self.shared.failed.store(true, Ordering::Relaxed);
        self.shared.closed.store(true, Ordering::Relaxed);
        // Those who wait for room are let go.
        self.shared.inbox.close();
        let (mut older, mut newer) = (Vec::new(), Vec::new());
        let missed = self.shared.inbox.take(&mut older, &mut newer);
        self.shared.dropped.fetch_add(missed + count(&older) + count(&newer), Ordering::Relaxed);
        self.tell(Severity::Error, &format!("{error}: nothing more is written to it"));
    }
}

/// Octets of the whole records at the head of `records`, up to about `most`; at least one record, and all octets when there
/// is no whole one.
fn whole_records(records: &[u8], most: usize) -> usize {
    let mut end = 0;
    while let Some(record) = whole(records.get(end..).unwrap_or_default()) {
        if end > 0 && end + record.len() > most {
            return end;
        }
        end += record.len();
    }
    if end == 0 { records.len() } else { end }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::INITIAL;

    fn quiet() -> Log {
        Arc::new(|_, _| {})
    }

    #[test]
    fn writes_all_when_the_sender_can_wait() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let initial: MakeInitial = Arc::new(|| [7; INITIAL]);
        let output = Output::start(&Target::File(path.clone()), &initial, 0, &quiet()).unwrap();
        for tag in 0..200_000_u32 {
            let [a, b, c, d] = tag.to_be_bytes();
            output.publish_waiting(&[0x13, 0x10, 0, 2, a, b, c, d]);
        }
        output.finish();
        assert_eq!((output.records(), output.dropped()), (200_000, 0));
        let bytes = std::fs::read(path).unwrap();
        assert_eq!(bytes.len(), INITIAL + 8 * 200_000);
        assert!(
            bytes[INITIAL..].chunks(8).map(|r| u32::from_be_bytes(r[4..].try_into().unwrap())).eq(0..200_000)
        );
    }

    #[test]
    fn a_full_disk_ends_only_this_output() {
        let initial: MakeInitial = Arc::new(|| [7; INITIAL]);
        let error = Output::start(&Target::File("/dev/full".into()), &initial, 0, &quiet()).err().unwrap();
        assert!(error.to_string().starts_with("/dev/full: "), "{error}");
    }

    #[test]
    fn a_file_that_fails_is_tried_again() {
        // A folder in the file's place: it cannot be made anew, and then it can.
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let told = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&told);
        let log: Log = Arc::new(move |_, text| to.lock().unwrap().push(text.to_owned()));
        let initial: MakeInitial = Arc::new(|| [7; INITIAL]);
        let output = Output::start(&Target::File(path.clone()), &initial, 0, &log).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        let record = [0x13, 0x10, 0, 2, 0, 0, 0, 1];
        let wait = |what: &str, done: &dyn Fn() -> bool| {
            let begin = Instant::now();
            while !done() {
                assert!(begin.elapsed() < Duration::from_secs(60), "{what}");
                output.publish(&record);
                std::thread::sleep(Duration::from_millis(20));
            }
        };
        wait("a warning", &|| told.lock().unwrap().iter().any(|text| text.contains("directory")));
        std::fs::remove_dir(&path).unwrap();
        wait("the new file", &|| path.exists());
        output.finish();
        assert!(!output.has_failed());
        assert!(std::fs::read(&path).unwrap().starts_with(&[7; INITIAL]));
    }

    #[test]
    fn a_reader_that_sleeps_does_not_keep_the_writer() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let initial: MakeInitial = Arc::new(|| [7; INITIAL]);
        let refused = Output::start(&Target::File(path.clone()), &initial, 0, &quiet()).err().unwrap();
        assert!(refused.to_string().contains("No such device or address"), "{refused}");
        // Opened for both, as nobody else opens it.
        let reader = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let output = Output::start(&Target::File(path), &initial, 0, &quiet()).unwrap();
        let record = [0x13, 0x10, 0, 2, 0, 0, 0, 1];
        let published = 40_000;
        for _ in 0..published {
            output.publish(&record);
        }
        output.finish();
        assert!(output.has_failed());
        assert!(output.dropped() > 0 && output.records() + output.dropped() <= published);
        drop(reader);
    }
}
