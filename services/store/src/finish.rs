//! What follows the closing of a file: packing it and listing its checksum.

use crate::error::{Doing, Error, sync_folder};
use crate::layout::{Name, Stage};
use crate::manifest;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

/// How closed files are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip.
    #[default]
    Gzip,
}

/// Packs a closed file as asked and lists it. Can be done again after a crash at any place. Returns the name it has now
/// and its octets.
pub(crate) fn finish(
    root: &Path,
    name: Name,
    compression: Compression,
    stop: &dyn Fn() -> bool,
) -> Result<Option<(Name, u64)>, Error> {
    let day = root.join(name.folder());
    let mut name = name;
    if compression == Compression::Gzip && name.stage == Stage::Plain {
        if !pack(root, name, stop)? {
            return Ok(None);
        }
        name = name.at(Stage::Packed);
    }
    let path = root.join(name.path());
    let mut sums = manifest::read(&day)?;
    sums.remove(&name.at(Stage::Plain).file());
    sums.insert(name.file(), manifest::sum(&path)?);
    manifest::write(&day, &sums)?;
    let octets = path.metadata().doing("examine", &path)?.len();
    Ok(Some((name, octets)))
}

/// Packs into a temporary file, brings it to the disk, gives it its name, and only then removes the original. `false`
/// when it was told to stop in between.
fn pack(root: &Path, name: Name, stop: &dyn Fn() -> bool) -> Result<bool, Error> {
    let (from, new, to) = (
        root.join(name.path()),
        root.join(name.at(Stage::Packing).path()),
        root.join(name.at(Stage::Packed).path()),
    );
    let mut input = File::open(&from).doing("open", &from)?;
    let output = File::create(&new).doing("create", &new)?;
    let mut packer = GzEncoder::new(output, flate2::Compression::new(6));
    let mut buffer = vec![0; 64 << 10];
    loop {
        if stop() {
            let _ = std::fs::remove_file(&new);
            return Ok(false);
        }
        let n = match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(give_up(&new, Error::new("read", &from, e))),
        };
        if let Err(e) = packer.write_all(buffer.get(..n).unwrap_or(&[])) {
            return Err(give_up(&new, Error::new("write", &new, e)));
        }
    }
    let done = packer.finish().and_then(|f| f.sync_all());
    done.map_err(|e| give_up(&new, Error::new("write", &new, e)))?;
    std::fs::rename(&new, &to).doing("rename", &new)?;
    let day = root.join(name.folder());
    sync_folder(&day)?;
    std::fs::remove_file(&from).doing("remove", &from)?;
    sync_folder(&day)?;
    Ok(true)
}

/// Leaves no half-written file behind on a disk that may be full.
fn give_up(new: &Path, error: Error) -> Error {
    let _ = std::fs::remove_file(new);
    error
}

/// Whether the packed file holds exactly what the plain one does.
pub(crate) fn same(plain: &Path, packed: &Path) -> bool {
    let compare = || -> io::Result<bool> {
        let mut a = BufReader::new(File::open(plain)?);
        let mut b = BufReader::new(flate2::read::MultiGzDecoder::new(File::open(packed)?));
        let (mut x, mut y) = (vec![0; 64 << 10], vec![0; 64 << 10]);
        loop {
            let n = a.read(&mut x)?;
            let (x, y) = (x.get(..n).unwrap_or(&[]), y.get_mut(..n).unwrap_or(&mut []));
            if n == 0 {
                return Ok(b.read(&mut [0])? == 0);
            }
            b.read_exact(y)?;
            if x != y {
                return Ok(false);
            }
        }
    };
    compare().unwrap_or(false)
}
