//! The sensor's configuration file (1.10): what each variable sets.

use std::path::{Path, PathBuf};

use options::config::{self, Setting};
use record::Version;

use crate::control;
use crate::dump::Protocol;
use crate::events::Event;
use crate::interface;
use crate::observer;
use crate::options::PROGRAM;
use crate::settings::{KEYS, Settings, add_bind, format, interval, is_compat};
use crate::targets::Output;

/// Reads a file into the settings. Unknown variables and lines that are none are told as warnings; a value that cannot be
/// understood keeps what was set before, with a warning, where the C program does the same silently.
///
/// # Errors
/// One line: the file cannot be read, a string has no end, or a value must not be guessed (id, output, interface).
pub fn read_file(settings: &mut Settings, path: &Path) -> Result<(), String> {
    let file = config::read(path).map_err(|error| error.to_string())?;
    let mut first = First { output: true, interface: true };
    for (line, text) in &file.junk {
        let text: String = text.chars().take(60).collect();
        settings.warnings.push(format!("{}: line {line} is no setting: {text}", path.display()));
    }
    for setting in &file.settings {
        let place =
            |text: String| format!("{}: line {}: {}: {text}", path.display(), setting.line, setting.name);
        if !PROGRAM.knows(&setting.name) {
            settings.warnings.push(format!(
                "{}: line {}: unknown variable {}",
                path.display(),
                setting.line,
                setting.name
            ));
            continue;
        }
        match apply(settings, setting, &mut first) {
            Ok(()) => {}
            Err(Problem::Warning(text)) => settings.warnings.push(place(text)),
            Err(Problem::Fatal(text)) => return Err(place(text)),
        }
    }
    Ok(())
}

/// Whether the first output and the first interface of this file are still to come: they discard earlier ones.
struct First {
    output: bool,
    interface: bool,
}

enum Problem {
    Warning(String),
    Fatal(String),
}

fn apply(settings: &mut Settings, setting: &Setting, first: &mut First) -> Result<(), Problem> {
    let value = setting.value.as_str();
    let yes = setting.is_yes();
    let text = || Some(value.to_owned()).filter(|value| !value.is_empty());
    let warn = |what: &str| Problem::Warning(format!("'{value}' {what}"));
    let seconds = || interval(value).ok_or_else(|| warn("is not a number of seconds"));
    let timeout = || value.trim().parse::<u32>().map(Some).map_err(|_| warn("is not a number of seconds"));
    let number = |what: &str| value.trim().parse::<u32>().map_err(|_| warn(what));
    let words = || value.split([',', '+', ' ', '\t']).filter(|word| !word.is_empty());
    let unless = |wanted: bool, what: &str| {
        if wanted { Err(Problem::Warning(what.to_owned())) } else { Ok(()) }
    };
    match setting.name.as_str() {
        "ARGUS_FLOW_TYPE" => {
            let head = value.get(..3);
            settings.report.unidirectional = Some(head.is_some_and(|head| head.eq_ignore_ascii_case("uni")));
        }
        "ARGUS_FLOW_KEY" => {
            let (known, strange): (Vec<String>, Vec<String>) =
                words().map(str::to_ascii_uppercase).partition(|word| KEYS.contains(&word.as_str()));
            settings.report.key = known;
            return unless(!strange.is_empty(), &format!("unknown parts of a key: {}", strange.join(" ")));
        }
        "ARGUS_DAEMON" => settings.daemon = yes,
        "ARGUS_MONITOR_ID" => {
            settings.observe(observer::configured(value, setting.quoted).map_err(Problem::Fatal)?);
        }
        "ARGUS_MONITOR_ID_INCLUDE_INF" => match value.trim() {
            "" => settings.tag_told = false,
            word if word.eq_ignore_ascii_case("no") => settings.tag_told = false,
            word => {
                settings.tag_told = true;
                if !yes {
                    settings.tag = Some(observer::tag(word).map_err(Problem::Fatal)?);
                }
            }
        },
        "ARGUS_ACCESS_PORT" => settings.port = value.trim().parse().map_err(|_| warn("is not a port"))?,
        "ARGUS_BIND_IP" => add_bind(&mut settings.bind, value),
        "ARGUS_INTERFACE" if settings.offline => {}
        "ARGUS_INTERFACE" => {
            if std::mem::take(&mut first.interface) {
                settings.groups.clear();
            }
            let words: Vec<String> = value.split_whitespace().map(str::to_owned).collect();
            settings.groups.extend(interface::parse(&words).map_err(Problem::Fatal)?);
        }
        "ARGUS_GO_PROMISCUOUS" => settings.promiscuous = yes,
        "ARGUS_CHROOT_DIR" => settings.chroot = text().map(PathBuf::from),
        "ARGUS_SETUSER_ID" => settings.user = text(),
        "ARGUS_SETGROUP_ID" => settings.group = text(),
        "ARGUS_OUTPUT_FILE" | "ARGUS_OUTPUT_STREAM" => {
            if std::mem::take(&mut first.output) {
                settings.outputs.clear();
            }
            let (target, filter) = value.split_once([' ', '\t']).unwrap_or((value, ""));
            let filter = if filter.trim().is_empty() { setting.after.as_str() } else { filter };
            let filter = filter.trim();
            let filter = if filter.starts_with("//") { "" } else { filter.trim_matches(['"', '\'']) };
            let output = Output::parse(Path::new(target), Some(filter.to_owned())).map_err(Problem::Fatal)?;
            settings.outputs.push(output);
        }
        "ARGUS_SET_PID" => settings.pid_file = yes,
        "ARGUS_PID_PATH" => settings.pid_path = PathBuf::from(value),
        "ARGUS_FLOW_STATUS_INTERVAL" => settings.status_interval = seconds()?,
        "ARGUS_MAR_STATUS_INTERVAL" => settings.mar_interval = seconds()?,
        "ARGUS_LOG_DISPLAY_PRIORITY" => {
            let priority = value.trim().parse().ok().filter(|priority| *priority <= 7);
            settings.log_priority = priority.ok_or_else(|| warn("is not a priority from 0 to 7"))?;
        }
        "ARGUS_MAR_INTERFACE_INTERVAL" => {
            seconds()?;
            return unless(
                settings.version == Version::V5,
                "interface management records have no layout: none are written, each status record tells the interface",
            );
        }
        "ARGUS_GENERATE_START_RECORDS" => settings.report.start_records = yes,
        "ARGUS_GENERATE_RESPONSE_TIME_DATA" => settings.report.response_time = yes,
        "ARGUS_GENERATE_JITTER_DATA" => settings.report.jitter = yes,
        "ARGUS_GENERATE_MAC_DATA" => settings.report.mac = yes,
        "ARGUS_GENERATE_APPBYTE_METRIC" => settings.report.appbytes = yes,
        "ARGUS_GENERATE_PACKET_SIZE" => settings.report.packet_size = yes,
        "ARGUS_GENERATE_TCP_PERF_METRIC" => settings.report.no_tcp_metrics = !yes,
        "ARGUS_GENERATE_BIDIRECTIONAL_TIMESTAMPS" => settings.report.both_times = yes,
        "ARGUS_GENERATE_HASH_METRICS" => settings.report.hash = yes,
        "ARGUS_HASHTABLE_SIZE" => settings.hash_size = number("is not a number of buckets")?.max(2),
        "ARGUS_TRACK_DUPLICATES" => settings.report.duplicates = yes,
        "ARGUS_CAPTURE_DATA_LEN" => {
            settings.report.user_data =
                value.trim().parse().map_err(|_| warn("is not a number of octets"))?;
        }
        "ARGUS_CAPTURE_FULL_CONTROL_DATA" => settings.report.control = yes,
        "ARGUS_FILTER" => settings.filter = text(),
        "ARGUS_FILTER_OPTIMIZER" => settings.optimize = yes,
        "ARGUS_TUNNEL_DISCOVERY" => settings.report.tunnels = yes,
        "ARGUS_IP_TIMEOUT" => settings.timeouts.ip = timeout()?,
        "ARGUS_TCP_TIMEOUT" => settings.timeouts.tcp = timeout()?,
        "ARGUS_ICMP_TIMEOUT" => settings.timeouts.icmp = timeout()?,
        "ARGUS_IGMP_TIMEOUT" => settings.timeouts.igmp = timeout()?,
        "ARGUS_FRAG_TIMEOUT" => settings.timeouts.frag = timeout()?,
        "ARGUS_ARP_TIMEOUT" => settings.timeouts.arp = timeout()?,
        "ARGUS_OTHER_TIMEOUT" => settings.timeouts.other = timeout()?,
        "ARGUS_PCAP_BUF_SIZE" => {
            let octets = size(value).ok_or_else(|| warn("is not a size"))?.min(2_000_000_000);
            settings.buffer = u32::try_from(octets).ok();
        }
        "ARGUS_MAX_FLOWS" => {
            settings.max_flows = Some(flows(value).ok_or_else(|| warn("is not a number of flows"))?);
        }
        "ARGUS_MAX_OCTETS" => {
            settings.max_octets = Some(size(value).ok_or_else(|| warn("is not a size"))?);
        }
        "ARGUS_CAPTURE_THREADS" => {
            let wanted: usize = value.trim().parse().map_err(|_| warn("is not a number of threads"))?;
            settings.capture_threads = wanted.clamp(1, 16);
            if settings.capture_threads != wanted {
                return Err(Problem::Warning(format!(
                    "{wanted} is outside 1 to 16, taking {}",
                    settings.capture_threads
                )));
            }
        }
        "ARGUS_TIMESTAMP_TYPE" => {
            let (known, strange): (Vec<&str>, Vec<&str>) = words().partition(|word| {
                ["hiprec", "lowprec", "adapter", "host", "sync", "unsync", "any", "default"].contains(word)
            });
            settings.timestamps = known.into_iter().map(str::to_owned).collect();
            return unless(
                !strange.is_empty(),
                &format!("unknown kinds of time stamps: {}", strange.join(" ")),
            );
        }
        "ARGUS_INTERFACE_SCAN_INTERVAL" => {
            let wanted: u64 = value.trim().parse().map_err(|_| warn("is not a number of seconds"))?;
            settings.scan = wanted.clamp(1, 60);
            if settings.scan != wanted {
                return Err(Problem::Warning(format!(
                    "{wanted} is outside 1 to 60, taking {}",
                    settings.scan
                )));
            }
        }
        "ARGUS_COMPATIBILITY" => {
            settings.compat = is_compat(value)
                .ok_or_else(|| Problem::Fatal(format!("'{value}': only 3.0.8 can be reproduced")))?;
        }
        "ARGUS_FORMAT" => {
            settings.version =
                format(value).ok_or_else(|| Problem::Fatal(format!("'{value}': neither 3 nor 5")))?;
        }
        "ARGUS_ENV" => match value.split_once('=') {
            Some((name, value)) if !name.is_empty() => {
                settings.environment.push((name.to_owned(), value.to_owned()));
            }
            _ => return Err(warn("is no NAME=value")),
        },
        "ARGUS_EVENT_DATA" if value.is_empty() => {}
        "ARGUS_EVENT_DATA" => settings.events.push(Event::parse(value).map_err(Problem::Fatal)?),
        "ARGUS_PACKET_CAPTURE_FILE" => settings.dump.path = text().map(PathBuf::from),
        "ARGUS_PACKET_CAPTURE_ON_ERROR" => settings.dump.on_error = yes,
        "ARGUS_PACKET_CAPTURE_ON_PROTO" => {
            let mut strange = Vec::new();
            settings.dump.protocols.clear();
            for word in words() {
                match Protocol::parse(word) {
                    Some(protocol) => settings.dump.protocols.push(protocol),
                    None => strange.push(word),
                }
            }
            return unless(!strange.is_empty(), &format!("unknown protocols: {}", strange.join(" ")));
        }
        "ARGUS_MIN_SSF" | "ARGUS_MAX_SSF" => {
            let wanted = number("is not a number")? > 0;
            return unless(wanted, "clients are not authenticated: this build has no SASL");
        }
        "ARGUS_KEYSTROKE" => {
            let kind = value.trim().to_ascii_lowercase();
            settings.report.keystroke = matches!(kind.as_str(), "yes" | "tcp" | "ssh");
            settings.report.strokes.ssh = kind == "ssh";
            return unless(
                !settings.report.keystroke && !matches!(kind.as_str(), "" | "no"),
                "is none of yes, tcp, ssh, no",
            );
        }
        "ARGUS_KEYSTROKE_CONF" => {
            let strange = settings.report.strokes.configure(value).err();
            return unless(
                strange.is_some(),
                &format!("'{}' is not understood", strange.unwrap_or_default()),
            );
        }
        "ARGUS_PACKET_SIZE_HISTOGRAM" => settings.report.size_histogram = yes,
        "ARGUS_ENCAPS_CAPTURE" => settings.report.outer_headers = yes,
        "ARGUS_TUNNEL_PARSING" => settings.report.tunnel_parsing = yes,
        "ARGUS_TUNNEL_INFORMATION" => settings.report.tunnel_information = yes,
        "ARGUS_DEDUP" => return unless(yes, "duplicates are not dropped"),
        "ARGUS_TCP_FALLOW_TIMEOUT" => settings.timeouts.fallow = timeout()?,
        "ARGUS_CONTROLPLANE_PROTO" => match control::ports(value) {
            Ok(ports) => settings.report.control_ports = ports,
            Err(text) => return unless(true, &text),
        },
        // Accepted, without effect: the table says so (1.10) or the records are the same either way.
        _ => {}
    }
    Ok(())
}

/// `n[K|M|G]` flows, at least 1.
pub(crate) fn flows(text: &str) -> Option<u32> {
    size(text).and_then(|count| u32::try_from(count).ok()).filter(|&count| count > 0)
}

/// `n[K|M|G]` with decimal multipliers.
pub(crate) fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let (digits, unit) = match text.chars().last()? {
        'K' | 'k' => (&text[..text.len() - 1], 1_000),
        'M' | 'm' => (&text[..text.len() - 1], 1_000_000),
        'G' | 'g' => (&text[..text.len() - 1], 1_000_000_000),
        _ => (text, 1),
    };
    digits.trim().parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::Target;
    use record::SourceId;

    fn from(text: &str) -> Result<Settings, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("argus.conf");
        std::fs::write(&path, text).unwrap();
        let mut settings = Settings::default();
        read_file(&mut settings, &path)
            .map(|()| settings)
            .map_err(|error| error.replace(&*path.to_string_lossy(), "F"))
    }

    #[test]
    fn outputs_in_all_three_forms() {
        for text in [
            "ARGUS_OUTPUT_FILE=/path \"udp\"",
            "ARGUS_OUTPUT_FILE=/path udp",
            "ARGUS_OUTPUT_FILE=\"/path udp\"",
            "ARGUS_OUTPUT_FILE=\"/path\" \"udp\"",
            "ARGUS_OUTPUT_STREAM=\"/path udp\" // there",
            "ARGUS_OUTPUT_STREAM=\"/path 'udp'\"",
        ] {
            let settings = from(text).unwrap();
            assert_eq!(
                settings.outputs,
                [Output { target: Target::File("/path".into()), filter: Some("udp".to_owned()) }],
                "{text}"
            );
        }
        let settings = from("ARGUS_OUTPUT_FILE=a\nARGUS_OUTPUT_FILE=b // c\n").unwrap();
        assert_eq!(settings.outputs.len(), 2);
        assert_eq!(settings.outputs[1].filter, None);
    }

    #[test]
    fn a_box_configuration() {
        let settings = from(
            "ARGUS_MONITOR_ID=3\nARGUS_INTERFACE=em2\nARGUS_ACCESS_PORT=4002\nARGUS_BIND_IP=\"127.0.0.1\"\n\
             ARGUS_GENERATE_MAC_DATA=yes\nARGUS_FLOW_STATUS_INTERVAL=5\nARGUS_SETUSER_ID=argus\n\
             ARGUS_GO_PROMISCUOUS=yes\nARGUS_FILTER=\"not port 561\"\nARGUS_PCAP_BUF_SIZE=4M\n",
        )
        .unwrap();
        assert_eq!(settings.srcid, SourceId::Int(3));
        assert_eq!((settings.port, settings.buffer), (4002, Some(4_000_000)));
        assert_eq!(settings.filter.as_deref(), Some("not port 561"));
        assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
    }

    #[test]
    fn faults_are_told() {
        let settings =
            from("ARGUS_NOPE=1\njunk\nARGUS_ACCESS_PORT=x\nARGUS_INTERFACE_SCAN_INTERVAL=99\n").unwrap();
        assert_eq!(settings.warnings.len(), 4, "{:?}", settings.warnings);
        assert_eq!(settings.scan, 60);
        assert_eq!(
            from("ARGUS_MONITOR_ID=`date`").unwrap_err(),
            "F: line 1: ARGUS_MONITOR_ID: unsupported command `date`"
        );
        assert_eq!(from("\nARGUS_FILTER=\"udp").unwrap_err(), "F: string unterminated at line 2");
    }
}
