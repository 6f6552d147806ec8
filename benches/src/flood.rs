//! Many flows at a time, against the engine alone: what a packet costs and what an open flow takes of memory.
//!
//! Each line is a process of its own (this program with [`MARK`]), so that its resident set is that of its flows. The
//! engine sees one packet of every flow in turn, in the order in which they began and in no order: the first is the order
//! of memory, which processors foresee but for the index; of the second they foresee nothing. Only the engine's time
//! counts, not that of making frames.
//!
//! `bench --flood FLOWS [ROUNDS [OPTIONS]]` is one such line by hand: `bench --flood 10000000 1 -mAJZR` sends ten
//! million SYNs at a table of a million.

use std::process::Command;

use flow::{Config, Engine, Frame, Time};
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};
use packet::{Dissector, LinkType};
use record::RecordView;

/// First argument of the process that sends.
const MARK: &str = "--flood";
/// Frames made before the engine gets them.
const BATCH: u32 = 1024;
/// Octets of a frame.
const FRAME: usize = 54;

/// What one flood showed.
struct Figures {
    /// Nanoseconds of the engine for each packet after the first round.
    each: f64,
    /// The same for the first packet of each flow.
    first: f64,
    /// Octets of the resident set for each open flow.
    resident: u64,
}

/// The arguments after [`MARK`], when this is the process that sends.
pub fn asked_to_flood() -> Option<Vec<String>> {
    let mut arguments = std::env::args().skip(1);
    (arguments.next()? == MARK).then(|| arguments.collect())
}

/// Prints the costs at ten thousand, a hundred thousand and a million flows, and the ratio of the last to the first.
///
/// # Errors
/// One line: a process could not be run, or lost packets.
pub fn compare() -> Result<(), String> {
    println!(
        "\nengine alone, ns for a packet, one of every open flow in turn (octets: resident, index and queues included)"
    );
    println!(
        "  {:<12}{:>8}{:>8}{:>8}{:>8}{:>9}{:>8}{:>8}{:>10}{:>13}{:>9}",
        "", "10 k", "100 k", "1 M", "ratio", "no order", "1 M", "ratio", "new flow", "octets/flow", "at most"
    );
    for (name, options, most) in [
        ("TCP", &[][..], 320),
        ("UDP", &["--udp"], 192),
        ("TCP, -mAJZR", &["-mAJZR"], 512),
        ("UDP, -mAJZR", &["-mAJZR", "--udp"], 512),
    ] {
        let few = one("10000", "300", options)?;
        let some = one("100000", "30", options)?;
        let many = one("1000000", "4", options)?;
        let shuffled = [options, &["--shuffled"]].concat();
        let (few_shuffled, many_shuffled) =
            (one("10000", "300", &shuffled)?, one("1000000", "4", &shuffled)?);
        println!(
            "  {name:<12}{:>8.0}{:>8.0}{:>8.0}{:>8.2}{:>9.0}{:>8.0}{:>8.2}{:>10.0}{:>13}{most:>9}",
            few.each,
            some.each,
            many.each,
            many.each / few.each,
            few_shuffled.each,
            many_shuffled.each,
            many_shuffled.each / few_shuffled.each,
            many.first,
            many.resident
        );
    }
    Ok(())
}

/// Runs one line.
fn one(flows: &str, rounds: &str, options: &[&str]) -> Result<Figures, String> {
    let own = std::env::current_exe().map_err(|error| format!("own path: {error}"))?;
    let output = Command::new(own)
        .args([MARK, flows, rounds])
        .args(options)
        .output()
        .map_err(|error| format!("flood: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        return Err(format!("flood of {flows} flows: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let number = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()).and_then(|word| word.parse::<f64>().ok())
    };
    match (number("each:"), number("first:"), number("resident:")) {
        (Some(each), Some(first), Some(resident)) => Ok(Figures { each, first, resident: resident as u64 }),
        _ => Err(format!("flood of {flows} flows said {text}")),
    }
}

/// Sends and prints.
pub fn child(arguments: &[String]) -> ! {
    std::process::exit(match flood(arguments) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("bench: {error}");
            1
        }
    })
}

fn flood(arguments: &[String]) -> Result<(), String> {
    let number = |at: usize, default: u32| match arguments.get(at) {
        None => Ok(default),
        Some(word) => word.parse::<u32>().map_err(|_| format!("'{word}' is no number")),
    };
    let (flows, rounds) = (number(0, 1_000_000)?, number(1, 1)?.max(1));
    let mut config = Config::default();
    let (mut udp, mut shuffled) = (false, false);
    let mut options = arguments.iter().skip(2);
    while let Some(option) = options.next() {
        let mut value =
            || options.next().and_then(|word| word.parse().ok()).ok_or(format!("{option} wants a number"));
        match option.as_str() {
            "-mAJZR" => {
                (config.mac, config.application_octets) = (true, true);
                (config.jitter, config.packet_size) = (true, true);
            }
            "--udp" => udp = true,
            "--shuffled" => shuffled = true,
            "--max-flows" => config.max_flows = u32::try_from(value()?).map_err(|_| "too many flows")?,
            "--max-octets" => config.max_octets = value()?,
            other => return Err(format!("unknown option {other}")),
        }
    }
    let dissector = Dissector::new(LinkType::ETHERNET, config.rules());
    let mut frames = vec![[0; FRAME]; BATCH as usize];
    let before = status("VmRSS:");
    let mut engine = Engine::new(config).map_err(|error| error.to_string())?;
    let (mut recorded, mut sent) = (0u64, 0i64);
    let mut sink = |record: &[u8]| {
        recorded += RecordView::new(record).ok().and_then(|view| view.metric()).map_or(0, |m| m.packets());
    };
    let (mut first, mut later) = (0.0, 0.0);
    // A prime larger than the number of flows has no divisor in common with it.
    let step = if shuffled { 2_654_435_761 } else { 1 };
    for round in 0..rounds {
        let mut number = 0;
        while number < flows {
            let count = BATCH.min(flows - number);
            for (frame, number) in frames.iter_mut().zip(number..number + count) {
                let flow =
                    if round == 0 { number } else { (u64::from(number) * step % u64::from(flows)) as u32 };
                make(frame, flow, udp);
            }
            let began = clock();
            let batch = frames.iter().take(count as usize).map(|octets| {
                // A million packets in a second: fewer flows than five million meet no status check.
                sent += 1;
                Frame { time: Time::from_nanos(1_600_000_000, sent * 1000), octets, length: FRAME as u32 }
            });
            engine.frames(&dissector, batch, &mut sink);
            *(if round == 0 { &mut first } else { &mut later }) += clock() - began;
            number += count;
        }
    }
    let open = engine.flows().max(1) as u64;
    let resident = status("VmRSS:").saturating_sub(before);
    let began = clock();
    engine.flush(&mut sink);
    let last = clock() - began;
    let counters = engine.counters();
    println!("each: {:.1} ns a packet", later * 1e9 / (f64::from(flows) * f64::from(rounds - 1)).max(1.0));
    println!("first: {:.1} ns a new flow", first * 1e9 / f64::from(flows.max(1)));
    println!("last: {:.1} ns for each of {open} flows to be reported", last * 1e9 / open as f64);
    println!("resident: {} octets for each of {open} open flows", resident / open);
    println!("peak: {} KiB", status("VmHWM:") / 1024);
    println!("packets: {} in, {recorded} in {} records", counters.packets, counters.records);
    println!("evictions: {}", counters.evictions);
    if recorded == counters.packets { Ok(()) } else { Err("packets were lost".to_owned()) }
}

/// A SYN or a datagram of flow `number`.
fn make(frame: &mut [u8; FRAME], number: u32, udp: bool) {
    const TCP: [u8; FRAME] = {
        let mut frame = [0; FRAME];
        let head = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6];
        let mut at = 0;
        while at < head.len() {
            frame[at] = head[at];
            at += 1;
        }
        [frame[30], frame[31], frame[32], frame[33]] = [192, 0, 2, 1];
        [frame[36], frame[37]] = [0, 80];
        [frame[46], frame[47], frame[48]] = [0x50, 2, 0x20];
        frame
    };
    *frame = TCP;
    frame[26..30].copy_from_slice(&(0x0a00_0000 | number >> 8).to_be_bytes());
    frame[34..36].copy_from_slice(&(1024 + (number & 0xff) as u16).to_be_bytes());
    if udp {
        frame[23] = 17;
        frame[38..40].copy_from_slice(&[0, 20]);
    }
}

/// A line of `/proc/self/status`, in octets.
fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// CPU seconds of this thread.
fn clock() -> f64 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap_or(TimeSpec::new(0, 0));
    time.tv_sec() as f64 + time.tv_nsec() as f64 / 1e9
}
