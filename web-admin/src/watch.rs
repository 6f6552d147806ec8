//! Watches the box: asks boxd, radium and the archiver every few seconds, keeps what they said and a
//! history of rates.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use boxd_api::{Answer, Request, Status};
use serde::{Deserialize, Serialize};

/// Seconds between two looks.
pub const PERIOD: Duration = Duration::from_secs(2);
/// Points of each history.
const POINTS: usize = 720;
/// Looks that one point of the hour's history spans (5 s would be 2.5 looks; 6 s shows 72 minutes).
const LOOKS_PER_POINT: u32 = 3;
/// Points of the hour's history that one point of the day's spans (2 minutes).
const POINTS_PER_DAY_POINT: usize = 20;
/// The longest state file that is read, in octets.
const LONGEST_STATE: u64 = 4 << 20;
/// How long boxd may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// What radium says in its state file.
#[derive(Debug, Clone, Default, Deserialize, Serialize, PartialEq)]
#[serde(default)]
pub struct RadiumState {
    /// The sources it reads.
    pub sources: Vec<SourceState>,
    /// The clients it serves.
    pub clients: Vec<ClientState>,
    /// Sums over all of them.
    pub totals: Totals,
}

/// Sums over all sources and clients of radium, since its start.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, PartialEq)]
#[serde(default)]
pub struct Totals {
    /// Records handed out, radium's own management records included.
    pub records: u64,
    /// Records that slow clients and outputs lost.
    pub dropped: u64,
}

/// One source of radium.
#[derive(Debug, Clone, Default, Deserialize, Serialize, PartialEq)]
#[serde(default)]
pub struct SourceState {
    /// `host:port`.
    pub address: String,
    /// Whether the connection stands.
    pub connected: bool,
    /// Records taken from it.
    pub records: u64,
    /// Octets taken from it.
    pub octets: u64,
    /// Times the connection had to be made anew.
    pub reconnects: u64,
}

/// One client of radium.
#[derive(Debug, Clone, Default, Deserialize, Serialize, PartialEq)]
#[serde(default)]
pub struct ClientState {
    /// `host:port`.
    pub address: String,
    /// Its filter; empty for all records.
    pub filter: String,
    /// Records sent to it.
    pub records: u64,
    /// Octets or records that wait for it.
    pub queued: u64,
    /// Records it lost by being slow.
    pub dropped: u64,
}

/// What the archiver says in its state file.
#[derive(Debug, Clone, Default, Deserialize, Serialize, PartialEq)]
#[serde(default)]
pub struct ArchiveState {
    /// The file being written; empty when there is none.
    pub current: String,
    /// Records taken from radium since the start.
    pub records: u64,
    /// Octets of them.
    pub octets: u64,
    /// Records known to be on disk.
    pub synced_records: u64,
    /// When that was, Unix time in seconds.
    pub last_sync: f64,
    /// Files in the archive.
    pub files: u64,
    /// Start of the oldest file, Unix time in seconds; 0 when there is none.
    pub oldest: f64,
    /// Records that could not be written.
    pub dropped: u64,
    /// Errors met.
    pub errors: u64,
    /// Free octets where the archive lies.
    pub free: u64,
}

/// Rates of one interface over one look or one point.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Rates {
    /// Packets received a second.
    pub packets: f64,
    /// Bits received a second.
    pub bits: f64,
    /// Records of its sensor a second.
    pub records: f64,
    /// Packets dropped by NIC or kernel a second.
    pub drops: f64,
}

/// All that is known at one moment.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Snapshot {
    /// From boxd; `None` when it does not answer.
    pub status: Option<Status>,
    /// Why not.
    pub trouble: Option<String>,
    /// From radium; `None` when it has not written.
    pub radium: Option<RadiumState>,
    /// From the archiver; likewise.
    pub archive: Option<ArchiveState>,
    /// By interface name.
    pub rates: HashMap<String, Rates>,
}

/// Histories of one interface, oldest point first.
#[derive(Debug, Clone, Default, Serialize)]
pub struct History {
    /// Seconds between two points of `hour`.
    pub hour_step: u64,
    /// About the last hour.
    pub hour: VecDeque<Rates>,
    /// Seconds between two points of `day`.
    pub day_step: u64,
    /// The last day.
    pub day: VecDeque<Rates>,
    /// Points that `hour` ever took.
    #[serde(skip)]
    pushed: usize,
}

/// Where to look.
#[derive(Debug, Clone)]
pub struct Places {
    /// boxd's socket.
    pub boxd: PathBuf,
    /// radium's state file.
    pub radium: PathBuf,
    /// The archiver's state file.
    pub archive: PathBuf,
}

/// The watcher's findings, shared with the pages.
pub struct Watch {
    places: Places,
    snapshot: RwLock<Arc<Snapshot>>,
    histories: RwLock<HashMap<String, History>>,
}

/// Raw counters of one interface at a look.
#[derive(Clone, Copy)]
struct Counts {
    packets: u64,
    octets: u64,
    records: u64,
    drops: u64,
}

impl Watch {
    /// A watch over `places` that has not looked yet.
    pub fn new(places: Places) -> Self {
        Watch { places, snapshot: RwLock::default(), histories: RwLock::default() }
    }

    /// The newest findings.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// The history of one interface, if it has one.
    pub fn history(&self, interface: &str) -> Option<History> {
        self.histories.read().unwrap_or_else(std::sync::PoisonError::into_inner).get(interface).cloned()
    }

    /// Asks boxd something else than its status.
    pub fn ask(&self, request: &Request) -> Result<Answer, boxd_api::Error> {
        boxd_api::ask(&self.places.boxd, request, PATIENCE)
    }

    /// Looks every [`PERIOD`] for ever.
    pub fn run(&self) -> ! {
        let mut before: Option<(Instant, HashMap<String, Counts>)> = None;
        let mut sums: HashMap<String, Rates> = HashMap::new();
        let mut looks = 0;
        loop {
            let begun = Instant::now();
            let mut snapshot = self.look();
            let counts = counts(&snapshot);
            if let Some((then, old)) = &before {
                snapshot.rates = rates(old, &counts, begun.saturating_duration_since(*then));
            }
            for (name, rates) in &snapshot.rates {
                add(sums.entry(name.clone()).or_default(), rates);
            }
            looks += 1;
            if looks == LOOKS_PER_POINT {
                self.remember(&sums, &counts);
                (looks, sums) = (0, HashMap::new());
            }
            before = Some((begun, counts));
            *self.snapshot.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(snapshot);
            std::thread::sleep(PERIOD.saturating_sub(begun.elapsed()));
        }
    }

    fn look(&self) -> Snapshot {
        let (status, trouble) = match self.ask(&Request::Status) {
            Ok(Answer::Status(status)) => (Some(*status), None),
            Ok(Answer::Refused { reason }) => (None, Some(reason)),
            Ok(_) => (None, Some("boxd answered something else".to_owned())),
            Err(error) => (None, Some(error.to_string())),
        };
        Snapshot {
            status,
            trouble,
            radium: read_state(&self.places.radium),
            archive: read_state(&self.places.archive),
            rates: HashMap::new(),
        }
    }

    fn remember(&self, sums: &HashMap<String, Rates>, present: &HashMap<String, Counts>) {
        let mut histories = self.histories.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Interfaces that left take their history with them: names cannot pile up.
        histories.retain(|name, _| present.contains_key(name));
        for (name, sum) in sums {
            let history = histories.entry(name.clone()).or_insert_with(|| History {
                hour_step: PERIOD.as_secs() * u64::from(LOOKS_PER_POINT),
                day_step: PERIOD.as_secs() * u64::from(LOOKS_PER_POINT) * POINTS_PER_DAY_POINT as u64,
                ..History::default()
            });
            history.push(scaled(sum, f64::from(LOOKS_PER_POINT)));
        }
    }
}

impl History {
    fn push(&mut self, point: Rates) {
        push_bounded(&mut self.hour, point);
        self.pushed += 1;
        if self.pushed.is_multiple_of(POINTS_PER_DAY_POINT) {
            let mut sum = Rates::default();
            for rates in self.hour.iter().rev().take(POINTS_PER_DAY_POINT) {
                add(&mut sum, rates);
            }
            push_bounded(&mut self.day, scaled(&sum, POINTS_PER_DAY_POINT as f64));
        }
    }
}

fn push_bounded(points: &mut VecDeque<Rates>, point: Rates) {
    if points.len() == POINTS {
        points.pop_front();
    }
    points.push_back(point);
}

fn add(sum: &mut Rates, more: &Rates) {
    sum.packets += more.packets;
    sum.bits += more.bits;
    sum.records += more.records;
    sum.drops += more.drops;
}

fn scaled(sum: &Rates, by: f64) -> Rates {
    Rates { packets: sum.packets / by, bits: sum.bits / by, records: sum.records / by, drops: sum.drops / by }
}

fn counts(snapshot: &Snapshot) -> HashMap<String, Counts> {
    let Some(status) = &snapshot.status else { return HashMap::new() };
    let sources = snapshot.radium.as_ref().map(|radium| &radium.sources[..]).unwrap_or_default();
    let records = |port: u16| {
        let suffix = format!(":{port}");
        sources.iter().filter(|s| port != 0 && s.address.ends_with(&suffix)).map(|s| s.records).sum()
    };
    status
        .interfaces
        .iter()
        .map(|interface| {
            let counts = Counts {
                packets: interface.rx_packets,
                octets: interface.rx_octets,
                records: records(interface.port),
                drops: interface.rx_dropped,
            };
            (interface.name.clone(), counts)
        })
        .collect()
}

fn rates(
    old: &HashMap<String, Counts>,
    new: &HashMap<String, Counts>,
    between: Duration,
) -> HashMap<String, Rates> {
    let seconds = between.as_secs_f64().max(0.001);
    // A counter that went back belongs to a driver or a program that started again.
    let rate = |old: u64, new: u64| new.saturating_sub(old) as f64 / seconds;
    new.iter()
        .filter_map(|(name, new)| {
            let old = old.get(name)?;
            let rates = Rates {
                packets: rate(old.packets, new.packets),
                bits: rate(old.octets, new.octets) * 8.0,
                records: rate(old.records, new.records),
                drops: rate(old.drops, new.drops),
            };
            Some((name.clone(), rates))
        })
        .collect()
}

/// Reads a state file; nothing when it is absent, too long or half a thing.
fn read_state<T: for<'a> Deserialize<'a>>(path: &Path) -> Option<T> {
    let mut text = Vec::new();
    File::open(path).ok()?.take(LONGEST_STATE).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histories_are_bounded_and_the_day_averages_the_hour() {
        let mut history = History::default();
        for point in 0..POINTS * POINTS_PER_DAY_POINT * 2 {
            history.push(Rates { packets: (point % POINTS_PER_DAY_POINT) as f64, ..Rates::default() });
        }
        assert_eq!((history.hour.len(), history.day.len()), (POINTS, POINTS));
        let mean = (POINTS_PER_DAY_POINT - 1) as f64 / 2.0;
        assert!(history.day.iter().all(|point| (point.packets - mean).abs() < 1e-9));
    }

    #[test]
    fn a_counter_that_went_back_is_no_rate() {
        let counts = |packets| {
            HashMap::from([("em0".to_owned(), Counts { packets, octets: 0, records: 0, drops: 0 })])
        };
        let second = Duration::from_secs(1);
        assert_eq!(rates(&counts(10), &counts(30), second)["em0"].packets, 20.0);
        assert_eq!(rates(&counts(30), &counts(10), second)["em0"].packets, 0.0);
        assert!(rates(&HashMap::new(), &counts(10), second).is_empty());
    }

    #[test]
    fn a_half_written_state_file_is_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("status.json");
        assert!(read_state::<RadiumState>(&path).is_none());
        std::fs::write(&path, r#"{"totals": {"records": 7}, "unknown": 1, "sources": [{"address""#).unwrap();
        assert!(read_state::<RadiumState>(&path).is_none());
        std::fs::write(&path, r#"{"totals": {"records": 7}, "unknown": 1}"#).unwrap();
        assert_eq!(read_state::<RadiumState>(&path).unwrap().totals.records, 7);
    }
}
