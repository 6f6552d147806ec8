//! Packet sockets: making them, finding interfaces, the options of packet(7).

use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

/// One instruction of the classic packet filter machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Operation.
    pub code: u16,
    /// Jump when true.
    pub jt: u8,
    /// Jump when false.
    pub jf: u8,
    /// Constant.
    pub k: u32,
}

impl Instruction {
    /// Takes `octets` of the frame; 0 takes no frame.
    pub const fn keep(octets: u32) -> Instruction {
        Instruction { code: 0x06, jt: 0, jf: 0, k: octets }
    }
}

/// An interface as the system knows it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Number; an interface that is removed and made again has another.
    pub index: i32,
    /// Kind of hardware, `ARPHRD_*`.
    pub hardware: u16,
}

impl Device {
    /// Whether its frames are Ethernet frames. The loopback interface's are, with addresses of zeros.
    pub fn is_ethernet(&self) -> bool {
        matches!(self.hardware, libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK)
    }

    /// Whether it is a loopback interface, which shows every frame twice: sent and received.
    pub fn is_loopback(&self) -> bool {
        self.hardware == libc::ARPHRD_LOOPBACK
    }
}

/// `struct ifreq` with a plain value.
#[repr(C, align(8))]
struct Request {
    name: [u8; 16],
    value: [u8; 24],
}

/// `struct ifreq` with a pointer.
#[repr(C)]
struct PointerRequest {
    name: [u8; 16],
    pointer: *mut libc::hwtstamp_config,
    padding: [u8; 16],
}

/// A raw packet socket. Making one needs CAP_NET_RAW; everything after that needs nothing.
#[derive(Debug)]
pub struct Socket(OwnedFd);

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Socket {
    /// A socket that receives nothing yet: it is bound to no protocol and no interface.
    ///
    /// # Errors
    /// The system's: no permission, or no packet sockets.
    pub fn new() -> io::Result<Socket> {
        // SAFETY: takes numbers only.
        let number = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        if number < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a descriptor just made, owned by nobody else.
        Ok(Socket(unsafe { OwnedFd::from_raw_fd(number) }))
    }

    /// Finds an interface by its name.
    ///
    /// # Errors
    /// The system's: no such interface.
    pub fn find(&self, name: &str) -> io::Result<Device> {
        let ask = |number| -> io::Result<[u8; 24]> {
            let mut request = Request { name: short_name(name)?, value: [0; 24] };
            // SAFETY: `request` has the size and layout of `struct ifreq`.
            let done = unsafe { libc::ioctl(self.0.as_raw_fd(), number, &raw mut request) };
            if done < 0 { Err(io::Error::last_os_error()) } else { Ok(request.value) }
        };
        let [a, b, c, d, ..] = ask(libc::SIOCGIFINDEX)?;
        let [e, f, ..] = ask(libc::SIOCGIFHWADDR)?;
        Ok(Device { index: i32::from_ne_bytes([a, b, c, d]), hardware: u16::from_ne_bytes([e, f]) })
    }

    /// Sets an option of the level `SOL_PACKET`.
    pub(crate) fn set<T: Copy>(&self, option: libc::c_int, value: &T) -> io::Result<()> {
        self.set_at(libc::SOL_PACKET, option, value)
    }

    fn set_at<T: Copy>(&self, level: libc::c_int, option: libc::c_int, value: &T) -> io::Result<()> {
        let length = libc::socklen_t::try_from(size_of::<T>()).map_err(io::Error::other)?;
        // SAFETY: `value` is as long as is said, and is read only during the call.
        let done = unsafe {
            libc::setsockopt(self.0.as_raw_fd(), level, option, std::ptr::from_ref(value).cast(), length)
        };
        if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    fn get_at<T: Copy>(&self, level: libc::c_int, option: libc::c_int, mut value: T) -> io::Result<T> {
        let mut length = libc::socklen_t::try_from(size_of::<T>()).map_err(io::Error::other)?;
        // SAFETY: `value` is as long as is said; the kernel writes no more. Every `T` used is made of integers.
        let done = unsafe {
            libc::getsockopt(self.0.as_raw_fd(), level, option, (&raw mut value).cast(), &raw mut length)
        };
        if done < 0 { Err(io::Error::last_os_error()) } else { Ok(value) }
    }

    /// Which frames are taken, and how many octets of each. Replaces the program that was there.
    ///
    /// # Errors
    /// The system's: not a program.
    pub fn filter(&self, program: &[Instruction]) -> io::Result<()> {
        self.attach(libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, program)
    }

    fn attach(&self, level: libc::c_int, option: libc::c_int, program: &[Instruction]) -> io::Result<()> {
        let mut program: Vec<libc::sock_filter> =
            program.iter().map(|i| libc::sock_filter { code: i.code, jt: i.jt, jf: i.jf, k: i.k }).collect();
        let length = u16::try_from(program.len()).map_err(|_| io::Error::other("filter too long"))?;
        let whole = libc::sock_fprog { len: length, filter: program.as_mut_ptr() };
        self.set_at(level, option, &whole)
    }

    /// Receives from an interface, or sends to it. It need not be up.
    ///
    /// # Errors
    /// The system's: the interface is gone.
    pub fn bind(&self, device: Device, receive: bool) -> io::Result<()> {
        let protocol = if receive { (libc::ETH_P_ALL as u16).to_be() } else { 0 };
        let address = libc::sockaddr_ll {
            sll_family: libc::AF_PACKET as u16,
            sll_protocol: protocol,
            sll_ifindex: device.index,
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 0,
            sll_addr: [0; 8],
        };
        let length = libc::socklen_t::try_from(size_of::<libc::sockaddr_ll>()).map_err(io::Error::other)?;
        // SAFETY: the address is as long as is said.
        let done = unsafe { libc::bind(self.0.as_raw_fd(), (&raw const address).cast(), length) };
        if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Number of the interface that it is bound to; negative once that is gone.
    ///
    /// # Errors
    /// The system's.
    pub fn bound(&self) -> io::Result<i32> {
        let mut address = libc::sockaddr_ll {
            sll_family: 0,
            sll_protocol: 0,
            sll_ifindex: 0,
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 0,
            sll_addr: [0; 8],
        };
        let mut length =
            libc::socklen_t::try_from(size_of::<libc::sockaddr_ll>()).map_err(io::Error::other)?;
        // SAFETY: the address is as long as is said.
        let done =
            unsafe { libc::getsockname(self.0.as_raw_fd(), (&raw mut address).cast(), &raw mut length) };
        if done < 0 { Err(io::Error::last_os_error()) } else { Ok(address.sll_ifindex) }
    }

    /// Has the interface receive everything on its wire for as long as this socket is open and the interface is there.
    ///
    /// # Errors
    /// The system's.
    pub fn promiscuous(&self, device: Device) -> io::Result<()> {
        self.set(libc::PACKET_ADD_MEMBERSHIP, &everything(device))
    }

    /// Takes back [`Socket::promiscuous`].
    ///
    /// # Errors
    /// The system's: it was not asked for.
    pub fn selective(&self, device: Device) -> io::Result<()> {
        self.set(libc::PACKET_DROP_MEMBERSHIP, &everything(device))
    }

    /// Shares the frames of the interface with the other sockets of the same group: each frame goes to the one that `steer`
    /// computes, modulo their number. `None` begins a group; returns its number, for the others to join. Must be bound, and
    /// the interface up (before Linux 6.12).
    ///
    /// # Errors
    /// The system's.
    pub fn share(&self, group: Option<u16>, steer: &[Instruction]) -> io::Result<u16> {
        let kind = match group {
            Some(_) => libc::PACKET_FANOUT_CBPF,
            None => libc::PACKET_FANOUT_CBPF | libc::PACKET_FANOUT_FLAG_UNIQUEID,
        };
        self.set(libc::PACKET_FANOUT, &(u32::from(group.unwrap_or(0)) | kind << 16))?;
        let joined = self.get_at(libc::SOL_PACKET, libc::PACKET_FANOUT, 0u32)?;
        if group.is_none() {
            self.attach(libc::SOL_PACKET, libc::PACKET_FANOUT_DATA, steer)?;
        }
        Ok((joined & 0xffff) as u16)
    }

    /// Frames taken and frames dropped for want of room in the ring since this was last asked.
    ///
    /// # Errors
    /// The system's.
    pub fn statistics(&self) -> io::Result<(u32, u32)> {
        let none = libc::tpacket_stats_v3 { tp_packets: 0, tp_drops: 0, tp_freeze_q_cnt: 0 };
        let found = self.get_at(libc::SOL_PACKET, libc::PACKET_STATISTICS, none)?;
        Ok((found.tp_packets.saturating_sub(found.tp_drops), found.tp_drops))
    }

    /// The error that waits to be told, if any, which then is told.
    pub fn error(&self) -> Option<io::Error> {
        match self.get_at(libc::SOL_SOCKET, libc::SO_ERROR, 0i32) {
            Ok(0) => None,
            Ok(number) => Some(io::Error::from_raw_os_error(number)),
            Err(error) => Some(error),
        }
    }

    /// Has the hardware stamp what it receives, and the ring tell that time. It is the hardware's own clock, which
    /// somebody must keep in step. Needs CAP_NET_ADMIN.
    ///
    /// # Errors
    /// The system's: the hardware has no clock, no permission.
    pub fn hardware_times(&self, name: &str) -> io::Result<()> {
        /// `HWTSTAMP_FILTER_ALL`: every frame.
        const EVERY_FRAME: i32 = 1;
        let mut config = libc::hwtstamp_config { flags: 0, tx_type: 0, rx_filter: EVERY_FRAME };
        let mut request =
            PointerRequest { name: short_name(name)?, pointer: &raw mut config, padding: [0; 16] };
        // SAFETY: `request` has the size and layout of `struct ifreq`; what it points to outlives the call.
        let done = unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SIOCSHWTSTAMP, &raw mut request) };
        if done < 0 {
            return Err(io::Error::last_os_error());
        }
        self.set(libc::PACKET_TIMESTAMP, &libc::SOF_TIMESTAMPING_RAW_HARDWARE)
    }
}

/// Membership in what receives everything on the wire.
fn everything(device: Device) -> libc::packet_mreq {
    libc::packet_mreq {
        mr_ifindex: device.index,
        mr_type: libc::PACKET_MR_PROMISC as u16,
        mr_alen: 0,
        mr_address: [0; 8],
    }
}

/// A name with the zeros behind it that `struct ifreq` wants.
fn short_name(name: &str) -> io::Result<[u8; 16]> {
    let mut octets = [0; 16];
    if name.len() >= octets.len() || name.is_empty() {
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    }
    for (to, from) in octets.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    Ok(octets)
}
