//! One connected client: what it has said, and what still has to go to it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use filter::Filter;
use mio::net::TcpStream;
use record::RecordView;

use super::{Counters, ServerConfig, file, lock, log};
use crate::Severity;
use crate::command::{self, Command, MAX_COMMAND};
use crate::ring::{Cursor, Ring, whole};

/// Octets written to one client before the others get their turn.
const TURN: usize = 1 << 20;

/// Octets given to the system in one call.
const WRITE: usize = 256 << 10;

/// Records that pass a filter are gathered to this many octets before they are written.
const GATHER: usize = 64 << 10;

/// Reads of commands from one client before the others get their turn.
const READS: usize = 4;

/// Unknown commands that are logged for one client; more would let it fill the log.
const LOGGED: u32 = 5;

/// How long a client may take to notice that it was closed.
const LINGER: Duration = Duration::from_secs(2);

/// What a client is being given.
enum State {
    /// The initial record; it has not asked for anything yet.
    Waiting { until: Instant },
    /// Its filter is being compiled; commands wait.
    Compiling { until: Instant, started: bool },
    /// The stream.
    Streaming,
    /// The size of a file; it has to ask for the octets.
    Offered { file: File, until: Instant },
    /// A file.
    Sending { file: File },
    /// The last reply, then the end.
    Closing { until: Instant, shut: bool },
    /// Nothing: remove it.
    Closed,
}

/// What a client wants from the loop.
pub(super) enum Wish {
    /// Compile this filter.
    Compile(String),
}

/// A client and its place in the ring.
pub(super) struct Client {
    pub(super) number: u64,
    pub(super) stream: TcpStream,
    pub(super) counters: Arc<Counters>,
    /// Whether the socket may have something to read, or room to write, since it last said no.
    pub(super) readable: bool,
    pub(super) writable: bool,
    state: State,
    /// Replies, the rest of a record, or records that passed the filter: goes out before anything else.
    pending: Vec<u8>,
    written: usize,
    filter: Option<Filter>,
    cursor: Cursor,
    /// The beginning of a command.
    partial: Vec<u8>,
    unknown: u32,
}

impl Client {
    pub(super) fn new(
        number: u64,
        stream: TcpStream,
        counters: Arc<Counters>,
        config: &ServerConfig,
    ) -> Client {
        Client {
            number,
            stream,
            counters,
            readable: true,
            writable: true,
            state: State::Waiting { until: Instant::now() + config.start_timeout },
            pending: (config.initial)().to_vec(),
            written: 0,
            filter: None,
            cursor: Cursor::default(),
            partial: Vec::new(),
            unknown: 0,
        }
    }

    /// A connection that only gets `reply` and is closed.
    pub(super) fn turn_away(number: u64, stream: TcpStream, counters: Arc<Counters>, reply: &[u8]) -> Client {
        Client {
            number,
            stream,
            counters,
            readable: true,
            writable: true,
            state: State::Closing { until: Instant::now() + LINGER, shut: false },
            pending: reply.to_vec(),
            written: 0,
            filter: None,
            cursor: Cursor::default(),
            partial: Vec::new(),
            unknown: 0,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Whether all of it, and the end, has been handed to the system.
    pub(super) fn is_finished(&self) -> bool {
        matches!(self.state, State::Closing { shut: true, .. } | State::Closed)
    }

    /// Closes without further ado.
    pub(super) fn drop_connection(&mut self) {
        self.state = State::Closed;
    }

    /// Whether it occupies one of the places for clients.
    pub(super) fn is_served(&self) -> bool {
        !matches!(self.state, State::Closing { .. } | State::Closed)
    }

    /// Whether there are commands to read that its last turn left.
    pub(super) fn wants_turn(&self) -> bool {
        self.readable && !matches!(self.state, State::Compiling { .. } | State::Closed)
    }

    /// Whether anything is left that it would be given.
    pub(super) fn is_drained(&self, ring: &Ring) -> bool {
        let records = matches!(self.state, State::Streaming) && ring.queued(self.cursor) > 0;
        self.written == self.pending.len() && !records && !matches!(self.state, State::Sending { .. })
    }

    /// Sends what is pending and then closes.
    pub(super) fn finish(&mut self) {
        if self.is_served() {
            self.state = State::Closing { until: Instant::now() + LINGER, shut: false };
        }
    }

    fn reply(&mut self, octets: &[u8]) {
        self.pending.extend_from_slice(octets);
    }

    fn say(&self, config: &ServerConfig, severity: Severity, text: &str) {
        log(config, severity, &format!("client {} {text}", self.counters.address));
    }

    /// The next moment at which the client has to be looked at even if nothing happens.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Waiting { until }
            | State::Compiling { until, .. }
            | State::Offered { until, .. }
            | State::Closing { until, .. } => Some(until),
            _ => None,
        }
    }

    /// Acts on a deadline that has passed.
    pub(super) fn expire(&mut self, now: Instant, config: &ServerConfig) {
        if self.deadline().is_none_or(|until| until > now) {
            return;
        }
        match self.state {
            State::Waiting { .. } | State::Offered { .. } => {
                self.say(config, Severity::Warning, "never started: timed out");
                self.state = State::Closed;
            }
            State::Compiling { .. } => {
                self.say(config, Severity::Warning, "filter took too long to compile");
                self.reply(b"TI");
                self.finish();
            }
            _ => self.state = State::Closed,
        }
    }

    /// Reads and obeys commands. Returns what the loop has to do for it.
    pub(super) fn read(&mut self, ring: &Ring, config: &ServerConfig) -> Option<Wish> {
        let mut buffer = [0; MAX_COMMAND];
        let mut wish = None;
        for _ in 0..READS {
            // Commands wait until the one before is answered.
            if !self.readable
                || wish.is_some()
                || matches!(self.state, State::Compiling { .. } | State::Closed)
            {
                break;
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => {
                    // Nothing more is wanted, whatever was asked for.
                    self.readable = false;
                    self.state = State::Closed;
                }
                Ok(_) if !self.is_served() => {}
                Ok(n) => {
                    let mut octets = std::mem::take(&mut self.partial);
                    octets.extend_from_slice(buffer.get(..n).unwrap_or_default());
                    let left = command::parse(&octets, |command| {
                        if wish.is_none() {
                            wish = self.obey(command, ring, config);
                        }
                        self.is_served()
                    });
                    self.partial = left.to_vec();
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.readable = false,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.state = State::Closed,
            }
        }
        wish
    }

    fn obey(&mut self, command: Command<'_>, ring: &Ring, config: &ServerConfig) -> Option<Wish> {
        match command {
            Command::Start(_) => match std::mem::replace(&mut self.state, State::Closed) {
                State::Waiting { .. } => self.start(ring),
                State::Compiling { until, .. } => self.state = State::Compiling { until, started: true },
                State::Offered { file, .. } => self.state = State::Sending { file },
                other => self.state = other,
            },
            Command::Done => {
                self.say(config, Severity::Info, "done");
                self.state = State::Closed;
            }
            Command::Filter(text) => {
                let started = match self.state {
                    State::Waiting { .. } => false,
                    State::Streaming => true,
                    _ => return None,
                };
                self.state = State::Compiling { until: Instant::now() + config.filter_timeout, started };
                return Some(Wish::Compile(text.to_string()));
            }
            Command::File(path) => {
                if !matches!(self.state, State::Waiting { .. }) {
                    return None;
                }
                match config.archive.as_deref().and_then(|root| file::open(root, path)) {
                    Some((file, length)) => {
                        self.say(config, Severity::Info, &format!("fetches {path}"));
                        self.reply(&length.to_be_bytes());
                        self.state = State::Offered { file, until: Instant::now() + config.start_timeout };
                    }
                    None => {
                        self.say(config, Severity::Warning, &format!("was refused the file {path}"));
                        self.reply(b"KO");
                    }
                }
            }
            Command::Ignored => {}
            Command::Unknown(text) => {
                self.unknown = self.unknown.saturating_add(1);
                if self.unknown <= LOGGED {
                    let shown: String = text.chars().take(80).collect();
                    self.say(config, Severity::Warning, &format!("sent '{shown}'"));
                }
            }
            Command::Unprintable => {
                self.say(config, Severity::Warning, "sent unprintable octets");
                self.state = State::Closed;
            }
        }
        None
    }

    fn start(&mut self, ring: &Ring) {
        self.cursor = ring.now();
        self.state = State::Streaming;
        self.counters.started.store(true, Ordering::Relaxed);
    }

    /// Takes its compiled filter.
    pub(super) fn compiled(
        &mut self,
        text: String,
        result: Result<Filter, String>,
        ring: &Ring,
        config: &ServerConfig,
    ) {
        let State::Compiling { until, started } = self.state else {
            return;
        };
        match result {
            Ok(filter) => {
                // What went out before the reply was chosen by the filter before.
                self.filter = Some(filter);
                *lock(&self.counters.filter) = text;
                self.reply(b"OK");
                if !started {
                    self.state = State::Waiting { until: until + config.start_timeout };
                } else if self.counters.started.load(Ordering::Relaxed) {
                    self.state = State::Streaming;
                } else {
                    self.start(ring);
                }
            }
            Err(reason) => {
                let reason: String = reason.chars().flat_map(char::escape_default).take(200).collect();
                self.say(config, Severity::Warning, &format!("filter refused: {reason}"));
                self.reply(b"SY");
                self.finish();
            }
        }
    }

    /// Its filter could not even be tried.
    pub(super) fn not_compiled(&mut self) {
        self.reply(b"ER");
        self.finish();
    }

    /// Sends as much as the socket takes and fairness allows. True when more could go at once.
    pub(super) fn write(&mut self, ring: &Ring, config: &ServerConfig) -> bool {
        match self.try_write(ring, config) {
            Ok(more) => {
                self.counters.queued.store(
                    match self.state {
                        State::Streaming | State::Compiling { .. }
                            if self.counters.started.load(Ordering::Relaxed) =>
                        {
                            ring.queued(self.cursor)
                        }
                        _ => 0,
                    },
                    Ordering::Relaxed,
                );
                more
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                self.writable = false;
                self.counters.queued.store(ring.queued(self.cursor), Ordering::Relaxed);
                false
            }
            Err(_) => {
                self.state = State::Closed;
                false
            }
        }
    }

    /// Counts what the ring has overtaken, also while the socket is stuck.
    fn catch_up(&mut self, ring: &Ring, config: &ServerConfig) {
        let missed = ring.catch_up(&mut self.cursor);
        if missed > 0 && self.counters.dropped.fetch_add(missed, Ordering::Relaxed) == 0 {
            self.say(config, Severity::Warning, "is too slow: records are dropped");
        }
    }

    fn try_write(&mut self, ring: &Ring, config: &ServerConfig) -> io::Result<bool> {
        if matches!(self.state, State::Streaming) {
            self.catch_up(ring, config);
        }
        let mut turn = TURN;
        while turn > 0 {
            if !self.writable {
                return Ok(false);
            }
            while let Some(rest) = self.pending.get(self.written..).filter(|r| !r.is_empty()) {
                let n = write(&mut self.stream, rest)?;
                self.written += n;
                turn = turn.saturating_sub(n);
                if self.counters.started.load(Ordering::Relaxed) {
                    self.counters.octets.fetch_add(n as u64, Ordering::Relaxed);
                }
            }
            self.pending.clear();
            self.written = 0;
            match &mut self.state {
                State::Streaming => {
                    let run = ring.run(&mut self.cursor);
                    if run.is_empty() {
                        return Ok(false);
                    }
                    let n = if self.filter.is_some() {
                        self.gather(run, ring, config)
                    } else {
                        self.send(run, ring)?
                    };
                    turn = turn.saturating_sub(n);
                }
                State::Sending { file } => {
                    let limit = GATHER as u64;
                    if Read::by_ref(file).take(limit).read_to_end(&mut self.pending)? == 0 {
                        self.finish();
                    }
                }
                State::Closing { shut, .. } => {
                    if !*shut {
                        *shut = true;
                        self.stream.shutdown(std::net::Shutdown::Write)?;
                    }
                    return Ok(false);
                }
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Writes straight from the ring. The rest of a record that the socket took only in part is kept, since the ring
    /// may overtake it.
    fn send(&mut self, run: &[u8], ring: &Ring) -> io::Result<usize> {
        let sent = write(&mut self.stream, run.get(..WRITE).unwrap_or(run))?;
        let (mut records, mut octets) = (0, 0);
        while octets < sent {
            let Some(record) = whole(run.get(octets..).unwrap_or_default()) else {
                break;
            };
            records += 1;
            octets += record.len();
        }
        self.pending.extend_from_slice(run.get(sent..octets).unwrap_or_default());
        ring.advance(&mut self.cursor, records, octets);
        self.counters.records.fetch_add(records, Ordering::Relaxed);
        self.counters.octets.fetch_add(sent as u64, Ordering::Relaxed);
        Ok(sent)
    }

    /// Copies the records that pass the filter to what is pending. Returns the octets looked at.
    fn gather(&mut self, run: &[u8], ring: &Ring, config: &ServerConfig) -> usize {
        let (mut records, mut octets, mut passed) = (0, 0, 0);
        while octets < TURN && self.pending.len() < GATHER {
            let Some(record) = whole(run.get(octets..).unwrap_or_default()) else {
                break;
            };
            records += 1;
            octets += record.len();
            if self.wants(record, config) {
                self.pending.extend_from_slice(record);
                passed += 1;
            }
        }
        ring.advance(&mut self.cursor, records, octets);
        self.counters.records.fetch_add(passed, Ordering::Relaxed);
        octets
    }

    fn wants(&self, record: &[u8], config: &ServerConfig) -> bool {
        let is_status = matches!(record, [0x80..=0x8f, 0x20..=0x2f, ..]);
        if config.status_passes_filters && is_status {
            return true;
        }
        match (&self.filter, RecordView::new(record)) {
            (Some(filter), Ok(view)) => filter.matches(&view),
            (filter, _) => filter.is_none(),
        }
    }
}

fn write(stream: &mut TcpStream, octets: &[u8]) -> io::Result<usize> {
    loop {
        match stream.write(octets) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            other => return other,
        }
    }
}
