//! Writing files so that a reader, or the next boot, sees the old or the new text and nothing between.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Replaces a file that only lives while the box runs.
pub fn replace(path: &Path, octets: &[u8]) -> io::Result<()> {
    write(path, octets, 0o644, false)
}

/// Replaces a file that must outlive a power cut: written beside it, synced, read back, renamed, and the
/// folder synced.
pub fn replace_durably(path: &Path, octets: &[u8], mode: u32) -> io::Result<()> {
    write(path, octets, mode, true)
}

/// The path with another ending added: `box.toml` and `new` give `box.toml.new`.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

fn write(path: &Path, octets: &[u8], mode: u32, durable: bool) -> io::Result<()> {
    let place = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let new = beside(path, "new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(mode);
    let mut file = options.open(&new).map_err(place)?;
    file.write_all(octets).map_err(place)?;
    if durable {
        file.sync_all().map_err(place)?;
        if fs::read(&new).map_err(place)? != octets {
            return Err(place(io::Error::other("what was written does not read back")));
        }
    }
    fs::rename(&new, path).map_err(place)?;
    if durable {
        let folder = path.parent().unwrap_or(Path::new("/"));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(place)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn replaces_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("box.toml");
        replace_durably(&path, b"schema = 1\n# long\n", 0o600).unwrap();
        replace_durably(&path, b"schema = 1\n", 0o600).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"schema = 1\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn says_which_file() {
        let error = replace(Path::new("/nowhere/x"), b"").unwrap_err().to_string();
        assert!(error.starts_with("/nowhere/x: "), "{error}");
    }
}
