//! Records to store and what is found of them afterwards.
#![allow(dead_code)]

use record::dsr::time::Time;
use record::{
    Builder, Cause, Counters, Frame, Framer, Kind, Mar, Metric, SourceId, Stamp, Transport, Version,
};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use store::{Archive, Compression, Config, Limits, Name, Stage, Tell};

/// 2023-11-14 22:15:00 UTC, the start of a five-minute interval.
pub const START: i64 = 1_700_000_100;

pub fn initial() -> Vec<u8> {
    Mar::initial(Version::V3, SourceId::Int(1), Stamp::ZERO, Stamp::ZERO).to_bytes()
}

/// A flow record with its number and time.
pub fn record(seq: u32, time: i64) -> Vec<u8> {
    let mut out = Vec::new();
    let mut b = Builder::new(&mut out, Kind::Flow, Version::V3, Cause::Start);
    Transport::new(SourceId::Int(1), seq).emit(b.buffer());
    let at = Stamp::from_micros(time * 1_000_000);
    Time::sensor(at, at).emit(b.buffer());
    Metric { src: Counters { packets: 1, bytes: 60, app_bytes: 0 }, ..Metric::default() }.emit(b.buffer());
    b.finish().expect("fits");
    out
}

pub fn config(root: &Path) -> Config {
    Config {
        root: root.to_path_buf(),
        split: 300,
        sync: Duration::from_secs(5),
        compression: Compression::Gzip,
        limits: Limits::default(),
    }
}

/// Messages of an archive.
#[derive(Clone, Default)]
pub struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    pub fn tell(&self) -> Tell {
        let lines = Arc::clone(&self.0);
        Arc::new(move |_, text: &str| lines.lock().expect("unpoisoned").push(text.to_owned()))
    }

    pub fn text(&self) -> String {
        self.0.lock().expect("unpoisoned").join("\n")
    }
}

pub fn open(config: Config) -> (Archive, Told) {
    let told = Told::default();
    let mut archive = Archive::open(config, told.tell()).expect("an archive");
    archive.begin(&initial());
    (archive, told)
}

pub fn put(archive: &mut Archive, seq: u32, time: i64, now: i64) {
    let bytes = record(seq, time);
    archive.store(&record::RecordView::new(&bytes).expect("sound"), now);
}

/// All files below a folder, relative to it, sorted.
pub fn tree(root: &Path) -> Vec<PathBuf> {
    fn walk(at: &Path, root: &Path, out: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(at).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, root, out);
            } else {
                out.push(path.strip_prefix(root).expect("below").to_path_buf());
            }
        }
    }
    let mut out = Vec::new();
    walk(root, root, &mut out);
    out.sort();
    out
}

/// The names of the archive's own files, without manifests.
pub fn names(root: &Path) -> Vec<String> {
    let name = |p: &PathBuf| p.file_name().map(|n| n.to_string_lossy().into_owned());
    tree(root).iter().filter_map(name).filter(|n| n != "SHA256SUMS").collect()
}

/// The octets of a file, unpacked. Torn packed files fail.
pub fn content(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).expect("a file");
    if path.extension().is_some_and(|e| e == "gz") {
        let mut out = Vec::new();
        flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut out).expect("whole gzip");
        return out;
    }
    bytes
}

/// Sequence numbers of the flow records of a file. It must begin with an initial management record and be whole.
pub fn seqs(path: &Path) -> Vec<u32> {
    let bytes = content(path);
    assert!(Mar::parse(&bytes).is_some_and(|m| m.is_initial()), "{} begins otherwise", path.display());
    let (mut framer, mut at, mut out) = (Framer::new(), 0, Vec::new());
    loop {
        let (used, frame) = framer.next(&bytes[at..], true);
        at += used;
        match frame {
            Frame::Record(v) if v.kind().is_flow() => out.push(v.seq()),
            Frame::Record(_) => {}
            Frame::End { cut: 0, .. } => return out,
            other => panic!("{}: {other:?}", path.display()),
        }
    }
}

/// Sequence numbers of all closed files, sorted.
pub fn all_seqs(root: &Path) -> Vec<u32> {
    let closed = |p: &PathBuf| {
        let name = p.file_name().and_then(Name::parse);
        name.is_some_and(|n| matches!(n.stage, Stage::Plain | Stage::Packed))
    };
    let mut all: Vec<u32> =
        tree(root).iter().filter(|p| closed(p)).flat_map(|p| seqs(&root.join(p))).collect();
    all.sort();
    all
}

/// Waits until a condition holds.
pub fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < until, "waited in vain for: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Checks every day's checksums with `sha256sum`, and that they list every closed file.
pub fn check_sums(root: &Path) {
    for path in tree(root) {
        let (path, name) =
            (root.join(&path), path.file_name().expect("a file").to_string_lossy().into_owned());
        let folder = path.parent().expect("a folder");
        if name == "SHA256SUMS" {
            let out = std::process::Command::new("sha256sum")
                .args(["-c", "--strict", "--quiet", "SHA256SUMS"])
                .current_dir(folder)
                .output()
                .expect("sha256sum");
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
        } else {
            let sums = std::fs::read_to_string(folder.join("SHA256SUMS")).expect("a manifest");
            assert!(sums.contains(&format!("  {name}\n")), "{name} is not listed in {sums}");
        }
    }
}
