//! Receiving through a TPACKET_V3 ring.

use std::io;
use std::marker::PhantomData;
use std::mem::size_of;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU32, Ordering};

use libc::{tpacket_block_desc, tpacket_req3, tpacket3_hdr};

use crate::memory::Memory;
use crate::socket::{Device, Instruction, Socket};

/// Octets of a block: what is handed over at once, and the longest frame.
const BLOCK: usize = 256 << 10;
/// Fewest blocks: one is read, one is filled, and one is between.
const FEWEST: usize = 3;
/// Octets of a VLAN tag.
const TAG: usize = 4;
/// Octets of `struct virtio_net_hdr`, which stands before a frame.
const VIRTIO: usize = 10;

/// How a ring is made.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Octets of the ring; what is over a multiple of 256 KiB is not used, and less than 768 KiB are not made.
    pub octets: usize,
    /// How long a block that is not full waits for more frames, milliseconds.
    pub gather: u32,
    /// Receive everything on the wire.
    pub promiscuous: bool,
}

/// A ring that an interface's frames come through.
pub struct Receiver {
    socket: Socket,
    memory: Memory,
    device: Device,
    promiscuous: bool,
    /// Whether a `struct virtio_net_hdr` stands before each frame.
    virtio: bool,
    /// The block that is next.
    next: usize,
    /// Blocks of the ring.
    blocks: usize,
}

impl AsFd for Receiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Receiver {
    /// Begins to receive the frames that `filter` takes.
    ///
    /// # Errors
    /// The system's: no memory, the interface is gone.
    pub fn open(
        socket: Socket,
        device: Device,
        options: &Options,
        filter: &[Instruction],
    ) -> io::Result<Receiver> {
        socket.set(libc::PACKET_VERSION, &(libc::tpacket_versions::TPACKET_V3 as libc::c_int))?;
        // Room for the tag that the kernel keeps beside the frame.
        socket.set(libc::PACKET_RESERVE, &(TAG as u32))?;
        // A kernel without it does not tell what super-packets are made of.
        let virtio = socket.set(libc::PACKET_VNET_HDR, &1i32).is_ok();
        let blocks = (options.octets / BLOCK).max(FEWEST);
        let frame = 2048;
        let count = |value: usize| u32::try_from(value).map_err(io::Error::other);
        let request = tpacket_req3 {
            tp_block_size: count(BLOCK)?,
            tp_block_nr: count(blocks)?,
            tp_frame_size: count(frame)?,
            tp_frame_nr: count(BLOCK / frame * blocks)?,
            tp_retire_blk_tov: options.gather,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        socket.set(libc::PACKET_RX_RING, &request)?;
        let memory = Memory::map(socket.as_fd(), BLOCK * blocks)?;
        let promiscuous = options.promiscuous;
        let mut receiver = Receiver { socket, memory, device, promiscuous, virtio, next: 0, blocks };
        receiver.socket.filter(filter)?;
        receiver.follow(device)?;
        Ok(receiver)
    }

    /// Receives from an interface from now on: the one that has come in the place of the one that went. What the ring
    /// holds stays in it. Needs no capability; a socket that shares its frames cannot.
    ///
    /// # Errors
    /// The system's.
    pub fn follow(&mut self, device: Device) -> io::Result<()> {
        if self.promiscuous {
            self.socket.promiscuous(device)?;
        }
        self.socket.bind(device, true)?;
        self.device = device;
        Ok(())
    }

    /// Takes nothing from the interface any more, until [`Receiver::follow`] and another filter.
    ///
    /// # Errors
    /// The system's.
    pub fn leave(&mut self) -> io::Result<()> {
        self.socket.filter(&[Instruction::keep(0)])?;
        if self.promiscuous {
            self.socket.selective(self.device)?;
        }
        Ok(())
    }

    /// The interface.
    pub fn device(&self) -> Device {
        self.device
    }

    /// The socket, for its filter, its share and its counts.
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// The next block, when the kernel has handed it over. It is given back when dropped.
    pub fn block(&mut self) -> Option<Block<'_>> {
        let start = self.memory.at(self.next.checked_mul(BLOCK)?, BLOCK)?;
        let description = start.cast::<tpacket_block_desc>();
        // SAFETY: the block is within the mapping, aligned to its size, and its status is a word that both sides read
        // and write as such.
        let status = unsafe { AtomicU32::from_ptr(&raw mut (*description).hdr.bh1.block_status) };
        if status.load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
            return None;
        }
        Some(Block { receiver: self, start, given: false })
    }
}

/// A block of frames, ours until dropped.
pub struct Block<'a> {
    receiver: &'a mut Receiver,
    start: *mut u8,
    /// Whether its frames were given.
    given: bool,
}

impl Block<'_> {
    /// How many frames are in it, those that a loopback interface shows for the second time included.
    pub fn count(&self) -> u32 {
        // SAFETY: the block is ours, and its head is within it.
        unsafe { (*self.start.cast::<tpacket_block_desc>()).hdr.bh1.num_pkts }
    }

    /// Its frames, the first time; each is given once.
    pub fn frames(&mut self) -> Frames<'_> {
        // SAFETY: the block is ours, and its head is within it.
        let head = unsafe { (*self.start.cast::<tpacket_block_desc>()).hdr.bh1 };
        Frames {
            start: self.start,
            at: head.offset_to_first_pkt as usize,
            left: if std::mem::replace(&mut self.given, true) { 0 } else { head.num_pkts },
            virtio: self.receiver.virtio,
            skip_sent: self.receiver.device.is_loopback(),
            block: PhantomData,
        }
    }
}

impl Drop for Block<'_> {
    fn drop(&mut self) {
        let description = self.start.cast::<tpacket_block_desc>();
        // SAFETY: as in `Receiver::block`; nothing borrows from the block any more.
        let status = unsafe { AtomicU32::from_ptr(&raw mut (*description).hdr.bh1.block_status) };
        status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
        self.receiver.next = (self.receiver.next + 1) % self.receiver.blocks;
    }
}

/// One frame.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// When it was received: whole seconds since 1970.
    pub seconds: u32,
    /// Nanoseconds within the second.
    pub nanos: u32,
    /// What was taken of it, VLAN tag in place.
    pub octets: &'a [u8],
    /// How long it is, VLAN tag counted.
    pub length: u32,
    /// Set when it is a super-packet.
    pub offload: Option<Offload>,
}

/// What a super-packet was made of, or will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offload {
    /// Octets of payload in each of its segments but the last.
    pub size: u16,
    /// Whether the payload is that of UDP datagrams; otherwise of TCP segments.
    pub udp: bool,
}

/// The frames of a block.
pub struct Frames<'a> {
    start: *mut u8,
    at: usize,
    left: u32,
    virtio: bool,
    skip_sent: bool,
    block: PhantomData<&'a mut [u8]>,
}

impl<'a> Frames<'a> {
    /// Address of `length` octets within the block.
    fn within(&self, offset: usize, length: usize) -> Option<*mut u8> {
        let end = offset.checked_add(length)?;
        // SAFETY: checked to be within the block.
        (end <= BLOCK).then(|| unsafe { self.start.add(offset) })
    }

    /// The frame at hand, where the next one is, and whether this one was sent by this machine. `None` when there is none
    /// within the block.
    #[inline]
    fn read(&self) -> Option<(Frame<'a>, usize, bool)> {
        let header = self.within(self.at, libc::TPACKET3_HDRLEN)?;
        // SAFETY: within the block; read whole, whatever its alignment.
        let header = unsafe { header.cast::<tpacket3_hdr>().read_unaligned() };
        let kind = size_of::<tpacket3_hdr>() + std::mem::offset_of!(libc::sockaddr_ll, sll_pkttype);
        // SAFETY: within the TPACKET3_HDRLEN octets that were checked.
        let sent = unsafe { self.within(self.at + kind, 1)?.read() } == libc::PACKET_OUTGOING;
        let mut begin = self.at.checked_add(usize::from(header.tp_mac))?;
        let mut taken = header.tp_snaplen as usize;
        let mut length = header.tp_len;
        let offload = if self.virtio { self.offload(begin) } else { None };
        self.within(begin, taken)?;
        if header.tp_status & libc::TP_STATUS_VLAN_VALID != 0 && taken >= 12 {
            begin = self.tag(begin, &header)?;
            taken += TAG;
            length = length.saturating_add(TAG as u32);
        }
        let start = self.within(begin, taken)?;
        // SAFETY: within the block, which is ours while 'a lasts; each frame is given once, and no other one's octets,
        // header or tag are written after this.
        let octets = unsafe { std::slice::from_raw_parts(start, taken) };
        let frame = Frame { seconds: header.tp_sec, nanos: header.tp_nsec, octets, length, offload };
        let next = self.at.saturating_add(header.tp_next_offset as usize);
        // The next frame lies behind this one, or there is none.
        Some((frame, if next >= begin + taken { next } else { BLOCK }, sent))
    }

    /// What the `struct virtio_net_hdr` before a frame tells: flags, kind, header length, segment size.
    #[inline]
    fn offload(&self, frame: usize) -> Option<Offload> {
        const TCP4: u8 = 1;
        const TCP6: u8 = 4;
        const UDP: u8 = 5;
        const ECN: u8 = 0x80;
        let header = self.within(frame.checked_sub(VIRTIO)?, VIRTIO)?;
        // SAFETY: ten octets within the block.
        let [_, kind, _, _, low, high, ..] = unsafe { header.cast::<[u8; VIRTIO]>().read() };
        let size = u16::from_le_bytes([low, high]);
        let udp = match kind & !ECN {
            TCP4 | TCP6 => false,
            UDP => true,
            _ => return None,
        };
        (size > 0).then_some(Offload { size, udp })
    }

    /// Moves the addresses before the frame's type forward and puts the tag behind them. Returns where the frame begins
    /// then.
    fn tag(&self, begin: usize, header: &tpacket3_hdr) -> Option<usize> {
        let protocol = match header.tp_status & libc::TP_STATUS_VLAN_TPID_VALID {
            0 => 0x8100,
            _ => header.hv1.tp_vlan_tpid,
        };
        let [a, b] = protocol.to_be_bytes();
        let [.., c, d] = header.hv1.tp_vlan_tci.to_be_bytes();
        let new = begin.checked_sub(TAG).filter(|&new| new >= self.at + libc::TPACKET3_HDRLEN)?;
        let start = self.within(new, 12 + TAG)?;
        // SAFETY: sixteen octets of this frame's place in the block, which nobody else reads: its addresses, and the four
        // octets before them that PACKET_RESERVE set aside.
        unsafe {
            std::ptr::copy(start.add(TAG), start, 12);
            start.add(12).cast::<[u8; TAG]>().write([a, b, c, d]);
        }
        Some(new)
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    #[inline]
    fn next(&mut self) -> Option<Frame<'a>> {
        while self.left > 0 {
            self.left -= 1;
            let Some((frame, next, sent)) = self.read() else {
                self.left = 0;
                return None;
            };
            self.at = next;
            if !(sent && self.skip_sent) {
                return Some(frame);
            }
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.left as usize))
    }
}
