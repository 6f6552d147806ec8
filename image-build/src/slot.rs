//! A slot: the squashfs root at its start, room for the verity tree behind it, and at a fixed place the boot area: what
//! GRUB must know, the kernel, the initramfs. A whole system lies in one partition and is written as one.
//!
//! ```text
//! octet 0              squashfs
//! up to BOOT_AREA      verity hash tree (a later version's)
//! BOOT_AREA            4 KiB of text that GRUB reads, see `boot_text`
//! BOOT_AREA + 4 KiB    kernel, then initramfs, each at a 4 KiB boundary
//! ```

use crate::disk::{MIB, SECTOR, SLOT_SIZE};
use crate::error::{Error, Result};

/// Where the boot area begins in a slot, in octets.
pub const BOOT_AREA: u64 = 640 * MIB;
/// Size of the text at the boot area's start, in octets.
pub const TEXT_SIZE: u64 = 4096;
/// The part of a slot that its content may take, in percent.
const FULL: u64 = 40;

/// What lies where in a slot's boot area.
#[derive(Debug, PartialEq, Eq)]
pub struct BootArea {
    /// Octets to be written at [`BOOT_AREA`].
    pub bytes: Vec<u8>,
}

impl BootArea {
    /// The boot area for this kernel and initramfs, beside a squashfs of `root_size` octets.
    pub fn build(kernel: &[u8], initramfs: &[u8], root_size: u64) -> Result<BootArea> {
        let content = root_size + kernel.len() as u64 + initramfs.len() as u64;
        if content * 100 > SLOT_SIZE * FULL {
            return Err(Error::Input(format!(
                "the slot's content is {content} octets, more than {FULL} % of a slot: leave packages or modules out"
            )));
        }
        let kernel_at = TEXT_SIZE;
        let initramfs_at = (kernel_at + kernel.len() as u64).next_multiple_of(TEXT_SIZE);
        let end = (initramfs_at + initramfs.len() as u64).next_multiple_of(TEXT_SIZE);
        if BOOT_AREA + end > SLOT_SIZE {
            return Err(Error::Input(format!(
                "kernel and initramfs take {end} octets, more than the boot area has"
            )));
        }
        let text = boot_text((kernel_at, kernel.len()), (initramfs_at, initramfs.len()));
        let mut bytes = text.into_bytes();
        bytes.resize(TEXT_SIZE as usize, b'\n');
        bytes.extend_from_slice(kernel);
        bytes.resize(initramfs_at as usize, 0);
        bytes.extend_from_slice(initramfs);
        bytes.resize(end as usize, 0);
        Ok(BootArea { bytes })
    }
}

/// The text that GRUB sources: block lists (first sector `+` count, from the slot's start) of kernel and initramfs, and
/// what the kernel is told beyond what grub.cfg tells it (verity's root hash, one day).
fn boot_text(kernel: (u64, usize), initramfs: (u64, usize)) -> String {
    let list = |(at, length): (u64, usize)| {
        format!("{}+{}", (BOOT_AREA + at) / SECTOR, (length as u64).div_ceil(SECTOR))
    };
    format!(
        "# What GRUB must know of this slot.\nset slot_kernel={}\nset slot_initramfs={}\nset slot_arguments=\"\"\n\
         set slot_format=1\n",
        list(kernel),
        list(initramfs)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_points_at_kernel_and_initramfs() {
        let area = BootArea::build(&[7; 5000], &[9; 100], 1 << 20).unwrap();
        let text = std::str::from_utf8(&area.bytes[..TEXT_SIZE as usize]).unwrap();
        assert!(text.contains("set slot_kernel=1310728+10\n"), "{text}");
        assert!(text.contains("set slot_initramfs=1310744+1\n"), "{text}");
        assert!(text.ends_with('\n'));
        assert_eq!(area.bytes[4096], 7);
        assert_eq!(area.bytes[4096 + 8192], 9);
        assert_eq!(area.bytes.len(), 4096 + 8192 + 4096);
    }

    #[test]
    fn a_slot_is_never_filled_beyond_its_share() {
        assert!(BootArea::build(&[0; 10], &[0; 10], 308 * MIB).unwrap_err().to_string().contains("40 %"));
        assert!(BootArea::build(&[0; 10], &[0; 10], 300 * MIB).is_ok());
    }
}
