//! Where records come from and go to, from outside: files and folders, compressed or not, pipes, sources; outputs that
//! end before their time.

mod common;

use common::{RA, Running, command, flow, initial, installed, printed, run, text, until};
use record::RecordView;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// A stream of flows to these ports.
fn stream(ports: impl IntoIterator<Item = u16>) -> Vec<u8> {
    [initial()].into_iter().chain(ports.into_iter().map(flow)).flatten().collect()
}

/// The ports that rows show.
fn ports(text: &str) -> Vec<u16> {
    text.lines().filter_map(|line| line.trim().parse().ok()).collect()
}

const PORTS: [&str; 4] = ["-s", "dport", "-L", "-1"];

fn read(arguments: &[&str]) -> Vec<u16> {
    ports(&printed(RA, &[&["-X", "-n"][..], arguments, &PORTS].concat()))
}

/// Asserts that a file is an initial record and whole records; returns how many follow it.
fn whole_records(path: &Path) -> usize {
    let octets = std::fs::read(path).expect("written");
    let mut at = 0;
    let mut count = 0;
    while at < octets.len() {
        let view = RecordView::new(&octets[at..]).unwrap_or_else(|error| panic!("offset {at}: {error}"));
        at += view.bytes().len();
        count += 1;
    }
    count - 1
}

#[test]
fn files_in_order_folders_sorted_and_ranges() {
    let scratch = tempfile::tempdir().expect("a folder");
    let at = |name: &str| scratch.path().join(name);
    std::fs::create_dir_all(at("tree/b/deep")).expect("made");
    std::fs::create_dir_all(at("tree/.hidden")).expect("made");
    for (name, port) in [
        ("one", 1),
        ("two", 2),
        ("tree/c", 30),
        ("tree/b/deep/x", 20),
        ("tree/a", 10),
        ("tree/.dot", 98),
        ("tree/.hidden/y", 99),
    ] {
        std::fs::write(at(name), stream([port])).expect("written");
    }
    std::os::unix::fs::symlink(at("one"), at("tree/z")).expect("linked");
    assert_eq!(read(&["-r", text(&at("two")), text(&at("one"))]), [2, 1]);
    assert_eq!(read(&["-r", text(&at("two")), "-R", text(&at("tree"))]), [2, 10, 20, 30, 1]);
    // 3.0.8 sorts what is named before a folder too.
    let (file, folder) = (at("two"), at("tree"));
    let named = ["--compat", "3.0.8", "-r", text(&file), "-R", text(&folder)];
    assert_eq!(read(&named), [10, 20, 30, 1, 2]);
    // A source of a configuration file is for runs that name no file.
    std::fs::write(at("rarc"), "RA_ARGUS_SERVER=127.0.0.1:1\n").expect("written");
    assert_eq!(read(&["-F", text(&at("rarc")), "-r", text(&file)]), [2]);
    // Several streams in one file.
    std::fs::write(at("both"), [stream([3, 4]), stream([5])].concat()).expect("written");
    assert_eq!(read(&["-r", text(&at("both"))]), [3, 4, 5]);
    // Octets of the input at which records begin.
    let length = flow(1).len();
    std::fs::write(at("many"), stream(1..=9)).expect("written");
    let ranged = |start: usize, end: usize| read(&["-r", &format!("{}::{start}:{end}", text(&at("many")))]);
    assert_eq!(ranged(128 + length, 128 + 3 * length), [2, 3]);
    assert_eq!(ranged(128 + length + 1, 128 + 3 * length + 1), [3, 4]);
    assert_eq!(ranged(128 + 8 * length, usize::MAX / 2), [9]);
    assert_eq!(ranged(0, 128), []);
}

#[test]
fn compression_is_known_by_content() {
    let scratch = tempfile::tempdir().expect("a folder");
    let whole = stream(1..=500);
    let expected: Vec<u16> = (1..=500).collect();
    for (program, options) in [("gzip", "-c"), ("bzip2", "-c"), ("xz", "-c"), ("zstd", "-cq")] {
        if !installed(program) {
            continue;
        }
        let packed = |octets: &[u8]| {
            let mut child = command(program)
                .arg(options)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("it runs");
            let mut input = child.stdin.take().expect("a pipe");
            let octets = octets.to_vec();
            let writer = std::thread::spawn(move || input.write_all(&octets));
            let output = child.wait_with_output().expect("it ends");
            writer.join().expect("written").expect("written");
            output.stdout
        };
        let path = scratch.path().join("records.argus");
        // Compressed files may be put one behind the other.
        let (first, second) = whole.split_at(whole.len() / 3);
        std::fs::write(&path, [packed(first), packed(second)].concat()).expect("written");
        assert_eq!(read(&["-r", text(&path)]), expected, "{program}");
        // Through a pipe that comes in pieces.
        let mut child = command(RA)
            .args(["-X", "-n", "-r", "-"])
            .args(PORTS)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut input = child.stdin.take().expect("a pipe");
        let octets = packed(&whole);
        let writer = std::thread::spawn(move || {
            let (first, rest) = octets.split_at(3);
            input.write_all(first)?;
            std::thread::sleep(Duration::from_millis(250));
            input.write_all(rest)
        });
        let output = child.wait_with_output().expect("it ends");
        writer.join().expect("written").expect("written");
        assert_eq!(ports(&String::from_utf8_lossy(&output.stdout)), expected, "{program} through a pipe");
    }
}

#[test]
fn rows_of_a_pipe_are_shown_when_it_pauses_and_a_signal_ends_it() {
    let scratch = tempfile::tempdir().expect("a folder");
    let out = scratch.path().join("out");
    for output in [None, Some(&out)] {
        let mut run = command(RA);
        run.args(["-X", "-n"]).args(PORTS);
        if let Some(out) = output {
            run.arg("-w").arg(out);
        }
        let child =
            run.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
        let mut child = Running(child);
        let mut input = child.0.stdin.take().expect("a pipe");
        // Ends amid a record.
        let whole = stream([1, 2, 3]);
        input.write_all(&whole[..whole.len() - 10]).expect("written");
        match output {
            None => {
                let mut rows = BufReader::new(child.0.stdout.as_mut().expect("a pipe"));
                let mut line = String::new();
                for port in ["1", "2"] {
                    line.clear();
                    rows.read_line(&mut line).expect("a row");
                    assert_eq!(line.trim(), port);
                }
            }
            Some(out) => until("two records are written", || {
                std::fs::metadata(out).is_ok_and(|file| file.len() > 128 + flow(1).len() as u64)
            }),
        }
        // Standard input stays open.
        let pid = child.0.id().to_string();
        assert!(command("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
        let mut status = None;
        until("the signal ends it", || {
            status = child.0.try_wait().expect("waited");
            status.is_some()
        });
        assert!(status.is_some_and(|status| status.success()), "{status:?}");
        let mut said = String::new();
        child.0.stderr.take().expect("a pipe").read_to_string(&mut said).expect("read");
        assert_eq!(said, "");
        drop(input);
        if output.is_some() {
            assert_eq!(whole_records(&out), 2);
        }
    }
}

#[test]
fn a_signal_ends_what_has_no_input_at_all() {
    let child =
        command(RA).args(["-X", "-n"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let mut child = Running(child);
    let pid = child.0.id().to_string();
    let mut status = None;
    // It comes to nothing before the handler is there, so it is sent again.
    until("the signal ends it", || {
        let _ = command("kill").args(["-INT", &pid]).stderr(Stdio::null()).status();
        status = child.0.try_wait().expect("waited");
        status.is_some()
    });
}

#[test]
fn a_file_that_may_not_grow_keeps_whole_records() {
    let scratch = tempfile::tempdir().expect("a folder");
    let (input, out) = (scratch.path().join("in"), scratch.path().join("out"));
    std::fs::write(&input, stream((0..5000).map(|port| port + 1))).expect("written");
    // Blocks of 512 octets.
    let output = command("sh")
        .args(["-c", "ulimit -f 100; exec \"$0\" -X -r \"$1\" -w \"$2\"", RA, text(&input), text(&out)])
        .output()
        .expect("a shell");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("ra: ") && said.contains(text(&out)) && said.lines().count() == 1, "{said}");
    let written = whole_records(&out);
    let size = std::fs::metadata(&out).expect("written").len();
    assert!(written > 100 && size <= 51_200 && size > 51_200 - 1000, "{written} records, {size} octets");
    let output = run(RA, &["-X", "-r", text(&input), "-w", "/dev/full"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.lines().count() == 1, "{said}");
}

/// Serves a stream to one connection at a time, as often as there are streams; closes after each.
fn serve(streams: Vec<Vec<u8>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in streams {
            let Ok((mut connection, _)) = listener.accept() else { return };
            let (first, rest) = stream.split_at(128);
            let _ = connection.write_all(first);
            // The client says START before there are records.
            let _ = connection.read(&mut [0; 256]);
            let _ = connection.write_all(rest);
            let _ = connection.shutdown(std::net::Shutdown::Write);
            while connection.read(&mut [0; 256]).is_ok_and(|read| read > 0) {}
        }
    });
    port
}

#[test]
fn sources_are_merged_and_come_back() {
    let (one, two) = (serve(vec![stream([1, 2])]), serve(vec![stream([3])]));
    let text = printed(
        RA,
        &[
            &["-X", "-n", "-S", &format!("127.0.0.1:{one}"), "-S", &format!("argus://127.0.0.1:{two}")][..],
            &PORTS,
        ]
        .concat(),
    );
    let mut seen = ports(&text);
    seen.sort_unstable();
    assert_eq!(seen, [1, 2, 3]);

    let scratch = tempfile::tempdir().expect("a folder");
    let configuration = scratch.path().join("rarc");
    std::fs::write(&configuration, "RA_RELIABLE_CONNECT=yes\n").expect("written");
    let source = format!("127.0.0.1:{}", serve(vec![stream([1]), stream([2]), stream([3])]));
    let text = printed(
        RA,
        &[&["-X", "-F", self::text(&configuration), "-n", "-S", &source, "-N", "3"][..], &PORTS].concat(),
    );
    assert_eq!(ports(&text), [1, 2, 3]);
}

#[test]
fn datagrams_are_records() {
    let port = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
    let child = command(RA)
        .args(["-X", "-n", "-S", &format!("argus-udp://127.0.0.1:{port}"), "-N", "2"])
        .args(PORTS)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut child = Running(child);
    let sender = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    until("two datagrams arrive", || {
        // Nobody may listen yet.
        let _ = sender.send_to(&flow(77), ("127.0.0.1", port));
        child.0.try_wait().expect("waited").is_some()
    });
    let mut text = String::new();
    child.0.stdout.take().expect("a pipe").read_to_string(&mut text).expect("read");
    assert_eq!(ports(&text), [77, 77]);
}
