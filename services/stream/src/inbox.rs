//! A bounded queue of whole records from many threads to one, where the sender never waits.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::ring::whole;

/// Records on their way from those who make them to the one thread that passes them on. When that thread falls
/// behind, the oldest records are dropped and counted.
pub(crate) struct Inbox {
    state: Mutex<State>,
    changed: Condvar,
    /// Octets that each half may hold.
    half: usize,
}

#[derive(Default)]
struct State {
    /// Full, waiting: this half is dropped when `newer` is full too.
    older: Vec<u8>,
    newer: Vec<u8>,
    dropped: u64,
    closed: bool,
}

impl Inbox {
    /// An inbox that holds at most `octets`, and at least two of the longest records.
    pub(crate) fn new(octets: usize) -> Inbox {
        Inbox {
            state: Mutex::default(),
            changed: Condvar::new(),
            half: (octets / 2).max(crate::frame::MAX_RECORD),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole at every point where a holder could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds whole records. Returns true when the inbox was empty, that is, when its reader has to be woken.
    pub(crate) fn push(&self, records: &[u8]) -> bool {
        let mut state = self.lock();
        let woke = state.older.is_empty() && state.newer.is_empty();
        if state.newer.len() + records.len() > self.half && !state.newer.is_empty() {
            state.dropped += count(&state.older);
            state.older.clear();
            let State { older, newer, .. } = &mut *state;
            std::mem::swap(older, newer);
        }
        state.newer.extend_from_slice(records);
        drop(state);
        if woke {
            self.changed.notify_all();
        }
        woke
    }

    /// Adds whole records once there is room, so that nothing is dropped: for inputs that can wait, such as files.
    pub(crate) fn push_waiting(&self, records: &[u8]) -> bool {
        let state = self.lock();
        drop(
            self.changed
                .wait_while(state, |state| self.is_tight(state, records))
                .unwrap_or_else(PoisonError::into_inner),
        );
        self.push(records)
    }

    /// Waits until there is room for whole records, at most `patience`. False when there is none then.
    pub(crate) fn wait_for_room(&self, records: &[u8], patience: Duration) -> bool {
        let state = self.lock();
        let tight = |state: &mut State| self.is_tight(state, records);
        let (_state, waited) =
            self.changed.wait_timeout_while(state, patience, tight).unwrap_or_else(PoisonError::into_inner);
        !waited.timed_out()
    }

    /// Whether records would have to wait, and may hope.
    fn is_tight(&self, state: &State, records: &[u8]) -> bool {
        !state.closed
            && state.older.len() + state.newer.len() + records.len() > self.half
            && !state.newer.is_empty()
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        let state = self.lock();
        state.older.is_empty() && state.newer.is_empty()
    }

    /// Nothing will follow.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Takes everything, in order, into `older` and `newer`, whose memory is given in exchange. Returns the records
    /// dropped since the last call.
    pub(crate) fn take(&self, older: &mut Vec<u8>, newer: &mut Vec<u8>) -> u64 {
        older.clear();
        newer.clear();
        let mut state = self.lock();
        std::mem::swap(&mut state.older, older);
        std::mem::swap(&mut state.newer, newer);
        let dropped = std::mem::take(&mut state.dropped);
        drop(state);
        self.changed.notify_all();
        dropped
    }

    /// Records that wait.
    pub(crate) fn waiting(&self) -> u64 {
        let state = self.lock();
        count(&state.older) + count(&state.newer)
    }

    /// Waits until something is there, at most `patience`. False when the inbox is closed and empty.
    pub(crate) fn wait(&self, patience: Duration) -> bool {
        let state = self.lock();
        let empty = |s: &mut State| s.older.is_empty() && s.newer.is_empty() && !s.closed;
        let (state, _) =
            self.changed.wait_timeout_while(state, patience, empty).unwrap_or_else(PoisonError::into_inner);
        !(state.closed && state.older.is_empty() && state.newer.is_empty())
    }
}

/// Records in `records`.
pub(crate) fn count(mut records: &[u8]) -> u64 {
    let mut n = 0;
    while let Some(record) = whole(records) {
        n += 1;
        records = records.get(record.len()..).unwrap_or_default();
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(tag: u32) -> [u8; 8] {
        let [a, b, c, d] = tag.to_be_bytes();
        [0x13, 0x10, 0, 2, a, b, c, d]
    }

    fn tags(bytes: &[u8]) -> impl Iterator<Item = u32> {
        bytes.chunks(8).map(|r| u32::from_be_bytes(r[4..].try_into().unwrap()))
    }

    #[test]
    fn keeps_order_and_counts_what_it_drops() {
        let inbox = Inbox::new(0);
        let total = 200_000;
        for tag in 0..total {
            assert_eq!(inbox.push(&record(tag)), tag == 0);
        }
        let (mut older, mut newer) = (vec![], vec![]);
        let dropped = inbox.take(&mut older, &mut newer);
        assert!(dropped > 0);
        let kept: Vec<u32> = tags(&older).chain(tags(&newer)).collect();
        assert_eq!(kept.first(), Some(&(dropped as u32)));
        assert!(kept.iter().copied().eq(dropped as u32..total));
        assert!(inbox.push(&record(0)));
    }

    #[test]
    fn patience_ends() {
        let inbox = Inbox::new(0);
        let records: Vec<u8> = (0..inbox.half as u32 / 8).flat_map(record).collect();
        assert!(inbox.is_empty() && inbox.wait_for_room(&records, Duration::ZERO));
        inbox.push(&records);
        assert!(!inbox.wait_for_room(&records, Duration::from_millis(1)) && !inbox.is_empty());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| inbox.wait_for_room(&records, Duration::from_secs(60)));
            inbox.take(&mut vec![], &mut vec![]);
            assert!(waiting.join().unwrap());
        });
    }

    #[test]
    fn a_waiting_sender_drops_nothing() {
        let inbox = Inbox::new(0);
        let total = 300_000;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for tag in 0..total {
                    inbox.push_waiting(&record(tag));
                }
                inbox.close();
            });
            let (mut older, mut newer, mut expected) = (vec![], vec![], 0);
            while inbox.wait(Duration::from_secs(10)) {
                assert_eq!(inbox.take(&mut older, &mut newer), 0);
                for tag in tags(&older).chain(tags(&newer)) {
                    assert_eq!(tag, expected);
                    expected += 1;
                }
            }
            assert_eq!(expected, total);
        });
    }
}
