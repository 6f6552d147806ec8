//! `rasplit` and `rastream`: records distributed over files (chapter aggregation-tools, section 8).

use crate::bins::Bins;
use crate::cut;
use crate::dsrs::DsrSelection;
use crate::feed::{Client, Failure, Next, say};
use crate::files::Files;
use crate::halves::{encode, shown};
use crate::pattern::{Pattern, successor};
use crate::script::Script;
use crate::select::{Place, Selection, Verdict, compile};
use crate::settings::Settings;
use field::{Row, Style};
use filter::Filter;
use record::{Mar, RecordView, SourceId, Stamp, Version};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};
use stream::INITIAL;

/// Records in a file when nothing else is said.
const COUNT: u64 = 10_000;
/// Letters of a suffix.
const DIGITS: usize = 2;

/// When a new file begins.
enum Mode {
    /// After so many records.
    Count(u64),
    /// Before it grows beyond so many octets.
    Size(u64),
    /// With every span of time.
    Time(Bins),
    /// With every record that a filter matches.
    Flow(Box<Filter>),
}

/// Distributes records over files.
pub struct Split {
    program: &'static str,
    style: Style,
    selection: Selection,
    filter: Option<Filter>,
    mode: Mode,
    modify: bool,
    pattern: Pattern,
    /// The letters behind names; `None` where names vary by themselves.
    suffix: Option<String>,
    files: Files,
    script: Option<Script>,
    initial: [u8; INITIAL],
    streams: u64,
    /// Records in the present file.
    counted: u64,
    /// Seconds that files stay open beyond their span, on live sources.
    hold: Option<f64>,
    /// Records from before this moment, microseconds, are late.
    closed: i64,
    late: u64,
    dsrs: Option<DsrSelection>,
    scratch: Vec<u8>,
    notes: Vec<u8>,
    piece: Vec<u8>,
}

impl Split {
    /// Makes ready what the settings ask for.
    ///
    /// # Errors
    /// One line: a mode, a name or an expression that cannot be understood.
    pub fn new(settings: &Settings) -> Result<Split, String> {
        let style = settings.style.clone();
        let (mut mode, mut modify) = (Mode::Count(COUNT), true);
        let mut words = settings.modes.iter().flat_map(|words| match words.split_once(' ') {
            Some((first, rest)) if first == "flow" => vec![first.to_owned(), rest.to_owned()],
            _ => words.split(' ').map(str::to_owned).collect(),
        });
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("-M {word} needs a value"));
            match word.as_str() {
                "count" => mode = Mode::Count(number(&value()?).ok_or("-M count needs a number")?),
                "size" => mode = Mode::Size(number(&value()?).ok_or("-M size needs a number of octets")?),
                "time" => {
                    let text = value()?;
                    let bins = Bins::parse(&text, style.zone.clone());
                    mode = Mode::Time(
                        bins.ok_or_else(|| format!("-M time {text}: no whole span of a second or more"))?,
                    );
                }
                "flow" => mode = Mode::Flow(Box::new(compile(settings, &value()?)?)),
                "nomodify" => modify = false,
                // Accepted, as ever.
                "soft" | "hard" | "zero" => {}
                _ => {
                    return Err(format!(
                        "-M {word}: no such mode; there are time, count, size, flow, nomodify"
                    ));
                }
            }
        }
        let output = settings.outputs.first();
        let mut name = output.map_or("x", |output| output.target.as_str()).to_owned();
        if name == "-" {
            return Err("standard output cannot be split: give a file name with -w".to_owned());
        }
        let filter = output
            .and_then(|output| output.filter.as_deref())
            .map(|text| compile(settings, text))
            .transpose()?;
        if matches!(mode, Mode::Time(_)) && !name.contains('%') {
            if !name.ends_with('.') {
                name.push('.');
            }
            name.push_str("%Y.%m.%d.%H.%M.%S");
        }
        let pattern = Pattern::parse(&name, &style)?;
        let first = "a".repeat(settings.digits.unwrap_or(DIGITS));
        let suffix = match mode {
            Mode::Time(_) => None,
            Mode::Count(_) if pattern.varies() => None,
            _ => Some(first),
        };
        // 3.0.8 begins to count at one, so that its first file has a record less.
        let counted = u64::from(style.compat && matches!(mode, Mode::Count(_)));
        let script = settings.script.clone().filter(|_| settings.program == "rastream");
        Ok(Split {
            program: settings.program,
            selection: Selection::new(settings)?,
            filter,
            mode,
            modify,
            pattern,
            suffix,
            files: Files::default(),
            script: script.map(|program| Script::start(settings.program, program)),
            initial: [0; INITIAL],
            streams: 0,
            counted,
            hold: settings.hold.filter(|_| !settings.sources.is_empty()),
            closed: i64::MIN,
            late: 0,
            dsrs: settings.dsrs,
            scratch: Vec::new(),
            notes: Vec::new(),
            piece: Vec::new(),
            style,
        })
    }

    /// Where a record goes: the name and the end of the span.
    fn place(&mut self, view: &RecordView<'_>) -> (PathBuf, Option<i64>) {
        let mar = view.mar();
        let start = view.start().micros();
        let row = match &mar {
            Some(mar) => Row::management(mar, &self.style, 0, 0),
            None => Row::flow(view, &self.style, 0, 0),
        };
        let (from, ends) = match &self.mode {
            Mode::Time(bins) => {
                let (from, ends) = bins.around(start);
                (from, Some(ends))
            }
            _ => (start, None),
        };
        let mut name = self.pattern.fill(&row, Stamp::from_micros(from));
        if let Some(suffix) = &self.suffix {
            name.as_mut_os_string().push(suffix);
        }
        (name, ends)
    }

    fn next_file(&mut self) -> Result<(), Failure> {
        let Some(suffix) = &mut self.suffix else { return Ok(()) };
        *suffix = successor(suffix);
        self.counted = 0;
        // It is complete: only one is written to at a time, unless names vary too.
        if !self.pattern.varies() {
            self.close(None)?;
        }
        Ok(())
    }

    fn store(&mut self, view: &RecordView<'_>) -> Result<(), Failure> {
        let (mut path, mut ends) = self.place(view);
        let full = match &self.mode {
            Mode::Count(most) => self.counted >= *most,
            Mode::Size(most) => {
                let size = self.files.size(&path);
                size > INITIAL as u64 && size + view.bytes().len() as u64 > *most
            }
            Mode::Flow(filter) => self.counted > 0 && filter.matches(view),
            Mode::Time(_) => false,
        };
        if full {
            self.next_file()?;
            (path, ends) = self.place(view);
        }
        if ends.is_some_and(|ends| ends <= self.closed) {
            self.late += 1;
            return Ok(());
        }
        self.counted += 1;
        self.files.append(&path, view.bytes(), &self.initial, ends)
    }

    /// Cuts a record where it reaches over the end of a span; tells whether it did.
    fn cut(&mut self, view: &RecordView<'_>) -> Result<bool, Failure> {
        let Mode::Time(bins) = &self.mode else { return Ok(false) };
        if !self.modify || !view.kind().is_flow() {
            return Ok(false);
        }
        let times = view.times();
        if bins.around(times.start().micros()).1 >= times.end().micros() {
            return Ok(false);
        }
        let pieces = cut::cut(shown(view), bins);
        let mut octets = std::mem::take(&mut self.piece);
        for piece in &pieces {
            encode(piece, &mut octets).map_err(|error| Failure::Text(error.to_string()))?;
            if let Ok(view) = RecordView::new(&octets) {
                self.store(&view)?;
            }
        }
        self.piece = octets;
        Ok(true)
    }

    fn take(&mut self, mut view: RecordView<'_>, offset: u64) -> Result<Next, Failure> {
        // The record with which the first stream begins is written by whoever opens a file.
        if view.kind().is_mar() && offset == 0 && self.streams == 1 {
            return Ok(Next::More);
        }
        let mut notes = std::mem::take(&mut self.notes);
        let prepared = if view.kind().is_mar() { view } else { self.selection.prepare(view, &mut notes) };
        let verdict = self.selection.verdict(&prepared, Place::Within);
        let wanted = matches!(verdict, Verdict::Wanted(_))
            && self.filter.as_ref().is_none_or(|filter| filter.matches(&prepared));
        self.notes = notes;
        if verdict == Verdict::Enough {
            return Ok(Next::Stop);
        }
        if wanted {
            // What is known of its ends is not of the record.
            if !view.kind().is_mar() {
                self.selection.repair(&mut view);
            }
            if !self.cut(&view)? {
                self.store(&view)?;
            }
        }
        self.close_due()?;
        Ok(if self.selection.is_done() { Next::Stop } else { Next::More })
    }

    /// Closes the files whose time is over, on live sources.
    fn close_due(&mut self) -> Result<(), Failure> {
        let Some(hold) = self.hold else { return Ok(()) };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let until = ((now - hold) * 1e6) as i64;
        // Whole seconds are often enough.
        if until < self.closed.saturating_add(1_000_000) {
            return Ok(());
        }
        self.closed = until;
        self.close(Some(until))
    }

    fn close(&mut self, until: Option<i64>) -> Result<(), Failure> {
        for file in self.files.finish(until)? {
            if let Some(script) = &self.script {
                script.run(&file);
            }
        }
        Ok(())
    }
}

/// A number with `k`, `m` or `b` for thousands, millions, thousand millions; at least 1.
fn number(text: &str) -> Option<u64> {
    let (digits, unit) = match text.as_bytes().last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 1_000),
        b'm' | b'M' => (&text[..text.len() - 1], 1_000_000),
        b'b' | b'B' => (&text[..text.len() - 1], 1_000_000_000),
        _ => (text, 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(unit).filter(|&number| number > 0)
}

impl Client for Split {
    fn begin(&mut self, initial: Option<&[u8; INITIAL]>) -> Result<(), Failure> {
        self.streams += 1;
        if self.streams > 1 {
            return Ok(());
        }
        match initial {
            Some(initial) => self.initial = *initial,
            None => {
                let now = Stamp::from(SystemTime::now());
                let made_up = Mar::initial(Version::V3, SourceId::None, now, now).to_bytes();
                self.initial.iter_mut().zip(made_up).for_each(|(to, from)| *to = from);
            }
        }
        Ok(())
    }

    fn record(&mut self, view: RecordView<'_>, offset: u64) -> Result<Next, Failure> {
        let Some(selection) = self.dsrs.filter(|_| view.kind().has_dsrs()) else {
            return self.take(view, offset);
        };
        let mut stripped = std::mem::take(&mut self.scratch);
        selection.apply(&view, &mut stripped);
        let next = match RecordView::new(&stripped) {
            Ok(less) => self.take(less, offset),
            Err(_) => Ok(Next::More),
        };
        self.scratch = stripped;
        next
    }

    fn idle(&mut self) -> Result<(), Failure> {
        self.close_due()?;
        self.files.flush()
    }

    fn finish(&mut self) -> Result<bool, Failure> {
        self.close(None)?;
        if let Some(script) = &mut self.script {
            script.wait();
        }
        if self.late > 0 {
            say(
                self.program,
                &format!("{} records came after their file was closed and were dropped", self.late),
            );
        }
        Ok(self.selection.matched() > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units() {
        assert_eq!(number("10"), Some(10));
        assert_eq!(number("2k"), Some(2_000));
        assert_eq!(number("3b"), Some(3_000_000_000));
        for bad in ["", "k", "0", "-1", "x", "99999999999999999999b"] {
            assert_eq!(number(bad), None, "{bad}");
        }
    }
}
