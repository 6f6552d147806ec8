//! `lab`: boots the image in QEMU among simulated hosts, and says where the box can be reached.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use qemu_tests::{
    Conversation, Error, Firmware, Machine, Options, Port, Segment, default_image, lab_seed, replay,
    tap_srcid, wait_until_ready_or,
};

const USAGE: &str = "usage: lab [--image FILE] [--seconds N] [--replay CAPTURE] [--uefi] [--console FILE]

Boots the image with one management NIC and three tap NICs between which simulated hosts talk. Prints the lines
`web admin: https://127.0.0.1:PORT`, `radium: 127.0.0.1:PORT`, `console: FILE`, then `claim code: CODE`, and `ready` when
everything answers. Ends N seconds after that, or at Ctrl-C. With --replay the hosts are silent, and the capture goes onto
the wire of the first tap NIC five seconds after `ready`.";

const TAPS: usize = 3;
/// How long the box may take to be up; a machine that is short of CPU takes its time.
const PATIENCE: Duration = Duration::from_secs(240);
/// Time between `ready` and a replay, for readers to attach in.
const BEFORE_REPLAY: Duration = Duration::from_secs(5);

struct Arguments {
    image: PathBuf,
    seconds: Option<u64>,
    replay: Option<PathBuf>,
    firmware: Firmware,
    console: PathBuf,
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("lab: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match lab(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lab: {error}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<Option<Arguments>, lexopt::Error> {
    use lexopt::prelude::*;
    let mut arguments = Arguments {
        image: default_image(),
        seconds: None,
        replay: None,
        firmware: Firmware::Bios,
        console: PathBuf::from("build/lab-console"),
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("image") => arguments.image = parser.value()?.into(),
            Long("seconds") => arguments.seconds = Some(parser.value()?.parse()?),
            Long("replay") => arguments.replay = Some(parser.value()?.into()),
            Long("uefi") => arguments.firmware = Firmware::Uefi,
            Long("console") => arguments.console = parser.value()?.into(),
            Short('h') | Long("help") => return Ok(None),
            _ => return Err(argument.unexpected()),
        }
    }
    Ok(Some(arguments))
}

fn lab(arguments: &Arguments) -> Result<(), Error> {
    let end = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, end.clone()).map_err(Error::io("waiting for signals"))?;
    }
    if let Some(capture) = &arguments.replay
        && !capture.is_file()
    {
        return Err(Error::Other(format!("{}: no such file", capture.display())));
    }
    let console =
        std::path::absolute(&arguments.console).map_err(Error::file("finding", &arguments.console))?;
    if let Some(folder) = console.parent() {
        std::fs::create_dir_all(folder).map_err(Error::file("making", folder))?;
    }
    let mut machine = Machine::boot(Options {
        image: arguments.image.clone(),
        firmware: arguments.firmware,
        taps: TAPS,
        seed: Some(lab_seed(300)),
        console: Some(console),
    })?;
    println!("web admin: https://127.0.0.1:{}", machine.web());
    println!("radium: 127.0.0.1:{}", machine.radium());
    println!("console: {}", machine.console().path().display());

    let taps = (0..TAPS).map(|number| machine.tap(number)).collect::<Result<Vec<_>, _>>()?;
    let srcids: Vec<u32> = (0..TAPS).map(tap_srcid).collect();
    let ready = wait_until_ready_or(&mut machine, &srcids, PATIENCE, &end);
    if let Ok(true) = ready {
        if let Ok(line) = machine.console().wait_for("claim code:", Duration::from_millis(500)) {
            println!("{line}");
        }
        println!("ready");
    }
    // Hosts talk to NICs that are up: before, a cable takes a few frames and then none.
    let talk: Vec<JoinHandle<Result<(), Error>>> = match &ready {
        Ok(true) if arguments.replay.is_none() => taps
            .iter()
            .enumerate()
            .map(|(number, tap)| {
                let (tap, end) = (tap.share()?, end.clone());
                Ok(std::thread::spawn(move || talk(number, tap, &end)))
            })
            .collect::<Result<_, Error>>()?,
        _ => Vec::new(),
    };
    let ran = match ready {
        Ok(true) => run(&mut machine, arguments, taps, &end),
        Ok(false) => Ok(()),
        Err(error) => Err(error),
    };
    end.store(true, Ordering::Relaxed);
    drop(machine);
    for thread in talk {
        // With QEMU gone, a host that was just sending finds its cable cut: nothing to tell.
        let _ = thread.join();
    }
    ran
}

/// The time between `ready` and the end.
fn run(
    machine: &mut Machine,
    arguments: &Arguments,
    taps: Vec<Port>,
    end: &Arc<AtomicBool>,
) -> Result<(), Error> {
    let began = Instant::now();
    let mut player = None;
    let mut taps = taps.into_iter();
    let mut first = taps.next();
    while !end.load(Ordering::Relaxed) {
        if arguments.seconds.is_some_and(|seconds| began.elapsed() >= Duration::from_secs(seconds)) {
            break;
        }
        if !machine.is_running() {
            return Err(Error::Other("QEMU has ended".into()));
        }
        if let Some(capture) = &arguments.replay
            && began.elapsed() >= BEFORE_REPLAY
            && let Some(tap) = first.take()
        {
            let (capture, end) = (capture.clone(), end.clone());
            player = Some(std::thread::spawn(move || {
                let mut segment = Segment::new(Some(tap))?;
                let sent = replay(&capture, &mut segment, &end)?;
                println!("replayed: {sent} packets");
                Ok::<(), Error>(())
            }));
        }
        if let Some(done) = player.take_if(|player| player.is_finished()) {
            done.join()
                .unwrap_or_else(|_| Err(Error::Other("the replay ended by a fault of its own".into())))?;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    end.store(true, Ordering::Relaxed);
    if let Some(player) = player {
        player
            .join()
            .unwrap_or_else(|_| Err(Error::Other("the replay ended by a fault of its own".into())))?;
    }
    Ok(())
}

/// Hosts on one segment that talk until `end`, a round every half second, each round a little different.
fn talk(number: usize, tap: Port, end: &AtomicBool) -> Result<(), Error> {
    let mut segment = Segment::new(Some(tap))?;
    let net = |host: u8| Ipv4Addr::new(10, number as u8 + 1, 0, host);
    let (client, server, other) =
        (segment.add_host(net(1)), segment.add_host(net(2)), segment.add_host(net(3)));
    let mut round: usize = 0;
    while !end.load(Ordering::Relaxed) {
        round += 1;
        let conversations = [
            Conversation::Tcp {
                client,
                server,
                port: 443,
                request: 200 + round % 300,
                answer: 1000 + 997 * (round % 50),
            },
            Conversation::Tcp { client: other, server, port: 25, request: 3000, answer: 80 },
            Conversation::Udp { client, server: other, port: 53, datagrams: 1, request: 40, answer: 120 },
            Conversation::Udp {
                client: other,
                server: client,
                port: 4500,
                datagrams: 4,
                request: 500,
                answer: 200,
            },
            Conversation::Echo { client: other, server, requests: 2, payload: 56 },
        ];
        segment.converse(
            &conversations[..1 + (round + number) % conversations.len()],
            Duration::from_secs(30),
        )?;
        std::thread::sleep(Duration::from_millis(500));
    }
    Ok(())
}
