//! The TLS front: takes connections, ends TLS with a current rustls, hands plain HTTP to tiny_http.
//!
//! tiny_http speaks TLS only through a rustls of years ago, so TLS ends here: one thread a connection
//! moves octets between the TLS session and a loopback connection to the HTTP server. The HTTP server
//! learns the real peer from [`Peers`] by the loopback port, and answers nobody who is not in it.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustls::{ServerConfig, ServerConnection};

/// Connections at once; one more is closed unanswered and counted.
const CONNECTIONS: usize = 128;
/// A handshake not done by then ends.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// A connection on which nothing moved for this long ends.
const QUIET: Duration = Duration::from_secs(75);
/// How long the rest of a request is read and thrown away after its answer.
const LINGER: Duration = Duration::from_secs(2);
/// Octets that wait in one direction at most.
const WAITING: usize = 64 * 1024;

/// Whose TLS connection stands behind a loopback port.
#[derive(Default)]
pub struct Peers(Mutex<HashMap<u16, IpAddr>>);

impl Peers {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u16, IpAddr>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The address behind the loopback connection from `port`.
    pub fn address(&self, port: u16) -> Option<IpAddr> {
        self.lock().get(&port).copied()
    }
}

/// What the front counts.
#[derive(Default)]
pub struct Counters {
    /// Connections open now.
    pub open: AtomicUsize,
    /// Connections taken.
    pub taken: AtomicU64,
    /// Connections closed unanswered because [`CONNECTIONS`] were open.
    pub refused: AtomicU64,
    /// Connections that ended with an error of TLS or of the transport.
    pub failed: AtomicU64,
}

/// The front with what it shares with the site.
pub struct Front {
    config: Arc<ServerConfig>,
    inside: SocketAddr,
    /// Who is behind which loopback port.
    pub peers: Arc<Peers>,
    /// Counters, for the metrics page.
    pub counters: Arc<Counters>,
}

impl Front {
    /// A front that speaks TLS as `config` says and hands on to the HTTP server at `inside`.
    pub fn new(config: Arc<ServerConfig>, inside: SocketAddr) -> Self {
        Front { config, inside, peers: Arc::default(), counters: Arc::default() }
    }

    /// Serves connections of `listener` until accepting fails for good.
    pub fn serve(&self, listener: &TcpListener) -> io::Result<()> {
        loop {
            let (outside, peer) = match listener.accept() {
                Ok(taken) => taken,
                Err(error) if is_passing(&error) => {
                    // Out of descriptors, or the peer left between SYN and accept: others may do better.
                    std::thread::sleep(Duration::from_millis(20));
                    continue;
                }
                Err(error) => return Err(error),
            };
            self.counters.taken.fetch_add(1, Ordering::Relaxed);
            if self.counters.open.fetch_add(1, Ordering::AcqRel) >= CONNECTIONS {
                self.counters.open.fetch_sub(1, Ordering::AcqRel);
                self.counters.refused.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let (config, inside) = (self.config.clone(), self.inside);
            let (peers, counters) = (self.peers.clone(), self.counters.clone());
            let started = std::thread::Builder::new().name("tls".into()).stack_size(256 * 1024).spawn({
                let counters = counters.clone();
                move || {
                    let done = connection(config, outside, inside, peer.ip(), &peers);
                    if done.is_err() {
                        counters.failed.fetch_add(1, Ordering::Relaxed);
                    }
                    counters.open.fetch_sub(1, Ordering::AcqRel);
                }
            });
            if started.is_err() {
                counters.open.fetch_sub(1, Ordering::AcqRel);
                counters.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    use nix::libc::{ECONNABORTED, EINTR, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPROTO};
    error
        .raw_os_error()
        .is_some_and(|code| [ECONNABORTED, EINTR, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPROTO].contains(&code))
}

/// Takes the loopback port out of [`Peers`] when its connection ends.
struct Registered<'a>(&'a Peers, u16);

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.0.lock().remove(&self.1);
    }
}

/// Carries one connection from handshake to end.
fn connection(
    config: Arc<ServerConfig>,
    mut outside: TcpStream,
    inside: SocketAddr,
    peer: IpAddr,
    peers: &Peers,
) -> io::Result<()> {
    outside.set_nonblocking(true)?;
    outside.set_nodelay(true)?;
    let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
    tls.set_buffer_limit(Some(WAITING));
    handshake(&mut tls, &mut outside)?;

    let mut http = TcpStream::connect(inside)?;
    let port = http.local_addr()?.port();
    peers.lock().insert(port, peer);
    let _registered = Registered(peers, port);
    http.set_nonblocking(true)?;
    http.set_nodelay(true)?;
    carry(&mut tls, &mut outside, &mut http)
}

fn handshake(tls: &mut ServerConnection, outside: &mut TcpStream) -> io::Result<()> {
    let deadline = Instant::now() + HANDSHAKE;
    while tls.is_handshaking() || tls.wants_write() {
        let rest = deadline.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let mut flags = PollFlags::POLLIN;
        flags.set(PollFlags::POLLOUT, tls.wants_write());
        let ready = wait(&mut [PollFd::new(outside.as_fd(), flags)], rest)?;
        if ready && !pump_in(tls, outside)? && tls.is_handshaking() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        pump_out(tls, outside)?;
    }
    Ok(())
}

/// Moves octets both ways until both sides are done.
fn carry(tls: &mut ServerConnection, outside: &mut TcpStream, http: &mut TcpStream) -> io::Result<()> {
    let mut inward = Waiting::new();
    let mut outward = Waiting::new();
    let (mut outside_open, mut http_open, mut http_listens) = (true, true, true);
    loop {
        let mut moved = false;
        // Plain text from the browser waits here, and only so much of it.
        if inward.is_empty() && outside_open {
            match tls.reader().read(&mut inward.octets[..]) {
                Ok(0) => outside_open = false,
                Ok(count) => {
                    inward.fill(count);
                    moved = true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => outside_open = false,
                Err(error) => return Err(error),
            }
        }
        if http_listens && inward.write_to(http).is_err() {
            // It has answered without reading all of a request; the answer may still be on its way here.
            http_listens = false;
        }
        if !http_listens {
            inward.clear();
        }
        if !outside_open && inward.is_empty() {
            return Ok(());
        }
        if http_open && outward.is_empty() {
            match http.read(&mut outward.octets[..]) {
                Ok(0) => {
                    http_open = false;
                    tls.send_close_notify();
                }
                Ok(count) => {
                    outward.fill(count);
                    moved = true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        outward.write_to(&mut tls.writer())?;
        pump_out(tls, outside)?;
        if !http_open && outward.is_empty() && !tls.wants_write() {
            linger(outside);
            return Ok(());
        }
        if moved && !tls.wants_write() && inward.is_empty() {
            continue; // There may be more behind what was just moved.
        }

        let mut from_outside = PollFlags::empty();
        from_outside.set(PollFlags::POLLIN, inward.is_empty() && outside_open);
        from_outside.set(PollFlags::POLLOUT, tls.wants_write());
        let mut from_http = PollFlags::empty();
        from_http.set(PollFlags::POLLIN, http_open && outward.is_empty());
        from_http.set(PollFlags::POLLOUT, !inward.is_empty());
        // A descriptor of which nothing is wanted stays out: its hang-up would wake us again and again.
        let mut wanted = Vec::with_capacity(2);
        if !from_outside.is_empty() {
            wanted.push(PollFd::new(outside.as_fd(), from_outside));
        }
        if !from_http.is_empty() {
            wanted.push(PollFd::new(http.as_fd(), from_http));
        }
        if !wait(&mut wanted, QUIET)? {
            return Ok(());
        }
        drop(wanted);
        if inward.is_empty() && outside_open && !pump_in(tls, outside)? {
            outside_open = false;
        }
    }
}

/// Lets the peer read the answer: closing while its request is still arriving would reset the connection
/// and take the answer away from it (RFC 9112, 9.6).
fn linger(outside: &mut TcpStream) {
    if outside.shutdown(Shutdown::Write).is_err() {
        return;
    }
    let deadline = Instant::now() + LINGER;
    let mut thrown_away = [0; 4096];
    loop {
        match outside.read(&mut thrown_away) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let rest = deadline.saturating_duration_since(Instant::now());
                let mut wanted = [PollFd::new(outside.as_fd(), PollFlags::POLLIN)];
                if rest.is_zero() || !wait(&mut wanted, rest).unwrap_or(false) {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
        if Instant::now() >= deadline {
            return;
        }
    }
}

/// Octets on their way, at most one buffer of them.
struct Waiting {
    octets: Box<[u8; 16 * 1024]>,
    start: usize,
    end: usize,
}

impl Waiting {
    fn new() -> Self {
        Waiting { octets: Box::new([0; 16 * 1024]), start: 0, end: 0 }
    }

    fn is_empty(&self) -> bool {
        self.start == self.end
    }

    fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    fn fill(&mut self, count: usize) {
        (self.start, self.end) = (0, count.min(self.octets.len()));
    }

    fn write_to(&mut self, out: &mut impl Write) -> io::Result<()> {
        while !self.is_empty() {
            match out.write(&self.octets[self.start..self.end]) {
                Ok(0) => break,
                Ok(count) => self.start += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Reads what the socket has into the session; `false` at its end.
fn pump_in(tls: &mut ServerConnection, outside: &mut TcpStream) -> io::Result<bool> {
    match tls.read_tls(outside) {
        Ok(0) => return Ok(false),
        Ok(_) => {}
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
            return Ok(true);
        }
        Err(error) => return Err(error),
    }
    if let Err(error) = tls.process_new_packets() {
        // The alert tells the peer what was wrong; whether it arrives no longer matters.
        let _ = tls.write_tls(outside);
        return Err(io::Error::other(error));
    }
    Ok(true)
}

/// Writes what the session has to the socket, as far as it takes it.
fn pump_out(tls: &mut ServerConnection, outside: &mut TcpStream) -> io::Result<()> {
    while tls.wants_write() {
        match tls.write_tls(outside) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether something became ready before `longest` was over.
fn wait(descriptors: &mut [PollFd<'_>], longest: Duration) -> io::Result<bool> {
    let longest = PollTimeout::try_from(longest).unwrap_or(PollTimeout::MAX);
    match poll(descriptors, longest) {
        Ok(count) => Ok(count > 0),
        Err(nix::errno::Errno::EINTR) => Ok(true),
        Err(error) => Err(error.into()),
    }
}
