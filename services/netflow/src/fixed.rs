//! NetFlow versions 1, 5, 6, 7 and 8: a header, then records of one layout (chapter 1.6).

use std::net::{IpAddr, Ipv4Addr};

use crate::export::{Export, Side};
use crate::{Clock, Counters, Exporter, Give, be16, be32, byte};

/// Octets of the header and of each record of a datagram; `None` for versions and aggregations without a layout.
pub(crate) fn sizes(payload: &[u8]) -> Option<(usize, usize)> {
    let count = usize::from(be16(payload, 2)?);
    match be16(payload, 0)? {
        // Some exporters round their records up.
        1 if count > 0 && payload.len() == 16 + 52 * count => Some((16, 52)),
        1 => Some((16, 48)),
        5 => Some((24, 48)),
        6 | 7 => Some((24, 52)),
        8 => Some((28, aggregation_size(byte(payload, 22)?)?)),
        _ => None,
    }
}

fn aggregation_size(code: u8) -> Option<usize> {
    Some(match code {
        1 | 2 => 28,
        3 | 4 | 6 | 9..=12 => 32,
        5 | 7 | 13 | 14 => 40,
        8 => 44,
        _ => return None,
    })
}

/// Decodes what records there are, up to the header's count, which is returned.
pub(crate) fn decode(
    exporter: Exporter,
    payload: &[u8],
    counters: &mut Counters,
    give: Give<'_>,
) -> Option<Option<u32>> {
    let (header, size) = sizes(payload)?;
    let version = be16(payload, 0)?;
    let count = usize::from(be16(payload, 2)?);
    let (seconds, fraction) = (be32(payload, 8)?, be32(payload, 12)?);
    let fraction = if fraction < 1_000_000_000 { fraction } else { 0 };
    let clock =
        Clock { uptime: be32(payload, 4), now: i64::from(seconds) * 1_000_000_000 + i64::from(fraction) };
    let code = byte(payload, 22).unwrap_or(0);
    let body = payload.get(header..)?;
    for record in body.chunks_exact(size).take(count) {
        let export =
            if version == 8 { aggregated(code, record, clock) } else { flow(version, record, clock) };
        match export {
            Some(export) => give(&Export { exporter: exporter.address, ..export }),
            None => counters.damaged += 1,
        }
    }
    if body.len() / size < count {
        counters.damaged += 1;
    }
    if version == 5 {
        // Two bits say how, the others at what interval.
        let interval = be16(payload, 22).unwrap_or(0) & 0x3fff;
        counters.sampling = counters.sampling.max(u32::from(interval));
    }
    // Numbers go on by what the header says, whether or not all of it came.
    Some(u32::try_from(count).ok())
}

fn address(record: &[u8], at: usize) -> Option<IpAddr> {
    Some(IpAddr::V4(Ipv4Addr::from(be32(record, at)?)))
}

/// A record of versions 1, 5, 6 and 7.
fn flow(version: u16, record: &[u8], clock: Clock) -> Option<Export> {
    let (src, dst) = (address(record, 0)?, address(record, 4)?);
    let (protocol, tos, flags) = match version {
        1 => (byte(record, 38)?, byte(record, 39)?, byte(record, 40)?),
        _ => (byte(record, 38)?, byte(record, 39)?, byte(record, 37)?),
    };
    let mut export = Export {
        src,
        dst,
        protocol,
        ports: (be16(record, 32)?, be16(record, 34)?),
        interfaces: Some((u32::from(be16(record, 12)?), u32::from(be16(record, 14)?))),
        start: clock.at(be32(record, 24)?),
        end: clock.at(be32(record, 28)?),
        sent: Side {
            packets: u64::from(be32(record, 16)?),
            octets: u64::from(be32(record, 20)?),
            tos: Some(tos),
            tcp_flags: Some(flags),
            ..Side::default()
        },
        ..Export::default()
    };
    if version != 1 {
        export.systems = Some((u32::from(be16(record, 40)?), u32::from(be16(record, 42)?)));
        export.masks = Some((byte(record, 44)?, byte(record, 45)?));
    }
    export.icmp_from_port();
    export.handshake_order = true;
    Some(export)
}

/// A record of version 8, by aggregation.
fn aggregated(code: u8, record: &[u8], clock: Clock) -> Option<Export> {
    let half = |at| be16(record, at);
    let word = |at| be32(record, at);
    let wide = |at| half(at).map(u32::from);
    let mut export = Export::default();
    // All but 6 to 8 begin alike.
    let counters = match code {
        6 => 4,
        7 => 8,
        8 => 12,
        _ => {
            export.flows = word(0);
            4
        }
    };
    export.sent.packets = u64::from(word(counters)?);
    export.sent.octets = u64::from(word(counters + 4)?);
    export.start = clock.at(word(counters + 8)?);
    export.end = clock.at(word(counters + 12)?);
    match code {
        1 | 9 => {
            export.systems = wide(20).zip(wide(22));
            export.interfaces = wide(24).zip(wide(26));
            export.sent.tos = if code == 9 { byte(record, 28) } else { None };
        }
        2 => {
            export.protocol = byte(record, 20)?;
            export.ports = (half(24)?, half(26)?);
        }
        10 => {
            export.protocol = byte(record, 20)?;
            export.sent.tos = byte(record, 21);
            export.ports = (half(24)?, half(26)?);
            export.interfaces = wide(28).zip(wide(30));
        }
        3 | 11 => {
            export.src = address(record, 20)?;
            export.masks = Some((byte(record, 24)?, 0));
            export.sent.tos = if code == 11 { byte(record, 25) } else { None };
            export.systems = Some((wide(26)?, 0));
            export.interfaces = Some((wide(28)?, 0));
        }
        4 | 12 => {
            export.dst = address(record, 20)?;
            export.masks = Some((0, byte(record, 24)?));
            export.sent.tos = if code == 12 { byte(record, 25) } else { None };
            export.systems = Some((0, wide(26)?));
            export.interfaces = Some((0, wide(28)?));
        }
        5 | 13 => {
            export.src = address(record, 20)?;
            export.dst = address(record, 24)?;
            export.masks = Some((byte(record, 29)?, byte(record, 28)?));
            export.sent.tos = if code == 13 { byte(record, 30) } else { None };
            export.systems = wide(32).zip(wide(34));
            export.interfaces = wide(36).zip(wide(38));
        }
        14 => {
            export.src = address(record, 20)?;
            export.dst = address(record, 24)?;
            export.masks = Some((byte(record, 29)?, byte(record, 28)?));
            export.sent.tos = byte(record, 30);
            export.protocol = byte(record, 31)?;
            export.ports = (half(32)?, half(34)?);
            export.interfaces = wide(36).zip(wide(38));
        }
        6 => {
            export.dst = address(record, 0)?;
            export.interfaces = Some((0, wide(20)?));
            export.sent.tos = byte(record, 22);
        }
        7 => {
            export.dst = address(record, 0)?;
            export.src = address(record, 4)?;
            export.interfaces = wide(26).zip(wide(24));
            export.sent.tos = byte(record, 28);
        }
        8 => {
            export.dst = address(record, 0)?;
            export.src = address(record, 4)?;
            export.ports = (half(10)?, half(8)?);
            export.interfaces = wide(30).zip(wide(28));
            export.sent.tos = byte(record, 32);
            export.protocol = byte(record, 33)?;
        }
        _ => return None,
    }
    export.icmp_from_port();
    Some(export)
}
