//! The cases of the chapter on aggregation tools that are about rasplit and rastream (`spec/aggregation-cases`).

mod common;

use common::{RA, command, printed, shared};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The columns in which the cases list the records of a file.
const FIELDS: &str = "stime ltime dur trans mean stddev sum min max proto saddr sport dir daddr dport spkts dpkts sbytes dbytes state";

#[test]
fn cases_of_rasplit_and_rastream() {
    let Some(folder) = shared("spec/aggregation-cases") else { return };
    let index: Value =
        serde_json::from_slice(&std::fs::read(folder.join("index.json")).expect("the index")).expect("JSON");
    let (mut met, mut others) = (0, 0);
    for case in index["cases"].as_array().expect("cases") {
        let program = case["program"].as_str().expect("a program");
        if !matches!(program, "rasplit" | "rastream") {
            others += 1;
            continue;
        }
        let scratch = tempfile::tempdir().expect("a folder");
        std::os::unix::fs::symlink(folder.join("inputs"), scratch.path().join("inputs")).expect("a link");
        let arguments = case["args"].as_array().expect("arguments").iter().filter_map(Value::as_str);
        let output = command(RA)
            .current_dir(scratch.path())
            .args([program, "--compat", "3.0.8"])
            .args(arguments)
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{}: {}", case["id"], String::from_utf8_lossy(&output.stderr));
        let mut got = BTreeMap::new();
        list(scratch.path(), scratch.path(), &mut got);
        let wanted: BTreeMap<String, Vec<String>> = case["files"]
            .as_object()
            .expect("files")
            .iter()
            .map(|(name, lines)| {
                let lines = lines.as_array().expect("lines").iter().filter_map(Value::as_str);
                (name.clone(), lines.map(str::to_owned).collect())
            })
            .collect();
        assert_eq!(got, wanted, "{}", case["id"]);
        met += 1;
    }
    eprintln!("{met} cases met; {others} are of programs that are not here yet");
    assert!(met >= 15);
}

/// The files below a folder and their records as text.
fn list(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<String>>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            list(root, &path, found);
            continue;
        }
        let name = path.strip_prefix(root).expect("below").to_string_lossy().into_owned();
        let file = path.to_str().expect("UTF-8");
        let text = printed(
            RA,
            &["--compat", "3.0.8", "-X", "-n", "-L", "-1", "-r", file, "-s", FIELDS, "-", "not", "man"],
        );
        found.insert(name, text.lines().map(str::to_owned).collect());
    }
}
