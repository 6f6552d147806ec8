//! Partitions of a disk by their unique id: the GUID partition table, read only.
//!
//! Linux 6.1 does not tell user space a partition's id, and the initramfs has no udev, so the table is
//! read here (UEFI specification 2.10, section 5.3). A damaged first copy is replaced by the one at the
//! disk's end, as the kernel does when told to.

use std::io::{self, Read, Seek, SeekFrom};

/// Entries that a table may have; 128 is usual.
const MAX_ENTRIES: u32 = 1024;
/// Octets that one entry may have; 128 is usual.
const MAX_ENTRY: u32 = 1024;

/// A partition in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Counted from 1, as in `/sys/block/<disk>/<partition>/partition`.
    pub number: u32,
    /// Unique id, lower case with dashes.
    pub id: String,
    /// Type id, likewise.
    pub kind: String,
}

/// Reads the table of a disk of `sectors` sectors of `sector_size` octets. `None` when the disk has no
/// readable table.
pub fn partitions<D: Read + Seek>(
    disk: &mut D,
    sector_size: u64,
    sectors: u64,
) -> io::Result<Option<Vec<Partition>>> {
    if let Some(found) = table(disk, sector_size, sectors, 1)? {
        return Ok(Some(found));
    }
    match sectors.checked_sub(1) {
        Some(last) if last > 1 => table(disk, sector_size, sectors, last),
        _ => Ok(None),
    }
}

/// The table whose header is in sector `at`, if it is sound.
fn table<D: Read + Seek>(
    disk: &mut D,
    sector_size: u64,
    sectors: u64,
    at: u64,
) -> io::Result<Option<Vec<Partition>>> {
    if !(512..=65536).contains(&sector_size) || at >= sectors {
        return Ok(None);
    }
    let mut sector = vec![0; sector_size as usize];
    read(disk, at * sector_size, &mut sector)?;
    let Some(header) = Header::parse(&sector, at) else {
        return Ok(None);
    };
    let length = u64::from(header.entries) * u64::from(header.entry_size);
    let Some(start) = header.first.checked_mul(sector_size) else {
        return Ok(None);
    };
    if start.checked_add(length).is_none_or(|end| end > sectors.saturating_mul(sector_size)) {
        return Ok(None);
    }
    let mut entries = vec![0; length as usize];
    read(disk, start, &mut entries)?;
    if crc32fast::hash(&entries) != header.entries_crc {
        return Ok(None);
    }
    let used = |(number, entry): (u32, &[u8])| {
        let kind = entry.get(..16)?;
        let id = entry.get(16..32)?;
        kind.iter().any(|&octet| octet != 0).then(|| Partition { number, id: guid(id), kind: guid(kind) })
    };
    Ok(Some((1..).zip(entries.chunks_exact(header.entry_size as usize)).filter_map(used).collect()))
}

struct Header {
    first: u64,
    entries: u32,
    entry_size: u32,
    entries_crc: u32,
}

impl Header {
    fn parse(sector: &[u8], at: u64) -> Option<Self> {
        let word =
            |offset: usize| Some(u32::from_le_bytes(sector.get(offset..)?.first_chunk::<4>().copied()?));
        let long =
            |offset: usize| Some(u64::from_le_bytes(sector.get(offset..)?.first_chunk::<8>().copied()?));
        if sector.get(..8)? != b"EFI PART" {
            return None;
        }
        let size = word(12)?;
        let mut checked = sector.get(..size as usize).filter(|header| header.len() >= 92)?.to_vec();
        checked.get_mut(16..20)?.fill(0);
        if crc32fast::hash(&checked) != word(16)? || long(24)? != at {
            return None;
        }
        let (entries, entry_size) = (word(80)?, word(84)?);
        if !(1..=MAX_ENTRIES).contains(&entries) || !(128..=MAX_ENTRY).contains(&entry_size) {
            return None;
        }
        Some(Header { first: long(72)?, entries, entry_size, entries_crc: word(88)? })
    }
}

/// The text of an id: its first three groups are little-endian, the others as they stand.
fn guid(octets: &[u8]) -> String {
    const ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let mut text = String::with_capacity(36);
    for (place, at) in ORDER.into_iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{:02x}", octets.get(at).copied().unwrap_or_default()));
    }
    text
}

fn read<D: Read + Seek>(disk: &mut D, offset: u64, into: &mut [u8]) -> io::Result<()> {
    disk.seek(SeekFrom::Start(offset))?;
    disk.read_exact(into)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::process::{Command, Stdio};

    use super::*;

    const SECTORS: u64 = 8192;
    const ROOT: &str = "0ac5a0b2-1111-4222-8333-0123456789ab";
    const DATA: &str = "feedc0de-aaaa-4bbb-8ccc-ddddeeeeffff";

    /// A disk as the image build makes it, by the same program; `None` (loudly) where that is missing.
    fn disk() -> Option<Vec<u8>> {
        use std::io::Write;
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(SECTORS * 512).unwrap();
        let script = format!(
            "label: gpt\nstart=2048,size=1024,uuid={ROOT}\nstart=4096,size=1024,uuid={}\n",
            DATA.to_ascii_uppercase()
        );
        let started = Command::new("sfdisk")
            .args(["--quiet", "--no-reread", "--no-tell-kernel"])
            .arg(file.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn();
        let Ok(mut child) = started else {
            eprintln!("skipped: sfdisk is not installed");
            return None;
        };
        child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        Some(std::fs::read(file.path()).unwrap())
    }

    fn ids(disk: &[u8]) -> Option<Vec<(u32, String)>> {
        let found = partitions(&mut Cursor::new(disk), 512, SECTORS).unwrap()?;
        Some(found.into_iter().map(|partition| (partition.number, partition.id)).collect())
    }

    #[test]
    fn finds_partitions_by_id() {
        let Some(disk) = disk() else { return };
        assert_eq!(ids(&disk), Some(vec![(1, ROOT.into()), (2, DATA.into())]));
    }

    #[test]
    fn the_copy_at_the_end_stands_in_for_a_damaged_first() {
        let Some(mut disk) = disk() else { return };
        disk[512 + 40] ^= 1;
        assert_eq!(ids(&disk).map(|found| found.len()), Some(2));
        disk[1024 + 17] ^= 1;
        assert_eq!(ids(&disk).map(|found| found.len()), Some(2));
        let last = (SECTORS as usize - 1) * 512;
        disk[last + 8] ^= 1;
        assert_eq!(ids(&disk), None);
    }

    #[test]
    fn a_disk_without_a_table_has_no_partitions() {
        assert_eq!(ids(&vec![0; (SECTORS * 512) as usize]), None);
        assert_eq!(partitions(&mut Cursor::new(vec![0; 512]), 512, 1).unwrap(), None);
    }

    proptest::proptest! {
        #[test]
        fn no_header_can_harm(octets in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let mut disk = vec![0; 64 * 512];
            disk[512..520].copy_from_slice(b"EFI PART");
            for (at, octet) in octets.iter().enumerate() {
                disk[520 + at] = *octet;
            }
            // A right checksum lets the numbers through to the arithmetic.
            disk[524..528].copy_from_slice(&92u32.to_le_bytes());
            disk[536..544].copy_from_slice(&1u64.to_le_bytes());
            disk[528..532].fill(0);
            let crc = crc32fast::hash(&disk[512..604]);
            disk[528..532].copy_from_slice(&crc.to_le_bytes());
            let _ = partitions(&mut Cursor::new(disk), 512, 64);
        }
    }
}
