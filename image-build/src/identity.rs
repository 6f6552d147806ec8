//! What this image is: version, commit, time, and the identifiers that follow from them.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::tool::{run, tool};

/// Version, commit and time of the tree that is built. Two builds with the same identity give the same image.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The workspace's version, such as `0.1.0`.
    pub version: String,
    /// The commit in hex; `-dirty` follows when the tree differs from it.
    pub commit: String,
    /// Time of the commit, or `SOURCE_DATE_EPOCH`: Unix time in seconds.
    pub epoch: u64,
}

impl Identity {
    /// Of the working tree at `tree`.
    pub fn of(tree: &Path) -> Result<Identity> {
        let git = |arguments: &[&str]| -> Result<String> {
            let output = run(tool("git", 0).arg("-C").arg(tree).args(arguments))?;
            Ok(String::from_utf8_lossy(&output).trim().to_string())
        };
        let mut commit = git(&["rev-parse", "HEAD"])?;
        if !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty() {
            commit.push_str("-dirty");
        }
        let time = match std::env::var("SOURCE_DATE_EPOCH") {
            Ok(given) => given,
            Err(_) => git(&["log", "-1", "--format=%ct"])?,
        };
        let epoch = time.parse().map_err(|_| Error::Input(format!("{time:?} is no Unix time")))?;
        Ok(Identity { version: env!("CARGO_PKG_VERSION").to_string(), commit, epoch })
    }

    /// The UUID of one part of the disk, such as `slot a`: the same for the same version and commit.
    pub fn uuid(&self, part: &str) -> String {
        let mut bytes = self.digest(part);
        // Version 8 (RFC 9562 section 5.8): made by an own rule.
        bytes[6] = bytes[6] & 0x0f | 0x80;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex = |range: std::ops::Range<usize>| -> String {
            bytes[range].iter().map(|byte| format!("{byte:02x}")).collect()
        };
        format!("{}-{}-{}-{}-{}", hex(0..4), hex(4..6), hex(6..8), hex(8..10), hex(10..16))
    }

    /// The serial number of a FAT volume, eight hex digits.
    pub fn volume_id(&self, part: &str) -> String {
        self.digest(part)[..4].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn digest(&self, part: &str) -> [u8; 32] {
        Sha256::new()
            .chain_update(format!("panoptes {} {} {part}", self.version, self.commit))
            .finalize()
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_follow_from_version_commit_and_part() {
        let one = Identity { version: "1".into(), commit: "c".into(), epoch: 0 };
        let other = Identity { commit: "d".into(), ..one.clone() };
        assert_eq!(one.uuid("data"), one.clone().uuid("data"));
        assert_ne!(one.uuid("data"), one.uuid("esp"));
        assert_ne!(one.uuid("data"), other.uuid("data"));
        let uuid = one.uuid("data");
        let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(one.volume_id("esp").len(), 8);
    }
}
