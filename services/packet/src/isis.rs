//! IS-IS PDUs that have a flow key of their own (flow-model chapter, section 9.6).

use crate::bytes::{array_at, rest, u8_at, u16_at, u32_at};
use crate::link::Walk;
use crate::summary::Network;

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
    /// The checksum of a link state PDU; for others one computed over the PDU.
    pub checksum: u16,
}

/// `data` starts with the network layer protocol identifier.
pub(crate) fn pdu<'a>(walk: &mut Walk<'a>, data: &'a [u8]) {
    match parse(walk, data) {
        Some(isis) => {
            walk.summary.network = Network::Isis(isis);
            walk.summary.user = data;
        }
        None => walk.frame_flow(data),
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
            (27, internet_checksum(body, u16_at(body, 9)?))
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
            (33, internet_checksum(body, u16_at(body, 0)?))
        }
        26 | 27 => {
            id[..7].copy_from_slice(&array_at::<7>(body, 2)?);
            (17, internet_checksum(body, u16_at(body, 0)?))
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

/// The Internet checksum of the PDU behind its common header, as far as it was captured.
fn internet_checksum(body: &[u8], pdu_length: u16) -> u16 {
    let length = usize::from(pdu_length).saturating_sub(8).min(body.len());
    let mut sum = 0u32;
    for pair in body.get(..length).unwrap_or(&[]).chunks(2) {
        let high = u32::from(pair.first().copied().unwrap_or(0));
        let low = u32::from(pair.get(1).copied().unwrap_or(0));
        sum += (high << 8) | low;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
