//! Huge pages: with small ones, nearly every access to a table of hundreds of megabytes makes the processor look up
//! where its page is, in tables that are not in its caches either.

use std::mem::MaybeUninit;

/// Octets of a huge page.
pub const HUGE: usize = 2 << 20;

/// Asks the kernel to back what is whole huge pages of `room` with such pages as they are first written (madvise(2),
/// `MADV_HUGEPAGE`). Where there are none to be had, or the kernel has none, the pages stay small.
pub fn prefer_huge<T>(room: &mut [MaybeUninit<T>]) {
    let start: *mut u8 = room.as_mut_ptr().cast();
    let length = size_of_val(room);
    let skip = start.align_offset(HUGE);
    let Some(whole) = length.checked_sub(skip).map(|rest| rest - rest % HUGE).filter(|whole| *whole > 0)
    else {
        return;
    };
    advise(start.wrapping_add(skip), whole);
}

#[cfg(target_os = "linux")]
fn advise(start: *mut u8, length: usize) {
    // SAFETY: the range lies within a slice that the caller has for itself; the advice changes what backs it, not what
    // it holds.
    unsafe { libc::madvise(start.cast(), length, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn advise(_start: *mut u8, _length: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_written() {
        let mut items: Vec<u64> = Vec::with_capacity(3 * HUGE / 8);
        prefer_huge(items.spare_capacity_mut());
        items.extend(0..3 * HUGE as u64 / 8);
        prefer_huge(items.spare_capacity_mut());
        assert!(items.iter().zip(0..).all(|(item, number)| *item == number));
        prefer_huge::<u64>(&mut []);
    }
}
