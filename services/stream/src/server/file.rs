//! Files of the archive for clients that ask by `FILE: `, and nothing else (transport chapter 2.8).

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Component, Path, PathBuf};

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

use crate::open::read_up_to;

/// Opens `path` inside `root` and returns it with its length. `None` for everything that is not a regular file below
/// `root` that begins like an argus or compressed file: paths with `..`, links that lead out, other files.
pub(super) fn open(root: &Path, path: &str) -> Option<(File, u32)> {
    let inside = inside(root, path)?;
    let folder = File::open(root).ok()?;
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let mut file = File::from(openat2(&folder, &inside, how).ok()?);
    let kind = file.metadata().ok()?;
    let length = u32::try_from(kind.len()).ok()?;
    if !kind.is_file() || !begins_well(&mut file).ok()? {
        return None;
    }
    Some((file, length))
}

/// The path relative to `root`. Clients write it absolute, with or without the root in front, and with two slashes.
fn inside(root: &Path, path: &str) -> Option<PathBuf> {
    let plain: PathBuf = Path::new(path)
        .components()
        .filter(|c| !matches!(c, Component::RootDir | Component::CurDir))
        .collect();
    if plain.components().any(|c| !matches!(c, Component::Normal(_))) {
        return None;
    }
    let root = root.strip_prefix("/").unwrap_or(root);
    let inside = plain.strip_prefix(root).map(Path::to_path_buf).unwrap_or(plain);
    (inside.as_os_str() != "").then_some(inside)
}

fn begins_well(file: &mut File) -> io::Result<bool> {
    let mut head = [0; 16];
    let got = read_up_to(&mut file.by_ref(), &mut head)?;
    file.rewind()?;
    let head = head.get(..got).unwrap_or_default();
    let argus = matches!(head.get(8..12), Some([0xe5, 0x71, 0x2d | 0x50, 0xcb]));
    let compressed = [&[0x1f, 0x8b][..], b"BZh", b"\xfd7zXZ\0", &[0x28, 0xb5, 0x2f, 0xfd]];
    Ok(argus || compressed.iter().any(|magic| head.starts_with(magic)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serves_only_the_archive() {
        let root = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let mut argus = vec![0x83, 0x10, 0, 0x20, 0, 0, 0, 0, 0xe5, 0x71, 0x2d, 0xcb];
        argus.resize(128, 0);
        std::fs::create_dir_all(root.path().join("2026/01")).unwrap();
        std::fs::write(root.path().join("2026/01/a"), &argus).unwrap();
        std::fs::write(root.path().join("text"), "not a record").unwrap();
        std::fs::write(outside.path().join("a"), &argus).unwrap();
        std::os::unix::fs::symlink("2026/01/a", root.path().join("link")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("a"), root.path().join("out")).unwrap();
        std::os::unix::fs::symlink("/etc", root.path().join("etc")).unwrap();

        let full = format!("/{}/2026/01/a", root.path().display());
        for path in ["/2026/01/a", "//2026/01/a", "2026/./01/a", "/link", full.as_str()] {
            assert_eq!(open(root.path(), path).map(|f| f.1), Some(128), "{path}");
        }
        let other = format!("/{}/a", outside.path().display());
        for path in [
            "/text",
            "/2026",
            "/",
            "",
            "/out",
            "/etc/passwd",
            "/../a",
            "2026/../2026/01/a",
            "/missing",
            "/etc/../2026",
            other.as_str(),
        ] {
            assert!(open(root.path(), path).is_none(), "{path}");
        }
    }
}
