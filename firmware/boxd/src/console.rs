//! Lines for the person at the box: written to every console the kernel writes to.
//!
//! `/dev/console` is only the last of them, so a box with a screen and a serial line would stay silent
//! on one of the two.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// The file in which the kernel lists its consoles, blank separated.
const ACTIVE: &str = "/sys/class/tty/console/active";

/// How long a console may take no octet (a serial line with its flow stopped), in milliseconds.
const PATIENCE: u16 = 500;

/// Prints one line on every console; a console that cannot be written is left out, since there is
/// nobody else to tell.
pub fn say(line: &str) {
    let active = fs::read_to_string(ACTIVE).unwrap_or_default();
    let mut written = false;
    for name in active.split_ascii_whitespace() {
        written |= print(&format!("/dev/{name}"), line);
    }
    if !written && !print("/dev/console", line) {
        eprintln!("{line}");
    }
}

fn print(path: &str, line: &str) -> bool {
    let flags = OFlag::O_NOCTTY | OFlag::O_NONBLOCK;
    let Ok(mut console) = OpenOptions::new().write(true).custom_flags(flags.bits()).open(path) else {
        return false;
    };
    write_patiently(&mut console, format!("{}\r\n", printable(line)).as_bytes())
}

fn write_patiently(console: &mut File, mut rest: &[u8]) -> bool {
    while !rest.is_empty() {
        match console.write(rest) {
            Ok(0) => return false,
            Ok(n) => rest = rest.get(n..).unwrap_or_default(),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                let mut wait = [PollFd::new(console.as_fd(), PollFlags::POLLOUT)];
                match poll(&mut wait, PollTimeout::from(PATIENCE)) {
                    Ok(0) => return false,
                    Ok(_) | Err(Errno::EINTR) => {}
                    Err(_) => return false,
                }
            }
            Err(_) => return false,
        }
    }
    true
}

/// A line may quote what came from outside (a DHCP server's text): control characters, which could
/// drive a terminal, become `?`.
fn printable(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_never_reach_a_terminal() {
        assert_eq!(printable("a\x1b[2Jb\nc"), "a?[2Jb?c");
    }

    #[test]
    fn everything_is_written() {
        let path = tempfile::NamedTempFile::new().unwrap();
        assert!(print(path.path().to_str().unwrap(), "ready"));
        assert_eq!(fs::read_to_string(path.path()).unwrap(), "ready\r\n");
    }
}
