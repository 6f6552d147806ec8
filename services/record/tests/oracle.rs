//! Records made by Debian's sensor from public captures: each encodes back to the octets it was read from, and the
//! accessors agree with its own.

use record::{Flow, FlowKey, Form, Frame, Framer, Record, RecordView, Version};
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

/// The oracle's output for some captures, made in parallel; `None` when oracle or captures are absent.
fn outputs() -> Option<Vec<(PathBuf, Vec<u8>)>> {
    let Some(shared) = shared() else {
        eprintln!("skipped: no shared folder with captures (set PANOPTES_SHARED)");
        return None;
    };
    if Command::new("argus").arg("-h").output().is_err() {
        eprintln!("skipped: Debian's argus is not installed");
        return None;
    }
    let mut captures: Vec<PathBuf> = std::fs::read_dir(shared.join("corpus/tcpdump"))
        .expect("corpus folder")
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == "pcap"))
        .filter(|p| p.metadata().is_ok_and(|m| (8 << 10..1 << 20).contains(&m.len())))
        .collect();
    captures.sort();
    let step = (captures.len() / CAPTURES).max(1);
    let chosen: Vec<PathBuf> = captures.into_iter().step_by(step).take(CAPTURES).collect();
    // One test makes the files, the others find them.
    static ONCE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _lock = ONCE.lock();
    let files: Vec<(PathBuf, Vec<u8>)> = std::thread::scope(|s| {
        let runs: Vec<_> = chosen.iter().map(|c| s.spawn(|| oracle(c))).collect();
        chosen.iter().cloned().zip(runs).filter_map(|(c, r)| Some((c, r.join().ok()??))).collect()
    });
    assert!(files.len() * 2 > chosen.len(), "the oracle failed on most captures");
    Some(files)
}

#[test]
fn every_record_encodes_back_to_its_octets() {
    let Some(files) = outputs() else { return };
    let mut records = 0;
    for (capture, bytes) in &files {
        records += check(capture, bytes);
    }
    eprintln!("{records} records of {} captures", files.len());
    assert!(records > 50);
}

/// What `ra -w` writes of a record and what our client form writes say the same. The octets differ where the C client
/// loses fields (section 9) or leaves padding as it finds it.
#[test]
fn client_form_says_what_ra_writes() {
    let Some(files) = outputs() else { return };
    if Command::new("ra").arg("-h").output().is_err() {
        eprintln!("skipped: Debian's ra is not installed");
        return;
    }
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("oracle");
    let (mut records, mut same) = (0, 0);
    for (capture, bytes) in &files {
        let name = capture.file_name().expect("a file");
        let (from, to) = (dir.join(name).with_extension("argus"), dir.join(name).with_extension("ra"));
        let _ = std::fs::remove_file(&to);
        let status = Command::new("ra").arg("-X").arg("-r").arg(from).arg("-w").arg(&to).status();
        assert!(status.is_ok_and(|s| s.success()));
        let theirs = std::fs::read(&to).expect("ra's output");
        let (ours, theirs) = (records_of(bytes), records_of(&theirs));
        assert_eq!(ours.len(), theirs.len(), "{}", capture.display());
        for (a, b) in ours.iter().zip(&theirs) {
            let (a, b) = (RecordView::new(a).expect("sound"), RecordView::new(b).expect("sound"));
            if !a.kind().is_flow() {
                continue;
            }
            // 3.x clears REVERSE of Ethernet keys without exchanging the addresses (section 7.2.1).
            if a.is_reversed() && matches!(a.flow(), Some(Flow { key: FlowKey::Ether(_), .. })) {
                continue;
            }
            let mut out = Vec::new();
            Record::from(a).encode(Form::Client, Version::V3, &mut out).expect("fits");
            let a = RecordView::new(&out).expect("sound");
            // Turned round by ra and stored so; ours stores what was recorded.
            if b.proto() == Some(6) && b.flow().is_some_and(|f| f.qualifier & 0x20 != 0) {
                continue;
            }
            records += 1;
            same += usize::from(a.bytes() == b.bytes());
            let what = format!("{} {:?}", capture.display(), a.flow());
            assert_eq!((a.src_addr(), a.dst_addr()), (b.src_addr(), b.dst_addr()), "{what}");
            assert_eq!((a.src_port(), a.dst_port()), (b.src_port(), b.dst_port()), "{what}");
            assert_eq!(a.metric(), b.metric(), "{what}");
            assert_eq!((a.start(), a.end()), (b.start(), b.end()), "{what}");
            assert_eq!((a.ipattr(), a.mac(), a.psize()), (b.ipattr(), b.mac(), b.psize()), "{what}");
            assert_eq!((a.jitter(), a.vlan(), a.mpls()), (b.jitter(), b.vlan(), b.mpls()), "{what}");
            assert_eq!((a.src_data(), a.dst_data()), (b.src_data(), b.dst_data()), "{what}");
            assert_eq!((a.tcp(), a.agr()), (b.tcp(), b.agr()), "{what}");
        }
    }
    eprintln!("{records} records agree, {same} of them octet by octet");
    assert!(records > 50 && same > 0);
}

fn records_of(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut framer, mut at, mut records) = (Framer::new(), 0, Vec::new());
    loop {
        let (used, frame) = framer.next(&bytes[at..], true);
        at += used;
        match frame {
            Frame::Record(v) => records.push(v.bytes().to_vec()),
            Frame::End { .. } => return records,
            other => panic!("{other:?}"),
        }
    }
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
