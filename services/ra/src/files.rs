//! Many output files at a time: as many open as the system allows, the others reopened when they are wanted.

use crate::feed::Failure;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use stream::INITIAL;

/// Records are gathered to this many octets a file.
const GATHER: usize = 32 << 10;
/// Most files that are held open.
const MOST_OPEN: usize = 128;

/// A file of this run.
struct Output {
    /// Open, or closed for want of descriptors.
    file: Option<File>,
    gathered: Vec<u8>,
    /// Octets of the file, those gathered included.
    size: u64,
    /// When it was last written to, in records of the run.
    used: u64,
    /// End of its span, microseconds; files without span stay to the end.
    ends: Option<i64>,
}

/// The files of this run that are not finished.
#[derive(Default)]
pub struct Files {
    outputs: BTreeMap<PathBuf, Output>,
    open: usize,
    used: u64,
}

impl Files {
    /// Appends a record. A file that is empty gets `initial` first; folders are made as needed.
    ///
    /// # Errors
    /// [`Failure::Text`] that names the file.
    pub fn append(
        &mut self,
        path: &Path,
        record: &[u8],
        initial: &[u8; INITIAL],
        ends: Option<i64>,
    ) -> Result<(), Failure> {
        self.used += 1;
        let used = self.used;
        if self.outputs.get(path).is_none_or(|output| output.file.is_none()) {
            self.make_room()?;
            self.open_file(path, initial, ends)?;
        }
        let Some(output) = self.outputs.get_mut(path) else { return Ok(()) };
        output.used = used;
        output.gathered.extend_from_slice(record);
        output.size += record.len() as u64;
        if output.gathered.len() >= GATHER {
            output.flush(path)?;
        }
        Ok(())
    }

    /// Octets of a file of this run, 0 when it is not one.
    pub fn size(&self, path: &Path) -> u64 {
        self.outputs.get(path).map_or(0, |output| output.size)
    }

    /// Hands everything to the system.
    ///
    /// # Errors
    /// [`Failure::Text`] that names the file.
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.outputs.iter_mut().try_for_each(|(path, output)| output.flush(path))
    }

    /// Finishes the files whose spans end by `micros`, or all; gives their names in order.
    ///
    /// # Errors
    /// [`Failure::Text`] that names the file.
    pub fn finish(&mut self, micros: Option<i64>) -> Result<Vec<PathBuf>, Failure> {
        let due = |output: &Output| match (micros, output.ends) {
            (None, _) => true,
            (Some(now), Some(ends)) => ends <= now,
            (Some(_), None) => false,
        };
        let names: Vec<PathBuf> =
            self.outputs.iter().filter(|(_, output)| due(output)).map(|(path, _)| path.clone()).collect();
        for name in &names {
            if let Some(mut output) = self.outputs.remove(name) {
                output.flush(name)?;
                self.open -= usize::from(output.file.is_some());
            }
        }
        Ok(names)
    }

    fn open_file(&mut self, path: &Path, initial: &[u8; INITIAL], ends: Option<i64>) -> Result<(), Failure> {
        let failed = |error: std::io::Error| Failure::Text(format!("{}: {error}", path.display()));
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|error| Failure::Text(format!("{}: {error}", folder.display())))?;
        }
        let file = OpenOptions::new().append(true).create(true).open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let output = self.outputs.entry(path.to_owned()).or_insert_with(|| Output {
            file: None,
            gathered: Vec::new(),
            size: length,
            used: 0,
            ends,
        });
        if length == 0 {
            output.gathered.extend_from_slice(initial);
            output.size += INITIAL as u64;
        }
        output.file = Some(file);
        self.open += 1;
        Ok(())
    }

    /// Closes the file that has waited longest, when as many are open as may be.
    fn make_room(&mut self) -> Result<(), Failure> {
        if self.open < MOST_OPEN {
            return Ok(());
        }
        let oldest = self
            .outputs
            .iter_mut()
            .filter(|(_, output)| output.file.is_some())
            .min_by_key(|(_, output)| output.used);
        if let Some((path, output)) = oldest {
            output.flush(path)?;
            (output.file, output.gathered) = (None, Vec::new());
            self.open -= 1;
        }
        Ok(())
    }
}

impl Output {
    fn flush(&mut self, path: &Path) -> Result<(), Failure> {
        if let Some(file) = self.file.as_mut().filter(|_| !self.gathered.is_empty()) {
            file.write_all(&self.gathered)
                .map_err(|error| Failure::Text(format!("{}: {error}", path.display())))?;
            self.gathered.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_files_than_may_be_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let initial = [7; INITIAL];
        let mut files = Files::default();
        let path = |number: usize| folder.path().join(format!("sub/{}/f", number));
        for round in 0..2u8 {
            for number in 0..MOST_OPEN + 20 {
                files.append(&path(number), &[round; 4], &initial, Some(number as i64)).expect("written");
            }
        }
        assert!(files.open <= MOST_OPEN);
        assert_eq!(files.size(&path(0)), INITIAL as u64 + 8);
        assert_eq!(files.finish(Some(3)).expect("closed").len(), 4);
        assert_eq!(files.finish(None).expect("closed").len(), MOST_OPEN + 16);
        for number in 0..MOST_OPEN + 20 {
            let octets = std::fs::read(path(number)).expect("there");
            assert_eq!(octets.len(), INITIAL + 8, "the initial record comes once");
            assert_eq!(&octets[INITIAL..], [0, 0, 0, 0, 1, 1, 1, 1]);
        }
    }
}
