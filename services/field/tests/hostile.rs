//! Whatever a record holds, every field of it can be shown in every form, on one line and without control characters;
//! JSON is JSON.

use field::style::{Form, Names, TcpStates, UserData};
use field::table::FIELDS;
use field::{Column, Printer, Row, Style};
use proptest::prelude::*;
use record::RecordView;

/// Type codes of all parts that records are made of, and one that nobody knows.
const CODES: [u8; 27] = [
    0x01, 0x02, 0x03, 0x07, 0x10, 0x12, 0x20, 0x30, 0x32, 0x34, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46,
    0x48, 0x50, 0x54, 0x55, 0x60, 0x62, 0x64, 0x66, 0x68, 0x6A,
];

/// A part: mostly of sensible qualifiers and lengths, always of any content.
fn part() -> impl Strategy<Value = Vec<u8>> {
    let small = prop_oneof![0u8..0x12, any::<u8>()];
    let words = prop_oneof![1u8..8, Just(20u8), Just(30), 1u8..60];
    (prop::sample::select(&CODES[..]), small.clone(), small, words).prop_flat_map(
        |(code, subtype, qualifier, words)| {
            prop::collection::vec(any::<u8>(), usize::from(words - 1) * 4).prop_map(move |body| {
                let mut part = vec![code, subtype, qualifier, words];
                part.extend(body);
                part
            })
        },
    )
}

/// A record of version 3 or 5, its key of TCP half the time.
fn record() -> impl Strategy<Value = Vec<u8>> {
    let tcp = vec![2, 1, 1, 5, 10, 0, 0, 1, 10, 0, 0, 2, 6, 0, 0, 80, 0, 81, 0, 0];
    let key = prop_oneof![Just(tcp), part()];
    let kind = prop::sample::select(&[0x13u8, 0x15, 0x33, 0x43, 0x53][..]);
    (kind, any::<u8>(), key, prop::collection::vec(part(), 0..8)).prop_map(|(kind, cause, key, parts)| {
        let mut octets = vec![kind, cause, 0, 0];
        octets.extend(key);
        parts.into_iter().for_each(|part| octets.extend(part));
        let words = (octets.len() / 4) as u16;
        octets[2..4].copy_from_slice(&words.to_be_bytes());
        octets
    })
}

fn style() -> impl Strategy<Value = Style> {
    let names = prop::sample::select(&[Names::Ports, Names::Protocols, Names::None][..]);
    let data = prop::sample::select(
        &[UserData::Ascii, UserData::Obfuscate, UserData::Encode32, UserData::Encode64][..],
    );
    let states = prop::sample::select(&[TcpStates::Word, TcpStates::Letters, TcpStates::BothFlags][..]);
    let delimiter = prop::sample::select(&[None, Some(b','), Some(b'\t')][..]);
    let look = (0usize..10, any::<bool>(), any::<bool>(), any::<bool>());
    (names, data, states, delimiter, look, 0u8..3).prop_map(
        |(names, user_data, tcp_states, delimiter, look, release)| {
            let (precision, unix_time, abbreviate, variable) = look;
            Style {
                names,
                user_data,
                tcp_states,
                delimiter,
                variable: variable || delimiter.is_some(),
                precision,
                unix_time,
                abbreviate,
                compat: release == 1,
                later: release == 2,
                ..Style::default()
            }
        },
    )
}

fn columns(width: Option<usize>) -> Vec<Column> {
    let column = |field: &'static field::Field| {
        let width = width.unwrap_or(usize::from(field.width));
        Column { field, width, format: None, total: None, titled: true, fits: true }
    };
    FIELDS.iter().map(column).collect()
}

/// A row of all fields.
fn row(octets: &[u8], style: &Style, width: Option<usize>) -> Option<Vec<u8>> {
    let mut view = RecordView::new(octets).ok()?;
    view.repair_direction();
    let mut out = Vec::new();
    let mut printer = Printer::new(&columns(width), style.clone());
    printer.row(&mut out, &Row::flow(&view, style, 128, 1));
    Some(out)
}

proptest! {
    #[test]
    fn rows_are_lines(octets in record(), style in style(), width in prop::option::of(1usize..70)) {
        if let Some(line) = row(&octets, &style, width) {
            prop_assert_eq!(line.last(), Some(&b'\n'));
            let control = |byte: &u8| (*byte < b' ' && Some(*byte) != style.delimiter) || *byte == 0x7F;
            prop_assert!(!line[..line.len() - 1].iter().any(control), "{}", String::from_utf8_lossy(&line));
        }
    }

    #[test]
    fn objects_are_json(octets in record(), style in style()) {
        let style = Style { form: Form::Json, delimiter: None, variable: false, ..style };
        if let Some(line) = row(&octets, &style, None) {
            let text = String::from_utf8(line).expect("UTF-8");
            let object: Result<serde_json::Value, _> = serde_json::from_str(&text);
            prop_assert!(object.as_ref().is_ok_and(serde_json::Value::is_object), "{text}: {object:?}");
        }
    }

    #[test]
    fn elements_have_quotes_in_pairs(octets in record(), style in style()) {
        // In 3.0.8 one attribute is broken.
        let style = Style { form: Form::Xml, compat: false, delimiter: None, variable: false, ..style };
        if let Some(line) = row(&octets, &style, None) {
            prop_assert_eq!(line.iter().filter(|&&byte| byte == b'"').count() % 2, 0);
            prop_assert_eq!(line.iter().filter(|&&byte| byte == b'<').count(), 2);
        }
    }
}
