//! The answer to "how is the box?".

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use boxd_api::{Interface, Service, Space, Status};
use net::{Link, SYS_NET};
use nix::sys::statvfs::statvfs;

use super::Shared;
use crate::backoff::{Memory, uptime};
use crate::plan::Planned;
use crate::stage1::CommandLine;
use crate::supervise;

/// The whole state of the box, as of now.
pub fn status(shared: &Shared) -> Status {
    // A code that is not there yet is about to be.
    let unclaimed = shared.claim().as_ref().is_none_or(|claim| claim.shown().is_some());
    let state = shared.state().clone();
    let config = &state.settings.config;
    let mut names = state.services.clone();
    names.push("boxd".into());
    names.sort();
    Status {
        hostname: config.this.hostname.to_string(),
        location: config.this.location.to_string(),
        version: version(),
        slot: slot(),
        uptime: uptime(),
        now: SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        unclaimed,
        degraded: state.faults.values().flatten().cloned().collect(),
        memory: memory(&fs::read_to_string("/proc/meminfo").unwrap_or_default()),
        data: data(),
        load: load(&fs::read_to_string("/proc/loadavg").unwrap_or_default()),
        interfaces: interfaces(&state.nics),
        services: names.iter().map(|name| service(name)).collect(),
    }
}

fn version() -> String {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix("VERSION_ID="));
    value.map_or_else(|| env!("CARGO_PKG_VERSION").into(), |text| text.trim_matches('"').into())
}

fn slot() -> String {
    let text = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    CommandLine::parse(&text).map_or_else(|_| String::new(), |line| line.slot)
}

fn memory(meminfo: &str) -> Space {
    let octets = |name: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_ascii_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
    };
    Space { total: octets("MemTotal:").unwrap_or(0), free: octets("MemAvailable:").unwrap_or(0) }
}

/// The data partition; volatile data counts as absent.
fn data() -> Option<Space> {
    if Path::new(crate::stage1::DEGRADED).join("data").exists() {
        return None;
    }
    let info = statvfs("/data").ok()?;
    let unit = info.fragment_size();
    Some(Space {
        total: info.blocks().saturating_mul(unit),
        free: info.blocks_available().saturating_mul(unit),
    })
}

fn load(loadavg: &str) -> [f32; 3] {
    let mut numbers = loadavg.split_ascii_whitespace().map(|word| word.parse().unwrap_or(0.0));
    std::array::from_fn(|_| numbers.next().unwrap_or(0.0))
}

fn interfaces(nics: &[Planned]) -> Vec<Interface> {
    let addresses = Link::open().and_then(|mut link| link.addresses()).unwrap_or_default();
    let sys = Path::new(SYS_NET);
    let one = |nic: &Planned| {
        let counted = net::counters(sys, &nic.name);
        let audited = nic.interface.audited();
        let mine = addresses.iter().filter(|address| address.index == nic.nic.index);
        Interface {
            name: nic.name.clone(),
            mac: nic.nic.mac.to_string(),
            driver: nic.nic.driver.clone(),
            role: nic.interface.role.to_string(),
            link: net::has_link(sys, &nic.name),
            addresses: mine.map(|address| address.net.to_string()).collect(),
            audited,
            srcid: if audited { nic.srcid.to_string() } else { String::new() },
            port: if audited { nic.port() } else { 0 },
            rx_packets: counted.rx_packets,
            rx_octets: counted.rx_octets,
            rx_dropped: counted.rx_dropped,
            tx_packets: counted.tx_packets,
            tx_octets: counted.tx_octets,
        }
    };
    nics.iter().map(one).collect()
}

fn service(name: &str) -> Service {
    let status = supervise::Status::read(&supervise::directory(name));
    let memory = Memory::read(name);
    let state = match &status {
        Some(status) if status.wanted && memory.not_before > uptime() => "failing",
        Some(status) if status.ready => "ready",
        Some(status) if status.pid.is_some() => "up",
        _ => "down",
    };
    let since = status.map(|status| status.since.elapsed().unwrap_or_default().as_secs());
    Service {
        name: name.into(),
        state: state.into(),
        pid: status.and_then(|status| status.pid).unwrap_or(0),
        seconds: since.unwrap_or(0),
        crashes: memory.crashes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_writes_is_read() {
        let space = memory("MemTotal:         503924 kB\nMemFree: 1 kB\nMemAvailable:     401236 kB\n");
        assert_eq!(space, Space { total: 503924 * 1024, free: 401236 * 1024 });
        assert_eq!(memory("MemTotal: rubbish"), Space { total: 0, free: 0 });
        assert_eq!(load("0.52 0.13 1.04 2/71 1234\n"), [0.52, 0.13, 1.04]);
        assert_eq!(load(""), [0.0; 3]);
    }

    #[test]
    fn a_service_that_is_not_there_is_down() {
        let service = service("argus.em99");
        assert_eq!((service.state.as_str(), service.pid, service.crashes), ("down", 0, 0));
    }
}
