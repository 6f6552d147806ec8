//! What the sensor is told to do: options and configuration files in the order in which they count (1.1).

use std::path::PathBuf;

use record::{SourceId, Version};

use crate::dump::Dump;
use crate::events::Event;
use crate::interface::Group;
use crate::observer::Observer;
use crate::targets::Output;

/// The words of ARGUS_FLOW_KEY.
pub(crate) const KEYS: &[&str] = &[
    "CLASSIC_5_TUPLE",
    "LAYER_2",
    "LOCAL_MPLS",
    "COMPLETE_MPLS",
    "VLAN",
    "LAYER_2_MATRIX",
    "LAYER_3_MATRIX",
];

/// Everything that was configured.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Capture files, in the order of their names; empty means live.
    pub files: Vec<PathBuf>,
    /// Whether `-r` was given.
    pub offline: bool,
    /// `-t`: the files are NLANR TSH.
    pub tsh: bool,
    /// `-f`: wait at the end of a file.
    pub follow: bool,
    /// `-T`: replay at the speed of the timestamps times this.
    pub pace: Option<f64>,
    /// Packets not looked at, and after how many to stop.
    pub count: Option<(u64, u64)>,
    /// Observation points.
    pub groups: Vec<Group>,
    /// Promiscuous mode.
    pub promiscuous: bool,
    /// `-s`.
    pub snap: Option<u32>,
    /// Capture buffer, octets.
    pub buffer: Option<u32>,
    /// Threads that share the packets of an interface.
    pub capture_threads: usize,
    /// libpcap's timestamp source, by preference.
    pub timestamps: Vec<String>,
    /// Seconds between looks for lost interfaces.
    pub scan: u64,
    /// libpcap's filter expression.
    pub filter: Option<String>,
    /// Optimise it.
    pub optimize: bool,
    /// `-b`.
    pub dump_filter: bool,
    /// `-l`.
    pub list_interfaces: bool,
    /// Outputs.
    pub outputs: Vec<Output>,
    /// Port for clients, 0 for none.
    pub port: u16,
    /// Addresses of that port; empty for all.
    pub bind: Vec<String>,
    /// Id of the records.
    pub srcid: SourceId,
    /// Interface tag of the records, when not that of each interface (records of version 5).
    pub tag: Option<[u8; 4]>,
    /// Management records say that ids have a tag (ARGUS_MONITOR_ID_INCLUDE_INF).
    pub tag_told: bool,
    /// Format of the records: 3, or 5 as argus 5 writes them.
    pub version: Version,
    /// Where packets are written, besides.
    pub dump: Dump,
    /// Programs and files whose output becomes event records.
    pub events: Vec<Event>,
    /// Variables for the environment (ARGUS_ENV).
    pub environment: Vec<(String, String)>,
    /// Buckets that ARGUS_GENERATE_HASH_METRICS counts in (`-H`).
    pub hash_size: u32,
    /// Background.
    pub daemon: bool,
    /// Pid file's folder, when there is to be one.
    pub pid_file: bool,
    /// Where.
    pub pid_path: PathBuf,
    /// New root.
    pub chroot: Option<PathBuf>,
    /// User to become.
    pub user: Option<String>,
    /// Group to become.
    pub group: Option<String>,
    /// Flow status interval, microseconds.
    pub status_interval: i64,
    /// Management record interval, microseconds.
    pub mar_interval: i64,
    /// Most flows remembered.
    pub max_flows: Option<u32>,
    /// Most octets of flow state.
    pub max_octets: Option<u64>,
    /// What records tell.
    pub report: Report,
    /// Idle timeouts, seconds, where configured.
    pub timeouts: Timeouts,
    /// Reproduce the faults of 3.0.8.
    pub compat: bool,
    /// Where to tell that we serve.
    pub ready_fd: Option<i32>,
    /// Least grave message to show, as a syslog priority.
    pub log_priority: u8,
    /// Things in files that have no meaning to us.
    pub warnings: Vec<String>,
}

/// What records tell beyond the basics.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// `-A`.
    pub appbytes: bool,
    /// `-J`.
    pub jitter: bool,
    /// `-m`.
    pub mac: bool,
    /// `-R`.
    pub response_time: bool,
    /// `-Z`.
    pub packet_size: bool,
    /// `-U`, octets of each direction.
    pub user_data: u16,
    /// ARGUS_PACKET_SIZE_HISTOGRAM.
    pub size_histogram: bool,
    /// ARGUS_KEYSTROKE.
    pub keystroke: bool,
    /// What ARGUS_KEYSTROKE and ARGUS_KEYSTROKE_CONF say of it.
    pub strokes: flow::Keystroke,
    /// `-C`.
    pub control: bool,
    /// ARGUS_CONTROLPLANE_PROTO: IP protocol and port.
    pub control_ports: Vec<(u8, u16)>,
    /// ARGUS_GENERATE_TCP_PERF_METRIC=no.
    pub no_tcp_metrics: bool,
    /// ARGUS_GENERATE_BIDIRECTIONAL_TIMESTAMPS.
    pub both_times: bool,
    /// ARGUS_GENERATE_START_RECORDS.
    pub start_records: bool,
    /// ARGUS_TUNNEL_DISCOVERY.
    pub tunnels: bool,
    /// ARGUS_TUNNEL_PARSING: tunnels are looked for and told.
    pub tunnel_parsing: bool,
    /// ARGUS_TUNNEL_INFORMATION: tunnels are told.
    pub tunnel_information: bool,
    /// ARGUS_ENCAPS_CAPTURE.
    pub outer_headers: bool,
    /// ARGUS_FLOW_KEY, in capitals.
    pub key: Vec<String>,
    /// ARGUS_FLOW_TYPE: whether it is Uni…
    pub unidirectional: Option<bool>,
    /// ARGUS_GENERATE_HASH_METRICS.
    pub hash: bool,
    /// ARGUS_TRACK_DUPLICATES.
    pub duplicates: bool,
}

/// Idle timeouts in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timeouts {
    /// IP flows that are none of the others.
    pub ip: Option<u32>,
    /// TCP.
    pub tcp: Option<u32>,
    /// ICMP.
    pub icmp: Option<u32>,
    /// IGMP.
    pub igmp: Option<u32>,
    /// Fragments.
    pub frag: Option<u32>,
    /// ARP.
    pub arp: Option<u32>,
    /// Others.
    pub other: Option<u32>,
    /// Live TCP connections, past `tcp`.
    pub fallow: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            files: Vec::new(),
            offline: false,
            tsh: false,
            follow: false,
            pace: None,
            count: None,
            groups: Vec::new(),
            promiscuous: true,
            snap: None,
            buffer: None,
            capture_threads: 1,
            timestamps: Vec::new(),
            scan: 2,
            filter: None,
            optimize: true,
            dump_filter: false,
            list_interfaces: false,
            outputs: Vec::new(),
            port: 0,
            bind: Vec::new(),
            srcid: SourceId::None,
            tag: None,
            tag_told: false,
            version: Version::V3,
            dump: Dump::default(),
            events: Vec::new(),
            environment: Vec::new(),
            hash_size: 0x100_0000,
            daemon: false,
            pid_file: false,
            pid_path: PathBuf::from("/var/run"),
            chroot: None,
            user: None,
            group: None,
            status_interval: 5_000_000,
            mar_interval: 60_000_000,
            max_flows: None,
            max_octets: None,
            report: Report::default(),
            timeouts: Timeouts::default(),
            compat: false,
            ready_fd: None,
            log_priority: 7,
            warnings: Vec::new(),
        }
    }
}

/// Seconds with decimals, as microseconds; `None` when it is no such number or out of range (0 to a year).
pub(crate) fn interval(text: &str) -> Option<i64> {
    let seconds: f64 = text.trim().parse().ok()?;
    ((0.0..=31_536_000.0).contains(&seconds)).then(|| (seconds * 1e6).round() as i64)
}

/// `3.0.8` and its longer forms.
pub(crate) fn is_compat(text: &str) -> Option<bool> {
    match text.trim() {
        "3.0.8" | "3.0.8.2" => Some(true),
        "" | "none" | "no" => Some(false),
        _ => None,
    }
}

/// A record format by its number.
pub(crate) fn format(text: &str) -> Option<Version> {
    match text.trim() {
        "3" => Some(Version::V3),
        "5" => Some(Version::V5),
        _ => None,
    }
}

/// Adds the addresses of a `-B`.
pub(crate) fn add_bind(bind: &mut Vec<String>, text: &str) {
    for address in text.split([',', ' ', '\t']).filter(|address| !address.is_empty()) {
        if address == "null" {
            bind.clear();
        } else {
            bind.push(address.to_owned());
        }
    }
}

impl Settings {
    /// `-X`: forgets what 1.2 lists.
    pub(crate) fn reset(&mut self) {
        let new = Settings::default();
        *self = Settings {
            files: std::mem::take(&mut self.files),
            offline: self.offline,
            tsh: self.tsh,
            follow: self.follow,
            pace: self.pace,
            count: self.count,
            dump_filter: self.dump_filter,
            list_interfaces: self.list_interfaces,
            daemon: self.daemon,
            chroot: self.chroot.take(),
            user: self.user.take(),
            group: self.group.take(),
            compat: self.compat,
            ready_fd: self.ready_fd,
            timeouts: self.timeouts,
            max_flows: self.max_flows,
            max_octets: self.max_octets,
            version: self.version,
            events: std::mem::take(&mut self.events),
            environment: std::mem::take(&mut self.environment),
            hash_size: self.hash_size,
            warnings: std::mem::take(&mut self.warnings),
            ..new
        };
    }

    /// Takes an id and its tag.
    pub(crate) fn observe(&mut self, observer: Observer) {
        self.srcid = observer.id.unwrap_or(self.srcid);
        self.tag = observer.tag;
    }

    /// What follows from the whole (1.1, step 6).
    pub(crate) fn finish(&mut self) {
        self.files.sort();
        if self.offline {
            self.groups.clear();
            if self.pace.is_none() {
                self.daemon = false;
                // C also clears the bind addresses, so that -f listens everywhere: ours are kept.
                if !self.follow {
                    self.port = 0;
                }
            }
        }
    }

    /// Octets captured of each packet (1.6).
    pub fn snaplen(&self) -> u32 {
        if self.report.control {
            return 65_535;
        }
        const MOST: u32 = 262_144;
        match self.snap {
            // As libpcap takes it.
            Some(0) => MOST,
            Some(octets) => octets.min(MOST),
            None => 96 + u32::from(self.report.user_data),
        }
    }
}
