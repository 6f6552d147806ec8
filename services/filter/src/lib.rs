//! The flow filter language: parsed to a tree, compiled once, evaluated on record views.
//!
//! ```
//! let filter = filter::Filter::parse("tcp and dst port (80 or 443)").unwrap();
//! println!("{filter}"); // the compiled form, as `ra -b` shows it
//!
//! let text = "tcp and port > 80";
//! let error = filter::Filter::parse(text).unwrap_err();
//! assert_eq!(error.column, 14);
//! println!("{}", error.caret(text)); // the text with a mark under the place
//! ```
//!
//! Parsing is bounded: text, nesting and program size have ceilings, and names are looked up in files only
//! unless the caller asks for more ([`names`]). Evaluation follows forward jumps and allocates nothing.

#![forbid(unsafe_code)]

pub mod ast;
pub mod names;
pub mod tier;

mod error;
mod filter;
mod judge;
mod keyword;
mod lexer;
mod lower;
mod metrics;
mod number;
mod parser;
mod program;
mod quick;
mod subject;
mod test;

pub use error::{Found, Printable, Problem, Span, SyntaxError};
pub use filter::{CodePoints, Compat, Filter, MAX_LENGTH, MAX_REMOTE_LENGTH, Options, tree_with};
pub use judge::Judge;
pub use names::{FilesAndResolver, Names, NoNames, SystemFiles};
