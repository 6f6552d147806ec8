//! Every key of the document in one table: the reference and the default document are printed from it,
//! and the tests hold it against the types.

use std::fmt::Write;

/// One key.
#[derive(Debug)]
pub struct Key {
    /// As in the document.
    pub name: &'static str,
    /// What kind of value, with its range.
    pub value: &'static str,
    /// The default as it would be written; empty when the key has none.
    pub default: &'static str,
    /// What it does.
    pub about: &'static str,
}

/// One section.
#[derive(Debug)]
pub struct Section {
    /// As in the document, without brackets; empty for the keys before the first section.
    pub name: &'static str,
    /// Whether it may stand several times (`[[name]]`).
    pub many: bool,
    /// What it is for.
    pub about: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
}

const fn key(name: &'static str, value: &'static str, default: &'static str, about: &'static str) -> Key {
    Key { name, value, default, about }
}

/// All sections, in the order of the reference.
pub const SECTIONS: &[Section] = &[
    Section {
        name: "",
        many: false,
        about: "Before the first section.",
        keys: &[key("schema", "1", "1", "The schema of the document; must be there.")],
    },
    Section {
        name: "box",
        many: false,
        about: "What the box is called.",
        keys: &[
            key("hostname", "host name, at most 63 octets", "\"panoptes\"", "Host name."),
            key("location", "line of text", "\"\"", "Where the box stands, for people."),
            key(
                "srcid",
                "1 to 4294966271",
                "1",
                "Source id of the records of em0; each further NIC's is one higher.",
            ),
        ],
    },
    Section {
        name: "interface",
        many: true,
        about: "One for each NIC that is not to be treated by default. The first that fits a NIC counts. \
                A NIC that none fits is a tap; when none has the role management, the first NIC has it.",
        keys: &[
            key(
                "match",
                "table of mac, path, driver",
                "",
                "Which NIC: its hardware address, where it is plugged in (such as \"0000:00:03.0\"), its \
                 kernel driver. All that are given must fit; at least one must be given.",
            ),
            key(
                "role",
                "\"management\", \"tap\", \"off\"",
                "",
                "management: carries the web admin, radium and the box's own traffic; tap: listens, has no \
                 address and sends nothing; off: stays down.",
            ),
            key(
                "address",
                "list of \"dhcp\" and addresses with prefix length, at most 16",
                "[\"dhcp\"]",
                "Addresses of a management NIC.",
            ),
            key(
                "gateway",
                "list of addresses, one of each family",
                "[]",
                "Default routers of a management NIC with a static address.",
            ),
            key("dns", "list of at most 3 addresses", "[]", "Name servers, instead of the DHCP server's."),
            key(
                "audit",
                "true, false",
                "",
                "Whether a sensor audits it. Default: yes on a tap, no on management.",
            ),
            key(
                "srcid",
                "1 to 4294967295",
                "",
                "Source id of its records, instead of the one counted from [box].",
            ),
            key("filter", "line of text", "\"\"", "Capture filter in libpcap's language."),
            key("user-bytes", "0 to 1500", "", "As in [sensor], for this NIC."),
        ],
    },
    Section {
        name: "sensor",
        many: false,
        about: "What every sensor records.",
        keys: &[
            key(
                "status-interval",
                "1 to 3600 seconds",
                "5",
                "Between status records of a flow that goes on.",
            ),
            key("management-interval", "1 to 3600 seconds", "60", "Between management records."),
            key("mac", "true, false", "true", "Record hardware addresses."),
            key("jitter", "true, false", "false", "Record inter-packet times."),
            key("response-time", "true, false", "false", "Record response times."),
            key("application-bytes", "true, false", "false", "Record application octets."),
            key("packet-size", "true, false", "false", "Record the smallest and largest packets."),
            key("user-bytes", "0 to 1500", "0", "Octets of user data recorded per direction."),
        ],
    },
    Section {
        name: "radium",
        many: false,
        about: "Who may read the records as they come.",
        keys: &[
            key("port", "1 to 65535", "561", "TCP port."),
            key(
                "collectors",
                "list of networks, at most 256",
                "[]",
                "Who may attach, on the management NIC; empty: nobody.",
            ),
            key("filter", "line of text", "\"\"", "Filter for what radium takes from the sensors."),
            key("management-interval", "1 to 3600 seconds", "60", "Between radium's own management records."),
        ],
    },
    Section {
        name: "archive",
        many: false,
        about: "What is kept on disk.",
        keys: &[
            key("enabled", "true, false", "true", "Whether there is an archive."),
            key("split-interval", "10 to 86400 seconds", "300", "What one file covers."),
            key("compression", "\"none\", \"gz\"", "\"gz\"", "How closed files are packed."),
            key("sync-interval", "1 to 3600 seconds", "5", "What a power cut costs at most."),
            key("max-age", "0 to 36500 days", "0", "Age at which files are deleted; 0: never by age."),
            key(
                "max-bytes",
                "octets, or text such as \"20 GB\"",
                "0",
                "What the archive may hold; 0: no such limit.",
            ),
            key("min-free", "1 to 90 percent", "10", "Share of the data partition that stays free."),
        ],
    },
    Section {
        name: "firewall",
        many: false,
        about: "Who may reach the box and what it may reach. Nothing else is open.",
        keys: &[
            key(
                "management",
                "list of networks, at most 256",
                "[\"0.0.0.0/0\", \"::/0\"]",
                "From where the web admin may be reached, on the management NIC.",
            ),
            key("ping", "true, false", "true", "Whether these may ping the box."),
            key(
                "egress",
                "list of { protocol = \"tcp\" or \"udp\", to = network, port = 1 to 65535 }",
                "[]",
                "What the box may talk to, beyond DHCP and what [time] and [log] name.",
            ),
        ],
    },
    Section {
        name: "log",
        many: false,
        about: "Where messages go, beyond the box's own disk.",
        keys: &[
            key("remote", "\"host:port\"", "", "A syslog server that gets boxd's messages too, over UDP."),
            key(
                "level",
                "\"error\", \"warning\", \"info\"",
                "\"info\"",
                "The least urgent messages sent there.",
            ),
        ],
    },
    Section {
        name: "time",
        many: false,
        about: "Where the time comes from.",
        keys: &[key(
            "servers",
            "list of addresses and names",
            "[]",
            "NTP servers; empty: the machine's clock.",
        )],
    },
    Section {
        name: "web",
        many: false,
        about: "The web admin.",
        keys: &[key("port", "1 to 65535", "443", "TCP port.")],
    },
];

/// The reference of all keys, in Markdown.
pub fn reference() -> String {
    let mut text = String::from(
        "# box.toml\n\n\
         The one description of a box. Unknown keys are errors; every key but `schema`, `match` and `role` \
         may be left out. Made by `boxd config --reference`.\n",
    );
    for section in SECTIONS {
        let title = match (section.name, section.many) {
            ("", _) => "Top".to_owned(),
            (name, true) => format!("`[[{name}]]`"),
            (name, false) => format!("`[{name}]`"),
        };
        let _ = write!(text, "\n## {title}\n\n{}\n\n", section.about);
        text.push_str("| key | value | default | what |\n|---|---|---|---|\n");
        for key in section.keys {
            let default = match key.default {
                "" => String::new(),
                default => format!("`{default}`"),
            };
            let _ = writeln!(text, "| `{}` | {} | {default} | {} |", key.name, key.value, key.about);
        }
    }
    text.push_str("\n## Example\n\n```toml\n");
    text.push_str(EXAMPLE);
    text.push_str("```\n");
    text
}

/// A document of a usual box; the tests read it.
pub(crate) const EXAMPLE: &str = r#"schema = 1

[box]
hostname = "audit-1"
location = "rack 4, behind the core switch"
srcid = 100

[[interface]]
match = { mac = "52:54:00:12:34:56" }
role = "management"
address = ["192.0.2.10/24"]
gateway = ["192.0.2.1"]

[[interface]]
match = { path = "0000:00:05.0" }
role = "tap"
filter = "not port 9999"

[radium]
collectors = ["192.0.2.20", "198.51.100.0/24"]

[archive]
max-age = 90
max-bytes = "200 GB"

[firewall]
management = ["192.0.2.0/24"]

[log]
remote = "192.0.2.30:514"
"#;

/// A document that says nothing but the schema, with every key and its default as a comment.
pub fn default_document() -> String {
    let mut text = String::from("# The description of this box. What is not written here has its default.\n");
    for section in SECTIONS {
        text.push('\n');
        for line in wrap(section.about) {
            let _ = writeln!(text, "# {line}");
        }
        let commented = match (section.name, section.many) {
            ("", _) => false,
            (name, true) => {
                let _ = writeln!(text, "#[[{name}]]");
                true
            }
            (name, false) => {
                let _ = writeln!(text, "[{name}]");
                true
            }
        };
        for key in section.keys {
            let mark = if commented { "#" } else { "" };
            match key.default {
                "" => {
                    let _ = writeln!(text, "# {} = … ({}): {}", key.name, key.value, key.about);
                }
                default => {
                    let _ = writeln!(text, "# {}: {}\n{mark}{} = {default}", key.value, key.about, key.name);
                }
            }
        }
    }
    text
}

/// Lines of at most 100 octets.
fn wrap(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < 100 => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.into()),
        }
    }
    lines
}
