//! A reader in this process that remembers when each record came, so that a test can say what must have been kept.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use stream::{Client, ClientOptions, DEFAULT_PORT, Event, Item, Source};

use crate::error::{Error, Result};

/// What has come so far: the stream's first record, then all others with their times.
#[derive(Debug, Default)]
struct Heard {
    initial: Vec<u8>,
    records: Vec<(Instant, Vec<u8>)>,
    trouble: Option<String>,
}

/// A reader attached to a radium until it is dropped or the radium ends.
#[derive(Debug)]
pub struct Witness {
    heard: Arc<Mutex<Heard>>,
    end: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

impl Witness {
    /// Attaches to the radium at this loopback port.
    pub fn attach(port: u16) -> Result<Witness> {
        let wrong = |error: stream::Error| Error::Other(error.to_string());
        let source = Source::parse(&format!("127.0.0.1:{port}"), DEFAULT_PORT).map_err(wrong)?;
        let mut client = Client::connect(&source, &ClientOptions::default()).map_err(wrong)?;
        let initial = client.initial().map(|initial| initial.bytes().to_vec()).unwrap_or_default();
        let heard = Arc::new(Mutex::new(Heard { initial, ..Heard::default() }));
        let end = Arc::new(AtomicBool::new(false));
        let reader = {
            let (heard, end) = (heard.clone(), end.clone());
            std::thread::spawn(move || {
                while !end.load(Ordering::Relaxed) {
                    let event = client.next();
                    let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                    match event {
                        Ok(Event::Item(Item::Record { view, .. })) => {
                            heard.records.push((Instant::now(), view.bytes().to_vec()));
                        }
                        Ok(Event::Item(Item::Damage(damage))) => heard.trouble = Some(damage.to_string()),
                        Ok(Event::Idle) => {}
                        // A box that was switched off closes nothing; one that ends in order does.
                        Ok(Event::Closed) | Err(_) => return,
                    }
                }
            })
        };
        Ok(Witness { heard, end, reader: Some(reader) })
    }

    /// Writes the records that came before `until` into a file that `ra` reads; gives back how many.
    pub fn write(&self, file: &Path, until: Instant) -> Result<usize> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(trouble) = &heard.trouble {
            return Err(Error::Other(format!("the stream was damaged: {trouble}")));
        }
        let mut bytes = heard.initial.clone();
        let mut count = 0;
        for (_, record) in heard.records.iter().take_while(|(time, _)| *time < until) {
            bytes.extend_from_slice(record);
            count += 1;
        }
        fs::write(file, bytes).map_err(Error::file("writing", file))?;
        Ok(count)
    }

    /// Waits until `enough` of the records that have come.
    pub fn wait_for(&self, count: usize, limit: Duration) -> Result<()> {
        crate::records::wait_for(&format!("{count} records"), limit, || {
            let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            Ok((heard.records.len() >= count).then_some(()))
        })
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}
