//! Frames from and to Linux packet sockets through rings shared with the kernel (packet(7), TPACKET_V3 and TPACKET_V2).
//!
//! A [`Receiver`] hands over whole blocks of frames: no system call and no copy for a frame, nanosecond times, VLAN tags
//! put back where the wire had them, and for a super-packet that an offload made the length of its real segments. A
//! [`Transmitter`] sends frames as fast as the kernel takes them. libpcap reads the same rings, but one frame at a time,
//! in microseconds unless asked, and does not tell what a super-packet was made of.
//!
//! Unsafe code is here because the kernel's interface is memory shared with it and structures of C: [`socket`] calls it,
//! [`memory`] maps, [`receive`] and [`transmit`] read and write the map within bounds that they check. Nothing that the
//! network sent decides about an address: offsets and lengths are the kernel's, and are checked all the same.
#![cfg(target_os = "linux")]

mod memory;
mod receive;
mod socket;
mod steer;
mod transmit;

pub use receive::{Block, Frame, Frames, Offload, Options, Receiver};
pub use socket::{Device, Instruction, Socket};
pub use steer::by_ends;
pub use transmit::Transmitter;
