//! Inputs that may keep one waiting: standard input and named pipes, read so that the reader stays in command.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// How long nothing may come before the reader is asked.
const PATIENCE_MS: u16 = 100;

/// Whether to wait on: asked every moment in which nothing comes.
pub type Keep = Box<dyn Fn() -> bool + Send>;

/// An input that ends when its reader no longer wants to wait, and says [`io::ErrorKind::WouldBlock`] whenever nothing
/// came for a moment.
pub(crate) struct Patient {
    input: File,
    keep: Keep,
    /// From now on a moment without input is told; before, it is only waited for.
    told: Arc<AtomicBool>,
}

impl Patient {
    pub(crate) fn new(input: File, keep: Keep, told: Arc<AtomicBool>) -> Patient {
        Patient { input, keep, told }
    }
}

impl Read for Patient {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut waiting = [PollFd::new(self.input.as_fd(), PollFlags::POLLIN)];
            match poll(&mut waiting, PollTimeout::from(PATIENCE_MS)) {
                // What cannot be polled is read as it comes.
                Ok(1..) | Err(nix::errno::Errno::EPERM) => return self.input.read(buffer),
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
            if !(self.keep)() {
                return Ok(0);
            }
            if self.told.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
        }
    }
}
