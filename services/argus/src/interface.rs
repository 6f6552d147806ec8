//! What `-i` and ARGUS_INTERFACE name (1.4): `[ind:|dup:|bond:]name[(DLT)][/srcid][,name...]`, with bracket groups.

use crate::observer::{self, Observer};

/// One observation point: the interfaces that share a flow table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its interfaces, at least one.
    pub interfaces: Vec<Interface>,
    /// The id of its flow records and their interface tag, where it has its own.
    pub observer: Observer,
}

/// One interface.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Interface {
    /// Its name; `all` and `any` stand for themselves here.
    pub name: String,
    /// The link type to ask for, by libpcap's name.
    pub link: Option<String>,
}

/// Reads the words of one `-i`.
///
/// Several words are one group, like `bond:`; the same name twice among them counts once. A word with a prefix is read for
/// itself.
///
/// # Errors
/// Text of the reason.
pub fn parse(words: &[String]) -> Result<Vec<Group>, String> {
    let mut groups: Vec<Group> = Vec::new();
    let mut plain: Option<usize> = None;
    for word in words {
        let parsed = parse_word(word)?;
        let is_plain =
            ["ind:", "dup:", "bond:"].iter().all(|prefix| !word.starts_with(prefix)) && !word.contains(',');
        let special =
            parsed.iter().flat_map(|group| &group.interfaces).any(|interface| interface.name == "all");
        match (is_plain && !special, plain.and_then(|at| groups.get_mut(at))) {
            (true, Some(group)) => {
                for new in parsed {
                    group.observer = new.observer.or(group.observer);
                    for interface in new.interfaces {
                        if !group.interfaces.contains(&interface) {
                            group.interfaces.push(interface);
                        }
                    }
                }
            }
            (true, None) => {
                plain = Some(groups.len());
                groups.extend(parsed);
            }
            (false, _) => groups.extend(parsed),
        }
    }
    Ok(groups)
}

fn parse_word(word: &str) -> Result<Vec<Group>, String> {
    let (shared, list) = match word.split_once(':') {
        Some(("dup" | "bond", list)) => (true, list),
        Some(("ind", list)) => (false, list),
        _ => (false, word),
    };
    let mut members = Vec::new();
    for item in split(list).ok_or_else(|| format!("interface '{word}': unbalanced brackets"))? {
        members.push(member(item, word, 0)?);
    }
    if !shared {
        return Ok(members);
    }
    let mut group = Group { interfaces: Vec::new(), observer: Observer::default() };
    for member in members {
        group.observer = member.observer.or(group.observer);
        group.interfaces.extend(member.interfaces);
    }
    Ok(vec![group])
}

/// One item of a list: an interface, or a bracket group, which always shares its flow table with its neighbours.
fn member(item: &str, word: &str, depth: usize) -> Result<Group, String> {
    let Some(inside) = item.strip_prefix('[') else {
        return single(item, word).map_err(|error| format!("interface '{word}': {error}"));
    };
    let inside =
        inside.strip_suffix(']').ok_or_else(|| format!("interface '{word}': unbalanced brackets"))?;
    if depth > 4 {
        return Err(format!("interface '{word}': nested too deeply"));
    }
    let inside = inside
        .split_once(':')
        .filter(|(kind, _)| matches!(*kind, "bond" | "dup" | "ind"))
        .map_or(inside, |(_, rest)| rest);
    let mut group = Group { interfaces: Vec::new(), observer: Observer::default() };
    for item in split(inside).ok_or_else(|| format!("interface '{word}': unbalanced brackets"))? {
        let inner = member(item, word, depth + 1)?;
        group.observer = inner.observer.or(group.observer);
        group.interfaces.extend(inner.interfaces);
    }
    Ok(group)
}

/// `name[(DLT)][/srcid]`.
fn single(item: &str, word: &str) -> Result<Group, String> {
    if item.contains("://") {
        return Err("not an interface; flow exports are read by radium".to_owned());
    }
    let (name, observer) = match item.split_once('/') {
        Some((name, id)) => (name, observer::of_interface(id)?),
        None => (item, Observer::default()),
    };
    let (name, link) = match name.split_once('(') {
        Some((name, link)) => {
            let link = link.strip_suffix(')').ok_or_else(|| "missing ')'".to_owned())?;
            (name, Some(link.to_owned()))
        }
        None => (name, None),
    };
    if name.is_empty() {
        return Err(format!("empty name in '{word}'"));
    }
    Ok(Group { interfaces: vec![Interface { name: name.to_owned(), link }], observer })
}

/// Splits at commas outside brackets; `None` when brackets do not balance.
fn split(list: &str) -> Option<Vec<&str>> {
    let (mut parts, mut depth, mut begin) = (Vec::new(), 0usize, 0);
    for (at, letter) in list.char_indices() {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.checked_sub(1)?,
            ',' if depth == 0 => {
                parts.push(&list[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[begin..]);
    (depth == 0).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(words: &str) -> String {
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        match parse(&words) {
            Err(error) => error,
            Ok(groups) => groups
                .iter()
                .map(|group| {
                    let names: Vec<_> = group
                        .interfaces
                        .iter()
                        .map(|i| i.link.as_ref().map_or(i.name.clone(), |link| format!("{}({link})", i.name)))
                        .collect();
                    format!(
                        "{}{}",
                        names.join("+"),
                        group.observer.id.map(|id| format!("/{id:?}")).unwrap_or_default()
                    )
                })
                .collect::<Vec<_>>()
                .join(" "),
        }
    }

    #[test]
    fn forms() {
        for (words, expected) in [
            ("lo", "lo"),
            ("lo lo", "lo"),
            ("em0 em1", "em0+em1"),
            ("ind:em0,em1", "em0 em1"),
            ("em0,em1", "em0 em1"),
            ("dup:lo,lo", "lo+lo"),
            ("bond:em0,em1/12", "em0+em1/Int(12)"),
            ("dup:[bond:em0,em1],em2", "em0+em1+em2"),
            ("em0(EN10MB)/3", "em0(EN10MB)/Int(3)"),
            ("all", "all"),
            ("em0/\"srcA\"", "em0/Str([115, 114, 99, 65])"),
            ("em0//tag,em1/5/em", "em0 em1/Int(5)"),
            (
                "sflow://127.0.0.1:6343",
                "interface 'sflow://127.0.0.1:6343': not an interface; flow exports are read by radium",
            ),
            (
                "em0//toolong",
                "interface 'em0//toolong': interface tag 'toolong' is not one to four characters",
            ),
            ("dup:[em0", "interface 'dup:[em0': unbalanced brackets"),
            ("em0]", "interface 'em0]': unbalanced brackets"),
            ("", "interface '': empty name in ''"),
        ] {
            assert_eq!(shown(words), expected, "{words}");
        }
    }

    #[test]
    fn any_text_is_read_without_a_panic() {
        proptest::proptest!(|(text in r"[a-c\[\](),:/0-9]{0,60}|bond:\[{0,200}")| {
            let _ = parse(&[text]);
        });
    }
}
