//! Sending through a TPACKET_V2 ring.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::sync::atomic::{AtomicU32, Ordering};

use libc::{sockaddr_ll, tpacket_req, tpacket2_hdr};

use crate::memory::Memory;
use crate::socket::{Device, Socket};

/// Octets of a frame's place: the longest frame and its header.
const PLACE: usize = 2048;
/// Octets of a block.
const BLOCK: usize = 64 << 10;
/// Where a frame begins in its place.
const BEGIN: usize = libc::TPACKET2_HDRLEN - size_of::<sockaddr_ll>();

/// A ring that frames go out through, past the queues of the interface.
pub struct Transmitter {
    socket: Socket,
    memory: Memory,
    places: usize,
    next: usize,
    /// Frames put into the ring that the kernel was not told of.
    waiting: usize,
}

impl Transmitter {
    /// The longest frame.
    pub const LONGEST: usize = PLACE - BEGIN;

    /// A ring of at least `places` frames (a multiple of 32).
    ///
    /// # Errors
    /// The system's.
    pub fn open(socket: Socket, device: Device, places: usize) -> io::Result<Transmitter> {
        let blocks = places.div_ceil(BLOCK / PLACE).max(1);
        let places = blocks * (BLOCK / PLACE);
        socket.set(libc::PACKET_VERSION, &(libc::tpacket_versions::TPACKET_V2 as libc::c_int))?;
        // Straight to the driver: what it cannot take at once is lost there, and tells so in its counts.
        socket.set(libc::PACKET_QDISC_BYPASS, &1i32)?;
        let count = |value: usize| u32::try_from(value).map_err(io::Error::other);
        let request = tpacket_req {
            tp_block_size: count(BLOCK)?,
            tp_block_nr: count(blocks)?,
            tp_frame_size: count(PLACE)?,
            tp_frame_nr: count(places)?,
        };
        socket.set(libc::PACKET_TX_RING, &request)?;
        let memory = Memory::map(socket.as_fd(), BLOCK * blocks)?;
        socket.bind(device, false)?;
        Ok(Transmitter { socket, memory, places, next: 0, waiting: 0 })
    }

    /// Puts a frame into the ring. False when there is no room: [`Transmitter::send`] makes some.
    ///
    /// # Errors
    /// The frame is longer than [`Transmitter::LONGEST`].
    pub fn put(&mut self, frame: &[u8]) -> io::Result<bool> {
        if frame.len() > Self::LONGEST {
            return Err(io::Error::other("frame too long for the ring"));
        }
        let Some(place) = self.memory.at(self.next * PLACE, PLACE) else {
            return Err(io::Error::other("place outside the ring"));
        };
        let header = place.cast::<tpacket2_hdr>();
        // SAFETY: the place is within the mapping and aligned; the status is a word that both sides use as such.
        let status = unsafe { AtomicU32::from_ptr(&raw mut (*header).tp_status) };
        if status.load(Ordering::Acquire) != libc::TP_STATUS_AVAILABLE {
            return Ok(false);
        }
        // SAFETY: the place is ours until its status says otherwise, and the frame fits behind its header.
        unsafe {
            (*header).tp_len = frame.len() as u32;
            std::ptr::copy_nonoverlapping(frame.as_ptr(), place.add(BEGIN), frame.len());
        }
        status.store(libc::TP_STATUS_SEND_REQUEST, Ordering::Release);
        self.next = (self.next + 1) % self.places;
        self.waiting += 1;
        Ok(true)
    }

    /// Has the kernel send what is in the ring.
    ///
    /// # Errors
    /// The system's; that the interface has no room is none.
    pub fn send(&mut self) -> io::Result<()> {
        if self.waiting == 0 {
            return Ok(());
        }
        loop {
            // SAFETY: no address and no buffer are given.
            let sent = unsafe { libc::send(self.socket.as_fd().as_raw_fd(), std::ptr::null(), 0, 0) };
            if sent >= 0 {
                self.waiting = 0;
                return Ok(());
            }
            let error = io::Error::last_os_error();
            match error.raw_os_error() {
                Some(libc::EINTR | libc::ENOBUFS | libc::EAGAIN) => {}
                _ => return Err(error),
            }
        }
    }
}
