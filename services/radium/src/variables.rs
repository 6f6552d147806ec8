//! The configuration files: `radium.conf` (3.2) and, for the pid file and the like, the resource file of the clients.

use std::path::Path;
use std::time::Duration;

use options::config;

use crate::settings::{OutputSetting, Settings};

/// Reads `radium.conf` into the settings.
///
/// # Errors
/// One line that names the file and the line.
pub fn read(path: &Path, settings: &mut Settings) -> Result<(), String> {
    let file = config::read(path).map_err(|error| error.to_string())?;
    // The first of each in a file discards what was there before.
    let (mut sources, mut outputs, mut files) = (true, true, true);
    for setting in &file.settings {
        let wrong = |reason: &str| {
            format!("{} syntax error: line {}: {} {reason}", path.display(), setting.line, setting.name)
        };
        let value = setting.value.trim();
        match setting.name.as_str() {
            "RADIUM_DAEMON" => settings.daemon ^= setting.is_yes(),
            _ if value.is_empty() => {}
            "RADIUM_MONITOR_ID" => {
                settings.id =
                    stream::srcid::parse_configured(value, setting.quoted).map_err(|e| wrong(&e))?;
            }
            "RADIUM_ARGUS_SERVER" => {
                if std::mem::take(&mut sources) {
                    settings.sources.clear();
                }
                settings.sources.extend(value.split_whitespace().map(String::from));
            }
            "RADIUM_CISCONETFLOW_PORT" => return Err(wrong("is not supported yet")),
            "RADIUM_CLASSIFIER_FILE" => return Err(wrong("is not supported yet")),
            "RADIUM_V3_ACCESS_PORT" => {
                return Err(wrong("is not needed: RADIUM_ACCESS_PORT speaks version 3"));
            }
            "RADIUM_INPUT_FILE" => {
                if std::mem::take(&mut files) {
                    settings.files.clear();
                }
                settings.files.push(value.into());
            }
            "RADIUM_ACCESS_PORT" => settings.port = value.parse().map_err(|_| wrong("is no port"))?,
            "RADIUM_BIND_IP" => settings.bind = vec![value.into()],
            "RADIUM_OUTPUT_FILE" | "RADIUM_OUTPUT_STREAM" => {
                if std::mem::take(&mut outputs) {
                    settings.outputs.clear();
                }
                // `path filter`, `"path filter"`, `path "filter"`, `"path" filter` (1.7).
                let whole = format!("{value} {}", setting.after);
                let (target, filter) =
                    whole.trim().split_once(char::is_whitespace).unwrap_or((whole.trim(), ""));
                let filter = filter.trim().trim_matches('"').trim();
                let output = OutputSetting::new(target, Some(filter).filter(|f| !f.is_empty()));
                settings.outputs.push(output.map_err(|e| wrong(&e))?);
            }
            "RADIUM_MAR_STATUS_INTERVAL" => {
                settings.interval = seconds(value).ok_or_else(|| wrong("is no time"))?
            }
            "RADIUM_FILTER" => settings.remote_filter = Some(value.to_string()),
            "RADIUM_ADJUST_TIME" => settings.adjust = seconds(value).ok_or_else(|| wrong("is no time"))?,
            "RADIUM_CHROOT_DIR" => settings.chroot = Some(value.into()),
            "RADIUM_SETUSER_ID" => settings.user = Some(value.into()),
            "RADIUM_SETGROUP_ID" => settings.group = Some(value.into()),
            "RADIUM_ARCHIVE_PATH" => settings.archive = Some(value.into()),
            "RADIUM_MAX_CLIENTS" => {
                settings.max_clients = value.parse().map_err(|_| wrong("is no number"))?
            }
            "RADIUM_STATUS_FILE" => settings.status = Some(value.into()),
            "RADIUM_SET_PID" => settings.pid_file = setting.is_yes(),
            "RADIUM_PID_PATH" => settings.pid_path = value.into(),
            "RADIUM_MAX_SSF" if value != "0" => return Err(wrong("needs SASL, which is not supported")),
            // Unknown names are ignored, as the C program does.
            _ => {}
        }
    }
    if let Some(filter) = &settings.remote_filter {
        check_filter(filter).map_err(|e| format!("{}: RADIUM_FILTER: {e}", path.display()))?;
    }
    Ok(())
}

/// Reads what matters to a daemon from the resource file of the clients.
///
/// # Errors
/// One line that names the file.
pub fn read_resource(path: &Path, settings: &mut Settings) -> Result<(), String> {
    let file = config::read(path).map_err(|error| error.to_string())?;
    let mut sources = true;
    for setting in &file.settings {
        match setting.name.as_str() {
            "RA_SET_PID" => settings.pid_file = setting.is_yes(),
            "RA_PID_PATH" if !setting.value.is_empty() => settings.pid_path = setting.value.clone().into(),
            "RA_ARGUS_SERVER" if !setting.value.is_empty() => {
                if std::mem::take(&mut sources) {
                    settings.sources.clear();
                }
                settings.sources.extend(setting.value.split_whitespace().map(String::from));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Parses a filter only to see whether it can be.
///
/// # Errors
/// What is wrong with it.
pub fn check_filter(text: &str) -> Result<(), String> {
    filter::Filter::parse(text).map(drop).map_err(|e| format!("filter syntax error: {e}"))
}

/// `n[s|m|h]`, decimals allowed; zero is off.
pub fn seconds(text: &str) -> Option<Option<Duration>> {
    let (number, unit) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(number) => (number, text.get(number.len()..).unwrap_or_default()),
        None => (text, "s"),
    };
    let factor = match unit {
        "h" => 3600.0,
        "m" => 60.0,
        _ => 1.0,
    };
    let seconds = number.trim().parse::<f64>().ok()? * factor;
    let time = Duration::try_from_secs_f64(seconds).ok()?;
    Some(Some(time).filter(|t| !t.is_zero()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(seconds("2"), Some(Some(Duration::from_secs(2))));
        assert_eq!(seconds("0.5"), Some(Some(Duration::from_millis(500))));
        assert_eq!(seconds("5m"), Some(Some(Duration::from_secs(300))));
        assert_eq!(seconds("0"), Some(None));
        for text in ["no", "", "-1", "5x", "nan", "inf", "1e300h"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
