//! The server side of the Argus protocol: one thread that hands every published record to every client that wants it.
//!
//! A program binds first (while it may), starts the thread when it has become what it will be (daemon, user), and then
//! publishes records from any of its threads:
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use stream::{Server, ServerConfig};
//! # fn initial() -> [u8; 128] { [0; 128] }
//! # fn main() -> Result<(), stream::Error> {
//! let addresses = stream::listen_addresses(&["127.0.0.1"], 561)?;
//! let server = Server::bind(ServerConfig::new(addresses, Arc::new(initial)))?;
//! let broadcast = server.start()?;
//! # let record = [0; 128];
//! broadcast.publish(&record);
//! broadcast.stop(std::time::Duration::from_secs(2));
//! # Ok(()) }
//! ```
//!
//! Records wait in one ring for all clients together; a client is a place in it. Publishing costs one copy whoever
//! listens. A client that falls behind by the length of the ring loses the oldest whole records, which is counted for
//! it and in total; nothing it does delays the publisher or another client.

mod client;
mod compile;
mod file;
mod looping;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use crate::inbox::Inbox;
use crate::{Error, INITIAL, Log, Severity};

/// Makes the initial management record that a client gets first.
pub type MakeInitial = Arc<dyn Fn() -> [u8; INITIAL] + Send + Sync>;

/// How a [`Server`] serves.
#[derive(Clone)]
pub struct ServerConfig {
    /// Where to listen; see [`listen_addresses`].
    pub addresses: Vec<SocketAddr>,
    /// Clients at a time; the next one gets `83 82 00 01` and is closed. argus 3.0.8.2: 10, radium: 32. Default 256.
    pub max_clients: usize,
    /// Octets of records kept for clients that are behind, for all clients together. Default 32 MiB.
    pub ring: usize,
    /// A client that has not sent `START: ` by then is closed. Default 5 s.
    pub start_timeout: Duration,
    /// A filter that is not compiled by then is answered `TI`. Default 1.5 s.
    pub filter_timeout: Duration,
    /// The folder whose files `FILE: ` serves; none by default (`KO`).
    pub archive: Option<PathBuf>,
    /// Periodic management records go to every started client whatever its filter: true for a sensor, false for a
    /// radium (transport chapter 2.5).
    pub status_passes_filters: bool,
    /// Makes the record that greets a client.
    pub initial: MakeInitial,
    /// Where messages about clients go; nowhere by default.
    pub log: Log,
}

impl ServerConfig {
    /// The defaults.
    pub fn new(addresses: Vec<SocketAddr>, initial: MakeInitial) -> ServerConfig {
        ServerConfig {
            addresses,
            max_clients: 256,
            ring: 32 << 20,
            start_timeout: Duration::from_secs(5),
            filter_timeout: Duration::from_millis(1500),
            archive: None,
            status_passes_filters: false,
            initial,
            log: Arc::new(|_, _| {}),
        }
    }
}

/// Bound sockets that do not serve yet: the clients that connect already wait in the backlog.
pub struct Server {
    listeners: Vec<TcpListener>,
    config: ServerConfig,
}

impl Server {
    /// Binds all addresses.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] naming the address that cannot be bound.
    pub fn bind(config: ServerConfig) -> Result<Server, Error> {
        // An IPv6 wildcard takes IPv4 too, unless that is listened to by itself.
        let only_v6 = config.addresses.iter().any(SocketAddr::is_ipv4);
        let listeners = config
            .addresses
            .iter()
            .map(|&address| bind(address, only_v6).map_err(|e| Error::io(format!("bind {address}"), e)))
            .collect::<Result<_, _>>()?;
        Ok(Server { listeners, config })
    }

    /// The addresses listened to, with the ports that the system chose where 0 was asked for.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|l| l.local_addr().ok()).collect()
    }

    /// Starts the thread that serves.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the system has no thread or descriptor left.
    pub fn start(self) -> Result<Broadcast, Error> {
        let fail = |e| Error::io("server", e);
        let (looping, waker) = looping::Loop::new(self.listeners).map_err(fail)?;
        let shared = Arc::new(Shared {
            inbox: Inbox::new(self.config.ring / 2),
            waker,
            clients: Mutex::default(),
            records: AtomicU64::new(0),
            gone_dropped: AtomicU64::new(0),
            stop_by: Mutex::new(None),
            stopping: AtomicBool::new(false),
            thread: Mutex::new(None),
        });
        let (config, for_thread) = (self.config, Arc::clone(&shared));
        let thread = std::thread::Builder::new()
            .name("server".into())
            .spawn(move || looping.run(&config, &for_thread))
            .map_err(fail)?;
        *lock(&shared.thread) = Some(thread);
        Ok(Broadcast { shared })
    }
}

fn bind(address: SocketAddr, only_v6: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(128)?;
    Ok(socket.into())
}

/// The addresses that `-B` names: names or addresses, each argument a list separated by comma, blank or tab. None
/// means every IPv4 address, as with the C servers.
///
/// # Errors
///
/// [`Error::UnknownHost`].
pub fn listen_addresses<S: AsRef<str>>(hosts: &[S], port: u16) -> Result<Vec<SocketAddr>, Error> {
    let mut found = vec![];
    let names = hosts.iter().flat_map(|h| h.as_ref().split([',', ' ', '\t']));
    for name in names.filter(|n| !n.is_empty()) {
        let address = crate::source::resolve(name, port)?.into_iter().next();
        if let Some(address) = address.filter(|a| !found.contains(a)) {
            found.push(address);
        }
    }
    if found.is_empty() {
        found.push(SocketAddr::from(([0, 0, 0, 0], port)));
    }
    Ok(found)
}

/// The handle of a running server. Clones speak of the same server.
#[derive(Clone)]
pub struct Broadcast {
    shared: Arc<Shared>,
}

/// One client, for status reports.
#[derive(Clone, Debug)]
pub struct ClientStatus {
    /// Its address.
    pub address: SocketAddr,
    /// The filter it asked for; empty when none.
    pub filter: String,
    /// Whether it has asked for the stream.
    pub started: bool,
    /// Records sent to it.
    pub records: u64,
    /// Octets sent to it.
    pub octets: u64,
    /// Records that wait for it.
    pub queued: u64,
    /// Records it missed because it was behind. They were not looked at, so some might not have passed its filter.
    pub dropped: u64,
}

/// What a server did since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Records published.
    pub records: u64,
    /// Records that clients missed, present and former ones together.
    pub dropped: u64,
    /// Connected clients.
    pub clients: usize,
}

impl Broadcast {
    /// Sends one record, or several back to back, to every client that has started and whose filter they pass. Never
    /// waits and never allocates once the server runs.
    pub fn publish(&self, records: &[u8]) {
        if self.shared.inbox.push(records) {
            self.shared.wake();
        }
    }

    /// Like [`Broadcast::publish`], but waits while the server thread has not taken what came before: for inputs that
    /// can wait. Slow clients still never hold it up.
    pub fn publish_waiting(&self, records: &[u8]) {
        if self.shared.inbox.push_waiting(records) {
            self.shared.wake();
        }
    }

    /// The connected clients.
    pub fn clients(&self) -> Vec<ClientStatus> {
        lock(&self.shared.clients).iter().map(|c| c.status()).collect()
    }

    /// Sums over all clients.
    pub fn totals(&self) -> Totals {
        let clients = lock(&self.shared.clients);
        Totals {
            records: self.shared.records.load(Ordering::Relaxed),
            dropped: self.shared.gone_dropped.load(Ordering::Relaxed)
                + clients.iter().map(|c| c.dropped.load(Ordering::Relaxed)).sum::<u64>(),
            clients: clients.len(),
        }
    }

    /// Ends the service: what was published goes out to those that take it within `grace`, then all connections are
    /// closed. Returns when that is done; later calls return at once.
    pub fn stop(&self, grace: Duration) {
        lock(&self.shared.stop_by).get_or_insert(Instant::now() + grace);
        self.shared.stopping.store(true, Ordering::Release);
        self.shared.inbox.close();
        self.shared.wake();
        let thread = lock(&self.shared.thread).take();
        if let Some(thread) = thread {
            // A panic of that thread was reported where it happened.
            let _ = thread.join();
        }
    }
}

/// What the handles and the server thread share.
struct Shared {
    inbox: Inbox,
    waker: mio::Waker,
    clients: Mutex<Vec<Arc<Counters>>>,
    records: AtomicU64,
    /// What clients that have left had missed.
    gone_dropped: AtomicU64,
    stop_by: Mutex<Option<Instant>>,
    stopping: AtomicBool,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Shared {
    fn wake(&self) {
        // Fails only when the loop is gone; then there is nobody to wake.
        let _ = self.waker.wake();
    }
}

/// A client's numbers, written by the server thread and read by anyone.
struct Counters {
    address: SocketAddr,
    filter: Mutex<String>,
    started: AtomicBool,
    records: AtomicU64,
    octets: AtomicU64,
    queued: AtomicU64,
    dropped: AtomicU64,
}

impl Counters {
    fn new(address: SocketAddr) -> Counters {
        Counters {
            address,
            filter: Mutex::default(),
            started: AtomicBool::new(false),
            records: AtomicU64::new(0),
            octets: AtomicU64::new(0),
            queued: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    fn status(&self) -> ClientStatus {
        ClientStatus {
            address: self.address,
            filter: lock(&self.filter).clone(),
            started: self.started.load(Ordering::Relaxed),
            records: self.records.load(Ordering::Relaxed),
            octets: self.octets.load(Ordering::Relaxed),
            queued: self.queued.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn log(config: &ServerConfig, severity: Severity, text: &str) {
    (config.log)(severity, text);
}
