//! IS-IS PDUs that have a flow key of their own (flow-model chapter, section 9.6).

use crate::bytes::{array_at, rest, u8_at, u16_at, u32_at};
use crate::link::Walk;
use crate::summary::{FrameKey, Network};

pub(crate) const NLPID: u8 = 0x83;

/// An IS-IS PDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Isis {
    /// PDU type: 15, 16 hello; 18, 20 link state; 24, 25 complete and 26, 27 partial sequence numbers.
    pub pdu_type: u8,
    /// Octets on the wire from the network layer protocol identifier on, padding included.
    pub octets: u32,
    /// Protocol version.
    pub version: u8,
    /// Source MAC address.
    pub source: [u8; 6],
    /// Destination MAC address.
    pub destination: [u8; 6],
    /// Identifiers by PDU type: hello: source id (6), LAN id (7); link state: id (8), sequence number (4);
    /// others: source id (7).
    pub id: [u8; 14],
    /// The checksum of a link state PDU; for others one computed over the PDU (`fletcher`).
    pub checksum: u16,
}

/// `data` starts with the network layer protocol identifier.
pub(crate) fn pdu<'a>(walk: &mut Walk<'a>, data: &'a [u8]) {
    match parse(walk, data) {
        Some(isis) => {
            walk.summary.network = Network::Isis(isis);
            walk.summary.user = data;
        }
        None => {
            walk.frame_flow(data);
            if let Network::Frame(key) = walk.summary.network {
                let key = FrameKey { ethertype: u16::from(NLPID), ..key };
                walk.summary.network = Network::IsisFrame { key, octets: walk.wire_after(data) };
            }
        }
    }
}

fn parse(walk: &Walk<'_>, data: &[u8]) -> Option<Isis> {
    let header = walk.summary.ethernet?;
    let header_length = u8_at(data, 1)?;
    let id_length = u8_at(data, 3)?;
    let pdu_type = u8_at(data, 4)? & 0x1f;
    let version = u8_at(data, 5)?;
    if u8_at(data, 2)? != 1 || version != 1 || !matches!(id_length, 0 | 6) {
        return None;
    }
    let body = rest(data, 8);
    let mut id = [0u8; 14];
    let (expected, checksum) = match pdu_type {
        15 | 16 => {
            // circuit type 1, source id 6, holding time 2, PDU length 2, priority 1, LAN id 7
            id[..6].copy_from_slice(&array_at::<6>(body, 1)?);
            id[6..13].copy_from_slice(&array_at::<7>(body, 12)?);
            (27, fletcher(data))
        }
        18 | 20 => {
            // PDU length 2, lifetime 2, link state id 8, sequence number 4, checksum 2
            id[..8].copy_from_slice(&array_at::<8>(body, 4)?);
            let number = u32_at(body, 12)?;
            // 3.0.8 keeps the number in its own byte order.
            let octets = if walk.rules.compat { number.to_le_bytes() } else { number.to_be_bytes() };
            id[8..12].copy_from_slice(&octets);
            (27, u16_at(body, 16)?)
        }
        24 | 25 => {
            id[..7].copy_from_slice(&array_at::<7>(body, 2)?);
            (33, fletcher(data))
        }
        26 | 27 => {
            id[..7].copy_from_slice(&array_at::<7>(body, 2)?);
            (17, fletcher(data))
        }
        _ => return None,
    };
    if header_length != expected {
        return None;
    }
    Some(Isis {
        pdu_type,
        octets: walk.wire_after(data),
        version,
        source: header.source,
        destination: header.destination,
        id,
        checksum,
    })
}

/// Tells one hello or sequence number PDU from another, since these carry no checksum: Fletcher's two sums over the
/// 16-bit words from the last octet of the common header to the frame's end, each modulo 65535, laid over one another.
/// An odd last octet is left out. The same as 3.0.8.2's, so that records of different sensors can be brought together.
fn fletcher(data: &[u8]) -> u16 {
    let (mut sum, mut sums) = (0u64, 0u64);
    for &[high, low] in rest(data, 7).as_chunks::<2>().0 {
        sum += u64::from(u16::from_be_bytes([high, low]));
        sums = (sums + sum) % 65_535;
    }
    ((sum % 65_535) | sums) as u16
}
