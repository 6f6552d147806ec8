//! Runs our sensor and reader beside their peers on one capture and prints the ratios.
//!
//! `cargo run --release -p bench [-- --packets N] [--snap OCTETS] [--runs N] [--keep FOLDER] [--only files|flood|live]
//! [--rate PACKETS-PER-SECOND] [--seconds N]`
//!
//! The capture is made in code ([`capture`]): at least a million packets of interleaved TCP, UDP, DNS, ICMP, ARP and IPv6
//! flows. Every program reads it from the page cache; those of a table run in turn, all as often. CPU seconds are user plus
//! system time of the child, the best of its runs; memory is its peak resident set ([`measure`]).
//!
//! The flood ([`flood`]) opens a million flows at once.
//!
//! The live part ([`live`]) puts the same packets on a pair of virtual interfaces, as fast as the kernel sends them or at
//! a given rate, and has each sensor listen at the other end.
#![forbid(unsafe_code)]

mod capture;
mod flood;
mod generator;
mod live;
mod measure;
mod readers;

use std::path::{Path, PathBuf};

use measure::{Asked, Usage, best};

/// What the command line says.
struct Options {
    packets: u64,
    snap: u32,
    runs: u32,
    keep: Option<PathBuf>,
    files: bool,
    live: bool,
    flood: bool,
    /// Packets per second to offer; 0 for as many as can be sent.
    rates: Vec<u64>,
    seconds: u64,
}

/// One line of a table.
struct Line {
    name: String,
    usage: Option<Usage>,
    /// The line whose CPU time ours is to be compared with.
    peer: bool,
}

fn main() {
    if let Some(arguments) = measure::asked_to_measure() {
        measure::child(&arguments);
    }
    if let Some(arguments) = live::asked_to_generate() {
        live::child(&arguments);
    }
    if let Some(arguments) = flood::asked_to_flood() {
        flood::child(&arguments);
    }
    if let Err(error) = run() {
        eprintln!("bench: {error}");
        std::process::exit(1);
    }
}

fn options() -> Result<Options, String> {
    use lexopt::prelude::*;
    let mut options = Options {
        packets: 1_200_000,
        snap: 128,
        runs: 3,
        keep: None,
        files: true,
        live: true,
        flood: true,
        rates: Vec::new(),
        seconds: 5,
    };
    let mut parser = lexopt::Parser::from_env();
    let bad = |error: lexopt::Error| error.to_string();
    while let Some(argument) = parser.next().map_err(bad)? {
        match argument {
            Long("packets") => options.packets = parser.value().map_err(bad)?.parse().map_err(bad)?,
            Long("snap") => options.snap = parser.value().map_err(bad)?.parse().map_err(bad)?,
            Long("runs") => options.runs = parser.value().map_err(bad)?.parse().map_err(bad)?,
            Long("keep") => options.keep = Some(parser.value().map_err(bad)?.into()),
            Long("rate") => options.rates.push(parser.value().map_err(bad)?.parse().map_err(bad)?),
            Long("seconds") => options.seconds = parser.value().map_err(bad)?.parse().map_err(bad)?,
            Long("only") => match parser.value().map_err(bad)?.to_str() {
                Some("files") => (options.live, options.flood) = (false, false),
                Some("live") => (options.files, options.flood) = (false, false),
                Some("flood") => (options.files, options.live) = (false, false),
                _ => return Err("--only takes files, flood or live".to_owned()),
            },
            other => return Err(other.unexpected().to_string()),
        }
    }
    Ok(options)
}

fn run() -> Result<(), String> {
    let options = options()?;
    let own = std::env::current_exe().map_err(|error| format!("own path: {error}"))?;
    let programs = own.parent().ok_or("own path has no folder")?;
    let folder = match &options.keep {
        Some(folder) => folder.clone(),
        None => std::env::temp_dir().join(format!("panoptes-bench-{}", std::process::id())),
    };
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut result = Ok(());
    if options.files {
        result = compare(&options, programs, &folder);
    }
    if options.flood && result.is_ok() {
        result = flood::compare();
    }
    if options.live && result.is_ok() {
        // As many as can be sent, and a rate that both sensors should bear.
        let rates = if options.rates.is_empty() { vec![0, 150_000] } else { options.rates };
        result = live::compare(&rates, options.seconds, programs, &folder);
    }
    if options.keep.is_none() {
        let _ = std::fs::remove_dir_all(&folder);
    }
    result
}

fn compare(options: &Options, programs: &Path, folder: &Path) -> Result<(), String> {
    let pcap = folder.join("bench.pcap");
    let made = capture::write(&pcap, options.packets, options.snap)
        .map_err(|error| format!("{}: {error}", pcap.display()))?;
    let pcap = pcap.to_string_lossy().into_owned();
    println!(
        "capture: {} packets, {} flows, {} octets on the wire, {:.0} s long, snapped at {} octets",
        made.packets, made.flows, made.octets, made.seconds, options.snap
    );
    let file = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let ours = |name: &str| programs.join(name).to_string_lossy().into_owned();
    let (own, theirs) = (file("own.argus"), file("debian.argus"));
    let runs = options.runs;

    let argus = ours("argus");
    for (title, flags) in
        [("sensor, default records", None), ("sensor, all metrics (-mAJZR)", Some("-mAJZR"))]
    {
        let with = |program, out| {
            let words: Vec<&str> =
                [program, "-X"].into_iter().chain(flags).chain(["-r", &pcap, "-w", out]).collect();
            Asked::new(&words, Some(out))
        };
        let mut names = vec!["argus (ours)", "argus 3.0.8.2"];
        let mut commands = vec![with(&argus, &own), with("argus", &theirs)];
        if flags.is_none() {
            let pid = file("softflowd.pid");
            let collector = ["-n", "127.0.0.1:9", "-v", "9", "-p", &pid, "-c", "none", "-m", "1000000"];
            names.extend(["softflowd", "tcpdump -w /dev/null"]);
            commands.extend([
                Asked::new(&[&["softflowd", "-d", "-r", &pcap][..], &collector].concat(), None),
                Asked::new(&["tcpdump", "-r", &pcap, "-w", "/dev/null"], None),
            ]);
        }
        let line = |(name, usage): (&&str, _)| Line {
            name: (*name).to_owned(),
            usage,
            peer: *name == "argus 3.0.8.2",
        };
        let lines: Vec<Line> = names.iter().zip(best(runs, &commands)).map(line).collect();
        table(title, &lines, Some(made.packets), "packet");
    }

    readers::compare(&pcap, &theirs, &ours("ra"), runs, folder)
}

fn table(title: &str, lines: &[Line], per: Option<u64>, unit: &str) {
    println!("\n{title}");
    let head = if unit.is_empty() { String::new() } else { format!("ns/{unit}") };
    println!(
        "  {:<24}{:>10}{:>10}{:>12}{:>12}{:>12}",
        "", "CPU s", "wall s", "peak MiB", "ours/theirs", head
    );
    let ours = lines.first().and_then(|line| line.usage.as_ref()).map(|usage| usage.cpu);
    for (at, line) in lines.iter().enumerate() {
        let Some(usage) = &line.usage else {
            println!("  {:<24}{:>10}", line.name, "did not run");
            continue;
        };
        let ratio = match ours {
            Some(ours) if at > 0 && usage.cpu > 0.0 => format!("{:.3}", ours / usage.cpu),
            _ => String::new(),
        };
        let each = per.map_or(String::new(), |count| format!("{:.0}", usage.cpu * 1e9 / count as f64));
        println!(
            "  {:<24}{:>10.3}{:>10.3}{:>12.1}{:>12}{:>12}{}",
            line.name,
            usage.cpu,
            usage.wall,
            usage.peak_kib as f64 / 1024.0,
            ratio,
            each,
            if line.peer { "  <- reference" } else { "" }
        );
    }
}
