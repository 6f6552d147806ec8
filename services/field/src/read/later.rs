//! Fields that argus 5 added: places, localities, tunnels, classes of addresses, what else a record carries
//! (chapter ra-output, 8.5; chapter clients-5x, 9 to 11).

use crate::row::{Body, Row, Side, source_text};
use crate::value::Value;
use record::dsr::agr::Stats;
use record::dsr::flow::{Addr, Flow, FlowKey};
use record::dsr::geo::{Geo, Place};
use record::dsr::network::Tcp;
use record::{Index, Kind, Mar, SourceId};

fn place<'a>(row: &Row<'a>, which: fn(&Geo) -> Option<Place>, of: fn(Place) -> f32) -> Value<'a> {
    let place = row.view().and_then(|view| view.geo()).and_then(|geo| which(&geo));
    place.map_or(Value::Absent, |place| Value::Float(of(place).into()))
}

/// Latitude of the source, degrees north.
pub fn slat<'a>(row: &Row<'a>) -> Value<'a> {
    place(row, |geo| geo.src, |place| place.latitude)
}

/// Longitude of the source, degrees east.
pub fn slon<'a>(row: &Row<'a>) -> Value<'a> {
    place(row, |geo| geo.src, |place| place.longitude)
}

/// Latitude of the destination, degrees north.
pub fn dlat<'a>(row: &Row<'a>) -> Value<'a> {
    place(row, |geo| geo.dst, |place| place.latitude)
}

/// Longitude of the destination, degrees east.
pub fn dlon<'a>(row: &Row<'a>) -> Value<'a> {
    place(row, |geo| geo.dst, |place| place.longitude)
}

/// Latitude of the intermediate node, degrees north.
pub fn ilat<'a>(row: &Row<'a>) -> Value<'a> {
    place(row, |geo| geo.inode, |place| place.latitude)
}

/// Longitude of the intermediate node, degrees east.
pub fn ilon<'a>(row: &Row<'a>) -> Value<'a> {
    place(row, |geo| geo.inode, |place| place.longitude)
}

fn locality<'a>(row: &Row<'a>, of: impl Fn(i64, i64) -> i64) -> Value<'a> {
    let local = row.view().and_then(|view| view.local());
    local.map_or(Value::Absent, |local| Value::Int(of(local.src.into(), local.dst.into())))
}

/// Locality of the source; the greater the nearer.
pub fn sloc<'a>(row: &Row<'a>) -> Value<'a> {
    locality(row, |src, _| src)
}

/// Locality of the destination.
pub fn dloc<'a>(row: &Row<'a>) -> Value<'a> {
    locality(row, |_, dst| dst)
}

/// Locality of the end that is farther away.
pub fn loc<'a>(row: &Row<'a>) -> Value<'a> {
    locality(row, i64::min)
}

/// Source id without the interface.
pub fn sid<'a>(row: &Row<'a>) -> Value<'a> {
    row.view()
        .and_then(|view| view.transport())
        .and_then(|transport| transport.id)
        .map_or(Value::Absent, |id| source_text(row, id))
}

/// The same of a management record.
pub fn mar_sid(mar: &Mar, row: &Row<'_>) -> Value<'static> {
    source_text(row, mar.source_id())
}

/// The name that was given to the source id; nothing when it has none.
pub fn node<'a>(row: &Row<'a>) -> Value<'a> {
    let id = row.view().and_then(|view| view.transport()).and_then(|transport| transport.id);
    id.map_or(Value::Absent, |id| alias(row, id))
}

/// The same of a management record.
pub fn mar_node(mar: &Mar, row: &Row<'_>) -> Value<'static> {
    alias(row, mar.source_id())
}

fn alias(row: &Row<'_>, id: SourceId) -> Value<'static> {
    row.style.alias(id).map_or(Value::Absent, |name| Value::text(name.as_bytes()))
}

/// Name of the interface that the record was seen on.
pub fn inf<'a>(row: &Row<'a>) -> Value<'a> {
    let interface = row.view().and_then(|view| view.transport()).and_then(|transport| transport.interface);
    interface
        .map_or(Value::Absent, |name| Value::text(name.split(|&byte| byte == 0).next().unwrap_or_default()))
}

/// Whether who reports is there: it is, since it reports.
pub fn status<'a>(_: &Row<'a>) -> Value<'a> {
    Value::Name("up")
}

/// Hash of the flow in the sensor's table.
pub fn hash<'a>(row: &Row<'a>) -> Value<'a> {
    row.view().and_then(|view| view.hash()).map_or(Value::Absent, |hash| Value::Hex(hash.hash.into(), 8))
}

/// Place of the flow in the sensor's table.
pub fn ind<'a>(row: &Row<'a>) -> Value<'a> {
    row.view().and_then(|view| view.hash()).map_or(Value::Absent, |hash| Value::Uint(hash.index.into()))
}

/// Subtype of a score for behaviour: its first octet is the score.
const BEHAVIOUR: u8 = 0x04;

/// How unusual the flow is; 0 when nobody judged.
pub fn score<'a>(row: &Row<'a>) -> Value<'a> {
    let score = row.view().and_then(|view| view.score()).filter(|score| score.subtype == BEHAVIOUR);
    Value::Uint(score.map_or(0, |score| score.values[0].into()))
}

/// Ethertype of what the flow is made of.
pub fn etype<'a>(row: &Row<'a>) -> Value<'a> {
    match row.key() {
        Some(FlowKey::Ipv4(_) | FlowKey::Matrix4(..)) => Value::Ethertype(0x0800),
        Some(FlowKey::Ipv6(_) | FlowKey::Matrix6(..)) => Value::Ethertype(0x86DD),
        Some(FlowKey::Arp(_)) => Value::Ethertype(0x0806),
        Some(FlowKey::Rarp(_)) => Value::Ethertype(0x8035),
        Some(FlowKey::Ether(key)) => Value::Ethertype(key.ether_type),
        _ => Value::Absent,
    }
}

fn idle<'a>(row: &Row<'a>, of: fn(&Stats) -> f32) -> Value<'a> {
    match row.view().and_then(|view| view.agr()) {
        Some(agr) if agr.idle.n > 0 => Value::Float(of(&agr.idle).into()),
        _ => Value::Absent,
    }
}

/// Mean time between the flows that were merged, seconds.
pub fn idlemean<'a>(row: &Row<'a>) -> Value<'a> {
    idle(row, |stats| stats.mean)
}

/// Shortest time between them, seconds.
pub fn idlemin<'a>(row: &Row<'a>) -> Value<'a> {
    idle(row, |stats| stats.min)
}

/// Longest time between them, seconds.
pub fn idlemax<'a>(row: &Row<'a>) -> Value<'a> {
    idle(row, |stats| stats.max)
}

/// Standard deviation of the time between them, seconds.
pub fn idlestddev<'a>(row: &Row<'a>) -> Value<'a> {
    idle(row, |stats| stats.stdev)
}

fn segment<'a>(row: &Row<'a>, side: Side) -> Value<'a> {
    let Some(Tcp::Perf(perf)) = row.network.as_ref().and_then(|network| network.tcp()) else {
        return Value::Absent;
    };
    let state = if side == Side::Src { &perf.src } else { &perf.dst };
    Value::Uint(state.maxseg.map_or(0, |(size, _)| size.into()))
}

/// Longest segment that the source announced, octets.
pub fn smss<'a>(row: &Row<'a>) -> Value<'a> {
    segment(row, Side::Src)
}

/// Longest segment that the destination announced, octets.
pub fn dmss<'a>(row: &Row<'a>) -> Value<'a> {
    segment(row, Side::Dst)
}

/// VXLAN network id seen from the source.
pub fn svnid<'a>(row: &Row<'a>) -> Value<'a> {
    match row.view().and_then(|view| view.vxlan()) {
        Some(vxlan) if vxlan.qualifier & 1 != 0 => Value::Uint(vxlan.src.into()),
        _ => Value::Absent,
    }
}

/// VXLAN network id seen from the destination.
pub fn dvnid<'a>(row: &Row<'a>) -> Value<'a> {
    match row.view().and_then(|view| view.vxlan()) {
        Some(vxlan) if vxlan.qualifier & 2 != 0 => Value::Uint(vxlan.dst.into()),
        _ => Value::Absent,
    }
}

/// The name of a kind of record.
pub fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Mar | Kind::NetflowMar => "man",
        Kind::Netflow => "nflo",
        Kind::Event => "evnt",
        Kind::Aflow => "aflo",
        _ => "flow",
    }
}

/// Kind of the record.
pub fn kind<'a>(row: &Row<'a>) -> Value<'a> {
    Value::Name(kind_name(row.view().map_or(Kind::Mar, |view| view.kind())))
}

/// The same of a management record.
pub fn mar_kind(_: &Mar, _: &Row<'_>) -> Value<'static> {
    Value::Name("man")
}

fn hardware(row: &Row<'_>, side: Side) -> Option<[u8; 6]> {
    let mac = row.view()?.mac()?;
    Some(if side == Side::Src { mac.src } else { mac.dst })
}

/// Vendor of the source's interface.
pub fn soui<'a>(row: &Row<'a>) -> Value<'a> {
    hardware(row, Side::Src).map_or(Value::Absent, Value::Vendor)
}

/// Vendor of the destination's interface.
pub fn doui<'a>(row: &Row<'a>) -> Value<'a> {
    hardware(row, Side::Dst).map_or(Value::Absent, Value::Vendor)
}

/// Ethernet address of the source, its vendor by name.
pub fn smacoui<'a>(row: &Row<'a>) -> Value<'a> {
    hardware(row, Side::Src).map_or(Value::Absent, Value::VendorMac)
}

/// Ethernet address of the destination, its vendor by name.
pub fn dmacoui<'a>(row: &Row<'a>) -> Value<'a> {
    hardware(row, Side::Dst).map_or(Value::Absent, Value::VendorMac)
}

/// Who gives out an Ethernet address (IEEE 802c): universal, local, one of the four quadrants, local multicast.
pub fn address_class(first_octet: u8) -> &'static str {
    match first_octet {
        octet if octet & 0x02 == 0 => "UAA",
        octet if octet & 0x0F == 0x0A => "ELI",
        octet if octet & 0x0F == 0x0E => "SAI",
        octet if octet & 0x0F == 0x02 => "AAI",
        octet if octet & 0x0F == 0x06 => "RES",
        _ => "LM",
    }
}

fn class<'a>(row: &Row<'a>, side: Side) -> Value<'a> {
    hardware(row, side).map_or(Value::Absent, |address| Value::Name(address_class(address[0])))
}

/// Class of the source's Ethernet address.
pub fn smacclass<'a>(row: &Row<'a>) -> Value<'a> {
    class(row, Side::Src)
}

/// Class of the destination's Ethernet address.
pub fn dmacclass<'a>(row: &Row<'a>) -> Value<'a> {
    class(row, Side::Dst)
}

fn end(flow: &Flow, side: Side) -> Value<'static> {
    let flow = flow.normalised();
    let address = if side == Side::Src { flow.key.src_addr() } else { flow.key.dst_addr() };
    match address {
        Some(Addr::V4(address)) => Value::Ipv4(address.into(), 32),
        Some(Addr::V6(address)) => Value::Ipv6(address.octets(), 128),
        Some(Addr::Mac(address)) => Value::Mac(address),
        None => Value::Absent,
    }
}

fn gre<'a>(row: &Row<'a>, side: Side) -> Value<'a> {
    row.view().and_then(|view| view.gre()).map_or(Value::Absent, |gre| end(&gre.outer, side))
}

/// Where a GRE tunnel begins.
pub fn sgreaddr<'a>(row: &Row<'a>) -> Value<'a> {
    gre(row, Side::Src)
}

/// Where a GRE tunnel ends.
pub fn dgreaddr<'a>(row: &Row<'a>) -> Value<'a> {
    gre(row, Side::Dst)
}

/// What a GRE tunnel carries.
pub fn greproto<'a>(row: &Row<'a>) -> Value<'a> {
    row.view().and_then(|view| view.gre()).map_or(Value::Absent, |gre| Value::Ethertype(gre.protocol))
}

fn geneve<'a>(row: &Row<'a>, side: Side) -> Value<'a> {
    row.view().and_then(|view| view.geneve()).map_or(Value::Absent, |geneve| end(&geneve.outer, side))
}

/// Where a Geneve tunnel begins.
pub fn sgenaddr<'a>(row: &Row<'a>) -> Value<'a> {
    geneve(row, Side::Src)
}

/// Where a Geneve tunnel ends.
pub fn dgenaddr<'a>(row: &Row<'a>) -> Value<'a> {
    geneve(row, Side::Dst)
}

/// What a Geneve tunnel carries.
pub fn genproto<'a>(row: &Row<'a>) -> Value<'a> {
    row.view()
        .and_then(|view| view.geneve())
        .map_or(Value::Absent, |tunnel| Value::Ethertype(tunnel.protocol))
}

fn headers<'a>(row: &Row<'a>, side: Side) -> Value<'a> {
    let Some((src, dst)) = row.view().and_then(|view| view.encaps()).and_then(|encaps| encaps.headers) else {
        return Value::Absent;
    };
    let octets = if side == Side::Src { src } else { dst };
    if octets.is_empty() { Value::Absent } else { Value::Octets(octets) }
}

/// Captured headers of the source's encapsulations.
pub fn sencbuf<'a>(row: &Row<'a>) -> Value<'a> {
    headers(row, Side::Src)
}

/// Captured headers of the destination's encapsulations.
pub fn dencbuf<'a>(row: &Row<'a>) -> Value<'a> {
    headers(row, Side::Dst)
}

/// The parts that the record is made of.
pub fn dsrs<'a>(row: &Row<'a>) -> Value<'a> {
    let Body::Flow(view) = row.body else { return Value::Absent };
    let parts = crate::names::PARTS.iter().filter(|&&(_, index)| view.has(index));
    Value::Parts(parts.fold(0, |bits, &(_, index): &(&str, Index)| bits | 1 << index as u32))
}

#[cfg(test)]
mod tests {
    use super::address_class;

    #[test]
    fn classes_of_addresses() {
        for (octet, class) in [
            (0x00, "UAA"),
            (0x01, "UAA"),
            (0x02, "AAI"),
            (0x06, "RES"),
            (0x0A, "ELI"),
            (0x0E, "SAI"),
            (0x03, "LM"),
            (0xFF, "LM"),
            (0x33, "LM"),
        ] {
            assert_eq!(address_class(octet), class, "{octet:#04x}");
        }
    }
}
