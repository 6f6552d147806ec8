//! Names of the makers of network interfaces, from a file in the layout of Wireshark's `manuf`
//! (chapter clients-5x, 9.2).

use std::collections::HashMap;
use std::path::Path;

/// Longest name that is kept, characters.
const LONGEST: usize = 16;
/// More prefixes than any list has.
const MOST: usize = 1 << 20;

/// Known whatever the file says.
const BUILT_IN: [(u64, u8, &str); 7] = [
    (0x0100_5E00_0000, 24, "IPv4mcast"),
    (0x3333_0000_0000, 16, "IPv6mcast"),
    (0xFFFF_FF00_0000, 24, "Broadcast"),
    (0x0100_0C00_0000, 24, "Cisco"),
    (0x0180_C200_0000, 24, "Ieee802"),
    (0x010C_CD00_0000, 24, "IEC"),
    (0x011B_1900_0000, 24, "PrecTime"),
];

/// Prefixes of Ethernet addresses and who uses them. The longest prefix counts.
#[derive(Clone, Debug, Default)]
pub struct Vendors {
    prefixes: HashMap<(u64, u8), Box<str>>,
    /// Lengths that occur, the longest first.
    lengths: Vec<u8>,
}

impl Vendors {
    /// Reads a file.
    ///
    /// # Errors
    /// One line that names the file.
    pub fn load(path: &Path) -> Result<Vendors, String> {
        let text = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Vendors::parse(&String::from_utf8_lossy(&text)))
    }

    /// Reads lines `PREFIX[/bits] NAME …`; `#` and `!` begin comments, other lines are passed over. The first name of
    /// a prefix counts.
    pub fn parse(text: &str) -> Vendors {
        let mut prefixes: HashMap<(u64, u8), Box<str>> = HashMap::new();
        let own = BUILT_IN.iter().map(|&(address, bits, name)| (address, bits, name));
        for (address, bits, name) in text.lines().filter_map(entry).take(MOST).chain(own) {
            prefixes.entry((address, bits)).or_insert_with(|| name.chars().take(LONGEST).collect());
        }
        let mut lengths: Vec<u8> = prefixes.keys().map(|&(_, bits)| bits).collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        lengths.dedup();
        Vendors { prefixes, lengths }
    }

    /// Who uses an address.
    pub fn name(&self, address: [u8; 6]) -> Option<&str> {
        let address = address.iter().fold(0u64, |word, &octet| word << 8 | u64::from(octet));
        self.lengths
            .iter()
            .find_map(|&bits| self.prefixes.get(&(masked(address, bits), bits)))
            .map(|name| &**name)
    }
}

/// The first `bits` of the 48.
fn masked(address: u64, bits: u8) -> u64 {
    let rest = 48 - u32::from(bits.min(48));
    address >> rest << rest
}

fn entry(line: &str) -> Option<(u64, u8, &str)> {
    let line = line.trim_start();
    if line.starts_with(['#', '!']) {
        return None;
    }
    let mut words = line.split_whitespace();
    let (prefix, name) = (words.next()?, words.next()?);
    let (octets, bits) = match prefix.split_once('/') {
        Some((octets, bits)) => {
            (octets, Some(bits.parse::<u8>().ok().filter(|bits| (1..=48).contains(bits))?))
        }
        None => (prefix, None),
    };
    let (mut address, mut count) = (0u64, 0u8);
    for octet in octets.split([':', '-', '.']) {
        if count == 6 || octet.is_empty() || octet.len() > 2 {
            return None;
        }
        address = address << 8 | u64::from(u8::from_str_radix(octet, 16).ok()?);
        count += 1;
    }
    let bits = bits.unwrap_or(count * 8);
    // Control characters do not go to the terminal.
    let sound = name.chars().all(|letter| !letter.is_control());
    (count >= 3 && sound).then(|| (masked(address << (8 * (6 - u32::from(count))), bits), bits, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_counts() {
        let vendors = Vendors::parse(
            "# list\n00:17:F2\tApple\tApple, Inc.\n00-17-f2 Second\n70:B3:D5 Ieee\n70:B3:D5:10:00:00/28 Block\n\
             70:B3:D5:12:30:00/36 Part\n00:00:5E:00:01:01 Router\njunk\n00:1 x\nzz:00:00 y\n00:00:00/49 z\n",
        );
        for (address, name) in [
            ([0, 0x17, 0xF2, 1, 2, 3], Some("Apple")),
            ([0x70, 0xB3, 0xD5, 0x00, 0, 1], Some("Ieee")),
            ([0x70, 0xB3, 0xD5, 0x11, 0, 1], Some("Block")),
            ([0x70, 0xB3, 0xD5, 0x12, 0x31, 1], Some("Part")),
            ([0, 0, 0x5E, 0, 1, 1], Some("Router")),
            ([0x33, 0x33, 0, 0, 0, 1], Some("IPv6mcast")),
            ([0xFF; 6], Some("Broadcast")),
            ([2, 0, 0, 0, 0, 1], None),
        ] {
            assert_eq!(vendors.name(address), name, "{address:x?}");
        }
    }
}
