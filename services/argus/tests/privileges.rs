//! Privileges are given up before packets are read (1.8). Needs root.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Folder, run, told};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

#[test]
fn outputs_belong_to_the_user_that_the_sensor_becomes() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: changing the user needs root");
        return;
    }
    let folder = Folder::new();
    std::fs::set_permissions(folder.path(""), std::fs::Permissions::from_mode(0o777)).unwrap();
    let out = folder.path("out");
    let output =
        run(&["-u", "nobody", "-g", "nogroup", "-r", &folder.text("t.pcap"), "-w", out.to_str().unwrap()]);
    assert!(output.status.success(), "{}", told(&output));
    let kind = std::fs::metadata(&out).unwrap();
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    assert_eq!(kind.uid(), nobody.uid.as_raw());
    assert_eq!(kind.len(), 556);
    // What only root may read is not read.
    std::fs::set_permissions(folder.path("t.pcap"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let output = run(&["-u", "nobody", "-r", &folder.text("t.pcap")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).contains("Permission denied"), "{}", told(&output));
}

#[test]
fn paths_are_those_of_the_new_root() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: chroot needs root");
        return;
    }
    let folder = Folder::new();
    let output =
        run(&["-c", &folder.text(""), "-u", "nobody", "-r", "t.pcap", "-w", "/dev-null-is-not-here/x"]);
    assert_eq!(output.status.code(), Some(1));
    std::fs::set_permissions(folder.path(""), std::fs::Permissions::from_mode(0o777)).unwrap();
    let output = run(&["-c", &folder.text(""), "-u", "nobody", "-r", "t.pcap", "-w", "x"]);
    assert!(output.status.success(), "{}", told(&output));
    assert_eq!(std::fs::metadata(folder.path("x")).unwrap().len(), 556);
}
