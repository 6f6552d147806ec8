//! What stops a build, in words for the person who started it.

use std::path::{Path, PathBuf};

/// The result of a step.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an image could not be built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("{doing} {}: {source}", path.display())]
    Io {
        /// What was being done, such as `reading`.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program of the build machine ended with an error.
    #[error("{program} failed ({status}): {stderr}")]
    Program {
        /// Its name.
        program: String,
        /// How it ended.
        status: String,
        /// The last lines it said.
        stderr: String,
    },
    /// A program of the build machine is not installed.
    #[error("{program} is not installed (Debian package {package})")]
    Absent {
        /// Its name.
        program: &'static str,
        /// The package that has it.
        package: &'static str,
    },
    /// An input is not what it must be; the text says which and why.
    #[error("{0}")]
    Input(String),
}

impl Error {
    /// An [`Error::Io`] as a closure for `map_err`.
    pub fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.to_path_buf();
        move |source| Error::Io { doing, path, source }
    }
}
