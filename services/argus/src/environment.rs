//! Variables for the environment (ARGUS_ENV), which libraries such as libpcap look at.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// Sees to it that the environment has these variables. A running program cannot change its own environment safely, so
/// the program is started again in its place, once, with what is missing.
///
/// # Errors
/// One line: it cannot be started again.
pub fn take(variables: &[(String, String)]) -> Result<(), String> {
    // Of several settings of one name the last counts.
    let missing = variables.iter().enumerate().any(|(at, (name, value))| {
        let last = !variables.iter().skip(at + 1).any(|(later, _)| later == name);
        last && std::env::var_os(name).is_none_or(|there| there != value.as_str())
    });
    if !missing {
        return Ok(());
    }
    let mut words = std::env::args_os();
    let mut command = Command::new("/proc/self/exe");
    if let Some(name) = words.next() {
        command.arg0(name);
    }
    command.args(words).envs(variables.iter().map(|(name, value)| (name, value)));
    Err(format!("cannot start again with ARGUS_ENV: {}", command.exec()))
}
