//! Which format an input is in: by content, then by the caller's hint.

use crate::buffer::{Buffer, Order, Window};
use crate::{Fault, cut, erf, pcap, pcapng, snoop, tsh};

/// What the caller knows of the input; counts only when its content does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hint {
    /// Nothing.
    #[default]
    None,
    /// Its name says ERF.
    Erf,
    /// The user says TSH.
    Tsh,
}

/// What an input is, as far as its reader must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A capture that is read here.
    Capture,
    /// Compressed: to be decompressed first.
    Compressed,
    /// A variant of pcap that only libpcap reads.
    Libpcap,
}

pub(crate) enum Found {
    Pcap,
    Pcapng,
    Erf,
    Snoop,
    Tsh,
    Compressed,
    Libpcap,
}

/// Octets looked at to know a format without a magic.
const SAMPLE: usize = 8 << 10;
/// Records in a row that make a format without a magic unmistakable; fewer when they fill the input.
const ENOUGH: usize = 3;
/// How far the times of neighbouring records of a format without a magic lie apart, seconds.
const DAY: u32 = 86_400;

/// Magics of compressors.
const COMPRESSED: [&[u8]; 5] =
    [&[0x1f, 0x8b], &[0x1f, 0x9d], b"BZh", &[0xfd, b'7', b'z', b'X', b'Z', 0], &[0x28, 0xb5, 0x2f, 0xfd]];
/// First octets of what libpcap reads and this crate does not: modified pcap in both byte orders.
const LIBPCAP: [[u8; 4]; 4] =
    [[0xa1, 0xb2, 0xcd, 0x34], [0x34, 0xcd, 0xb2, 0xa1], [0xa1, 0x2b, 0x3c, 0x4d], [0x4d, 0x3c, 0x2b, 0xa1]];

pub(crate) fn kind(buffer: &mut Buffer, hint: Hint) -> Result<Found, Fault> {
    let got = buffer.fill(4)?;
    match got {
        0 => return Err(Fault::Unreadable("empty file".to_owned())),
        got @ ..4 => return Err(cut(buffer.place(), "file header", 4, got)),
        _ => {}
    }
    if pcap::magic(buffer.window()).is_some() {
        let got = buffer.fill(pcap::HEADER)?;
        if got < pcap::HEADER {
            return Err(cut(buffer.place(), "file header", pcap::HEADER, got));
        }
        return Ok(if pcap::is_common(buffer.window()) { Found::Pcap } else { Found::Libpcap });
    }
    let head = buffer.window();
    if head.starts_with(&pcapng::MAGIC) {
        return Ok(Found::Pcapng);
    }
    if LIBPCAP.iter().any(|magic| head.starts_with(magic)) {
        return Ok(Found::Libpcap);
    }
    buffer.fill(snoop::MAGIC.len())?;
    let head = buffer.window();
    if head.starts_with(snoop::MAGIC) {
        return Ok(Found::Snoop);
    }
    if COMPRESSED.iter().any(|magic| head.starts_with(magic)) {
        return Ok(Found::Compressed);
    }
    without_magic(buffer, hint)
}

fn without_magic(buffer: &mut Buffer, hint: Hint) -> Result<Found, Fault> {
    let filled = buffer.fill(SAMPLE);
    let waiting = match filled {
        Ok(_) => false,
        Err(Fault::Wait) => true,
        Err(fault) => return Err(fault),
    };
    let sample = buffer.window();
    let sample = sample.get(..SAMPLE.min(sample.len())).unwrap_or_default();
    let whole = !waiting && sample.len() < SAMPLE;
    let (is_erf, is_tsh) = (Erf.is_in(sample, whole, ENOUGH), Tsh.is_in(sample, whole, ENOUGH));
    match (is_erf, is_tsh, hint) {
        (true, false, _) => Ok(Found::Erf),
        (false, true, _) => Ok(Found::Tsh),
        (_, _, Hint::Erf) => Ok(Found::Erf),
        (_, _, Hint::Tsh) => Ok(Found::Tsh),
        // It may become one of them.
        _ if waiting && sample.len() < tsh::RECORD => Err(Fault::Wait),
        _ if waiting && (Erf.is_in(sample, false, 1) || Tsh.is_in(sample, false, 1)) => Err(Fault::Wait),
        _ => Err(Fault::Unreadable("unknown file format".to_owned())),
    }
}

/// A format without a magic, as a row of records that make sense.
trait Records {
    /// Octets by which a record is judged.
    const HEADER: usize;
    fn is_plausible(&self, record: &[u8]) -> bool;
    /// Octets from this record to the next.
    fn length(&self, record: &[u8]) -> usize;
    /// The record's time, seconds.
    fn seconds(&self, record: &[u8]) -> u32;

    /// Whether all records that a sample has room for make sense, and are `enough` or the `whole` input.
    fn is_in(&self, sample: &[u8], whole: bool, enough: usize) -> bool {
        let (mut at, mut count, mut last) = (0, 0, None);
        while let Some(record) = sample.get(at..).filter(|rest| rest.len() >= Self::HEADER) {
            let (time, octets) = (self.seconds(record), self.length(record));
            let far = last.is_some_and(|last: u32| last.abs_diff(time) > DAY);
            if !self.is_plausible(record) || far || octets == 0 {
                return false;
            }
            (last, count, at) = (Some(time), count + 1, at + octets);
        }
        count >= enough || (count > 0 && whole && at == sample.len())
    }
}

struct Erf;

impl Records for Erf {
    const HEADER: usize = erf::HEADER;

    fn is_plausible(&self, record: &[u8]) -> bool {
        erf::is_plausible(record)
    }

    fn length(&self, record: &[u8]) -> usize {
        erf::length(record)
    }

    fn seconds(&self, record: &[u8]) -> u32 {
        Order::Little.u32(record, 4)
    }
}

struct Tsh;

impl Records for Tsh {
    const HEADER: usize = tsh::RECORD;

    fn is_plausible(&self, record: &[u8]) -> bool {
        tsh::is_plausible(record)
    }

    fn length(&self, _: &[u8]) -> usize {
        tsh::RECORD
    }

    fn seconds(&self, record: &[u8]) -> u32 {
        Order::Big.u32(record, 0)
    }
}
