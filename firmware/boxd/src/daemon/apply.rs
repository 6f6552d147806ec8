//! Making it so: firewall, NICs, rendered files and services, in this order.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;
use std::time::Instant;

use config::{Interface, Role};
use net::{Link, Nic, SYS_NET};
use netlink_packet_route::link::LinkFlags;

use super::{Daemon, KEPT, RETRY, RUN, kept, render};
use crate::plan::{Planned, plan};
use crate::{console, dhcp, files, log, render, supervise};

/// The firewall of last resort, in the overlay.
const CLOSED: &str = "/etc/panoptes/closed.nft";

/// Kernel settings, in the overlay.
const SYSCTL: &str = "/etc/sysctl.d/panoptes.conf";

/// What has been done, so that it is not done again.
#[derive(Default)]
pub struct Applied {
    /// The rules in force.
    firewall: Option<String>,
    /// NICs by the kernel's number, as they were set up.
    nics: BTreeMap<u32, (String, Interface)>,
    /// What the hardware of a NIC refused, by the box's name for it.
    refused: BTreeMap<String, Vec<&'static str>>,
    /// Whether radium runs with a former list of sources.
    radium_is_behind: bool,
}

/// Writes the kernel settings; gives what could not be set.
pub fn kernel_settings() -> Vec<String> {
    let text = match fs::read_to_string(SYSCTL) {
        Ok(text) => text,
        Err(error) => return vec![format!("{SYSCTL}: {error}")],
    };
    let set = |(name, value): (String, String)| {
        let path = Path::new("/proc/sys").join(name.replace('.', "/"));
        match fs::write(&path, &value) {
            // A kernel without the thing needs no setting for it.
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Some(format!("{name} = {value}: {error}"))
            }
            _ => None,
        }
    };
    settings(&text).filter_map(set).collect()
}

fn settings(text: &str) -> impl Iterator<Item = (String, String)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.trim().into(), value.trim().into()))
}

impl Daemon {
    /// Brings everything into the state that the configuration and the NICs that are there ask for.
    /// What is so already is left alone.
    pub fn reconcile(&mut self) {
        self.retry = None;
        let mut faults = Vec::new();
        match self.try_reconcile(&mut faults) {
            Ok(()) => {}
            Err(error) => faults.push(error),
        }
        if !faults.is_empty() {
            self.retry = Some(Instant::now() + RETRY);
        }
        self.fault("set-up", faults);
        let found = super::stage1_faults();
        self.fault("boot", found);
    }

    fn try_reconcile(&mut self, faults: &mut Vec<String>) -> Result<(), String> {
        let settings = self.shared.state().settings.clone();
        let config = &settings.config;
        let mut link = Link::open().map_err(|error| format!("no talk with the kernel: {error}"))?;
        let nics = net::nics(Path::new(SYS_NET)).map_err(|error| format!("{SYS_NET}: {error}"))?;
        let before = self.machine.clone();
        let (planned, remarks) = plan(config, &nics, &mut self.machine);
        self.fault("interfaces", remarks);
        if self.machine != before
            && let Err(error) = self.machine.write(&kept("machine.toml"))
        {
            faults.push(format!("NICs may change their names at the next boot: {error}"));
        }
        let hostname = config.this.hostname.as_str();
        if let Err(error) = nix::unistd::sethostname(hostname) {
            faults.push(format!("host name {hostname}: {error}"));
        }

        if let Err(error) = rename(&mut link, &planned) {
            faults.push(error);
        }
        let management = planned.iter().find(|nic| nic.interface.role == Role::Management);
        let management = management.map(|nic| nic.name.as_str());
        self.close_or_open(&mut link, &planned, management, faults)?;
        loopback_up(&mut link).map_err(|error| format!("lo: {error}"))?;
        self.set_up(&mut link, &planned, faults);
        self.render(&planned).map_err(|error| error.to_string())?;
        self.services(&planned, faults);
        self.shared.state().nics = planned;
        if faults.is_empty()
            && let Err(error) = settings.keep(Path::new(KEPT))
        {
            faults.push(format!("the last good configuration is not kept: {error}"));
        }
        Ok(())
    }

    /// Loads the firewall when it is to be another. When that fails, the one of last resort, and no
    /// interface stays up but loopback.
    fn close_or_open(
        &mut self,
        link: &mut Link,
        planned: &[Planned],
        management: Option<&str>,
        faults: &mut Vec<String>,
    ) -> Result<(), String> {
        let rules = firewall::render(&self.shared.state().settings.config, management);
        if self.applied.firewall.as_ref() == Some(&rules) {
            return Ok(());
        }
        if let Err(error) = files::replace(&Path::new(RUN).join("firewall.nft"), rules.as_bytes()) {
            faults.push(error.to_string());
        }
        match firewall::load(&rules) {
            Ok(()) => {
                self.applied.firewall = Some(rules);
                Ok(())
            }
            Err(error) => {
                console::say(&format!("panoptes: the firewall does not load, the box stays closed: {error}"));
                self.applied.firewall = None;
                self.applied.nics.clear();
                for nic in planned {
                    if let Err(error) = net::close(link, nic.nic.index, &nic.name) {
                        faults.push(error.to_string());
                    }
                }
                let closed = fs::read_to_string(CLOSED).map_err(|error| format!("{CLOSED}: {error}"));
                if let Err(error) = closed.and_then(|rules| firewall::load(&rules).map_err(|e| e.to_string()))
                {
                    faults.push(format!("not even the firewall of last resort loads: {error}"));
                }
                Err(format!("the firewall does not load, the box stays closed: {error}"))
            }
        }
    }

    /// Gives each NIC its role, unless it has it.
    fn set_up(&mut self, link: &mut Link, planned: &[Planned], faults: &mut Vec<String>) {
        let here: BTreeSet<u32> = planned.iter().map(|nic| nic.nic.index).collect();
        for (_, (name, _)) in self.applied.nics.iter().filter(|(index, _)| !here.contains(index)) {
            log::info(&format!("{name} is gone"));
        }
        self.applied.nics.retain(|index, _| here.contains(index));
        self.applied.refused.retain(|name, _| planned.iter().any(|nic| nic.name == *name));
        let wanted = |nic: &&Planned| {
            let done = self.applied.nics.get(&nic.nic.index);
            done != Some(&(nic.name.clone(), nic.interface.clone()))
        };
        let todo: Vec<&Planned> = planned.iter().filter(wanted).collect();
        let taps = todo.iter().filter(|nic| nic.interface.role == Role::Tap);
        // One run of nft for all taps; one by one when a NIC among them has just vanished.
        let silenced = firewall::load(&taps.map(|nic| firewall::tap(&nic.name)).collect::<String>()).is_ok();
        for nic in todo {
            match set_up(link, nic, silenced) {
                Ok(refused) => {
                    if !refused.is_empty() {
                        log::info(&format!("{}: the hardware refused: {}", nic.name, refused.join(", ")));
                    }
                    self.applied.refused.insert(nic.name.clone(), refused);
                    let done = (nic.name.clone(), nic.interface.clone());
                    self.applied.nics.insert(nic.nic.index, done);
                    log::info(&format!(
                        "{} is {} ({}, {}, {})",
                        nic.name, nic.interface.role, nic.nic.mac, nic.nic.driver, nic.nic.path
                    ));
                }
                Err(error) => faults.push(error),
            }
        }
    }

    fn render(&mut self, planned: &[Planned]) -> io::Result<()> {
        let state = self.shared.state();
        let config = &state.settings.config;
        for nic in planned.iter().filter(|nic| nic.interface.audited()) {
            render(&format!("argus.{}.conf", nic.name), &render::argus(config, nic))?;
        }
        if render("radium.conf", &render::radium(config, planned))? {
            self.applied.radium_is_behind = true;
        }
        render("web-listen", &render::web_listen(config, planned))?;
        render("archived.toml", &render::archived(config))?;
        if let Some(text) = render::chrony(config) {
            render("chrony.conf", &text)?;
        }
        if let Some(text) = render::resolv(config) {
            files::replace(Path::new(dhcp::OWN_DNS), b"")?;
            files::replace(Path::new(dhcp::RESOLV), text.as_bytes())?;
        }
        Ok(())
    }

    /// Adds and removes services.
    fn services(&mut self, planned: &[Planned], faults: &mut Vec<String>) {
        let wanted = render::services(&self.shared.state().settings.config, planned);
        let present = match supervise::present() {
            Ok(present) => present,
            Err(error) => return faults.push(format!("the services cannot be listed: {error}")),
        };
        let mut changed = false;
        for name in wanted.iter().filter(|name| !present.contains(name)) {
            match supervise::add(name) {
                Ok(true) => changed = true,
                Ok(false) => faults.push(format!("{name} starts when its former self has ended")),
                Err(error) => faults.push(format!("{name} cannot be started: {error}")),
            }
        }
        for name in present.iter().filter(|name| !wanted.contains(name)) {
            match supervise::remove(name) {
                Ok(()) => changed = true,
                Err(error) => faults.push(format!("{name} cannot be stopped: {error}")),
            }
        }
        self.shared.state().services = wanted;
        if changed && let Err(error) = supervise::scan() {
            faults.push(format!("the services do not change: {error}"));
        }
    }
}

impl Applied {
    /// Makes radium read its sources again once it can be told.
    pub fn refresh_radium(&mut self) {
        if !self.radium_is_behind {
            return;
        }
        let status = supervise::Status::read(&supervise::directory("radium"));
        if status.is_some_and(|status| status.ready) {
            match supervise::control("radium", "-h") {
                Ok(()) => self.radium_is_behind = false,
                Err(error) => log::error(&format!("radium: {error}")),
            }
        }
    }

    /// Global addresses of the management NIC, as text.
    pub fn management_addresses(&self) -> Vec<String> {
        let management = self.nics.iter().find(|(_, (_, it))| it.role == Role::Management);
        let Some((index, _)) = management else { return Vec::new() };
        let all = Link::open().and_then(|mut link| link.addresses()).unwrap_or_default();
        let mine = all.iter().filter(|address| address.index == *index && address.is_global());
        mine.map(|address| address.net.addr().to_string()).collect()
    }
}

/// Gives every NIC its name. Names that are taken by another NIC are freed first.
fn rename(link: &mut Link, planned: &[Planned]) -> Result<(), String> {
    let wrong: Vec<&Planned> = planned.iter().filter(|nic| nic.nic.name != nic.name).collect();
    let failed = |nic: &Nic, error: io::Error| format!("{} cannot be renamed: {error}", nic.name);
    for nic in &wrong {
        link.flags(nic.nic.index, LinkFlags::empty(), LinkFlags::Up).map_err(|e| failed(&nic.nic, e))?;
        if planned.iter().any(|other| other.name == nic.nic.name) {
            link.rename(nic.nic.index, &format!("pan{}", nic.nic.index)).map_err(|e| failed(&nic.nic, e))?;
        }
    }
    for nic in &wrong {
        link.rename(nic.nic.index, &nic.name).map_err(|error| failed(&nic.nic, error))?;
    }
    Ok(())
}

fn loopback_up(link: &mut Link) -> io::Result<()> {
    let index = nix::net::if_::if_nametoindex("lo")?;
    link.flags(index, LinkFlags::Up, LinkFlags::Up)
}

/// Gives one NIC its role. A tap comes up only when nothing can leave through it.
fn set_up(link: &mut Link, nic: &Planned, silenced: bool) -> Result<Vec<&'static str>, String> {
    let (index, name) = (nic.nic.index, nic.name.as_str());
    let done = match nic.interface.role {
        Role::Off => net::close(link, index, name).map(|()| Vec::new()),
        Role::Tap => {
            if !silenced {
                firewall::load(&firewall::tap(name))
                    .map_err(|error| format!("{name} stays down: its firewall does not load: {error}"))?;
            }
            net::tap(link, index, name)
        }
        Role::Management => {
            let (addresses, gateways) = (nic.addresses(), nic.gateways());
            net::manage(link, index, name, &addresses, gateways, nic.dhcp(), nic.interface.audited())
        }
    };
    done.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overlays_kernel_settings_are_read() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../os-overlay/etc/sysctl.d/panoptes.conf");
        let text = fs::read_to_string(path).unwrap();
        let all: Vec<_> = settings(&text).collect();
        assert!(all.contains(&("net.ipv4.ip_forward".into(), "0".into())));
        assert!(all.contains(&("kernel.printk".into(), "4 4 1 7".into())));
        assert!(all.iter().all(|(name, value)| name.contains('.') && !value.is_empty()));
    }
}
