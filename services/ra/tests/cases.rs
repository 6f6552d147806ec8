//! Every case of the chapter on ra's output, byte for byte (`spec/ra-cases`).

mod common;

use common::{RA, command, difference, shared};
use serde_json::Value;
use std::process::Stdio;

/// Cases that are not met, and why.
const DEVIATIONS: &[(&str, &str)] = &[(
    "s-aggregated",
    "3.0.8 prints the standard deviation of the record before where a record has none of its own",
)];

#[test]
fn cases_of_3_0_8() {
    let Some(folder) = shared("spec/ra-cases") else { return };
    let index: Value =
        serde_json::from_slice(&std::fs::read(folder.join("index.json")).expect("the index")).expect("JSON");
    let names = std::fs::read_to_string("/etc/services").is_ok();
    let (mut met, mut skipped, mut failures) = (0, 0, Vec::new());
    for case in index["cases"].as_array().expect("cases") {
        let text = |key: &str| case[key].as_str();
        let name = text("name").expect("a name");
        let words = |key: &str| -> Vec<&str> {
            case[key]
                .as_array()
                .map(|list| list.iter().filter_map(Value::as_str).collect())
                .unwrap_or_default()
        };
        if words("needs").contains(&"/etc/services") && !names {
            skipped += 1;
            continue;
        }
        let mut run = command(RA);
        run.current_dir(&folder).args(["--compat", "3.0.8"]).args(words("args"));
        if let Some(stdin) = text("stdin") {
            run.stdin(Stdio::from(std::fs::File::open(folder.join(stdin)).expect("the input")));
        }
        let output = run.output().expect("ra runs");
        let wanted = std::fs::read(folder.join(text("stdout").expect("a file"))).expect("the output");
        let mut got = output.stdout;
        if words("normalize").contains(&"xml-current-date") {
            got = without_date(&got);
        }
        let known = DEVIATIONS.iter().find(|&&(known, _)| known == name);
        let status = output.status.code();
        if got == wanted && status == case["exit"].as_i64().map(|exit| exit as i32) {
            assert!(known.is_none(), "{name} is met now: take it off the list");
            met += 1;
        } else if let Some((_, why)) = known {
            eprintln!("deviation: {name}: {why}");
        } else {
            failures.push(format!(
                "{name}: status {status:?}, wanted {}\n{}",
                case["exit"],
                difference(&wanted, &got)
            ));
        }
    }
    let later = index["cases_5x"].as_array().map_or(0, Vec::len);
    eprintln!(
        "{met} cases met, {} known deviations, {} failed; skipped: {skipped} that need /etc/services, {later} of 5.x, \
         whose behaviour is not offered",
        DEVIATIONS.len(),
        failures.len()
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(met > 250, "only {met} cases were run");
}

/// The date of the run in an XML document is its own.
fn without_date(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let mark = "CurrentDate = \"";
    let Some(at) = text.find(mark).map(|at| at + mark.len()) else { return text.into_owned().into_bytes() };
    let end = text[at..].find('"').map_or(text.len(), |end| at + end);
    format!("{}@NOW@{}", &text[..at], &text[end..]).into_bytes()
}
