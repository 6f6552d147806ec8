//! Names of remote sources: `[scheme://][user[:password]@]host[:port][/file]` (transport chapter 2.10).

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};

use crate::Error;

/// The port of Argus servers.
pub const DEFAULT_PORT: u16 = 561;

/// How the records of a source travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A TCP connection to an argus or radium.
    Tcp,
    /// Datagrams to a port of ours.
    Udp,
}

/// A parsed `-S` argument.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    /// TCP or UDP.
    pub transport: Transport,
    /// The SASL identity in front of `@`.
    pub user: Option<String>,
    /// The SASL password in front of `@`.
    pub password: Option<String>,
    /// Name or address; `any` is the wildcard address of a UDP source.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The file to fetch, first slash included.
    pub file: Option<String>,
}

impl Source {
    /// Parses one source; `default_port` is taken where none is written (usually [`DEFAULT_PORT`]).
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`] for unknown schemes, a missing `]`, ports out of range, and a TCP source that is only a
    /// port.
    pub fn parse(text: &str, default_port: u16) -> Result<Source, Error> {
        let wrong = |reason: &str| Error::Syntax { text: text.into(), reason: reason.into() };
        let (transport, rest) = match text.split_once("://") {
            None => (Transport::Tcp, text),
            Some(("argus" | "argus-tcp", rest)) => (Transport::Tcp, rest),
            Some(("argus-udp" | "udp", rest)) => (Transport::Udp, rest),
            Some((scheme, _)) => return Err(wrong(&format!("sources of type {scheme} are not supported"))),
        };
        let (address, file) = match rest.find('/') {
            Some(at) => (rest.get(..at).unwrap_or_default(), rest.get(at..).map(String::from)),
            None => (rest, None),
        };
        let (login, address) = match address.rsplit_once('@') {
            Some((login, address)) => (Some(login), address),
            None => (None, address),
        };
        let (user, password) = match login.map(|l| l.split_once(':').ok_or(l)) {
            None => (None, None),
            Some(Err(user)) => (Some(user.to_string()), None),
            Some(Ok((user, password))) => (Some(user.to_string()), Some(password.to_string())),
        };
        let port = |p: &str| p.parse().map_err(|_| wrong("not a port"));
        let (host, port) = if let Some(inside) = address.strip_prefix('[') {
            let (host, after) = inside.split_once(']').ok_or_else(|| wrong("missing ]"))?;
            match after.strip_prefix(':') {
                Some(p) => (host, port(p)?),
                None if after.is_empty() => (host, default_port),
                None => return Err(wrong("unexpected text after ]")),
            }
        } else {
            match (address.split_once(':'), address.matches(':').count()) {
                (Some((host, p)), 1) => (host, port(p)?),
                (Some(_), _) => (address, default_port),
                (None, _) if address.contains('.') || !address.starts_with(|c: char| c.is_ascii_digit()) => {
                    (address, default_port)
                }
                (None, _) if transport == Transport::Udp => ("any", port(address)?),
                (None, _) => return Err(wrong("a port without a host")),
            }
        };
        if host.is_empty() {
            return Err(wrong("no host"));
        }
        if file.is_some() && transport == Transport::Udp {
            return Err(wrong("a UDP source has no files"));
        }
        Ok(Source { transport, user, password, host: host.to_string(), port, file })
    }

    /// The addresses that the host's name stands for. Asks the resolver, so it can take seconds.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownHost`].
    pub fn resolve(&self) -> Result<Vec<SocketAddr>, Error> {
        resolve(&self.host, self.port)
    }
}

/// The addresses of `host`; `any` is the IPv4 wildcard, as with the C programs.
pub(crate) fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
    if host == "any" {
        return Ok(vec![SocketAddr::from(([0, 0, 0, 0], port))]);
    }
    let found: Vec<_> = (host, port).to_socket_addrs().map(Iterator::collect).unwrap_or_default();
    if found.is_empty() {
        return Err(Error::UnknownHost { host: host.into() });
    }
    Ok(found)
}

/// Host, port and file without scheme, user and password.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_deref().unwrap_or_default();
        if self.host.contains(':') {
            write!(f, "[{}]:{}{file}", self.host, self.port)
        } else {
            write!(f, "{}:{}{file}", self.host, self.port)
        }
    }
}

/// Never shows the password.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({self})", self.transport)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_the_chapter_lists() {
        use Transport::{Tcp, Udp};
        for (text, transport, user, shown) in [
            ("192.0.2.1", Tcp, None, "192.0.2.1:561"),
            ("sensor", Tcp, None, "sensor:561"),
            ("sensor:4000", Tcp, None, "sensor:4000"),
            ("argus://sensor:4000", Tcp, None, "sensor:4000"),
            ("argus-tcp://sensor", Tcp, None, "sensor:561"),
            ("2001:db8::1", Tcp, None, "[2001:db8::1]:561"),
            ("[2001:db8::1]", Tcp, None, "[2001:db8::1]:561"),
            ("[2001:db8::1]:99", Tcp, None, "[2001:db8::1]:99"),
            ("me:pass@sensor:1", Tcp, Some("me"), "sensor:1"),
            ("argus://h:1//var/archive/x", Tcp, None, "h:1//var/archive/x"),
            ("argus-udp://any:45990", Udp, None, "any:45990"),
            ("argus-udp://45990", Udp, None, "any:45990"),
        ] {
            let source = Source::parse(text, DEFAULT_PORT).unwrap();
            assert_eq!(source.to_string(), shown, "{text}");
            assert_eq!((source.transport, source.user.as_deref()), (transport, user), "{text}");
        }
    }

    #[test]
    fn names_what_is_wrong() {
        for text in ["45997", "[::1", "[::1]x", "h:port", "h:70000", "cisco://h", "argus-tcpx://h", ":1", ""]
        {
            Source::parse(text, DEFAULT_PORT).unwrap_err();
        }
        let error = Source::parse("jflow://any:1", DEFAULT_PORT).unwrap_err();
        assert_eq!(error.to_string(), "jflow://any:1: sources of type jflow are not supported");
    }
}
