//! What the tests share: the program, the shared folder, the C programs.
#![allow(dead_code)]

use record::dsr::flow::{Ipv4Detail, Ipv4Key};
use record::dsr::metric::Counters;
use record::dsr::time::Time;
use record::{Builder, Cause, Flow, FlowKey, Kind, Mar, Metric, SourceId, Stamp, Transport, Version};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

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

/// The record that a stream begins with.
pub fn initial() -> Vec<u8> {
    let start = Stamp::from_sec_usec(1_600_000_000, 0);
    Mar::initial(Version::V3, SourceId::Int(7), start, start).to_bytes()
}

/// A flow record of one UDP packet to a port.
pub fn flow(port: u16) -> Vec<u8> {
    let mut out = Vec::new();
    let mut builder = Builder::new(&mut out, Kind::Flow, Version::V3, Cause::Start);
    let at = Stamp::from_sec_usec(1_600_000_001, u32::from(port));
    let key = Ipv4Key {
        src: [10, 0, 0, 1].into(),
        dst: [10, 0, 0, 2].into(),
        proto: 17,
        tp_p: 0,
        detail: Ipv4Detail::ports(5000, port),
    };
    Transport::new(SourceId::Int(7), u32::from(port)).emit(builder.buffer());
    Flow::new(FlowKey::Ipv4(key)).emit(builder.buffer());
    Time::sensor(at, at).emit(builder.buffer());
    let src = Counters { packets: 1, bytes: 60, app_bytes: 0 };
    Metric { src, ..Metric::default() }.emit(builder.buffer());
    builder.finish().expect("short enough");
    out
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Waits until `met`, for a good while.
pub fn until(what: &str, mut met: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !met() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A child that does not outlive its test.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
