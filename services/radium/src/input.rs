//! What any input does with a record, and the inputs that are read to their end.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use daemon::Log;
use filter::Filter;
use record::{Cause, EncodeError, Form, Record, RecordView, Stamp, Version};
use stream::{Error, Item, Reader, TimeRange};

use crate::adjust::Adjuster;
use crate::hub::Hub;

/// Damages of one input that are told one by one; then only their number is.
const TOLD: u64 = 10;

/// What holds for every input.
pub struct Rules {
    pub hub: Arc<Hub>,
    pub filter: Option<Filter>,
    pub time_range: Option<TimeRange>,
    pub adjust: Option<Duration>,
    /// How many more flow records are taken over.
    pub left: AtomicU64,
    /// Set when radium ends, and when no more records are to be taken over.
    pub stop: Arc<AtomicBool>,
    pub log: Log,
}

/// One input.
pub struct Input {
    rules: Arc<Rules>,
    name: String,
    /// The input can wait: nothing is dropped on the way to the outputs.
    waiting: bool,
    adjuster: Option<Adjuster>,
    scratch: Vec<u8>,
    damages: u64,
}

impl Input {
    pub fn new(rules: &Arc<Rules>, name: &str, waiting: bool) -> Input {
        Input {
            rules: Arc::clone(rules),
            name: name.into(),
            waiting,
            adjuster: rules.adjust.map(Adjuster::new),
            scratch: Vec::new(),
            damages: 0,
        }
    }

    /// Takes what a reader or a client gave. True when it was a record.
    pub fn item(&mut self, item: &Item<'_>) -> bool {
        match item {
            Item::Record { view, .. } => {
                self.record(view);
                true
            }
            Item::Damage(damage) => {
                self.damages += 1;
                if self.damages <= TOLD {
                    self.rules.log.warning(format_args!("{}: {damage}", self.name));
                }
                false
            }
        }
    }

    /// Learns from the initial record of a connection; it is not forwarded, as radium 3.0.8.2 does not.
    pub fn greeted(&mut self, initial: &[u8]) {
        if let Some(adjuster) = &mut self.adjuster
            && let Some(mut mar) = RecordView::new(initial).ok().and_then(|view| view.mar())
        {
            adjuster.learn(&mut mar, now());
        }
    }

    /// Forwards a record: management records always, flow and event records that the filter and the time range let
    /// through. The octets stay what they are unless the record is of version 5 or its clock is off.
    pub fn record(&mut self, view: &RecordView<'_>) {
        let rules = Arc::clone(&self.rules);
        let done = if view.kind().is_mar() {
            self.management(view)
        } else {
            let outside = |range: &TimeRange| {
                let times = view.times();
                !range.matches(times.start().micros(), times.end().micros())
            };
            if rules.filter.as_ref().is_some_and(|f| !f.matches(view))
                || rules.time_range.as_ref().is_some_and(outside)
                || !self.take_one()
            {
                return;
            }
            match self.adjuster.as_ref().filter(|a| a.is_off()) {
                Some(adjuster) => {
                    let mut record = Record::from(view);
                    adjuster.correct(&mut record);
                    self.changed(record)
                }
                None if view.header().version() == Version::V3 => {
                    rules.hub.give(view.bytes(), self.waiting);
                    Ok(())
                }
                None => self.changed(Record::from(view)),
            }
        };
        if let Err(error) = done {
            rules.log.warning(format_args!("{}: {error}", self.name));
        }
    }

    fn management(&mut self, view: &RecordView<'_>) -> Result<(), EncodeError> {
        match (&mut self.adjuster, view.mar()) {
            (Some(adjuster), Some(mut mar)) if view.header().cause != Cause::Start || self.waiting => {
                // The drift of a file says nothing: its records are not from now.
                if !self.waiting {
                    adjuster.learn(&mut mar, now());
                }
                self.changed(Record::from(mar))
            }
            _ if view.header().version() != Version::V3 => self.changed(Record::from(view)),
            _ => {
                self.rules.hub.give(view.bytes(), self.waiting);
                Ok(())
            }
        }
    }

    /// Forwards a record that is not the octets it was.
    fn changed(&mut self, record: Record) -> Result<(), EncodeError> {
        self.scratch.clear();
        record.into_version(Version::V3).encode(Form::Sensor, Version::V3, &mut self.scratch)?;
        self.rules.hub.give(&self.scratch, self.waiting);
        Ok(())
    }

    /// Counts down the records that are wanted.
    fn take_one(&self) -> bool {
        let left = &self.rules.left;
        let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        if before.unwrap_or(0) <= 1 {
            self.rules.stop.store(true, Ordering::Relaxed);
        }
        before.is_ok()
    }
}

fn now() -> Stamp {
    Stamp::from(SystemTime::now())
}

/// Reads a file to its end, or until radium ends.
///
/// # Errors
/// When it cannot be opened or read; what could be read has been forwarded.
pub fn read_file(path: &Path, rules: &Arc<Rules>) -> Result<(), Error> {
    let mut reader = Reader::open(path)?;
    let mut input = Input::new(rules, reader.name(), true);
    while let Some(item) = reader.next()? {
        input.item(&item);
        if rules.stop.load(Ordering::Relaxed) {
            break;
        }
    }
    Ok(())
}
