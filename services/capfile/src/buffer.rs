//! The octets of an input: a window that moves over it and grows no further than a packet needs.

use std::io::{self, Read};

use crate::Fault;

/// Anything that captures are read from.
pub type Input = Box<dyn Read + Send>;

/// Octets read at a time: few enough to stay in the second level of cache until they are looked at.
const PIECE: usize = 128 << 10;

/// Pieces are read to addresses that are multiples of this. The kernel copies them from pages of a file, which takes up
/// to three times as long where both do not lie alike.
const PAGE: usize = 4096;

/// Octets of an input, from the place reached on.
pub(crate) trait Window {
    /// Has `wanted` octets there, or as many as the input still has; returns how many are there.
    fn fill(&mut self, wanted: usize) -> Result<usize, Fault>;

    /// What is there.
    fn window(&self) -> &[u8];

    /// Moves over `count` octets that are there.
    fn pass(&mut self, count: usize);

    /// Octets of the input before the place reached.
    fn place(&self) -> u64;

    /// Moves over so many octets, perhaps more than can be there together; what the input has no more of stays in `left`.
    /// To be called again with the rest after [`Fault::Wait`].
    fn skip(&mut self, left: &mut u64) -> Result<(), Fault> {
        while *left > 0 {
            let got = self.fill(usize::try_from(*left).unwrap_or(usize::MAX).min(PIECE));
            let here = (self.window().len() as u64).min(*left);
            self.pass(here as usize);
            *left -= here;
            if got? == 0 {
                return Ok(());
            }
        }
        Ok(())
    }
}

pub(crate) struct Buffer {
    input: Input,
    octets: Vec<u8>,
    begin: usize,
    end: usize,
    /// Octets of the input before `begin`.
    passed: u64,
}

impl Buffer {
    pub fn new(input: Input) -> Buffer {
        Buffer { input, octets: Vec::new(), begin: 0, end: 0, passed: 0 }
    }

    #[cold]
    fn fill_slowly(&mut self, wanted: usize) -> Result<usize, Fault> {
        self.make_room(wanted);
        while self.end - self.begin < wanted {
            // No more than a piece, so that the next one begins with a page of the file too.
            let room = self.octets.get_mut(self.end..).unwrap_or_default();
            let length = room.len().min(PIECE);
            match self.input.read(room.get_mut(..length).unwrap_or_default()) {
                Ok(0) => break,
                Ok(count) => self.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(Fault::Wait),
                Err(error) => {
                    return Err(unreadable(&error, self.passed + (self.end - self.begin) as u64));
                }
            }
        }
        Ok(self.end - self.begin)
    }

    /// Moves what is there to the front of the first page, and has room behind it for as many octets as are `wanted`, by
    /// whole pieces.
    fn make_room(&mut self, wanted: usize) {
        let kept = self.end - self.begin;
        let pieces = wanted.saturating_sub(kept).div_ceil(PIECE).max(1);
        let needed = PAGE + kept.next_multiple_of(PAGE) + pieces * PIECE;
        let mut grown = Vec::new();
        if self.octets.len() < needed {
            grown = vec![0; needed];
        }
        let octets = if grown.is_empty() { &self.octets } else { &grown };
        let front = octets.as_ptr().align_offset(PAGE).min(PAGE) + kept.next_multiple_of(PAGE) - kept;
        if grown.is_empty() {
            self.octets.copy_within(self.begin..self.end, front);
        } else {
            if let (Some(to), Some(from)) =
                (grown.get_mut(front..front + kept), self.octets.get(self.begin..self.end))
            {
                to.copy_from_slice(from);
            }
            self.octets = grown;
        }
        (self.begin, self.end) = (front, front + kept);
    }

    /// What is there, and the means to move over it while it is looked at.
    #[inline]
    pub fn walk(&mut self) -> Steps<'_> {
        let window = self.octets.get(self.begin..self.end).unwrap_or_default();
        Steps { rest: window, whole: window.len(), begin: &mut self.begin, passed: &mut self.passed }
    }

    /// What was read and not passed, and the rest.
    pub fn into_parts(self) -> (Vec<u8>, Input) {
        let seen = self.window().to_vec();
        (seen, self.input)
    }
}

impl Window for Buffer {
    #[inline]
    fn fill(&mut self, wanted: usize) -> Result<usize, Fault> {
        if self.end - self.begin >= wanted {
            return Ok(self.end - self.begin);
        }
        self.fill_slowly(wanted)
    }

    #[inline]
    fn window(&self) -> &[u8] {
        self.octets.get(self.begin..self.end).unwrap_or_default()
    }

    #[inline]
    fn pass(&mut self, count: usize) {
        let count = count.min(self.end - self.begin);
        self.begin += count;
        self.passed += count as u64;
    }

    fn place(&self) -> u64 {
        self.passed
    }
}

/// The window, on the way through it. What is no longer ahead was moved over.
pub(crate) struct Steps<'a> {
    /// What is still ahead.
    pub rest: &'a [u8],
    /// Octets that were ahead at first.
    whole: usize,
    begin: &'a mut usize,
    passed: &'a mut u64,
}

impl Drop for Steps<'_> {
    #[inline]
    fn drop(&mut self) {
        let count = self.whole - self.rest.len().min(self.whole);
        *self.begin += count;
        *self.passed += count as u64;
    }
}

/// Only what is there already: for more, the buffer has to be asked.
impl Window for Steps<'_> {
    #[inline]
    fn fill(&mut self, wanted: usize) -> Result<usize, Fault> {
        if self.rest.len() >= wanted { Ok(self.rest.len()) } else { Err(Fault::Wait) }
    }

    #[inline]
    fn window(&self) -> &[u8] {
        self.rest
    }

    #[inline]
    fn pass(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
    }

    fn place(&self) -> u64 {
        *self.passed + (self.whole - self.rest.len()) as u64
    }
}

/// An error of the system in its own words, without the number.
fn unreadable(error: &io::Error, read: u64) -> Fault {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    // Of a compressed input the octets are those within it.
    Fault::Unreadable(format!("{text}, after {read} octets"))
}

/// Reads numbers in one byte order from checked places; beyond the end they are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Order {
    /// Whether it is not that of this machine.
    pub fn is_foreign(self) -> bool {
        self != if cfg!(target_endian = "big") { Order::Big } else { Order::Little }
    }

    #[inline]
    pub fn u16(self, octets: &[u8], at: usize) -> u16 {
        let two = octets.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
        match self {
            Order::Little => u16::from_le_bytes(two),
            Order::Big => u16::from_be_bytes(two),
        }
    }

    #[inline]
    pub fn u32(self, octets: &[u8], at: usize) -> u32 {
        let four = octets.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
        match self {
            Order::Little => u32::from_le_bytes(four),
            Order::Big => u32::from_be_bytes(four),
        }
    }

    #[inline]
    pub fn u64(self, octets: &[u8], at: usize) -> u64 {
        let eight = octets.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
        match self {
            Order::Little => u64::from_le_bytes(eight),
            Order::Big => u64::from_be_bytes(eight),
        }
    }
}
