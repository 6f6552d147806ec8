//! Keys made of addresses, protocol and ports: what nearly all keys are.
//!
//! They are put together by pairs of words, two neighbours in 64 bits, the lower word first: so they are hashed, and so
//! they are stored.

use crate::hasher::Hasher;
use crate::key::{Class, Key, Kind, head};
use packet::{Addresses, Ip, Network, Summary, Transport};

/// The words of a key, two together.
pub(crate) type Pairs = [u64; 5];

#[inline(always)]
fn pair(first: u32, second: u32) -> u64 {
    u64::from(first) | u64::from(second) << 32
}

/// The key of these words.
#[inline(always)]
pub(crate) fn key(pairs: Pairs, class: Class, reverse: bool) -> Key {
    let [a, b, c, d, e] = pairs;
    let second = |pair: u64| (pair >> 32) as u32;
    let words = [
        a as u32,
        second(a),
        b as u32,
        second(b),
        c as u32,
        second(c),
        d as u32,
        second(d),
        e as u32,
        second(e),
    ];
    Key { words, rest: None, direction: u8::from(reverse), class }
}

/// Makes the key of a TCP segment or a UDP datagram where addresses, protocol and ports tell flows apart, and nothing
/// else does ([`Config::is_classic`](crate::Config)). It is the same as that of [`Key::of`]. Returns its hash; `None` for
/// other packets.
#[inline(always)]
pub(crate) fn become_classic(place: &mut Key, summary: &Summary<'_>, hasher: &Hasher) -> Option<u32> {
    let Network::Ip(ip) = &summary.network else { return None };
    match &ip.addresses {
        Addresses::V4 { .. } => become_v4(place, summary, hasher),
        Addresses::V6 { .. } => become_v6(place, summary, hasher),
    }
}

/// As [`become_classic`], for packets of IPv4.
#[inline(always)]
pub(crate) fn become_v4(place: &mut Key, summary: &Summary<'_>, hasher: &Hasher) -> Option<u32> {
    let Network::Ip(ip @ Ip { addresses: Addresses::V4 { source, destination }, .. }) = &summary.network
    else {
        return None;
    };
    let (class, dns) = class(&ip.transport)?;
    let (pairs, reverse) = v4(ip, (*source, *destination), dns, false);
    *place = key(pairs, class, reverse);
    let [a, b, c, ..] = pairs;
    Some(hasher.hash_three([a, b, c]))
}

/// As [`become_classic`], for packets of IPv6.
#[inline(always)]
pub(crate) fn become_v6(place: &mut Key, summary: &Summary<'_>, hasher: &Hasher) -> Option<u32> {
    let Network::Ip(ip @ Ip { addresses: Addresses::V6 { source, destination }, .. }) = &summary.network
    else {
        return None;
    };
    let (class, _) = class(&ip.transport)?;
    let (reverse, ports) = order6(ip, source, destination, false);
    let pairs = v6(head(Kind::Ipv6, ip.protocol, 0), (source, destination), ports, reverse);
    *place = key(pairs, class, reverse);
    Some(hasher.hash_pairs(pairs))
}

/// Where flows of a transport protocol wait, and the transaction in their keys.
#[inline(always)]
fn class(transport: &Transport<'_>) -> Option<(Class, u32)> {
    match transport {
        Transport::Tcp(_) => Some((Class::Tcp, 0)),
        Transport::Udp { dns_id } => Some((Class::Ip, dns_id.map_or(0, u32::from))),
        _ => None,
    }
}

/// Addresses, protocol and ports of IPv4, the lower address first; whether the packet travels against that.
#[inline(always)]
pub(crate) fn v4(ip: &Ip<'_>, addresses: (u32, u32), dns: u32, unidirectional: bool) -> (Pairs, bool) {
    let ((source, destination), (sport, dport)) = (addresses, ip.ports);
    let end = |address: u32, port: u16| u64::from(address) << 16 | u64::from(port);
    let reverse = !unidirectional && end(source, sport) > end(destination, dport);
    let (a, b) = if reverse { (destination, source) } else { (source, destination) };
    let ports = u32::from(sport) << 16 | u32::from(dport);
    let ports = if reverse { ports.rotate_left(16) } else { ports };
    ([pair(head(Kind::Ipv4, ip.protocol, 0), a), pair(b, ports), pair(dns, 0), 0, 0], reverse)
}

/// Whether a packet of IPv6 travels against its key, and the key's ports. Version 3 stores the higher address first;
/// equal addresses are never turned.
#[inline(always)]
pub(crate) fn order6(
    ip: &Ip<'_>,
    source: &[u8; 16],
    destination: &[u8; 16],
    unidirectional: bool,
) -> (bool, u32) {
    let reverse = !unidirectional && u128::from_be_bytes(*source) < u128::from_be_bytes(*destination);
    let ports = u32::from(ip.ports.0) << 16 | u32::from(ip.ports.1);
    (reverse, if reverse { ports.rotate_left(16) } else { ports })
}

/// A first word, two addresses of IPv6 and a last word.
#[inline(always)]
pub(crate) fn v6(first: u32, addresses: (&[u8; 16], &[u8; 16]), last: u32, reverse: bool) -> Pairs {
    let [source, destination] = [addresses.0, addresses.1].map(|octets| {
        let whole = u128::from_be_bytes(*octets);
        ((whole >> 64) as u64, whole as u64)
    });
    let ((a, b), (c, d)) = if reverse { (destination, source) } else { (source, destination) };
    // The second half of one number is followed by the first half of the next.
    let across = |before: u64, after: u64| before & 0xffff_ffff | after & !0xffff_ffff;
    [across(u64::from(first), a), across(a, b), across(b, c), across(c, d), across(d, u64::from(last) << 32)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::key::Words;
    use packet::{Dissector, LinkType};

    /// TCP, UDP and DNS over IPv4 and IPv6, between stations and ports in either order.
    #[test]
    fn classic_keys_are_keys() {
        let config = Config::default();
        assert!(config.is_classic());
        let dissector = Dissector::new(LinkType::ETHERNET, config.rules());
        let (hasher, mut turned) = (Hasher::new(1), 0);
        for number in 0..4096u32 {
            let bit = |at: u32| (number >> at & 1) as u8;
            let (protocol, ipv6) = (if bit(0) == 1 { 6 } else { 17 }, bit(1) == 1);
            let mut frame = vec![2; 12];
            if ipv6 {
                frame.extend_from_slice(&[0x86, 0xdd, 0x60, 0, 0, 0, 0, 40, protocol, 64]);
                let mut addresses = [0x20; 32];
                [addresses[2], addresses[15], addresses[18], addresses[31]] = [2, 3, 4, 5].map(bit);
                frame.extend_from_slice(&addresses);
            } else {
                frame.extend_from_slice(&[8, 0, 0x45, 0, 0, 60, 0, 0, 0, 0, 64, protocol, 0, 0]);
                frame.extend_from_slice(&[10, bit(2), 0, bit(3), 10, bit(4), 0, bit(5)]);
            }
            frame.extend_from_slice(&[bit(6), 53 + bit(7), bit(8), 53 + bit(9)]);
            frame.resize(14 + 40 + 40, 7);
            let summary = dissector.dissect(&frame, frame.len() as u32);
            let expected = Key::of(&summary, &config);
            let mut key = Key { rest: Some(Words::default()), ..Key::default() };
            let hash = become_classic(&mut key, &summary, &hasher);
            assert_eq!(hash, Some(hasher.hash(&expected.words)), "{summary:?}");
            assert_eq!((key.words, key.rest), (expected.words, expected.rest), "{summary:?}");
            assert_eq!((key.direction, key.class), (expected.direction, expected.class), "{summary:?}");
            turned += u32::from(key.direction);
        }
        assert!((1000..3000).contains(&turned), "{turned} turned");
    }
}
