//! What hosts say to each other: scripted TCP, UDP and ICMP conversations. ARP comes by itself before the first of them.

use smoltcp::iface::SocketHandle;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::socket::{icmp, tcp, udp};
use smoltcp::wire::{Icmpv4Packet, Icmpv4Repr, IpAddress};

use crate::error::{Error, Result};
use crate::segment::{Host, HostId};

/// A conversation between two hosts of a segment. Sizes are octets of payload. Conversations held at the same time use
/// different ports of one server.
#[derive(Debug, Clone)]
pub enum Conversation {
    /// A connection: the client sends `request`, the server then `answer`, the client closes, the server closes.
    Tcp {
        /// Who connects.
        client: HostId,
        /// Who listens.
        server: HostId,
        /// On which port.
        port: u16,
        /// Octets to the server.
        request: usize,
        /// Octets back.
        answer: usize,
    },
    /// Datagrams, each answered by one before the next is sent.
    Udp {
        /// Who begins.
        client: HostId,
        /// Who answers.
        server: HostId,
        /// On which port.
        port: u16,
        /// How many each way.
        datagrams: usize,
        /// Octets in each to the server.
        request: usize,
        /// Octets in each back.
        answer: usize,
    },
    /// Echo requests, each answered before the next is sent.
    Echo {
        /// Who asks.
        client: HostId,
        /// Whose stack answers.
        server: HostId,
        /// How many.
        requests: u16,
        /// Octets in each.
        payload: usize,
    },
}

/// A conversation that goes on.
#[derive(Debug)]
pub(crate) struct Running {
    conversation: Conversation,
    client: (usize, SocketHandle),
    server: Option<(usize, SocketHandle)>,
    peer: IpAddress,
    own_port: u16,
    sent: usize,
    received: usize,
    answered: usize,
    asked: usize,
    waiting: bool,
}

const BUFFER: usize = 16_384;

impl Running {
    /// Makes the sockets; `own_port` is the client's port, or the identifier of its echo requests.
    pub(crate) fn start(conversation: &Conversation, hosts: &mut [Host], own_port: u16) -> Result<Running> {
        let (client, server) = match conversation {
            Conversation::Tcp { client, server, .. }
            | Conversation::Udp { client, server, .. }
            | Conversation::Echo { client, server, .. } => (client.0, server.0),
        };
        let failed = |what: &str| Error::Other(format!("{conversation:?}: {what}"));
        let peer = IpAddress::from(hosts[server].address);
        let (client_handle, server_handle) = match conversation {
            Conversation::Tcp { port, .. } => {
                let mut listener = tcp_socket();
                listener.listen(*port).map_err(|_| failed("cannot listen"))?;
                let listener = hosts[server].sockets.add(listener);
                let handle = hosts[client].sockets.add(tcp_socket());
                let Host { interface, sockets, .. } = &mut hosts[client];
                sockets
                    .get_mut::<tcp::Socket>(handle)
                    .connect(interface.context(), (peer, *port), own_port)
                    .map_err(|_| failed("cannot connect"))?;
                (handle, Some(listener))
            }
            Conversation::Udp { port, .. } => {
                let mut answering = udp_socket();
                answering.bind(*port).map_err(|_| failed("cannot bind"))?;
                let mut asking = udp_socket();
                asking.bind(own_port).map_err(|_| failed("cannot bind"))?;
                (hosts[client].sockets.add(asking), Some(hosts[server].sockets.add(answering)))
            }
            Conversation::Echo { .. } => {
                let buffer =
                    || icmp::PacketBuffer::new(vec![icmp::PacketMetadata::EMPTY; 8], vec![0; BUFFER]);
                let mut socket = icmp::Socket::new(buffer(), buffer());
                socket.bind(icmp::Endpoint::Ident(own_port)).map_err(|_| failed("cannot bind"))?;
                (hosts[client].sockets.add(socket), None)
            }
        };
        Ok(Running {
            conversation: conversation.clone(),
            client: (client, client_handle),
            server: server_handle.map(|handle| (server, handle)),
            peer,
            own_port,
            sent: 0,
            received: 0,
            answered: 0,
            asked: 0,
            waiting: false,
        })
    }

    /// Says and hears what can be said and heard now. Whether the conversation is over.
    pub(crate) fn step(&mut self, hosts: &mut [Host]) -> Result<bool> {
        let over = match self.conversation.clone() {
            Conversation::Tcp { request, answer, .. } => self.step_tcp(hosts, request, answer)?,
            Conversation::Udp { port, datagrams, request, answer, .. } => {
                self.step_udp(hosts, port, datagrams, request, answer)?
            }
            Conversation::Echo { requests, payload, .. } => self.step_echo(hosts, requests, payload)?,
        };
        if over {
            hosts[self.client.0].sockets.remove(self.client.1);
            if let Some((host, handle)) = self.server {
                hosts[host].sockets.remove(handle);
            }
        }
        Ok(over)
    }

    fn step_tcp(&mut self, hosts: &mut [Host], request: usize, answer: usize) -> Result<bool> {
        let Some((server_host, server_handle)) = self.server else { return Ok(true) };
        let broken = |what: &str| Error::Other(format!("a TCP conversation was broken off: {what}"));
        let client = hosts[self.client.0].sockets.get_mut::<tcp::Socket>(self.client.1);
        if client.can_send() && self.asked < request {
            self.asked += client.send_slice(&octets(request - self.asked)).map_err(|_| broken("request"))?;
        }
        if client.can_recv() {
            self.received += client.recv(|bytes| (bytes.len(), bytes.len())).map_err(|_| broken("answer"))?;
        }
        if self.asked == request && self.received == answer && client.may_send() {
            client.close();
        }
        let client_state = client.state();
        let server = hosts[server_host].sockets.get_mut::<tcp::Socket>(server_handle);
        if server.can_recv() {
            self.answered +=
                server.recv(|bytes| (bytes.len(), bytes.len())).map_err(|_| broken("request"))?;
        }
        if self.answered == request && server.can_send() && self.sent < answer {
            self.sent += server.send_slice(&octets(answer - self.sent)).map_err(|_| broken("answer"))?;
        }
        if server.state() == tcp::State::CloseWait {
            server.close();
        }
        let gone = |state| matches!(state, tcp::State::Closed | tcp::State::TimeWait);
        if gone(client_state) && self.received != answer {
            return Err(broken("closed before its end"));
        }
        // A server that never left LISTEN has not been heard yet; its final state is CLOSED.
        Ok(gone(client_state) && server.state() == tcp::State::Closed)
    }

    fn step_udp(
        &mut self,
        hosts: &mut [Host],
        port: u16,
        datagrams: usize,
        request: usize,
        answer: usize,
    ) -> Result<bool> {
        let Some((server_host, server_handle)) = self.server else { return Ok(true) };
        let full = |_| Error::Other("a UDP socket took no datagram".into());
        let server = hosts[server_host].sockets.get_mut::<udp::Socket>(server_handle);
        if let Ok((_, from)) = server.recv() {
            server.send_slice(&octets(answer), from.endpoint).map_err(full)?;
        }
        let client = hosts[self.client.0].sockets.get_mut::<udp::Socket>(self.client.1);
        if client.recv().is_ok() {
            self.received += 1;
            self.waiting = false;
        }
        if !self.waiting && self.sent < datagrams {
            client
                .send_slice(&octets(request), (self.peer, port))
                .map_err(|_| Error::Other("a UDP socket took no datagram".into()))?;
            self.sent += 1;
            self.waiting = true;
        }
        Ok(self.received == datagrams)
    }

    fn step_echo(&mut self, hosts: &mut [Host], requests: u16, payload: usize) -> Result<bool> {
        let socket = hosts[self.client.0].sockets.get_mut::<icmp::Socket>(self.client.1);
        if let Ok((bytes, _)) = socket.recv() {
            let packet = Icmpv4Packet::new_checked(bytes)
                .map_err(|error| Error::Other(format!("an echo reply: {error}")))?;
            match Icmpv4Repr::parse(&packet, &ChecksumCapabilities::default()) {
                Ok(Icmpv4Repr::EchoReply { seq_no, data, .. })
                    if seq_no as usize == self.sent && data.len() == payload =>
                {
                    self.received += 1;
                    self.waiting = false;
                }
                other => return Err(Error::Other(format!("not the echo reply that was awaited: {other:?}"))),
            }
        }
        if !self.waiting && self.sent < requests as usize {
            self.sent += 1;
            let data = octets(payload);
            let request =
                Icmpv4Repr::EchoRequest { ident: self.own_port, seq_no: self.sent as u16, data: &data };
            let buffer = socket
                .send(request.buffer_len(), self.peer)
                .map_err(|_| Error::Other("an ICMP socket took no request".into()))?;
            request.emit(&mut Icmpv4Packet::new_unchecked(buffer), &ChecksumCapabilities::default());
            self.waiting = true;
        }
        Ok(self.received == requests as usize)
    }
}

fn tcp_socket() -> tcp::Socket<'static> {
    tcp::Socket::new(tcp::SocketBuffer::new(vec![0; BUFFER]), tcp::SocketBuffer::new(vec![0; BUFFER]))
}

fn udp_socket() -> udp::Socket<'static> {
    let buffer = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 8], vec![0; BUFFER]);
    udp::Socket::new(buffer(), buffer())
}

fn octets(length: usize) -> Vec<u8> {
    (0..length.min(BUFFER)).map(|at| at as u8).collect()
}
