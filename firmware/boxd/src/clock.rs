//! The clock never starts below what is known to be past: the image's making, the last saved time.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_settime};

use crate::files;

/// Seconds between two moments at which the time is saved.
pub const SAVE: Duration = Duration::from_secs(600);

/// Sets the clock forward when it stands before the latest of the files' times.
pub fn raise(image: &Path, saved: &Path) -> nix::Result<()> {
    let modified = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    let floor = [modified(image), modified(saved)].into_iter().flatten().max();
    match floor {
        Some(floor) if SystemTime::now() < floor => {
            let since = floor.duration_since(UNIX_EPOCH).unwrap_or_default();
            clock_settime(ClockId::CLOCK_REALTIME, TimeSpec::from_duration(since))
        }
        _ => Ok(()),
    }
}

/// Saves the time, as the time of a file.
pub fn save(saved: &Path) -> std::io::Result<()> {
    files::replace(saved, b"the time of this file is the last that the box knew\n")
}
