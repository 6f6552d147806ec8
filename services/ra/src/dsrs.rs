//! `-M dsrs=`: which parts of a record are kept (chapter ra-output, section 3).

use field::names::PARTS;
use record::RecordView;

/// Parts that are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DsrSelection {
    kept: u32,
}

impl DsrSelection {
    /// `a,b` keeps only these, `+a` adds, `-a` removes; a list that begins with a sign edits the whole record. Names
    /// that are not known keep nothing.
    pub fn parse(list: &str) -> DsrSelection {
        let mut kept = if list.starts_with(['+', '-']) { u32::MAX } else { 0 };
        for word in list.split(',') {
            let bit = |name: &str| {
                PARTS.iter().find(|&&(known, _)| known == name).map_or(0, |&(_, index)| 1u32 << index as u32)
            };
            match word.strip_prefix('-') {
                Some(name) => kept &= !bit(name),
                None => kept |= bit(word.strip_prefix('+').unwrap_or(word)),
            }
        }
        DsrSelection { kept }
    }

    /// Writes the record with the parts that are kept to `out`, which is emptied first.
    pub fn apply(self, view: &RecordView<'_>, out: &mut Vec<u8>) {
        out.clear();
        let mut header = view.header();
        out.extend_from_slice(&header.to_bytes());
        for dsr in view.dsrs() {
            let kept = dsr.header.index().is_some_and(|index| self.kept & 1 << index as u32 != 0);
            if kept {
                out.extend_from_slice(dsr.bytes);
            }
        }
        // Fits: not longer than the record was.
        header.words = (out.len() / 4) as u16;
        out[..4].copy_from_slice(&header.to_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::Index;

    #[test]
    fn lists() {
        let bit = |index: Index| 1u32 << index as u32;
        assert_eq!(DsrSelection::parse("time,flow").kept, bit(Index::Time) | bit(Index::Flow));
        assert_eq!(DsrSelection::parse("-metric").kept, !bit(Index::Metric));
        assert_eq!(DsrSelection::parse("foo").kept, 0);
        assert!(PARTS.iter().all(|&(_, index)| (index as u32) < 32));
    }
}
