//! Everything compared with a number or a name: identification, attributes, metrics
//! (filter chapter, sections 6.4, 6.5, 6.7).

use std::net::IpAddr;

use super::{Cond, Lowering, Primitive, relate, sided};
use crate::ast::{Cmp, Direction, Id, Number, Type, V4Mask};
use crate::error::{SyntaxError, shorten};
use crate::test::{Family, Fraction, Historic, Relation, Side, Test, Whole, Word};
use crate::{CodePoints, number};

const FLOW_RECORD: u8 = 0x10;

impl Lowering<'_> {
    pub(super) fn value(&self, p: &Primitive<'_>) -> Result<Cond, SyntaxError> {
        let guarded = |guard: Test, whole| Ok(Cond::from(guard).and(self.whole(p, whole)?));
        match p.head.kind {
            Type::SrcId => self.source_id(p),
            Type::Inode => self.inode(p),
            Type::Interface => match p.id {
                Id::Name { text, length: None, .. } => Ok(Test::Interface(interface_tag(text)).into()),
                _ => Err(self.wrong(p.span, "`inf` takes the name of an interface")),
            },
            Type::Node => self.node(p),
            Type::Encaps => self.encapsulation(p),
            Type::Co => self.country(p),
            Type::MacClass => self.mac_class(p),
            Type::Ttl => guarded(Test::Family(Family::Ipv4), Whole::Ttl),
            Type::Tos => guarded(Test::Family(Family::Ipv4), Whole::Tos),
            Type::Dsb => self.code_point(p),
            Type::IpId => guarded(Test::Protocol(6), Whole::IpId),
            Type::Vid if self.historic() => self.historic_tag(p, 0x0fff, 0),
            Type::Vpri if self.historic() => self.historic_tag(p, 0xf000, 12),
            Type::Vid => self.carried(p, Whole::VlanId),
            Type::Vpri => self.carried(p, Whole::VlanPriority),
            Type::Mid if self.historic() => {
                let label = self.number(p)?.wrapped << 12;
                Ok(sided(p.head.direction, |side| {
                    relate(p.cmp, |r| Test::Bits(Word::MplsEntry, side, 0xffff_f000, r, label))
                }))
            }
            Type::Mid => self.carried(p, Whole::MplsLabel),
            Type::As => self.autonomous_system(p),
            Type::Spi => guarded(Test::Protocol(50), Whole::Spi),
            Type::Seq => guarded(Test::Type(FLOW_RECORD), Whole::Sequence),
            Type::Trans => self.whole(p, Whole::Transactions),
            Type::Pkts => self.whole(p, Whole::Packets),
            Type::Bytes => self.whole(p, Whole::Bytes),
            Type::AppBytes => self.whole(p, Whole::AppBytes),
            Type::Loss => self.whole(p, Whole::Loss),
            Type::TcpBase => self.whole(p, Whole::TcpBase),
            Type::MaxSegment => self.whole(p, Whole::MaxSegment),
            Type::MaskLength => self.whole(p, Whole::MaskLength),
            Type::Keystrokes => self.whole(p, Whole::Keystrokes),
            Type::Observers => self.whole(p, Whole::Observers),
            Type::Locality => self.whole(p, Whole::Locality),
            // The identifier is in milliseconds, the record in microseconds. Both words for points in time test
            // the last one.
            Type::DeltaDur => self.scaled(p, Whole::DeltaDuration),
            Type::DeltaLast => self.scaled(p, Whole::DeltaLast),
            Type::DeltaStart if self.historic() => self.scaled(p, Whole::DeltaLast),
            Type::DeltaStart => self.scaled(p, Whole::DeltaStart),
            Type::Rate => self.fraction(p, Fraction::Rate, 1.0),
            Type::Load => self.fraction(p, Fraction::Load, 1.0),
            Type::PercentLoss => self.fraction(p, Fraction::PercentLoss, 1.0),
            Type::Pcr => Ok(Cond::from(Test::Type(FLOW_RECORD)).and(self.fraction(p, Fraction::Pcr, 1.0)?)),
            Type::Dur => self.fraction(p, Fraction::Duration, 1.0),
            Type::AvgDur if self.historic() => {
                let constant = match p.id {
                    Id::Float(value, ..) => *value as i64 as u32,
                    _ => self.number(p)?.wrapped,
                };
                Ok(relate(p.cmp, |r| Test::Historic(Historic::AvgDur(r, constant))))
            }
            Type::AvgDur => self.fraction(p, Fraction::MeanDuration, 1.0),
            Type::InterFlow => self.fraction(p, Fraction::InterFlow, 1000.0),
            Type::InterFlowDeviation => self.fraction(p, Fraction::InterFlowDeviation, 1000.0),
            Type::IntPkt => self.interval(p, Fraction::IntervalActive),
            Type::IntPktIdle => self.interval(p, Fraction::IntervalIdle),
            Type::Jitter => self.interval(p, Fraction::JitterActive),
            Type::JitterIdle => self.interval(p, Fraction::JitterIdle),
            Type::Latitude => self.fraction(p, Fraction::Latitude, 1.0),
            Type::Longitude => self.fraction(p, Fraction::Longitude, 1.0),
            Type::Host | Type::Net | Type::Gateway | Type::Port | Type::Proto => Ok(Cond::Always(false)),
        }
    }

    /// A whole number of each side that the direction names.
    fn whole(&self, p: &Primitive<'_>, whole: Whole) -> Result<Cond, SyntaxError> {
        let number = self.number(p)?;
        Ok(self.sided_whole(p, whole, number))
    }

    /// A value of a side that must carry it: absent is not less than anything (section 7).
    fn carried(&self, p: &Primitive<'_>, whole: Whole) -> Result<Cond, SyntaxError> {
        let number = self.number(p)?;
        Ok(sided(p.head.direction, |side| {
            let carried = Cond::from(Test::Whole(whole, side, Relation::Ge, 0));
            carried.and(self.whole_test(whole, side, p.cmp, number))
        }))
    }

    fn sided_whole(&self, p: &Primitive<'_>, whole: Whole, number: Number) -> Cond {
        if whole.has_sides() {
            sided(p.head.direction, |side| self.whole_test(whole, side, p.cmp, number))
        } else {
            self.whole_test(whole, Side::Src, p.cmp, number)
        }
    }

    /// Constants are compared as they are; the oracle wraps them to 32 bits.
    pub(super) fn whole_test(&self, whole: Whole, side: Side, cmp: Cmp, number: Number) -> Cond {
        let constant = if self.historic() { i128::from(number.wrapped) } else { number.value };
        relate(cmp, |relation| Test::Whole(whole, side, relation, constant))
    }

    fn scaled(&self, p: &Primitive<'_>, whole: Whole) -> Result<Cond, SyntaxError> {
        let Number { value, wrapped } = self.number(p)?;
        let number = Number { value: value.saturating_mul(1000), wrapped: wrapped.wrapping_mul(1000) };
        Ok(self.sided_whole(p, whole, number))
    }

    fn number(&self, p: &Primitive<'_>) -> Result<Number, SyntaxError> {
        match p.id {
            Id::Number(number, None) => Ok(*number),
            Id::Float(_, _, None) => {
                Err(self.wrong(p.span, format!("'{}' is not a whole number", self.quote(p.span))))
            }
            _ => Err(self
                .wrong(p.span, format!("expected a number, found '{}'", self.quote(p.span)))
                .with_historic("Argusgen_scode error")),
        }
    }

    /// A fraction; whole numbers count as fractions. `scale` leads from the identifier's unit to the value's.
    fn fraction(&self, p: &Primitive<'_>, fraction: Fraction, scale: f64) -> Result<Cond, SyntaxError> {
        let constant = match p.id {
            Id::Float(value, _, None) => *value,
            Id::Number(number, None) if self.historic() => f64::from(number.wrapped),
            Id::Number(number, None) => number.value as f64,
            _ => return Err(self.wrong(p.span, format!("expected a number, found '{}'", self.quote(p.span)))),
        };
        let constant = number::round(constant * scale, self.options.precision);
        let test = |side| relate(p.cmp, |relation| Test::Fraction(fraction, side, relation, constant));
        Ok(if fraction.has_sides() { sided(p.head.direction, test) } else { test(Side::Src) })
    }

    /// `intpkt…`, `jit…`: without a direction both sides must satisfy (section 5.1).
    fn interval(&self, p: &Primitive<'_>, fraction: Fraction) -> Result<Cond, SyntaxError> {
        let direction = match (p.head.direction, p.id) {
            // The oracle looks at the source alone when the identifier is a whole number.
            (Direction::Unspecified, Id::Number(..)) if self.historic() => Direction::Src,
            (Direction::Unspecified, _) => Direction::Both,
            (direction, _) => direction,
        };
        let on = |direction, fraction| {
            let head = crate::ast::Head { direction, ..p.head };
            self.fraction(&Primitive { head, cmp: p.cmp, id: p.id, span: p.span }, fraction, 1000.0)
        };
        match (direction, fraction) {
            // And at the destination's active intervals for `src or dst`.
            (Direction::Either, Fraction::IntervalIdle) if self.historic() => {
                Ok(on(Direction::Src, fraction)?.or(on(Direction::Dst, Fraction::IntervalActive)?))
            }
            (Direction::Either, Fraction::JitterIdle) if self.historic() => {
                Ok(on(Direction::Src, fraction)?.or(on(Direction::Dst, Fraction::JitterActive)?))
            }
            _ => on(direction, fraction),
        }
    }

    fn source_id(&self, p: &Primitive<'_>) -> Result<Cond, SyntaxError> {
        let word = |word: u32| Ok(Test::SourceId(word).into());
        if let Id::Name { text, length: None, .. } = p.id
            && let Some(ids) = self.given(text)
        {
            return Ok(ids);
        }
        match p.id {
            Id::V4(address, V4Mask::None) => word(u32::from(*address)),
            Id::V6(address, None) => Ok(Test::LongSourceId(u128::from(*address)).into()),
            Id::Uuid(id) => Ok(Test::LongSourceId(u128::from_be_bytes(*id)).into()),
            Id::Number(number, None) if self.historic() => word(number.wrapped),
            Id::Number(number, None) => word(self.address_word(*number, p.span)?),
            Id::Name { text, quoted: true, length: None } if text.len() <= 4 => {
                word(u32::from_be_bytes(four(text)))
            }
            Id::Name { text, length: None, .. } => {
                let addresses: Vec<Cond> = self
                    .resolve(text)
                    .into_iter()
                    .map(|address| match address {
                        IpAddr::V4(address) => Test::SourceId(address.into()).into(),
                        IpAddr::V6(address) => Test::LongSourceId(address.into()).into(),
                    })
                    .collect();
                if addresses.is_empty() {
                    return Err(self
                        .wrong(p.span, format!("unknown source id '{}'", shorten(text)))
                        .with_historic(format!("srcid {text} unknown")));
                }
                Ok(Cond::Any(addresses))
            }
            _ => Err(self.wrong(p.span, format!("'{}' is not a source id", self.quote(p.span)))),
        }
    }

    /// `node NAME`: the source ids that were given this name.
    fn node(&self, p: &Primitive<'_>) -> Result<Cond, SyntaxError> {
        let Id::Name { text, length: None, .. } = p.id else {
            return Err(self.wrong(p.span, "`node` takes the name of a source id"));
        };
        self.given(text).ok_or_else(|| {
            let name = shorten(text);
            self.wrong(
                p.span,
                format!("no source id is called '{name}' (RA_SRCID_ALIAS names the file of names)"),
            )
        })
    }

    /// The source ids that were given a name; `None` when there are none.
    fn given(&self, name: &str) -> Option<Cond> {
        let ids = if self.historic() { Vec::new() } else { self.options.names.source_ids(name) };
        let tests: Vec<Cond> = ids.iter().filter_map(|id| id_test(id)).map(Cond::from).collect();
        (!tests.is_empty()).then_some(Cond::Any(tests))
    }

    /// The node that sent the ICMP error mapped to the flow.
    fn inode(&self, p: &Primitive<'_>) -> Result<Cond, SyntaxError> {
        let words: Vec<u32> = match p.id {
            Id::V4(address, V4Mask::None) => vec![u32::from(*address)],
            Id::Number(number, None) => vec![self.address_word(*number, p.span)?],
            Id::Name { text, length: None, .. } => {
                let resolved = self.resolve(text).into_iter().filter_map(|address| match address {
                    IpAddr::V4(address) => Some(u32::from(address)),
                    IpAddr::V6(_) => None,
                });
                resolved.collect()
            }
            _ => Vec::new(),
        };
        if words.is_empty() {
            return Err(self.wrong(p.span, format!("'{}' is not an IPv4 node", self.quote(p.span))));
        }
        let node =
            |word: u32| Test::Whole(Whole::MappedNode, Side::Src, Relation::Eq, i128::from(word)).into();
        Ok(Cond::from(Test::Type(FLOW_RECORD)).and(Cond::Any(words.into_iter().map(node).collect())))
    }

    fn encapsulation(&self, p: &Primitive<'_>) -> Result<Cond, SyntaxError> {
        let bit = match p.id {
            Id::Name { text, length: None, .. } => ENCAPSULATIONS
                .iter()
                .find(|(name, _)| match text.get(..name.len()) {
                    // The oracle takes the first name that the word begins with.
                    Some(begin) if self.historic() => begin.eq_ignore_ascii_case(name),
                    _ => text.eq_ignore_ascii_case(name),
                })
                .map(|(_, bit)| *bit),
            _ => None,
        };
        let Some(bit) = bit else {
            return Err(self
                .wrong(p.span, format!("'{}' is not an encapsulation", self.quote(p.span)))
                .with_historic_if(matches!(p.id, Id::Name { .. }), "Argusgen_scode error"));
        };
        let test = |side| Test::Bits(Word::Encapsulations, side, bit, Relation::Eq, bit).into();
        Ok(sided(p.head.direction, test))
    }

    /// Two letters; of longer words the first two count.
    fn country(&self, p: &Primitive<'_>) -> Result<Cond, SyntaxError> {
        let code = match p.id {
            Id::Name { text, length: None, .. } => match text.as_bytes() {
                [first, second, ..] => u16::from_be_bytes([*first, *second]),
                _ => return Err(self.wrong(p.span, "a country has two letters")),
            },
            _ => return Err(self.wrong(p.span, "a country has two letters")),
        };
        let test = |side| Test::Whole(Whole::Country, side, Relation::Eq, i128::from(code)).into();
        Ok(sided(p.head.direction, test))
    }

    /// 5.x: classes by the first octet of an Ethernet address.
    fn mac_class(&self, p: &Primitive<'_>) -> Result<Cond, SyntaxError> {
        let class = match p.id {
            Id::Name { text, length: None, .. } => {
                MAC_CLASSES.iter().find(|(name, ..)| name.eq_ignore_ascii_case(text))
            }
            _ => None,
        };
        let Some(&(_, mask, value)) = class else {
            return Err(self.wrong(p.span, format!("'{}' is not a class of addresses", self.quote(p.span))));
        };
        Ok(sided(p.head.direction, |side| Test::Mac(side, value << 40, mask << 40).into()))
    }

    /// `as N`, `as A.B`.
    fn autonomous_system(&self, p: &Primitive<'_>) -> Result<Cond, SyntaxError> {
        let Id::Float(_, text, None) = p.id else { return self.whole(p, Whole::Asn) };
        let part = |part: Option<&str>| part.and_then(|digits| digits.parse::<u16>().ok()).map(u32::from);
        let mut parts = text.split('.');
        let (Some(high), Some(low)) = (part(parts.next()), part(parts.next())) else {
            return Err(self.wrong(p.span, format!("'{}' is not an AS number", self.quote(p.span))));
        };
        // The oracle shifts wrongly and ignores the comparison.
        let (asn, cmp) = if self.historic() { (18 * high + low, Cmp::Eq) } else { (high << 16 | low, p.cmp) };
        Ok(sided(p.head.direction, |side| self.whole_test(Whole::Asn, side, cmp, Number::new(asn))))
    }

    fn code_point(&self, p: &Primitive<'_>) -> Result<Cond, SyntaxError> {
        let number = match p.id {
            Id::Name { text, length: None, .. } => match self.code_point_named(text) {
                Some(number) => Number::new(number),
                None => {
                    return Err(self
                        .wrong(p.span, format!("unknown code point '{}'", shorten(text)))
                        .with_historic("Argusgen_scode error"));
                }
            },
            _ => self.number(p)?,
        };
        let cond = if self.historic() {
            let constant = number.wrapped.wrapping_shl(2) & 0xff;
            sided(p.head.direction, |side| relate(p.cmp, |r| Test::Bits(Word::Tos, side, 0xfc, r, constant)))
        } else {
            self.sided_whole(p, Whole::CodePoint, number)
        };
        Ok(Cond::from(Test::Family(Family::Ipv4)).and(cond))
    }

    fn code_point_named(&self, name: &str) -> Option<u32> {
        let table = match self.options.code_points {
            CodePoints::Standard => STANDARD_CODE_POINTS,
            CodePoints::Disa => DISA_CODE_POINTS,
        };
        let found = table.iter().find(|(known, _)| match name.get(..known.len()) {
            Some(begin) if self.historic() => begin.eq_ignore_ascii_case(known),
            _ => name.eq_ignore_ascii_case(known),
        });
        found.map(|(_, number)| *number)
    }

    /// `vid`, `vpri` of 3.0.8.2: always equality, without a test for the block, priority with the bit after it.
    fn historic_tag(&self, p: &Primitive<'_>, mask: u32, shift: u32) -> Result<Cond, SyntaxError> {
        let constant = self.number(p)?.wrapped.wrapping_shl(shift) & mask;
        let test = |side| Test::Bits(Word::VlanTag, side, mask, Relation::Eq, constant).into();
        Ok(sided(p.head.direction, test))
    }
}

/// A source id as it is shown.
fn id_test(text: &str) -> Option<Test> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(match address {
            IpAddr::V4(address) => Test::SourceId(address.into()),
            IpAddr::V6(address) => Test::LongSourceId(address.into()),
        });
    }
    if let Ok(number) = text.parse() {
        return Some(Test::SourceId(number));
    }
    if text.len() == 36 {
        let digits: String = text.split('-').collect();
        return u128::from_str_radix(&digits, 16).ok().map(Test::LongSourceId);
    }
    (1..=4).contains(&text.len()).then(|| Test::SourceId(u32::from_be_bytes(four(text))))
}

/// What records have room for of an interface's name: four characters, of a longer one the first and the last three.
fn interface_tag(name: &str) -> [u8; 4] {
    match name.as_bytes() {
        [first, _, .., a, b, c] => [*first, *a, *b, *c],
        _ => four(name),
    }
}

fn four(text: &str) -> [u8; 4] {
    let mut octets = [0; 4];
    for (octet, given) in octets.iter_mut().zip(text.bytes()) {
        *octet = given;
    }
    octets
}

/// Section 6.4.
const ENCAPSULATIONS: &[(&str, u32)] = &[
    ("eth", 0x2),
    ("802q", 0x4),
    ("llc", 0x8),
    ("pppoe", 0x10),
    ("isl", 0x20),
    ("gre", 0x40),
    ("ah", 0x80),
    ("ipnip", 0x100),
    ("ipnip6", 0x200),
    ("hdlc", 0x400),
    ("chdlc", 0x800),
    ("atm", 0x1000),
    ("sll", 0x2000),
    ("fddi", 0x4000),
    ("slip", 0x8000),
    ("arc", 0x1_0000),
    ("wlan", 0x2_0000),
    ("prism", 0x4_0000),
    ("avs", 0x8_0000),
    ("lrh", 0x10_0000),
    ("grh", 0x20_0000),
    ("teredo", 0x40_0000),
    ("udt", 0x80_0000),
    ("ipsec", 0x100_0000),
    ("juniper", 0x200_0000),
    ("erspan", 0x400_0000),
    ("mpls", 0x1),
    ("l2tp", 0x800_0000),
    ("geneve", 0x1000_0000),
];

/// Section 12: name, mask and value of the first octet.
const MAC_CLASSES: &[(&str, u64, u64)] = &[
    ("uni", 0x1, 0x0),
    ("multi", 0x1, 0x1),
    ("uaa", 0x2, 0x0),
    ("laa", 0x2, 0x2),
    ("lm", 0x3, 0x3),
    ("eli", 0xf, 0xa),
    ("sai", 0xf, 0xe),
    ("aai", 0xf, 0x2),
    ("res", 0xf, 0x6),
];

/// Section 6.5.
const STANDARD_CODE_POINTS: &[(&str, u32)] = &[
    ("cs0", 0),
    ("cs1", 8),
    ("cs2", 16),
    ("cs3", 24),
    ("cs4", 32),
    ("cs5", 40),
    ("cs6", 48),
    ("cs7", 56),
    ("af11", 10),
    ("af12", 12),
    ("af13", 14),
    ("af21", 18),
    ("af22", 20),
    ("af23", 22),
    ("af31", 26),
    ("af32", 28),
    ("af33", 30),
    ("af41", 34),
    ("af42", 36),
    ("af43", 38),
    ("ef", 46),
];

/// Section 6.5, `-M disa`. These names come before the standard ones, which stay known.
const DISA_CODE_POINTS: &[(&str, u32)] = &[
    ("us", 40),
    ("voice", 46),
    ("nc", 48),
    ("oam", 16),
    ("video", 38),
    ("smms", 26),
    ("sm", 32),
    ("hpmms", 25),
    ("hphtd", 9),
    ("hplld", 17),
    ("shtd", 10),
    ("shlld", 18),
    ("be", 0),
];
