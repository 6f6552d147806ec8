//! What `-w` and `-E` write: beside the C program, and whichever way records are chosen.

mod common;

use common::{RA, difference, flow, initial, installed, printed, run, shared, text};
use std::path::PathBuf;

/// The record files of the chapter's cases.
fn files() -> Option<Vec<String>> {
    let folder = shared("spec/ra-cases")?.join("in");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "argus"))
        .collect();
    files.sort();
    Some(files.iter().map(|path| path.display().to_string()).collect())
}

/// Choices of all kinds: options, and filters behind them.
const CHOICES: [(&[&str], &str); 12] = [
    (&[], "pkts gt 3"),
    (&[], "src bytes lt 200 or dst appbytes eq 0"),
    (&[], "con or fin"),
    (&[], "tcp and (port 80 or dst pkts gte 2)"),
    (&[], "not (syn and synack)"),
    (&[], "src port gt 1024 and dur gt 0.1"),
    (&["-t", "2005/10/07-2011/03/19"], ""),
    (&["-t", "c2000-2020/01"], "udp or icmp"),
    (&["-t", "x2011/03/18"], "bytes gt 100"),
    (&["-t", "n2005/10/07.23:23:52"], ""),
    (&["-t", "1128727435-1300475168"], "pkts gt 1"),
    (&["-t", "****/**/**.19"], "ip"),
];

#[test]
fn the_short_way_chooses_as_the_long_way() {
    let Some(files) = files() else { return };
    let scratch = tempfile::tempdir().expect("a folder");
    let (short, long) = (scratch.path().join("short"), scratch.path().join("long"));
    let conf = scratch.path().join("rarc");
    std::fs::write(&conf, "RA_PORT_DIRECTION=\"services,wellknown\"\n").expect("written");
    for (options, filter) in CHOICES {
        for ports in [false, true] {
            let mut words = vec!["-X", "-n"];
            if ports {
                words.extend(["-F", text(&conf)]);
            }
            words.extend(options);
            words.push("-r");
            words.extend(files.iter().map(String::as_str));
            // A range of records has each looked at properly.
            let ways: [&[&str]; 2] = [&["-N", "1000000"], &[]];
            let rows = ways.map(|way| run(RA, &[&words[..], way, &["-", filter]].concat()).stdout);
            assert!(rows[0] == rows[1], "{options:?} {filter} ports: {ports}");
            let written = [&long, &short].map(|path| {
                let way = if path == &long { ways[0] } else { ways[1] };
                let status = run(RA, &[&words[..], way, &["-w", text(path), "-", filter]].concat()).status;
                let octets = std::fs::read(path).expect("written");
                std::fs::remove_file(path).expect("removed");
                (status, octets)
            });
            assert!(written[0] == written[1], "{options:?} {filter} ports: {ports}");
        }
    }
}

#[test]
fn the_c_program_writes_the_same() {
    let (Some(files), true) = (files(), installed("ra")) else { return };
    let scratch = tempfile::tempdir().expect("a folder");
    let (ours, theirs) = (scratch.path().join("ours"), scratch.path().join("theirs"));
    let columns = "stime ltime flgs proto saddr sport dir daddr dport spkts dpkts sbytes dbytes state";
    for name in ["web", "wikipedia", "smtp", "lab", "gre"] {
        let Some(file) = files.iter().find(|file| file.ends_with(&format!("/{name}.argus"))) else {
            continue;
        };
        for options in [
            &["-M", "uni"][..],
            &["-M", "rmon"],
            &["-M", "rmon", "-N", "3"],
            &["-t", "2005/10/07-2011/03/19"],
            &["-%"],
        ] {
            // Of keys of IPv6 and Ethernet the C program exchanges one half.
            for filter in ["ip and not ipv6", "tcp and pkts gt 2 and not ipv6", "port 1"] {
                let words = |out| [&["-X", "-r", file][..], options, &["-w", out], &["-", filter]].concat();
                let statuses = [
                    run("ra", &words(text(&theirs))).status.code(),
                    run(RA, &[&["--compat", "3.0.8"], &words(text(&ours))[..]].concat()).status.code(),
                ];
                assert_eq!(statuses[0], statuses[1], "{name} {options:?} {filter}");
                assert_eq!(theirs.exists(), ours.exists(), "{name} {options:?} {filter}");
                if !ours.exists() {
                    continue;
                }
                let shown = [&theirs, &ours].map(|path| {
                    printed(
                        "ra",
                        &["-X", "-n", "-u", "-c", ",", "-M", "man", "-r", text(path), "-s", columns],
                    )
                });
                let [theirs_shown, ours_shown] = shown.each_ref().map(|rows| rows.as_bytes());
                let difference = difference(theirs_shown, ours_shown);
                assert!(theirs_shown == ours_shown, "{name} {options:?} {filter}\n{difference}");
                for path in [&theirs, &ours] {
                    std::fs::remove_file(path).expect("removed");
                }
            }
        }
    }
}

#[test]
fn totals_are_not_among_the_records() {
    let scratch = tempfile::tempdir().expect("a folder");
    let file = scratch.path().join("records");
    let octets = [initial(), flow(5), flow(6)].concat();
    std::fs::write(&file, &octets).expect("written");
    let output = run(RA, &["-X", "-A", "-r", text(&file), "-w", "-"]);
    assert!(output.stdout == octets);
    assert!(String::from_utf8_lossy(&output.stderr).starts_with(" Totalrecords 3 "), "{output:?}");
}
