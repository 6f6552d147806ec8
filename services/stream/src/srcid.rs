//! Source ids as they are written on the command line and in configuration files (transport chapter 1.3).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs};

use record::SourceId;

/// Reads an identifier.
///
/// `"text"` is up to four characters; a number is an integer; an address or a host name is an IPv4 address; `type:/` with
/// `uuid`, `ipv4`, `ipv6`, `int` or `str` says which, as in 5.x. Records of version 3 have room for four octets: a UUID or
/// an IPv6 address is cut to its first word.
///
/// # Errors
/// Text of the reason, which names the identifier.
pub fn parse(text: &str) -> Result<SourceId, String> {
    if text.is_empty() || text.starts_with(['-', '`']) {
        return Err(format!("probe id value '{text}' is not appropriate"));
    }
    let unknown = || format!("srcid {text} unknown");
    if let Some((kind, value)) = text.split_once(":/") {
        let value = value.trim_start_matches('/');
        return match kind {
            "int" => value.parse().map(SourceId::Int).map_err(|_| unknown()),
            "ipv4" => value.parse().map(SourceId::Ipv4).map_err(|_| unknown()),
            "ipv6" => value.parse().map(SourceId::Ipv6).map_err(|_| unknown()),
            "uuid" => uuid(value).map(SourceId::Uuid).ok_or_else(unknown),
            "str" => Ok(characters(value.trim_matches('"'))),
            _ => Err(unknown()),
        };
    }
    if let Some(inside) = text.strip_prefix('"') {
        return Ok(characters(inside.split('"').next().unwrap_or_default()));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map(SourceId::Int).map_err(|_| unknown());
    }
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Ok(SourceId::Ipv4(address));
    }
    if let Ok(address) = text.parse::<Ipv6Addr>() {
        return Ok(SourceId::Ipv6(address));
    }
    if let Some(id) = uuid(text) {
        return Ok(SourceId::Uuid(id));
    }
    resolve(text).map(SourceId::Ipv4).ok_or_else(unknown)
}

/// Reads an identifier from a configuration file, where `` `hostname` `` stands for the host's name.
///
/// # Errors
/// As [`parse`]; any other command in backquotes is refused.
pub fn parse_configured(text: &str, quoted: bool) -> Result<SourceId, String> {
    if let Some(command) = text.strip_prefix('`') {
        let command = command.strip_suffix('`').unwrap_or(command);
        if command != "hostname" {
            return Err(format!("unsupported command `{command}`"));
        }
        let name = nix::unistd::gethostname().map_err(|error| format!("host name: {error}"))?;
        return parse(&name.to_string_lossy());
    }
    if quoted && parse(text).is_err() {
        return Ok(characters(text));
    }
    parse(text)
}

fn characters(text: &str) -> SourceId {
    let mut four = [0; 4];
    for (to, from) in four.iter_mut().zip(text.bytes()) {
        *to = from;
    }
    SourceId::Str(four)
}

fn uuid(text: &str) -> Option<[u8; 16]> {
    let digits: String = match text.len() {
        32 => text.to_owned(),
        36 if [8, 13, 18, 23].iter().all(|at| text.as_bytes().get(*at) == Some(&b'-')) => {
            text.replace('-', "")
        }
        _ => return None,
    };
    if digits.len() != 32 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes)
}

fn resolve(name: &str) -> Option<Ipv4Addr> {
    (name, 0).to_socket_addrs().ok()?.find_map(|address| match address.ip() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for (text, expected) in [
            ("\"abcdef\"", SourceId::Str(*b"abcd")),
            ("\"ab\"", SourceId::Str(*b"ab\0\0")),
            ("192.0.2.77", SourceId::Ipv4(Ipv4Addr::new(192, 0, 2, 77))),
            ("localhost", SourceId::Ipv4(Ipv4Addr::LOCALHOST)),
            ("4294967295", SourceId::Int(u32::MAX)),
            ("int:/12", SourceId::Int(12)),
            ("str:/em0", SourceId::Str(*b"em0\0")),
            ("2001:db8::1", SourceId::Ipv6("2001:db8::1".parse().unwrap())),
            (
                "00112233-4455-6677-8899-aabbccddeeff",
                SourceId::Uuid(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff_u128.to_be_bytes()),
            ),
        ] {
            assert_eq!(parse(text).unwrap(), expected, "{text}");
        }
        for text in [
            "",
            "-1",
            "`hostname`",
            "192.0.2.5/inf",
            "4294967296",
            "no.such.host.invalid",
            "int:/x",
            "+00112233445566778899aabbccddeef",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse_configured("`date`", false).is_err());
        assert_eq!(parse_configured("abc", true).unwrap(), SourceId::Str(*b"abc\0"));
    }
}
