//! What is known of a fragmented IPv4 datagram (chapter section 10).

use crate::slab::{NONE, Part};
use packet::Fragment;

/// Ranges kept apart. A datagram in more pieces at a time is not noticed to be complete; its fragments are then
/// counted when the flow they belong to is reported.
const RANGES: usize = 14;

/// Pieces of a datagram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reassembly {
    /// Covered ranges in units of 8 octets, sorted, apart from each other.
    ranges: [(u16, u16); RANGES],
    used: u8,
    /// Which side of the parent the datagram comes from.
    pub side: u8,
    /// Fragments other than the first overlap.
    pub overlap: bool,
    /// The first fragment came after others.
    pub late_first: bool,
    /// The flow of the first fragment.
    pub parent: Part,
    /// Identification as the parent's packets carry it; 0 without a first fragment.
    pub id: u16,
    pub fragments: u32,
    pub octets: u32,
    /// Octets of the whole datagram, once its last fragment was seen.
    pub total: u32,
    pub longest: u32,
    /// Octets of the first fragment.
    pub first: u32,
    /// Whether it was merged into its parent at least once.
    pub merged: bool,
}

impl Default for Reassembly {
    fn default() -> Reassembly {
        Reassembly {
            ranges: [(0, 0); RANGES],
            used: 0,
            side: 0,
            overlap: false,
            late_first: false,
            parent: NONE,
            id: 0,
            fragments: 0,
            octets: 0,
            total: 0,
            longest: 0,
            first: 0,
            merged: false,
        }
    }
}

impl Reassembly {
    /// Forgets what was seen, but not whose datagram it is.
    pub fn begin_again(&mut self) {
        let Reassembly { parent, side, id, .. } = *self;
        *self = Reassembly { parent, side, id, ..Reassembly::default() };
    }

    /// Notes a fragment. To 3.0.8 one that comes again while it is the only one is no overlap.
    pub fn add(&mut self, fragment: &Fragment, compat: bool) {
        self.fragments = self.fragments.saturating_add(1);
        self.octets = self.octets.saturating_add(fragment.length);
        self.longest = self.longest.max(fragment.length);
        let end = fragment.offset.saturating_add(fragment.length);
        if fragment.offset == 0 {
            self.first = fragment.length;
        }
        if !fragment.more {
            self.total = end;
        }
        let from = u16::try_from(fragment.offset / 8).unwrap_or(u16::MAX);
        let to = u16::try_from(end.div_ceil(8)).unwrap_or(u16::MAX);
        let again = compat && self.used == 1 && self.ranges[0] == (from, to);
        if !again {
            self.cover(from, to);
        }
    }

    /// Whether every octet of the datagram was seen.
    pub fn complete(&self) -> bool {
        self.total != 0
            && self.used == 1
            && self.ranges[0] == (0, u16::try_from(self.total.div_ceil(8)).unwrap_or(0))
    }

    /// The first covered range, in octets.
    pub fn first_range(&self) -> (u32, u32) {
        let (start, end) = self.ranges[0];
        let end = u32::from(end) * 8;
        // The last fragment need not end on a unit.
        (u32::from(start) * 8, if self.total != 0 { end.min(self.total) } else { end })
    }

    fn cover(&mut self, mut from: u16, mut to: u16) {
        let used = usize::from(self.used).min(RANGES);
        let mut kept = [(0u16, 0u16); RANGES];
        let mut count = 0;
        for &(start, end) in &self.ranges[..used] {
            if end < from || start > to {
                kept[count] = (start, end);
                count += 1;
            } else {
                self.overlap |= start < to && from < end;
                from = from.min(start);
                to = to.max(end);
            }
        }
        if count < RANGES {
            kept[count] = (from, to);
            count += 1;
        }
        kept[..count].sort_unstable();
        self.ranges = kept;
        self.used = count as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(offset: u32, length: u32, more: bool) -> Fragment {
        Fragment { id: 77, offset, more, length }
    }

    #[test]
    fn complete_in_any_order() {
        let mut datagram = Reassembly::default();
        datagram.add(&piece(2000, 500, false), false);
        datagram.add(&piece(0, 1000, true), false);
        assert!(!datagram.complete());
        datagram.add(&piece(1000, 1000, true), false);
        assert!(datagram.complete());
        assert!(!datagram.overlap);
        datagram.add(&piece(1000, 1000, true), false);
        assert!(datagram.complete() && datagram.overlap);
    }

    #[test]
    fn more_pieces_than_are_kept_do_no_harm() {
        let mut datagram = Reassembly::default();
        for step in 0..100 {
            datagram.add(&piece(step * 16, 8, true), false);
        }
        assert!(!datagram.complete());
    }
}
