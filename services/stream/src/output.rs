//! An output with a thread of its own, so that a slow disk delays nobody.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::inbox::{Inbox, count};
use crate::writer::{Target, Writer};
use crate::{Error, Log, MakeInitial, Severity};

/// How long records may wait in memory before they are handed to the system.
const FLUSH: Duration = Duration::from_millis(250);

/// Where published records are written, by a thread of its own. When that falls behind by the length of its queue,
/// the oldest records are dropped and counted.
pub struct Output {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    name: String,
    inbox: Inbox,
    records: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicBool,
}

impl Output {
    /// Opens `target`, writes the initial record, and starts the thread. `queue` is in octets.
    ///
    /// # Errors
    ///
    /// As [`Writer::open`].
    pub fn start(target: &Target, initial: &MakeInitial, queue: usize, log: &Log) -> Result<Output, Error> {
        let writer = Writer::open(target, &initial())?;
        let shared = Arc::new(Shared {
            name: target.to_string(),
            inbox: Inbox::new(queue),
            records: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            failed: AtomicBool::new(false),
        });
        let (for_thread, initial, log) = (Arc::clone(&shared), Arc::clone(initial), Arc::clone(log));
        let thread = std::thread::Builder::new()
            .name("output".into())
            .spawn(move || run(&for_thread, writer, &initial, &log))
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
        if self.shared.failed.load(Ordering::Relaxed) {
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
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Records that wait for the thread.
    pub fn waiting(&self) -> u64 {
        self.shared.inbox.waiting()
    }

    /// True once the output has failed. It stays so.
    pub fn has_failed(&self) -> bool {
        self.shared.failed.load(Ordering::Relaxed)
    }

    /// Writes what is queued and ends the thread. Later calls return at once.
    pub fn finish(&self) {
        self.shared.inbox.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic of that thread was reported where it happened.
            let _ = thread.join();
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.finish();
    }
}

fn run(shared: &Shared, mut writer: Writer, initial: &MakeInitial, log: &Log) {
    let (mut older, mut newer) = (Vec::new(), Vec::new());
    let mut flushed = Instant::now();
    while shared.inbox.wait(FLUSH) {
        let missed = shared.inbox.take(&mut older, &mut newer);
        if missed > 0 && shared.dropped.fetch_add(missed, Ordering::Relaxed) == 0 {
            log(Severity::Warning, &format!("{} is too slow: records are dropped", shared.name));
        }
        let now = Instant::now();
        let done = writer.keep_path(now, || initial()).and_then(|()| {
            writer.write(&older)?;
            writer.write(&newer)?;
            // Either there is a pause, or enough time has passed.
            if newer.is_empty() || now.saturating_duration_since(flushed) >= FLUSH {
                flushed = now;
                writer.flush()?;
            }
            Ok(())
        });
        if let Err(error) = done {
            fail(shared, &error, count(&older) + count(&newer), log);
            return;
        }
        let lost = writer.dropped();
        shared.records.store(writer.records() - lost, Ordering::Relaxed);
    }
    if let Err(error) = writer.flush() {
        fail(shared, &error, 0, log);
    }
}

fn fail(shared: &Shared, error: &Error, lost: u64, log: &Log) {
    shared.failed.store(true, Ordering::Relaxed);
    // Those who wait for room are let go.
    shared.inbox.close();
    let (mut older, mut newer) = (Vec::new(), Vec::new());
    let missed = shared.inbox.take(&mut older, &mut newer);
    shared.dropped.fetch_add(lost + missed + count(&older) + count(&newer), Ordering::Relaxed);
    log(Severity::Error, &format!("{error}: nothing more is written to it"));
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
}
