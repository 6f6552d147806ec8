//! Every case of the filter chapter (its section 15): what matches how many records, and what is refused.

mod common;

use std::collections::BTreeMap;

use filter::{Compat, Filter, Options};
use serde::Deserialize;

#[derive(Deserialize)]
struct Cases {
    inputs: BTreeMap<String, Input>,
    cases: Vec<Case>,
    reject: Vec<Reject>,
}

#[derive(Deserialize)]
struct Input {
    records: usize,
    management_records: usize,
}

#[derive(Deserialize)]
struct Case {
    expr: String,
    input: String,
    count: usize,
    class: Class,
    correct: Option<usize>,
    defect: Option<String>,
}

#[derive(Deserialize, PartialEq, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Class {
    Ok,
    Quirk,
    Bug,
    Unsupported,
}

#[derive(Deserialize)]
struct Reject {
    expr: String,
    oracle_messages: Vec<String>,
    accepted_by_5x: bool,
}

fn cases() -> Option<(Cases, BTreeMap<String, Vec<u8>>)> {
    let folder = common::folder()?;
    let text = std::fs::read_to_string(folder.join("cases.json")).expect("cases.json");
    let cases: Cases = serde_json::from_str(&text).expect("cases.json in its format");
    let files = cases
        .inputs
        .keys()
        .map(|name| (name.clone(), std::fs::read(folder.join(name)).expect("an input")))
        .collect();
    Some((cases, files))
}

/// Counts every case under `options` and compares with what `wanted` says of it.
fn count_all(options: &Options<'_>, wanted: impl Fn(&Case) -> Wanted) {
    let Some((cases, files)) = cases() else { return };
    let records: BTreeMap<&str, _> =
        files.iter().map(|(name, octets)| (name.as_str(), common::records(octets))).collect();
    for (name, input) in &cases.inputs {
        let views = &records[name.as_str()];
        let management = views.iter().filter(|view| view.kind().is_mar()).count();
        assert_eq!((views.len(), management), (input.records, input.management_records), "{name}");
    }
    let (mut passed, mut failed) = (0, Vec::new());
    for case in &cases.cases {
        let got = Filter::parse_with(&case.expr, options)
            .map(|filter| records[case.input.as_str()].iter().filter(|view| filter.matches(view)).count());
        let right = match (wanted(case), &got) {
            (Wanted::Count(count), Ok(got)) => *got == count,
            (Wanted::Differs(count), Ok(got)) => *got != count,
            (Wanted::Refused, got) => got.is_err(),
            _ => false,
        };
        if right {
            passed += 1;
        } else {
            let defect = case.defect.as_deref().unwrap_or("");
            failed.push(format!(
                "{:40} {:14} {defect:20} want {}, got {got:?}",
                case.expr,
                case.input,
                wanted(case)
            ));
        }
    }
    println!("{passed} of {} cases pass", cases.cases.len());
    assert!(failed.is_empty(), "{} cases fail:\n{}", failed.len(), failed.join("\n"));
}

enum Wanted {
    Count(usize),
    /// The chapter says only that the oracle's number is wrong.
    Differs(usize),
    Refused,
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Wanted::Count(count) => write!(f, "{count}"),
            Wanted::Differs(count) => write!(f, "not {count}"),
            Wanted::Refused => f.write_str("refused"),
        }
    }
}

/// Where the number of the case file is not what its own chapter, or the record, says. `None`: refused.
const EXCEPTIONS: &[(&str, &str, Option<usize>)] = &[
    // Match names exactly (sections 6.4 and 6.5), so these are unknown.
    ("encaps grex", "mixed.argus", None),
    ("encaps grex", "tcp.argus", None),
    ("dsb ef0", "mixed.argus", None),
    ("dsb ef0", "tcp.argus", None),
    // The one record counted is an IPv4 flow without IP attributes: `mask-on-absent`.
    ("dsb 63", "mixed.argus", Some(0)),
    // The tools that wrote the file put 0 in place of the IGMP type.
    ("rtr", "mixed.argus", Some(0)),
    ("mbr", "mixed.argus", Some(5)),
    // Numbers of ra 5.0.3. Three records of the file have retransmissions, and ra 3.0.8.2 prints these.
    ("ploss gt 0", "tcp.argus", Some(3)),
    ("ploss gt 0.0", "tcp.argus", Some(3)),
    ("src ploss gt 0", "tcp.argus", Some(2)),
    ("dst ploss gt 1.5", "tcp.argus", Some(1)),
];

#[test]
fn cases_count_right() {
    let exception =
        |case: &Case| EXCEPTIONS.iter().find(|(expr, input, _)| (*expr, *input) == (&case.expr, &case.input));
    count_all(&Options::default(), |case| match (case.class, case.correct) {
        _ if exception(case).is_some() => {
            exception(case).and_then(|e| e.2).map_or(Wanted::Refused, Wanted::Count)
        }
        (Class::Unsupported, _) => Wanted::Refused,
        // `anon` has no meaning (section 6.2).
        (Class::Bug, None) if case.expr == "anon" => Wanted::Refused,
        (Class::Bug, None) => Wanted::Differs(case.count),
        (_, correct) => Wanted::Count(correct.unwrap_or(case.count)),
    });
}

#[test]
fn cases_count_as_the_oracle_when_asked() {
    let options = Options { compat: Some(Compat::V3_0_8), ..Options::default() };
    count_all(&options, |case| match (case.class, case.defect.as_deref()) {
        (Class::Unsupported, Some("unknown-net")) => Wanted::Count(case.count),
        (Class::Unsupported, _) => Wanted::Refused,
        _ => Wanted::Count(case.count),
    });
}

/// What section 15 lets an implementation accept beyond the oracle, and what 5.x accepts without a meaning.
fn may_accept(reject: &Reject) -> bool {
    let never_true = reject.oracle_messages.iter().any(|line| line.contains("rejects all records"));
    const EXTENSIONS: &[&str] = &[
        "ip net fe80::/10",
        "ip host 2001:db8:1::2",
        "host ::",
        "host ::1.2.3.4",
        "host ::ffff:1.2.3.4",
        "net ::/0",
        "net 10.1",
        "net 192.168",
        "net 192.168/16",
        "net 192.168.0/24",
        "net 10/8",
        "port ftp-data",
        "port \\ftp-data",
    ];
    reject.accepted_by_5x || never_true || EXTENSIONS.contains(&reject.expr.as_str())
}

#[test]
fn rejects_are_refused_with_a_place() {
    let Some((cases, _)) = cases() else { return };
    let mut failed = Vec::new();
    let (mut refused, mut extensions) = (0, 0);
    for reject in &cases.reject {
        match Filter::parse(&reject.expr) {
            Err(error) => {
                refused += 1;
                assert!(error.span.end <= reject.expr.len(), "{}: {error}", reject.expr);
                assert_eq!(error.caret(&reject.expr).lines().count(), 2, "{}", reject.expr);
                assert!(!error.to_string().contains('\n'));
            }
            Ok(_) if may_accept(reject) => extensions += 1,
            Ok(_) => failed.push(reject.expr.as_str()),
        }
    }
    println!("{refused} refused, {extensions} accepted as extensions, of {}", cases.reject.len());
    assert!(failed.is_empty(), "accepted: {failed:#?}");
}

#[test]
fn rejects_are_refused_as_by_the_oracle_when_asked() {
    let Some((cases, _)) = cases() else { return };
    let options = Options { compat: Some(Compat::V3_0_8), ..Options::default() };
    let mut failed = Vec::new();
    for reject in &cases.reject {
        let never_true = reject.oracle_messages.iter().any(|line| line.contains("rejects all records"));
        match Filter::parse_with(&reject.expr, &options) {
            Err(error) if error.historic_lines(&reject.expr) == reject.oracle_messages => {}
            _ if never_true => {}
            Err(error) => failed.push(format!(
                "{}: {error}\n   ours {:?}\n theirs {:?}",
                reject.expr,
                error.historic_lines(&reject.expr),
                reject.oracle_messages
            )),
            Ok(_) => failed.push(format!("{}: accepted", reject.expr)),
        }
    }
    println!("{} of {} rejects pass", cases.reject.len() - failed.len(), cases.reject.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
