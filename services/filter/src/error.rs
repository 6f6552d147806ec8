//! What is wrong with a filter, and where.

use std::fmt;
use std::ops::Range;

/// A place in the filter's text, in octets from its start.
pub type Span = Range<usize>;

/// Why a filter was refused.
///
/// `Display` gives one line that names the place and the offending word; [`caret`](Self::caret)
/// draws the place under the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {problem}")]
pub struct SyntaxError {
    /// What is wrong and what was expected instead.
    pub problem: Problem,
    /// The octets it concerns. Empty, at the end of the text, when the text ended too soon.
    pub span: Span,
    /// The place as a person counts it: characters, the first being 1.
    pub column: usize,
    /// Whether the oracle prints a line of its own for this class of error
    /// (filter chapter, section 11), in its wording.
    historic: Option<String>,
}

/// The classes of errors (filter chapter, section 11).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// An octet that no token begins with.
    #[error("illegal character {0}")]
    IllegalCharacter(Printable),
    /// A token stands where the grammar has no use for it.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What the grammar allows here.
        expected: &'static str,
        /// The token that stands here, or "the end".
        found: Found,
    },
    /// A well-formed number, address or name outside what the word before it takes.
    #[error("{0}")]
    Meaning(String),
    /// The text is longer than the ceiling.
    #[error("the filter has {length} octets, more than {limit}")]
    TooLong {
        /// Octets given.
        length: usize,
        /// The ceiling in force.
        limit: usize,
    },
    /// Parentheses and `not` are nested deeper than the ceiling.
    #[error("parentheses and `not` are nested deeper than {0}")]
    TooDeep(usize),
    /// The compiled form would be larger than the ceiling.
    #[error("the filter needs more than {0} instructions")]
    TooLarge(usize),
}

/// What was found where something else was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The end of the text.
    End,
    /// These characters.
    Text(String),
    /// A word that is none of the language, and what was perhaps meant.
    Unknown {
        /// The word.
        word: String,
        /// A word or an expression of the language.
        meant: String,
    },
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Found::End => f.write_str("the end of the filter"),
            Found::Text(text) => write!(f, "'{}'", shorten(text)),
            Found::Unknown { word, meant } => write!(f, "'{}' (perhaps `{meant}`)", shorten(word)),
        }
    }
}

/// A character shown so that it cannot disturb a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Printable(pub char);

impl fmt::Display for Printable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_control() { write!(f, "{:#04x}", u32::from(self.0)) } else { write!(f, "'{}'", self.0) }
    }
}

impl SyntaxError {
    pub(crate) fn new(text: &str, span: Span, problem: Problem) -> Self {
        let column = text.get(..span.start).map_or(span.start, |before| before.chars().count()) + 1;
        SyntaxError { problem, span, column, historic: None }
    }

    pub(crate) fn with_historic(mut self, line: impl Into<String>) -> Self {
        self.historic = Some(line.into());
        self
    }

    pub(crate) fn with_historic_if(self, condition: bool, line: &str) -> Self {
        if condition { self.with_historic(line) } else { self }
    }

    /// The text with a line under it that points at the place:
    ///
    /// ```text
    /// tcp and port foo
    ///              ^^^
    /// ```
    ///
    /// Control characters are shown as `?`; a long text is cut to the surroundings of the place.
    #[must_use]
    pub fn caret(&self, text: &str) -> String {
        const BEFORE: usize = 50;
        const AFTER: usize = 30;
        let at = self.column - 1;
        let marked = text.get(self.span.clone()).map_or(1, |marked| marked.chars().count()).clamp(1, AFTER);
        let from = at.saturating_sub(BEFORE);
        let mut shown = String::new();
        let mut under = String::new();
        if from > 0 {
            shown.push_str("...");
            under.push_str("   ");
        }
        let mut characters = text.chars().skip(from);
        shown.extend(
            characters
                .by_ref()
                .take(at - from + marked + AFTER)
                .map(|c| if c.is_control() { '?' } else { c }),
        );
        if characters.next().is_some() {
            shown.push_str("...");
        }
        under.extend(std::iter::repeat_n(' ', at - from));
        under.extend(std::iter::repeat_n('^', marked));
        format!("{shown}\n{under}")
    }

    /// The lines that argus 3.0.8.2's clients print for this error, without the program's name:
    /// one about the meaning, where they have one, and always `filter syntax error: 'TEXT'` with
    /// the text cut after 20 characters.
    #[must_use]
    pub fn historic_lines(&self, text: &str) -> Vec<String> {
        let mut lines: Vec<String> = self.historic.iter().cloned().collect();
        let mut cut: String = text.chars().take(20).collect();
        if text.chars().nth(20).is_some() {
            cut.push_str(" ...");
        }
        lines.push(format!("filter syntax error: '{cut}'"));
        lines
    }
}

/// Keeps words quoted in messages short and printable.
pub(crate) fn shorten(text: &str) -> String {
    const LIMIT: usize = 40;
    let mut short: String = text.chars().take(LIMIT).map(|c| if c.is_control() { '?' } else { c }).collect();
    if text.chars().nth(LIMIT).is_some() {
        short.push_str("...");
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caret_points_at_the_word() {
        let text = "tcp and port foo";
        let error = SyntaxError::new(text, 13..16, Problem::Meaning("unknown port 'foo'".into()));
        assert_eq!(error.to_string(), "column 14: unknown port 'foo'");
        assert_eq!(error.caret(text), "tcp and port foo\n             ^^^");
    }

    #[test]
    fn caret_survives_long_texts_control_characters_and_the_end() {
        let text = format!("{}\u{7}é{}", "x".repeat(500), "y".repeat(500));
        for start in [0, 1, 500, 501, 503, text.len()] {
            let error = SyntaxError::new(&text, start..text.len(), Problem::TooDeep(1));
            let drawn = error.caret(&text);
            assert_eq!(drawn.lines().count(), 2);
            assert!(drawn.len() < 300);
        }
    }

    #[test]
    fn historic_text_is_cut_after_twenty_characters() {
        let error = SyntaxError::new("", 0..0, Problem::TooDeep(1)).with_historic("unknown port 'x'");
        assert_eq!(
            error.historic_lines("src or src host 1.2.3.4"),
            ["unknown port 'x'", "filter syntax error: 'src or src host 1.2. ...'"]
        );
        assert_eq!(
            error.historic_lines("12345678901234567890")[1],
            "filter syntax error: '12345678901234567890'"
        );
    }
}
