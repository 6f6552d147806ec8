//! The packets that are in memory already, where they lie there.

use crate::buffer::{Buffer, Steps, Window};
use crate::erf::Erf;
use crate::pcap::PcapPackets;
use crate::pcapng::Pcapng;
use crate::snoop::Snoop;
use crate::{Fault, Packet, Place};

/// Packets of one link type that lie in memory; what is taken is passed over in the file.
pub enum Packets<'a> {
    /// Of a pcap file: what there is most of, and the fastest.
    Pcap(PcapPackets<'a>),
    /// Of a file of another format.
    Other(OtherPackets<'a>),
}

impl Packets<'_> {
    /// The link type of them all; `None` when there are none and the file tells it for each.
    pub fn link(&self) -> Option<i32> {
        match self {
            Packets::Pcap(packets) => Some(packets.link),
            Packets::Other(packets) => packets.link,
        }
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = Packet<'a>;

    fn next(&mut self) -> Option<Packet<'a>> {
        match self {
            Packets::Pcap(packets) => packets.next(),
            Packets::Other(packets) => packets.next(),
        }
    }
}

/// The formats whose packets lie in the file as they were captured.
pub(crate) enum File<'a> {
    Pcapng(&'a mut Pcapng),
    Erf(&'a mut Erf),
    Snoop(&'a mut Snoop),
}

impl File<'_> {
    fn next(&mut self, window: &mut impl Window) -> Result<Option<Place>, Fault> {
        match self {
            File::Pcapng(file) => file.next(window),
            File::Erf(file) => file.next(window),
            File::Snoop(file) => file.next(window),
        }
    }
}

/// See [`Packets::Other`].
pub struct OtherPackets<'a> {
    file: File<'a>,
    steps: Steps<'a>,
    /// The first, which may end with the input where a later one would not be whole.
    first: Option<Place>,
    link: Option<i32>,
}

impl<'a> OtherPackets<'a> {
    /// Those that are there after one was asked for: at least that one, none at the end of the input.
    pub(crate) fn new(mut file: File<'a>, buffer: &'a mut Buffer) -> Result<Self, Fault> {
        let first = file.next(buffer)?;
        let link = first.as_ref().map(|place| place.link);
        Ok(OtherPackets { file, steps: buffer.walk(), first, link })
    }
}

impl<'a> Iterator for OtherPackets<'a> {
    type Item = Packet<'a>;

    fn next(&mut self) -> Option<Packet<'a>> {
        // What is wrong with a later one is told when it is the first.
        let place = match self.first.take() {
            Some(place) => place,
            None => self.file.next(&mut self.steps).ok()??,
        };
        let Place { seconds, nanos, link, at, captured, length, whole } = place;
        if Some(link) != self.link {
            return None;
        }
        let data = self.steps.rest.get(at..at + captured).unwrap_or_default();
        self.steps.pass(whole);
        Some(Packet { seconds, nanos, link, data, length })
    }
}
