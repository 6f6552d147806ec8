//! Records made by Debian's sensor from public captures: each encodes back to the octets it was read from, and the
//! accessors agree with its own.

use record::{Form, Frame, Framer, Record};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Captures that between them make every kind of key and most DSRs.
const CAPTURES: usize = 15;

fn shared() -> Option<PathBuf> {
    let dir = std::env::var_os("PANOPTES_SHARED")
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    dir.is_dir().then_some(dir)
}

/// Runs the oracle over a capture, or takes what an earlier run left in the target directory.
fn oracle(capture: &Path) -> Option<Vec<u8>> {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("oracle");
    std::fs::create_dir_all(&cache).ok()?;
    let out = cache.join(capture.file_name()?).with_extension("argus");
    if let Ok(bytes) = std::fs::read(&out) {
        return Some(bytes);
    }
    let new = out.with_extension("new");
    let _ = std::fs::remove_file(&new);
    let status = Command::new("argus")
        .args(["-X", "-F", "/dev/null", "-e", "192.0.2.1", "-A", "-J", "-R", "-Z", "-m", "-U", "64", "-r"])
        .arg(capture)
        .arg("-w")
        .arg(&new)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .ok()?;
    status.success().then_some(())?;
    std::fs::rename(&new, &out).ok()?;
    std::fs::read(&out).ok()
}

#[test]
fn every_record_encodes_back_to_its_octets() {
    let Some(shared) = shared() else {
        eprintln!("skipped: no shared folder with captures (set PANOPTES_SHARED)");
        return;
    };
    if Command::new("argus").arg("-h").output().is_err() {
        eprintln!("skipped: Debian's argus is not installed");
        return;
    }
    let mut captures: Vec<PathBuf> = std::fs::read_dir(shared.join("corpus/tcpdump"))
        .expect("corpus folder")
        .flatten()
        .map(|e| e.path())
        .filter(|p| {
            p.extension().is_some_and(|e| e == "pcap")
                && p.metadata().is_ok_and(|m| (8 << 10..1 << 20).contains(&m.len()))
        })
        .collect();
    captures.sort();
    let step = (captures.len() / CAPTURES).max(1);
    let chosen: Vec<PathBuf> = captures.into_iter().step_by(step).take(CAPTURES).collect();
    let files: Vec<(PathBuf, Vec<u8>)> = std::thread::scope(|s| {
        let runs: Vec<_> = chosen.iter().map(|c| s.spawn(|| oracle(c))).collect();
        chosen.iter().cloned().zip(runs).filter_map(|(c, r)| Some((c, r.join().ok()??))).collect()
    });
    assert!(files.len() * 2 > chosen.len(), "the oracle failed on most captures");
    let mut records = 0;
    for (capture, bytes) in &files {
        records += check(capture, bytes);
    }
    eprintln!("{records} records of {} captures", files.len());
    assert!(records > 50);
}

fn check(capture: &Path, bytes: &[u8]) -> usize {
    let (mut framer, mut at, mut count) = (Framer::new(), 0, 0);
    loop {
        let (used, frame) = framer.next(&bytes[at..], true);
        at += used;
        match frame {
            Frame::Record(view) => {
                count += 1;
                let record = Record::from(view);
                let mut out = Vec::new();
                record.encode(Form::Sensor, view.header().version(), &mut out).expect("fits");
                assert_eq!(out, view.bytes(), "{} at {}", capture.display(), framer.offset());
                assert!(view.tail().is_empty());
                if view.kind().is_flow() {
                    let known = record.dsrs().all(|d| d.index().is_some());
                    assert!(known, "{}: unknown DSR", capture.display());
                    assert!(view.times().start() <= view.times().end());
                }
            }
            Frame::End { cut, .. } => {
                assert_eq!(cut, 0);
                return count;
            }
            other => panic!("{}: {other:?}", capture.display()),
        }
    }
}
