//! What clients say to a server (transport chapter 2.3).

/// The most that is read at once, as in the C servers.
pub(crate) const MAX_COMMAND: usize = 4096;

/// One command of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command<'a> {
    /// Begin to stream. The text after it names the client (5.x).
    Start(&'a str),
    /// Close.
    Done,
    /// Use this filter from now on.
    Filter(&'a str),
    /// Send this file.
    File(&'a str),
    /// `MODEL:`, `PROJECT:`, `GEN:`: accepted, nothing happens.
    Ignored,
    /// Anything else, printable.
    Unknown(&'a str),
    /// Octets that no client sends: the connection is closed.
    Unprintable,
}

const KEYWORDS: [&str; 7] = ["START: ", "DONE: ", "FILTER: ", "FILE: ", "MODEL: ", "PROJECT: ", "GEN: "];

/// Calls `each` for every command in what one read returned. NUL, CR and LF end a command, and so does the end of the
/// octets, except inside a keyword: the part of one is left over and returned, to be put before the next read.
pub(crate) fn parse<'a>(octets: &'a [u8], mut each: impl FnMut(Command<'a>) -> bool) -> &'a [u8] {
    let ends = |b: &u8| matches!(b, 0 | b'\r' | b'\n');
    let mut rest = octets;
    while !rest.is_empty() {
        let end = rest.iter().position(ends);
        let (text, after) = match end {
            Some(at) => (rest.get(..at).unwrap_or_default(), rest.get(at + 1..).unwrap_or_default()),
            None => (rest, &[][..]),
        };
        if end.is_none() && KEYWORDS.iter().any(|k| k.len() > text.len() && k.as_bytes().starts_with(text)) {
            return text;
        }
        rest = after;
        if !text.is_empty() && !each(one(text)) {
            break;
        }
    }
    &[]
}

fn one(text: &[u8]) -> Command<'_> {
    let printable = text.iter().all(|b| matches!(b, 0x20..=0x7e));
    let Some(text) = std::str::from_utf8(text).ok().filter(|_| printable) else {
        return Command::Unprintable;
    };
    let after = |keyword: &str| text.strip_prefix(keyword);
    if let Some(name) = after("START: ").or_else(|| after("START:")) {
        Command::Start(name)
    } else if after("DONE:").is_some() {
        Command::Done
    } else if let Some(filter) = after("FILTER: ").or_else(|| after("FILTER:")) {
        Command::Filter(filter.trim())
    } else if let Some(path) = after("FILE: ") {
        Command::File(path)
    } else if ["MODEL: ", "PROJECT: ", "GEN: "].iter().any(|k| after(k).is_some()) {
        Command::Ignored
    } else {
        Command::Unknown(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(octets: &[u8]) -> (Vec<Command<'_>>, &[u8]) {
        let mut commands = vec![];
        let left = parse(octets, |c| {
            commands.push(c);
            true
        });
        (commands, left)
    }

    #[test]
    fn knows_the_commands() {
        use Command::*;
        for (octets, expected) in [
            (&b"START: "[..], vec![Start("")]),
            (b"START: \n", vec![Start("")]),
            (b"START: user='root',cmd='ra[1]'", vec![Start("user='root',cmd='ra[1]'")]),
            (b"FILTER: man or (udp)", vec![Filter("man or (udp)")]),
            (b"FILTER: udp\0START: ", vec![Filter("udp"), Start("")]),
            (b"FILTER: udpSTART: ", vec![Filter("udpSTART:")]),
            (b"FILE: //var/x", vec![File("//var/x")]),
            (b"DONE: ", vec![Done]),
            (b"MODEL: x", vec![Ignored]),
            (b"hello", vec![Unknown("hello")]),
            (b"\x1b[2J", vec![Unprintable]),
            (b"\r\n\0", vec![]),
            (b"caf\xc3\xa9", vec![Unprintable]),
        ] {
            assert_eq!(all(octets), (expected, &[][..]), "{octets:?}");
        }
    }

    #[test]
    fn waits_for_the_rest_of_a_keyword() {
        assert_eq!(all(b"STA"), (vec![], &b"STA"[..]));
        assert_eq!(all(b"FILTER:"), (vec![], &b"FILTER:"[..]));
        assert_eq!(all(b"x\nDONE"), (vec![Command::Unknown("x")], &b"DONE"[..]));
    }

    proptest::proptest! {
        #[test]
        fn what_is_left_over_is_short(octets in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            proptest::prop_assert!(parse(&octets, |_| true).len() < 10);
        }
    }
}
