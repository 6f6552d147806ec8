//! Source ids as they are written on the command line and in the configuration file (transport chapter 1.3).

use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs};

use record::SourceId;

/// Reads an id: `"text"` (four characters), a number, an address, a host's name, or `` `hostname` ``.
///
/// # Errors
/// Text of the reason, which names the id.
pub fn parse(text: &str, quoted: bool) -> Result<SourceId, String> {
    let unknown = || format!("srcid {text} unknown");
    if let Some(inside) = text.strip_prefix('"') {
        return Ok(characters(inside.trim_end_matches('"')));
    }
    if let Some(command) = text.strip_prefix('`') {
        let command = command.trim_end_matches('`');
        if command != "hostname" {
            return Err(format!("unsupported command `{command}`"));
        }
        let name = nix::unistd::gethostname().map_err(|error| format!("host name: {error}"))?;
        return resolve(&name.to_string_lossy()).ok_or_else(unknown);
    }
    if !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit()) {
        return text.parse().map(SourceId::Int).map_err(|_| unknown());
    }
    if text.is_empty() || text.starts_with('-') {
        return Err(format!("source id '{text}' is not appropriate"));
    }
    match text.parse::<Ipv4Addr>().ok().map(SourceId::Ipv4).or_else(|| resolve(text)) {
        Some(id) => Ok(id),
        None if quoted => Ok(characters(text)),
        None => Err(unknown()),
    }
}

fn characters(text: &str) -> SourceId {
    let mut four = [0; 4];
    for (to, from) in four.iter_mut().zip(text.bytes()) {
        *to = from;
    }
    SourceId::Str(four)
}

fn resolve(name: &str) -> Option<SourceId> {
    (name, 0).to_socket_addrs().ok()?.find_map(|address| match address.ip() {
        IpAddr::V4(address) => Some(SourceId::Ipv4(address)),
        IpAddr::V6(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_chapter_lists() {
        assert_eq!(parse("\"abcdef\"", false), Ok(SourceId::Str(*b"abcd")));
        assert_eq!(parse("192.0.2.44", false), Ok(SourceId::Ipv4(Ipv4Addr::new(192, 0, 2, 44))));
        assert_eq!(parse("localhost", false), Ok(SourceId::Ipv4(Ipv4Addr::LOCALHOST)));
        assert_eq!(parse("17", false), Ok(SourceId::Int(17)));
        for text in ["", "-x", "`date`", "no.such.host.invalid", "99999999999"] {
            parse(text, false).unwrap_err();
        }
    }
}
