//! The last program of the box: s6-svscan turns into it when every service has stopped.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::reboot::{RebootMode, reboot};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpid, sync};

use crate::console;

/// Where whoever asks for the end writes which one: `reboot` or `poweroff`.
pub const REQUEST: &str = "/run/panoptes/halt";

/// How the box ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Starts again.
    Reboot,
    /// Switches itself off.
    PowerOff,
}

/// What [`REQUEST`] asks for. A box that stops without anybody having asked starts again: it is there
/// to audit.
pub fn requested() -> End {
    parse(&fs::read_to_string(REQUEST).unwrap_or_default())
}

fn parse(text: &str) -> End {
    if text.trim() == "poweroff" { End::PowerOff } else { End::Reboot }
}

/// Ends what still runs, puts everything on disk and ends the box. Only process 1 may.
pub fn run(end: End) -> ! {
    if getpid().as_raw() != 1 {
        eprintln!("boxd: halt: only process 1 ends the box; use s6-svscanctl -t /run/service");
        std::process::exit(1);
    }
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        // No such process: nothing is left, which is what is wanted.
        let _ = kill(Pid::from_raw(-1), signal);
        sleep(Duration::from_millis(200));
    }
    sync();
    close_data();
    sync();
    let (word, mode) = match end {
        End::Reboot => ("restarting", RebootMode::RB_AUTOBOOT),
        End::PowerOff => ("switching off", RebootMode::RB_POWER_OFF),
    };
    console::say(&format!("panoptes: {word}"));
    let Err(error) = reboot(mode);
    console::say(&format!("panoptes: the kernel refuses to end: {error}"));
    loop {
        sleep(Duration::from_secs(60));
    }
}

/// Unmounts the data partition, or makes it read-only when something still holds it: either way its
/// file system is clean at the next boot.
fn close_data() {
    let data = Path::new("/data");
    for _ in 0..20 {
        match umount2(data, MntFlags::empty()) {
            Ok(()) | Err(nix::errno::Errno::EINVAL | nix::errno::Errno::ENOENT) => return,
            Err(_) => sleep(Duration::from_millis(100)),
        }
    }
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    if let Err(error) = mount(None::<&str>, data, None::<&str>, flags, None::<&str>) {
        console::say(&format!("panoptes: {} stays open: {error}", data.display()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_explicit_word_switches_the_box_off() {
        assert_eq!(parse("poweroff\n"), End::PowerOff);
        assert_eq!(parse("reboot\n"), End::Reboot);
        assert_eq!(parse(""), End::Reboot);
        assert_eq!(parse("power"), End::Reboot);
    }
}
