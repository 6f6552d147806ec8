//! Dissects one captured frame into a fixed-size summary, without allocation.
//!
//! A [`Dissector`] is made once for a link type and then asked for a [`Summary`] of every frame. Nothing here keeps
//! state between frames, nothing allocates, and no input makes it panic: every header is read through checked views
//! (one file per protocol) and nesting is bounded. What nearly all frames are is read in a straight line (`lane`),
//! everything by the walk (`link`), with the same views. What a frame *means* for a flow (keys, directions, counters) is
//! the `flow` crate's business. Rules: flow-model chapter, sections 2, 3 and 9.
//!
//! ```
//! use packet::{Dissector, LinkType, Network, Rules};
//!
//! let dissector = Dissector::new(LinkType::ETHERNET, Rules::default());
//! let frame = [0u8; 60]; // EtherType 0: an 802.3 frame
//! let summary = dissector.dissect(&frame, 60);
//! assert!(matches!(summary.network, Network::Frame(_)));
//! ```

#![forbid(unsafe_code)]

mod ah;
mod arp;
mod bytes;
mod ethernet;
mod frame_relay;
mod gre;
mod icmp;
mod ip;
mod ipv4;
mod ipv6;
mod isis;
mod l2tp;
mod lane;
mod link;
mod llc;
mod mpls;
mod ppp;
mod shim;
mod summary;
mod tcp;
mod udp;
mod wlan;
mod wrapped;

pub use arp::{Arp, Rarp};
pub use icmp::Icmp;
pub use ip::{Addresses, Fragment, Ip, Transport};
pub use isis::Isis;
pub use lane::Everyday;
pub use link::{Dissector, LinkType};
pub use ppp::Lcp;
pub use summary::{Carrier, Encapsulation, Ethernet, FrameKey, Network, Summary, Tunnel};
pub use tcp::{Tcp, TcpFlags};
pub use wlan::Wlan;

/// How to read what the two reference versions read differently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Reproduce the harmless faults of argus 3.0.8 (`--compat 3.0.8`).
    pub compat: bool,
    /// Look into tunnels on well-known UDP ports (`ARGUS_TUNNEL_DISCOVERY`).
    pub tunnel_discovery: bool,
    /// Say what octets lie in front of the header that identifies the flow ([`Summary::outer`], `ARGUS_ENCAPS_CAPTURE`).
    pub outer_headers: bool,
    /// Say in which tunnel the flow was found ([`Summary::tunnel`]); with `outer_headers`.
    pub tunnels: bool,
}

pub use icmp::quoted;
