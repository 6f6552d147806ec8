//! The client against servers of every kind, and both sides against the C programs.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use common::*;
use record::Cause;
use stream::{
    Client, ClientOptions, DEFAULT_PORT, Error, Event, Happening, Item, Reader, Retry, Source, Target,
    Writer, follow,
};

fn source(address: impl ToString) -> Source {
    Source::parse(&address.to_string(), DEFAULT_PORT).unwrap()
}

/// Options that do not make a test wait.
fn options() -> ClientOptions {
    ClientOptions {
        reply_timeout: Duration::from_millis(500),
        patience: Duration::from_millis(50),
        ..ClientOptions::default()
    }
}

/// A server that says `script` to its one client, after having read something in front of each later part, and then
/// closes.
fn scripted(script: Vec<Vec<u8>>) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        for (n, part) in script.iter().enumerate() {
            if n > 0 && stream.read(&mut [0; 4096]).unwrap_or(0) == 0 {
                return;
            }
            let _ = stream.write_all(part);
        }
        // Closing with octets unread would reset the connection and lose what is under way.
        let _ = stream.shutdown(std::net::Shutdown::Write);
        while stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {}
    });
    address
}

/// Records and damages up to the end of the connection.
fn drain(client: &mut Client) -> (Vec<Vec<u8>>, u64) {
    let (mut records, mut damaged) = (vec![], 0);
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        assert!(Instant::now() < end, "the connection never ends");
        match client.next().unwrap() {
            Event::Item(Item::Record { view, .. }) => records.push(view.bytes().to_vec()),
            Event::Item(Item::Damage(damage)) => damaged += damage.length,
            Event::Idle => {}
            Event::Closed => return (records, damaged),
        }
    }
}

#[test]
fn every_bad_greeting_is_an_error() {
    let mut swapped = initial();
    swapped[4..8].copy_from_slice(&[0, 0x10, 0, 0]);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (vec![], "unexpected end of file"),
        (vec![0x83, 0x82, 0, 1], "remote exceed listen error"),
        (vec![0x83, 0x81, 0, 1], "remote access denied"),
        ([&[0x83, 0x82, 0, 1][..], &[0; 12]].concat(), "remote exceed listen error"),
        (initial()[..40].to_vec(), "ends after 40 of the 128 octets"),
        (b"SSH-2.0-OpenSSH_9.9p1 Debian-3\r\n".to_vec(), "not an argus stream"),
        (vec![0x55; 5], "not an argus stream"),
    ];
    for (greeting, expected) in cases {
        let error = Client::connect(&source(scripted(vec![greeting])), &options()).err().unwrap();
        assert!(error.to_string().contains(expected), "{error}: not {expected}");
    }
    let mut sasl = initial();
    sasl[6] |= 0x10;
    let error = Client::connect(&source(scripted(vec![sasl.to_vec()])), &options()).err().unwrap();
    assert!(matches!(error, Error::Authentication { .. }), "{error}");
}

#[test]
fn a_server_that_is_silent_or_slow_does_not_hold_us() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let begin = Instant::now();
    let error = Client::connect(&source(address), &options()).err().unwrap();
    assert!(error.to_string().contains("no answer in time"), "{error}");
    // One octet at a time does not extend the time.
    let dripping = std::thread::spawn(move || {
        let _silent = listener.accept();
        let (mut stream, _) = listener.accept().unwrap();
        for octet in initial() {
            std::thread::sleep(Duration::from_millis(50));
            if stream.write_all(&[octet]).is_err() {
                break;
            }
        }
    });
    Client::connect(&source(address), &options()).err().unwrap();
    assert!(begin.elapsed() < Duration::from_secs(4));
    drop(dripping);
}

#[test]
fn filter_replies() {
    for (reply, expected) in [
        (&b"SY"[..], "remote filter syntax error"),
        (b"TI", "timed out"),
        (b"ER", "remote filter error"),
        (b"xx", "unexpected reply"),
        (b"O", "connection closed"),
        (b"", "connection closed"),
    ] {
        let server = scripted(vec![initial().to_vec(), reply.to_vec()]);
        let options = ClientOptions { filter: Some("udp".into()), ..options() };
        let error = Client::connect(&source(server), &options).err().unwrap();
        assert!(error.to_string().contains(expected), "{error}: not {expected}");
    }
}

#[test]
fn records_arrive_whatever_the_segments() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let sent = [&initial()[..], &flow(1, 1, 1), &[0; 12], &flow(2, 1, 1), &mar(Cause::Stop)].concat();
    let octets = sent.clone();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        for piece in octets.chunks(7) {
            stream.write_all(piece).unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
        // Unread octets would make the end of the connection a reset.
        let _ = stream.read(&mut [0; 100]);
    });
    let mut client = Client::connect(&source(address), &options()).unwrap();
    assert_eq!(client.initial().unwrap().bytes(), &initial());
    assert_eq!(drain(&mut client), (vec![flow(1, 1, 1), flow(2, 1, 1), mar(Cause::Stop)], 0));
    assert_eq!(client.offset(), sent.len() as u64);
}

#[test]
fn a_filter_changed_in_mid_stream_does_not_break_the_framing() {
    let server = scripted(vec![
        initial().to_vec(),
        flow(1, 1, 1),
        [&flow(2, 1, 1)[..], b"OK", &flow(3, 1, 1)].concat(),
    ]);
    let mut client = Client::connect(&source(server), &options()).unwrap();
    assert!(matches!(client.next().unwrap(), Event::Item(Item::Record { .. })));
    client.set_filter("udp").unwrap();
    assert_eq!(drain(&mut client), (vec![flow(2, 1, 1), flow(3, 1, 1)], 0));
}

#[test]
fn noise_from_a_source_is_skipped() {
    let mut noise = vec![0_u8; 100_001];
    let mut state = 1_u32;
    for octet in &mut noise {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *octet = (state >> 24) as u8;
    }
    let server =
        scripted(vec![[&initial()[..], &flow(1, 1, 1), &noise, &flow(2, 1, 1), &flow(3, 1, 1)].concat()]);
    let mut client = Client::connect(&source(server), &options()).unwrap();
    let (records, damaged) = drain(&mut client);
    assert_eq!(records.first(), Some(&flow(1, 1, 1)));
    assert_eq!(records[records.len() - 2..], [flow(2, 1, 1), flow(3, 1, 1)]);
    assert!(damaged > 90_000);
}

#[test]
fn a_source_that_comes_back_is_followed() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        for sequence in 0..3 {
            let (mut stream, _) = listener.accept().unwrap();
            if sequence == 1 {
                // This time it dies in its greeting.
                stream.write_all(&initial()[..100]).unwrap();
                continue;
            }
            stream.write_all(&[&initial()[..], &flow(sequence, 1, 1)].concat()).unwrap();
            let _ = stream.read(&mut [0; 100]);
        }
    });
    let retry = Retry { first: Duration::from_millis(10), longest: Duration::from_millis(20) };
    let (mut log, mut seen) = (vec![], 0);
    follow(&source(address), &options(), retry, |happening| {
        match happening {
            Happening::Attached(initial) => log.push(format!("attached {}", initial.is_some())),
            Happening::Item(Item::Record { .. }) => seen += 1,
            Happening::Lost(error) => log.push(format!("lost {}", error.is_some())),
            Happening::Failed(error) => log.push(error.to_string()),
            _ => {}
        }
        if seen == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    server.join().unwrap();
    let cut = format!("{address}: ends after 100 of the 128 octets of the initial management record");
    assert_eq!(log, ["attached true", "lost false", cut.as_str(), "attached true"]);
}

#[test]
fn our_client_and_our_server() {
    let (server, address) = serve(|_| {});
    let options = ClientOptions { filter: Some("port 53".into()), ..options() };
    let mut client = Client::connect(&source(address), &options).unwrap();
    until("start", || server.clients().iter().all(|c| c.started));
    server.publish(&[flow(1, 1, 53), flow(2, 1, 1), mar(Cause::Status)].concat());
    server.stop(Duration::from_secs(5));
    assert_eq!(drain(&mut client).0, [flow(1, 1, 53), mar(Cause::Status)]);
}

#[test]
fn our_client_fetches_a_file() {
    let archive = tempfile::tempdir().unwrap();
    let content = [&initial()[..], &flow(1, 1, 1), &flow(2, 1, 1)].concat();
    std::fs::write(archive.path().join("plain"), &content).unwrap();
    std::fs::write(archive.path().join("packed"), zstd::encode_all(&content[..], 1).unwrap()).unwrap();
    let (_server, address) = serve(|c| c.archive = Some(archive.path().into()));
    for name in ["plain", "packed"] {
        let mut client = Client::connect(&source(format!("{address}//{name}")), &options()).unwrap();
        assert_eq!(drain(&mut client), (vec![flow(1, 1, 1), flow(2, 1, 1)], 0), "{name}");
    }
    let error = Client::connect(&source(format!("{address}/missing")), &options()).err().unwrap();
    assert!(matches!(error, Error::RemoteFile { .. }), "{error}");
}

#[test]
fn datagrams() {
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let name = format!("argus-udp://127.0.0.1:{port}");
    let mut client = Client::connect(&source(&name), &options()).unwrap();
    let mut writer = Writer::open(&Target::parse(&name).unwrap(), &initial()).unwrap();
    writer.write(&flow(1, 1, 1)).unwrap();
    writer.flush().unwrap();
    let plain = UdpSocket::bind("127.0.0.1:0").unwrap();
    plain.send_to(&flow(9, 1, 1)[..30], ("127.0.0.1", port)).unwrap();
    plain.send_to(b"nonsense", ("127.0.0.1", port)).unwrap();
    plain.send_to(&[], ("127.0.0.1", port)).unwrap();
    plain.send_to(&[flow(2, 1, 1), flow(3, 1, 1)].concat(), ("127.0.0.1", port)).unwrap();
    let (mut records, mut damaged) = (vec![], 0);
    until("five datagrams", || {
        match client.next().unwrap() {
            Event::Item(Item::Record { view, .. }) => records.push(view.bytes().to_vec()),
            Event::Item(Item::Damage(damage)) => damaged += damage.length,
            _ => {}
        }
        records.len() == 4
    });
    assert_eq!(records, [initial().to_vec(), flow(1, 1, 1), flow(2, 1, 1), flow(3, 1, 1)]);
    assert_eq!(damaged, 38);
}

/// `ra` rows of sequence number and destination port.
fn rows(text: &str) -> Vec<(u32, u16)> {
    text.lines()
        .filter_map(|l| {
            let mut words = l.split_whitespace();
            Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
        })
        .collect()
}

#[test]
fn the_c_client_reads_our_server() {
    let Some(ra) = oracle("ra") else { return };
    let (server, address) = serve(|_| {});
    let address = address.to_string();
    let plain = spawn(&ra, &["-X", "-S", &address, "-n", "-s", "seq", "dport", "-N", "40"]);
    let udp = spawn(&ra, &["-X", "-S", &address, "-n", "-s", "seq", "dport", "-N", "10", "-", "port", "53"]);
    until("two clients", || server.clients().iter().filter(|c| c.started).count() == 2);
    assert!(server.clients().iter().any(|c| c.filter == "man or (port 53)"));
    for sequence in 0..40_u16 {
        server.publish(&flow(sequence.into(), 4000, if sequence % 4 == 0 { 53 } else { 1000 + sequence }));
    }
    let expected: Vec<_> = (0..40).map(|s| (s, if s % 4 == 0 { 53 } else { 1000 + s as u16 })).collect();
    assert_eq!(rows(&plain.output().0), expected);
    let expected: Vec<_> = (0..10).map(|n| (n * 4, 53)).collect();
    assert_eq!(rows(&udp.output().0), expected);
    until("they say DONE", || server.clients().is_empty());
}

#[test]
fn the_c_client_fetches_our_file() {
    let Some(ra) = oracle("ra") else { return };
    let archive = tempfile::tempdir().unwrap();
    let content = [&initial()[..], &flow(1, 1, 11), &flow(2, 1, 12)].concat();
    std::fs::write(archive.path().join("argus"), content).unwrap();
    let (_server, address) = serve(|c| c.archive = Some(archive.path().into()));
    let url = format!("argus://{address}//argus");
    // It prints a title first, and would fetch the file again and again.
    let text = spawn(&ra, &["-X", "-S", &url, "-n", "-s", "seq", "dport"]).first_lines(3);
    assert_eq!(rows(&text), [(1, 11), (2, 12)]);
}

/// A free port. Between this and its use another program might take it, which has not been seen.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

#[test]
fn the_c_radium_relays_our_server_to_our_client() {
    let Some(radium) = oracle("radium") else { return };
    let (server, address) = serve(|_| {});
    let port = free_port().to_string();
    let _radium = spawn(
        &radium,
        &["-X", "-F", "/dev/null", "-S", &address.to_string(), "-P", &port, "-B", "127.0.0.1"],
    );
    until("radium is attached", || server.clients().iter().any(|c| c.started));
    let relay = format!("127.0.0.1:{port}");
    until("radium listens", || TcpStream::connect(&relay).is_ok());
    let mut client = Client::connect(&source(&relay), &options()).unwrap();
    // Its initial record has the status in host order; ours is mended. It has no id here.
    assert_eq!(client.initial().unwrap().version(), 3);
    let mut seen = vec![];
    let mut sequence = 0;
    until("records through C radium", || {
        server.publish(&flow(sequence, 4000, 80));
        sequence += 1;
        if let Event::Item(Item::Record { view, .. }) = client.next().unwrap()
            && view.kind().is_flow()
        {
            seen.push(u32::from_be_bytes(view.bytes()[12..16].try_into().unwrap()));
        }
        seen.len() == 20
    });
    assert!(seen.windows(2).all(|w| w[1] == w[0] + 1), "{seen:?}");
}

#[test]
fn files_of_the_c_sensor_in_every_compression() {
    let Some(argus) = oracle("argus") else { return };
    let shared = std::env::var_os("PANOPTES_SHARED")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let pcap = shared.join("corpus/tcpdump/802.1D_spanning_tree.pcap");
    if !pcap.exists() {
        eprintln!("skipped: no {}", pcap.display());
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("plain");
    let (_, status) = spawn(
        &argus,
        &["-X", "-F", "/dev/null", "-r", pcap.to_str().unwrap(), "-w", plain.to_str().unwrap()],
    )
    .output();
    assert_eq!(status, Some(0));
    let bytes = std::fs::read(&plain).unwrap();
    let mut gz = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    gz.write_all(&bytes).unwrap();
    let mut bz2 = bzip2::write::BzEncoder::new(vec![], bzip2::Compression::fast());
    bz2.write_all(&bytes).unwrap();
    let mut xz = liblzma::write::XzEncoder::new(vec![], 1);
    xz.write_all(&bytes).unwrap();
    let packed = [
        ("plain", bytes.clone()),
        ("gz", gz.finish().unwrap()),
        ("bz2", bz2.finish().unwrap()),
        ("xz", xz.finish().unwrap()),
        ("zst", zstd::encode_all(&bytes[..], 1).unwrap()),
    ];
    for (name, octets) in packed {
        let path = dir.path().join("input");
        std::fs::write(&path, octets).unwrap();
        let mut reader = Reader::open(&path).unwrap();
        let mut all = vec![];
        while let Some(item) = reader.next().unwrap() {
            let Item::Record { offset, view } = item else { panic!("{name}: damage") };
            assert_eq!(offset, all.len() as u64);
            all.extend_from_slice(view.bytes());
        }
        assert!(all == bytes, "{name}");
    }
    // A cut compressed file gives what is in front of the cut, then an error that says where.
    let mut gz = flate2::write::GzEncoder::new(vec![], flate2::Compression::none());
    gz.write_all(&bytes).unwrap();
    let whole = gz.finish().unwrap();
    std::fs::write(&plain, &whole[..whole.len() - 20]).unwrap();
    let mut reader = Reader::open(&plain).unwrap();
    let error = loop {
        match reader.next() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("no error"),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("offset"), "{error}");
}
