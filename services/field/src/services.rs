//! Names of TCP and UDP ports, from the system's services database.

use std::sync::OnceLock;

/// The services database: protocol, port, name, in ascending order. That of the system is read when it is first asked.
#[derive(Clone, Debug, Default)]
pub struct Services {
    entries: OnceLock<Vec<(u8, u16, Box<str>)>>,
}

const TCP: u8 = 6;
const UDP: u8 = 17;

impl Services {
    /// A database without entries.
    pub fn none() -> Services {
        Services { entries: OnceLock::from(Vec::new()) }
    }

    /// `/etc/services`; a system without it has no names.
    pub fn load() -> Services {
        Services::default()
    }

    fn entries(&self) -> &[(u8, u16, Box<str>)] {
        self.entries.get_or_init(|| {
            std::fs::read("/etc/services")
                .map(|text| entries(&String::from_utf8_lossy(&text)))
                .unwrap_or_default()
        })
    }

    /// Reads lines of the form `name port/protocol [alias …] [# comment]`. The first name of a port counts.
    pub fn parse(text: &str) -> Services {
        Services { entries: OnceLock::from(entries(text)) }
    }

    /// The name of a port of TCP (6) or UDP (17).
    pub fn name(&self, protocol: u8, port: u16) -> Option<&str> {
        let entries = self.entries();
        let at =
            entries.binary_search_by_key(&(protocol, port), |&(protocol, port, _)| (protocol, port)).ok()?;
        Some(&entries[at].2)
    }
}

fn entries(text: &str) -> Vec<(u8, u16, Box<str>)> {
    let mut entries: Vec<(u8, u16, Box<str>)> = text.lines().filter_map(entry).collect();
    entries.sort_by_key(|&(protocol, port, _)| (protocol, port));
    entries.dedup_by_key(|&mut (protocol, port, _)| (protocol, port));
    entries
}

fn entry(line: &str) -> Option<(u8, u16, Box<str>)> {
    let mut words = line.split('#').next()?.split_whitespace();
    let (name, place) = (words.next()?, words.next()?);
    let (port, protocol) = place.split_once('/')?;
    let protocol = match protocol {
        "tcp" => TCP,
        "udp" => UDP,
        _ => return None,
    };
    Some((protocol, port.parse().ok()?, name.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_counts() {
        let services = Services::parse(
            "# comment\nhttp 80/tcp www # web\nwww2\t80/tcp\ndomain 53/udp\nx y/tcp\nbig 99999/tcp\n\nlone\n",
        );
        assert_eq!(services.name(TCP, 80), Some("http"));
        assert_eq!(services.name(UDP, 80), None);
        assert_eq!(services.name(UDP, 53), Some("domain"));
        assert_eq!(services.entries().len(), 2);
    }
}
