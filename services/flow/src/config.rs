//! What a sensor is told about flows and records.

use crate::ceiling::Ceiling;
use crate::keystroke::Keystroke;
use packet::Rules;
use record::{SourceId, Version};
use std::time::Duration;

/// Settings of an [`Engine`](crate::Engine). The defaults are those of argus 3.0.8 without a configuration file.
#[derive(Clone, Debug)]
pub struct Config {
    /// Status interval S (`-S`, ARGUS_FLOW_STATUS_INTERVAL): the longest time a record covers.
    pub status_interval: Duration,
    /// Idle timeouts by kind of traffic.
    pub timeouts: Timeouts,
    /// Source id written into every record (`-e`, ARGUS_MONITOR_ID).
    pub source_id: SourceId,
    /// Interface tag written with the source id into records of version 5.
    pub interface: Option<[u8; 4]>,
    /// Which of how many engines with one source id this is: they share the sequence numbers, each taking every n-th one.
    pub lane: (u32, u32),
    /// Record format to write.
    pub version: Version,
    /// Tell a TCP flow's sequence space, retransmissions and windows (ARGUS_GENERATE_TCP_PERF_METRIC). Without, its
    /// records tell the connection's state and flags only. 3.0.8 reads the variable and ignores it.
    pub tcp_performance: bool,
    /// Tell the hash of the key, and its place in a table of so many buckets (ARGUS_GENERATE_HASH_METRICS).
    pub hash_buckets: Option<u32>,
    /// Reproduce the harmless faults of argus 3.0.8 (`--compat 3.0.8`); pass the same to [`packet::Rules`].
    pub compat: bool,
    /// Count application octets (`-A`).
    pub application_octets: bool,
    /// Measure gaps between packets (`-J`).
    pub jitter: bool,
    /// Minimum and maximum packet size (`-Z`).
    pub packet_size: bool,
    /// Count packets by size too (5.x, ARGUS_PACKET_SIZE_HISTOGRAM); with `packet_size`.
    pub size_histogram: bool,
    /// Report MAC addresses (`-m`).
    pub mac: bool,
    /// User data octets kept for each direction of a record (`-U`); at most 65528 are.
    pub user_data: u16,
    /// What counts as control plane traffic, of which all user data is kept (`-C`, chapter section 12.5).
    pub control: Option<ControlPlane>,
    /// Emit a record with the first packet of every flow (ARGUS_GENERATE_START_RECORDS).
    pub start_records: bool,
    /// Write the stamps of both directions (ARGUS_GENERATE_BIDIRECTIONAL_TIMESTAMPS).
    pub bidirectional_timestamps: bool,
    /// Tell exact duplicates of TCP packets from retransmissions (ARGUS_TRACK_DUPLICATES).
    pub track_duplicates: bool,
    /// Look into tunnels on UDP ports (ARGUS_TUNNEL_DISCOVERY); read by the dissector, see [`Config::rules`].
    pub tunnel_discovery: bool,
    /// Keep the headers in front of those that make the key, of the first packet of each direction of a record of version
    /// 5 (ARGUS_ENCAPS_CAPTURE); read by the dissector too.
    pub outer_headers: bool,
    /// Tell in records of version 5 the tunnel that a flow was found in: GRE, VXLAN or GENEVE (ARGUS_TUNNEL_INFORMATION);
    /// read by the dissector too.
    pub tunnels: bool,
    /// Treat each direction as a flow of its own (ARGUS_FLOW_TYPE=Unidirectional).
    pub unidirectional: bool,
    /// What makes a flow's key (ARGUS_FLOW_KEY).
    pub key: KeyParts,
    /// Most flows kept at a time; the longest idle is reported and forgotten when one more comes
    /// ([`Counters::evictions`](crate::Counters::evictions)). At least 16 are kept.
    pub max_flows: u32,
    /// Most octets of flow state, index and queues included, that the flows may come to take whatever the traffic is;
    /// enforced as `max_flows` is. User data (`user_data`) may take as much again: a flow that finds no room for its
    /// own is reported without ([`Counters::parts_refused`](crate::Counters::parts_refused)).
    pub max_octets: u64,
    /// Engines with the same one keep to `max_flows` and `max_octets` together. Each keeps to them alone without.
    pub ceiling: Option<Ceiling>,
    /// Count keystrokes in TCP connections (ARGUS_KEYSTROKE).
    pub keystroke: Option<Keystroke>,
    /// Keys the hash of the flow table, so that no sender can choose colliding keys. Random in a live sensor.
    pub hash_key: u64,
}

/// Idle timeouts: how long after its last status check a silent flow is remembered (chapter section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// UDP, IGMP, fragments and other IP (ARGUS_IP_TIMEOUT).
    pub ip: Duration,
    /// TCP (ARGUS_TCP_TIMEOUT).
    pub tcp: Duration,
    /// ICMP and ICMPv6 (ARGUS_ICMP_TIMEOUT).
    pub icmp: Duration,
    /// ARP and RARP (ARGUS_ARP_TIMEOUT).
    pub arp: Duration,
    /// Everything else (ARGUS_OTHER_TIMEOUT; 3.0.8 reads and ignores it).
    pub other: Duration,
    /// IGMP, where not as `ip` (ARGUS_IGMP_TIMEOUT; 3.0.8 reads and ignores it).
    pub igmp: Option<Duration>,
    /// How long a live TCP connection is remembered past `tcp` (5.x, ARGUS_TCP_FALLOW_TIMEOUT); zero for not at all.
    pub fallow: Duration,
    /// Fragments without their first, where not as `ip` (ARGUS_FRAG_TIMEOUT; 3.0.8 reads and ignores it).
    pub fragment: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            ip: Duration::from_secs(30),
            tcp: Duration::from_secs(60),
            icmp: Duration::from_secs(5),
            arp: Duration::from_secs(5),
            other: Duration::from_secs(30),
            fallow: Duration::ZERO,
            igmp: None,
            fragment: None,
        }
    }
}

/// The parts of a frame that tell flows apart (chapter section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyParts {
    /// Addresses, protocol and ports: CLASSIC_5_TUPLE.
    pub five_tuple: bool,
    /// Addresses only, when `five_tuple` is off: LAYER_3_MATRIX.
    pub layer_3_matrix: bool,
    /// The Ethernet header: LAYER_2, LAYER_2_MATRIX.
    pub layer_2: bool,
    /// The VLAN id: VLAN.
    pub vlan: bool,
    /// The topmost MPLS label entry: LOCAL_MPLS, COMPLETE_MPLS.
    pub mpls: bool,
}

impl Default for KeyParts {
    fn default() -> KeyParts {
        KeyParts { five_tuple: true, layer_3_matrix: false, layer_2: false, vlan: false, mpls: false }
    }
}

impl KeyParts {
    /// Whether all that two stations send each other is one flow.
    pub(crate) fn is_matrix(self) -> bool {
        !self.five_tuple && (self.layer_2 || self.layer_3_matrix)
    }

    /// Whether anything but the 5-tuple counts.
    pub(crate) fn extended(self) -> bool {
        !self.five_tuple || self.layer_2 || self.vlan || self.mpls
    }
}

/// The control plane: ARP and IS-IS, and these ports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlPlane {
    /// Ports of TCP or UDP: IP protocol (6 or 17), port (ARGUS_CONTROLPLANE_PROTO).
    pub ports: Vec<(u8, u16)>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            status_interval: Duration::from_secs(5),
            timeouts: Timeouts::default(),
            source_id: SourceId::None,
            interface: None,
            lane: (0, 1),
            version: Version::V3,
            tcp_performance: true,
            hash_buckets: None,
            compat: false,
            application_octets: false,
            jitter: false,
            packet_size: false,
            size_histogram: false,
            mac: false,
            user_data: 0,
            control: None,
            start_records: false,
            bidirectional_timestamps: false,
            track_duplicates: false,
            tunnel_discovery: false,
            outer_headers: false,
            tunnels: false,
            unidirectional: false,
            key: KeyParts::default(),
            max_flows: 1 << 20,
            max_octets: 1 << 30,
            ceiling: None,
            keystroke: None,
            hash_key: 0x9e37_79b9_7f4a_7c15,
        }
    }
}

impl Config {
    /// Whether flows are told apart by the 5-tuple in either direction, and by nothing else.
    pub(crate) fn is_classic(&self) -> bool {
        !self.key.extended() && !self.unidirectional
    }

    /// The rules to dissect frames by.
    pub fn rules(&self) -> Rules {
        Rules {
            compat: self.compat,
            tunnel_discovery: self.tunnel_discovery,
            outer_headers: self.keeps_outer_headers(),
            tunnels: self.tunnels && self.version == Version::V5,
        }
    }

    /// Whether flows keep their outer headers: records of version 3 have no place for them.
    pub(crate) fn keeps_outer_headers(&self) -> bool {
        (self.outer_headers || self.tunnels) && self.version == Version::V5
    }
}

/// An engine could not be set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The address space for the flow table could not be had.
    #[error("no memory for a table of {0} flows")]
    Memory(u32),
}
