//! Remote sources: a thread each, added and removed while radium runs.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use stream::{ClientOptions, Happening, Retry, Source, follow};

use crate::input::{Input, Rules};

/// A failure that stays the same is told again after this time.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// What is known of a source, for the status file.
pub struct SourceStatus {
    pub address: String,
    pub connected: AtomicBool,
    pub records: AtomicU64,
    pub octets: AtomicU64,
    /// How often it was attached to after the first time.
    pub reconnects: AtomicU64,
    /// Pieces of its stream that could not be read.
    pub damages: AtomicU64,
    error: Mutex<String>,
}

impl SourceStatus {
    /// Why it is not connected; empty when it is.
    pub fn error(&self) -> String {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_error(&self, text: &str) {
        text.clone_into(&mut self.error.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// One followed source.
struct Followed {
    source: Source,
    filter: Option<String>,
    stop: Arc<AtomicBool>,
    status: Arc<SourceStatus>,
    thread: JoinHandle<()>,
}

/// All of them.
pub struct Sources {
    rules: Arc<Rules>,
    followed: Vec<Followed>,
}

impl Sources {
    pub fn new(rules: Arc<Rules>) -> Sources {
        Sources { rules, followed: Vec::new() }
    }

    /// Follows exactly these sources from now on, each asked for this filter: those that are followed already go on
    /// undisturbed.
    ///
    /// # Errors
    /// Text of the reason: no thread could be started.
    pub fn set(&mut self, wanted: &[Source], filter: Option<&str>) -> Result<(), String> {
        self.followed.retain(|old| {
            let keep = wanted.contains(&old.source) && old.filter.as_deref() == filter;
            if !keep {
                self.rules.log.info(format_args!("{} is let go", old.status.address));
                old.stop.store(true, Ordering::Relaxed);
            }
            keep
        });
        for source in wanted {
            if !self.followed.iter().any(|f| f.source == *source) {
                let followed = Followed::start(source.clone(), filter, &self.rules)?;
                self.followed.push(followed);
            }
        }
        Ok(())
    }

    /// What is known of each.
    pub fn status(&self) -> impl Iterator<Item = &SourceStatus> {
        self.followed.iter().map(|f| &*f.status)
    }

    /// Lets all go and waits a little for what is being read.
    pub fn stop(&mut self, patience: Duration) {
        let until = Instant::now() + patience;
        for followed in &self.followed {
            followed.stop.store(true, Ordering::Relaxed);
        }
        for followed in self.followed.drain(..) {
            while !followed.thread.is_finished() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

impl Followed {
    fn start(source: Source, filter: Option<&str>, rules: &Arc<Rules>) -> Result<Followed, String> {
        let status = Arc::new(SourceStatus {
            address: source.to_string(),
            connected: AtomicBool::new(false),
            records: AtomicU64::new(0),
            octets: AtomicU64::new(0),
            reconnects: AtomicU64::new(0),
            damages: AtomicU64::new(0),
            error: Mutex::default(),
        });
        let stop = Arc::new(AtomicBool::new(false));
        let options = ClientOptions {
            connect_timeout: Duration::from_secs(10),
            patience: Duration::from_millis(100),
            filter: filter.map(String::from),
            ..ClientOptions::default()
        };
        let thread = {
            let (source, status, stop) = (source.clone(), Arc::clone(&status), Arc::clone(&stop));
            let name = source.to_string();
            let rules = Arc::clone(rules);
            std::thread::Builder::new()
                .name("source".into())
                .spawn(move || run(&source, &options, &rules, &status, &stop))
                .map_err(|e| format!("thread for {name}: {e}"))?
        };
        Ok(Followed { source, filter: filter.map(String::from), stop, status, thread })
    }
}

fn run(
    source: &Source,
    options: &ClientOptions,
    rules: &Arc<Rules>,
    status: &SourceStatus,
    stop: &AtomicBool,
) {
    let mut input = Input::new(rules, &status.address, false);
    let mut told: Option<(String, Instant)> = None;
    let mut attached_before = false;
    let mut tell = |text: String| {
        status.set_error(&text);
        let silent = told.as_ref().is_some_and(|(same, at)| *same == text && at.elapsed() < TELL_AGAIN);
        if !silent {
            rules.log.warning(&text);
            told = Some((text, Instant::now()));
        }
    };
    follow(source, options, Retry::default(), |happening| {
        match happening {
            Happening::Attached(initial) => {
                status.connected.store(true, Ordering::Relaxed);
                status.set_error("");
                if std::mem::replace(&mut attached_before, true) {
                    status.reconnects.fetch_add(1, Ordering::Relaxed);
                }
                rules.log.info(format_args!("attached to {}", status.address));
                if let Some(initial) = initial {
                    input.greeted(initial.bytes());
                }
            }
            Happening::Item(item) => {
                if input.item(&item) {
                    status.records.fetch_add(1, Ordering::Relaxed);
                    if let stream::Item::Record { view, .. } = &item {
                        status.octets.fetch_add(view.bytes().len() as u64, Ordering::Relaxed);
                    }
                } else {
                    status.damages.fetch_add(1, Ordering::Relaxed);
                }
            }
            Happening::Lost(error) => {
                status.connected.store(false, Ordering::Relaxed);
                tell(match error {
                    Some(error) => error.to_string(),
                    None => format!("{} closed the connection", status.address),
                });
            }
            Happening::Failed(error) => tell(error.to_string()),
            Happening::Idle | Happening::Waiting => {}
        }
        if stop.load(Ordering::Relaxed) || rules.stop.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    status.connected.store(false, Ordering::Relaxed);
}
