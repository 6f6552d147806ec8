//! IPsec ESP sequence numbers (chapter section 9.3).

/// Packets of the source were lost.
const PACKETS_DROPPED: u32 = 0x10;
/// A sequence number repeated or jumped too far to be believed.
const SEQUENCE_FAILURE: u32 = 0x2000;
const OUT_OF_ORDER: u32 = 0x1_0000;

/// The largest step between two packets that counts as loss or reordering.
const PLAUSIBLE: i64 = 65_536;

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

    pub fn next(&mut self, sequence: u32) {
        if self.status & SEQUENCE_FAILURE != 0 {
            return;
        }
        let step = i64::from(sequence) - i64::from(self.last);
        match step {
            1 => self.last = sequence,
            0 => self.status |= SEQUENCE_FAILURE,
            _ if step.abs() > PLAUSIBLE => self.status |= SEQUENCE_FAILURE,
            2.. => {
                self.status |= PACKETS_DROPPED;
                self.lost = self.lost.wrapping_add(step as u32 - 1);
                self.last = sequence;
            }
            _ => {
                self.status |= OUT_OF_ORDER;
                self.lost = self.lost.wrapping_sub(1);
            }
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
            esp.next(sequence);
        }
        assert_eq!((esp.lost, esp.last, esp.status), (1, 5, 0x10010));
    }
}
