//! The tree to the compiled form: what each expression means, as elementary tests.

mod address;
mod state;
mod transport;
mod value;

use crate::Options;
use crate::ast::{
    Cast, Cmp, Connective, Direction, Expr, ExprKind, Head, Id, Number, Protocol, Type, V4Mask,
};
use crate::error::{Problem, Span, SyntaxError, shorten};
use crate::program::{Builder, Jump, MAX_INSTRUCTIONS, Program, TooLarge};
use crate::test::{Block, Family, Historic, Relation, Side, Test};

/// Compiles a tree.
pub(crate) fn compile(text: &str, expr: &Expr, options: &Options<'_>) -> Result<Program, SyntaxError> {
    let mut lowering = Lowering { text, options, builder: Builder::default() };
    if options.compat.is_some() {
        lowering.refuse_codeless(expr)?;
    }
    let entry = lowering.emit(expr, Jump::ACCEPT, Jump::REJECT)?;
    Ok(lowering.builder.finish(entry))
}

/// A condition on a record, before it is laid out.
#[derive(Debug, Clone, PartialEq)]
enum Cond {
    Always(bool),
    Test(Test),
    Not(Box<Cond>),
    All(Vec<Cond>),
    Any(Vec<Cond>),
}

impl Cond {
    fn not(self) -> Cond {
        Cond::Not(Box::new(self))
    }

    fn and(self, other: Cond) -> Cond {
        Cond::All(vec![self, other])
    }

    fn or(self, other: Cond) -> Cond {
        Cond::Any(vec![self, other])
    }
}

impl From<Test> for Cond {
    fn from(test: Test) -> Cond {
        Cond::Test(test)
    }
}

struct Lowering<'t> {
    text: &'t str,
    options: &'t Options<'t>,
    builder: Builder,
}

/// What is being lowered: the parts of [`ExprKind::Compare`].
struct Primitive<'e> {
    head: Head,
    cmp: Cmp,
    id: &'e Id,
    span: &'e Span,
}

impl Lowering<'_> {
    /// Whether to test what argus 3.0.8.2 tests.
    fn historic(&self) -> bool {
        self.options.compat.is_some()
    }

    /// Lays the expression out so that it leads to `then` when it holds, else to `otherwise`.
    fn emit(&mut self, expr: &Expr, then: Jump, otherwise: Jump) -> Result<Jump, SyntaxError> {
        match &expr.kind {
            ExprKind::Not(operand) => self.emit(operand, otherwise, then),
            ExprKind::Chain { first, rest } => {
                // From the last operand back: once the operands up to one are decided, the next
                // `and` is skipped when they failed, the next `or` when they held.
                let (mut held, mut failed) = (then, otherwise);
                for (connective, operand) in rest.iter().rev() {
                    let entry = self.emit(operand, held, failed)?;
                    match connective {
                        Connective::And => held = entry,
                        Connective::Or => failed = entry,
                    }
                }
                self.emit(first, held, failed)
            }
            _ => {
                let cond = self.leaf(expr)?;
                self.lay(&cond, then, otherwise).map_err(|TooLarge| {
                    SyntaxError::new(self.text, expr.span.clone(), Problem::TooLarge(MAX_INSTRUCTIONS))
                })
            }
        }
    }

    fn lay(&mut self, cond: &Cond, then: Jump, otherwise: Jump) -> Result<Jump, TooLarge> {
        match cond {
            Cond::Always(true) => Ok(then),
            Cond::Always(false) => Ok(otherwise),
            Cond::Test(test) => self.builder.push(self.as_optimised(*test), then, otherwise),
            Cond::Not(cond) => self.lay(cond, otherwise, then),
            Cond::All(conds) => {
                conds.iter().rev().try_fold(then, |held, cond| self.lay(cond, held, otherwise))
            }
            Cond::Any(conds) => {
                conds.iter().rev().try_fold(otherwise, |failed, cond| self.lay(cond, then, failed))
            }
        }
    }

    /// The optimiser of 3.0.8.2 turns every comparison of bits with 0 into "none of them is set".
    fn as_optimised(&self, test: Test) -> Test {
        match test {
            Test::Bits(word, side, mask, _, 0) if self.historic() && self.options.optimised => {
                Test::Historic(Historic::NoBits(word, side, mask))
            }
            test => test,
        }
    }

    fn leaf(&self, expr: &Expr) -> Result<Cond, SyntaxError> {
        match &expr.kind {
            ExprKind::Protocol(protocol) => self.protocol(*protocol, &expr.span),
            ExprKind::State(state) => Ok(self.state(*state)),
            ExprKind::Flag { protocol, direction, flag } => {
                let cond = self.flag(*direction, *flag);
                self.restricted(*protocol, cond, &expr.span)
            }
            ExprKind::Cast { protocol, cast } => self.cast(*protocol, *cast, &expr.span),
            ExprKind::Compare { head, cmp, id, id_span } => {
                let cmp = cmp.unwrap_or(Cmp::Eq);
                let word = self.address_as_number(head.kind, id);
                let id = word.as_ref().unwrap_or(id);
                self.compare(&Primitive { head: *head, cmp, id, span: id_span }, &expr.span)
            }
            // `emit` takes these apart.
            ExprKind::Not(_) | ExprKind::Chain { .. } => Ok(Cond::Always(false)),
        }
    }

    /// 3.0.8.2 takes an address for the number that it is where numbers are compared: `pkts 0.0.0.1`.
    fn address_as_number(&self, kind: Type, id: &Id) -> Option<Id> {
        use Type as T;
        match (kind, id) {
            (T::Host | T::Net | T::Gateway | T::SrcId | T::Inode | T::Encaps | T::Co, _) => None,
            (_, Id::V4(address, V4Mask::None)) if self.historic() => {
                Some(Id::Number(Number::new((*address).into()), None))
            }
            _ => None,
        }
    }

    fn compare(&self, primitive: &Primitive<'_>, span: &Span) -> Result<Cond, SyntaxError> {
        match primitive.head.kind {
            Type::Host => self.host(primitive, span),
            Type::Net => self.net(primitive, span),
            Type::Gateway => self.gateway(primitive),
            Type::Port => self.port(primitive, span),
            Type::Proto => self.proto(primitive, span),
            _ => {
                let cond = self.value(primitive)?;
                self.restricted(primitive.head.protocol, cond, span)
            }
        }
    }

    /// A value, flag or state of flows of one protocol only. The oracle reads the protocol and forgets it.
    fn restricted(&self, protocol: Option<Protocol>, cond: Cond, span: &Span) -> Result<Cond, SyntaxError> {
        match protocol {
            Some(protocol) if !self.historic() => Ok(self.protocol(protocol, span)?.and(cond)),
            _ => Ok(cond),
        }
    }

    /// A protocol word alone (section 6.2).
    fn protocol(&self, protocol: Protocol, span: &Span) -> Result<Cond, SyntaxError> {
        let udp = || Cond::from(Test::Protocol(17));
        Ok(match protocol {
            Protocol::Ether => {
                return Err(self
                    .wrong(
                        span,
                        "a link layer word stands only before `host`, `proto`, `broadcast` or `multicast`",
                    )
                    .with_historic("link layer applied in wrong context"));
            }
            Protocol::Ip => Cond::from(Test::Family(Family::Ipv4)).or(Test::Family(Family::Ipv6).into()),
            Protocol::Ipv4 => Test::Family(Family::Ipv4).into(),
            Protocol::Ipv6 => Test::Family(Family::Ipv6).into(),
            Protocol::Arp if self.historic() => Test::Historic(Historic::ArpKind).into(),
            Protocol::Arp => Test::Family(Family::Arp).into(),
            Protocol::Rarp if self.historic() => Test::Family(Family::Arp).into(),
            Protocol::Rarp => Test::Family(Family::Rarp).into(),
            Protocol::Tcp => Test::Protocol(6).into(),
            Protocol::Udp => udp(),
            Protocol::Icmp => Test::Protocol(1).into(),
            Protocol::Igmp => Test::Protocol(2).into(),
            Protocol::Rtp | Protocol::Rtcp => {
                let subtype = if protocol == Protocol::Rtp { 0x0a } else { 0x09 };
                let over =
                    if self.historic() { Test::Historic(Historic::Protocol4(17)).into() } else { udp() };
                over.and(Test::Network(subtype).into())
            }
            Protocol::Udt => Test::Network(0x0d).into(),
            Protocol::Mpls => Test::Carries(Block::Mpls).into(),
            Protocol::Vlan => Test::Carries(Block::Vlan).into(),
            Protocol::Isis => Test::Family(Family::Isis).into(),
            Protocol::Gre => Test::Carries(Block::Gre).into(),
            Protocol::Geneve => Test::Carries(Block::Geneve).into(),
            Protocol::Vxlan => Test::Carries(Block::Vxlan).into(),
            Protocol::Anon if self.historic() => Cond::Always(true),
            Protocol::Anon => return Err(self.wrong(span, "'anon' tests nothing that a record holds")),
        })
    }

    /// `broadcast`, `multicast` (section 6.6).
    fn cast(&self, protocol: Option<Protocol>, cast: Cast, span: &Span) -> Result<Cond, SyntaxError> {
        const MULTICAST: u32 = 0xe000_0000;
        const GROUP_BIT: u64 = 0x0100_0000_0000;
        let either = |test: fn(Side) -> Test| Cond::from(test(Side::Dst)).or(test(Side::Src).into());
        Ok(match (protocol, cast) {
            (Some(Protocol::Ip | Protocol::Ipv4), Cast::Broadcast) => {
                either(|side| Test::Address4(side, u32::MAX, u32::MAX))
            }
            (Some(Protocol::Ether), Cast::Broadcast) => {
                either(|side| Test::Mac(side, 0xffff_ffff_ffff, 0xffff_ffff_ffff))
            }
            (None | Some(Protocol::Ip | Protocol::Ipv4), Cast::Multicast) => {
                let multicast = either(|side| Test::Address4(side, MULTICAST, 0xf000_0000));
                if self.historic() {
                    // The oracle takes everything from 224.0.0.0 up.
                    multicast.or(either(|side| Test::Address4(side, 0xf000_0000, 0xf000_0000)))
                } else {
                    multicast
                }
            }
            // The oracle reads outside the record and finds nothing.
            (Some(Protocol::Ether), Cast::Multicast) if self.historic() => Cond::Always(false),
            (Some(Protocol::Ether), Cast::Multicast) => either(|side| Test::Mac(side, GROUP_BIT, GROUP_BIT)),
            (_, Cast::Broadcast) => {
                return Err(self
                    .wrong(span, "write `ip broadcast` or `ether broadcast`")
                    .with_historic("only ether/ip broadcast filters supported"));
            }
            (_, Cast::Multicast) => {
                return Err(self.wrong(span, "write `ip multicast` or `ether multicast`"));
            }
        })
    }

    /// 3.0.8.2 compiles `anon`, `error`, `fragonly` and `ip host 5` to no test at all: alone they match
    /// everything, joined with anything they are refused.
    fn refuse_codeless(&self, expr: &Expr) -> Result<(), SyntaxError> {
        fn codeless(expr: &Expr) -> bool {
            use crate::ast::{Flag, State};
            matches!(
                expr.kind,
                ExprKind::Protocol(Protocol::Anon)
                    | ExprKind::State(State::Error)
                    | ExprKind::Flag { flag: Flag::FragOnly, .. }
                    | ExprKind::Compare {
                        head: Head { protocol: Some(Protocol::Ip), kind: Type::Host | Type::Net, .. },
                        id: Id::Number(..),
                        ..
                    }
            )
        }
        fn find(expr: &Expr) -> Option<&Expr> {
            match &expr.kind {
                ExprKind::Not(operand) => find(operand),
                ExprKind::Chain { first, rest } => {
                    find(first).or_else(|| rest.iter().find_map(|(_, operand)| find(operand)))
                }
                _ => codeless(expr).then_some(expr),
            }
        }
        match find(expr) {
            Some(found) if !std::ptr::eq(found, expr) => {
                Err(self.wrong(&found.span, "3.0.8.2 cannot combine this word with others"))
            }
            _ => Ok(()),
        }
    }

    fn wrong(&self, span: &Span, problem: impl Into<String>) -> SyntaxError {
        SyntaxError::new(self.text, span.clone(), Problem::Meaning(problem.into()))
    }

    /// The words at a place, short enough to quote.
    fn quote(&self, span: &Span) -> String {
        shorten(self.text.get(span.clone()).unwrap_or(""))
    }
}

/// Applies a one-sided condition as the direction says. Without one, either side suffices.
fn sided(direction: Direction, cond: impl Fn(Side) -> Cond) -> Cond {
    match direction {
        Direction::Src => cond(Side::Src),
        Direction::Dst => cond(Side::Dst),
        Direction::Unspecified | Direction::Either => cond(Side::Src).or(cond(Side::Dst)),
        Direction::Both => cond(Side::Src).and(cond(Side::Dst)),
        Direction::Local => there(cond, state::is_local),
        Direction::Remote => there(cond, state::is_remote),
    }
}

/// Applies a one-sided condition at the ends that are local, or at those that are not.
fn there(cond: impl Fn(Side) -> Cond, place: fn(Side) -> Cond) -> Cond {
    let at = |side| place(side).and(cond(side));
    at(Side::Src).or(at(Side::Dst))
}

/// A comparison from the three that are evaluated.
fn relate(cmp: Cmp, test: impl Fn(Relation) -> Test) -> Cond {
    let holds = |relation| Cond::from(test(relation));
    match cmp {
        Cmp::Eq => holds(Relation::Eq),
        Cmp::Neq => holds(Relation::Eq).not(),
        Cmp::Gt => holds(Relation::Gt),
        Cmp::Gte => holds(Relation::Ge),
        Cmp::Lt => holds(Relation::Ge).not(),
        Cmp::Lte => holds(Relation::Gt).not(),
    }
}
