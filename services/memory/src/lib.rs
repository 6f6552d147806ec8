//! How large tables lie in memory: prefetched, on huge pages.
//!
//! Unsafe code is here because both are hints to the processor and to the kernel that the language has no safe words
//! for. Neither changes what is stored: a hint that is not understood, or not granted, costs time and nothing else.

mod huge;
mod prefetch;

pub use huge::{HUGE, prefer_huge};
pub use prefetch::{LINE, prefetch, prefetch_whole};
