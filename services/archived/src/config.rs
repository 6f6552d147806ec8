//! The configuration file.

use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::Duration;
use store::{Compression, Limits};
use stream::{DEFAULT_PORT, Source};
use thiserror::Error;

/// What is wrong with a configuration file.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not TOML, or has unknown or missing keys.
    #[error("{path}: line {line}: {text}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        text: String,
    },
    /// A value is out of range.
    #[error("{path}: {key}: {text}")]
    Value {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// What is wrong.
        text: String,
    },
}

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Raw {
    source: String,
    directory: PathBuf,
    #[serde(default = "five_minutes")]
    split_interval: u32,
    #[serde(default = "five_seconds")]
    sync_interval: u32,
    #[serde(default)]
    compression: RawCompression,
    #[serde(default)]
    max_age: u32,
    #[serde(default)]
    max_bytes: u64,
    #[serde(default = "ten_percent")]
    min_free: u8,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawCompression {
    None,
    #[default]
    Gz,
}

fn five_minutes() -> u32 {
    300
}

fn five_seconds() -> u32 {
    5
}

fn ten_percent() -> u8 {
    10
}

/// What the program does.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where records come from.
    pub source: Source,
    /// How the archive is kept.
    pub archive: store::Config,
}

/// Reads a configuration file.
pub fn read(path: &Path) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Read { path: path.to_path_buf(), source })?;
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<Config, ConfigError> {
    let raw: Raw = toml::from_str(text).map_err(|e| {
        let before = e.span().and_then(|s| text.get(..s.start)).unwrap_or("");
        let line = before.bytes().filter(|&c| c == b'\n').count() + 1;
        let text = e.message().lines().collect::<Vec<_>>().join("; ");
        ConfigError::Syntax { path: path.to_path_buf(), line, text }
    })?;
    let wrong = |key, text: String| ConfigError::Value { path: path.to_path_buf(), key, text };
    let range = |key, value: u32, from: u32, to: u32| {
        (from..=to)
            .contains(&value)
            .then_some(value)
            .ok_or_else(|| wrong(key, format!("{value} is not within {from} to {to}")))
    };
    let split = range("split-interval", raw.split_interval, 1, 86_400)?;
    let sync = range("sync-interval", raw.sync_interval, 1, 3600)?;
    let free = range("min-free", u32::from(raw.min_free), 0, 90)?;
    let age = range("max-age", raw.max_age, 0, 36_500)?;
    Ok(Config {
        source: Source::parse(&raw.source, DEFAULT_PORT).map_err(|e| wrong("source", e.to_string()))?,
        archive: store::Config {
            root: raw.directory,
            split,
            sync: Duration::from_secs(u64::from(sync)),
            compression: match raw.compression {
                RawCompression::None => Compression::None,
                RawCompression::Gz => Compression::Gzip,
            },
            limits: Limits {
                age: (age > 0).then(|| u64::from(age) * 86_400),
                bytes: (raw.max_bytes > 0).then_some(raw.max_bytes),
                free_percent: free as u8,
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(extra: &str) -> String {
        format!("source = \"127.0.0.1:561\"\ndirectory = \"/data/archive\"\n{extra}")
    }

    #[test]
    fn defaults() {
        let config = parse("x.toml".as_ref(), &text("")).unwrap();
        let archive = &config.archive;
        assert_eq!(
            (archive.split, archive.sync, archive.compression),
            (300, Duration::from_secs(5), Compression::Gzip)
        );
        assert_eq!(archive.limits, Limits { age: None, bytes: None, free_percent: 10 });
        let config =
            parse("x.toml".as_ref(), &text("max-age = 90\nmax-bytes = 20000000000\ncompression = \"none\""))
                .unwrap();
        assert_eq!(config.archive.limits.age, Some(90 * 86_400));
        assert_eq!(config.archive.limits.bytes, Some(20_000_000_000));
    }

    #[test]
    fn faults_name_line_or_key() {
        let fault = |extra: &str| parse("x.toml".as_ref(), &text(extra)).unwrap_err().to_string();
        assert!(
            fault("colour = 1").starts_with("x.toml: line 3: unknown field `colour`"),
            "{}",
            fault("colour = 1")
        );
        assert_eq!(fault("min-free = 91"), "x.toml: min-free: 91 is not within 0 to 90");
        assert!(fault("compression = \"zip\"").starts_with("x.toml: line 3: unknown variant `zip`"));
        assert!(fault("max-bytes = -1").starts_with("x.toml: line 3: "));
        assert!(
            parse("x.toml".as_ref(), "source = \"127.0.0.1:x\"\ndirectory = \"/\"")
                .unwrap_err()
                .to_string()
                .starts_with("x.toml: source: ")
        );
    }
}
