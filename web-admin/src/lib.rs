//! The box's web admin: pages, JSON and metrics behind TLS.
//!
//! ```text
//! browser ══ TLS ══ front ── loopback HTTP ── site ─┬─ users, sessions      (who may)
//!                                                  ├─ watch               (what the box does now, and did)
//!                                                  └─ pages, metrics      (how it is shown)
//! ```
//!
//! The program holds no privilege: what it shows comes from boxd's socket and from the state files that
//! radium and the archiver leave in `/run`; what it changes, it asks of boxd.

#![forbid(unsafe_code)]

pub mod certificate;
pub mod front;
pub mod metrics;
pub mod pages;
pub mod sessions;
pub mod site;
pub mod users;
pub mod watch;

/// `count` random octets as lower-case hexadecimal; `None` when the system gives no randomness.
pub(crate) fn random_hex(count: usize) -> Option<String> {
    use ring::rand::SecureRandom;
    let mut octets = vec![0; count];
    ring::rand::SystemRandom::new().fill(&mut octets).ok()?;
    Some(octets.iter().map(|octet| format!("{octet:02x}")).collect())
}
