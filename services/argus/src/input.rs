//! The octets of an input: a file, one that grows, a pipe, what is compressed.
//!
//! What may have to wait answers with [`io::ErrorKind::WouldBlock`] after a short while, so that the sensor can look
//! at its clock and its signals.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use capfile::Input;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// How long an input waits for more before it says that there is nothing.
const WAIT: Duration = Duration::from_millis(100);

/// A place where a thread or a reader leaves a text for whoever asks.
#[derive(Clone, Debug, Default)]
pub struct Told(Arc<Mutex<Option<String>>>);

impl Told {
    /// Leaves a text.
    pub fn tell(&self, text: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }

    /// Takes it.
    pub fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// A file on a disk.
    File,
    /// A pipe, a terminal, a socket.
    Pipe,
}

/// Opens `path`, `-` being standard input. A file that is `followed` does not end; `renewed` tells when it was cut or
/// replaced.
///
/// # Errors
/// The system's words.
pub fn open(path: &Path, followed: bool, renewed: &Told) -> Result<(Input, Nature), String> {
    if path.as_os_str() == "-" {
        let descriptor = io::stdin().as_fd().try_clone_to_owned().map_err(|error| reason(&error))?;
        return Ok((Box::new(Pipe(File::from(descriptor))), Nature::Pipe));
    }
    // That a named pipe has no writer yet must not keep signals waiting.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(path)
        .map_err(|error| reason(&error))?;
    let kind = file.metadata().map_err(|error| reason(&error))?;
    if kind.is_dir() {
        return Err("is a folder".to_owned());
    }
    if !kind.is_file() {
        return Ok((Box::new(Pipe(file)), Nature::Pipe));
    }
    if !followed {
        return Ok((Box::new(file), Nature::File));
    }
    let renewed = renewed.clone();
    Ok((Box::new(Growing { file, path: path.to_owned(), read: 0, renewed }), Nature::File))
}

/// A pipe, read when it has something.
struct Pipe(File);

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut asked = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        match poll(&mut asked, PollTimeout::try_from(WAIT).unwrap_or(PollTimeout::ZERO)) {
            Ok(0) | Err(nix::Error::EINTR) => Err(io::ErrorKind::WouldBlock.into()),
            Ok(_) => self.0.read(buffer),
            Err(error) => Err(error.into()),
        }
    }
}

/// A file that may grow.
struct Growing {
    file: File,
    path: PathBuf,
    /// Octets read so far.
    read: u64,
    renewed: Told,
}

impl Growing {
    /// Whether this file is no longer the one to read, and why.
    fn is_over(&self) -> io::Result<Option<&'static str>> {
        let own = self.file.metadata()?;
        if own.len() < self.read {
            return Ok(Some("was cut short"));
        }
        // Between renaming and making anew there is none of that name.
        Ok(std::fs::metadata(&self.path)
            .ok()
            .filter(|there| (there.dev(), there.ino()) != (own.dev(), own.ino()))
            .map(|_| "was replaced"))
    }
}

impl Read for Growing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Asked first: what was written before the file was given up is read.
        let over = self.is_over()?;
        let got = self.file.read(buffer)?;
        self.read += got as u64;
        match (got, over) {
            (0, None) => {
                std::thread::sleep(WAIT);
                Err(io::ErrorKind::WouldBlock.into())
            }
            (0, Some(how)) => {
                self.renewed.tell(how.to_owned());
                Ok(0)
            }
            (got, _) => Ok(got),
        }
    }
}

/// Waits for an input that would not: for a thread of its own.
struct Patient {
    input: Input,
    stop: Arc<AtomicUsize>,
}

impl Read for Patient {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.input.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.stop.load(Ordering::Acquire) != 0 {
                        return Ok(0);
                    }
                }
                other => return other,
            }
        }
    }
}

/// A thread that reads an input to its end into a pipe.
pub struct Feeder {
    /// The pipe's end to read from.
    end: OwnedFd,
    error: Told,
}

impl Feeder {
    /// Starts it; what is compressed is decompressed when `decompress` says so.
    ///
    /// # Errors
    /// The system's words.
    pub fn start(input: Input, decompress: bool, stop: &Arc<AtomicUsize>) -> Result<Feeder, String> {
        let (end, begin) = nix::unistd::pipe2(OFlag::O_CLOEXEC)
            .map_err(|error| format!("cannot make a pipe: {}", error.desc()))?;
        let mut into = File::from(begin);
        let error = Told::default();
        let told = error.clone();
        let patient = Patient { input, stop: Arc::clone(stop) };
        let feed = move || {
            let input =
                if decompress { self::decompress(Box::new(patient)) } else { Ok(Box::new(patient) as Input) };
            if let Err(error) = input.and_then(|mut input| copy(&mut input, &mut into)) {
                told.tell(error);
            }
            // The end of the pipe is seen only now, when the error is in place.
            drop(into);
        };
        std::thread::Builder::new()
            .name("feeder".to_owned())
            .spawn(feed)
            .map_err(|error| format!("cannot start a thread: {}", reason(&error)))?;
        Ok(Feeder { end, error })
    }

    /// A name by which libpcap can open the pipe while the feeder lives.
    pub fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.end.as_raw_fd())
    }

    /// What went wrong in the thread.
    pub fn error(&self) -> &Told {
        &self.error
    }

    /// The pipe as an input, and what goes wrong in the thread.
    pub fn into_input(self) -> (Input, Told) {
        (Box::new(Pipe(File::from(self.end))), self.error)
    }
}

/// Puts a decompressor over an input.
///
/// # Errors
/// It is compressed in a way that is not read, or damaged.
pub fn decompress(input: Input) -> Result<Input, String> {
    stream::decompress(input, "").map_err(|error| match error {
        stream::Error::Io { source, .. } => reason(&source),
        other => other.to_string(),
    })
}

/// An error of the system in its own words, without the number.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// Copies until either end closes. That the reader closes first is no error: it has seen enough.
fn copy(from: &mut dyn Read, into: &mut File) -> Result<(), String> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => match into.write_all(buffer.get(..count).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                other => other.map_err(|error| reason(&error))?,
            },
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(reason(&error)),
        }
    }
}
