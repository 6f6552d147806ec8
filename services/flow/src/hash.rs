//! The hash of a flow's key as argus 5 tells it (flow-model chapter, section 13).

use record::dsr::hash::FlowHash;

/// The hash of an encoded key (the FLOW section without its header) and its place among `buckets`.
///
/// argus 5 puts the words of the key in memory together, which on its machines are little-endian, the addresses and
/// ports of IPv4 being numbers. The chapter's example is of IPv4; of other keys the words are taken as they are written.
pub(crate) fn of(key: &[u8], address_type: u8, buckets: u32) -> FlowHash {
    let octet = |at: usize| u32::from(key.get(at).copied().unwrap_or(0));
    let mut hash = 0u32;
    if address_type & 0x1f == 1 && key.len() == 16 {
        for (at, word) in key.chunks_exact(4).enumerate() {
            let number = word.iter().fold(0, |number, octet| number << 8 | u32::from(*octet));
            hash ^= if at < 2 { number } else { number.swap_bytes() };
        }
        if matches!(octet(8), 6 | 17) {
            // The ports are numbers too.
            hash ^= (octet(10) | octet(11) << 8) << 16 ^ (octet(10) << 8 | octet(11)) << 16;
            hash ^= (octet(12) | octet(13) << 8) ^ (octet(12) << 8 | octet(13));
        }
    } else {
        for word in key.chunks(4) {
            hash ^= word.iter().fold(0, |number, octet| number << 8 | u32::from(*octet));
        }
    }
    hash ^= hash >> 16;
    hash ^= hash >> 8;
    FlowHash { hash, index: hash % buckets.saturating_sub(1).max(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chapters_example() {
        // Record-format chapter 12.9: 10.0.0.1:40000 to 10.0.0.2:80, TCP.
        let key = [10, 0, 0, 1, 10, 0, 0, 2, 6, 0, 0x9c, 0x40, 0, 80, 0, 0];
        assert_eq!(of(&key, 1, 0x100_0000), FlowHash { hash: 0x9cdc_dc89, index: 0x00dc_dd25 });
    }

    #[test]
    fn any_key_has_a_place() {
        for length in 0..50 {
            for buckets in [0, 1, 2, 3, u32::MAX] {
                let place = of(&vec![0xa5; length], (length % 3) as u8, buckets);
                assert!(place.index < buckets.saturating_sub(1).max(1));
            }
        }
    }
}
