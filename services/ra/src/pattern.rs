//! Names of files made from times and fields: `$srcid/%Y/%m/%d/argus.%H` (chapter aggregation-tools, 8.2).

use field::table::FIELDS;
use field::time::TimeText;
use field::{Column, Printer, Row, Style};
use record::Stamp;
use std::path::PathBuf;

/// Fields that tell flows apart, and so may name a file.
const KEYS: [&str; 24] = [
    "srcid", "proto", "saddr", "daddr", "snet", "dnet", "sport", "dport", "smac", "dmac", "stos", "dtos",
    "sttl", "dttl", "sdsb", "ddsb", "svlan", "dvlan", "svid", "dvid", "smpls", "dmpls", "sco", "dco",
];

/// Longest value that becomes part of a name.
const LONGEST: usize = 128;

enum Part {
    /// strftime text.
    Time(TimeText),
    /// A field's value.
    Field(Box<Column>),
}

/// A file name with places to fill in.
pub struct Pattern {
    parts: Vec<Part>,
    printer: Printer,
    fields: bool,
    times: bool,
    name: Vec<u8>,
}

impl Pattern {
    /// Parses a name. `style` says how values and times are shown.
    ///
    /// # Errors
    /// One line: a field that does not exist or does not tell flows apart.
    pub fn parse(text: &str, style: &Style) -> Result<Pattern, String> {
        let mut parts = Vec::new();
        let (mut rest, mut fields) = (text, false);
        let time = |text: &str| Part::Time(TimeText::new(text, style.zone.clone(), 6, false));
        while let Some(at) = rest.find('$') {
            if at > 0 {
                parts.push(time(&rest[..at]));
            }
            rest = &rest[at + 1..];
            let longest = FIELDS
                .iter()
                .filter(|field| rest.starts_with(field.name))
                .max_by_key(|field| field.name.len())
                .ok_or_else(|| format!("-w {text}: no field of the name that begins at '${rest}'"))?;
            if !KEYS.contains(&longest.name) {
                return Err(format!("-w {text}: the field {} cannot name files", longest.name));
            }
            rest = &rest[longest.name.len()..];
            fields = true;
            parts.extend(field::column(longest.name).map(|column| Part::Field(Box::new(column))));
        }
        if !rest.is_empty() {
            parts.push(time(rest));
        }
        let style = Style { variable: true, delimiter: None, ..style.clone() };
        Ok(Pattern {
            parts,
            printer: Printer::new(&[], style),
            fields,
            times: text.contains('%'),
            name: Vec::new(),
        })
    }

    /// Whether it has places for fields or times.
    pub fn varies(&self) -> bool {
        self.fields || self.times
    }

    /// The name for a record, in the span that begins at `start`.
    pub fn fill(&mut self, row: &Row<'_>, start: Stamp) -> PathBuf {
        use std::os::unix::ffi::OsStringExt;
        self.name.clear();
        for part in &mut self.parts {
            match part {
                Part::Time(text) => text.put(&mut self.name, start),
                Part::Field(column) => {
                    let from = self.name.len();
                    self.printer.text(&mut self.name, column, &row.read(column.field));
                    self.name.truncate(from + LONGEST);
                    harmless(&mut self.name, from);
                }
            }
        }
        PathBuf::from(std::ffi::OsString::from_vec(self.name.clone()))
    }
}

/// What a record says must not lead elsewhere: no separators, no leading period, nothing unprintable, not empty.
fn harmless(name: &mut Vec<u8>, from: usize) {
    while name.len() > from && name[name.len() - 1] == b' ' {
        name.pop();
    }
    let blanks = name[from..].iter().take_while(|&&byte| byte == b' ').count();
    name.drain(from..from + blanks);
    for byte in &mut name[from..] {
        if *byte == b'/' || !byte.is_ascii_graphic() {
            *byte = b'_';
        }
    }
    match name.get_mut(from) {
        Some(first) if *first == b'.' => *first = b'_',
        Some(_) => {}
        None => name.push(b'_'),
    }
}

/// The suffix after `suffix`: the last letter goes on, `z` wraps and carries. When the first letter is `y` and all
/// others are `z`, a longer one begins with `z`, so that names stay in order.
pub fn successor(suffix: &str) -> String {
    let mut letters = suffix.as_bytes().to_vec();
    if letters.first() == Some(&b'y') && letters.iter().skip(1).all(|&letter| letter == b'z') {
        return format!("z{}", "a".repeat(letters.len()));
    }
    for letter in letters.iter_mut().rev() {
        if *letter < b'z' {
            *letter += 1;
            break;
        }
        *letter = b'a';
    }
    String::from_utf8(letters).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_go_on() {
        for (suffix, next) in
            [("aa", "ab"), ("az", "ba"), ("xaz", "xba"), ("y", "za"), ("yz", "zaa"), ("zaz", "zba")]
        {
            assert_eq!(successor(suffix), next);
        }
    }

    #[test]
    fn values_lead_nowhere_else() {
        for (value, shown) in
            [("  10.0.0.1 ", "10.0.0.1"), ("../etc", "_._etc"), ("", "_"), ("a\x1bb", "a_b"), ("..", "_.")]
        {
            let mut name = b"x/".to_vec();
            name.extend_from_slice(value.as_bytes());
            harmless(&mut name, 2);
            assert_eq!(String::from_utf8_lossy(&name[2..]), shown, "{value:?}");
        }
    }

    #[test]
    fn fields_must_be_keys() {
        let style = Style::default();
        assert!(Pattern::parse("$srcid/$proto.x.%Y", &style).is_ok_and(|pattern| pattern.varies()));
        assert!(Pattern::parse("plain", &style).is_ok_and(|pattern| !pattern.varies()));
        assert!(Pattern::parse("$bytes", &style).is_err_and(|text| text.contains("bytes")));
        assert!(Pattern::parse("$nonesuch", &style).is_err());
    }
}
