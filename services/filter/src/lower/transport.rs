//! `port` and `proto` (filter chapter, section 6.3).

use super::{Cond, Lowering, Primitive, relate, sided};
use crate::ast::{Cmp, Direction, Id, Number, Protocol};
use crate::error::{Span, SyntaxError, shorten};
use crate::test::{Family, Relation, Side, Test, Whole};

const TCP: u8 = 6;
const UDP: u8 = 17;

impl Lowering<'_> {
    pub(super) fn port(&self, p: &Primitive<'_>, span: &Span) -> Result<Cond, SyntaxError> {
        use Protocol as P;
        let carriers: &[u8] = match p.head.protocol {
            None => &[TCP, UDP],
            Some(P::Tcp) => &[TCP],
            // Nor does it ask for UDP where it tests for UDT.
            Some(P::Udt) if self.historic() && !is_service(p.id) => &[],
            Some(P::Udp | P::Rtp | P::Rtcp | P::Udt) => &[UDP],
            Some(_) => {
                return Err(self
                    .wrong(span, "only `tcp`, `udp`, `rtp`, `rtcp` and `udt` have ports")
                    .with_historic("illegal qualifier of 'port'"));
            }
        };
        let over = |carriers: &[u8], ports: Cond| {
            if carriers.is_empty() {
                return ports;
            }
            let carried = Cond::Any(carriers.iter().map(|&carrier| Test::Protocol(carrier).into()).collect());
            // The order matters only to the oracle's absent values.
            if self.historic() { ports.and(carried) } else { carried.and(ports) }
        };
        let direction = p.head.direction;
        let cond = match p.id {
            Id::Number(number, None) => {
                over(carriers, sided(direction, |side| self.whole_test(Whole::Port, side, p.cmp, *number)))
            }
            Id::Name { text, length: None, quoted } => match range(text) {
                Some((low, high)) => over(carriers, self.port_range(direction, low, high)),
                None if self.historic() && !quoted && text.contains('-') => {
                    return Err(self
                        .wrong(p.span, format!("'{}' is not a range of ports", shorten(text)))
                        .with_historic("Argusgen_scode error"));
                }
                None => self.service(text, carriers, direction, p.span)?,
            },
            _ => {
                return Err(self.wrong(
                    p.span,
                    format!("'{}' is neither a port, a range LO-HI nor a service", self.quote(p.span)),
                ));
            }
        };
        Ok(match p.head.protocol {
            // With a service's name the oracle forgets the protocol over UDP.
            Some(P::Rtp | P::Rtcp | P::Udt) if self.historic() && is_service(p.id) => cond,
            Some(P::Rtp | P::Rtcp | P::Udt) => self.protocol_of_head(p, span)?.and(cond),
            _ => cond,
        })
    }

    fn protocol_of_head(&self, p: &Primitive<'_>, span: &Span) -> Result<Cond, SyntaxError> {
        p.head.protocol.map_or(Ok(Cond::Always(true)), |protocol| self.protocol(protocol, span))
    }

    /// One of the selected ports lies in the range.
    fn port_range(&self, direction: Direction, low: u64, high: u64) -> Cond {
        let at_least = |side| relate(Cmp::Gte, |r| Test::Whole(Whole::Port, side, r, i128::from(low)));
        let at_most = |side| relate(Cmp::Lte, |r| Test::Whole(Whole::Port, side, r, i128::from(high)));
        if self.historic() {
            // The oracle lets each bound choose its side.
            sided(direction, at_most).and(sided(direction, at_least))
        } else {
            sided(direction, |side| at_least(side).and(at_most(side)))
        }
    }

    fn service(
        &self,
        name: &str,
        carriers: &[u8],
        direction: Direction,
        span: &Span,
    ) -> Result<Cond, SyntaxError> {
        let listed = self.options.names.service(name);
        let fitting: Vec<Cond> = carriers
            .iter()
            .flat_map(|&carrier| listed.iter().filter(move |(listed, _)| *listed == carrier))
            .map(|&(carrier, port)| {
                let at = |side: Side| Test::Whole(Whole::Port, side, Relation::Eq, i128::from(port)).into();
                Cond::from(Test::Protocol(carrier)).and(sided(direction, at))
            })
            .collect();
        if !fitting.is_empty() {
            return Ok(Cond::Any(fitting));
        }
        let name = shorten(name);
        Err(match listed.first() {
            Some((carrier, _)) => {
                let only = if *carrier == TCP { "tcp" } else { "udp" };
                self.wrong(span, format!("port '{name}' is {only}"))
                    .with_historic(format!("port '{name}' is {only}"))
            }
            None => self
                .wrong(span, format!("unknown port '{name}'"))
                .with_historic(format!("unknown port '{name}'")),
        })
    }

    pub(super) fn proto(&self, p: &Primitive<'_>, span: &Span) -> Result<Cond, SyntaxError> {
        use Protocol as P;
        let family = match p.head.protocol {
            None | Some(P::Ip) => None,
            Some(P::Ipv4) => Some(Family::Ipv4),
            Some(P::Ipv6) => Some(Family::Ipv6),
            Some(P::Ether) => return self.ether_proto(p),
            Some(P::Arp) => {
                return match p.id {
                    Id::Number(_, None) => Ok(Test::Family(Family::Arp).into()),
                    _ => {
                        let name = self.name(p);
                        Err(self
                            .wrong(p.span, format!("unknown protocol '{name}'"))
                            .with_historic(format!("unknown protocol: {name}")))
                    }
                };
            }
            Some(_) => {
                let word = self
                    .text
                    .get(span.clone())
                    .and_then(|words| words.split_whitespace().next())
                    .unwrap_or("");
                return Err(self
                    .wrong(span, format!("'{word}' is a protocol of its own: `{word} proto` tests nothing"))
                    .with_historic(format!("'{word} proto' is bogus")));
            }
        };
        let protocol = match p.id {
            Id::Number(number, None) => *number,
            Id::Name { text, length: None, .. } => {
                match self.options.names.protocol(text).or_else(|| well_known(text)) {
                    Some(number) => Number::new(number.into()),
                    None => {
                        let name = shorten(text);
                        return Err(self
                            .wrong(p.span, format!("unknown protocol '{name}'"))
                            .with_historic(format!("unknown proto '{name}'")));
                    }
                }
            }
            _ => return Err(self.wrong(p.span, format!("'{}' is not a protocol", self.quote(p.span)))),
        };
        // The oracle tests for equality whatever the comparison.
        let cmp = if self.historic() { Cmp::Eq } else { p.cmp };
        let cond = self.whole_test(Whole::IpProtocol, Side::Src, cmp, protocol);
        let in_ip = match family {
            Some(family) => Cond::from(Test::Family(family)),
            None => Cond::from(Test::Family(Family::Ipv4)).or(Test::Family(Family::Ipv6).into()),
        };
        // Equality implies that there is a protocol; its negations do not.
        Ok(if family.is_none() && cmp == Cmp::Eq { cond } else { in_ip.and(cond) })
    }

    /// `ether proto`: the types that have flow keys of their own, else the type of Ethernet keys.
    fn ether_proto(&self, p: &Primitive<'_>) -> Result<Cond, SyntaxError> {
        let number = match p.id {
            Id::Number(number, None) => *number,
            Id::Name { text, length: None, .. } => match text.as_str() {
                "ip" | "ipv4" => Number::new(0x0800),
                "ipv6" => Number::new(0x86dd),
                "arp" => Number::new(0x0806),
                "rarp" => Number::new(0x8035),
                "isis" => Number::new(ISIS),
                _ => return self.named_ether_proto(p, text),
            },
            _ => return Err(self.wrong(p.span, format!("'{}' is not an Ethernet type", self.quote(p.span)))),
        };
        let equal: Cond = match number.value {
            0x0800 => Test::Family(Family::Ipv4).into(),
            0x86dd => Test::Family(Family::Ipv6).into(),
            0x0806 | 0x8035 => Test::Family(Family::Arp).into(),
            isis if isis == i128::from(ISIS) => Test::Family(Family::Isis).into(),
            _ => {
                let cmp = if self.historic() { Cmp::Eq } else { p.cmp };
                let cond = self.whole_test(Whole::EtherType, Side::Src, cmp, number);
                return Ok(Cond::from(Test::Family(Family::Ether)).and(cond));
            }
        };
        match p.cmp {
            _ if self.historic() => Ok(equal),
            Cmp::Eq => Ok(equal),
            Cmp::Neq => Ok(equal.not()),
            _ => {
                Err(self.wrong(p.span, "this Ethernet type has a flow key of its own: only `eq` compares it"))
            }
        }
    }

    /// `ether proto` with a name that records are printed with: any of the types that have it. 3.0.8 takes the first.
    fn named_ether_proto(&self, p: &Primitive<'_>, name: &str) -> Result<Cond, SyntaxError> {
        let test =
            |cmp, number| self.whole_test(Whole::EtherType, Side::Src, cmp, Number::new(u32::from(number)));
        let run = |(first, last)| {
            if self.historic() || first == last {
                test(Cmp::Eq, first)
            } else {
                test(Cmp::Gte, first).and(test(Cmp::Lte, last))
            }
        };
        let runs = field::names::ethertypes(name).take(if self.historic() { 1 } else { usize::MAX });
        let Some(types) = runs.map(run).reduce(Cond::or) else {
            let name = shorten(name);
            return Err(self
                .wrong(p.span, format!("unknown Ethernet type '{name}'"))
                .with_historic(format!("unknown ether proto '{name}'")));
        };
        let types = match p.cmp {
            Cmp::Eq => types,
            _ if self.historic() => types,
            Cmp::Neq => types.not(),
            _ => return Err(self.wrong(p.span, "a name of Ethernet types: only `eq` compares it")),
        };
        Ok(Cond::from(Test::Family(Family::Ether)).and(types))
    }

    fn name(&self, p: &Primitive<'_>) -> String {
        match p.id {
            Id::Name { text, .. } => shorten(text),
            _ => self.quote(p.span),
        }
    }
}

/// The protocol words of the language, for systems without a protocols file.
fn well_known(name: &str) -> Option<u8> {
    Some(match name {
        "icmp" => 1,
        "igmp" => 2,
        "tcp" => TCP,
        "udp" => UDP,
        _ => return None,
    })
}

/// IS-IS by its LLC service access point, which stands for a type here.
const ISIS: u32 = 131;

fn is_service(id: &Id) -> bool {
    matches!(id, Id::Name { text, .. } if range(text).is_none())
}

/// `LO-HI`, both decimal.
fn range(text: &str) -> Option<(u64, u64)> {
    let (low, high) = text.split_once('-')?;
    let number = |digits: &str| {
        let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        all_digits.then(|| digits.parse().unwrap_or(u64::MAX))
    };
    Some((number(low)?, number(high)?))
}
