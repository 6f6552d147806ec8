//! Kernel modules for the hardware that is there, and for what is plugged in later.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Buses whose devices the box has drivers for.
const BUSES: [&str; 5] = ["pci", "virtio", "usb", "vmbus", "acpi"];

/// Modules that no device asks for: what carries the power button's presses to the daemon.
const ALWAYS: [&str; 1] = ["evdev"];

/// Aliases in one run of modprobe: far below the limit of a command line.
const AT_ONCE: usize = 200;

/// Loads what modprobe knows for every device that is there.
pub fn load_present() {
    let mut aliases = aliases(Path::new("/sys/bus"));
    aliases.extend(ALWAYS.map(String::from));
    load(&aliases);
}

/// Loads what modprobe knows for these aliases. An alias without a module is nothing unusual, and a
/// device that stays without a driver shows as missing; so there is nothing to report.
pub fn load(aliases: &BTreeSet<String>) {
    let aliases: Vec<&String> = aliases.iter().collect();
    for some in aliases.chunks(AT_ONCE) {
        let mut modprobe = Command::new("modprobe");
        modprobe.args(["-a", "-b", "-q", "--"]).args(some);
        let _ = modprobe.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

fn aliases(buses: &Path) -> BTreeSet<String> {
    let devices = BUSES.iter().filter_map(|bus| fs::read_dir(buses.join(bus).join("devices")).ok());
    devices
        .flatten()
        .flatten()
        .filter(|device| !device.path().join("driver").exists())
        .filter_map(|device| fs::read_to_string(device.path().join("modalias")).ok())
        .map(|alias| alias.trim().to_owned())
        .filter(|alias| !alias.is_empty() && !alias.starts_with('-'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_without_a_driver_are_looked_after() {
        let sys = tempfile::tempdir().unwrap();
        for (device, alias, driven) in [
            ("pci/devices/a", "pci:v1", false),
            ("pci/devices/b", "pci:v2", true),
            ("i2c/devices/c", "i2c:x", false),
        ] {
            let folder = sys.path().join(device);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("modalias"), format!("{alias}\n")).unwrap();
            if driven {
                fs::create_dir(folder.join("driver")).unwrap();
            }
        }
        assert_eq!(aliases(sys.path()).into_iter().collect::<Vec<_>>(), ["pci:v1"]);
    }
}
