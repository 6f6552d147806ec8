//! What no single value can tell: the schema, and how values fit together.

use serde::Deserialize;
use toml::Spanned;

use crate::{Address, Config, Error, Interface, Role, SCHEMA};

/// The number comes first: a document of another schema would bring misleading faults elsewhere.
pub fn schema(text: &str) -> Result<(), Error> {
    #[derive(Deserialize)]
    struct Only {
        schema: Option<Spanned<u32>>,
    }
    let only: Only = toml::from_str(text).map_err(|error| crate::from_toml(text, &error))?;
    match only.schema {
        None => Err(Error::at(text, 0, format!("schema is missing; this version writes schema = {SCHEMA}"))),
        Some(number) if *number.get_ref() != SCHEMA => {
            let message = format!("schema {} is not known; this version reads {SCHEMA}", number.get_ref());
            Err(Error::at(text, number.span().start, message))
        }
        Some(_) => Ok(()),
    }
}

/// The most of anything that is listed: enough for every box, few enough to show on a page.
const MOST: usize = 256;

pub fn whole(text: &str, config: &Config) -> Result<(), Error> {
    let counts = [
        ("interface", config.interface.len()),
        ("collectors", config.radium.collectors.len()),
        ("management", config.firewall.management.len()),
        ("egress", config.firewall.egress.len()),
        ("servers", config.time.servers.len()),
    ];
    if let Some((name, count)) = counts.iter().find(|(_, count)| *count > MOST) {
        return Err(Error::at(text, 0, format!("{name} has {count} entries; at most {MOST} are read")));
    }
    if config.radium.port.get() == config.web.port.get() {
        return Err(Error::at(text, 0, "radium and the web admin cannot share a port"));
    }
    let mut management = false;
    for (at, spanned) in config.interface.iter().enumerate() {
        let fault = |message: String| Err(Error::at(text, spanned.span().start, message));
        let this = spanned.get_ref();
        if this.matches.is_empty() {
            return fault("match names neither mac, path nor driver".into());
        }
        if config.interface.iter().take(at).any(|other| other.get_ref().matches == this.matches) {
            return fault("an earlier interface has the same match".into());
        }
        if this.role == Role::Management {
            if management {
                return fault("a second interface with the role management".into());
            }
            management = true;
        }
        if let Err(message) = addresses(this) {
            return fault(message);
        }
    }
    Ok(())
}

fn addresses(this: &Interface) -> Result<(), String> {
    if this.role != Role::Management {
        let plain = Interface::unnamed(this.role);
        if this.address != plain.address || !this.gateway.is_empty() || !this.dns.is_empty() {
            return Err(format!("role {} has no address, gateway or dns", this.role));
        }
        return Ok(());
    }
    let dhcp = this.address.iter().filter(|address| **address == Address::Dhcp).count();
    let of_family = |v4: bool| this.gateway.iter().filter(|gateway| gateway.is_ipv4() == v4).count();
    if this.address.is_empty() {
        Err("address is empty: a management interface without one cannot be reached".into())
    } else if this.address.len() > 16 {
        Err("more than 16 addresses".into())
    } else if dhcp > 1 {
        Err("\"dhcp\" stands twice".into())
    } else if of_family(true) > 1 || of_family(false) > 1 {
        Err("more than one gateway of a family".into())
    } else if dhcp == 1 && of_family(true) == 1 {
        Err("an IPv4 gateway beside \"dhcp\", which brings its own".into())
    } else if this.dns.len() > 3 {
        Err("more than three name servers".into())
    } else {
        Ok(())
    }
}
