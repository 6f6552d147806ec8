//! Memory that is shared with the kernel.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::ptr::NonNull;

/// A shared mapping of a ring, unmapped when dropped.
pub struct Memory {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: the mapping belongs to the process, not to a thread; whoever owns it reads and writes it alone, but for the
// kernel, with which the ring's status words settle whose turn it is.
unsafe impl Send for Memory {}

impl Memory {
    /// Maps the first `length` octets of what `descriptor` offers.
    ///
    /// # Errors
    /// The system's.
    pub fn map(descriptor: BorrowedFd<'_>, length: usize) -> io::Result<Memory> {
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                descriptor.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        match NonNull::new(start.cast()) {
            Some(start) => Ok(Memory { start, length }),
            None => Err(io::Error::other("mapped at address 0")),
        }
    }

    /// Address of `length` octets at `offset`, when they are within the mapping.
    pub fn at(&self, offset: usize, length: usize) -> Option<*mut u8> {
        let end = offset.checked_add(length)?;
        // SAFETY: `offset` is within the mapping, which is one object.
        (end <= self.length).then(|| unsafe { self.start.as_ptr().add(offset) })
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: mapped by `map`, and nothing that borrows from it outlives it.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.length) };
    }
}
