//! Who is logged in: session keys in memory, and the brake on guessing passwords.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A session ends this long after its last request.
pub const IDLE: Duration = Duration::from_secs(30 * 60);
/// A session ends this long after its login.
pub const LONGEST: Duration = Duration::from_secs(12 * 3600);
/// Sessions at once; the one longest unused makes room.
const SESSIONS: usize = 256;
/// Addresses whose failures are remembered; the oldest makes room.
const ADDRESSES: usize = 4096;
/// Failures of one address before it must wait.
const FREE_FAILURES: u32 = 5;
/// The longest wait after failures.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// What a request with a valid session key is allowed to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Name of the user.
    pub user: String,
    /// The token that each form of this session carries (against cross-site requests).
    pub token: String,
}

struct Entry {
    session: Session,
    started: Instant,
    used: Instant,
}

struct Failures {
    count: u32,
    last: Instant,
}

/// All sessions and recent failures.
#[derive(Default)]
pub struct Sessions {
    entries: Mutex<HashMap<String, Entry>>,
    failures: Mutex<HashMap<IpAddr, Failures>>,
}

/// A lock that outlives a panicking thread: the maps stay whole between two statements.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Sessions {
    /// Opens a session for `user`; the key for its cookie. `None` when the system gives no randomness.
    pub fn open(&self, user: &str, now: Instant) -> Option<String> {
        let (key, token) = (crate::random_hex(32)?, crate::random_hex(16)?);
        let mut entries = lock(&self.entries);
        entries.retain(|_, entry| entry.alive(now));
        if entries.len() >= SESSIONS
            && let Some(oldest) =
                entries.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| key.clone())
        {
            entries.remove(&oldest);
        }
        let session = Session { user: user.to_owned(), token };
        entries.insert(key.clone(), Entry { session, started: now, used: now });
        Some(key)
    }

    /// The session with this key, if it is still alive; counts as its use.
    pub fn find(&self, key: &str, now: Instant) -> Option<Session> {
        let mut entries = lock(&self.entries);
        let entry = entries.get_mut(key)?;
        if !entry.alive(now) {
            entries.remove(key);
            return None;
        }
        entry.used = now;
        Some(entry.session.clone())
    }

    /// Ends a session.
    pub fn close(&self, key: &str) {
        lock(&self.entries).remove(key);
    }

    /// How many sessions are open.
    pub fn count(&self, now: Instant) -> usize {
        lock(&self.entries).values().filter(|entry| entry.alive(now)).count()
    }

    /// How long `address` must wait before its next try at a password.
    pub fn wait(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let failures = lock(&self.failures);
        let failures = failures.get(&address)?;
        let over = failures.count.checked_sub(FREE_FAILURES)?;
        let wait = Duration::from_secs(1 << over.min(16)).min(LONGEST_WAIT);
        wait.checked_sub(now.saturating_duration_since(failures.last)).filter(|rest| !rest.is_zero())
    }

    /// Notes a wrong password or claim code from `address`.
    pub fn failed(&self, address: IpAddr, now: Instant) {
        let mut failures = lock(&self.failures);
        if failures.len() >= ADDRESSES
            && !failures.contains_key(&address)
            && let Some(oldest) = failures.iter().min_by_key(|(_, f)| f.last).map(|(a, _)| *a)
        {
            failures.remove(&oldest);
        }
        let entry = failures.entry(address).or_insert(Failures { count: 0, last: now });
        entry.count = entry.count.saturating_add(1);
        entry.last = now;
    }

    /// Forgets the failures of `address` after a right password.
    pub fn succeeded(&self, address: IpAddr) {
        lock(&self.failures).remove(&address);
    }
}

impl Entry {
    fn alive(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.used) < IDLE
            && now.saturating_duration_since(self.started) < LONGEST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_idle_and_when_old() {
        let sessions = Sessions::default();
        let start = Instant::now();
        let key = sessions.open("admin", start).unwrap();
        assert_eq!(sessions.find(&key, start).unwrap().user, "admin");
        assert!(sessions.find(&key, start + IDLE).is_none());

        let key = sessions.open("admin", start).unwrap();
        let mut now = start;
        while now < start + LONGEST {
            assert!(sessions.find(&key, now).is_some());
            now += IDLE / 2;
        }
        assert!(sessions.find(&key, now).is_none());
    }

    #[test]
    fn sessions_do_not_grow_without_bound() {
        let sessions = Sessions::default();
        let now = Instant::now();
        for _ in 0..SESSIONS * 2 {
            sessions.open("admin", now).unwrap();
        }
        assert_eq!(sessions.count(now), SESSIONS);
    }

    #[test]
    fn guessing_becomes_slow_and_a_success_forgives() {
        let sessions = Sessions::default();
        let address = IpAddr::from([192, 0, 2, 1]);
        let now = Instant::now();
        for _ in 0..FREE_FAILURES {
            assert_eq!(sessions.wait(address, now), None);
            sessions.failed(address, now);
        }
        assert_eq!(sessions.wait(address, now), Some(Duration::from_secs(1)));
        for _ in 0..40 {
            sessions.failed(address, now);
        }
        assert_eq!(sessions.wait(address, now), Some(LONGEST_WAIT));
        assert_eq!(sessions.wait(IpAddr::from([192, 0, 2, 2]), now), None);
        sessions.succeeded(address);
        assert_eq!(sessions.wait(address, now), None);
    }
}
