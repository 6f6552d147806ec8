//! The sensor's command line, in the order in which it counts (1.1, 1.2).

use std::path::{Path, PathBuf};

use options::Stop;

use crate::interface;
use crate::observer;
use crate::options::{Id, PROGRAM};
use crate::settings::{Settings, add_bind, format, interval, is_compat};
use crate::targets::Output;
use crate::variables;

/// The file read when neither `-X` nor `-F` is given.
const SYSTEM_FILE: &str = "/etc/argus.conf";

/// `n` or `a-b`: (packets passed over, packet after which to stop).
fn count(text: &str) -> Option<(u64, u64)> {
    match text.split_once('-') {
        // 0 is no limit.
        None => Some((0, text.parse().ok().map(|last| if last == 0 { u64::MAX } else { last })?)),
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
            Id::Debug | Id::License => {}
            Id::HashTable => settings.hash_size = found.parse::<u32>()?.max(2),
            Id::Observer => {
                let observer = observer::parse(found.text()?).map_err(|text| found.error(text))?;
                settings.observe(observer);
            }
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
                    if text.starts_with("sflow:") {
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
            Id::Format => {
                settings.version = format(found.text()?).ok_or_else(|| found.error("neither 3 nor 5"))?;
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
    use crate::targets::Target;
    use record::SourceId;

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
            "-r sflow:x",
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
}
