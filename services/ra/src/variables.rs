//! Configuration files: `/etc/ra.conf`, `.rarc`, `-F` (chapter ra-output, section 1).

use crate::options::{ACCEPTED, VARIABLES};
use crate::range::RecordRange;
use crate::settings::{Color, Input, Output, Settings, precision, seconds, titles};
use field::Vendors;
use field::style::{AsFormat, Cidr, Names, TcpStates, UserData};
use options::{Stop, config};
use std::collections::BTreeMap;
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
        return Err(format!("no variable is called '{}'", setting.name));
    }
    apply(settings, setting).ok_or_else(|| format!("invalid value '{}'", setting.value))
}

fn is_known(name: &str) -> bool {
    VARIABLES.iter().any(|variable| variable.name == name) || ACCEPTED.contains(&name)
}

/// Names of source ids: lines of an id and its name.
fn aliases(path: &Path) -> Option<BTreeMap<String, String>> {
    /// More than any site has.
    const MOST: usize = 1 << 16;
    let text = std::fs::read_to_string(path).ok()?;
    let lines = text.lines().filter(|line| !line.trim_start().starts_with(['#', '!']));
    let pairs = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_lowercase(), words.next()?.to_owned()))
    });
    Some(pairs.filter(|(_, name)| !name.contains(char::is_control)).take(MOST).collect())
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
            return Err(stop(format!("{}: syntax error line {}", path.display(), setting.line)));
        }
        // Empty values leave the variable unset, but for the delimiter.
        if setting.value.is_empty() && setting.name != "RA_FIELD_DELIMITER" {
            continue;
        }
        apply(settings, setting).ok_or_else(|| {
            stop(format!("{}: line {}: invalid value '{}'", path.display(), setting.line, setting.value))
        })?;
    }
    Ok(())
}

fn starts(value: &str, word: &str) -> bool {
    value.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
}

fn apply(settings: &mut Settings, setting: &config::Setting) -> Option<()> {
    let (value, yes) = (setting.value.as_str(), setting.is_yes());
    let style = &mut settings.style;
    match setting.name.as_str() {
        "RA_ARGUS_SERVER" => settings.sources.push(value.to_owned()),
        "RA_ARGUS_SERVERPORT" => settings.port = value.trim().parse().ok()?,
        "RA_INPUT_FILE" => {
            if let Ok(Input::File(path, range)) = crate::settings::file(value.as_ref(), style.compat) {
                settings.inputs.push(Input::File(path, range));
            }
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
        "RA_USEC_PRECISION" => style.precision = precision(value)?,
        "RA_PRINT_MAN_RECORDS" => settings.management = yes,
        "RA_PRINT_EVENT_RECORDS" => settings.events = yes,
        "RA_PRINT_LABELS" => settings.titles = titles(value)?,
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
        "RA_ETHERNET_VENDORS" => style.vendors = Some(Arc::new(Vendors::load(Path::new(value)).ok()?)),
        "RA_PRINT_ETHERNET_VENDORS" => style.vendor_addresses = yes,
        "RA_SRCID_ALIAS" => {
            let path = value.strip_prefix("file:").unwrap_or(value);
            style.aliases = Some(Arc::new(aliases(Path::new(path))?));
        }
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
    let inside = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap_or(value);
    let style = &mut settings.style;
    match inside.as_bytes() {
        [] => style.delimiter = None,
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
