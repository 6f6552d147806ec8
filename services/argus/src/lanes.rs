//! Threads that share the packets of the interfaces (ARGUS_CAPTURE_THREADS): each has a ring of every interface and an
//! engine for every observation point. The kernel sends all packets between two ends to the same one.
//!
//! What the kernel goes by are addresses and ports of the outermost packet that it can read, the same for both directions;
//! fragments and ICMP go by addresses alone. So with several lanes an ICMP error may not find the flow that it is about,
//! a flow some of whose packets are fragments may be told in two records, and the two directions of what a tunnel over UDP
//! carries too. No packet is lost or counted twice.
//!
//! The first lane is the main loop itself ([`crate::capture`]); with one thread there is no other.

use std::collections::BTreeMap;
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
use crate::source::{Ring, Taker};

/// Batches of records on their way to the main loop. A lane whose batch finds no room waits; what the kernel drops
/// meanwhile it counts.
const QUEUE: usize = 64;
/// Records are gathered to about this many octets.
const GATHER: usize = 48 << 10;
/// How long the rings are read after nothing more is put into them.
pub const LINGER: Duration = Duration::from_secs(1);

/// What a lane is told.
enum Order {
    /// An engine of the next observation point.
    Engine(Box<Engine>),
    /// A ring of a port, whose packets belong to an observation point.
    Attach(usize, usize, Box<Ring>),
    /// The port's ring is not wanted any more.
    Detach(usize),
    /// The end.
    Stop,
}

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
                rings: BTreeMap::new(),
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

    /// Takes the rings of a port away, and gives its new ones, one to each lane.
    pub fn exchange(&self, port: usize, group: usize, rings: Vec<Ring>) {
        for lane in 0..self.lanes.len() {
            self.order(lane, Order::Detach(port));
        }
        for (lane, ring) in rings.into_iter().enumerate() {
            self.order(lane, Order::Attach(port, group, Box::new(ring)));
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

/// A lane, in its thread.
struct Running {
    orders: Receiver<Order>,
    woken: UnixStream,
    tell: UnixStream,
    records: SyncSender<Vec<u8>>,
    totals: Arc<Mutex<Totals>>,
    engines: Vec<Engine>,
    /// By number of the port: observation point and ring.
    rings: BTreeMap<usize, (usize, Box<Ring>)>,
    /// Drops of rings that were taken away.
    dropped_before: u64,
    batch: Batch,
}

impl Running {
    fn run(mut self) {
        loop {
            self.wait(SLEEP);
            let mut octets = [0; 64];
            while self.woken.read(&mut octets).is_ok_and(|count| count == octets.len()) {}
            let going_on = self.obey();
            self.read();
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
        self.rings.values().for_each(|(_, ring)| ring.shut());
        let end = Instant::now() + LINGER;
        while self.rings.values_mut().any(|(_, ring)| !ring.is_empty()) && Instant::now() < end {
            self.wait(Duration::from_millis(10));
            self.read();
        }
        for engine in &mut self.engines {
            engine.flush(&mut self.batch);
            if self.batch.0.len() >= GATHER {
                let batch = std::mem::take(&mut self.batch.0);
                let _ = self.records.send(batch);
            }
        }
        self.pass();
        self.tell_totals();
    }

    fn wait(&self, longest: Duration) {
        let mut descriptors = vec![PollFd::new(self.woken.as_fd(), PollFlags::POLLIN)];
        descriptors
            .extend(self.rings.values().map(|(_, r)| PollFd::new(r.receiver.as_fd(), PollFlags::POLLIN)));
        let _ = poll(&mut descriptors, PollTimeout::try_from(longest).unwrap_or(PollTimeout::ZERO));
    }

    /// False when the end was ordered, or nobody is there to give orders.
    fn obey(&mut self) -> bool {
        loop {
            match self.orders.try_recv() {
                Ok(Order::Engine(engine)) => self.engines.push(*engine),
                Ok(Order::Attach(port, group, ring)) => {
                    self.rings.insert(port, (group, ring));
                }
                Ok(Order::Detach(port)) => {
                    self.read();
                    if let Some((_, mut ring)) = self.rings.remove(&port) {
                        self.dropped_before += ring.dropped();
                    }
                }
                Ok(Order::Stop) | Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    fn read(&mut self) {
        for (group, ring) in self.rings.values_mut() {
            let Some(engine) = self.engines.get_mut(*group) else { continue };
            ring.read(&mut Taker { engine, sink: &mut self.batch, dump: None });
            // An interface that is down says so once; the main loop looks for itself.
            let _ = ring.receiver.socket().error();
        }
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
        totals.dropped += self.rings.values_mut().map(|(_, ring)| ring.dropped()).sum::<u64>();
        self.engines.iter().for_each(|engine| totals.add_engine(engine));
        *self.totals.lock().unwrap_or_else(PoisonError::into_inner) = totals;
    }
}
