//! The sections of the document, with their defaults.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::interface::Interface;
use crate::values::{Bytes, Endpoint, Host, HostName, Line, Network, Range};

/// The whole document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Config {
    /// [`crate::SCHEMA`].
    pub schema: u32,
    /// `[box]`
    #[serde(rename = "box")]
    pub this: ThisBox,
    /// `[[interface]]`, in the document's order: the first that fits a NIC counts.
    pub interface: Vec<Spanned<Interface>>,
    /// `[sensor]`
    pub sensor: Sensor,
    /// `[radium]`
    pub radium: Radium,
    /// `[archive]`
    pub archive: Archive,
    /// `[firewall]`
    pub firewall: Firewall,
    /// `[log]`
    pub log: Log,
    /// `[time]`
    pub time: Time,
    /// `[web]`
    pub web: Web,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            schema: crate::SCHEMA,
            this: ThisBox::default(),
            interface: Vec::new(),
            sensor: Sensor::default(),
            radium: Radium::default(),
            archive: Archive::default(),
            firewall: Firewall::default(),
            log: Log::default(),
            time: Time::default(),
            web: Web::default(),
        }
    }
}

/// `[box]`: what the box is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ThisBox {
    /// Host name.
    pub hostname: HostName,
    /// Where it stands, for people.
    pub location: Line,
    /// Source id of the first NIC's records; each further NIC's is one higher.
    pub srcid: Range<1, 4294966271>,
}

impl Default for ThisBox {
    fn default() -> Self {
        // A constant that the tests parse; an unreadable one cannot get past them.
        let hostname = "panoptes".parse().unwrap_or_else(|_| unreachable!());
        ThisBox { hostname, location: Line::default(), srcid: Range::new::<1>() }
    }
}

/// `[sensor]`: what every sensor records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Sensor {
    /// Seconds between the status records of a flow that goes on.
    pub status_interval: Range<1, 3600>,
    /// Seconds between management records.
    pub management_interval: Range<1, 3600>,
    /// Hardware addresses.
    pub mac: bool,
    /// Inter-packet times.
    pub jitter: bool,
    /// Response times.
    pub response_time: bool,
    /// Application octets.
    pub application_bytes: bool,
    /// Smallest and largest packets.
    pub packet_size: bool,
    /// Octets of user data per direction.
    pub user_bytes: Range<0, 1500>,
}

impl Default for Sensor {
    fn default() -> Self {
        Sensor {
            status_interval: Range::new::<5>(),
            management_interval: Range::new::<60>(),
            mac: true,
            jitter: false,
            response_time: false,
            application_bytes: false,
            packet_size: false,
            user_bytes: Range::new::<0>(),
        }
    }
}

/// `[radium]`: who may read the records as they come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Radium {
    /// TCP port.
    pub port: Range<1, 65535>,
    /// Networks of the collectors that may attach; empty: nobody but the box itself.
    pub collectors: Vec<Network>,
    /// Filter for what radium takes from the sensors; empty takes everything.
    pub filter: Line,
    /// Seconds between radium's own management records.
    pub management_interval: Range<1, 3600>,
}

impl Default for Radium {
    fn default() -> Self {
        Radium {
            port: Range::new::<561>(),
            collectors: Vec::new(),
            filter: Line::default(),
            management_interval: Range::new::<60>(),
        }
    }
}

/// How closed archive files are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    /// As they are.
    None,
    /// gzip.
    Gz,
}

impl Compression {
    /// The word in the document.
    pub fn as_str(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gz => "gz",
        }
    }
}

/// `[archive]`: what is kept on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Archive {
    /// Whether there is one.
    pub enabled: bool,
    /// Seconds that one file covers.
    pub split_interval: Range<10, 86400>,
    /// How closed files are packed.
    pub compression: Compression,
    /// Seconds at most between two moments at which everything is on disk.
    pub sync_interval: Range<1, 3600>,
    /// Days after which a file is deleted; 0: never by age.
    pub max_age: Range<0, 36500>,
    /// Octets that the archive may hold; 0: no such limit.
    pub max_bytes: Bytes,
    /// Share of the data partition that stays free, in percent.
    pub min_free: Range<1, 90>,
}

impl Default for Archive {
    fn default() -> Self {
        Archive {
            enabled: true,
            split_interval: Range::new::<300>(),
            compression: Compression::Gz,
            sync_interval: Range::new::<5>(),
            max_age: Range::new::<0>(),
            max_bytes: Bytes(0),
            min_free: Range::new::<10>(),
        }
    }
}

/// A transport protocol with ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// The word in the document, and in nftables.
    pub fn as_str(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        }
    }
}

/// One thing that the box may talk to, beyond what other sections name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Egress {
    /// Transport protocol.
    pub protocol: Protocol,
    /// Where to.
    pub to: Network,
    /// To which port.
    pub port: Range<1, 65535>,
}

/// `[firewall]`: who may reach the box, and what it may reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Firewall {
    /// Networks from which the web admin may be reached, on the management NIC.
    pub management: Vec<Network>,
    /// Whether these may ping the box.
    pub ping: bool,
    /// What else the box may talk to, through the management NIC.
    pub egress: Vec<Egress>,
}

impl Default for Firewall {
    fn default() -> Self {
        let all = ["0.0.0.0/0", "::/0"].into_iter().filter_map(|net| net.parse().ok()).collect();
        Firewall { management: all, ping: true, egress: Vec::new() }
    }
}

/// The least urgent messages that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Failures only.
    Error,
    /// And what may become one.
    Warning,
    /// And what a person would like to know.
    Info,
}

/// `[log]`: where messages go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Log {
    /// A syslog server (UDP, RFC 3164) that gets boxd's messages too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote: Option<Endpoint>,
    /// The least urgent messages sent there.
    pub level: Level,
}

impl Default for Log {
    fn default() -> Self {
        Log { remote: None, level: Level::Info }
    }
}

/// `[time]`: where the time comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Time {
    /// NTP servers; empty: the machine's own clock.
    pub servers: Vec<Host>,
}

/// `[web]`: the web admin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Web {
    /// TCP port.
    pub port: Range<1, 65535>,
}

impl Default for Web {
    fn default() -> Self {
        Web { port: Range::new::<443>() }
    }
}

impl Config {
    /// Name servers that are written down, over all interfaces.
    pub fn name_servers(&self) -> Vec<IpAddr> {
        self.interface.iter().flat_map(|interface| interface.get_ref().dns.clone()).collect()
    }

    /// Whether a host is given by name, so that names must be looked up.
    pub fn uses_names(&self) -> bool {
        let named = |host: &Host| matches!(host, Host::Name(_));
        self.time.servers.iter().any(named) || self.log.remote.as_ref().is_some_and(|e| named(&e.host))
    }
}
