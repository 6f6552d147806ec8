//! The initial management record with which every stream begins: reading it, and being turned away instead of it.

use std::io::{self, Read};

use crate::error::Refusal;
use crate::open::read_up_to;
use crate::{Error, INITIAL};

const COOKIE_2: [u8; 4] = [0xe5, 0x61, 0x7a, 0xcb];
const COOKIE_3: [u8; 4] = [0xe5, 0x71, 0x2d, 0xcb];
const COOKIE_5: [u8; 4] = [0xe5, 0x71, 0x50, 0xcb];

/// Status bits that name the type of the source id (record chapter 4.1).
const ID_TYPE: u32 = 0x00e0_0000;

/// Status bit: SASL follows.
const SASL: u32 = 0x0000_1000;

/// The initial management record of a stream, as it was received but for the byte order fault of C radium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Initial {
    bytes: [u8; INITIAL],
}

impl Initial {
    /// Reads the record from a file or socket that has just been opened. `input` is its name for messages.
    pub(crate) fn read(stream: &mut (impl Read + ?Sized), input: &str) -> Result<Initial, Error> {
        let mut stream = stream;
        let fail = |e| Error::io(input, e);
        let mut bytes = [0; INITIAL];
        let (head, rest) = bytes.split_at_mut(16);
        // Sixteen octets decide, as in the C clients; an error record may be only four long and then the end.
        let mut got = 0;
        while got < head.len() {
            let more = read_some(&mut stream, head.get_mut(got..).unwrap_or_default()).map_err(fail)?;
            if more == 0 {
                break;
            }
            got += more;
            if let Some(refusal) = refusal(head.get(..got).unwrap_or_default()) {
                return Err(Error::Refused { input: input.into(), reason: refusal });
            }
        }
        match head.get(8..12) {
            _ if got < head.len() => {
                return Err(if head.first().is_some_and(|t| got > 0 && t & 0xf0 == 0x80) {
                    Error::ShortInitial { input: input.into(), octets: got }
                } else if got == 0 {
                    Error::io(input, io::ErrorKind::UnexpectedEof.into())
                } else {
                    Error::NotArgus { input: input.into() }
                });
            }
            Some(c) if c == COOKIE_3 || c == COOKIE_5 => {}
            Some(c) if c == COOKIE_2 => return Err(Error::Argus2 { input: input.into() }),
            _ => return Err(Error::NotArgus { input: input.into() }),
        }
        let more = read_up_to(&mut stream, rest).map_err(fail)?;
        if more < rest.len() {
            return Err(Error::ShortInitial { input: input.into(), octets: 16 + more });
        }
        Ok(Initial::from_bytes(bytes))
    }

    /// Takes 128 octets whose cookie is known, and mends the status word of radium 3.0.8.2, which stores it in host
    /// order in this one record (transport chapter 2.2).
    fn from_bytes(mut bytes: [u8; INITIAL]) -> Initial {
        let status = &mut bytes[4..8];
        let word = u32::from_be_bytes([status[0], status[1], status[2], status[3]]);
        if word & ID_TYPE == 0 && word.swap_bytes() & ID_TYPE != 0 {
            status.reverse();
        }
        Initial { bytes }
    }

    /// The record's octets.
    pub fn bytes(&self) -> &[u8; INITIAL] {
        &self.bytes
    }

    /// The format version that the cookie names: 3 or 5.
    pub fn version(&self) -> u8 {
        if self.bytes[8..12] == COOKIE_5 { 5 } else { 3 }
    }

    /// True when the server wants SASL before anything else.
    pub fn wants_authentication(&self) -> bool {
        let status = u32::from_be_bytes([self.bytes[4], self.bytes[5], self.bytes[6], self.bytes[7]]);
        status & SASL != 0
    }
}

fn read_some(stream: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(into) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// An error management record: cause 8, the options saying why.
fn refusal(bytes: &[u8]) -> Option<Refusal> {
    match bytes {
        [kind, cause, _, _, ..] if kind & 0xf0 == 0x80 && cause & 0xf0 == 0x80 => {
            // Bit 3 only says that a radium speaks.
            Some(match cause & 0x07 {
                1 => Refusal::AccessDenied,
                2 => Refusal::TooManyClients,
                other => Refusal::Other(other),
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn radium_3() -> [u8; INITIAL] {
        let mut b = [0; INITIAL];
        b[..12].copy_from_slice(&[0x83, 0x10, 0, 0x20, 0, 0, 0x80, 0, 0xe5, 0x71, 0x2d, 0xcb]);
        b[120..124].copy_from_slice(&[192, 0, 2, 200]);
        b
    }

    #[test]
    fn mends_the_status_of_c_radium() {
        let initial = Initial::read(&mut &radium_3()[..], "x").unwrap();
        assert_eq!(initial.bytes()[4..8], [0, 0x80, 0, 0]);
        assert_eq!(initial.version(), 3);
        assert!(!initial.wants_authentication());
    }

    #[test]
    fn decodes_a_four_octet_refusal() {
        for (bytes, expected) in [
            ([0x83, 0x82, 0, 1], Refusal::TooManyClients),
            ([0x85, 0x8a, 0, 1], Refusal::TooManyClients),
            ([0x83, 0x81, 0, 1], Refusal::AccessDenied),
            ([0x83, 0x84, 0, 1], Refusal::Other(4)),
        ] {
            let error = Initial::read(&mut &bytes[..], "x").unwrap_err();
            assert!(matches!(error, Error::Refused { reason, .. } if reason == expected));
        }
    }

    #[test]
    fn every_cut_is_an_error() {
        let whole = radium_3();
        for cut in 0..INITIAL {
            Initial::read(&mut &whole[..cut], "x").unwrap_err();
        }
        let error = Initial::read(&mut &whole[..64], "x").unwrap_err();
        assert_eq!(error.to_string(), "x: ends after 64 of the 128 octets of the initial management record");
    }

    #[test]
    fn another_protocol_is_not_argus() {
        let error = Initial::read(&mut &b"SSH-2.0-OpenSSH_9.9p1 Debian-3\r\n"[..], "h:22").unwrap_err();
        assert_eq!(error.to_string(), "h:22: not an argus stream");
    }
}
