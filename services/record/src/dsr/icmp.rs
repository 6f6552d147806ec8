//! ICMP (0x34): an ICMP error that quoted a packet of this flow (section 7.7).

use super::{begin, code, end};
use crate::wire::{self, Put};
use std::net::Ipv4Addr;

/// Qualifier: unreachable.
pub const UNREACHABLE: u8 = 0x01;
/// Qualifier: redirect.
pub const REDIRECT: u8 = 0x02;
/// Qualifier: time exceeded.
pub const TIME_EXCEEDED: u8 = 0x04;

/// The error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IcmpError {
    /// What it was: [`UNREACHABLE`], [`REDIRECT`], [`TIME_EXCEEDED`].
    pub qualifier: u8,
    /// Message type.
    pub typ: u8,
    /// Code.
    pub code: u8,
    /// Word at offset 6 of the message: next-hop MTU, low half of the gateway.
    pub seq: u16,
    /// The router that reports.
    pub src: Ipv4Addr,
    /// Whom it reports to.
    pub dst: Ipv4Addr,
    /// Source of the quoted packet.
    pub inner_src: Ipv4Addr,
    /// Destination of the quoted packet.
    pub inner_dst: Ipv4Addr,
    /// Octets 4–7 of the message.
    pub gateway: u32,
    /// Zero; `None` when the DSR ends before.
    pub pad: Option<u32>,
}

impl IcmpError {
    /// Reads a whole DSR.
    pub fn parse(b: &[u8]) -> Option<IcmpError> {
        let addr = |at| wire::be32(b, at).map(Ipv4Addr::from);
        Some(IcmpError {
            qualifier: wire::byte(b, 2)?,
            typ: wire::byte(b, 4)?,
            code: wire::byte(b, 5)?,
            seq: wire::be16(b, 6)?,
            src: addr(8)?,
            dst: addr(12)?,
            inner_src: addr(16)?,
            inner_dst: addr(20)?,
            gateway: wire::be32(b, 24)?,
            pad: wire::be32(b, 28),
        })
    }

    /// Appends the DSR.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let at = begin(out, code::ICMP, 0, self.qualifier);
        out.bytes(&[self.typ, self.code]);
        out.be16(self.seq);
        for a in [self.src, self.dst, self.inner_src, self.inner_dst] {
            out.bytes(&a.octets());
        }
        out.be32(self.gateway);
        if let Some(pad) = self.pad {
            out.be32(pad);
        }
        end(out, at);
    }
}
