//! The disk that is written: the same every time, and what firmware, GRUB and kernel look for is in its place.

#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use image_build::disk::{self, Content, DISK_SIZE, Part};
use image_build::identity::Identity;
use image_build::slot::{BOOT_AREA, BootArea};
use image_build::tool;

fn identity() -> Identity {
    Identity { version: "1.2.3".into(), commit: "0123abcd".into(), epoch: 1_700_000_000 }
}

fn build(folder: &Path, name: &str) -> PathBuf {
    let root = folder.join("root.squashfs");
    fs::write(&root, b"hsqs and so on").unwrap();
    let boot = BootArea::build(&[0x4d; 9000], &[0x28; 5000], 14).unwrap();
    let work = folder.join(name);
    fs::create_dir(&work).unwrap();
    let target = work.join("disk.img");
    disk::write(&target, &Content { root: &root, boot: &boot }, &identity(), &work).unwrap();
    target
}

fn read(file: &File, at: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, at).unwrap();
    bytes
}

/// The file as an archive that leaves its holes out.
fn packed(disk: &Path) -> Vec<u8> {
    let mut tar = tool::tool("tar", 0);
    tar.args(["--sparse", "--mtime=@0", "-cf", "-", "-C"]).arg(disk.parent().unwrap()).arg("disk.img");
    tool::run(&mut tar).unwrap()
}

#[test]
fn it_is_the_same_every_time_and_everything_is_in_its_place() {
    if let Err(error) = tool::check_programs() {
        eprintln!("skipped: {error}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let one = build(folder.path(), "one");
    // A second later, since times must not get into it.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let other = build(folder.path(), "other");
    assert_eq!(packed(&one), packed(&other));

    let data = fs::metadata(&one).unwrap();
    assert_eq!(data.len(), DISK_SIZE);
    assert!(data.blocks() * 512 < 100 << 20, "the file is not sparse");

    let disk = File::open(&one).unwrap();
    // Boot code with the core image's first sector; the signature; the GPT's.
    assert_eq!(read(&disk, 0x5c, 8), (Part::BiosBoot.start() / 512).to_le_bytes());
    assert_eq!(read(&disk, 510, 2), [0x55, 0xaa]);
    assert_eq!(read(&disk, 512, 8), b"EFI PART");
    for copy in [0, 4096] {
        assert!(
            read(&disk, Part::Environment.start() + copy, 1024)
                .starts_with(b"# GRUB Environment Block\nslot=a\n")
        );
    }
    assert_eq!(read(&disk, Part::SlotA.start(), 4), b"hsqs");
    assert!(read(&disk, Part::SlotA.start() + BOOT_AREA, 64).starts_with(b"# What GRUB must know"));
    // ext4's magic number, in the superblock 1 KiB behind the partition's start.
    assert_eq!(read(&disk, Part::Data.start() + 1024 + 56, 2), [0x53, 0xef]);

    let volume = format!("{}@@{}", one.display(), Part::Esp.start());
    let listed = tool::run(tool::tool("mdir", 0).args(["-b", "-/", "-i", &volume, "::"])).unwrap();
    let listed = String::from_utf8(listed).unwrap();
    for path in ["::/EFI/BOOT/BOOTX64.EFI", "::/grub/grub.cfg", "::/seed/"] {
        assert!(listed.lines().any(|line| line == path), "{path} is not among {listed}");
    }
    let grub = tool::run(tool::tool("mtype", 0).args(["-i", &volume, "::/grub/grub.cfg"])).unwrap();
    let grub = String::from_utf8(grub).unwrap();
    for part in [Part::SlotA, Part::SlotB, Part::Data, Part::Environment, Part::Esp] {
        let uuid = identity().uuid(part.name());
        assert!(grub.contains(&uuid), "grub.cfg does not name {}", part.name());
        let table =
            tool::run(tool::tool("sfdisk", 0).arg("--part-uuid").arg(&one).arg(part.number().to_string()))
                .unwrap();
        assert_eq!(String::from_utf8(table).unwrap().trim().to_lowercase(), uuid);
    }
}
