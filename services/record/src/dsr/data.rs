//! DATA (0x50): user data of one side, or the text of an event (section 7.12).

use super::{code, pad};
use crate::wire::{self, Put};

/// Subtype bit: the length is 16 bits wide. Always set by writers.
const WIDE: u8 = 0x80;
/// Subtype bit: source side.
pub const SRC: u8 = 0x10;
/// Subtype bit: destination side.
pub const DST: u8 = 0x20;
/// Low nibble: zlib-compressed (events).
pub const COMPRESSED: u8 = 0x08;
/// Most octets that a DSR is read or written with.
pub const MAX: usize = 65_528;

/// User data in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DataView<'a> {
    /// Subtype without the width bit: side and what the octets are.
    pub subtype: u8,
    /// Octets configured (`-U`), or the uncompressed size.
    pub size: u16,
    /// The octets captured.
    pub bytes: &'a [u8],
}

impl<'a> DataView<'a> {
    /// Reads a whole DSR, of the old form too. The count is bounded by the DSR's length.
    pub fn parse(b: &'a [u8]) -> Option<DataView<'a>> {
        let [_, st, q, _] = wire::array(b, 0)?;
        let subtype = if st & WIDE != 0 { st & !WIDE } else { (st & 0x0f) | (q & (SRC | DST)) };
        let body = b.get(8..)?;
        let count = usize::from(wire::be16(b, 6)?).min(body.len()).min(MAX);
        Some(DataView { subtype, size: wire::be16(b, 4)?, bytes: body.get(..count)? })
    }

    /// Appends the DSR. At most [`MAX`] octets are written.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let count = self.bytes.len().min(MAX);
        let at = out.len();
        out.bytes(&[code::DATA, self.subtype | WIDE]);
        out.be16((2 + count.div_ceil(4)) as u16);
        out.be16(self.size);
        out.be16(count as u16);
        out.bytes(self.bytes.get(..count).unwrap_or(&[]));
        pad(out, at);
    }
}

/// User data, owned.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Data {
    /// Subtype without the width bit: side and what the octets are.
    pub subtype: u8,
    /// Octets configured (`-U`), or the uncompressed size.
    pub size: u16,
    /// The octets captured.
    pub bytes: Vec<u8>,
}

impl Data {
    /// Borrowed.
    pub fn view(&self) -> DataView<'_> {
        DataView { subtype: self.subtype, size: self.size, bytes: &self.bytes }
    }

    /// The same seen from the other side.
    pub fn reversed(self) -> Data {
        let sides = (self.subtype & SRC) << 1 | (self.subtype & DST) >> 1;
        Data { subtype: (self.subtype & !(SRC | DST)) | sides, ..self }
    }
}

impl From<DataView<'_>> for Data {
    fn from(v: DataView<'_>) -> Data {
        Data { subtype: v.subtype, size: v.size, bytes: v.bytes.to_vec() }
    }
}
