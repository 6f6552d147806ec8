//! What the kernel says about devices that come and go (its `uevent` multicast).

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recvfrom, setsockopt, socket, sockopt,
};

/// The kernel's own multicast group; udev's is another.
const KERNEL_GROUP: u32 = 1;

/// Octets that the kernel may keep for us while we are busy: some thousand events.
const BUFFER: usize = 1 << 20;

/// An open connection to the kernel's events.
pub struct Events {
    socket: OwnedFd,
}

/// Something that the kernel did to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A network interface came, went or changed its name.
    Network,
    /// A device came that a driver may be made for: the alias of that driver's module.
    Device(String),
    /// More events came than there was room for; anything may have happened.
    Lost,
}

impl Events {
    /// Starts to listen.
    pub fn open() -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket =
            socket(AddressFamily::Netlink, SockType::Datagram, flags, SockProtocol::NetlinkKObjectUEvent)?;
        // More than a plain setsockopt would be allowed; where that is refused, the usual size does.
        let _ = setsockopt(&socket, sockopt::RcvBufForce, &BUFFER);
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, KERNEL_GROUP))?;
        Ok(Events { socket })
    }

    /// The next event that matters, or `None` when there is none for now.
    pub fn take(&mut self) -> io::Result<Option<Event>> {
        // The kernel's events are at most 2 KiB of variables and a path (UEVENT_BUFFER_SIZE).
        let mut buffer = [0; 8192];
        loop {
            let (length, from) = match recvfrom::<NetlinkAddr>(self.socket.as_raw_fd(), &mut buffer) {
                Ok(received) => received,
                Err(Errno::EAGAIN) => return Ok(None),
                Err(Errno::EINTR) => continue,
                Err(Errno::ENOBUFS) => return Ok(Some(Event::Lost)),
                Err(error) => return Err(error.into()),
            };
            // Anybody with the right may send to the group; only the kernel is 0.
            if from.is_none_or(|from| from.pid() != 0) {
                continue;
            }
            if let Some(event) = parse(buffer.get(..length).unwrap_or_default()) {
                return Ok(Some(event));
            }
        }
    }
}

impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Reads `action@path` and the variables behind it, all ended by NUL.
fn parse(datagram: &[u8]) -> Option<Event> {
    let mut parts = datagram.split(|octet| *octet == 0).filter_map(|part| std::str::from_utf8(part).ok());
    parts.next().filter(|head| head.contains('@'))?;
    let variables: BTreeMap<&str, &str> = parts.filter_map(|part| part.split_once('=')).collect();
    let action = *variables.get("ACTION")?;
    if variables.get("SUBSYSTEM") == Some(&"net") {
        return matches!(action, "add" | "remove" | "move").then_some(Event::Network);
    }
    let alias = variables.get("MODALIAS").filter(|_| action == "add")?;
    // It becomes a word of a command line.
    let plain = !alias.starts_with('-') && alias.bytes().all(|octet| octet.is_ascii_graphic());
    plain.then(|| Event::Device((*alias).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_and_devices() {
        let net = b"add@/devices/pci0000:00/0000:00:06.0/virtio4/net/eth0\0ACTION=add\0SUBSYSTEM=net\0INTERFACE=eth0\0";
        assert_eq!(parse(net), Some(Event::Network));
        let device = b"add@/devices/pci0000:00/0000:00:06.0\0ACTION=add\0SUBSYSTEM=pci\0MODALIAS=pci:v00001AF4d00001041\0";
        assert_eq!(parse(device), Some(Event::Device("pci:v00001AF4d00001041".into())));
        let queue = b"add@/devices/x/net/eth0/queues/rx-0\0ACTION=add\0SUBSYSTEM=queues\0";
        assert_eq!(parse(queue), None);
        assert_eq!(parse(b"remove@/x\0ACTION=remove\0SUBSYSTEM=pci\0MODALIAS=pci:x\0"), None);
        assert_eq!(parse(b"add@/x\0ACTION=add\0MODALIAS=-r all\0"), None);
    }

    #[test]
    fn the_kernel_can_be_listened_to() {
        let mut events = match Events::open() {
            Ok(events) => events,
            Err(error) => return eprintln!("skipped: no uevent socket: {error}"),
        };
        // Whatever it says, it does not block.
        for _ in 0..10_000 {
            if events.take().unwrap().is_none() {
                return;
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn no_event_can_harm(octets in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let _ = parse(&octets);
        }
    }
}
