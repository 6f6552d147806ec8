//! The box's numbers in the Prometheus text format (version 0.0.4).

use std::fmt::{Display, Write};
use std::sync::atomic::Ordering;

use crate::front::Counters;
use crate::watch::Snapshot;

/// Renders everything that is known now. Metrics of a part that does not answer are absent.
pub fn render(snapshot: &Snapshot, front: &Counters) -> String {
    let mut page = Page(String::with_capacity(8192));
    let up = |known: bool| u8::from(known);
    page.metric("panoptes_part_up", "gauge", "Whether a part of the box answers or reports.");
    page.sample("panoptes_part_up", &[("part", "boxd")], up(snapshot.status.is_some()));
    page.sample("panoptes_part_up", &[("part", "radium")], up(snapshot.radium.is_some()));
    page.sample("panoptes_part_up", &[("part", "archived")], up(snapshot.archive.is_some()));
    box_and_interfaces(&mut page, snapshot);
    radium(&mut page, snapshot);
    archive(&mut page, snapshot);

    page.metric("panoptes_web_connections", "gauge", "TLS connections open.");
    page.sample("panoptes_web_connections", &[], front.open.load(Ordering::Relaxed));
    for (name, help, counter) in [
        ("panoptes_web_connections_total", "TLS connections taken.", &front.taken),
        ("panoptes_web_refused_total", "TLS connections closed because too many were open.", &front.refused),
        ("panoptes_web_failed_total", "TLS connections that ended with an error.", &front.failed),
    ] {
        page.metric(name, "counter", help);
        page.sample(name, &[], counter.load(Ordering::Relaxed));
    }
    page.0
}

fn box_and_interfaces(page: &mut Page, snapshot: &Snapshot) {
    let Some(status) = &snapshot.status else { return };
    page.metric("panoptes_info", "gauge", "Version and slot of the box.");
    let info = [("version", &*status.version), ("slot", &status.slot), ("hostname", &status.hostname)];
    page.sample("panoptes_info", &info, 1);
    page.metric("panoptes_uptime_seconds", "gauge", "Seconds since the kernel started.");
    page.sample("panoptes_uptime_seconds", &[], status.uptime);
    page.metric("panoptes_degraded", "gauge", "Faults a person should know of.");
    page.sample("panoptes_degraded", &[], status.degraded.len());
    page.metric("panoptes_memory_octets", "gauge", "Memory of the box.");
    page.sample("panoptes_memory_octets", &[("state", "total")], status.memory.total);
    page.sample("panoptes_memory_octets", &[("state", "free")], status.memory.free);
    if let Some(data) = status.data {
        page.metric("panoptes_data_octets", "gauge", "The data partition.");
        page.sample("panoptes_data_octets", &[("state", "total")], data.total);
        page.sample("panoptes_data_octets", &[("state", "free")], data.free);
    }
    page.metric("panoptes_interface_link", "gauge", "Whether the link is up.");
    for interface in &status.interfaces {
        let labels = [("interface", &*interface.name), ("role", &interface.role)];
        page.sample("panoptes_interface_link", &labels, u8::from(interface.link));
    }
    type Counter = fn(&boxd_api::Interface) -> u64;
    let counters: [(&str, &str, Counter); 5] = [
        ("panoptes_interface_receive_packets_total", "Packets received.", |i| i.rx_packets),
        ("panoptes_interface_receive_octets_total", "Octets received.", |i| i.rx_octets),
        ("panoptes_interface_receive_dropped_total", "Packets dropped on receipt.", |i| i.rx_dropped),
        ("panoptes_interface_transmit_packets_total", "Packets sent.", |i| i.tx_packets),
        ("panoptes_interface_transmit_octets_total", "Octets sent.", |i| i.tx_octets),
    ];
    for (name, help, value) in counters {
        page.metric(name, "counter", help);
        for interface in &status.interfaces {
            page.sample(name, &[("interface", &interface.name)], value(interface));
        }
    }
    page.metric("panoptes_service_up", "gauge", "Whether a service runs.");
    for service in &status.services {
        let running = matches!(service.state.as_str(), "up" | "ready");
        page.sample("panoptes_service_up", &[("service", &service.name)], u8::from(running));
    }
    page.metric("panoptes_service_crashes_total", "counter", "Times a service ended unasked since boot.");
    for service in &status.services {
        page.sample("panoptes_service_crashes_total", &[("service", &service.name)], service.crashes);
    }
}

fn radium(page: &mut Page, snapshot: &Snapshot) {
    let Some(radium) = &snapshot.radium else { return };
    page.metric("panoptes_radium_records_total", "counter", "Records taken from all sources.");
    page.sample("panoptes_radium_records_total", &[], radium.totals.records);
    page.metric("panoptes_radium_dropped_total", "counter", "Records lost by slow clients.");
    page.sample("panoptes_radium_dropped_total", &[], radium.totals.dropped);
    page.metric("panoptes_radium_clients", "gauge", "Clients being served.");
    page.sample("panoptes_radium_clients", &[], radium.clients.len());
    page.metric("panoptes_source_up", "gauge", "Whether radium is connected to a source.");
    for source in &radium.sources {
        page.sample("panoptes_source_up", &[("source", &source.address)], u8::from(source.connected));
    }
    page.metric("panoptes_source_records_total", "counter", "Records taken from a source.");
    for source in &radium.sources {
        page.sample("panoptes_source_records_total", &[("source", &source.address)], source.records);
    }
    page.metric("panoptes_source_reconnects_total", "counter", "Times a source had to be connected anew.");
    for source in &radium.sources {
        page.sample("panoptes_source_reconnects_total", &[("source", &source.address)], source.reconnects);
    }
}

fn archive(page: &mut Page, snapshot: &Snapshot) {
    let Some(archive) = &snapshot.archive else { return };
    let counters = [
        ("panoptes_archive_records_total", "Records taken by the archiver.", archive.records),
        ("panoptes_archive_octets_total", "Octets of records taken by the archiver.", archive.octets),
        ("panoptes_archive_synced_records_total", "Records known to be on disk.", archive.synced_records),
        ("panoptes_archive_dropped_total", "Records that could not be written.", archive.dropped),
        ("panoptes_archive_errors_total", "Errors met while writing.", archive.errors),
    ];
    for (name, help, value) in counters {
        page.metric(name, "counter", help);
        page.sample(name, &[], value);
    }
    page.metric("panoptes_archive_files", "gauge", "Files in the archive.");
    page.sample("panoptes_archive_files", &[], archive.files);
    page.metric("panoptes_archive_oldest_seconds", "gauge", "Start of the oldest file, Unix time.");
    page.sample("panoptes_archive_oldest_seconds", &[], archive.oldest);
}

struct Page(String);

impl Page {
    fn metric(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            self.0.push(if index == 0 { '{' } else { ',' });
            self.0.push_str(label);
            self.0.push_str("=\"");
            for character in text.chars() {
                match character {
                    '\\' => self.0.push_str("\\\\"),
                    '"' => self.0.push_str("\\\""),
                    '\n' => self.0.push_str("\\n"),
                    other => self.0.push(other),
                }
            }
            self.0.push('"');
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::{RadiumState, SourceState, Totals};

    #[test]
    fn labels_are_escaped_and_absent_parts_say_so() {
        let source = SourceState { address: "a\"b\\c\nd".into(), connected: true, ..Default::default() };
        let snapshot = Snapshot {
            radium: Some(RadiumState {
                sources: vec![source],
                totals: Totals { records: 12, dropped: 0 },
                ..Default::default()
            }),
            ..Default::default()
        };
        let page = render(&snapshot, &Counters::default());
        assert!(page.contains("panoptes_source_up{source=\"a\\\"b\\\\c\\nd\"} 1\n"), "{page}");
        assert!(page.contains("panoptes_radium_records_total 12\n"));
        assert!(page.contains("panoptes_part_up{part=\"boxd\"} 0\n"));
        assert!(!page.contains("panoptes_archive_files"));
    }
}
