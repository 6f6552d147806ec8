//! The common capture file, read in large pieces: classic pcap, version 2.4, Ethernet, from a disk.
//!
//! libpcap reads through stdio in pieces of 4 KiB, which costs a quarter of a sensor's time. Whatever is not the common
//! case (other formats, other link types, a filter, a pipe) is libpcap's; for the common case this reader does what libpcap
//! does, which its test checks on damaged files too. One thing is better: times after January 2038 are not negative.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use flow::Time;

use crate::offline::Fault;

/// The largest capture length that libpcap accepts.
const MAX_CAPTURED: u32 = 262_144;
/// Octets read at a time.
const PIECE: usize = 256 << 10;
/// Link type Ethernet.
const ETHERNET: u32 = 1;

/// An open file of the common kind.
pub struct QuickFile {
    file: File,
    buffer: Vec<u8>,
    begin: usize,
    end: usize,
    snap: u32,
    swapped: bool,
    nanos: bool,
    /// Times are cut to microseconds, as 3.0.8 does.
    micros_only: bool,
}

impl QuickFile {
    /// Opens a file when it is of the common kind; `None` leaves it to libpcap.
    pub fn open(path: &Path, micros_only: bool) -> Option<Self> {
        let mut file = File::open(path).ok()?;
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        let mut head = [0; 24];
        file.read_exact(&mut head).ok()?;
        let magic = u32::from_le_bytes(*head.first_chunk()?);
        let (swapped, nanos) = match magic {
            0xa1b2_c3d4 => (false, false),
            0xa1b2_3c4d => (false, true),
            0xd4c3_b2a1 => (true, false),
            0x4d3c_b2a1 => (true, true),
            _ => return None,
        };
        let word = |at: usize| Some(word(&head, at, swapped));
        let version = if swapped { word(4)?.rotate_left(16) } else { word(4)? };
        if version != 0x0004_0002 || word(20)? != ETHERNET {
            return None;
        }
        let snap = match word(16)? {
            0 | 0x8000_0000.. => MAX_CAPTURED,
            snap => snap,
        };
        Some(QuickFile { file, buffer: vec![0; PIECE], begin: 0, end: 0, snap, swapped, nanos, micros_only })
    }

    /// Gives up to `most` packets to `take`: time, octets, length on the wire. Returns how many, 0 at the end.
    ///
    /// # Errors
    /// [`Fault::Cut`], [`Fault::Unreadable`].
    pub fn read<F>(&mut self, most: usize, mut take: F) -> Result<usize, Fault>
    where
        F: FnMut(Time, &[u8], u32),
    {
        let mut count = 0;
        while count < most {
            let got = self.fill(16)?;
            if got < 16 {
                return match got {
                    0 => Ok(count),
                    _ if count > 0 => Ok(count),
                    got => Err(Fault::Cut(format!(
                        "truncated dump file; tried to read 16 header bytes, only got {got}"
                    ))),
                };
            }
            let header = self.buffer.get(self.begin..).unwrap_or_default();
            let word = |at| word(header, at, self.swapped);
            let (seconds, fraction) = (i64::from(word(0)), i64::from(word(4)));
            let (captured, length) = (word(8), word(12));
            if captured > MAX_CAPTURED {
                return match count {
                    0 => Err(Fault::Unreadable(format!(
                        "invalid packet capture length {captured}, bigger than maximum of {MAX_CAPTURED}"
                    ))),
                    count => Ok(count),
                };
            }
            let whole = 16 + captured as usize;
            let got = self.fill(whole)?;
            if got < whole {
                return match count {
                    0 => Err(Fault::Cut(format!(
                        "truncated dump file; tried to read {captured} captured bytes, only got {}",
                        got.saturating_sub(16)
                    ))),
                    count => Ok(count),
                };
            }
            let time = match (self.nanos, self.micros_only) {
                (true, false) => Time::from_nanos(seconds, fraction),
                (true, true) => Time::from_micros(seconds, fraction / 1000),
                (false, _) => Time::from_micros(seconds, fraction),
            };
            let kept = captured.min(self.snap) as usize;
            let frame = self.buffer.get(self.begin + 16..self.begin + 16 + kept).unwrap_or_default();
            take(time, frame, length);
            self.begin += whole;
            count += 1;
        }
        Ok(count)
    }

    /// Has `wanted` octets in the buffer from `begin` on, or as many as the file still has; returns how many are there.
    fn fill(&mut self, wanted: usize) -> Result<usize, Fault> {
        if self.end - self.begin >= wanted {
            return Ok(self.end - self.begin);
        }
        self.buffer.copy_within(self.begin..self.end, 0);
        self.end -= self.begin;
        self.begin = 0;
        if self.buffer.len() < wanted {
            // At most MAX_CAPTURED and a header.
            self.buffer.resize(wanted + PIECE, 0);
        }
        while self.end < wanted {
            match self.file.read(self.buffer.get_mut(self.end..).unwrap_or_default()) {
                Ok(0) => break,
                Ok(count) => self.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Fault::Unreadable(error.to_string())),
            }
        }
        Ok(self.end)
    }
}

fn word(octets: &[u8], at: usize, swapped: bool) -> u32 {
    let four = octets.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
    if swapped { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pcap::{Capture, Precision};
    use proptest::prelude::*;

    /// What a reader made of a file: packets, and how it ended.
    type Read = (Vec<(Time, Vec<u8>, u32)>, String);

    /// libpcap takes the words of a time as signed when they are in our byte order, and as unsigned otherwise.
    fn by_libpcap(path: &Path, nanos: bool) -> Read {
        let unsigned = |value: i64, unit: i64| if value < 0 { value + (1 << 32) * unit } else { value };
        let mut packets = Vec::new();
        let mut capture = Capture::from_file_with_precision(path, Precision::Nano).unwrap();
        loop {
            match capture.next_packet() {
                Ok(packet) => {
                    let stamp = packet.header.ts;
                    let fraction = unsigned(stamp.tv_usec, if nanos { 1 } else { 1000 });
                    let time = Time::from_nanos(unsigned(stamp.tv_sec, 1), fraction);
                    packets.push((time, packet.data.to_vec(), packet.header.len));
                }
                Err(pcap::Error::NoMorePackets) => return (packets, String::new()),
                Err(error) => return (packets, crate::offline::plain(&error)),
            }
        }
    }

    fn by_us(mut file: QuickFile, most: usize) -> Read {
        let mut packets = Vec::new();
        loop {
            match file.read(most, |time, frame, length| packets.push((time, frame.to_vec(), length))) {
                Ok(0) => return (packets, String::new()),
                Ok(_) => {}
                Err(Fault::Cut(error) | Fault::Unreadable(error) | Fault::Filter(error)) => {
                    return (packets, error);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn reads_what_libpcap_reads(
            kind in 0..4usize,
            snap in prop_oneof![Just(0u32), Just(65_535), 1..200u32, Just(u32::MAX), Just(262_144)],
            packets in prop::collection::vec((any::<u32>(), prop_oneof![0..1_000_000u32, any::<u32>()], 0..300usize, any::<u16>()), 0..12),
            odd in prop::option::of((0..4000usize, any::<u8>())),
            cut in prop::option::of(24..4000usize),
            most in 1..5usize,
        ) {
            let (swapped, nanos) = (kind & 1 == 1, kind & 2 == 2);
            let four = |value: u32| if swapped { value.to_be_bytes() } else { value.to_le_bytes() };
            let two = |value: u16| if swapped { value.to_be_bytes() } else { value.to_le_bytes() };
            let mut octets = four(if nanos { 0xa1b2_3c4d } else { 0xa1b2_c3d4 }).to_vec();
            octets.extend([two(2), two(4)].concat());
            octets.extend([0; 8]);
            octets.extend(four(snap));
            octets.extend(four(1));
            for (seconds, fraction, length, wire) in &packets {
                for value in [*seconds, *fraction, *length as u32, u32::from(*wire)] {
                    octets.extend(four(value));
                }
                octets.extend((0..*length).map(|i| i as u8));
            }
            if let Some((at, value)) = odd && at >= 24 && at < octets.len() {
                octets[at] = value;
            }
            if let Some(cut) = cut {
                octets.truncate(cut);
            }
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), &octets).unwrap();
            let quick = QuickFile::open(file.path(), false).expect("the common kind");
            let (ours, theirs) = (by_us(quick, most), by_libpcap(file.path(), nanos));
            prop_assert_eq!(ours.0, theirs.0);
            // Of a packet longer than the snap length libpcap counts the octets in two parts; which limit a length is
            // beyond it says in one way or another.
            let words = |text: &str| {
                let begin = text.split(", bigger").next().unwrap_or_default();
                begin.replace(|letter: char| letter.is_ascii_digit(), "")
            };
            prop_assert_eq!(words(&ours.1), words(&theirs.1));
        }
    }

    #[test]
    fn leaves_the_uncommon_to_libpcap() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for octets in [&b"short"[..], &[0x0a; 100], b"a line of text that is longer than a header"] {
            std::fs::write(file.path(), octets).unwrap();
            assert!(QuickFile::open(file.path(), false).is_none());
        }
    }
}
