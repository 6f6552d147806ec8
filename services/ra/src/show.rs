//! `ra` itself: rows on standard output, records in files.

use crate::feed::{Client, Failure, Next, say};
use crate::halves;
use crate::options::MODE_NAMES;
use crate::range::{Counted, RecordRange};
use crate::select::{Place, Selection, Verdict};
use crate::settings::Settings;
use crate::sieve::Sieve;
use crate::sink::Sink;
use field::style::Form as Look;
use field::{Beside, LeftOver, Printer, Row, put_xml_foot, put_xml_head};
use record::dsr::time::Times;
use record::{Flow, FlowKey, Mar, RecordView, SourceId, Stamp, Version};
use std::io::Write;
use stream::INITIAL;

/// Rows are gathered to this many octets.
const GATHER: usize = 60 << 10;

/// Totals for `-A`.
#[derive(Default)]
struct Totals {
    management: u64,
    flows: u64,
    events: u64,
    packets: u64,
    octets: u64,
}

/// Prints and writes records.
pub struct Show {
    settings: Settings,
    selection: Selection,
    printer: Printer,
    out: Vec<u8>,
    scratch: Vec<u8>,
    notes: Vec<u8>,
    half: Vec<u8>,
    sinks: Vec<Sink>,
    rejects: Option<Sink>,
    totals: Totals,
    rows: u64,
    /// The initial record of the stream that is being read.
    initial: Option<Mar>,
    /// Streams begun so far.
    streams: u64,
    /// Start of the first flow.
    base: Option<Stamp>,
    headed: bool,
    /// Whether a further stream has begun of which no flow has been shown yet.
    fresh: bool,
    /// Standard deviation of the last merged flow.
    left_over: LeftOver,
    /// Rows printed beyond one of each record.
    more: u64,
    /// Which rows are wanted, where a record has more than one (`-N o…` with `-M uni` or `rmon`).
    range: Option<RecordRange>,
    /// Whether the last of them was printed; in 3.0.8 whether one behind it was met.
    over: bool,
    /// Ordinal of the last record, as it was shown.
    last_rank: u64,
    /// Offset of the flow before a management record, which 3.0.8 shows instead of its own.
    last_offset: u64,
}

/// Words of `-M` that ra of 3.x and 5.x take and that change nothing here.
const PASSED_OVER: &[&str] = &[
    "zero",
    "hzero",
    "lock",
    "newick",
    "d3",
    "null",
    "empty",
    "omit",
    "csv",
    "debug.local",
    "sql=",
    "saslmech=",
    "lock=",
    "gen=",
    "group=",
    "baseline=",
];

/// Says which modes are none; they change nothing, as ever.
fn warn(settings: &Settings) {
    if settings.style.compat || settings.style.later || settings.program != "ra" {
        return;
    }
    let known = |word: &str| match word.split_once('=') {
        Some((name, _)) => PASSED_OVER.iter().any(|known| known.strip_suffix('=') == Some(name)),
        None => PASSED_OVER.contains(&word),
    };
    for word in settings.modes.iter().filter(|word| !known(word)) {
        let meant = field::names::nearest(word, MODE_NAMES.iter().map(|name| name.trim_end_matches('=')));
        let meant = meant.map(|meant| format!(" (perhaps {meant})")).unwrap_or_default();
        say(settings.program, &format!("-M {word}: no such mode{meant}"));
    }
}

impl Show {
    /// Makes ready what the settings ask for.
    ///
    /// # Errors
    /// One line: an expression or a file name that cannot be understood.
    pub fn new(settings: &Settings) -> Result<Show, String> {
        warn(settings);
        let mut settings = settings.clone();
        let prints = settings.outputs.is_empty() && settings.rejects.is_none() && !settings.quiet;
        let by_rows = |range: &mut RecordRange| range.counted == Counted::Output && range.last > 0;
        let parted = prints && (settings.uni || settings.rmon);
        let range = settings.range.take_if(|range| parted && by_rows(range));
        let settings = &settings;
        let sinks = settings.outputs.iter();
        let sinks = sinks.map(|output| Sink::new(settings, &output.target, output.filter.as_deref()));
        Ok(Show {
            selection: Selection::new(settings)?,
            printer: Printer::new(settings.columns.list(), settings.style.clone()),
            out: Vec::with_capacity(GATHER + (8 << 10)),
            scratch: Vec::new(),
            notes: Vec::new(),
            half: Vec::new(),
            sinks: sinks.collect::<Result<_, _>>()?,
            rejects: settings
                .rejects
                .as_deref()
                .map(|target| Sink::new(settings, target, None))
                .transpose()?,
            totals: Totals::default(),
            rows: 0,
            initial: None,
            streams: 0,
            base: None,
            headed: false,
            fresh: false,
            left_over: LeftOver::default(),
            more: 0,
            range,
            over: false,
            last_rank: 0,
            last_offset: 0,
            settings: settings.clone(),
        })
    }

    fn prints(&self) -> bool {
        self.sinks.is_empty() && self.rejects.is_none() && !self.settings.quiet
    }

    /// Adds a record to the totals.
    fn total(&mut self, view: &RecordView<'_>) {
        if self.settings.summary
            && let Some(metric) = view.metric()
        {
            self.totals.packets = self.totals.packets.saturating_add(metric.packets());
            self.totals.octets = self.totals.octets.saturating_add(metric.bytes());
        }
    }

    /// Whether 3.0.8 looks at what lies outside of a range of rows: it counts what comes before, and goes on to the one
    /// flow that tells it that the range is over, showing management records on its way.
    fn counts_beyond(&self) -> bool {
        let output = |range: RecordRange| range.counted == Counted::Output && range.last > 0;
        self.settings.style.compat && self.settings.range.is_some_and(output)
    }

    /// A record that is wanted.
    fn wanted(
        &mut self,
        view: &RecordView<'_>,
        read: &RecordView<'_>,
        offset: u64,
        ordinal: u64,
    ) -> Result<(), Failure> {
        if self.settings.percent && self.settings.style.compat && !view.kind().is_mar() {
            // 3.0.8 loses them.
            self.total(view);
            return Ok(());
        }
        self.write(view, read)?;
        self.total(view);
        if !self.prints() {
            return Ok(());
        }
        if view.kind().is_mar() {
            let Some(mar) = view.mar().filter(|_| self.settings.management) else { return Ok(()) };
            // 5.0.3 keeps the record with which a stream begins to itself.
            if self.settings.style.later && offset == 0 {
                return Ok(());
            }
            let offset = if self.settings.style.compat { self.last_offset } else { offset };
            self.head();
            let twice = self.settings.rmon || self.settings.uni;
            let rank = match (self.settings.style.compat, twice) {
                // 3.0.8 shows that of the flow before, if one came since the stream began.
                (true, true) if !self.fresh => self.last_rank.max(ordinal),
                (true, true) => ordinal,
                _ => ordinal + self.more,
            };
            let row = Row::management(&mar, &self.settings.style, offset, rank);
            self.printer.row(&mut self.out, &row);
            return self.gathered();
        }
        if view.kind() == record::Kind::Event && !self.settings.events {
            return Ok(());
        }
        self.selection.note_printed(view);
        if self.settings.uni {
            return self.halves(view, offset, ordinal);
        }
        self.last_rank = ordinal + self.more;
        let beside = Beside { offset, rank: self.last_rank, ..Beside::default() };
        self.print(view, beside);
        if self.settings.rmon {
            let mut other = *view;
            other.turn();
            let mut beside = self.other_end(beside);
            beside.left_over.backwards = self.settings.style.compat && stays(&other);
            self.print(&other, beside);
        }
        self.gathered()
    }

    /// Writes a record to the files that want it, as it was read; with `-M uni` and `rmon` what rows would show of it.
    fn write(&mut self, view: &RecordView<'_>, read: &RecordView<'_>) -> Result<(), Failure> {
        let Settings { uni, rmon, style, .. } = &self.settings;
        if self.sinks.is_empty() {
            return Ok(());
        }
        let parts = view.kind().has_dsrs() && (*uni || *rmon);
        if !parts || !*uni {
            give(&mut self.sinks, view, read)?;
        }
        let others = match parts {
            false => return Ok(()),
            true if *uni => halves::halves(view, style.compat),
            true => {
                let mut other = *view;
                other.turn();
                [None, Some(halves::shown(&other))]
            }
        };
        for other in others.into_iter().flatten() {
            halves::encode(&other, &mut self.half).map_err(|error| Failure::Text(error.to_string()))?;
            if let Ok(other) = RecordView::new(&self.half) {
                give(&mut self.sinks, &other, &other)?;
            }
        }
        Ok(())
    }

    /// What stands beside the row that shows the same flow from its other end.
    fn other_end(&mut self, beside: Beside) -> Beside {
        self.more += 1;
        // 3.0.8 forgets where it was read.
        let offset = if self.settings.style.compat { 0 } else { beside.offset };
        Beside { offset, rank: beside.rank + 1, ..beside }
    }

    fn halves(&mut self, view: &RecordView<'_>, offset: u64, ordinal: u64) -> Result<(), Failure> {
        let mut half = std::mem::take(&mut self.half);
        let mut beside = Beside { offset, rank: ordinal + self.more, ..Beside::default() };
        self.last_rank = beside.rank;
        // 3.0.8 gives a half what it has computed of the whole.
        let whole = self.settings.style.compat.then(|| {
            let whole = Row::flow(view, &self.settings.style, offset, 0);
            beside.left_over.duration = Some(whole.duration());
            beside.left_over.load = Some(whole.source_load());
            whole.times
        });
        let [src, dst] = halves::halves(view, whole.is_some());
        let both = src.is_some();
        for (record, other) in [(src, false), (dst, true)] {
            let Some(record) = record else { continue };
            beside.left_over.times =
                whole.map(|Times { src, dst }| Times { src: if other { dst } else { src }, dst: None });
            if other {
                if both {
                    beside = self.other_end(beside);
                } else if self.settings.style.compat {
                    beside.offset = 0;
                }
            }
            halves::encode(&record, &mut half).map_err(|error| Failure::Text(error.to_string()))?;
            if let Ok(half) = RecordView::new(&half) {
                // 3.0.8 has Ethernet keys that are marked reversed backwards from the start.
                let ether = matches!(half.flow(), Some(Flow { key: FlowKey::Ether(_), .. }));
                let backwards = if ether { view.is_reversed() } else { other && stays(&half) };
                beside.left_over.backwards = whole.is_some() && backwards;
                self.print(&half, beside);
            }
        }
        self.half = half;
        self.gathered()
    }

    fn print(&mut self, view: &RecordView<'_>, beside: Beside) {
        if let Some(RecordRange { first, last, .. }) = self.range {
            let historic = self.settings.style.compat;
            self.over |= beside.rank > last || (beside.rank == last && !historic);
            if !(first..=last).contains(&beside.rank) {
                // 3.0.8 prints the titles before it looks whether the range has begun.
                if historic {
                    self.head();
                }
                return;
            }
        }
        self.head();
        let base = *self.base.get_or_insert_with(|| view.start());
        let deviation = self.left_over.deviation;
        let beside =
            Beside { base: Some(base), left_over: LeftOver { deviation, ..beside.left_over }, ..beside };
        if self.settings.style.compat
            && let Some(agr) = view.agr()
        {
            self.left_over.deviation = agr.active.stdev;
        }
        self.printer.flow(&mut self.out, view, &self.settings.style, beside);
    }

    /// What stands before a row: titles, or the beginning of the document.
    fn head(&mut self) {
        let text = self.settings.style.form == Look::Text;
        match self.settings.titles {
            _ if !text => {}
            // 3.0.8 knows no other way to have none.
            ..-1 if self.settings.style.compat && self.rows == 0 => self.printer.title(&mut self.out),
            ..0 => {}
            0 if self.rows > 0 => {}
            0 => self.printer.title(&mut self.out),
            every if self.rows.is_multiple_of(every as u64) => self.printer.title(&mut self.out),
            _ => {}
        }
        self.rows += 1;
        if self.settings.style.form == Look::Xml && !std::mem::replace(&mut self.headed, true) {
            let now = Stamp::from(std::time::SystemTime::now());
            let initial = self.initial.clone().unwrap_or_else(|| made_up(now));
            let version = if self.settings.style.compat { "3.0.8.2" } else { env!("CARGO_PKG_VERSION") };
            put_xml_head(&mut self.printer, &mut self.out, &initial, now, version);
        }
    }

    fn titles_early(&self) -> bool {
        let output = |range: RecordRange| range.counted == Counted::Output;
        self.settings.style.compat && self.prints() && self.settings.range.is_some_and(output)
    }

    /// The totals of `-A`: a line, or nothing.
    fn totals_line(&self) -> String {
        if !self.settings.summary {
            return String::new();
        }
        let Totals { management, flows, packets, octets, events } = self.totals;
        let events =
            if self.settings.style.later { format!("TotalEventRecords {events:<8} ") } else { String::new() };
        let records = match (self.settings.style.compat, self.streams) {
            // 3.0.8 counts what has passed, and the first record twice.
            (true, streams) => self.selection.counted() + 1 + u64::from(streams > 0),
            _ => management + flows + self.totals.events,
        };
        format!(
            " Totalrecords {records:<8}  TotalManRecords {management:<8}  TotalFarRecords {flows:<8} {events}TotalPkts {packets:<8} \
             TotalBytes {octets:<8}\n"
        )
    }

    fn gathered(&mut self) -> Result<(), Failure> {
        if self.out.len() >= GATHER { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        if !self.out.is_empty() {
            let mut stdout = std::io::stdout().lock();
            let done = stdout.write_all(&self.out).and_then(|()| stdout.flush());
            self.out.clear();
            done.map_err(Failure::standard_output)?;
        }
        Ok(())
    }
}

/// Gives a record to the files that want it; `read` is what is written.
fn give(sinks: &mut [Sink], view: &RecordView<'_>, read: &RecordView<'_>) -> Result<(), Failure> {
    sinks.iter_mut().filter(|sink| sink.wants(view)).try_for_each(|sink| sink.write(read))
}

/// Whether 3.0.8 leaves parts of the key where they are when it shows a flow from its other end.
fn stays(view: &RecordView<'_>) -> bool {
    matches!(view.flow(), Some(Flow { key: FlowKey::Ipv6(_) | FlowKey::Wlan(_), .. }))
}

/// An initial record for sources that have none.
fn made_up(now: Stamp) -> Mar {
    Mar::initial(Version::V3, SourceId::None, now, now)
}

impl Client for Show {
    fn begin(&mut self, initial: Option<&[u8; INITIAL]>) -> Result<(), Failure> {
        let historic = self.settings.style.compat;
        // Where nothing is wanted, 3.0.8 does not look.
        let looks = !historic || !self.selection.is_done() || self.counts_beyond();
        self.streams += u64::from(looks);
        let mar = initial.and_then(|bytes| Mar::parse(bytes));
        let made;
        let initial = match initial {
            Some(initial) => initial,
            None => {
                let now = Stamp::from(std::time::SystemTime::now());
                let mut bytes = [0; INITIAL];
                for (to, from) in bytes.iter_mut().zip(made_up(now).to_bytes()) {
                    *to = from;
                }
                made = bytes;
                &made
            }
        };
        for sink in self.sinks.iter_mut().chain(&mut self.rejects) {
            sink.begin(initial)?;
        }
        self.initial = mar.or(self.initial.take());
        // 3.0.8 counts the record with which a stream begins twice.
        self.totals.management += u64::from((historic && looks) || self.settings.style.later);
        Ok(())
    }

    fn record(&mut self, view: RecordView<'_>, offset: u64) -> Result<Next, Failure> {
        let Some(selection) = self.settings.dsrs.filter(|_| view.kind().has_dsrs()) else {
            return self.judge(view, offset);
        };
        let mut stripped = std::mem::take(&mut self.scratch);
        selection.apply(&view, &mut stripped);
        // Without its time a record may end in octets that cannot be walked; then it is passed over.
        let next = match RecordView::new(&stripped) {
            Ok(less) => self.judge(less, offset),
            Err(_) => Ok(Next::More),
        };
        self.scratch = stripped;
        next
    }

    fn sieve(&self) -> Option<Sieve> {
        let Settings { summary, dsrs, poll, percent, uni, rmon, .. } = &self.settings;
        if self.rejects.is_some() || *summary || *poll || *percent || *uni || *rmon || dsrs.is_some() {
            return None;
        }
        self.selection.sieve(!self.prints() && self.sinks.iter().all(Sink::takes_all_as_it_is))
    }

    fn noticed(&mut self) {
        self.selection.notice();
    }

    fn taken(&mut self, records: &[u8], count: u64) -> Result<(), Failure> {
        self.selection.count(count);
        self.sinks.iter_mut().try_for_each(|sink| sink.write_run(records, count))
    }

    fn idle(&mut self) -> Result<(), Failure> {
        self.flush()?;
        self.sinks.iter_mut().chain(&mut self.rejects).try_for_each(Sink::flush)
    }

    fn finish(&mut self) -> Result<bool, Failure> {
        let totals = self.totals_line();
        // 3.0.8 has the totals within the document.
        let within = self.settings.style.compat;
        if self.sinks.iter().chain(&self.rejects).any(Sink::is_standard_output) {
            // Behind the records there, of which they are none: only 3.0.8 mixes them.
            self.idle()?;
            if !within {
                let _ = std::io::stderr().write_all(totals.as_bytes());
                return Ok(self.found());
            }
        }
        if within {
            self.out.extend_from_slice(totals.as_bytes());
        }
        if self.headed {
            put_xml_foot(&mut self.out);
        } else if self.settings.style.form == Look::Json && self.rows > 0 {
            self.out.push(b'\n');
        }
        if !within {
            self.out.extend_from_slice(totals.as_bytes());
        }
        self.idle()?;
        Ok(self.found())
    }
}

impl Show {
    /// Whether something was found. To 5.0.3 it is no failure that nothing was.
    fn found(&self) -> bool {
        self.selection.matched() > 0 || self.settings.style.later
    }

    fn judge(&mut self, read: RecordView<'_>, offset: u64) -> Result<Next, Failure> {
        if read.kind().is_mar() {
            return self.judge_prepared(read, &read, offset);
        }
        let mut notes = std::mem::take(&mut self.notes);
        let next = self.judge_prepared(self.selection.prepare(read, &mut notes), &read, offset);
        self.notes = notes;
        next
    }

    /// A record as it is to be looked at, and as it was read, which is how it is written.
    fn judge_prepared(
        &mut self,
        view: RecordView<'_>,
        read: &RecordView<'_>,
        offset: u64,
    ) -> Result<Next, Failure> {
        let management = view.kind().is_mar();
        let done = self.selection.is_done();
        if done && !self.counts_beyond() {
            return Ok(Next::Stop);
        }
        if management {
            self.totals.management += 1;
        } else {
            let event = self.settings.style.later && view.kind() == record::Kind::Event;
            self.totals.flows += u64::from(!event);
            self.totals.events += u64::from(event);
        }
        if done {
            let begins = management && offset == 0;
            let Some(ordinal) = self.selection.count_beyond(&view, begins) else { return Ok(Next::More) };
            if !management {
                self.total(&view);
                if self.titles_early() {
                    self.head();
                }
                return Ok(Next::Stop);
            }
            self.fresh |= begins;
            self.wanted(&view, read, offset, if self.fresh { 0 } else { ordinal })?;
            return Ok(Next::More);
        }
        // What 3.0.8 shows with the management records that follow.
        if !management || offset == 0 {
            self.last_offset = offset;
        }
        let place = match (management && offset == 0, self.streams) {
            (true, ..=1) => Place::First,
            (true, _) => Place::Later,
            (false, _) => Place::Within,
        };
        match self.selection.verdict(&view, place) {
            Verdict::Enough => return Ok(Next::Stop),
            // The record with which the first stream begins is in the files already.
            _ if place == Place::First && !self.prints() => {}
            Verdict::Wanted(ordinal) => {
                // 3.0.8 shows no ordinal with the record that a stream begins with, nor behind it until a flow comes.
                self.fresh = place == Place::Later || (self.fresh && management);
                let ordinal = if self.fresh && self.settings.style.compat { 0 } else { ordinal };
                self.wanted(&view, read, offset, ordinal)?;
            }
            // 3.0.8 leaves out with what further streams begin.
            Verdict::Rejected if place == Place::Later && self.settings.style.compat => {}
            Verdict::Rejected => {
                if let Some(sink) = &mut self.rejects {
                    sink.write(read)?;
                }
            }
            // 3.0.8 prints the titles before it looks whether the range of records has begun.
            Verdict::Outside => {
                if self.counts_beyond() {
                    self.total(&view);
                }
                if self.titles_early() {
                    self.head();
                }
            }
            Verdict::Passed => {}
        }
        // A source may be long in sending another.
        let done = self.selection.is_done() && !self.counts_beyond();
        Ok(if done || self.over || self.settings.poll { Next::Stop } else { Next::More })
    }
}
