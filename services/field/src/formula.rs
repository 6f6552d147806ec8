//! Values that are computed from what a record carries, for columns and filters alike (chapter ra-output, 8.6).
//! Single precision where the clients compute in single precision, so that every printed digit is theirs.

use crate::row::Side;
use record::Stamp;
use record::dsr::metric::{Counters, Metric};
use record::dsr::network::{Body, Network, Tcp};
use record::dsr::time::Times;

/// Seconds between two stamps; microseconds count, what is finer does not.
pub fn seconds(start: Stamp, end: Stamp) -> f32 {
    micros_as_seconds(end.micros() - start.micros())
}

/// Microseconds as seconds.
pub fn micros_as_seconds(micros: i64) -> f32 {
    (micros as f64 / 1e6) as f32
}

/// Seconds from the first to the last packet of a flow.
pub fn duration(times: &Times) -> f32 {
    seconds(times.start(), times.end())
}

/// Seconds from the first to the last packet of a side; 0 when it has sent none.
pub fn side_duration(times: &Times, side: Side) -> f32 {
    let range = match side {
        Side::Src => times.src,
        Side::Dst => times.dst,
    };
    range.map_or(0.0, |(start, end)| seconds(start, end))
}

/// The time that rates of a side are counted over: its own, or that of the flow when it has none.
pub fn span(times: &Times, side: Side) -> f32 {
    let own = side_duration(times, side);
    if own > 0.0 { own } else { duration(times) }
}

/// Packets a second, the first not counted: its time is the start.
pub fn rate(packets: u64, span: f32) -> f32 {
    if packets < 2 || span <= 0.0 { 0.0 } else { (packets - 1) as f32 / span }
}

/// Bits a second of one side, the first packet's share taken off.
pub fn load(counters: Counters, span: f32) -> f32 {
    if counters.packets < 2 || span <= 0.0 {
        return 0.0;
    }
    let octets = counters.bytes - counters.bytes / counters.packets;
    octets as f32 * 8.0 / span
}

/// Counters of one side.
pub fn counters(metric: &Metric, side: Side) -> Counters {
    match side {
        Side::Src => metric.src,
        Side::Dst => metric.dst,
    }
}

/// Place of the drops among the counters of UDT (record-format chapter, section 7.5).
const UDT_DROPS: usize = 14;

/// Packets lost from one side: retransmissions of TCP, missing numbers of RTP and ESP, drops of UDT. `tcp`: the key is
/// one of TCP, whatever the state was made for.
pub fn lost(network: &Network, tcp: bool, metric: &Metric, side: Side) -> u64 {
    let src = side == Side::Src;
    match &network.body {
        Body::Tcp(Tcp::Perf(perf)) if tcp && (perf.state != 0 || perf.status != 0) => {
            (if src { perf.src.retrans } else { perf.dst.retrans }).into()
        }
        Body::Rtp(rtp) => (if src { rtp.src_drops } else { rtp.dst_drops }).into(),
        // Flows of one direction: their state is that of the side that sends.
        Body::Esp(esp) if (metric.src.packets > 0) == src => esp.lost.into(),
        Body::Udt(udt) if src => udt.metrics.get(UDT_DROPS).copied().unwrap_or(0).into(),
        _ => 0,
    }
}

/// The same, nothing when the side has sent no packet.
pub fn side_lost(network: &Network, tcp: bool, metric: &Metric, side: Side) -> u64 {
    if counters(metric, side).packets > 0 { lost(network, tcp, metric, side) } else { 0 }
}

/// Percentage of `part` in `part + whole`; 0 without a whole.
pub fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / part.saturating_add(whole) as f64 }
}

/// Balance of application octets, from -1 (all from the destination) to 1 (all from the source); -0 without any, as
/// the clients print it.
pub fn balance(metric: &Metric) -> f64 {
    let (src, dst) = (metric.src.app_bytes as f64, metric.dst.app_bytes as f64);
    if src + dst == 0.0 { -0.0 } else { (src - dst) / (src + dst) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(src: (u64, u64, u64), dst: (u64, u64, u64)) -> Metric {
        let side = |(packets, bytes, app_bytes)| Counters { packets, bytes, app_bytes };
        Metric { src: side(src), dst: side(dst), ..Metric::default() }
    }

    /// The chapter's worked example: the second flow of the sample `web`.
    #[test]
    fn the_chapters_example() {
        let web = metric((12, 898, 98), (10, 10_085, 9_417));
        let span = 1.734_033_f32;
        for (computed, printed) in [
            (load(web.src, span), "3801.542480"),
            (load(web.dst, span), "41876.941406"),
            (rate(12, span), "6.343593"),
            (rate(22, span), "12.110497"),
        ] {
            assert_eq!(format!("{computed:.6}"), printed);
        }
        assert_eq!(format!("{:.6}", balance(&web)), "-0.979401");
        assert_eq!(format!("{:.6}", percent(5, 53)), "8.620690");
    }

    #[test]
    fn nothing_divides_by_zero() {
        let none = metric((0, 0, 0), (0, 0, 0));
        assert_eq!(rate(1, 1.0), 0.0);
        assert_eq!(rate(9, 0.0), 0.0);
        assert_eq!(load(none.src, 1.0), 0.0);
        assert_eq!(percent(3, 0), 0.0);
        assert!(balance(&none).is_sign_negative() && balance(&none) == 0.0);
    }
}
