//! pcap, version 2.4: either byte order, micro- or nanoseconds.
//!
//! Does what libpcap does, on damaged files too, which the test below checks. What is not the common case (variants of
//! the format, link types whose frames libpcap changes) is left to libpcap. One thing is better: times after January
//! 2038 are not negative.

use crate::buffer::{Buffer, Order, Steps, Window};
use crate::{Fault, MAX_CAPTURED, Packet, Place, cut, link};

/// The length of the file's header.
pub(crate) const HEADER: usize = 24;

pub(crate) struct Pcap {
    order: Order,
    nanos: bool,
    pub link: i32,
    snap: u32,
}

/// Byte order and resolution by the first four octets.
pub(crate) fn magic(octets: &[u8]) -> Option<(Order, bool)> {
    match octets.first_chunk()? {
        [0xd4, 0xc3, 0xb2, 0xa1] => Some((Order::Little, false)),
        [0x4d, 0x3c, 0xb2, 0xa1] => Some((Order::Little, true)),
        [0xa1, 0xb2, 0xc3, 0xd4] => Some((Order::Big, false)),
        [0xa1, 0xb2, 0x3c, 0x4d] => Some((Order::Big, true)),
        _ => None,
    }
}

/// Whether a file's header, which begins with a known magic, is of a kind that is read here.
pub(crate) fn is_common(header: &[u8]) -> bool {
    let Some((order, _)) = magic(header) else { return false };
    let number = order.u32(header, 20);
    (order.u16(header, 4), order.u16(header, 6)) == (2, 4)
        && number & 0xfc00_0000 == 0
        && !link::may_be_huge(number)
        && (!order.is_foreign() || !link::is_in_host_order(number))
}

impl Pcap {
    /// Reads the file's header, which was found to be common.
    pub fn open(buffer: &mut Buffer) -> Result<Pcap, Fault> {
        buffer.fill(HEADER)?;
        let header = buffer.window();
        let (order, nanos) = magic(header).unwrap_or((Order::Little, false));
        let snap = match order.u32(header, 16) {
            0 | 0x8000_0000.. => MAX_CAPTURED,
            snap => snap,
        };
        let link = link::from_file(order.u32(header, 20));
        buffer.pass(HEADER);
        Ok(Pcap { order, nanos, link, snap })
    }

    #[inline]
    pub fn next(&mut self, buffer: &mut Buffer) -> Result<Option<Place>, Fault> {
        match buffer.fill(16)? {
            0 => return Ok(None),
            got @ ..16 => return Err(cut(buffer.place(), "header", 16, got)),
            _ => {}
        }
        let header = buffer.window();
        let word = |at| self.order.u32(header, at);
        let (seconds, fraction) = (word(0), i64::from(word(4)));
        let (captured, length) = (word(8), word(12));
        if captured > MAX_CAPTURED {
            return Err(Fault::Unreadable(format!(
                "invalid packet capture length {captured}, bigger than maximum of {MAX_CAPTURED}, at offset {}",
                buffer.place()
            )));
        }
        let whole = 16 + captured as usize;
        let got = buffer.fill(whole)?;
        if got < whole {
            return Err(cut(buffer.place(), "captured", captured as usize, got.saturating_sub(16)));
        }
        let nanos = if self.nanos { fraction } else { fraction * 1000 };
        let kept = captured.min(self.snap) as usize;
        Ok(Some(Place { seconds, nanos, link: self.link, at: 16, captured: kept, length, whole }))
    }

    /// The packets that lie whole in the window: at least one, none at the end of the input.
    pub fn packets<'a>(&mut self, buffer: &'a mut Buffer) -> Result<PcapPackets<'a>, Fault> {
        // Tells what is wrong with the first of them.
        self.next(buffer)?;
        let (foreign, link, snap) = (self.order.is_foreign(), self.link, self.snap as usize);
        Ok(PcapPackets { steps: buffer.walk(), foreign, unit: if self.nanos { 1 } else { 1000 }, link, snap })
    }
}

/// Packets of a pcap file that lie in memory one after another.
pub struct PcapPackets<'a> {
    steps: Steps<'a>,
    /// Whether numbers are in the other byte order.
    foreign: bool,
    /// Nanoseconds.
    unit: i64,
    pub(crate) link: i32,
    snap: usize,
}

impl<'a> Iterator for PcapPackets<'a> {
    type Item = Packet<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Packet<'a>> {
        let (header, rest) = self.steps.rest.split_first_chunk::<16>()?;
        let mut words = numbers(header);
        if self.foreign {
            words = words.map(u32::swap_bytes);
        }
        let [seconds, fraction, captured, length] = words;
        if captured > MAX_CAPTURED {
            return None;
        }
        let (data, rest) = rest.split_at_checked(captured as usize)?;
        self.steps.rest = rest;
        let (data, _) = data.split_at(self.snap.min(data.len()));
        Some(Packet { seconds, nanos: i64::from(fraction) * self.unit, link: self.link, data, length })
    }
}

/// Four numbers in this machine's byte order.
#[inline(always)]
fn numbers(octets: &[u8; 16]) -> [u32; 4] {
    let at = |at: usize| u32::from_ne_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]]);
    [at(0), at(4), at(8), at(12)]
}
