//! How rows look: everything that `ra`'s options and configuration say about text.

use crate::time::DEFAULT_FORMAT;
use crate::vendors::Vendors;
use jiff::tz::TimeZone;
use record::SourceId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is shown by name (chapter ra-output, section 7); each `-n` goes one further and round again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Names {
    /// Hosts, ports and protocols.
    All,
    /// Ports and protocols, the default.
    Ports,
    /// Protocols only.
    Protocols,
    /// Nothing.
    None,
}

impl Names {
    /// The level after one more `-n`.
    pub fn next(self) -> Names {
        match self {
            Names::All => Names::Ports,
            Names::Ports => Names::Protocols,
            Names::Protocols => Names::None,
            Names::None => Names::All,
        }
    }
}

/// How TCP states are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpStates {
    /// One word (`FIN`, `CON`).
    Word,
    /// `-z`: letters of all that was seen.
    Letters,
    /// `-Z s`: flags of the source.
    SourceFlags,
    /// `-Z d`: flags of the destination.
    DestinationFlags,
    /// `-Z b`: both.
    BothFlags,
    /// `-Z` with another letter, as 3.0.8 takes it: nothing for TCP.
    Nothing,
}

/// How captured user data are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserData {
    /// Printable octets as they are, others as dots.
    Ascii,
    /// The same, what follows `PASS` hidden.
    Obfuscate,
    /// A dump below the row.
    Hex,
    /// Hexadecimal digits.
    Encode32,
    /// Base64.
    Encode64,
}

/// Whether addresses are followed by their prefix length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cidr {
    /// Never.
    No,
    /// When it is shorter than the address.
    Shorter,
    /// Always.
    Strict,
}

/// How AS numbers are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsFormat {
    /// `65536`.
    Plain,
    /// `1.0` above 65535.
    Dot,
    /// `0.65535`, always.
    DotPlus,
}

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Columns or, with a delimiter, cells.
    Text,
    /// `-M xml`.
    Xml,
    /// `-M json`: one object a line.
    Json,
}

/// Everything about the look of rows.
#[derive(Clone, Debug)]
pub struct Style {
    /// Form of the output.
    pub form: Form,
    /// What is shown by name.
    pub names: Names,
    /// `-p`: digits behind the point.
    pub precision: usize,
    /// `-H`: numbers abbreviated with letters.
    pub abbreviate: bool,
    /// `-u`: times as seconds since the epoch.
    pub unix_time: bool,
    /// `RA_TIME_FORMAT`.
    pub time_format: String,
    /// Zone of the times.
    pub zone: TimeZone,
    /// `-z`, `-Z`.
    pub tcp_states: TcpStates,
    /// `-M printer=`.
    pub user_data: UserData,
    /// `-M disa`: other names of code points.
    pub disa: bool,
    /// Columns as wide as their text.
    pub variable: bool,
    /// `-c`: the character between cells.
    pub delimiter: Option<u8>,
    /// A period between address and port.
    pub period: bool,
    /// Quotes around titles.
    pub quote: Option<u8>,
    /// Prefix lengths.
    pub cidr: Cidr,
    /// AS numbers.
    pub as_format: AsFormat,
    /// Titles of a run with `-A`.
    pub application_titles: bool,
    /// Titles of RMON mode.
    pub rmon: bool,
    /// Makers of network interfaces, where a list was given.
    pub vendors: Option<Arc<Vendors>>,
    /// `-M oui`: Ethernet addresses begin with the vendor's name.
    pub vendor_addresses: bool,
    /// Names of source ids, as these are shown in lower case.
    pub aliases: Option<Arc<BTreeMap<String, String>>>,
    /// How near addresses are, and what groups they belong to, where a file says so.
    pub localities: Option<Arc<crate::Localities>>,
    /// Which host names are shown, and how much of them.
    pub host_names: crate::hosts::HostNames,
    /// `--color`: titles and cells in colours.
    pub colour: bool,
    /// `-M pzero`: 0 in place of the ports of protocols that have none.
    pub zero_ports: bool,
    /// `-M eframe=`: octets that every packet is longer on the wire.
    pub extra_octets: u64,
    /// `--compat 3.0.8`: the harmless faults of that release.
    pub compat: bool,
    /// `--compat 5.0.3`: the layout and names of that release.
    pub later: bool,
}

impl Style {
    /// Whether cells are shown without the blanks that fill columns.
    pub(crate) fn is_bare(&self) -> bool {
        self.variable || self.form == Form::Xml
    }

    /// The name that was given to a source id.
    pub fn alias(&self, id: SourceId) -> Option<&str> {
        let aliases = self.aliases.as_ref()?;
        aliases.get(&id.to_string().to_lowercase()).map(String::as_str)
    }
}

impl Default for Style {
    fn default() -> Style {
        Style {
            form: Form::Text,
            names: Names::Ports,
            precision: 6,
            abbreviate: false,
            unix_time: false,
            time_format: DEFAULT_FORMAT.to_owned(),
            zone: TimeZone::UTC,
            tcp_states: TcpStates::Word,
            user_data: UserData::Ascii,
            disa: false,
            variable: false,
            delimiter: None,
            period: true,
            quote: None,
            cidr: Cidr::No,
            as_format: AsFormat::Plain,
            application_titles: false,
            rmon: false,
            vendors: None,
            vendor_addresses: false,
            aliases: None,
            localities: None,
            host_names: crate::hosts::HostNames::default(),
            colour: false,
            zero_ports: false,
            extra_octets: 0,
            compat: false,
            later: false,
        }
    }
}
