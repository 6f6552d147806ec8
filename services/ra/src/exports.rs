//! Flows that other devices export: files and UDP ports of NetFlow and IPFIX (foreign formats chapter, 1.1 and 1.2).

use crate::feed::{Failure, Next};
use netflow::{Datagrams, Decoder, Exporter};
use packet::{Dissector, LinkType, Network, Rules};
use record::{Form, RecordView, Stamp, Version};
use std::io::{Cursor, ErrorKind, Read};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::SystemTime;

const UDP: u8 = 17;
/// First octets of captures: pcap with micro- and nanoseconds in both byte orders, pcapng.
const CAPTURES: [[u8; 4]; 5] = [
    [0xa1, 0xb2, 0xc3, 0xd4],
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0xa1, 0xb2, 0x3c, 0x4d],
    [0x4d, 0x3c, 0xb2, 0xa1],
    [0x0a, 0x0d, 0x0d, 0x0a],
];
/// Packets that are read at a time.
const BATCH: usize = 64;

/// Makes records of exports.
pub struct Exports {
    decoder: Decoder,
    record: Vec<u8>,
}

impl Exports {
    /// Nothing is known yet.
    pub fn new() -> Exports {
        Exports { decoder: Decoder::new(), record: Vec::new() }
    }

    /// Hands on the records of a datagram, until one is the last that is wanted.
    ///
    /// # Errors
    /// What `take` failed with.
    pub fn datagram(
        &mut self,
        from: Exporter,
        received: Stamp,
        octets: &[u8],
        mut take: impl FnMut(RecordView<'_>) -> Result<Next, Failure>,
    ) -> Result<Next, Failure> {
        let mut next = Ok(Next::More);
        let record = &mut self.record;
        self.decoder.decode(from, received, octets, |export| {
            if !matches!(next, Ok(Next::More)) {
                return;
            }
            record.clear();
            if export.to_record(None).encode(Form::Sensor, Version::V3, record).is_ok()
                && let Ok(view) = RecordView::new(record)
            {
                next = take(view);
            }
        });
        next
    }

    /// What was not read, in a line.
    pub fn told(&self) -> Option<String> {
        self.decoder.counters().told()
    }
}

/// Reads a file of export datagrams, or the exports in a capture. `take` gets each record and the octets that were in
/// front of its datagram.
///
/// # Errors
/// In a line, what is wrong with the file; within, what `take` failed with.
pub fn file(
    path: &Path,
    exports: &mut Exports,
    mut take: impl FnMut(RecordView<'_>, u64) -> Result<Next, Failure>,
) -> Result<Result<Next, Failure>, stream::Error> {
    let name = path.display().to_string();
    let wrong = |error| stream::Error::Io { input: name.clone(), source: error };
    let mut input = stream::open_input(path)?;
    let mut head = Vec::new();
    (&mut input).take(4).read_to_end(&mut head).map_err(wrong)?;
    let is_capture = CAPTURES.iter().any(|magic| magic[..] == head[..]);
    let whole = Cursor::new(head).chain(input);
    if is_capture {
        return capture(Box::new(whole), exports, take)
            .map_err(|text| wrong(std::io::Error::new(ErrorKind::InvalidData, text)));
    }
    let received = Stamp::from(SystemTime::now());
    let mut datagrams = Datagrams::new(whole);
    let mut offset = 0;
    while let Some(datagram) = datagrams.next().map_err(wrong)? {
        match exports.datagram(Exporter::UNKNOWN, received, datagram, |view| take(view, offset)) {
            Ok(Next::More) => offset += datagram.len() as u64,
            ended => return Ok(ended),
        }
    }
    Ok(Ok(Next::More))
}

fn capture(
    input: capfile::Input,
    exports: &mut Exports,
    mut take: impl FnMut(RecordView<'_>, u64) -> Result<Next, Failure>,
) -> Result<Result<Next, Failure>, String> {
    let mut reader = capfile::Reader::new(input, capfile::Hint::None);
    let mut dissector: Option<Dissector> = None;
    let mut next = Ok(Next::More);
    let mut offset = 0;
    loop {
        let read = reader.read(BATCH, |packet| {
            if !matches!(next, Ok(Next::More)) {
                return;
            }
            let link = LinkType(packet.link);
            let dissector = match &mut dissector {
                Some(known) if known.link_type() == link => known,
                other => other.insert(Dissector::new(link, Rules::default())),
            };
            let summary = dissector.dissect(packet.data, packet.length);
            let Network::Ip(ip) = &summary.network else { return };
            if ip.protocol != UDP || ip.fragment.is_some() || !Decoder::is_export(summary.user) {
                return;
            }
            let from = Exporter { address: ip.addresses.source(), port: ip.ports.0 };
            let nanos = u32::try_from(packet.nanos.clamp(0, 999_999_999)).unwrap_or(0);
            let received = Stamp::from_sec_nsec(packet.seconds, nanos);
            next = exports.datagram(from, received, summary.user, |view| take(view, offset));
            offset += u64::from(packet.length);
        });
        match read {
            Ok(0) => return Ok(next),
            Ok(_) if !matches!(next, Ok(Next::More)) => return Ok(next),
            Ok(_) => {}
            Err(fault) => return Err(fault.to_string()),
        }
    }
}

/// Reads what comes to a UDP port.
pub struct Listener {
    socket: stream::Datagrams,
    exports: Exports,
}

impl Listener {
    /// Listens at `source`, whose host is an address of this machine.
    ///
    /// # Errors
    /// The address is unknown or not free.
    pub fn bind(source: &stream::Source, patience: std::time::Duration) -> Result<Listener, stream::Error> {
        Ok(Listener { socket: stream::Datagrams::bind(source, patience)?, exports: Exports::new() })
    }

    /// Waits a moment for a datagram and hands on its records; `None` when none came.
    ///
    /// # Errors
    /// What the system says; within, what `take` failed with.
    pub fn next(
        &mut self,
        take: impl FnMut(RecordView<'_>) -> Result<Next, Failure>,
    ) -> std::io::Result<Option<Result<Next, Failure>>> {
        match self.socket.receive() {
            Ok((octets, from)) => {
                let from = Exporter { address: unmapped(from), port: from.port() };
                let received = Stamp::from(SystemTime::now());
                Ok(Some(self.exports.datagram(from, received, octets, take)))
            }
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// What was not read, in a line.
    pub fn told(&self) -> Option<String> {
        self.exports.told()
    }
}

fn unmapped(from: SocketAddr) -> IpAddr {
    from.ip().to_canonical()
}
