//! Data-specific records, the parts that a flow record is made of (record-format chapter, sections 5 and 7).
//!
//! One file per DSR; each has its model with `parse` (a whole DSR, header included; `None` when it is too short
//! for its layout) and `emit` (appends the DSR, header included, to a buffer).

pub mod agr;
pub mod asn;
pub mod behavior;
pub mod cocode;
pub mod cor;
pub mod data;
pub mod encaps;
pub mod flow;
pub mod geo;
pub mod hash;
pub mod icmp;
pub mod ipattr;
pub mod jitter;
pub mod label;
pub mod local;
pub mod mac;
pub mod metric;
pub mod mpls;
pub mod network;
pub mod psize;
pub mod score;
pub mod time;
pub mod transport;
pub mod tunnel;
pub mod vlan;

use crate::header::begins_record;
use crate::wire::Put;

/// DSR type codes (octet 0, section 5.2).
pub mod code {
    #![allow(missing_docs)]
    pub const TRANSPORT: u8 = 0x01;
    pub const FLOW: u8 = 0x02;
    pub const TIME: u8 = 0x03;
    pub const HASH: u8 = 0x07;
    pub const METRIC: u8 = 0x10;
    pub const PSIZE: u8 = 0x12;
    pub const ENCAPS: u8 = 0x20;
    pub const NETWORK: u8 = 0x30;
    pub const ASN: u8 = 0x32;
    pub const ICMP: u8 = 0x34;
    pub const VLAN: u8 = 0x40;
    pub const GRE: u8 = 0x41;
    pub const MAC: u8 = 0x42;
    pub const VXLAN: u8 = 0x43;
    pub const MPLS: u8 = 0x44;
    pub const GENEVE: u8 = 0x45;
    pub const JITTER: u8 = 0x46;
    pub const IPATTR: u8 = 0x48;
    pub const DATA: u8 = 0x50;
    pub const BEHAVIOR: u8 = 0x54;
    pub const SCORE: u8 = 0x55;
    pub const AGR: u8 = 0x60;
    pub const COR: u8 = 0x62;
    pub const COCODE: u8 = 0x64;
    pub const LABEL: u8 = 0x66;
    pub const GEO: u8 = 0x68;
    pub const LOCAL: u8 = 0x6A;
}

/// The place of a DSR in a record, in the order that writers keep (section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Index {
    /// 0x01: source id and sequence number.
    Transport,
    /// 0x02: flow key.
    Flow,
    /// 0x03: times.
    Time,
    /// 0x10: packets and octets.
    Metric,
    /// 0x60: aggregation statistics.
    Agr,
    /// 0x30: protocol state.
    Network,
    /// 0x40: VLAN tags.
    Vlan,
    /// 0x44: MPLS labels.
    Mpls,
    /// 0x46: inter-packet times.
    Jitter,
    /// 0x48: IP attributes.
    IpAttr,
    /// 0x12: packet sizes.
    Psize,
    /// 0x50, source side: user data.
    SrcData,
    /// 0x50, destination side: user data.
    DstData,
    /// 0x42: Ethernet addresses.
    Mac,
    /// 0x34: an ICMP error that quoted the flow.
    Icmp,
    /// 0x20: encapsulations.
    Encaps,
    /// 0x54: keystrokes.
    Behavior,
    /// 0x62: correlations.
    Cor,
    /// 0x64: country codes.
    CoCode,
    /// 0x66: label.
    Label,
    /// 0x32: AS numbers.
    Asn,
    /// 0x68: coordinates (5.x).
    Geo,
    /// 0x6A: locality (5.x).
    Local,
    /// 0x07: flow hash (5.x).
    Hash,
    /// 0x43: VXLAN (5.x).
    Vxlan,
    /// 0x41: GRE (5.x).
    Gre,
    /// 0x45: Geneve (5.x).
    Geneve,
    /// 0x55: score (5.x).
    Score,
}

impl Index {
    /// Number of places.
    pub const COUNT: usize = Index::Score as usize + 1;

    /// The place of a DSR by its type code and subtype; `None` for types that no chapter describes. A DATA DSR
    /// that names neither side, as event records have, counts as source side.
    pub const fn of(typ: u8, subtype: u8, qualifier: u8) -> Option<Index> {
        Some(match typ & 0x7f {
            code::TRANSPORT => Index::Transport,
            code::FLOW => Index::Flow,
            code::TIME => Index::Time,
            code::METRIC => Index::Metric,
            code::AGR => Index::Agr,
            code::NETWORK => Index::Network,
            code::VLAN => Index::Vlan,
            code::MPLS => Index::Mpls,
            code::JITTER => Index::Jitter,
            code::IPATTR => Index::IpAttr,
            code::PSIZE => Index::Psize,
            code::DATA => {
                // The old form without 16-bit length keeps the side in the qualifier (section 7.12).
                let side = if subtype & 0x80 != 0 { subtype } else { qualifier };
                if side & 0x20 != 0 { Index::DstData } else { Index::SrcData }
            }
            code::MAC => Index::Mac,
            code::ICMP => Index::Icmp,
            code::ENCAPS => Index::Encaps,
            code::BEHAVIOR => Index::Behavior,
            code::COR => Index::Cor,
            code::COCODE => Index::CoCode,
            code::LABEL => Index::Label,
            code::ASN => Index::Asn,
            code::GEO => Index::Geo,
            code::LOCAL => Index::Local,
            code::HASH => Index::Hash,
            code::VXLAN => Index::Vxlan,
            code::GRE => Index::Gre,
            code::GENEVE => Index::Geneve,
            code::SCORE => Index::Score,
            _ => return None,
        })
    }
}

/// Places by type octet, for the walk over a record: [`Index`] as a number, or one of the marks below.
pub(crate) const PLACES: [u8; 256] = {
    let mut places = [NOWHERE; 256];
    let mut typ = 0;
    while typ < 256 {
        // The first octet of a record's header is no type, though one of them would be with the high bit.
        if begins_record(typ as u8) {
            places[typ] = NOWHERE;
        } else if typ & 0x7f == code::DATA as usize {
            places[typ] = DATA;
        } else if let Some(index) = Index::of(typ as u8, 0, 0) {
            places[typ] = index as u8;
        }
        typ += 1;
    }
    places
};

/// A type that no chapter describes.
const NOWHERE: u8 = 0xff;
/// User data: the subtype says of which side.
pub(crate) const DATA: u8 = 0xfd;

/// A DSR's header (section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DsrHeader {
    /// Octet 0; bit 0x80 marks an immediate DSR, whose octets 2–3 are data.
    pub typ: u8,
    /// Octet 1; bit 0x80 marks a 16-bit word count in octets 2–3.
    pub subtype: u8,
    /// Octet 2; 0 when the length takes its place.
    pub qualifier: u8,
    /// Length in octets, header included; a multiple of 4. 0 ends the walk.
    pub len: usize,
}

impl DsrHeader {
    /// Reads the header at the start of `b`.
    #[inline]
    pub fn parse(b: &[u8]) -> Option<DsrHeader> {
        let &[typ, subtype, b2, b3] = b.first_chunk()?;
        let (qualifier, words) = if typ & 0x80 != 0 {
            (0, 1)
        } else if subtype & 0x80 != 0 {
            (0, usize::from(u16::from_be_bytes([b2, b3])))
        } else {
            (b2, usize::from(b3))
        };
        Some(DsrHeader { typ, subtype, qualifier, len: words * 4 })
    }

    /// Where this DSR belongs.
    pub fn index(&self) -> Option<Index> {
        Index::of(self.typ, self.subtype, self.qualifier)
    }
}

/// One DSR in place: its header and all its octets, header included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawDsr<'a> {
    /// The decoded header.
    pub header: DsrHeader,
    /// The whole DSR.
    pub bytes: &'a [u8],
}

/// Walks the DSRs of a record body (what follows the record header) as section 5.1 says: it ends at a zero
/// length and before a DSR that runs past the end; what was walked so far counts.
#[derive(Clone, Debug)]
pub struct Walk<'a> {
    rest: &'a [u8],
}

impl<'a> Walk<'a> {
    /// Starts at the first DSR.
    pub fn new(body: &'a [u8]) -> Walk<'a> {
        Walk { rest: body }
    }

    /// What has not been walked: empty after a sound record.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = RawDsr<'a>;

    #[inline]
    fn next(&mut self) -> Option<RawDsr<'a>> {
        let header = DsrHeader::parse(self.rest)?;
        if header.len == 0 {
            return None;
        }
        let (bytes, rest) = self.rest.split_at_checked(header.len)?;
        self.rest = rest;
        Some(RawDsr { header, bytes })
    }
}

/// Appends a DSR header whose length is not known yet; returns where it is, for [`end`].
#[inline]
pub(crate) fn begin(out: &mut Vec<u8>, typ: u8, subtype: u8, qualifier: u8) -> usize {
    let at = out.len();
    out.bytes(&[typ, subtype, qualifier, 0]);
    at
}

/// Pads the DSR begun at `at` to a whole word and writes its length. A DSR longer than its length octet can say
/// is cut at 255 words: writers of variable bodies bound them first.
#[inline]
pub(crate) fn end(out: &mut Vec<u8>, at: usize) {
    let mut octets = out.len() - at;
    if !octets.is_multiple_of(4) || octets > LONGEST {
        pad(out, at);
        out.truncate(at + LONGEST);
        octets = out.len() - at;
    }
    if let Some(len) = out.get_mut(at + 3) {
        *len = (octets / 4) as u8;
    }
}

/// Octets of the longest DSR.
const LONGEST: usize = 4 * 255;

/// Pads to a whole word counted from `at`.
pub(crate) fn pad(out: &mut Vec<u8>, at: usize) {
    out.zeros((out.len() - at).wrapping_neg() % 4);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_the_indices() {
        for typ in 0..=255u8 {
            let index = Index::of(typ, 0, 0);
            match PLACES[usize::from(typ)] {
                NOWHERE => assert!(index.is_none() || begins_record(typ)),
                DATA => assert_eq!(index, Some(Index::SrcData)),
                place => assert_eq!(index.map(|index| index as u8), Some(place)),
            }
        }
    }
}
