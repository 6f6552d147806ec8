//! Readers of flow files: ours, Debian's `ra`, and `nfdump` on the flows that `nfpcapd` makes of the same capture.
//!
//! The records are those of Debian's sensor with all metrics, so often over that start-up does not count. `nfdump`'s flows
//! have one direction, so there are about twice as many; its figures are per flow.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::measure::{Asked, Usage, best};

/// Copies of the records in the file that is read.
const COPIES: u64 = 8;
/// Octets of the initial record, which only the first copy has.
const INITIAL: u64 = 128;
/// Octets of the file that shows whether memory is constant.
const HUGE: u64 = 1 << 30;
/// Most memory that may take, KiB.
const MOST_KIB: i64 = 32 << 10;

/// What ran, on how many records.
struct Line {
    name: &'static str,
    usage: Option<Usage>,
    count: u64,
}

/// Title, options of both `ra`, and those of `nfdump` where it does the like.
type Case<'a> = (&'a str, Vec<&'a str>, Option<&'a [&'a str]>);

/// Measures the readers on `records`, a file of Debian's sensor made from `pcap`, and prints tables.
///
/// # Errors
/// One line: a file could not be made.
pub fn compare(pcap: &str, records: &str, ra: &str, runs: u32, folder: &Path) -> Result<(), String> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |error: io::Error| format!("{path}: {error}")
    };
    let many = folder.join("many.argus");
    repeat(Path::new(records), COPIES, &many).map_err(failed(&many))?;
    let (path, out) =
        (many.to_string_lossy().into_owned(), folder.join("out").to_string_lossy().into_owned());
    let (path, out) = (path.as_str(), out.as_str());
    let count = lines(&[ra, "-X", "-n", "-L", "-1", "-r", path]);
    let flows = nfdump_flows(pcap, folder);
    if flows.is_none() {
        println!("\nnfdump does not run here: no figures beside it");
    }
    println!("\n{count} records of Debian's argus, all metrics");

    let filter = ["-", "tcp", "and", "port", "443"];
    let many_columns = [
        "-s",
        "stime,ltime,dur,proto,saddr,sport,dir,daddr,dport,spkts,dpkts,sbytes,dbytes,sload,dload,state",
    ];
    let write = ["-w", out];
    let nf_write = ["-w", out, "proto tcp and port 443"];
    let (duration, nf_duration) = (["-", "dur", "gt", "1"], ["-w", out, "duration > 1000"]);
    let (packets, nf_packets) = (["-", "pkts", "gt", "10"], ["-w", out, "packets > 10"]);
    // Ten seconds of the bench's own traffic.
    let range = ["-t", "1700000010-1700000020"];
    let cases: [Case<'_>; 9] = [
        ("print, default columns", vec!["-n"], Some(&["-o", "line"])),
        ("print, default columns, names of ports", vec![], None),
        ("print, 16 columns", [&["-n"][..], &many_columns].concat(), None),
        ("print, commas", vec!["-n", "-c", ","], Some(&["-o", "csv"])),
        ("-w, all records", write.to_vec(), Some(&write)),
        ("-w, tcp and port 443", [&write[..], &filter].concat(), Some(&nf_write)),
        ("-w, pkts gt 10", [&write[..], &packets].concat(), Some(&nf_packets)),
        ("-w, dur gt 1", [&write[..], &duration].concat(), Some(&nf_duration)),
        ("-w, ten seconds", [&range[..], &write].concat(), None),
    ];
    for (title, options, peer) in cases {
        let words = |program| {
            let mut words = vec![program, "-X", "-r", path];
            words.extend(&options);
            words
        };
        let mut names = vec![("ra (ours)", count), ("ra 3.0.8.2", count)];
        let mut commands = vec![Asked::new(&words(ra), Some(out)), Asked::new(&words("ra"), Some(out))];
        if let (Some((folder, flows)), Some(options)) = (&flows, peer) {
            let folder = folder.to_string_lossy();
            names.push(("nfdump", *flows));
            commands.push(Asked::new(&[&["nfdump", "-R", &folder][..], options].concat(), Some(out)));
        }
        let line = |((name, count), usage)| Line { name, usage, count };
        let table: Vec<Line> = names.into_iter().zip(best(runs, &commands)).map(line).collect();
        print(title, &table);
    }
    let _ = std::fs::remove_file(&many);

    let huge = folder.join("huge.argus");
    let copies = HUGE / std::fs::metadata(records).map_err(failed(Path::new(records)))?.len().max(1) + 1;
    repeat(Path::new(records), copies, &huge).map_err(failed(&huge))?;
    let path = huge.to_string_lossy().into_owned();
    println!("\na file of {} octets", std::fs::metadata(&huge).map_or(0, |file| file.len()));
    for (title, options) in [("printed", vec!["-n"]), ("filtered with -w", [&write[..], &filter].concat())] {
        let command = Asked::new(&[&[ra, "-X", "-r", &path][..], &options].concat(), Some(out));
        let usage = best(1, &[command]).pop().flatten();
        let shown = usage.map_or("did not run".to_owned(), |usage| {
            let verdict = if usage.peak_kib <= MOST_KIB { "within" } else { "MORE THAN" };
            format!("peak {:.1} MiB, {verdict} {} MiB", usage.peak_kib as f64 / 1024.0, MOST_KIB >> 10)
        });
        println!("  {title:<24}{shown}");
    }
    let _ = std::fs::remove_file(&huge);
    let _ = std::fs::remove_file(out);
    Ok(())
}

/// Writes a file of records that has the records of another so many times.
fn repeat(from: &Path, copies: u64, to: &Path) -> io::Result<()> {
    let (mut input, mut output) = (File::open(from)?, File::create(to)?);
    io::copy(&mut (&mut input).take(INITIAL), &mut output)?;
    for _ in 0..copies {
        input.seek(SeekFrom::Start(INITIAL))?;
        io::copy(&mut input, &mut output)?;
    }
    output.flush()
}

/// Lines that a command prints.
fn lines(command: &[&str]) -> u64 {
    let Some((program, rest)) = command.split_first() else { return 0 };
    let child = Command::new(program).args(rest).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let Ok(mut child) = child else { return 0 };
    let mut count = 0;
    if let Some(output) = child.stdout.take() {
        let (mut output, mut line) = (BufReader::new(output), Vec::new());
        while output.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            count += 1;
            line.clear();
        }
    }
    let _ = child.wait();
    count
}

/// The capture's flows in files of `nfdump`, [`COPIES`] of them, and how many flows these hold.
fn nfdump_flows(pcap: &str, folder: &Path) -> Option<(PathBuf, u64)> {
    let made = folder.join("nfdump");
    std::fs::create_dir_all(&made).ok()?;
    let place = made.to_string_lossy().into_owned();
    // It makes a file for every five minutes of the capture, and keeps the last one open under another name.
    let status = Command::new("nfpcapd")
        .args(["-r", pcap, "-w", &place])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .ok()?;
    let files: Vec<PathBuf> = std::fs::read_dir(&made)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("nfcapd.2")))
        .collect();
    let [file] = &files[..] else { return None };
    for copy in 1..COPIES {
        std::fs::copy(file, made.join(format!("nfcapd.2100010100{copy:02}"))).ok()?;
    }
    // A line of titles, and what belongs to no flow, are left out with -q.
    let flows = lines(&["nfdump", "-R", &place, "-q", "-o", "line"]);
    (status.success() && flows > 0).then_some((made, flows))
}

fn print(title: &str, lines: &[Line]) {
    println!("\n{title}");
    println!("  {:<24}{:>10}{:>12}{:>12}{:>14}", "", "CPU s", "ns/record", "peak MiB", "ours/theirs");
    let each =
        |line: &Line| line.usage.filter(|_| line.count > 0).map(|usage| usage.cpu * 1e9 / line.count as f64);
    let ours = lines.first().and_then(each);
    for (at, line) in lines.iter().enumerate() {
        let (Some(usage), Some(own)) = (&line.usage, each(line)) else {
            println!("  {:<24}{:>10}", line.name, "did not run");
            continue;
        };
        let ratio = match ours {
            Some(ours) if at > 0 && own > 0.0 => format!("{:.3}", ours / own),
            _ => String::new(),
        };
        let peak = usage.peak_kib as f64 / 1024.0;
        println!("  {:<24}{:>10.3}{own:>12.0}{peak:>12.1}{ratio:>14}", line.name, usage.cpu);
    }
}
