//! Where records go: files, standard output, datagrams, each with its filter, and the clients of the port (1.7).

use std::sync::Arc;
use std::time::{Duration, Instant};

use daemon::Log;
use filter::Filter;
use flow::Sink;
use record::{MAR_LEN, RecordView};
use stream::{Broadcast, Writer};

use crate::report::Identity;
use crate::targets::{self, Target};

/// Records are gathered to about this many octets before they are passed on: as much as an output hands to the system at
/// once without gathering it again. Of long pieces a file system makes long runs of pages, which cost less.
const GATHER: usize = 128 << 10;

/// Octets that may wait for an output of a live sensor.
const QUEUE: usize = 16 << 20;

/// How long a live sensor waits for an output whose queue is full: the kernel keeps the packets meanwhile. A disk that
/// stalls for longer costs records until it has caught up; they are counted.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long all in all the last records wait for clients that are slow.
const FAREWELL: Duration = Duration::from_secs(10);

/// Records that may wait for a client while more of the last ones come: far fewer than there is room for.
const CLIENT_QUEUE: u64 = 1 << 14;

/// Records on their way out. The engine writes into it; [`Outlet::pass`] passes them on.
pub struct Outlet {
    /// Whole records.
    batch: Vec<u8>,
    outputs: Outputs,
    broadcast: Option<Broadcast>,
    /// Packets come meanwhile: nobody is waited for long.
    live: bool,
    /// No more packets come; until when clients are waited for.
    ending: Option<Instant>,
}

impl Sink for Outlet {
    #[inline]
    fn record(&mut self, record: &[u8]) {
        self.batch.extend_from_slice(record);
        if self.batch.len() >= GATHER {
            // A failure is kept until the verdict is asked for.
            let _ = self.pass();
        }
    }
}

impl Outlet {
    /// An outlet to these outputs and clients.
    pub fn new(outputs: Outputs, broadcast: Option<Broadcast>, live: bool) -> Self {
        Outlet { batch: Vec::with_capacity(2 * GATHER), outputs, broadcast, live, ending: None }
    }

    /// The last records follow: from now on they wait for whoever takes them; for clients only so long.
    pub fn end(&mut self) {
        self.ending.get_or_insert_with(|| Instant::now() + FAREWELL);
    }

    /// Whether there is still an output: what is much is passed on as it comes.
    ///
    /// # Errors
    /// One line: no output is left.
    #[inline]
    pub fn pass_if_full(&mut self) -> Result<(), String> {
        self.verdict()
    }

    /// Passes on what was gathered.
    ///
    /// # Errors
    /// One line: no output is left.
    pub fn pass(&mut self) -> Result<(), String> {
        if self.batch.is_empty() {
            return Ok(());
        }
        match (&self.broadcast, self.ending) {
            (None, _) => {}
            (Some(broadcast), Some(until)) => {
                wait_for_clients(broadcast, until);
                broadcast.publish_waiting(&self.batch);
            }
            (Some(broadcast), None) if self.live => broadcast.publish(&self.batch),
            (Some(broadcast), None) => broadcast.publish_waiting(&self.batch),
        }
        self.outputs.write(&self.batch, self.ending.is_some());
        self.batch.clear();
        self.verdict()
    }

    /// An output that failed is no reason to end while another takes records.
    #[inline]
    fn verdict(&self) -> Result<(), String> {
        match &self.outputs.failure {
            Some(failure)
                if self.broadcast.is_none() && self.outputs.list.iter().all(|output| output.broken) =>
            {
                Err(failure.clone())
            }
            _ => Ok(()),
        }
    }

    /// Hands files over to the system.
    ///
    /// # Errors
    /// As [`Outlet::pass`].
    pub fn flush(&mut self) -> Result<(), String> {
        self.pass()?;
        self.outputs.flush();
        self.verdict()
    }

    /// Clients and outputs together.
    pub fn clients(&self) -> u32 {
        let clients = self.broadcast.as_ref().map_or(0, |broadcast| broadcast.totals().clients);
        u32::try_from(self.outputs.list.len() + clients).unwrap_or(u32::MAX)
    }

    /// Records that wait for an output.
    pub fn waiting(&self) -> u64 {
        self.outputs
            .list
            .iter()
            .map(|output| match &output.way {
                Way::Here(_) => 0,
                Way::There(thread) => thread.waiting(),
            })
            .sum()
    }

    /// Records that were lost on the way out: to clients and outputs that were too slow, or that failed.
    pub fn lost(&self) -> u64 {
        let clients = self.broadcast.as_ref().map_or(0, |broadcast| broadcast.totals().dropped);
        let outputs: u64 = self
            .outputs
            .list
            .iter()
            .map(|output| match &output.way {
                Way::Here(writer) => writer.dropped() + output.lost,
                Way::There(thread) => thread.dropped(),
            })
            .sum();
        clients + outputs
    }

    /// Passes everything on, waits until it is written, and closes the connections.
    ///
    /// # Errors
    /// One line: an output failed.
    pub fn close(mut self) -> Result<(), String> {
        let mut done = self.flush().and_then(|()| self.outputs.failure.take().map_or(Ok(()), Err));
        for output in &self.outputs.list {
            if let Way::There(thread) = &output.way {
                thread.finish();
                if thread.has_failed() && done.is_ok() {
                    done = Err(format!("{}: {} records were not written", thread.name(), thread.dropped()));
                }
            }
        }
        if let Some(broadcast) = &self.broadcast {
            broadcast.stop(std::time::Duration::from_secs(2));
        }
        done
    }
}

/// The outputs of `-w`.
pub struct Outputs {
    list: Vec<Output>,
    /// The first failure.
    failure: Option<String>,
    identity: Identity,
    log: Log,
}

struct Output {
    way: Way,
    filter: Option<Filter>,
    /// Closed after an error.
    broken: bool,
    /// It was waited for in vain, and has not caught up yet.
    behind: bool,
    /// Records that came after that.
    lost: u64,
    /// Records that passed the filter; reused.
    passed: Vec<u8>,
}

enum Way {
    /// Written by the caller's thread.
    Here(Writer),
    /// Written by a thread of its own, which tells of errors itself.
    There(stream::Output),
}

/// An output that has not been opened yet, its filter compiled.
pub struct Prepared {
    target: stream::Target,
    filter: Option<Filter>,
}

/// Compiles the filters, so that a bad one is told before anything is created.
///
/// # Errors
/// One line that shows the place of the error.
pub fn prepare(outputs: &[targets::Output]) -> Result<Vec<Prepared>, String> {
    let mut prepared = Vec::new();
    for output in outputs {
        let filter = match &output.filter {
            None => None,
            Some(text) => {
                Some(Filter::parse(text).map_err(|error| format!("output filter '{text}': {error}"))?)
            }
        };
        let target = match &output.target {
            Target::File(path) => stream::Target::File(path.clone()),
            Target::Stdout => stream::Target::Stdout,
            Target::Udp(host, port) => stream::Target::Udp { host: host.clone(), port: *port },
        };
        prepared.push(Prepared { target, filter });
    }
    Ok(prepared)
}

impl Outputs {
    /// Opens them and writes the initial management record to each.
    ///
    /// # Errors
    /// One line: an output cannot be opened.
    pub fn open(prepared: Vec<Prepared>, identity: &Identity, log: &Log, live: bool) -> Result<Self, String> {
        let mut list = Vec::new();
        for output in prepared {
            let greeting = identity.clone();
            let way = if live {
                let initial: stream::MakeInitial = Arc::new(move || greeting.initial(false));
                stream::Output::start(&output.target, &initial, QUEUE, &stream_log(log)).map(Way::There)
            } else {
                Writer::open(&output.target, &greeting.initial(false)).map(Way::Here)
            };
            let way = way.map_err(|error| error.to_string())?;
            list.push(Output {
                way,
                filter: output.filter,
                broken: false,
                behind: false,
                lost: 0,
                passed: Vec::new(),
            });
        }
        Ok(Outputs { list, failure: None, identity: identity.clone(), log: log.clone() })
    }

    /// Writes whole records, back to back, to every output whose filter they pass. A file that was renamed away is made
    /// anew first. An output that fails is closed, which is told; the others go on. One with a thread of its own is waited
    /// for as long as it takes when these are among the last records, else for a while.
    fn write(&mut self, records: &[u8], last: bool) {
        let mut failed = Vec::new();
        for output in &mut self.list {
            let records = match &output.filter {
                None => records,
                Some(filter) => {
                    output.passed.clear();
                    select(filter, records, &mut output.passed);
                    &output.passed
                }
            };
            match &mut output.way {
                Way::There(thread) if last => thread.publish_waiting(records),
                Way::There(thread) => {
                    output.behind = if output.behind {
                        !thread.is_idle()
                    } else {
                        !thread.wait_for_room(records, PATIENCE)
                    };
                    thread.publish(records);
                }
                Way::Here(_) if output.broken => output.lost += count(records),
                Way::Here(writer) => {
                    if let Err(error) = writer.keep_path(Instant::now(), || self.identity.initial(false)) {
                        self.log.warning(&error);
                    }
                    if let Err(error) = writer.write(records) {
                        output.broken = true;
                        failed.push(error);
                    }
                }
            }
        }
        self.note(failed);
    }

    /// Hands everything to the system; failures as in [`Outputs::write`].
    fn flush(&mut self) {
        let mut failed = Vec::new();
        for output in self.list.iter_mut().filter(|output| !output.broken) {
            if let Way::Here(writer) = &mut output.way
                && let Err(error) = writer.flush()
            {
                output.broken = true;
                failed.push(error);
            }
        }
        self.note(failed);
    }

    /// The first failure is told at the end, by the exit status and its line; those that end nothing are told now.
    fn note(&mut self, failed: Vec<stream::Error>) {
        let others = self.list.iter().any(|output| !output.broken);
        for error in failed {
            if others || self.failure.is_some() {
                self.log.alert(format_args!("{error}: nothing more is written to it"));
            }
            self.failure.get_or_insert_with(|| error.to_string());
        }
    }
}

/// Messages of the `stream` crate, in ours.
pub fn stream_log(log: &Log) -> stream::Log {
    let log = log.clone();
    Arc::new(move |severity, text| match severity {
        stream::Severity::Info => log.info(text),
        stream::Severity::Warning => log.warning(text),
        stream::Severity::Error => log.alert(text),
    })
}

/// Lets clients catch up that have fallen behind.
fn wait_for_clients(broadcast: &Broadcast, until: Instant) {
    while Instant::now() < until && broadcast.clients().iter().any(|client| client.queued > CLIENT_QUEUE) {
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Copies the records that pass a filter.
fn select(filter: &Filter, records: &[u8], passed: &mut Vec<u8>) {
    let mut rest = records;
    while let Some(record) = first(rest) {
        rest = rest.get(record.len()..).unwrap_or_default();
        if is_status(record) || RecordView::new(record).is_ok_and(|view| filter.matches(&view)) {
            passed.extend_from_slice(record);
        }
    }
}

/// A periodic management record: it goes out whatever the filter.
fn is_status(record: &[u8]) -> bool {
    matches!(record, [kind, cause, ..] if kind & 0xf0 == 0x80 && cause & 0xf0 == 0x20)
}

fn count(records: &[u8]) -> u64 {
    let (mut rest, mut count) = (records, 0);
    while let Some(record) = first(rest) {
        rest = rest.get(record.len()..).unwrap_or_default();
        count += 1;
    }
    count
}

/// The record at the head of several, by its length field.
fn first(records: &[u8]) -> Option<&[u8]> {
    let &[_, _, high, low] = records.first_chunk()?;
    let octets = usize::from(u16::from_be_bytes([high, low])) * 4;
    if octets == 0 { None } else { records.get(..octets) }
}

const _: () = assert!(MAR_LEN == stream::INITIAL);
