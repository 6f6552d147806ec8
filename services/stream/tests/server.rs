//! The server against clients of every kind, well and badly behaved.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use common::*;
use record::Cause;

#[test]
fn streams_after_start_and_not_before() {
    let (server, address) = serve(|_| {});
    let client = attach(address);
    server.publish(&flow(1, 1, 1));
    until("taken", || server.totals().records == 1);
    say(&client, "START: user='root',cmd='ra[31926]'");
    until("start", || server.clients().iter().all(|c| c.started));
    for sequence in 2..100 {
        server.publish(&flow(sequence, 1, 1));
        assert_eq!(read_record(&client), flow(sequence, 1, 1));
    }
    server.publish(&mar(Cause::Stop));
    server.stop(Duration::from_secs(5));
    assert_eq!(rest(&client), mar(Cause::Stop));
    assert_eq!(server.totals().records, 100);
}

#[test]
fn a_command_may_come_in_pieces() {
    let (server, address) = serve(|_| {});
    let client = attach(address);
    say(&client, "STA");
    say(&client, "RT: ");
    until("start", || server.clients().iter().all(|c| c.started));
}

#[test]
fn filters_per_client() {
    let (server, address) = serve(|_| {});
    let (all, dns, late) = (attach(address), attach(address), attach(address));
    for (mut client, filter) in [(&dns, "man or (udp port 53)"), (&late, "port 99")] {
        say(client, &format!("FILTER: {filter}"));
        let mut reply = [0; 2];
        client.read_exact(&mut reply).unwrap();
        assert_eq!(&reply, b"OK");
    }
    for client in [&all, &dns, &late] {
        say(client, "START: ");
    }
    until("start", || server.clients().iter().filter(|c| c.started).count() == 3);
    let records = [flow(1, 4000, 53), flow(2, 4000, 80), mar(Cause::Status), ip_flow(3, 6, 4000, 53)];
    for record in &records {
        server.publish(record);
    }
    for record in &records {
        assert_eq!(&read_record(&all), record);
    }
    assert_eq!(read_record(&dns), records[0]);
    assert_eq!(read_record(&dns), records[2]);

    // A filter of a running stream: the reply stands between records.
    say(&late, "FILTER: port 80");
    until("new filter", || server.clients().iter().any(|c| c.filter == "port 80"));
    server.publish(&records.concat());
    let mut reply = [0; 2];
    (&late).read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"OK");
    assert_eq!(read_record(&late), records[1]);
    server.stop(Duration::from_secs(5));
    assert_eq!(rest(&dns), [&records[0][..], &records[2]].concat());
    assert_eq!(rest(&late), b"");
}

#[test]
fn status_records_pass_filters_of_a_sensor() {
    let (server, address) = serve(|c| c.status_passes_filters = true);
    let client = attach(address);
    say(&client, "FILTER: tcp");
    (&client).read_exact(&mut [0; 2]).unwrap();
    say(&client, "START: ");
    until("start", || server.clients().iter().all(|c| c.started));
    server.publish(&[mar(Cause::Status), flow(1, 1, 1), mar(Cause::Stop)].concat());
    server.stop(Duration::from_secs(5));
    assert_eq!(rest(&client), mar(Cause::Status));
}

#[test]
fn a_wrong_filter_costs_only_that_client() {
    let (server, address) = serve(|_| {});
    let good = attach(address);
    say(&good, "START: ");
    let deep = format!("FILTER: {}", "(".repeat(4000));
    for filter in ["FILTER: udpSTART: ", "FILTER: host no.such.host.invalid", "FILTER: ((", deep.as_str()] {
        let client = attach(address);
        say(&client, filter);
        assert_eq!(rest(&client), b"SY", "{filter}");
    }
    until("they are gone", || server.clients().len() == 1);
    server.publish(&flow(1, 1, 1));
    assert_eq!(read_record(&good), flow(1, 1, 1));
}

#[test]
fn nonsense_is_survived() {
    let (server, address) = serve(|_| {});
    for text in ["hello", "MODEL: x", "PROJECT: y", "GEN: z", "START", "FILE: /etc/passwd"] {
        let client = attach(address);
        say(&client, text);
        say(&client, "\nSTART: ");
        until("start", || server.clients().iter().all(|c| c.started));
        say(&client, "DONE: ");
        let expected: &[u8] = if text.starts_with("FILE") { b"KO" } else { b"" };
        assert_eq!(rest(&client), expected, "{text}");
        until("gone", || server.clients().is_empty());
    }
    // Octets that nobody types end the connection at once.
    let client = attach(address);
    (&client).write_all(&[0x1b; 3000]).unwrap();
    assert_eq!(rest(&client), b"");
    // A flood of words is neither obeyed nor kept.
    let client = attach(address);
    for _ in 0..2000 {
        if (&client).write_all(&[b'x'; 4096]).is_err() {
            break;
        }
    }
    drop(client);
    until("gone", || server.clients().is_empty());
}

#[test]
fn who_never_starts_is_closed() {
    let (server, address) = serve(|c| c.start_timeout = Duration::from_millis(200));
    let (silent, started) = (attach(address), attach(address));
    say(&started, "START: ");
    assert_eq!(rest(&silent), b"");
    until("closed", || server.clients().len() == 1);
    server.publish(&flow(1, 1, 1));
    assert_eq!(read_record(&started), flow(1, 1, 1));
}

#[test]
fn full_is_said_in_four_octets() {
    let (server, address) = serve(|c| c.max_clients = 2);
    let _two = [attach(address), attach(address)];
    for _ in 0..100 {
        let third = TcpStream::connect(address).unwrap();
        assert_eq!(rest(&third), [0x83, 0x82, 0, 1]);
    }
    assert_eq!(server.totals().clients, 2);
}

#[test]
fn two_hundred_and_fifty_six_clients() {
    let (server, address) = serve(|_| {});
    let clients: Vec<TcpStream> = (0..256).map(|_| attach(address)).collect();
    for client in &clients {
        (&*client).write_all(b"START: ").unwrap();
    }
    until("start", || server.clients().iter().filter(|c| c.started).count() == 256);
    let records: Vec<u8> = (0..200).flat_map(|s| flow(s, 1, 1)).collect();
    server.publish(&records);
    server.stop(Duration::from_secs(10));
    for client in &clients {
        assert_eq!(rest(client), records);
    }
}

#[test]
fn a_slow_client_loses_whole_old_records_and_holds_nobody_up() {
    let (server, address) = serve(|c| c.ring = 1 << 20);
    let (slow, fast, filtered) = (attach_small(address), attach(address), attach_small(address));
    say(&filtered, "FILTER: udp");
    (&filtered).read_exact(&mut [0; 2]).unwrap();
    for client in [&slow, &fast, &filtered] {
        say(client, "START: ");
    }
    until("start", || server.clients().iter().filter(|c| c.started).count() == 3);
    let total = 400_000_u32;
    let reader = std::thread::spawn(move || {
        for sequence in 0..total {
            assert_eq!(read_record(&fast), flow(sequence, 1, 1));
        }
    });
    let mut pace = 0;
    for sequence in 0..total {
        server.publish(&flow(sequence, 1, 1));
        // No faster than the fast one reads: it must lose nothing.
        while sequence == pace {
            let status = server.clients();
            let fast = status.iter().map(|c| c.records).max().unwrap();
            if fast + 2000 > u64::from(sequence) {
                pace = sequence + 1000;
            } else {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
    reader.join().unwrap();
    let status = server.clients();
    let lost: Vec<u64> = status.iter().map(|c| c.dropped).collect();
    assert!(lost.iter().filter(|l| **l > 0).count() == 2, "{lost:?}");
    assert_eq!(server.totals().dropped, lost.iter().sum::<u64>());

    let stopper = {
        let server = server.clone();
        std::thread::spawn(move || server.stop(Duration::from_secs(10)))
    };
    for client in [&slow, &filtered] {
        let bytes = rest(client);
        let mut expected_after = None;
        let (mut at, mut seen) = (0, 0_u64);
        while at < bytes.len() {
            let octets = usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]])) * 4;
            let sequence = u32::from_be_bytes(bytes[at + 12..at + 16].try_into().unwrap());
            assert_eq!(bytes[at..at + octets], flow(sequence, 1, 1), "a whole record");
            assert!(expected_after < Some(sequence), "in order");
            expected_after = Some(sequence);
            at += octets;
            seen += 1;
        }
        assert_eq!(expected_after, Some(total - 1), "the newest are kept");
        assert!(lost.contains(&(u64::from(total) - seen)), "{seen} seen, {lost:?} lost");
    }
    stopper.join().unwrap();
    assert_eq!(server.totals().dropped, lost.iter().sum::<u64>(), "drops outlive the clients");
}

#[test]
fn files_come_from_the_archive_only() {
    let archive = tempfile::tempdir().unwrap();
    let mut file = initial().to_vec();
    for sequence in 0..5000 {
        file.extend(flow(sequence, 1, 1));
    }
    std::fs::create_dir(archive.path().join("2026")).unwrap();
    std::fs::write(archive.path().join("2026/argus"), &file).unwrap();
    let (_server, address) = serve(|c| c.archive = Some(archive.path().into()));

    let client = attach(address);
    say(&client, "FILE: //2026/argus");
    let mut size = [0; 4];
    (&client).read_exact(&mut size).unwrap();
    assert_eq!(u32::from_be_bytes(size) as usize, file.len());
    say(&client, "START: ");
    assert_eq!(rest(&client), file);

    for path in ["/../etc/passwd", "/etc/passwd", "/2026", "/2026/../../etc/passwd"] {
        let client = attach(address);
        say(&client, &format!("FILE: {path}"));
        let mut reply = [0; 2];
        (&client).read_exact(&mut reply).unwrap();
        assert_eq!(&reply, b"KO", "{path}");
    }
}
