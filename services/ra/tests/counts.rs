//! What is counted of several files, and what both ends of a flow are counted as; numbers seen with ra 3.0.8.2.

mod common;

use common::{RA, run, shared};

/// Standard output and exit status with these words before the files `web` (two flows) and `wikipedia`, and those after
/// them; rows on one line. `None` when the files are not there.
fn shown(words: &[&str], after: &[&str]) -> Option<(String, Option<i32>)> {
    let folder = shared("spec/ra-cases")?.join("in");
    let files = ["web.argus", "wikipedia.argus"].map(|name| folder.join(name).display().to_string());
    let mut all = vec!["--compat", "3.0.8", "-X", "-n", "-u", "-p", "3", "-L", "-1", "-c", ","];
    all.extend(words);
    all.extend(["-r", &files[0], &files[1]]);
    all.extend(after);
    let output = run(RA, &all);
    let text = String::from_utf8_lossy(&output.stdout).trim_end().replace('\n', " ");
    Some((text.split_whitespace().collect::<Vec<_>>().join(" "), output.status.code()))
}

#[test]
fn ranges_count_management_records_with_the_flows() {
    for (range, filter, expected) in [
        ("3", &[][..], "1,1128727430.350 2,1128727435.450"),
        ("5", &[], "1,1128727430.350 2,1128727435.450 3,1300475167.096"),
        ("3-3", &[], ""),
        ("4-4", &[], "1,1300475167.096"),
        ("5-5", &[], "1,1300475167.096"),
        ("5-6", &[], "1,1300475167.096 2,1300475167.097"),
        ("5-4", &[], "1,1300475167.096"),
        ("o4-5", &[], "4,1300475167.097 5,1300475167.099"),
        ("3-3", &["-", "tcp"], ""),
        ("4-5", &["-", "tcp"], "1,1300475168.652 2,1300475168.724"),
        ("1-1", &["-", "udp"], "1,1300475167.096"),
        ("2-2", &["-", "udp"], "1,1300475167.096"),
        ("3-3", &["-", "udp"], "1,1300475167.097"),
        ("1-1", &["-", "udp", "or", "man"], ""),
    ] {
        let Some((text, _)) = shown(&["-N", range, "-s", "rank", "stime"], filter) else { return };
        assert_eq!(text, expected, "-N {range} {filter:?}");
    }
}

#[test]
fn later_files_begin_anew() {
    let words = ["-N", "5", "-M", "man", "-s", "rank", "offset", "proto"];
    let Some((text, _)) = shown(&words, &[]) else { return };
    assert_eq!(text, ",0,man 1,128,tcp 2,368,tcp 2,368,man ,0,man 3,128,udp");
}

#[test]
fn the_record_that_a_later_file_begins_with_matches_and_counts() {
    let Some((text, status)) = shown(&["-A"], &["-", "dst", "port", "1"]) else { return };
    let counts = "Totalrecords 3 TotalManRecords 6 TotalFarRecords 43 TotalPkts 0 TotalBytes 0";
    assert_eq!((text.as_str(), status), (counts, Some(0)));
    let Some((text, _)) = shown(&["-e", "nonesuch", "-A"], &[]) else { return };
    assert_eq!(text, counts);
    let Some((_, status)) = shown(&["-M", "label=nonesuch"], &[]) else { return };
    assert_eq!(status, Some(0));
}

#[test]
fn rows_from_the_other_end_have_their_own_ordinal() {
    let words = ["-M", "rmon", "man", "-N", "3", "-s", "rank", "offset", "proto", "sport", "stcpb"];
    let Some((text, _)) = shown(&words, &[]) else { return };
    assert!(text.starts_with(",0,man,0, 1,128,tcp,56729,"), "{text}");
    assert!(
        text.contains(" 2,0,tcp,12345") && text.contains(" 3,368,tcp,56730") && text.contains(" 4,0,tcp,80")
    );
    assert!(text.ends_with(" 3,368,man,0,"), "{text}");
    let words = ["-M", "uni", "-N", "2", "-s", "rank", "offset", "mean", "sload", "dur"];
    let Some((text, _)) = shown(&words, &[]) else { return };
    assert_eq!(
        text,
        "1,128,0.182,0.000,0.000 2,0,0.182,0.000,0.000 3,368,1.734,3801.542,1.734 4,0,1.734,3801.542,1.734"
    );
}

#[test]
fn ranges_of_rows_count_what_they_pass_over() {
    let words = ["-A", "-N", "o1+1", "-s", "rank"];
    let Some((text, _)) = shown(&words, &[]) else { return };
    let totals = "Totalrecords 7 TotalManRecords 5 TotalFarRecords 3 TotalPkts 25 TotalBytes 11204";
    assert_eq!(text, format!("1 2 {totals}"));
    // Management records are shown as far as the flow that tells that the range is over.
    let Some((text, _)) = shown(&["-M", "man", "-N", "o2-2", "-s", "rank", "proto"], &[]) else { return };
    assert_eq!(text, ",man 2,tcp 2,man ,man");
    let Some((text, _)) = shown(&["-A", "-N", "0"], &[]) else { return };
    assert_eq!(text, "Totalrecords 1 TotalManRecords 0 TotalFarRecords 0 TotalPkts 0 TotalBytes 0");
}

#[test]
fn polling_reads_one_record() {
    let Some((text, status)) = shown(&["-M", "poll"], &[]) else { return };
    assert_eq!((text.as_str(), status), ("", Some(0)));
}

#[test]
fn titles_of_what_is_not_shown() {
    let Some(folder) = shared("spec/ra-cases") else { return };
    let file = folder.join("in/web.argus").display().to_string();
    let lines = |words: &[&str]| {
        let all = [&["--compat", "3.0.8", "-X", "-r", &file, "-s", "proto"][..], words].concat();
        String::from_utf8_lossy(&run(RA, &all).stdout).lines().count()
    };
    assert_eq!(lines(&["-N", "o3-4"]), 1, "titles, no row");
    assert_eq!(lines(&["-N", "o2-2", "-L", "1"]), 3, "titles of the row that is passed over");
    assert_eq!((lines(&["-N", "3-4"]), lines(&["-N", "0"]), lines(&["-N", "o0"])), (0, 0, 3));
    assert_eq!(lines(&["-N", "o3-4", "-e", "nonesuch"]), 0);
    assert_eq!((lines(&["-L", "-1"]), lines(&["-L", "-2"]), lines(&["-L", "128"])), (2, 3, 3));
}

#[test]
fn ranges_of_rows_count_those_from_both_ends() {
    for (mode, range, expected) in [
        ("rmon", "o1", "1,56729"),
        ("rmon", "o2-3", "2,12345 3,56730"),
        ("uni", "o3+1", "3,56730 4,80"),
        ("uni", "o2-4", "2,12345 3,56730 4,80"),
    ] {
        let Some((text, _)) = shown(&["-M", mode, "-N", range, "-s", "rank", "sport"], &[]) else { return };
        assert_eq!(text, expected, "-M {mode} -N {range}");
    }
}
