//! What counts as control plane traffic besides ARP and IS-IS (ARGUS_CONTROLPLANE_PROTO, 1.10).

use std::path::Path;

const TCP: u8 = 6;
const UDP: u8 = 17;
/// Where services have their numbers.
const SERVICES: &str = "/etc/services";

/// Reads a list of `[tcp:|udp:]port-or-service`, separated by commas; without a protocol it is both.
///
/// # Errors
/// One line that names what is not understood.
pub fn ports(list: &str) -> Result<Vec<(u8, u16)>, String> {
    let mut ports = Vec::new();
    for word in list.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        let (protocols, name): (&[u8], &str) = match word.split_once(':') {
            None => (&[TCP, UDP], word),
            Some((kind, name)) if kind.eq_ignore_ascii_case("tcp") => (&[TCP], name),
            Some((kind, name)) if kind.eq_ignore_ascii_case("udp") => (&[UDP], name),
            Some(_) => return Err(format!("'{word}' has a protocol that is neither tcp nor udp")),
        };
        let before = ports.len();
        match name.parse::<u16>() {
            Ok(port) => ports.extend(protocols.iter().map(|&protocol| (protocol, port))),
            Err(_) => ports.extend(service(name, Path::new(SERVICES), protocols)),
        }
        if ports.len() == before {
            return Err(format!("'{word}' is no port and no service that is known here"));
        }
    }
    Ok(ports)
}

/// The ports of a service, by its name or another name it has.
fn service(name: &str, file: &Path, protocols: &[u8]) -> Vec<(u8, u16)> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let mut ports = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let (Some(first), Some((number, kind))) =
            (words.next(), words.next().and_then(|port| port.split_once('/')))
        else {
            continue;
        };
        let protocol = match kind {
            "tcp" => TCP,
            "udp" => UDP,
            _ => continue,
        };
        if let Ok(port) = number.parse()
            && protocols.contains(&protocol)
            && (first == name || words.any(|other| other == name))
        {
            ports.push((protocol, port));
        }
    }
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        assert_eq!(ports("tcp:179, udp:520,53"), Ok(vec![(6, 179), (17, 520), (6, 53), (17, 53)]));
        assert_eq!(ports(""), Ok(vec![]));
        for bad in ["sctp:5", "tcp:", "tcp:70000", "no-such-service"] {
            assert!(ports(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn services() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = "# comment\nbgp 179/tcp\ndomain 53/tcp\ndomain 53/udp nameserver # names\nodd\nx 1/sctp\n";
        std::fs::write(file.path(), text).unwrap();
        assert_eq!(service("bgp", file.path(), &[TCP, UDP]), [(TCP, 179)]);
        assert_eq!(service("nameserver", file.path(), &[TCP, UDP]), [(UDP, 53)]);
        assert_eq!(service("domain", file.path(), &[TCP]), [(TCP, 53)]);
        assert_eq!(service("comment", file.path(), &[TCP]), []);
    }
}
