//! An open file of the archive: appended, synced, closed.

use crate::error::{Doing, Error, sync_folder};
use crate::layout::{Name, Stage};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A file being written. It is created when it is first written, so that taking a record never fails; what has not been
/// synced is kept in memory and written again when a sync fails, since after a failed sync nobody knows what reached the
/// disk.
pub(crate) struct OpenFile {
    /// Start of the split interval it is for.
    pub(crate) bin: i64,
    place: Option<Place>,
    /// Octets that are on disk for certain.
    synced: u64,
    /// Octets behind them.
    pending: Vec<u8>,
    /// How many of `pending` have been handed to the system since the last sync.
    written: usize,
    /// Records in `pending`.
    records: u64,
    pub(crate) opened: Instant,
    pub(crate) touched: Instant,
    /// Takes no more records.
    pub(crate) closing: bool,
}

struct Place {
    name: Name,
    path: PathBuf,
    file: File,
}

/// Handed to the system at once when this much has gathered.
const WRITE_AT: usize = 256 << 10;

impl OpenFile {
    /// A file for the interval that begins at `bin`, beginning with the initial management record.
    pub(crate) fn new(bin: i64, initial: &[u8]) -> OpenFile {
        let now = Instant::now();
        OpenFile {
            bin,
            place: None,
            synced: 0,
            pending: initial.to_vec(),
            written: 0,
            records: 0,
            opened: now,
            touched: now,
            closing: false,
        }
    }

    /// Its name, once it is created.
    pub(crate) fn name(&self) -> Option<Name> {
        self.place.as_ref().map(|p| p.name)
    }

    /// Octets that are not on disk for certain.
    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Records among them.
    pub(crate) fn pending_records(&self) -> u64 {
        self.records
    }

    /// Appends one record.
    pub(crate) fn append(&mut self, record: &[u8]) {
        self.pending.extend_from_slice(record);
        self.records += 1;
        self.touched = Instant::now();
    }

    /// Whether enough has gathered for [`OpenFile::write`].
    pub(crate) fn wants_writing(&self) -> bool {
        self.pending.len() - self.written >= WRITE_AT
    }

    /// Hands what has gathered to the system; creates the file when there is none yet.
    pub(crate) fn write(&mut self, root: &Path, writing: &Writing) -> Result<(), Error> {
        let place = match &self.place {
            Some(place) => place,
            None => self.place.insert(create(root, self.bin, writing)?),
        };
        let rest = self.pending.get(self.written..).unwrap_or(&[]);
        // At its place, so that a write that was cut short is written over.
        place.file.write_all_at(rest, self.synced + self.written as u64).doing("write", &place.path)?;
        self.written = self.pending.len();
        Ok(())
    }

    /// Brings everything to the disk; returns how many records that made certain.
    pub(crate) fn sync(&mut self, root: &Path, writing: &Writing) -> Result<u64, Error> {
        if self.pending.is_empty() {
            return Ok(0);
        }
        self.write(root, writing)?;
        if let Some(place) = &self.place
            && let Err(e) = place.file.sync_data()
        {
            self.written = 0;
            return Err(Error::new("sync", &place.path, e));
        }
        self.synced += self.pending.len() as u64;
        self.pending.clear();
        self.pending.shrink_to(4 * WRITE_AT);
        self.written = 0;
        Ok(std::mem::take(&mut self.records))
    }

    /// Closes a file that was synced: gives it its name for good. `None` when it was never created.
    pub(crate) fn close(&self, root: &Path) -> Result<Option<Name>, Error> {
        let Some(place) = &self.place else { return Ok(None) };
        // A write cut short by a full disk can have left octets behind the last record.
        place.file.set_len(self.synced).and_then(|()| place.file.sync_all()).doing("sync", &place.path)?;
        let name = place.name.at(Stage::Plain);
        let path = root.join(name.path());
        match std::fs::rename(&place.path, &path) {
            // Done by an attempt that failed at the next step.
            Err(e) if e.kind() == io::ErrorKind::NotFound && path.exists() => {}
            other => other.doing("rename", &place.path)?,
        }
        sync_folder(path.parent().unwrap_or(root))?;
        Ok(Some(name))
    }
}

/// The files that this process is writing, for whoever mends what other processes left.
#[derive(Default)]
pub(crate) struct Writing(Mutex<BTreeSet<Name>>);

impl Writing {
    fn names(&self) -> MutexGuard<'_, BTreeSet<Name>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn contains(&self, name: Name) -> bool {
        self.names().contains(&name)
    }

    pub(crate) fn remove(&self, name: Name) {
        self.names().remove(&name.at(Stage::Open));
    }
}

/// Creates the file for the interval that begins at `bin`. When the name is taken, by a file of any stage, the next free
/// second names it: after a restart, after a rotation, when the clock jumped back.
fn create(root: &Path, bin: i64, writing: &Writing) -> Result<Place, Error> {
    let mut time = bin;
    let mut attempts = 0;
    loop {
        let name = Name::new(time, Stage::Open);
        let folder = root.join(name.folder());
        make_folders(root, &name.folder())?;
        let path = root.join(name.path());
        let taken = [Stage::Plain, Stage::Packed, Stage::Packing]
            .into_iter()
            .any(|stage| folder.join(name.at(stage).file()).exists());
        // Known as ours before it can be seen.
        if taken || !writing.names().insert(name) {
            time += 1;
            continue;
        }
        let failed = match OpenOptions::new().write(true).create_new(true).open(&path) {
            // The name must survive as the records do.
            Ok(file) => match sync_folder(&folder) {
                Ok(()) => return Ok(Place { name, path, file }),
                Err(e) => e,
            },
            Err(e) => Error::new("create", &path, e),
        };
        writing.remove(name);
        match failed.source.kind() {
            io::ErrorKind::AlreadyExists => time += 1,
            // The folder was empty and went with its last file in the meantime.
            io::ErrorKind::NotFound if attempts < 3 => attempts += 1,
            _ => return Err(failed),
        }
    }
}

/// Makes the folders of a day, each durable before the next.
pub(crate) fn make_folders(root: &Path, relative: &Path) -> Result<(), Error> {
    let mut path = root.to_path_buf();
    for part in relative.components() {
        let parent = path.clone();
        path.push(part);
        match std::fs::create_dir(&path) {
            Ok(()) => sync_folder(&parent)?,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(Error::new("create", &path, e)),
        }
    }
    Ok(())
}
