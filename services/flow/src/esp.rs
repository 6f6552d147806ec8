//! IPsec ESP sequence numbers (chapter section 9.3).

/// Packets of the source were lost.
const PACKETS_DROPPED: u32 = 0x10;
/// A sequence number repeated or jumped too far to be believed.
const SEQUENCE_FAILURE: u32 = 0x2000;
const OUT_OF_ORDER: u32 = 0x1_0000;
/// The numbers began anew after the largest.
const ROLLED_OVER: u32 = 0x1000;

/// The largest step between two packets that counts as loss or reordering.
const PLAUSIBLE: u32 = 65_536;

/// One security association.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Esp {
    pub status: u32,
    pub spi: u32,
    pub last: u32,
    pub lost: u32,
}

impl Esp {
    pub fn first(spi: u32, sequence: u32) -> Esp {
        Esp { spi, last: sequence, ..Esp::default() }
    }

    /// Takes the next packet. The numbers are the low 32 bits of longer ones (RFC 4303, 2.2.1), so they go around.
    pub fn next(&mut self, sequence: u32, compat: bool) {
        if self.status & SEQUENCE_FAILURE != 0 {
            return;
        }
        let step = sequence.wrapping_sub(self.last).cast_signed();
        if step == 0 || step.unsigned_abs() > PLAUSIBLE {
            self.status |= SEQUENCE_FAILURE;
            self.last = sequence;
        } else if step < 0 {
            self.status |= OUT_OF_ORDER;
            // One that was counted as lost. 3.0.8 goes below zero when that was in the record before.
            self.lost = if compat { self.lost.wrapping_sub(1) } else { self.lost.saturating_sub(1) };
        } else {
            if step > 1 {
                self.status |= PACKETS_DROPPED;
                self.lost = self.lost.wrapping_add(step.unsigned_abs() - 1);
            }
            if sequence < self.last {
                self.status |= ROLLED_OVER;
            }
            self.last = sequence;
        }
    }

    /// Starts the next record.
    pub fn reset(&mut self) {
        self.status = 0;
        self.lost = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worked_example() {
        let mut esp = Esp::first(0x1000, 1);
        for sequence in [2, 5, 4] {
            esp.next(sequence, false);
        }
        assert_eq!((esp.lost, esp.last, esp.status), (1, 5, 0x10010));
    }

    #[test]
    fn jumps_wraps_and_late_packets() {
        let after = |numbers: &[u32], compat: bool| {
            let mut esp = Esp::first(0x1000, numbers[0]);
            numbers[1..].iter().for_each(|number| esp.next(*number, compat));
            esp
        };
        let seen = |esp: &Esp| (esp.lost, esp.last, esp.status);
        let mut jumped = after(&[1, 200_000, 200_001], true);
        assert_eq!(seen(&jumped), (0, 200_000, 0x2000));
        jumped.reset();
        jumped.next(200_003, true);
        assert_eq!(seen(&jumped), (2, 200_003, 0x10));
        assert_eq!(seen(&after(&[0x8000_0001, 1], true)), (0, 1, 0x2000));
        assert_eq!(seen(&after(&[0xffff_fffe, 0, 1], true)), (1, 1, 0x1010));
        assert_eq!(seen(&after(&[100, 99, 98], true)), (u32::MAX - 1, 100, 0x1_0000));
        assert_eq!(seen(&after(&[100, 99, 98], false)), (0, 100, 0x1_0000));
    }
}
