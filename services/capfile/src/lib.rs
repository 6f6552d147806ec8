//! Reads packets from capture files, whatever their format, in constant memory.
//!
//! A [`Reader`] is given anything that can be read and finds out by the first octets what it is: pcap in either byte
//! order with micro- or nanoseconds, pcapng, Endace ERF, Sun snoop, NLANR TSH. ERF and TSH have no magic: they are
//! taken by content when several records in a row make sense, else by the caller's [`Hint`]. Sensor-and-transport
//! chapter, section 1.5.
//!
//! An input that has nothing *yet* (a growing file, a pipe) answers with [`std::io::ErrorKind::WouldBlock`]; the reader
//! then returns [`Fault::Wait`], has lost nothing, and can be asked again.
//!
//! The crates there are do not fit: `pcap-parser` and `pcap-file` build a list of options for every pcapng packet,
//! neither can be asked again after an incomplete packet of a growing file, and none reads ERF, snoop or TSH. libpcap
//! refuses pcapng files with several link types, and reads in pieces of 4 KiB.
//!
//! | file | what |
//! |---|---|
//! | `buffer` | the octets of the input, a window that moves |
//! | `detect` | which format it is |
//! | `pcap`, `pcapng`, `erf`, `snoop`, `tsh` | one format each |
//! | `packets` | the packets that are in memory already |
//! | `link` | link types as files number them, and as libpcap does |

#![forbid(unsafe_code)]

mod buffer;
mod detect;
mod erf;
mod link;
mod packets;
mod pcap;
mod pcapng;
mod snoop;
mod tsh;

use std::io::Read;

use thiserror::Error;

pub use buffer::Input;
use buffer::{Buffer, Window};
pub use detect::{Hint, Kind};
use packets::File;
pub use packets::{OtherPackets, Packets};
pub use pcap::PcapPackets;

/// The largest capture length that is believed, octets; libpcap's.
pub const MAX_CAPTURED: u32 = 262_144;

/// One packet as it was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Whole seconds since 1970, as 32 bits hold them.
    pub seconds: u32,
    /// Nanoseconds within the second; a damaged pcap file may say a second or more.
    pub nanos: i64,
    /// Link type: libpcap's `DLT_*` number.
    pub link: i32,
    /// What was captured of it.
    pub data: &'a [u8],
    /// Its length on the wire, octets, without the frame check sequence where the format says that it has one.
    pub length: u32,
}

/// Why there is no next packet.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// It is not a capture, it is damaged, or it cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// It ends in the middle of a packet or of its header.
    #[error("{0}")]
    Cut(String),
    /// There is nothing yet; ask again.
    #[error("nothing yet")]
    Wait,
}

/// A capture file being read.
pub struct Reader {
    buffer: Buffer,
    hint: Hint,
    format: Option<Format>,
    /// What ended the last batch, told with the next one.
    fault: Option<Fault>,
}

enum Format {
    Pcap(pcap::Pcap),
    Pcapng(Box<pcapng::Pcapng>),
    Erf(erf::Erf),
    Snoop(snoop::Snoop),
    Tsh(tsh::Tsh),
}

impl Reader {
    /// A reader of `input`. Nothing is read yet.
    pub fn new(input: Input, hint: Hint) -> Reader {
        Reader { buffer: Buffer::new(input), hint, format: None, fault: None }
    }

    /// Finds out what the input is.
    ///
    /// # Errors
    /// [`Fault::Unreadable`] for an empty input and for one of no known format, [`Fault::Cut`] for one that ends within
    /// the file's header, [`Fault::Wait`].
    pub fn detect(&mut self) -> Result<Kind, Fault> {
        if self.format.is_some() {
            return Ok(Kind::Capture);
        }
        let kind = detect::kind(&mut self.buffer, self.hint)?;
        self.format = Some(match kind {
            detect::Found::Pcap => Format::Pcap(pcap::Pcap::open(&mut self.buffer)?),
            detect::Found::Pcapng => Format::Pcapng(Box::default()),
            detect::Found::Erf => Format::Erf(erf::Erf),
            detect::Found::Snoop => Format::Snoop(snoop::Snoop::open(&mut self.buffer)?),
            detect::Found::Tsh => Format::Tsh(tsh::Tsh::default()),
            detect::Found::Compressed => return Ok(Kind::Compressed),
            detect::Found::Libpcap => return Ok(Kind::Libpcap),
        });
        Ok(Kind::Capture)
    }

    /// The link type of the next packet, as far as it can be known before there is one: of the file, or of the first
    /// interface. `None` at the end of the input.
    ///
    /// # Errors
    /// As [`Reader::read`].
    pub fn link(&mut self) -> Result<Option<i32>, Fault> {
        self.detect()?;
        match &mut self.format {
            Some(Format::Pcap(file)) => Ok(Some(file.link)),
            Some(Format::Pcapng(file)) => file.first_link(&mut self.buffer),
            Some(Format::Erf(_)) => erf::first_link(&mut self.buffer),
            Some(Format::Snoop(file)) => Ok(Some(file.link)),
            Some(Format::Tsh(_)) => Ok(Some(link::RAW)),
            None => Ok(None),
        }
    }

    /// Gives up to `most` packets to `take`. Returns how many there were; 0 is the end.
    ///
    /// # Errors
    /// All packets before the damage have been given then.
    pub fn read<F: FnMut(Packet<'_>)>(&mut self, most: usize, take: F) -> Result<usize, Fault> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        self.detect()?;
        let buffer = &mut self.buffer;
        let (count, fault) = match &mut self.format {
            Some(Format::Pcap(file)) => batch(most, take, buffer, |buffer| file.next(buffer)),
            Some(Format::Pcapng(file)) => batch(most, take, buffer, |buffer| file.next(buffer)),
            Some(Format::Erf(file)) => batch(most, take, buffer, |buffer| file.next(buffer)),
            Some(Format::Snoop(file)) => batch(most, take, buffer, |buffer| file.next(buffer)),
            Some(Format::Tsh(file)) => batch_tsh(most, take, buffer, file),
            None => return Err(Fault::Unreadable("unknown file format".to_owned())),
        };
        match fault {
            Some(fault) if count == 0 => Err(fault),
            fault => {
                // To wait is no state: the next call finds out again.
                self.fault = fault.filter(|fault| *fault != Fault::Wait);
                Ok(count)
            }
        }
    }

    /// The next packets where they lie in memory: at least one, none at the end. `None` for TSH, whose packets are put
    /// together: [`Reader::read`] reads it.
    ///
    /// # Errors
    /// As [`Reader::read`], which can be used in turn with this.
    pub fn packets(&mut self) -> Result<Option<Packets<'_>>, Fault> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        self.detect()?;
        let file = match &mut self.format {
            Some(Format::Pcap(file)) => {
                return file.packets(&mut self.buffer).map(|packets| Some(Packets::Pcap(packets)));
            }
            Some(Format::Pcapng(file)) => File::Pcapng(file),
            Some(Format::Erf(file)) => File::Erf(file),
            Some(Format::Snoop(file)) => File::Snoop(file),
            Some(Format::Tsh(_)) | None => return Ok(None),
        };
        OtherPackets::new(file, &mut self.buffer).map(|packets| Some(Packets::Other(packets)))
    }

    /// The whole input again, with what was looked at: for an input that is of another [`Kind`].
    pub fn into_input(self) -> Input {
        let (seen, rest) = self.buffer.into_parts();
        Box::new(std::io::Cursor::new(seen).chain(rest))
    }
}

/// What a packet is before its octets are borrowed: where they begin in the window, how many, and how many to pass over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    seconds: u32,
    nanos: i64,
    link: i32,
    /// Octets from the window's begin to the packet's.
    at: usize,
    captured: usize,
    length: u32,
    /// Octets from the window's begin to the next packet's.
    whole: usize,
}

#[inline]
fn batch<F, N>(most: usize, mut take: F, buffer: &mut Buffer, mut next: N) -> (usize, Option<Fault>)
where
    F: FnMut(Packet<'_>),
    N: FnMut(&mut Buffer) -> Result<Option<Place>, Fault>,
{
    let mut count = 0;
    while count < most {
        match next(buffer) {
            Ok(Some(place)) => {
                let Place { seconds, nanos, link, at, captured, length, whole } = place;
                let data = buffer.window().get(at..at + captured).unwrap_or_default();
                take(Packet { seconds, nanos, link, data, length });
                buffer.pass(whole);
                count += 1;
            }
            Ok(None) => break,
            Err(fault) => return (count, Some(fault)),
        }
    }
    (count, None)
}

fn batch_tsh<F>(most: usize, mut take: F, buffer: &mut Buffer, file: &mut tsh::Tsh) -> (usize, Option<Fault>)
where
    F: FnMut(Packet<'_>),
{
    let mut count = 0;
    while count < most {
        match file.next(buffer) {
            Ok(Some(packet)) => take(packet),
            Ok(None) => break,
            Err(fault) => return (count, Some(fault)),
        }
        count += 1;
    }
    (count, None)
}

/// The words for an input that ends where `wanted` octets of `what` should be, in what begins at octet `place`.
pub(crate) fn cut(place: u64, what: &str, wanted: usize, got: usize) -> Fault {
    Fault::Cut(format!(
        "truncated dump file; tried to read {wanted} {what} bytes, only got {got}, at offset {place}"
    ))
}
