//! How often packets of which size were seen (5.x, ARGUS_PACKET_SIZE_HISTOGRAM; chapter section 12.4, record-format
//! chapter section 7.11).

/// Bins of a histogram.
const BINS: usize = 8;

/// Packets of one direction by size: the first bin up to 71 octets, the second up to 103, the third up to 167.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Histogram {
    bins: [u32; BINS],
}

impl Histogram {
    /// Notes a packet of so many octets on the wire.
    #[inline]
    pub fn packet(&mut self, octets: u32) {
        // floor(log2(octets - 40)) - 4, from 0 to 7.
        let bin =
            octets.saturating_sub(40).checked_ilog2().unwrap_or(0).saturating_sub(4).min(BINS as u32 - 1);
        if let Some(count) = self.bins.get_mut(bin as usize) {
            *count = count.saturating_add(1);
        }
    }

    /// As records carry it: four bits a bin, the even ones high; scaled to 15 when the fullest has more.
    pub fn packed(&self) -> [u8; 4] {
        let most = self.bins.iter().copied().max().unwrap_or(0);
        let scaled = |count: u32| {
            if most <= 15 {
                count as u8
            } else {
                (u64::from(count) * 15 / u64::from(most)).max(u64::from(count != 0)) as u8
            }
        };
        let mut octets = [0; 4];
        for (octet, pair) in octets.iter_mut().zip(self.bins.chunks(2)) {
            if let &[high, low] = pair {
                *octet = scaled(high) << 4 | scaled(low);
            }
        }
        octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_by_powers_of_two() {
        let mut histogram = Histogram::default();
        for octets in [0, 40, 60, 71, 72, 103, 104, 167, 168, 1514, 4135, 4136, u32::MAX] {
            histogram.packet(octets);
        }
        // Up to 71 octets (under 32 above 40); to 103; to 167; to 295 …; from 2088 on.
        assert_eq!(histogram.packed(), [0x42, 0x21, 0x00, 0x13]);
    }

    #[test]
    fn full_bins_are_scaled() {
        let mut histogram = Histogram::default();
        for _ in 0..3000 {
            histogram.packet(60);
        }
        for _ in 0..400 {
            histogram.packet(80);
        }
        histogram.packet(200);
        assert_eq!(histogram.packed(), [0xf2, 0x01, 0, 0]);
    }
}
