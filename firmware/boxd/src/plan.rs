//! What each NIC is to be: the configuration held against the NICs that are there.

use std::net::IpAddr;

use config::{Address, Config, Interface, Role};
use ipnet::IpNet;
use net::Nic;

use crate::machine::{Machine, Place};

/// Loopback port of the sensor of `em0`; each further NIC's is one higher.
pub const FIRST_PORT: u16 = 4000;

/// A NIC and what it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The box's name for it.
    pub name: String,
    /// The number in that name.
    pub number: u16,
    /// The NIC, under the name that the kernel had for it when it was planned.
    pub nic: Nic,
    /// Its entry in the configuration, or the default.
    pub interface: Interface,
    /// Source id of its records.
    pub srcid: u32,
}

impl Planned {
    /// Loopback port of its sensor.
    pub fn port(&self) -> u16 {
        FIRST_PORT + self.number
    }

    /// Static addresses.
    pub fn addresses(&self) -> Vec<IpNet> {
        let fixed = |address: &Address| match address {
            Address::Static(net) => Some(*net),
            Address::Dhcp => None,
        };
        self.interface.address.iter().filter_map(fixed).collect()
    }

    /// Whether its address comes from a DHCP server.
    pub fn dhcp(&self) -> bool {
        self.interface.role == Role::Management && self.interface.address.contains(&Address::Dhcp)
    }

    /// Static default routers.
    pub fn gateways(&self) -> &[IpAddr] {
        &self.interface.gateway
    }
}

/// Plans every NIC, in the order of their names, and brings `machine` up to date. The lines say what a
/// person should know about the outcome.
pub fn plan(config: &Config, nics: &[Nic], machine: &mut Machine) -> (Vec<Planned>, Vec<String>) {
    let mut remarks = Vec::new();
    let numbers = machine.names(nics);
    let mut planned = Vec::new();
    for (nic, number) in nics.iter().zip(numbers) {
        let Some(number) = number else {
            remarks.push(format!("{} is left out: more NICs than the box has names for", nic.name));
            continue;
        };
        let entry = config.interface.iter().map(|entry| entry.get_ref());
        let fitting = entry.into_iter().find(|entry| entry.matches.fits(nic.mac, &nic.path, &nic.driver));
        let interface = fitting.cloned().unwrap_or_else(|| Interface::unnamed(Role::Tap));
        let srcid = interface.srcid.map_or(config.this.srcid.get() + u64::from(number), |id| id.get());
        planned.push(Planned {
            name: format!("em{number}"),
            number,
            nic: nic.clone(),
            interface,
            srcid: srcid.try_into().unwrap_or(u32::MAX),
        });
    }
    planned.sort_by_key(|nic| nic.number);
    one_management(config, &mut planned, machine, &mut remarks);
    (planned, remarks)
}

/// Sees to it that there is exactly one management NIC, if there is any NIC to take the role.
fn one_management(
    config: &Config,
    planned: &mut [Planned],
    machine: &mut Machine,
    remarks: &mut Vec<String>,
) {
    let mut seen = false;
    for nic in planned.iter_mut().filter(|nic| nic.interface.role == Role::Management) {
        if seen {
            remarks.push(format!("{} fits the management interface as well; it is a tap", nic.name));
            nic.interface = Interface::unnamed(Role::Tap);
        }
        seen = true;
    }
    if !seen {
        let entry = config.interface.iter().map(|entry| entry.get_ref());
        let entry = entry.into_iter().find(|entry| entry.role == Role::Management);
        let recorded = |nic: &Planned, place: &Place| match nic.nic.path == place.path {
            true => Some(2),
            false => (nic.nic.mac == place.mac).then_some(1),
        };
        let chosen = match &machine.management {
            // The NIC at the place that carried management before, else the same card elsewhere.
            Some(place) => (0..planned.len())
                .filter_map(|at| Some((recorded(planned.get(at)?, place)?, at)))
                .max_by_key(|(how, _)| *how)
                .map(|(_, at)| at),
            None => None,
        };
        // A box that nobody can reach is worth less than one NIC audited less, but a NIC that the
        // configuration gives another role keeps it.
        let free = |nic: &Planned| nic.interface.matches.is_empty();
        let chosen =
            chosen.filter(|at| planned.get(*at).is_some_and(free)).or_else(|| planned.iter().position(free));
        match chosen.and_then(|at| planned.get_mut(at)) {
            Some(nic) => {
                if entry.is_some() {
                    remarks
                        .push(format!("no NIC fits the management interface; {} takes the role", nic.name));
                }
                nic.interface = entry.cloned().unwrap_or_else(|| Interface::unnamed(Role::Management));
            }
            None => remarks.push("there is no NIC for management".into()),
        }
    }
    if let Some(nic) = planned.iter().find(|nic| nic.interface.role == Role::Management)
        && machine.management.is_none()
    {
        machine.management = Some(Place { mac: nic.nic.mac, path: nic.nic.path.clone() });
    }
}

#[cfg(test)]
mod tests {
    use config::Mac;

    use super::*;

    fn nic(slot: u8) -> Nic {
        Nic {
            name: format!("eth{slot}"),
            index: u32::from(slot) + 2,
            mac: Mac([2, 0, 0, 0, 0, slot]),
            driver: "virtio_net".into(),
            path: format!("pci0000:00/0000:00:{slot:02x}.0"),
        }
    }

    fn roles(config: &str, slots: &[u8], machine: &mut Machine) -> (String, Vec<String>) {
        let config = Config::parse(&format!("schema = 1\n{config}")).unwrap();
        let nics: Vec<Nic> = slots.iter().map(|slot| nic(*slot)).collect();
        let (planned, remarks) = plan(&config, &nics, machine);
        let each = |nic: &Planned| format!("{}={}:{}", nic.name, nic.interface.role, nic.srcid);
        (planned.iter().map(each).collect::<Vec<_>>().join(" "), remarks)
    }

    #[test]
    fn by_default_the_first_manages_and_the_others_tap() {
        let (text, remarks) = roles("", &[3, 4, 5], &mut Machine::default());
        assert_eq!(text, "em0=management:1 em1=tap:2 em2=tap:3");
        assert!(remarks.is_empty());
        assert_eq!(roles("", &[], &mut Machine::default()).1, ["there is no NIC for management"]);
    }

    #[test]
    fn the_configuration_decides() {
        let config = "[box]\nsrcid = 100\n[[interface]]\nmatch = { path = \"0000:00:05.0\" }\nrole = \"management\"\n\
                      [[interface]]\nmatch = { mac = \"02:00:00:00:00:03\" }\nrole = \"off\"\n";
        let mut machine = Machine::default();
        let (text, remarks) = roles(config, &[3, 4, 5], &mut machine);
        assert_eq!(text, "em0=off:100 em1=tap:101 em2=management:102");
        assert!(remarks.is_empty());
        assert_eq!(machine.management.unwrap().path, "pci0000:00/0000:00:05.0");
    }

    #[test]
    fn management_stays_where_it_was() {
        let mut machine = Machine::default();
        roles("", &[4, 5], &mut machine);
        // A NIC in an earlier slot does not take the role.
        assert_eq!(roles("", &[3, 4, 5], &mut machine).0, "em0=management:1 em1=tap:2 em2=tap:3");
        assert_eq!(machine.management.as_ref().unwrap().path, "pci0000:00/0000:00:04.0");
        // When it is gone, the first one left does, but the record stays.
        assert_eq!(roles("", &[3, 5], &mut machine).0, "em1=management:2 em2=tap:3");
        assert_eq!(machine.management.as_ref().unwrap().path, "pci0000:00/0000:00:04.0");
    }

    #[test]
    fn a_match_that_fits_nothing_is_told() {
        let config = "[[interface]]\nmatch = { mac = \"02:00:00:00:00:99\" }\nrole = \"management\"\n\
                      address = [\"192.0.2.1/24\"]\n";
        let (text, remarks) = roles(config, &[3, 4], &mut Machine::default());
        assert_eq!(text, "em0=management:1 em1=tap:2");
        assert_eq!(remarks, ["no NIC fits the management interface; em0 takes the role"]);
    }

    #[test]
    fn a_match_that_fits_two_gives_one() {
        let config = "[[interface]]\nmatch = { driver = \"virtio_net\" }\nrole = \"management\"\n";
        let (text, remarks) = roles(config, &[3, 4], &mut Machine::default());
        assert_eq!(text, "em0=management:1 em1=tap:2");
        assert_eq!(remarks.len(), 1);
    }
}
