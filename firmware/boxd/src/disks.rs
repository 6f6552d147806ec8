//! The device node of a partition, found by its unique id on whatever disk it is.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::gpt;

/// How long between two looks at the disks.
const PAUSE: Duration = Duration::from_millis(50);

/// Waits until partition `id` is there; `None` when `wait` has passed.
pub fn wait_for(id: &str, wait: Duration) -> Option<PathBuf> {
    let end = Instant::now() + wait;
    loop {
        if let Some(device) = find(id) {
            return Some(device);
        }
        if Instant::now() >= end {
            return None;
        }
        sleep(PAUSE);
    }
}

/// The device of partition `id`, such as `/dev/vda3`.
pub fn find(id: &str) -> Option<PathBuf> {
    disks().into_iter().find_map(|disk| partition_of(&disk, id))
}

/// The type id of EFI system partitions (UEFI specification 2.10, table 5.7).
const EFI_SYSTEM: &str = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";

/// The devices of all EFI system partitions, by name of their disks.
pub fn efi_system_partitions() -> Vec<PathBuf> {
    let found = |disk: PathBuf| {
        let partitions = table(&disk).ok().flatten().unwrap_or_default();
        let wanted = partitions.into_iter().filter(|partition| partition.kind == EFI_SYSTEM);
        wanted.filter_map(|partition| device(&disk, partition.number)).collect::<Vec<_>>()
    };
    disks().into_iter().flat_map(found).collect()
}

/// What there is, for the message of a boot that failed: `vda (4 partitions), sda (no table)`.
pub fn describe() -> String {
    let each: Vec<String> = disks()
        .iter()
        .map(|disk| {
            let name = disk.file_name().unwrap_or_default().to_string_lossy();
            match table(disk) {
                Ok(Some(found)) => format!("{name} ({} partitions)", found.len()),
                Ok(None) => format!("{name} (no partition table)"),
                Err(error) => format!("{name} ({error})"),
            }
        })
        .collect();
    if each.is_empty() { "no disk at all".into() } else { each.join(", ") }
}

/// The folders of whole disks in /sys that have a size, by name.
fn disks() -> Vec<PathBuf> {
    let entries = fs::read_dir("/sys/block").into_iter().flatten().flatten();
    let mut disks: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|disk| number(&disk.join("size")) != Some(0)).collect();
    disks.sort();
    disks
}

fn partition_of(disk: &Path, id: &str) -> Option<PathBuf> {
    let wanted = table(disk).ok()??.into_iter().find(|partition| partition.id == id)?;
    device(disk, wanted.number)
}

/// The device node of a disk's partition; `None` while the kernel has not read the table.
fn device(disk: &Path, wanted: u32) -> Option<PathBuf> {
    let name = fs::read_dir(disk)
        .ok()?
        .flatten()
        .find(|entry| number(&entry.path().join("partition")) == Some(u64::from(wanted)))?;
    let device = Path::new("/dev").join(name.file_name());
    device.exists().then_some(device)
}

fn table(disk: &Path) -> std::io::Result<Option<Vec<gpt::Partition>>> {
    let name = disk.file_name().unwrap_or_default();
    let sector = number(&disk.join("queue/logical_block_size")).unwrap_or(512);
    // In units of 512 octets, whatever the sectors of the disk.
    let units = number(&disk.join("size")).unwrap_or(0);
    let sectors = units.saturating_mul(512) / sector.max(512);
    gpt::partitions(&mut File::open(Path::new("/dev").join(name))?, sector, sectors)
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}
