//! Builds the bootable disk image from Debian packages and this tree.
//!
//! Shared libpcap: the programs are linked with Debian's `libpcap.so.0.8`, and the image takes that library and what it
//! needs (libdbus, libsystemd, libgcrypt and a few small ones, 1.5 MB compressed) from the same release. A lean libpcap
//! built here from source would be smaller, but it would be a fork of the one library that reads hostile packets first:
//! this way its fixes come with Debian's security updates, and tests on the build machine run the very library that the
//! box runs. The build checks that every symbol version that a program asks for is in the image's libraries.
//!
//! The order of things: Debian's packages ([`debian`]) are pruned to `lists/files` and joined by our programs, the kernel's
//! modules and `os-overlay` ([`root`], [`kernel`]); `boxd` and the modules for disks make the initramfs ([`initramfs`]);
//! squashfs, kernel and initramfs make a slot ([`slot`]); GRUB, slot and an empty data partition make the disk
//! ([`disk`], [`grub`]). The same version, commit and packages give the same bytes.
//!
//! # What the booting system finds
//!
//! - `/init` is `boxd`, started as `/init init`. `/modules/load` names modules to load, in order; one that finds no
//!   hardware may fail.
//! - Kernel command line: `panoptes.slot=a|b`, and `panoptes.root=`, `panoptes.data=`, `panoptes.env=`, `panoptes.esp=`,
//!   each `PARTUUID=<uuid>`.
//! - The slot's partition is a squashfs. `/etc/os-release` has `VERSION_ID` and `BUILD_ID` (the commit).
//! - The partition `boot-environment` has two copies of GRUB's environment block ([`grub::ENVIRONMENT_COPIES`]) with the
//!   variable `slot`.

#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};

pub mod debian;
pub mod disk;
pub mod elf;
pub mod error;
pub mod grub;
pub mod identity;
pub mod initramfs;
pub mod kernel;
pub mod lists;
pub mod root;
pub mod slot;
pub mod tool;
pub mod tree;

pub use error::{Error, Result};

/// Where things are and go.
#[derive(Debug, Clone)]
pub struct Options {
    /// The top of the source tree.
    pub tree: PathBuf,
    /// Folder that the image is written to.
    pub out: PathBuf,
    /// Folder that fetched packages are kept in.
    pub cache: PathBuf,
    /// Folder with the release binaries.
    pub programs: PathBuf,
    /// Whether to build the lab's image: the same with `image-build/lab-overlay`, a root shell on a virtio port.
    pub lab: bool,
}

/// Builds the image and gives back its path, `<out>/panoptes-<version>-x86_64.img` (`…-lab.img`).
pub fn build(options: &Options) -> Result<PathBuf> {
    debian::check_release()?;
    tool::check_programs()?;
    let identity = identity::Identity::of(&options.tree)?;
    fs::create_dir_all(&options.cache).map_err(Error::io("making", &options.cache))?;
    let packages = debian::fetch(lists::PACKAGES, &options.cache)?;
    let firmware = debian::fetch(lists::FIRMWARE_PACKAGES, &options.cache)?;
    let kernel = kernel::Kernel::open(&debian::fetch(lists::KERNEL, &options.cache)?.root)?;
    let modules = kernel.select(lists::MODULES)?;

    let work = options.out.join(if options.lab { "work-lab" } else { "work" });
    if work.exists() {
        fs::remove_dir_all(&work).map_err(Error::io("removing", &work))?;
    }
    let programs = work.join("programs");
    fs::create_dir_all(&programs).map_err(Error::io("making", &programs))?;
    for program in lists::PROGRAMS {
        strip(&options.programs.join(program), &programs.join(program), identity.epoch)?;
    }
    let mut overlays = vec![options.tree.join("os-overlay")];
    if options.lab {
        overlays.push(options.tree.join("image-build/lab-overlay"));
    }
    let sources = root::Sources {
        packages: &packages,
        firmware: &firmware,
        kernel: &kernel,
        modules: &modules,
        programs: &programs,
        overlays: &overlays,
    };
    let root = root::Root::build(&sources, &identity)?;
    let initramfs = initramfs::build(&root, &modules, &identity)?;
    let squashfs = make_squashfs(&root, &kernel, &identity, &work)?;
    let root_size = fs::metadata(&squashfs).map_err(Error::io("reading", &squashfs))?.len();
    eprintln!(
        "image-build: root {} KiB, kernel {} KiB, initramfs {} KiB",
        root_size >> 10,
        kernel.image.len() >> 10,
        initramfs.len() >> 10
    );
    let boot = slot::BootArea::build(&kernel.image, &initramfs, root_size)?;
    let image = options.out.join(format!(
        "panoptes-{}-x86_64{}.img",
        identity.version,
        if options.lab { "-lab" } else { "" }
    ));
    disk::write(&image, &disk::Content { root: &squashfs, boot: &boot }, &identity, &work)?;
    fs::remove_dir_all(&work).map_err(Error::io("removing", &work))?;
    Ok(image)
}

/// Copies a program without what only debuggers read.
fn strip(source: &Path, target: &Path, epoch: u64) -> Result<()> {
    if !source.is_file() {
        return Err(Error::Input(format!("{} is not built: cargo build --release", source.display())));
    }
    tool::run(tool::tool("strip", epoch).arg("-o").arg(target).arg(source)).map(|_| ())
}

fn make_squashfs(
    root: &root::Root,
    kernel: &kernel::Kernel,
    identity: &identity::Identity,
    work: &Path,
) -> Result<PathBuf> {
    let folder = work.join("root");
    root.tree.write(&folder)?;
    tool::run(tool::tool("depmod", identity.epoch).arg("-b").arg(&folder).arg(&kernel.release))?;
    let target = work.join("root.squashfs");
    // Times come from SOURCE_DATE_EPOCH; mksquashfs sorts by itself.
    tool::run(
        tool::tool("mksquashfs", identity.epoch)
            .arg(&folder)
            .arg(&target)
            .args(["-quiet", "-no-progress", "-noappend", "-all-root", "-no-xattrs"])
            .args(["-comp", "zstd", "-Xcompression-level", "12", "-b", "256K"]),
    )?;
    Ok(target)
}
