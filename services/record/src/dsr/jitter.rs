//! JITTER (0x46): inter-packet times (section 7.10).

use super::{begin, code, end};
use crate::wire::{self, Put};

/// Statistics of one kind of interval. Floats compare by their bits, so that NaN equals itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Intervals {
    /// Number of intervals.
    pub n: u32,
    /// Shortest.
    pub min: f32,
    /// Mean.
    pub mean: f32,
    /// Standard deviation; C sensors also write NaN.
    pub stdev: f32,
    /// Longest.
    pub max: f32,
    /// Histogram: one word of eight four-bit bins in form [`Form::Histogram`], two words in [`Form::Seven`].
    pub histogram: [u32; 2],
}

impl PartialEq for Intervals {
    fn eq(&self, o: &Intervals) -> bool {
        self.bits() == o.bits()
    }
}

impl Eq for Intervals {}

impl Intervals {
    fn bits(&self) -> [u32; 7] {
        let [a, b, c, d] = [self.min, self.mean, self.stdev, self.max].map(f32::to_bits);
        [self.n, a, b, c, d, self.histogram[0], self.histogram[1]]
    }

    fn thousandth(self) -> Intervals {
        self.scaled(1e-3)
    }

    fn thousandfold(self) -> Intervals {
        self.scaled(1e3)
    }

    fn scaled(self, factor: f64) -> Intervals {
        let scale = |v: f32| (f64::from(v) * factor) as f32;
        Intervals {
            min: scale(self.min),
            mean: scale(self.mean),
            stdev: scale(self.stdev),
            max: scale(self.max),
            ..self
        }
    }
}

/// How long an object is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Form {
    /// Five words, as 3.x sensors write.
    #[default]
    Five,
    /// Five words and a word of histogram (subtype 1).
    Histogram,
    /// Five words and two of histogram, as 5.x sensors write.
    Seven,
}

impl Form {
    fn words(self) -> usize {
        match self {
            Form::Five => 5,
            Form::Histogram => 6,
            Form::Seven => 7,
        }
    }
}

/// Inter-packet times. The unit is that of the record's TIME DSR: microseconds in version 3, nanoseconds in
/// version 5; a view's accessor converts to microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Jitter {
    /// Subtype: 0 none, 1 exponential histogram, 2 linear.
    pub subtype: u8,
    /// Layout of the objects.
    pub form: Form,
    /// Source, active.
    pub src_active: Option<Intervals>,
    /// Source, idle.
    pub src_idle: Option<Intervals>,
    /// Destination, active.
    pub dst_active: Option<Intervals>,
    /// Destination, idle.
    pub dst_idle: Option<Intervals>,
}

impl Jitter {
    /// Reads a whole DSR. The size of an object follows from length and qualifier.
    pub fn parse(b: &[u8]) -> Option<Jitter> {
        let [_, st, q, _] = wire::array(b, 0)?;
        let count = (q & 0x0f).count_ones() as usize;
        if count == 0 {
            return Some(Jitter { subtype: st, ..Jitter::default() });
        }
        let words = (b.len() / 4).saturating_sub(1) / count;
        let form = match words {
            0..=4 => return None,
            5 => Form::Five,
            6 => Form::Histogram,
            _ if st & 0x07 == 1 => Form::Histogram,
            _ => Form::Seven,
        };
        // 3.x clients write ten words for a histogram object (six and four of zeros).
        let step = words.max(form.words());
        let mut at = 4;
        let mut next = |bit: u8| -> Option<Intervals> {
            if q & bit == 0 {
                return None;
            }
            let word = |i: usize| wire::be32(b, at + 4 * i);
            let float = |i: usize| wire::bef32(b, at + 4 * i);
            let histogram = match form {
                Form::Five => [0, 0],
                Form::Histogram => [word(5)?, 0],
                Form::Seven => [word(5)?, word(6)?],
            };
            let i = Intervals {
                n: word(0)?,
                min: float(1)?,
                mean: float(2)?,
                stdev: float(3)?,
                max: float(4)?,
                histogram,
            };
            at += 4 * step;
            Some(i)
        };
        Some(Jitter {
            subtype: st,
            form,
            src_active: next(1),
            src_idle: next(2),
            dst_active: next(4),
            dst_idle: next(8),
        })
    }

    /// Appends the DSR.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let all = [self.src_active, self.src_idle, self.dst_active, self.dst_idle];
        let q = all.iter().enumerate().filter(|(_, i)| i.is_some()).fold(0, |q, (n, _)| q | 1 << n);
        let at = begin(out, code::JITTER, self.subtype, q);
        for i in all.into_iter().flatten() {
            let words = i.bits().map(u32::to_be_bytes);
            out.bytes(words.get(..self.form.words()).unwrap_or(&words).as_flattened());
        }
        end(out, at);
    }

    /// The same seen from the other side.
    pub fn reversed(self) -> Jitter {
        Jitter {
            src_active: self.dst_active,
            src_idle: self.dst_idle,
            dst_active: self.src_active,
            dst_idle: self.src_idle,
            ..self
        }
    }

    /// Microseconds to nanoseconds.
    pub fn micros_to_nanos(self) -> Jitter {
        let scale = |i: Option<Intervals>| i.map(Intervals::thousandfold);
        Jitter {
            src_active: scale(self.src_active),
            src_idle: scale(self.src_idle),
            dst_active: scale(self.dst_active),
            dst_idle: scale(self.dst_idle),
            ..self
        }
    }

    /// Nanoseconds to microseconds.
    pub fn nanos_to_micros(self) -> Jitter {
        let scale = |i: Option<Intervals>| i.map(Intervals::thousandth);
        Jitter {
            src_active: scale(self.src_active),
            src_idle: scale(self.src_idle),
            dst_active: scale(self.dst_active),
            dst_idle: scale(self.dst_idle),
            ..self
        }
    }
}
