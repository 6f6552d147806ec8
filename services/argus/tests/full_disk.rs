//! A disk that runs full costs the records that did not fit, which are counted, and nothing else (1.7). Needs root, for a
//! small file system of its own.
#![allow(clippy::unwrap_used)]

mod common;

use std::process::Command;

use common::namespace::{inside_as_root, interfaces, send, start_with};
use common::{Folder, mars, read, wait_for};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::Signal;

#[test]
fn a_full_disk_costs_what_did_not_fit() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: a_full_disk_costs_what_did_not_fit needs root");
        return;
    }
    if !inside_as_root("a_full_disk_costs_what_did_not_fit") {
        return;
    }
    interfaces();
    let folder = Folder::new();
    let small = folder.path("small");
    std::fs::create_dir(&small).unwrap();
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    let mount = |arguments: &[&str]| {
        let status = Command::new("mount").args(arguments).status();
        status.is_ok_and(|status| status.success())
    };
    if !mount(&["--make-rprivate", "/"])
        || !mount(&["-t", "tmpfs", "-o", "size=160k", "none", small.to_str().unwrap()])
    {
        eprintln!("skipped: a_full_disk_costs_what_did_not_fit cannot mount");
        return;
    }
    let filler = small.join("filler");
    std::fs::write(&filler, vec![0; 128 << 10]).unwrap();
    let (tight, roomy) = (small.join("out"), folder.path("out"));
    let log = std::fs::File::create(folder.path("log")).unwrap();
    let told = || std::fs::read_to_string(folder.path("log")).unwrap();
    let mut sensor = start_with(
        &["-i", "vb", "-S", "0.2", "-M", "1", "-w", tight.to_str().unwrap(), "-w", roomy.to_str().unwrap()],
        log.into(),
    );
    let mut port = 5000;
    wait_for("a full disk", || {
        (0..100).for_each(|step| send(port + step, 1));
        port = 5000 + (port - 4900) % 40_000;
        told().contains("No space left on device").then_some(())
    });
    std::fs::remove_file(&filler).unwrap();
    wait_for("room", || {
        send(100, 1);
        told().contains("written to again").then_some(())
    });
    sensor.signal(Signal::SIGTERM);
    // What was to be kept is not.
    assert_eq!(sensor.end().code(), Some(1));
    let told = told();
    let lost =
        told.lines().find_map(|line| line.strip_suffix(" records were not written")?.rsplit(' ').next());
    let lost: usize = lost.unwrap_or_else(|| panic!("{told}")).parse().unwrap();
    assert!(lost > 0);
    let (tight, roomy) = (read(&tight), read(&roomy));
    assert_eq!(tight.len() + lost, roomy.len(), "{told}");
    let counted: u64 = mars(&roomy).iter().map(|mar| mar.packets).sum();
    assert_eq!(common::namespace::packets(&folder.path("out"), |_| true), counted);
}
