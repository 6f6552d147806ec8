//! Restart with back-off: `boxd ended` counts how a service ends, `boxd pause` waits before it starts.
//!
//! One second after a first crash, then twice as long each time up to a minute; a service that was up
//! for a minute starts from one second again (appliance chapter, section 4).

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::files;
use crate::supervise::Status;

/// The folder with a file for each service that has started.
pub const FOLDER: &str = "/run/panoptes/crashes";

const SHORTEST: u64 = 1;
const LONGEST: u64 = 60;
/// Seconds after which a service counts as well again.
const WELL: u64 = 60;

/// What is remembered of a service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// How often it ended without being asked to.
    pub crashes: u32,
    /// Seconds that it waits before its next start.
    pub delay: u64,
    /// Seconds since the kernel started at which it started last.
    pub started: u64,
    /// Seconds since the kernel started before which it does not start again.
    pub not_before: u64,
}

impl Memory {
    /// What is remembered of service `name`; nothing before its first start.
    pub fn read(name: &str) -> Self {
        fs::read_to_string(file(name)).ok().and_then(|text| Self::parse(&text)).unwrap_or_default()
    }

    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split_ascii_whitespace().map(|word| word.parse::<u64>().ok());
        let mut number = || numbers.next().flatten();
        Some(Memory {
            crashes: number()?.try_into().ok()?,
            delay: number()?,
            started: number()?,
            not_before: number()?,
        })
    }

    fn write(self, name: &str) -> io::Result<()> {
        fs::create_dir_all(FOLDER)?;
        let Memory { crashes, delay, started, not_before } = self;
        files::replace(&file(name), format!("{crashes} {delay} {started} {not_before}\n").as_bytes())
    }

    /// After an end at `now` that nobody asked for.
    fn crashed(self, now: u64) -> Self {
        let well = now.saturating_sub(self.started) >= WELL;
        let delay = if well || self.delay == 0 { SHORTEST } else { (self.delay * 2).min(LONGEST) };
        Memory { crashes: self.crashes.saturating_add(1), delay, not_before: now + delay, ..self }
    }

    /// After an end that was asked for.
    fn stopped(self) -> Self {
        Memory { delay: 0, not_before: 0, ..self }
    }
}

fn file(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name.replace('/', "_"))
}

/// Marks service `name` as about to be ended on request, though it stays wanted (a restart).
pub fn ask(name: &str) -> io::Result<()> {
    fs::create_dir_all(FOLDER)?;
    fs::write(asked(name), "")
}

fn asked(name: &str) -> PathBuf {
    files::beside(&file(name), "asked")
}

/// Seconds since the kernel started, sleep included.
pub fn uptime() -> u64 {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(0, |time| time.tv_sec().unsigned_abs())
}

/// `boxd ended <service> …`, from the finish script in the service's directory.
pub fn ended(name: &str) -> io::Result<()> {
    let requested = fs::remove_file(asked(name)).is_ok();
    let wanted = Status::read(Path::new(".")).is_none_or(|status| status.wanted);
    let memory = Memory::read(name);
    let memory = if requested || !wanted { memory.stopped() } else { memory.crashed(uptime()) };
    memory.write(name)
}

/// `boxd pause <program> <words>…`, from the run script in the service's directory: waits as long as the
/// service's crashes demand and becomes the program. Comes back only when that cannot be.
pub fn pause(words: &[&str]) -> io::Error {
    let Some((program, words)) = words.split_first() else {
        return io::Error::new(io::ErrorKind::InvalidInput, "pause: a program is missing");
    };
    let folder = std::env::current_dir().unwrap_or_default();
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or("unknown").to_owned();
    let memory = Memory::read(&name);
    sleep(Duration::from_secs(memory.not_before.saturating_sub(uptime()).min(LONGEST)));
    // A service that cannot be remembered runs all the same.
    if let Err(error) = (Memory { started: uptime(), not_before: 0, ..memory }).write(&name) {
        eprintln!("boxd: pause: {name}: {error}");
    }
    open_readiness();
    let error = Command::new(program).args(words).exec();
    io::Error::new(error.kind(), format!("pause: {program}: {error}"))
}

/// Lets the service say that it serves whatever user it has become by then: the pipe for that belongs
/// to root, and a program without unsafe code opens it anew through /proc. Nobody else can reach it.
fn open_readiness() {
    let Some(number) = fs::read_to_string("notification-fd").ok() else { return };
    let path = Path::new("/proc/self/fd").join(number.trim());
    let open = fs::Permissions::from_mode(0o622);
    if fs::metadata(&path).is_ok_and(|data| data.file_type().is_fifo())
        && let Err(error) = fs::set_permissions(&path, open)
    {
        eprintln!("boxd: pause: {}: {error}", path.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_to_a_minute_and_forgets_after_a_good_one() {
        let mut memory = Memory::default();
        let mut now = 100;
        let mut delays = Vec::new();
        for _ in 0..8 {
            memory.started = now;
            now += 3;
            memory = memory.crashed(now);
            assert_eq!(memory.not_before, now + memory.delay);
            delays.push(memory.delay);
        }
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 60, 60]);
        memory.started = now;
        assert_eq!(memory.crashed(now + 60).delay, 1);
        assert_eq!(memory.crashed(now + 59).delay, 60);
        assert_eq!(memory.crashed(now).crashes, 9);
        assert_eq!(memory.stopped(), Memory { delay: 0, not_before: 0, ..memory });
    }

    #[test]
    fn memory_is_read_back_and_rubbish_is_nothing() {
        assert_eq!(
            Memory::parse("3 8 120 131\n"),
            Some(Memory { crashes: 3, delay: 8, started: 120, not_before: 131 })
        );
        for rubbish in ["", "1 2 3", "a b c d", "-1 0 0 0", "99999999999 0 0 0"] {
            assert_eq!(Memory::parse(rubbish), None, "{rubbish}");
        }
    }
}
