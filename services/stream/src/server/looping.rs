//! The thread that accepts, listens to and feeds all clients.

use std::collections::HashMap;
use std::io;
use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};

use super::client::{Client, Wish};
use super::compile::Compiler;
use super::{Counters, ServerConfig, Shared, lock, log};
use crate::Severity;
use crate::ring::Ring;

const WAKER: Token = Token(usize::MAX);

/// Client numbers begin here; below are the listeners.
const FIRST_CLIENT: u64 = 1 << 16;

/// What a client gets that does not fit: cause ERROR, "too many clients", one word (transport chapter 2.4).
const FULL: [u8; 4] = [0x83, 0x82, 0, 1];

/// Connections that are only waiting to be closed; the oldest goes when there are more.
const LINGERING: usize = 64;

/// How often the loop looks round when nothing happens.
const IDLE: Duration = Duration::from_secs(1);

pub(super) struct Loop {
    poll: Poll,
    listeners: Vec<TcpListener>,
    clients: HashMap<u64, Client>,
    next_client: u64,
    /// Set while accepting fails for want of descriptors.
    accept_again: bool,
}

impl Loop {
    pub(super) fn new(listeners: Vec<StdListener>) -> io::Result<(Loop, Waker)> {
        let poll = Poll::new()?;
        let mut listeners: Vec<_> = listeners.into_iter().map(TcpListener::from_std).collect();
        for (n, listener) in listeners.iter_mut().enumerate() {
            poll.registry().register(listener, Token(n), Interest::READABLE)?;
        }
        let waker = Waker::new(poll.registry(), WAKER)?;
        let looping =
            Loop { poll, listeners, clients: HashMap::new(), next_client: FIRST_CLIENT, accept_again: true };
        Ok((looping, waker))
    }

    pub(super) fn run(mut self, config: &ServerConfig, shared: &Arc<Shared>) {
        let mut ring = Ring::new(config.ring);
        let mut compiler = Compiler::new();
        let mut events = Events::with_capacity(256);
        let (mut older, mut newer) = (Vec::new(), Vec::new());
        let mut busy = false;
        loop {
            let timeout = if busy { Duration::ZERO } else { self.patience() };
            if let Err(e) = self.poll.poll(&mut events, Some(timeout))
                && e.kind() != io::ErrorKind::Interrupted
            {
                log(config, Severity::Error, &format!("server: poll: {e}"));
                return;
            }
            for event in &events {
                let token = event.token();
                if token == WAKER {
                } else if token.0 < self.listeners.len() {
                    self.accept_again = true;
                } else if let Some(client) = self.clients.get_mut(&(token.0 as u64)) {
                    client.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
                    client.writable |= event.is_writable() || event.is_write_closed() || event.is_error();
                }
            }
            let stopping = shared.stopping.load(Ordering::Acquire);
            if !stopping && self.accept_again {
                self.accept(config, shared);
            }

            // The overrun hits every client alike, but each only if it was there.
            let overrun = shared.inbox.take(&mut older, &mut newer);
            let published = crate::inbox::count(&older) + crate::inbox::count(&newer);
            shared.records.fetch_add(published + overrun, Ordering::Relaxed);
            if overrun > 0 {
                for client in self.clients.values().filter(|c| c.is_served()) {
                    client.counters.dropped.fetch_add(overrun, Ordering::Relaxed);
                }
            }
            busy = self.serve(&mut ring, [&older, &newer], &mut compiler, config, shared);
            self.remove_closed(config, shared);

            if stopping {
                let by = lock(&shared.stop_by).unwrap_or_else(Instant::now);
                let left = self.close_drained(&ring, config);
                if !left || Instant::now() >= by {
                    self.clients.values_mut().for_each(Client::drop_connection);
                    self.remove_closed(config, shared);
                    return;
                }
            }
        }
    }

    /// Gives every client its turn.
    fn serve(
        &mut self,
        ring: &mut Ring,
        records: [&[u8]; 2],
        compiler: &mut Compiler,
        config: &ServerConfig,
        shared: &Arc<Shared>,
    ) -> bool {
        // Commands first, so that a client gets what was published after its START.
        let now = Instant::now();
        for client in self.clients.values_mut() {
            if let Some(Wish::Compile(text)) = client.read(ring, config)
                && !compiler.begin(client.number, &text, shared)
            {
                client.not_compiled();
            }
        }
        while let Some(done) = compiler.finished() {
            if let Some(client) = self.clients.get_mut(&done.client) {
                client.compiled(done.text, done.result, ring, config);
            }
        }
        records.iter().for_each(|r| ring.append(r));
        let mut busy = false;
        for client in self.clients.values_mut() {
            busy |= client.write(ring, config) || client.wants_turn();
            client.expire(now, config);
        }
        busy
    }

    fn accept(&mut self, config: &ServerConfig, shared: &Arc<Shared>) {
        self.accept_again = false;
        for at in 0..self.listeners.len() {
            while let Some(accepted) = self.listeners.get(at).map(TcpListener::accept) {
                match accepted {
                    Ok((stream, address)) => self.admit(stream, address, config, shared),
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) if e.kind() == io::ErrorKind::ConnectionAborted => {}
                    Err(e) => {
                        // Out of descriptors, most likely: try again when the loop next looks round.
                        log(config, Severity::Error, &format!("accept: {e}"));
                        self.accept_again = true;
                        break;
                    }
                }
            }
        }
    }

    fn admit(
        &mut self,
        mut stream: TcpStream,
        address: std::net::SocketAddr,
        config: &ServerConfig,
        shared: &Arc<Shared>,
    ) {
        let number = self.next_client;
        self.next_client += 1;
        let both = Interest::READABLE | Interest::WRITABLE;
        if self.poll.registry().register(&mut stream, Token(number as usize), both).is_err() {
            return;
        }
        // Neither failing matters: they make the stream prompter and dead peers noticed.
        let _ = stream.set_nodelay(true);
        let keepalive = socket2::TcpKeepalive::new().with_time(Duration::from_secs(60));
        let _ = socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive);

        let counters = Arc::new(Counters::new(address));
        let client = if self.clients.values().filter(|c| c.is_served()).count() < config.max_clients {
            log(config, Severity::Info, &format!("connect from {address}"));
            lock(&shared.clients).push(Arc::clone(&counters));
            Client::new(number, stream, counters, config)
        } else {
            log(config, Severity::Warning, &format!("connect from {address} refused: too many clients"));
            self.limit_lingering();
            Client::turn_away(number, stream, counters, &FULL)
        };
        self.clients.insert(number, client);
    }

    fn limit_lingering(&mut self) {
        let lingering = self.clients.values().filter(|c| !c.is_served());
        if lingering.clone().count() >= LINGERING
            && let Some(oldest) = lingering.map(|c| c.number).min()
        {
            self.clients.remove(&oldest);
        }
    }

    fn remove_closed(&mut self, config: &ServerConfig, shared: &Arc<Shared>) {
        let mut gone = Vec::new();
        self.clients.retain(|_, client| {
            if client.is_closed() {
                gone.push(Arc::clone(&client.counters));
            }
            !client.is_closed()
        });
        if gone.is_empty() {
            return;
        }
        let mut clients = lock(&shared.clients);
        for counters in gone {
            let before = clients.len();
            clients.retain(|c| !Arc::ptr_eq(c, &counters));
            if clients.len() < before {
                let dropped = counters.dropped.load(Ordering::Relaxed);
                shared.gone_dropped.fetch_add(dropped, Ordering::Relaxed);
                let sent = counters.records.load(Ordering::Relaxed);
                let text =
                    format!("client {} closed: {sent} records sent, {dropped} dropped", counters.address);
                log(config, Severity::Info, &text);
            }
        }
    }

    /// How long nothing has to be done unless something happens.
    fn patience(&self) -> Duration {
        let next = self.clients.values().filter_map(Client::deadline).min();
        next.map_or(IDLE, |at| at.saturating_duration_since(Instant::now()).min(IDLE))
    }

    /// Ends the connections of those who have got everything. True while others are left.
    fn close_drained(&mut self, ring: &Ring, config: &ServerConfig) -> bool {
        let mut left = false;
        for client in self.clients.values_mut() {
            if client.is_drained(ring) {
                client.finish();
                client.write(ring, config);
            }
            left |= !client.is_finished();
        }
        left
    }
}
