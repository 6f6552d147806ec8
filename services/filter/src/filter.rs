//! A filter from its text to its verdict.

use std::fmt;

use record::RecordView;

use crate::ast::Expr;
use crate::error::{Problem, SyntaxError};
use crate::judge::Judge;
use crate::lexer::Dialect;
use crate::names::{Names, SystemFiles};
use crate::parser::Parsed;
use crate::program::{Builder, Jump, Program};
use crate::quick::QuickProgram;
use crate::subject::Subject;
use crate::{lower, number, parser};

/// Longest text that [`Options::default`] accepts, octets.
pub const MAX_LENGTH: usize = 64 * 1024;

/// Longest text that a server accepts from a client, octets (filter chapter, section 8).
pub const MAX_REMOTE_LENGTH: usize = 4096;

/// Whose behaviour to reproduce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compat {
    /// argus 3.0.8.2, with the faults that harm nobody (filter chapter, section 13).
    V3_0_8,
}

/// Names of code points for `dsb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CodePoints {
    /// `cs0` … `ef`.
    #[default]
    Standard,
    /// `-M disa`.
    Disa,
}

/// How a filter is parsed.
#[derive(Clone, Copy)]
pub struct Options<'n> {
    /// Reproduce an old version; `None`: do what is right.
    pub compat: Option<Compat>,
    /// Of an old version: with its optimiser, which changes what some tests mean.
    pub optimised: bool,
    /// Where names are looked up.
    pub names: &'n dyn Names,
    /// Decimal places that fractions are rounded to before comparing: the `-p` option, 6 by default.
    pub precision: u8,
    /// Names of code points.
    pub code_points: CodePoints,
    /// Longest text accepted, octets.
    pub max_length: usize,
}

impl Default for Options<'static> {
    /// Right behaviour, names from the files in `/etc`, six decimal places.
    fn default() -> Self {
        Options {
            compat: None,
            optimised: true,
            names: SystemFiles::etc(),
            precision: 6,
            code_points: CodePoints::Standard,
            max_length: MAX_LENGTH,
        }
    }
}

impl Options<'static> {
    /// For filters that clients send: as the default, with the shorter text. Never asks a name server.
    #[must_use]
    pub fn remote() -> Self {
        Options { max_length: MAX_REMOTE_LENGTH, ..Options::default() }
    }
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("compat", &self.compat)
            .field("optimised", &self.optimised)
            .field("precision", &self.precision)
            .field("code_points", &self.code_points)
            .field("max_length", &self.max_length)
            .finish_non_exhaustive()
    }
}

/// A compiled filter. `Display` shows the compiled form, one instruction a line, as `ra -b` prints it.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    program: Program,
    quick: QuickProgram,
    precision: u8,
    historic: bool,
}

impl Filter {
    /// Parses with [`Options::default`]. A blank text matches every record.
    pub fn parse(text: &str) -> Result<Filter, SyntaxError> {
        Filter::parse_with(text, &Options::default())
    }

    /// Parses a filter as the options say.
    pub fn parse_with(text: &str, options: &Options<'_>) -> Result<Filter, SyntaxError> {
        let parsed = parse(text, options)?;
        let program = match parsed.expr {
            Some(expr) => lower::compile(text, &expr, options)?,
            None => Builder::default().finish(Jump::ACCEPT),
        };
        if let Some(error) = parsed.trailing {
            return Err(error);
        }
        let (precision, historic) = (options.precision.min(number::MAX_PRECISION), options.compat.is_some());
        let quick = QuickProgram::of(&program, precision, historic);
        Ok(Filter { program, quick, precision, historic })
    }

    /// A filter that matches every record.
    #[must_use]
    pub fn everything() -> Filter {
        let program = Builder::default().finish(Jump::ACCEPT);
        Filter { quick: QuickProgram::of(&program, 6, false), program, precision: 6, historic: false }
    }

    /// Whether the record matches, as the view shows it: direction repairs belong to the view.
    /// Allocates nothing and takes at most as many steps as the filter has instructions.
    #[must_use]
    pub fn matches(&self, view: &RecordView<'_>) -> bool {
        let subject = Subject::new(view, self.historic, self.precision);
        self.program.run(|test| subject.holds(test))
    }

    /// A judge of records at a glance. `by_ports`: for a reader that asks the ports of TCP flows whose beginning was not
    /// seen for their direction (`RA_PORT_DIRECTION`).
    #[must_use]
    pub fn judge(&self, by_ports: bool) -> Judge {
        Judge::of(&self.quick, self.accepts_everything(), by_ports)
    }

    /// Whether it matches every record without looking.
    #[must_use]
    pub fn accepts_everything(&self) -> bool {
        self.program.accepts_everything()
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.program.fmt(f)
    }
}

impl std::str::FromStr for Filter {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Filter, SyntaxError> {
        Filter::parse(text)
    }
}

/// The tree of a filter, `None` when its text is blank. Meanings are not checked: `port nonsense` has a tree.
pub fn tree_with(text: &str, options: &Options<'_>) -> Result<Option<Expr>, SyntaxError> {
    let parsed = parse(text, options)?;
    parsed.trailing.map_or(Ok(parsed.expr), Err)
}

fn parse(text: &str, options: &Options<'_>) -> Result<Parsed, SyntaxError> {
    if text.len() > options.max_length {
        let problem = Problem::TooLong { length: text.len(), limit: options.max_length };
        return Err(SyntaxError::new(text, 0..0, problem));
    }
    parser::parse(text, Dialect { historic: options.compat.is_some() })
}
