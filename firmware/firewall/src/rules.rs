//! The rules for IP and ARP.

use std::fmt::Write;

use config::{Address, Config, Endpoint, Host, Network, Protocol, Role};
use ipnet::IpNet;

/// The rules of `config` for a box whose management NIC is called `management`; without one, nothing
/// but loopback is open.
pub fn render(config: &Config, management: Option<&str>) -> String {
    let mut text = String::from("# Made by boxd from box.toml; changes here are lost.\n");
    for family in ["inet", "arp"] {
        // Adding first makes the deletion succeed when there is no such table yet.
        let _ = write!(text, "table {family} panoptes\ndelete table {family} panoptes\n");
    }
    text.push_str("table inet panoptes {\n");
    set(&mut text, "management", &config.firewall.management);
    set(&mut text, "collectors", &config.radium.collectors);
    chain(&mut text, "input", &input(config, management));
    chain(&mut text, "forward", &[]);
    chain(&mut text, "output", &output(config, management));
    text.push_str("}\ntable arp panoptes {\n");
    let arp = |word: &str| management.map(|nic| format!("{word} \"{nic}\" counter accept")).into_iter();
    chain(&mut text, "input", &arp("iifname").collect::<Vec<_>>());
    chain(&mut text, "output", &arp("oifname").collect::<Vec<_>>());
    text.push_str("}\n");
    text
}

/// Two sets of networks, for each IP version one: `<name>4` and `<name>6`.
fn set(text: &mut String, name: &str, networks: &[Network]) {
    for (version, kind) in [(4, "ipv4_addr"), (6, "ipv6_addr")] {
        let of_version = networks.iter().filter(|net| matches!(net.0, IpNet::V4(_)) == (version == 4));
        let elements: Vec<String> = of_version.map(element).collect();
        let _ = writeln!(text, "\tset {name}{version} {{\n\t\ttype {kind}; flags interval; auto-merge");
        if !elements.is_empty() {
            let _ = writeln!(text, "\t\telements = {{ {} }}", elements.join(", "));
        }
        text.push_str("\t}\n");
    }
}

/// A set cannot hold a network of length 0, which is everything: its two halves can.
fn element(network: &Network) -> String {
    match network.0 {
        IpNet::V4(net) if net.prefix_len() == 0 => "0.0.0.0/1, 128.0.0.0/1".into(),
        IpNet::V6(net) if net.prefix_len() == 0 => "::/1, 8000::/1".into(),
        net => net.to_string(),
    }
}

/// A base chain that drops, and counts, what its rules do not take.
fn chain(text: &mut String, hook: &str, rules: &[String]) {
    let _ = writeln!(text, "\tchain {hook} {{\n\t\ttype filter hook {hook} priority filter; policy drop;");
    for rule in rules {
        let _ = writeln!(text, "\t\t{rule}");
    }
    text.push_str("\t\tcounter comment \"dropped\"\n\t}\n");
}

fn input(config: &Config, management: Option<&str>) -> Vec<String> {
    let mut rules = vec!["iif \"lo\" counter accept comment \"loopback\"".to_owned()];
    let Some(nic) = management else { return rules };
    rules.push(format!("iifname != \"{nic}\" counter drop comment \"not the management NIC\""));
    rules.push("ct state established,related counter accept comment \"established\"".into());
    rules.push("ct state invalid counter drop comment \"invalid\"".into());
    let services = [
        ("management", config.web.port.get(), "web admin"),
        ("collectors", config.radium.port.get(), "radium"),
    ];
    for (set, port, name) in services {
        for (version, family) in [(4, "ip"), (6, "ip6")] {
            rules.push(format!(
                "tcp dport {port} ct state new {family} saddr @{set}{version} counter accept comment \"{name}\""
            ));
        }
    }
    if uses_dhcp(config) {
        rules.push("udp sport 67 udp dport 68 counter accept comment \"DHCP\"".into());
    }
    if config.firewall.ping {
        for (family, icmp) in [("ip", "icmp"), ("ip6", "icmpv6")] {
            let version = if family == "ip" { 4 } else { 6 };
            rules.push(format!(
                "{icmp} type echo-request {family} saddr @management{version} limit rate 20/second counter \
                 accept comment \"ping\""
            ));
        }
    }
    rules.push(neighbours("input"));
    rules
}

fn output(config: &Config, management: Option<&str>) -> Vec<String> {
    let mut rules = vec!["oif \"lo\" counter accept comment \"loopback\"".to_owned()];
    let Some(nic) = management else { return rules };
    rules.push(format!("oifname != \"{nic}\" counter drop comment \"not the management NIC\""));
    rules.push("ct state established,related counter accept comment \"established\"".into());
    rules.push("ct state invalid counter drop comment \"invalid\"".into());
    if uses_dhcp(config) {
        rules.push("udp sport 68 udp dport 67 counter accept comment \"DHCP\"".into());
    }
    if config.uses_names() {
        for protocol in ["udp", "tcp"] {
            rules.push(format!("{protocol} dport 53 counter accept comment \"DNS\""));
        }
    }
    for server in &config.time.servers {
        rules.push(to(server, Protocol::Udp, 123, "NTP"));
    }
    if let Some(Endpoint { host, port }) = &config.log.remote {
        rules.push(to(host, Protocol::Udp, u64::from(*port), "syslog"));
    }
    for egress in &config.firewall.egress {
        let to = destination(&egress.to.0);
        let (protocol, port) = (egress.protocol.as_str(), egress.port.get());
        rules.push(format!("{to}{protocol} dport {port} counter accept comment \"egress\""));
    }
    rules.push(neighbours("output"));
    rules
}

/// IPv6 does not work without its neighbour messages; a hop limit of 255 proves that they were sent on
/// this link (RFC 4861, section 6.1).
fn neighbours(direction: &str) -> String {
    let limit = if direction == "input" { " limit rate 50/second" } else { "" };
    format!(
        "icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} ip6 hoplimit 255{limit} counter accept \
         comment \"neighbour discovery\""
    )
}

fn uses_dhcp(config: &Config) -> bool {
    let mut management =
        config.interface.iter().map(|it| it.get_ref()).filter(|it| it.role == Role::Management).peekable();
    // Without an entry the NIC that takes the role does what is default: it asks.
    management.peek().is_none() || management.any(|it| it.address.contains(&Address::Dhcp))
}

fn to(host: &Host, protocol: Protocol, port: u64, name: &str) -> String {
    let to = match host {
        Host::Address(address) => destination(&IpNet::from(*address)),
        // The address behind a name is whatever the name server says.
        Host::Name(_) => String::new(),
    };
    format!("{to}{} dport {port} counter accept comment \"{name}\"", protocol.as_str())
}

fn destination(net: &IpNet) -> String {
    match net {
        IpNet::V4(net) => format!("ip daddr {net} "),
        IpNet::V6(net) => format!("ip6 daddr {net} "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        Config::parse(&format!("schema = 1\n{text}")).unwrap()
    }

    #[test]
    fn without_a_management_nic_only_loopback_is_open() {
        let text = render(&Config::default(), None);
        let accepts: Vec<&str> = text.lines().filter(|line| line.contains("accept")).collect();
        assert_eq!(accepts.len(), 2, "{text}");
        assert!(accepts.iter().all(|line| line.contains("\"lo\"")));
        assert_eq!(text.matches("policy drop").count(), 5);
    }

    #[test]
    fn everything_is_counted() {
        let text = render(&config("[time]\nservers = [\"ntp.example.org\"]\n"), Some("em0"));
        for line in text.lines().filter(|line| line.contains("accept") || line.contains(" drop ")) {
            assert!(line.contains("counter"), "{line}");
        }
    }

    #[test]
    fn only_what_is_named_goes_out() {
        let quiet = config(
            "[[interface]]\nmatch = { driver = \"x\" }\nrole = \"management\"\naddress = [\"192.0.2.1/24\"]\n",
        );
        let text = render(&quiet, Some("em0"));
        assert!(!text.contains("dport 67") && !text.contains("dport 53") && !text.contains("dport 123"));
        let loud = config(
            "[time]\nservers = [\"192.0.2.9\", \"ntp.example.org\"]\n[log]\nremote = \"[2001:db8::5]:1514\"\n\
             [firewall]\negress = [{ protocol = \"tcp\", to = \"198.51.100.0/24\", port = 6514 }]\n",
        );
        let text = render(&loud, Some("em0"));
        for rule in [
            "udp sport 68 udp dport 67 counter",
            "udp dport 53 counter",
            "ip daddr 192.0.2.9/32 udp dport 123 counter",
            "\t\tudp dport 123 counter",
            "ip6 daddr 2001:db8::5/128 udp dport 1514 counter",
            "ip daddr 198.51.100.0/24 tcp dport 6514 counter",
        ] {
            assert!(text.contains(rule), "{rule}: {text}");
        }
    }
}
