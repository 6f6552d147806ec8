//! How near addresses are: the file that `RA_LOCAL` names (chapter label-anonymize-convert, 2.10; chapter clients-5x,
//! 11.1).
//!
//! ```text
//! 10.0.0.0/8               4   64999  corp       // site
//! 10.1.1.5                 5
//! 198.51.100.0 - 198.51.100.15  2   65001  partner lab
//! ```

use record::dsr::local::Local;
use record::{Addr, Index, Mark, RecordView};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;

/// Locality of an address of this machine.
const OURS: i8 = 5;
/// From here on an address is local (chapter filter-language, 12).
pub const LOCAL: i8 = 3;
/// More lines than any site has.
const MOST: usize = 1 << 20;
/// Files that include files that include files.
const DEEPEST: usize = 8;
/// Octets of a whole word of a record.
const WORD: usize = 4;

/// Localities and groups of addresses.
#[derive(Clone, Debug, Default)]
pub struct Localities {
    /// Parts of the address space without overlap, in order.
    parts: Vec<Part>,
    groups: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
struct Part {
    first: u128,
    last: u128,
    locality: i8,
    /// Place in the list of groups.
    group: Option<usize>,
}

/// A line of the file.
#[derive(Clone, Copy, Debug)]
struct Entry {
    first: u128,
    last: u128,
    locality: i8,
    group: Option<usize>,
}

/// What is read so far.
#[derive(Default)]
struct Reading {
    entries: Vec<Entry>,
    groups: Vec<String>,
    ours: bool,
    overwrite: bool,
}

impl Localities {
    /// Reads a file. `ours` are the addresses of this machine, asked for when the file says that these are local.
    ///
    /// # Errors
    /// One line: the file, the line of it, and what is wrong.
    pub fn load(path: &Path, ours: impl FnOnce() -> Vec<IpAddr>) -> Result<Localities, String> {
        let mut reading = Reading::default();
        reading.file(path, 0)?;
        if reading.ours {
            let entry = |address: IpAddr| {
                let word = word(address);
                Entry { first: word, last: word, locality: OURS, group: None }
            };
            reading.entries.extend(ours().into_iter().map(entry));
        }
        Ok(Localities { parts: flatten(&reading.entries, reading.overwrite), groups: reading.groups })
    }

    /// How near an address is; `None` when the file does not say.
    pub fn locality(&self, address: IpAddr) -> Option<i8> {
        self.part(address).map(|part| part.locality)
    }

    /// The group that an address belongs to.
    pub fn group(&self, address: IpAddr) -> Option<&str> {
        self.groups.get(self.part(address)?.group?).map(String::as_str)
    }

    fn part(&self, address: IpAddr) -> Option<&Part> {
        let word = word(address);
        let after = self.parts.partition_point(|part| part.first <= word);
        self.parts.get(after.checked_sub(1)?).filter(|part| word <= part.last)
    }

    /// How near the ends of a record are, as they are shown; `None` when neither is known.
    fn ends(&self, view: &RecordView<'_>) -> Option<Local> {
        let key = view.flow()?.key;
        let end = |address: Option<Addr>| match address? {
            Addr::V4(address) => self.locality(address.into()),
            Addr::V6(address) => self.locality(address.into()),
            Addr::Mac(_) => None,
        };
        let (src, dst) = (end(key.src_addr()), end(key.dst_addr()));
        let qualifier = u8::from(src.is_some()) | u8::from(dst.is_some()) << 1;
        let local = Local { qualifier, src: src.unwrap_or(0), dst: dst.unwrap_or(0), ..Local::default() };
        (qualifier != 0).then_some(local)
    }

    /// The record with a part that says how near its ends are, made in `out`; `None` when it has one, when nothing is
    /// known of its ends, or when there is no room.
    pub fn annotate<'b>(&self, view: &RecordView<'_>, out: &'b mut Vec<u8>) -> Option<RecordView<'b>> {
        if !view.kind().has_dsrs() || view.has(Index::Local) || !view.tail().is_empty() {
            return None;
        }
        let local = self.ends(view)?;
        // In records of ARP all but the key is stored the other way round.
        if !fits(view, local, local, out) && !fits(view, local.reversed(), local, out) {
            return None;
        }
        let mut annotated = RecordView::new(out).ok()?;
        for mark in [Mark::Baseline, Mark::Matched] {
            if view.is_marked(mark) {
                annotated.mark(mark);
            }
        }
        Some(annotated)
    }
}

/// Appends the part as `stored` and tells whether it is then shown as `wanted`.
fn fits(view: &RecordView<'_>, stored: Local, wanted: Local, out: &mut Vec<u8>) -> bool {
    out.clear();
    out.extend_from_slice(view.bytes());
    stored.emit(out);
    let (Ok(words), Some(length)) = (u16::try_from(out.len() / WORD), out.get_mut(2..4)) else {
        return false;
    };
    length.copy_from_slice(&words.to_be_bytes());
    RecordView::new(out).is_ok_and(|view| view.local() == Some(wanted))
}

impl Reading {
    fn file(&mut self, path: &Path, depth: usize) -> Result<(), String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        for (number, line) in text.lines().enumerate() {
            let wrong = |what: &str| format!("{}: line {}: {what}", path.display(), number + 1);
            let line = line.split("//").next().unwrap_or_default().trim();
            if let Some(file) = line.strip_prefix("#include") {
                if depth == DEEPEST {
                    return Err(wrong("too many files within each other"));
                }
                let file = Path::new(file.trim().trim_matches(['"', '\'']));
                let beside = path.parent().unwrap_or(Path::new("")).join(file);
                self.file(if beside.exists() { &beside } else { file }, depth + 1)?;
                continue;
            }
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some((name, value)) = line.split_once('=').filter(|(name, _)| name.starts_with("RALABEL_"))
            {
                let yes = value.trim_matches(['"', ' ']).eq_ignore_ascii_case("yes");
                match name.trim() {
                    "RALABEL_LOCAL_INTERFACE_IS_ME" => self.ours = yes,
                    "RALABEL_LOCALITY_OVERWRITE" => self.overwrite = yes,
                    // Variables of the program that labels.
                    _ => {}
                }
                continue;
            }
            if self.entries.len() == MOST {
                return Err(wrong("more lines than are read"));
            }
            self.line(line).map_err(|what| wrong(&what))?;
        }
        Ok(())
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let mut words = line.split([' ', '\t', '"', '\'']).filter(|word| !word.is_empty()).peekable();
        let mut range = words.next().unwrap_or_default().to_owned();
        if is_hardware(&range) {
            return Ok(());
        }
        // A range may have blanks in it.
        while range.ends_with('-') || words.peek().is_some_and(|word| word.starts_with('-')) {
            let Some(word) = words.next() else { break };
            range.push_str(word);
        }
        let Some((first, last)) = bounds(&range) else {
            return Err(format!("'{range}' is no address, prefix or range"));
        };
        let locality = match words.next() {
            None => 0,
            Some(word) => word
                .parse::<u8>()
                .ok()
                .and_then(|number| i8::try_from(number).ok())
                .ok_or_else(|| format!("'{word}' is no locality from 0 to 127"))?,
        };
        if words.peek().is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit())) {
            words.next();
        }
        let group = words.last().map(|name| {
            let known = self.groups.iter().rposition(|group| group == name);
            known.unwrap_or_else(|| {
                self.groups.push(name.to_owned());
                self.groups.len() - 1
            })
        });
        self.entries.push(Entry { first, last, locality, group });
        Ok(())
    }
}

/// IPv4 addresses have the place that IPv6 has for them.
fn word(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().into(),
        IpAddr::V6(address) => address.into(),
    }
}

fn bounds(text: &str) -> Option<(u128, u128)> {
    if let Some((first, last)) = text.split_once('-') {
        let (first, last) = (first.parse::<IpAddr>().ok()?, last.parse::<IpAddr>().ok()?);
        let same = first.is_ipv4() == last.is_ipv4();
        return (same && first <= last).then(|| (word(first), word(last)));
    }
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length.parse::<u32>().ok()?)),
        None => (text, None),
    };
    let address = address.parse::<IpAddr>().ok()?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let free = bits - length.unwrap_or(bits).min(bits);
    let host = if free == 128 { u128::MAX } else { (1 << free) - 1 };
    (length.unwrap_or(0) <= bits).then(|| (word(address) & !host, word(address) | host))
}

fn is_hardware(text: &str) -> bool {
    let parts = text.split(':');
    parts.clone().count() == 6 && parts.clone().all(|part| u8::from_str_radix(part, 16).is_ok())
}

/// Parts without overlap. Of the entries that hold an address the smallest that has a group gives it; the locality is
/// that of the smallest, but never less than that of a larger one, unless lines overwrite each other.
fn flatten(entries: &[Entry], overwrite: bool) -> Vec<Part> {
    let mut events: Vec<(u128, bool, usize)> = Vec::with_capacity(entries.len() * 2);
    for (at, entry) in entries.iter().enumerate() {
        events.push((entry.first, true, at));
        if let Some(after) = entry.last.checked_add(1) {
            events.push((after, false, at));
        }
    }
    events.sort_unstable();
    let size = |at: usize| entries.get(at).map_or(0, |entry| entry.last - entry.first);
    // Of entries of one size the last counts.
    let mut open: BTreeSet<(u128, Reverse<usize>)> = BTreeSet::new();
    let mut grouped: BTreeSet<(u128, Reverse<usize>)> = BTreeSet::new();
    let mut localities: BTreeMap<i8, usize> = BTreeMap::new();
    let mut parts: Vec<Part> = Vec::new();
    let mut events = events.into_iter().peekable();
    while let Some((place, begins, at)) = events.next() {
        let Some(entry) = entries.get(at) else { continue };
        let key = (size(at), Reverse(at));
        if begins {
            open.insert(key);
            entry.group.map(|_| grouped.insert(key));
            *localities.entry(entry.locality).or_default() += 1;
        } else {
            open.remove(&key);
            grouped.remove(&key);
            if let Some(count) = localities.get_mut(&entry.locality) {
                *count -= 1;
                if *count == 0 {
                    localities.remove(&entry.locality);
                }
            }
        }
        let next = events.peek().map(|&(next, ..)| next);
        let Some(smallest) = open.first().filter(|_| next != Some(place)) else { continue };
        let nearest = localities.last_key_value().map_or(0, |(&locality, _)| locality);
        let own = entries.get(smallest.1.0).map_or(0, |entry| entry.locality);
        parts.push(Part {
            first: place,
            last: next.map_or(u128::MAX, |next| next - 1),
            locality: if overwrite { own } else { nearest },
            group: grouped.first().and_then(|key| entries.get(key.1.0)?.group),
        });
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::dsr::flow::{ArpKey, Ipv4Detail, Ipv4Key};
    use record::{Builder, Cause, Flow, FlowKey, Kind, Version};

    fn read(text: &str) -> Result<Localities, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("local");
        std::fs::write(&path, text).expect("written");
        std::fs::write(folder.path().join("more"), "203.0.113.7 5 7 more\n").expect("written");
        Localities::load(&path, || vec!["192.0.2.200".parse().expect("an address")])
    }

    fn found(localities: &Localities, address: &str) -> (Option<i8>, Option<String>) {
        let address = address.parse().expect("an address");
        (localities.locality(address), localities.group(address).map(str::to_owned))
    }

    #[test]
    fn the_sample_of_the_chapter() {
        let text = "RALABEL_LOCAL_INTERFACE_IS_ME=no\n# comment\n0.0.0.0/0\t1\n192.0.2.0/24\t4\t64999\tcorp\t// site\n\
                    192.0.2.53\t3\n198.51.100.0-198.51.100.15\t2\t65001\tpartner lab\n2001:db8::/32\t3\t65002\tv6corp\n\
                    02:00:00:00:00:01 5\n#include more\n";
        let table = read(text).expect("good");
        let some = |locality, group: &str| (Some(locality), Some(group.to_owned()));
        assert_eq!(found(&table, "8.8.8.8"), (Some(1), None));
        assert_eq!(found(&table, "192.0.2.1"), some(4, "corp"));
        // Never farther than what is around it.
        assert_eq!(found(&table, "192.0.2.53"), some(4, "corp"));
        assert_eq!(found(&table, "192.0.2.255"), some(4, "corp"));
        assert_eq!(found(&table, "192.0.3.0"), (Some(1), None));
        assert_eq!(found(&table, "198.51.100.15"), some(2, "lab"));
        assert_eq!(found(&table, "198.51.100.16"), (Some(1), None));
        assert_eq!(found(&table, "2001:db8:1::"), some(3, "v6corp"));
        assert_eq!(found(&table, "2001:db9::"), (None, None));
        assert_eq!(found(&table, "203.0.113.7"), some(5, "more"));
        assert_eq!(found(&table, "192.0.2.200").0, Some(4));
    }

    #[test]
    fn settings_of_the_file() {
        let over = "192.0.2.53 3\n192.0.2.0/24 4\n192.0.2.54 6\nRALABEL_LOCALITY_OVERWRITE=yes\n\
                    RALABEL_LOCAL_INTERFACE_IS_ME=\"yes\"\nRALABEL_ORG_OVERWRITE=no\n::/0 0\n";
        let table = read(over).expect("good");
        assert_eq!(found(&table, "192.0.2.53").0, Some(3));
        assert_eq!(found(&table, "192.0.2.54").0, Some(6));
        assert_eq!(found(&table, "192.0.2.200").0, Some(5));
        assert_eq!(found(&table, "ffff::1").0, Some(0));
        for (bad, message) in [
            ("CIDR Locality OrgClass\n", "line 1: 'CIDR' is no address, prefix or range"),
            ("\n10.0.0.0/33 1\n", "line 2: '10.0.0.0/33'"),
            ("10.0.0.0/8 near\n", "'near' is no locality"),
            ("10.0.0.2 - 10.0.0.1 1\n", "is no address, prefix or range"),
            ("#include local\n", "too many files"),
            ("#include nowhere\n", "nowhere: No such file"),
        ] {
            let text = read(bad).expect_err(bad);
            assert!(text.contains(message), "{bad}: {text}");
        }
    }

    fn record(key: FlowKey, reversed: bool) -> Vec<u8> {
        let mut out = Vec::new();
        let mut builder = Builder::new(&mut out, Kind::Flow, Version::V3, Cause::Start);
        Flow { reversed, ..Flow::new(key) }.emit(builder.buffer());
        builder.finish().expect("short enough");
        out
    }

    #[test]
    fn records_are_told_their_localities() {
        let table = read("10.0.0.0/8 4\n10.9.0.0/16 5\n").expect("good");
        let udp = |src: [u8; 4], dst: [u8; 4]| {
            FlowKey::Ipv4(Ipv4Key {
                src: src.into(),
                dst: dst.into(),
                proto: 17,
                tp_p: 0,
                detail: Ipv4Detail::ports(1, 2),
            })
        };
        let mut out = Vec::new();
        for reversed in [false, true] {
            let octets = record(udp([10, 0, 0, 1], [8, 8, 8, 8]), reversed);
            let view = RecordView::new(&octets).expect("a record");
            let wanted = match view.flow().and_then(|flow| flow.key.src_addr()) {
                Some(Addr::V4(address)) if address.octets()[0] == 10 => (1, 4, 0),
                _ => (2, 0, 4),
            };
            let told = table.annotate(&view, &mut out).expect("known");
            let local = told.local().expect("a part");
            assert_eq!((local.qualifier, local.src, local.dst), wanted, "reversed: {reversed}");
            assert_eq!(told.bytes().len(), octets.len() + 12);
            let again = told.bytes().to_vec();
            let again = RecordView::new(&again).expect("a record");
            assert!(table.annotate(&again, &mut Vec::new()).is_none(), "it is there");
        }
        let arp = |reversed| {
            let (asker, asked) = ([10, 9, 0, 1].into(), [10, 0, 0, 1].into());
            record(FlowKey::Arp(ArpKey::sensor(asker, asked, &[2, 0, 0, 0, 0, 1], reversed)), reversed)
        };
        for reversed in [false, true] {
            let octets = arp(reversed);
            let view = RecordView::new(&octets).expect("a record");
            let shown = table.annotate(&view, &mut out).and_then(|view| view.local()).expect("a part");
            assert_eq!((shown.src, shown.dst), (5, 4), "reversed: {reversed}");
        }
        let strangers = record(udp([1, 1, 1, 1], [8, 8, 8, 8]), false);
        assert!(table.annotate(&RecordView::new(&strangers).expect("a record"), &mut out).is_none());
    }
}
