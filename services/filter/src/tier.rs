//! The three filters of a client and what it sends to servers (filter chapter, sections 1.1 and 8).

/// Where a client's filter is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tier {
    /// By the server and again by the client: no prefix, or `remote `.
    Remote,
    /// By the client only: `local `.
    Local,
    /// By clients that redraw a cache, to hide rows: `display `.
    Display,
}

/// Takes the prefix off a filter from a command line. Only the first word can be one, and a blank must
/// follow it; elsewhere the words are words of the language.
#[must_use]
pub fn split(text: &str) -> (Tier, &str) {
    let start = text.trim_start_matches([' ', '\t', '\n']);
    for (prefix, tier) in [("remote ", Tier::Remote), ("local ", Tier::Local), ("display ", Tier::Display)] {
        if let Some(rest) = start.strip_prefix(prefix) {
            return (tier, rest);
        }
    }
    (Tier::Remote, text)
}

/// The expression that a client sends after `FILTER: `, so that management records keep coming.
#[must_use]
pub fn for_server(expression: &str) -> String {
    format!("man or ({expression})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_word_is_a_prefix() {
        assert_eq!(split("local tcp"), (Tier::Local, "tcp"));
        assert_eq!(split("  remote tcp and port 80"), (Tier::Remote, "tcp and port 80"));
        assert_eq!(split("display udp"), (Tier::Display, "udp"));
        assert_eq!(split("tcp and local udp"), (Tier::Remote, "tcp and local udp"));
        assert_eq!(split("remote local tcp"), (Tier::Remote, "local tcp"));
        assert_eq!(split("local"), (Tier::Remote, "local"));
        assert_eq!(for_server("tcp"), "man or (tcp)");
    }
}
