//! pcapng (draft-ietf-opsawg-pcapng): sections in either byte order, any number of interfaces, each with its link type,
//! time resolution and offset; enhanced, simple and obsolete packet blocks. Other blocks are passed over.

use crate::buffer::{Buffer, Order, Window};
use crate::{Fault, MAX_CAPTURED, Place, cut, link};

/// The first octets of a file: the type of a section header, the same in both byte orders.
pub(crate) const MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// The longest block that is kept in memory, octets; longer ones hold no packet that is believed.
const MAX_KEPT: u32 = 16 << 20;
/// Interfaces of a section.
const MAX_INTERFACES: usize = 65_536;
/// Options that matter.
const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;

#[derive(Clone, Copy)]
struct Interface {
    link: i32,
    /// Octets captured of a packet at most.
    snap: u32,
    /// Units of the time stamps.
    unit: Unit,
    /// Seconds to add to them.
    offset: i64,
}

/// Units of a time stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// So many a second.
    PerSecond(u64),
    /// 2 to the minus this: so many bits of fraction.
    Bits(u32),
}

impl Unit {
    /// if_tsresol: negative power of 10, or of 2 when the top bit is set. Finer ones than 64 bits can count are refused.
    fn parse(octet: u8) -> Option<Unit> {
        match octet {
            0..0x80 => 10u64.checked_pow(u32::from(octet)).map(Unit::PerSecond),
            _ => Some(u32::from(octet & 0x7f)).filter(|&bits| bits < 64).map(Unit::Bits),
        }
    }

    /// Whole seconds and nanoseconds.
    #[inline]
    fn split(self, stamp: u64) -> (u64, i64) {
        match self {
            Unit::PerSecond(1_000_000) => (stamp / 1_000_000, (stamp % 1_000_000) as i64 * 1000),
            Unit::PerSecond(units) => {
                let nanos = u128::from(stamp % units) * 1_000_000_000 / u128::from(units);
                (stamp / units, nanos as i64)
            }
            Unit::Bits(bits) => {
                let fraction = u128::from(stamp & ((1u64 << bits) - 1));
                (stamp >> bits, ((fraction * 1_000_000_000) >> bits) as i64)
            }
        }
    }
}

pub(crate) struct Pcapng {
    order: Order,
    interfaces: Vec<Interface>,
    /// Octets of a block still to be passed over.
    skip: u64,
    /// Time of the last packet, for those without.
    last: (u32, i64),
}

impl Default for Pcapng {
    fn default() -> Self {
        Pcapng { order: Order::Little, interfaces: Vec::new(), skip: 0, last: (0, 0) }
    }
}

/// A block's header as it stands at the window's begin.
struct Block {
    kind: u32,
    /// Octets of the whole block.
    length: u32,
}

impl Pcapng {
    /// The link type of the first interface; blocks up to it are read.
    pub fn first_link(&mut self, buffer: &mut Buffer) -> Result<Option<i32>, Fault> {
        loop {
            if let Some(first) = self.interfaces.first() {
                return Ok(Some(first.link));
            }
            let Some(block) = self.head(buffer)? else { return Ok(None) };
            match block.kind {
                // Without an interface it is damaged, which reading tells.
                ENHANCED_PACKET | SIMPLE_PACKET | OBSOLETE_PACKET => return Ok(None),
                _ => self.describe(buffer, &block)?,
            }
        }
    }

    #[inline]
    pub fn next(&mut self, buffer: &mut impl Window) -> Result<Option<Place>, Fault> {
        loop {
            let Some(block) = self.head(buffer)? else { return Ok(None) };
            match block.kind {
                ENHANCED_PACKET | SIMPLE_PACKET | OBSOLETE_PACKET => {
                    return self.packet(buffer, &block).map(Some);
                }
                _ => self.describe(buffer, &block)?,
            }
        }
    }

    /// The header of the next block; `None` at the end of the input.
    #[inline]
    fn head(&mut self, buffer: &mut impl Window) -> Result<Option<Block>, Fault> {
        if self.skip > 0 {
            let before = self.skip;
            buffer.skip(&mut self.skip)?;
            if self.skip > 0 {
                return Err(cut("block", before as usize, (before - self.skip) as usize));
            }
        }
        match buffer.fill(8)? {
            0 => return Ok(None),
            got @ ..8 => return Err(cut("block header", 8, got)),
            _ => {}
        }
        if buffer.window().starts_with(&MAGIC) {
            // Its own length is in the byte order that it declares.
            let got = buffer.fill(12)?;
            if got < 12 {
                return Err(cut("section header", 12, got));
            }
            self.order = match buffer.window().get(8..12) {
                Some([0x4d, 0x3c, 0x2b, 0x1a]) => Order::Little,
                Some([0x1a, 0x2b, 0x3c, 0x4d]) => Order::Big,
                _ => return Err(damaged(buffer, "section header without a byte order")),
            };
        }
        let header = buffer.window();
        let block = Block { kind: self.order.u32(header, 0), length: self.order.u32(header, 4) };
        let least = match block.kind {
            SECTION => 28,
            INTERFACE => 20,
            SIMPLE_PACKET => 16,
            OBSOLETE_PACKET | ENHANCED_PACKET => 32,
            _ => 12,
        };
        if block.length < least || !block.length.is_multiple_of(4) {
            let text = format!("block of type {:#x} with a length of {}", block.kind, block.length);
            return Err(damaged(buffer, &text));
        }
        Ok(Some(block))
    }

    /// Takes a block that holds no packet.
    fn describe(&mut self, buffer: &mut impl Window, block: &Block) -> Result<(), Fault> {
        match block.kind {
            SECTION => {
                let body = whole(buffer, block.length.min(28))?;
                let (major, minor) = (self.order.u16(body, 12), self.order.u16(body, 14));
                if major != 1 {
                    let text = format!("pcapng of version {major}.{minor}, not 1");
                    return Err(damaged(buffer, &text));
                }
                self.interfaces.clear();
            }
            INTERFACE if block.length <= MAX_KEPT => {
                if self.interfaces.len() >= MAX_INTERFACES {
                    return Err(damaged(buffer, "more than 65536 interfaces"));
                }
                let order = self.order;
                let body = whole(buffer, block.length)?;
                let interface = interface(order, body).map_err(|text| damaged(buffer, text))?;
                self.interfaces.push(interface);
            }
            _ => {}
        }
        self.skip = u64::from(block.length);
        Ok(())
    }

    #[inline]
    fn packet(&mut self, buffer: &mut impl Window, block: &Block) -> Result<Place, Fault> {
        if block.length > MAX_KEPT {
            return Err(damaged(buffer, &format!("packet block of {} octets", block.length)));
        }
        let order = self.order;
        let body = whole(buffer, block.length)?;
        if !is_closed(order, body) {
            return Err(damaged(buffer, "block whose two lengths differ"));
        }
        let number = match block.kind {
            ENHANCED_PACKET => order.u32(body, 8) as usize,
            OBSOLETE_PACKET => usize::from(order.u16(body, 8)),
            _ => 0,
        };
        let Some(&interface) = self.interfaces.get(number) else {
            return Err(damaged(buffer, &format!("packet of interface {number}, which is not described")));
        };
        let (at, captured, length) = if block.kind == SIMPLE_PACKET {
            let length = order.u32(body, 8);
            let snap = if interface.snap == 0 { u32::MAX } else { interface.snap };
            (12u32, length.min(snap).min(block.length - 16), length)
        } else {
            (28, order.u32(body, 20), order.u32(body, 24))
        };
        if captured > MAX_CAPTURED || captured > block.length - at - 4 {
            let text = format!("packet of {captured} octets in a block of {}", block.length);
            return Err(damaged(buffer, &text));
        }
        if block.kind != SIMPLE_PACKET {
            let stamp = u64::from(order.u32(body, 12)) << 32 | u64::from(order.u32(body, 16));
            let (seconds, nanos) = interface.unit.split(stamp);
            self.last = (seconds.wrapping_add_signed(interface.offset) as u32, nanos);
        }
        let (seconds, nanos) = self.last;
        Ok(Place {
            seconds,
            nanos,
            link: interface.link,
            at: at as usize,
            captured: captured as usize,
            length,
            whole: block.length as usize,
        })
    }
}

/// Has the first octets of a block in the window.
#[inline]
fn whole(buffer: &mut impl Window, octets: u32) -> Result<&[u8], Fault> {
    let got = buffer.fill(octets as usize)?;
    if got < octets as usize {
        return Err(cut("block", octets as usize, got));
    }
    Ok(buffer.window().get(..octets as usize).unwrap_or_default())
}

/// Whether a block ends with the length that it begins with.
#[inline]
fn is_closed(order: Order, block: &[u8]) -> bool {
    order.u32(block, block.len().saturating_sub(4)) == order.u32(block, 4)
}

/// An interface description.
fn interface(order: Order, block: &[u8]) -> Result<Interface, &'static str> {
    if !is_closed(order, block) {
        return Err("block whose two lengths differ");
    }
    let mut interface = Interface {
        link: link::from_file(u32::from(order.u16(block, 8))),
        snap: order.u32(block, 12),
        unit: Unit::PerSecond(1_000_000),
        offset: 0,
    };
    let mut options = block.get(16..block.len().saturating_sub(4)).unwrap_or_default();
    while options.len() >= 4 {
        let (code, length) = (order.u16(options, 0), usize::from(order.u16(options, 2)));
        if code == 0 {
            break;
        }
        let Some(value) = options.get(4..4 + length) else {
            return Err("interface option longer than its block");
        };
        match (code, value) {
            (IF_TSRESOL, [octet]) => {
                interface.unit = Unit::parse(*octet).ok_or("time resolution too fine")?;
            }
            (IF_TSOFFSET, value) if value.len() == 8 => {
                interface.offset = order.u64(value, 0).cast_signed();
            }
            (IF_TSRESOL | IF_TSOFFSET, _) => return Err("interface option of a wrong length"),
            _ => {}
        }
        options = options.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(interface)
}

fn damaged(buffer: &impl Window, text: &str) -> Fault {
    Fault::Unreadable(format!("damaged at offset {}: {text}", buffer.place()))
}
