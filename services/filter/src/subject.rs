//! A record under test: where each elementary test finds its value.

use std::cell::{Cell, OnceCell};

use record::dsr::cor::Cor;
use record::dsr::flow::{Ipv4Detail, Ipv6Detail};
use record::dsr::ipattr::IpSide;
use record::dsr::network::{Body, Network, Tcp, subtype};
use record::{Addr, Flow, FlowKey, Index, Metric, RecordView, SourceId};

use crate::metrics;
use crate::number;
use crate::test::{Block, Family, Historic, Relation, Side, Test, Tunnel, Whole, Word};

/// A view and what was read from it so far. Values are read when a test first asks for them.
pub(crate) struct Subject<'v, 'a> {
    pub(crate) view: &'v RecordView<'a>,
    pub(crate) historic: bool,
    precision: u8,
    flow: OnceCell<Option<Flow>>,
    metric: OnceCell<Option<Metric>>,
    network: OnceCell<Option<Network>>,
    /// 3.0.8.2: the last value asked for was absent, which makes tests of fractions fail
    /// (filter chapter, section 13, `stale-integer`).
    absent: Cell<bool>,
}

impl<'v, 'a> Subject<'v, 'a> {
    pub(crate) fn new(view: &'v RecordView<'a>, historic: bool, precision: u8) -> Self {
        Subject {
            view,
            historic,
            precision,
            flow: OnceCell::new(),
            metric: OnceCell::new(),
            network: OnceCell::new(),
            absent: Cell::new(false),
        }
    }

    pub(crate) fn flow(&self) -> Option<&Flow> {
        self.flow.get_or_init(|| self.view.flow()).as_ref()
    }

    fn key(&self) -> Option<&FlowKey> {
        self.flow().map(|flow| &flow.key)
    }

    pub(crate) fn metric(&self) -> Option<&Metric> {
        self.metric.get_or_init(|| self.view.metric()).as_ref()
    }

    pub(crate) fn network(&self) -> Option<&Network> {
        self.network.get_or_init(|| self.view.network()).as_ref()
    }

    /// Whether the test holds for this record.
    #[inline]
    pub(crate) fn holds(&self, test: &Test) -> bool {
        match *test {
            Test::Type(bits) => {
                self.absent.set(false);
                self.view.kind().nibble() << 4 & bits != 0
            }
            // The oracle masks the type of the key, and so takes it for there when there is none.
            Test::Family(family) => {
                self.absent.set(false);
                self.key().is_some_and(|key| of_family(key, family))
            }
            Test::Protocol(protocol) => {
                self.absent.set(false);
                self.key().and_then(FlowKey::proto) == Some(protocol)
            }
            Test::Address4(side, address, mask) => {
                self.absent.set(false);
                self.address4(side).is_some_and(|found| found & mask == address)
            }
            Test::Arp4(side, address, mask) => {
                self.absent.set(false);
                self.arp4(side).is_some_and(|found| found & mask == address)
            }
            Test::Address6(side, address, mask) => {
                self.absent.set(false);
                self.address6(side).is_some_and(|found| found & mask == address)
            }
            Test::Tunnel4(tunnel, side, address, mask) => {
                self.known(self.tunnel4(tunnel, side)).is_some_and(|found| found & mask == address)
            }
            Test::Mac(side, address, mask) => {
                self.known(self.mac(side)).is_some_and(|found| found & mask == address)
            }
            Test::ArpHardware(address) => self.arp_hardware() == Some(address),
            Test::Carries(block) => self.known(self.carries(block)).is_some(),
            Test::Network(subtype) => {
                self.known(self.network()).is_some_and(|network| network.subtype == subtype)
            }
            Test::SourceId(word) => self.known(self.source_id()).is_some_and(|id| short_id(id) == Some(word)),
            Test::LongSourceId(id) => self.source_id().is_some_and(|found| long_id(found) == Some(id)),
            Test::Marked(mark) => self.view.is_marked(mark),
            Test::Interface(name) => self.view.transport().and_then(|t| t.interface) == Some(name),
            Test::Whole(whole, side, relation, constant) => {
                let value = self.whole(whole, side);
                self.absent.set(match whole {
                    whole if whole.in_known_key() => false,
                    whole if whole.in_key() => self.key().is_none(),
                    Whole::IcmpType => self.network().is_none(),
                    _ => value.is_none(),
                });
                value.is_some_and(|value| related(value, relation, constant))
            }
            Test::Bits(word, side, mask, relation, constant) => {
                let value = self.word(word, side);
                if self.historic {
                    // To it an absent word has all bits set; its mask makes a value of that.
                    self.absent.set(false);
                    return related(value.unwrap_or(u32::MAX) & mask, relation, constant);
                }
                value.is_some_and(|value| related(value & mask, relation, constant))
            }
            Test::Fraction(fraction, side, relation, constant) => {
                if self.historic && self.absent.get() {
                    return false;
                }
                match metrics::fraction(self, fraction, side) {
                    Some(value) => {
                        let value = number::round(value, self.precision);
                        number::relate(value, relation, constant, self.precision, self.historic)
                    }
                    None => false,
                }
            }
            Test::Historic(historic) => self.historic_holds(historic),
        }
    }

    /// Notes whether a value was there.
    fn known<T>(&self, value: Option<T>) -> Option<T> {
        self.absent.set(value.is_none());
        value
    }

    fn address4(&self, side: Side) -> Option<u32> {
        let key = self.key()?;
        let address = match key {
            FlowKey::Ipv4(_) | FlowKey::Matrix4(..) => end(key, side)?,
            _ => return None,
        };
        v4_word(address)
    }

    fn arp4(&self, side: Side) -> Option<u32> {
        match self.key()? {
            key @ FlowKey::Arp(_) => v4_word(end(key, side)?),
            _ => None,
        }
    }

    fn address6(&self, side: Side) -> Option<u128> {
        let key = self.key()?;
        match end(key, side)? {
            Addr::V6(address) => Some(u128::from(address)),
            _ => None,
        }
    }

    fn tunnel4(&self, tunnel: Tunnel, side: Side) -> Option<u32> {
        let outer = match tunnel {
            Tunnel::Gre => self.view.gre()?.outer,
            Tunnel::Geneve => self.view.geneve()?.outer,
        };
        v4_word(end(&outer.normalised().key, side)?)
    }

    fn mac(&self, side: Side) -> Option<u64> {
        let mac = self.view.mac()?;
        Some(mac_word(match side {
            Side::Src => mac.src,
            Side::Dst => mac.dst,
        }))
    }

    fn arp_hardware(&self) -> Option<u64> {
        match self.key()? {
            FlowKey::Arp(key) => Some(mac_word(key.haddr.mac())),
            _ => None,
        }
    }

    fn carries(&self, block: Block) -> Option<()> {
        let index = match block {
            Block::Vlan => Index::Vlan,
            Block::Mpls => Index::Mpls,
            Block::Gre => Index::Gre,
            Block::Geneve => Index::Geneve,
            Block::Vxlan => Index::Vxlan,
        };
        self.view.has(index).then_some(())
    }

    fn source_id(&self) -> Option<SourceId> {
        // The oracle looks for the id of management records where it is not.
        if self.historic && self.view.kind().is_mar() {
            return None;
        }
        Some(self.view.source_id())
    }

    fn whole(&self, whole: Whole, side: Side) -> Option<i128> {
        let pick = |src: u64, dst: u64| match side {
            Side::Src => src,
            Side::Dst => dst,
        };
        let counter = |of: fn(&record::Counters) -> u64| {
            self.metric().map(|metric| i128::from(pick(of(&metric.src), of(&metric.dst))))
        };
        match whole {
            Whole::Packets => counter(|c| c.packets),
            Whole::Bytes => counter(|c| c.bytes),
            Whole::AppBytes => counter(|c| c.app_bytes),
            Whole::Port => {
                let (src, dst) = self.ports()?;
                Some(pick(src.into(), dst.into()).into())
            }
            Whole::IpProtocol => self.key()?.proto().map(i128::from),
            Whole::Loss => Some(metrics::loss(self, side).into()),
            Whole::Ttl => self.ip_side(side).map(|ip| ip.ttl.into()),
            Whole::Tos => self.ip_side(side).map(|ip| ip.tos.into()),
            Whole::CodePoint => self.ip_side(side).map(|ip| (ip.tos >> 2).into()),
            // Clients read this field, which is little-endian, as big-endian: they show the id 0x1005 as 0x0510
            // (record-format chapter, section 1), and filters are written from what they show.
            Whole::IpId => self.ip_side(side).map(|ip| ip.ip_id.swap_bytes().into()),
            Whole::VlanId => self.tag(side).map(|tag| (tag & 0xfff).into()),
            Whole::VlanPriority => self.tag(side).map(|tag| (tag >> 13).into()),
            Whole::MplsLabel => self.label(side).map(|entry| (entry >> 12).into()),
            Whole::Asn => self.view.asn().map(|asn| pick(asn.src.into(), asn.dst.into()).into()),
            // To the oracle the place of the number exists in any NETWORK block that is long enough.
            Whole::TcpBase if self.historic && self.tcp().is_none() => {
                self.network()?;
                self.network_word(if side == Side::Src { 36 } else { 84 }).map(i128::from)
            }
            Whole::TcpBase => match (self.tcp()?, side) {
                (Tcp::Perf(tcp), _) => Some(pick(tcp.src.seqbase.into(), tcp.dst.seqbase.into()).into()),
                // The number of the one packet seen.
                (Tcp::Init(tcp), Side::Src) => Some(tcp.seq.into()),
                (Tcp::Init(_), Side::Dst) if self.historic => Some(0),
                _ => None,
            },
            Whole::MaxSegment => match (self.tcp()?, side) {
                (Tcp::Perf(tcp), Side::Src) => tcp.src.maxseg.map(|(size, _)| size.into()),
                (Tcp::Perf(tcp), Side::Dst) => tcp.dst.maxseg.map(|(size, _)| size.into()),
                (Tcp::Init(tcp), Side::Src) => tcp.maxseg.map(|(size, _)| size.into()),
                _ => None,
            },
            Whole::MaskLength => {
                let flow = self.flow()?;
                let known = flow.qualifier & record::dsr::flow::MASKS != 0;
                known.then(|| pick(flow.src_mask().into(), flow.dst_mask().into()).into())
            }
            Whole::Keystrokes => self.view.behavior().map(|b| pick(b.src.into(), b.dst.into()).into()),
            Whole::Locality => self.view.local().map(|local| match side {
                Side::Src => local.src.into(),
                Side::Dst => local.dst.into(),
            }),
            Whole::Country => {
                let countries = self.view.cocode()?;
                let code = match side {
                    Side::Src => countries.src,
                    Side::Dst => countries.dst,
                };
                // Flows without addresses are labelled with blanks.
                let known = code != [0, 0] && code != *b"  ";
                known.then(|| u16::from_be_bytes(code).into())
            }
            Whole::EtherType => match self.key()? {
                FlowKey::Ether(key) => Some(key.ether_type.into()),
                _ => None,
            },
            Whole::IsisPdu => match self.key()? {
                FlowKey::Isis(key) => Some(key.pdu_type.into()),
                _ => None,
            },
            Whole::Sequence => self.view.transport()?.seq.map(i128::from),
            Whole::Transactions => match self.view.agr() {
                Some(agr) => Some(agr.count.into()),
                // A record that nothing was merged into is one transaction.
                None => self.view.kind().has_dsrs().then_some(1),
            },
            Whole::Observers => self.view.dsr(Index::Cor).map(|dsr| Cor::count(dsr) as i128),
            Whole::Spi => match self.key()? {
                FlowKey::Ipv4(key) => match key.detail {
                    Ipv4Detail::Esp { spi, .. } => Some(spi.into()),
                    _ => None,
                },
                FlowKey::Ipv6(key) => match key.detail {
                    Ipv6Detail::Esp { spi } => Some(spi.into()),
                    _ => None,
                },
                _ => None,
            },
            Whole::IcmpType => self.icmp_type(),
            Whole::IgmpType => self.igmp().map(|(typ, _)| typ.into()),
            Whole::MappedKind => Some(self.view.dsr(Index::Icmp)?.get(2).copied()?.into()),
            Whole::MappedType => self.view.icmp_error().map(|error| error.typ.into()),
            Whole::MappedCode => self.view.icmp_error().map(|error| error.code.into()),
            Whole::MappedNode => self.view.icmp_error().map(|error| u32::from(error.src).into()),
            Whole::DeltaDuration => self.correlation(0),
            Whole::DeltaStart => self.correlation(1),
            Whole::DeltaLast => self.correlation(2),
        }
    }

    fn word(&self, word: Word, side: Side) -> Option<u32> {
        match word {
            Word::Cause => Some(u32::from(self.view.header().cause.nibble()) << 4),
            Word::Encapsulations => self.view.encaps().map(|encaps| match side {
                Side::Src => encaps.src,
                Side::Dst => encaps.dst,
            }),
            // Tags, labels and attributes are tested as words only as 3.0.8.2 does, to which a silent side is 0.
            Word::VlanTag => self.view.vlan().map(|_| self.tag(side).unwrap_or(0).into()),
            Word::MplsEntry => self.view.mpls().map(|_| self.label(side).unwrap_or(0)),
            Word::Tos => self.ip_side(side).map(|ip| ip.tos.into()),
            Word::IpAttrQualifier => self.view.ipattr().map(|attributes| {
                u32::from(attributes.src_fragments) << 4 | u32::from(attributes.dst_fragments) << 5
            }),
            Word::MacQualifier => self.view.mac().map(|mac| mac.qualifier.into()),
            Word::IcmpQualifier => Some(self.view.dsr(Index::Icmp)?.get(2).copied()?.into()),
            Word::TcpStatus => self.tcp().map(Tcp::status),
            Word::TcpOptions => self.tcp().map(Tcp::options),
            Word::TcpFlags => match self.tcp()? {
                // The short form holds status only for tests.
                Tcp::Status(_) => None,
                _ => self.view.tcp_flags().map(|(src, dst)| match side {
                    Side::Src => src.into(),
                    Side::Dst => dst.into(),
                }),
            },
            Word::EspStatus => match &self.network()?.body {
                Body::Esp(esp) => Some(esp.status),
                _ => None,
            },
        }
    }

    fn historic_holds(&self, historic: Historic) -> bool {
        self.absent.set(false);
        match historic {
            Historic::ArpKind => {
                self.view.kind().is_flow() && self.flow().is_some_and(|flow| flow.kind & 0x06 == 0x06)
            }
            Historic::Protocol4(protocol) => match self.known(self.key()) {
                Some(key @ FlowKey::Ipv4(_)) => key.proto() == Some(protocol),
                _ => false,
            },
            Historic::AvgDur(relation, constant) => {
                // The mean, in the low half, is not yet computed when the filter runs.
                let ratio = if self.view.kind().is_mar() { 0.0 } else { metrics::pcr(self) as f32 };
                let value = i64::from(ratio.to_bits().cast_signed()) << 32;
                related(value, relation, i64::from(constant))
            }
            Historic::IgmpCode(code) => self.known(self.igmp()).is_some_and(|(_, found)| found == code),
            Historic::NetworkOptions(bits) => {
                let options = self.network().map(|network| match &network.body {
                    Body::Tcp(tcp) => tcp.options(),
                    Body::Esp(esp) => esp.last_seq,
                    // Whatever lies there, in the octet order of the machines that the oracle runs on.
                    _ => self.network_word(12).unwrap_or(0),
                });
                options.unwrap_or(u32::MAX) & bits == bits
            }
            Historic::ZeroAddress(side) => match self.key() {
                Some(key @ (FlowKey::Ipv4(_) | FlowKey::Arp(_))) => {
                    end(key, side).and_then(v4_word) == Some(0)
                }
                Some(key @ FlowKey::Ipv6(_)) => match end(key, side) {
                    Some(Addr::V6(address)) => u128::from(address) >> 96 == 0,
                    _ => false,
                },
                _ => false,
            },
            Historic::CountryNotZero => {
                self.known(self.view.cocode()).is_none_or(|countries| countries.src != [0, 0])
            }
            Historic::NoBits(word, side, mask) => {
                self.known(self.word(word, side)).is_none_or(|value| value & mask == 0)
            }
        }
    }

    fn tcp(&self) -> Option<&Tcp> {
        self.network()?.tcp()
    }

    fn network_word(&self, at: usize) -> Option<u32> {
        let octets = self.view.dsr(Index::Network)?.get(at..at + 4)?;
        Some(u32::from_be_bytes(octets.try_into().ok()?))
    }

    /// Ports of TCP and UDP keys. Fragments of which the first was not seen have port 0, as stored.
    fn ports(&self) -> Option<(u16, u16)> {
        let key = self.key()?;
        key.ports().or_else(|| key.is_fragment().then_some((0, 0)))
    }

    fn ip_side(&self, side: Side) -> Option<IpSide> {
        let attributes = self.view.ipattr()?;
        let found = match side {
            Side::Src => attributes.src,
            Side::Dst => attributes.dst,
        };
        // To the oracle a silent side has attributes, all zero.
        if self.historic { Some(found.unwrap_or_default()) } else { found }
    }

    fn tag(&self, side: Side) -> Option<u16> {
        let tags = self.view.vlan()?;
        match side {
            Side::Src => tags.src,
            Side::Dst => tags.dst,
        }
    }

    fn label(&self, side: Side) -> Option<u32> {
        let labels = self.view.mpls()?;
        match side {
            Side::Src => labels.src,
            Side::Dst => labels.dst,
        }
    }

    /// Type of the first message of an ICMP flow, or of the key when no state was recorded.
    fn icmp_type(&self) -> Option<i128> {
        if let Some(Network { subtype: subtype::ICMP, body: Body::Icmp(first), .. }) = self.network() {
            return Some(first.typ.into());
        }
        match self.key()? {
            FlowKey::Ipv4(key) if !self.historic => match key.detail {
                Ipv4Detail::Icmp { typ, .. } => Some(typ.into()),
                _ => None,
            },
            _ => None,
        }
    }

    fn igmp(&self) -> Option<(u8, u8)> {
        match self.key()? {
            FlowKey::Ipv4(key) => match key.detail {
                Ipv4Detail::Igmp { typ, code, .. } => Some((typ, code)),
                _ => None,
            },
            FlowKey::Ipv6(key) => match key.detail {
                Ipv6Detail::Igmp { typ, code, .. } => Some((typ, code)),
                _ => None,
            },
            _ => None,
        }
    }

    /// One of the differences in the first element of the correlations; elements of version 5 have a longer id.
    fn correlation(&self, which: usize) -> Option<i128> {
        let dsr = self.view.dsr(Index::Cor)?;
        let words = dsr.len() / 4 - 1;
        let id = if words % 10 == 0 && words % 6 != 0 { 24 } else { 4 };
        let at = 4 + id + 4 * which;
        let octets = dsr.get(at..at + 4)?;
        Some(i32::from_le_bytes(octets.try_into().ok()?).into())
    }
}

fn of_family(key: &FlowKey, family: Family) -> bool {
    match family {
        Family::Ipv4 => matches!(key, FlowKey::Ipv4(_) | FlowKey::Matrix4(..)),
        Family::Ipv6 => matches!(key, FlowKey::Ipv6(_) | FlowKey::Matrix6(..)),
        Family::Arp => matches!(key, FlowKey::Arp(_)),
        Family::Rarp => matches!(key, FlowKey::Rarp(_)),
        Family::Ether => matches!(key, FlowKey::Ether(_)),
        Family::Isis => matches!(key, FlowKey::Isis(_)),
    }
}

fn end(key: &FlowKey, side: Side) -> Option<Addr> {
    match side {
        Side::Src => key.src_addr(),
        Side::Dst => key.dst_addr(),
    }
}

fn v4_word(address: Addr) -> Option<u32> {
    match address {
        Addr::V4(address) => Some(u32::from(address)),
        _ => None,
    }
}

fn mac_word(mac: [u8; 6]) -> u64 {
    mac.iter().fold(0, |word, &octet| word << 8 | u64::from(octet))
}

/// Ids of one word, whatever their type.
fn short_id(id: SourceId) -> Option<u32> {
    match id {
        SourceId::Ipv6(_) | SourceId::Uuid(_) | SourceId::Ether(_) => None,
        short => Some(short.word()),
    }
}

fn long_id(id: SourceId) -> Option<u128> {
    match id {
        SourceId::Ipv6(address) => Some(address.into()),
        SourceId::Uuid(octets) => Some(u128::from_be_bytes(octets)),
        _ => None,
    }
}

#[inline]
fn related<T: PartialOrd>(value: T, relation: Relation, constant: T) -> bool {
    match relation {
        Relation::Eq => value == constant,
        Relation::Gt => value > constant,
        Relation::Ge => value >= constant,
    }
}
