//! Receives the datagrams of UDP sources (transport chapter 2.9).

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::Error;
use crate::source::Source;

/// A bound socket and room for one datagram.
pub struct Datagrams {
    socket: UdpSocket,
    buffer: Vec<u8>,
}

impl Datagrams {
    /// Binds the source's address; a multicast group is joined on the default interface.
    ///
    /// # Errors
    /// [`Error`] when the host is not known or the port not free.
    pub fn bind(source: &Source, patience: Duration) -> Result<Datagrams, Error> {
        let fail = |e| Error::io(format!("bind {source}"), e);
        let address = source
            .resolve()?
            .into_iter()
            .next()
            .ok_or_else(|| Error::UnknownHost { host: source.host.clone() })?;
        let socket =
            Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP)).map_err(fail)?;
        if address.ip().is_multicast() {
            // Several listeners of one group may live on one machine.
            socket.set_reuse_address(true).map_err(fail)?;
        }
        // A burst of records is larger than the default; the system caps it.
        let _ = socket.set_recv_buffer_size(4 << 20);
        socket.bind(&address.into()).map_err(fail)?;
        if let IpAddr::V4(group) = address.ip()
            && group.is_multicast()
        {
            socket.join_multicast_v4(&group, &Ipv4Addr::UNSPECIFIED).map_err(fail)?;
        }
        let socket = UdpSocket::from(socket);
        socket.set_read_timeout(Some(patience.max(Duration::from_millis(1)))).map_err(fail)?;
        Ok(Datagrams { socket, buffer: vec![0; 1 << 16] })
    }

    /// The next datagram and who sent it.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] or [`io::ErrorKind::TimedOut`] when none came in the time that was set.
    pub fn receive(&mut self) -> io::Result<(&[u8], SocketAddr)> {
        let (n, from) = self.socket.recv_from(&mut self.buffer)?;
        Ok((self.buffer.get(..n).unwrap_or_default(), from))
    }

    /// The address that is listened to.
    ///
    /// # Errors
    /// What the system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

impl AsFd for Datagrams {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
