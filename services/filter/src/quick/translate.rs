//! Tests of a filter as those that a glance can decide.

use field::formula;
use record::{Attribute, Count, Family, Index};

use super::{Number, Pace, Quick, Step};
use crate::number;
use crate::test::{self, Block, Fraction, Relation, Test, Whole, Word};

/// Leaves out what a step has decided already: the second of two questions for the protocol, and for either port.
pub(super) fn shorten((test, mut then, mut otherwise): Step, steps: &[Step]) -> Step {
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

/// The test that a glance can decide in place of another. Fractions are rounded to `precision`; `historic`: as 3.0.8.2 takes
/// them, to which what is absent has other values.
pub(super) fn quick(test: &Test, precision: u8, historic: bool) -> Quick {
    match of_keys(test) {
        Quick::Other if !historic => beyond_keys(test, precision),
        quick => quick,
    }
}

/// Tests on keys, counters and status.
fn of_keys(test: &Test) -> Quick {
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
            Quick::Number(Number::Count(count), side, low, high)
        }
        Test::Bits(Word::TcpStatus, _, mask, relation, constant) => {
            let (low, high) = range(relation, constant.into(), u32::MAX);
            Quick::Status(mask, low, high)
        }
        _ => Quick::Other,
    }
}

/// Tests on other parts of a record.
fn beyond_keys(test: &Test, precision: u8) -> Quick {
    match *test {
        Test::Whole(whole @ (Whole::Ttl | Whole::Tos | Whole::CodePoint), side, relation, constant) => {
            let attribute = match whole {
                Whole::Ttl => Attribute::Ttl,
                Whole::Tos => Attribute::Tos,
                _ => Attribute::CodePoint,
            };
            let (low, high) = range(relation, constant, u64::MAX);
            Quick::Number(Number::Attribute(attribute), side, low, high)
        }
        Test::Whole(Whole::Transactions, _, relation, constant) => {
            let (low, high) = range(relation, constant, u64::MAX);
            Quick::Transactions(low, high)
        }
        Test::Bits(Word::TcpFlags, side, mask, relation, constant) => {
            let (low, high) = range(relation, constant.into(), u32::MAX);
            Quick::Flags(side, mask & 0xff, low, high)
        }
        Test::Bits(Word::IpAttrQualifier, _, mask, relation, constant) => {
            let (low, high) = range(relation, constant.into(), u32::MAX);
            Quick::Fragments(mask, low, high)
        }
        Test::Carries(block) => Quick::Carries(match block {
            Block::Vlan => Index::Vlan,
            Block::Mpls => Index::Mpls,
            Block::Gre => Index::Gre,
            Block::Geneve => Index::Geneve,
            Block::Vxlan => Index::Vxlan,
        }),
        Test::Fraction(fraction, side, relation @ (Relation::Gt | Relation::Ge), constant) => {
            let passes = |value: f64| {
                number::relate(number::round(value, precision), relation, constant, precision, false)
            };
            let seconds = |micros: u64| formula::micros_as_seconds(micros.cast_signed()).into();
            // Numbers that are not negative are in the order of their bits.
            let least =
                || f64::from_bits(least_of(f64::INFINITY.to_bits(), |bits| passes(f64::from_bits(bits))));
            match fraction {
                // Stamps cannot lie further apart.
                Fraction::Duration => Quick::Lasts(least_of(1 << 52, |micros| passes(seconds(micros)))),
                Fraction::Rate => Quick::Pace(Pace::Rate, side, least()),
                Fraction::Load => Quick::Pace(Pace::Load, side, least()),
                _ => Quick::Other,
            }
        }
        _ => Quick::Other,
    }
}

/// The least number that passes, of those from which on all do; beyond `most` when none up to it does.
fn least_of(most: u64, passes: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, most + 1);
    while low < high {
        let middle = low.midpoint(high);
        if passes(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    high
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
