//! TCP headers (RFC 9293).

use crate::bytes::rest;

/// TCP's control bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: u8 = 0x01;
    /// Synchronise sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset the connection.
    pub const RST: u8 = 0x04;
    /// Push.
    pub const PSH: u8 = 0x08;
    /// The acknowledgement number is valid.
    pub const ACK: u8 = 0x10;
    /// The urgent pointer is valid.
    pub const URG: u8 = 0x20;
    /// Congestion was experienced.
    pub const ECE: u8 = 0x40;
    /// The congestion window was reduced.
    pub const CWR: u8 = 0x80;

    /// Whether any bit of `mask` is set.
    #[inline(always)]
    pub fn any(self, mask: u8) -> bool {
        self.0 & mask != 0
    }
}

/// A TCP header of which at least the 20 fixed octets were captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tcp<'a> {
    /// Sequence number of the first octet.
    pub sequence: u32,
    /// Next sequence number expected from the other side.
    pub acknowledgement: u32,
    /// Octets of the header as it says; may be below 20.
    pub header_length: u8,
    /// Control bits.
    pub flags: TcpFlags,
    /// Window as transmitted, unshifted.
    pub window: u16,
    /// The option list as far as it was captured.
    pub options: &'a [u8],
    /// Octets behind the header by IP length; negative when the lengths contradict each other.
    pub payload: i32,
}

/// Octets of a header without options.
pub(crate) const LEAST: usize = 20;

/// `payload` is the length of the segment by the IP header.
#[inline(always)]
pub(crate) fn parse(data: &[u8], payload: i32) -> Option<Tcp<'_>> {
    let header = data.first_chunk::<LEAST>()?;
    let header_length = header[12] >> 4 << 2;
    let end = usize::from(header_length).min(data.len());
    Some(Tcp {
        sequence: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        acknowledgement: u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
        header_length,
        flags: TcpFlags(header[13]),
        window: u16::from_be_bytes([header[14], header[15]]),
        options: if end > LEAST { rest(data.get(..end).unwrap_or(&[]), LEAST) } else { &[] },
        payload: payload - i32::from(header_length),
    })
}
