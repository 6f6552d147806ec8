//! Reads the records of a file, of standard input or of anything that can be read, one after the other.

use std::fmt;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;

use record::{Reason, RecordView};

use crate::frame::{Framer, Step};
use crate::hello::Initial;
use crate::{Error, INITIAL, open};

/// What stands next in a stream.
#[derive(Debug)]
pub enum Item<'a> {
    /// A record.
    Record {
        /// Octets in front of it in the (decompressed) stream.
        offset: u64,
        /// The record.
        view: RecordView<'a>,
    },
    /// Octets that are no record; reading goes on behind them.
    Damage(Damage),
}

/// A part of a stream that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Octets in front of it in the (decompressed) stream.
    pub offset: u64,
    /// Octets passed over.
    pub length: u64,
    /// What was there instead of a record; nothing when the stream ended inside of one.
    pub reason: Option<Reason>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Damage { offset, length, reason } = self;
        match reason {
            Some(reason) => write!(f, "offset {offset}: {reason}, {length} octets skipped"),
            None => write!(f, "offset {offset}: the stream ends inside a record, {length} octets skipped"),
        }
    }
}

/// Reads records in constant memory: one buffer that never holds more than the longest record and one read.
///
/// ```no_run
/// # use stream::{Item, Reader};
/// # fn main() -> Result<(), stream::Error> {
/// let mut reader = Reader::open("argus.out".as_ref())?;
/// while let Some(item) = reader.next()? {
///     match item {
///         Item::Record { offset, view } => println!("{offset}: {} octets", view.bytes().len()),
///         Item::Damage(damage) => eprintln!("argus.out: {damage}"),
///     }
/// }
/// # Ok(()) }
/// ```
pub struct Reader {
    input: Box<dyn Read + Send>,
    name: String,
    framer: Framer,
    initial: Initial,
    /// The initial record has been handed out.
    begun: bool,
    ended: bool,
    failed: Option<io::Error>,
    /// Only records that begin here are handed out.
    range: Range<u64>,
}

impl Reader {
    /// Opens a file, `-` being standard input. gzip, bzip2, xz and zstd are recognised by content.
    ///
    /// # Errors
    ///
    /// [`Error`] when it cannot be opened or does not begin with an initial management record.
    pub fn open(path: &Path) -> Result<Reader, Error> {
        Reader::new(open::display(path), open::open(path)?)
    }

    /// Reads from `input`, called `name` in messages, as it is. Reads the initial management record at once.
    ///
    /// # Errors
    ///
    /// [`Error`] when the input does not begin with an initial management record.
    pub fn new(name: impl Into<String>, mut input: Box<dyn Read + Send>) -> Result<Reader, Error> {
        let name = name.into();
        let initial = Initial::read(&mut input, &name)?;
        Ok(Reader {
            input,
            name,
            framer: Framer::at(INITIAL as u64),
            initial,
            begun: false,
            ended: false,
            failed: None,
            range: 0..u64::MAX,
        })
    }

    /// Hands out only records whose offset is in `range`, as `-r file::start:end` asks. The initial management record
    /// is at offset 0.
    pub fn set_range(&mut self, range: Range<u64>) {
        self.range = range;
    }

    /// The input's name for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The initial management record; it is also the first item.
    pub fn initial(&self) -> &Initial {
        &self.initial
    }

    /// The next record or damage; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the input fails, once everything in front of the failure has been handed out.
    #[allow(clippy::should_implement_trait)] // The item borrows from the reader.
    pub fn next(&mut self) -> Result<Option<Item<'_>>, Error> {
        if !self.begun {
            self.begun = true;
            if self.range.contains(&0)
                && let Ok(view) = RecordView::new(self.initial.bytes())
            {
                return Ok(Some(Item::Record { offset: 0, view }));
            }
        }
        loop {
            match self.framer.step(self.ended) {
                Step::Record(place) if !self.range.contains(&place.offset) => {
                    if place.offset >= self.range.end {
                        return Ok(None);
                    }
                }
                Step::Record(place) => {
                    let view = self.framer.view(&place);
                    return Ok(Some(Item::Record { offset: place.offset, view }));
                }
                Step::Damage(damage) => return Ok(Some(Item::Damage(damage))),
                Step::More if self.ended => {
                    return match self.failed.take() {
                        Some(e) => {
                            Err(Error::io(format!("{}: offset {}", self.name, self.framer.offset()), e))
                        }
                        None => Ok(None),
                    };
                }
                Step::More => match self.framer.fill(&mut self.input) {
                    Ok(n) => self.ended = n == 0,
                    Err(e) => {
                        self.ended = true;
                        self.failed = Some(e);
                    }
                },
            }
        }
    }
}
