//! The pid file of a daemon (sensor-and-transport 1.8): `<folder>/<program>.<device>.<n>.pid`, n from 0 to 4.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// How many daemons of one name there can be.
const SLOTS: u32 = 5;

/// A pid file, removed when dropped. One that cannot be removed then, because the daemon has another root or has become
/// another user, is left empty: it names no process, and the next daemon takes its place.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    /// Kept rather than its folder, which would lead out of a new root.
    file: File,
}

/// Why there is no pid file.
#[derive(Debug, thiserror::Error)]
pub enum PidFileError {
    /// All are in use by running processes.
    #[error("cannot create a pid file: {} to {} belong to running processes", first.display(), SLOTS - 1)]
    InUse {
        /// The first of them.
        first: PathBuf,
    },
    /// It cannot be written.
    #[error("cannot create pid file {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl PidFile {
    /// Writes the first free one of `<folder>/<stem>.0.pid` to `<folder>/<stem>.4.pid`: one that does not exist or whose
    /// process is gone. A `/` in `stem` stands for the part after it (`/dev/em0` gives `em0`).
    ///
    /// # Errors
    /// All are in use, or the file cannot be written.
    pub fn create(folder: &Path, program: &str, device: &str) -> Result<Self, PidFileError> {
        let device = device.rsplit('/').next().unwrap_or(device);
        let path_of = |slot: u32| folder.join(format!("{program}.{device}.{slot}.pid"));
        for slot in 0..SLOTS {
            let path = path_of(slot);
            // Twice: an old file is removed and made anew, by one of us only.
            for _ in 0..2 {
                match OpenOptions::new().write(true).create_new(true).open(&path) {
                    Ok(mut file) => {
                        let written = writeln!(file, "{}", std::process::id());
                        let pid_file = PidFile { path: path.clone(), file };
                        return written
                            .map(|()| pid_file)
                            .map_err(|source| PidFileError::Write { path, source });
                    }
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                        if is_running(&path) {
                            break;
                        }
                        fs::remove_file(&path)
                            .map_err(|source| PidFileError::Write { path: path.clone(), source })?;
                    }
                    Err(source) => return Err(PidFileError::Write { path, source }),
                }
            }
        }
        Err(PidFileError::InUse { first: path_of(0) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let _ = self.file.set_len(0);
        // Under another root the path may be another's.
        let is_ours = fs::symlink_metadata(&self.path).and_then(|there| {
            let ours = self.file.metadata()?;
            Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino()))
        });
        if is_ours.unwrap_or(false) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether the process named in a pid file exists.
fn is_running(path: &Path) -> bool {
    let Ok(text) = fs::read_to_string(path) else { return false };
    match text.trim().parse::<i32>() {
        Ok(pid) if pid > 0 => !matches!(kill(Pid::from_raw(pid), None), Err(Errno::ESRCH)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_taken_in_order_and_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let make = || PidFile::create(folder.path(), "argus", "/dev/em0");
        let mut held: Vec<_> = (0..5).map(|_| make().unwrap()).collect();
        assert_eq!(held[0].path(), folder.path().join("argus.em0.0.pid"));
        assert_eq!(fs::read_to_string(held[4].path()).unwrap(), format!("{}\n", std::process::id()));
        assert!(matches!(make(), Err(PidFileError::InUse { .. })));
        held.remove(2);
        assert_eq!(make().unwrap().path(), folder.path().join("argus.em0.2.pid"));
    }

    #[test]
    fn one_out_of_reach_names_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("argus.em0.0.pid"), folder.path().join("elsewhere"));
        let held = PidFile::create(folder.path(), "argus", "em0").unwrap();
        // As if the root were another: the path is another file's.
        fs::rename(&path, &moved).unwrap();
        fs::write(&path, "another").unwrap();
        drop(held);
        assert_eq!([fs::read(&path).unwrap(), fs::read(&moved).unwrap()], [b"another".to_vec(), Vec::new()]);
        fs::rename(&moved, &path).unwrap();
        assert_eq!(PidFile::create(folder.path(), "argus", "em0").unwrap().path(), path);
    }

    #[test]
    fn files_of_gone_processes_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("argus.em0.0.pid");
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        for old in [child.id().to_string(), "junk".to_owned(), String::new()] {
            fs::write(&path, old).unwrap();
            assert_eq!(PidFile::create(folder.path(), "argus", "em0").unwrap().path(), path);
        }
        assert!(PidFile::create(Path::new("/nonexistent"), "argus", "em0").is_err());
    }
}
