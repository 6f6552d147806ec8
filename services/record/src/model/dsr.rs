//! Any DSR, owned.

use crate::dsr::agr::Agr;
use crate::dsr::asn::Asn;
use crate::dsr::behavior::Behavior;
use crate::dsr::cocode::CoCode;
use crate::dsr::cor::Cor;
use crate::dsr::data::{Data, DataView};
use crate::dsr::encaps::{Encaps, EncapsView};
use crate::dsr::flow::Flow;
use crate::dsr::geo::Geo;
use crate::dsr::hash::FlowHash;
use crate::dsr::icmp::IcmpError;
use crate::dsr::ipattr::IpAttr;
use crate::dsr::jitter::Jitter;
use crate::dsr::label::{Label, LabelView};
use crate::dsr::local::Local;
use crate::dsr::mac::Mac;
use crate::dsr::metric::Metric;
use crate::dsr::mpls::Mpls;
use crate::dsr::network::Network;
use crate::dsr::psize::Psize;
use crate::dsr::score::Score;
use crate::dsr::time::Time;
use crate::dsr::transport::Transport;
use crate::dsr::tunnel::{Geneve, Gre, Vxlan};
use crate::dsr::vlan::Vlan;
use crate::dsr::{Index, RawDsr};

/// A DSR of any type, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, clippy::large_enum_variant)]
pub enum Dsr {
    Transport(Transport),
    Flow(Flow),
    Time(Time),
    Metric(Metric),
    Agr(Agr),
    Network(Network),
    Vlan(Vlan),
    Mpls(Mpls),
    Jitter(Jitter),
    IpAttr(IpAttr),
    Psize(Psize),
    SrcData(Data),
    DstData(Data),
    Mac(Mac),
    Icmp(IcmpError),
    Encaps(Encaps),
    Behavior(Behavior),
    Cor(Cor),
    CoCode(CoCode),
    Label(Label),
    Asn(Asn),
    Geo(Geo),
    Local(Local),
    Hash(FlowHash),
    Vxlan(Vxlan),
    Gre(Gre),
    Geneve(Geneve),
    Score(Score),
    /// Of unknown type, or too short for its layout; a record keeps its octets.
    Unknown,
}

impl Dsr {
    /// Decodes a DSR in place.
    pub fn parse(raw: RawDsr<'_>) -> Dsr {
        let b = raw.bytes;
        let parsed = raw.header.index().and_then(|index| {
            Some(match index {
                Index::Transport => Dsr::Transport(Transport::parse(b)?),
                Index::Flow => Dsr::Flow(Flow::parse(b)?),
                Index::Time => Dsr::Time(Time::parse(b)?),
                Index::Metric => Dsr::Metric(Metric::parse(b)?),
                Index::Agr => Dsr::Agr(Agr::parse(b)?),
                Index::Network => Dsr::Network(Network::parse(b)?),
                Index::Vlan => Dsr::Vlan(Vlan::parse(b)?),
                Index::Mpls => Dsr::Mpls(Mpls::parse(b)?),
                Index::Jitter => Dsr::Jitter(Jitter::parse(b)?),
                Index::IpAttr => Dsr::IpAttr(IpAttr::parse(b)?),
                Index::Psize => Dsr::Psize(Psize::parse(b)?),
                Index::SrcData => Dsr::SrcData(DataView::parse(b)?.into()),
                Index::DstData => Dsr::DstData(DataView::parse(b)?.into()),
                Index::Mac => Dsr::Mac(Mac::parse(b)?),
                Index::Icmp => Dsr::Icmp(IcmpError::parse(b)?),
                Index::Encaps => Dsr::Encaps(EncapsView::parse(b)?.into()),
                Index::Behavior => Dsr::Behavior(Behavior::parse(b)?),
                Index::Cor => Dsr::Cor(Cor::parse(b)?),
                Index::CoCode => Dsr::CoCode(CoCode::parse(b)?),
                Index::Label => Dsr::Label(LabelView::parse(b)?.into()),
                Index::Asn => Dsr::Asn(Asn::parse(b)?),
                Index::Geo => Dsr::Geo(Geo::parse(b)?),
                Index::Local => Dsr::Local(Local::parse(b)?),
                Index::Hash => Dsr::Hash(FlowHash::parse(b)?),
                Index::Vxlan => Dsr::Vxlan(Vxlan::parse(b)?),
                Index::Gre => Dsr::Gre(Gre::parse(b)?),
                Index::Geneve => Dsr::Geneve(Geneve::parse(b)?),
                Index::Score => Dsr::Score(Score::parse(b)?),
            })
        });
        parsed.unwrap_or(Dsr::Unknown)
    }

    /// Appends the DSR; nothing for [`Dsr::Unknown`].
    pub fn emit(&self, out: &mut Vec<u8>) {
        match self {
            Dsr::Transport(d) => d.emit(out),
            Dsr::Flow(d) => d.emit(out),
            Dsr::Time(d) => d.emit(out),
            Dsr::Metric(d) => d.emit(out),
            Dsr::Agr(d) => d.emit(out),
            Dsr::Network(d) => d.emit(out),
            Dsr::Vlan(d) => d.emit(out),
            Dsr::Mpls(d) => d.emit(out),
            Dsr::Jitter(d) => d.emit(out),
            Dsr::IpAttr(d) => d.emit(out),
            Dsr::Psize(d) => d.emit(out),
            Dsr::SrcData(d) | Dsr::DstData(d) => d.view().emit(out),
            Dsr::Mac(d) => d.emit(out),
            Dsr::Icmp(d) => d.emit(out),
            Dsr::Encaps(d) => d.view().emit(out),
            Dsr::Behavior(d) => d.emit(out),
            Dsr::Cor(d) => d.emit(out),
            Dsr::CoCode(d) => d.emit(out),
            Dsr::Label(d) => d.view().emit(out),
            Dsr::Asn(d) => d.emit(out),
            Dsr::Geo(d) => d.emit(out),
            Dsr::Local(d) => d.emit(out),
            Dsr::Hash(d) => d.emit(out),
            Dsr::Vxlan(d) => d.emit(out),
            Dsr::Gre(d) => d.emit(out),
            Dsr::Geneve(d) => d.emit(out),
            Dsr::Score(d) => d.emit(out),
            Dsr::Unknown => {}
        }
    }

    /// Where the DSR belongs; `None` for [`Dsr::Unknown`].
    pub fn index(&self) -> Option<Index> {
        Some(match self {
            Dsr::Transport(_) => Index::Transport,
            Dsr::Flow(_) => Index::Flow,
            Dsr::Time(_) => Index::Time,
            Dsr::Metric(_) => Index::Metric,
            Dsr::Agr(_) => Index::Agr,
            Dsr::Network(_) => Index::Network,
            Dsr::Vlan(_) => Index::Vlan,
            Dsr::Mpls(_) => Index::Mpls,
            Dsr::Jitter(_) => Index::Jitter,
            Dsr::IpAttr(_) => Index::IpAttr,
            Dsr::Psize(_) => Index::Psize,
            Dsr::SrcData(_) => Index::SrcData,
            Dsr::DstData(_) => Index::DstData,
            Dsr::Mac(_) => Index::Mac,
            Dsr::Icmp(_) => Index::Icmp,
            Dsr::Encaps(_) => Index::Encaps,
            Dsr::Behavior(_) => Index::Behavior,
            Dsr::Cor(_) => Index::Cor,
            Dsr::CoCode(_) => Index::CoCode,
            Dsr::Label(_) => Index::Label,
            Dsr::Asn(_) => Index::Asn,
            Dsr::Geo(_) => Index::Geo,
            Dsr::Local(_) => Index::Local,
            Dsr::Hash(_) => Index::Hash,
            Dsr::Vxlan(_) => Index::Vxlan,
            Dsr::Gre(_) => Index::Gre,
            Dsr::Geneve(_) => Index::Geneve,
            Dsr::Score(_) => Index::Score,
            Dsr::Unknown => return None,
        })
    }

    /// The same seen from the other side. The flow key is exchanged and keeps its REVERSE bit; what has no sides
    /// stays.
    pub fn reversed(self) -> Dsr {
        match self {
            Dsr::Flow(d) => Dsr::Flow(d.exchanged()),
            Dsr::Time(d) => Dsr::Time(d.reversed()),
            Dsr::Metric(d) => Dsr::Metric(d.reversed()),
            Dsr::Network(d) => Dsr::Network(d.reversed()),
            Dsr::Vlan(d) => Dsr::Vlan(d.reversed()),
            Dsr::Mpls(d) => Dsr::Mpls(d.reversed()),
            Dsr::Jitter(d) => Dsr::Jitter(d.reversed()),
            Dsr::IpAttr(d) => Dsr::IpAttr(d.reversed()),
            Dsr::Psize(d) => Dsr::Psize(d.reversed()),
            Dsr::SrcData(d) => Dsr::DstData(d.reversed()),
            Dsr::DstData(d) => Dsr::SrcData(d.reversed()),
            Dsr::Mac(d) => Dsr::Mac(d.reversed()),
            Dsr::Encaps(d) => Dsr::Encaps(d.reversed()),
            Dsr::Behavior(d) => Dsr::Behavior(d.reversed()),
            Dsr::CoCode(d) => Dsr::CoCode(d.reversed()),
            Dsr::Asn(d) => Dsr::Asn(d.reversed()),
            Dsr::Geo(d) => Dsr::Geo(d.reversed()),
            Dsr::Local(d) => Dsr::Local(d.reversed()),
            Dsr::Vxlan(d) => Dsr::Vxlan(d.reversed()),
            same => same,
        }
    }
}
