//! Boots the image in QEMU against simulated hosts and checks it from outside.
//!
//! A [`Machine`] is the image in QEMU. Its management NIC hangs on a small switch with QEMU's user network (which gives
//! it an address and forwards loopback ports to it) and with whoever else wants to look at it ([`Management`]). Each of
//! its tap NICs hangs on a [`Segment`]: a virtual Ethernet on which hosts made of smoltcp hold [`Conversation`]s. Every
//! frame on a segment is copied to the tap NIC and counted in the segment's [`Ledger`], which is the ground truth that
//! the box's records are compared with ([`records`]). Nothing here needs root, TAP devices or KVM.

#![forbid(unsafe_code)]

mod browser;
mod console;
mod converse;
mod disk;
mod error;
mod https;
mod ledger;
mod machine;
mod management;
mod port;
mod qmp;
mod ready;
pub mod records;
mod replay;
mod scan;
mod segment;
mod shell;
mod witness;

pub use browser::Browser;
pub use console::Console;
pub use converse::Conversation;
pub use disk::{Disk, default_image, lab_image};
pub use error::{Error, Result};
pub use https::{Response, get};
pub use ledger::{Counts, FlowKey, Ledger};
pub use machine::{BOX_ADDRESS, Firmware, MANAGEMENT_MAC, Machine, Options, Stopped, free_port};
pub use management::Management;
pub use port::Port;
pub use qmp::Qmp;
pub use ready::{LET_IN, lab_seed, tap_srcid, wait_until_ready, wait_until_ready_or};
pub use replay::replay;
pub use scan::{Answer, Scanner};
pub use segment::{HostId, Segment};
pub use shell::Shell;
pub use witness::Witness;
