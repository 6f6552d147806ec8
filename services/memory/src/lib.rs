//! How large tables lie in memory: prefetched, on huge pages, given back when outgrown, compared by lines;
//! and octets compared sixteen at a time.
//!
//! Unsafe code is here because these are hints to the processor and to the kernel, and instructions, that the language
//! has no safe words for. A hint that is not understood, or not granted, costs time or memory and nothing else.

mod compare;
mod huge;
mod octets;
mod prefetch;

pub use compare::equal;
pub use huge::{HUGE, give_back, give_back_room, populate_room, prefer_huge, prefer_huge_slice};
pub use octets::Octets;
pub use prefetch::{LINE, prefetch, prefetch_place, prefetch_span, prefetch_whole};
