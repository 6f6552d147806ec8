//! The requests and answers on boxd's Unix socket, and nothing else.
//!
//! One request a connection-turn: a client writes one JSON value and a newline, boxd answers with one
//! JSON value and a newline, and the connection may be used again. A line is at most [`MAX_LINE`] octets
//! in either direction. boxd decides by the peer's user (`SO_PEERCRED`) what a connection may ask.

#![forbid(unsafe_code)]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Where boxd listens on the box.
pub const SOCKET: &str = "/run/boxd/boxd.sock";

/// The longest request or answer, in octets, newline included.
pub const MAX_LINE: usize = 1 << 20;

/// What a client asks of boxd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// The whole state of the box; answered by [`Answer::Status`].
    Status,
    /// Take this claim code: answered by [`Answer::Done`] once, if it is the one on the console.
    Claim {
        /// The code as the person typed it; case, blanks and dashes do not matter.
        code: String,
    },
    /// Restart one supervised service by name.
    Restart {
        /// A name from [`Status::services`].
        service: String,
    },
    /// The last lines that a service logged; answered by [`Answer::Log`].
    Log {
        /// A name from [`Status::services`].
        service: String,
        /// How many lines at most (boxd gives no more than 1,000).
        lines: u32,
    },
    /// The configuration in force; answered by [`Answer::Config`].
    Config,
}

/// What boxd answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// To [`Request::Status`].
    Status(Box<Status>),
    /// Carried out.
    Done,
    /// To [`Request::Log`]: lines, oldest first.
    Log {
        /// The lines, without newlines.
        lines: Vec<String>,
    },
    /// To [`Request::Config`]: the text of `box.toml`.
    Config {
        /// The text.
        text: String,
    },
    /// Not carried out, and why, in one line for a person.
    Refused {
        /// The reason.
        reason: String,
    },
}

/// The state of the box.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Host name.
    pub hostname: String,
    /// Where the box stands, as configured; may be empty.
    pub location: String,
    /// Version of the image.
    pub version: String,
    /// `a` or `b`.
    pub slot: String,
    /// Seconds since the kernel started.
    pub uptime: u64,
    /// Unix time, seconds.
    pub now: u64,
    /// Whether a claim code still waits to be taken.
    pub unclaimed: bool,
    /// Faults a person should know of, each one line; empty when all is well.
    pub degraded: Vec<String>,
    /// Memory in octets.
    pub memory: Space,
    /// The data partition in octets; `None` when it is absent.
    pub data: Option<Space>,
    /// Load averages over 1, 5 and 15 minutes.
    pub load: [f32; 3],
    /// Network interfaces, in the box's order.
    pub interfaces: Vec<Interface>,
    /// Supervised services, by name.
    pub services: Vec<Service>,
}

/// An amount of something and how much of it is free, in octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Space {
    /// All of it.
    pub total: u64,
    /// What is free.
    pub free: u64,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// The box's name for it, such as `em0`.
    pub name: String,
    /// Hardware address, `aa:bb:cc:dd:ee:ff`.
    pub mac: String,
    /// Kernel driver, such as `virtio_net`; empty when unknown.
    pub driver: String,
    /// Role in `box.toml`: `management`, `tap`, `router`, `bridge`, `off`.
    pub role: String,
    /// Whether the link is up.
    pub link: bool,
    /// Addresses with prefix length.
    pub addresses: Vec<String>,
    /// Whether a sensor audits it.
    pub audited: bool,
    /// Source id of its records, as `ra -s srcid` prints it; empty when not audited.
    pub srcid: String,
    /// Loopback port of its sensor; 0 when not audited.
    pub port: u16,
    /// Packets received, from the kernel.
    pub rx_packets: u64,
    /// Octets received, from the kernel.
    pub rx_octets: u64,
    /// Packets the NIC or the kernel dropped on receipt.
    pub rx_dropped: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Octets sent.
    pub tx_octets: u64,
}

/// A supervised service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Name of its service directory, such as `argus.em1`.
    pub name: String,
    /// `up`, `ready` (up and said so), `down` or `failing` (restarting with back-off).
    pub state: String,
    /// Process id; 0 when not running.
    pub pid: u32,
    /// Seconds in this state.
    pub seconds: u64,
    /// How often it ended without being asked to, since boot.
    pub crashes: u32,
}

/// Why a request brought no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The socket could not be reached, written or read.
    #[error("boxd at {path}: {source}")]
    Io {
        /// The socket's path.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The other side wrote something else than an answer.
    #[error("boxd at {path}: not an answer: {source}")]
    Syntax {
        /// The socket's path.
        path: String,
        /// What was wrong with it.
        source: serde_json::Error,
    },
}

/// Asks boxd at `socket` one thing; gives up after `timeout` without progress.
pub fn ask(socket: &Path, request: &Request, timeout: Duration) -> Result<Answer, Error> {
    let path = || socket.display().to_string();
    let io = |source| Error::Io { path: path(), source };
    let syntax = |source| Error::Syntax { path: path(), source };
    let mut connection = UnixStream::connect(socket).map_err(io)?;
    connection.set_read_timeout(Some(timeout)).map_err(io)?;
    connection.set_write_timeout(Some(timeout)).map_err(io)?;
    let mut line = serde_json::to_vec(request).map_err(syntax)?;
    line.push(b'\n');
    connection.write_all(&line).map_err(io)?;
    line.clear();
    BufReader::new(connection).take(MAX_LINE as u64).read_until(b'\n', &mut line).map_err(io)?;
    serde_json::from_slice(&line).map_err(syntax)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_readable_json() {
        let text = serde_json::to_string(&Request::Restart { service: "radium".into() }).unwrap();
        assert_eq!(text, r#"{"request":"restart","service":"radium"}"#);
        assert_eq!(
            serde_json::from_str::<Request>(&text).unwrap(),
            Request::Restart { service: "radium".into() }
        );
    }

    #[test]
    fn an_unknown_request_is_an_error() {
        assert!(serde_json::from_str::<Request>(r#"{"request":"format-disk"}"#).is_err());
    }
}
