//! Where files are: `YYYY/MM/DD/argus.YYYY.MM.DD.HH.MM.SS[.gz]`, times in UTC.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The file with the checksums of a day.
pub(crate) const MANIFEST: &str = "SHA256SUMS";

const PREFIX: &str = "argus.";

/// How far a file has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Being written, or left by a crash: `argus.….part`.
    Open,
    /// Closed, not packed: `argus.…`.
    Plain,
    /// Closed and packed: `argus.….gz`.
    Packed,
    /// Being packed, or left by a crash: `.argus.….gz.part`.
    Packing,
}

/// A file of the archive: the time in its name and its stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// Seconds since 1970-01-01 00:00 UTC.
    pub time: i64,
    /// How far it has got.
    pub stage: Stage,
}

/// What a name can say: from the year 1 to the last second that the time library knows, in the year 9999.
const RANGE: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_207_200;

impl Name {
    /// A name; times outside the years 1 to 9999 are moved to the nearest that can be written.
    pub fn new(time: i64, stage: Stage) -> Name {
        Name { time: time.clamp(*RANGE.start(), *RANGE.end()), stage }
    }

    /// The same file at another stage.
    pub fn at(self, stage: Stage) -> Name {
        Name { stage, ..self }
    }

    fn civil(self) -> DateTime {
        Timestamp::from_second(self.time).unwrap_or_default().to_zoned(TimeZone::UTC).datetime()
    }

    /// The folder of its day, relative to the archive.
    pub fn folder(self) -> PathBuf {
        let t = self.civil();
        PathBuf::from(format!("{:04}/{:02}/{:02}", t.year(), t.month(), t.day()))
    }

    /// The name within the folder.
    pub fn file(self) -> String {
        let t = self.civil();
        let name = format!(
            "{PREFIX}{:04}.{:02}.{:02}.{:02}.{:02}.{:02}",
            t.year(),
            t.month(),
            t.day(),
            t.hour(),
            t.minute(),
            t.second()
        );
        match self.stage {
            Stage::Open => name + ".part",
            Stage::Plain => name,
            Stage::Packed => name + ".gz",
            Stage::Packing => format!(".{name}.gz.part"),
        }
    }

    /// The path, relative to the archive.
    pub fn path(self) -> PathBuf {
        self.folder().join(self.file())
    }

    /// Reads a name within a folder; `None` for anything that the archive did not write.
    pub fn parse(file: &OsStr) -> Option<Name> {
        let text = file.to_str()?;
        let (body, stage) = match text.strip_prefix('.') {
            Some(hidden) => (hidden.strip_suffix(".gz.part")?, Stage::Packing),
            None => match (text.strip_suffix(".part"), text.strip_suffix(".gz")) {
                (Some(body), _) => (body, Stage::Open),
                (None, Some(body)) => (body, Stage::Packed),
                (None, None) => (text, Stage::Plain),
            },
        };
        let body = body.strip_prefix(PREFIX)?;
        let parts: Vec<i16> = body
            .split('.')
            .map(|p| p.bytes().all(|c| c.is_ascii_digit()).then(|| p.parse().ok()).flatten())
            .collect::<Option<_>>()?;
        let [year, month, day, hour, minute, second] = parts[..] else { return None };
        let small = |v: i16| i8::try_from(v).ok();
        let time =
            DateTime::new(year, small(month)?, small(day)?, small(hour)?, small(minute)?, small(second)?, 0)
                .ok()?
                .to_zoned(TimeZone::UTC)
                .ok()?
                .timestamp()
                .as_second();
        let name = Name { time, stage };
        // Only the spelling that we write.
        (name.file() == text).then_some(name)
    }
}

/// The folders of the days of an archive, oldest first. Folders and files of other names are left alone.
pub(crate) fn days(root: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = vec![root.to_path_buf()];
    for digits in [4, 2, 2] {
        let mut next = Vec::new();
        for path in &paths {
            for entry in std::fs::read_dir(path)? {
                let entry = entry?;
                let name = entry.file_name();
                let fits = name.len() == digits && name.to_string_lossy().bytes().all(|c| c.is_ascii_digit());
                if fits && entry.file_type()?.is_dir() {
                    next.push(entry.path());
                }
            }
        }
        paths = next;
    }
    paths.sort();
    Ok(paths)
}

/// The files of the archive in one folder, oldest first.
pub(crate) fn files(day: &Path) -> std::io::Result<Vec<Name>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(day)? {
        let entry = entry?;
        if let Some(name) = Name::parse(&entry.file_name())
            && entry.file_type()?.is_file()
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_one_way() {
        let name = Name::new(1_700_000_000, Stage::Plain);
        assert_eq!(name.path(), Path::new("2023/11/14/argus.2023.11.14.22.13.20"));
        for (stage, file) in [
            (Stage::Open, "argus.2023.11.14.22.13.20.part"),
            (Stage::Packed, "argus.2023.11.14.22.13.20.gz"),
            (Stage::Packing, ".argus.2023.11.14.22.13.20.gz.part"),
        ] {
            assert_eq!(name.at(stage).file(), file);
            assert_eq!(Name::parse(file.as_ref()), Some(name.at(stage)));
        }
        for other in [
            "",
            "argus",
            "argus.2023.11.14.22.13",
            "argus.2023.11.14.22.13.20.1",
            "argus.2023.11.14.22.13.60",
            "argus.2023.13.14.22.13.20",
            "argus.2023.11.14.22.13.+2",
            "argus.23.11.14.22.13.20",
            "argus.2023.11.14.22.13.20.gz.part",
            "ra.2023.11.14.22.13.20",
            "SHA256SUMS",
        ] {
            assert_eq!(Name::parse(other.as_ref()), None, "{other}");
        }
    }

    #[test]
    fn any_time_has_a_name() {
        for time in [0, -1, i64::MIN, i64::MAX, 4_294_967_295] {
            let name = Name::new(time, Stage::Plain);
            assert_eq!(Name::parse(name.file().as_ref()), Some(name));
        }
    }
}
