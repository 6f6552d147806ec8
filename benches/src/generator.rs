//! Puts frames on an interface through a transmit ring.

use std::io;
use std::time::{Duration, Instant};

use packetring::{Device, Socket, Transmitter};

use crate::capture;

/// Frames that are made in advance, and sent again and again.
const FRAMES: u64 = 200_000;
/// Places of the ring.
const PLACES: usize = 1024;
/// Frames handed over at once.
const BURST: usize = 64;

/// Frames in memory, back to back.
pub struct Frames {
    octets: Vec<u8>,
    ends: Vec<usize>,
}

impl Frames {
    /// The packets of the bench's capture, whole.
    pub fn make() -> io::Result<Frames> {
        let mut frames = Frames { octets: Vec::new(), ends: Vec::new() };
        capture::each(FRAMES, |_, frame| {
            frames.octets.extend_from_slice(frame);
            frames.ends.push(frames.octets.len());
            Ok(())
        })?;
        Ok(frames)
    }

    fn get(&self, number: usize) -> &[u8] {
        let begin = number.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(number).copied().unwrap_or(begin);
        self.octets.get(begin..end).unwrap_or_default()
    }
}

/// Sends for so many seconds, `rate` packets a second or as many as can be sent (0). Returns how many.
pub fn send(interface: &str, frames: &Frames, rate: u64, seconds: u64) -> io::Result<u64> {
    let socket = Socket::new()?;
    let device: Device = socket.find(interface)?;
    let mut ring = Transmitter::open(socket, device, PLACES)?;
    let (begin, length) = (Instant::now(), Duration::from_secs(seconds));
    let (mut sent, mut next) = (0u64, 0usize);
    loop {
        let passed = begin.elapsed();
        if passed >= length {
            break;
        }
        if rate > 0 && sent as f64 >= passed.as_secs_f64() * rate as f64 {
            // What is late is sent in a burst of a few hundred packets, as networks do.
            std::thread::sleep(Duration::from_millis(1));
            continue;
        }
        for _ in 0..BURST {
            while !ring.put(frames.get(next))? {
                ring.send()?;
            }
            next = (next + 1) % frames.ends.len();
            sent += 1;
        }
        ring.send()?;
    }
    Ok(sent)
}
