//! What the boot loader tells stage 1, on the kernel's command line.

use std::time::Duration;

/// The `panoptes.*` words of the kernel command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// `a` or `b`, for people and for the daemon; stage 1 goes by the partition ids.
    pub slot: String,
    /// GPT unique id of the partition with the root file system, lower case.
    pub root: String,
    /// GPT unique id of the data partition, lower case; `None` runs on volatile data.
    pub data: Option<String>,
    /// How long to wait for the root's disk: a USB disk takes seconds to appear.
    pub wait: Duration,
    /// Root hash of the root's dm-verity tree; kept so that a box that is told to verify never runs
    /// something unverified.
    pub verity: Option<String>,
}

/// A word that stage 1 cannot do without, or cannot read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no such word.
    #[error("kernel command line: {0} is missing")]
    Missing(&'static str),
    /// The word's value makes no sense.
    #[error("kernel command line: {0}={1:?} is not {2}")]
    Value(&'static str, String, &'static str),
}

/// Seconds to wait for the root's disk when `panoptes.wait` is absent.
const WAIT: u64 = 30;

impl CommandLine {
    /// Reads the text of `/proc/cmdline`. The last of several equal words wins, as in the kernel.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let value = |name: &str| {
            text.split_ascii_whitespace()
                .filter_map(|word| word.split_once('='))
                .rfind(|(key, _)| *key == name)
                .map(|(_, value)| value)
        };
        let partition = |name: &'static str| match value(name) {
            None => Ok(None),
            Some(text) => partuuid(text)
                .map(Some)
                .ok_or_else(|| Error::Value(name, text.into(), "PARTUUID=<partition id>")),
        };
        let wait = match value("panoptes.wait") {
            None => WAIT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|seconds| (1..=3600).contains(seconds))
                .ok_or_else(|| Error::Value("panoptes.wait", text.into(), "1 to 3600 seconds"))?,
        };
        Ok(CommandLine {
            slot: value("panoptes.slot").unwrap_or("a").into(),
            root: partition("panoptes.root")?.ok_or(Error::Missing("panoptes.root"))?,
            data: partition("panoptes.data")?,
            wait: Duration::from_secs(wait),
            verity: value("panoptes.verity").map(Into::into),
        })
    }
}

/// `PARTUUID=` and an id of 8-4-4-4-12 hexadecimal digits; the id comes back in lower case.
fn partuuid(text: &str) -> Option<String> {
    let id = text.strip_prefix("PARTUUID=")?;
    let shape = id.len() == 36
        && id.bytes().enumerate().all(|(at, octet)| match at {
            8 | 13 | 18 | 23 => octet == b'-',
            _ => octet.is_ascii_hexdigit(),
        });
    shape.then(|| id.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "0AC5A0B2-1111-4222-8333-0123456789AB";

    #[test]
    fn a_usual_line() {
        let line = CommandLine::parse(&format!(
            "BOOT_IMAGE=/boot/vmlinuz quiet panoptes.slot=b panoptes.root=PARTUUID={ROOT} console=ttyS0,115200\n"
        ))
        .unwrap();
        assert_eq!(line.slot, "b");
        assert_eq!(line.root, ROOT.to_ascii_lowercase());
        assert_eq!(line.data, None);
        assert_eq!(line.wait, Duration::from_secs(30));
    }

    #[test]
    fn the_last_of_two_equal_words_wins() {
        let line =
            CommandLine::parse(&format!("panoptes.slot=a panoptes.root=PARTUUID={ROOT} panoptes.slot=b"));
        assert_eq!(line.unwrap().slot, "b");
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        assert_eq!(CommandLine::parse("quiet"), Err(Error::Missing("panoptes.root")));
        let error = CommandLine::parse("panoptes.root=/dev/sda3").unwrap_err();
        assert_eq!(
            error.to_string(),
            "kernel command line: panoptes.root=\"/dev/sda3\" is not PARTUUID=<partition id>"
        );
        let error = CommandLine::parse(&format!("panoptes.root=PARTUUID={ROOT} panoptes.wait=-1"));
        assert!(error.unwrap_err().to_string().contains("1 to 3600 seconds"));
    }
}
