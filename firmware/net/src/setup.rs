//! Giving a NIC its role: its flags, addresses and offloads.

use std::fs;
use std::io;
use std::net::IpAddr;

use ipnet::IpNet;
use netlink_packet_route::link::LinkFlags;

use crate::{Error, Link, ethtool};

/// Makes NIC `index`, called `nic`, a tap: promiscuous, without address, without ARP and IPv6, up. Gives
/// the names of the offloads that the hardware refused to turn off.
pub fn tap(link: &mut Link, index: u32, nic: &str) -> Result<Vec<&'static str>, Error> {
    ipv6(nic, false)?;
    keep_addresses(link, index, nic, |_| false)?;
    let refused = ethtool::prepare(nic).map_err(|error| Error::new(nic, "turning offloads off", error))?;
    let flags = LinkFlags::Up | LinkFlags::Promisc | LinkFlags::Noarp;
    link.flags(index, flags, flags).map_err(|error| Error::new(nic, "bringing it up as a tap", error))?;
    Ok(refused)
}

/// Makes NIC `index` the management NIC with the static `addresses` and default routers; `dhcp` leaves
/// the addresses that it has besides.
pub fn manage(
    link: &mut Link,
    index: u32,
    nic: &str,
    addresses: &[IpNet],
    gateways: &[IpAddr],
    dhcp: bool,
    audited: bool,
) -> Result<Vec<&'static str>, Error> {
    let v6 = addresses.iter().any(|net| matches!(net, IpNet::V6(_)));
    ipv6(nic, v6)?;
    let refused = match audited {
        true => ethtool::prepare(nic).map_err(|error| Error::new(nic, "turning offloads off", error))?,
        false => Vec::new(),
    };
    let mask = LinkFlags::Up | LinkFlags::Promisc | LinkFlags::Noarp;
    link.flags(index, LinkFlags::Up, mask).map_err(|error| Error::new(nic, "bringing it up", error))?;
    keep_addresses(link, index, nic, |net| {
        addresses.contains(&net)
            || (dhcp && net.addr().is_ipv4())
            || (v6 && !crate::link::is_global(net.addr()))
    })?;
    for net in addresses {
        link.add_address(index, *net).map_err(|error| Error::new(nic, "adding an address", error))?;
    }
    for gateway in gateways {
        link.default_route(index, *gateway)
            .map_err(|error| Error::new(nic, "setting the default router", error))?;
    }
    Ok(refused)
}

/// Takes NIC `index` down and its addresses away.
pub fn close(link: &mut Link, index: u32, nic: &str) -> Result<(), Error> {
    link.flags(index, LinkFlags::empty(), LinkFlags::Up | LinkFlags::Promisc)
        .map_err(|error| Error::new(nic, "taking it down", error))?;
    ipv6(nic, false)?;
    keep_addresses(link, index, nic, |_| false)
}

/// Removes the addresses of NIC `index` that are not to `stay`.
fn keep_addresses(link: &mut Link, index: u32, nic: &str, stay: impl Fn(IpNet) -> bool) -> Result<(), Error> {
    let failed = |error| Error::new(nic, "removing its addresses", error);
    for assigned in link.addresses().map_err(failed)? {
        if assigned.index == index && !stay(assigned.net) {
            link.remove_address(index, assigned.net).map_err(failed)?;
        }
    }
    Ok(())
}

/// Allows or forbids IPv6 on a NIC; never does it configure itself by what routers say.
fn ipv6(nic: &str, allowed: bool) -> Result<(), Error> {
    let disable = if allowed { "0" } else { "1" };
    for (file, value) in [("accept_ra", "0"), ("autoconf", "0"), ("disable_ipv6", disable)] {
        match fs::write(format!("/proc/sys/net/ipv6/conf/{nic}/{file}"), value) {
            // A kernel without IPv6 has none to forbid.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !allowed => {}
            other => other.map_err(|error| Error::new(nic, "setting IPv6", error))?,
        }
    }
    Ok(())
}
