//! Every case of the chapter on ra's output, byte for byte (`spec/ra-cases`).

mod common;

use common::{RA, command, difference, shared};
use serde_json::Value;
use std::process::Stdio;

/// Cases of 5.0.3 that are not met with `--compat 5.0.3`, and why.
const DEVIATIONS_5: &[(&str, &str)] = &[
    ("5x-json-smtp", "5.0.3 prints hexadecimal numbers without quotes, which is no JSON"),
    ("5x-json-isis1", "5.0.3 prints hexadecimal numbers without quotes and cut, which is no JSON"),
];

/// Cases of the clients of 5.0.3 that are not met as they are, and why.
const DEVIATIONS_CLIENTS: &[(&str, &str)] = &[
    ("class-laa", "selects the addresses that are administered locally"),
    ("mac-src-laa", "selects the addresses that are administered locally"),
    ("mac-dst-laa", "selects the addresses that are administered locally"),
    ("mac-src-lm", "selects all local group addresses"),
    ("mac-dst-lm", "selects all local group addresses"),
    ("mac-classes", "prints RES for reserved addresses"),
];

#[test]
fn cases_of_3_0_8() {
    let Some(folder) = shared("spec/ra-cases") else { return };
    let index: Value =
        serde_json::from_slice(&std::fs::read(folder.join("index.json")).expect("the index")).expect("JSON");
    let names = std::fs::read_to_string("/etc/services").is_ok();
    let (mut met, mut skipped, mut failures) = (0, 0, Vec::new());
    let stdin = |text: &str| std::fs::File::open(folder.join(text)).expect("the input");
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
        if let Some(name) = text("stdin") {
            run.stdin(Stdio::from(stdin(name)));
        }
        let output = run.output().expect("ra runs");
        let wanted = std::fs::read(folder.join(text("stdout").expect("a file"))).expect("the output");
        let mut got = output.stdout;
        if words("normalize").contains(&"xml-current-date") {
            got = without_date(&got);
        }
        let status = output.status.code();
        if got == wanted && status == case["exit"].as_i64().map(|exit| exit as i32) {
            met += 1;
        } else {
            failures.push(format!(
                "{name}: status {status:?}, wanted {}\n{}",
                case["exit"],
                difference(&wanted, &got)
            ));
        }
    }
    eprintln!("{met} cases met, {} failed; skipped: {skipped} that need /etc/services", failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(met > 250, "only {met} cases were run");
}

/// Runs cases of 5.0.3 with some more arguments; those of the list must not be met, all others must.
fn later_cases(
    folder: &str,
    select: impl Fn(&Value) -> Vec<Value>,
    keys: (&str, &str),
    more: &[&str],
    deviations: &[(&str, &str)],
) {
    let Some(folder) = shared(folder) else { return };
    let index: Value =
        serde_json::from_slice(&std::fs::read(folder.join("index.json")).expect("the index")).expect("JSON");
    let (name_key, arguments_key) = keys;
    let (mut met, mut failures) = (0, Vec::new());
    for case in select(&index) {
        let name = case[name_key].as_str().expect("a name");
        let arguments = case[arguments_key].as_array().expect("arguments");
        let mut run = command(RA);
        run.current_dir(&folder).args(more).args(arguments.iter().filter_map(Value::as_str));
        let output = run.output().expect("ra runs");
        let wanted =
            std::fs::read(folder.join(case["stdout"].as_str().expect("a file"))).expect("the output");
        let status = output.status.code().map(i64::from);
        match deviations.iter().find(|&&(known, _)| known == name) {
            Some((_, why)) => {
                assert!(output.stdout != wanted, "{name} is met now: take it off the list");
                eprintln!("deviation: {name}: {why}");
            }
            None if output.stdout == wanted && status == case["exit"].as_i64() => met += 1,
            None => failures.push(format!(
                "{name}: status {status:?}, wanted {}\n{}",
                case["exit"],
                difference(&wanted, &output.stdout)
            )),
        }
    }
    eprintln!("{met} cases met, {} deviations", deviations.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(met > 20, "only {met} cases were run");
}

#[test]
fn cases_of_5_0_3() {
    let select = |index: &Value| index["cases_5x"].as_array().cloned().unwrap_or_default();
    later_cases("spec/ra-cases", select, ("name", "args"), &["--compat", "5.0.3"], DEVIATIONS_5);
}

#[test]
fn cases_of_the_clients_of_5_0_3() {
    let select = |index: &Value| -> Vec<Value> {
        let cases = index["cases"].as_array().cloned().unwrap_or_default();
        cases.into_iter().filter(|case| case["tool"] == "ra").collect()
    };
    let compat = ["--compat", "5.0.3"];
    later_cases("spec/clients-5x-cases", select, ("id", "argv"), &compat, DEVIATIONS_CLIENTS);
}

/// The date of the run in an XML document is its own.
fn without_date(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let mark = "CurrentDate = \"";
    let Some(at) = text.find(mark).map(|at| at + mark.len()) else { return text.into_owned().into_bytes() };
    let end = text[at..].find('"').map_or(text.len(), |end| at + end);
    format!("{}@NOW@{}", &text[..at], &text[end..]).into_bytes()
}
