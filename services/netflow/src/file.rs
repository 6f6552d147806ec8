//! Files of export datagrams one after the other, without anything between them (foreign formats chapter, 1.2).

use std::io::{self, Read};

use crate::sets::{IPFIX_HEADER, V9_HEADER};
use crate::{be16, fixed};

/// A datagram has no more octets.
const LONGEST: usize = 65_535;
/// Octets of a header of version 1, and of its records: some exporters round these up.
const V1: (usize, usize, usize) = (16, 48, 52);

/// The datagrams of a file. Nothing says how long one is but what is in it.
pub struct Datagrams<R> {
    input: R,
    buffer: Vec<u8>,
    /// Octets of the buffer that were handed out.
    used: usize,
    ended: bool,
    /// Octets in front of the buffer.
    offset: u64,
}

impl<R: Read> Datagrams<R> {
    /// Reads from `input`.
    pub fn new(input: R) -> Datagrams<R> {
        Datagrams { input, buffer: Vec::new(), used: 0, ended: false, offset: 0 }
    }

    /// The next datagram; the last one may be cut.
    ///
    /// # Errors
    /// What the input failed with; [`io::ErrorKind::InvalidData`] where no datagram of a known version begins.
    #[allow(clippy::should_implement_trait)] // The datagram borrows from the reader.
    pub fn next(&mut self) -> io::Result<Option<&[u8]>> {
        self.fill()?;
        let rest = self.buffer.get(self.used..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        let Some(length) = length(rest) else {
            let text = format!("offset {}: no export datagram begins here", self.offset + self.used as u64);
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        };
        let from = self.used;
        self.used += length.min(rest.len());
        Ok(self.buffer.get(from..self.used))
    }

    /// Gathers the longest datagram there can be, and the beginning of the one behind it.
    fn fill(&mut self) -> io::Result<()> {
        if self.ended || self.buffer.len() - self.used > LONGEST + 2 {
            return Ok(());
        }
        self.buffer.drain(..self.used);
        self.offset += self.used as u64;
        self.used = 0;
        let wanted = 2 * (LONGEST + 2) - self.buffer.len();
        let got = (&mut self.input).take(wanted as u64).read_to_end(&mut self.buffer)?;
        self.ended = got < wanted;
        Ok(())
    }
}

/// Octets of the datagram at the beginning; more than there are when it is cut.
fn length(octets: &[u8]) -> Option<usize> {
    let length = match be16(octets, 0)? {
        1 => {
            let (header, short, long) = V1;
            let count = usize::from(be16(octets, 2)?);
            let (short, long) = (header + short * count, header + long * count);
            if !follows(octets, short) && follows(octets, long) { long } else { short }
        }
        5..=8 => {
            let (header, record) = fixed::sizes(octets)?;
            header + record * usize::from(be16(octets, 2)?)
        }
        9 => sets(octets),
        10 => usize::from(be16(octets, 2)?).max(IPFIX_HEADER),
        _ => return None,
    };
    (length <= LONGEST).then_some(length)
}

/// Whether the file ends at a place, or another datagram begins there.
fn follows(octets: &[u8], at: usize) -> bool {
    at == octets.len() || be16(octets, at).is_some_and(|version| matches!(version, 1 | 5..=10))
}

/// Version 9 says how many records it has, and only templates say how long these are: it ends where no set begins.
fn sets(octets: &[u8]) -> usize {
    let mut at = V9_HEADER;
    while let (Some(id), Some(length)) = (be16(octets, at), be16(octets, at + 2)) {
        let end = at + usize::from(length);
        if (2..256).contains(&id) || length < 4 || end > LONGEST {
            break;
        }
        at = end;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[u16]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    fn padded(head: &[u16], length: usize) -> Vec<u8> {
        let mut octets = words(head);
        octets.resize(length, 0);
        octets
    }

    /// Lengths of the datagrams of a file, and whether it is one to its end.
    fn lengths(file: &[u8]) -> (Vec<usize>, bool) {
        let mut datagrams = Datagrams::new(file);
        let mut lengths = Vec::new();
        loop {
            match datagrams.next() {
                Ok(Some(datagram)) => lengths.push(datagram.len()),
                Ok(None) => return (lengths, true),
                Err(_) => return (lengths, false),
            }
        }
    }

    #[test]
    fn datagrams_of_all_versions_end_where_the_next_begins() {
        let v1_long = padded(&[1, 2], 16 + 2 * 52);
        let v1 = padded(&[1, 3], 16 + 3 * 48);
        let v5 = padded(&[5, 30], 24 + 30 * 48);
        let v7 = padded(&[7, 1], 24 + 52);
        let mut v8 = padded(&[8, 2], 28 + 2 * 32);
        v8[22] = 3;
        let mut v9 = padded(&[9, 5], 20);
        v9.extend(padded(&[0, 16], 16));
        v9.extend(padded(&[256, 1000], 1000));
        let ipfix = padded(&[10, 444], 444);
        let all = [&v1_long, &v5, &v9, &ipfix, &v9, &v8, &v7, &v1];
        let file: Vec<u8> = all.iter().flat_map(|part| part.iter().copied()).collect();
        let wanted: Vec<usize> = all.iter().map(|part| part.len()).collect();
        // Longer than what is read at once.
        let many: Vec<u8> = file.repeat(100);
        assert_eq!(lengths(&file), (wanted.clone(), true));
        assert_eq!(lengths(&many), (wanted.repeat(100), true));
        // A cut one is handed out as far as it goes.
        let cut = &file[..file.len() - 5];
        assert_eq!(lengths(cut).0.last(), Some(&(v1.len() - 5)));
        let mut spoilt = v5.clone();
        spoilt.extend(words(&[77, 1, 1]));
        assert_eq!(lengths(&spoilt), (vec![v5.len()], false));
        assert_eq!(lengths(b""), (vec![], true));
        assert_eq!(lengths(b"x"), (vec![], false));
    }
}
