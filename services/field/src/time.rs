//! Time stamps as text: `RA_TIME_FORMAT`, `-u`, `-p` and the zone (chapter ra-output, section 6).

use crate::number::{put_padded, put_uint};
use crate::place::put;
use crate::small::{Small, micro_digits};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};
use record::Stamp;
use std::io::Read;
use std::path::Path;

/// The format that applies when none is configured.
pub const DEFAULT_FORMAT: &str = "%T.%f";

/// The format of XML documents.
pub const XML_FORMAT: &str = "%Y-%m-%dT%H:%M:%S.%f";

enum Piece {
    /// Text and strftime conversions, rendered anew when the second changes.
    Clock(String),
    /// `%f`, the fraction of the second.
    Fraction,
}

/// The text of a second.
#[derive(Default)]
struct Rendered {
    second: Option<u32>,
    /// Of each piece; empty of fractions.
    texts: Vec<Vec<u8>>,
    /// Whether there is a point in it.
    point: bool,
    /// All of it but the fraction behind it, when it is that short and simple, and its length.
    short: Option<([u8; SHORT], usize)>,
}

/// Digits of the fraction behind a short text.
const DIGITS: usize = 6;

/// Characters of a short text.
const SHORT: usize = 16;

/// Seconds whose text is remembered: a row may show first and last packets of both sides.
const REMEMBERED: usize = 8;

/// Renders stamps; remembers the text of some seconds.
pub struct TimeText {
    pieces: Vec<Piece>,
    zone: TimeZone,
    precision: usize,
    unix: bool,
    signed: bool,
    rendered: Box<[Rendered; REMEMBERED]>,
    /// Whether the present text has a point in it.
    point: bool,
}

impl TimeText {
    /// `format` is strftime's with `%f` for the fraction, of which `precision` digits are kept (at most six);
    /// `unix` prints seconds since the epoch instead.
    pub fn new(format: &str, zone: TimeZone, precision: usize, unix: bool) -> TimeText {
        TimeText {
            pieces: pieces(format, precision),
            zone,
            precision,
            unix,
            signed: false,
            rendered: Box::default(),
            point: unix && precision > 0,
        }
    }

    /// Takes the seconds as a signed 32 bit number, as 3.0.8 does: stamps from 2038 on fall before 1970.
    pub fn signed(mut self, signed: bool) -> TimeText {
        self.signed = signed;
        self
    }

    /// Appends the text of a stamp.
    pub fn put(&mut self, out: &mut Vec<u8>, stamp: Stamp) {
        let (second, usec) = (stamp.secs(), stamp.subsec_micros());
        if self.unix {
            put_uint(out, u64::from(second));
            if self.precision > 0 {
                out.push(b'.');
                put_fraction(out, usec, self.precision);
            }
            return;
        }
        let at = self.render(second);
        for (piece, text) in self.pieces.iter().zip(&self.rendered[at].texts) {
            match piece {
                Piece::Clock(_) => out.extend_from_slice(text),
                Piece::Fraction => put_fraction(out, usec, self.precision),
            }
        }
    }

    /// Puts the text of a stamp.
    #[inline]
    pub(crate) fn put_small(&mut self, small: &mut Small, stamp: Stamp) {
        let (second, usec) = (stamp.secs(), stamp.subsec_micros());
        if self.unix {
            small.put_uint(u64::from(second));
            if self.precision > 0 {
                small.put(b".");
                small.put_micros(usec, self.precision);
            }
            return;
        }
        let at = self.render(second);
        for (piece, text) in self.pieces.iter().zip(&self.rendered[at].texts) {
            match piece {
                Piece::Clock(_) => small.put(text),
                Piece::Fraction => small.put_micros(usec, self.precision),
            }
        }
    }

    /// The text of a second up to the six digits of the fraction, and its length; `None` when it takes the longer way.
    #[inline]
    fn short(&mut self, second: u32) -> Option<([u8; SHORT], usize)> {
        if self.unix {
            return None;
        }
        let place = self.render(second);
        self.rendered[place].short
    }

    /// Puts the text of seconds and microseconds to the right of a cell of a row, whose width is without the digits that
    /// the fraction needs. `None` when that takes the longer way; else the whole width.
    #[inline]
    pub(crate) fn put_right(
        &mut self,
        out: &mut [u8],
        at: usize,
        width: usize,
        (second, micros): (u32, u32),
    ) -> Option<usize> {
        let (text, len) = self.short(second)?;
        let width = width + if self.point { DIGITS } else { 0 };
        let from = at + width.checked_sub(len + DIGITS)?;
        put(out, from, text);
        put(out, from + len, micro_digits(micros));
        Some(width)
    }

    /// Puts the text of seconds and microseconds; tells how long it is. `None` when that takes the longer way.
    #[inline]
    pub(crate) fn put_left(
        &mut self,
        out: &mut [u8],
        at: usize,
        (second, micros): (u32, u32),
    ) -> Option<usize> {
        let (text, len) = self.short(second)?;
        put(out, at, text);
        put(out, at + len, micro_digits(micros));
        Some(len + DIGITS)
    }

    /// Whether the text of the stamp that was put last has a point in it.
    pub(crate) fn has_point(&self) -> bool {
        self.point
    }

    /// Length of the text of a sample time.
    pub fn sample_len(&mut self) -> usize {
        let mut text = Vec::new();
        self.put(&mut text, Stamp::from_sec_usec(1_000_000_000, 0));
        text.len()
    }

    /// Makes the text of a second; tells where it is.
    #[inline]
    fn render(&mut self, second: u32) -> usize {
        let place = second as usize % REMEMBERED;
        if self.rendered[place].second != Some(second) {
            self.render_anew(place, second);
        }
        self.point = self.rendered[place].point;
        place
    }

    fn render_anew(&mut self, place: usize, second: u32) {
        let seconds = if self.signed { i64::from(second as i32) } else { i64::from(second) };
        let at = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
        let mut clock = Clock { at, zone: &self.zone, zoned: None, offset: self.zone.to_offset(at) };
        let rendered = &mut self.rendered[place];
        rendered.texts.resize_with(self.pieces.len(), Vec::new);
        (rendered.second, rendered.point) = (Some(second), false);
        for (piece, text) in self.pieces.iter().zip(&mut rendered.texts) {
            text.clear();
            if let Piece::Clock(format) = piece {
                clock.put(text, format);
                rendered.point |= text.contains(&b'.');
            }
        }
        rendered.short = match (&self.pieces[..], rendered.texts.first()) {
            ([Piece::Clock(_), Piece::Fraction], Some(text))
                if text.len() <= SHORT && self.precision == 6 =>
            {
                let mut short = [b' '; SHORT];
                short[..text.len()].copy_from_slice(text);
                Some((short, text.len()))
            }
            _ => None,
        };
    }
}

/// One moment in a zone, the expensive calendar made only when a conversion asks for it.
struct Clock<'a> {
    at: Timestamp,
    zone: &'a TimeZone,
    offset: Offset,
    zoned: Option<Zoned>,
}

impl Clock<'_> {
    fn put(&mut self, out: &mut Vec<u8>, format: &str) {
        let mut rest = format;
        while let Some(at) = rest.find('%') {
            out.extend_from_slice(&rest.as_bytes()[..at]);
            let conversion = conversion(&rest[at..]);
            self.convert(out, conversion);
            rest = &rest[at + conversion.len()..];
        }
        out.extend_from_slice(rest.as_bytes());
    }

    fn convert(&mut self, out: &mut Vec<u8>, conversion: &str) {
        let local = self.at.as_second() + i64::from(self.offset.seconds());
        let day = local.rem_euclid(86_400) as u64;
        match conversion {
            "%T" => {
                put_padded(out, day / 3600, 2);
                out.push(b':');
                put_padded(out, day / 60 % 60, 2);
                out.push(b':');
                put_padded(out, day % 60, 2);
            }
            "%H" => put_padded(out, day / 3600, 2),
            "%M" => put_padded(out, day / 60 % 60, 2),
            "%S" => put_padded(out, day % 60, 2),
            "%%" => out.push(b'%'),
            "%n" => out.push(b'\n'),
            "%t" => out.push(b'\t'),
            _ => {
                let zoned = self.zoned.get_or_insert_with(|| self.at.to_zoned(self.zone.clone()));
                // The alternative forms (%E?, %O?) mean the plain ones outside of exotic locales.
                let plain: String = conversion.chars().filter(|c| !matches!(c, 'E' | 'O')).collect();
                match jiff::fmt::strtime::format(&plain, &*zoned) {
                    Ok(text) => out.extend_from_slice(text.as_bytes()),
                    Err(_) => out.extend_from_slice(conversion.as_bytes()),
                }
            }
        }
    }
}

/// The conversion at the start of `text`: `%`, flags, width, `E` or `O`, and its letter.
fn conversion(text: &str) -> &str {
    let mut chars = text.char_indices().skip(1).skip_while(|&(_, c)| "_-^#0123456789EO".contains(c));
    match chars.next() {
        Some((at, letter)) => &text[..at + letter.len_utf8()],
        None => text,
    }
}

fn pieces(format: &str, precision: usize) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut clock = String::new();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        clock.push_str(&rest[..at]);
        let conversion = conversion(&rest[at..]);
        rest = &rest[at + conversion.len()..];
        if conversion != "%f" {
            clock.push_str(conversion);
            continue;
        }
        if precision == 0 && clock.ends_with('.') {
            clock.pop();
        }
        if !clock.is_empty() {
            pieces.push(Piece::Clock(std::mem::take(&mut clock)));
        }
        if precision > 0 {
            pieces.push(Piece::Fraction);
        }
    }
    clock.push_str(rest);
    if !clock.is_empty() {
        pieces.push(Piece::Clock(clock));
    }
    pieces
}

fn put_fraction(out: &mut Vec<u8>, usec: u32, precision: usize) {
    let kept = precision.min(6);
    put_padded(out, u64::from(usec) / 10u64.pow(6 - kept as u32), kept);
}

/// The zone that a `TZ` value names: a zone of the system's database or a POSIX rule; UTC when it is neither.
pub fn zone(name: &str) -> TimeZone {
    let name = name.strip_prefix(':').unwrap_or(name);
    if matches!(name, "" | "UTC" | "UTC0") {
        return TimeZone::UTC;
    }
    if let Some(zone) = zone_file(name) {
        return zone;
    }
    TimeZone::get(name)
        .or_else(|_| TimeZone::posix(name))
        // A rule with a summer zone and no dates means those of the United States, as in the C library.
        .or_else(|_| TimeZone::posix(&format!("{name},M3.2.0,M11.1.0")))
        .unwrap_or(TimeZone::UTC)
}

/// Where systems have their zones.
const ZONES: &str = "/usr/share/zoneinfo";
/// Octets of a zone's file; real ones have a few thousand.
const LONGEST_ZONE: u64 = 1 << 16;

/// The zone of this name in the system's database, without a look at all the others: a program that prints three rows
/// need not read a thousand names.
fn zone_file(name: &str) -> Option<TimeZone> {
    let part = |part: &str| part.starts_with(|c: char| c.is_ascii_alphanumeric());
    if std::env::var_os("TZDIR").is_some() || !name.split('/').all(part) {
        return None;
    }
    let mut octets = Vec::new();
    let file = std::fs::File::open(Path::new(ZONES).join(name)).ok()?;
    file.take(LONGEST_ZONE).read_to_end(&mut octets).ok()?;
    TimeZone::tzif(name, &octets).ok()
}

/// The zone of the environment: `TZ`, else the system's.
pub fn local_zone() -> TimeZone {
    match std::env::var("TZ") {
        Ok(name) => zone(&name),
        Err(_) => {
            let link = std::fs::read_link("/etc/localtime").ok();
            let named = link.as_deref().and_then(|link| link.strip_prefix(ZONES).ok()).and_then(Path::to_str);
            let zone = named.and_then(zone_file);
            zone.unwrap_or_else(|| TimeZone::try_system().unwrap_or(TimeZone::UTC))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(format: &str, precision: usize, unix: bool, sec: u32, usec: u32) -> String {
        let mut out = Vec::new();
        TimeText::new(format, TimeZone::UTC, precision, unix).put(&mut out, Stamp::from_sec_usec(sec, usec));
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn fractions_are_cut() {
        assert_eq!(text(DEFAULT_FORMAT, 6, false, 1128727430, 350788), "23:23:50.350788");
        assert_eq!(text(DEFAULT_FORMAT, 2, false, 1128727430, 359999), "23:23:50.35");
        assert_eq!(text(DEFAULT_FORMAT, 0, false, 1128727430, 359999), "23:23:50");
        assert_eq!(text(DEFAULT_FORMAT, 9, false, 1128727430, 5), "23:23:50.000005");
        assert_eq!(text("", 3, true, 1128727430, 359999), "1128727430.359");
        assert_eq!(text("", 0, true, 4026531839, 0), "4026531839");
    }

    #[test]
    fn formats_are_those_of_strftime() {
        assert_eq!(text("%Y-%m-%d %H:%M:%S.%f", 6, false, 1128727430, 1), "2005-10-07 23:23:50.000001");
        assert_eq!(text("%y-%m-%d %T", 6, false, 1128727430, 1), "05-10-07 23:23:50");
        assert_eq!(text("%Ey%%%Od%j", 6, false, 1128727430, 1), "05%07280");
        assert_eq!(text("%Q", 6, false, 0, 0).len(), text("%Q", 6, false, 1, 0).len());
        assert_eq!(text("trailing %", 6, false, 0, 0), "trailing %");
    }

    #[test]
    fn late_stamps_are_unsigned_unless_compatible() {
        assert_eq!(text(DEFAULT_FORMAT, 0, false, 0xFFCE_DD80, 0), "00:00:00");
        let mut out = Vec::new();
        TimeText::new(DEFAULT_FORMAT, TimeZone::UTC, 0, false)
            .signed(true)
            .put(&mut out, Stamp::from_sec_usec(0xFFCE_DD80, 0));
        assert_eq!(out, b"17:31:44");
    }

    #[test]
    fn zones_may_be_posix_rules() {
        let mut out = Vec::new();
        TimeText::new("%F %T %Z", zone("EST5EDT"), 6, false)
            .put(&mut out, Stamp::from_sec_usec(1128727430, 0));
        assert_eq!(out, b"2005-10-07 19:23:50 EDT");
    }
}
