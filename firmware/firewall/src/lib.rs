//! Renders the box's configuration as one nftables table.
//!
//! nftables keeps IP and ARP apart, so the "one table" of the appliance chapter (section 5) is a table
//! `panoptes` in the families `inet` and `arp`, replaced in one transaction. Whatever no rule names is
//! dropped without an answer, on every NIC there is or will be, so a plugged-in NIC is closed before
//! anybody knows of it. Each tap besides gets hooks of its own ([`tap`]) below IP: nothing that the box
//! might send there leaves.

#![forbid(unsafe_code)]

mod load;
mod rules;
mod tap;

pub use load::{Error, load};
pub use rules::render;
pub use tap::tap;
