//! A virtual Ethernet: hosts made of smoltcp, and the box's tap NIC that sees every frame between them.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use smoltcp::iface::{Config, Interface, PollResult, SocketSet};
use smoltcp::phy::{self, DeviceCapabilities, Medium};
use smoltcp::time::Instant as Clock;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpCidr};

use crate::converse::{Conversation, Running};
use crate::error::{Error, Result};
use crate::ledger::Ledger;
use crate::port::{MAX_FRAME, MIN_FRAME, Port};

/// Frames that may wait for one host.
const QUEUE: usize = 1024;

/// Which host of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostId(pub(crate) usize);

/// A host: one NIC, one TCP/IP stack.
pub(crate) struct Host {
    pub(crate) interface: Interface,
    pub(crate) sockets: SocketSet<'static>,
    pub(crate) address: Ipv4Addr,
    nic: Nic,
}

/// A virtual Ethernet with its hosts.
pub struct Segment {
    hosts: Vec<Host>,
    tap: Option<Port>,
    ledger: Ledger,
    began: Instant,
    next_port: u16,
    from_tap: Vec<Vec<u8>>,
}

impl Segment {
    /// A segment without hosts; the box's tap NIC is at the other end of `tap`.
    pub fn new(tap: Option<Port>) -> Result<Segment> {
        if let Some(tap) = &tap {
            tap.set_nonblocking()?;
        }
        Ok(Segment {
            hosts: Vec::new(),
            tap,
            ledger: Ledger::new(),
            began: Instant::now(),
            next_port: 40_000,
            from_tap: Vec::new(),
        })
    }

    /// Adds a host with an address in a network of 24 bits; its hardware address follows from it.
    pub fn add_host(&mut self, address: Ipv4Addr) -> HostId {
        let [a, b, c, d] = address.octets();
        let hardware = HardwareAddress::Ethernet(EthernetAddress([2, 0, a, b, c, d]));
        let mut nic = Nic::default();
        let mut config = Config::new(hardware);
        // Sequence numbers differ from host to host, and are the same in every run.
        config.random_seed = u64::from(u32::from(address));
        let mut interface = Interface::new(config, &mut nic, self.clock());
        interface.update_ip_addrs(|addresses| {
            // An interface that was just made has room for its first address.
            let _ = addresses.push(IpCidr::new(address.into(), 24));
        });
        self.hosts.push(Host { interface, sockets: SocketSet::new(Vec::new()), address, nic });
        HostId(self.hosts.len() - 1)
    }

    /// Holds these conversations, all at the same time, to their end. Fails when they take longer than `limit`.
    pub fn converse(&mut self, conversations: &[Conversation], limit: Duration) -> Result<()> {
        let mut running = Vec::new();
        for conversation in conversations {
            self.next_port = if self.next_port == 60_000 { 40_000 } else { self.next_port + 1 };
            running.push(Running::start(conversation, &mut self.hosts, self.next_port)?);
        }
        let end = Instant::now() + limit;
        while !running.is_empty() {
            let busy = self.step()?;
            let mut going = Vec::new();
            for mut conversation in running {
                if !conversation.step(&mut self.hosts)? {
                    going.push(conversation);
                }
            }
            running = going;
            if Instant::now() > end {
                let what = format!("no end of {} conversations: {:?}", running.len(), running[0]);
                return Err(Error::Timeout { what, seconds: limit.as_secs() });
            }
            if !busy {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        // Last acknowledgements.
        while self.step()? {}
        Ok(())
    }

    /// Everything that was on this segment's wire so far.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Frames that came out of the box's tap NIC: there must never be one.
    pub fn from_tap(&mut self) -> Result<&[Vec<u8>]> {
        self.listen_to_tap()?;
        Ok(&self.from_tap)
    }

    /// Puts a frame on the wire that no host here sent. It is not in the ledger.
    pub fn inject(&mut self, frame: &[u8]) -> Result<()> {
        match &self.tap {
            Some(tap) => send_padded(tap, frame),
            None => Ok(()),
        }
    }

    fn listen_to_tap(&mut self) -> Result<()> {
        let Some(tap) = &self.tap else { return Ok(()) };
        let mut buffer = [0; MAX_FRAME];
        while let Some(length) = tap.receive(&mut buffer)? {
            self.from_tap.push(buffer[..length].to_vec());
        }
        Ok(())
    }

    /// Lets every host work and carries their frames. Whether anything happened.
    fn step(&mut self) -> Result<bool> {
        let now = self.clock();
        let mut busy = false;
        for host in &mut self.hosts {
            let Host { interface, sockets, nic, .. } = host;
            busy |= interface.poll(now, nic, sockets) == PollResult::SocketStateChanged;
        }
        for from in 0..self.hosts.len() {
            while let Some(frame) = self.hosts[from].nic.sent.pop_front() {
                busy = true;
                self.carry(from, frame)?;
            }
        }
        self.listen_to_tap()?;
        Ok(busy)
    }

    /// One frame over the wire: padded, counted, to every other host and to the tap.
    fn carry(&mut self, from: usize, mut frame: Vec<u8>) -> Result<()> {
        if frame.len() < MIN_FRAME {
            frame.resize(MIN_FRAME, 0);
        }
        self.ledger.count(&frame).map_err(Error::Other)?;
        if let Some(tap) = &self.tap {
            send_padded(tap, &frame)?;
        }
        for (number, host) in self.hosts.iter_mut().enumerate() {
            if number != from && host.nic.received.len() < QUEUE {
                host.nic.received.push_back(frame.clone());
            }
        }
        Ok(())
    }

    fn clock(&self) -> Clock {
        Clock::from_micros(self.began.elapsed().as_micros() as i64)
    }
}

/// Sends over a cable whose handle does not wait, waiting for QEMU to take the frame: none is lost on the way.
fn send_padded(tap: &Port, frame: &[u8]) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        match tap.send(frame) {
            Err(Error::Io { source, .. })
                if source.kind() == std::io::ErrorKind::WouldBlock && Instant::now() < end =>
            {
                std::thread::sleep(Duration::from_micros(200));
            }
            result => return result,
        }
    }
}

/// A host's NIC: frames in both directions.
#[derive(Debug, Default)]
struct Nic {
    received: VecDeque<Vec<u8>>,
    sent: VecDeque<Vec<u8>>,
}

impl phy::Device for Nic {
    type RxToken<'a> = Received;
    type TxToken<'a> = ToSend<'a>;

    fn receive(&mut self, _: Clock) -> Option<(Received, ToSend<'_>)> {
        let frame = self.received.pop_front()?;
        Some((Received(frame), ToSend(&mut self.sent)))
    }

    fn transmit(&mut self, _: Clock) -> Option<ToSend<'_>> {
        (self.sent.len() < QUEUE).then_some(ToSend(&mut self.sent))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

struct Received(Vec<u8>);

impl phy::RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

struct ToSend<'a>(&'a mut VecDeque<Vec<u8>>);

impl phy::TxToken for ToSend<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let mut frame = vec![0; length];
        let result = write(&mut frame);
        self.0.push_back(frame);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Counts;

    #[test]
    fn conversations_have_the_packets_that_their_protocols_need() {
        let mut segment = Segment::new(None).unwrap();
        let client = segment.add_host(Ipv4Addr::new(10, 1, 0, 1));
        let server = segment.add_host(Ipv4Addr::new(10, 1, 0, 2));
        let conversations = [
            Conversation::Tcp { client, server, port: 80, request: 300, answer: 20_000 },
            Conversation::Udp { client, server, port: 9, datagrams: 5, request: 100, answer: 1000 },
            Conversation::Echo { client, server, requests: 4, payload: 56 },
        ];
        segment.converse(&conversations, Duration::from_secs(20)).unwrap();
        let flows = segment.ledger().flows();
        let of = |protocol: &str| *flows.iter().find(|(key, _)| key.protocol == protocol).unwrap().1;
        assert_eq!(flows.len(), 4);
        assert_eq!(
            of("arp"),
            Counts { source_packets: 1, destination_packets: 1, source_octets: 60, destination_octets: 60 }
        );
        assert_eq!(
            of("icmp"),
            Counts { source_packets: 4, destination_packets: 4, source_octets: 392, destination_octets: 392 }
        );
        assert_eq!(
            of("udp"),
            Counts {
                source_packets: 5,
                destination_packets: 5,
                source_octets: 710,
                destination_octets: 5210
            }
        );
        let tcp = of("tcp");
        // 14 full segments carry 20,000 octets; SYN, FIN and acknowledgements come on top.
        assert!(tcp.destination_packets >= 16 && tcp.destination_octets > 20_000 + 16 * 54, "{tcp:?}");
        assert!(tcp.source_packets >= 4 && tcp.source_octets > 300 + 4 * 54, "{tcp:?}");
    }
}
