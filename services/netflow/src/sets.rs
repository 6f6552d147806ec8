//! NetFlow v9 and IPFIX: datagrams of sets, which define templates or hold data (chapters 1.7, 1.8).

use record::Stamp;

use crate::export::Export;
use crate::fields::{Element, Times};
use crate::templates::{Field, Scope, Templates, VARIABLE};
use crate::{Clock, Counters, Exporter, Give, be16, be32};

pub(crate) const V9_HEADER: usize = 20;
pub(crate) const IPFIX_HEADER: usize = 16;
/// The registry of reverse elements (RFC 5103).
const REVERSE: u32 = 29_305;
/// The element that says when the device started.
const SYSTEM_INIT: u16 = 160;

/// How packets are sampled, as an options record says (chapter 1.7.1).
#[derive(Clone, Copy, Default)]
struct Sampling {
    /// Packets taken at a time; 1 where only an interval is told.
    taken: u64,
    /// Packets passed over in between.
    passed: u64,
    /// One packet of so many.
    interval: u64,
}

impl Sampling {
    fn option(&mut self, element: u16, value: u64) {
        match element {
            34 | 50 => self.interval = self.interval.max(value),
            305 => self.taken = value,
            306 => self.passed = value,
            _ => {}
        }
    }

    /// One packet of so many; 0 when nothing was told.
    fn rate(self) -> u32 {
        let spaced = self.taken.saturating_add(self.passed).checked_div(self.taken).unwrap_or(0);
        u32::try_from(self.interval.max(spaced)).unwrap_or(u32::MAX)
    }
}

struct Message<'a> {
    templates: &'a mut Templates,
    exporter: Exporter,
    scope: Scope,
    ipfix: bool,
    received: Stamp,
    clock: Clock,
    counters: &'a mut Counters,
    /// Data records so far, unless some could not be counted.
    records: Option<u32>,
}

/// Decodes a datagram; returns its data records, unless some could not be counted.
pub(crate) fn decode_v9(
    templates: &mut Templates,
    exporter: Exporter,
    received: Stamp,
    payload: &[u8],
    counters: &mut Counters,
    give: Give<'_>,
) -> Option<Option<u32>> {
    let clock = Clock { uptime: be32(payload, 4), now: i64::from(be32(payload, 8)?) * 1_000_000_000 };
    let scope = Scope::new(exporter, false, be32(payload, 16)?);
    let sets = payload.get(V9_HEADER..)?;
    let mut message =
        Message { templates, exporter, scope, ipfix: false, received, clock, counters, records: Some(0) };
    message.sets(sets, give);
    Some(message.records)
}

/// Decodes a datagram; returns its data records, unless some could not be counted.
pub(crate) fn decode_ipfix(
    templates: &mut Templates,
    exporter: Exporter,
    received: Stamp,
    payload: &[u8],
    counters: &mut Counters,
    give: Give<'_>,
) -> Option<Option<u32>> {
    let scope = Scope::new(exporter, true, be32(payload, 12)?);
    let clock = Clock { uptime: None, now: i64::from(be32(payload, 4)?) * 1_000_000_000 };
    let length = usize::from(be16(payload, 2)?);
    let whole = payload.get(..length).unwrap_or(payload);
    if length > payload.len() || length < IPFIX_HEADER {
        counters.damaged += 1;
    }
    let sets = whole.get(IPFIX_HEADER..).unwrap_or_default();
    let mut message =
        Message { templates, exporter, scope, ipfix: true, received, clock, counters, records: Some(0) };
    message.sets(sets, give);
    Some(message.records)
}

impl Message<'_> {
    fn sets(&mut self, mut rest: &[u8], give: Give<'_>) {
        // Less than a set's header is padding.
        while let (Some(id), Some(length)) = (be16(rest, 0), be16(rest, 2)) {
            let Some(body) = rest.get(4..usize::from(length)) else {
                self.counters.damaged += 1;
                self.records = None;
                return;
            };
            match (id, self.ipfix) {
                (0, false) | (2, true) => self.define(body, false),
                (1, false) => self.define_options_v9(body),
                (3, true) => self.define(body, true),
                (256.., _) => self.data(id, body, give),
                _ => {}
            }
            rest = rest.get(usize::from(length)..).unwrap_or_default();
        }
    }

    /// Templates of version 9, templates and options templates of IPFIX.
    fn define(&mut self, mut body: &[u8], options: bool) {
        while let (Some(id), Some(count)) = (be16(body, 0), be16(body, 2)) {
            if id < 256 {
                // Padding, or the withdrawal of all.
                if self.ipfix && count == 0 && id == if options { 3 } else { 2 } {
                    self.templates.withdraw_all(self.scope, options);
                }
                return;
            }
            if count == 0 {
                self.templates.withdraw(self.scope, id);
                body = body.get(4..).unwrap_or_default();
                continue;
            }
            // An options template also says how many of its fields are the scope.
            let at = if options { 6 } else { 4 };
            let Some((fields, used)) = self.fields(body.get(at..).unwrap_or_default(), usize::from(count))
            else {
                self.counters.damaged += 1;
                return;
            };
            self.keep(id, fields, options);
            body = body.get(at + used..).unwrap_or_default();
        }
    }

    fn define_options_v9(&mut self, mut body: &[u8]) {
        while let (Some(id), Some(scope), Some(option)) = (be16(body, 0), be16(body, 2), be16(body, 4)) {
            if id < 256 {
                return;
            }
            let (scope, option) = (usize::from(scope), usize::from(option));
            let specs = body.get(6..6 + scope + option);
            let scopes = specs.and_then(|specs| self.fields(specs, scope / 4));
            let fields = specs.and_then(|specs| self.fields(specs.get(scope..)?, option / 4));
            let (Some((mut all, _)), Some((fields, _))) = (scopes, fields) else {
                self.counters.damaged += 1;
                return;
            };
            // The types of a scope are numbered apart from the elements.
            all.iter_mut().for_each(|field| field.enterprise = u32::MAX);
            all.extend(fields);
            self.keep(id, all, true);
            body = body.get(6 + scope + option..).unwrap_or_default();
        }
    }

    /// Field specifiers, and how many octets they take. Their number is bounded by the octets there are.
    fn fields(&self, body: &[u8], count: usize) -> Option<(Vec<Field>, usize)> {
        let mut fields = Vec::with_capacity(count.min(body.len() / 4));
        let mut at = 0;
        for _ in 0..count {
            let (element, length) = (be16(body, at)?, be16(body, at + 2)?);
            at += 4;
            let mut enterprise = 0;
            if self.ipfix && element & 0x8000 != 0 {
                enterprise = be32(body, at)?;
                at += 4;
            }
            let element = if self.ipfix { element & 0x7fff } else { element };
            fields.push(Field { element, length, enterprise });
        }
        Some((fields, at))
    }

    fn keep(&mut self, id: u16, fields: Vec<Field>, options: bool) {
        self.templates.define(self.scope, id, fields, options, self.received);
    }

    fn data(&mut self, id: u16, body: &[u8], give: Give<'_>) {
        let Some(template) = self.templates.find(self.scope, id, self.received) else {
            self.counters.without_template += 1;
            self.records = None;
            return;
        };
        // A template whose records have no length would give records without end.
        if template.least == 0 {
            self.counters.damaged += 1;
            self.records = None;
            return;
        }
        let start = self.templates.start(self.scope);
        let clock = match start {
            // Uptimes are relative to the start that was told.
            Some(millis) if self.ipfix => Clock {
                uptime: Some(0),
                now: i64::try_from(millis).unwrap_or(0).min(i64::MAX / 2_000_000) * 1_000_000,
            },
            _ => self.clock,
        };
        let (mut told_start, mut sampling) = (None, Sampling::default());
        let mut rest = body;
        while rest.len() >= template.least {
            let mut export = Export { exporter: self.exporter.address, ..Export::default() };
            let mut times = Times::default();
            let mut at = 0;
            let mut whole = true;
            for field in &template.fields {
                let length = match (self.ipfix, field.length) {
                    (true, VARIABLE) => variable(rest, &mut at),
                    (_, length) => Some(usize::from(length)),
                };
                let Some(value) = length.and_then(|length| rest.get(at..at + length)) else {
                    whole = false;
                    break;
                };
                at += value.len();
                if template.options {
                    if field.enterprise == 0 {
                        let number = crate::fields::number(value);
                        if field.element == SYSTEM_INIT {
                            told_start = Some(number);
                        }
                        sampling.option(field.element, number);
                    }
                    continue;
                }
                match field.enterprise {
                    0 => {
                        Element { number: field.element, value, reverse: false }.put(&mut export, &mut times)
                    }
                    REVERSE => {
                        Element { number: field.element, value, reverse: true }.put(&mut export, &mut times)
                    }
                    _ => {}
                }
            }
            if !whole {
                self.counters.damaged += 1;
                self.records = None;
                break;
            }
            self.records = self.records.map(|records| records.saturating_add(1));
            self.counters.sampling = self.counters.sampling.max(sampling.rate());
            rest = rest.get(at..).unwrap_or_default();
            if !template.options {
                times.settle(&mut export, clock, self.clock.now);
                export.icmp_from_port();
                give(&export);
            }
        }
        if let Some(millis) = told_start {
            self.templates.set_start(self.scope, millis);
        }
    }
}

/// The length that a record states for a field: an octet below 255, or 255 and two octets.
fn variable(record: &[u8], at: &mut usize) -> Option<usize> {
    match crate::byte(record, *at)? {
        255 => {
            let length = be16(record, *at + 1)?;
            *at += 3;
            Some(usize::from(length))
        }
        length => {
            *at += 1;
            Some(usize::from(length))
        }
    }
}
