//! An output file of `-w` or `-E`: what it takes, and how it begins.

use crate::feed::Failure;
use crate::select::compile;
use crate::settings::Settings;
use filter::Filter;
use record::{Form, Mar, Record, RecordView, Version};
use std::io::IsTerminal;
use stream::{INITIAL, Target, Writer};

/// An output file, its filter, and its writer once a stream has begun.
pub struct Sink {
    target: Target,
    filter: Option<Filter>,
    writer: Option<Writer>,
    /// The record that the file is to begin with, where it is made for its first other record only, as 3.0.8 does.
    initial: Option<[u8; INITIAL]>,
    late: bool,
    /// `-3`.
    version_3: bool,
    converted: Vec<u8>,
}

impl Sink {
    /// An output that takes what passes `filter`.
    ///
    /// # Errors
    /// One line: a filter or a file name that cannot be understood, or records for a terminal.
    pub fn new(settings: &Settings, target: &str, filter: Option<&str>) -> Result<Sink, String> {
        let target = Target::parse(target).map_err(|error| error.to_string())?;
        if target == Target::Stdout && !settings.style.compat && std::io::stdout().is_terminal() {
            return Err(
                "-w -: records are no text for a terminal; send them to a file or a program".to_owned()
            );
        }
        Ok(Sink {
            target,
            filter: filter.map(|text| compile(settings, text)).transpose()?,
            writer: None,
            initial: None,
            late: settings.style.compat,
            version_3: settings.version_3,
            converted: Vec::new(),
        })
    }

    /// Whether it takes every record that is wanted, and takes it unchanged.
    pub fn takes_all_as_it_is(&self) -> bool {
        self.filter.is_none() && !self.version_3
    }

    /// Whether its records go to standard output.
    pub fn is_standard_output(&self) -> bool {
        self.target == Target::Stdout
    }

    /// Whether its own filter lets a record pass.
    pub fn wants(&self, view: &RecordView<'_>) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.matches(view))
    }

    /// A stream begins, with this record.
    ///
    /// # Errors
    /// The file cannot be opened or written.
    pub fn begin(&mut self, initial: &[u8; INITIAL]) -> Result<(), Failure> {
        if self.writer.is_some() {
            return Ok(());
        }
        let mut initial = *initial;
        if self.version_3
            && let Some(mar) = Mar::parse(&initial)
        {
            self.convert(&Record::from(mar))?;
            for (to, from) in initial.iter_mut().zip(&self.converted) {
                *to = *from;
            }
        }
        self.initial = Some(initial);
        if !self.late {
            self.opened()?;
        }
        Ok(())
    }

    /// The writer, made if there is none yet; `None` before a stream has begun.
    fn opened(&mut self) -> Result<Option<&mut Writer>, Failure> {
        if let Some(initial) = self.initial.take() {
            self.writer = Some(Writer::open(&self.target, &initial)?.in_bulk());
        }
        Ok(self.writer.as_mut())
    }

    /// Leaves a record of version 3 in `converted`.
    fn convert(&mut self, record: &Record) -> Result<(), Failure> {
        self.converted.clear();
        let record = record.clone().into_version(Version::V3);
        record
            .encode(Form::Sensor, Version::V3, &mut self.converted)
            .map_err(|error| Failure::Text(error.to_string()))?;
        Ok(())
    }

    /// Writes a record.
    ///
    /// # Errors
    /// The file cannot be opened or written, or a record not be converted.
    pub fn write(&mut self, view: &RecordView<'_>) -> Result<(), Failure> {
        let converted = self.version_3 && view.header().version() != Version::V3;
        if converted {
            self.convert(&Record::from(view))?;
        }
        self.opened()?;
        let Some(writer) = &mut self.writer else { return Ok(()) };
        Ok(writer.write(if converted { &self.converted } else { view.bytes() })?)
    }

    /// Writes `count` records that follow each other.
    ///
    /// # Errors
    /// The file cannot be opened or written.
    pub fn write_run(&mut self, records: &[u8], count: u64) -> Result<(), Failure> {
        match self.opened()? {
            Some(writer) => Ok(writer.write_run(records, count)?),
            None => Ok(()),
        }
    }

    /// Hands everything to the system.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn flush(&mut self) -> Result<(), Failure> {
        match &mut self.writer {
            Some(writer) => Ok(writer.flush()?),
            None => Ok(()),
        }
    }
}
