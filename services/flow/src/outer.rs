//! The headers around a flow's packets, as captured (5.x, ARGUS_ENCAPS_CAPTURE; flow-model chapter, section 13).

/// Most octets kept of one direction: GENEVE with options over IPv6, with tags and MPLS labels, takes fewer.
pub(crate) const MOST: usize = 128;

/// What lay in front of the key's headers in the first packet of one direction of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outer {
    octets: [u8; MOST],
    length: u8,
    seen: bool,
}

impl Default for Outer {
    fn default() -> Outer {
        Outer { octets: [0; MOST], length: 0, seen: false }
    }
}

impl Outer {
    /// Keeps the first octets of `headers`, unless a packet was seen before.
    pub fn note(&mut self, headers: &[u8]) {
        if self.seen {
            return;
        }
        self.seen = true;
        for (to, from) in self.octets.iter_mut().zip(headers) {
            *to = *from;
        }
        self.length = headers.len().min(MOST) as u8;
    }

    /// Makes ready for the next record.
    pub fn reset(&mut self) {
        (self.length, self.seen) = (0, false);
    }

    /// What is kept.
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..usize::from(self.length)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_packet_counts_and_is_cut() {
        let mut outer = Outer::default();
        outer.note(&[7; MOST + 9]);
        outer.note(&[8; 4]);
        assert_eq!(outer.octets(), [7; MOST]);
        outer.reset();
        assert_eq!(outer.octets(), []);
        outer.note(&[]);
        outer.note(&[9; 14]);
        assert_eq!(outer.octets(), [], "the first packet had none");
    }
}
