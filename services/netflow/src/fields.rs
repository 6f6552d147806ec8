//! What each information element means for a flow (chapters 1.7, 1.8). Those of version 9 have the same numbers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use record::Stamp;

use crate::Clock;
use crate::export::{Export, Side};

/// Seconds from 1900, where NTP's time begins, to 1970.
const NTP: u64 = 2_208_988_800;

/// A big-endian number of any length; of longer ones the low 64 bits.
pub(crate) fn number(value: &[u8]) -> u64 {
    value.iter().fold(0, |number, octet| number << 8 | u64::from(*octet))
}

/// The times of a record, until all its fields are known.
#[derive(Debug, Default)]
pub(crate) struct Times {
    first: Option<u32>,
    last: Option<u32>,
    start: Option<i64>,
    end: Option<i64>,
    event: Option<i64>,
    duration: Option<u64>,
}

impl Times {
    /// Makes them absolute: `clock` for those counted from the device's start, `exported` when there is none.
    pub fn settle(&self, export: &mut Export, clock: Clock, exported: i64) {
        let up = |uptime: Option<u32>| uptime.and_then(|uptime| clock.at(uptime));
        let absolute = |nanos: Option<i64>| nanos.map(|nanos| Stamp::from_nanos(nanos.max(0)));
        let start = absolute(self.start).or_else(|| up(self.first)).or_else(|| absolute(self.event));
        let end = absolute(self.end).or_else(|| up(self.last));
        let length = self.duration.map(|nanos| i64::try_from(nanos).unwrap_or(i64::MAX / 2));
        let now = Stamp::from_nanos(exported);
        let (start, end) = match (start, end, length) {
            (Some(start), Some(end), _) => (start, end),
            (Some(start), None, length) => (start, start.plus_nanos(length.unwrap_or(0))),
            (None, Some(end), length) => (end.plus_nanos(-length.unwrap_or(0)), end),
            (None, None, _) => (now, now),
        };
        // The reference spreads the packets of a flow without a duration at a million a second.
        let packets = export.sent.packets;
        let end = if start == end && packets > 1 && !export.is_biflow() {
            end.plus_nanos(i64::try_from(packets).unwrap_or(0).min(4_000_000_000) * 1000)
        } else {
            end
        };
        (export.start, export.end) = (Some(start), Some(end));
    }
}

/// A field of a record.
pub(crate) struct Element<'a> {
    /// Information element.
    pub number: u16,
    pub value: &'a [u8],
    /// Whether it is about the other direction (RFC 5103).
    pub reverse: bool,
}

impl Element<'_> {
    /// Puts the field into the flow.
    pub fn put(&self, export: &mut Export, times: &mut Times) {
        if self.reverse {
            self.put_side(export.answered.get_or_insert_with(Side::default));
            return;
        }
        let n = number(self.value);
        let (octet, half, word) = (n as u8, n as u16, n as u32);
        match self.number {
            3 => export.flows = Some(word),
            4 => export.protocol = octet,
            7 => export.ports.0 = half,
            11 => export.ports.1 = half,
            8 | 27 => put_address(self.value, &mut export.src),
            12 | 28 => put_address(self.value, &mut export.dst),
            9 | 29 => export.masks.get_or_insert_default().0 = octet,
            13 | 30 => export.masks.get_or_insert_default().1 = octet,
            10 => export.interfaces.get_or_insert_default().0 = word,
            14 => export.interfaces.get_or_insert_default().1 = word,
            16 => export.systems.get_or_insert_default().0 = word,
            17 => export.systems.get_or_insert_default().1 = word,
            21 => times.last = Some(word),
            22 => times.first = Some(word),
            150 => times.start = Some(seconds(n)),
            151 => times.end = Some(seconds(n)),
            152 => times.start = Some(scaled(n, 1_000_000)),
            153 => times.end = Some(scaled(n, 1_000_000)),
            154 | 156 => times.start = ntp(self.value),
            155 | 157 => times.end = ntp(self.value),
            // So many microseconds before the export.
            158 | 159 => {}
            161 => times.duration = Some(n.saturating_mul(1_000_000)),
            162 => times.duration = Some(n.saturating_mul(1000)),
            258 | 322 => times.event = Some(seconds(n)),
            323 => times.event = Some(scaled(n, 1_000_000)),
            324 | 325 => times.event = ntp(self.value),
            32 | 139 => export.icmp = Some((half.to_be_bytes()[0], octet)),
            176 | 178 => export.icmp.get_or_insert_default().0 = octet,
            177 | 179 => export.icmp.get_or_insert_default().1 = octet,
            56 | 81 => put_mac(self.value, &mut export.macs.get_or_insert_default().0),
            57 | 80 => put_mac(self.value, &mut export.macs.get_or_insert_default().1),
            58 | 243 => export.vlans.0 = Some(half),
            59 | 254 => export.vlans.1 = Some(half),
            70 => export.mpls = label(self.value),
            // What the destination sent, in records of whole conversations.
            298 | 231 => self.put_side(&mut export.sent),
            299 | 232 => self.put_side(export.answered.get_or_insert_with(Side::default)),
            // The tos behind the device.
            55 => export.tos_behind = Some(octet),
            _ => self.put_side(&mut export.sent),
        }
    }

    /// Fields that each direction has.
    fn put_side(&self, side: &mut Side) {
        let n = number(self.value);
        match self.number {
            1 | 85 | 231 | 232 => side.octets = n,
            2 | 86 | 298 | 299 => side.packets = n,
            5 => side.tos = Some(n as u8),
            // Of two octets the lower has the flags that TCP had for long.
            6 => side.tcp_flags = Some(n as u8),
            25 => side.sizes.get_or_insert_default().0 = n as u16,
            26 => side.sizes.get_or_insert_default().1 = n as u16,
            52 | 53 | 192 => side.ttl = Some(n as u8),
            54 => side.ip_id = Some(n as u16),
            _ => {}
        }
    }
}

fn seconds(n: u64) -> i64 {
    scaled(n, 1_000_000_000)
}

/// Nanoseconds, as far as a record's 32 bits of seconds reach.
fn scaled(n: u64, unit: u64) -> i64 {
    n.saturating_mul(unit).min(u64::from(u32::MAX) * 1_000_000_000) as i64
}

/// Seconds since 1900 and a binary fraction, 32 bits each.
fn ntp(value: &[u8]) -> Option<i64> {
    let n = number(value.first_chunk::<8>()?);
    let fraction = (u128::from(n & 0xffff_ffff) * 1_000_000_000) >> 32;
    Some(seconds((n >> 32).checked_sub(NTP)?) + fraction as i64)
}

fn put_address(value: &[u8], address: &mut IpAddr) {
    if let Ok(octets) = <[u8; 4]>::try_from(value) {
        // A template may have room for both; the one that is used is not zero.
        if octets != [0; 4] || address.is_unspecified() {
            *address = IpAddr::V4(Ipv4Addr::from(octets));
        }
    } else if let Ok(octets) = <[u8; 16]>::try_from(value)
        && (octets != [0; 16] || *address == IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    {
        *address = IpAddr::V6(Ipv6Addr::from(octets));
    }
}

fn put_mac(value: &[u8], mac: &mut [u8; 6]) {
    if let Ok(octets) = value.try_into() {
        *mac = octets;
    }
}

/// A label stack entry: three octets, or four with the time to live.
fn label(value: &[u8]) -> Option<u32> {
    match value.len() {
        3 => Some((number(value) as u32) << 8),
        4 => Some(number(value) as u32),
        _ => None,
    }
}
