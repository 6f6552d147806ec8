//! The keyed hash of flow keys: no sender can choose keys that collide.

use crate::key::Words;
use crate::tuple::Pairs;

/// Pairs of words are added to secret numbers of their own and multiplied by each other, 64 by 64 bits; the products
/// are added (the NH of UMAC, RFC 4418: two keys have one sum with a probability of 2⁻⁶⁴) and folded into 32 bits. The
/// multiplications do not wait for one another.
pub(crate) struct Hasher {
    adders: [u64; 6],
    last: [u64; 2],
    /// What the last two pairs add when they are 0.
    rest: u128,
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
        let (adders, last) = ([(); 6].map(|()| next()), [(); 2].map(|()| next()));
        Hasher { adders, last, rest: u128::from(adders[4]) * u128::from(adders[5]) }
    }

    #[inline(always)]
    pub fn hash(&self, words: &Words) -> u32 {
        self.chain(0, words)
    }

    /// The hash of a key that goes on after those words whose hash is `before`.
    #[inline(always)]
    pub fn chain(&self, before: u32, words: &Words) -> u32 {
        let pair = |at: usize| u64::from(words[2 * at]) | u64::from(words[2 * at + 1]) << 32;
        self.sum(u128::from(before), [pair(0), pair(1), pair(2), pair(3), pair(4)])
    }

    /// As [`Hasher::hash`], of words by pairs, the lower word first.
    #[inline(always)]
    pub fn hash_pairs(&self, pairs: Pairs) -> u32 {
        self.sum(0, pairs)
    }

    /// As [`Hasher::hash_pairs`], when the other two are 0.
    #[inline(always)]
    pub fn hash_three(&self, pairs: [u64; 3]) -> u32 {
        let [a, b, c] = pairs;
        let third = self.number(2, c) * u128::from(self.adders[3]);
        self.fold(self.rest.wrapping_add(self.number(0, a) * self.number(1, b)).wrapping_add(third))
    }

    #[inline(always)]
    fn sum(&self, before: u128, pairs: Pairs) -> u32 {
        let [a, b, c, d, e] = pairs;
        let sum = before
            .wrapping_add(self.number(0, a) * self.number(1, b))
            .wrapping_add(self.number(2, c) * self.number(3, d))
            .wrapping_add(self.number(4, e) * u128::from(self.adders[5]));
        self.fold(sum)
    }

    /// A pair of words with its secret number.
    #[inline(always)]
    fn number(&self, at: usize, pair: u64) -> u128 {
        u128::from(pair.wrapping_add(self.adders[at]))
    }

    #[inline(always)]
    fn fold(&self, sum: u128) -> u32 {
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
        let short = [1, 2, 3, 4, 5, 6, 0, 0, 0, 0];
        let pairs = [1 | 2 << 32, 3 | 4 << 32, 5 | 6 << 32];
        assert_eq!(hasher.hash_three(pairs), hasher.hash(&short));
        let [a, b, c] = pairs;
        assert_eq!(hasher.hash_pairs([a, b, c, 7 | 8 << 32, 9 | 10 << 32]), hasher.hash(&words));
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
