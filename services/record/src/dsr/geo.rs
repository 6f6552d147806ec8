//! GEO (0x68, 5.x): coordinates (section 7.22).

use super::{begin, code, end};
use crate::wire::{self, Put};

const SRC: u8 = 0x01;
const DST: u8 = 0x02;
const INODE: u8 = 0x04;

/// A place. Floats compare by their bits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place {
    /// Degrees north.
    pub latitude: f32,
    /// Degrees east.
    pub longitude: f32,
}

impl PartialEq for Place {
    fn eq(&self, o: &Place) -> bool {
        (self.latitude.to_bits(), self.longitude.to_bits()) == (o.latitude.to_bits(), o.longitude.to_bits())
    }
}

impl Eq for Place {}

/// Coordinates of a flow's ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Geo {
    /// Subtype.
    pub subtype: u8,
    /// Of the source.
    pub src: Option<Place>,
    /// Of the destination.
    pub dst: Option<Place>,
    /// Of the intermediate node.
    pub inode: Option<Place>,
}

impl Geo {
    /// Reads a whole DSR.
    pub fn parse(b: &[u8]) -> Option<Geo> {
        let [_, subtype, q, _] = wire::array(b, 0)?;
        let mut at = 4;
        let mut next = |bit: u8| -> Option<Place> {
            if q & bit == 0 {
                return None;
            }
            at += 8;
            Some(Place { latitude: wire::bef32(b, at - 8)?, longitude: wire::bef32(b, at - 4)? })
        };
        Some(Geo { subtype, src: next(SRC), dst: next(DST), inode: next(INODE) })
    }

    /// Appends the DSR.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let all = [(self.src, SRC), (self.dst, DST), (self.inode, INODE)];
        let q = all.iter().filter(|(p, _)| p.is_some()).fold(0, |q, (_, bit)| q | bit);
        let at = begin(out, code::GEO, self.subtype, q);
        for p in all.into_iter().filter_map(|(p, _)| p) {
            out.be32(p.latitude.to_bits());
            out.be32(p.longitude.to_bits());
        }
        end(out, at);
    }

    /// The same seen from the other side.
    pub fn reversed(self) -> Geo {
        Geo { src: self.dst, dst: self.src, ..self }
    }
}
