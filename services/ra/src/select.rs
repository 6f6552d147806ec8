//! From the record as read to the verdict on it: direction, parts, filter, time, user data, label, ordinal.

use crate::looked::LookedUp;
use crate::range::{Counted, RecordRange};
use crate::settings::{FilterPlace, Settings};
use crate::sieve::Sieve;
use crate::variables::{DirectionStage, LocalDirection};
use field::{Localities, Services, Side};
use filter::{FilesAndResolver, Filter, Names};
use record::dsr::flow::{DIRECTION, FlowKey, Ipv4Key, address};
use record::dsr::network::{status, subtype};
use record::{Index, RecordView};
use regex::bytes::Regex;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use stream::TimeRange;

/// Bits of a key's qualifier that say what its addresses are.
const ADDRESS_TYPE: u8 = 0x1F;
const ICMP: u8 = 1;
const TCP: u8 = 6;

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Wanted; its ordinal among the flows that are shown, 0 before the first.
    Wanted(u64),
    /// The filter does not want it.
    Rejected,
    /// Something else does not want it.
    Passed,
    /// A flow that the range of records does not want.
    Outside,
    /// Nothing more is wanted.
    Enough,
}

/// Side of the user data that a regular expression looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sides {
    Both,
    Source,
    Destination,
}

/// Chooses records.
pub struct Selection {
    filter: Filter,
    time: Option<TimeRange>,
    regex: Option<(Sides, Regex)>,
    label: Option<Regex>,
    range: Option<RecordRange>,
    stages: Vec<DirectionStage>,
    services: Services,
    /// Ports that 3.0.8 takes for services too.
    looked: Option<LookedUp>,
    localities: Option<Arc<Localities>>,
    local_direction: Option<LocalDirection>,
    correct: bool,
    compat: bool,
    later: bool,
    /// Flows that have passed so far.
    passed: u64,
    /// Records that have passed the filter, management records among them.
    matched: u64,
    /// What 3.0.8 counts, see [`Selection::historic`].
    counted: u64,
    /// Whether the time range dropped the last record.
    too_early_or_late: bool,
    /// Flows that the range of records has passed over.
    skipped: u64,
    /// Whether that count has come to the end of the range.
    ended: bool,
}

/// Where in its stream a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The first stream begins with it.
    First,
    /// A later stream begins with it.
    Later,
    /// Within a stream.
    Within,
}

impl Selection {
    /// Makes ready what the settings ask for.
    ///
    /// # Errors
    /// One line: an expression that cannot be understood.
    pub fn new(settings: &Settings) -> Result<Selection, String> {
        let compat = settings.style.compat;
        let expression = settings.expression();
        if let Some((FilterPlace::Display, text)) = &settings.filter {
            compile(settings, text)?;
        }
        let time = match &settings.time {
            None => None,
            Some(text) => {
                let now = jiff::Timestamp::now().to_zoned(settings.style.zone.clone());
                Some(TimeRange::parse(text, &now, compat).map_err(|error| error.to_string())?)
            }
        };
        let regex = settings.regex.as_deref().map(user_data_regex).transpose()?;
        let label = settings.label.as_deref().map(expression_of).transpose()?;
        // 3.0.8 looks for the direction in what it would print, of which XML has none.
        let blind = compat && settings.style.form == field::style::Form::Xml;
        let stages = if settings.rmon || blind { Vec::new() } else { settings.port_direction.clone() };
        let services =
            if stages.contains(&DirectionStage::Services) { Services::load() } else { Services::none() };
        Ok(Selection {
            filter: compile(settings, expression)?,
            time,
            regex,
            label,
            // 3.0.8 looks for the end of a range behind its beginning.
            range: settings.range.map(|range| match range.counted {
                Counted::Input if compat && range.last > 0 => {
                    RecordRange { last: range.last.max(range.first), ..range }
                }
                _ => range,
            }),
            looked: LookedUp::new(settings).filter(|_| !stages.is_empty()),
            stages,
            services,
            localities: settings.style.localities.clone(),
            local_direction: settings.local_direction.filter(|_| !settings.rmon),
            correct: settings.correct,
            compat,
            later: settings.style.later,
            passed: 0,
            matched: 0,
            counted: 0,
            too_early_or_late: false,
            skipped: 0,
            ended: false,
        })
    }

    /// Records that have passed the filter.
    pub fn matched(&self) -> u64 {
        self.matched
    }

    /// Counts a record behind the range of rows, as 3.0.8 does: one that passes the filter, or that a stream begins
    /// with. Gives the ordinal of the latest flow, if it has been counted.
    pub fn count_beyond(&mut self, view: &RecordView<'_>, begins: bool) -> Option<u64> {
        let counts = begins || self.filter.matches(view);
        self.counted += u64::from(counts);
        counts.then(|| self.ordinal())
    }

    /// Notes that a record is printed.
    pub fn note_printed(&mut self, view: &RecordView<'_>) {
        if let Some(looked) = &mut self.looked {
            looked.note(view);
        }
    }

    /// A sieve for what is chosen, when nothing but the filter and a time range chooses records, by what they are before
    /// any option but that for ports turns them round. `takes`: those that are chosen are taken unseen.
    pub fn sieve(&self, takes: bool) -> Option<Sieve> {
        let Selection { filter, time, regex, label, range, stages, .. } = self;
        let only = regex.is_none() && label.is_none() && range.is_none();
        let as_read = self.correct && self.localities.is_none() && self.local_direction.is_none();
        // Where all is looked at, nothing is gained by a glance.
        let gains = takes || time.is_some() || !filter.accepts_everything();
        let by_ports = !stages.is_empty();
        let may_turn = match by_ports {
            true => |view: &RecordView<'_>| may_need_repair(view) || is_of_unknown_direction(view),
            false => may_need_repair,
        };
        (only && as_read && gains).then(|| Sieve::new(filter, time.as_ref(), by_ports, may_turn, takes))
    }

    /// Notes that a record has passed the filter which the sieve's time range dropped.
    pub fn notice(&mut self) {
        self.matched += 1;
    }

    /// Notes flows that [`Selection::sieve`] has taken.
    pub fn count(&mut self, flows: u64) {
        self.matched += flows;
        self.passed += flows;
    }

    /// Whether nothing can be wanted any more. To 3.0.8 an output range that ends at 0 does not end.
    pub fn is_done(&self) -> bool {
        self.range.is_some_and(|range| match self.counts_all() {
            true => self.ended || range.last == 0,
            false => self.passed >= range.last && (range.last > 0 || !self.compat),
        })
    }

    /// Whether the range of records counts as 3.0.8 counts what it reads.
    fn counts_all(&self) -> bool {
        self.compat && self.range.is_some_and(|range| range.counted == Counted::Input)
    }

    /// Records that have passed, as 3.0.8 counts them: management records too, but for the first, and those that the
    /// time range drops.
    pub fn counted(&self) -> u64 {
        self.counted
    }

    /// A record as it is to be looked at: with what is known of its ends, its direction put right.
    pub fn prepare<'a>(&self, view: RecordView<'a>, notes: &'a mut Vec<u8>) -> RecordView<'a> {
        let annotated = self.localities.as_ref().and_then(|localities| localities.annotate(&view, notes));
        let mut view = annotated.unwrap_or(view);
        self.repair(&mut view);
        view
    }

    /// Puts the record's direction right, as every reader does before it looks at a record.
    pub fn repair(&self, view: &mut RecordView<'_>) {
        if !self.correct {
            return;
        }
        if may_need_repair(view) {
            // 3.0.8 turns a lone ICMP reply only when a header of it was kept.
            let lone = self.compat && view.proto() == Some(ICMP) && view.network().is_none();
            // 5.0.3 turns none.
            let never = self.later && view.proto() == Some(ICMP);
            if !lone && !never {
                view.repair_direction();
            }
        }
        if self.stages.is_empty() && self.local_direction.is_none() {
            return;
        }
        let unknown = is_of_unknown_direction(view);
        let known_by_port = unknown && self.repair_by_port(view);
        let open = unknown && !known_by_port;
        let turned = match self.local_direction {
            Some(LocalDirection::Place { nearer, force }) if force || open => {
                let local = view.local().filter(|_| view.kind().is_flow());
                local.is_some_and(|local| match nearer {
                    Side::Src => local.dst > local.src,
                    Side::Dst => local.src > local.dst,
                })
            }
            Some(LocalDirection::Time) if open => {
                let times = view.times();
                matches!((times.src, times.dst), (Some((src, _)), Some((dst, _))) if dst < src)
            }
            _ => false,
        };
        if turned {
            view.turn();
        }
    }

    /// The ports say who has been asked; tells whether they do.
    fn repair_by_port(&self, view: &mut RecordView<'_>) -> bool {
        let mut known_by_port = false;
        for stage in &self.stages {
            let (Some(src), Some(dst)) = (view.src_port(), view.dst_port()) else { return known_by_port };
            let turn = match stage {
                DirectionStage::Services => {
                    let looked = self.looked.as_ref();
                    let known = |port| {
                        self.services.name(TCP, port).is_some()
                            || looked.is_some_and(|looked| looked.knows(port))
                    };
                    match (known(src), known(dst)) {
                        (true, false) => Some(true),
                        (false, true) => Some(false),
                        (true, true) => Some(src < dst),
                        (false, false) => None,
                    }
                }
                DirectionStage::WellKnown => {
                    (src != 0 && dst != 0 && (src < 1024 || dst < 1024)).then_some(src < dst)
                }
                DirectionStage::Registered => {
                    let registered = |port| (1024..=49_151).contains(&port);
                    (registered(src) || registered(dst)).then_some(src < dst)
                }
            };
            known_by_port |= turn.is_some();
            if turn == Some(true) {
                view.turn();
            }
        }
        known_by_port
    }

    /// The verdict on a record whose direction is right.
    pub fn verdict(&mut self, view: &RecordView<'_>, place: Place) -> Verdict {
        if self.is_done() {
            return Verdict::Enough;
        }
        if self.compat { self.historic(view, place) } else { self.judge(view) }
    }

    /// 3.0.8 counts management records with the flows, and those with which later streams begin whatever the filter
    /// says. It looks for the end of a range of records behind each of the others.
    fn historic(&mut self, view: &RecordView<'_>, place: Place) -> Verdict {
        let ranged = self.counts_all();
        if place == Place::Later {
            // A stream without records behind its first does not hide the end.
            if self.range.is_some_and(|range| ranged && self.counted >= range.last) {
                self.ended = true;
                return Verdict::Enough;
            }
            self.counted += 1;
            self.matched += 1;
            let hidden = ranged && self.range.is_some_and(|range| self.counted < range.first);
            return if hidden { Verdict::Passed } else { self.judge(view) };
        }
        let matched = self.matched;
        self.too_early_or_late = false;
        let mut verdict = self.judge(view);
        if place == Place::First {
            // It is one that matches only where there is no filter.
            if !self.filter.accepts_everything() {
                self.matched = matched;
            }
            let hidden = ranged && self.range.is_some_and(|range| range.first > 0);
            return if hidden { Verdict::Passed } else { verdict };
        }
        if matches!(verdict, Verdict::Wanted(_) | Verdict::Outside) || self.too_early_or_late {
            self.counted += 1;
        }
        let Some(range) = self.range.filter(|_| ranged) else { return verdict };
        if let Verdict::Wanted(ordinal) = &mut verdict {
            if self.counted < range.first {
                self.skipped += u64::from(!view.kind().is_mar());
                verdict = Verdict::Passed;
            } else {
                *ordinal = self.passed - self.skipped;
            }
        }
        self.ended = self.counted >= range.last;
        verdict
    }

    fn judge(&mut self, view: &RecordView<'_>) -> Verdict {
        // 5.0.3 counts what it reads, before it looks at the filter.
        let counted_first = self.later && self.range.is_some_and(|range| range.counted == Counted::Input);
        if counted_first && !view.kind().is_mar() {
            self.passed += 1;
            if self.range.is_some_and(|range| self.passed < range.first) {
                return Verdict::Passed;
            }
        }
        if !self.filter.accepts_everything() && !self.filter.matches(view) {
            return Verdict::Rejected;
        }
        let management = view.kind().is_mar();
        if self
            .regex
            .as_ref()
            .is_some_and(|(sides, regex)| !in_user_data(view, *sides, regex, self.compat || self.later))
        {
            return Verdict::Passed;
        }
        // To 3.0.8 a record that passes the filter is one that matches, whatever its label.
        self.matched += u64::from(self.compat);
        if self.label.as_ref().is_some_and(|regex| !in_label(view, regex)) {
            return Verdict::Passed;
        }
        self.matched += u64::from(!self.compat);
        if let Some(time) = &self.time {
            self.too_early_or_late = match view.mar() {
                Some(mar) => !time.matches_mar(mar.now.0),
                None => !time.matches(view.start().micros(), view.end().micros()),
            };
            if self.too_early_or_late {
                // 3.0.8 counts what the time range drops among the rejected.
                return if self.compat { Verdict::Rejected } else { Verdict::Passed };
            }
        }
        if management {
            return Verdict::Wanted(self.ordinal());
        }
        self.passed += u64::from(!counted_first);
        match self.range {
            Some(range) if self.passed < range.first && !self.counts_all() => Verdict::Outside,
            _ => Verdict::Wanted(self.ordinal()),
        }
    }

    /// Ordinal of the latest flow.
    fn ordinal(&self) -> u64 {
        match self.range {
            Some(RecordRange { counted: Counted::Input, first, .. }) => {
                (self.passed + 1).saturating_sub(first.max(1))
            }
            _ => self.passed,
        }
    }
}

/// Whether a record can be one that readers turn round: a look at a few octets spares most records the rest.
fn may_need_repair(view: &RecordView<'_>) -> bool {
    let Some(&[_, _, qualifier, _, _, _, _, _, _, _, _, _, protocol, ..]) = view.dsr(Index::Flow) else {
        return false;
    };
    if qualifier & ADDRESS_TYPE != address::IPV4 {
        return false;
    }
    match (protocol, view.dsr(Index::Network)) {
        (TCP, Some(&[_, subtype::TCP_PERF, _, _, _, _, _, word, ..])) => {
            u32::from(word) & (status::SAW_SYN | status::SAW_SYN_SENT) == status::SAW_SYN_SENT
        }
        (ICMP, _) => qualifier & DIRECTION != 0,
        _ => false,
    }
}

/// Names as the system knows them, and those that were given to source ids.
struct Given<'s> {
    /// Id and name.
    aliases: Option<&'s BTreeMap<String, String>>,
}

impl Names for Given<'_> {
    fn host(&self, name: &str) -> Vec<IpAddr> {
        FilesAndResolver.host(name)
    }

    fn service(&self, name: &str) -> Vec<(u8, u16)> {
        FilesAndResolver.service(name)
    }

    fn protocol(&self, name: &str) -> Option<u8> {
        FilesAndResolver.protocol(name)
    }

    fn network(&self, name: &str) -> Option<Ipv4Addr> {
        FilesAndResolver.network(name)
    }

    fn ether(&self, name: &str) -> Option<[u8; 6]> {
        FilesAndResolver.ether(name)
    }

    fn source_ids(&self, name: &str) -> Vec<String> {
        let aliases = self.aliases.into_iter().flatten();
        aliases.filter(|(_, given)| *given == name).map(|(id, _)| id.clone()).collect()
    }
}

/// Whether it is IPv4 TCP of which the beginning was not seen.
fn is_of_unknown_direction(view: &RecordView<'_>) -> bool {
    let Some(FlowKey::Ipv4(Ipv4Key { proto: TCP, .. })) = view.flow().map(|flow| flow.key) else {
        return false;
    };
    view.tcp_status().is_some_and(|state| state & (status::SAW_SYN | status::SAW_SYN_SENT) == 0)
}

/// Compiles a filter as the settings want it.
///
/// # Errors
/// One line that says what is wrong and where.
pub fn compile(settings: &Settings, text: &str) -> Result<Filter, String> {
    let names = Given { aliases: settings.style.aliases.as_deref() };
    let options = filter::Options {
        names: &names,
        compat: settings.style.compat.then_some(filter::Compat::V3_0_8),
        optimised: settings.optimised,
        precision: settings.style.precision.min(255) as u8,
        code_points: if settings.style.disa {
            filter::CodePoints::Disa
        } else {
            filter::CodePoints::Standard
        },
        ..filter::Options::default()
    };
    Filter::parse_with(text, &options).map_err(|error| {
        if settings.style.compat {
            return format!("filter syntax error: '{text}': {error}");
        }
        // The place in the text, under the message.
        format!("filter syntax error: {error}\n{}", error.caret(text))
    })
}

fn user_data_regex(text: &str) -> Result<(Sides, Regex), String> {
    let (sides, expression) = match text.as_bytes() {
        [b's', b':', ..] => (Sides::Source, &text[2..]),
        [b'd', b':', ..] => (Sides::Destination, &text[2..]),
        _ => (Sides::Both, text),
    };
    Ok((sides, expression_of(expression)?))
}

fn expression_of(text: &str) -> Result<Regex, String> {
    regex::bytes::RegexBuilder::new(text).unicode(false).size_limit(1 << 20).build().map_err(|error| {
        let text = format!("regular expression '{text}' cannot be understood");
        let error = error.to_string();
        // What is above its last line draws the place.
        match error.lines().last().and_then(|line| line.strip_prefix("error: ")) {
            Some(reason) => format!("{text}: {reason}"),
            None => text,
        }
    })
}

/// Looks at captured octets; with `by_string` at each string of C that they hold.
fn in_user_data(view: &RecordView<'_>, sides: Sides, regex: &Regex, by_string: bool) -> bool {
    let found = |data: Option<record::dsr::data::DataView<'_>>| {
        data.is_some_and(|data| match by_string {
            false => regex.is_match(data.bytes),
            true => {
                let strings = data.bytes.strip_suffix(&[0]).unwrap_or(data.bytes);
                strings.split(|&byte| byte == 0).any(|string| regex.is_match(string))
            }
        })
    };
    (sides != Sides::Destination && found(view.src_data()))
        || (sides != Sides::Source && found(view.dst_data()))
}

fn in_label(view: &RecordView<'_>, regex: &Regex) -> bool {
    view.label().is_some_and(|label| regex.is_match(label.text))
}
