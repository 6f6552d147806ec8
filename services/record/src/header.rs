//! The four octets that every record begins with (record-format chapter, section 3).

use crate::wire;

/// The format a record is written in: the low nibble of its first octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Version {
    /// Written by argus 3.x and read by every client in the field.
    #[default]
    V3,
    /// Written by argus 5.x sensors.
    V5,
}

impl Version {
    /// The nibble as it is written.
    pub fn nibble(self) -> u8 {
        match self {
            Version::V3 => 3,
            Version::V5 => 5,
        }
    }

    /// The cookie that an initial management record of this version carries.
    pub fn cookie(self) -> u32 {
        match self {
            Version::V3 => COOKIE_V3,
            Version::V5 => COOKIE_V5,
        }
    }
}

/// Cookie of a version 3 stream, octets 8–11 of its initial management record.
pub const COOKIE_V3: u32 = 0xE571_2DCB;
/// Cookie of a version 5 stream.
pub const COOKIE_V5: u32 = 0xE571_50CB;
/// Cookie of a version 2 stream.
pub const COOKIE_V2: u32 = 0xE561_7ACB;

/// What a record is: the high nibble of its first octet (section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// 0x80: management record.
    Mar,
    /// 0xB0: the initial management record of a converted NetFlow source.
    NetflowMar,
    /// 0x10: flow record.
    Flow,
    /// 0x30: flow record imported from NetFlow.
    Netflow,
    /// 0x40: event record.
    Event,
    /// 0x50: flow record imported from another source (5.x).
    Aflow,
    /// Any other nibble (0x0–0xF): reserved or unknown; a reader skips the record.
    Other(u8),
}

impl Kind {
    /// The kind that a nibble (0–15) stands for.
    #[inline]
    pub fn from_nibble(nibble: u8) -> Kind {
        match nibble & 0x0f {
            0x8 => Kind::Mar,
            0xb => Kind::NetflowMar,
            0x1 => Kind::Flow,
            0x3 => Kind::Netflow,
            0x4 => Kind::Event,
            0x5 => Kind::Aflow,
            other => Kind::Other(other),
        }
    }

    /// The nibble as it is written (0–15).
    pub fn nibble(self) -> u8 {
        match self {
            Kind::Mar => 0x8,
            Kind::NetflowMar => 0xb,
            Kind::Flow => 0x1,
            Kind::Netflow => 0x3,
            Kind::Event => 0x4,
            Kind::Aflow => 0x5,
            Kind::Other(n) => n & 0x0f,
        }
    }

    /// Whether this is a management record.
    #[inline]
    pub fn is_mar(self) -> bool {
        matches!(self, Kind::Mar | Kind::NetflowMar)
    }

    /// Whether the body is a sequence of DSRs: flow, NetFlow, event and imported flow records.
    #[inline]
    pub fn has_dsrs(self) -> bool {
        matches!(self, Kind::Flow | Kind::Netflow | Kind::Event | Kind::Aflow)
    }

    /// Whether the record describes a flow.
    pub fn is_flow(self) -> bool {
        matches!(self, Kind::Flow | Kind::Netflow | Kind::Aflow)
    }
}

/// Why a record was written: the high nibble of its second octet (section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// 0x00: nothing stated.
    Unset,
    /// 0x10: initial management record; first record of a flow.
    Start,
    /// 0x20: periodic management record; continuation record of a flow.
    Status,
    /// 0x30: sensor closing; TCP flow closed and removed early.
    Stop,
    /// 0x40: flow record sent on idle timeout.
    Timeout,
    /// 0x50: flush.
    Flush,
    /// 0x60: administrative shutdown.
    Shutdown,
    /// 0x70: closed.
    Closed,
    /// 0x80: error; in a management record the options say which.
    Error,
    /// 0x90: supplemental management record (5.x, never written).
    MarSupplemental,
    /// 0xA0: interface management record (5.x).
    MarInterface,
    /// Any other nibble (11–15).
    Other(u8),
}

impl Cause {
    /// The cause that a nibble (0–15) stands for.
    #[inline]
    pub fn from_nibble(nibble: u8) -> Cause {
        match nibble & 0x0f {
            0x0 => Cause::Unset,
            0x1 => Cause::Start,
            0x2 => Cause::Status,
            0x3 => Cause::Stop,
            0x4 => Cause::Timeout,
            0x5 => Cause::Flush,
            0x6 => Cause::Shutdown,
            0x7 => Cause::Closed,
            0x8 => Cause::Error,
            0x9 => Cause::MarSupplemental,
            0xa => Cause::MarInterface,
            other => Cause::Other(other),
        }
    }

    /// The nibble as it is written (0–15).
    pub fn nibble(self) -> u8 {
        match self {
            Cause::Unset => 0x0,
            Cause::Start => 0x1,
            Cause::Status => 0x2,
            Cause::Stop => 0x3,
            Cause::Timeout => 0x4,
            Cause::Flush => 0x5,
            Cause::Shutdown => 0x6,
            Cause::Closed => 0x7,
            Cause::Error => 0x8,
            Cause::MarSupplemental => 0x9,
            Cause::MarInterface => 0xa,
            Cause::Other(n) => n & 0x0f,
        }
    }
}

/// Whether an octet is the first of a flow or management record's header rather than the type of a DSR: no chapter
/// describes DSRs of these types.
pub(crate) const fn begins_record(octet: u8) -> bool {
    matches!(octet, 0x13 | 0x15 | 0x33 | 0x35 | 0x83 | 0x85)
}

/// Option nibble: the record went through a radium.
pub const OPTION_RADIUM: u8 = 0x08;
/// Option nibble of an error management record: remote access denied.
pub const OPTION_ACCESS_DENIED: u8 = 0x01;
/// Option nibble of an error management record: too many clients.
pub const OPTION_MAX_LISTEN: u8 = 0x02;

/// A record's header, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// What the record is.
    pub kind: Kind,
    /// Version nibble as read (0–15); readers accept any, see [`Header::version`].
    pub nibble: u8,
    /// Why it was written.
    pub cause: Cause,
    /// Option nibble (0–15).
    pub options: u8,
    /// Length in 32-bit words, header included. Zero is padding between records, not a record.
    pub words: u16,
}

impl Header {
    /// Octets of a header.
    pub const LEN: usize = 4;

    /// A header of the given kind and cause, no options, length still unknown.
    pub fn new(kind: Kind, version: Version, cause: Cause) -> Header {
        Header { kind, nibble: version.nibble(), cause, options: 0, words: 1 }
    }

    /// Reads the first four octets; `None` when there are fewer.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Option<Header> {
        let [typ, cause, hi, lo] = wire::array(bytes, 0)?;
        Some(Header {
            kind: Kind::from_nibble(typ >> 4),
            nibble: typ & 0x0f,
            cause: Cause::from_nibble(cause >> 4),
            options: cause & 0x0f,
            words: u16::from_be_bytes([hi, lo]),
        })
    }

    /// The octets as written.
    pub fn to_bytes(self) -> [u8; 4] {
        let [hi, lo] = self.words.to_be_bytes();
        [
            self.kind.nibble() << 4 | (self.nibble & 0x0f),
            self.cause.nibble() << 4 | (self.options & 0x0f),
            hi,
            lo,
        ]
    }

    /// The version that decides how fields are read: version 5 for a nibble of 5; version 3 for all else, the 7 with
    /// which radium 5.0.3 forwards version 3 records included.
    pub fn version(self) -> Version {
        if self.nibble == 5 { Version::V5 } else { Version::V3 }
    }

    /// Length in octets, header included.
    pub fn len(self) -> usize {
        usize::from(self.words) * 4
    }

    /// Whether the length field is zero (padding between records).
    pub fn is_empty(self) -> bool {
        self.words == 0
    }
}
