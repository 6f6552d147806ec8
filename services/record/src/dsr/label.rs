//! LABEL (0x66): text that a client attached (section 7.20).

use super::{begin, code, end};
use crate::wire::{self, Put};

/// Most octets of a label.
pub const MAX: usize = 1016;

/// A label in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LabelView<'a> {
    /// 0x01 service, 0x04 process (5.x), 0 user label.
    pub subtype: u8,
    /// Qualifier.
    pub qualifier: u8,
    /// The text without padding; any octets.
    pub text: &'a [u8],
}

impl<'a> LabelView<'a> {
    /// Reads a whole DSR.
    pub fn parse(b: &'a [u8]) -> Option<LabelView<'a>> {
        let [_, subtype, qualifier, _] = wire::array(b, 0)?;
        let text = b.get(4..)?;
        let text = text.get(..text.len().min(MAX))?;
        let len = text.iter().position(|&c| c == 0).unwrap_or(text.len());
        Some(LabelView { subtype, qualifier, text: text.get(..len)? })
    }

    /// Appends the DSR; text beyond [`MAX`] octets or from a zero octet on is cut.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let at = begin(out, code::LABEL, self.subtype, self.qualifier);
        let len = self.text.iter().position(|&c| c == 0).unwrap_or(self.text.len()).min(MAX);
        out.bytes(self.text.get(..len).unwrap_or(&[]));
        end(out, at);
    }
}

/// A label, owned.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Label {
    /// 0x01 service, 0x04 process (5.x), 0 user label.
    pub subtype: u8,
    /// Qualifier.
    pub qualifier: u8,
    /// The text; no zero octet, at most [`MAX`].
    pub text: Vec<u8>,
}

impl Label {
    /// Borrowed.
    pub fn view(&self) -> LabelView<'_> {
        LabelView { subtype: self.subtype, qualifier: self.qualifier, text: &self.text }
    }
}

impl From<LabelView<'_>> for Label {
    fn from(v: LabelView<'_>) -> Label {
        Label { subtype: v.subtype, qualifier: v.qualifier, text: v.text.to_vec() }
    }
}
