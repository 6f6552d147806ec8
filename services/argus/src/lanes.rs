//! Threads that share the packets of the interfaces (ARGUS_CAPTURE_THREADS): each has a ring of every interface and an
//! engine for every observation point. The kernel sends all packets between two ends to the same one.
//!
//! Which ring takes a packet is computed from the two addresses of the outermost IP header and, for TCP, the ports
//! ([`packetring::by_ends`]): both directions, fragments, what a tunnel carries and ICMP errors about it go together. What
//! is not IP goes by its kind. Only a TCP flow some of whose packets are fragments may be told in two records; no packet is
//! lost or counted twice.
//!
//! The first lane is the main loop itself ([`crate::capture`]); with one thread there is no other.

use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use flow::{Engine, Sink};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::capture::{SLEEP, a_little_ago};
use crate::output::Outlet;
use crate::report::Totals;
use crate::source::{GATHER_SHARED, Source, Taker, in_order};

/// Batches of records on their way to the main loop. A lane whose batch finds no room waits; what the kernel drops
/// meanwhile it counts.
const QUEUE: usize = 64;
/// Records are gathered to about this many octets.
const GATHER: usize = 48 << 10;
/// How long the rings are read after nothing more is put into them.
pub const LINGER: Duration = Duration::from_secs(1);

/// The longest that a lane sleeps while packets wait for those of other interfaces.
const PATIENCE: Duration = Duration::from_millis(GATHER_SHARED as u64);

/// What a lane is told.
enum Order {
    /// An engine of the next observation point.
    Engine(Box<Engine>),
    /// A source of a port, whose packets belong to an observation point.
    Attach(Place, Box<Source>),
    /// The port's source is not wanted any more.
    Detach(usize),
    /// The end.
    Stop,
}

/// Number of a port, number of its observation point, and whether other ports have the same one.
pub type Place = (usize, usize, bool);

/// The lanes beside the main loop.
pub struct Lanes {
    lanes: Vec<Lane>,
    records: Receiver<Vec<u8>>,
    news: UnixStream,
    /// The other end, which the lanes have copies of: kept, or the end of the last would be news for ever.
    _tell: UnixStream,
}

struct Lane {
    orders: Sender<Order>,
    wake: UnixStream,
    totals: Arc<Mutex<Totals>>,
    thread: Option<JoinHandle<()>>,
}

impl Lanes {
    /// Starts `count` lanes.
    ///
    /// # Errors
    /// One line: no thread or no pipe can be made.
    pub fn start(count: usize) -> Result<Lanes, String> {
        let pipe = || {
            let (from, to) = UnixStream::pair()?;
            from.set_nonblocking(true)?;
            to.set_nonblocking(true)?;
            Ok((from, to))
        };
        let failed = |error: std::io::Error| format!("cannot start a capture thread: {error}");
        let (news, tell) = pipe().map_err(failed)?;
        let (sender, records) = sync_channel(QUEUE);
        let mut lanes = Vec::new();
        for number in 0..count {
            let (woken, wake) = pipe().map_err(failed)?;
            let (orders, ordered) = channel();
            let totals = Arc::new(Mutex::new(Totals::default()));
            let running = Running {
                orders: ordered,
                woken,
                tell: tell.try_clone().map_err(failed)?,
                records: sender.clone(),
                totals: Arc::clone(&totals),
                engines: Vec::new(),
                shares: Vec::new(),
                dropped_before: 0,
                batch: Batch(Vec::new()),
            };
            let thread = std::thread::Builder::new()
                .name(format!("capture.{}", number + 1))
                .spawn(move || running.run())
                .map_err(failed)?;
            lanes.push(Lane { orders, wake, totals, thread: Some(thread) });
        }
        Ok(Lanes { lanes, records, news, _tell: tell })
    }

    /// Lanes beside the main loop.
    pub fn count(&self) -> usize {
        self.lanes.len()
    }

    /// Becomes readable when there are records.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.news.as_fd()
    }

    fn order(&self, lane: usize, order: Order) {
        if let Some(lane) = self.lanes.get(lane) {
            // Only a lane that was stopped is gone.
            let _ = lane.orders.send(order);
            let _ = (&lane.wake).write(&[0]);
        }
    }

    /// Gives a lane the engine of the next observation point.
    pub fn engine(&self, lane: usize, engine: Engine) {
        self.order(lane, Order::Engine(Box::new(engine)));
    }

    /// Takes the sources of a port away, and gives its new ones, one to each lane.
    pub fn exchange(&self, place: Place, sources: Vec<Source>) {
        for lane in 0..self.lanes.len() {
            self.order(lane, Order::Detach(place.0));
        }
        for (lane, source) in sources.into_iter().enumerate() {
            self.order(lane, Order::Attach(place, Box::new(source)));
        }
    }

    /// Passes the records that are there on.
    pub fn pass(&self, sink: &mut dyn Sink) {
        let mut octets = [0; 64];
        while (&self.news).read(&mut octets).is_ok_and(|count| count == octets.len()) {}
        // No more at a time than there can be when it begins: the interfaces of the main loop wait.
        for batch in self.records.try_iter().take(QUEUE) {
            sink.record(&batch);
        }
    }

    /// Adds what the lanes did.
    pub fn add_to(&self, totals: &mut Totals) {
        for lane in &self.lanes {
            totals.add(&lane.totals.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Ends the lanes: what their rings hold and all their flows are reported.
    pub fn stop(&mut self, outlet: &mut Outlet) {
        for lane in 0..self.lanes.len() {
            self.order(lane, Order::Stop);
        }
        while self.lanes.iter().any(|lane| lane.thread.as_ref().is_some_and(|thread| !thread.is_finished())) {
            if let Ok(batch) = self.records.recv_timeout(Duration::from_millis(10)) {
                outlet.record(&batch);
                // A live outlet never fails: its errors are told by the thread that writes.
                let _ = outlet.pass_if_full();
            }
        }
        for lane in &mut self.lanes {
            if let Some(thread) = lane.thread.take() {
                let _ = thread.join();
            }
        }
        self.records.try_iter().for_each(|batch| outlet.record(&batch));
    }
}

/// Whole records.
struct Batch(Vec<u8>);

impl Sink for Batch {
    fn record(&mut self, record: &[u8]) {
        self.0.extend_from_slice(record);
    }
}

/// Whole records, passed on as they come: all flows of an engine are many at a time.
struct Passing<'a> {
    batch: &'a mut Vec<u8>,
    to: &'a SyncSender<Vec<u8>>,
}

impl Sink for Passing<'_> {
    fn record(&mut self, record: &[u8]) {
        self.batch.extend_from_slice(record);
        if self.batch.len() >= GATHER {
            // The main loop takes them as long as this thread runs.
            let _ = self.to.send(std::mem::replace(self.batch, Vec::with_capacity(2 * GATHER)));
        }
    }
}

/// A lane, in its thread.
struct Running {
    orders: Receiver<Order>,
    woken: UnixStream,
    tell: UnixStream,
    records: SyncSender<Vec<u8>>,
    totals: Arc<Mutex<Totals>>,
    engines: Vec<Engine>,
    /// What it has of the ports, those of one observation point side by side.
    shares: Vec<Share>,
    /// Drops of sources that were taken away.
    dropped_before: u64,
    batch: Batch,
}

/// A lane's share of a port.
struct Share {
    place: Place,
    source: Box<Source>,
    /// Until when it is read, when it is not wanted any more.
    until: Option<Instant>,
}

impl Share {
    /// Whether packets of it wait for those of others, or for their end.
    fn waits(&self) -> bool {
        self.until.is_some() || self.source.waits()
    }
}

impl Running {
    fn run(mut self) {
        loop {
            self.wait(if self.shares.iter().any(Share::waits) { PATIENCE } else { SLEEP });
            let mut octets = [0; 64];
            while self.woken.read(&mut octets).is_ok_and(|count| count == octets.len()) {}
            let going_on = self.obey();
            self.read(false);
            let now = a_little_ago();
            for engine in &mut self.engines {
                engine.tick(now, &mut self.batch);
            }
            if !going_on {
                break;
            }
            self.pass();
            self.tell_totals();
        }
        self.shares.iter_mut().for_each(|share| share.source.shut());
        let end = Instant::now() + LINGER;
        while self.shares.iter_mut().any(|share| !share.source.is_empty()) && Instant::now() < end {
            self.wait(Duration::from_millis(10));
            self.read(false);
        }
        self.read(true);
        for engine in &mut self.engines {
            engine.flush(&mut Passing { batch: &mut self.batch.0, to: &self.records });
        }
        self.pass();
        self.tell_totals();
    }

    fn wait(&self, longest: Duration) {
        let mut descriptors = vec![PollFd::new(self.woken.as_fd(), PollFlags::POLLIN)];
        let sources = self.shares.iter().filter(|share| share.until.is_none()).map(|share| &*share.source);
        descriptors.extend(sources.map(|source| PollFd::new(source.as_fd(), PollFlags::POLLIN)));
        let _ = poll(&mut descriptors, PollTimeout::try_from(longest).unwrap_or(PollTimeout::ZERO));
    }

    /// False when the end was ordered, or nobody is there to give orders.
    fn obey(&mut self) -> bool {
        loop {
            match self.orders.try_recv() {
                Ok(Order::Engine(engine)) => self.engines.push(*engine),
                Ok(Order::Attach(place, source)) => {
                    let at = self.shares.partition_point(|share| share.place.1 <= place.1);
                    self.shares.insert(at, Share { place, source, until: None });
                }
                Ok(Order::Detach(port)) => {
                    for share in self.shares.iter_mut().filter(|share| share.place.0 == port) {
                        share.source.shut();
                        share.until.get_or_insert_with(|| Instant::now() + LINGER);
                    }
                }
                Ok(Order::Stop) | Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    /// Reads what is there; `all`: no packet waits for those of another interface.
    fn read(&mut self, all: bool) {
        let now = Instant::now();
        for share in &mut self.shares {
            let (_, group, together) = share.place;
            let Some(engine) = self.engines.get_mut(group) else { continue };
            // Only libpcap fails, whose packets no lane has a share of.
            let _ = match together {
                true => share.source.keep(now),
                false => share.source.read(&mut Taker { engine, sink: &mut self.batch, dump: None }),
            };
        }
        for shares in self.shares.chunk_by_mut(|one, next| one.place.2 && one.place.1 == next.place.1) {
            let [first, ..] = &*shares else { continue };
            let (_, group, together) = first.place;
            let Some(engine) = self.engines.get_mut(group).filter(|_| together) else { continue };
            let sources = shares.iter_mut().map(|share| &mut *share.source).collect();
            in_order(sources, now, all, &mut Taker { engine, sink: &mut self.batch, dump: None });
        }
        let dropped = &mut self.dropped_before;
        self.shares.retain_mut(|share| {
            let gone = share.until.is_some_and(|until| share.source.is_empty() || now >= until);
            if gone {
                *dropped += share.source.dropped();
            }
            !gone
        });
        if self.batch.0.len() >= GATHER {
            self.pass();
        }
    }

    /// Passes the records on to the main loop.
    fn pass(&mut self) {
        if self.batch.0.is_empty() {
            return;
        }
        let batch = std::mem::replace(&mut self.batch.0, Vec::with_capacity(2 * GATHER));
        let _ = self.records.send(batch);
        let _ = self.tell.write(&[0]);
    }

    fn tell_totals(&mut self) {
        let mut totals = Totals { dropped: self.dropped_before, ..Totals::default() };
        totals.dropped += self.shares.iter_mut().map(|share| share.source.dropped()).sum::<u64>();
        self.engines.iter().for_each(|engine| totals.add_engine(engine));
        *self.totals.lock().unwrap_or_else(PoisonError::into_inner) = totals;
    }
}
