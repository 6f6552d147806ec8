//! A scanner on the management NIC's Ethernet: tries TCP ports with bare SYNs and notes whatever comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr,
    IpAddress, IpProtocol, Ipv4Packet, Ipv4Repr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber, UdpPacket,
    UdpRepr,
};

use crate::error::Result;
use crate::machine::{BOX_ADDRESS, MANAGEMENT_MAC};
use crate::management::Management;

/// How a port answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// SYN and ACK: somebody listens.
    Open,
    /// RST: nobody listens, and the box says so.
    Refused,
}

/// A host with an address of its own that only scans.
#[derive(Debug)]
pub struct Scanner<'a> {
    management: &'a Management,
    hardware: [u8; 6],
    address: Ipv4Addr,
    received: Receiver<Vec<u8>>,
    answers: BTreeMap<u16, Answer>,
    others: BTreeSet<String>,
}

/// The port that SYNs come from.
const FROM: u16 = 54_321;

impl<'a> Scanner<'a> {
    /// A scanner with this address, in the box's network.
    pub fn plug_in(management: &'a Management, address: Ipv4Addr) -> Scanner<'a> {
        let [a, b, c, d] = address.octets();
        let hardware = [2, 0xee, a, b, c, d];
        let received = management.plug_in(hardware);
        Scanner { management, hardware, address, received, answers: BTreeMap::new(), others: BTreeSet::new() }
    }

    /// Tries these TCP ports once each and waits `patience` for late answers. Gives back the ports that answered.
    pub fn tcp(
        &mut self,
        ports: impl Iterator<Item = u16>,
        patience: Duration,
    ) -> Result<BTreeMap<u16, Answer>> {
        self.answers.clear();
        for port in ports {
            self.management.send(&self.syn(port))?;
            while let Ok(frame) = self.received.try_recv() {
                self.take(&frame)?;
            }
        }
        self.listen(patience)?;
        Ok(std::mem::take(&mut self.answers))
    }

    /// Sends a datagram to each of these UDP ports and waits `patience` for answers, which then are in
    /// [`Scanner::others`].
    pub fn udp(&mut self, ports: impl Iterator<Item = u16>, patience: Duration) -> Result<()> {
        for port in ports {
            self.management.send(&self.datagram(port))?;
        }
        self.listen(patience)
    }

    /// What else came to this host's address, in words: ICMP, UDP.
    pub fn others(&self) -> &BTreeSet<String> {
        &self.others
    }

    fn listen(&mut self, patience: Duration) -> Result<()> {
        let end = Instant::now() + patience;
        loop {
            match self.received.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(frame) => self.take(&frame)?,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    /// Answers ARP requests for this host, so that the box can answer it, and notes what is for it.
    fn take(&mut self, frame: &[u8]) -> Result<()> {
        let Ok(ethernet) = EthernetFrame::new_checked(frame) else { return Ok(()) };
        match ethernet.ethertype() {
            EthernetProtocol::Arp => {
                let Ok(arp) = ArpPacket::new_checked(ethernet.payload()) else { return Ok(()) };
                if let Ok(ArpRepr::EthernetIpv4 {
                    operation: ArpOperation::Request,
                    source_hardware_addr,
                    source_protocol_addr,
                    target_protocol_addr,
                    ..
                }) = ArpRepr::parse(&arp)
                    && target_protocol_addr == self.address
                {
                    let reply = self.arp_reply(source_hardware_addr, source_protocol_addr);
                    self.management.send(&reply)?;
                }
            }
            EthernetProtocol::Ipv4 => {
                let Ok(ip) = Ipv4Packet::new_checked(ethernet.payload()) else { return Ok(()) };
                if ip.dst_addr() == self.address {
                    self.note(&ip);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn note(&mut self, ip: &Ipv4Packet<&[u8]>) {
        match ip.next_header() {
            IpProtocol::Tcp => {
                if let Ok(tcp) = TcpPacket::new_checked(ip.payload()) {
                    let answer = if tcp.syn() && tcp.ack() { Answer::Open } else { Answer::Refused };
                    // The first answer counts: an open port's later RST is for the half-open connection.
                    self.answers.entry(tcp.src_port()).or_insert(answer);
                }
            }
            other => {
                self.others.insert(format!("{other} from {}", ip.src_addr()));
            }
        }
    }

    fn syn(&self, port: u16) -> Vec<u8> {
        let tcp = TcpRepr {
            src_port: FROM,
            dst_port: port,
            control: TcpControl::Syn,
            seq_number: TcpSeqNumber(1000),
            ack_number: None,
            window_len: 1024,
            window_scale: None,
            max_seg_size: Some(1460),
            sack_permitted: false,
            sack_ranges: [None; 3],
            timestamp: None,
            payload: &[],
        };
        self.ip(IpProtocol::Tcp, tcp.buffer_len(), |bytes, from, to| {
            tcp.emit(&mut TcpPacket::new_unchecked(bytes), &from, &to, &ChecksumCapabilities::default());
        })
    }

    fn datagram(&self, port: u16) -> Vec<u8> {
        let udp = UdpRepr { src_port: FROM, dst_port: port };
        let payload = b"who is there?";
        self.ip(IpProtocol::Udp, udp.header_len() + payload.len(), |bytes, from, to| {
            udp.emit(
                &mut UdpPacket::new_unchecked(bytes),
                &from,
                &to,
                payload.len(),
                |buffer| buffer.copy_from_slice(payload),
                &ChecksumCapabilities::default(),
            );
        })
    }

    /// A frame to the box with an IPv4 packet that `fill` completes.
    fn ip(
        &self,
        protocol: IpProtocol,
        length: usize,
        fill: impl FnOnce(&mut [u8], IpAddress, IpAddress),
    ) -> Vec<u8> {
        let ip = Ipv4Repr {
            src_addr: self.address,
            dst_addr: BOX_ADDRESS,
            next_header: protocol,
            payload_len: length,
            hop_limit: 64,
        };
        let ethernet = EthernetRepr {
            src_addr: EthernetAddress(self.hardware),
            dst_addr: EthernetAddress(MANAGEMENT_MAC),
            ethertype: EthernetProtocol::Ipv4,
        };
        let mut frame = vec![0; ethernet.buffer_len() + ip.buffer_len() + length];
        let mut out = EthernetFrame::new_unchecked(&mut frame);
        ethernet.emit(&mut out);
        let mut packet = Ipv4Packet::new_unchecked(out.payload_mut());
        ip.emit(&mut packet, &ChecksumCapabilities::default());
        fill(packet.payload_mut(), self.address.into(), BOX_ADDRESS.into());
        frame
    }

    fn arp_reply(&self, hardware: EthernetAddress, address: Ipv4Addr) -> Vec<u8> {
        let arp = ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Reply,
            source_hardware_addr: EthernetAddress(self.hardware),
            source_protocol_addr: self.address,
            target_hardware_addr: hardware,
            target_protocol_addr: address,
        };
        let ethernet = EthernetRepr {
            src_addr: EthernetAddress(self.hardware),
            dst_addr: hardware,
            ethertype: EthernetProtocol::Arp,
        };
        let mut frame = vec![0; ethernet.buffer_len() + arp.buffer_len()];
        let mut out = EthernetFrame::new_unchecked(&mut frame);
        ethernet.emit(&mut out);
        arp.emit(&mut ArpPacket::new_unchecked(out.payload_mut()));
        frame
    }
}
