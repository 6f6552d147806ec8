//! Stays attached to a source: connects again, for ever, after it went away.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::Error;
use crate::client::{Client, ClientOptions, Event};
use crate::hello::Initial;
use crate::reader::Item;
use crate::source::Source;

/// What happens to a source that is followed.
#[derive(Debug)]
pub enum Happening<'a> {
    /// It is attached now; UDP sources have no initial record.
    Attached(Option<&'a Initial>),
    /// It gave a record, or something unreadable.
    Item(Item<'a>),
    /// It gave nothing for a moment.
    Idle,
    /// It went away, with or without an error.
    Lost(Option<Error>),
    /// An attempt to attach failed.
    Failed(Error),
    /// Waiting to try again; comes every 100 ms.
    Waiting,
}

/// How long to wait between attempts: the first retries come sooner, then the pace is even.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// Wait before the first retry.
    pub first: Duration,
    /// Each further wait is twice as long, up to this one.
    pub longest: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Retry { first: Duration::from_millis(500), longest: Duration::from_secs(5) }
    }
}

/// Follows `source` until `each` breaks off. Runs in the calling thread.
pub fn follow<B>(
    source: &Source,
    options: &ClientOptions,
    retry: Retry,
    mut each: impl FnMut(Happening<'_>) -> ControlFlow<B>,
) -> B {
    let mut wait = retry.first;
    loop {
        match Client::connect(source, options) {
            Err(error) => {
                if let ControlFlow::Break(b) = each(Happening::Failed(error)) {
                    return b;
                }
            }
            Ok(mut client) => {
                let attached = Instant::now();
                match stay(&mut client, &mut each) {
                    ControlFlow::Break(b) => {
                        client.close();
                        return b;
                    }
                    ControlFlow::Continue(()) if attached.elapsed() > retry.longest => wait = retry.first,
                    ControlFlow::Continue(()) => {}
                }
            }
        }
        let until = Instant::now() + wait;
        wait = (wait * 2).min(retry.longest);
        while Instant::now() < until {
            if let ControlFlow::Break(b) = each(Happening::Waiting) {
                return b;
            }
            std::thread::sleep(
                until.saturating_duration_since(Instant::now()).min(Duration::from_millis(100)),
            );
        }
    }
}

/// One connection, from its initial record to its end.
fn stay<B>(client: &mut Client, each: &mut impl FnMut(Happening<'_>) -> ControlFlow<B>) -> ControlFlow<B> {
    each(Happening::Attached(client.initial()))?;
    loop {
        match client.next() {
            Ok(Event::Item(item)) => each(Happening::Item(item))?,
            Ok(Event::Idle) => each(Happening::Idle)?,
            Ok(Event::Closed) => return each(Happening::Lost(None)),
            Err(error) => return each(Happening::Lost(Some(error))),
        }
    }
}
