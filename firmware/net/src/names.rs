//! What the box calls its NICs: `em0`, `em1`, … in the order of their slots at first boot, and the same
//! ever after, whatever is plugged in or out in between.

use config::Mac;

use crate::nic::Nic;

/// The highest number in a name; ports and source ids are counted from it.
pub const MAX_NUMBER: u16 = 255;

/// A NIC that the box has seen, and the number in its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The number in its name.
    pub number: u16,
    /// Hardware address.
    pub mac: Mac,
    /// Where it was plugged in.
    pub path: String,
}

/// Gives each NIC its number, by what was `known` before, and brings `known` up to date. `None` for a
/// NIC beyond the last number.
///
/// A NIC is the known one that has its path and its address; else its path, since a replaced card does
/// the work of the old one; else its address, since a card may have been moved. A new one gets the
/// lowest number that none had; when there is none left, one of a NIC that is not here.
pub fn names(nics: &[Nic], known: &mut Vec<Known>) -> Vec<Option<u16>> {
    let mut given: Vec<Option<u16>> = vec![None; nics.len()];
    type Same = fn(&Nic, &Known) -> bool;
    let rules: [Same; 3] = [
        |nic, old| nic.path == old.path && nic.mac == old.mac,
        |nic, old| nic.path == old.path,
        |nic, old| nic.mac == old.mac,
    ];
    for same in rules {
        for (nic, at) in nics.iter().zip(0..) {
            if given.get(at).is_some_and(Option::is_some) {
                continue;
            }
            let free = |old: &&Known| !given.contains(&Some(old.number)) && same(nic, old);
            let number = known.iter().find(free).map(|old| old.number);
            if let Some(slot) = given.get_mut(at) {
                *slot = number;
            }
        }
    }
    for at in 0..given.len() {
        if given[at].is_none() {
            let unused = |number: &u16| !known.iter().any(|old| old.number == *number);
            let absent = |number: &u16| !given.contains(&Some(*number));
            given[at] = (0..=MAX_NUMBER)
                .find(|number| unused(number) && absent(number))
                .or_else(|| (0..=MAX_NUMBER).rev().find(absent));
        }
    }
    for (nic, number) in nics.iter().zip(&given) {
        let Some(number) = *number else { continue };
        known.retain(|old| old.number != number);
        known.push(Known { number, mac: nic.mac, path: nic.path.clone() });
    }
    known.sort_by_key(|old| old.number);
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nic(path: &str, mac: u8) -> Nic {
        Nic {
            name: "eth0".into(),
            index: 1,
            mac: Mac([2, 0, 0, 0, 0, mac]),
            driver: String::new(),
            path: path.into(),
        }
    }

    #[test]
    fn first_boot_counts_the_slots() {
        let mut known = Vec::new();
        assert_eq!(names(&[nic("a", 9), nic("b", 8), nic("c", 7)], &mut known), [Some(0), Some(1), Some(2)]);
        assert_eq!(known.len(), 3);
    }

    #[test]
    fn names_stay() {
        let mut known = Vec::new();
        names(&[nic("b", 1), nic("d", 2)], &mut known);
        // One more in between, one gone.
        assert_eq!(names(&[nic("a", 5), nic("d", 2)], &mut known), [Some(2), Some(1)]);
        // The first is back.
        assert_eq!(names(&[nic("a", 5), nic("b", 1), nic("d", 2)], &mut known), [Some(2), Some(0), Some(1)]);
        // A replaced card takes over; a moved card keeps its name.
        assert_eq!(names(&[nic("b", 77)], &mut known), [Some(0)]);
        assert_eq!(names(&[nic("z", 2)], &mut known), [Some(1)]);
        assert_eq!(known.len(), 3);
    }

    #[test]
    fn equal_addresses_do_not_share_a_name() {
        let mut known = Vec::new();
        names(&[nic("a", 1)], &mut known);
        assert_eq!(names(&[nic("x", 1), nic("y", 1)], &mut known), [Some(0), Some(1)]);
    }

    #[test]
    fn a_full_memory_forgets_who_is_not_here() {
        let mut known = Vec::new();
        for at in 0..600u32 {
            let given = names(&[nic(&format!("p{at}"), (at % 251) as u8), nic("home", 255)], &mut known);
            assert!(given.iter().all(Option::is_some));
            assert!(known.len() <= usize::from(MAX_NUMBER) + 1);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_two_have_the_same(rounds in proptest::collection::vec(
            proptest::collection::btree_set((0u8..12, 0u8..6), 0..10), 1..8)) {
            let mut known = Vec::new();
            for round in rounds {
                let nics: Vec<Nic> = round.iter().map(|(path, mac)| nic(&format!("p{path}-{mac}"), *mac)).collect();
                let given = names(&nics, &mut known);
                let mut once: Vec<u16> = given.iter().flatten().copied().collect();
                proptest::prop_assert_eq!(once.len(), nics.len());
                once.sort();
                once.dedup();
                proptest::prop_assert_eq!(once.len(), nics.len());
            }
        }
    }
}
