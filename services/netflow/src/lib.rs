//! Decodes export datagrams of NetFlow v1, v5, v6, v7, v8, v9 and IPFIX into argus records.
//!
//! A [`Decoder`] is handed datagrams with the address they came from and gives an [`Export`] for each flow in them, which
//! [`Export::to_record`] makes a record of class NetFlow. It never fails as a whole: what cannot be decoded (an unknown
//! version, a set without its template, a record that is cut) is counted in [`Counters`] and passed over. Templates are
//! kept for each exporter and observation domain, and bounded. Foreign formats chapter, part 1.
//!
//! | file | what |
//! |---|---|
//! | `fixed` | versions 1 to 8: records of one layout |
//! | `sets` | version 9 and IPFIX: sets, templates, data |
//! | `templates` | what templates there are, for how long |
//! | `sequence` | what numbers come next |
//! | `fields` | what each information element means |
//! | `file` | datagrams one after the other in a file |
//! | `export` | a flow as it was exported; its record |

#![forbid(unsafe_code)]

mod export;
mod fields;
mod file;
mod fixed;
mod sequence;
mod sets;
mod templates;

use std::net::{IpAddr, Ipv4Addr};

use record::Stamp;

pub use export::{Export, Side};
pub use file::Datagrams;
use sequence::{Sequences, Stream};
use templates::Templates;

/// Who sent a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Exporter {
    /// Its address; unspecified when none is known, as in a file of bare datagrams.
    pub address: IpAddr,
    /// Its UDP port; IPFIX keeps templates for each.
    pub port: u16,
}

impl Exporter {
    /// Nobody in particular.
    pub const UNKNOWN: Exporter = Exporter { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), port: 0 };
}

/// What a decoder has met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams of a known version.
    pub datagrams: u64,
    /// Flows given.
    pub flows: u64,
    /// Datagrams of an unknown version, or too short for their header.
    pub unknown: u64,
    /// Data sets whose template is not known, or expired.
    pub without_template: u64,
    /// Sets and records that are cut or wrong.
    pub damaged: u64,
    /// Templates that were forgotten to keep memory bounded.
    pub forgotten: u64,
    /// Flows that were exported and did not come, by the sequence numbers of versions 5 to 8 and IPFIX.
    pub missed_flows: u64,
    /// Datagrams that did not come, by the sequence numbers of version 9.
    pub missed_datagrams: u64,
    /// The highest rate at which an exporter says it samples: one packet of so many; 0 when none does. Counts are not
    /// multiplied by it.
    pub sampling: u32,
}

impl Counters {
    /// What could not be read, in a line; `None` when everything was.
    pub fn told(&self) -> Option<String> {
        let Counters { datagrams, unknown, without_template, damaged, forgotten, .. } = self;
        if *datagrams == 0 {
            return Some("no NetFlow in it".to_owned());
        }
        let mut parts = Vec::new();
        if unknown + without_template + damaged + forgotten > 0 {
            parts.push(format!(
                "of {datagrams} export datagrams not read: {without_template} sets without a template, {damaged} \
                 damaged parts; {forgotten} templates forgotten"
            ));
        }
        if self.missed_flows + self.missed_datagrams > 0 {
            let (flows, datagrams) = (self.missed_flows, self.missed_datagrams);
            parts.push(format!("missing by sequence numbers: {flows} flows, {datagrams} datagrams"));
        }
        if self.sampling > 1 {
            parts.push(format!("sampled, up to 1 packet of {}: counts are as exported", self.sampling));
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// Decodes datagrams of any number of exporters.
#[derive(Debug, Default)]
pub struct Decoder {
    templates: Templates,
    sequences: Sequences,
    counters: Counters,
}

impl Decoder {
    /// A decoder without templates.
    pub fn new() -> Decoder {
        Decoder::default()
    }

    /// What there was so far.
    pub fn counters(&self) -> Counters {
        Counters { forgotten: self.templates.forgotten(), ..self.counters }
    }

    /// Whether these octets can be the beginning of an export datagram: a known version, and for those with a count or
    /// a length, one that fits.
    pub fn is_export(payload: &[u8]) -> bool {
        let count = be16(payload, 2);
        match be16(payload, 0) {
            Some(1 | 5..=8) => {
                fixed::sizes(payload).is_some_and(|(header, record)| match usize::from(count.unwrap_or(0)) {
                    0 => false,
                    count => payload.len() >= header + record && payload.len() >= header + record * count,
                })
            }
            Some(9) => count != Some(0) && is_set(payload, sets::V9_HEADER, |id| id < 2),
            Some(10) => {
                count.is_some_and(|octets| usize::from(octets) <= payload.len())
                    && is_set(payload, sets::IPFIX_HEADER, |id| id == 2 || id == 3)
            }
            _ => false,
        }
    }

    /// Decodes a datagram that came at `received`; `give` takes each flow of it.
    pub fn decode(
        &mut self,
        exporter: Exporter,
        received: Stamp,
        payload: &[u8],
        mut give: impl FnMut(&Export),
    ) {
        let counters = &mut self.counters;
        let flows = &mut 0;
        let mut counted = |export: &Export| {
            *flows += 1;
            give(export);
        };
        let known = match be16(payload, 0) {
            Some(1 | 5..=8) => fixed::decode(exporter, payload, counters, &mut counted),
            Some(9) => {
                sets::decode_v9(&mut self.templates, exporter, received, payload, counters, &mut counted)
            }
            Some(10) => {
                sets::decode_ipfix(&mut self.templates, exporter, received, payload, counters, &mut counted)
            }
            _ => None,
        };
        match known {
            Some(records) => {
                self.counters.datagrams += 1;
                self.follow(exporter, payload, records);
            }
            None => self.counters.unknown += 1,
        }
        self.counters.flows += *flows;
    }

    /// Notes what the datagram's sequence number says was lost before it. `records` is how many data records it has.
    fn follow(&mut self, exporter: Exporter, payload: &[u8], records: Option<u32>) {
        let version = be16(payload, 0).unwrap_or(0);
        let word = |at| be32(payload, at);
        let (number, units, domain, port) = match version {
            // Engine type and id.
            5..=8 => (word(16), records, u32::from(be16(payload, 20).unwrap_or(0)), 0),
            9 => (word(12), Some(1), word(16).unwrap_or(0), 0),
            10 => (word(8), records, word(12).unwrap_or(0), exporter.port),
            _ => return,
        };
        let Some(number) = number else { return };
        let uptime = if version == 10 { None } else { word(4) };
        let stream = Stream { address: exporter.address, version, port, domain };
        let missed = u64::from(self.sequences.take(stream, number, units, uptime));
        match version {
            9 => self.counters.missed_datagrams += missed,
            _ => self.counters.missed_flows += missed,
        }
    }
}

/// Whether a set that fits begins at a place: of templates, by its id, or of data.
fn is_set(payload: &[u8], at: usize, defines: impl Fn(u16) -> bool) -> bool {
    let (Some(id), Some(length)) = (be16(payload, at), be16(payload, at + 2)) else { return false };
    (id >= 256 || defines(id)) && length >= 4 && at + usize::from(length) <= payload.len()
}

/// Takes a flow.
type Give<'a> = &'a mut dyn FnMut(&Export);

pub(crate) fn byte(octets: &[u8], at: usize) -> Option<u8> {
    octets.get(at).copied()
}

pub(crate) fn be16(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..)?.first_chunk().map(|two| u16::from_be_bytes(*two))
}

pub(crate) fn be32(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..)?.first_chunk().map(|four| u32::from_be_bytes(*four))
}

/// The clock of an exporter as a datagram's header states it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// Milliseconds since the device started, when the header has them.
    pub uptime: Option<u32>,
    /// Nanoseconds since 1970 at that moment.
    pub now: i64,
}

impl Clock {
    /// The time of an event so many milliseconds after the device started (chapter 1.4): the difference is signed, so
    /// that the clock may have wrapped in between.
    pub fn at(self, uptime: u32) -> Option<Stamp> {
        let ahead = uptime.wrapping_sub(self.uptime?).cast_signed();
        Some(Stamp::from_nanos((self.now + i64::from(ahead) * 1_000_000).max(0)))
    }
}
