//! Inputs that are not what they should be, and names that nobody has.

mod common;

use common::{RA, command, flow, initial, printed, run};
use std::io::Write;
use std::process::Stdio;

fn file(octets: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(octets).expect("written");
    file
}

fn path(file: &tempfile::NamedTempFile) -> &str {
    file.path().to_str().expect("UTF-8")
}

#[test]
fn inputs_that_are_no_streams_get_one_line_and_status_1() {
    let mut seed = 1u32;
    let random: Vec<u8> = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    })
    .take(5000)
    .collect();
    for (what, octets) in [
        ("empty", Vec::new()),
        ("truncated", initial()[..64].to_vec()),
        ("text", b"hello, this is no argus file\n".repeat(20)),
        ("random", random),
    ] {
        let input = file(&octets);
        let output = run(RA, &["-X", "-n", "-r", path(&input)]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{what}: {said}");
        assert!(output.stdout.is_empty(), "{what}");
        assert_eq!(said.lines().count(), 1, "{what}: {said}");
        assert!(said.starts_with("ra: ") && said.contains(path(&input)), "{what}: {said}");
    }
}

#[test]
fn a_missing_file_does_not_keep_the_others_from_being_read() {
    let input = file(&[initial(), flow(1)].concat());
    let output = run(RA, &["-X", "-n", "-r", "/nonexistent/file", path(&input), "-s", "dport", "-L", "-1"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(output.stdout, b"1\n");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said, "ra: open '/nonexistent/file': No such file or directory\n");
}

#[test]
fn reading_goes_on_behind_what_cannot_be_read() {
    let mut broken = flow(2);
    // A part of length zero in front of the time: the record cannot be walked.
    broken[7] = 0;
    let whole = [initial(), flow(1), broken, flow(3)].concat();
    let at = initial().len() + flow(1).len();
    let output = run(RA, &["-X", "-n", "-r", path(&file(&whole)), "-s", "dport", "-L", "-1"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.stdout, b"1\n3\n", "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains(&format!("offset {at}")), "{said}");
    assert!(output.status.success());
}

#[test]
fn records_are_written_as_they_were_read() {
    let whole = [initial(), flow(1), flow(2), flow(3)].concat();
    let input = file(&whole);
    let scratch = tempfile::tempdir().expect("a folder");
    let copy = scratch.path().join("copy");
    let copy = copy.to_str().expect("UTF-8");
    assert_eq!(printed(RA, &["-X", "-r", path(&input), "-w", copy]), "");
    assert_eq!(std::fs::read(copy).expect("written"), whole);
    // Again: a second stream is appended, and a filter of the file's own holds for flows.
    printed(RA, &["-X", "-r", path(&input), "-w", copy, "dst port 2"]);
    assert_eq!(std::fs::read(copy).expect("written"), [whole.clone(), initial(), flow(2)].concat());
    // What the filter rejects.
    let rejects = scratch.path().join("rejects");
    let rejects = rejects.to_str().expect("UTF-8");
    printed(RA, &["-X", "-r", path(&input), "-E", rejects, "-", "dst", "port", "2"]);
    assert_eq!(std::fs::read(rejects).expect("written"), [initial(), flow(1), flow(3)].concat());
}

#[test]
fn standard_input_and_a_reader_that_goes_away() {
    let whole: Vec<u8> = [initial()].into_iter().chain((0..20_000).map(|_| flow(9))).flatten().collect();
    let input = file(&whole);
    let mut child = command(RA)
        .args(["-X", "-n"])
        .stdin(Stdio::from(std::fs::File::open(input.path()).expect("open")))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn names_are_dispatched() {
    let scratch = tempfile::tempdir().expect("a folder");
    let link = |name: &str| {
        let path = scratch.path().join(name);
        std::os::unix::fs::symlink(RA, &path).expect("a link");
        path.to_str().expect("UTF-8").to_owned()
    };
    assert!(printed(&link("rasplit"), &["-h"]).starts_with("Rasplit Version"));
    assert!(printed(RA, &["rastream", "-h"]).starts_with("Rastream Version"));
    let output = run(&link("ranonsense"), &["-h"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("ranonsense") && said.contains("ra, rasplit, rastream"), "{said}");
}

#[test]
fn usage_errors_are_one_line_and_status_2() {
    for arguments in [&["-X", "-N", "x"][..], &["-X", "-s", "nonesuch"], &["-k"], &["-X", "-M", "printer=x"]]
    {
        let output = run(RA, arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
    }
    let output = run(RA, &["-X", "-", "nonsense", "foo"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("ra: filter syntax error: column 1: "));
}

#[test]
fn json_is_json() {
    let input = file(&[initial(), flow(1), flow(80)].concat());
    let text =
        printed(RA, &["-X", "-n", "-M", "json", "man", "-r", path(&input), "-s", "+srcid +dur +label"]);
    let objects: Vec<serde_json::Value> = text
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    assert_eq!(objects.len(), 3);
    assert_eq!(objects[0]["type"], "man");
    assert_eq!(objects[2]["dport"], 80);
    assert_eq!(objects[2]["saddr"], "10.0.0.1");
    assert_eq!(objects[2]["srcid"], 7);
}

#[test]
fn a_script_is_run_on_every_closed_file() {
    use std::os::unix::fs::PermissionsExt;
    let input = file(&[initial(), flow(1), flow(2)].concat());
    let scratch = tempfile::tempdir().expect("a folder");
    let script = scratch.path().join("script");
    std::fs::write(&script, "#!/bin/sh\necho \"$1 $2\" >> log\n").expect("written");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let output = command(RA)
        .current_dir(scratch.path())
        .args(["rastream", "-X", "-M", "count", "1", "-w", "out.", "-f", "./script", "-r", path(&input)])
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(std::fs::read_to_string(scratch.path().join("log")).expect("a log"), "-r out.aa\n-r out.ab\n");
}
