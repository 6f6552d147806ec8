//! What rows look like when more is asked for than 3.0.8 offers: shares, colours, names, quotes, playback.

mod common;

use common::{RA, printed, run, shared};

/// The arguments that read the sample `web`: two flows of TCP.
fn web() -> Option<String> {
    Some(shared("spec/ra-cases")?.join("in/web.argus").display().to_string())
}

#[test]
fn percentages_add_up_to_a_hundred() {
    let Some(file) = web() else { return };
    let rows =
        printed(RA, &["-X", "-n", "-%", "-c", ",", "-r", &file, "-s", "saddr", "pkts", "bytes", "appbytes"]);
    let mut lines = rows.lines();
    assert_eq!(lines.next(), Some("SrcAddr,pTotPkts,pTotBytes,pAppBytes"));
    let cells: Vec<Vec<f64>> = lines
        .map(|line| line.split(',').skip(1).map(|cell| cell.parse().expect("a number")).collect())
        .collect();
    assert_eq!(cells.len(), 2);
    for column in 0..3 {
        let sum: f64 = cells.iter().map(|row| row[column]).sum();
        assert!((sum - 100.0).abs() < 0.001, "column {column}: {sum}");
    }
    // What is not printed does not count.
    let rows = printed(RA, &["-X", "-%", "-L", "-1", "-r", &file, "-s", "pkts:12", "-", "dst port 80"]);
    assert_eq!(rows, "  100.000000\n");
    let refused = run(RA, &["-X", "-%"]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(run(RA, &["--compat", "3.0.8", "-X", "-%", "-r", &file]).stdout, b"", "3.0.8 prints nothing");
}

#[test]
fn colours_only_when_asked_for_and_nothing_else_changes() {
    let Some(file) = web() else { return };
    let plain = printed(RA, &["-X", "-n", "-r", &file]);
    assert!(!plain.contains('\x1b'));
    assert_eq!(printed(RA, &["-X", "-n", "--color", "auto", "-r", &file]), plain, "no terminal, no colour");
    let coloured = printed(RA, &["-X", "-n", "--color", "always", "-r", &file]);
    assert!(coloured.contains("\x1b[31mRST\x1b[0m") && coloured.contains("\x1b[36m141.42.64.125\x1b[0m."));
    let mut bare = String::new();
    let mut rest = coloured.as_str();
    while let Some(at) = rest.find('\x1b') {
        bare.push_str(&rest[..at]);
        rest = rest[at..].split_once('m').expect("a whole sequence").1;
    }
    bare.push_str(rest);
    let trimmed = |text: &str| text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    assert_eq!(trimmed(&bare), trimmed(&plain));
    assert_eq!(run(RA, &["-X", "--color", "blue", "-r", &file]).status.code(), Some(2));
}

#[test]
fn quotes_formats_and_octets() {
    let Some(file) = web() else { return };
    let line = |more: &[&str]| {
        let mut words = vec!["-X", "-n", "-L", "-1", "-N", "1", "-r", &file];
        words.extend(more);
        printed(RA, &words)
    };
    let quoted = line(&["-c", ",", "-o", "RA_FIELD_QUOTED=\"double\"", "-s", "saddr", "sport", "dir", "dur"]);
    assert_eq!(quoted, "\"141.42.64.125\",56729,\" ->\",0.182433\n");
    assert_eq!(line(&["-s", "stime:10:%Y/%m/%d", "bytes"]), "2005/10/07        134\n");
    assert_eq!(line(&["-M", "eframe=10", "-s", "bytes", "sbytes"]), "       154           84\n");
    assert_eq!(
        line(&["-c", ",", "-s", "type", "score", "smacclass", "dsrs"]),
        "flow,0,UAA,trans,flow,time,metric,net,ipattr,psize,mac,encaps\n"
    );
    let refused = run(RA, &["-X", "-o", "RA_NONSENSE=1", "-r", &file]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("RA_NONSENSE"));
}

#[test]
fn sources_may_have_names() {
    let Some(file) = web() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let names = folder.path().join("names");
    std::fs::write(&names, "# sensors\n10.1.2.3 attic\n10.1.2.4 cellar\n").expect("written");
    let option = format!("RA_SRCID_ALIAS=file:{}", names.display());
    let shown = |more: &[&str]| {
        let mut words =
            vec!["-X", "-o", &option, "-L", "-1", "-c", ",", "-N", "1", "-r", &file, "-s", "srcid", "node"];
        words.extend(more);
        printed(RA, &words)
    };
    assert_eq!(shown(&[]), "attic,attic\n");
    assert_eq!(shown(&["-n"]), "10.1.2.3,attic\n");
    let missing = run(RA, &["-X", "-o", "RA_SRCID_ALIAS=file:/nonexistent/names", "-r", &file]);
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn user_data_are_searched_beyond_zeros() {
    let Some(folder) = shared("spec/ra-cases") else { return };
    let file = folder.join("in/wikipedia.argus").display().to_string();
    // A DNS question: twelve octets of header, zeros among them, stand before the name.
    let count = |regex: &str, more: &[&str]| {
        let mut words = vec!["-X", "-n", "-L", "-1", "-e", regex, "-r", &file, "-s", "seq"];
        words.extend(more);
        words.extend(["-", "udp", "and", "port", "53"]);
        String::from_utf8_lossy(&run(RA, &words).stdout).lines().count()
    };
    let compat = ["--compat", "3.0.8"];
    let dns = count("wikimedia", &[]);
    assert!(dns > 0);
    assert_eq!(count("wikimedia", &compat), dns);
    // To 3.0.8 each run of other octets is a string.
    assert_eq!(count("^.wikimedia", &[]), 0);
    assert_eq!(count("^.{1,30}wikimedia", &compat), dns);
}

#[test]
fn files_are_played_back() {
    let Some(file) = web() else { return };
    let plain = printed(RA, &["-X", "-n", "-r", &file]);
    // Seven seconds of traffic in a few milliseconds.
    assert_eq!(printed(RA, &["-X", "-n", "-M", "rtime:100000", "-r", &file]), plain);
    assert_eq!(run(RA, &["-X", "-M", "rtime:0", "-r", &file]).status.code(), Some(2));
}

#[test]
fn filters_that_are_wrong_are_pointed_at() {
    let output = run(RA, &["-X", "-r", "/dev/null", "-", "tcp and port foo"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 3, "{said}");
    assert!(lines[0].starts_with("ra: filter syntax error: column 14: "), "{said}");
    assert_eq!(lines[1..], ["  tcp and port foo", "               ^^^"], "{said}");
    assert_eq!(output.status.code(), Some(1));
}

/// Seen with ra 3.0.8.2.
#[test]
fn widths_of_time_formats_and_quotes_of_3_0_8() {
    let Some(file) = web() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let conf = folder.path().join("rarc");
    let conf_name = conf.display().to_string();
    let shown = |conf_text: &str, words: &[&str]| {
        std::fs::write(&conf, conf_text).expect("written");
        let mut all = vec!["--compat", "3.0.8", "-X", "-n", "-F", &conf_name, "-N", "1", "-r", &file];
        all.extend(words);
        printed(RA, &all)
    };
    let times = ["-s", "stime", "ltime"];
    let format = |format: &str| format!("RA_TIME_FORMAT=\"{format}\"\n");
    assert_eq!(shown(&format("%H:%M"), &times), "Start LastT \n23:23 23:23\n");
    assert_eq!(shown(&format("%H:%M"), &[&["-p", "3"][..], &times].concat()), "St La \n23:23 2*\n");
    assert_eq!(
        shown(&format("%s"), &[&["-p", "3"][..], &times].concat()),
        "StartTi LastTim \n112* 112872*\n"
    );
    assert_eq!(shown(&format("%f"), &times), "StartT LastTi \n 533221\n");
    assert_eq!(shown(&format("%a"), &[&["-c", ","][..], &times].concat()), "Sta,Las\nFri,Fri\n");
    assert_eq!(
        shown(&format("%a"), &[&["-p", "3", "-c", ","][..], &times].concat()).lines().next(),
        Some("")
    );
    let quoted = "RA_FIELD_QUOTED=double\n";
    let row = |delimiter| {
        shown(quoted, &["-L", "-1", "-c", delimiter, "-s", "stime", "saddr", "dur", "flgs", "dir"])
    };
    assert_eq!(row(":"), "\"23:23:50.350788\":141.42.64.125:0.182433: e        :   ->\n");
    assert_eq!(row("-"), "23:23:50.350788-141.42.64.125-0.182433- e        -\"   ->\"\n");
    assert_eq!(row("e"), "23:23:50.350788e141.42.64.125e0.182433e\" e        \"e   ->\n");
    let delimited = shown("RA_FIELD_DELIMITER=''\n", &["-L", "-1", "-s", "saddr", "pkts"]);
    assert_eq!(delimited, "     141.42.64.125        2\n");
}

/// Seen with ra 3.0.8.2.
#[test]
fn which_columns_follow_the_time_format() {
    let Some(file) = web() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let conf = folder.path().join("rarc");
    std::fs::write(&conf, "RA_TIME_FORMAT=\"%Y-%m-%d %H:%M:%S.%f\"\n").expect("written");
    let conf = conf.display().to_string();
    let row = |release: &[&str], words: &[&str]| {
        let all = [release, &["-X", "-n", "-F", &conf, "-L", "-1", "-N", "1", "-r", &file], words].concat();
        printed(RA, &all).chars().take(31).collect::<String>()
    };
    let historic = ["--compat", "3.0.8"];
    // Those that were not asked for do not.
    assert_eq!(row(&historic, &[]), "2005-10-07 23:23:*  e          ");
    assert_eq!(row(&historic, &["-s", "stime", "flgs"]), "2005-10-07 23:23:50.350788  e\n");
    assert_eq!(row(&[], &[]), "2005-10-07 23:23:50.350788  e  ");
    // A width that was asked for stays.
    for release in [&historic[..], &[]] {
        assert_eq!(row(release, &["-s", "stime:4"]), "2005-10-0*\n");
        assert_eq!(row(release, &["-s", "stime:21"]), " 2005-10-07 23:23:50.350788\n");
    }
}

#[test]
fn documents_have_no_titles() {
    let Some(file) = web() else { return };
    for form in ["xml", "json"] {
        let plain = printed(RA, &["-X", "-M", form, "-L", "-1", "-r", &file, "-s", "saddr"]);
        let asked = printed(RA, &["-X", "-M", form, "-L", "1", "-r", &file, "-s", "saddr"]);
        assert_eq!(plain.lines().count(), asked.lines().count());
    }
}
