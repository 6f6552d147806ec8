//! `[[interface]]`: which NIC is meant, and what it is for.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::values::{Line, Mac, PciPath, Range};

/// What a NIC is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Carries the web admin, radium and the box's own traffic.
    Management,
    /// Only listens: promiscuous, no address, sends nothing.
    Tap,
    /// Stays down.
    Off,
}

impl Role {
    /// The word in the document.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Management => "management",
            Role::Tap => "tap",
            Role::Off => "off",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What identifies a NIC. Every key that is given must fit; a kernel name is never an identity.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Match {
    /// Hardware address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    /// Where it is plugged in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PciPath>,
    /// Kernel driver, such as `ixgbe`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver: Option<Line>,
}

impl Match {
    /// Whether nothing is given, which would fit every NIC.
    pub fn is_empty(&self) -> bool {
        self.mac.is_none() && self.path.is_none() && self.driver.is_none()
    }

    /// Whether the NIC with these properties is meant.
    pub fn fits(&self, mac: Mac, path: &str, driver: &str) -> bool {
        !self.is_empty()
            && self.mac.is_none_or(|wanted| wanted == mac)
            && self.path.as_ref().is_none_or(|wanted| wanted.matches(path))
            && self.driver.as_ref().is_none_or(|wanted| wanted.as_str() == driver)
    }
}

/// How a management NIC gets its address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Address {
    /// From a DHCP server.
    Dhcp,
    /// This one, with the length of its network's prefix.
    Static(IpNet),
}

impl TryFrom<String> for Address {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> String {
        address.to_string()
    }
}

impl FromStr for Address {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "dhcp" {
            return Ok(Address::Dhcp);
        }
        let wrong = || format!("{text:?} is neither \"dhcp\" nor an address like 192.0.2.10/24");
        let net: IpNet = text.parse().map_err(|_| wrong())?;
        let address = net.addr();
        let broadcast = net.max_prefix_len() - net.prefix_len() > 1
            && (address == net.network() || (address.is_ipv4() && address == net.broadcast()));
        if broadcast || address.is_unspecified() || address.is_multicast() || address.is_loopback() {
            return Err(format!("{text:?} is not the address of a host"));
        }
        Ok(Address::Static(net))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Dhcp => f.write_str("dhcp"),
            Address::Static(net) => net.fmt(f),
        }
    }
}

/// One `[[interface]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Interface {
    /// Which NIC.
    #[serde(rename = "match")]
    pub matches: Match,
    /// What it is for.
    pub role: Role,
    /// Addresses of a management NIC.
    #[serde(default = "dhcp")]
    pub address: Vec<Address>,
    /// Default routers of a management NIC with a static address, at most one of each family.
    #[serde(default)]
    pub gateway: Vec<IpAddr>,
    /// Name servers, at most three; with `dhcp`, instead of the DHCP server's.
    #[serde(default)]
    pub dns: Vec<IpAddr>,
    /// Whether a sensor audits it; when absent: on a tap yes, on management no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<bool>,
    /// Source id of its records; when absent: `srcid` of `[box]` plus the NIC's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub srcid: Option<Range<1, 4294967295>>,
    /// Capture filter in libpcap's language; empty takes everything.
    #[serde(default)]
    pub filter: Line,
    /// Octets of user data recorded per direction; when absent: `user-bytes` of `[sensor]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_bytes: Option<Range<0, 1500>>,
}

fn dhcp() -> Vec<Address> {
    vec![Address::Dhcp]
}

impl Interface {
    /// What a NIC is that no `[[interface]]` names.
    pub fn unnamed(role: Role) -> Self {
        Interface {
            matches: Match::default(),
            role,
            address: dhcp(),
            gateway: Vec::new(),
            dns: Vec::new(),
            audit: None,
            srcid: None,
            filter: Line::default(),
            user_bytes: None,
        }
    }

    /// Whether a sensor audits it.
    pub fn audited(&self) -> bool {
        match self.role {
            Role::Off => false,
            Role::Tap => self.audit.unwrap_or(true),
            Role::Management => self.audit.unwrap_or(false),
        }
    }
}
