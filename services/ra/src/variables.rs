//! Configuration files: `/etc/ra.conf`, `.rarc`, `-F` (chapter ra-output, section 1).

use crate::options::{ACCEPTED, VARIABLES};
use crate::range::RecordRange;
use crate::settings::{Color, Output, Settings};
use crate::words::{precision, seconds, titles};
use field::style::{AsFormat, Cidr, Names, TcpStates, UserData};
use field::{Localities, Side, Vendors};
use options::{Stop, config};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A stage of direction repair by port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectionStage {
    /// The port that is a known service should be the destination.
    Services,
    /// The smaller port should be the destination, if one is below 1024.
    WellKnown,
    /// The smaller port should be the destination, if one is registered.
    Registered,
}

/// What says which end of a flow is its source, where nothing else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalDirection {
    /// How near the ends are.
    Place {
        /// The end that the nearer one should be.
        nearer: Side,
        /// For every flow, whatever else says.
        force: bool,
    },
    /// Which end sent the first packet.
    Time,
}

impl LocalDirection {
    /// `local:src` of 3.x, `suggest:src`, `force:src` and `src` of 5.x, and the same with `dst`; `time` of 5.x.
    fn parse(text: &str) -> Option<LocalDirection> {
        if text.trim() == "time" {
            return Some(LocalDirection::Time);
        }
        let (force, side) = match text.trim().split_once(':') {
            Some(("local" | "suggest", side)) => (false, side),
            Some(("force", side)) => (true, side),
            Some(_) => return None,
            None => (false, text.trim()),
        };
        let nearer = match side {
            "src" => Side::Src,
            "dst" => Side::Dst,
            _ => return None,
        };
        Some(LocalDirection::Place { nearer, force })
    }
}

/// The addresses of this machine; none when the system does not tell.
fn own_addresses() -> Vec<IpAddr> {
    let addresses = nix::ifaddrs::getifaddrs().into_iter().flatten();
    addresses
        .filter_map(|interface| {
            let address = interface.address?;
            let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
        })
        .collect()
}

/// The files that are read when nothing forbids it, in order.
pub fn default_files() -> Vec<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = variable("ARGUSHOME");
    let mut files = vec![PathBuf::from("/etc/ra.conf")];
    files.extend(home.as_ref().map(|home| home.join("ra.conf")));
    let personal = match std::env::var_os("ARGUSPATH") {
        Some(path) => {
            std::env::split_paths(&path).map(|folder| folder.join(".rarc")).find(|file| file.exists())
        }
        None => [variable("HOME"), home]
            .into_iter()
            .flatten()
            .map(|folder| folder.join(".rarc"))
            .find(|file| file.exists()),
    };
    files.retain(|file| file.exists());
    files.extend(personal);
    files
}

/// The release whose output is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Release {
    /// This one.
    #[default]
    Ours,
    /// 3.0.8.2 with its harmless faults.
    V3,
    /// 5.0.3 with its layout and names.
    V5,
}

/// The release that is meant; `None` for one that is not known.
pub fn compatibility(text: &str) -> Option<Release> {
    match text.trim() {
        "" => Some(Release::Ours),
        "3.0.8" | "3.0.8.2" => Some(Release::V3),
        "5.0.3" => Some(Release::V5),
        _ => None,
    }
}

/// Applies one line, as `-o` gives it.
///
/// # Errors
/// What is wrong with it.
pub fn line(settings: &mut Settings, text: &str) -> Result<(), String> {
    let file = config::parse(text).map_err(|_| "string unterminated".to_owned())?;
    let [setting] = file.settings.as_slice() else { return Err(format!("'{text}' is no NAME=value")) };
    if !is_known(&setting.name) {
        return Err(unknown(&setting.name));
    }
    take(settings, setting)
}

/// Applies one setting.
fn take(settings: &mut Settings, setting: &config::Setting) -> Result<(), String> {
    if let Some(done) = table(settings, setting) {
        return done;
    }
    apply(settings, setting).ok_or_else(|| format!("invalid value '{}'", setting.value))
}

/// Reads the file that a setting names, when it is one of those that do.
fn table(settings: &mut Settings, setting: &config::Setting) -> Option<Result<(), String>> {
    let style = &mut settings.style;
    let path = Path::new(setting.value.strip_prefix("file:").unwrap_or(&setting.value));
    Some(match setting.name.as_str() {
        "RA_LOCAL" => {
            Localities::load(path, own_addresses).map(|table| style.localities = Some(Arc::new(table)))
        }
        "RA_ETHERNET_VENDORS" => match Vendors::load(path) {
            Ok(vendors) => {
                style.vendors = Some(Arc::new(vendors));
                Ok(())
            }
            // 3.0.8 does without.
            Err(_) if style.compat => Ok(()),
            Err(error) => Err(error),
        },
        "RA_SRCID_ALIAS" => match aliases(path) {
            Ok(aliases) => {
                style.aliases = Some(Arc::new(aliases));
                Ok(())
            }
            Err(error) => Err(format!("{}: {error}", path.display())),
        },
        _ => return None,
    })
}

fn is_known(name: &str) -> bool {
    VARIABLES.iter().any(|variable| variable.name == name) || ACCEPTED.contains(&name)
}

/// What to say of a name that is no variable.
fn unknown(name: &str) -> String {
    let names = VARIABLES.iter().map(|variable| variable.name).chain(ACCEPTED.iter().copied());
    // Names of variables are in capitals; what is compared is not.
    let lower: Vec<String> = names.map(str::to_ascii_lowercase).collect();
    let meant = field::names::nearest(name, lower.iter().map(String::as_str));
    let meant = meant.map(|meant| format!(" (perhaps {})", meant.to_ascii_uppercase())).unwrap_or_default();
    format!("no variable is called '{name}'{meant}")
}

/// Names of source ids: lines of an id and its name.
fn aliases(path: &Path) -> std::io::Result<BTreeMap<String, String>> {
    /// More than any site has.
    const MOST: usize = 1 << 16;
    let text = std::fs::read_to_string(path)?;
    let lines = text.lines().filter(|line| !line.trim_start().starts_with(['#', '!']));
    let pairs = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_lowercase(), words.next()?.to_owned()))
    });
    Ok(pairs.filter(|(_, name)| !name.contains(char::is_control)).take(MOST).collect())
}

/// Reads one file into the settings.
///
/// # Errors
/// A file that cannot be read, a line that is no setting, a value that is no good.
pub fn read(settings: &mut Settings, path: &Path) -> Result<(), Stop> {
    let program = settings.program;
    let stop = |text: String| Stop::Usage { program, text };
    let file = config::read(path).map_err(|error| stop(error.to_string()))?;
    if let Some((line, _)) = file.junk.first() {
        return Err(stop(format!("{}: syntax error line {line}", path.display())));
    }
    for setting in &file.settings {
        if !is_known(&setting.name) {
            let (path, line) = (path.display(), setting.line);
            return Err(stop(match settings.style.compat {
                true => format!("{path}: syntax error line {line}"),
                false => format!("{path}: syntax error line {line}: {}", unknown(&setting.name)),
            }));
        }
        // Empty values leave the variable unset, but for the delimiter.
        if setting.value.is_empty() && setting.name != "RA_FIELD_DELIMITER" {
            continue;
        }
        take(settings, setting)
            .map_err(|text| stop(format!("{}: line {}: {text}", path.display(), setting.line)))?;
    }
    Ok(())
}

fn leading_digits(value: &str) -> &str {
    let end = value.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(value.len());
    &value[..end]
}

fn starts(value: &str, word: &str) -> bool {
    value.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
}

fn apply(settings: &mut Settings, setting: &config::Setting) -> Option<()> {
    let (value, yes) = (setting.value.as_str(), setting.is_yes());
    let style = &mut settings.style;
    match setting.name.as_str() {
        "RA_CISCONETFLOW_PORT" => {
            settings.sources.push(format!("cisco://{}", value.trim().parse::<u16>().ok()?))
        }
        "RA_ARGUS_SERVER" => settings.sources.push(value.to_owned()),
        "RA_SOURCE_PORT" => settings.local_port = value.trim().parse().ok()?,
        "RA_ARGUS_SERVERPORT" => settings.port = value.trim().parse().ok()?,
        "RA_INPUT_FILE" => {
            settings.inputs.push(crate::words::file(value.as_ref(), style.compat).ok()?);
        }
        "RA_NO_OUTPUT" => settings.quiet = yes,
        "RA_OUTPUT_FILE" => {
            let (target, filter) = match value.split_once(' ') {
                Some((target, filter)) => (target, Some(filter.trim().to_owned())),
                None => (value, None),
            };
            settings.outputs.push(Output { target: target.to_owned(), filter });
        }
        "RA_EXCEPTION_OUTPUT_FILE" => settings.rejects = Some(value.to_owned()),
        "RA_TIMERANGE" => settings.time = Some(value.to_owned()),
        "RA_RUN_TIME" => settings.stay = Some(seconds(value)?).filter(|&seconds| seconds > 0.0),
        // 3.0.8 knows a plain count here.
        "RA_NUMBER" if style.compat => settings.range = Some(RecordRange::parse(leading_digits(value))?),
        "RA_NUMBER" => settings.range = Some(RecordRange::parse(value)?),
        "RA_FIELD_DELIMITER" => delimiter(settings, setting),
        "RA_FIELD_WIDTH" => {
            if starts(value, "var") {
                style.variable = true;
            } else if starts(value, "fixed") {
                style.variable = false;
            }
        }
        "RA_FIELD_QUOTED" => {
            style.quote = if starts(value, "single") {
                Some(b'\'')
            } else if starts(value, "double") {
                Some(b'"')
            } else {
                None
            };
        }
        "RA_FIELD_SPECIFIER" => settings.columns.add(value).ok()?,
        "RA_TIME_FORMAT" => style.time_format = value.to_owned(),
        "RA_TZ" => style.zone = field::time::zone(value),
        "RA_USEC_PRECISION" => style.precision = precision(value).or(style.compat.then_some(0))?,
        "RA_PRINT_MAN_RECORDS" => settings.management = yes,
        "RA_PRINT_EVENT_RECORDS" => settings.events = yes,
        "RA_PRINT_LABELS" => settings.titles = titles(value).or(style.compat.then_some(0))?,
        "RA_PRINT_NAMES" => {
            for (word, names) in [
                ("none", Names::None),
                ("proto", Names::Protocols),
                ("port", Names::Ports),
                ("all", Names::All),
            ] {
                if starts(value, word) {
                    style.names = names;
                }
            }
        }
        "RA_PRINT_UNIX_TIME" => style.unix_time = yes,
        "RA_PRINT_TCPSTATES" if yes => {
            style.tcp_states = TcpStates::Letters;
        }
        "RA_PRINT_TCPFLAGS" => settings.set_flags(value)?,
        "RA_USERDATA_ENCODE" => {
            style.user_data = if starts(value, "ascii") {
                UserData::Ascii
            } else if starts(value, "obfuscate") {
                UserData::Obfuscate
            } else if starts(value, "hex") {
                UserData::Hex
            } else if starts(value, "encode32") {
                UserData::Encode32
            } else {
                UserData::Encode64
            };
        }
        "RA_FILTER" => settings.set_filter(value),
        "RA_CONNECT_TIME" => settings.connect_seconds = seconds(value)?,
        "RA_RELIABLE_CONNECT" => settings.reliable = yes,
        "RA_CIDR_ADDRESS_FORMAT" => {
            style.cidr = if starts(value, "strict") {
                Cidr::Strict
            } else if yes {
                Cidr::Shorter
            } else {
                Cidr::No
            };
        }
        "RA_ASN_PRINT_FORMAT" => {
            style.as_format = match value.to_ascii_lowercase().as_str() {
                "asdot" => AsFormat::Dot,
                "asdot+" => AsFormat::DotPlus,
                _ => AsFormat::Plain,
            };
        }
        "RA_PORT_DIRECTION" => {
            settings.port_direction = value
                .split([',', ' '])
                .filter_map(|word| match word.trim() {
                    "services" => Some(DirectionStage::Services),
                    "wellknown" => Some(DirectionStage::WellKnown),
                    "registered" => Some(DirectionStage::Registered),
                    _ => None,
                })
                .collect();
        }
        "RA_SEPARATE_ADDR_FROM_PORT_WITH_PERIOD" => style.period = yes,
        "RA_PRINT_LOCALONLY" => style.host_names.local_only = yes,
        "RA_PRINT_DOMAINONLY" => style.host_names.domain_only = yes,
        "RA_PRINT_ETHERNET_VENDORS" => style.vendor_addresses = yes,
        "RA_LOCAL_DIRECTION" => settings.local_direction = Some(LocalDirection::parse(value)?),
        // Two names of one switch.
        "RA_LOCAL_CORRECT" | "RA_RECORD_CORRECTION" => settings.correct = yes,
        "RA_COLOR_SUPPORT" if yes => settings.color = Color::Auto,
        "RA_SET_PID" => settings.set_pid = yes,
        "RA_PID_PATH" => settings.pid_path = value.into(),
        "RA_COMPATIBILITY" => settings.set_release(compatibility(value)?),
        _ => {}
    }
    Some(())
}

/// `'c'`, `'\t'` and the other escapes; `''` is none. 3.0.8 leaves the columns fixed for an escape.
fn delimiter(settings: &mut Settings, setting: &config::Setting) {
    let value = setting.value.as_str();
    let quoted = value.strip_prefix('\'').filter(|rest| !rest.is_empty());
    let inside = quoted.map_or(value, |rest| rest.strip_suffix('\'').unwrap_or(rest));
    let style = &mut settings.style;
    match inside.as_bytes() {
        // 3.0.8 keeps the one that it has.
        [] if style.compat => {}
        [] => style.delimiter = None,
        [b' ', ..] => settings.delimit(b" "),
        [b'\\', letter, ..] => {
            style.delimiter = Some(match letter {
                b'a' => 7,
                b'b' => 8,
                b't' => b'\t',
                b'n' => b'\n',
                b'v' => 11,
                b'f' => 12,
                b'r' => b'\r',
                other => *other,
            });
            style.variable |= !style.compat;
        }
        [first, ..] => (style.delimiter, style.variable) = (Some(*first), true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(text: &str) -> Result<Settings, String> {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), text).expect("written");
        let mut settings = Settings::new("ra", Release::Ours);
        read(&mut settings, file.path()).map(|()| settings).map_err(|stop| stop.to_string())
    }

    #[test]
    fn variables_are_applied() {
        let settings = configured(
            "# comment\nRA_FIELD_DELIMITER=','\nRA_PRINT_NAMES=NONE // note\nRA_USEC_PRECISION=2\n\
             RA_FIELD_SPECIFIER=\"stime saddr dur:14\"\nRA_PORT_DIRECTION=\"services,wellknown\"\nRA_FILTER=\"port 80\"\n\
             RA_PRINT_SUMMARY=yes\nRA_TIMERANGE=\n",
        )
        .expect("good");
        assert_eq!(settings.style.delimiter, Some(b','));
        assert_eq!(settings.style.names, Names::None);
        assert_eq!(settings.style.precision, 2);
        assert_eq!(settings.columns.list().len(), 3);
        assert_eq!(settings.port_direction, [DirectionStage::Services, DirectionStage::WellKnown]);
        assert_eq!(settings.filter.map(|filter| filter.1).as_deref(), Some("port 80"));
        assert_eq!(settings.time, None);
    }

    #[test]
    fn faults_name_file_and_line() {
        for bad in ["RA_NONSENSE=1", "RA_TZ =x", "nonsense", "RADIUM_DAEMON=yes"] {
            assert!(
                configured(&format!("\n{bad}\n")).is_err_and(|text| text.contains("syntax error line 2")),
                "{bad}"
            );
        }
        assert!(configured("RA_NUMBER=x").is_err_and(|text| text.contains("line 1: invalid value 'x'")));
    }
}
