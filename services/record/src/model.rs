//! A record, owned: read from a view, edited, encoded back without loss.

mod convert;
mod dsr;

pub use dsr::Dsr;

use crate::builder::Builder;
use crate::dsr::Index;
use crate::dsr::data::Data;
use crate::dsr::encaps::Encaps;
use crate::dsr::flow::Flow;
use crate::dsr::label::Label;
use crate::dsr::metric::Metric;
use crate::dsr::network::Network;
use crate::dsr::time::{Time, Times};
use crate::dsr::transport::Transport;
use crate::dsr::{agr::Agr, asn::Asn, behavior::Behavior, cocode::CoCode, cor::Cor, geo::Geo};
use crate::dsr::{icmp::IcmpError, ipattr::IpAttr, jitter::Jitter, local::Local, mac::Mac, mpls::Mpls};
use crate::dsr::{psize::Psize, vlan::Vlan};
use crate::header::{Header, Version};
use crate::mar::Mar;
use crate::view::RecordView;
use thiserror::Error;

/// How records are laid out when they are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Form {
    /// As they are in memory: an unmodified record gives the octets it was read from.
    #[default]
    Sensor,
    /// As 3.x clients write them (section 9): key in true direction with mask lengths, relative times, packet size
    /// histogram, aggregation statistics; without the losses of the C clients.
    Client,
}

/// Why a record cannot be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// It is longer than 65 535 words.
    #[error("record of {octets} octets is longer than the format allows (262140)")]
    TooLong {
        /// Its length.
        octets: usize,
    },
}

/// A DSR and, when its model does not say everything (padding that is not zero, an unusual layout), its octets.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Slot {
    dsr: Dsr,
    raw: Option<Box<[u8]>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Body {
    Mar(Box<Mar>),
    Dsrs { slots: Vec<Slot>, tail: Vec<u8> },
    Opaque(Vec<u8>),
}

/// A record, owned. DSRs are kept as stored, in stored order and direction; reading one and encoding it again gives
/// the same octets, DSRs of unknown type and stray octets included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    header: Header,
    body: Body,
}

impl From<&RecordView<'_>> for Record {
    /// The record as stored, whatever the view shows.
    fn from(view: &RecordView<'_>) -> Record {
        let header = view.header();
        let body = if let Some(mar) = view.mar().filter(|_| header.words == 32) {
            Body::Mar(Box::new(mar))
        } else if header.kind.has_dsrs() {
            let mut scratch = Vec::new();
            let slots = view
                .dsrs()
                .map(|raw| {
                    let dsr = Dsr::parse(raw);
                    scratch.clear();
                    dsr.emit(&mut scratch);
                    Slot { dsr, raw: (scratch != raw.bytes).then(|| raw.bytes.into()) }
                })
                .collect();
            Body::Dsrs { slots, tail: view.tail().to_vec() }
        } else {
            Body::Opaque(view.bytes().get(Header::LEN..).unwrap_or(&[]).to_vec())
        };
        Record { header, body }
    }
}

impl From<RecordView<'_>> for Record {
    fn from(view: RecordView<'_>) -> Record {
        Record::from(&view)
    }
}

impl From<Mar> for Record {
    fn from(mar: Mar) -> Record {
        Record { header: mar.header, body: Body::Mar(Box::new(mar)) }
    }
}

macro_rules! access {
    ($($(#[$doc:meta])* $name:ident, $name_mut:ident: $variant:ident($model:ty);)*) => {$(
        $(#[$doc])*
        pub fn $name(&self) -> Option<&$model> {
            self.slots().iter().rev().find_map(|s| match &s.dsr {
                Dsr::$variant(d) => Some(d),
                _ => None,
            })
        }

        /// The same to change; octets that the model does not represent are dropped.
        pub fn $name_mut(&mut self) -> Option<&mut $model> {
            let Body::Dsrs { slots, .. } = &mut self.body else { return None };
            slots.iter_mut().rev().find_map(|s| match &mut s.dsr {
                Dsr::$variant(d) => {
                    s.raw = None;
                    Some(d)
                }
                _ => None,
            })
        }
    )*};
}

impl Record {
    /// A record without DSRs. For a management record use `Record::from(mar)`.
    pub fn new(header: Header) -> Record {
        let body = if header.kind.has_dsrs() {
            Body::Dsrs { slots: Vec::new(), tail: Vec::new() }
        } else {
            Body::Opaque(Vec::new())
        };
        Record { header, body }
    }

    /// The header; its `words` is what was read, [`Record::encode`] computes it anew.
    pub fn header(&self) -> Header {
        self.header
    }

    /// The header to change. A change of kind does not change the body.
    pub fn header_mut(&mut self) -> &mut Header {
        &mut self.header
    }

    /// The management record, if it is one.
    pub fn mar(&self) -> Option<&Mar> {
        match &self.body {
            Body::Mar(mar) => Some(mar),
            _ => None,
        }
    }

    /// The management record to change.
    pub fn mar_mut(&mut self) -> Option<&mut Mar> {
        match &mut self.body {
            Body::Mar(mar) => Some(mar),
            _ => None,
        }
    }

    access! {
        /// Source id and sequence number.
        transport, transport_mut: Transport(Transport);
        /// Flow key, as stored.
        flow, flow_mut: Flow(Flow);
        /// Times, as stored.
        time, time_mut: Time(Time);
        /// Packets and octets.
        metric, metric_mut: Metric(Metric);
        /// Aggregation statistics.
        agr, agr_mut: Agr(Agr);
        /// Protocol state.
        network, network_mut: Network(Network);
        /// VLAN tags.
        vlan, vlan_mut: Vlan(Vlan);
        /// MPLS labels.
        mpls, mpls_mut: Mpls(Mpls);
        /// Inter-packet times, in the unit of the TIME DSR.
        jitter, jitter_mut: Jitter(Jitter);
        /// IP attributes.
        ipattr, ipattr_mut: IpAttr(IpAttr);
        /// Packet sizes.
        psize, psize_mut: Psize(Psize);
        /// Source side user data.
        src_data, src_data_mut: SrcData(Data);
        /// Destination side user data.
        dst_data, dst_data_mut: DstData(Data);
        /// Ethernet addresses.
        mac, mac_mut: Mac(Mac);
        /// An ICMP error that quoted the flow.
        icmp, icmp_mut: Icmp(IcmpError);
        /// Encapsulations.
        encaps, encaps_mut: Encaps(Encaps);
        /// Keystrokes.
        behavior, behavior_mut: Behavior(Behavior);
        /// Correlated records.
        cor, cor_mut: Cor(Cor);
        /// Countries.
        cocode, cocode_mut: CoCode(CoCode);
        /// Label.
        label, label_mut: Label(Label);
        /// AS numbers.
        asn, asn_mut: Asn(Asn);
        /// Coordinates.
        geo, geo_mut: Geo(Geo);
        /// Locality.
        local, local_mut: Local(Local);
    }

    fn slots(&self) -> &[Slot] {
        match &self.body {
            Body::Dsrs { slots, .. } => slots,
            _ => &[],
        }
    }

    /// All DSRs in stored order.
    pub fn dsrs(&self) -> impl Iterator<Item = &Dsr> {
        self.slots().iter().map(|s| &s.dsr)
    }

    /// Puts a DSR in: in place of the last one of its kind, else where the order of section 5.2 wants it. Nothing
    /// happens on a record without DSRs.
    pub fn set(&mut self, dsr: Dsr) {
        let Body::Dsrs { slots, .. } = &mut self.body else { return };
        let index = dsr.index();
        let slot = Slot { dsr, raw: None };
        if let Some(old) = slots.iter_mut().rev().find(|s| index.is_some() && s.dsr.index() == index) {
            *old = slot;
            return;
        }
        let at = slots.iter().position(|s| s.dsr.index() > index && index.is_some()).unwrap_or(slots.len());
        slots.insert(at, slot);
    }

    /// Takes all DSRs of a kind out.
    pub fn remove(&mut self, index: Index) {
        if let Body::Dsrs { slots, .. } = &mut self.body {
            slots.retain(|s| s.dsr.index() != Some(index));
        }
    }

    /// Times by side, as readers show them; as stored, that is in direction of the counters.
    pub fn times(&self) -> Times {
        self.time().map(|t| t.resolve(self.metric(), self.icmp().is_some())).unwrap_or_default()
    }

    /// Appends the record in the given layout and version to `out`. A record of the same version in [`Form::Sensor`]
    /// keeps its octets; see [`Record::to_version`] and [`Record::to_client`] for what else changes.
    pub fn encode(&self, form: Form, version: Version, out: &mut Vec<u8>) -> Result<usize, EncodeError> {
        if form == Form::Client {
            return self.clone().into_client().encode(Form::Sensor, version, out);
        }
        if version != self.header.version() {
            return self.clone().into_version(version).encode_as_is(out);
        }
        self.encode_as_is(out)
    }

    fn encode_as_is(&self, out: &mut Vec<u8>) -> Result<usize, EncodeError> {
        let mut record = Builder::with_header(out, self.header);
        match &self.body {
            Body::Mar(mar) => {
                let at = record.buffer().len() - Header::LEN;
                record.buffer().truncate(at);
                Mar { header: self.header, ..(**mar).clone() }.emit(record.buffer());
            }
            Body::Dsrs { slots, tail } => {
                for slot in slots {
                    match &slot.raw {
                        Some(raw) => record.buffer().extend_from_slice(raw),
                        None => slot.dsr.emit(record.buffer()),
                    }
                }
                record.buffer().extend_from_slice(tail);
            }
            Body::Opaque(bytes) => record.buffer().extend_from_slice(bytes),
        }
        record.finish()
    }

    /// The record's octets in its own version.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EncodeError> {
        let mut out = Vec::new();
        self.encode(Form::Sensor, self.header.version(), &mut out)?;
        Ok(out)
    }
}
