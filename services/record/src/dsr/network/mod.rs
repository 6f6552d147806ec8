//! NETWORK (0x30): the state of the protocol above (section 7.5).

mod session;
mod tcp;

pub use session::{ArpReply, EspState, FirstIcmp, Fragments, Rtcp, RtcpHeader, Rtp, RtpHeader, Udt};
pub use tcp::{Tcp, TcpInit, TcpPerf, TcpSide, TcpStatus, status};

use super::{begin, code, end};
use crate::wire;

/// Subtypes.
pub mod subtype {
    #![allow(missing_docs)]
    pub const TCP_INIT: u8 = 0x03;
    pub const TCP_STATUS: u8 = 0x04;
    pub const TCP_PERF: u8 = 0x05;
    pub const RTCP: u8 = 0x09;
    pub const RTP: u8 = 0x0A;
    pub const UDT: u8 = 0x0D;
    pub const ARP: u8 = 0x10;
    pub const ICMP: u8 = 0x34;
    pub const ISIS: u8 = 0x36;
    pub const ESP: u8 = 0x38;
    pub const LCP: u8 = 0x39;
    pub const FRAG: u8 = 0x45;
}

/// What the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Body {
    /// No protocol data: one word. Readers drop it and clients do not write it back.
    Empty,
    /// TCP.
    Tcp(Tcp),
    /// RTP.
    Rtp(Rtp),
    /// RTCP.
    Rtcp(Rtcp),
    /// The host that answered an ARP request.
    Arp(ArpReply),
    /// The first packet of an ICMP flow.
    Icmp(FirstIcmp),
    /// ESP.
    Esp(EspState),
    /// IP fragments.
    Frag(Fragments),
    /// UDT (5.x), as far as its layout is described; the octets stay with the record.
    Udt(Udt),
    /// Opaque: IS-IS, LCP and unknown subtypes. The octets stay with the record.
    Other,
}

/// A NETWORK DSR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    /// Subtype, one of [`subtype`].
    pub subtype: u8,
    /// Qualifier: for TCP 0 (version 1 layout) or 2 (version 2, with maxseg); for FRAG its marks.
    pub qualifier: u8,
    /// The body.
    pub body: Body,
}

impl Network {
    /// The empty DSR that sensors write when there is no protocol state.
    pub const EMPTY: Network = Network { subtype: 0, qualifier: 0, body: Body::Empty };

    /// A DSR of the given body with its subtype; qualifier 0, or 2 for TCP with maximum segment sizes.
    pub fn new(body: Body) -> Network {
        let mut qualifier = 0;
        let subtype = match &body {
            Body::Empty | Body::Other => 0,
            Body::Tcp(tcp) => {
                qualifier = tcp.qualifier();
                tcp.subtype()
            }
            Body::Rtp(_) => subtype::RTP,
            Body::Rtcp(_) => subtype::RTCP,
            Body::Arp(_) => subtype::ARP,
            Body::Icmp(_) => subtype::ICMP,
            Body::Esp(_) => subtype::ESP,
            Body::Frag(_) => subtype::FRAG,
            Body::Udt(_) => subtype::UDT,
        };
        Network { subtype, qualifier, body }
    }

    /// Reads a whole DSR. `None` when it is too short for its layout.
    pub fn parse(b: &[u8]) -> Option<Network> {
        let [_, st, qualifier, _] = wire::array(b, 0)?;
        let body = match st {
            0 if b.len() == 4 => Body::Empty,
            subtype::TCP_INIT => Body::Tcp(Tcp::Init(TcpInit::parse(b, qualifier)?)),
            subtype::TCP_STATUS => Body::Tcp(Tcp::Status(TcpStatus::parse(b)?)),
            subtype::TCP_PERF => Body::Tcp(Tcp::Perf(TcpPerf::parse(b, qualifier)?)),
            subtype::RTP => Body::Rtp(Rtp::parse(b)?),
            subtype::RTCP => Body::Rtcp(Rtcp::parse(b)?),
            subtype::ARP => Body::Arp(ArpReply::parse(b)?),
            subtype::ICMP => Body::Icmp(FirstIcmp::parse(b)?),
            subtype::ESP => Body::Esp(EspState::parse(b)?),
            subtype::FRAG => Body::Frag(Fragments::parse(b)?),
            subtype::UDT => Body::Udt(Udt::parse(b)?),
            _ => Body::Other,
        };
        Some(Network { subtype: st, qualifier, body })
    }

    /// Appends the DSR.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let at = begin(out, code::NETWORK, self.subtype, self.qualifier);
        match &self.body {
            Body::Empty | Body::Other => {}
            Body::Tcp(Tcp::Init(t)) => t.emit(out),
            Body::Tcp(Tcp::Status(t)) => t.emit(out),
            Body::Tcp(Tcp::Perf(t)) => t.emit(out),
            Body::Rtp(r) => r.emit(out),
            Body::Rtcp(r) => r.emit(out),
            Body::Arp(a) => a.emit(out),
            Body::Icmp(i) => i.emit(out),
            Body::Esp(e) => e.emit(out),
            Body::Frag(f) => f.emit(out),
            Body::Udt(u) => u.emit(out),
        }
        end(out, at);
    }

    /// TCP state, if this is TCP.
    pub fn tcp(&self) -> Option<&Tcp> {
        match &self.body {
            Body::Tcp(t) => Some(t),
            _ => None,
        }
    }

    /// The same seen from the other side. The SRC/DST pairs of a TCP status word are not exchanged (flow-model
    /// chapter, section 15, rule 2).
    pub fn reversed(mut self) -> Network {
        match &mut self.body {
            Body::Tcp(t) => *t = t.reversed(),
            Body::Rtp(r) => *r = r.reversed(),
            Body::Rtcp(r) => *r = r.reversed(),
            _ => {}
        }
        self
    }
}
