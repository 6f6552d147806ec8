//! Filters as far as a glance at a record can follow them: programs of tests on its type, on its key, and on what of its
//! other parts is asked for most.

mod translate;

use record::{Attribute, Bits, Count, Family, Index, Kind, Ports, RecordForm, Value};

use crate::program::{Instruction, Jump, Program};
use crate::test::Side;
use translate::{quick, shorten};

/// A test that a glance can decide.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Quick {
    /// As [`Test::Type`](crate::test::Test::Type).
    Type(u8),
    /// The key is of this family; `None`: of one that a glance does not tell.
    Family(Option<Family>),
    /// The protocol lies between these; nothing does when the first is greater.
    Protocol(u16, u16),
    /// As [`Test::Address4`](crate::test::Test::Address4), of keys that are no matrices, which a glance does not tell.
    Address4(Side, u32, u32),
    /// As [`Test::Address6`], likewise.
    Address6(Side, u128, u128),
    /// The port lies between these; nothing does when the first is greater.
    Port(Side, u16, u16),
    /// Either port does.
    EitherPort(u16, u16),
    /// The number lies between these; nothing does when the first is greater.
    Number(Number, Side, u64, u64),
    /// The bits of the status of a TCP flow lie between these, likewise.
    Status(u32, u32, u32),
    /// The bits of the flags of a TCP flow lie between these, likewise.
    Flags(Side, u32, u32, u32),
    /// The marks of fragments, in their places, do.
    Fragments(u32, u32, u32),
    /// The record has this part.
    Carries(Index),
    /// The transactions of the record lie between these.
    Transactions(u64, u64),
    /// At least so many microseconds lie between the first and the last packet.
    Lasts(u64),
    /// A side goes at least so fast.
    Pace(Pace, Side, f64),
    /// Some test on ARP keys.
    Arp,
    /// Something else: it must be looked at properly.
    Other,
}

/// Numbers that each side has, and that have a place.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Number {
    Count(Count),
    Attribute(Attribute),
}

/// How fast a side of a flow goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// Packets a second.
    Rate,
    /// Bits a second.
    Load,
}

/// A test on a word of a record: under the mask it lies between two values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct WordTest {
    pub(crate) word: u8,
    pub(crate) mask: u32,
    pub(crate) least: u32,
    /// From the least to the greatest.
    pub(crate) span: u32,
}

impl WordTest {
    /// That nothing passes.
    pub(crate) const NEVER: WordTest = WordTest { word: 0, mask: 0, least: 1, span: 0 };

    #[inline]
    pub(crate) fn holds(&self, word: u32) -> bool {
        (word & self.mask).wrapping_sub(self.least) <= self.span
    }
}

/// What a program is asked about: records whose keys are stored in the same way, as far as their protocol and tests on
/// their words are the same.
pub(crate) struct Case<'c> {
    pub(crate) form: &'c RecordForm,
    /// `None` of keys that have none.
    pub(crate) protocol: Option<u8>,
    /// Whether the records are turned round.
    pub(crate) turned: bool,
}

/// What is asked of the record itself.
pub(crate) trait Asked {
    /// Whether a test on one of its words holds.
    fn word(&mut self, test: WordTest) -> bool;

    /// Whether it lasts at least so many microseconds; `None` when a glance does not tell.
    fn lasts(&mut self, least: u64) -> Option<bool>;

    /// Whether its source (side 0) or destination (1) goes at least so fast, likewise.
    fn goes(&mut self, pace: Pace, side: usize, least: f64) -> Option<bool>;
}

/// A test and where to go when it holds and when it does not.
type Step = (Quick, Jump, Jump);

/// A program as far as a glance can follow it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct QuickProgram {
    instructions: Box<[Step]>,
    entry: Jump,
}

impl QuickProgram {
    /// Translates a program.
    /// Fractions are rounded to `precision`; `historic`: as 3.0.8.2 takes tests, to which absent values are others.
    pub(crate) fn of(program: &Program, precision: u8, historic: bool) -> QuickProgram {
        let one = |&Instruction { test, then, otherwise }: &Instruction| {
            (quick(&test, precision, historic), then, otherwise)
        };
        let mut instructions: Box<[_]> = program.instructions().iter().map(one).collect();
        // Jumps lead forward, so from the end on each meets only what has been made shorter.
        for at in (0..instructions.len()).rev() {
            let shorter = shorten(instructions[at], &instructions);
            instructions[at] = shorter;
        }
        QuickProgram { instructions, entry: program.entry() }
    }

    /// Tests that it consists of.
    pub(crate) fn len(&self) -> usize {
        self.instructions.len()
    }

    /// The bounds of protocols that it asks for.
    pub(crate) fn protocols(&self) -> impl Iterator<Item = (u16, u16)> {
        self.instructions.iter().filter_map(|(test, ..)| match test {
            Quick::Protocol(low, high) => Some((*low, *high)),
            _ => None,
        })
    }

    /// Whether it asks for the time that records last.
    pub(crate) fn asks_for_time(&self) -> bool {
        self.instructions.iter().any(|(test, ..)| matches!(test, Quick::Lasts(_) | Quick::Pace(..)))
    }

    /// The verdict on a record; `None` when a glance does not tell.
    #[inline]
    pub(crate) fn run(&self, case: &Case<'_>, record: &mut impl Asked) -> Option<bool> {
        let mut at = self.entry;
        while let Some((test, then, otherwise)) = self.instructions.get(at.place()) {
            at = if test.holds(case, record)? { *then } else { *otherwise };
        }
        Some(at == Jump::ACCEPT)
    }
}

impl Quick {
    #[inline]
    fn holds(&self, case: &Case<'_>, record: &mut impl Asked) -> Option<bool> {
        let family = case.form.family()?;
        let end = |side: Side| (side as usize) ^ usize::from(case.turned);
        let mut port = |side: Side, low: u16, high: u16| match case.form.ports(case.protocol) {
            None => false,
            Some(Ports::Zero) => low == 0,
            Some(Ports::At(_)) if low > high => false,
            Some(Ports::At(ends)) => {
                let Bits { word: at, mask } = ends[end(side)];
                let place = mask.trailing_zeros();
                let (least, span) = (u32::from(low) << place, u32::from(high - low) << place);
                record.word(WordTest { word: at, mask, least, span })
            }
        };
        Some(match *self {
            Quick::Type(bits) => Kind::Flow.nibble() << 4 & bits != 0,
            Quick::Family(wanted) => Some(family) == wanted,
            Quick::Protocol(low, high) => {
                case.protocol.is_some_and(|protocol| (low..=high).contains(&u16::from(protocol)))
            }
            Quick::Address4(side, address, mask) => {
                let at = case.form.addresses()[end(side)];
                family == Family::Ipv4 && record.word(WordTest { word: at, mask, least: address, span: 0 })
            }
            Quick::Address6(side, address, mask) => {
                let at = case.form.addresses()[end(side)];
                let mut part = |number: u8| {
                    let shift = 96 - 32 * u32::from(number);
                    let (least, mask) = ((address >> shift) as u32, (mask >> shift) as u32);
                    match mask {
                        0 => least == 0,
                        _ => record.word(WordTest { word: at.wrapping_add(number), mask, least, span: 0 }),
                    }
                };
                family == Family::Ipv6 && (0..4).all(&mut part)
            }
            Quick::Port(side, low, high) => port(side, low, high),
            Quick::EitherPort(low, high) => port(Side::Src, low, high) | port(Side::Dst, low, high),
            Quick::Number(number, side, low, high) => {
                let value = match number {
                    Number::Count(count) => case.form.counter(count, end(side)),
                    Number::Attribute(attribute) => case.form.attribute(attribute, end(side)),
                };
                between(value, low, high, record)?
            }
            // Turned round, some bits mean the other side.
            Quick::Status(..) if case.turned => return None,
            Quick::Status(mask, least, most) => {
                let at = case.form.status()?;
                least <= most && record.word(WordTest { word: at, mask, least, span: most - least })
            }
            // Turned round, a record of one packet does not give its flags to the other side.
            Quick::Flags(..) if case.turned => return None,
            Quick::Flags(side, mask, least, most) => match case.form.flags(end(side)) {
                // Whatever other state it has must be looked at properly.
                Value::Absent | Value::Elsewhere => return None,
                _ if least > most => false,
                Value::Zero => least == 0,
                Value::At(Bits { word, mask: all }) => {
                    let place = all.trailing_zeros();
                    // Of a side that has sent nothing they are 0.
                    let sent = match case.form.counter(Count::Packets, end(side)) {
                        Value::Absent => true,
                        packets => between(packets, 1, u64::MAX, record)?,
                    };
                    let [mask, least, most] = [mask, least, most.min(mask)].map(|bits| bits << place);
                    let holds =
                        least <= most && record.word(WordTest { word, mask, least, span: most - least });
                    if sent { holds } else { least == 0 }
                }
            },
            Quick::Fragments(mask, least, most) => {
                let sent = [0, 1].map(|side| case.form.fragments(side ^ usize::from(case.turned)));
                let [Some(src), Some(dst)] = sent else {
                    return (family != Family::Arp).then_some(false);
                };
                let marks = u32::from(src) << 4 | u32::from(dst) << 5;
                (least..=most).contains(&(marks & mask))
            }
            Quick::Carries(index) => case.form.carries(index)?,
            Quick::Transactions(low, high) => {
                // A record that nothing was merged into is one.
                (!case.form.carries(Index::Agr)?).then_some((low..=high).contains(&1))?
            }
            Quick::Lasts(least) => record.lasts(least)?,
            // Of ARP both sides are shown the other way round.
            Quick::Pace(..) if family == Family::Arp => return None,
            Quick::Pace(pace, side, least) => record.goes(pace, end(side), least)?,
            Quick::Arp if family != Family::Arp => false,
            Quick::Arp | Quick::Other => return None,
        })
    }
}

/// Whether a value lies between two others, nothing when the first is greater; `None` when a glance does not tell.
#[inline]
fn between(value: Value, low: u64, high: u64, record: &mut impl Asked) -> Option<bool> {
    Some(match value {
        Value::Absent => false,
        _ if low > high => false,
        Value::Zero => low == 0,
        Value::At(Bits { word, mask }) => {
            let place = mask.trailing_zeros();
            let most = u64::from(mask >> place);
            let (Ok(least), Ok(most)) = (u32::try_from(low), u32::try_from(high.min(most))) else {
                // More than it can hold.
                return Some(false);
            };
            let test =
                WordTest { word, mask, least: least << place, span: most.wrapping_sub(least) << place };
            least <= most && record.word(test)
        }
        Value::Elsewhere => return None,
    })
}
