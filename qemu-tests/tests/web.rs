//! A person with a browser: claims a booted box, logs in, and sees its NICs' counters move.

#![allow(clippy::unwrap_used)]

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use qemu_tests::{Browser, Conversation, Firmware, Machine, Options, Segment, default_image, get};

/// How long the box may take to serve its first page; TCG on two cores.
const BOOT: Duration = Duration::from_secs(120);
const NAME: &str = "ada";
const PASSWORD: &str = "correct horse battery";

/// The number in a cell, as far as it is one.
fn count(text: &str) -> u64 {
    text.parse().unwrap_or(0)
}

#[test]
fn a_person_claims_the_box_and_sees_it_count() {
    let options =
        Options { image: default_image(), firmware: Firmware::Bios, taps: 1, seed: None, console: None };
    let mut machine = Machine::boot(options).unwrap();
    let claim = machine.console().wait_for("claim code: ", BOOT).unwrap();
    let code = claim.split("claim code: ").nth(1).unwrap().trim().to_owned();
    machine.console().wait_for("ready", BOOT).unwrap();

    // Two hosts talk on the first tap for as long as the browser looks.
    let mut segment = Segment::new(Some(machine.tap(0).unwrap())).unwrap();
    let client = segment.add_host(Ipv4Addr::new(192, 0, 2, 1));
    let server = segment.add_host(Ipv4Addr::new(192, 0, 2, 2));
    let quiet = Arc::new(AtomicBool::new(false));
    let talk = std::thread::spawn({
        let quiet = quiet.clone();
        move || {
            while !quiet.load(Ordering::Relaxed) {
                let echo = Conversation::Echo { client, server, requests: 5, payload: 56 };
                segment.converse(&[echo], Duration::from_secs(20)).unwrap();
                std::thread::sleep(Duration::from_millis(300));
            }
        }
    });

    let page = format!("https://127.0.0.1:{}", machine.web());
    let browser = Browser::start().unwrap();

    // Whatever is asked of a box without an owner leads to the claim; a wrong code does not open it.
    browser.open(&format!("{page}/services")).unwrap();
    assert_eq!(browser.address().unwrap(), format!("{page}/claim"));
    let claim = |code: &str| {
        browser.fill("#code", code).unwrap();
        browser.fill("#user", NAME).unwrap();
        browser.fill("#password", PASSWORD).unwrap();
        browser.fill("#again", PASSWORD).unwrap();
        browser.click("main button").unwrap();
    };
    claim("AAAA-AAAA");
    browser.wait_for(".trouble", |text| !text.is_empty()).unwrap();
    claim(&code);
    browser.wait_for("h1", |text| text == "Overview").unwrap();

    // Claimed once is claimed: out, a wrong password, and in again.
    browser.click(".logout button").unwrap();
    browser.wait_for("h1", |text| text == "Log in").unwrap();
    browser.open(&format!("{page}/claim")).unwrap();
    assert_eq!(browser.address().unwrap(), format!("{page}/login"));
    browser.fill("#user", NAME).unwrap();
    browser.fill("#password", "wrong horse battery").unwrap();
    browser.click("main button").unwrap();
    browser.wait_for(".trouble", |text| text.contains("wrong")).unwrap();
    browser.fill("#password", PASSWORD).unwrap();
    browser.click("main button").unwrap();
    browser.wait_for("h1", |text| text == "Overview").unwrap();

    // The counters move without the page being loaded anew: the NIC's, the sensor's records, the archive's.
    let packets = "[data-nic=em1] [data-cell=rx_packets]";
    let first = count(&browser.wait_for(packets, |text| count(text) > 0).unwrap());
    browser.wait_for(packets, |text| count(text) > first).unwrap();
    let records = count(&browser.wait_for("[data-live=records]", |text| count(text) > 0).unwrap());
    browser.wait_for("[data-live=records]", |text| count(text) > records).unwrap();
    browser.wait_for("[data-live=synced]", |text| count(text) > 0).unwrap();

    // Every service runs, and a restart makes another process of it.
    browser.open(&format!("{page}/services")).unwrap();
    for service in ["argus.em1", "radium", "archived", "web-admin"] {
        let state = format!("[data-service='{service}'] [data-cell=state]");
        browser.wait_for(&state, |text| text == "ready").unwrap();
    }
    let process = "[data-service='argus.em1'] [data-cell=pid]";
    let before = browser.text(process).unwrap();
    browser.click("[data-service='argus.em1'] button").unwrap();
    browser.wait_for(process, |text| count(text) > 0 && text != before).unwrap();

    // The only complaints of the browser are about the 4xx answers that were asked for.
    let complaints = browser.complaints().unwrap();
    let asked = |text: &&String| text.contains("the server responded with a status of 4");
    let unasked: Vec<_> = complaints.iter().filter(|text| !asked(text)).collect();
    assert!(unasked.is_empty(), "{unasked:?}");

    let metrics = get(machine.web(), "/metrics", Duration::from_secs(10)).unwrap();
    assert_eq!(metrics.status, 200);
    let counted = metrics
        .body
        .lines()
        .find_map(|line| line.strip_prefix("panoptes_interface_receive_packets_total{interface=\"em1\"} "));
    assert!(count(counted.unwrap()) >= first, "{}", metrics.body);

    quiet.store(true, Ordering::Relaxed);
    talk.join().unwrap();
}
