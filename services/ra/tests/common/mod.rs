//! What the tests share: the program, the shared folder, the C programs.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The program under test.
pub const RA: &str = env!("CARGO_BIN_EXE_ra");

/// A folder of the shared material, or `None` with a word about it.
pub fn shared(folder: &str) -> Option<PathBuf> {
    let root = match std::env::var_os("PANOPTES_SHARED") {
        Some(root) => PathBuf::from(root),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
    };
    let found = root.join(folder);
    if found.is_dir() {
        return Some(found);
    }
    eprintln!("skipped: {} is not there; PANOPTES_SHARED names the folder", found.display());
    None
}

/// Whether a program of Debian's argus packages is installed; says so when it is not.
pub fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let extra = [PathBuf::from("/usr/sbin"), PathBuf::from("/usr/bin")];
    let found = std::env::split_paths(&path).chain(extra).any(|folder| folder.join(program).is_file());
    if !found {
        eprintln!("skipped: {program} of argus 3.0.8 is not installed");
    }
    found
}

/// A command in an environment without configuration.
pub fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .env("TZ", "UTC")
        .env("LC_ALL", "C")
        .env("HOME", "/nonexistent")
        .env_remove("ARGUSHOME")
        .env_remove("ARGUSPATH")
        .stdin(Stdio::null());
    command
}

/// Runs a program to its end.
pub fn run(program: &str, arguments: &[&str]) -> Output {
    command(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"))
}

/// Runs a program that must succeed, and gives what it printed.
pub fn printed(program: &str, arguments: &[&str]) -> String {
    let output = run(program, arguments);
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {} {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The first line in which two texts differ.
pub fn difference(wanted: &[u8], got: &[u8]) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (wanted, got) = (text(wanted), text(got));
    let (mut wanted, mut got) = (wanted.lines(), got.lines());
    loop {
        match (wanted.next(), got.next()) {
            (None, None) => return "they differ in line ends".to_owned(),
            (a, b) if a == b => {}
            (a, b) => return format!("wanted {a:?}\n   got {b:?}"),
        }
    }
}
