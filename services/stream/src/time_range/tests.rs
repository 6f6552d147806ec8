use std::path::PathBuf;

use jiff::Timestamp;

use super::*;

/// The records of `times.argus` in the ra cases: destination port, start and end in microseconds.
const TIMES: [(&str, i64, i64); 6] = [
    ("1001", 1_579_082_400_000_000, 1_579_082_400_000_000),
    ("1002", 1_579_084_200_500_000, 1_579_084_290_250_000),
    ("1003", 1_579_086_000_000_000, 1_579_086_000_000_000),
    ("1004", 1_581_760_800_000_000, 1_581_760_800_000_000),
    ("1005", 1_610_704_800_000_000, 1_610_704_800_000_000),
    ("1006", 1_640_995_199_900_000, 1_640_995_200_100_000),
];

/// 2026-11-22 14:58:36 UTC.
fn now() -> Zoned {
    "2026-11-22T14:58:36Z".parse::<Timestamp>().unwrap().to_zoned(TimeZone::UTC)
}

fn shown(text: &str, compat: bool) -> String {
    let show = |t| Timestamp::from_microsecond(t).unwrap().to_string();
    match TimeRange::parse(text, &now(), compat) {
        Ok(range) => format!("{} {}", show(range.start), show(range.end)),
        Err(e) => e.to_string(),
    }
}

#[test]
fn the_oracles_cases() {
    let shared = std::env::var_os("PANOPTES_SHARED")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let cases = shared.join("spec/ra-cases");
    let Ok(index) = std::fs::read_to_string(cases.join("index.json")) else {
        eprintln!("skipped: no ra cases in {}", cases.display());
        return;
    };
    let index: serde_json::Value = serde_json::from_str(&index).unwrap();
    let mut tried = 0;
    for case in index["cases"].as_array().unwrap() {
        let args: Vec<&str> = case["args"].as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect();
        let [.., "-t", text] = args[..] else { continue };
        if !args.contains(&"in/times.argus") {
            continue;
        }
        let expected = std::fs::read_to_string(cases.join(case["stdout"].as_str().unwrap())).unwrap();
        match TimeRange::parse(text, &now(), true) {
            Ok(range) => {
                assert_eq!(case["exit"], 0, "-t {text}");
                let matched: String = TIMES
                    .iter()
                    .filter(|(_, start, end)| range.matches(*start, *end))
                    .map(|(port, ..)| format!("{port}\n"))
                    .collect();
                assert_eq!(matched, expected, "-t {text}");
            }
            Err(error) => {
                assert_eq!(case["exit"], 1, "-t {text}");
                let said = case["stderr"].as_str().unwrap();
                assert_eq!(said.trim_end().split_once("TIME ").unwrap().1, error.to_string(), "-t {text}");
            }
        }
        tried += 1;
    }
    assert!(tried > 60, "only {tried} cases found");
}

#[test]
fn the_chapters_table() {
    for (text, expected) in [
        ("2020", "2020-01-01T00:00:00Z 2021-01-01T00:00:00Z"),
        ("2020/01", "2020-01-01T00:00:00Z 2020-02-01T00:00:00Z"),
        ("2020/02/29", "2020-02-29T00:00:00Z 2020-03-01T00:00:00Z"),
        ("2019/12/31", "2019-12-31T00:00:00Z 2020-01-01T00:00:00Z"),
        ("2020/02/30", "2020-03-01T00:00:00Z 2020-03-02T00:00:00Z"),
        ("01/15", "2026-01-15T00:00:00Z 2026-01-16T00:00:00Z"),
        ("15.10", "2026-11-15T10:00:00Z 2026-11-15T11:00:00Z"),
        ("14", "2026-11-22T14:00:00Z 2026-11-22T15:00:00Z"),
        ("9", "2026-11-22T09:00:00Z 2026-11-22T10:00:00Z"),
        ("010", "2026-11-22T10:00:00Z 2026-11-22T11:00:00Z"),
        ("14:03", "2026-11-22T14:03:00Z 2026-11-22T14:04:00Z"),
        ("14 - 16", "2026-11-22T14:00:00Z 2026-11-22T16:00:00Z"),
        ("14 -16", "2026-11-22T14:00:00Z 2026-11-22T16:00:00Z"),
        ("2020/01/15.10:00:30-10:01:00", "2020-01-15T10:00:30Z 2020-01-15T10:01:00Z"),
        ("2020/01/15.10-11", "2020-01-15T10:00:00Z 2020-01-15T11:00:00Z"),
        ("2020/01/15-16", "2020-01-15T00:00:00Z 2020-01-15T16:00:00Z"),
        ("2020/01/15-01/16", "2020-01-15T00:00:00Z 2020-01-16T00:00:00Z"),
        ("2020/01/15.10+1h", "2020-01-15T10:00:00Z 2020-01-15T11:00:00Z"),
        ("2020/01/15.10:30+90s", "2020-01-15T10:30:00Z 2020-01-15T10:31:30Z"),
        ("2020/01/15+1M", "2020-01-15T00:00:00Z 2020-02-01T00:00:00Z"),
        ("2020/01/15+1y", "2020-01-15T00:00:00Z 2021-01-01T00:00:00Z"),
        ("2020/01/15.10-2h", "2020-01-15T08:00:00Z 2020-01-15T10:00:00Z"),
        ("2020/01/15-1d", "2020-01-14T00:00:00Z 2020-01-15T00:00:00Z"),
        ("2020y1M15d10h30m", "2020-01-15T10:30:00Z 2020-01-15T10:31:00Z"),
        ("2020y1m15d", "2020-11-15T00:00:00Z 2020-11-16T00:00:00Z"),
        ("-10m", "2026-11-22T14:49:00Z 2026-11-22T14:59:00Z"),
        ("-2h", "2026-11-22T13:00:00Z 2026-11-22T15:00:00Z"),
        ("-1d", "2026-11-22T00:00:00Z 2026-11-23T00:00:00Z"),
        ("-2M", "2026-10-01T00:00:00Z 2026-12-01T00:00:00Z"),
        ("-1M+1d", "2026-11-01T00:00:00Z 2026-11-02T00:00:00Z"),
        ("-10m+", "2026-11-22T14:49:00Z 2026-11-22T14:58:36Z"),
        ("-10s+5s", "2026-11-22T14:58:27Z 2026-11-22T14:58:32Z"),
        ("-5m-2m", "2026-11-22T14:52:00Z 2026-11-22T14:54:00Z"),
        ("2020/13/01", "time syntax error 2020/13/01"),
        ("2020/1/5", "time syntax error 2020/1/5"),
        ("i 14", "time syntax error i 14"),
        ("*.10", "time syntax error *.10"),
        ("now", "time syntax error now"),
        ("", "time syntax error "),
    ] {
        for compat in [false, true] {
            assert_eq!(shown(text, compat), expected, "-t {text} compat {compat}");
        }
    }
    // 3.0.8 counts on to where the last unit begins, and forgets the fraction of an end.
    for (text, right, historic) in [
        ("2020/01/15.10+1.5h", "10:00:00Z 2020-01-15T11:30:00Z", "10:00:00Z 2020-01-15T11:00:00Z"),
        ("2020/01/15.10:23:21+1m", "10:23:21Z 2020-01-15T10:24:21Z", "10:23:21Z 2020-01-15T10:24:00Z"),
        ("2020/01/15.09:10:21+5m1h", "09:10:21Z 2020-01-15T10:15:21Z", "09:10:21Z 2020-01-15T10:00:00Z"),
        ("2020/01/15.09:10:21+1h7s", "09:10:21Z 2020-01-15T10:10:28Z", "09:10:21Z 2020-01-15T10:10:28Z"),
        ("2020/01/15.10:30+1d", "10:30:00Z 2020-01-16T10:30:00Z", "10:30:00Z 2020-01-16T00:00:00Z"),
        (
            "2020/01/15.10:00:01.5-1s",
            "10:00:00.5Z 2020-01-15T10:00:01.5Z",
            "10:00:00.5Z 2020-01-15T10:00:01Z",
        ),
    ] {
        assert_eq!(shown(text, false), format!("2020-01-15T{right}"), "-t {text}");
        assert_eq!(shown(text, true), format!("2020-01-15T{historic}"), "-t {text}");
    }
    assert_eq!(shown("2020/01/31+1M", true), "2020-01-31T00:00:00Z 2020-03-01T00:00:00Z");
    assert_eq!(shown("2020/01/15.10+1M3d", true), "2020-01-15T10:00:00Z 2020-02-18T00:00:00Z");
    // And takes numbers above the hours for years.
    assert_eq!(shown("25", true), "0025-01-01T00:00:00Z 0026-01-01T00:00:00Z");
    assert_eq!(shown("24", true), "time syntax error 24");
    assert_eq!(shown("12345", true), "1970-01-01T03:25:45Z 1971-01-01T03:25:45Z");
    assert_eq!(shown("12345", false), "time syntax error 12345");
    assert_eq!(shown("-10y", false), "2017-01-01T00:00:00Z 2027-01-01T00:00:00Z");
    assert_eq!(shown("1579082400", true), "2020-01-15T10:00:00Z 2021-01-15T10:00:00Z");
    assert_eq!(shown("1579082400", false), "2020-01-15T10:00:00Z 2020-01-15T10:00:01Z");
    assert_eq!(shown("-2h5m+5m", true), "2026-11-22T13:05:00Z 2026-11-22T13:10:00Z");
    assert_eq!(shown("-1h30m", false), "2026-11-22T13:29:00Z 2026-11-22T14:59:00Z");
    assert_eq!(shown("1579082400.5+1s", false), "2020-01-15T10:00:00.5Z 2020-01-15T10:00:01.5Z");
}

#[test]
fn local_time_is_the_zones() {
    let vienna = now().with_time_zone(TimeZone::get("Europe/Vienna").unwrap());
    let range = TimeRange::parse("2020/07/01", &vienna, false).unwrap();
    assert_eq!(Timestamp::from_microsecond(range.start).unwrap().to_string(), "2020-06-30T22:00:00Z");
    let tens = TimeRange::parse("****/**/**.10", &vienna, false).unwrap();
    let at = |t: &str| t.parse::<Timestamp>().unwrap().as_microsecond();
    assert!(tens.matches(at("2020-07-01T08:30:00Z"), at("2020-07-01T08:30:00Z")));
    assert!(!tens.matches(at("2020-07-01T10:30:00Z"), at("2020-07-01T10:30:00Z")));
    assert!(tens.matches(at("2020-01-01T09:30:00Z"), at("2020-01-01T09:30:00Z")));
}

#[test]
fn an_intersection_is_one_unless_c_is_asked_for() {
    let spanning = TIMES[1];
    for (text, c) in [("2020/01/15.10:30:30-2020/01/15.10:30:40", false), ("2020/01/15.10:30", true)] {
        for compat in [false, true] {
            let range = TimeRange::parse(text, &now(), compat).unwrap();
            assert_eq!(range.matches(spanning.1, spanning.2), c || !compat, "{text}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "[xicns]{0,2}[-0-9./:*yMdhms+ ]{0,24}", compat: bool, at in -1_i64 << 50..1_i64 << 60) {
        if let Ok(range) = TimeRange::parse(&text, &now(), compat) {
            proptest::prop_assert!(range.start < range.end);
            range.matches(at, at);
        }
    }

    #[test]
    fn no_octets_panic(text: String, compat: bool) {
        let _ = TimeRange::parse(&text, &now(), compat);
    }
}
