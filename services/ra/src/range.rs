//! `-N`: which records of the stream are wanted (chapter ra-output, section 5).

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Matching records; ordinals in the output begin anew.
    Input,
    /// Rows of output; ordinals are those of the whole.
    Output,
}

/// A range of ordinals, from 1, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRange {
    /// What is counted.
    pub counted: Counted,
    /// The first wanted; 0 when no beginning was asked for.
    pub first: u64,
    /// The last wanted; less than `first` wants none.
    pub last: u64,
}

impl RecordRange {
    /// Parses `[io]num`, `[io]start-end` or `[io]start+num`; the last form has one record more than it says.
    pub fn parse(text: &str) -> Option<RecordRange> {
        let (counted, rest) = match text.as_bytes().first()? {
            b'i' => (Counted::Input, &text[1..]),
            b'o' => (Counted::Output, &text[1..]),
            _ => (Counted::Input, text),
        };
        let number = |text: &str| text.parse::<u64>().ok().filter(|_| !text.starts_with('+'));
        let (first, last) = if let Some((first, last)) = rest.split_once('-') {
            (number(first)?, number(last)?)
        } else if let Some((first, more)) = rest.split_once('+') {
            let first = number(first)?;
            (first, first.saturating_add(number(more)?))
        } else {
            (0, number(rest)?)
        };
        Some(RecordRange { counted, first, last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let parsed = |text| RecordRange::parse(text).map(|range| (range.counted, range.first, range.last));
        assert_eq!(parsed("3"), Some((Counted::Input, 0, 3)));
        assert_eq!(parsed("i3-5"), Some((Counted::Input, 3, 5)));
        assert_eq!(parsed("o3+2"), Some((Counted::Output, 3, 5)));
        assert_eq!(parsed("0"), Some((Counted::Input, 0, 0)));
        for bad in ["", "i", "x", "3-", "-3", "3+x", "++3", "3-4-5", "99999999999999999999"] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }
}
