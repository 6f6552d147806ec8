//! The data partition: checked when unclean, mounted, and done without when it cannot be.
//!
//! Whatever is wrong with it, the box boots and audits with volatile data, and says why
//! (appliance chapter, section 2, step 4).

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};

/// How long the two kinds of check may take; a box that has lost its data audits all the same.
const PREEN: Duration = Duration::from_secs(120);
const REPAIR: Duration = Duration::from_secs(900);

/// Where data is mounted.
const DATA: &str = "/data";

/// Mounts `device`. The root is `/` by now, so that its own e2fsck can be run. The error says what is
/// wrong, for a person.
pub fn mount_data(device: &Path, say: &mut dyn FnMut(&str)) -> Result<(), String> {
    let of = |error: &dyn std::fmt::Display| format!("data partition {}: {error}", device.display());
    let state = Superblock::read(&mut File::open(device).map_err(|e| of(&e))?)
        .map_err(|e| of(&e))?
        .ok_or_else(|| of(&"not an ext4 file system"))?;
    if state.needs_check() {
        say(&format!("checking data partition {} after an unclean end", device.display()));
        check(device, say).map_err(|e| of(&e))?;
    }
    let flags = MsFlags::MS_NOATIME | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some(device), DATA, Some("ext4"), flags, Some("errors=remount-ro")).map_err(|e| of(&e))
}

/// Puts a volatile file system in the place of the data partition.
pub fn mount_volatile() -> nix::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("volatile"), DATA, Some("tmpfs"), flags, Some("size=25%,mode=0755"))
}

/// Lets e2fsck repair `device`: first only what is certain, then everything.
fn check(device: &Path, say: &mut dyn FnMut(&str)) -> Result<(), String> {
    let preen = e2fsck(device, "-p", PREEN)?;
    if repaired(preen) {
        return Ok(());
    }
    say(&format!("e2fsck -p ended with {}; repairing everything", ending(preen)));
    let repair = e2fsck(device, "-y", REPAIR)?;
    if repaired(repair) { Ok(()) } else { Err(format!("e2fsck -y ended with {}", ending(repair))) }
}

/// 0: clean; 1: repaired; 2: repaired, and a mounted file system would want a reboot (e2fsck(8)).
fn repaired(status: ExitStatus) -> bool {
    matches!(status.code(), Some(0..=2))
}

fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "no status".into(),
    }
}

fn e2fsck(device: &Path, how: &str, limit: Duration) -> Result<ExitStatus, String> {
    let failed = |error: std::io::Error| format!("e2fsck: {error}");
    let child = Command::new("e2fsck")
        .env("PATH", super::PATH)
        .arg(how)
        .arg(device)
        .stdin(Stdio::null())
        .spawn()
        .map_err(failed)?;
    wait(child, limit).map_err(failed)?.ok_or_else(|| format!("e2fsck {how} took over {limit:?}"))
}

/// The child's status, or `None` when it had to be ended after `limit`.
fn wait(mut child: Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let end = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= end {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        sleep(Duration::from_millis(20));
    }
}

/// What the superblock says about how the file system was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Superblock {
    /// `s_state`: bit 0 cleanly unmounted, bit 1 errors seen.
    state: u16,
    /// `s_feature_incompat`: bit 2 the journal must be replayed.
    incompatible: u32,
}

impl Superblock {
    /// Reads the ext2/3/4 superblock (Linux: Documentation/filesystems/ext4/super.rst); `None` when
    /// there is none.
    fn read<D: Read + Seek>(device: &mut D) -> std::io::Result<Option<Self>> {
        let mut block = [0; 1024];
        device.seek(SeekFrom::Start(1024))?;
        device.read_exact(&mut block)?;
        if block[56..58] != [0x53, 0xef] {
            return Ok(None);
        }
        Ok(Some(Superblock {
            state: u16::from_le_bytes([block[58], block[59]]),
            incompatible: u32::from_le_bytes([block[96], block[97], block[98], block[99]]),
        }))
    }

    fn needs_check(self) -> bool {
        self.state & 3 != 1 || self.incompatible & 4 != 0
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn a_fresh_file_system_needs_no_check_and_a_torn_one_does() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(8 << 20).unwrap();
        let made = Command::new("/sbin/mke2fs").args(["-q", "-t", "ext4"]).arg(file.path()).status();
        let Ok(true) = made.map(|status| status.success()) else {
            eprintln!("skipped: mke2fs is not installed");
            return;
        };
        let mut disk = std::fs::read(file.path()).unwrap();
        let read = |disk: &[u8]| Superblock::read(&mut Cursor::new(disk)).unwrap().unwrap();
        assert!(!read(&disk).needs_check());
        disk[1024 + 96] |= 4;
        assert!(read(&disk).needs_check());
        disk[1024 + 96] &= !4;
        disk[1024 + 58] |= 2;
        assert!(read(&disk).needs_check());
        disk[1024 + 57] = 0;
        assert_eq!(Superblock::read(&mut Cursor::new(&disk)).unwrap(), None);
    }

    #[test]
    fn a_check_that_hangs_is_ended() {
        let child = Command::new("sleep").arg("60").spawn().unwrap();
        assert_eq!(wait(child, Duration::from_millis(100)).unwrap(), None);
    }
}
