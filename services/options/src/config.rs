//! `NAME=value` configuration files (sensor-and-transport 1.10, ra-output 1.1).
//!
//! Line based. White space before a name is skipped; lines that are empty or begin with `#` or `!` are comments. No blank
//! stands around the `=`. A value that begins with `"` ends at the next `"`, and what follows it on the line is kept
//! apart; another ends at ` //`, at a tab before `//`, or at the end of the line. A `\` before the line's end joins the next
//! line.

use std::path::{Path, PathBuf};

/// Largest file that is read, in octets; a configuration file is a few kilobytes.
const MAX_FILE: u64 = 1 << 20;

/// A file that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// The settings, in the order of the file.
    pub settings: Vec<Setting>,
    /// Lines that are neither comment nor setting: number (from 1) and text.
    pub junk: Vec<(usize, String)>,
}

/// One `NAME=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Line number, from 1.
    pub line: usize,
    /// The name, as written; names are case-sensitive.
    pub name: String,
    /// The value, without its quotes.
    pub value: String,
    /// Whether it stood in quotes.
    pub quoted: bool,
    /// What followed the closing quote, trimmed; empty for a value without quotes.
    pub after: String,
}

impl Setting {
    /// A yes/no value: it begins with `yes` in any case.
    pub fn is_yes(&self) -> bool {
        self.value.get(..3).is_some_and(|head| head.eq_ignore_ascii_case("yes"))
    }
}

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be opened or read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is far larger than a configuration file can be.
    #[error("{}: larger than {MAX_FILE} octets", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// A quoted value has no closing quote.
    #[error("{}: string unterminated at line {line}", path.display())]
    Unterminated {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
    },
}

/// Reads a file. Octets that are not UTF-8 are replaced.
///
/// # Errors
/// The file cannot be read, is larger than 1 MiB, or has a string without end.
pub fn read(path: &Path) -> Result<File, Error> {
    use std::io::Read as _;
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let mut octets = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_FILE + 1).read_to_end(&mut octets).map_err(failed)?;
    if octets.len() as u64 > MAX_FILE {
        return Err(Error::TooLarge { path: path.to_owned() });
    }
    parse(&String::from_utf8_lossy(&octets))
        .map_err(|line| Error::Unterminated { path: path.to_owned(), line })
}

/// Reads a file's text.
///
/// # Errors
/// The number of the line whose string has no end.
pub fn parse(text: &str) -> Result<File, usize> {
    let mut file = File::default();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let number = at + 1;
        let line = line.trim_start();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let mut joined;
        let mut line = line;
        if let Some(head) = line.strip_suffix('\\') {
            joined = head.to_owned();
            for (_, next) in lines.by_ref() {
                match next.strip_suffix('\\') {
                    Some(head) => joined.push_str(head),
                    None => {
                        joined.push_str(next);
                        break;
                    }
                }
            }
            line = &joined;
        }
        match setting(line, number)? {
            Some(setting) => file.settings.push(setting),
            None => file.junk.push((number, line.to_owned())),
        }
    }
    Ok(file)
}

fn setting(line: &str, number: usize) -> Result<Option<Setting>, usize> {
    let Some((name, rest)) = line.split_once('=') else { return Ok(None) };
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Ok(None);
    }
    let (value, quoted, after) = match rest.strip_prefix('"') {
        Some(inside) => {
            let (value, after) = inside.split_once('"').ok_or(number)?;
            (value, true, after.trim())
        }
        None => {
            let comment = [rest.find(" //"), rest.find("\t//")].into_iter().flatten().min();
            (rest[..comment.unwrap_or(rest.len())].trim_end(), false, "")
        }
    };
    Ok(Some(Setting {
        line: number,
        name: name.to_owned(),
        value: value.to_owned(),
        quoted,
        after: after.to_owned(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> (String, String, bool, String) {
        let file = parse(line).unwrap();
        let setting = file.settings.first().expect(line).clone();
        (setting.name, setting.value, setting.quoted, setting.after)
    }

    #[test]
    fn values() {
        for (line, name, value, quoted, after) in [
            ("A=b", "A", "b", false, ""),
            ("  \tA=b  ", "A", "b", false, ""),
            ("ARGUS_MONITOR_ID=192.0.2.44 // comment", "ARGUS_MONITOR_ID", "192.0.2.44", false, ""),
            ("A=b\t// comment", "A", "b", false, ""),
            ("A=argus-udp://host:561 // there", "A", "argus-udp://host:561", false, ""),
            ("A=\"b // c\" // d", "A", "b // c", true, "// d"),
            ("A=\"\"", "A", "", true, ""),
            ("A=", "A", "", false, ""),
            ("OUT=/path \"udp\"", "OUT", "/path \"udp\"", false, ""),
            ("OUT=\"/path\" \"udp\"", "OUT", "/path", true, "\"udp\""),
            ("ENV=NAME=value", "ENV", "NAME=value", false, ""),
            ("F=ip and \\\n tcp \\\nor udp", "F", "ip and  tcp or udp", false, ""),
        ] {
            assert_eq!(one(line), (name.into(), value.into(), quoted, after.into()), "{line}");
        }
    }

    #[test]
    fn comments_junk_and_lines() {
        let file = parse("# c\n! c\n\njunk\nA =b\nB=1\n = 2\nb-c=3\n").unwrap();
        assert_eq!(file.settings.len(), 1);
        assert_eq!(file.settings[0].line, 6);
        assert_eq!(file.junk.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [4, 5, 7, 8]);
    }

    #[test]
    fn a_string_without_end_is_named_with_its_line() {
        assert_eq!(parse("A=b\n\nC=\"d\nE=f\n"), Err(3));
        let folder = std::env::temp_dir().join(format!("options-config-{}", std::process::id()));
        std::fs::write(&folder, "C=\"d\n").unwrap();
        let error = read(&folder).unwrap_err().to_string();
        std::fs::remove_file(&folder).unwrap();
        assert_eq!(error, format!("{}: string unterminated at line 1", folder.display()));
        assert!(
            read(Path::new("/nonexistent/argus.conf"))
                .unwrap_err()
                .to_string()
                .contains("/nonexistent/argus.conf")
        );
    }

    #[test]
    fn yes_is_yes_in_any_case() {
        for (value, expected) in
            [("yes", true), ("YES please", true), ("no", false), ("ye", false), ("", false)]
        {
            assert_eq!(parse(&format!("A={value}")).unwrap().settings[0].is_yes(), expected, "{value}");
        }
    }

    #[test]
    fn any_text_is_read_without_a_panic() {
        proptest::proptest!(|(text in "(.|\n|=|\"|\\\\|A=){0,200}")| {
            let _ = parse(&text);
        });
    }
}
