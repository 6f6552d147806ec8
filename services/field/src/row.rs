//! One record on its way to the output: the view and what nearly every column asks of it.

use crate::formula;
use crate::style::{Names, Style};
use crate::table::Field;
use crate::value::Value;
use record::dsr::flow::{DIRECTION, Flow, FlowKey, Ipv4Detail, Ipv4Key, Ipv6Detail, Ipv6Key, address};
use record::dsr::metric::{Counters, Metric};
use record::dsr::network::Network;
use record::dsr::time::{Stamps, Time, Times};
use record::{Index, Mar, Parts, RecordView, SourceId, Stamp};

/// ICMP types that answer nothing: unreachable, source quench, redirect, time exceeded, parameter problem.
const ICMP_ERRORS: [u8; 5] = [3, 4, 5, 11, 12];

/// What a row is made of.
#[derive(Clone, Copy)]
pub enum Body<'a> {
    /// A flow or event record.
    Flow(&'a RecordView<'a>),
    /// A management record.
    Management(&'a Mar),
}

/// Bits of a key's qualifier that say what its addresses are.
const ADDRESS_TYPE: u8 = 0x1F;

/// A record with its place in the input and the output.
pub struct Row<'a> {
    /// The record.
    pub body: Body<'a>,
    /// How it will be shown; a few fields are read differently in one style or another.
    pub style: &'a Style,
    /// Octet of the input at which the record begins.
    pub offset: u64,
    /// Ordinal in the output, from 1; 0 prints nothing.
    pub rank: u64,
    /// The flow key in true direction.
    pub flow: Option<Flow>,
    /// The counters, if the record has any.
    pub metric: Option<Metric>,
    /// The state of the protocol above.
    pub network: Option<Network>,
    /// First and last packet of both sides.
    pub times: Times,
    /// Start of the first record of the run, where relative times are asked for.
    pub base: Option<Stamp>,
    /// What 3.0.8 has in its memory of an earlier record.
    pub left_over: LeftOver,
}

/// What 3.0.8 keeps in its memory of one record and shows with another.
#[derive(Clone, Copy, Debug, Default)]
pub struct LeftOver {
    /// The standard deviation of the last merged record.
    pub deviation: f32,
    /// The duration of the flow that a half was made of.
    pub duration: Option<f32>,
    /// The source's load of the flow that a half was made of.
    pub load: Option<f32>,
    /// The times that the flow had which a half was made of, as the half shows them.
    pub times: Option<Times>,
    /// Whether the ends are the wrong way round: the ports of an IPv6 key, the addresses of one of a link.
    pub backwards: bool,
}

/// A side of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The source.
    Src,
    /// The destination.
    Dst,
}

impl<'a> Row<'a> {
    /// A row of a flow record.
    pub fn flow(view: &'a RecordView<'a>, style: &'a Style, offset: u64, rank: u64) -> Row<'a> {
        let mut flow = view.flow();
        if let Some(Flow { key: key @ FlowKey::Ether(_), .. }) = &mut flow
            && style.compat
            && view.is_reversed()
        {
            // 3.0.8 clears the mark of an Ethernet key without exchanging its ends.
            *key = key.exchanged();
        }
        let parts = view.parts();
        let mut times = parts.times;
        if style.compat {
            historic_key(view, flow.as_mut(), &parts);
            historic_times(&parts, &mut times);
        }
        let (mut metric, network) = (parts.metric, parts.network);
        if let (Some(metric), 1..) = (&mut metric, style.extra_octets) {
            for side in [&mut metric.src, &mut metric.dst] {
                side.bytes = side.bytes.saturating_add(side.packets.saturating_mul(style.extra_octets));
            }
        }
        Row {
            body: Body::Flow(view),
            style,
            offset,
            rank,
            flow,
            metric,
            network,
            times,
            base: None,
            left_over: LeftOver::default(),
        }
    }

    /// A row of a management record.
    pub fn management(mar: &'a Mar, style: &'a Style, offset: u64, rank: u64) -> Row<'a> {
        Row {
            body: Body::Management(mar),
            style,
            offset,
            rank,
            flow: None,
            metric: None,
            network: None,
            times: Times::default(),
            base: None,
            left_over: LeftOver::default(),
        }
    }

    /// What a field holds in this record.
    pub fn read(&self, field: &Field) -> Value<'a> {
        match self.body {
            Body::Flow(_) => (field.read)(self),
            Body::Management(mar) => match field.management.read(mar, self) {
                // Numbers in place of addresses and ports take no format; 3.0.8 abbreviates none of them.
                Value::Uint(number) if field.formats || self.style.compat => {
                    Value::Int(number.try_into().unwrap_or(i64::MAX))
                }
                value => value,
            },
        }
    }

    /// The record, when it is not a management record.
    pub fn view(&self) -> Option<&'a RecordView<'a>> {
        match self.body {
            Body::Flow(view) => Some(view),
            Body::Management(_) => None,
        }
    }

    /// The flow key.
    pub fn key(&self) -> Option<&FlowKey> {
        self.flow.as_ref().map(|flow| &flow.key)
    }

    /// Whether it is a flow of ARP or RARP, even where its key is too short to be read.
    pub fn is_arp(&self) -> bool {
        match (&self.flow, self.body) {
            (Some(flow), _) => flow.key.is_arp(),
            (None, Body::Flow(view)) => {
                let qualifier = view.dsr(Index::Flow).and_then(|key| key.get(2));
                qualifier.is_some_and(|qualifier| qualifier & ADDRESS_TYPE == address::ARP)
            }
            (None, Body::Management(_)) => false,
        }
    }

    /// Counters of one side, zero when the record has none.
    pub fn counters(&self, side: Side) -> Counters {
        formula::counters(&self.metric.unwrap_or_default(), side)
    }

    /// Packets of both sides.
    pub fn packets(&self) -> u64 {
        self.metric.map_or(0, |metric| metric.packets())
    }

    /// Duration in seconds, in single precision as 3.0.8 computes it.
    pub fn duration(&self) -> f32 {
        formula::duration(&self.times)
    }

    /// The source's load in bits per second, as it is shown.
    pub fn source_load(&self) -> f32 {
        crate::read::metric::shown_load(self, Side::Src)
    }

    /// Whether it shows one direction of a flow that had two.
    pub(crate) fn is_half(&self) -> bool {
        self.left_over.times.is_some()
    }

    /// Duration of one side in seconds.
    pub fn side_duration(&self, side: Side) -> f32 {
        formula::side_duration(&self.times, side)
    }
}

impl LeftOver {
    /// Puts into a row what stands in the place of its own values.
    pub(crate) fn put(&self, row: &mut Row<'_>) {
        row.left_over = *self;
        row.times = self.times.unwrap_or(row.times);
        let Some(flow) = row.flow.as_mut().filter(|_| self.backwards) else { return };
        match &mut flow.key {
            FlowKey::Ipv6(Ipv6Key { detail: Ipv6Detail::Ports { src, dst }, .. }) => std::mem::swap(src, dst),
            key @ (FlowKey::Ether(_) | FlowKey::Wlan(_)) => *key = key.exchanged(),
            _ => {}
        }
    }
}

/// A lone ICMP reply of which no header was kept: 3.0.8 does not turn it and shows a type of its own making.
fn historic_key(view: &RecordView<'_>, flow: Option<&mut Flow>, parts: &Parts) {
    if let Some(Flow {
        qualifier,
        key: FlowKey::Ipv4(Ipv4Key { detail: Ipv4Detail::Icmp { typ, .. }, .. }),
        ..
    }) = flow
        && !ICMP_ERRORS.contains(typ)
        && *qualifier & DIRECTION != 0
        && parts.network.is_none()
        && !view.is_turned()
        && parts.metric.is_some_and(|metric| metric.src.packets > 0 && metric.dst.packets == 0)
    {
        *typ = 4;
    }
}

/// Stamps that say "not set" are shown by 3.0.8 as they are. Where both sides share one range that reaches into
/// another second, it gives a side of one packet the start alone.
fn historic_times(parts: &Parts, times: &mut Times) {
    let one_range = parts.time_stored.is_some_and(|time| matches!(time.stamps, Stamps::Range(..)));
    if let (Some((start, end)), Some(other), true) = (times.src, times.dst, one_range)
        && other == (start, end)
        && start.secs() != end.secs()
        && let Some(metric) = parts.metric
    {
        for (range, counters) in [(&mut times.src, metric.src), (&mut times.dst, metric.dst)] {
            if counters.packets == 1 {
                *range = Some((start, start));
            }
        }
    }
    if let Some(Time { stamps: Stamps::One(stamp) | Stamps::Range(stamp, _), .. }) = parts.time_stored
        && stamp.secs() == UNSET
        && times.src.is_none()
    {
        let metric = parts.metric.unwrap_or_default();
        times.src = (metric.src.packets > 0).then_some((stamp, stamp));
        times.dst = (metric.dst.packets > 0).then_some((stamp, stamp));
    }
}

/// Seconds that stand for "not set".
pub(crate) const UNSET: u32 = 0xEFFF_FFFF;

/// A source id as it is shown: by its alias where names are wanted and it has one.
pub(crate) fn source_text(row: &Row<'_>, id: SourceId) -> Value<'static> {
    match row.style.alias(id) {
        Some(alias) if row.style.names <= Names::Ports => Value::text(alias.as_bytes()),
        _ => crate::read::other::source(id),
    }
}
