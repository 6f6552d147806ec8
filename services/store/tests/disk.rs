//! Disks that are full or read-only, on a small file system of our own. Needs to be root.

mod common;

use common::*;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::path::{Path, PathBuf};
use store::{Compression, Config, Limits};

/// A tmpfs that goes with this value.
struct Disk {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl Disk {
    fn new(size: &str) -> Option<Disk> {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("disk");
        std::fs::create_dir(&path).expect("made");
        let options = format!("size={size}");
        match mount(Some("tmpfs"), &path, Some("tmpfs"), MsFlags::empty(), Some(options.as_str())) {
            Ok(()) => Some(Disk { _dir: dir, path }),
            Err(e) => {
                eprintln!("skipped: a tmpfs cannot be mounted here: {e}");
                None
            }
        }
    }

    fn read_only(&self, yes: bool) -> bool {
        let flags = MsFlags::MS_REMOUNT | if yes { MsFlags::MS_RDONLY } else { MsFlags::empty() };
        mount(None::<&Path>, &self.path, None::<&Path>, flags, None::<&str>).is_ok()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = umount2(&self.path, MntFlags::MNT_DETACH);
    }
}

fn plain(root: &Path) -> Config {
    Config { compression: Compression::None, limits: Limits::default(), ..config(root) }
}

#[test]
fn a_full_disk_rolls_the_oldest_out() {
    let Some(disk) = Disk::new("2m") else { return };
    let root = disk.path.join("archive");
    let (mut archive, told) = open(plain(&root));
    // Half as much again as fits, in intervals of about 100 kB.
    let len = record(0, START).len() as u32;
    let per_file = 100_000 / len;
    let mut seq = 0;
    for bin in 0..400i64 {
        let now = START + bin * 300;
        for _ in 0..per_file {
            put(&mut archive, seq, now, now);
            seq += 1;
        }
        archive.sync(now);
        archive.rotate();
        // The worker makes room; the records wait meanwhile.
        if !archive.state().fault.is_empty() {
            wait_for("room", || {
                std::thread::sleep(std::time::Duration::from_millis(200));
                archive.tick(now);
                archive.state().fault.is_empty()
            });
        }
        if archive.state().expired > 8 {
            break;
        }
    }
    let state = archive.close(true);
    assert!(state.expired > 8, "{state:?}");
    assert_eq!(state.dropped, 0, "{}", told.text());
    assert_eq!((state.records, state.synced_records), (u64::from(seq), u64::from(seq)));
    let kept = all_seqs(&root);
    assert_eq!(kept.last(), Some(&(seq - 1)), "the newest is there");
    assert_eq!(
        kept,
        (seq - kept.len() as u32..seq).collect::<Vec<_>>(),
        "and all that are newer than the oldest"
    );
    assert!(kept.len() as u32 * len > 1_000_000, "most of the disk is used");
    check_sums(&root);
}

#[test]
fn nothing_to_roll_out_is_counted_and_survived() {
    let Some(disk) = Disk::new("1m") else { return };
    let root = disk.path.join("archive");
    let (mut archive, told) = open(plain(&root));
    put(&mut archive, 0, START, START);
    archive.sync(START);
    // Somebody else fills the disk.
    let filler = disk.path.join("filler");
    let _ = std::fs::write(&filler, vec![1; 2 << 20]);
    for seq in 1..5000 {
        put(&mut archive, seq, START, START);
    }
    archive.sync(START);
    let state = archive.state();
    assert!(state.fault.contains("No space left"), "{state:?}");
    assert!(told.text().contains("write: No space left"), "{}", told.text());
    assert_eq!(state.synced_records, 1);
    // What waits is bounded; beyond that records are dropped and counted.
    let len = record(0, START).len() as u64;
    let mut seq = 5000;
    while archive.state().dropped < 10 {
        put(&mut archive, seq, START, START);
        seq += 1;
        assert!(u64::from(seq) * len < 64 << 20, "waits without bound");
    }
    // A crash now loses what waited, not what was synced; and when there is room again it goes on.
    std::fs::remove_file(&filler).expect("removed");
    let dropped = archive.state().dropped;
    assert!(disk_grow(&disk));
    wait_for("the disk to take it", || {
        archive.tick(START);
        archive.state().fault.is_empty()
    });
    assert!(told.text().contains("writing works again"), "{}", told.text());
    let state = archive.close(true);
    assert_eq!(state.records, state.synced_records + state.dropped);
    assert!(state.dropped >= dropped);
    let kept = all_seqs(&root);
    assert_eq!(kept.len() as u64, state.synced_records);
}

fn disk_grow(disk: &Disk) -> bool {
    let flags = MsFlags::MS_REMOUNT;
    mount(None::<&Path>, &disk.path, None::<&Path>, flags, Some("size=100m")).is_ok()
}

#[test]
fn a_read_only_disk_is_told_and_survived() {
    let Some(disk) = Disk::new("4m") else { return };
    let root = disk.path.join("archive");
    let (mut archive, told) = open(plain(&root));
    assert!(disk.read_only(true));
    put(&mut archive, 1, START, START);
    archive.sync(START);
    let state = archive.state();
    assert!(state.fault.contains("Read-only"), "{state:?}");
    assert_eq!((state.synced_records, state.dropped), (0, 0));
    assert!(told.text().contains("Read-only file system"), "{}", told.text());
    assert!(disk.read_only(false));
    wait_for("the disk to take it", || {
        archive.tick(START);
        archive.state().fault.is_empty()
    });
    archive.close(true);
    assert_eq!(all_seqs(&root), [1]);
}
