//! Readiness: the newline that s6 waits for (`--ready-fd N`), and the byte that the caller of `-d` waits for.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::BorrowedFd;

use nix::fcntl::{FcntlArg, fcntl};

use crate::{Background, Log};

/// Whom to tell when the service is up.
#[derive(Debug, Default)]
pub struct Ready {
    supervisor: Option<(i32, File)>,
    caller: Option<Background>,
}

impl Ready {
    /// Nobody waits.
    pub fn new() -> Self {
        Ready::default()
    }

    /// A supervisor waits for a newline on descriptor `number`, which this process has inherited. Works without
    /// privileges too: a supervisor's pipe belongs to root and could not be opened anew by its name.
    ///
    /// # Errors
    /// Text of the reason: the descriptor is not open for writing.
    pub fn supervisor(mut self, number: i32) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("descriptor {number} (--ready-fd): {error}");
        if number < 0 {
            return Err(failed(std::io::Error::from_raw_os_error(nix::libc::EBADF)));
        }
        // SAFETY: the borrow ends with this statement, which only asks the kernel for a duplicate; a number that is
        // not open is answered with EBADF.
        #[allow(unsafe_code)]
        let file =
            File::from(unsafe { BorrowedFd::borrow_raw(number) }.try_clone_to_owned().map_err(failed)?);
        let flags = fcntl(&file, FcntlArg::F_GETFL).map_err(|error| failed(error.into()))?;
        if flags & nix::libc::O_ACCMODE == nix::libc::O_RDONLY {
            return Err(failed(std::io::Error::from_raw_os_error(nix::libc::EBADF)));
        }
        self.supervisor = Some((number, file));
        Ok(self)
    }

    /// The caller of a program that went into the background waits.
    pub fn caller(mut self, background: Background) -> Self {
        self.caller = Some(background);
        self
    }

    /// The service is up. Standard error is left behind when the program is in the background.
    pub fn tell(&mut self, log: &Log) {
        if let Some((number, mut file)) = self.supervisor.take() {
            let _ = file.write_all(b"\n");
            // s6 also takes the end of the stream; ours must not be held open by the inherited descriptor.
            if number > 2 {
                let _ = nix::unistd::close(number);
            }
        }
        if let Some(background) = self.caller.take() {
            log.leave_standard_error();
            // Standard output leads nowhere since the start: a file of that name may not be there, after chroot.
            let _ = nix::unistd::dup2_stderr(std::io::stdout());
            let _ = File::from(background.waiting).write_all(b"\n");
        }
    }
}
