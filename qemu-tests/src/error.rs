//! What goes wrong around a machine.

use std::path::Path;

/// The result of doing something with a machine.
pub type Result<T> = std::result::Result<T, Error>;

/// Why it could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file, socket or program could not be used.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done, to what.
        doing: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something did not happen in time.
    #[error("{what} within {seconds} s")]
    Timeout {
        /// What was awaited, as `no …`.
        what: String,
        /// How long it was awaited.
        seconds: u64,
    },
    /// Anything else; the text says what and why.
    #[error("{0}")]
    Other(String),
}

impl Error {
    /// An [`Error::Io`] for `map_err`.
    pub fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Error {
        let doing = doing.into();
        move |source| Error::Io { doing, source }
    }

    /// An [`Error::Io`] about a file, for `map_err`.
    pub fn file(doing: &str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
        Error::io(format!("{doing} {}", path.display()))
    }
}
