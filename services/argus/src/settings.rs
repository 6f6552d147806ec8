//! What the sensor is told to do: options and configuration files in the order in which they count (1.1).

use std::path::{Path, PathBuf};

use options::Stop;
use record::SourceId;

use crate::interface::{self, Group};
use crate::options::{Id, PROGRAM};
use crate::variables;
use stream::srcid;

/// The file read when neither `-X` nor `-F` is given.
const SYSTEM_FILE: &str = "/etc/argus.conf";

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
    /// `-C`.
    pub control: bool,
    /// ARGUS_GENERATE_TCP_PERF_METRIC=no.
    pub no_tcp_metrics: bool,
    /// ARGUS_GENERATE_BIDIRECTIONAL_TIMESTAMPS.
    pub both_times: bool,
    /// ARGUS_GENERATE_START_RECORDS.
    pub start_records: bool,
    /// ARGUS_TUNNEL_DISCOVERY.
    pub tunnels: bool,
    /// ARGUS_FLOW_KEY, in capitals.
    pub key: Vec<String>,
    /// ARGUS_FLOW_TYPE=Uni…
    pub unidirectional: bool,
    /// ARGUS_SELF_SYNCHRONIZE=no.
    pub no_alignment: bool,
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
}

/// One `-w`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Where to.
    pub target: Target,
    /// Which records, in the language of ra.
    pub filter: Option<String>,
}

/// Where an output goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file.
    File(PathBuf),
    /// Standard output.
    Stdout,
    /// Datagrams to `host:port`.
    Udp(String, u16),
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

impl Output {
    /// Reads what stands after `-w`.
    ///
    /// # Errors
    /// Text of the reason: a scheme that is not known, a bad port.
    pub fn parse(target: &Path, filter: Option<String>) -> Result<Self, String> {
        let filter = filter.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let text = target.to_string_lossy();
        let target = match text.split_once("://") {
            None if text == "-" => Target::Stdout,
            None if text.is_empty() => return Err("empty output name".to_owned()),
            None => Target::File(target.to_owned()),
            Some(("argus-udp" | "udp", rest)) => {
                let (host, port) = host_and_port(rest)?;
                Target::Udp(host, port)
            }
            Some((scheme, _)) => return Err(format!("output '{text}': scheme '{scheme}' is not supported")),
        };
        Ok(Output { target, filter })
    }
}

/// `host[:port]`, an IPv6 address in brackets; port 561 by default.
fn host_and_port(text: &str) -> Result<(String, u16), String> {
    let bad = || format!("bad address '{text}'");
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or_else(bad)?;
            match after.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if after.is_empty() => (host, None),
                None => return Err(bad()),
            }
        }
        None => match text.split_once(':') {
            Some((_, rest)) if rest.contains(':') => (text, None),
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    if host.is_empty() {
        return Err(bad());
    }
    let port = port.map_or(Ok(561), |port| port.parse().map_err(|_| bad()))?;
    Ok((host.to_owned(), port))
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

/// `n` or `a-b`: (packets passed over, packet after which to stop).
fn count(text: &str) -> Option<(u64, u64)> {
    match text.split_once('-') {
        None => Some((0, text.parse().ok()?)),
        Some((first, last)) => {
            let (first, last) = (first.parse().ok()?, last.parse().ok()?);
            (first <= last).then_some((first, last))
        }
    }
}

/// Reads command line and files.
///
/// # Errors
/// [`Stop`]: help was asked for, or the line is wrong. A configuration file that cannot be understood is a failure of
/// another kind, [`Failure::File`].
pub fn read<I>(words: I) -> Result<Settings, Failure>
where
    I: IntoIterator,
    I::Item: Into<std::ffi::OsString>,
{
    let parsed = PROGRAM.parse(words)?;
    let mut settings = Settings { offline: parsed.has(Id::Read), ..Settings::default() };
    if !parsed.has(Id::Reset) && !parsed.has(Id::ConfigFile) && Path::new(SYSTEM_FILE).exists() {
        variables::read_file(&mut settings, Path::new(SYSTEM_FILE)).map_err(Failure::File)?;
    }
    let mut first_output = true;
    let mut first_interface = true;
    for found in &parsed.found {
        match found.id {
            Id::AppBytes => settings.report.appbytes = true,
            Id::DumpFilter => settings.dump_filter = true,
            Id::Bind => add_bind(&mut settings.bind, found.text()?),
            Id::Chroot => settings.chroot = Some(found.path()),
            Id::Control => settings.report.control = true,
            Id::Daemon => settings.daemon = !settings.daemon,
            Id::Debug | Id::License | Id::HashTable => {}
            Id::Observer => settings.srcid = srcid::parse(found.text()?).map_err(|text| found.error(text))?,
            Id::Follow => settings.follow = true,
            Id::ConfigFile => variables::read_file(&mut settings, &found.path()).map_err(Failure::File)?,
            Id::Interface => {
                if std::mem::take(&mut first_interface) {
                    settings.groups.clear();
                }
                let words: Vec<String> = found.texts().collect();
                settings.groups.extend(interface::parse(&words).map_err(|text| found.error(text))?);
            }
            Id::Jitter => settings.report.jitter = true,
            Id::LogPriority => settings.log_priority = found.parse()?,
            Id::ListInterfaces => settings.list_interfaces = true,
            Id::MarInterval => {
                settings.mar_interval =
                    interval(found.text()?).ok_or_else(|| found.error("not a number of seconds"))?;
            }
            Id::Mac => settings.report.mac = true,
            Id::Count => {
                settings.count =
                    Some(count(found.text()?).ok_or_else(|| found.error("neither <n> nor <a-b>"))?);
            }
            Id::NoOptimizer => settings.optimize = false,
            Id::NoPromiscuous => settings.promiscuous = false,
            Id::Port => settings.port = found.parse()?,
            Id::Read => {
                for value in &found.values {
                    let text = value.to_string_lossy();
                    if ["cisco:", "sflow:"].iter().any(|kind| text.starts_with(kind)) {
                        return Err(found.error(format!("input type of '{text}' is not supported")).into());
                    }
                    settings.files.push(PathBuf::from(value));
                }
            }
            Id::ResponseTime => settings.report.response_time = true,
            Id::Snap => settings.snap = Some(found.parse()?),
            Id::StatusInterval => {
                settings.status_interval =
                    interval(found.text()?).ok_or_else(|| found.error("not a number of seconds"))?;
            }
            Id::Tsh => settings.tsh = true,
            Id::Pace => {
                let scale: f64 = found.parse()?;
                settings.pace = Some(if scale.is_finite() && scale > 0.0 { scale } else { 1.0 });
            }
            Id::User => settings.user = Some(found.text()?.to_owned()),
            Id::Group => settings.group = Some(found.text()?.to_owned()),
            Id::UserData => settings.report.user_data = found.parse()?,
            Id::Write => {
                if std::mem::take(&mut first_output) {
                    settings.outputs.clear();
                }
                let output =
                    Output::parse(&found.path(), found.second()).map_err(|text| found.error(text))?;
                settings.outputs.push(output);
            }
            Id::Reset => settings.reset(),
            Id::PacketSize => settings.report.packet_size = true,
            Id::MaxFlows => {
                settings.max_flows = Some(
                    variables::flows(found.text()?).ok_or_else(|| found.error("not a number of flows"))?,
                );
            }
            Id::MaxOctets => {
                settings.max_octets =
                    Some(variables::size(found.text()?).ok_or_else(|| found.error("not a size"))?);
            }
            Id::Compat => {
                settings.compat =
                    is_compat(found.text()?).ok_or_else(|| found.error("only 3.0.8 can be reproduced"))?;
            }
            Id::ReadyFd => settings.ready_fd = Some(found.parse()?),
        }
    }
    let expression: Vec<String> = parsed
        .rest
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .filter(|word| !word.starts_with('-'))
        .collect();
    if !expression.is_empty() {
        settings.filter = Some(expression.join(" "));
    }
    settings.finish();
    Ok(settings)
}

impl Settings {
    /// `-X`: forgets what 1.2 lists.
    fn reset(&mut self) {
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
            ..new
        };
    }

    /// What follows from the whole (1.1, step 6).
    fn finish(&mut self) {
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
        self.snap.unwrap_or_else(|| 96 + u32::from(self.report.user_data)).clamp(1, 262_144)
    }
}

/// Why there are no settings.
#[derive(Debug)]
pub enum Failure {
    /// The command line.
    Stop(Stop),
    /// A configuration file, in one line.
    File(String),
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        Failure::Stop(stop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(line: &str) -> Settings {
        read(format!("-X {line}").split_whitespace()).unwrap_or_else(|error| panic!("{line}: {error:?}"))
    }

    #[test]
    fn offline_rules() {
        let s = settings("-r zz aa -P 561 -B 127.0.0.1 -d -w out tcp - udp port 53");
        assert_eq!(s.files, [PathBuf::from("aa"), PathBuf::from("zz")]);
        assert!(s.offline && !s.daemon && s.port == 0);
        assert_eq!(s.filter.as_deref(), Some("udp port 53"));
        assert_eq!(
            s.outputs,
            [Output { target: Target::File("out".into()), filter: Some("tcp".to_owned()) }]
        );
        let s = settings("-r x -P 561 -f -B 127.0.0.1");
        assert_eq!((s.port, s.bind), (561, vec!["127.0.0.1".to_owned()]));
        let s = settings("-r x -P 561 -T 1 -B 127.0.0.1,::1");
        assert_eq!((s.port, s.bind.len()), (561, 2));
    }

    #[test]
    fn live_rules() {
        let s =
            settings("-i lo em1 -i em2/7 -B 192.0.2.1 -B null,127.0.0.1 -mAJZR -U 32 -M 1.5 -S 0.5 -P561 -d");
        assert_eq!(s.groups.len(), 2);
        assert_eq!(s.bind, ["127.0.0.1"]);
        assert_eq!((s.mar_interval, s.status_interval, s.snaplen()), (1_500_000, 500_000, 128));
        assert!(s.daemon && s.report.mac && s.report.response_time);
    }

    #[test]
    fn reset_forgets() {
        let s = settings("-e 5 -w a -P 1 -M 3 -m -X -S 7");
        assert_eq!(s.srcid, SourceId::None);
        assert!(s.outputs.is_empty() && s.port == 0 && !s.report.mac);
        assert_eq!((s.mar_interval, s.status_interval), (60_000_000, 7_000_000));
    }

    #[test]
    fn bad_lines_are_usage_errors() {
        for line in [
            "-P x",
            "-N a-b",
            "-N 5-2",
            "-S soon",
            "-M -1",
            "-e no.such.host.invalid",
            "-w tcp://x",
            "-w udp://",
            "--compat 2",
            "-r cisco:x",
            "-i [x",
        ] {
            assert!(
                matches!(
                    read(format!("-X {line}").split_whitespace()),
                    Err(Failure::Stop(Stop::Usage { .. }))
                ),
                "{line}"
            );
        }
    }

    #[test]
    fn targets() {
        let target = |text: &str| Output::parse(Path::new(text), None).unwrap().target;
        assert_eq!(target("-"), Target::Stdout);
        assert_eq!(target("argus-udp://192.0.2.1"), Target::Udp("192.0.2.1".to_owned(), 561));
        assert_eq!(target("udp://host:99"), Target::Udp("host".to_owned(), 99));
        assert_eq!(target("udp://[::1]:99"), Target::Udp("::1".to_owned(), 99));
    }
}
