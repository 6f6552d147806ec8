//! The claim code: shown on the console at first boot, taken once by whoever sets the first password.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::files;

/// Letters and digits that cannot be mistaken for one another when read off a screen.
const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// Characters in a code: 40 bits, which are far out of reach at one attempt a second.
const LENGTH: usize = 8;

/// Where the claim stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    folder: PathBuf,
    code: Option<String>,
}

impl Claim {
    /// Reads the code kept in `folder`, or makes one when nobody has claimed the box.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let mut claim = Claim { folder: folder.into(), code: None };
        if claim.taken_mark().exists() {
            return Ok(claim);
        }
        let kept = fs::read_to_string(claim.code_file()).map(|text| normal(&text)).unwrap_or_default();
        let code = match kept.len() == LENGTH {
            true => kept,
            false => {
                let code = new_code()?;
                files::replace_durably(&claim.code_file(), format!("{code}\n").as_bytes(), 0o600)?;
                code
            }
        };
        claim.code = Some(code);
        Ok(claim)
    }

    /// The code as people read it, `XXXX-XXXX`, while it waits to be taken.
    pub fn shown(&self) -> Option<String> {
        let code = self.code.as_deref()?;
        let (first, second) = code.split_at_checked(LENGTH / 2)?;
        Some(format!("{first}-{second}"))
    }

    /// Takes the code. Case, blanks and dashes do not matter. `false` when it is not the one, or was
    /// taken before.
    pub fn take(&mut self, typed: &str) -> io::Result<bool> {
        let typed = normal(typed);
        let same = self.code.as_ref().is_some_and(|code| {
            // The same time whatever the first wrong character.
            code.len() == typed.len()
                && code.bytes().zip(typed.bytes()).fold(0, |all, (a, b)| all | (a ^ b)) == 0
        });
        if same {
            files::replace_durably(&self.taken_mark(), b"", 0o600)?;
            self.code = None;
            // The mark alone decides; a code that cannot be deleted is worth nothing any more.
            let _ = fs::remove_file(self.code_file());
        }
        Ok(same)
    }

    fn code_file(&self) -> PathBuf {
        self.folder.join("claim")
    }

    fn taken_mark(&self) -> PathBuf {
        self.folder.join("claimed")
    }
}

fn normal(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric()).map(|c| c.to_ascii_uppercase()).take(64).collect()
}

fn new_code() -> io::Result<String> {
    let mut random = [0; LENGTH];
    // Blocks until the kernel has gathered enough, and never after that (random(4), Linux 5.6).
    File::open("/dev/random")?.read_exact(&mut random)?;
    Ok(random.iter().map(|octet| char::from(ALPHABET[usize::from(octet % 32)])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_kept_until_it_is_taken_once() {
        let folder = tempfile::tempdir().unwrap();
        let shown = Claim::open(folder.path()).unwrap().shown().unwrap();
        assert_eq!(shown.len(), 9);
        let mut claim = Claim::open(folder.path()).unwrap();
        assert_eq!(claim.shown().unwrap(), shown);
        assert!(!claim.take("AAAA-AAA1").unwrap());
        assert!(!claim.take("").unwrap());
        assert!(claim.take(&format!(" {} ", shown.to_lowercase().replace('-', " "))).unwrap());
        assert!(!claim.take(&shown).unwrap());
        assert_eq!(Claim::open(folder.path()).unwrap().shown(), None);
    }

    #[test]
    fn a_torn_code_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("claim"), "AB").unwrap();
        assert!(Claim::open(folder.path()).unwrap().shown().is_some());
    }
}
