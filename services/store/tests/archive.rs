//! Records go where they belong, stay through crashes, and old ones go when they must.

mod common;

use common::*;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use store::{Compression, Config, Limits, Name, Stage};

#[test]
fn records_are_filed_by_time() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut archive, told) = open(config(dir.path()));
    // In order, out of order within the open files, and at midnight.
    for (seq, time) in [(1, 0), (2, 299), (3, 300), (4, 100), (5, 6300), (6, 6299)] {
        put(&mut archive, seq, START + time, START + time);
    }
    let state = archive.close(true);
    assert_eq!(
        tree(dir.path()),
        [
            "2023/11/14/SHA256SUMS",
            "2023/11/14/argus.2023.11.14.22.15.00.gz",
            "2023/11/14/argus.2023.11.14.22.20.00.gz",
            "2023/11/14/argus.2023.11.14.23.55.00.gz",
            "2023/11/15/SHA256SUMS",
            "2023/11/15/argus.2023.11.15.00.00.00.gz",
        ]
        .map(Path::new)
    );
    let day = dir.path().join("2023/11/14");
    assert_eq!(seqs(&day.join("argus.2023.11.14.22.15.00.gz")), [1, 2, 4]);
    assert_eq!(seqs(&day.join("argus.2023.11.14.22.20.00.gz")), [3]);
    assert_eq!(seqs(&day.join("argus.2023.11.14.23.55.00.gz")), [6]);
    check_sums(dir.path());
    assert_eq!(
        (state.records, state.synced_records, state.dropped, state.errors),
        (6, 6, 0, 0),
        "{}",
        told.text()
    );
    assert_eq!((state.files, state.oldest), (4, Some(START)));
}

#[test]
fn debian_ra_reads_the_files() {
    if Command::new("ra").arg("-h").output().is_err() {
        eprintln!("skipped: Debian's ra is not installed");
        return;
    }
    for compression in [Compression::None, Compression::Gzip] {
        let dir = tempfile::tempdir().expect("a folder");
        let (mut archive, _) = open(Config { compression, ..config(dir.path()) });
        (1..=20).for_each(|seq| put(&mut archive, seq, START, START));
        archive.close(true);
        let file = dir.path().join(&tree(dir.path())[1]);
        let out = Command::new("ra")
            .args(["-X", "-n", "-L", "-1", "-s", "seq", "-r"])
            .arg(&file)
            .output()
            .expect("ra");
        let text = String::from_utf8_lossy(&out.stdout);
        let seqs: Vec<u32> = text.lines().filter_map(|l| l.trim().parse().ok()).filter(|s| *s > 0).collect();
        assert_eq!(seqs, (1..=20).collect::<Vec<_>>(), "{} {text}", file.display());
    }
}

#[test]
fn files_close_when_their_time_has_passed() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut archive, _) = open(config(dir.path()));
    put(&mut archive, 1, START, START);
    archive.sync(START);
    assert_eq!(names(dir.path()), ["argus.2023.11.14.22.15.00.part"]);
    assert_eq!(
        archive.state().current.as_deref(),
        Some(Path::new("2023/11/14/argus.2023.11.14.22.15.00.part"))
    );
    archive.tick(START + 299);
    assert_eq!(names(dir.path()), ["argus.2023.11.14.22.15.00.part"]);
    // Rotation closes at once; the next record of the interval gets the next free second.
    archive.rotate();
    put(&mut archive, 2, START + 1, START + 1);
    archive.sync(START + 1);
    archive.rotate();
    put(&mut archive, 3, START + 2, START + 2);
    archive.close(true);
    assert_eq!(
        names(dir.path()),
        ["argus.2023.11.14.22.15.00.gz", "argus.2023.11.14.22.15.01.gz", "argus.2023.11.14.22.15.02.gz"]
    );
    assert_eq!(all_seqs(dir.path()), [1, 2, 3]);
}

#[test]
fn late_records_go_to_the_oldest_open_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut archive, _) = open(config(dir.path()));
    put(&mut archive, 1, START, START);
    archive.rotate();
    put(&mut archive, 2, START + 300, START + 300);
    put(&mut archive, 3, START + 600, START + 600);
    put(&mut archive, 4, START + 299, START + 601);
    assert_eq!(archive.state().late, 1);
    archive.close(true);
    assert_eq!(seqs(&dir.path().join("2023/11/14/argus.2023.11.14.22.20.00.gz")), [2, 4]);
}

#[test]
fn a_clock_that_jumps_back_loses_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut archive, _) = open(config(dir.path()));
    put(&mut archive, 1, START, START);
    archive.rotate();
    put(&mut archive, 2, START + 3600, START + 3600);
    archive.sync(START + 3600);
    // An hour back: the interval's name is taken by a closed file.
    put(&mut archive, 3, START + 10, START + 10);
    archive.sync(START + 10);
    archive.tick(START + 11);
    assert!(
        names(dir.path()).contains(&"argus.2023.11.14.22.15.01.part".to_owned()),
        "{:?}",
        names(dir.path())
    );
    archive.close(true);
    assert_eq!(all_seqs(dir.path()), [1, 2, 3]);
    check_sums(dir.path());
}

#[test]
fn times_all_over_the_place_are_bounded() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut archive, _) = open(config(dir.path()));
    for seq in 0..2000u32 {
        put(&mut archive, seq, i64::from(seq) * 2_000_003 + 1, START);
    }
    let state = archive.state();
    assert!(state.misdated > 1500, "{state:?}");
    let state = archive.close(true);
    assert_eq!(state.dropped, 0);
    assert!(names(dir.path()).len() <= 64 + 30 + 1, "{}", names(dir.path()).len());
    assert_eq!(all_seqs(dir.path()), (0..2000).collect::<Vec<_>>());
}

#[test]
fn a_torn_file_keeps_every_whole_record() {
    let whole: Vec<u8> = [initial(), record(1, START), record(2, START), record(3, START)].concat();
    let ends: Vec<usize> = (0..=3).map(|n| 128 + n * record(1, START).len()).collect();
    for cut in (0..=whole.len()).rev() {
        for zeros in [0, 7, 4096] {
            // A file system can leave zeros for a length that was set before the octets were written.
            let dir = tempfile::tempdir().expect("a folder");
            let name = Name::new(START, Stage::Open);
            let path = dir.path().join(name.path());
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            let mut bytes = whole[..cut].to_vec();
            bytes.extend(vec![0; zeros]);
            std::fs::write(&path, &bytes).expect("written");
            let (archive, _) = open(config(dir.path()));
            let state = archive.close(true);
            // Zeros can stand for the zeros that a record ends with.
            let whole_to = |e: usize| bytes.get(..e) == whole.get(..e);
            let kept = ends.iter().filter(|e| whole_to(**e)).count().saturating_sub(1);
            // A record cut within its last part and completed by zeros cannot be told from one with such counters, and
            // what may have been synced is not thrown away: one more than whole ones may be there.
            let found = all_seqs(dir.path());
            let more = zeros > 0 && found.len() == kept + 1;
            assert!(found.len() == kept || more, "cut at {cut}, {zeros} zeros: {found:?}");
            assert_eq!(found, (1..=found.len() as u32).collect::<Vec<_>>());
            assert_eq!(state.recovered, 1);
            if found.is_empty() {
                assert!(names(dir.path()).is_empty());
            } else {
                assert_eq!(state.cut, (bytes.len() - ends[found.len()]) as u64);
                check_sums(dir.path());
            }
            if zeros == 0 && cut % 16 != 0 {
                break;
            }
        }
    }
}

#[test]
fn damage_in_the_middle_stays_and_hides_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join(Name::new(START, Stage::Open).path());
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    let mut bad = record(2, START);
    bad[..4].fill(0xee);
    let bytes = [initial(), record(1, START), bad, record(3, START), vec![1, 2, 3]].concat();
    std::fs::write(&path, &bytes).expect("written");
    let (archive, _) = open(Config { compression: Compression::None, ..config(dir.path()) });
    let state = archive.close(true);
    assert_eq!(state.cut, 3);
    assert_eq!(content(&path.with_extension("")), bytes[..bytes.len() - 3]);
}

#[test]
fn half_done_steps_are_finished() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut archive, _) = open(config(dir.path()));
    for (seq, bin) in [(1, 0), (2, 300), (3, 600), (4, 900)] {
        put(&mut archive, seq, START + bin, START + bin);
    }
    archive.close(true);
    let at = |bin: i64, stage| dir.path().join(Name::new(START + bin, stage).path());
    // 1: the crash came between the packed file's name and the removal of the plain one.
    std::fs::write(at(0, Stage::Plain), content(&at(0, Stage::Packed))).expect("written");
    // 2: while it was being packed.
    std::fs::write(at(300, Stage::Plain), content(&at(300, Stage::Packed))).expect("written");
    std::fs::rename(at(300, Stage::Packed), at(300, Stage::Packing)).expect("renamed");
    std::fs::write(at(300, Stage::Packing), b"\x1f\x8b half").expect("written");
    // 3: a packed file that is not what the plain one is.
    std::fs::write(at(600, Stage::Plain), content(&at(600, Stage::Packed))).expect("written");
    std::fs::write(at(600, Stage::Packed), b"\x1f\x8b broken").expect("written");
    // 4: before it was listed; the manifest's last line is torn.
    let manifest = dir.path().join("2023/11/14/SHA256SUMS");
    let text = std::fs::read_to_string(&manifest).expect("a manifest");
    std::fs::write(&manifest, &text[..text.len() - 20]).expect("written");

    let (archive, told) = open(config(dir.path()));
    let state = archive.close(true);
    assert_eq!(all_seqs(dir.path()), [1, 2, 3, 4], "{}", told.text());
    assert!(names(dir.path()).iter().all(|n| n.ends_with(".gz")), "{:?}", names(dir.path()));
    check_sums(dir.path());
    assert_eq!((state.errors, state.files), (0, 4), "{}", told.text());
}

#[test]
fn the_oldest_go_first() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut archive, _) = open(config(dir.path()));
    for seq in 0..50u32 {
        let time = START + i64::from(seq) * 3600;
        put(&mut archive, seq, time, time);
        archive.rotate();
    }
    let state = archive.close(true);
    assert_eq!(state.files, 50);
    let keep = 10 * state.bytes / 50 + state.bytes / 100;
    let limits = Limits { bytes: Some(keep), ..Limits::default() };
    let (archive, told) = open(Config { limits, ..config(dir.path()) });
    let state = archive.close(true);
    assert_eq!((state.binding, state.expired), ("bytes", 40), "{}", told.text());
    assert_eq!(all_seqs(dir.path()), (40..50).collect::<Vec<_>>());
    // Nothing is left of days without files.
    assert_eq!(std::fs::read_dir(dir.path().join("2023/11")).expect("a folder").count(), 1);
    check_sums(dir.path());

    let limits = Limits { age: Some(4 * 3600 + 1), ..Limits::default() };
    let (archive, _) = open(Config { limits, ..config(dir.path()) });
    let state = archive.close(true);
    assert_eq!((state.binding, state.files), ("age", 5));
    assert_eq!(all_seqs(dir.path()), (45..50).collect::<Vec<_>>());
}

#[test]
fn other_files_are_left_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let day = dir.path().join("2023/11/14");
    std::fs::create_dir_all(&day).expect("made");
    std::fs::create_dir_all(dir.path().join("lost+found")).expect("made");
    std::fs::write(day.join("notes.txt"), b"mine").expect("written");
    let (mut archive, _) =
        open(Config { limits: Limits { bytes: Some(0), ..Limits::default() }, ..config(dir.path()) });
    put(&mut archive, 1, START, START);
    archive.rotate();
    wait_for("the file to go", || archive.state().expired == 1);
    archive.close(true);
    assert_eq!(tree(dir.path()), [Path::new("2023/11/14/notes.txt")]);
}

#[test]
fn a_new_connection_is_marked() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut archive, _) = open(Config { sync: Duration::from_secs(1), ..config(dir.path()) });
    put(&mut archive, 1, START, START);
    archive.begin(&initial());
    put(&mut archive, 2, START, START);
    archive.close(true);
    let path = dir.path().join(Name::new(START, Stage::Packed).path());
    let len = record(1, START).len();
    assert_eq!(content(&path).len(), 2 * 128 + 2 * len);
    assert_eq!(seqs(&path), [1, 2]);
}
