//! Where an interface's packets come from: a ring of ours, or a handle of libpcap.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use flow::{Engine, Sink, Time};
use packet::Dissector;
use packetring::{Instruction, Receiver};
use pcap::{Active, Capture};

use crate::dump::Dumper;
use crate::offline::plain;
use crate::order::{self, Packet, Queue};
use crate::segments::Segments;

/// How long packets gather before they are handed over, milliseconds.
pub const GATHER: u16 = 100;
/// The same where interfaces share a flow table, and packets of one wait for those of another.
pub const GATHER_SHARED: u16 = 20;
/// Blocks taken from one ring before the others have their turn.
const BLOCKS: usize = 8;
/// Packets taken from libpcap before the others have their turn.
const BATCH: usize = 4096;

/// Where packets go.
pub struct Taker<'a> {
    /// The engine of their observation point.
    pub engine: &'a mut Engine,
    /// Where its records go.
    pub sink: &'a mut dyn Sink,
    /// Where they are written besides.
    pub dump: Option<&'a mut Dumper>,
}

impl Taker<'_> {
    /// Several at once.
    #[inline]
    fn packets<'a>(&mut self, dissector: &Dissector, frames: impl Iterator<Item = flow::Frame<'a>>) {
        if self.dump.is_none() {
            self.engine.frames(dissector, frames, self.sink);
            return;
        }
        for frame in frames {
            self.packet(frame.time, dissector, frame.octets, frame.length);
        }
    }

    #[inline]
    fn packet(&mut self, time: Time, dissector: &Dissector, octets: &[u8], length: u32) {
        let summary = dissector.dissect(octets, length);
        if let Some(dump) = &mut self.dump {
            dump.packet(dissector.link_type().0, time, octets, length, &summary);
        }
        self.engine.packet(time, &summary, self.sink);
    }
}

/// The packets of an open interface, or one thread's share of them.
pub struct Source {
    from: From,
    /// Those that wait for earlier ones of other interfaces.
    queue: Queue,
}

enum From {
    /// Ours.
    Ring(Box<Ring>),
    /// libpcap's.
    Libpcap(Box<Libpcap>),
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.from {
            From::Ring(ring) => ring.receiver.as_fd(),
            From::Libpcap(libpcap) => libpcap.capture.as_fd(),
        }
    }
}

impl Source {
    /// A ring.
    pub fn of_ring(receiver: Receiver, dissector: Dissector) -> Source {
        let segments = Segments::default();
        let ring = Ring { receiver, dissector, segments, read: 0, taken: 0, dropped: 0 };
        Source { from: From::Ring(Box::new(ring)), queue: Queue::default() }
    }

    /// A handle of libpcap, which hands packets over after `gather` milliseconds.
    pub fn of_libpcap(capture: Capture<Active>, dissector: Dissector, gather: u16) -> Source {
        let gather = Duration::from_millis(u64::from(gather));
        let libpcap = Libpcap { capture, dissector, gather, dropped: 0, empty_at: None };
        Source { from: From::Libpcap(Box::new(libpcap)), queue: Queue::default() }
    }

    /// The ring, when it is one.
    pub fn ring(&mut self) -> Option<&mut Receiver> {
        match &mut self.from {
            From::Ring(ring) => Some(&mut ring.receiver),
            From::Libpcap(_) => None,
        }
    }

    /// Hands over the packets that are there.
    ///
    /// # Errors
    /// The interface went away or down, and libpcap with it. A ring lasts.
    pub fn read(&mut self, taker: &mut Taker<'_>) -> Result<(), String> {
        match &mut self.from {
            From::Ring(ring) => {
                ring.read(taker);
                Ok(())
            }
            From::Libpcap(libpcap) => {
                let dissector = &libpcap.dissector;
                let taken = libpcap
                    .capture
                    .dispatch(Some(BATCH), |packet| give(&packet_of(&packet), dissector, taker));
                taken.map(|_| ()).map_err(|error| plain(&error))
            }
        }
    }

    /// Keeps the packets that are there for [`in_order`].
    ///
    /// # Errors
    /// As [`Source::read`].
    pub fn keep(&mut self, now: Instant) -> Result<(), String> {
        let queue = &mut self.queue;
        if queue.is_full() {
            return Ok(());
        }
        match &mut self.from {
            From::Ring(ring) => {
                ring.each(|packet| queue.keep(now, packet));
                Ok(())
            }
            From::Libpcap(libpcap) => {
                let taken =
                    libpcap.capture.dispatch(Some(BATCH), |packet| queue.keep(now, &packet_of(&packet)));
                taken.map(|_| ()).map_err(|error| plain(&error))
            }
        }
    }

    /// Whether packets wait for those of other interfaces.
    pub fn waits(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Takes nothing from the wire any more, as soon as libpcap has handed over what gathers now.
    pub fn shut(&mut self) {
        match &mut self.from {
            // That it fails leaves some packets uncounted when the sensor stops, as if it had stopped a little earlier.
            From::Ring(ring) => {
                let _ = ring.receiver.socket().filter(&[Instruction::keep(0)]);
            }
            From::Libpcap(libpcap) => libpcap.empty_at = Some(Instant::now() + 2 * libpcap.gather),
        }
    }

    /// Whether everything that was taken from the wire was handed over.
    pub fn is_empty(&mut self) -> bool {
        self.queue.is_empty()
            && match &mut self.from {
                From::Ring(ring) => {
                    ring.count();
                    ring.read >= ring.taken
                }
                From::Libpcap(libpcap) => libpcap.empty_at.is_some_and(|at| Instant::now() >= at),
            }
    }

    /// Packets that the kernel dropped since it was opened.
    pub fn dropped(&mut self) -> u64 {
        match &mut self.from {
            From::Ring(ring) => {
                ring.count();
                ring.dropped
            }
            From::Libpcap(libpcap) => {
                if let Ok(stats) = libpcap.capture.stats() {
                    libpcap.dropped = libpcap.dropped.max(u64::from(stats.dropped));
                }
                libpcap.dropped
            }
        }
    }
}

/// Hands over what several sources keep, in the order of its times; all of it when nothing more will come.
pub fn in_order(sources: Vec<&mut Source>, now: Instant, all: bool, taker: &mut Taker<'_>) {
    let (mut queues, mut from) = (Vec::new(), Vec::new());
    for source in sources {
        queues.push(&mut source.queue);
        from.push(&mut source.from);
    }
    order::release(&mut queues, now, all, |number, packet| match from.get_mut(number) {
        Some(From::Ring(ring)) => ring.give(packet, taker),
        Some(From::Libpcap(libpcap)) => give(packet, &libpcap.dissector, taker),
        None => {}
    });
}

fn give(packet: &Packet<'_>, dissector: &Dissector, taker: &mut Taker<'_>) {
    taker.packet(packet.time, dissector, packet.octets, packet.length);
}

/// A packet of libpcap's.
fn packet_of<'a>(packet: &pcap::Packet<'a>) -> Packet<'a> {
    let stamp = packet.header.ts;
    let time = Time::from_nanos(i64::from(stamp.tv_sec as u32), stamp.tv_usec.clamp(0, 999_999_999));
    Packet { time, octets: packet.data, length: packet.header.len, offload: None }
}

/// A ring and what its packets need.
struct Ring {
    receiver: Receiver,
    dissector: Dissector,
    segments: Segments,
    /// Frames read.
    read: u64,
    /// Frames that the kernel put into the ring, as it last told.
    taken: u64,
    dropped: u64,
}

impl Ring {
    /// Hands over the packets that are there.
    fn read(&mut self, taker: &mut Taker<'_>) {
        for _ in 0..BLOCKS {
            let Some(mut block) = self.receiver.block() else { return self.hear() };
            self.read += u64::from(block.count());
            let mut frames = block.frames();
            loop {
                // Up to a super-packet, which is looked at alone.
                let mut apart = None;
                let together = std::iter::from_fn(|| {
                    let frame = frames.next()?;
                    if frame.offload.is_none() {
                        return Some(flow::Frame {
                            time: Time::from_nanos(i64::from(frame.seconds), i64::from(frame.nanos)),
                            octets: frame.octets,
                            length: frame.length,
                        });
                    }
                    apart = Some(frame);
                    None
                });
                taker.packets(&self.dissector, together);
                let Some(frame) = apart else { break };
                split(&mut self.segments, &self.dissector, &packet_in(&frame), taker);
            }
        }
    }

    /// Shows the packets that are there.
    fn each(&mut self, mut show: impl FnMut(&Packet<'_>)) {
        for _ in 0..BLOCKS {
            let Some(mut block) = self.receiver.block() else { return self.hear() };
            self.read += u64::from(block.count());
            block.frames().for_each(|frame| show(&packet_in(&frame)));
        }
    }

    /// An interface that is down says so once; its flags say it too.
    fn hear(&self) {
        let _ = self.receiver.socket().error();
    }

    /// Hands over one packet.
    fn give(&mut self, packet: &Packet<'_>, taker: &mut Taker<'_>) {
        match packet.offload {
            None => give(packet, &self.dissector, taker),
            Some(_) => split(&mut self.segments, &self.dissector, packet, taker),
        }
    }

    /// Asks the kernel what it took and dropped.
    fn count(&mut self) {
        if let Ok((taken, dropped)) = self.receiver.socket().statistics() {
            self.taken += u64::from(taken);
            self.dropped += u64::from(dropped);
        }
    }
}

/// A frame of a ring.
fn packet_in<'a>(frame: &packetring::Frame<'a>) -> Packet<'a> {
    let time = Time::from_nanos(i64::from(frame.seconds), i64::from(frame.nanos));
    Packet { time, octets: frame.octets, length: frame.length, offload: frame.offload }
}

/// The segments of a super-packet, one after another.
#[cold]
fn split(segments: &mut Segments, dissector: &Dissector, packet: &Packet<'_>, taker: &mut Taker<'_>) {
    let Some(offload) = packet.offload else { return };
    segments.each(packet.octets, packet.length, offload, |octets, length| {
        taker.packet(packet.time, dissector, octets, length);
    });
}

/// A handle of libpcap and what its packets need.
struct Libpcap {
    capture: Capture<Active>,
    dissector: Dissector,
    gather: Duration,
    dropped: u64,
    /// When its last packets will have been handed over.
    empty_at: Option<Instant>,
}
