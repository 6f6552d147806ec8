//! Reads the records of a file, of standard input or of anything that can be read, one after the other.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use record::{Glance, Reason, RecordView};

use crate::client::Event;
use crate::frame::{Framer, Place, Runs, Sifted, Step};
use crate::hello::Initial;
use crate::open::Opened;
use crate::patient::Keep;
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

/// Reads records in constant memory: one buffer that never holds more than the longest record and one read, or, for long
/// files, one window of some megabytes on the file.
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
    /// The input when it is a file that can be looked at through windows; they share the position.
    plain: Option<File>,
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
    /// Opens a file, `-` being standard input. gzip, bzip2, xz, zstd and compress (`.Z`) are recognised by content.
    ///
    /// # Errors
    ///
    /// [`Error`] when it cannot be opened or does not begin with an initial management record.
    pub fn open(path: &Path) -> Result<Reader, Error> {
        Reader::opened(path, open::open_plainly(path)?)
    }

    /// As [`Reader::open`], but waiting for standard input or a named pipe goes on only as long as `keep` says so, asked
    /// ten times a second; then the input counts as ended. [`Reader::next_event`] tells of pauses.
    ///
    /// # Errors
    ///
    /// As [`Reader::open`].
    pub fn open_patiently(path: &Path, keep: Keep) -> Result<Reader, Error> {
        let told = Arc::new(AtomicBool::new(false));
        let reader = Reader::opened(path, open::open_patiently(path, keep, Arc::clone(&told))?)?;
        told.store(true, Ordering::Relaxed);
        Ok(reader)
    }

    fn opened(path: &Path, opened: Opened) -> Result<Reader, Error> {
        let reader = Reader::new(open::display(path), opened.input)?;
        Ok(Reader { plain: opened.plain, ..reader })
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
            plain: None,
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
        loop {
            match self.advance()? {
                Advance::Idle => {}
                Advance::End => return Ok(None),
                found => return Ok(self.item(&found)),
            }
        }
    }

    /// As [`Reader::next`], with the pauses of an input that was opened by [`Reader::open_patiently`].
    ///
    /// # Errors
    ///
    /// As [`Reader::next`].
    #[inline]
    pub fn next_event(&mut self) -> Result<Event<'_>, Error> {
        let found = self.advance()?;
        Ok(match found {
            Advance::Idle => Event::Idle,
            _ => self.item(&found).map_or(Event::Closed, Event::Item),
        })
    }

    /// As [`Reader::next_event`], but records that are beyond doubt are first shown to `judge`, which tells whether they
    /// are taken as they are; `None`: they are to be looked at. Those that are taken come in runs.
    ///
    /// # Errors
    ///
    /// As [`Reader::next`].
    #[inline]
    pub fn next_sifted(
        &mut self,
        judge: impl FnMut(&Glance<'_>) -> Option<bool>,
    ) -> Result<Portion<'_>, Error> {
        if !self.begun || self.range != (0..u64::MAX) {
            return self.next_event().map(Portion::Event);
        }
        let offset = self.framer.offset();
        let sifted = self.framer.sift(self.ended, judge);
        if self.framer.is_cut(self.plain.as_ref()) {
            self.read_again_from(offset)?;
            return Ok(Portion::Nothing);
        }
        match sifted {
            Sifted::Runs => Ok(Portion::Runs(self.framer.runs())),
            Sifted::Step(step) => Ok(match self.take(step)? {
                None => Portion::Nothing,
                Some(Advance::Idle) => Portion::Event(Event::Idle),
                Some(found) => Portion::Event(self.item(&found).map_or(Event::Closed, Event::Item)),
            }),
        }
    }

    #[inline]
    fn item(&self, found: &Advance) -> Option<Item<'_>> {
        match found {
            Advance::Initial => {
                RecordView::new(self.initial.bytes()).ok().map(|view| Item::Record { offset: 0, view })
            }
            Advance::Record(place) => {
                Some(Item::Record { offset: place.offset, view: self.framer.view(place) })
            }
            Advance::Damage(damage) => Some(Item::Damage(*damage)),
            Advance::Idle | Advance::End => None,
        }
    }

    #[inline]
    fn advance(&mut self) -> Result<Advance, Error> {
        if !self.begun {
            self.begun = true;
            if self.range.contains(&0) {
                return Ok(Advance::Initial);
            }
        }
        loop {
            let offset = self.framer.offset();
            let step = self.framer.step(self.ended);
            if self.framer.is_cut(self.plain.as_ref()) {
                self.read_again_from(offset)?;
                continue;
            }
            if let Some(found) = self.take(step)? {
                return Ok(found);
            }
        }
    }

    /// What a step means; `None`: go on.
    #[inline]
    fn take(&mut self, step: Step) -> Result<Option<Advance>, Error> {
        Ok(match step {
            Step::Record(place) if !self.range.contains(&place.offset) => {
                (place.offset >= self.range.end).then_some(Advance::End)
            }
            Step::Record(place) => Some(Advance::Record(place)),
            Step::Damage(damage) => Some(Advance::Damage(damage)),
            Step::More if self.ended => match self.failed.take() {
                Some(e) => {
                    return Err(Error::io(format!("{}: offset {}", self.name, self.framer.offset()), e));
                }
                None => Some(Advance::End),
            },
            Step::More if self.plain.as_ref().is_some_and(|file| self.framer.slide(file)) => None,
            Step::More if self.plain.is_some() => {
                self.read_from(self.framer.offset())?;
                None
            }
            Step::More => match self.framer.fill(&mut self.input) {
                Ok(n) => {
                    self.ended = n == 0;
                    None
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => Some(Advance::Idle),
                Err(e) => {
                    self.ended = true;
                    self.failed = Some(e);
                    None
                }
            },
        })
    }

    /// Reads the file from `offset` on, which is no longer looked at through windows.
    #[cold]
    fn read_from(&mut self, offset: u64) -> Result<(), Error> {
        if let Some(mut file) = self.plain.take() {
            file.seek(SeekFrom::Start(offset)).map_err(|e| Error::io(&self.name, e))?;
        }
        Ok(())
    }

    /// Forgets what a window showed that is no longer there, and reads the file from `offset` on.
    #[cold]
    fn read_again_from(&mut self, offset: u64) -> Result<(), Error> {
        self.framer = Framer::at(offset);
        self.read_from(offset)
    }
}

/// What [`Reader::next_sifted`] found.
#[derive(Debug)]
pub enum Portion<'a> {
    /// Whole records, all of them taken.
    Runs(Runs<'a>),
    /// Something that is to be looked at.
    Event(Event<'a>),
    /// Nothing so far; there may be more.
    Nothing,
}

/// What a look at the input gave.
enum Advance {
    Initial,
    Record(Place),
    Damage(Damage),
    Idle,
    End,
}
