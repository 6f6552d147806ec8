//! GRUB for BIOS and UEFI: its core images, its configuration, its environment.

use std::path::Path;

use crate::disk::{PARTITIONS, Part};
use crate::error::{Error, Result};
use crate::identity::Identity;
use crate::slot::{BOOT_AREA, TEXT_SIZE};
use crate::tool::{run, tool};

/// Size of GRUB's environment block, in octets.
pub const ENVIRONMENT_SIZE: usize = 1024;
/// Where the two copies of the environment lie in their partition, in octets: not in one 4 KiB block of a disk.
pub const ENVIRONMENT_COPIES: [u64; 2] = [0, 4096];

const FOLDER: &str = "/usr/lib/grub";
const MODULES: &str = "configfile echo fat linux loadenv minicmd normal part_gpt probe reboot regexp search serial sleep terminal test";

/// The core image of one firmware: `i386-pc` or `x86_64-efi`. It looks for `/grub/grub.cfg` on the ESP of the disk it
/// was started from.
pub fn core_image(format: &str, identity: &Identity, work: &Path) -> Result<Vec<u8>> {
    let folder = Path::new(FOLDER).join(format);
    if !folder.is_dir() {
        let package = if format == "i386-pc" { "grub-pc-bin" } else { "grub-efi-amd64-bin" };
        return Err(Error::Absent { program: "GRUB", package });
    }
    let target = work.join(format!("core-{format}.img"));
    let own = if format == "i386-pc" { "biosdisk" } else { "efi_gop" };
    run(tool("grub-mkimage", identity.epoch)
        .args(["-O", format, "-p"])
        .arg(format!("(,gpt{})/grub", Part::Esp.number()))
        .arg("-o")
        .arg(&target)
        .args(MODULES.split(' '))
        .arg(own))?;
    std::fs::read(&target).map_err(Error::io("reading", &target))
}

/// The first sector's code for BIOS, 440 octets, that loads the core image from sector `core_at`; and the core image with
/// the list of its own sectors, which must follow each other.
pub fn bios(mut core: Vec<u8>, core_at: u64) -> Result<(Vec<u8>, Vec<u8>)> {
    let path = Path::new(FOLDER).join("i386-pc/boot.img");
    let mut boot = std::fs::read(&path).map_err(Error::io("reading", &path))?;
    boot.truncate(440);
    // Places and values: offsets in GRUB's include/grub/i386/pc/boot.h and kernel.img's first sector (diskboot).
    put(&mut boot, 0x5c, &core_at.to_le_bytes())?;
    let sectors = core.len().div_ceil(512);
    let rest = u16::try_from(sectors.saturating_sub(1)).unwrap_or(u16::MAX);
    put(&mut core, 0x1f4, &(core_at + 1).to_le_bytes())?;
    put(&mut core, 0x1fc, &rest.to_le_bytes())?;
    put(&mut core, 0x1fe, &0x0820_u16.to_le_bytes())?;
    core.resize(sectors * 512, 0);
    Ok((boot, core))
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) -> Result<()> {
    bytes
        .get_mut(at..at + value.len())
        .ok_or_else(|| Error::Input("GRUB's boot image is too short".into()))?
        .copy_from_slice(value);
    Ok(())
}

/// GRUB's environment block with these variables.
pub fn environment(variables: &[(&str, &str)]) -> Vec<u8> {
    let mut block = String::from("# GRUB Environment Block\n");
    for (name, value) in variables {
        block.push_str(&format!("{name}={value}\n"));
    }
    let mut block = block.into_bytes();
    block.resize(ENVIRONMENT_SIZE, b'#');
    block
}

/// The configuration on the ESP. It belongs to the disk, not to a slot, so it holds the disk's partition UUIDs.
pub fn configuration(identity: &Identity) -> String {
    let uuid = |part: Part| identity.uuid(part.name());
    let sector = |octets: u64| octets / 512;
    let [first, second] = ENVIRONMENT_COPIES.map(sector);
    format!(
        r#"# Boots the slot that the environment names, and the other when that one cannot be loaded.
serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
regexp --set=1:disk '^([^,]+)' "$root"

# Two copies of the environment; the second is for when the first is missing or corrupt. Without both: a, then b.
set slot=
load_env --file ($disk,gpt{environment}){first}+2 slot
if [ "$slot" != a -a "$slot" != b ]; then
  load_env --file ($disk,gpt{environment}){second}+2 slot
fi

function boot_slot {{
  set slot_format=
  source ($disk,$2){text}+{text_length}
  if [ "$slot_format" != 1 ]; then
    echo "panoptes: slot $1 holds nothing to boot"
    return 1
  fi
  echo "panoptes: booting slot $1"
  if linux ($disk,$2)$slot_kernel panoptes.slot=$1 panoptes.root=PARTUUID=$3 \
    panoptes.data=PARTUUID={data} panoptes.env=PARTUUID={env} panoptes.esp=PARTUUID={esp} \
    console=tty0 console=ttyS0,115200 panic=10 quiet $slot_arguments -- init; then
    if initrd ($disk,$2)$slot_initramfs; then
      boot
    fi
  fi
  echo "panoptes: slot $1 cannot be loaded"
}}

if [ "$slot" = b ]; then
  boot_slot b gpt{b} {b_uuid}
fi
boot_slot a gpt{a} {a_uuid}
if [ "$slot" != b ]; then
  boot_slot b gpt{b} {b_uuid}
fi
echo "panoptes: no slot can be booted; trying again in 10 s"
sleep 10
reboot
"#,
        environment = Part::Environment.number(),
        text = sector(BOOT_AREA),
        text_length = sector(TEXT_SIZE),
        data = uuid(Part::Data),
        env = uuid(Part::Environment),
        esp = uuid(Part::Esp),
        a = Part::SlotA.number(),
        a_uuid = uuid(Part::SlotA),
        b = Part::SlotB.number(),
        b_uuid = uuid(Part::SlotB),
    )
}

/// The core image must fit its partition.
pub fn check_core_size(core: &[u8]) -> Result<()> {
    let size =
        PARTITIONS.iter().find(|(part, _)| *part == Part::BiosBoot).map(|(_, size)| *size).unwrap_or(0);
    if core.len() as u64 <= size {
        return Ok(());
    }
    Err(Error::Input(format!("GRUB's core image of {} octets is larger than its partition", core.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_block_has_grubs_size_and_signature() {
        let block = environment(&[("slot", "a")]);
        assert_eq!(block.len(), 1024);
        assert!(block.starts_with(b"# GRUB Environment Block\nslot=a\n####"));
    }

    #[test]
    fn the_core_image_lists_its_own_sectors() {
        if !Path::new(FOLDER).join("i386-pc/boot.img").is_file() {
            eprintln!("skipped: grub-pc-bin is not installed");
            return;
        }
        let (boot, core) = bios(vec![0; 1100], 2048).unwrap();
        assert_eq!(boot.len(), 440);
        assert_eq!(boot[0x5c..0x64], 2048_u64.to_le_bytes());
        assert_eq!(core[0x1f4..0x1fc], 2049_u64.to_le_bytes());
        assert_eq!(core[0x1fc..0x1fe], 2_u16.to_le_bytes());
        assert_eq!(core.len(), 1536);
    }
}
