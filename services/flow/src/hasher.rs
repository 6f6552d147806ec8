//! The keyed hash of flow keys: no sender can choose keys that collide.

use crate::key::Words;

/// Pairs of words are added to secret numbers of their own and multiplied by each other, 64 by 64 bits; the products
/// are added (the NH of UMAC, RFC 4418: two keys have one sum with a probability of 2⁻⁶⁴) and folded into 32 bits. The
/// multiplications do not wait for one another.
pub(crate) struct Hasher {
    adders: [u64; 6],
    last: [u64; 2],
}

impl Hasher {
    pub fn new(key: u64) -> Hasher {
        // SplitMix64.
        let mut state = key;
        let mut next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        };
        Hasher { adders: [(); 6].map(|()| next()), last: [(); 2].map(|()| next()) }
    }

    #[inline(always)]
    pub fn hash(&self, words: &Words) -> u32 {
        self.chain(0, words)
    }

    /// The hash of a key that goes on after those words whose hash is `before`.
    #[inline(always)]
    pub fn chain(&self, before: u32, words: &Words) -> u32 {
        // The lower word first: two neighbours are one load where memory is little-endian.
        let pair = |at: usize| u64::from(words[2 * at]) | u64::from(words[2 * at + 1]) << 32;
        let secret = |at: usize, number: u64| u128::from(number.wrapping_add(self.adders[at]));
        let sum = u128::from(before)
            .wrapping_add(secret(0, pair(0)) * secret(1, pair(1)))
            .wrapping_add(secret(2, pair(2)) * secret(3, pair(3)))
            .wrapping_add(secret(4, pair(4)) * secret(5, 0));
        let product = u128::from(sum as u64 ^ self.last[0]) * u128::from((sum >> 64) as u64 ^ self.last[1]);
        let folded = product as u64 ^ (product >> 64) as u64;
        (folded ^ (folded >> 32)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_depends_on_its_key_and_on_every_bit() {
        let hasher = Hasher::new(1);
        let words = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
        assert_ne!(hasher.hash(&words), Hasher::new(2).hash(&words));
        assert_ne!(hasher.hash(&words), hasher.chain(1, &words));
        let mut seen = std::collections::HashSet::from([hasher.hash(&words)]);
        for bit in 0..320 {
            let mut other = words;
            other[bit / 32] ^= 1 << (bit % 32);
            seen.insert(hasher.hash(&other));
        }
        assert_eq!(seen.len(), 321);
    }

    #[test]
    fn hash_spreads_keys_that_differ_little() {
        // Counted-up ports and addresses over as many places as there are keys: about e^-1 of them stay empty.
        let hasher = Hasher::new(3);
        for at in 1..10 {
            let mut taken = vec![false; 1 << 16];
            for number in 0..1u32 << 16 {
                let mut words = [7; 10];
                words[at] = number;
                taken[hasher.hash(&words) as usize & 0xffff] = true;
            }
            let empty = taken.iter().filter(|&&taken| !taken).count();
            assert!((20_000..30_000).contains(&empty), "word {at}: {empty} places empty");
        }
    }
}
