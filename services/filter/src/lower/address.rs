//! `host`, `net`, `gateway` (filter chapter, section 6.3).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Cond, Lowering, Primitive, sided};
use crate::ast::{Direction, Id, Number, Protocol, V4Mask};
use crate::error::{Span, SyntaxError, shorten};
use crate::names::inet_aton;
use crate::test::{Family, Historic, Test, Tunnel};

const ALL4: u32 = u32::MAX;
const ALL6: u128 = u128::MAX;
const ALL_MAC: u64 = 0xffff_ffff_ffff;

impl Lowering<'_> {
    pub(super) fn host(&self, p: &Primitive<'_>, span: &Span) -> Result<Cond, SyntaxError> {
        self.address_protocol(p, span, "host")?;
        if p.head.protocol == Some(Protocol::Ether) {
            return self.ether_host(p);
        }
        match p.id {
            Id::V4(address, V4Mask::None) => self.v4(p, u32::from(*address), ALL4, true),
            Id::V6(address, None) => self.v6(p, u128::from(*address), ALL6),
            Id::V4(..) | Id::V6(..) => Err(self
                .wrong(p.span, "a mask belongs to `net`, `host` takes one address")
                .with_historic("Mask syntax for networks only")),
            // The oracle drops the number and tests only for an address.
            Id::Number(number, None) if self.historic() => self.historic_number(p, number.wrapped, ALL4),
            Id::Number(number, None) => self.v4(p, self.address_word(*number, p.span)?, ALL4, true),
            Id::Name { text, length: None, .. } => {
                let addresses = self.resolve(text);
                if addresses.is_empty() {
                    return Err(self
                        .wrong(p.span, format!("unknown host '{}'", shorten(text)))
                        .with_historic(format!("host {text} unknown")));
                }
                let each = addresses.into_iter().map(|address| match address {
                    IpAddr::V4(address) => self.v4(p, address.into(), ALL4, false),
                    IpAddr::V6(address) => self.v6(p, address.into(), ALL6),
                });
                Ok(Cond::Any(each.collect::<Result<_, _>>()?))
            }
            Id::Mac(address, None) if p.head.protocol == Some(Protocol::Arp) => {
                Ok(Cond::from(Test::Family(Family::Arp)).and(Test::ArpHardware(mac_word(*address)).into()))
            }
            Id::Mac(..) => Err(self
                .wrong(p.span, "an Ethernet address stands only after `ether`, or `arp host`")
                .with_historic("ethernet address used in non-ether expression")),
            _ => Err(self.wrong(p.span, format!("'{}' is not a host", self.quote(p.span)))),
        }
    }

    pub(super) fn net(&self, p: &Primitive<'_>, span: &Span) -> Result<Cond, SyntaxError> {
        self.address_protocol(p, span, "net")?;
        if p.head.protocol == Some(Protocol::Ether) {
            return Err(self.wrong(span, "`ether` has hosts only, no networks"));
        }
        match p.id {
            Id::V4(address, mask) => {
                let address = u32::from(*address);
                let mask = match mask {
                    V4Mask::None => ALL4,
                    V4Mask::Mask(mask) => u32::from(*mask),
                    V4Mask::Length(length) => self.prefix(*length, 32, p.span)? as u32,
                };
                // The oracle takes a mask of 0 for none.
                let mask = if self.historic() && mask == 0 { ALL4 } else { mask };
                self.v4(p, address, mask, true)
            }
            Id::V6(address, length) => {
                let mask = match length {
                    None => ALL6,
                    Some(length) => self.prefix(*length, 128, p.span)?,
                };
                let mask = if self.historic() && mask == 0 { ALL6 } else { mask };
                self.v6(p, u128::from(*address), mask)
            }
            Id::Number(number, None) if self.historic() => {
                let (mut address, mut mask) = (number.wrapped, ALL4);
                while address != 0 && address >> 24 == 0 {
                    address <<= 8;
                    mask <<= 8;
                }
                self.historic_number(p, address, mask)
            }
            Id::Number(number, length) if !self.historic() => {
                // As libpcap: the number fills the address from the left.
                let mut address = self.address_word(*number, p.span)?;
                let mut mask = ALL4;
                while address != 0 && address >> 24 == 0 {
                    address <<= 8;
                    mask <<= 8;
                }
                let mask = if address == 0 { 0xff00_0000 } else { mask };
                self.short_net(p, address, mask, *length)
            }
            Id::Float(_, text, length) if !self.historic() => self.dotted_net(p, text, *length),
            Id::Name { text, length, .. } if is_dotted(text) && !self.historic() => {
                self.dotted_net(p, text, *length)
            }
            Id::Name { text, length: None, .. } => match self.options.names.network(text) {
                Some(network) => {
                    let address = u32::from(network);
                    // As in libpcap, trailing zero octets are the host part.
                    let host_bits = address.trailing_zeros().min(24) / 8 * 8;
                    self.v4(p, address, ALL4 << host_bits, true)
                }
                // Looked up and not found: address 0 (section 13, `bare-number-address`, `unknown-net`).
                None if self.historic() => {
                    Ok(sided(p.head.direction, |side| Test::Historic(Historic::ZeroAddress(side)).into()))
                }
                None => Err(self.wrong(p.span, format!("unknown network '{}'", shorten(text)))),
            },
            _ => Err(self.wrong(p.span, format!("'{}' is not a network", self.quote(p.span)))),
        }
    }

    /// A name that is both a host and in the Ethernet address file: frames went through that host,
    /// packets neither came from nor went to it.
    pub(super) fn gateway(&self, p: &Primitive<'_>) -> Result<Cond, SyntaxError> {
        let Id::Name { text, length: None, .. } = p.id else {
            return Err(self
                .wrong(p.span, "`gateway` takes a name")
                .with_historic("'gateway' requires a name"));
        };
        let Some(mac) = self.options.names.ether(text) else {
            return Err(self
                .wrong(p.span, format!("'{}' has no Ethernet address in the ethers file", shorten(text)))
                .with_historic(format!("unknown ether host: {text}")));
        };
        let addresses = self.resolve(text);
        if addresses.is_empty() {
            return Err(self.wrong(p.span, format!("unknown host '{}'", shorten(text))));
        }
        let through = sided(Direction::Either, |side| Test::Mac(side, mac_word(mac), ALL_MAC).into());
        let ends = addresses.into_iter().map(|address| {
            sided(Direction::Either, |side| match address {
                IpAddr::V4(address) => Test::Address4(side, address.into(), ALL4).into(),
                IpAddr::V6(address) => Test::Address6(side, address.into(), ALL6).into(),
            })
        });
        Ok(through.and(Cond::Any(ends.collect()).not()))
    }

    fn ether_host(&self, p: &Primitive<'_>) -> Result<Cond, SyntaxError> {
        let (address, mask) = match p.id {
            Id::Mac(address, None) => (*address, ALL_MAC),
            Id::Mac(address, Some(bits)) if !self.historic() => {
                // 5.x counts whole octets.
                let Ok(bits @ 0..=48) = u32::try_from(bits.value) else {
                    return Err(self.wrong(p.span, "an Ethernet address has 48 bits"));
                };
                (*address, ALL_MAC & !(ALL_MAC >> (bits / 8 * 8)))
            }
            Id::Name { text, length: None, .. } => match self.options.names.ether(text) {
                Some(address) => (address, ALL_MAC),
                None => {
                    return Err(self
                        .wrong(
                            p.span,
                            format!("'{}' has no Ethernet address in the ethers file", shorten(text)),
                        )
                        .with_historic(format!("unknown ether host '{text}'")));
                }
            },
            _ => return Err(self.wrong(p.span, "`ether` takes an Ethernet address")),
        };
        Ok(sided(p.head.direction, |side| Test::Mac(side, mac_word(address) & mask, mask).into()))
    }

    /// Refuses protocols that have no addresses of their own.
    fn address_protocol(&self, p: &Primitive<'_>, span: &Span, kind: &str) -> Result<(), SyntaxError> {
        use Protocol as P;
        let name = match p.head.protocol {
            None | Some(P::Ether | P::Ip | P::Ipv4 | P::Ipv6 | P::Arp | P::Icmp) => return Ok(()),
            Some(P::Gre | P::Geneve) => return Ok(()),
            Some(P::Tcp) => "tcp",
            Some(P::Udp) => "udp",
            Some(P::Rtp) => "rtp",
            Some(P::Rtcp) => "rtcp",
            Some(P::Udt) => "udt",
            Some(P::Isis) => "isis",
            Some(_) => return Err(self.wrong(span, format!("this protocol word does not go with `{kind}`"))),
        };
        Err(self
            .wrong(span, format!("'{name}' does not go with `{kind}`: write `{name} and {kind} …`"))
            .with_historic(format!("'{name}' modifier applied to host")))
    }

    /// An IPv4 address. `arp`: ARP addresses count too, when no protocol says otherwise.
    fn v4(&self, p: &Primitive<'_>, address: u32, mask: u32, arp: bool) -> Result<Cond, SyntaxError> {
        let address = address & mask;
        let in_ip = |side| Cond::from(Test::Address4(side, address, mask));
        let in_arp = |side| Cond::from(Test::Arp4(side, address, mask));
        let direction = p.head.direction;
        Ok(match p.head.protocol {
            None if arp => sided(direction, in_ip).or(sided(direction, in_arp)),
            None | Some(Protocol::Ip | Protocol::Ipv4) => sided(direction, in_ip),
            Some(Protocol::Arp) => sided(direction, in_arp),
            Some(Protocol::Icmp) if self.historic() => sided(direction, in_ip),
            Some(Protocol::Icmp) => Cond::from(Test::Protocol(1)).and(sided(direction, in_ip)),
            Some(Protocol::Gre) => {
                sided(direction, |side| Test::Tunnel4(Tunnel::Gre, side, address, mask).into())
            }
            Some(Protocol::Geneve) => {
                sided(direction, |side| Test::Tunnel4(Tunnel::Geneve, side, address, mask).into())
            }
            // `ipv6 host` with an IPv4 address.
            Some(_) => Cond::Always(false),
        })
    }

    fn v6(&self, p: &Primitive<'_>, address: u128, mask: u128) -> Result<Cond, SyntaxError> {
        let address = address & mask;
        let direction = p.head.direction;
        let cond = sided(direction, |side| Test::Address6(side, address, mask).into());
        Ok(match p.head.protocol {
            None if self.historic() => {
                // The oracle compares the first word, as it lies in memory, with ARP addresses too.
                let word = |long: u128| ((long >> 96) as u32).swap_bytes();
                cond.or(sided(direction, |side| Test::Arp4(side, word(address), word(mask)).into()))
            }
            None | Some(Protocol::Ipv6) => cond,
            Some(Protocol::Ip) if self.historic() => {
                return Err(self.wrong(p.span, "3.0.8.2 takes IPv6 addresses only without `ip`"));
            }
            Some(Protocol::Ip) => cond,
            Some(Protocol::Icmp) => Cond::from(Test::Protocol(1)).and(cond),
            Some(Protocol::Ipv4 | Protocol::Arp) => Cond::Always(false),
            Some(_) => return Err(self.wrong(p.span, "tunnels are tested for IPv4 addresses only")),
        })
    }

    /// A number for an address: the oracle honours it after `ipv4` only; else it tests the protocol, or that there
    /// is an address at all.
    fn historic_number(&self, p: &Primitive<'_>, address: u32, mask: u32) -> Result<Cond, SyntaxError> {
        match p.head.protocol {
            Some(Protocol::Ipv4) => self.v4(p, address, mask, false),
            Some(Protocol::Ip) => Ok(Cond::Always(true)),
            Some(Protocol::Icmp) => Ok(Test::Family(Family::Ipv4).into()),
            Some(Protocol::Arp) => Ok(Test::Historic(Historic::ArpKind).into()),
            None => Ok(Cond::Any(vec![
                Test::Family(Family::Ipv6).into(),
                Test::Family(Family::Ipv4).into(),
                Test::Family(Family::Arp).into(),
            ])),
            Some(_) => Err(self.wrong(p.span, "3.0.8.2 takes no number here")),
        }
    }

    /// `net 192.168` and `net 192.168.2`: as many octets as are written.
    fn dotted_net(&self, p: &Primitive<'_>, text: &str, length: Option<Number>) -> Result<Cond, SyntaxError> {
        let parts = text.split('.').map(|part| part.parse::<u8>().ok()).collect::<Option<Vec<u8>>>();
        let Some(parts @ ([_] | [_, _] | [_, _, _])) = parts.as_deref() else {
            return Err(self.wrong(p.span, format!("'{}' is not a network", shorten(text))));
        };
        let mut octets = [0; 4];
        for (octet, part) in octets.iter_mut().zip(parts) {
            *octet = *part;
        }
        let mask = ALL4 << (32 - 8 * parts.len() as u32);
        self.short_net(p, u32::from_be_bytes(octets), mask, length)
    }

    fn short_net(
        &self,
        p: &Primitive<'_>,
        address: u32,
        mask: u32,
        length: Option<Number>,
    ) -> Result<Cond, SyntaxError> {
        let mask = match length {
            None => mask,
            Some(length) => self.prefix(length, 32, p.span)? as u32,
        };
        self.v4(p, address, mask, true)
    }

    /// The mask of a prefix length, in the low `bits` bits.
    fn prefix(&self, length: Number, bits: u32, span: &Span) -> Result<u128, SyntaxError> {
        match u32::try_from(length.value) {
            Ok(0) => Ok(0),
            Ok(length) if length <= bits => {
                let all = if bits == 128 { ALL6 } else { (1 << bits) - 1 };
                Ok(all & (all << (bits - length)))
            }
            _ => Err(self.wrong(span, format!("a prefix of this address has 0 to {bits} bits"))),
        }
    }

    pub(super) fn address_word(&self, number: Number, span: &Span) -> Result<u32, SyntaxError> {
        u32::try_from(number.value).map_err(|_| self.wrong(span, "an address has 32 bits"))
    }

    pub(super) fn resolve(&self, name: &str) -> Vec<IpAddr> {
        if is_dotted(name) {
            return inet_aton(name).into_iter().map(IpAddr::V4).collect();
        }
        if let Ok(address) = name.parse::<Ipv4Addr>() {
            return vec![address.into()];
        }
        if let Ok(address) = name.parse::<Ipv6Addr>() {
            return vec![address.into()];
        }
        self.options.names.host(name)
    }
}

fn is_dotted(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

fn mac_word(address: [u8; 6]) -> u64 {
    address.iter().fold(0, |word, &octet| word << 8 | u64::from(octet))
}
