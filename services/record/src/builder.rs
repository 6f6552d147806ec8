//! Writing a record DSR by DSR into a reused buffer, as the sensor does.

use crate::header::{Cause, Header, Kind, Version};
use crate::model::EncodeError;

/// Appends one record to a buffer. Nothing is allocated once the buffer has grown to the size of the longest
/// record. A builder that is dropped unfinished leaves the buffer as it was.
///
/// ```
/// use record::{Builder, Cause, Kind, Metric, SourceId, Transport, Version};
///
/// let mut buffer = Vec::new();
/// let mut record = Builder::new(&mut buffer, Kind::Flow, Version::V3, Cause::Start);
/// Transport::new(SourceId::Int(1), 1).emit(record.buffer());
/// Metric::default().emit(record.buffer());
/// assert_eq!(record.finish().unwrap(), 24);
/// assert_eq!(buffer[..4], [0x13, 0x10, 0x00, 0x06]);
/// ```
#[derive(Debug)]
pub struct Builder<'a> {
    out: &'a mut Vec<u8>,
    at: usize,
    header: Header,
    finished: bool,
}

impl<'a> Builder<'a> {
    /// Appends a record header to `out`.
    pub fn new(out: &'a mut Vec<u8>, kind: Kind, version: Version, cause: Cause) -> Builder<'a> {
        Builder::with_header(out, Header::new(kind, version, cause))
    }

    /// Appends the given header; its length is set by [`Builder::finish`].
    pub fn with_header(out: &'a mut Vec<u8>, header: Header) -> Builder<'a> {
        let at = out.len();
        out.extend_from_slice(&header.to_bytes());
        Builder { out, at, header, finished: false }
    }

    /// Where DSRs are appended with their `emit`, in the order of [`crate::Index`].
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        self.out
    }

    /// Writes the record's length and returns it in octets. When the record is longer than its length field can
    /// say, the buffer is as it was before and an error comes back.
    pub fn finish(mut self) -> Result<usize, EncodeError> {
        let len = self.out.len() - self.at;
        let words = len.div_ceil(4);
        let header = Header {
            words: u16::try_from(words).map_err(|_| EncodeError::TooLong { octets: len })?,
            ..self.header
        };
        self.out.resize(self.at + words * 4, 0);
        if let Some(place) = self.out.get_mut(self.at..self.at + 4) {
            place.copy_from_slice(&header.to_bytes());
        }
        self.finished = true;
        Ok(words * 4)
    }
}

impl Drop for Builder<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.out.truncate(self.at);
        }
    }
}
