//! IP attributes: type of service, time to live, identification (chapter ra-output, 8.5).

use crate::row::{Row, Side};
use crate::value::Value;
use record::dsr::ipattr::IpSide;

fn side(row: &Row<'_>, side: Side) -> Option<IpSide> {
    let attributes = row.view()?.ipattr()?;
    match side {
        Side::Src => attributes.src,
        Side::Dst => attributes.dst,
    }
}

fn of<'a>(row: &Row<'a>, from: Side, value: impl Fn(IpSide) -> Value<'a>) -> Value<'a> {
    side(row, from).map_or(Value::Absent, value)
}

/// Type of service of the source.
pub fn stos<'a>(row: &Row<'a>) -> Value<'a> {
    of(row, Side::Src, |ip| Value::Uint(ip.tos.into()))
}

/// Type of service of the destination.
pub fn dtos<'a>(row: &Row<'a>) -> Value<'a> {
    of(row, Side::Dst, |ip| Value::Uint(ip.tos.into()))
}

/// Code point of the source.
pub fn sdsb<'a>(row: &Row<'a>) -> Value<'a> {
    of(row, Side::Src, |ip| Value::CodePoint(ip.tos >> 2))
}

/// Code point of the destination.
pub fn ddsb<'a>(row: &Row<'a>) -> Value<'a> {
    of(row, Side::Dst, |ip| Value::CodePoint(ip.tos >> 2))
}

/// Time to live of the source's packets where they were seen.
pub fn sttl<'a>(row: &Row<'a>) -> Value<'a> {
    of(row, Side::Src, |ip| Value::Uint(ip.ttl.into()))
}

/// Time to live of the destination's packets where they were seen.
pub fn dttl<'a>(row: &Row<'a>) -> Value<'a> {
    of(row, Side::Dst, |ip| Value::Uint(ip.ttl.into()))
}

/// Hops from a sender that began with a power of two.
fn hops<'a>(ip: IpSide) -> Value<'a> {
    let ttl = u64::from(ip.ttl);
    Value::Uint(ttl.next_power_of_two() - ttl)
}

/// Estimated hops from the source.
pub fn shops<'a>(row: &Row<'a>) -> Value<'a> {
    of(row, Side::Src, hops)
}

/// Estimated hops from the destination.
pub fn dhops<'a>(row: &Row<'a>) -> Value<'a> {
    of(row, Side::Dst, hops)
}

/// 3.0.8 shows the octets in the order of the sensor's memory.
fn identification(ip: IpSide, compat: bool) -> Value<'static> {
    Value::Hex(if compat { ip.ip_id.swap_bytes() } else { ip.ip_id }.into(), 4)
}

/// Identification of the source's last packet.
pub fn sipid<'a>(row: &Row<'a>) -> Value<'a> {
    of(row, Side::Src, |ip| identification(ip, row.style.compat))
}

/// Identification of the destination's last packet.
pub fn dipid<'a>(row: &Row<'a>) -> Value<'a> {
    of(row, Side::Dst, |ip| identification(ip, row.style.compat))
}
