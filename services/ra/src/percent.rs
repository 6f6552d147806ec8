//! `-%`: the totals that columns are shown as percentages of, from a first pass over the files.

use crate::feed::{Client, Failure, Next, feed};
use crate::select::{Place, Selection, Verdict};
use crate::settings::{Input, Settings};
use daemon::Signals;
use field::{Column, Row};
use record::RecordView;
use stream::INITIAL;

/// Adds up what the second pass will print.
struct Sums<'s> {
    settings: &'s Settings,
    selection: Selection,
    columns: Vec<Column>,
    sums: Vec<Option<f64>>,
    scratch: Vec<u8>,
    notes: Vec<u8>,
}

/// Reads the files and tells the columns their totals.
///
/// # Errors
/// [`Failure`] of a file, or an input that cannot be read twice.
pub fn total(settings: &mut Settings, signals: &Signals) -> Result<(), Failure> {
    let standard_input = |input: &Input| matches!(input, Input::File(path, _) | Input::Baseline(path, _) | Input::Exports(path, _) if path.as_os_str() == "-");
    if settings.inputs.is_empty()
        || !settings.sources.is_empty()
        || settings.inputs.iter().any(standard_input)
    {
        return Err(Failure::Text("-% reads its input twice: it needs files".to_owned()));
    }
    let columns = settings.columns.list().to_vec();
    let sums = columns.iter().map(|column| column.field.adds_up.then_some(0.0)).collect();
    // Whoever plays back does so once.
    let first = Settings { playback: None, ..settings.clone() };
    let selection = Selection::new(&first).map_err(Failure::Text)?;
    let mut client =
        Sums { settings: &first, selection, columns, sums, scratch: Vec::new(), notes: Vec::new() };
    feed(&first, signals, &mut client)?;
    let sums = client.sums;
    settings.columns.set_totals(&sums);
    Ok(())
}

impl Sums<'_> {
    fn add(&mut self, view: RecordView<'_>) -> Next {
        if view.kind().is_mar() {
            return Next::More;
        }
        let mut notes = std::mem::take(&mut self.notes);
        let next = self.add_prepared(self.selection.prepare(view, &mut notes));
        self.notes = notes;
        next
    }

    fn add_prepared(&mut self, view: RecordView<'_>) -> Next {
        match self.selection.verdict(&view, Place::Within) {
            Verdict::Enough => return Next::Stop,
            Verdict::Wanted(_) => {}
            Verdict::Rejected | Verdict::Passed | Verdict::Outside => return Next::More,
        }
        let row = Row::flow(&view, &self.settings.style, 0, 0);
        for (column, sum) in self.columns.iter().zip(&mut self.sums) {
            if let (Some(sum), Some(number)) = (sum, row.read(column.field).number()) {
                *sum += number;
            }
        }
        Next::More
    }
}

impl Client for Sums<'_> {
    fn begin(&mut self, _: Option<&[u8; INITIAL]>) -> Result<(), Failure> {
        Ok(())
    }

    fn record(&mut self, view: RecordView<'_>, _: u64) -> Result<Next, Failure> {
        let Some(selection) = self.settings.dsrs.filter(|_| view.kind().has_dsrs()) else {
            return Ok(self.add(view));
        };
        let mut stripped = std::mem::take(&mut self.scratch);
        selection.apply(&view, &mut stripped);
        let next = RecordView::new(&stripped).map_or(Next::More, |less| self.add(less));
        self.scratch = stripped;
        Ok(next)
    }

    fn idle(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn finish(&mut self) -> Result<bool, Failure> {
        Ok(true)
    }
}
