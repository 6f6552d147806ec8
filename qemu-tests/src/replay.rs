//! A capture put on the wire of a tap NIC.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::segment::Segment;

/// The longest pause that is kept between two packets of a capture.
const MAX_PAUSE: Duration = Duration::from_millis(500);

/// Sends every frame of the capture at `path` to the segment's tap NIC, in its order and with its pauses (at most half a
/// second each), until `end` is set. Gives back how many frames were sent.
pub fn replay(path: &Path, segment: &mut Segment, end: &AtomicBool) -> Result<u64> {
    let wrong = |error: pcap::Error| Error::Other(format!("{}: {error}", path.display()));
    let mut capture = pcap::Capture::from_file(path).map_err(wrong)?;
    if capture.get_datalink() != pcap::Linktype::ETHERNET {
        return Err(Error::Other(format!("{}: its frames are not Ethernet's", path.display())));
    }
    let mut sent = 0;
    let mut last: Option<i64> = None;
    while !end.load(Ordering::Relaxed) {
        let packet = match capture.next_packet() {
            Ok(packet) => packet,
            Err(pcap::Error::NoMorePackets) => break,
            Err(error) => return Err(wrong(error)),
        };
        let time = packet.header.ts.tv_sec.saturating_mul(1_000_000).saturating_add(packet.header.ts.tv_usec);
        let pause = last.map_or(0, |last| time.saturating_sub(last)).max(0);
        std::thread::sleep(Duration::from_micros(pause as u64).min(MAX_PAUSE));
        last = Some(time);
        segment.inject(packet.data)?;
        sent += 1;
    }
    Ok(sent)
}
