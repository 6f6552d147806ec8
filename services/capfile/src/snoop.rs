//! Sun snoop, RFC 1761: version 2, and version 1 with the same layout. Big-endian throughout.

use crate::buffer::{Buffer, Order, Window};
use crate::{Fault, MAX_CAPTURED, Place, cut, link};

/// The first octets of a file.
pub(crate) const MAGIC: &[u8] = b"snoop\0\0\0";
/// Octets of the file's header.
const FILE: usize = 16;
/// Octets of a record's header.
const RECORD: usize = 24;
/// Padding that is believed: writers align to 4 or 8 octets, and older ones round up to a buffer.
const MAX_PADDING: u32 = 1 << 16;

pub(crate) struct Snoop {
    pub link: i32,
}

/// libpcap's number for a link type of RFC 1761 and of the systems that came after it.
fn link_type(number: u32) -> i32 {
    match number {
        0 | 4 => link::ETHERNET,
        2 => 6,    // token ring
        5 => 50,   // HDLC: PPP in HDLC framing or Cisco's
        8 => 10,   // FDDI
        14 => 108, // loopback, address family in network order
        18 => 123, // SunATM
        26 => 247, // InfiniBand
        _ => link::UNKNOWN,
    }
}

impl Snoop {
    pub fn open(buffer: &mut Buffer) -> Result<Snoop, Fault> {
        let got = buffer.fill(FILE)?;
        if got < FILE {
            return Err(cut(buffer.place(), "file header", FILE, got));
        }
        let header = buffer.window();
        let (version, number) = (Order::Big.u32(header, 8), Order::Big.u32(header, 12));
        if !(1..=2).contains(&version) {
            return Err(Fault::Unreadable(format!("snoop file of version {version}, not 1 or 2")));
        }
        buffer.pass(FILE);
        Ok(Snoop { link: link_type(number) })
    }

    pub fn next(&mut self, buffer: &mut impl Window) -> Result<Option<Place>, Fault> {
        match buffer.fill(RECORD)? {
            0 => return Ok(None),
            got @ ..RECORD => return Err(cut(buffer.place(), "header", RECORD, got)),
            _ => {}
        }
        let header = buffer.window();
        let word = |at| Order::Big.u32(header, at);
        let (length, captured, record) = (word(0), word(4), word(8));
        let (seconds, micros) = (word(16), word(20));
        if captured > MAX_CAPTURED {
            return Err(Fault::Unreadable(format!(
                "invalid packet capture length {captured}, bigger than maximum of {MAX_CAPTURED}"
            )));
        }
        let least = RECORD as u32 + captured;
        if record < least || record > least + MAX_PADDING {
            return Err(Fault::Unreadable(format!(
                "record of {record} octets at offset {} cannot hold a packet of {captured}",
                buffer.place()
            )));
        }
        let whole = record as usize;
        let got = buffer.fill(whole)?;
        // The padding of the last record may be missing.
        if got < least as usize {
            return Err(cut(buffer.place(), "captured", captured as usize, got.saturating_sub(RECORD)));
        }
        Ok(Some(Place {
            seconds,
            nanos: i64::from(micros) * 1000,
            link: self.link,
            at: RECORD,
            captured: captured as usize,
            length,
            whole,
        }))
    }
}
