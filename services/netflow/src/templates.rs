//! The templates there are: for each exporter and observation domain, for half an hour after they came last.

use std::collections::HashMap;
use std::net::IpAddr;

use record::Stamp;

use crate::Exporter;

/// Nanoseconds for which a template is good (chapter 1.7).
const LIFE: i64 = 1_800_000_000_000;
/// Templates kept, of all exporters.
const MAX_TEMPLATES: usize = 4096;
/// Fields of all templates together.
const MAX_FIELDS: usize = 1 << 18;
/// Exporters and domains whose start is kept.
const MAX_STARTS: usize = 4096;

/// Where templates of one kind are told apart: who exports, and for which domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Scope {
    address: IpAddr,
    /// 0 for version 9, whose exporters are known by address alone.
    port: u16,
    ipfix: bool,
    /// Source id or observation domain.
    domain: u32,
}

impl Scope {
    pub fn new(exporter: Exporter, ipfix: bool, domain: u32) -> Scope {
        Scope { address: exporter.address, port: if ipfix { exporter.port } else { 0 }, ipfix, domain }
    }
}

/// A field of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Information element.
    pub element: u16,
    /// Octets; 65535 is a length of its own in each record.
    pub length: u16,
    /// Enterprise number; 0 is the registry of IANA.
    pub enterprise: u32,
}

/// A length that each record states for itself.
pub(crate) const VARIABLE: u16 = 0xffff;

#[derive(Debug)]
pub(crate) struct Template {
    pub fields: Box<[Field]>,
    /// Whether its data are about the exporter and not flows.
    pub options: bool,
    /// The least octets of a record.
    pub least: usize,
    /// When it came last.
    refreshed: Stamp,
}

#[derive(Debug, Default)]
pub(crate) struct Templates {
    all: HashMap<(Scope, u16), Template>,
    fields: usize,
    /// When devices started, milliseconds since 1970.
    starts: HashMap<Scope, u64>,
    forgotten: u64,
}

impl Templates {
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Defines a template anew.
    pub fn define(&mut self, scope: Scope, id: u16, fields: Vec<Field>, options: bool, now: Stamp) {
        self.withdraw(scope, id);
        while self.all.len() >= MAX_TEMPLATES || self.fields + fields.len() > MAX_FIELDS {
            // Rare: only a flood of definitions comes here.
            let Some(oldest) =
                self.all.iter().min_by_key(|(_, template)| template.refreshed).map(|(key, _)| *key)
            else {
                return;
            };
            self.withdraw(oldest.0, oldest.1);
            self.forgotten += 1;
        }
        let octets = |field: &Field| if field.length == VARIABLE { 1 } else { usize::from(field.length) };
        let least = fields.iter().map(octets).sum();
        self.fields += fields.len();
        self.all.insert((scope, id), Template { fields: fields.into(), options, least, refreshed: now });
    }

    /// Forgets a template.
    pub fn withdraw(&mut self, scope: Scope, id: u16) {
        if let Some(old) = self.all.remove(&(scope, id)) {
            self.fields -= old.fields.len();
        }
    }

    /// Forgets all templates of a scope that are of one kind.
    pub fn withdraw_all(&mut self, scope: Scope, options: bool) {
        let fields = &mut self.fields;
        self.all.retain(|(of, _), template| {
            let kept = *of != scope || template.options != options;
            if !kept {
                *fields -= template.fields.len();
            }
            kept
        });
    }

    /// The template of a data set, unless it is too old.
    pub fn find(&self, scope: Scope, id: u16, now: Stamp) -> Option<&Template> {
        self.all.get(&(scope, id)).filter(|template| now.since(template.refreshed) <= LIFE)
    }

    /// When the device started, milliseconds since 1970, as an options record said.
    pub fn start(&self, scope: Scope) -> Option<u64> {
        self.starts.get(&scope).copied()
    }

    pub fn set_start(&mut self, scope: Scope, millis: u64) {
        if self.starts.len() < MAX_STARTS || self.starts.contains_key(&scope) {
            self.starts.insert(scope, millis);
        }
    }
}
