//! What stands after `-w`: where records go, and which (1.7).

use std::path::{Path, PathBuf};

/// One `-w`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Where to.
    pub target: Target,
    /// Which records, in the language of ra.
    pub filter: Option<String>,
}

/// Where an output goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file.
    File(PathBuf),
    /// Standard output.
    Stdout,
    /// Datagrams to `host:port`.
    Udp(String, u16),
}
impl Output {
    /// Reads what stands after `-w`.
    ///
    /// # Errors
    /// Text of the reason: a scheme that is not known, a bad port.
    pub fn parse(target: &Path, filter: Option<String>) -> Result<Self, String> {
        let filter = filter.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let text = target.to_string_lossy();
        let target = match text.split_once("://") {
            None if text == "-" => Target::Stdout,
            None if text.is_empty() => return Err("empty output name".to_owned()),
            None => Target::File(target.to_owned()),
            Some(("argus-udp" | "udp", rest)) => {
                let (host, port) = host_and_port(rest)?;
                Target::Udp(host, port)
            }
            Some((scheme, _)) => return Err(format!("output '{text}': scheme '{scheme}' is not supported")),
        };
        Ok(Output { target, filter })
    }
}

/// `host[:port]`, an IPv6 address in brackets; port 561 by default.
fn host_and_port(text: &str) -> Result<(String, u16), String> {
    let bad = || format!("bad address '{text}'");
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or_else(bad)?;
            match after.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if after.is_empty() => (host, None),
                None => return Err(bad()),
            }
        }
        None => match text.split_once(':') {
            Some((_, rest)) if rest.contains(':') => (text, None),
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    if host.is_empty() {
        return Err(bad());
    }
    let port = port.map_or(Ok(561), |port| port.parse().map_err(|_| bad()))?;
    Ok((host.to_owned(), port))
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        let target = |text: &str| Output::parse(Path::new(text), None).unwrap().target;
        assert_eq!(target("-"), Target::Stdout);
        assert_eq!(target("argus-udp://192.0.2.1"), Target::Udp("192.0.2.1".to_owned(), 561));
        assert_eq!(target("udp://host:99"), Target::Udp("host".to_owned(), 99));
        assert_eq!(target("udp://[::1]:99"), Target::Udp("::1".to_owned(), 99));
        for text in ["", "tcp://x", "udp://", "udp://[::1", "udp://[::1]x", "udp://h:70000"] {
            assert!(Output::parse(Path::new(text), None).is_err(), "{text}");
        }
    }
}
