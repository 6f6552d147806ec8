//! Filters as far as a glance at a record can follow them: programs of tests on its type and on its key.

use record::{Bits, Count, Counter, Family, KeyForm, Kind, Ports};

use crate::program::{Instruction, Jump, Program};
use crate::test::{self, Relation, Side, Test, Whole};

/// A test that a glance can decide.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Quick {
    /// As [`Test::Type`].
    Type(u8),
    /// The key is of this family; `None`: of one that a glance does not tell.
    Family(Option<Family>),
    /// The protocol lies between these; nothing does when the first is greater.
    Protocol(u16, u16),
    /// As [`Test::Address4`], of keys that are no matrices, which a glance does not tell.
    Address4(Side, u32, u32),
    /// As [`Test::Address6`], likewise.
    Address6(Side, u128, u128),
    /// The port lies between these; nothing does when the first is greater.
    Port(Side, u16, u16),
    /// Either port does.
    EitherPort(u16, u16),
    /// The counter lies between these; nothing does when the first is greater.
    Counter(Count, Side, u64, u64),
    /// The bits of the status of a TCP flow lie between these, likewise.
    Status(u32, u32, u32),
    /// Some test on ARP keys.
    Arp,
    /// Something else: it must be looked at properly.
    Other,
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
    pub(crate) form: &'c KeyForm,
    /// `None` of keys that have none.
    pub(crate) protocol: Option<u8>,
    /// Whether the records are turned round.
    pub(crate) turned: bool,
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
    pub(crate) fn of(program: &Program) -> QuickProgram {
        let one = |&Instruction { test, then, otherwise }: &Instruction| (quick(&test), then, otherwise);
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

    /// The verdict, `word` telling what words hold; `None` when a glance does not tell.
    #[inline]
    pub(crate) fn run(&self, case: &Case<'_>, mut word: impl FnMut(WordTest) -> bool) -> Option<bool> {
        let mut at = self.entry;
        while let Some((test, then, otherwise)) = self.instructions.get(at.place()) {
            at = if test.holds(case, &mut word)? { *then } else { *otherwise };
        }
        Some(at == Jump::ACCEPT)
    }
}

impl Quick {
    #[inline]
    fn holds(&self, case: &Case<'_>, word: &mut impl FnMut(WordTest) -> bool) -> Option<bool> {
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
                word(WordTest { word: at, mask, least, span })
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
                family == Family::Ipv4 && word(WordTest { word: at, mask, least: address, span: 0 })
            }
            Quick::Address6(side, address, mask) => {
                let at = case.form.addresses()[end(side)];
                let mut part = |number: u8| {
                    let shift = 96 - 32 * u32::from(number);
                    let (least, mask) = ((address >> shift) as u32, (mask >> shift) as u32);
                    match mask {
                        0 => least == 0,
                        _ => word(WordTest { word: at.wrapping_add(number), mask, least, span: 0 }),
                    }
                };
                family == Family::Ipv6 && (0..4).all(&mut part)
            }
            Quick::Port(side, low, high) => port(side, low, high),
            Quick::EitherPort(low, high) => port(Side::Src, low, high) | port(Side::Dst, low, high),
            Quick::Counter(count, side, low, high) => match case.form.counter(count, end(side)) {
                Counter::Absent => false,
                _ if low > high => false,
                Counter::Zero => low == 0,
                Counter::At(Bits { word: at, mask }) => {
                    let place = mask.trailing_zeros();
                    let most = u64::from(mask >> place);
                    let (Ok(least), Ok(most)) = (u32::try_from(low), u32::try_from(high.min(most))) else {
                        // More than it can hold.
                        return Some(false);
                    };
                    least <= most
                        && word(WordTest {
                            word: at,
                            mask,
                            least: least << place,
                            span: (most - least) << place,
                        })
                }
                Counter::Elsewhere => return None,
            },
            // Turned round, some bits mean the other side.
            Quick::Status(..) if case.turned => return None,
            Quick::Status(mask, least, most) => {
                let at = case.form.status()?;
                least <= most && word(WordTest { word: at, mask, least, span: most - least })
            }
            Quick::Arp if family != Family::Arp => false,
            Quick::Arp | Quick::Other => return None,
        })
    }
}

/// Leaves out what a step has decided already: the second of two questions for the protocol, and for either port.
fn shorten((test, mut then, mut otherwise): Step, steps: &[Step]) -> Step {
    if let Quick::Protocol(protocol, last) = test
        && protocol == last
    {
        while let Some(&(Quick::Protocol(low, high), held, failed)) = steps.get(then.place()) {
            then = if (low..=high).contains(&protocol) { held } else { failed };
        }
    }
    if let Quick::Port(side, low, high) = test
        && let Some(&(Quick::Port(other, also_low, also_high), held, failed)) = steps.get(otherwise.place())
        && (low, high, then) == (also_low, also_high, held)
        && side != other
    {
        otherwise = failed;
        return (Quick::EitherPort(low, high), then, otherwise);
    }
    (test, then, otherwise)
}

fn quick(test: &Test) -> Quick {
    match *test {
        Test::Type(bits) => Quick::Type(bits),
        Test::Family(test::Family::Ipv4) => Quick::Family(Some(Family::Ipv4)),
        Test::Family(test::Family::Ipv6) => Quick::Family(Some(Family::Ipv6)),
        Test::Family(test::Family::Arp) => Quick::Family(Some(Family::Arp)),
        Test::Family(test::Family::Rarp | test::Family::Ether | test::Family::Isis) => Quick::Family(None),
        Test::Protocol(protocol) => Quick::Protocol(protocol.into(), protocol.into()),
        Test::Address4(side, address, mask) => Quick::Address4(side, address, mask),
        Test::Address6(side, address, mask) => Quick::Address6(side, address, mask),
        Test::Arp4(..) | Test::ArpHardware(_) => Quick::Arp,
        Test::Whole(Whole::Port, side, relation, constant) => {
            let (low, high) = range(relation, constant, u16::MAX);
            Quick::Port(side, low, high)
        }
        Test::Whole(Whole::IpProtocol, _, relation, constant) => {
            let (low, high) = range(relation, constant, u16::MAX);
            Quick::Protocol(low, high)
        }
        Test::Whole(whole @ (Whole::Packets | Whole::Bytes | Whole::AppBytes), side, relation, constant) => {
            let count = match whole {
                Whole::Packets => Count::Packets,
                Whole::Bytes => Count::Octets,
                _ => Count::AppOctets,
            };
            let (low, high) = range(relation, constant, u64::MAX);
            Quick::Counter(count, side, low, high)
        }
        Test::Bits(test::Word::TcpStatus, _, mask, relation, constant) => {
            let (low, high) = range(relation, constant.into(), u32::MAX);
            Quick::Status(mask, low, high)
        }
        _ => Quick::Other,
    }
}

/// The numbers up to `most` that stand in a relation to a constant, from the first to the last; none when the first is
/// greater.
fn range<N>(relation: Relation, constant: i128, most: N) -> (N, N)
where
    N: Copy + From<bool> + TryFrom<i128>,
{
    let least = match relation {
        Relation::Eq | Relation::Ge => constant,
        Relation::Gt => constant.saturating_add(1),
    };
    match (N::try_from(least), relation) {
        (Ok(least), Relation::Eq) => (least, least),
        (Ok(least), _) => (least, most),
        (Err(_), Relation::Gt | Relation::Ge) if least < 0 => (N::from(false), most),
        (Err(_), _) => (N::from(true), N::from(false)),
    }
}
