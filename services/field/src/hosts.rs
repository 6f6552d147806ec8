//! Host names of addresses (`-nnn`): asked for once, in the background, remembered.
//!
//! A resolver that does not answer must not hold up the records: each address is waited for a moment only, and all of
//! them together no longer than [`PATIENCE`]; what has no name by then is shown as it is.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Names that are remembered; beyond that they are forgotten all at once.
const REMEMBERED: usize = 65_536;
/// Questions that are asked at a time.
const THREADS: usize = 4;
/// Questions that wait for a thread; further ones are not asked.
const WAITING: usize = 256;
/// How long one answer is waited for.
const MOMENT: Duration = Duration::from_secs(2);
/// How long all answers of a run together are waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Finds the name of an address; `None` when there is none.
type Resolve = fn(IpAddr) -> Option<String>;

/// Where questions go and answers come from.
type Threads = (SyncSender<IpAddr>, Receiver<(IpAddr, Option<String>)>);

/// An answer, or that it was asked for.
enum Known {
    Asked,
    Name(Option<Box<str>>),
}

/// Which part of names is shown, and of which hosts (RA_PRINT_DOMAINONLY, RA_PRINT_LOCALONLY).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostNames {
    /// Without the first part.
    pub domain_only: bool,
    /// Only hosts of private networks are asked for.
    pub local_only: bool,
}

/// Names of hosts seen so far.
pub struct Hosts {
    resolve: Resolve,
    names: HashMap<IpAddr, Known>,
    /// The threads, once there is something to ask.
    asked: Option<Threads>,
    patience: Duration,
}

impl Default for Hosts {
    fn default() -> Hosts {
        Hosts::new(system)
    }
}

/// Asks the system's resolver.
fn system(address: IpAddr) -> Option<String> {
    dns_lookup::lookup_addr(&address).ok()
}

impl Hosts {
    fn new(resolve: Resolve) -> Hosts {
        Hosts { resolve, names: HashMap::new(), asked: None, patience: PATIENCE }
    }

    /// Appends the name of the host that has this address; `false` when it has none that is known in time.
    pub fn put(&mut self, out: &mut Vec<u8>, address: IpAddr, which: HostNames) -> bool {
        if which.local_only && !is_local(address) {
            return false;
        }
        let Some(name) = self.name(address) else { return false };
        let shown = match name.split_once('.') {
            Some((_, domain)) if which.domain_only => domain,
            _ => name,
        };
        out.extend_from_slice(shown.as_bytes());
        true
    }

    fn name(&mut self, address: IpAddr) -> Option<&str> {
        if !self.names.contains_key(&address) {
            if self.names.len() >= REMEMBERED {
                self.names.clear();
            }
            // What cannot be asked now may be asked for the next row.
            if self.ask(address) {
                self.names.insert(address, Known::Asked);
            }
        }
        self.listen(address);
        match self.names.get(&address) {
            Some(Known::Name(Some(name))) => Some(name),
            _ => None,
        }
    }

    /// Hands a question to the threads; `false` when too many wait.
    fn ask(&mut self, address: IpAddr) -> bool {
        let (questions, _) = self.asked.get_or_insert_with(|| start(self.resolve));
        questions.try_send(address).is_ok()
    }

    /// Takes the answers that are there, and waits a moment for that of `address` if it was asked for.
    fn listen(&mut self, address: IpAddr) {
        let Some((_, answers)) = &self.asked else { return };
        let sound = |name: Option<String>| {
            Known::Name(name.filter(|name| is_sound(name)).map(String::into_boxed_str))
        };
        for (answered, name) in answers.try_iter() {
            self.names.insert(answered, sound(name));
        }
        let begun = Instant::now();
        let until = begun + MOMENT.min(self.patience);
        while matches!(self.names.get(&address), Some(Known::Asked)) {
            let left = until.saturating_duration_since(Instant::now());
            let Ok((answered, name)) = answers.recv_timeout(left) else { break };
            self.names.insert(answered, sound(name));
        }
        self.patience = self.patience.saturating_sub(begun.elapsed());
    }
}

/// Starts the threads; they end with the process or when nobody asks any more.
fn start(resolve: Resolve) -> Threads {
    let (ask, questions) = sync_channel::<IpAddr>(WAITING);
    // As many answers as can be under way fit, so that no thread waits for us.
    let (answer, answers) = sync_channel(WAITING + THREADS);
    let questions = Arc::new(Mutex::new(questions));
    for _ in 0..THREADS {
        let (questions, answer) = (Arc::clone(&questions), answer.clone());
        std::thread::spawn(move || {
            loop {
                let question = questions.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok(address) = question else { return };
                if answer.send((address, resolve(address))).is_err() {
                    return;
                }
            }
        });
    }
    (ask, answers)
}

/// The resolver answers with the address itself when there is no name; names come from strangers.
fn is_sound(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()) && name.parse::<IpAddr>().is_err()
}

/// Whether an address belongs to a private network, a link or the host itself.
fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private() || address.is_link_local() || address.is_loopback(),
        IpAddr::V6(address) => {
            let first = address.segments()[0];
            address == Ipv6Addr::LOCALHOST || first & 0xFE00 == 0xFC00 || first & 0xFFC0 == 0xFE80
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(hosts: &mut Hosts, address: &str, which: HostNames) -> Option<String> {
        let mut out = Vec::new();
        hosts
            .put(&mut out, address.parse().expect("an address"), which)
            .then(|| String::from_utf8(out).expect("ASCII"))
    }

    #[test]
    fn names_are_asked_for_once_and_cut_as_wanted() {
        fn resolve(address: IpAddr) -> Option<String> {
            match address.to_string().as_str() {
                "10.0.0.1" => Some("host.example.net".to_owned()),
                "192.0.2.1" => Some("far.example.org".to_owned()),
                "10.0.0.2" => Some("bad\x1b[2J".to_owned()),
                other => Some(other.to_owned()),
            }
        }
        let mut hosts = Hosts::new(resolve);
        let all = HostNames::default();
        assert_eq!(shown(&mut hosts, "10.0.0.1", all).as_deref(), Some("host.example.net"));
        assert_eq!(shown(&mut hosts, "10.0.0.2", all), None);
        assert_eq!(shown(&mut hosts, "10.0.0.3", all), None);
        let domain = HostNames { domain_only: true, ..all };
        assert_eq!(shown(&mut hosts, "10.0.0.1", domain).as_deref(), Some("example.net"));
        let local = HostNames { local_only: true, ..all };
        assert_eq!(shown(&mut hosts, "192.0.2.1", local), None);
        assert_eq!(shown(&mut hosts, "192.0.2.1", all).as_deref(), Some("far.example.org"));
    }

    #[test]
    fn a_resolver_that_never_answers_costs_no_more_than_the_patience() {
        fn resolve(_: IpAddr) -> Option<String> {
            loop {
                std::thread::park();
            }
        }
        let mut hosts = Hosts::new(resolve);
        hosts.patience = Duration::from_millis(20);
        for last in 0..=255u8 {
            for third in 0..4u8 {
                assert_eq!(shown(&mut hosts, &format!("10.0.{third}.{last}"), HostNames::default()), None);
            }
        }
        assert_eq!(hosts.patience, Duration::ZERO);
        assert!(hosts.names.len() <= WAITING + THREADS);
    }
}
