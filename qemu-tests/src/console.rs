//! The box's serial console, which QEMU writes to a file.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// A file that a machine's serial console is written to.
#[derive(Debug, Clone)]
pub struct Console {
    path: PathBuf,
}

impl Console {
    /// The console in this file.
    pub fn new(path: &Path) -> Console {
        Console { path: path.to_path_buf() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All that was written so far; what a terminal would act on is left as it is.
    pub fn text(&self) -> String {
        fs::read(&self.path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Waits for a line that contains `what`, and gives it back without blanks at its ends.
    pub fn wait_for(&self, what: &str, limit: Duration) -> Result<String> {
        let end = Instant::now() + limit;
        loop {
            let text = self.text();
            // A line counts when it is whole.
            let whole = text.rfind('\n').map(|end| &text[..end]).unwrap_or_default();
            if let Some(line) = whole.lines().find(|line| line.contains(what)) {
                return Ok(line.trim().to_string());
            }
            if Instant::now() > end {
                let tail: Vec<&str> = text.lines().rev().take(5).collect();
                let what = format!("no {what:?} on the console (its end, backwards: {tail:?})");
                return Err(Error::Timeout { what, seconds: limit.as_secs() });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_count() {
        let folder = tempfile::tempdir().unwrap();
        let console = Console::new(&folder.path().join("console"));
        fs::write(console.path(), "boot\r\nclaim code: ABCD").unwrap();
        let error = console.wait_for("claim", Duration::from_millis(60)).unwrap_err().to_string();
        assert!(error.starts_with("no \"claim\" on the console"), "{error}");
        fs::write(console.path(), "boot\r\nclaim code: ABCD-EFGH\r\n").unwrap();
        assert_eq!(console.wait_for("claim", Duration::ZERO).unwrap(), "claim code: ABCD-EFGH");
    }
}
