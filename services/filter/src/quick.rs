//! The verdict at a glance: programs of tests on the type of a record and on its key, decided without a view.

use record::{Family, Glance};

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
    /// The port lies between these; nothing does when the first is greater.
    Port(Side, u16, u16),
    /// Either port does.
    EitherPort(u16, u16),
    /// Something else: it must be looked at properly.
    Other,
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

    /// The verdict; `None` when a glance does not tell.
    #[inline]
    pub(crate) fn run(&self, glance: &Glance<'_>) -> Option<bool> {
        let mut at = self.entry;
        if at == Jump::ACCEPT {
            return Some(true);
        }
        let key = glance.key()?;
        while let Some(&(test, then, otherwise)) = self.instructions.get(at.place()) {
            let holds = match test {
                Quick::Type(bits) => glance.nibble() << 4 & bits != 0,
                Quick::Family(family) => Some(key.family()) == family,
                Quick::Protocol(low, high) => {
                    key.proto().is_some_and(|proto| (low..=high).contains(&u16::from(proto)))
                }
                Quick::Address4(side, address, mask) => {
                    key.ipv4().is_some_and(|ends| ends[side as usize] & mask == address)
                }
                Quick::Port(side, low, high) => {
                    key.ports().is_some_and(|ends| (low..=high).contains(&ends[side as usize]))
                }
                Quick::EitherPort(low, high) => {
                    let between = |port: u16| (low..=high).contains(&port);
                    key.ports().is_some_and(|[src, dst]| between(src) | between(dst))
                }
                Quick::Other => return None,
            };
            at = if holds { then } else { otherwise };
        }
        Some(at == Jump::ACCEPT)
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
        Test::Whole(Whole::Port, side, relation, constant) => {
            let (low, high) = range(relation, constant);
            Quick::Port(side, low, high)
        }
        Test::Whole(Whole::IpProtocol, _, relation, constant) => {
            let (low, high) = range(relation, constant);
            Quick::Protocol(low, high)
        }
        _ => Quick::Other,
    }
}

/// The numbers of two octets that stand in a relation to a constant, from the first to the last.
fn range(relation: Relation, constant: i128) -> (u16, u16) {
    const NONE: (u16, u16) = (1, 0);
    let least = match relation {
        Relation::Eq | Relation::Ge => constant,
        Relation::Gt => constant.saturating_add(1),
    };
    match (u16::try_from(least), relation) {
        (Ok(least), Relation::Eq) => (least, least),
        (Ok(least), _) => (least, u16::MAX),
        (Err(_), Relation::Gt | Relation::Ge) if least < 0 => (0, u16::MAX),
        (Err(_), _) => NONE,
    }
}
