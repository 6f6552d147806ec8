//! Flow records out of packets that carry NetFlow or IPFIX (`-r cisco:file`, foreign formats chapter, 1.13).

use std::path::{Path, PathBuf};

use flow::{Sink, Time};
use netflow::{Decoder, Exporter};
use packet::{Network, Summary};
use record::{Form, Stamp, Version};

const UDP: u8 = 17;

/// What a word after `-r` names: the file, and whether the exports in it are wanted. Only a prefix counts: `./cisco:x` is
/// a file of that name.
pub fn split(word: &Path) -> (PathBuf, bool) {
    match word.to_str().and_then(|text| text.strip_prefix("cisco:")) {
        Some(path) => (PathBuf::from(path), true),
        None => (word.to_owned(), false),
    }
}

/// Reads exports out of packets and passes them on as records.
pub struct Exports {
    decoder: Decoder,
    version: Version,
    record: Vec<u8>,
    /// Records passed on since they were last asked for.
    records: u64,
}

impl Exports {
    /// Records will be of `version`.
    pub fn new(version: Version) -> Exports {
        Exports { decoder: Decoder::new(), version, record: Vec::new(), records: 0 }
    }

    /// Takes the flows of a packet, when it carries some.
    pub fn packet(&mut self, time: Time, summary: &Summary<'_>, outlet: &mut impl Sink) {
        let Network::Ip(ip) = &summary.network else { return };
        if ip.protocol != UDP || ip.fragment.is_some() || !Decoder::is_export(summary.user) {
            return;
        }
        let exporter = Exporter { address: ip.addresses.source(), port: ip.ports.0 };
        let received = Stamp::from_sec_nsec(time.seconds(), time.subsec_nanos());
        let (version, record, records) = (self.version, &mut self.record, &mut self.records);
        self.decoder.decode(exporter, received, summary.user, |export| {
            record.clear();
            if export.to_record(None).encode(Form::Sensor, version, record).is_ok() {
                outlet.record(record);
                *records += 1;
            }
        });
    }

    /// Records passed on since this was last asked.
    pub fn take_records(&mut self) -> u64 {
        std::mem::take(&mut self.records)
    }

    /// What could not be read, in a line.
    pub fn told(&self) -> Option<String> {
        self.decoder.counters().told()
    }
}
