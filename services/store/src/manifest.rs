//! The checksums of a day's closed files, in the format that `sha256sum -c` reads.

use crate::error::{Doing, Error, sync_folder};
use crate::layout::MANIFEST;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

/// File name to checksum, as 64 hexadecimal digits.
pub(crate) type Sums = BTreeMap<String, String>;

/// Reads a day's checksums. Lines that are not whole (a crash can tear the last one) are left out: the files they stood
/// for count as not listed.
pub(crate) fn read(day: &Path) -> Result<Sums, Error> {
    let path = day.join(MANIFEST);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Sums::new()),
        Err(e) => return Err(Error::new("read", &path, e)),
    };
    let text = String::from_utf8_lossy(&bytes);
    Ok(text
        .split_inclusive('\n')
        .filter_map(|line| line.strip_suffix('\n')?.split_once("  "))
        .filter(|(sum, name)| {
            sum.len() == 64 && sum.bytes().all(|c| c.is_ascii_hexdigit()) && !name.contains('\u{fffd}')
        })
        .map(|(sum, name)| (name.to_owned(), sum.to_owned()))
        .collect())
}

/// Replaces a day's checksums, durably and at once.
pub(crate) fn write(day: &Path, sums: &Sums) -> Result<(), Error> {
    let (path, new) = (day.join(MANIFEST), day.join(".SHA256SUMS.part"));
    let mut text = String::new();
    for (name, sum) in sums {
        text.extend([sum, "  ", name, "\n"]);
    }
    let mut file = File::create(&new).doing("create", &new)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).doing("write", &new)?;
    std::fs::rename(&new, &path).doing("rename", &new)?;
    sync_folder(day)
}

/// The checksum of a file.
pub(crate) fn sum(path: &Path) -> Result<String, Error> {
    let mut file = File::open(path).doing("open", path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => hash.update(buffer.get(..n).unwrap_or(&[])),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::new("read", path, e)),
        }
    }
    Ok(hash.finalize().iter().map(|o| format!("{o:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torn_lines_are_left_out() {
        let day = tempfile::tempdir().unwrap();
        assert!(read(day.path()).unwrap().is_empty());
        let file = day.path().join("a");
        std::fs::write(&file, b"abc").unwrap();
        let abc = sum(&file).unwrap();
        assert_eq!(abc, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let sums = Sums::from([("a".into(), abc.clone())]);
        write(day.path(), &sums).unwrap();
        assert_eq!(read(day.path()).unwrap(), sums);
        let text = std::fs::read(day.path().join(MANIFEST)).unwrap();
        let line = format!("{abc}  argus.2023\n");
        for torn in 0..line.len() {
            let text = [&text[..], &line.as_bytes()[..torn]].concat();
            std::fs::write(day.path().join(MANIFEST), text).unwrap();
            assert_eq!(read(day.path()).unwrap(), sums);
        }
    }
}
