//! 802.2 logical link control: SNAP, IS-IS, and everything that stays a frame flow.

use crate::bytes::{rest, u8_at, u16_at};
use crate::isis;
use crate::link::Walk;
use crate::summary::Encapsulation;

impl<'a> Walk<'a> {
    /// Walks an 802.3 frame from its LLC header on.
    pub fn llc(&mut self, data: &'a [u8]) {
        let (Some(dsap), Some(ssap), Some(control)) = (u8_at(data, 0), u8_at(data, 1), u8_at(data, 2)) else {
            return self.frame_flow(data);
        };
        self.summary.encapsulation.add(Encapsulation::LLC);
        self.llc = Some((dsap, ssap));
        match (dsap, ssap, control) {
            (0xaa, 0xaa, 3) => match u16_at(data, 6) {
                // The organisation code is not looked at (flow-model chapter, section 3.2).
                Some(ethertype) if ethertype > 1500 && self.enter() => {
                    self.protocol(ethertype, rest(data, 8));
                }
                _ => self.frame_flow(rest(data, 8)),
            },
            (0xfe, 0xfe, 3) if u8_at(data, 3) == Some(isis::NLPID) => {
                self.reach(rest(data, 3));
                isis::pdu(self, rest(data, 3));
            }
            // Raw IPX has no LLC header: the octets are those of its checksum.
            (0xff, 0xff, _) => self.frame_flow(data),
            _ => self.frame_flow(rest(data, 3)),
        }
    }
}
