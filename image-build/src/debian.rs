//! Debian packages, fetched by mmdebstrap into folders that are kept until the list of packages changes.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::tool::{run, tool};

/// The Debian release that the programs are linked on and that the image is made of.
pub const SUITE: &str = "bookworm";

/// Packages unpacked, not configured: a folder of their files and their names with versions.
#[derive(Debug)]
pub struct Packages {
    /// The folder that their files are in.
    pub root: PathBuf,
    /// `name_version_architecture`, one for each package that was unpacked, sorted.
    pub names: Vec<String>,
}

/// Stops unless the build machine is the release that the image is made of: the programs would ask for another libc
/// than the image has.
pub fn check_release() -> Result<()> {
    let path = Path::new("/etc/os-release");
    check_release_text(&fs::read_to_string(path).map_err(Error::io("reading", path))?)
}

fn check_release_text(text: &str) -> Result<()> {
    let value = |key: &str| -> Option<&str> {
        text.lines().find_map(|line| Some(line.strip_prefix(key)?.strip_prefix('=')?.trim_matches('"')))
    };
    if value("ID") == Some("debian") && value("VERSION_CODENAME") == Some(SUITE) {
        return Ok(());
    }
    Err(Error::Input(format!(
        "this machine is {}, but the image takes libc and libpcap from Debian {SUITE}: build on Debian {SUITE}, or in a \
         build root made by `mmdebstrap --include=build-essential,git,ca-certificates {SUITE} FOLDER`",
        value("PRETTY_NAME").unwrap_or("of unknown release")
    )))
}

/// The packages in `list` (see `lists/packages`) and what they depend on, from `cache` or from Debian's mirrors.
pub fn fetch(list: &str, cache: &Path) -> Result<Packages> {
    let mut wanted = crate::lists::lines(list);
    wanted.sort_unstable();
    let include = wanted.join(",");
    let digest = Sha256::digest(format!("{SUITE} amd64 {include}"));
    let key: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let folder = cache.join(format!("debian-{key}"));
    if !folder.is_dir() {
        eprintln!("image-build: fetching {include}");
        fetch_into(&include, &folder)?;
    }
    let list = folder.join("packages");
    let names = fs::read_to_string(&list).map_err(Error::io("reading", &list))?;
    let mut names: Vec<String> =
        names.lines().filter_map(|name| Some(name.strip_suffix(".deb")?.replace("%3a", ":"))).collect();
    names.sort_unstable();
    Ok(Packages { root: folder, names })
}

/// A tar archive between the two programs, so that neither root nor user namespaces on the cache folder are needed.
fn fetch_into(include: &str, folder: &Path) -> Result<()> {
    let partial = folder.with_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(Error::io("removing", &partial))?;
    }
    fs::create_dir_all(&partial).map_err(Error::io("making", &partial))?;
    let archive = folder.with_extension("tar");
    run(tool("mmdebstrap", 0)
        .args(["--variant=extract", "--format=tar", "--components=main,non-free-firmware"])
        .arg(format!("--include={include}"))
        .arg("--aptopt=APT::Install-Recommends \"false\"")
        .arg("--extract-hook=ls \"$1/var/cache/apt/archives\" > \"$1/packages\"")
        .arg(SUITE)
        .arg(&archive))?;
    run(tool("tar", 0)
        .args(["--no-same-owner", "--exclude=./dev", "-xf"])
        .arg(&archive)
        .arg("-C")
        .arg(&partial))?;
    fs::remove_file(&archive).map_err(Error::io("removing", &archive))?;
    fs::rename(&partial, folder).map_err(Error::io("renaming", &partial))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_release_gets_a_clear_message() {
        check_release_text("ID=debian\nVERSION_CODENAME=bookworm\n").unwrap();
        let message = check_release_text("PRETTY_NAME=\"Fedora 40\"\nID=fedora\n").unwrap_err().to_string();
        assert!(message.starts_with("this machine is Fedora 40, but the image"), "{message}");
        let message = check_release_text("ID=debian\nVERSION_CODENAME=trixie\n").unwrap_err().to_string();
        assert!(message.contains("build on Debian bookworm"), "{message}");
    }
}
