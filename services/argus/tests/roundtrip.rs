//! Our records through Debian's clients and our own: read without a message, and the same after a round trip.
//!
//! Debian's `ra -w` never writes what it read: it turns records into its own layout, and leaves left-over memory in one
//! section of them (AGR, the second object). So its round trip is held to what can be told: every field that it prints
//! is the same before and after, and a second pass changes no octet but those. Where it does otherwise with records of
//! Debian's own sensor of the same capture, that is its loss (record-format chapter, section 9), not ours. Our own
//! `ra -w` gives the octets that it read.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use common::{argus, installed};

/// How many captures are tried, unless PANOPTES_CAPTURES says another number.
const CAPTURES: usize = 30;

const FIELDS: &str = "srcid,stime,ltime,flgs,proto,saddr,sport,dir,daddr,dport,spkts,dpkts,sbytes,dbytes,sappbytes,\
    dappbytes,state,sttl,dttl,stos,dtos,svlan,dvlan,smpls,dmpls,smac,dmac,sintpkt,dintpkt,sjit,djit,swin,dwin,stcpb,\
    dtcpb,sloss,dloss,tcprtt,synack,ackdat,smaxsz,dmaxsz,sminsz,dminsz,cause";

/// A sample of the captures that lie beside the project.
fn captures() -> Vec<PathBuf> {
    let shared = std::env::var_os("PANOPTES_SHARED")
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let mut all = Vec::new();
    for folder in ["corpus/tcpdump", "corpus/ndpi"] {
        let Ok(entries) = std::fs::read_dir(shared.join(folder)) else { continue };
        all.extend(entries.flatten().map(|entry| entry.path()).filter(|path| {
            path.extension().is_some_and(|kind| kind == "pcap" || kind == "pcapng")
                && path.metadata().is_ok_and(|kind| kind.len() < 1 << 20)
        }));
    }
    if all.is_empty() {
        eprintln!("skipped: no shared folder with captures (set PANOPTES_SHARED)");
    }
    all.sort();
    let wanted = std::env::var("PANOPTES_CAPTURES").ok().and_then(|count| count.parse().ok());
    let step = (all.len() / wanted.unwrap_or(CAPTURES).max(1)).max(1);
    all.into_iter().step_by(step).collect()
}

/// A program of ours beside the sensor; says so when it was not built.
fn ours(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_BIN_EXE_argus")).with_file_name(name);
    if !path.is_file() {
        eprintln!("skipped: {name} is not built (cargo build --workspace)");
        return None;
    }
    Some(path)
}

/// Runs a client of Debian's; nothing that it does may hang the tests.
fn debian(program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new("timeout");
    command.args(["60", program, "-X"]).args(arguments).stdin(Stdio::null()).env("TZ", "UTC");
    command.output().unwrap()
}

/// Our sensor's records of a capture; `None` for one that it cannot read at all.
fn sensed(capture: &Path, out: &str) -> Option<Vec<u8>> {
    let mut command = argus();
    command.args(["-mAJZR", "-U", "32", "-e", "192.0.2.1", "-r"]).arg(capture).args(["-w", out]);
    let output = command.output().unwrap();
    // A capture that is cut is told, and gives the records of what there is.
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}: {output:?}", capture.display());
    std::fs::read(out).ok().filter(|octets| octets.len() > 128)
}

fn rows(file: &str) -> (Vec<u8>, Vec<u8>) {
    let output = debian("ra", &["-n", "-u", "-c", "|", "-s", FIELDS, "-r", file]);
    (output.stdout, output.stderr)
}

/// The records of a file, the section cut out where C leaves what its memory held.
fn settled(octets: &[u8]) -> Vec<Vec<u8>> {
    let (mut records, mut rest) = (Vec::new(), octets);
    while rest.len() >= 4 {
        let length = usize::from(u16::from_be_bytes([rest[2], rest[3]])) * 4;
        assert!(length > 0 && length <= rest.len(), "whole records");
        let (record, more) = rest.split_at(length);
        let mut record = record.to_vec();
        if record[0] & 0xf0 != 0x80 {
            let mut at = 4;
            while at + 4 <= record.len() {
                let wide = record[at + 1] & 0x80 != 0;
                let words = if wide {
                    usize::from(u16::from_be_bytes([record[at + 2], record[at + 3]]))
                } else {
                    usize::from(record[at + 3])
                };
                let end = (at + words.max(1) * 4).min(record.len());
                if record[at] == 0x60 && end - at == 80 {
                    record[at + 52..end].fill(0);
                }
                at = end;
            }
        }
        records.push(record);
        rest = more;
    }
    records
}

/// What Debian's `ra -w` cannot keep and Debian's sensor does not write of the same capture: times that a signed number
/// of seconds cannot tell (it writes 0, and its sensor loses such packets), and application octets of lying headers that
/// need more room than the octets of the packets (it cuts them to the width of those, as its sensor does).
fn strange(octets: &[u8]) -> bool {
    common::records(octets).iter().any(|record| match record {
        common::Seen::Flow(octets) => {
            let view = record::RecordView::new(octets).unwrap();
            let metric = view.metric().unwrap_or_default();
            [view.start(), view.end()].iter().any(|time| i32::try_from(time.secs()).is_err())
                || [metric.src, metric.dst].iter().any(|side| side.app_bytes > side.bytes)
        }
        common::Seen::Mar(_) => false,
    })
}

/// What two passes through Debian's `ra -w` did to a file.
#[derive(Debug, PartialEq)]
struct Passed {
    same_rows: bool,
    same_octets: bool,
}

fn passed(file: &str) -> Passed {
    let (once, twice) = (format!("{file}.1"), format!("{file}.2"));
    for (from, to) in [(file, &once), (&*once, &twice)] {
        let output = debian("ra", &["-r", from, "-w", to]);
        assert!(output.status.success() && output.stderr.is_empty(), "ra -r {from}: {output:?}");
    }
    let read = |file: &str| std::fs::read(file).unwrap();
    Passed {
        same_rows: rows(file).0 == rows(&once).0,
        same_octets: settled(&read(&once)) == settled(&read(&twice)),
    }
}

#[test]
fn debians_clients_read_our_records_without_a_message_and_keep_them() {
    let programs = ["timeout", "argus", "ra", "racluster", "rasort", "radium"];
    if !programs.into_iter().all(installed) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (mut files, mut records, mut losses) = (0, 0, 0);
    let mut worse = Vec::new();
    for (number, capture) in captures().iter().enumerate() {
        let out = file(&format!("{number}.argus"));
        let Some(octets) = sensed(capture, &out) else { continue };
        files += 1;
        records += settled(&octets).len();
        let what = capture.display();
        let (printed, told) = rows(&out);
        assert!(told.is_empty(), "ra, {what}: {}", String::from_utf8_lossy(&told));
        let flows = settled(&octets).iter().filter(|record| record[0] & 0xf0 == 0x10).count();
        assert_eq!(
            printed.split(|octet| *octet == b'\n').count().saturating_sub(2),
            flows,
            "ra prints all of {what}"
        );
        for program in ["racluster", "rasort"] {
            let output = debian(program, &["-n", "-r", &out]);
            assert!(output.status.success() && output.stderr.is_empty(), "{program}, {what}: {output:?}");
        }
        // It loses a part of a file by chance, its own sensor's too; what it says and how it ends is certain.
        let passed_on = file(&format!("{number}.radium"));
        let output = debian("radium", &["-F", "/dev/null", "-r", &out, "-w", &passed_on]);
        assert!(output.status.success() && output.stderr.is_empty(), "radium, {what}: {output:?}");
        let output = debian("ra", &["-n", "-r", &passed_on]);
        assert!(output.status.success() && output.stderr.is_empty(), "ra after radium, {what}: {output:?}");

        let ours = passed(&out);
        if ours != (Passed { same_rows: true, same_octets: true }) {
            let theirs = file(&format!("{number}.c"));
            let capture = capture.to_str().unwrap();
            let sensor =
                ["-F", "/dev/null", "-mAJZR", "-U", "32", "-e", "192.0.2.1", "-r", capture, "-w", &theirs];
            debian("argus", &sensor);
            let theirs = passed(&theirs);
            losses += 1;
            let strange = strange(&octets);
            if (!ours.same_rows && theirs.same_rows && !strange) || (!ours.same_octets && theirs.same_octets)
            {
                worse.push(format!("{what}: ours {ours:?}, Debian's sensor's {theirs:?}"));
            }
        }
    }
    assert!(worse.is_empty(), "{}", worse.join("\n"));
    eprintln!("{records} records of {files} captures; Debian's ra -w loses something of {losses} of them");
}

#[test]
fn our_clients_give_back_the_octets_they_read() {
    let Some(ra) = ours("ra") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut files = 0;
    for (number, capture) in captures().iter().enumerate() {
        for (format, more) in
            [("3", &["--format", "3"][..]), ("5", &["--format", "5"]), ("c", &["--compat", "3.0.8"])]
        {
            let file = |name: &str| folder.path().join(format!("{number}.{format}.{name}"));
            let (out, copy) = (file("argus"), file("copy"));
            let mut sensor = argus();
            sensor.args(["-mAJZR", "-U", "32", "-e", "7", "-r"]).arg(capture).args(more).arg("-w").arg(&out);
            assert!(matches!(sensor.output().unwrap().status.code(), Some(0 | 1)));
            let Ok(octets) = std::fs::read(&out) else { continue };
            let output =
                Command::new(&ra).arg("-X").arg("-r").arg(&out).arg("-w").arg(&copy).output().unwrap();
            assert!(output.status.success() && output.stderr.is_empty(), "{}: {output:?}", capture.display());
            assert!(std::fs::read(&copy).unwrap() == octets, "{} ({format})", capture.display());
            files += 1;
        }
    }
    eprintln!("{files} files copied");
}
