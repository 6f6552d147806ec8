//! The services' configurations, made from `box.toml`.

use std::fmt::Write;

use config::{Config, Role};

use crate::plan::Planned;

/// First line of every file made here.
const MADE: &str = "# Made by boxd from box.toml; changes here are lost.\n";

fn yes(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

/// `argus.conf` of one NIC's sensor (sensor chapter, section 1.10).
pub fn argus(config: &Config, nic: &Planned) -> String {
    let sensor = &config.sensor;
    let user = nic.interface.user_bytes.unwrap_or(sensor.user_bytes).get();
    let mut text = String::from(MADE);
    for (name, value) in [
        ("INTERFACE", nic.name.clone()),
        ("MONITOR_ID", nic.srcid.to_string()),
        ("ACCESS_PORT", nic.port().to_string()),
        ("BIND_IP", "127.0.0.1".into()),
        ("DAEMON", "no".into()),
        ("SET_PID", "no".into()),
        ("SETUSER_ID", "argus".into()),
        ("SETGROUP_ID", "argus".into()),
        ("GO_PROMISCUOUS", "yes".into()),
        ("FLOW_STATUS_INTERVAL", sensor.status_interval.get().to_string()),
        ("MAR_STATUS_INTERVAL", sensor.management_interval.get().to_string()),
        ("GENERATE_MAC_DATA", yes(sensor.mac).into()),
        ("GENERATE_JITTER_DATA", yes(sensor.jitter).into()),
        ("GENERATE_RESPONSE_TIME_DATA", yes(sensor.response_time).into()),
        ("GENERATE_APPBYTE_METRIC", yes(sensor.application_bytes).into()),
        ("GENERATE_PACKET_SIZE", yes(sensor.packet_size).into()),
        ("CAPTURE_DATA_LEN", user.to_string()),
    ] {
        let _ = writeln!(text, "ARGUS_{name}={value}");
    }
    if !nic.interface.filter.as_str().is_empty() {
        let _ = writeln!(text, "ARGUS_FILTER=\"{}\"", nic.interface.filter);
    }
    text
}

/// `radium.conf` with a source for each audited NIC (sensor chapter, section 3).
pub fn radium(config: &Config, nics: &[Planned]) -> String {
    let mut text = String::from(MADE);
    for (name, value) in [
        ("DAEMON", "no".to_owned()),
        ("MONITOR_ID", config.this.srcid.get().to_string()),
        ("ACCESS_PORT", config.radium.port.get().to_string()),
        ("MAR_STATUS_INTERVAL", config.radium.management_interval.get().to_string()),
        ("SETUSER_ID", "radium".into()),
        ("SETGROUP_ID", "radium".into()),
    ] {
        let _ = writeln!(text, "RADIUM_{name}={value}");
    }
    if !config.radium.filter.as_str().is_empty() {
        let _ = writeln!(text, "RADIUM_FILTER=\"{}\"", config.radium.filter);
    }
    for nic in nics.iter().filter(|nic| nic.interface.audited()) {
        let _ = writeln!(text, "RADIUM_ARGUS_SERVER=127.0.0.1:{}", nic.port());
    }
    text
}

/// `archived.toml`.
pub fn archived(config: &Config) -> String {
    let archive = &config.archive;
    let mut text = String::from(MADE);
    let mut line = |name: &str, value: &dyn std::fmt::Display| {
        let _ = writeln!(text, "{name} = {value}");
    };
    line("source", &format_args!("\"127.0.0.1:{}\"", config.radium.port.get()));
    line("directory", &"\"/data/archive\"");
    line("split-interval", &archive.split_interval.get());
    line("compression", &format_args!("\"{}\"", archive.compression.as_str()));
    line("sync-interval", &archive.sync_interval.get());
    line("max-age", &archive.max_age.get());
    line("max-bytes", &archive.max_bytes.0);
    line("min-free", &archive.min_free.get());
    text
}

/// Where the web admin listens: address and port. IPv6 only when the box has such an address.
pub fn web_listen(config: &Config, nics: &[Planned]) -> String {
    let v6 = nics.iter().flat_map(Planned::addresses).any(|net| net.addr().is_ipv6());
    format!("{}:{}\n", if v6 { "[::]" } else { "0.0.0.0" }, config.web.port.get())
}

/// `chrony.conf`; `None` when no server is configured.
pub fn chrony(config: &Config) -> Option<String> {
    if config.time.servers.is_empty() {
        return None;
    }
    let mut text = String::from(MADE);
    for server in &config.time.servers {
        let _ = writeln!(text, "server {server} iburst");
    }
    // Port 0: it asks, it does not answer. The clock is stepped only while it starts.
    text.push_str("port 0\ncmdport 0\nmakestep 1 3\nrtcsync\ndriftfile /var/lib/chrony/drift\n");
    Some(text)
}

/// `resolv.conf` with the name servers that are written down; `None` when there are none.
pub fn resolv(config: &Config) -> Option<String> {
    let servers = config.name_servers();
    let lines = servers.iter().map(|server| format!("nameserver {server}\n"));
    (!servers.is_empty()).then(|| MADE.to_owned() + &lines.collect::<String>())
}

/// The services that are to run.
pub fn services(config: &Config, nics: &[Planned]) -> Vec<String> {
    let mut names: Vec<String> = vec!["radium".into(), "web-admin".into()];
    if config.archive.enabled {
        names.push("archived".into());
    }
    if !config.time.servers.is_empty() {
        names.push("chronyd".into());
    }
    for nic in nics {
        if nic.interface.audited() {
            names.push(format!("argus.{}", nic.name));
        }
        if nic.interface.role == Role::Management && nic.dhcp() {
            names.push(format!("dhcp.{}", nic.name));
        }
    }
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use config::{Interface, Mac};
    use net::Nic;

    use super::*;

    fn nics() -> Vec<Planned> {
        let planned = |number: u16, role| Planned {
            name: format!("em{number}"),
            number,
            nic: Nic {
                name: format!("eth{number}"),
                index: 2,
                mac: Mac([2; 6]),
                driver: String::new(),
                path: String::new(),
            },
            interface: Interface::unnamed(role),
            srcid: 100 + u32::from(number),
        };
        vec![
            planned(0, Role::Management),
            planned(1, Role::Tap),
            planned(2, Role::Tap),
            planned(3, Role::Off),
        ]
    }

    #[test]
    fn one_sensor_a_tap() {
        let config = Config::default();
        assert_eq!(
            services(&config, &nics()),
            ["archived", "argus.em1", "argus.em2", "dhcp.em0", "radium", "web-admin"]
        );
        let text = argus(&config, &nics()[2]);
        for line in
            ["ARGUS_INTERFACE=em2", "ARGUS_MONITOR_ID=102", "ARGUS_ACCESS_PORT=4002", "ARGUS_DAEMON=no"]
        {
            assert!(text.lines().any(|other| other == line), "{line}: {text}");
        }
        assert!(!text.contains("FILTER"));
        let text = radium(&config, &nics());
        assert_eq!(text.matches("RADIUM_ARGUS_SERVER=").count(), 2);
        assert!(
            text.contains("RADIUM_ARGUS_SERVER=127.0.0.1:4001\n")
                && text.contains("RADIUM_ACCESS_PORT=561\n")
        );
    }

    #[test]
    fn what_is_configured_is_rendered() {
        let config = Config::parse(
            "schema = 1\n[sensor]\nuser-bytes = 64\njitter = true\n[archive]\nenabled = false\n[time]\n\
             servers = [\"192.0.2.1\"]\n[radium]\nport = 1561\nfilter = \"tcp\"\n",
        )
        .unwrap();
        let text = argus(&config, &nics()[1]);
        assert!(
            text.contains("ARGUS_CAPTURE_DATA_LEN=64\n") && text.contains("ARGUS_GENERATE_JITTER_DATA=yes\n")
        );
        assert!(radium(&config, &nics()).contains("RADIUM_ACCESS_PORT=1561\n"));
        assert!(radium(&config, &nics()).contains("RADIUM_FILTER=\"tcp\"\n"));
        assert_eq!(web_listen(&config, &nics()), "0.0.0.0:443\n");
        assert!(chrony(&config).unwrap().contains("server 192.0.2.1 iburst\n"));
        let names = services(&config, &nics());
        assert!(names.contains(&"chronyd".into()) && !names.contains(&"archived".into()));
        let archived: toml::Table = archived(&config).parse().unwrap();
        assert_eq!(archived["source"].as_str(), Some("127.0.0.1:1561"));
    }
}
