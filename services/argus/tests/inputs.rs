//! Inputs, good and bad (sensor-and-transport 1.5): whatever comes, one clear line and no panic.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::Write as _;
use std::process::{Command, Stdio};

use common::{Folder, Running, argus, capture, flows, mars, records, run, told, wait_for};

#[test]
fn bad_inputs_give_one_line_and_status_1() {
    let folder = Folder::new();
    let whole = capture(common::BEGIN);
    let noise: Vec<u8> = (0..5000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for (name, octets, words) in [
        ("empty.pcap", &[][..], "empty file"),
        ("short.pcap", &whole[..10], "truncated"),
        ("text.pcap", b"this is no capture but a line of text\n", "unknown file format"),
        ("noise.pcap", &noise, "unknown file format"),
    ] {
        let path = folder.write(name, octets);
        let output = run(&["-r", &path, "-w", "-"]);
        let text = told(&output);
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert_eq!(text.lines().count(), 1, "{name}: {text}");
        assert!(text.starts_with(&format!("argus: {path}: ")) && text.contains(words), "{name}: {text}");
        assert_eq!(mars(&records(&output.stdout)).len(), 2, "{name}: the output is a whole stream");
    }
    for path in ["/nonexistent.pcap", "/"] {
        let output = run(&["-r", path]);
        assert_eq!((output.status.code(), told(&output).lines().count()), (Some(1), 1), "{path}");
    }
    let output = run(&["-r", "/nonexistent.pcap"]);
    assert_eq!(told(&output), "argus: /nonexistent.pcap: No such file or directory\n");
}

#[test]
fn a_cut_capture_is_told_and_what_came_before_is_reported() {
    let folder = Folder::new();
    let whole = capture(common::BEGIN);
    for cut in [whole.len() - 3, whole.len() - 60] {
        let path = folder.write("cut.pcap", &whole[..cut]);
        let output = run(&["-r", &path, "-w", "-"]);
        let text = told(&output);
        assert_eq!((output.status.code(), text.lines().count()), (Some(1), 1), "{text}");
        assert!(text.contains("truncated"), "{text}");
        let seen = records(&output.stdout);
        assert_eq!((flows(&seen), mars(&seen)[1].packets), (2, 7));
        // 3.0.8 takes it as it is.
        assert!(run(&["--compat", "3.0.8", "-r", &path, "-w", "-"]).status.success());
    }
}

#[test]
fn one_bad_file_among_others_does_not_stop_them() {
    let folder = Folder::new();
    let bad = folder.write("a.pcap", b"no capture");
    let output = run(&["-r", &bad, &folder.text("t.pcap"), "-w", "-"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(flows(&records(&output.stdout)), 2);
}

#[test]
fn a_link_type_that_nobody_reads_is_one_flow() {
    let folder = Folder::new();
    let mut octets = capture(common::BEGIN);
    octets[20..24].copy_from_slice(&147u32.to_le_bytes());
    let path = folder.write("user0.pcap", &octets);
    for compat in [&[][..], &["--compat", "3.0.8"]] {
        let output = run(&[compat, &["-r", &path, "-w", "-"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", told(&output));
        assert_eq!(flows(&records(&output.stdout)), 1);
    }
}

/// Every octet of the capture changed in turn, and cut everywhere: the sensor ends by itself with a whole stream.
#[test]
fn damaged_captures_never_panic() {
    let folder = Folder::new();
    let whole = capture(common::BEGIN);
    let mut seed = 1u32;
    for round in 0..120usize {
        let mut octets = whole.clone();
        for _ in 0..1 + round % 5 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = (seed >> 8) as usize % octets.len();
            octets[at] ^= (seed >> 24) as u8 | 1;
        }
        if round % 3 == 0 {
            octets.truncate((seed >> 4) as usize % whole.len());
        }
        let path = folder.write("damaged.pcap", &octets);
        let output = run(&["-r", &path, "-mAJZR", "-U", "64", "-w", "-"]);
        assert!(
            matches!(output.status.code(), Some(0 | 1)),
            "round {round}: {:?} {}",
            output.status,
            told(&output)
        );
        assert!(told(&output).lines().count() <= 1, "round {round}: {}", told(&output));
        assert!(mars(&records(&output.stdout)).len() >= 2, "round {round}");
    }
}

#[test]
fn standard_input_and_compression() {
    let folder = Folder::new();
    let plain = std::fs::read(folder.path("t.pcap")).unwrap();
    let mut child =
        argus().args(["-r", "-", "-w", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&plain).unwrap();
    assert_eq!(flows(&records(&child.wait_with_output().unwrap().stdout)), 2);
    for (program, ending) in [("gzip", "gz"), ("bzip2", "bz2"), ("xz", "xz"), ("zstd", "zst")] {
        if !common::installed(program) {
            continue;
        }
        let packed = Command::new(program).args(["-c", &folder.text("t.pcap")]).output().unwrap().stdout;
        let path = folder.write(&format!("t.pcap.{ending}"), &packed);
        let output = run(&["-r", &path, "-w", "-"]);
        assert!(output.status.success(), "{ending}: {}", told(&output));
        assert_eq!(flows(&records(&output.stdout)), 2, "{ending}");
        let output = run(&["-f", "-r", &path, "-w", "-"]);
        assert_eq!(output.status.code(), Some(1), "{ending}: {}", told(&output));
        assert!(
            told(&output).contains("cannot be followed") && told(&output).contains(&path),
            "{}",
            told(&output)
        );
        let path = folder.write(&format!("cut.{ending}"), &packed[..packed.len() - 12]);
        let output = run(&["-r", &path, "-w", "-"]);
        assert_eq!(
            (output.status.code(), told(&output).lines().count()),
            (Some(1), 1),
            "{ending}: {}",
            told(&output)
        );
    }
}

#[test]
fn a_growing_file_is_followed() {
    let folder = Folder::new();
    let whole = capture(common::BEGIN);
    let path = folder.write("grows.pcap", &whole[..200]);
    let out = folder.path("out");
    let mut sensor = Running::start(argus().args(["-f", "-r", &path, "-w", out.to_str().unwrap()]));
    wait_for("the output", || out.exists().then_some(()));
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(&whole[200..]).unwrap();
    // Nothing in the capture's own time makes a record due: the signal does.
    std::thread::sleep(std::time::Duration::from_millis(400));
    sensor.signal(nix::sys::signal::Signal::SIGTERM);
    assert!(sensor.end().success());
    let seen = common::read(&out);
    assert_eq!((flows(&seen), mars(&seen)[1].packets), (2, 8));
}

#[test]
fn nanoseconds_and_the_other_byte_order() {
    let folder = Folder::new();
    let mut octets = capture(common::BEGIN);
    octets[..4].copy_from_slice(&0xa1b2_3c4du32.to_le_bytes());
    let path = folder.write("nano.pcap", &octets);
    let output = run(&["-r", &path, "-w", "-"]);
    assert_eq!(flows(&records(&output.stdout)), 2, "{}", told(&output));
}
