//! Daemon mode (`-d`, sensor-and-transport 1.8): leave the terminal, and tell the caller whether the start succeeded.

use std::io::Read as _;
use std::os::fd::{AsFd as _, OwnedFd};

use daemonize::{Daemonize, Outcome, Stdio};
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{Mode, umask};

/// How long the caller waits for the daemon to be ready before it takes it to be alive, in milliseconds.
const PATIENCE: u16 = 10_000;

/// A process that is in the background but has not said yet that it is up. Give it to [`crate::Ready`].
#[derive(Debug)]
pub struct Background {
    pub(crate) waiting: OwnedFd,
}

/// Goes into the background. The process that was called waits until the new one says it is ready (exit status 0) or
/// ends (exit status 1). The new one keeps the working directory and the umask, and standard error until it is ready,
/// so that a failed start can still be read.
///
/// Call it before the first thread is started.
///
/// # Errors
/// Text of the reason: no process could be made.
pub fn background() -> Result<Background, String> {
    let (told, tell) =
        nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(|error| format!("cannot make a pipe: {error}"))?;
    let folder =
        std::env::current_dir().map_err(|error| format!("cannot find the working directory: {error}"))?;
    let mask = umask(Mode::all());
    umask(mask);
    let daemon = Daemonize::new().working_directory(folder).umask(mask.bits()).stderr(Stdio::keep());
    match daemon.execute() {
        Outcome::Child(Ok(_)) => {
            drop(told);
            Ok(Background { waiting: tell })
        }
        Outcome::Parent(Ok(_)) => {
            drop(tell);
            std::process::exit(if ready(told) { 0 } else { 1 })
        }
        Outcome::Child(Err(error)) | Outcome::Parent(Err(error)) => {
            Err(format!("cannot become a daemon: {error}"))
        }
    }
}

/// Whether the daemon says it is ready, or says nothing for so long that it must be alive.
fn ready(told: OwnedFd) -> bool {
    let mut waiting = [PollFd::new(told.as_fd(), PollFlags::POLLIN)];
    match poll(&mut waiting, PollTimeout::from(PATIENCE)) {
        Ok(0) => true,
        Ok(_) => {
            let mut octet = [0];
            matches!(std::fs::File::from(told).read(&mut octet), Ok(1))
        }
        Err(_) => false,
    }
}
