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

impl Interface {
    /// Seconds since 1970, as 32 bits hold them, and nanoseconds.
    #[inline(always)]
    fn time(&self, stamp: u64) -> (u32, i64) {
        let (seconds, nanos) = self.unit.split(stamp);
        (seconds.wrapping_add_signed(self.offset) as u32, nanos)
    }
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
    /// Octets of a block still to be passed over, and how long it is in all.
    skip: u64,
    passed_over: u64,
    /// Time of the last packet, for those without.
    last: (u32, i64),
}

impl Default for Pcapng {
    fn default() -> Self {
        Pcapng { order: Order::Little, interfaces: Vec::new(), skip: 0, passed_over: 0, last: (0, 0) }
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
        match self.common(buffer.window()) {
            Some(place) => Ok(Some(place)),
            None => self.next_of_any(buffer),
        }
    }

    /// The next packet if it lies whole and undamaged in an enhanced packet block at the window's begin, as nearly all do.
    #[inline(always)]
    fn common(&mut self, window: &[u8]) -> Option<Place> {
        let header = window.first_chunk::<28>()?;
        let foreign = self.order.is_foreign();
        let word = |at: usize| {
            let word = u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
            if foreign { word.swap_bytes() } else { word }
        };
        let (kind, whole, number) = (word(0), word(4), word(8));
        let (captured, length) = (word(20), word(24));
        let end = window.get(..whole as usize)?.last_chunk::<4>()?;
        let fits = captured <= MAX_CAPTURED && u64::from(captured) + 32 <= u64::from(whole);
        if self.skip != 0
            || kind != ENHANCED_PACKET
            || *end != [header[4], header[5], header[6], header[7]]
            || !whole.is_multiple_of(4)
            || whole > MAX_KEPT
            || !fits
        {
            return None;
        }
        let interface = *self.interfaces.get(number as usize)?;
        self.last = interface.time(u64::from(word(12)) << 32 | u64::from(word(16)));
        Some(self.place(&interface, 28, captured, length, whole))
    }

    #[inline(never)]
    fn next_of_any(&mut self, buffer: &mut impl Window) -> Result<Option<Place>, Fault> {
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
            buffer.skip(&mut self.skip)?;
            if self.skip > 0 {
                let got = self.passed_over - self.skip;
                return Err(cut(buffer.place(), "block", self.passed_over as usize, got as usize));
            }
        }
        match buffer.fill(8)? {
            0 => return Ok(None),
            got @ ..8 => return Err(cut(buffer.place(), "block header", 8, got)),
            _ => {}
        }
        if buffer.window().starts_with(&MAGIC) {
            // Its own length is in the byte order that it declares.
            let got = buffer.fill(12)?;
            if got < 12 {
                return Err(cut(buffer.place(), "section header", 12, got));
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
        self.passed_over = self.skip;
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
            self.last = interface.time(stamp);
        }
        Ok(self.place(&interface, at, captured, length, block.length))
    }

    /// A packet of the time last told.
    #[inline(always)]
    fn place(&self, interface: &Interface, at: u32, captured: u32, length: u32, whole: u32) -> Place {
        let (seconds, nanos) = self.last;
        Place {
            seconds,
            nanos,
            link: interface.link,
            at: at as usize,
            captured: captured as usize,
            length,
            whole: whole as usize,
        }
    }
}

/// Has the first octets of a block in the window.
#[inline]
fn whole(buffer: &mut impl Window, octets: u32) -> Result<&[u8], Fault> {
    let got = buffer.fill(octets as usize)?;
    if got < octets as usize {
        return Err(cut(buffer.place(), "block", octets as usize, got));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::Buffer;
    use proptest::prelude::*;

    /// A section, two interfaces, then enhanced packet blocks.
    fn file(order: Order, lengths: &[u8]) -> Vec<u8> {
        let word = |number: u32| match order {
            Order::Little => number.to_le_bytes(),
            Order::Big => number.to_be_bytes(),
        };
        let half = |number: u16| match order {
            Order::Little => number.to_le_bytes(),
            Order::Big => number.to_be_bytes(),
        };
        let mut octets = MAGIC.to_vec();
        octets.extend([word(28), word(0x1a2b_3c4d)].concat());
        octets.extend([half(1), half(0)].concat());
        octets.extend([0xff; 8]);
        octets.extend(word(28));
        for link in [1, 101] {
            octets.extend([word(INTERFACE), word(20)].concat());
            octets.extend([half(link), half(0)].concat());
            octets.extend([word(0), word(20)].concat());
        }
        for (number, &length) in (0u32..).zip(lengths) {
            let (captured, whole) = (u32::from(length), 32 + u32::from(length).next_multiple_of(4));
            octets.extend([word(ENHANCED_PACKET), word(whole), word(number % 2)].concat());
            octets
                .extend([word(0x0005_e000), word(number << 24), word(captured), word(captured + 9)].concat());
            octets.resize(octets.len() + whole as usize - 32, length);
            octets.extend(word(whole));
        }
        octets
    }

    proptest! {
        /// What is common is read as what is not.
        #[test]
        fn common_blocks_are_blocks(
            lengths in prop::collection::vec(any::<u8>(), 1..12),
            big in any::<bool>(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            cut in prop_oneof![Just(0usize), 0usize..40],
        ) {
            let mut octets = file(if big { Order::Big } else { Order::Little }, &lengths);
            for (at, octet) in &changes {
                let at = at.index(octets.len());
                octets[at] = *octet;
            }
            octets.truncate(octets.len().saturating_sub(cut));
            let buffer = || Buffer::new(Box::new(std::io::Cursor::new(octets.clone())));
            let (mut one, mut other) = (Pcapng::default(), Pcapng::default());
            let (mut ours, mut theirs) = (buffer(), buffer());
            let mut count = 0;
            loop {
                let (found, expected) = (one.next(&mut ours), other.next_of_any(&mut theirs));
                prop_assert_eq!(&found, &expected);
                let Ok(Some(place)) = found else { break };
                ours.pass(place.whole);
                theirs.pass(place.whole);
                count += 1;
            }
            prop_assert!(!changes.is_empty() || cut != 0 || count == lengths.len());
        }
    }
}
