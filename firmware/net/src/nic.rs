//! What network interfaces the kernel has, from `/sys/class/net`.

use std::fs;
use std::io;
use std::path::Path;

use config::Mac;

/// Where the kernel lists network interfaces.
pub const SYS_NET: &str = "/sys/class/net";

/// An Ethernet interface with hardware behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nic {
    /// What the kernel calls it now.
    pub name: String,
    /// The kernel's number for it, unique while the box runs.
    pub index: u32,
    /// Hardware address.
    pub mac: Mac,
    /// Kernel driver, such as `virtio_net`; empty when unknown.
    pub driver: String,
    /// Where it is plugged in: path of its device below `/sys/devices`, with `#<port>` when one device
    /// has several ports.
    pub path: String,
}

/// The Ethernet interfaces with a device behind them, in order of their paths. Bridges, tunnels and the
/// like have no device and are not listed, nor are wireless ones. An interface that vanishes while it
/// is looked at is left out.
pub fn nics(sys_net: &Path) -> io::Result<Vec<Nic>> {
    let mut found: Vec<Nic> =
        fs::read_dir(sys_net)?.flatten().filter_map(|entry| nic(&entry.path())).collect();
    found.sort_by(|a, b| (&a.path, a.index).cmp(&(&b.path, b.index)));
    Ok(found)
}

/// `ARPHRD_ETHER` of linux/if_arp.h.
const ETHERNET: u64 = 1;

fn nic(folder: &Path) -> Option<Nic> {
    let name = folder.file_name()?.to_str()?.to_owned();
    let device = fs::canonicalize(folder.join("device")).ok()?;
    let wireless = folder.join("wireless").exists() || folder.join("phy80211").exists();
    if number(&folder.join("type"))? != ETHERNET || wireless {
        return None;
    }
    let driver = fs::read_link(device.join("driver")).ok();
    let driver = driver.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
    Some(Nic {
        index: number(&folder.join("ifindex"))?.try_into().ok()?,
        mac: text(&folder.join("address"))?.parse().ok()?,
        driver: driver.unwrap_or_default().to_owned(),
        path: path(device.to_str()?, number(&folder.join("dev_port")).unwrap_or(0)),
        name,
    })
}

/// A path that stays the same from boot to boot: without the number that virtio counts by, which
/// depends on the order in which devices were found.
fn path(device: &str, port: u64) -> String {
    let path = device.split_once("/devices/").map_or(device, |(_, path)| path);
    let path = match path.rsplit_once('/') {
        Some((parent, last)) if last.starts_with("virtio") => parent,
        _ => path,
    };
    if port == 0 { path.to_owned() } else { format!("{path}#{port}") }
}

/// What the kernel counted on an interface since it appeared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets received.
    pub rx_packets: u64,
    /// Octets received.
    pub rx_octets: u64,
    /// Packets that the NIC or the kernel lost on receipt: dropped, missed or without a buffer.
    pub rx_dropped: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Octets sent.
    pub tx_octets: u64,
}

/// The counters of interface `name`; zeros when it is gone.
pub fn counters(sys_net: &Path, name: &str) -> Counters {
    let folder = sys_net.join(name).join("statistics");
    let count = |file: &str| number(&folder.join(file)).unwrap_or(0);
    Counters {
        rx_packets: count("rx_packets"),
        rx_octets: count("rx_bytes"),
        rx_dropped: count("rx_dropped")
            .saturating_add(count("rx_missed_errors"))
            .saturating_add(count("rx_fifo_errors")),
        tx_packets: count("tx_packets"),
        tx_octets: count("tx_bytes"),
    }
}

/// Whether interface `name` has a link; an interface that is down has none.
pub fn has_link(sys_net: &Path, name: &str) -> bool {
    number(&sys_net.join(name).join("carrier")) == Some(1)
}

fn text(path: &Path) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

fn number(path: &Path) -> Option<u64> {
    text(path)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A /sys with one interface more.
    fn add(sys: &Path, name: &str, device: Option<&str>, files: &[(&str, &str)]) {
        let folder = sys.join("class/net").join(name);
        fs::create_dir_all(folder.join("statistics")).unwrap();
        for (file, text) in files {
            fs::write(folder.join(file), format!("{text}\n")).unwrap();
        }
        if let Some(device) = device {
            let device = sys.join("devices").join(device);
            fs::create_dir_all(&device).unwrap();
            fs::create_dir_all(sys.join("bus/drivers/e1000")).unwrap();
            symlink(sys.join("bus/drivers/e1000"), device.join("driver")).unwrap();
            symlink(&device, folder.join("device")).unwrap();
        }
    }

    #[test]
    fn hardware_only_in_order_of_the_slots() {
        let sys = tempfile::tempdir().unwrap();
        let ethernet = |index, mac| [("type", "1"), ("ifindex", index), ("address", mac)];
        add(sys.path(), "eth0", Some("pci0000:00/0000:00:05.0/virtio3"), &ethernet("2", "52:54:00:00:00:05"));
        add(sys.path(), "eth1", Some("pci0000:00/0000:00:03.0/virtio9"), &ethernet("3", "52:54:00:00:00:03"));
        add(sys.path(), "lo", None, &[("type", "772"), ("ifindex", "1"), ("address", "00:00:00:00:00:00")]);
        add(sys.path(), "br0", None, &ethernet("7", "52:54:00:00:00:07"));
        add(sys.path(), "ib0", Some("pci0000:00/0000:00:09.0"), &[("type", "32"), ("ifindex", "8")]);
        let found = nics(&sys.path().join("class/net")).unwrap();
        let names: Vec<&str> = found.iter().map(|nic| nic.name.as_str()).collect();
        assert_eq!(names, ["eth1", "eth0"]);
        assert_eq!(found[0].path, "pci0000:00/0000:00:03.0");
        assert_eq!(found[0].driver, "e1000");
        assert_eq!(found[0].mac.to_string(), "52:54:00:00:00:03");
    }

    #[test]
    fn ports_of_one_device_differ() {
        assert_eq!(path("/sys/devices/pci0000:00/0000:00:01.0", 0), "pci0000:00/0000:00:01.0");
        assert_eq!(path("/sys/devices/pci0000:00/0000:00:01.0", 1), "pci0000:00/0000:00:01.0#1");
    }

    #[test]
    fn lost_packets_are_added_up() {
        let sys = tempfile::tempdir().unwrap();
        let files = [
            ("statistics/rx_packets", "10"),
            ("statistics/rx_bytes", "1000"),
            ("statistics/rx_dropped", "2"),
            ("statistics/rx_missed_errors", "3"),
            ("carrier", "1"),
        ];
        add(sys.path(), "eth0", None, &files);
        let net = sys.path().join("class/net");
        let count = counters(&net, "eth0");
        assert_eq!((count.rx_packets, count.rx_octets, count.rx_dropped), (10, 1000, 5));
        assert!(has_link(&net, "eth0") && !has_link(&net, "eth9"));
        assert_eq!(counters(&net, "eth9"), Counters::default());
    }
}
