//! Names to numbers: hosts, services, protocols, networks, Ethernet addresses.
//!
//! A filter that came from a client over the network must never make the server ask a name
//! server: parsing takes a [`Names`] and [`SystemFiles`] reads files only. Programs that a person
//! started may use [`FilesAndResolver`], which also asks the system's resolver for hosts.

use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Where names are looked up while a filter is parsed. Nothing is looked up later.
pub trait Names {
    /// All addresses of a host.
    fn host(&self, name: &str) -> Vec<IpAddr>;
    /// The ports of a service, each with the IP protocol (6 or 17) it is registered for.
    fn service(&self, name: &str) -> Vec<(u8, u16)>;
    /// The number of an IP protocol.
    fn protocol(&self, name: &str) -> Option<u8>;
    /// The address of a network, host part zero.
    fn network(&self, name: &str) -> Option<Ipv4Addr>;
    /// The Ethernet address of a host.
    fn ether(&self, name: &str) -> Option<[u8; 6]>;
    /// The source ids that were given a name, as they are shown.
    fn source_ids(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}

/// No names at all: only numbers are accepted.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoNames;

impl Names for NoNames {
    fn host(&self, _: &str) -> Vec<IpAddr> {
        Vec::new()
    }
    fn service(&self, _: &str) -> Vec<(u8, u16)> {
        Vec::new()
    }
    fn protocol(&self, _: &str) -> Option<u8> {
        None
    }
    fn network(&self, _: &str) -> Option<Ipv4Addr> {
        None
    }
    fn ether(&self, _: &str) -> Option<[u8; 6]> {
        None
    }
}

/// `hosts`, `services`, `protocols`, `networks` and `ethers` in one directory, each read once, when
/// first needed. A file that is missing or unreadable knows no names.
#[derive(Debug)]
pub struct SystemFiles {
    directory: PathBuf,
    hosts: OnceLock<Table>,
    services: OnceLock<Table>,
    protocols: OnceLock<Table>,
    networks: OnceLock<Table>,
    ethers: OnceLock<Table>,
}

impl SystemFiles {
    /// The files of a directory.
    #[must_use]
    pub fn new(directory: impl AsRef<Path>) -> Self {
        SystemFiles {
            directory: directory.as_ref().to_owned(),
            hosts: OnceLock::new(),
            services: OnceLock::new(),
            protocols: OnceLock::new(),
            networks: OnceLock::new(),
            ethers: OnceLock::new(),
        }
    }

    /// The files of `/etc`, read once for the whole program.
    #[must_use]
    pub fn etc() -> &'static SystemFiles {
        static ETC: OnceLock<SystemFiles> = OnceLock::new();
        ETC.get_or_init(|| SystemFiles::new("/etc"))
    }

    fn table<'t>(&self, cell: &'t OnceLock<Table>, file: &str) -> &'t Table {
        cell.get_or_init(|| Table::read(&self.directory.join(file)))
    }
}

impl Names for SystemFiles {
    fn host(&self, name: &str) -> Vec<IpAddr> {
        // `ADDRESS NAME ALIAS…`; host names do not tell cases apart.
        let hosts = self.table(&self.hosts, "hosts");
        let mut addresses: Vec<IpAddr> = hosts
            .lines
            .iter()
            .filter(|line| line[1..].iter().any(|n| n.eq_ignore_ascii_case(name)))
            .filter_map(|line| line[0].parse().ok())
            .collect();
        addresses.dedup();
        addresses
    }

    fn service(&self, name: &str) -> Vec<(u8, u16)> {
        // `NAME PORT/PROTOCOL ALIAS…`
        let services = self.table(&self.services, "services");
        services
            .named(name)
            .filter_map(|line| {
                let (port, protocol) = line[1].split_once('/')?;
                let protocol = match protocol {
                    "tcp" => 6,
                    "udp" => 17,
                    _ => return None,
                };
                Some((protocol, port.parse().ok()?))
            })
            .collect()
    }

    fn protocol(&self, name: &str) -> Option<u8> {
        // `NAME NUMBER ALIAS…`
        let protocols = self.table(&self.protocols, "protocols");
        protocols.named(name).find_map(|line| line[1].parse().ok())
    }

    fn network(&self, name: &str) -> Option<Ipv4Addr> {
        // `NAME ADDRESS ALIAS…`
        let networks = self.table(&self.networks, "networks");
        networks.named(name).find_map(|line| line[1].parse().ok())
    }

    fn ether(&self, name: &str) -> Option<[u8; 6]> {
        // `MAC NAME`
        let ethers = self.table(&self.ethers, "ethers");
        ethers.lines.iter().filter(|line| line[1].eq_ignore_ascii_case(name)).find_map(|line| ether(&line[0]))
    }
}

/// [`SystemFiles`] of `/etc`, and the system's resolver for hosts that they do not name.
/// The resolver may block for as long as name servers take: not for servers.
#[derive(Debug, Clone, Copy, Default)]
pub struct FilesAndResolver;

impl Names for FilesAndResolver {
    fn host(&self, name: &str) -> Vec<IpAddr> {
        let known = SystemFiles::etc().host(name);
        if !known.is_empty() {
            return known;
        }
        let mut addresses: Vec<IpAddr> =
            (name, 0u16).to_socket_addrs().map(|found| found.map(|a| a.ip()).collect()).unwrap_or_default();
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }
    fn service(&self, name: &str) -> Vec<(u8, u16)> {
        SystemFiles::etc().service(name)
    }
    fn protocol(&self, name: &str) -> Option<u8> {
        SystemFiles::etc().protocol(name)
    }
    fn network(&self, name: &str) -> Option<Ipv4Addr> {
        SystemFiles::etc().network(name)
    }
    fn ether(&self, name: &str) -> Option<[u8; 6]> {
        SystemFiles::etc().ether(name)
    }
}

/// The lines of one file, cut at blanks, comments removed. Each has at least two words.
#[derive(Debug, Default)]
struct Table {
    lines: Vec<Vec<String>>,
}

impl Table {
    fn read(file: &Path) -> Table {
        let text = std::fs::read(file).unwrap_or_default();
        let lines = String::from_utf8_lossy(&text)
            .lines()
            .map(|line| line.split('#').next().unwrap_or(""))
            .map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
            .filter(|words| words.len() >= 2)
            .collect();
        Table { lines }
    }

    /// Lines of which the first word, or one after the second, is `name`.
    fn named<'t>(&'t self, name: &'t str) -> impl Iterator<Item = &'t Vec<String>> {
        self.lines.iter().filter(move |line| line[0] == name || line[2..].iter().any(|alias| alias == name))
    }
}

fn ether(text: &str) -> Option<[u8; 6]> {
    let mut octets = [0; 6];
    let mut parts = text.split(':');
    for octet in &mut octets {
        *octet = u8::from_str_radix(parts.next()?, 16).ok()?;
    }
    parts.next().is_none().then_some(octets)
}

/// `A`, `A.B`, `A.B.C` as the classic address functions read them: the last part fills what is left.
pub(crate) fn inet_aton(text: &str) -> Option<Ipv4Addr> {
    let parts = text.split('.').map(|part| part.parse::<u32>().ok()).collect::<Option<Vec<u32>>>()?;
    let (last, leading) = parts.split_last()?;
    if leading.len() > 3 || leading.iter().any(|&part| part > 255) {
        return None;
    }
    let room = 32 - 8 * leading.len() as u32;
    if room < 32 && *last >> room != 0 {
        return None;
    }
    let high = leading.iter().fold(0u32, |address, part| address << 8 | part);
    let high = if room == 32 { 0 } else { high << room };
    Some((high | last).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_with_comments_aliases_and_missing_ones() {
        let directory = tempfile::tempdir().unwrap();
        let put = |file: &str, text: &str| std::fs::write(directory.path().join(file), text).unwrap();
        put("hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost # loop\nbroken\n");
        put("services", "http 80/tcp www\ndomain 53/tcp\ndomain 53/udp\nodd 1/sctp\nlarge 99999/tcp\n");
        put("protocols", "ospf 89 OSPFIGP # x\n");
        let files = SystemFiles::new(directory.path());
        assert_eq!(files.host("LocalHost").len(), 2);
        assert_eq!(files.host("ip6-localhost"), [IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])]);
        assert_eq!(files.service("www"), [(6, 80)]);
        assert_eq!(files.service("domain"), [(6, 53), (17, 53)]);
        assert!(
            files.service("odd").is_empty()
                && files.service("large").is_empty()
                && files.service("80/tcp").is_empty()
        );
        assert_eq!(files.protocol("OSPFIGP"), Some(89));
        assert_eq!(files.protocol("89"), None);
        assert_eq!(files.network("loopback"), None);
        assert_eq!(files.ether("localhost"), None);
    }

    #[test]
    fn short_addresses_fill_the_last_part() {
        assert_eq!(inet_aton("10.1.2"), Some([10, 1, 0, 2].into()));
        assert_eq!(inet_aton("5"), Some([0, 0, 0, 5].into()));
        assert_eq!(inet_aton("10.65536"), Some([10, 1, 0, 0].into()));
        for wrong in ["", "1.2.3.4.5", "256.1", "1.16777216", "1..2", "x"] {
            assert_eq!(inet_aton(wrong), None, "{wrong}");
        }
    }
}
