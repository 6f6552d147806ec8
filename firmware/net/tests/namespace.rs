//! Roles on real interfaces: pairs of virtual ones in a network namespace of the test's own.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::process::Command;

use net::Link;
use nix::sched::{CloneFlags, unshare};

/// Runs the test on a thread in a new network namespace with the interfaces eth0 and eth1, which are
/// connected; says so when that is not possible.
fn in_namespace(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::spawn(|| {
        if let Err(error) = unshare(CloneFlags::CLONE_NEWNET) {
            return eprintln!("skipped: no network namespaces: {error}");
        }
        ip("link add eth0 type veth peer name eth1");
        ip("link set lo up");
        test();
    });
    thread.join().unwrap();
}

fn ip(words: &str) -> String {
    let output = Command::new("ip").args(words.split(' ')).output().unwrap();
    assert!(output.status.success(), "ip {words}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn index(nic: &str) -> u32 {
    nix::net::if_::if_nametoindex(nic).unwrap()
}

fn offload(nic: &str, command: &str) -> String {
    match Command::new("ethtool").args(["-k", nic]).output() {
        Ok(output) => {
            let text = String::from_utf8(output.stdout).unwrap();
            text.lines().find(|line| line.starts_with(command)).unwrap_or_default().to_owned()
        }
        Err(_) => {
            eprintln!("skipped in part: ethtool is not installed");
            format!("{command}: off")
        }
    }
}

#[test]
fn a_tap_is_up_listens_and_is_nobody() {
    in_namespace(|| {
        ip("addr add 192.0.2.5/24 dev eth0");
        let mut link = Link::open().unwrap();
        link.rename(index("eth0"), "em3").unwrap();
        let refused = net::tap(&mut link, index("em3"), "em3").unwrap();
        let shown = ip("-d link show em3");
        for word in ["PROMISC", "NOARP", ",UP"] {
            assert!(shown.contains(word), "{word}: {shown}");
        }
        assert_eq!(ip("-o addr show dev em3"), "");
        assert_eq!(fs::read_to_string("/proc/sys/net/ipv6/conf/em3/disable_ipv6").unwrap(), "1\n");
        for name in ["generic-receive-offload", "tcp-segmentation-offload", "generic-segmentation-offload"] {
            let now = offload("em3", name);
            assert!(now.contains("off"), "{now}; refused: {refused:?}");
        }
        // Once more changes nothing.
        net::tap(&mut link, index("em3"), "em3").unwrap();
    });
}

#[test]
fn management_has_exactly_what_is_configured() {
    in_namespace(|| {
        let mut link = Link::open().unwrap();
        let nic = index("eth0");
        net::tap(&mut link, nic, "eth0").unwrap();
        ip("link set eth1 up");
        let manage = |link: &mut Link, addresses: &[&str], gateways: &[&str], dhcp: bool| {
            let addresses: Vec<_> = addresses.iter().map(|text| text.parse().unwrap()).collect();
            let gateways: Vec<_> = gateways.iter().map(|text| text.parse().unwrap()).collect();
            net::manage(link, nic, "eth0", &addresses, &gateways, dhcp, false).unwrap();
        };
        let global = |link: &mut Link| {
            let all = link.addresses().unwrap();
            let mut mine: Vec<String> = all
                .iter()
                .filter(|it| it.index == nic && it.is_global())
                .map(|it| it.net.to_string())
                .collect();
            mine.sort();
            mine
        };
        manage(&mut link, &["192.0.2.5/24", "2001:db8::5/64"], &["192.0.2.1", "2001:db8::1"], false);
        assert_eq!(global(&mut link), ["192.0.2.5/24", "2001:db8::5/64"]);
        assert!(ip("route show default").contains("via 192.0.2.1 dev eth0"));
        assert!(ip("-6 route show default").contains("via 2001:db8::1 dev eth0"));
        let shown = ip("link show eth0");
        assert!(!shown.contains("PROMISC") && !shown.contains("NOARP"), "{shown}");
        assert!(ip("addr show eth0").contains("brd 192.0.2.255"));
        // Another address takes the place of the first.
        manage(&mut link, &["198.51.100.7/25"], &["198.51.100.1"], false);
        assert_eq!(global(&mut link), ["198.51.100.7/25"]);
        assert!(ip("route show default").contains("via 198.51.100.1"));
        // What a DHCP server gave stays.
        manage(&mut link, &[], &[], true);
        assert_eq!(global(&mut link), ["198.51.100.7/25"]);
        net::close(&mut link, nic, "eth0").unwrap();
        assert_eq!(global(&mut link), [""; 0]);
        assert!(!ip("link show eth0").contains(",UP"));
    });
}

#[test]
fn faults_name_the_nic() {
    in_namespace(|| {
        let mut link = Link::open().unwrap();
        let error = net::tap(&mut link, 9999, "em9").unwrap_err().to_string();
        assert!(error.starts_with("em9: "), "{error}");
        assert!(link.rename(9999, "em9").is_err());
        // A taken name.
        assert!(link.rename(index("eth0"), "eth1").is_err());
    });
}
