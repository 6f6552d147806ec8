//! When a box is up: the web admin answers, radium answers, and every sensor reports through it.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use record::dsr::transport::Transport;
use record::{Index, SourceId};
use stream::{Client, ClientOptions, DEFAULT_PORT, Event, Item, Source};

use crate::error::{Error, Result};
use crate::https;
use crate::machine::Machine;

/// A host on the management NIC's Ethernet that the lab's box lets in, beside QEMU's user network, which the forwarded
/// loopback ports come from.
pub const LET_IN: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 78);

/// `box.toml` of a lab: only those two may reach it, its sensors speak up every 5 s, and archive files are closed after
/// `split` seconds.
pub fn lab_seed(split: u32) -> String {
    let allowed = format!("[\"10.0.2.2/32\", \"{LET_IN}/32\"]");
    format!(
        "schema = 1\n\n[box]\nhostname = \"lab\"\nsrcid = 1\n\n[sensor]\nmanagement-interval = 5\n\n\
         [radium]\ncollectors = {allowed}\n\n[firewall]\nmanagement = {allowed}\n\n\
         [archive]\nsplit-interval = {split}\n"
    )
}

/// Source id of the tap NIC `number` (from 0) in a lab: the management NIC comes first.
pub fn tap_srcid(number: usize) -> u32 {
    number as u32 + 2
}

/// Waits until everything of `machine` answers, the sensors with these source ids included.
pub fn wait_until_ready(machine: &mut Machine, srcids: &[u32], limit: Duration) -> Result<()> {
    wait_until_ready_or(machine, srcids, limit, &AtomicBool::new(false)).map(|_| ())
}

/// As [`wait_until_ready`]; gives up with `false` soon after `enough` is set.
pub fn wait_until_ready_or(
    machine: &mut Machine,
    srcids: &[u32],
    limit: Duration,
    enough: &AtomicBool,
) -> Result<bool> {
    let mut wait = Wait { machine, end: Instant::now() + limit, limit, enough };
    Ok(wait.for_web()? && wait.for_sensors(srcids)?)
}

struct Wait<'a> {
    machine: &'a mut Machine,
    end: Instant,
    limit: Duration,
    enough: &'a AtomicBool,
}

impl Wait<'_> {
    fn for_web(&mut self) -> Result<bool> {
        while !self.enough.load(Ordering::Relaxed) {
            let answer = https::get(self.machine.web(), "/", Duration::from_secs(5));
            if answer.as_ref().is_ok_and(|response| response.status < 500) {
                return Ok(true);
            }
            self.check(|| format!("web admin ({:?})", answer.map(|response| response.status)))?;
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(false)
    }

    /// Attaches to radium and reads until a record of every sensor, management or flow, has come.
    fn for_sensors(&mut self, srcids: &[u32]) -> Result<bool> {
        let wrong = |error: stream::Error| Error::Other(error.to_string());
        let source =
            Source::parse(&format!("127.0.0.1:{}", self.machine.radium()), DEFAULT_PORT).map_err(wrong)?;
        let mut missing: BTreeSet<u32> = srcids.iter().copied().collect();
        while !self.enough.load(Ordering::Relaxed) {
            let trouble = match Client::connect(&source, &ClientOptions::default()) {
                Ok(mut client) => match self.read(&mut client, &mut missing)? {
                    Some(done) => return Ok(done),
                    None => "radium closed the connection".into(),
                },
                Err(error) => error.to_string(),
            };
            self.check(|| format!("record of the sensors {missing:?} ({trouble})"))?;
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(false)
    }

    /// Whether all sensors were heard; `None` when the connection ended before.
    fn read(&mut self, client: &mut Client, missing: &mut BTreeSet<u32>) -> Result<Option<bool>> {
        while !missing.is_empty() {
            if self.enough.load(Ordering::Relaxed) {
                return Ok(Some(false));
            }
            match client.next() {
                Ok(Event::Item(Item::Record { view, .. })) => {
                    if let Some(id) = source_id(&view) {
                        missing.remove(&id);
                    }
                }
                Ok(Event::Item(Item::Damage(damage))) => {
                    return Err(Error::Other(format!("radium: {damage}")));
                }
                Ok(Event::Idle) => {}
                Ok(Event::Closed) | Err(_) => return Ok(None),
            }
            self.check(|| format!("record of the sensors {missing:?} (attached)"))?;
        }
        Ok(Some(true))
    }

    /// Fails when QEMU has ended or time is up.
    fn check(&mut self, what: impl FnOnce() -> String) -> Result<()> {
        if !self.machine.is_running() {
            return Err(Error::Other(format!("QEMU has ended; the console's end: {}", tail(self.machine))));
        }
        if Instant::now() < self.end {
            return Ok(());
        }
        let what = format!("no {}; the console's end: {}", what(), tail(self.machine));
        Err(Error::Timeout { what, seconds: self.limit.as_secs() })
    }
}

/// The integer that a record's sensor is known by.
fn source_id(view: &record::RecordView) -> Option<u32> {
    let id = match view.mar() {
        Some(mar) => mar.source_id(),
        None => Transport::parse(view.dsr(Index::Transport)?)?.id?,
    };
    match id {
        SourceId::Int(number) => Some(number),
        _ => None,
    }
}

fn tail(machine: &Machine) -> String {
    let text = machine.console().text();
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(8)..].join(" | ")
}
