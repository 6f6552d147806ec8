//! Keystrokes in interactive TCP connections (flow-model chapter, section 6.8; what it leaves open was found by running
//! argus 3.0.8.2, see the notes on the specification).
//!
//! A stroke is a small segment of the source that a small segment of the destination answers at once: it acknowledges
//! exactly the stroke's end, and it comes as long after the previous answer as the stroke came after the previous one.

use crate::engine::Engine;
use crate::slab::Part;
use crate::tcp::Segment;
use crate::time::Time;
use packet::TcpFlags;
use std::ops::RangeInclusive;

/// What counts as a keystroke (ARGUS_KEYSTROKE, ARGUS_KEYSTROKE_CONF).
#[derive(Clone, Debug, PartialEq)]
pub struct Keystroke {
    /// Watch SSH: a connection with a payload that is no multiple of 4 octets is none and is left alone.
    pub ssh: bool,
    /// Payload octets of a stroke (DC_MIN, DC_MAX).
    pub stroke: RangeInclusive<u32>,
    /// Payload octets of its answer (DS_MIN, DS_MAX).
    pub answer: RangeInclusive<u32>,
    /// Most packets from a stroke to its answer (GS_MAX).
    pub answer_within: u32,
    /// Most packets from a stroke to the next one; the first one after more than these counts only when another follows
    /// (GPC_MAX).
    pub next_within: u32,
    /// Least microseconds between strokes (IC_MIN).
    pub apart: u64,
    /// The time between two strokes divided by the time between their answers (ICR_MIN, ICR_MAX).
    pub ratio: RangeInclusive<f64>,
}

impl Default for Keystroke {
    fn default() -> Keystroke {
        Keystroke {
            ssh: false,
            stroke: 48..=128,
            answer: 24..=256,
            answer_within: 3,
            next_within: 3,
            apart: 50_000,
            ratio: 0.892..=1.122,
        }
    }
}

impl Keystroke {
    /// Reads `NAME=value;…` (ARGUS_KEYSTROKE_CONF).
    ///
    /// # Errors
    /// The part that cannot be understood.
    pub fn configure(&mut self, text: &str) -> Result<(), String> {
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or_else(|| part.to_owned())?;
            let value: f64 = value.trim().parse().map_err(|_| part.to_owned())?;
            if !(0.0..=1e12).contains(&value) {
                return Err(part.to_owned());
            }
            let whole = value as u32;
            match name.trim() {
                "DC_MIN" => self.stroke = whole..=*self.stroke.end(),
                "DC_MAX" => self.stroke = *self.stroke.start()..=whole,
                "DS_MIN" => self.answer = whole..=*self.answer.end(),
                "DS_MAX" => self.answer = *self.answer.start()..=whole,
                "GS_MAX" => self.answer_within = whole,
                "GPC_MAX" => self.next_within = whole,
                "IC_MIN" => self.apart = value as u64,
                "ICR_MIN" => self.ratio = value..=*self.ratio.end(),
                "ICR_MAX" => self.ratio = *self.ratio.start()..=value,
                // Without effect in 3.0.8.
                "LCS_MAX" => {}
                _ => return Err(part.to_owned()),
            }
        }
        Ok(())
    }
}

impl Engine {
    /// Looks at a segment for a keystroke; `anew` when it begins a connection.
    #[inline]
    pub(crate) fn stroke(&mut self, part: Part, segment: &Segment<'_>, anew: bool) {
        if let Some(rules) = &self.config.keystroke
            && let Some(strokes) = self.table.strokes.get_mut(part)
        {
            if anew {
                *strokes = Strokes::default();
            }
            strokes.packet(rules, segment);
        }
    }
}

/// Packets of a connection that are not looked at: it is being set up.
const PASSED_OVER: u32 = 22;

/// Strokes that wait for their answer.
const WAITING: usize = 8;

#[derive(Clone, Copy, Debug, Default)]
struct Stroke {
    /// Sequence number behind it.
    end: u32,
    /// Which packet of the connection it was; 0 for none.
    packet: u32,
    at: i64,
}

/// What is known of the strokes of one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Strokes {
    waiting: [Stroke; WAITING],
    next: u8,
    /// Not to be looked at any more.
    over: bool,
    /// A stroke that counts when another follows.
    tentative: bool,
    /// Data was looked at in this record.
    pub looked: bool,
    /// Strokes of this record.
    pub count: u32,
    packets: u32,
    /// The packet of the last stroke; 0 before any.
    last: u32,
    /// Nanoseconds: the last stroke and its answer. Before any they are equally long ago.
    last_at: i64,
    answered_at: i64,
}

impl Strokes {
    /// Takes a packet of the connection.
    fn packet(&mut self, rules: &Keystroke, segment: &Segment<'_>) {
        let header = segment.header;
        let control = header.flags.0 & (TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST) != 0;
        self.packets = self.packets.saturating_add(1);
        let octets = u32::try_from(header.payload).unwrap_or(0);
        if octets == 0 || control || self.over || self.packets <= PASSED_OVER {
            return;
        }
        if rules.ssh && octets % 4 != 0 {
            self.over = true;
            self.looked = false;
            self.count = 0;
            return;
        }
        self.looked = true;
        let now = segment.now.since(Time::from_micros(0, 0));
        if segment.side == 0 {
            if rules.stroke.contains(&octets)
                && let Some(slot) = self.waiting.get_mut(usize::from(self.next) % WAITING)
            {
                *slot = Stroke { end: header.sequence.wrapping_add(octets), packet: self.packets, at: now };
                self.next = self.next.wrapping_add(1);
            }
            return;
        }
        let acknowledged = header.acknowledgement;
        // The latest of equal ones.
        let found = (1..=WAITING).find_map(|back| {
            let at = usize::from(self.next).wrapping_add(WAITING - back) % WAITING;
            self.waiting.get(at).filter(|stroke| stroke.packet != 0 && stroke.end == acknowledged).map(|_| at)
        });
        let Some(stroke) = found.and_then(|at| self.waiting.get_mut(at)).map(std::mem::take) else { return };
        // An answer to an earlier stroke may come late: 3.0.8 takes the difference either way.
        let apart = stroke.at.saturating_sub(self.last_at).unsigned_abs();
        let answers = now.saturating_sub(self.answered_at).unsigned_abs().max(1);
        let ratio = apart as f64 / answers as f64;
        let good = self.packets - stroke.packet <= rules.answer_within
            && rules.answer.contains(&octets)
            && apart / 1000 >= rules.apart
            && rules.ratio.contains(&ratio);
        if !good {
            self.tentative = false;
            return;
        }
        if self.last != 0 && stroke.packet.saturating_sub(self.last) <= rules.next_within {
            self.count = self.count.saturating_add(1 + u32::from(self.tentative));
            self.tentative = false;
        } else {
            self.tentative = true;
        }
        self.last = stroke.packet;
        self.last_at = stroke.at;
        self.answered_at = now;
    }

    /// Starts the next record.
    pub fn reset(&mut self) {
        self.looked = false;
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_by_name() {
        let mut rules = Keystroke::default();
        rules.configure("DC_MIN=1; DC_MAX=2;ICR_MIN=0.5;IC_MIN=7;GS_MAX=9;").unwrap();
        assert_eq!((rules.stroke.clone(), rules.answer_within, rules.apart), (1..=2, 9, 7));
        assert_eq!(rules.ratio, 0.5..=1.122);
        assert_eq!(rules.configure("DC_MAX=x").unwrap_err(), "DC_MAX=x");
        assert_eq!(rules.configure("GPC_MAX").unwrap_err(), "GPC_MAX");
        assert_eq!(rules.configure("NOPE=1").unwrap_err(), "NOPE=1");
    }
}
