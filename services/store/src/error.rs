//! What can go wrong with the archive.

use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// An operation on a file that failed.
#[derive(Debug, Error)]
#[error("{path}: {doing}: {source}")]
pub struct Error {
    /// What was being done, as "write".
    pub doing: &'static str,
    /// To which file or folder.
    pub path: PathBuf,
    /// Why it failed.
    pub source: io::Error,
}

impl Error {
    pub(crate) fn new(doing: &'static str, path: &Path, source: impl Into<io::Error>) -> Error {
        Error { doing, path: path.to_path_buf(), source: source.into() }
    }

    /// Whether the disk is full.
    pub fn is_full(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

/// Adds what was being done to an error.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, Error>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, Error> {
        self.map_err(|e| Error::new(doing, path, e))
    }
}

impl<T> Doing<T> for nix::Result<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, Error> {
        self.map_err(|e| Error::new(doing, path, e))
    }
}

/// Makes what was done to the entries of a folder durable: names created, renamed, removed.
pub(crate) fn sync_folder(path: &Path) -> Result<(), Error> {
    std::fs::File::open(path).and_then(|f| f.sync_all()).doing("sync", path)
}
