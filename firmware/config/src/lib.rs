//! box.toml: the one description of a box, checked, with documented defaults.
//!
//! [`Config::parse`] reads the text; every fault is reported with its line and column, and an unknown
//! key is a fault. [`reference()`] and [`default_document`] come from the same table of keys
//! (appliance chapter, section 3).

#![forbid(unsafe_code)]

mod check;
mod interface;
mod keys;
mod sections;
mod values;

pub use interface::{Address, Interface, Match, Role};
pub use keys::{Key, SECTIONS, Section, default_document, reference};
pub use sections::{
    Archive, Compression, Config, Egress, Firewall, Level, Log, Protocol, Radium, Sensor, ThisBox, Time, Web,
};
pub use values::{Bytes, Endpoint, Host, HostName, Line, Mac, Network, PciPath, Range};

/// The schema of this version's document. A document with a higher number is from a later version.
pub const SCHEMA: u32 = 1;

/// The longest document that is read, in octets.
pub const MAX_OCTETS: usize = 256 * 1024;

/// A fault in a document, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct Error {
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    /// What is wrong, in one line.
    pub message: String,
}

impl Error {
    fn at(text: &str, offset: usize, message: impl Into<String>) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Error { line, column, message: one_line(&message.into()) }
    }
}

/// The parser's messages may spread over lines; a person reads them in a list.
fn one_line(message: &str) -> String {
    message.split('\n').map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

impl Config {
    /// Reads and checks a document.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_OCTETS {
            return Err(Error::at(text, 0, format!("longer than {MAX_OCTETS} octets")));
        }
        check::schema(text)?;
        let config: Config = toml::from_str(text).map_err(|error| from_toml(text, &error))?;
        check::whole(text, &config)?;
        Ok(config)
    }
}

fn from_toml(text: &str, error: &toml::de::Error) -> Error {
    Error::at(text, error.span().map_or(0, |span| span.start), error.message())
}

#[cfg(test)]
mod tests;
