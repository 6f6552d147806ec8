//! What the engines are told, from the sensor's settings.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use flow::{Config, ControlPlane, KeyParts};
use packet::Rules;

use crate::observer::Observer;
use crate::settings::{Report, Settings};

/// How frames are dissected.
pub fn rules(settings: &Settings) -> Rules {
    config(settings, Observer::default(), None).rules()
}

/// The engine settings of one observation point, whose own id and tag come before those of the sensor. `tag` is that of
/// its interface.
pub fn config(settings: &Settings, observer: Observer, tag: Option<[u8; 4]>) -> Config {
    let report = &settings.report;
    let key = key(report);
    // To 3.0.8 a key that is not the 5-tuple alone has one direction unless the type is stated (flow-model chapter, 4.2).
    let one_way = || settings.compat && key != KeyParts::default();
    let mut config = Config {
        status_interval: micros(settings.status_interval),
        source_id: observer.id.unwrap_or(settings.srcid),
        interface: observer.tag.or(settings.tag).or(tag),
        version: settings.version,
        tcp_performance: !report.no_tcp_metrics,
        hash_buckets: report.hash.then_some(settings.hash_size),
        track_duplicates: report.duplicates,
        compat: settings.compat,
        application_octets: report.appbytes,
        jitter: report.jitter,
        packet_size: report.packet_size,
        mac: report.mac,
        size_histogram: report.size_histogram,
        keystroke: report.keystroke.then(|| report.strokes.clone()),
        user_data: report.user_data,
        control: report.control.then(|| ControlPlane { ports: report.control_ports.clone() }),
        start_records: report.start_records,
        bidirectional_timestamps: report.both_times,
        tunnel_discovery: report.tunnels || report.tunnel_parsing,
        tunnels: report.tunnels || report.tunnel_parsing || report.tunnel_information,
        outer_headers: report.outer_headers,
        unidirectional: report.unidirectional.unwrap_or_else(one_way),
        key,
        ..Config::default()
    };
    if !settings.offline {
        // Whoever sends packets must not be able to choose which flows collide.
        config.hash_key = RandomState::new().build_hasher().finish();
    }
    if let Some(flows) = settings.max_flows {
        config.max_flows = flows;
    }
    if let Some(octets) = settings.max_octets {
        config.max_octets = octets;
    }
    let timeouts = &settings.timeouts;
    for (to, from) in [
        (&mut config.timeouts.ip, timeouts.ip),
        (&mut config.timeouts.tcp, timeouts.tcp),
        (&mut config.timeouts.icmp, timeouts.icmp),
        (&mut config.timeouts.arp, timeouts.arp),
        (&mut config.timeouts.other, timeouts.other),
    ] {
        if let Some(seconds) = from {
            *to = Duration::from_secs(u64::from(seconds));
        }
    }
    let optional = |seconds: Option<u32>| seconds.map(|seconds| Duration::from_secs(u64::from(seconds)));
    config.timeouts.fallow = Duration::from_secs(u64::from(timeouts.fallow.unwrap_or(0)));
    config.timeouts.igmp = optional(timeouts.igmp);
    config.timeouts.fragment = optional(timeouts.frag);
    config
}

fn micros(count: i64) -> Duration {
    Duration::from_micros(u64::try_from(count).unwrap_or(0))
}

/// ARGUS_FLOW_KEY. None configured is the 5-tuple.
fn key(report: &Report) -> KeyParts {
    if report.key.is_empty() {
        return KeyParts::default();
    }
    let mut key =
        KeyParts { five_tuple: false, layer_3_matrix: false, layer_2: false, vlan: false, mpls: false };
    for word in &report.key {
        match word.as_str() {
            "CLASSIC_5_TUPLE" => key.five_tuple = true,
            "LAYER_2" | "LAYER_2_MATRIX" => key.layer_2 = true,
            "LAYER_3_MATRIX" => key.layer_3_matrix = true,
            "VLAN" => key.vlan = true,
            "LOCAL_MPLS" | "COMPLETE_MPLS" => key.mpls = true,
            // The file's reader has told of it.
            _ => {}
        }
    }
    key
}
