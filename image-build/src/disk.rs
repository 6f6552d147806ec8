//! The disk: a GPT with everything in its place, written into a sparse file without root or loop devices.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::error::{Error, Result};
use crate::grub;
use crate::identity::Identity;
use crate::slot::{BOOT_AREA, BootArea};
use crate::tool::{run, run_with_input, tool};

/// 1 MiB in octets.
pub const MIB: u64 = 1 << 20;
/// Octets in a sector of the partition table.
pub const SECTOR: u64 = 512;
/// Size of the smallest disk that the image fits, in octets: the size of the image.
pub const DISK_SIZE: u64 = 4096 * MIB;
/// Size of a slot in octets, fixed for the product's life.
pub const SLOT_SIZE: u64 = 768 * MIB;
/// Space kept at both ends for the partition tables, in octets.
const ENDS: u64 = MIB;

/// A partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// GRUB's core image for BIOS.
    BiosBoot,
    /// Two copies of GRUB's environment block.
    Environment,
    /// GRUB for UEFI, its configuration, and `seed/`.
    Esp,
    /// A system.
    SlotA,
    /// A system.
    SlotB,
    /// What the box keeps.
    Data,
}

/// All partitions in their order, with their sizes in octets.
pub const PARTITIONS: &[(Part, u64)] = &[
    (Part::BiosBoot, MIB),
    (Part::Environment, MIB),
    (Part::Esp, 256 * MIB),
    (Part::SlotA, SLOT_SIZE),
    (Part::SlotB, SLOT_SIZE),
    (Part::Data, DISK_SIZE - 2 * ENDS - (2 + 256) * MIB - 2 * SLOT_SIZE),
];

impl Part {
    /// Its name in the partition table.
    pub fn name(self) -> &'static str {
        match self {
            Part::BiosBoot => "bios-boot",
            Part::Environment => "boot-environment",
            Part::Esp => "esp",
            Part::SlotA => "slot-a",
            Part::SlotB => "slot-b",
            Part::Data => "data",
        }
    }

    /// Its number, from 1.
    pub fn number(self) -> usize {
        PARTITIONS.iter().take_while(|(part, _)| *part != self).count() + 1
    }

    /// Where it begins on the disk, in octets.
    pub fn start(self) -> u64 {
        ENDS + PARTITIONS.iter().take_while(|(part, _)| *part != self).map(|(_, size)| size).sum::<u64>()
    }

    /// Its size in octets.
    pub fn size(self) -> u64 {
        PARTITIONS.iter().find(|(part, _)| *part == self).map(|(_, size)| *size).unwrap_or(0)
    }

    /// Its type (UEFI specification 5.3.3; the discoverable partitions specification for Linux data; our own for the
    /// environment and the slots, so that no other system mounts them).
    fn kind(self) -> &'static str {
        match self {
            Part::BiosBoot => "21686148-6449-6E6F-744E-656564454649",
            Part::Environment => "7A8C5E16-3B1D-8A4B-9D27-5A1E0C6F4B01",
            Part::Esp => "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
            Part::SlotA | Part::SlotB => "7A8C5E16-3B1D-8A4B-9D27-5A1E0C6F4B02",
            Part::Data => "0FC63DAF-8483-4772-8E79-3D69D8477DE4",
        }
    }
}

/// What the disk is made of.
pub struct Content<'a> {
    /// The file with the squashfs for slot A.
    pub root: &'a Path,
    /// Slot A's boot area.
    pub boot: &'a BootArea,
}

/// Writes the disk into the file `target`, which appears when it is whole.
pub fn write(target: &Path, content: &Content, identity: &Identity, work: &Path) -> Result<()> {
    let partial = target.with_extension("partial");
    let _ = fs::remove_file(&partial);
    let disk = File::create(&partial).map_err(Error::io("making", &partial))?;
    disk.set_len(DISK_SIZE).map_err(Error::io("sizing", &partial))?;
    let put = |bytes: &[u8], at: u64| disk.write_all_at(bytes, at).map_err(Error::io("writing", &partial));

    run_with_input(
        tool("sfdisk", identity.epoch).args(["--quiet", "--no-reread", "--no-tell-kernel"]).arg(&partial),
        table(identity).as_bytes(),
    )?;

    let core = grub::core_image("i386-pc", identity, work)?;
    grub::check_core_size(&core)?;
    let (boot, core) = grub::bios(core, Part::BiosBoot.start() / SECTOR)?;
    put(&boot, 0)?;
    put(&core, Part::BiosBoot.start())?;

    let environment = grub::environment(&[("slot", "a")]);
    for at in grub::ENVIRONMENT_COPIES {
        put(&environment, Part::Environment.start() + at)?;
    }

    make_esp(&partial, identity, work)?;
    make_data(&partial, identity)?;
    copy(content.root, &disk, Part::SlotA.start())?;
    put(&content.boot.bytes, Part::SlotA.start() + BOOT_AREA)?;
    fs::rename(&partial, target).map_err(Error::io("renaming", &partial))
}

/// The partition table in sfdisk's language.
fn table(identity: &Identity) -> String {
    let mut text = format!(
        "label: gpt\nlabel-id: {}\nunit: sectors\nfirst-lba: 34\ntable-length: 128\n",
        identity.uuid("disk")
    );
    for &(part, size) in PARTITIONS {
        text.push_str(&format!(
            "start={}, size={}, type={}, uuid={}, name={}\n",
            part.start() / SECTOR,
            size / SECTOR,
            part.kind(),
            identity.uuid(part.name()),
            part.name()
        ));
    }
    text
}

/// Makes the ESP in its place on `disk`.
fn make_esp(disk: &Path, identity: &Identity, work: &Path) -> Result<()> {
    run(tool("mkfs.vfat", identity.epoch)
        .args(["--invariant", "-F", "32", "-s", "4", "-n", "PANOPTES", "-i"])
        .arg(identity.volume_id("esp"))
        .arg(format!("--offset={}", Part::Esp.start() / SECTOR))
        .args(["-h", &(Part::Esp.start() / SECTOR).to_string()])
        .arg(disk)
        .arg((Part::Esp.size() / 1024).to_string()))?;
    let core = work.join("BOOTX64.EFI");
    fs::write(&core, grub::core_image("x86_64-efi", identity, work)?).map_err(Error::io("writing", &core))?;
    let configuration = work.join("grub.cfg");
    fs::write(&configuration, grub::configuration(identity)).map_err(Error::io("writing", &configuration))?;
    let volume = format!("{}@@{}", disk.display(), Part::Esp.start());
    run(tool("mmd", identity.epoch).args(["-i", &volume, "::EFI", "::EFI/BOOT", "::grub", "::seed"]))?;
    for (source, name) in [(&core, "::EFI/BOOT/BOOTX64.EFI"), (&configuration, "::grub/grub.cfg")] {
        run(tool("mcopy", identity.epoch).args(["-i", &volume]).arg(source).arg(name))?;
    }
    Ok(())
}

/// Makes the data file system in its place on `disk`.
fn make_data(disk: &Path, identity: &Identity) -> Result<()> {
    let uuid = identity.uuid("data file system");
    run(tool("mke2fs", identity.epoch)
        .args(["-q", "-F", "-t", "ext4", "-b", "4096", "-L", "panoptes-data", "-m", "0", "-U", &uuid, "-E"])
        .arg(format!("offset={},hash_seed={uuid},root_owner=0:0,nodiscard", Part::Data.start()))
        .arg(disk)
        .arg(format!("{}k", Part::Data.size() / 1024)))?;
    Ok(())
}

/// Copies the file `source` to `at` on `disk`.
fn copy(source: &Path, mut disk: &File, at: u64) -> Result<()> {
    let mut file = File::open(source).map_err(Error::io("opening", source))?;
    disk.seek(SeekFrom::Start(at)).map_err(Error::io("copying", source))?;
    std::io::copy(&mut file, &mut disk).map_err(Error::io("copying", source))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_follow_each_other_and_fill_the_disk() {
        let mut end = MIB;
        for (number, (part, size)) in PARTITIONS.iter().enumerate() {
            assert_eq!(part.number(), number + 1);
            assert_eq!(part.start(), end);
            assert_eq!(part.size(), *size);
            end += size;
        }
        assert_eq!(end, DISK_SIZE - MIB);
    }

    #[test]
    fn copying_keeps_content_and_place() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source");
        let mut bytes = vec![0; 300_000];
        bytes[0] = 1;
        bytes[299_999] = 2;
        fs::write(&source, &bytes).unwrap();
        let path = folder.path().join("disk");
        let disk = File::create_new(&path).unwrap();
        disk.set_len(1 << 20).unwrap();
        copy(&source, &disk, 4096).unwrap();
        assert_eq!(&fs::read(&path).unwrap()[4096..4096 + 300_000], bytes.as_slice());
    }
}
