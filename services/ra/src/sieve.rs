//! Records judged while they are read, as far as that needs no more than a filter and a time range.

use filter::{Filter, Judge};
use record::{Glance, RecordView};
use stream::{Error, Portion, Reader, TimeRange};

/// What records must be like, asked of everyday ones as they are read.
pub struct Sieve {
    judge: Judge,
    /// Decides where a glance does not.
    filter: Filter,
    time: Option<TimeRange>,
    /// Whether a record may be turned round before it is looked at.
    may_turn: fn(&RecordView<'_>) -> bool,
    /// Whether those that match are taken as they are; else they are looked at.
    takes: bool,
    /// Whether a record has passed the filter but not the time range.
    noticed: bool,
}

impl Sieve {
    /// `by_ports`: whether ports tell directions; `may_turn` tells of which records the direction may be put right.
    pub fn new(
        filter: &Filter,
        time: Option<&TimeRange>,
        by_ports: bool,
        may_turn: fn(&RecordView<'_>) -> bool,
        takes: bool,
    ) -> Sieve {
        let judge = filter.judge(by_ports);
        Sieve { judge, filter: filter.clone(), time: time.cloned(), may_turn, takes, noticed: false }
    }

    /// What is next of the input.
    ///
    /// # Errors
    /// As [`Reader::next_sifted`].
    pub fn next<'r>(&mut self, reader: &'r mut Reader) -> Result<Portion<'r>, Error> {
        match self.takes {
            true => reader.next_sifted(|glance| self.verdict(glance)),
            false => reader.next_sifted(|glance| self.verdict(glance).filter(|matches| !matches)),
        }
    }

    /// Whether the time range has dropped a record that passed the filter, since this was last asked.
    pub fn noticed(&mut self) -> bool {
        std::mem::take(&mut self.noticed)
    }

    #[inline(always)]
    fn verdict(&mut self, glance: &Glance<'_>) -> Option<bool> {
        match (self.judge.verdict(glance), &self.time) {
            (Some(verdict), None) => Some(verdict),
            (Some(false), _) => Some(false),
            (verdict, _) => self.look(glance, verdict.is_some()),
        }
    }

    /// The verdict on a record of which a glance does not tell all, or which must lie in the time range.
    #[inline(never)]
    fn look(&mut self, glance: &Glance<'_>, passes: bool) -> Option<bool> {
        if !passes {
            let view = glance.view();
            if (self.may_turn)(&view) {
                return None;
            }
            if !self.filter.matches(&view) {
                return Some(false);
            }
        }
        let Some(time) = &self.time else { return Some(true) };
        let (first, last) = glance.plain_times()?;
        let (first, last) = (first.micros(), last.micros());
        let verdict = time.matches(first, last);
        // It may be one packet at the last of them.
        if first != last && time.matches(last, last) != verdict {
            return None;
        }
        self.noticed |= !verdict;
        Some(verdict)
    }
}
