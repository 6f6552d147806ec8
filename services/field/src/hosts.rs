//! Host names of addresses (`-nnn`): asked for once, remembered.

use std::collections::HashMap;
use std::net::IpAddr;

/// Names that are remembered; beyond that the oldest are forgotten all at once.
const REMEMBERED: usize = 65_536;

/// Names of hosts seen so far.
#[derive(Default)]
pub struct Hosts {
    names: HashMap<IpAddr, Option<Box<str>>>,
}

impl Hosts {
    /// Appends the name of the host that has this address; `false` when it has none.
    pub fn put(&mut self, out: &mut Vec<u8>, address: IpAddr) -> bool {
        if self.names.len() >= REMEMBERED {
            self.names.clear();
        }
        let name = self.names.entry(address).or_insert_with(|| {
            let name = dns_lookup::lookup_addr(&address).ok()?;
            // The resolver answers with the address itself when there is no name; names come from strangers.
            let sound = name.bytes().all(|byte| byte.is_ascii_graphic()) && name.parse::<IpAddr>().is_err();
            sound.then(|| name.into_boxed_str())
        });
        match name {
            Some(name) => {
                out.extend_from_slice(name.as_bytes());
                true
            }
            None => false,
        }
    }
}
