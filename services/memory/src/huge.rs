//! Huge pages: with small ones, nearly every access to a table of hundreds of megabytes makes the processor look up
//! where its page is, in tables that are not in its caches either.

/// Octets of a huge page.
pub const HUGE: usize = 2 << 20;

/// Octets of a small page, at most: memory is given back in whole ones.
const SMALL: usize = 64 << 10;

/// Octets of a small page, at least.
const SMALLEST: usize = 4 << 10;

/// What is asked of the kernel.
#[derive(Clone, Copy)]
enum Wish {
    /// Huge pages for what comes.
    Prefer,
    /// No pages.
    None,
    /// Pages at once instead of one by one as they are first written.
    Populate,
}

/// Asks the kernel to back the room of `items` with huge pages as far as it consists of whole ones: what is written
/// from now on at once, what is written already when the kernel comes to it (madvise(2), `MADV_HUGEPAGE`). Where there
/// are none to be had, or the kernel has none, the pages stay small.
pub fn prefer_huge<T>(items: &mut Vec<T>) {
    advise(items.as_mut_ptr().cast(), items.capacity().saturating_mul(size_of::<T>()), Wish::Prefer);
}

/// As [`prefer_huge`], for a part of an array.
pub fn prefer_huge_slice<T>(items: &mut [T]) {
    advise(items.as_mut_ptr().cast(), size_of_val(items), Wish::Prefer);
}

/// Gives the memory of `words` back to the kernel, as far as it consists of whole pages. What they hold is lost, and for
/// certain zero afterwards only if it was zero before.
pub fn give_back(words: &mut [u32]) {
    advise(words.as_mut_ptr().cast(), size_of_val(words), Wish::None);
}

/// Gives the memory of the room behind the last item back to the kernel, as far as it consists of whole pages.
pub fn give_back_room<T>(items: &mut Vec<T>) {
    let room = items.spare_capacity_mut();
    advise(room.as_mut_ptr().cast(), size_of_val(room), Wish::None);
}

/// Has the kernel make the pages of the next `octets` behind the last item now (madvise(2), `MADV_POPULATE_WRITE`), as far
/// as there is room: together they cost a fraction of what each costs when it is first written. Where the kernel is
/// older than 5.14, or has no memory left, they come as they are written.
pub fn populate_room<T>(items: &mut Vec<T>, octets: usize) {
    let room = items.spare_capacity_mut();
    advise(room.as_mut_ptr().cast(), size_of_val(room).min(octets), Wish::Populate);
}

/// Asks for what consists of whole pages.
#[cfg(target_os = "linux")]
fn advise(start: *mut u8, length: usize, wish: Wish) {
    let (advice, page) = match wish {
        Wish::Prefer => (libc::MADV_HUGEPAGE, HUGE),
        Wish::None => (libc::MADV_DONTNEED, SMALL),
        Wish::Populate => (libc::MADV_POPULATE_WRITE, SMALLEST),
    };
    let skip = start.align_offset(page);
    let Some(whole) = length.checked_sub(skip).map(|rest| rest - rest % page).filter(|whole| *whole > 0)
    else {
        return;
    };
    // SAFETY: the range lies within memory that the caller has for itself. All but the second change what backs it and not
    // what it holds; after that one, words hold whatever words they hold, and of the room behind a list's items
    // nobody reads anything before it is written.
    unsafe { libc::madvise(start.wrapping_add(skip).cast(), whole, advice) };
}

#[cfg(not(target_os = "linux"))]
fn advise(_start: *mut u8, _length: usize, _wish: Wish) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_written() {
        let mut items: Vec<u64> = Vec::with_capacity(3 * HUGE / 8);
        prefer_huge(&mut items);
        items.extend(0..3 * HUGE as u64 / 8);
        prefer_huge(&mut items);
        assert!(items.iter().zip(0..).all(|(item, number)| *item == number));
        prefer_huge::<u64>(&mut Vec::new());
        prefer_huge_slice::<u8>(&mut []);
    }

    #[test]
    fn populates_room_and_nothing_else() {
        let mut items: Vec<u64> = Vec::with_capacity(4 * SMALL);
        items.extend(0..100);
        populate_room(&mut items, SMALL);
        populate_room(&mut items, usize::MAX);
        assert!(items.iter().zip(0..).all(|(item, number)| *item == number));
        items.extend(100..4 * SMALL as u64);
        populate_room(&mut items, SMALL);
        assert!(items.iter().zip(0..).all(|(item, number)| *item == number));
        populate_room::<u64>(&mut Vec::new(), SMALL);
    }

    #[test]
    fn gives_back_room_and_nothing_else() {
        let mut items: Vec<u64> = Vec::with_capacity(4 * SMALL);
        items.extend(0..4 * SMALL as u64);
        items.truncate(SMALL + 1);
        give_back_room(&mut items);
        assert!(items.iter().zip(0..).all(|(item, number)| *item == number));
        items.extend(0..SMALL as u64);
        assert_eq!(items.last(), Some(&(SMALL as u64 - 1)));
        give_back_room::<u64>(&mut Vec::new());
    }

    #[test]
    fn gives_back_nothing_but_what_it_is_given() {
        let mut words = vec![7u32; SMALL];
        let (before, rest) = words.split_at_mut(SMALL / 4 + 3);
        let (middle, after) = rest.split_at_mut(SMALL / 2);
        middle.fill(0);
        give_back(middle);
        assert!(middle.iter().all(|word| *word == 0));
        assert!(before.iter().chain(after.iter()).all(|word| *word == 7));
    }
}
