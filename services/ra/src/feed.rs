//! Brings records from files, folders and sources to a client (chapter ra-output, section 4).

use crate::exports::{self, Exports, Listener};
use crate::playback::Playback;
use crate::select::compile;
use crate::settings::{FilterPlace, Input, Settings};
use crate::sieve::Sieve;
use daemon::Signals;
use record::{Mark, RecordView};
use std::io::{self, ErrorKind};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use stream::{
    Client as Remote, ClientOptions, Error, Event, Happening, INITIAL, Item, Portion, Reader, Retry, Source,
};

/// What a client of records does.
pub trait Client {
    /// A stream begins. Datagram sources have no initial record.
    ///
    /// # Errors
    /// [`Failure`] ends the run.
    fn begin(&mut self, initial: Option<&[u8; INITIAL]>) -> Result<(), Failure>;

    /// A record, as it was read. The initial record of a stream comes first, at offset 0.
    ///
    /// # Errors
    /// [`Failure`] ends the run.
    fn record(&mut self, view: RecordView<'_>, offset: u64) -> Result<Next, Failure>;

    /// How records may be judged while they are read; `None` when all are to be looked at.
    fn sieve(&self) -> Option<Sieve> {
        None
    }

    /// So many records back to back that the sieve has taken.
    ///
    /// # Errors
    /// [`Failure`] ends the run.
    fn taken(&mut self, _records: &[u8], _count: u64) -> Result<(), Failure> {
        Ok(())
    }

    /// Nothing came for a moment.
    ///
    /// # Errors
    /// [`Failure`] ends the run.
    fn idle(&mut self) -> Result<(), Failure>;

    /// Records have passed the filter that the sieve has dropped all the same.
    fn noticed(&mut self) {}

    /// The end. Tells whether any record was wanted.
    ///
    /// # Errors
    /// [`Failure`] ends the run.
    fn finish(&mut self) -> Result<bool, Failure>;
}

/// Whether a client wants more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Go on.
    More,
    /// It has all it wants.
    Stop,
}

/// Why a run ends before its input does.
#[derive(Debug)]
pub enum Failure {
    /// Nobody reads standard output any more: no fault of anybody's.
    NobodyReads,
    /// One line for the user.
    Text(String),
}

impl Failure {
    /// What went wrong with standard output.
    pub fn standard_output(error: io::Error) -> Failure {
        match error.kind() {
            ErrorKind::BrokenPipe => Failure::NobodyReads,
            _ => Failure::Text(format!("standard output: {error}")),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        if error.is_broken_pipe() { Failure::NobodyReads } else { Failure::Text(error.to_string()) }
    }
}

/// How the inputs fared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fared {
    /// One could not be opened.
    pub missing: bool,
    /// One was no argus stream, or failed.
    pub bad: bool,
    /// A signal ended the run.
    pub stopped: bool,
}

impl Fared {
    /// Says why an input could not be read.
    fn failed(&mut self, program: &str, path: &Path, error: &Error) {
        match error {
            Error::Io { source, .. } if is_missing(source) => {
                self.missing = true;
                say(program, &format!("open '{}': {}", path.display(), plain(source)));
            }
            _ if std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() == 0) => {
                self.bad = true;
                say(program, &format!("{}: it is empty", path.display()));
            }
            _ => {
                self.bad = true;
                say(program, &error.to_string());
            }
        }
    }
}

/// Says one line on standard error, and what belongs under it.
pub fn say(program: &str, text: &str) {
    use std::io::Write;
    let mut lines = text.split('\n');
    let mut said = format!("{program}: {}\n", daemon::escaped(lines.next().unwrap_or_default()));
    for line in lines {
        said.push_str(&format!("  {}\n", daemon::escaped(line)));
    }
    let _ = io::stderr().write_all(said.as_bytes());
}

/// Reads all inputs, in order, and then the sources, together.
///
/// # Errors
/// What the client failed with.
pub fn feed(
    settings: &Settings,
    signals: &Signals,
    client: &mut (impl Client + Send),
) -> Result<Fared, Failure> {
    let mut fared = Fared::default();
    for input in &inputs(settings, &mut fared) {
        let next = match input {
            Input::File(path, range) => file(settings, signals, (path, *range, None), client, &mut fared)?,
            Input::Baseline(path, range) => {
                file(settings, signals, (path, *range, Some(Mark::Baseline)), client, &mut fared)?
            }
            Input::Exports(path, range) => exported(settings, signals, path, *range, client, &mut fared)?,
            // Its files stand in its place.
            Input::Folder(_) => Next::More,
        };
        if next == Next::Stop {
            break;
        }
    }
    if !fared.stopped && !settings.sources.is_empty() {
        sources(settings, signals, client, &mut fared)?;
    }
    Ok(fared)
}

/// The inputs with the files of folders in their places.
fn inputs(settings: &Settings, fared: &mut Fared) -> Vec<Input> {
    let mut inputs = Vec::with_capacity(settings.inputs.len());
    for input in &settings.inputs {
        let Input::Folder(folder) = input else {
            inputs.push(input.clone());
            continue;
        };
        match files_below(folder) {
            Ok(files) => {
                if files.is_empty() {
                    say(settings.program, &format!("{}: no files in it", folder.display()));
                }
                inputs.extend(files.into_iter().map(|file| Input::File(file, None)));
                if settings.style.compat {
                    // A folder puts all that is named up to it into order.
                    inputs.sort_by(|a, b| a.path().cmp(b.path()));
                }
            }
            Err(error) => {
                say(settings.program, &error);
                fared.missing = true;
            }
        }
    }
    if settings.inputs.is_empty() && settings.sources.is_empty() {
        inputs.push(Input::File("-".into(), None));
    }
    inputs
}

fn file(
    settings: &Settings,
    signals: &Signals,
    (path, range, mark): (&Path, Option<(u64, u64)>, Option<Mark>),
    client: &mut impl Client,
    fared: &mut Fared,
) -> Result<Next, Failure> {
    let stop = signals.stop_flag();
    let stopped = || stop.load(Ordering::Relaxed) != 0;
    let keep = signals.stop_flag();
    let keep = Box::new(move || keep.load(Ordering::Relaxed) == 0);
    let mut reader = match Reader::open_patiently(path, keep) {
        Ok(reader) => reader,
        Err(_) if stopped() => {
            fared.stopped = true;
            return Ok(Next::Stop);
        }
        Err(error) => {
            fared.failed(settings.program, path, &error);
            return Ok(Next::More);
        }
    };
    if let Some((start, end)) = range {
        reader.set_range(start..end);
    }
    client.begin(Some(reader.initial().bytes()))?;
    let name = reader.name().to_owned();
    let mut playback = settings.playback.map(Playback::new);
    let mut sieve = client.sieve().filter(|_| playback.is_none() && mark.is_none());
    loop {
        if stopped() {
            fared.stopped = true;
            return Ok(Next::Stop);
        }
        let event = match &mut sieve {
            Some(sieve) => {
                let portion = sieve.next(&mut reader);
                if sieve.noticed() {
                    client.noticed();
                }
                match portion {
                    Ok(Portion::Runs(runs)) => {
                        for (records, count) in runs {
                            client.taken(records, count)?;
                        }
                        continue;
                    }
                    Ok(Portion::Nothing) => continue,
                    Ok(Portion::Event(event)) => Ok(event),
                    Err(error) => Err(error),
                }
            }
            None => reader.next_event(),
        };
        match event {
            // An input may seem to have ended because a signal came.
            Ok(Event::Closed) if stopped() => {}
            Ok(Event::Closed) => return Ok(Next::More),
            Ok(Event::Idle) => client.idle()?,
            Ok(Event::Item(Item::Record { offset, mut view })) => {
                if let Some(mark) = mark {
                    view.mark(mark);
                }
                if let Some(playback) = playback.as_mut().filter(|_| view.kind().has_dsrs()) {
                    let end = view.end().micros();
                    while let Some(nap) = playback.nap(end, Instant::now()) {
                        client.idle()?;
                        std::thread::sleep(nap);
                        if stopped() {
                            fared.stopped = true;
                            return Ok(Next::Stop);
                        }
                    }
                }
                if client.record(view, offset)? == Next::Stop {
                    return Ok(Next::Stop);
                }
            }
            // As for the record that a signal cut.
            Ok(Event::Item(Item::Damage(_))) if stopped() => {}
            Ok(Event::Item(Item::Damage(damage))) => say(settings.program, &format!("{name}: {damage}")),
            Err(error) => {
                say(settings.program, &error.to_string());
                fared.bad = true;
                return Ok(Next::More);
            }
        }
    }
}

/// Reads a file of NetFlow.
fn exported(
    settings: &Settings,
    signals: &Signals,
    path: &Path,
    range: Option<(u64, u64)>,
    client: &mut impl Client,
    fared: &mut Fared,
) -> Result<Next, Failure> {
    let (start, end) = range.unwrap_or((0, u64::MAX));
    let mut begun = false;
    let mut exports = Exports::new();
    let read = exports::file(path, &mut exports, |view, offset| {
        if signals.stop().is_some() || offset >= end {
            return Ok(Next::Stop);
        }
        if offset < start {
            return Ok(Next::More);
        }
        if !std::mem::replace(&mut begun, true) {
            client.begin(None)?;
        }
        client.record(view, offset)
    });
    fared.stopped |= signals.stop().is_some();
    match read {
        Ok(next) => {
            if let Some(told) = exports.told() {
                fared.bad |= !begun;
                say(settings.program, &format!("{}: {told}", path.display()));
            }
            match next? {
                // The end of the range is not the end of all inputs.
                Next::Stop if !fared.stopped && range.is_some() => Ok(Next::More),
                next => Ok(next),
            }
        }
        Err(error) => {
            fared.failed(settings.program, path, &error);
            Ok(Next::More)
        }
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied)
}

/// The system's words, without the number that follows them.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// Regular files below a folder whose names, and whose folders' names, do not begin with a period; sorted by path.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>, String> {
    /// Deeper than any archive is, and an end for links that lead back.
    const DEEPEST: usize = 64;
    fn walk(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), String> {
        let failed = |error: &io::Error| format!("open '{}': {}", folder.display(), plain(error));
        for entry in std::fs::read_dir(folder).map_err(|error| failed(&error))? {
            let entry = entry.map_err(|error| failed(&error))?;
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let path = entry.path();
            // Follows links; what vanished meanwhile is not there.
            let Ok(metadata) = std::fs::metadata(&path) else { continue };
            if metadata.is_dir() && depth < DEEPEST {
                walk(&path, depth + 1, files)?;
            } else if metadata.is_file() {
                files.push(path);
            }
        }
        Ok(())
    }
    let mut files = Vec::new();
    if folder.is_file() {
        return Ok(vec![folder.to_owned()]);
    }
    walk(folder, 0, &mut files)?;
    files.sort_by(|a, b| a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes()));
    Ok(files)
}

/// What the threads of several sources share.
struct Shared<'c, C> {
    client: &'c mut C,
    failure: Option<Failure>,
    done: bool,
}

/// Reads the sources, each in a thread of its own, until they end, the time is up or a signal comes.
fn sources(
    settings: &Settings,
    signals: &Signals,
    client: &mut (impl Client + Send),
    fared: &mut Fared,
) -> Result<(), Failure> {
    let filter = match &settings.filter {
        // What the source shall do must first be something that we understand ourselves.
        Some((FilterPlace::Source, text)) => {
            compile(settings, text).map(|_| Some(text.clone())).map_err(Failure::Text)?
        }
        _ => None,
    };
    let options = ClientOptions {
        connect_timeout: Duration::from_secs_f64(settings.connect_seconds.clamp(0.1, 3600.0)),
        filter,
        poll: settings.poll,
        local_port: settings.local_port,
        ..ClientOptions::default()
    };
    let mut parsed = Vec::new();
    for text in &settings.sources {
        // NetFlow comes as datagrams do.
        let exports = ["cisco://", "jflow://"].iter().find_map(|kind| text.strip_prefix(kind));
        parsed.push(match exports {
            Some(address) => (Source::parse(&format!("argus-udp://{address}"), settings.port)?, true),
            None => (Source::parse(text, settings.port)?, false),
        });
    }
    let until = settings.stay.map(|seconds| Instant::now() + Duration::from_secs_f64(seconds));
    let shared = Mutex::new(Shared { client, failure: None, done: false });
    let bad = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for (source, exports) in &parsed {
            let (shared, bad, options) = (&shared, &bad, &options);
            scope.spawn(move || {
                let failed = one_source(settings, signals, (source, *exports), options, until, shared);
                bad.fetch_or(failed, Ordering::Relaxed);
            });
        }
    });
    fared.bad |= bad.into_inner();
    fared.stopped = signals.stop().is_some();
    let shared = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    shared.failure.map_or(Ok(()), Err)
}

/// Reads one source, of NetFlow perhaps; tells whether it failed.
fn one_source<C: Client>(
    settings: &Settings,
    signals: &Signals,
    (source, exports): (&Source, bool),
    options: &ClientOptions,
    until: Option<Instant>,
    shared: &Mutex<Shared<'_, C>>,
) -> bool {
    // The first one to fail ends the others.
    let with = |action: &mut dyn FnMut(&mut C) -> Result<Next, Failure>| -> Next {
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.done || signals.stop().is_some() || until.is_some_and(|until| Instant::now() >= until) {
            return Next::Stop;
        }
        match action(shared.client) {
            Ok(Next::More) => Next::More,
            Ok(Next::Stop) => {
                shared.done = true;
                Next::Stop
            }
            Err(failure) => {
                (shared.failure, shared.done) = (Some(failure), true);
                Next::Stop
            }
        }
    };
    let name = source.to_string();
    let item = |item: Item<'_>| match item {
        Item::Record { offset, view } => with(&mut |client| client.record(view, offset)),
        Item::Damage(damage) => {
            say(settings.program, &format!("{name}: {damage}"));
            Next::More
        }
    };
    let begin = |initial: Option<&stream::Initial>| {
        with(&mut |client| {
            client.begin(initial.map(stream::Initial::bytes))?;
            match initial.map(|initial| RecordView::new(initial.bytes())) {
                Some(Ok(view)) => client.record(view, 0),
                _ => Ok(Next::More),
            }
        })
    };
    let idle = || with(&mut |client| client.idle().map(|()| Next::More));
    if exports {
        return listen(settings, source, begin, idle, |view| Ok(with(&mut |client| client.record(view, 0))));
    }
    if settings.reliable {
        return stream::follow(source, options, Retry::default(), |happening| {
            let next = match happening {
                Happening::Attached(initial) => begin(initial),
                Happening::Item(record) => item(record),
                Happening::Idle | Happening::Waiting => idle(),
                Happening::Lost(error) => {
                    let why = error.map_or_else(|| "connection closed".to_owned(), |error| error.to_string());
                    say(settings.program, &format!("{name}: {why}"));
                    idle()
                }
                Happening::Failed(error) => {
                    say(settings.program, &error.to_string());
                    idle()
                }
            };
            if next == Next::Stop { ControlFlow::Break(false) } else { ControlFlow::Continue(()) }
        });
    }
    let mut remote = match Remote::connect(source, options) {
        Ok(remote) => remote,
        Err(error) => {
            say(settings.program, &error.to_string());
            return true;
        }
    };
    let mut next = begin(remote.initial());
    while next == Next::More && !settings.poll {
        next = match remote.next() {
            Ok(Event::Item(record)) => item(record),
            Ok(Event::Idle) => idle(),
            Ok(Event::Closed) => break,
            Err(error) => {
                say(settings.program, &error.to_string());
                return true;
            }
        };
    }
    remote.close();
    false
}

/// Receives NetFlow until no more is wanted; tells whether it failed.
fn listen(
    settings: &Settings,
    source: &Source,
    begin: impl FnOnce(Option<&stream::Initial>) -> Next,
    idle: impl Fn() -> Next,
    take: impl Fn(RecordView<'_>) -> Result<Next, Failure>,
) -> bool {
    /// How long nobody looks whether to stop.
    const PATIENCE: Duration = Duration::from_millis(200);
    let mut listener = match Listener::bind(source, PATIENCE) {
        Ok(listener) => listener,
        Err(error) => {
            say(settings.program, &error.to_string());
            return true;
        }
    };
    let mut next = begin(None);
    while next == Next::More {
        next = match listener.next(&take) {
            Ok(Some(Ok(next))) => next,
            Ok(None) => idle(),
            // The client's failure is kept where all sources share it.
            Ok(Some(Err(_))) => Next::Stop,
            Err(error) => {
                say(settings.program, &format!("{source}: {error}"));
                return true;
            }
        };
    }
    if let Some(told) = listener.told() {
        say(settings.program, &format!("{source}: {told}"));
    }
    false
}
