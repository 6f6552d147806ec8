//! Deleting the oldest files as the limits say.

use crate::error::{Doing, Error, sync_folder};
use crate::inventory::Inventory;
use crate::layout::{Name, files};
use crate::manifest;
use std::path::Path;

/// What the archive may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Limits {
    /// Seconds that a file is kept; `None`: for ever.
    pub age: Option<u64>,
    /// Octets of all files; `None`: no limit.
    pub bytes: Option<u64>,
    /// Percent of the file system that stay free, 0–100.
    pub free_percent: u8,
}

/// Octets of a file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// Free to us.
    pub free: u64,
    /// All.
    pub total: u64,
}

/// The space where the archive lies.
pub(crate) fn space(root: &Path) -> Result<Space, Error> {
    let s = nix::sys::statvfs::statvfs(root).doing("examine", root)?;
    // The types of these fields differ between architectures.
    #[allow(clippy::useless_conversion, clippy::unnecessary_cast)]
    let (unit, free, total) = (s.fragment_size() as u64, s.blocks_available() as u64, s.blocks() as u64);
    Ok(Space { free: free.saturating_mul(unit), total: total.saturating_mul(unit) })
}

/// The limit that the oldest file breaks, if any. Age is counted from the clock, but no further than the newest file, so
/// that a clock that is wrong at boot deletes nothing.
pub(crate) fn broken(
    limits: &Limits,
    inventory: &Inventory,
    split: i64,
    now: i64,
    space: Space,
) -> Option<&'static str> {
    let oldest = inventory.oldest()?;
    if let (Some(age), Some(newest)) = (limits.age, inventory.newest()) {
        let reference = now.min(newest.saturating_add(split));
        let end = oldest.time.saturating_add(split);
        if reference.saturating_sub(end) > i64::try_from(age).unwrap_or(i64::MAX) {
            return Some("age");
        }
    }
    if limits.bytes.is_some_and(|most| inventory.bytes() > most) {
        return Some("bytes");
    }
    let wanted = u128::from(space.total) * u128::from(limits.free_percent.min(100));
    (u128::from(space.free) * 100 < wanted).then_some("free space")
}

/// Deletes one file, its checksum, and its folders when they are empty.
pub(crate) fn delete(root: &Path, name: Name) -> Result<(), Error> {
    let path = root.join(name.path());
    let day = root.join(name.folder());
    // The file first: on a full disk nothing else can be written before.
    match std::fs::remove_file(&path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Error::new("remove", &path, e)),
        _ => {}
    }
    if files(&day).is_ok_and(|f| f.is_empty()) {
        let _ = std::fs::remove_file(day.join(crate::layout::MANIFEST));
        // Folders with anything else in them stay.
        let mut folder = day.as_path();
        while folder != root && std::fs::remove_dir(folder).is_ok() {
            folder = folder.parent().unwrap_or(root);
        }
        return sync_folder(folder);
    }
    let mut sums = manifest::read(&day)?;
    if sums.remove(&name.file()).is_some() {
        manifest::write(&day, &sums)?;
    }
    sync_folder(&day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Stage;

    #[test]
    fn each_limit_binds() {
        let mut inventory = Inventory::default();
        let name = |time| Name::new(time, Stage::Packed);
        let space = Space { free: 20, total: 100 };
        let now = 1_700_000_000;
        let limits = Limits { age: Some(3600), bytes: Some(100), free_percent: 10 };
        assert_eq!(broken(&limits, &inventory, 300, now, Space::default()), None);
        inventory.insert(name(now - 3600), 60);
        inventory.insert(name(now - 300), 40);
        assert_eq!(broken(&limits, &inventory, 300, now, space), None);
        // The clock is a year ahead: nothing new was written, nothing is deleted.
        assert_eq!(broken(&limits, &inventory, 300, now + 31_536_000, space), None);
        assert_eq!(broken(&limits, &inventory, 300, now, Space { free: 9, total: 100 }), Some("free space"));
        inventory.insert(name(now), 1);
        assert_eq!(broken(&limits, &inventory, 300, now, space), Some("bytes"));
        inventory.insert(name(now + 900), 1);
        assert_eq!(broken(&limits, &inventory, 300, now + 900, space), Some("age"));
        inventory.remove(name(now - 3600));
        assert_eq!(broken(&limits, &inventory, 300, now + 900, space), None);
    }
}
