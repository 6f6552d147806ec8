//! The client side of the Argus protocol: attaches to one source and reads its records.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use crate::error::FilterReply;
use crate::frame::{Framer, Step};
use crate::hello::Initial;
use crate::reader::Item;
use crate::source::{Source, Transport};
use crate::udp::Datagrams;
use crate::{Error, INITIAL, open};

/// How a [`Client`] attaches.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// How long each address of the server may take to answer. 5 s; reliable clients of C argus take 10 s.
    pub connect_timeout: Duration,
    /// How long the server may take for its initial record and for each reply. 5 s.
    pub reply_timeout: Duration,
    /// How long [`Client::next`] waits for records before it returns [`Event::Idle`]. 250 ms.
    pub patience: Duration,
    /// The filter that the server is to apply, without the `man or (…)` that is put around it.
    pub filter: Option<String>,
    /// Do not ask for the stream: only the initial record is wanted (`-M poll`).
    pub poll: bool,
    /// The port of ours that connections come from, for firewalls that look at it; 0 is any.
    pub local_port: u16,
}

impl Default for ClientOptions {
    fn default() -> Self {
        ClientOptions {
            connect_timeout: Duration::from_secs(5),
            reply_timeout: Duration::from_secs(5),
            patience: Duration::from_millis(250),
            filter: None,
            poll: false,
            local_port: 0,
        }
    }
}

/// What a source has just given.
#[derive(Debug)]
pub enum Event<'a> {
    /// A record, or damage behind which reading goes on.
    Item(Item<'a>),
    /// Nothing for as long as [`ClientOptions::patience`] says.
    Idle,
    /// The source has closed the connection.
    Closed,
}

/// An attached source.
///
/// ```no_run
/// # use stream::{Client, ClientOptions, DEFAULT_PORT, Event, Source};
/// # fn main() -> Result<(), stream::Error> {
/// let source = Source::parse("192.0.2.1", DEFAULT_PORT)?;
/// let mut client = Client::connect(&source, &ClientOptions::default())?;
/// loop {
///     match client.next()? {
///         Event::Item(item) => println!("{item:?}"),
///         Event::Idle => {}
///         Event::Closed => break,
///     }
/// }
/// # Ok(()) }
/// ```
pub struct Client {
    link: Link,
    name: String,
    framer: Framer,
    initial: Option<Initial>,
    ended: bool,
}

enum Link {
    /// The connection, and what its records are read through: for a file that was asked for, its own length and
    /// perhaps a decompressor.
    Tcp {
        stream: TcpStream,
        input: Box<dyn Read + Send>,
    },
    Udp(Datagrams),
}

impl Client {
    /// Attaches: connects, reads the initial record, sets the filter, asks for a file or for the stream. A UDP source
    /// is only bound.
    ///
    /// # Errors
    ///
    /// [`Error`] for everything that a server can do wrong or refuse; none of it takes longer than the options say.
    pub fn connect(source: &Source, options: &ClientOptions) -> Result<Client, Error> {
        let name = source.to_string();
        if source.transport == Transport::Udp {
            let link = Link::Udp(Datagrams::bind(source, options.patience)?);
            return Ok(Client { link, name, framer: Framer::default(), initial: None, ended: false });
        }
        let stream = connect(source, options)?;
        let fail = |e| Error::io(&name, e);
        let mut talk = Talk { stream: &stream, until: Instant::now() + options.reply_timeout };
        let mut initial = Initial::read(&mut talk, &name)?;
        if initial.wants_authentication() {
            return Err(Error::Authentication { input: name });
        }
        if options.poll {
            // The C server logs it; nothing depends on its arrival.
            let _ = (&stream).write_all(b"DONE: ");
            let input = Box::new(io::empty());
            let link = Link::Tcp { stream, input };
            return Ok(Client { link, name, framer: Framer::default(), initial: Some(initial), ended: true });
        }
        talk.until = Instant::now() + options.reply_timeout;
        if let Some(filter) = &options.filter {
            (&stream).write_all(filter_command(filter).as_bytes()).map_err(fail)?;
            if let Err(reason) = filter_reply(&mut talk) {
                return Err(Error::RemoteFilter { input: name, reason });
            }
        }
        let mut input: Box<dyn Read + Send> = Box::new(stream.try_clone().map_err(fail)?);
        let mut size = None;
        if let Some(path) = &source.file {
            talk.until = Instant::now() + options.reply_timeout;
            (&stream).write_all(format!("FILE: {path}").as_bytes()).map_err(fail)?;
            let reply = file_size(&mut talk).map_err(fail)?;
            let Some(octets) = reply else {
                return Err(Error::RemoteFile { input: name, path: path.clone() });
            };
            size = Some(octets);
        }
        (&stream).write_all(b"START: ").map_err(fail)?;
        if let Some(octets) = size {
            stream.set_read_timeout(Some(options.reply_timeout)).map_err(fail)?;
            input = open::decompress(input.take(octets.into()), &name)?;
            initial = Initial::read(&mut input, &name)?;
        }
        stream.set_read_timeout(Some(options.patience.max(Duration::from_millis(1)))).map_err(fail)?;
        let link = Link::Tcp { stream, input };
        Ok(Client { link, name, framer: Framer::at(INITIAL as u64), initial: Some(initial), ended: false })
    }

    /// The source's name for messages: address, port and file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The initial record of the connection, or of the file that was asked for; none from UDP sources. It is not
    /// among the items.
    pub fn initial(&self) -> Option<&Initial> {
        self.initial.as_ref()
    }

    /// Octets of the stream that were handed out or passed over.
    pub fn offset(&self) -> u64 {
        self.framer.offset()
    }

    /// The next record, waiting for it as long as the options say.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the connection fails.
    #[allow(clippy::should_implement_trait)] // The event borrows from the client.
    pub fn next(&mut self) -> Result<Event<'_>, Error> {
        loop {
            // Nothing that follows belongs to a datagram's last record.
            let ended = self.ended || matches!(self.link, Link::Udp(_));
            match self.framer.step(ended) {
                Step::Record(place) => {
                    let view = self.framer.view(&place);
                    return Ok(Event::Item(Item::Record { offset: place.offset, view }));
                }
                Step::Damage(damage) => return Ok(Event::Item(Item::Damage(damage))),
                Step::More if self.ended => return Ok(Event::Closed),
                Step::More => {}
            }
            let filled = match &mut self.link {
                Link::Tcp { input, .. } => self.framer.fill(input),
                Link::Udp(datagrams) => datagrams.receive().and_then(|(mut d, _)| self.framer.fill(&mut d)),
            };
            match (filled, &self.link) {
                (Ok(0), Link::Tcp { .. }) => self.ended = true,
                (Ok(_), _) => {}
                (Err(e), _) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    return Ok(Event::Idle);
                }
                (Err(e), _) => return Err(Error::io(&self.name, e)),
            }
        }
    }

    /// Changes the filter of the running stream. Records chosen by the old one can still arrive.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the connection fails. A server that does not take the filter closes the connection.
    pub fn set_filter(&mut self, filter: &str) -> Result<(), Error> {
        if let Link::Tcp { stream, .. } = &self.link {
            (&*stream).write_all(filter_command(filter).as_bytes()).map_err(|e| Error::io(&self.name, e))?;
            self.framer.expect_reply();
        }
        Ok(())
    }

    /// Says `DONE: ` and closes.
    pub fn close(self) {
        if let Link::Tcp { stream, .. } = &self.link {
            // The server sees the end of the connection even if it never sees this.
            let _ = (&*stream).write_all(b"DONE: ");
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.link {
            Link::Tcp { stream, .. } => stream.as_fd(),
            Link::Udp(datagrams) => datagrams.as_fd(),
        }
    }
}

fn connect(source: &Source, options: &ClientOptions) -> Result<TcpStream, Error> {
    let mut failure = None;
    for address in source.resolve()? {
        match attach(&address, options) {
            Ok(stream) => {
                // These only make the stream prompter and a dead peer noticed.
                let _ = stream.set_nodelay(true);
                let keepalive = TcpKeepalive::new()
                    .with_time(Duration::from_secs(60))
                    .with_interval(Duration::from_secs(10));
                let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
                stream
                    .set_write_timeout(Some(options.reply_timeout))
                    .map_err(|e| Error::io(source.to_string(), e))?;
                return Ok(stream);
            }
            Err(e) => failure = Some(Error::Connect { address: address.to_string(), source: e }),
        }
    }
    Err(failure.unwrap_or_else(|| Error::UnknownHost { host: source.host.clone() }))
}

fn attach(address: &SocketAddr, options: &ClientOptions) -> io::Result<TcpStream> {
    if options.local_port == 0 {
        return TcpStream::connect_timeout(address, options.connect_timeout);
    }
    let any: IpAddr =
        if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = Socket::new(Domain::for_address(*address), Type::STREAM, Some(Protocol::TCP))?;
    // The port may still be that of a connection that has ended.
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::new(any, options.local_port).into())?;
    socket.connect_timeout(&(*address).into(), options.connect_timeout)?;
    Ok(socket.into())
}

/// A conversation that must be over at some time, however slowly the server speaks.
struct Talk<'a> {
    stream: &'a TcpStream,
    until: Instant,
}

impl Read for Talk<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time"));
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(buffer).map_err(|e| match e.kind() {
            io::ErrorKind::WouldBlock => io::Error::new(io::ErrorKind::TimedOut, "no answer in time"),
            _ => e,
        })
    }
}

/// The server adds nothing: management records pass because the client asks for them (transport chapter 2.5).
fn filter_command(filter: &str) -> String {
    format!("FILTER: man or ({filter})")
}

fn filter_reply(talk: &mut Talk<'_>) -> Result<(), FilterReply> {
    let mut reply = [0; 2];
    match open::read_up_to(talk, &mut reply) {
        Ok(2) => match &reply {
            b"OK" => Ok(()),
            b"SY" => Err(FilterReply::Syntax),
            b"TI" => Err(FilterReply::Timeout),
            b"ER" => Err(FilterReply::Error),
            _ => Err(FilterReply::Unexpected),
        },
        Err(e) if e.kind() == io::ErrorKind::TimedOut => Err(FilterReply::Silent),
        _ => Err(FilterReply::Closed),
    }
}

/// The size of the file, or `None` when the server answers `KO`.
fn file_size(talk: &mut Talk<'_>) -> io::Result<Option<u32>> {
    let mut reply = [0; 4];
    let (first, rest) = reply.split_at_mut(2);
    talk.read_exact(first)?;
    if first == b"KO" {
        // The first half of some sizes looks like the refusal; a refusal has no second half.
        talk.until = talk.until.min(Instant::now() + Duration::from_millis(500));
        if talk.read_exact(rest).is_err() {
            return Ok(None);
        }
    } else {
        talk.read_exact(rest)?;
    }
    Ok(Some(u32::from_be_bytes(reply)))
}
