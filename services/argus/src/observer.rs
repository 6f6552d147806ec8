//! Who observes: source ids with an interface tag, `[type:/][/]sid[/inf]` (1.3).

use record::SourceId;
use stream::srcid;

/// A source id and the tag of an interface; what is not given is taken from elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observer {
    /// The id.
    pub id: Option<SourceId>,
    /// The tag, zero padded. Records of version 3 have no room for it.
    pub tag: Option<[u8; 4]>,
}

impl Observer {
    /// What this one leaves open is the other's.
    pub fn or(self, other: Self) -> Self {
        Observer { id: self.id.or(other.id), tag: self.tag.or(other.tag) }
    }
}

/// Reads an identifier of the command line.
///
/// # Errors
/// Text of the reason.
pub fn parse(text: &str) -> Result<Observer, String> {
    // What may stand before the id, but is not all of it.
    let text = text.strip_prefix('/').filter(|rest| !rest.is_empty()).unwrap_or(text);
    let (id, tag) = split(text);
    Ok(Observer { id: Some(srcid::parse(id)?), tag: tag.map(self::tag).transpose()? })
}

/// Reads what stands after an interface's name and a slash: `/inf` alone is a tag with the sensor's id.
///
/// # Errors
/// Text of the reason.
pub fn of_interface(text: &str) -> Result<Observer, String> {
    match text.strip_prefix('/') {
        Some(rest) => Ok(Observer { id: None, tag: Some(tag(rest)?) }),
        None => parse(text),
    }
}

/// Reads an identifier of a configuration file: `` `hostname` `` stands for the host's name, `` `hostuuid` `` for the
/// machine's id.
///
/// # Errors
/// Text of the reason; other commands in backquotes are refused.
pub fn configured(text: &str, quoted: bool) -> Result<Observer, String> {
    let Some(rest) = text.strip_prefix('`') else {
        return match parse(text) {
            // A file's reader has taken the quotes of a string away.
            Err(_) if quoted && !text.contains('/') => {
                Ok(Observer { id: Some(srcid::parse_configured(text, true)?), tag: None })
            }
            other => other,
        };
    };
    let (command, after) = rest.split_once('`').unwrap_or((rest, ""));
    let tag = match after {
        "" => None,
        after => Some(tag(after.strip_prefix('/').ok_or_else(|| format!("'{after}' after `{command}`"))?)?),
    };
    let id = if command == "hostuuid" {
        machine()?
    } else {
        srcid::parse_configured(&format!("`{command}`"), false)?
    };
    Ok(Observer { id: Some(id), tag })
}

/// Reads a tag.
///
/// # Errors
/// Text of the reason: empty, or longer than four characters.
pub fn tag(text: &str) -> Result<[u8; 4], String> {
    let text = text.trim_matches('"');
    if text.is_empty()
        || text.len() > 4
        || !text.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'/')
    {
        return Err(format!("interface tag '{text}' is not one to four characters"));
    }
    Ok(padded(text))
}

/// A tag for an interface: its name, or when that is long its first character and its last three, which is where names
/// differ. Other tags that are taken make it count up.
pub fn tag_of(name: &str, taken: impl Fn([u8; 4]) -> bool) -> [u8; 4] {
    let letters: String = name.chars().filter(char::is_ascii_graphic).collect();
    let short = match letters.len() {
        0 => "if".to_owned(),
        1..=4 => letters,
        long => format!("{}{}", &letters[..1], &letters[long - 3..]),
    };
    let mut tag = padded(&short);
    for number in 0..1000u32 {
        if !taken(tag) {
            break;
        }
        tag = padded(&format!("{}{number:03}", &short[..1]));
    }
    tag
}

/// The tag of a capture file: the first letter of its name and `cap`.
pub fn tag_of_file(path: &std::path::Path) -> [u8; 4] {
    let first = path
        .file_name()
        .and_then(|name| name.as_encoded_bytes().first())
        .copied()
        .filter(|octet| octet.is_ascii_alphanumeric());
    [first.unwrap_or(b's'), b'c', b'a', b'p']
}

fn padded(text: &str) -> [u8; 4] {
    let mut four = [0; 4];
    for (to, from) in four.iter_mut().zip(text.bytes()) {
        *to = from;
    }
    four
}

/// The id without the tag after its last slash, and the tag.
fn split(text: &str) -> (&str, Option<&str>) {
    let begin = text.find(":/").map_or(0, |at| at + 2);
    let value = text.get(begin..).unwrap_or_default();
    let begin = begin + (value.len() - value.trim_start_matches('/').len());
    let value = text.get(begin..).unwrap_or_default();
    // Slashes inside quotes are the id's.
    let inside = match value.strip_prefix('"') {
        Some(rest) => rest.find('"').map_or(value.len(), |end| end + 2),
        None => 0,
    };
    match value.get(inside..).unwrap_or_default().find('/') {
        Some(slash) => {
            let at = begin + inside + slash;
            (text.get(..at).unwrap_or(text), text.get(at + 1..))
        }
        None => (text, None),
    }
}

/// The machine's id.
fn machine() -> Result<SourceId, String> {
    for path in ["/etc/machine-id", "/var/lib/dbus/machine-id", "/sys/class/dmi/id/product_uuid"] {
        if let Ok(text) = std::fs::read_to_string(path)
            && let Ok(id @ SourceId::Uuid(_)) = srcid::parse(text.trim())
        {
            return Ok(id);
        }
    }
    Err("this machine has no id (/etc/machine-id)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn forms() {
        let address = SourceId::Ipv4(Ipv4Addr::new(192, 0, 2, 5));
        for (text, id, tag) in [
            ("192.0.2.5", address, None),
            ("192.0.2.5/inf", address, Some(*b"inf\0")),
            ("ipv4:/192.0.2.5/em0", address, Some(*b"em0\0")),
            ("ipv4://192.0.2.5", address, None),
            ("/192.0.2.5/em0", address, Some(*b"em0\0")),
            ("\"a/b\"/en10", SourceId::Str(*b"a/b\0"), Some(*b"en10")),
            ("str:/\"ab\"/lo", SourceId::Str(*b"ab\0\0"), Some(*b"lo\0\0")),
            ("int:/12/lo", SourceId::Int(12), Some(*b"lo\0\0")),
            ("2001:db8::1/lo", SourceId::Ipv6("2001:db8::1".parse().unwrap()), Some(*b"lo\0\0")),
            (
                "00112233-4455-6677-8899-aabbccddeeff/e0",
                SourceId::Uuid(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff_u128.to_be_bytes()),
                Some(*b"e0\0\0"),
            ),
        ] {
            assert_eq!(parse(text), Ok(Observer { id: Some(id), tag }), "{text}");
        }
        for text in ["", "/", "5/", "5/toolong", "5/a/b", "`hostname`", "-e", "none:/5"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(of_interface("/em0"), Ok(Observer { id: None, tag: Some(*b"em0\0") }));
        assert_eq!(of_interface("5"), parse("5"));
        assert!(of_interface("//").is_err());
    }

    #[test]
    fn configured_forms() {
        assert!(configured("`date`", false).is_err());
        assert!(configured("`hostname`x", false).is_err());
        assert_eq!(configured("abc", true).unwrap().id, Some(SourceId::Str(*b"abc\0")));
        if std::path::Path::new("/etc/machine-id").exists() {
            let id = configured("`hostuuid`/en0", false).unwrap();
            assert!(matches!(id.id, Some(SourceId::Uuid(_))));
            assert_eq!(id.tag, Some(*b"en0\0"));
        } else {
            eprintln!("skipped: this machine has no /etc/machine-id");
        }
    }

    #[test]
    fn tags_of_interfaces() {
        let free = |_| false;
        assert_eq!(tag_of("lo", free), *b"lo\0\0");
        assert_eq!(tag_of("enp0s31f6", free), *b"e1f6");
        assert_eq!(tag_of("", free), *b"if\0\0");
        assert_eq!(tag_of("eth0", |tag| tag == *b"eth0"), *b"e000");
        assert_eq!(tag_of_file(std::path::Path::new("dir/tcp.pcap")), *b"tcap");
        assert_eq!(tag_of_file(std::path::Path::new("-")), *b"scap");
    }

    #[test]
    fn any_text_is_read_without_a_panic() {
        proptest::proptest!(|(text in r#"[a-c:/"`0-9.é-]{0,40}"#)| {
            let _ = (parse(&text), of_interface(&text), configured(&text, true), tag(&text));
            let _ = tag_of(&text, |_| true);
        });
    }
}
