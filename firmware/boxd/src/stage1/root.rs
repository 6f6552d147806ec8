//! The root file system: mounted, furnished with what must change, and entered.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chroot, symlink};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use nix::sys::statfs::{FsType, TMPFS_MAGIC, statfs};

use super::Failure;

/// `RAMFS_MAGIC` of linux/magic.h: what an initramfs is when it is no tmpfs.
const RAMFS_MAGIC: FsType = FsType(0x8584_58f6);

/// The kernel's own file systems, by mount point; the same in the initramfs and in the root.
pub const KERNEL: [(&str, &str); 3] = [("proc", "proc"), ("sysfs", "sys"), ("devtmpfs", "dev")];

/// Mount points on memory: their `tmpfs` options.
const VOLATILE: [(&str, &str); 3] =
    [("run", "mode=0755,size=20%"), ("tmp", "mode=1777,size=20%"), ("var", "mode=0755,size=10%")];

/// Folders that Debian's programs look for below `/var`.
const VAR: [&str; 5] = ["cache", "empty", "lib", "log", "spool"];

/// Where the overlay keeps the scan directory that s6-svscan starts with.
const SCAN: &str = "/usr/lib/panoptes/scan";

/// Mounts `proc`, `sys` and `dev` below `/` for stage 1 itself.
pub fn mount_kernel() -> Result<(), Failure> {
    for (kind, at) in KERNEL {
        let target = Path::new("/").join(at);
        let doing = || format!("mounting {}", target.display());
        fs::create_dir_all(&target).map_err(|error| Failure::new(doing(), error))?;
        match mount(Some(kind), &target, Some(kind), MsFlags::MS_NOSUID, None::<&str>) {
            // The kernel may have mounted devtmpfs by itself.
            Ok(()) | Err(nix::errno::Errno::EBUSY) => {}
            Err(error) => return Err(Failure::new(doing(), error)),
        }
    }
    Ok(())
}

/// Mounts the squashfs of the slot, which is the partition itself in this image. When slots carry a
/// dm-verity tree, the device that is mounted here is the mapped one. Until all modules are `loaded`,
/// that of the file system may still come.
pub fn mount_root(device: &Path, root: &Path, loaded: impl Fn() -> bool) -> Result<(), Failure> {
    let doing = || format!("mounting the root file system {}", device.display());
    fs::create_dir_all(root).map_err(|error| Failure::new(doing(), error))?;
    loop {
        let last = loaded();
        let flags = MsFlags::MS_RDONLY | MsFlags::MS_NODEV;
        match mount(Some(device), root, Some("squashfs"), flags, None::<&str>) {
            Ok(()) => return Ok(()),
            Err(nix::errno::Errno::ENODEV) if !last => sleep(Duration::from_millis(20)),
            Err(error) => return Err(Failure::new(doing(), error)),
        }
    }
}

/// Moves the kernel's file systems into the root and puts memory where the root must be writable.
pub fn furnish(root: &Path) -> Result<(), Failure> {
    for (_, at) in KERNEL {
        let (from, to) = (Path::new("/").join(at), root.join(at));
        mount(Some(&from), &to, None::<&str>, MsFlags::MS_MOVE, None::<&str>)
            .map_err(|error| Failure::new(format!("moving {} to {}", from.display(), to.display()), error))?;
    }
    for (at, options) in VOLATILE {
        let target = root.join(at);
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some(at), &target, Some("tmpfs"), flags, Some(options))
            .map_err(|error| Failure::new(format!("mounting {}", target.display()), error))?;
    }
    let var = root.join("var");
    for folder in VAR {
        fs::create_dir(var.join(folder))
            .map_err(|error| Failure::new(format!("making /var/{folder}"), error))?;
    }
    symlink("/run", var.join("run")).map_err(|error| Failure::new("making /var/run".into(), error))?;
    fs::create_dir(root.join("run/panoptes"))
        .map_err(|error| Failure::new("making /run/panoptes".into(), error))
}

/// Copies the scan directory to where s6-svscan may write in it.
pub fn lay_services() -> Result<(), Failure> {
    copy(Path::new(SCAN), Path::new(super::SERVICE))
        .map_err(|error| Failure::new(format!("copying {SCAN} to {}", super::SERVICE), error))
}

/// Copies a folder with its files, links and permissions.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy(&source, &target)?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(&source)?, &target)?;
        } else {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

/// Gives back the initramfs's memory, makes `root` the root, and works in it.
pub fn enter(root: &Path) -> Result<(), Failure> {
    let failure = |doing: &str| {
        let doing = doing.to_owned();
        move |error: io::Error| Failure::new(doing, error)
    };
    std::env::set_current_dir(root).map_err(failure("entering the root file system"))?;
    empty_initramfs();
    mount(Some("."), "/", None::<&str>, MsFlags::MS_MOVE, None::<&str>)
        .map_err(|error| Failure::new("moving the root file system to /".into(), error))?;
    chroot(".").map_err(failure("changing to the root file system"))?;
    std::env::set_current_dir("/").map_err(failure("entering /"))
}

/// Deletes the initramfs's files, if `/` is one: they would stay in memory for as long as the box runs.
fn empty_initramfs() {
    let memory = |kind: FsType| kind == RAMFS_MAGIC || kind == TMPFS_MAGIC;
    let (Ok(kind), Ok(root)) = (statfs("/"), fs::metadata("/")) else { return };
    if memory(kind.filesystem_type()) {
        empty(Path::new("/"), root.dev());
    }
}

/// Deletes what is below `folder` on file system `device`. What cannot be deleted stays: memory is all
/// that is lost.
fn empty(folder: &Path, device: u64) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path: PathBuf = entry.path();
        match fs::symlink_metadata(&path) {
            Ok(data) if data.dev() != device => {}
            Ok(data) if data.is_dir() => {
                empty(&path, device);
                let _ = fs::remove_dir(&path);
            }
            Ok(_) => {
                let _ = fs::remove_file(&path);
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_keep_links_and_permissions() {
        let base = tempfile::tempdir().unwrap();
        let from = base.path().join("from");
        fs::create_dir_all(from.join("boxd/log")).unwrap();
        fs::write(from.join("boxd/run"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(from.join("boxd/run"), fs::Permissions::from_mode(0o755)).unwrap();
        symlink("../elsewhere", from.join("boxd/log/run")).unwrap();
        let to = base.path().join("to");
        copy(&from, &to).unwrap();
        assert_eq!(fs::metadata(to.join("boxd/run")).unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!(fs::read_link(to.join("boxd/log/run")).unwrap(), Path::new("../elsewhere"));
    }

    #[test]
    fn emptying_stays_on_its_file_system() {
        let base = tempfile::tempdir().unwrap();
        fs::create_dir_all(base.path().join("a/b")).unwrap();
        fs::write(base.path().join("a/b/c"), "x").unwrap();
        let device = fs::metadata(base.path()).unwrap().dev();
        empty(base.path(), device + 1);
        assert!(base.path().join("a/b/c").exists());
        empty(base.path(), device);
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
    }
}
