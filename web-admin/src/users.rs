//! Users and their passwords: one small file in the data directory, hashes by Argon2id.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Mutex;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};

/// The shortest password taken, in characters.
pub const SHORTEST: usize = 10;
/// The longest password or name taken, in octets.
pub const LONGEST: usize = 256;

/// Why a user could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not what this program wrote.
    #[error("{path}: {source}")]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Where and what.
        source: serde_json::Error,
    },
    /// The name or password will not do; the text says why.
    #[error("{0}")]
    Unfit(&'static str),
    /// The password could not be hashed.
    #[error("hashing the password: {0}")]
    Hash(String),
}

/// What the file holds.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    /// Version of this layout.
    schema: u32,
    /// Name → hash in PHC string form.
    users: BTreeMap<String, String>,
}

/// The users of the box.
pub struct Users {
    path: PathBuf,
    document: Mutex<Document>,
    /// Hash of no one's password: unknown names cost as much time as known ones.
    nobody: String,
    /// One hash at a time: each takes 19 MiB and tens of milliseconds.
    hashing: Mutex<()>,
}

/// A user written beside the file, which becomes one by [`Users::commit`].
pub struct Prepared {
    document: Document,
    path: PathBuf,
}

impl Drop for Prepared {
    fn drop(&mut self) {
        // After a commit the name is gone; before one, nothing of it may stay.
        let _ = fs::remove_file(&self.path);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Argon2id with the parameters that RFC 9106 calls its second choice scaled to a small box
/// (19 MiB, 2 passes, 1 lane: the OWASP minimum).
fn hasher() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

fn hash(password: &str) -> Result<String, Error> {
    use ring::rand::SecureRandom;
    let mut salt = [0; 16];
    ring::rand::SystemRandom::new().fill(&mut salt).map_err(|_| Error::Hash("no randomness".to_owned()))?;
    let salt = SaltString::encode_b64(&salt).map_err(|error| Error::Hash(error.to_string()))?;
    match hasher().hash_password(password.as_bytes(), &salt) {
        Ok(hash) => Ok(hash.to_string()),
        Err(error) => Err(Error::Hash(error.to_string())),
    }
}

impl Users {
    /// Opens the users kept in `directory`; none when there is no file yet.
    pub fn open(directory: &std::path::Path) -> Result<Self, Error> {
        let path = directory.join("users.json");
        let document = match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|source| Error::Syntax { path: path.clone(), source })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Document { schema: 1, users: BTreeMap::new() }
            }
            Err(source) => return Err(Error::File { path, source }),
        };
        let nobody = hash("")?;
        Ok(Users { path, document: Mutex::new(document), nobody, hashing: Mutex::new(()) })
    }

    /// Whether nobody has claimed the box yet.
    pub fn is_empty(&self) -> bool {
        lock(&self.document).users.is_empty()
    }

    /// Whether `password` is that of `name`; takes as long for a name that does not exist.
    pub fn verify(&self, name: &str, password: &str) -> bool {
        if name.len() > LONGEST || password.len() > LONGEST {
            return false;
        }
        let known = lock(&self.document).users.get(name).cloned();
        let exists = known.is_some();
        let stored = known.unwrap_or_else(|| self.nobody.clone());
        let Ok(stored) = PasswordHash::new(&stored) else { return false };
        let _one_at_a_time = lock(&self.hashing);
        hasher().verify_password(password.as_bytes(), &stored).is_ok() && exists
    }

    /// Writes the first user beside the file, so that nothing but a rename can fail after the claim code
    /// was taken.
    pub fn prepare_first(&self, name: &str, password: &str) -> Result<Prepared, Error> {
        check(name, password)?;
        let hashed = {
            let _one_at_a_time = lock(&self.hashing);
            hash(password)?
        };
        let document = Document { schema: 1, users: BTreeMap::from([(name.to_owned(), hashed)]) };
        let unique = crate::random_hex(8).ok_or_else(|| Error::Hash("no randomness".to_owned()))?;
        let path = self.path.with_extension(format!("json.{unique}"));
        let file = |source| Error::File { path: path.clone(), source };
        let text = serde_json::to_vec_pretty(&document)
            .map_err(|source| Error::Syntax { path: path.clone(), source })?;
        let mut out = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .map_err(file)?;
        out.write_all(&text).map_err(file)?;
        out.sync_all().map_err(file)?;
        Ok(Prepared { document, path })
    }

    /// Makes a prepared user real. Refused when somebody was quicker.
    pub fn commit(&self, mut prepared: Prepared) -> Result<(), Error> {
        let file = |source| Error::File { path: self.path.clone(), source };
        let mut document = lock(&self.document);
        if !document.users.is_empty() {
            return Err(Error::Unfit("this box has been claimed already"));
        }
        fs::rename(&prepared.path, &self.path).map_err(file)?;
        if let Some(directory) = self.path.parent() {
            fs::File::open(directory).and_then(|directory| directory.sync_all()).map_err(file)?;
        }
        *document = std::mem::take(&mut prepared.document);
        Ok(())
    }
}

fn check(name: &str, password: &str) -> Result<(), Error> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
    if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
        return Err(Error::Unfit("a user name is 1 to 64 letters, digits or . _ - @"));
    }
    if password.chars().count() < SHORTEST {
        return Err(Error::Unfit("a password has at least 10 characters"));
    }
    if password.len() > LONGEST {
        return Err(Error::Unfit("a password has at most 256 octets"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_survives_a_restart_and_only_the_right_password_opens() {
        let directory = tempfile::tempdir().unwrap();
        let users = Users::open(directory.path()).unwrap();
        assert!(users.is_empty());
        let prepared = users.prepare_first("admin", "correct horse").unwrap();
        assert!(users.is_empty(), "prepared is not committed");
        users.commit(prepared).unwrap();

        let users = Users::open(directory.path()).unwrap();
        assert!(users.verify("admin", "correct horse"));
        assert!(!users.verify("admin", "correct horsf"));
        assert!(!users.verify("root", "correct horse"));
        assert!(!users.verify("nobody", ""));
    }

    #[test]
    fn a_claimed_box_is_not_claimed_again() {
        let directory = tempfile::tempdir().unwrap();
        let users = Users::open(directory.path()).unwrap();
        let (first, second) = (
            users.prepare_first("admin", "correct horse").unwrap(),
            users.prepare_first("other", "battery staple").unwrap(),
        );
        users.commit(first).unwrap();
        assert!(users.commit(second).is_err());
        let users = Users::open(directory.path()).unwrap();
        assert!(users.verify("admin", "correct horse"));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn unfit_names_and_passwords_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let users = Users::open(directory.path()).unwrap();
        for (name, password) in
            [("", "correct horse"), ("a b", "correct horse"), ("admin", "short"), ("admin", "ünicöde")]
        {
            assert!(users.prepare_first(name, password).is_err(), "{name} {password}");
        }
    }
}
