use proptest::prelude::*;

use super::*;

fn fault(text: &str) -> String {
    Config::parse(text).expect_err("a fault").to_string()
}

#[test]
fn an_almost_empty_document_is_the_default() {
    assert_eq!(Config::parse("schema = 1\n").unwrap(), Config::default());
}

#[test]
fn the_default_document_says_nothing_and_its_comments_tell_the_truth() {
    let document = default_document();
    assert_eq!(Config::parse(&document).unwrap(), Config::default());
    // "#key = value" is a default as it would be written, "# " a remark.
    let (mut spoken, mut interfaces) = (String::new(), false);
    for line in document.lines() {
        let bare = line.strip_prefix('#').unwrap_or(line);
        interfaces = match bare.starts_with('[') {
            true => bare.starts_with("[["),
            false => interfaces,
        };
        if !bare.starts_with(' ') && !interfaces {
            spoken.push_str(bare);
            spoken.push('\n');
        }
    }
    assert!(spoken.contains("\nhostname = \"panoptes\"\n"), "{spoken}");
    assert_eq!(Config::parse(&spoken).unwrap(), Config::default());
}

#[test]
fn the_table_names_every_key_of_the_types() {
    let mut config = Config::parse(keys::EXAMPLE).unwrap();
    let full = "schema = 1\n[[interface]]\nmatch = { driver = \"e1000\" }\nrole = \"tap\"\naudit = true\nsrcid = 9\n\
                user-bytes = 3\n[log]\nremote = \"[2001:db8::1]:514\"\n";
    let full = Config::parse(full).unwrap();
    config.interface = full.interface;
    config.log = full.log;
    let table = toml::Table::try_from(&config).unwrap();
    for section in SECTIONS {
        let mut known: Vec<&str> = section.keys.iter().map(|key| key.name).collect();
        known.sort();
        let found = match section.name {
            "" => vec!["schema"],
            name => {
                let value = &table[name];
                let table = value.get(0).unwrap_or(value).as_table().unwrap();
                let mut found: Vec<&str> = table.keys().map(String::as_str).collect();
                found.sort();
                found
            }
        };
        assert_eq!(found, known, "[{}]", section.name);
    }
    assert_eq!(table.len(), SECTIONS.len(), "a section is missing");
}

#[test]
fn what_is_written_comes_back() {
    let config = Config::parse(keys::EXAMPLE).unwrap();
    assert_eq!(config.this.hostname.as_str(), "audit-1");
    assert_eq!(config.archive.max_bytes, Bytes(200_000_000_000));
    assert_eq!(config.radium.collectors[0].to_string(), "192.0.2.20/32");
    let tap = config.interface[1].get_ref();
    assert!(tap.audited() && tap.matches.fits(Mac([0; 6]), "pci0000:00/0000:00:05.0/virtio2", "virtio_net"));
    let again = toml::to_string(&config).unwrap();
    let again = Config::parse(&again).unwrap();
    assert_eq!(again.firewall, config.firewall);
    assert_eq!(again.interface[0].get_ref(), config.interface[0].get_ref());
}

#[test]
fn faults_have_their_place() {
    let table = [
        ("", "line 1, column 1: schema is missing; this version writes schema = 1"),
        ("schema = 2\n[later]\n", "line 1, column 10: schema 2 is not known; this version reads 1"),
        ("schema = 1\n[box]\nhostnam = \"x\"\n", "line 3, column 1: unknown field `hostnam`"),
        ("schema = 1\n[bax]\n", "line 2, column 2: unknown field `bax`"),
        ("schema = 1\n[box]\n  hostname = \"-x\"\n", "line 3, column 14: \"-x\" is not a host name"),
        ("schema = 1\n[radium]\nport = 65536\n", "line 3, column 8: 65536 is not between 1 and 65535"),
        ("schema = 1\n[radium]\nport = -1\n", "line 3, column 8: "),
        (
            "schema = 1\n[radium]\ncollectors = [\"192.0.2.0/24\", \"192.0.2.5/24\"]\n",
            "line 3, column 14: \"192.0.2.5/24\" has host bits",
        ),
        ("schema = 1\n[archive]\ncompression = \"rar\"\n", "line 3, column 15: unknown variant `rar`"),
        ("schema = 1\n[box\n", "line 2, column 5: "),
        ("schema = 1\nschema = 1\n", "line 2, column 1: "),
        ("schema = 1\n[[interface]]\nrole = \"tap\"\n", "line 2, column 1: missing field `match`"),
        ("schema = 1\n[radium]\nport = 443\n", "line 1, column 1: radium and the web admin cannot share"),
    ];
    for (text, wanted) in table {
        let fault = fault(text);
        assert!(fault.starts_with(wanted), "{text:?}: {fault}");
        assert!(!fault.contains('\n'), "{fault:?}");
    }
}

#[test]
fn interfaces_that_do_not_fit_together() {
    let head = "schema = 1\n";
    let one = |rest: &str| format!("[[interface]]\nmatch = {{ mac = \"52:54:00:00:00:01\" }}\n{rest}\n");
    let two = one("role = \"tap\"").replace(":01", ":02");
    let table = [
        ("[[interface]]\nmatch = {}\nrole = \"tap\"\n".to_owned(), "line 2, column 1: match names neither"),
        (format!("{}{}", one("role = \"tap\""), one("role = \"off\"")), "line 5, column 1: an earlier"),
        (
            one("role = \"management\"") + &two.replace("tap", "management"),
            "line 5, column 1: a second interface",
        ),
        (one("role = \"tap\"\naddress = [\"192.0.2.1/24\"]"), "line 2, column 1: role tap has no address"),
        (one("role = \"management\"\naddress = []"), "line 2, column 1: address is empty"),
        (one("role = \"management\"\ngateway = [\"192.0.2.1\"]"), "line 2, column 1: an IPv4 gateway beside"),
        (
            one("role = \"management\"\naddress = [\"192.0.2.0/24\"]"),
            "line 5, column 11: \"192.0.2.0/24\" is not",
        ),
        (one("role = \"router\""), "line 4, column 8: unknown variant `router`"),
    ];
    for (rest, wanted) in table {
        let fault = fault(&format!("{head}{rest}"));
        assert!(fault.starts_with(wanted), "{rest:?}: {fault}");
    }
}

#[test]
fn values_from_text() {
    assert_eq!("512 MiB".parse(), Ok(Bytes(512 << 20)));
    assert_eq!("7".parse(), Ok(Bytes(7)));
    assert!("99999999999 TB".parse::<Bytes>().is_err());
    assert!("-1".parse::<Bytes>().is_err());
    assert_eq!("52:54:00:ab:CD:0f".parse(), Ok(Mac([0x52, 0x54, 0, 0xab, 0xcd, 0x0f])));
    for wrong in ["", "52:54:00:ab:cd", "52:54:00:ab:cd:0f:01", "52:54:00:ab:cd:+f", "525400abcd0f"] {
        assert!(wrong.parse::<Mac>().is_err(), "{wrong}");
    }
    assert_eq!("[2001:db8::1]:514".parse::<Endpoint>().unwrap().to_string(), "[2001:db8::1]:514");
    assert_eq!("logs.example.org:514".parse::<Endpoint>().unwrap().port, 514);
    for wrong in ["2001:db8::1:514:", "192.0.2.1", "192.0.2.1:0", "300.1.2.3:5", ":514", "a b:5"] {
        assert!(wrong.parse::<Endpoint>().is_err(), "{wrong}");
    }
    assert!("a\"b".parse::<Line>().is_err() && "a\nb".parse::<Line>().is_err());
}

#[test]
fn a_path_matches_whole_components() {
    let full = "pci0000:00/0000:00:1c.0/0000:01:00.0";
    let matches = |text: &str| text.parse::<PciPath>().unwrap().matches(full);
    assert!(matches("0000:01:00.0") && matches("0000:00:1c.0/0000:01:00.0") && matches(full));
    assert!(!matches("01:00.0") && !matches("0000:01:00") && !matches("0000:02:00.0"));
}

#[test]
fn the_reference_is_in_the_docs() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/box.toml.md");
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        written,
        reference(),
        "docs/box.toml.md is out of date: boxd config --reference > docs/box.toml.md"
    );
}

proptest! {
    #[test]
    fn no_document_can_harm(text in "\\PC{0,200}") {
        let _ = Config::parse(&text);
        let _ = Config::parse(&format!("schema = 1\n{text}"));
    }

    #[test]
    fn faults_are_within_the_document(at in 0usize..600, with in "\\PC") {
        let mut text = keys::EXAMPLE.to_owned();
        text.insert_str(at.min(text.len()), &with);
        if let Err(fault) = Config::parse(&text) {
            prop_assert!(fault.line >= 1 && fault.line <= text.lines().count() + 1);
        }
    }
}
