//! After a crash: torn records cut, half-done steps finished.

use crate::error::{Doing, Error, sync_folder};
use crate::finish;
use crate::layout::{self, Name, Stage};
use crate::manifest;
use record::{Frame, Framer, MAR_LEN};
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::path::Path;

/// What was found of one day.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Closed, listed files and their octets.
    pub(crate) settled: Vec<(Name, u64)>,
    /// Closed files that have yet to be packed or listed.
    pub(crate) unfinished: Vec<Name>,
    /// Files whose writing a crash had ended.
    pub(crate) mended: u64,
    /// Octets cut from them.
    pub(crate) cut: u64,
}

/// Mends the files of one day. `ours` tells the files that this process is writing, which are left alone. One bad file
/// does not keep the others from being mended: errors go to `report`.
pub(crate) fn day(
    root: &Path,
    folder: &Path,
    ours: &dyn Fn(Name) -> bool,
    report: &mut dyn FnMut(Error),
) -> Result<Found, Error> {
    let mut found = Found::default();
    let names = layout::files(folder).doing("list", folder)?;
    let sums = manifest::read(folder)?;
    for &name in &names {
        let path = root.join(name.path());
        let mended = match name.stage {
            Stage::Open if ours(name) => continue,
            Stage::Open => open(root, name).map(|(closed, cut)| {
                found.mended += 1;
                found.cut += cut;
                found.unfinished.extend(closed);
            }),
            Stage::Packing => std::fs::remove_file(&path).doing("remove", &path),
            Stage::Plain => plain(root, folder, name, &names).map(|still_there| {
                if still_there {
                    match sums.contains_key(&name.file()) {
                        true => found.settled.push((name, octets(&path))),
                        false => found.unfinished.push(name),
                    }
                }
            }),
            Stage::Packed if !path.exists() => Ok(()),
            Stage::Packed if sums.contains_key(&name.file()) => {
                found.settled.push((name, octets(&path)));
                Ok(())
            }
            Stage::Packed => {
                found.unfinished.push(name);
                Ok(())
            }
        };
        if let Err(e) = mended {
            report(e);
        }
    }
    Ok(found)
}

fn octets(path: &Path) -> u64 {
    path.metadata().map_or(0, |m| m.len())
}

/// A plain file beside its packed one: the crash came before the plain one was removed. The packed one was whole when it
/// got its name; should it not be, it is the one to go. Returns whether the plain one is still there.
fn plain(root: &Path, folder: &Path, name: Name, names: &[Name]) -> Result<bool, Error> {
    let packed = name.at(Stage::Packed);
    if !names.contains(&packed) {
        return Ok(true);
    }
    let (plain, packed) = (root.join(name.path()), root.join(packed.path()));
    let same = finish::same(&plain, &packed);
    let extra = if same { &plain } else { &packed };
    std::fs::remove_file(extra).doing("remove", extra)?;
    sync_folder(folder)?;
    Ok(!same)
}

/// Closes a file that was being written: cuts what is behind the last whole record and gives it its name. A file without
/// records goes. Returns its new name and the octets cut.
fn open(root: &Path, name: Name) -> Result<(Option<Name>, u64), Error> {
    let path = root.join(name.path());
    let file = OpenOptions::new().read(true).write(true).open(&path).doing("open", &path)?;
    let (end, len, records) = last_record(&file).doing("read", &path)?;
    let day = root.join(name.folder());
    if records == 0 {
        std::fs::remove_file(&path).doing("remove", &path)?;
        sync_folder(&day)?;
        return Ok((None, len));
    }
    if end < len {
        file.set_len(end).doing("cut", &path)?;
    }
    file.sync_all().doing("sync", &path)?;
    let mut closed = name.at(Stage::Plain);
    // Nothing can have the name: ours are chosen free. Were it taken all the same, nothing may be written over.
    while [Stage::Plain, Stage::Packed].iter().any(|s| root.join(closed.at(*s).path()).exists()) {
        closed = Name::new(closed.time + 1, Stage::Plain);
    }
    let to = root.join(closed.path());
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).doing("create", folder)?;
    }
    std::fs::rename(&path, &to).doing("rename", &path)?;
    sync_folder(&day)?;
    Ok((Some(closed), len - end))
}

/// Where the last whole record ends, the length of the file, and how many records follow the initial one. Zero words
/// behind the last record, which a file system can leave for lengths that were not written, do not count.
fn last_record(mut file: &std::fs::File) -> io::Result<(u64, u64, u64)> {
    let mut framer = Framer::new();
    let mut buffer: Vec<u8> = Vec::new();
    let mut start = 0;
    let (mut ended, mut end, mut records, mut len) = (false, 0u64, 0u64, 0u64);
    let mut chunk = vec![0; 256 << 10];
    loop {
        let (used, frame) = framer.next(buffer.get(start..).unwrap_or(&[]), ended);
        start += used;
        match frame {
            // A record whose end is zeros was torn.
            Frame::Record(view) if !view.tail().is_empty() => {}
            Frame::Record(view) => {
                end = framer.offset();
                records += u64::from(end > MAR_LEN as u64 || !view.kind().is_mar());
            }
            Frame::Unreadable { .. } => {}
            Frame::End { .. } => return Ok((end, len, records)),
            Frame::More { .. } => {
                buffer.drain(..start);
                start = 0;
                match file.read(&mut chunk) {
                    Ok(0) => ended = true,
                    Ok(n) => {
                        len += n as u64;
                        buffer.extend_from_slice(chunk.get(..n).unwrap_or(&[]));
                    }
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => return Err(e),
                }
            }
        }
    }
}
