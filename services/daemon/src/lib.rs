//! What every daemon does alike: messages, signals, pid file, background, user and group, readiness.
//!
//! In the order in which a daemon uses them:
//!
//! 1. [`Log`]: messages to standard error, or to syslog once in the background.
//! 2. [`Identity::find`]: user and group are looked up while the system's files are still there (chroot comes later).
//! 3. [`background`]: leave the terminal (`-d`).
//! 4. [`Signals`]: stop, reload and the like as flags, with a descriptor to wait on.
//! 5. [`PidFile`].
//! 6. [`Identity::assume`]: give up root for good, once everything privileged is open.
//! 7. [`Ready`]: tell the supervisor (`--ready-fd`) and the waiting parent (`-d`) that the service is up.
// One place needs it: an inherited descriptor that is known by its number only (ready.rs).
#![deny(unsafe_code)]

mod background;
mod identity;
mod log;
mod pidfile;
mod ready;
mod signals;

pub use background::{Background, background};
pub use identity::{Identity, IdentityError};
pub use log::{Level, Log, Style, escaped};
pub use pidfile::{PidFile, PidFileError};
pub use ready::Ready;
pub use signals::Signals;

/// Says `<program>: <error>` on standard error and ends with exit status 1.
pub fn fail(program: &str, error: impl std::fmt::Display) -> ! {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{program}: {}", escaped(&error.to_string()));
    std::process::exit(1)
}
