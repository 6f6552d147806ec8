//! Supervised services: their directories, their states, and what s6 is told to do with them.

use std::fs;
use std::io;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::fcntl::OFlag;

use crate::stage1::{SERVICE, copy};

/// Where the overlay keeps the templates.
pub const TEMPLATES: &str = "/usr/lib/panoptes/service";

/// Where the directories are that the scan directory links to.
const DIRECTORIES: &str = "/run/panoptes/services";

/// What s6-supervise last wrote about a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Process id; `None` when it does not run.
    pub pid: Option<u32>,
    /// Whether it is told to run.
    pub wanted: bool,
    /// Whether it runs and has said that it serves.
    pub ready: bool,
    /// Since when it is as it is.
    pub since: SystemTime,
}

impl Status {
    /// Reads `supervise/status` of a service directory. `None` when it is not supervised (yet).
    pub fn read(directory: &Path) -> Option<Self> {
        Self::parse(&fs::read(directory.join("supervise/status")).ok()?)
    }

    /// The layout of s6 2.11 (35 octets) and of later versions (43, with the process group): time of
    /// the last change and of readiness as TAI64N, process id, wait status, flags; big-endian.
    fn parse(octets: &[u8]) -> Option<Self> {
        let (35 | 43) = octets.len() else { return None };
        let long = |at: usize| {
            octets.get(at..).and_then(|rest| rest.first_chunk::<8>()).map(|word| u64::from_be_bytes(*word))
        };
        let flags = *octets.last()?;
        // TAI64 counts from 2^62; leap seconds do not matter to a person.
        let since = UNIX_EPOCH + Duration::from_secs(long(0)?.checked_sub((1 << 62) + 10)?.min(1 << 40));
        let (finishing, wanted, ready) = (flags & 2 != 0, flags & 4 != 0, flags & 8 != 0);
        let pid = u32::try_from(long(24)?).ok().filter(|pid| *pid != 0 && !finishing);
        Some(Status { pid, wanted, ready: ready && pid.is_some(), since })
    }
}

/// The directory of service `name`, as s6 sees it.
pub fn directory(name: &str) -> PathBuf {
    Path::new(SERVICE).join(name)
}

/// Whether service `name` says when it serves.
pub fn notifies(name: &str) -> bool {
    directory(name).join("notification-fd").exists()
}

/// What kind of service a name is: `argus` of `argus.em0`.
pub fn template(name: &str) -> &str {
    name.split_once('.').map_or(name, |(kind, _)| kind)
}

/// Makes the directory of service `name` from its template, for the next [`scan`]. `false` when the
/// former one of that name is not quite gone yet.
pub fn add(name: &str) -> io::Result<bool> {
    let own = Path::new(DIRECTORIES).join(name);
    if own.exists() {
        if supervised(&own) {
            return Ok(false);
        }
        fs::remove_dir_all(&own)?;
    }
    copy(&Path::new(TEMPLATES).join(template(name)), &own)?;
    match symlink(&own, directory(name)) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(true),
        other => other.map(|()| true),
    }
}

/// Takes service `name` out of the scan directory, for the next [`scan`].
pub fn remove(name: &str) -> io::Result<()> {
    match fs::remove_file(directory(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The services that links in the scan directory name.
pub fn present() -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(SERVICE)? {
        let entry = entry?;
        if entry.file_type()?.is_symlink()
            && let Ok(name) = entry.file_name().into_string()
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Whether an s6-supervise for the service or its logger still works in a directory: its control pipe
/// has a reader.
fn supervised(directory: &Path) -> bool {
    ["supervise/control", "log/supervise/control"].iter().any(|pipe| {
        let flags = OFlag::O_NONBLOCK.bits();
        fs::OpenOptions::new().write(true).custom_flags(flags).open(directory.join(pipe)).is_ok()
    })
}

/// Makes s6-svscan look: new services start, those that are gone stop.
pub fn scan() -> io::Result<()> {
    run(Command::new("s6-svscanctl").args(["-an", SERVICE]))
}

/// Sends service `name` a command of s6-svc(1), such as `-h` (SIGHUP) or `-r` (restart).
pub fn control(name: &str, command: &str) -> io::Result<()> {
    run(Command::new("s6-svc").arg(command).arg(directory(name)))
}

/// Stops the services and waits until they have stopped, together no longer than `limit`.
pub fn stop(names: &[String], limit: Duration) {
    let limit = limit.as_millis().to_string();
    let start = |name: &String| {
        let mut command = Command::new("s6-svc");
        command.args(["-wD", "-T", &limit, "-d"]).arg(directory(name));
        command.stdin(Stdio::null()).spawn().ok()
    };
    let stopping: Vec<_> = names.iter().filter_map(start).collect();
    for mut child in stopping {
        // s6-svc's own limit ends it.
        let _ = child.wait();
    }
}

/// Runs a program to its end; what it says on standard error becomes the error's text.
pub fn run(command: &mut Command) -> io::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().next().unwrap_or_default();
    Err(io::Error::other(format!("{name}: {}: {said}", output.status)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_status_is_what_s6_writes() {
        // Written by s6 2.11.3.2 for a service that runs, and for one that has been stopped.
        let mut up = vec![0x40, 0, 0, 0, 0x6b, 0x03, 0x27, 0xb5, 0x36, 0xcf, 0x09, 0x3b];
        up.extend([0x40, 0, 0, 0, 0x6b, 0x03, 0x27, 0xb5, 0x36, 0xc7, 0xa9, 0x08]);
        up.extend([0, 0, 0, 0, 0, 0, 0x2b, 0x8e, 0, 0, 4]);
        let status = Status::parse(&up).unwrap();
        assert_eq!((status.pid, status.wanted, status.ready), (Some(11150), true, false));
        let unix = status.since.duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert!(unix.abs_diff(1_795_368_848) < 40, "{unix}");
        up[34] = 12;
        assert!(Status::parse(&up).unwrap().ready);
        up[24..32].fill(0);
        up[34] = 8;
        let down = Status::parse(&up).unwrap();
        assert_eq!((down.pid, down.wanted, down.ready), (None, false, false));
        assert_eq!(Status::parse(&up[..34]), None);
        assert_eq!(Status::parse(&[0; 35]), None);
    }

    #[test]
    fn a_running_s6_is_understood() {
        let scan = tempfile::tempdir().unwrap();
        let service = scan.path().join("test");
        fs::create_dir(&service).unwrap();
        fs::write(service.join("run"), "#!/bin/sh\necho >&3\nexec sleep 1000\n").unwrap();
        fs::write(service.join("notification-fd"), "3\n").unwrap();
        fs::set_permissions(service.join("run"), fs::Permissions::from_mode(0o755)).unwrap();
        let mut svscan = match Command::new("s6-svscan").arg(scan.path()).spawn() {
            Ok(child) => child,
            Err(error) => return eprintln!("skipped: s6-svscan: {error}"),
        };
        let wait_for = |what: &dyn Fn(&Status) -> bool| {
            let end = Instant::now() + Duration::from_secs(10);
            while !Status::read(&service).is_some_and(|status| what(&status)) {
                assert!(Instant::now() < end, "{:?}", Status::read(&service));
                std::thread::sleep(Duration::from_millis(20));
            }
        };
        wait_for(&|status| status.ready && status.pid.is_some());
        assert!(supervised(&service));
        run(Command::new("s6-svc").arg("-d").arg(&service)).unwrap();
        wait_for(&|status| !status.wanted && status.pid.is_none() && !status.ready);
        run(Command::new("s6-svscanctl").arg("-t").arg(scan.path())).unwrap();
        svscan.wait().unwrap();
        assert!(!supervised(&service));
    }

    #[test]
    fn a_failing_program_says_why() {
        let error = run(Command::new("sh").args(["-c", "echo no such luck >&2; exit 3"])).unwrap_err();
        assert!(error.to_string().contains("no such luck"), "{error}");
        assert!(run(&mut Command::new("/nowhere/x")).unwrap_err().to_string().starts_with("/nowhere/x: "));
    }
}
