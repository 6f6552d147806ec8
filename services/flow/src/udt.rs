//! UDT over UDP, guessed from a flow's first packet (chapter section 7; layout of its packets: draft-gg-udt).

use crate::time::Time;

/// Either side's port.
const PORT: u16 = 9000;
/// Octets of the header of every packet.
pub(crate) const HEADER: usize = 16;
/// The one version of the protocol.
const VERSION: u32 = 4;

/// Bits of the status word for the source; one further left for the destination.
mod status {
    pub const DROPS: u32 = 0x10;
    pub const RETRANSMITTED: u32 = 0x100;
    pub const CONGESTED: u32 = 0x4000;
}

/// Types of control packets.
mod control {
    pub const HANDSHAKE: u32 = 0;
    pub const ACKNOWLEDGEMENT: u32 = 2;
    pub const LOSS: u32 = 3;
    pub const CONGESTION: u32 = 4;
}

/// What is known of the data that one side sends.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stream {
    /// When the last packet in order came; none yet when there is no `sequence`.
    pub last: Option<Time>,
    /// Highest sequence number.
    pub sequence: Option<u32>,
    /// Time stamp of the last packet in order.
    pub stamp: u32,
    /// The receiver's last report: sequence number, round trip and its variance, buffer, rate, capacity.
    pub report: [u32; 6],
    /// Packets that are a message, that begin, continue and end one.
    pub messages: [u32; 4],
    pub drops: u32,
    pub retransmitted: u32,
    /// Packets that the receiver told it lacks.
    pub lacked: u32,
}

/// State of a UDT flow.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Udt {
    pub status: u32,
    /// The first handshake: version to socket id.
    pub handshake: [u32; 7],
    pub streams: [Stream; 2],
}

/// Octets `at` and three more.
fn word(payload: &[u8], at: usize) -> Option<u32> {
    payload.get(at..)?.first_chunk().map(|octets| u32::from_be_bytes(*octets))
}

/// The type of a control packet; none for data.
fn kind(payload: &[u8]) -> Option<u32> {
    word(payload, 0).filter(|first| first >> 31 == 1).map(|first| first >> 16 & 0x7fff)
}

/// Whether a payload is a handshake between these ports.
pub(crate) fn is_handshake(ports: (u16, u16), payload: &[u8]) -> bool {
    (ports.0 == PORT || ports.1 == PORT)
        && kind(payload) == Some(control::HANDSHAKE)
        && word(payload, HEADER) == Some(VERSION)
}

impl Udt {
    /// Looks at the first packet of a UDP flow, which must be a handshake. 3.0.8 takes anything that may be data for it
    /// too, by the port alone.
    pub fn first(ports: (u16, u16), payload: &[u8], compat: bool) -> Option<Udt> {
        if (ports.0 != PORT && ports.1 != PORT) || payload.len() < HEADER {
            return None;
        }
        let mut udt = Udt::default();
        if is_handshake(ports, payload) {
            for (i, to) in udt.handshake.iter_mut().enumerate() {
                *to = word(payload, HEADER + 4 * i).unwrap_or(0);
            }
        } else if !compat || kind(payload).is_some() {
            return None;
        }
        Some(udt)
    }

    /// Takes a packet. Returns the octets of headers in it.
    pub fn next(&mut self, payload: &[u8], now: Time, side: usize, compat: bool) -> usize {
        let side = side & 1;
        if payload.len() < HEADER {
            return 0;
        }
        // 3.0.8 mixes the two sides' numbers.
        let (sender, receiver) = if compat { (0, 0) } else { (side, 1 - side) };
        let bits = |of: usize, bit: u32| if compat { bit | bit << 1 } else { bit << of };
        match kind(payload) {
            None => {
                let stream = &mut self.streams[sender];
                match stream.data(payload, now, compat) {
                    Step::Next => {}
                    Step::Gap => self.status |= bits(sender, status::DROPS),
                    Step::Back => self.status |= bits(sender, status::RETRANSMITTED),
                }
            }
            // What is reported is the other side's data.
            Some(control::ACKNOWLEDGEMENT) => {
                for (i, to) in self.streams[receiver].report.iter_mut().enumerate() {
                    *to = word(payload, HEADER + 4 * i).unwrap_or(*to);
                }
            }
            Some(control::LOSS) => {
                let lacked = losses(payload.get(HEADER..).unwrap_or(&[]), side, compat);
                let stream = &mut self.streams[receiver];
                stream.lacked = stream.lacked.wrapping_add(lacked);
            }
            Some(control::CONGESTION) => self.status |= bits(receiver, status::CONGESTED),
            Some(_) => {}
        }
        HEADER
    }

    /// Starts the next record.
    pub fn reset(&mut self) {
        self.status = 0;
        for stream in &mut self.streams {
            stream.messages = [0; 4];
            stream.drops = 0;
            stream.retransmitted = 0;
            stream.lacked = 0;
        }
    }
}

/// How a data packet follows the one before it.
enum Step {
    Next,
    Gap,
    Back,
}

impl Stream {
    fn data(&mut self, payload: &[u8], now: Time, compat: bool) -> Step {
        let sequence = word(payload, 0).unwrap_or(0);
        // Middle, last, first, the only one of a message.
        let place = [2, 3, 1, 0][(word(payload, 4).unwrap_or(0) >> 30) as usize & 3];
        self.messages[place] = self.messages[place].wrapping_add(1);
        let step = match self.sequence {
            // 3.0.8 takes 0 for no packet yet.
            Some(last) if !(compat && last == 0) => match compat {
                true => sequence.wrapping_sub(last) as i32,
                // Numbers have 31 bits and begin anew.
                false => (sequence.wrapping_sub(last) << 1) as i32 >> 1,
            },
            _ => 1,
        };
        match step {
            1 => {
                self.sequence = Some(sequence);
                self.last = Some(now);
                self.stamp = word(payload, 8).unwrap_or(0);
                Step::Next
            }
            // 3.0.8 takes the packet behind a single lost one for an old one.
            2.. if !(compat && step == 2) => {
                self.drops = self.drops.wrapping_add(step as u32 - 1);
                self.sequence = Some(sequence);
                Step::Gap
            }
            _ => {
                self.retransmitted = self.retransmitted.wrapping_add(1);
                Step::Back
            }
        }
    }
}

/// Packets that a list of losses names: single numbers, and ranges whose first number has the highest bit set.
fn losses(list: &[u8], side: usize, compat: bool) -> u32 {
    let mut count = 0u32;
    let mut from = None;
    for (at, octets) in list.as_chunks::<4>().0.iter().enumerate() {
        let number = u32::from_be_bytes(*octets);
        if number >> 31 == 1 {
            from = Some(number & 0x7fff_ffff);
            continue;
        }
        let named = match from.take() {
            Some(from) => (number.wrapping_sub(from) & 0x7fff_ffff).wrapping_add(1),
            // 3.0.8 takes a first number for the end of a range.
            None if compat && at == 0 => number.wrapping_add(side as u32),
            None => 1,
        };
        count = count.wrapping_add(named);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_losses() {
        let list = |numbers: &[u32]| numbers.iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<_>>();
        let range = 1 << 31;
        for (numbers, right, as_before) in [
            (&[1004][..], 1, [1004, 1005]),
            (&[1004, 2000], 2, [1005, 1006]),
            (&[1004 | range, 1009], 6, [6, 6]),
            (&[1004 | range, 1009, 1020, 1030 | range, 1031], 9, [9, 9]),
            (&[99 | range], 0, [0, 0]),
            (&[], 0, [0, 0]),
        ] {
            let list = list(numbers);
            for side in [0, 1] {
                assert_eq!(losses(&list, side, false), right, "{numbers:?}");
                assert_eq!(losses(&list, side, true), as_before[side], "{numbers:?}");
            }
        }
    }
}
