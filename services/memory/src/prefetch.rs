//! Asking for cache lines before they are needed.
//!
//! Lines are asked into the first level of cache. It keeps only some twenty on their way, and what is asked for beyond that
//! waits or is lost: whoever asks for many asks evenly, while something else is done. Asked into the second level, they
//! were there as early and cost a few percent more when they were read.

/// Octets of a cache line of the processors that matter here.
pub const LINE: usize = 64;

/// Asks for the cache line in which `item` begins. Returns at once, whether or not the line is there: a read would
/// hold up the instructions behind it as soon as the processor cannot look further ahead.
#[inline(always)]
pub fn prefetch<T>(item: &T) {
    line_of(std::ptr::from_ref(item).cast());
}

/// Asks for the cache lines of the first and the last of what lies within two lines.
#[inline(always)]
pub fn prefetch_span<T, U>(first: &T, last: &U) {
    line_of(std::ptr::from_ref(first).cast());
    line_of(std::ptr::from_ref(last).cast());
}

/// Asks for the cache line of an address, whatever lies there.
#[inline(always)]
pub fn prefetch_place(address: *const u8) {
    line_of(address);
}

/// Asks for every cache line that `item` lies in.
#[inline(always)]
pub fn prefetch_whole<T>(item: &T) {
    let start: *const u8 = std::ptr::from_ref(item).cast();
    let mut offset = 0;
    while offset < size_of::<T>() {
        line_of(start.wrapping_add(offset));
        offset += LINE;
    }
    // The line of the last octet, when the item does not begin with a line.
    if align_of::<T>() < LINE {
        line_of(start.wrapping_add(size_of::<T>().saturating_sub(1)));
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn line_of(address: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch has no effect but on the caches, and faults at no address. Every x86_64 processor has it.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
}

#[cfg(target_arch = "aarch64")]
#[inline(always)]
fn line_of(address: *const u8) {
    // SAFETY: a prefetch has no effect but on the caches, and faults at no address.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{0}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
#[inline(always)]
fn line_of(_address: *const u8) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_nothing() {
        let items: Vec<[u8; 176]> = (0..100).map(|number| [number; 176]).collect();
        for item in &items {
            prefetch(item);
            prefetch_whole(item);
        }
        assert!(items.iter().zip(0..).all(|(item, number)| *item == [number; 176]));
    }
}
