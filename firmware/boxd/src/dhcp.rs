//! `boxd dhcp-event`: what udhcpc got from a DHCP server, checked and applied.
//!
//! The server is somebody else's machine: nothing of what it says is used before it has been read as
//! what it should be.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use ipnet::{IpNet, Ipv4Net};
use net::Link;
use nix::net::if_::if_nametoindex;

use crate::files;

/// Where `resolv.conf` of the root points to.
pub const RESOLV: &str = "/run/panoptes/resolv.conf";

/// Exists when name servers are written down in `box.toml`, so that the server's do not count.
pub const OWN_DNS: &str = "/run/panoptes/dns-configured";

/// Name servers that are taken from a server at most.
const NAME_SERVERS: usize = 3;

/// What a server gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Address with prefix length.
    pub address: Ipv4Net,
    /// Default router.
    pub router: Option<Ipv4Addr>,
    /// Name servers.
    pub dns: Vec<Ipv4Addr>,
}

impl Lease {
    /// Reads udhcpc's variables.
    fn parse(variables: &BTreeMap<String, String>) -> Result<Self, String> {
        let text = |name: &str| variables.get(name).map(String::as_str);
        let ip = text("ip").ok_or("no address")?;
        let ip: Ipv4Addr = ip.parse().map_err(|_| format!("{ip:?} is no address"))?;
        if !is_host(ip) {
            return Err(format!("{ip} is not the address of a host"));
        }
        let prefix = match (text("mask"), text("subnet")) {
            (Some(mask), _) => mask.parse().ok(),
            (None, Some(subnet)) => {
                subnet.parse().ok().and_then(|mask| ipnet::ip_mask_to_prefix(IpAddr::V4(mask)).ok())
            }
            (None, None) => Some(24),
        };
        let address = prefix
            .filter(|prefix| (1..=32).contains(prefix))
            .and_then(|prefix| Ipv4Net::new(ip, prefix).ok())
            .ok_or("the network mask makes no sense")?;
        let list = |name: &str| -> Vec<Ipv4Addr> {
            let words = text(name).unwrap_or_default().split_ascii_whitespace();
            words.filter_map(|word| word.parse().ok()).filter(|ip| is_host(*ip)).take(NAME_SERVERS).collect()
        };
        Ok(Lease { address, router: list("router").first().copied(), dns: list("dns") })
    }
}

fn is_host(ip: Ipv4Addr) -> bool {
    !(ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() || ip.is_broadcast())
}

fn lease_file(nic: &str) -> PathBuf {
    Path::new("/run/panoptes").join(format!("lease.{nic}"))
}

/// Carries out event `event` of udhcpc with the variables of the environment.
pub fn event(event: &str, variables: BTreeMap<String, String>) -> Result<(), String> {
    let nic = variables.get("interface").map(String::as_str).unwrap_or_default();
    let number = nic.strip_prefix("em").filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    if number.is_none_or(str::is_empty) {
        return Err(format!("{nic:?} is not a NIC of this box"));
    }
    let told = |error: &dyn std::fmt::Display| format!("{nic}: {event}: {error}");
    let index = if_nametoindex(nic).map_err(|error| told(&error))?;
    let mut link = Link::open().map_err(|error| told(&error))?;
    let old = fs::read_to_string(lease_file(nic)).ok().and_then(|text| text.trim().parse::<IpNet>().ok());
    match event {
        "deconfig" => {
            if let Some(old) = old {
                link.remove_address(index, old).map_err(|error| told(&error))?;
            }
            remove(&lease_file(nic)).map_err(|error| told(&error))
        }
        "bound" | "renew" => {
            let lease = Lease::parse(&variables).map_err(|error| told(&error))?;
            apply(&mut link, index, nic, old, &lease).map_err(|error| told(&error))
        }
        // No server, or one that takes its offer back; udhcpc goes on asking.
        _ => Ok(()),
    }
}

fn apply(link: &mut Link, index: u32, nic: &str, old: Option<IpNet>, lease: &Lease) -> io::Result<()> {
    let address = IpNet::V4(lease.address);
    if let Some(old) = old.filter(|old| *old != address) {
        link.remove_address(index, old)?;
    }
    // Written before it is there, so that it is also taken away when something fails after this.
    files::replace(&lease_file(nic), format!("{address}\n").as_bytes())?;
    link.add_address(index, address)?;
    if let Some(router) = lease.router {
        link.default_route(index, IpAddr::V4(router))?;
    }
    if !lease.dns.is_empty() && !Path::new(OWN_DNS).exists() {
        let lines: String = lease.dns.iter().map(|server| format!("nameserver {server}\n")).collect();
        files::replace(Path::new(RESOLV), lines.as_bytes())?;
    }
    println!("{nic}: {address}");
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    #[test]
    fn a_usual_lease() {
        let lease = Lease::parse(&variables(&[
            ("ip", "10.0.2.15"),
            ("mask", "24"),
            ("subnet", "255.255.255.0"),
            ("router", "10.0.2.2"),
            ("dns", "10.0.2.3 10.0.2.4"),
        ]))
        .unwrap();
        assert_eq!(lease.address.to_string(), "10.0.2.15/24");
        assert_eq!(lease.router, Some(Ipv4Addr::new(10, 0, 2, 2)));
        assert_eq!(lease.dns.len(), 2);
        let by_subnet =
            Lease::parse(&variables(&[("ip", "10.0.2.15"), ("subnet", "255.255.254.0")])).unwrap();
        assert_eq!(by_subnet.address.prefix_len(), 23);
    }

    #[test]
    fn a_server_cannot_say_anything_else() {
        for pairs in [
            &[][..],
            &[("ip", "10.0.2.15; reboot")],
            &[("ip", "127.0.0.1")],
            &[("ip", "255.255.255.255")],
            &[("ip", "224.0.0.1")],
            &[("ip", "10.0.0.1"), ("mask", "33")],
            &[("ip", "10.0.0.1"), ("mask", "0")],
            &[("ip", "10.0.0.1"), ("subnet", "255.0.255.0")],
        ] {
            assert!(Lease::parse(&variables(pairs)).is_err(), "{pairs:?}");
        }
        let odd =
            [("ip", "10.0.0.1"), ("mask", "8"), ("router", "$(x) 127.0.0.1"), ("dns", "\n1.2.3.4.5 1 2 3")];
        let lease = Lease::parse(&variables(&odd)).unwrap();
        assert_eq!((lease.router, lease.dns), (None, vec![]));
    }

    #[test]
    fn only_for_a_nic_of_the_box() {
        for nic in ["", "lo", "em", "em0/..", "eth0"] {
            assert!(event("bound", variables(&[("interface", nic)])).unwrap_err().contains("not a NIC"));
        }
    }
}
