//! What a view shows: every DSR in true direction, and the fields that filters and printers ask for most.

use super::RecordView;
use crate::dsr::agr::Agr;
use crate::dsr::asn::Asn;
use crate::dsr::behavior::Behavior;
use crate::dsr::cocode::CoCode;
use crate::dsr::cor::{Cor, Correlation};
use crate::dsr::data::DataView;
use crate::dsr::encaps::EncapsView;
use crate::dsr::flow::{Addr, Flow, FlowKey, Ipv4Detail};
use crate::dsr::geo::Geo;
use crate::dsr::hash::FlowHash;
use crate::dsr::icmp::IcmpError;
use crate::dsr::ipattr::IpAttr;
use crate::dsr::jitter::Jitter;
use crate::dsr::label::LabelView;
use crate::dsr::local::Local;
use crate::dsr::mac::Mac;
use crate::dsr::metric::Metric;
use crate::dsr::mpls::Mpls;
use crate::dsr::network::{Body, Network, Tcp};
use crate::dsr::psize::Psize;
use crate::dsr::score::Score;
use crate::dsr::time::{Time, Times};
use crate::dsr::transport::Transport;
use crate::dsr::tunnel::{Geneve, Gre, Vxlan};
use crate::dsr::vlan::Vlan;
use crate::dsr::{Index, icmp};
use crate::source_id::SourceId;
use crate::stamp::Stamp;

/// What nearly every row is made of, see [`RecordView::parts`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parts {
    /// Packets and octets.
    pub metric: Option<Metric>,
    /// Times by side.
    pub times: Times,
    /// The TIME DSR as stored.
    pub time_stored: Option<Time>,
    /// Protocol state.
    pub network: Option<Network>,
}

macro_rules! plain {
    ($($(#[$doc:meta])* $name:ident: $index:ident => $model:ty;)*) => {$(
        $(#[$doc])*
        pub fn $name(&self) -> Option<$model> {
            <$model>::parse(self.dsr(Index::$index)?)
        }
    )*};
}

macro_rules! sided {
    ($($(#[$doc:meta])* $name:ident: $index:ident => $model:ty;)*) => {$(
        $(#[$doc])*
        pub fn $name(&self) -> Option<$model> {
            let dsr = <$model>::parse(self.dsr(Index::$index)?)?;
            Some(if self.layout.rest_exchanged { dsr.reversed() } else { dsr })
        }
    )*};
}

impl<'a> RecordView<'a> {
    plain! {
        /// Source id and sequence number.
        transport: Transport => Transport;
        /// The TIME DSR as stored; [`RecordView::times`] says what it means.
        time_stored: Time => Time;
        /// The key as stored: direction not put right, REVERSE kept.
        flow_stored: Flow => Flow;
        /// The NETWORK DSR as stored.
        network_stored: Network => Network;
        /// Encapsulations; as stored, since readers exchange everything but these and the keystrokes (seen in all
        /// three ways in which a record is turned round).
        encaps: Encaps => EncapsView<'a>;
        /// Keystrokes; as stored, like the encapsulations.
        behavior: Behavior => Behavior;
        /// An ICMP error that quoted the flow.
        icmp_error: Icmp => IcmpError;
        /// Aggregation statistics.
        agr: Agr => Agr;
        /// Label.
        label: Label => LabelView<'a>;
        /// Sensor's hash (5.x).
        hash: Hash => FlowHash;
        /// GRE tunnel (5.x).
        gre: Gre => Gre;
        /// Geneve tunnel (5.x).
        geneve: Geneve => Geneve;
        /// Score (5.x).
        score: Score => Score;
    }

    sided! {
        /// Packets and octets.
        metric: Metric => Metric;
        /// VLAN tags.
        vlan: Vlan => Vlan;
        /// MPLS labels.
        mpls: Mpls => Mpls;
        /// IP attributes.
        ipattr: IpAttr => IpAttr;
        /// Packet sizes.
        psize: Psize => Psize;
        /// Ethernet addresses.
        mac: Mac => Mac;
        /// Countries.
        cocode: CoCode => CoCode;
        /// AS numbers.
        asn: Asn => Asn;
        /// Coordinates (5.x).
        geo: Geo => Geo;
        /// Locality (5.x).
        local: Local => Local;
        /// VXLAN network ids (5.x).
        vxlan: Vxlan => Vxlan;
    }

    /// The key in true direction, REVERSE cleared. [`RecordView::is_reversed`] tells what it was.
    pub fn flow(&self) -> Option<Flow> {
        let mut flow = self.flow_stored()?;
        if self.layout.key_exchanged {
            flow = flow.exchanged();
        }
        flow.reversed = false;
        if let (Some(real), FlowKey::Ipv4(k)) = (self.repair.icmp_type, &mut flow.key)
            && let Ipv4Detail::Icmp { typ, .. } = &mut k.detail
        {
            *typ = real;
        }
        Some(flow)
    }

    /// Whether the stored key has REVERSE set.
    pub fn is_reversed(&self) -> bool {
        self.flow_stored().is_some_and(|f| f.reversed)
    }

    /// Inter-packet times in microseconds, whatever the record's version.
    pub fn jitter(&self) -> Option<Jitter> {
        let mut jitter = Jitter::parse(self.dsr(Index::Jitter)?)?;
        if self.time_stored().is_some_and(|t| t.is_nsec()) {
            jitter = jitter.nanos_to_micros();
        }
        Some(if self.layout.rest_exchanged { jitter.reversed() } else { jitter })
    }

    /// Protocol state as a reader shows it: window and flags of a TCP side without packets are zero; RTP and RTCP
    /// only when they are what they claim (section 7.5). `None` also for the empty DSR.
    pub fn network(&self) -> Option<Network> {
        self.network_beside(self.metric_stored().as_ref())
    }

    fn network_beside(&self, metric: Option<&Metric>) -> Option<Network> {
        let stored = self.dsr(Index::Network)?;
        // The commonest form of it, looked at before anything else is.
        if let [_, 0, _, _] = stored {
            return None;
        }
        let mut network = Network::parse(stored)?;
        match &mut network.body {
            Body::Empty => return None,
            Body::Tcp(tcp) => match tcp {
                Tcp::Init(t) => t.status |= self.repair.status,
                Tcp::Status(t) => t.status |= self.repair.status,
                Tcp::Perf(t) => {
                    t.status |= self.repair.status;
                    if let Some(m) = metric {
                        for (side, packets) in [(&mut t.src, m.src.packets), (&mut t.dst, m.dst.packets)] {
                            if packets == 0 {
                                (side.window, side.flags) = (0, 0);
                            }
                        }
                    }
                }
            },
            Body::Rtp(_) => {
                let most = metric.map_or(0, |m| m.src.packets.max(m.dst.packets));
                if stored.len() != 40 || most < 5 || self.proto() != Some(17) {
                    return None;
                }
            }
            Body::Rtcp(_) if stored.len() != 24 => return None,
            _ => {}
        }
        Some(if self.layout.rest_exchanged { network.reversed() } else { network })
    }

    /// TCP state.
    pub fn tcp(&self) -> Option<Tcp> {
        self.network()?.tcp().copied()
    }

    /// TCP status word.
    pub fn tcp_status(&self) -> Option<u32> {
        self.tcp().map(|t| t.status())
    }

    /// Cumulated TCP flags of both sides. A record of one packet has flags of its sender only.
    pub fn tcp_flags(&self) -> Option<(u8, u8)> {
        let tcp = self.tcp()?;
        let (src, dst) = tcp.flags();
        // The INIT form has one side and is not exchanged with the rest.
        Some(if self.layout.rest_exchanged && matches!(tcp, Tcp::Init(_)) { (dst, src) } else { (src, dst) })
    }

    /// Times by side (section 7.3, with the help of METRIC).
    pub fn times(&self) -> Times {
        self.times_beside(self.time_stored().as_ref(), self.metric_stored().as_ref())
    }

    fn times_beside(&self, time: Option<&Time>, metric: Option<&Metric>) -> Times {
        let Some(time) = time else { return Times::default() };
        let times = time.resolve(metric, self.has(Index::Icmp));
        if self.layout.rest_exchanged { times.reversed() } else { times }
    }

    /// First and last stamp as stored, where they are plain ([`Time::plain`]).
    #[inline]
    pub fn plain_times(&self) -> Option<(Stamp, Stamp)> {
        let (first, last) = Time::plain(self.dsr(Index::Time)?)?;
        Some((Stamp::from_sec_usec(first.0, first.1), Stamp::from_sec_usec(last.0, last.1)))
    }

    fn metric_stored(&self) -> Option<Metric> {
        Metric::parse(self.dsr(Index::Metric)?)
    }

    /// Counters, times and state together, each DSR read once: as [`RecordView::metric`], [`RecordView::times`],
    /// [`RecordView::time_stored`] and [`RecordView::network`] give them.
    pub fn parts(&self) -> Parts {
        let (metric, time_stored) = (self.metric_stored(), self.time_stored());
        Parts {
            times: self.times_beside(time_stored.as_ref(), metric.as_ref()),
            network: self.network_beside(metric.as_ref()),
            metric: if self.layout.rest_exchanged { metric.map(Metric::reversed) } else { metric },
            time_stored,
        }
    }

    /// Earliest time of the record; for a management record its `now`. [`Stamp::ZERO`] when it has none.
    pub fn start(&self) -> Stamp {
        match self.mar() {
            Some(mar) => mar.now_stamp(),
            None => self.times().start(),
        }
    }

    /// Latest time of the record; for a management record its `now`.
    pub fn end(&self) -> Stamp {
        match self.mar() {
            Some(mar) => mar.now_stamp(),
            None => self.times().end(),
        }
    }

    /// Source id, from TRANSPORT or from the management record.
    pub fn source_id(&self) -> SourceId {
        match self.mar() {
            Some(mar) => mar.source_id(),
            None => self.transport().and_then(|t| t.id).unwrap_or_default(),
        }
    }

    /// Sequence number; 0 when there is none.
    pub fn seq(&self) -> u32 {
        self.transport().and_then(|t| t.seq).unwrap_or(0)
    }

    /// Source address.
    pub fn src_addr(&self) -> Option<Addr> {
        self.flow()?.key.src_addr()
    }

    /// Destination address.
    pub fn dst_addr(&self) -> Option<Addr> {
        self.flow()?.key.dst_addr()
    }

    /// IP protocol.
    pub fn proto(&self) -> Option<u8> {
        self.flow_stored()?.key.proto()
    }

    /// Source port of keys that have ports.
    pub fn src_port(&self) -> Option<u16> {
        self.flow()?.key.ports().map(|p| p.0)
    }

    /// Destination port of keys that have ports.
    pub fn dst_port(&self) -> Option<u16> {
        self.flow()?.key.ports().map(|p| p.1)
    }

    /// User data of the source.
    pub fn src_data(&self) -> Option<DataView<'a>> {
        DataView::parse(self.dsr(if self.layout.rest_exchanged { Index::DstData } else { Index::SrcData })?)
    }

    /// User data of the destination.
    pub fn dst_data(&self) -> Option<DataView<'a>> {
        DataView::parse(self.dsr(if self.layout.rest_exchanged { Index::SrcData } else { Index::DstData })?)
    }

    /// How an ICMP error hit the flow, qualifier of the ICMP DSR: one of the constants of [`icmp`].
    pub fn icmp_mapped(&self) -> Option<u8> {
        let q = self.dsr(Index::Icmp)?.get(2).copied()?;
        (q & (icmp::UNREACHABLE | icmp::REDIRECT | icmp::TIME_EXCEEDED) != 0).then_some(q)
    }

    /// Correlated records; allocates, since their number varies.
    pub fn correlations(&self) -> Vec<Correlation> {
        self.dsr(Index::Cor).and_then(Cor::parse).map(|c| c.correlations).unwrap_or_default()
    }
}
