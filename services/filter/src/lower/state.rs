//! Words that stand alone or after a direction (filter chapter, sections 6.1 and 6.6).

use super::{Cond, Lowering, sided};
use record::Mark;

use crate::ast::{Direction, Flag, State};
use crate::test::{Family, Historic, Relation, Side, Test, Whole, Word};

const TCP: Test = Test::Protocol(6);
const ESP: Test = Test::Protocol(50);
const ICMP: Test = Test::Protocol(1);

/// Every TCP option bit.
const ALL_OPTIONS: u32 = 0xfff0_0000;

/// Locality from which an address is local (section 12).
const LOCAL: i128 = 3;

impl Lowering<'_> {
    pub(super) fn state(&self, state: State) -> Cond {
        match state {
            State::Man => Test::Type(0x80).into(),
            State::Far => Test::Type(0x10).into(),
            State::Event => Test::Type(0x40).into(),
            State::Index => Test::Type(0x20).into(),
            State::Start => self.cause(0x10),
            State::Status => self.cause(0x20),
            State::Stop => self.cause(0x30),
            State::Timeout => self.cause(0x40),
            State::Shut => self.cause(0x60),
            // 3.0.8.2 makes no test of it (and refuses it in company).
            State::Error if self.historic() => Cond::Always(true),
            State::Error => self.cause(0x80),

            State::Connected => {
                let packets = |side| Cond::from(Test::Whole(Whole::Packets, side, Relation::Gt, 0));
                let both_ways =
                    packets(Side::Src).and(packets(Side::Dst)).and(Test::Family(Family::Ipv4).into());
                both_ways.or(tcp_status(0x4))
            }
            State::SynAck => tcp_status(0x2),
            State::FinAck => tcp_status(0x10),
            State::Normal => tcp_status(0x20),
            State::Wait => tcp_status(0x40),
            State::PortReuse => tcp_status(0x80),

            State::TcpOption(bit) if self.historic() => historic_options(bit),
            State::AnyTcpOption if self.historic() => historic_options(ALL_OPTIONS),
            State::TcpOption(bit) => {
                tcp_option(Test::Bits(Word::TcpOptions, Side::Src, bit, Relation::Eq, bit))
            }
            State::AnyTcpOption => {
                tcp_option(Test::Bits(Word::TcpOptions, Side::Src, ALL_OPTIONS, Relation::Gt, 0))
            }

            State::Echo => Cond::from(ICMP).and(icmp_type(8).or(icmp_type(0))),
            State::Unreach => mapped(0x1).or(icmp(3)),
            State::UnreachCode(code) => {
                let is =
                    |value, number: u8| Test::Whole(value, Side::Src, Relation::Eq, number.into()).into();
                Cond::All(vec![is(Whole::MappedType, 3), is(Whole::MappedCode, code)])
            }
            State::Redirect if self.historic() => {
                // The type is read from the mapping instead of the flow.
                let mapped_type = Test::Whole(Whole::MappedType, Side::Src, Relation::Eq, 5);
                mapped(0x2).or(Cond::from(mapped_type).and(ICMP.into()))
            }
            State::Redirect => mapped(0x2).or(icmp(5)),
            State::TimeExceeded => mapped(0x4).or(icmp(11)),
            State::IcmpMapped if self.historic() => {
                Cond::from(Test::Bits(Word::IcmpQualifier, Side::Src, 0x7, Relation::Eq, 0)).not()
            }
            State::IcmpMapped => Cond::from(Test::Bits(Word::IcmpQualifier, Side::Src, 0x7, Relation::Gt, 0)),

            State::IgmpQuery => self.igmp(0x11),
            State::IgmpLeave => self.igmp(0x17),
            State::IgmpMember if self.historic() => {
                Cond::from(Test::Protocol(2)).and(Cond::from(Test::Historic(Historic::IgmpCode(0x11))).not())
            }
            State::IgmpMember => {
                // A group member speaks: any IGMP message with a type other than a query's.
                let some = Cond::from(Test::Whole(Whole::IgmpType, Side::Src, Relation::Ge, 0));
                let query = Cond::from(Test::Whole(Whole::IgmpType, Side::Src, Relation::Eq, 0x11));
                Cond::All(vec![Test::Protocol(2).into(), some, query.not()])
            }

            State::CountryCode if self.historic() => Test::Historic(Historic::CountryNotZero).into(),
            State::CountryCode => Test::Whole(Whole::Country, Side::Src, Relation::Ge, 0).into(),

            State::BothLocal => sided(Direction::Both, is_local),
            State::BothRemote => sided(Direction::Both, is_remote),
            State::Baseline => Test::Marked(Mark::Baseline).into(),
            State::Matched => Test::Marked(Mark::Matched).into(),
        }
    }

    pub(super) fn flag(&self, direction: Direction, flag: Flag) -> Cond {
        let tcp_flag = |bit: u32| {
            Cond::from(TCP)
                .and(sided(direction, |side| Test::Bits(Word::TcpFlags, side, bit, Relation::Eq, bit).into()))
        };
        // Status bits come in pairs: the destination's is the source's shifted left.
        let tcp_pair = |bit: u32| sided(direction, |side| tcp_status(of_side(bit, side)));
        let pdu = |types: &[u32]| {
            let is = |number: &u32| {
                Test::Whole(Whole::IsisPdu, Side::Src, Relation::Eq, i128::from(*number)).into()
            };
            Cond::Any(types.iter().map(is).collect())
        };
        match flag {
            Flag::Syn => tcp_flag(0x02),
            Flag::Fin => tcp_flag(0x01),
            Flag::Reset => tcp_flag(0x04),
            Flag::Ack => tcp_flag(0x10),
            Flag::Push => tcp_flag(0x08),
            Flag::Urg => tcp_flag(0x20),
            Flag::Ece => tcp_flag(0x40),
            Flag::Cwr => tcp_flag(0x80),
            Flag::Ecn => tcp_pair(0x4000),
            Flag::Retrans => sided(direction, |side| {
                let esp =
                    Test::Bits(Word::EspStatus, side, of_side(0x10, side), Relation::Eq, of_side(0x10, side));
                tcp_status(of_side(0x100, side)).or(Cond::from(ESP).and(esp.into()))
            }),
            Flag::OutOfOrder => tcp_pair(0x1_0000),
            Flag::WinShut => tcp_pair(0x400),
            // The oracle takes `src and dst` for `src or dst` here.
            Flag::Frag if self.historic() && direction == Direction::Both => {
                self.flag(Direction::Either, flag)
            }
            Flag::Frag => Cond::from(Test::Family(Family::Ipv4)).and(sided(direction, |side| {
                let bit = of_side(0x10, side);
                Test::Bits(Word::IpAttrQualifier, side, bit, Relation::Eq, bit).into()
            })),
            // 3.0.8.2 makes no test of it (and refuses it in company).
            Flag::FragOnly if self.historic() => Cond::Always(true),
            Flag::FragOnly => Test::Network(0x45).into(),
            Flag::Multipath => sided(direction, |side| {
                let bit = of_side(0x1, side);
                Test::Bits(Word::MacQualifier, side, bit, Relation::Eq, bit).into()
            }),
            Flag::Hello => pdu(&[15, 16]),
            Flag::Lsp => pdu(&[18, 20]),
            Flag::Csnp => pdu(&[24, 25]),
            Flag::Psnp => pdu(&[26, 27]),
        }
    }

    /// The cause of the record; the oracle tests only that its bits are among those set.
    fn cause(&self, cause: u32) -> Cond {
        let mask = if self.historic() { cause } else { 0xf0 };
        Test::Bits(Word::Cause, Side::Src, mask, Relation::Eq, cause).into()
    }

    fn igmp(&self, typ: u8) -> Cond {
        let test = if self.historic() {
            // The oracle reads the code, which follows the type.
            Test::Historic(Historic::IgmpCode(typ))
        } else {
            Test::Whole(Whole::IgmpType, Side::Src, Relation::Eq, typ.into())
        };
        Cond::from(Test::Protocol(2)).and(test.into())
    }
}

fn of_side(bit: u32, side: Side) -> u32 {
    match side {
        Side::Src => bit,
        Side::Dst => bit << 1,
    }
}

/// A bit of the TCP status word, which TCP flows only have.
fn tcp_status(bit: u32) -> Cond {
    Cond::from(TCP).and(Test::Bits(Word::TcpStatus, Side::Src, bit, Relation::Eq, bit).into())
}

/// TCP options are tested over IPv4 only.
fn tcp_option(test: Test) -> Cond {
    Cond::All(vec![Test::Family(Family::Ipv4).into(), TCP.into(), test.into()])
}

/// The oracle does not ask for TCP and reads whatever lies at the place of the options.
fn historic_options(bits: u32) -> Cond {
    Cond::from(Test::Family(Family::Ipv4)).and(Test::Historic(Historic::NetworkOptions(bits)).into())
}

/// The kind of ICMP error that was mapped to the flow.
fn mapped(kind: u8) -> Cond {
    Test::Whole(Whole::MappedKind, Side::Src, Relation::Eq, kind.into()).into()
}

fn icmp_type(typ: u8) -> Cond {
    Test::Whole(Whole::IcmpType, Side::Src, Relation::Eq, typ.into()).into()
}

fn icmp(typ: u8) -> Cond {
    // In this order the oracle's absent values come out as they do there.
    icmp_type(typ).and(ICMP.into())
}

/// Whether an end is local.
pub(super) fn is_local(side: Side) -> Cond {
    Test::Whole(Whole::Locality, side, Relation::Ge, LOCAL).into()
}

/// Whether an end is known not to be local.
pub(super) fn is_remote(side: Side) -> Cond {
    let known = Test::Whole(Whole::Locality, side, Relation::Ge, i128::from(i8::MIN));
    Cond::from(known).and(is_local(side).not())
}
