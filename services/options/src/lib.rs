//! Option tables and configuration files: declared once, giving parser, help, manual page and completion.
//!
//! A program declares one [`Program`]: its options, its configuration variables, a few words for the manual. From that
//! come the parser ([`Program::parse`]), the short help in the layout of the C programs (`-h`), the long help
//! (`--help`), `--version`, and `--generate man|complete-bash|complete-zsh|complete-fish`.
//!
//! ```
//! use options::{Opt, Program};
//!
//! #[derive(Clone, Copy, Debug, PartialEq)]
//! enum Id { Port, Read, Quiet }
//!
//! static PROGRAM: Program<Id> = Program {
//!     usage: &["demo [options] [- filter-expression]"],
//!     options: &[
//!         Opt::value(Id::Port, 'P', "port", "<portnum>", "listen on <portnum>."),
//!         Opt::words(Id::Read, 'r', "read", "<file ...>", "read records from <file>."),
//!         Opt::flag(Id::Quiet, 'q', "quiet", "print nothing."),
//!     ],
//!     ..Program::new("demo", "shows how options are declared")
//! };
//!
//! let parsed = PROGRAM.parse(["-qP561", "-r", "a", "b", "-", "tcp", "and", "port", "80"]).unwrap();
//! for found in &parsed.found {
//!     match found.id {
//!         Id::Port => assert_eq!(found.parse::<u16>().unwrap(), 561),
//!         Id::Read => assert_eq!(found.values.len(), 2),
//!         Id::Quiet => assert_eq!(found.name, "-q"),
//!     }
//! }
//! assert_eq!(parsed.expression(), "tcp and port 80");
//! ```
//!
//! A `main` ends with `.unwrap_or_else(|stop| stop.exit())`: [`Stop`] is either a text that was asked for (standard
//! output, exit status 0) or a usage error (one line on standard error, exit status 2).
//!
//! [`config`] reads the `NAME=value` files (`argus.conf`, `radium.conf`, `.rarc`).
#![forbid(unsafe_code)]

pub mod config;

mod complete;
mod help;
mod man;
mod parse;
mod table;

pub use parse::{Found, Parsed, Stop};
pub use table::{Complete, Opt, Program, Takes, Variable};
