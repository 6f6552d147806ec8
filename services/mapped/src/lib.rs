//! Parts of files in memory, also of files that are cut meanwhile.
//!
//! Reading through a map spares the kernel's copying, which is what most of the time of a fast reader goes into. The price
//! is that a file that becomes shorter answers the access to what is gone with a signal (`SIGBUS`), as does a disk that
//! fails. Here such an access finds zeros, and the [`Window`] says that it is not to be believed.
//!
//! Unsafe code is here because a map's octets belong to whoever may write the file, and because of the signal's handler.

mod fault;

use std::fs::File;
use std::io;

use fault::Guard;
use memmap2::{Advice, Mmap, MmapOptions};

/// A part of a file, mapped for reading.
pub struct Window {
    // Before the map: nobody guards what is gone.
    guard: Guard,
    map: Mmap,
}

impl Window {
    /// Maps `length` octets of `file`, from `offset` on.
    ///
    /// # Errors
    ///
    /// What the system says when it does not map it (mmap(2)); `ResourceBusy` when very many windows are open already.
    pub fn new(file: &File, offset: u64, length: usize) -> io::Result<Window> {
        // SAFETY: the map is private, and nobody gets more of it than shared slices of octets, of which any value is a
        // good one. Whoever reads them takes what they say for as little certain as anything that comes from a file, and
        // bounds are those of the slice. What is no longer in the file is dealt with by the guard.
        let map = unsafe { MmapOptions::new().offset(offset).len(length).map(file) }?;
        // A hint: without it a file that is not in memory yet is read in smaller portions.
        let _ = map.advise(Advice::Sequential);
        Ok(Window { guard: Guard::new(&map)?, map })
    }

    /// What is in it.
    #[inline]
    pub fn octets(&self) -> &[u8] {
        &self.map
    }

    /// Whether something of it was not to be had when it was looked at: the file has been cut, or cannot be read. What
    /// [`Window::octets`] gives are then zeros from some place on.
    #[inline]
    pub fn is_cut(&self) -> bool {
        self.guard.has_met_a_fault()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(octets: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(octets).unwrap();
        file
    }

    #[test]
    fn shows_the_part_that_was_asked_for() {
        let octets: Vec<u8> = (0..100_000u32).map(|number| (number % 251) as u8).collect();
        let file = file(&octets);
        for (offset, length) in [(0, 100_000), (4_096, 8_192), (128, 60_001), (99_999, 1)] {
            let window = Window::new(&file, offset as u64, length).unwrap();
            assert_eq!(window.octets(), &octets[offset..offset + length]);
            assert!(!window.is_cut());
        }
    }

    #[test]
    fn outlives_the_cutting_of_its_file() {
        let file = file(&[7; 1 << 20]);
        let window = Window::new(&file, 0, 1 << 20).unwrap();
        let other = Window::new(&file, 0, 1 << 20).unwrap();
        assert!(window.octets().iter().all(|octet| *octet == 7));
        file.set_len(100_000).unwrap();
        assert!(window.octets()[..98_304].iter().all(|octet| *octet == 7));
        assert!(!window.is_cut());
        assert!(window.octets()[800_000..].iter().all(|octet| *octet == 0));
        assert!(window.is_cut() && !other.is_cut());
        // Between the end and the fault there is more that is gone.
        assert!(window.octets()[200_000..].iter().all(|octet| *octet == 0));
        assert_eq!(other.octets().iter().filter(|octet| **octet == 7).count(), 100_000);
        assert!(other.is_cut());
        // What is mapped anew is sound.
        drop(window);
        file.set_len(1 << 20).unwrap();
        let again = Window::new(&file, 0, 1 << 20).unwrap();
        assert_eq!(again.octets().iter().filter(|octet| **octet == 7).count(), 100_000);
        assert!(!again.is_cut());
    }

    #[test]
    fn more_windows_than_can_be_guarded_are_refused() {
        let file = file(&[7; 10]);
        let mut windows = Vec::new();
        let error = loop {
            match Window::new(&file, 0, 10) {
                Ok(window) => windows.push(window),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
        assert!(windows.len() > 100);
        windows.clear();
        assert!(Window::new(&file, 0, 10).is_ok());
    }
}
