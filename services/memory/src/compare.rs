//! Comparing all words of a line at once.

/// Which of the words are `wanted`, a bit each, the first lowest. There is no branch: none could be foretold.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn equal(words: &[u32; 8], wanted: u32) -> u32 {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi32, _mm_loadu_si128, _mm_movemask_epi8, _mm_packs_epi16, _mm_packs_epi32,
        _mm_set1_epi32,
    };
    // SAFETY: every x86_64 processor has SSE2, which is all that these need; the eight words are two times four.
    let octets = unsafe {
        let wanted = _mm_set1_epi32(wanted.cast_signed());
        let halves: *const __m128i = words.as_ptr().cast();
        let low = _mm_cmpeq_epi32(_mm_loadu_si128(halves), wanted);
        let high = _mm_cmpeq_epi32(_mm_loadu_si128(halves.add(1)), wanted);
        let all = _mm_packs_epi32(low, high);
        _mm_movemask_epi8(_mm_packs_epi16(all, all))
    };
    octets.cast_unsigned() & 0xff
}

/// Which of the words are `wanted`, a bit each, the first lowest. There is no branch: none could be foretold.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub fn equal(words: &[u32; 8], wanted: u32) -> u32 {
    words.iter().rev().fold(0, |bits, word| bits << 1 | u32::from(*word == wanted))
}

#[cfg(test)]
mod tests {
    use super::equal;

    #[test]
    fn a_bit_for_each() {
        let words = [7, 0, u32::MAX, 7, 0x8000_0000, 0x10007, 0, 7];
        assert_eq!(equal(&words, 7), 0b1000_1001);
        assert_eq!(equal(&words, 0), 0b0100_0010);
        assert_eq!(equal(&words, u32::MAX), 0b0000_0100);
        assert_eq!(equal(&words, 0x8000_0000), 0b0001_0000);
        assert_eq!(equal(&words, 9), 0);
    }
}
