//! NLANR/MOAT TSH: 44 octets a packet, big-endian: seconds (32 bits), interface (8), microseconds (24), the IPv4 header
//! without its options (20 octets), the first 16 octets behind it.

use crate::buffer::{Buffer, Order, Window};
use crate::{Fault, Packet, cut, link};

/// Octets of a record.
pub(crate) const RECORD: usize = 44;
/// Octets of the IPv4 header in it.
const IP: usize = 20;
/// Octets kept of what follows the IPv4 header.
const REST: usize = 16;

/// The packet put together: the IPv4 header, its options (not in the file, here end-of-list octets), what follows.
#[derive(Debug)]
pub(crate) struct Tsh {
    frame: [u8; 60 + REST],
}

impl Default for Tsh {
    fn default() -> Self {
        Tsh { frame: [0; 60 + REST] }
    }
}

/// Whether a record can be what it says: a fraction below a second, an IPv4 header whose lengths agree.
pub(crate) fn is_plausible(record: &[u8]) -> bool {
    let micros = Order::Big.u32(record, 4) & 0x00ff_ffff;
    let (version, total) = (record.get(8).copied().unwrap_or_default(), Order::Big.u16(record, 10));
    let header = u16::from(version & 0xf) * 4;
    micros < 1_000_000 && version >> 4 == 4 && header >= 20 && total >= header
}

impl Tsh {
    pub fn next(&mut self, buffer: &mut Buffer) -> Result<Option<Packet<'_>>, Fault> {
        match buffer.fill(RECORD)? {
            0 => return Ok(None),
            got @ ..RECORD => return Err(cut(buffer.place(), "packet", RECORD, got)),
            _ => {}
        }
        let record = buffer.window();
        let seconds = Order::Big.u32(record, 0);
        let micros = Order::Big.u32(record, 4) & 0x00ff_ffff;
        let length = u32::from(Order::Big.u16(record, 10));
        let words = record.get(8).map_or(5, |first| usize::from(first & 0xf)).max(5);
        let behind = words * 4;
        self.frame = [0; 60 + REST];
        let put = |to: Option<&mut [u8]>, from: Option<&[u8]>| {
            if let (Some(to), Some(from)) = (to, from) {
                to.copy_from_slice(from);
            }
        };
        put(self.frame.get_mut(..IP), record.get(8..8 + IP));
        put(self.frame.get_mut(behind..behind + REST), record.get(8 + IP..RECORD));
        let captured = (behind + REST).min(length as usize);
        buffer.pass(RECORD);
        let data = self.frame.get(..captured).unwrap_or_default();
        Ok(Some(Packet { seconds, nanos: i64::from(micros) * 1000, link: link::RAW, data, length }))
    }
}
