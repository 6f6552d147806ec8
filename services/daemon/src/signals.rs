//! Signals as flags, with a descriptor that becomes readable so that a loop can wait for one.

use std::io::Read as _;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::signal;

/// The signals a daemon minds.
#[derive(Debug)]
pub struct Signals {
    wake: UnixStream,
    waker: UnixStream,
    stop: Arc<AtomicUsize>,
    reload: Arc<AtomicBool>,
    user1: Arc<AtomicBool>,
    user2: Arc<AtomicBool>,
}

impl Signals {
    /// INT and TERM stop. A file that may not grow any more is an error of whoever writes it, not the end of the program
    /// amid a record.
    ///
    /// # Errors
    /// The handlers cannot be set.
    pub fn new() -> std::io::Result<Self> {
        let (wake, waker) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        waker.set_nonblocking(true)?;
        let signals = Signals {
            wake,
            waker,
            stop: Arc::default(),
            reload: Arc::default(),
            user1: Arc::default(),
            user2: Arc::default(),
        };
        signals.stop_on(signal::SIGINT)?;
        signals.stop_on(signal::SIGTERM)?;
        signal_hook::flag::register(signal::SIGXFSZ, Arc::default())?;
        Ok(signals)
    }

    /// HUP stops too (the sensor).
    ///
    /// # Errors
    /// The handler cannot be set.
    pub fn hangup_stops(self) -> std::io::Result<Self> {
        self.stop_on(signal::SIGHUP)?;
        Ok(self)
    }

    /// HUP asks for the configuration to be read again (radium, the archiver).
    ///
    /// # Errors
    /// The handler cannot be set.
    pub fn hangup_reloads(self) -> std::io::Result<Self> {
        self.flag_on(signal::SIGHUP, &self.reload)?;
        Ok(self)
    }

    /// USR1 and USR2 are minded: [`Signals::user1`], [`Signals::user2`].
    ///
    /// # Errors
    /// The handlers cannot be set.
    pub fn user(self) -> std::io::Result<Self> {
        self.flag_on(signal::SIGUSR1, &self.user1)?;
        self.flag_on(signal::SIGUSR2, &self.user2)?;
        Ok(self)
    }

    fn stop_on(&self, number: i32) -> std::io::Result<()> {
        // The flag first: whoever is woken must find it set.
        signal_hook::flag::register_usize(number, Arc::clone(&self.stop), number.unsigned_abs() as usize)?;
        self.wake_on(number)
    }

    fn flag_on(&self, number: i32, flag: &Arc<AtomicBool>) -> std::io::Result<()> {
        signal_hook::flag::register(number, Arc::clone(flag))?;
        self.wake_on(number)
    }

    fn wake_on(&self, number: i32) -> std::io::Result<()> {
        signal_hook::low_level::pipe::register(number, self.waker.try_clone()?)?;
        Ok(())
    }

    /// The number of the signal that asks to stop, if one came. It stays.
    pub fn stop(&self) -> Option<i32> {
        match self.stop.load(Ordering::Acquire) {
            0 => None,
            number => i32::try_from(number).ok(),
        }
    }

    /// Asks to stop as a signal would, from within.
    pub fn ask_to_stop(&self) {
        use std::io::Write as _;
        self.stop.store(signal::SIGTERM.unsigned_abs() as usize, Ordering::Release);
        let _ = (&self.waker).write(&[0]);
    }

    /// A flag that becomes non-zero when a stop was asked for, for other threads.
    pub fn stop_flag(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.stop)
    }

    /// Whether a reload was asked for since the last call.
    pub fn reload(&self) -> bool {
        self.reload.swap(false, Ordering::AcqRel)
    }

    /// Whether USR1 came since the last call.
    pub fn user1(&self) -> bool {
        self.user1.swap(false, Ordering::AcqRel)
    }

    /// Whether USR2 came since the last call.
    pub fn user2(&self) -> bool {
        self.user2.swap(false, Ordering::AcqRel)
    }

    /// Empties the descriptor. Call it after waking, before looking at the flags.
    pub fn drain(&self) {
        let mut octets = [0; 64];
        while matches!((&self.wake).read(&mut octets), Ok(read) if read > 0) {}
    }
}

impl AsFd for Signals {
    /// Readable when a signal came.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use nix::sys::signal::{Signal, raise};

    /// One test, since signals belong to the whole process.
    #[test]
    fn signals_set_flags_and_wake() {
        let signals = Signals::new().unwrap().hangup_reloads().unwrap().user().unwrap();
        let woken = || {
            let mut waiting = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
            let ready = poll(&mut waiting, PollTimeout::from(2_000u16)).unwrap() == 1;
            signals.drain();
            ready
        };
        raise(Signal::SIGHUP).unwrap();
        assert!(woken() && signals.reload() && !signals.reload());
        raise(Signal::SIGUSR1).unwrap();
        assert!(woken() && signals.user1() && !signals.user2());
        assert_eq!(signals.stop(), None);
        raise(Signal::SIGTERM).unwrap();
        assert!(woken());
        assert_eq!(signals.stop(), Some(15));
    }
}
