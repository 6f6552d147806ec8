//! Making a NIC hand over packets as they were on the wire: offloads, ring and queues, through the
//! ethtool ioctl (linux/ethtool.h).
//!
//! The one place with unsafe code in this crate: `SIOCETHTOOL` takes a pointer to a structure whose
//! shape depends on the command in its first word, for which there is no safe wrapper.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// `SIOCETHTOOL` of linux/sockios.h.
const SIOCETHTOOL: libc::c_ulong = 0x8946;

/// What merges, splits or rewrites packets before the sensor sees them: name, command that asks,
/// command that sets.
const OFFLOADS: [(&str, u32, u32); 6] = [
    ("generic receive offload", 0x2b, 0x2c),
    ("receive checksums", 0x14, 0x15),
    ("TCP segmentation", 0x1e, 0x1f),
    ("generic segmentation", 0x23, 0x24),
    ("scatter-gather", 0x18, 0x19),
    ("transmit checksums", 0x16, 0x17),
];

/// `ETHTOOL_GFLAGS`, `ETHTOOL_SFLAGS` and the flags in them.
const GET_FLAGS: u32 = 0x25;
const SET_FLAGS: u32 = 0x26;
const FLAGS: [(&str, u32); 3] =
    [("large receive offload", 1 << 15), ("VLAN tag removal", 1 << 8), ("VLAN tag insertion", 1 << 7)];

const GET_RING: u32 = 0x10;
const SET_RING: u32 = 0x11;
const GET_CHANNELS: u32 = 0x3c;
const SET_CHANNELS: u32 = 0x3d;

/// Receive descriptors that are asked for at most: a burst of some milliseconds at 10 Gb/s, and no more
/// than 8 MiB of memory.
const RING: u32 = 4096;

/// `struct ethtool_value`.
#[repr(C)]
struct Value {
    command: u32,
    data: u32,
}

/// `struct ethtool_ringparam`.
#[repr(C)]
#[derive(Default)]
struct Ring {
    command: u32,
    rx_max: u32,
    rx_mini_max: u32,
    rx_jumbo_max: u32,
    tx_max: u32,
    rx: u32,
    rx_mini: u32,
    rx_jumbo: u32,
    tx: u32,
}

/// `struct ethtool_channels`.
#[repr(C)]
#[derive(Default)]
struct Channels {
    command: u32,
    max_rx: u32,
    max_tx: u32,
    max_other: u32,
    max_combined: u32,
    rx: u32,
    tx: u32,
    other: u32,
    combined: u32,
}

/// Structures that may be handed to `SIOCETHTOOL`: plain words, the command first.
///
/// # Safety
///
/// The kernel reads and writes as many octets as the command's structure has; the type must be that
/// structure for every command that is put into it.
unsafe trait Request {}
// SAFETY: used with the commands of OFFLOADS, GET_FLAGS and SET_FLAGS only.
unsafe impl Request for Value {}
// SAFETY: used with GET_RING and SET_RING only.
unsafe impl Request for Ring {}
// SAFETY: used with GET_CHANNELS and SET_CHANNELS only.
unsafe impl Request for Channels {}

struct Ethtool<'a> {
    socket: OwnedFd,
    nic: &'a str,
}

impl Ethtool<'_> {
    fn ask<R: Request>(&self, request: &mut R) -> io::Result<()> {
        // SAFETY: all-zero is a valid ifreq.
        let mut ifreq: libc::ifreq = unsafe { std::mem::zeroed() };
        if self.nic.len() >= ifreq.ifr_name.len() {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        for (to, from) in ifreq.ifr_name.iter_mut().zip(self.nic.bytes()) {
            *to = from as libc::c_char;
        }
        ifreq.ifr_ifru.ifru_data = std::ptr::from_mut(request).cast();
        // SAFETY: ifreq lives through the call and points to a structure of the shape that its command
        // implies (see Request), which is borrowed for as long.
        match unsafe { libc::ioctl(self.socket.as_raw_fd(), SIOCETHTOOL, &raw mut ifreq) } {
            0.. => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    fn value(&self, command: u32, data: u32) -> io::Result<u32> {
        let mut value = Value { command, data };
        self.ask(&mut value)?;
        Ok(value.data)
    }

    /// Turns one thing off; `false` when it is still on.
    fn off(&self, get: u32, set: u32, bit: u32, old: u32) -> bool {
        // What has no such feature cannot have it on; many drivers refuse to set what is fixed.
        let on = |value: io::Result<u32>| value.is_ok_and(|value| value & bit != 0);
        if !on(self.value(get, 0)) {
            return true;
        }
        let _ = self.value(set, old & !bit);
        !on(self.value(get, 0))
    }
}

/// Prepares a NIC for being audited. Gives the names of what the hardware refused.
pub fn prepare(nic: &str) -> io::Result<Vec<&'static str>> {
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)
        .map_err(io::Error::from)?;
    let ethtool = Ethtool { socket, nic };
    let mut refused = Vec::new();
    for (name, get, set) in OFFLOADS {
        if !ethtool.off(get, set, 1, 0) {
            refused.push(name);
        }
    }
    for (name, bit) in FLAGS {
        let old = ethtool.value(GET_FLAGS, 0).unwrap_or(0);
        if !ethtool.off(GET_FLAGS, SET_FLAGS, bit, old) {
            refused.push(name);
        }
    }
    if !one_queue(&ethtool) {
        refused.push("a single queue");
    }
    if !long_ring(&ethtool) {
        refused.push("a longer ring");
    }
    Ok(refused)
}

/// Several queues would hand the packets of one conversation over out of order.
fn one_queue(ethtool: &Ethtool<'_>) -> bool {
    let mut channels = Channels { command: GET_CHANNELS, ..Channels::default() };
    if ethtool.ask(&mut channels).is_err() || channels.combined <= 1 {
        return true;
    }
    channels.command = SET_CHANNELS;
    channels.combined = 1;
    ethtool.ask(&mut channels).is_ok()
}

fn long_ring(ethtool: &Ethtool<'_>) -> bool {
    let mut ring = Ring { command: GET_RING, ..Ring::default() };
    if ethtool.ask(&mut ring).is_err() || ring.rx >= ring.rx_max.min(RING) {
        return true;
    }
    ring.command = SET_RING;
    ring.rx = ring.rx_max.min(RING);
    ethtool.ask(&mut ring).is_ok()
}
