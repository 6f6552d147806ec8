//! Which end is the local one (chapter ra-output, 8.5: `laddr` and its like), and what groups the ends belong to.

use super::flow;
use crate::locality::LOCAL;
use crate::row::{Row, Side};
use crate::table::Read;
use crate::value::Value;
use record::Addr;
use std::net::IpAddr;

/// The end that is local; the nearer one when both are, the source when they are equally near.
fn local_side(row: &Row<'_>) -> Option<Side> {
    let local = row.view()?.local()?;
    if local.src >= LOCAL && local.src >= local.dst {
        Some(Side::Src)
    } else if local.dst >= LOCAL {
        Some(Side::Dst)
    } else {
        None
    }
}

fn at_end<'a>(row: &Row<'a>, local: bool, read: [Read; 2]) -> Value<'a> {
    let [src, dst] = read;
    match local_side(row) {
        None => Value::Absent,
        Some(side) if (side == Side::Src) == local => src(row),
        Some(_) => dst(row),
    }
}

/// Address of the end that is local.
pub fn laddr<'a>(row: &Row<'a>) -> Value<'a> {
    at_end(row, true, [flow::saddr, flow::daddr])
}

/// Address of the other end.
pub fn raddr<'a>(row: &Row<'a>) -> Value<'a> {
    at_end(row, false, [flow::saddr, flow::daddr])
}

/// Network of the end that is local.
pub fn lnet<'a>(row: &Row<'a>) -> Value<'a> {
    at_end(row, true, [flow::snet, flow::dnet])
}

/// Network of the other end.
pub fn rnet<'a>(row: &Row<'a>) -> Value<'a> {
    at_end(row, false, [flow::snet, flow::dnet])
}

fn group<'a>(row: &Row<'a>, side: Side) -> Value<'a> {
    let key = row.key();
    let address = match side {
        Side::Src => key.and_then(|key| key.src_addr()),
        Side::Dst => key.and_then(|key| key.dst_addr()),
    };
    let address: IpAddr = match address {
        Some(Addr::V4(address)) => address.into(),
        Some(Addr::V6(address)) => address.into(),
        _ => return Value::Absent,
    };
    let group = row.style.localities.as_ref().and_then(|table| table.group(address));
    group.map_or(Value::Absent, |group| Value::text(group.as_bytes()))
}

/// Group of the source in the file of localities.
pub fn sgrp<'a>(row: &Row<'a>) -> Value<'a> {
    group(row, Side::Src)
}

/// Group of the destination.
pub fn dgrp<'a>(row: &Row<'a>) -> Value<'a> {
    group(row, Side::Dst)
}
