//! Sixteen octets at a time.

/// Sixteen octets, as a processor takes them.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub struct Octets(std::arch::x86_64::__m128i);

/// Sixteen octets, as a processor takes them.
#[cfg(not(target_arch = "x86_64"))]
#[derive(Clone, Copy)]
pub struct Octets(u128);

// SAFETY, of all that follows: every x86_64 processor has SSE2, which is all that these need.
#[cfg(target_arch = "x86_64")]
impl Octets {
    /// These octets.
    #[inline(always)]
    pub fn of(octets: &[u8; 16]) -> Octets {
        // SAFETY: as above; there are sixteen, wherever they lie.
        Octets(unsafe { std::arch::x86_64::_mm_loadu_si128(octets.as_ptr().cast()) })
    }

    /// The bits that both have.
    #[inline(always)]
    pub fn and(self, other: Octets) -> Octets {
        // SAFETY: as above.
        Octets(unsafe { std::arch::x86_64::_mm_and_si128(self.0, other.0) })
    }

    /// The bits that either has.
    #[inline(always)]
    pub fn or(self, other: Octets) -> Octets {
        // SAFETY: as above.
        Octets(unsafe { std::arch::x86_64::_mm_or_si128(self.0, other.0) })
    }

    /// The bits in which they differ.
    #[inline(always)]
    pub fn xor(self, other: Octets) -> Octets {
        // SAFETY: as above.
        Octets(unsafe { std::arch::x86_64::_mm_xor_si128(self.0, other.0) })
    }

    /// Whether there is no bit.
    #[inline(always)]
    pub fn are_zero(self) -> bool {
        use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_movemask_epi8, _mm_setzero_si128};
        // SAFETY: as above.
        unsafe { _mm_movemask_epi8(_mm_cmpeq_epi8(self.0, _mm_setzero_si128())) == 0xffff }
    }
}

#[cfg(not(target_arch = "x86_64"))]
impl Octets {
    /// These octets.
    #[inline(always)]
    pub fn of(octets: &[u8; 16]) -> Octets {
        Octets(u128::from_ne_bytes(*octets))
    }

    /// The bits that both have.
    #[inline(always)]
    pub fn and(self, other: Octets) -> Octets {
        Octets(self.0 & other.0)
    }

    /// The bits that either has.
    #[inline(always)]
    pub fn or(self, other: Octets) -> Octets {
        Octets(self.0 | other.0)
    }

    /// The bits in which they differ.
    #[inline(always)]
    pub fn xor(self, other: Octets) -> Octets {
        Octets(self.0 ^ other.0)
    }

    /// Whether there is no bit.
    #[inline(always)]
    pub fn are_zero(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::Octets;

    #[test]
    fn compare_under_a_mask() {
        let octets: [u8; 16] = std::array::from_fn(|number| number as u8 * 17);
        for place in 0..16 {
            for mask in [0x00, 0x01, 0x80, 0xff] {
                let (mut masks, mut other) = ([0xff; 16], octets);
                masks[place] = mask;
                other[place] ^= 0x81;
                let differing = Octets::of(&octets).xor(Octets::of(&other)).and(Octets::of(&masks));
                assert_eq!(differing.are_zero(), mask & 0x81 == 0);
                assert!(!differing.or(Octets::of(&octets)).are_zero());
            }
        }
        assert!(Octets::of(&[0; 16]).are_zero());
    }
}
