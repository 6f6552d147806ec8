//! What can go wrong with an input or an output, with the input named and the place in it.

use std::io;

/// Why a stream could not be opened, read or written. Every message names the input and, where there is one, the
/// octet offset.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("{input}: {source}")]
    Io {
        /// The file, address or target.
        input: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The first octets are no initial management record (record chapter 2.1).
    #[error("{input}: not an argus stream")]
    NotArgus {
        /// The file or address.
        input: String,
    },
    /// The input was made by argus 2 (cookie `E5617ACB`).
    #[error("{input}: an argus 2 stream, which is not supported")]
    Argus2 {
        /// The file or address.
        input: String,
    },
    /// The input ended inside the 128 octets of the initial management record.
    #[error("{input}: ends after {octets} of the 128 octets of the initial management record")]
    ShortInitial {
        /// The file or address.
        input: String,
        /// Octets that were there.
        octets: usize,
    },
    /// The server turned us away with an error management record (transport chapter 2.4).
    #[error("{input}: {reason}")]
    Refused {
        /// The server.
        input: String,
        /// What its error record says.
        reason: Refusal,
    },
    /// The server wants SASL, which is not built in.
    #[error("{input}: the source requests authentication, which is not supported")]
    Authentication {
        /// The server.
        input: String,
    },
    /// The server did not take the filter.
    #[error("{input}: {reason}")]
    RemoteFilter {
        /// The server.
        input: String,
        /// What its reply says.
        reason: FilterReply,
    },
    /// The server has no such file, or does not hand out files.
    #[error("{input}: remote file error: the server does not serve {path}")]
    RemoteFile {
        /// The server.
        input: String,
        /// The path that was asked for.
        path: String,
    },
    /// The name does not resolve.
    #[error("host {host} unknown")]
    UnknownHost {
        /// The name.
        host: String,
    },
    /// Every address of the server was tried.
    #[error("connect to {address} failed '{source}'")]
    Connect {
        /// Address and port that was tried last.
        address: String,
        /// Why the last attempt failed.
        source: io::Error,
    },
    /// A source, target or address that cannot be parsed.
    #[error("{text}: {reason}")]
    Syntax {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// What an error management record says (record chapter 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Option 1.
    #[error("remote access denied")]
    AccessDenied,
    /// Option 2.
    #[error("remote exceed listen error")]
    TooManyClients,
    /// Any other option.
    #[error("remote error {0}")]
    Other(u8),
}

/// How a server answered `FILTER:` when it did not take it (transport chapter 2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterReply {
    /// `SY`.
    #[error("remote filter syntax error")]
    Syntax,
    /// `TI`.
    #[error("remote filter compiler timed out")]
    Timeout,
    /// `ER`.
    #[error("remote filter error")]
    Error,
    /// The connection was closed instead of a reply.
    #[error("remote filter error: connection closed")]
    Closed,
    /// Nothing came within 5 seconds.
    #[error("remote filter error: no reply within 5 s")]
    Silent,
    /// Two other octets.
    #[error("remote filter error: unexpected reply")]
    Unexpected,
}

impl Error {
    /// Wraps what the operating system said about `input`.
    pub fn io(input: impl Into<String>, source: io::Error) -> Self {
        Error::Io { input: input.into(), source }
    }

    /// True when the output's reader has gone away, which ends a pipeline quietly.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Error::Io { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }
}
