//! Sensors on one end of a pair of virtual interfaces, a generator on the other, in a network namespace of their own.
//!
//! The generator has one core, the sensor another. What counts as the sensor's is its user and system time; the kernel
//! copies packets into the sensor's ring on the generator's core.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, CpuSet, sched_setaffinity, unshare};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use record::{Mar, RecordView};

use crate::generator::{Frames, send};

/// First argument of the process that generates.
const MARK: &str = "--live-child";
/// How long a sensor may take to begin, and to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// What one run showed.
struct Run {
    /// Packets put on the wire.
    sent: u64,
    /// Packets that the other end received.
    arrived: u64,
    /// Packets in flow records.
    recorded: u64,
    /// Packets that the kernel dropped before the sensor, as it says itself.
    dropped: u64,
    /// User and system time of the sensor, seconds.
    cpu: f64,
    /// Seconds that were sent.
    wall: f64,
}

/// Runs both sensors at each rate and prints a table.
///
/// # Errors
/// One line: a file could not be made or read.
pub fn compare(rates: &[u64], seconds: u64, programs: &Path, folder: &Path) -> Result<(), String> {
    println!("\nlive, on a pair of virtual interfaces: {seconds} s of the capture's packets");
    let argus = programs.join("argus").to_string_lossy().into_owned();
    for &rate in rates {
        for flags in [None, Some("-mAJZR")] {
            let offered =
                if rate == 0 { "as fast as can be sent".to_owned() } else { format!("{rate} packets/s") };
            println!(
                "\n  {offered}, {}",
                flags.map_or("default records".to_owned(), |f| format!("all metrics ({f})"))
            );
            println!(
                "  {:<16}{:>12}{:>12}{:>12}{:>12}{:>10}{:>9}{:>9}{:>13}",
                "",
                "sent/s",
                "arrived",
                "in records",
                "told drops",
                "lost %",
                "CPU s",
                "ns/pkt",
                "ours/theirs"
            );
            let mut ours = None;
            for (name, program) in [("argus (ours)", argus.as_str()), ("argus 3.0.8.2", "argus")] {
                let out = folder.join("live.argus");
                let _ = std::fs::remove_file(&out);
                let run = match one(rate, seconds, program, flags, &out) {
                    Ok(run) => run,
                    Err(error) => {
                        eprintln!("skipped: live bench of {name}: {error}");
                        continue;
                    }
                };
                let each = run.cpu * 1e9 / run.recorded.max(1) as f64;
                let ratio = ours.map_or(String::new(), |ours: f64| format!("{:.3}", ours / each));
                ours = ours.or(Some(each));
                println!(
                    "  {:<16}{:>12.0}{:>12}{:>12}{:>12}{:>10.3}{:>9.3}{:>9.0}{:>13}",
                    name,
                    run.sent as f64 / run.wall,
                    run.arrived,
                    run.recorded,
                    run.dropped,
                    (run.arrived as f64 - run.recorded as f64) * 100.0 / run.arrived.max(1) as f64,
                    run.cpu,
                    each,
                    ratio
                );
            }
        }
    }
    Ok(())
}

/// One run, by a process of its own.
fn one(rate: u64, seconds: u64, program: &str, flags: Option<&str>, out: &Path) -> Result<Run, String> {
    let own = std::env::current_exe().map_err(|error| format!("own path: {error}"))?;
    let (rate, seconds) = (rate.to_string(), seconds.to_string());
    let mut command = Command::new(own);
    command
        .args([MARK, &rate, &seconds, program, "-X"])
        .args(flags)
        .args(["-i", FAR, "-M", "1", "-w"])
        .arg(out);
    let output = command.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        return Err(told.trim().lines().last().unwrap_or("it failed").to_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut words = text.split_whitespace();
    let mut number = || words.next().and_then(|word| word.parse::<f64>().ok()).ok_or("no figures");
    let mut run = Run {
        sent: number()? as u64,
        arrived: number()? as u64,
        cpu: number()?,
        wall: number()?,
        recorded: 0,
        dropped: 0,
    };
    let octets = std::fs::read(out).map_err(|error| format!("{}: {error}", out.display()))?;
    let mut rest = octets.as_slice();
    while let Some(&[_, _, high, low]) = rest.first_chunk() {
        let length = usize::from(u16::from_be_bytes([high, low])) * 4;
        let Some((record, more)) = rest.split_at_checked(length).filter(|(record, _)| !record.is_empty())
        else {
            return Err(format!("{}: cut off", out.display()));
        };
        rest = more;
        match Mar::parse(record) {
            Some(mar) => {
                run.dropped += u64::from(mar.dropped);
            }
            None => {
                let view = RecordView::new(record).map_err(|error| format!("{}: {error}", out.display()))?;
                run.recorded += view.metric().map_or(0, |metric| metric.src.packets + metric.dst.packets);
            }
        }
    }
    Ok(run)
}

/// The end that is sent to, and the end that listens.
const NEAR: &str = "near";
const FAR: &str = "far";

/// What is to be run, when this is the process that generates: rate, seconds, command.
pub fn asked_to_generate() -> Option<Vec<String>> {
    let mut arguments = std::env::args().skip(1);
    (arguments.next()? == MARK).then(|| arguments.collect())
}

/// Runs a sensor, sends, and prints `sent arrived cpu wall`.
pub fn child(arguments: &[String]) -> ! {
    match generate(arguments) {
        Ok(()) => std::process::exit(0),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1)
        }
    }
}

fn generate(arguments: &[String]) -> Result<(), String> {
    let [rate, seconds, program, rest @ ..] = arguments else { return Err("too few arguments".to_owned()) };
    let number = |text: &str| text.parse::<u64>().map_err(|error| format!("'{text}': {error}"));
    let (rate, seconds) = (number(rate)?, number(seconds)?);
    let named = |what: &'static str| move |error: io::Error| format!("{what}: {error}");
    unshare(CloneFlags::CLONE_NEWNET)
        .map_err(|error| format!("needs root: no network namespace: {}", error.desc()))?;
    let _ = std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
    ip(&["link", "add", NEAR, "type", "veth", "peer", "name", FAR])?;
    // Some of the capture's IPv6 segments are longer than Ethernet's 1500 octets.
    ip(&["link", "set", NEAR, "mtu", "1600", "up"])?;
    ip(&["link", "set", FAR, "mtu", "1600", "up"])?;
    let frames = Frames::make().map_err(named("frames"))?;
    // What a new process inherits: the sensor is put on a core of its own, where there are two.
    pin(1);
    let mut sensor = Sensor(
        Command::new(program)
            .args(rest)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{program}: {error}"))?,
    );
    pin(0);
    wait_until(|| listens().then_some(())).ok_or("the sensor does not listen")?;
    std::thread::sleep(Duration::from_millis(300));
    let (before, begin) = (received()?, Instant::now());
    let sent = send(NEAR, &frames, rate, seconds).map_err(named("cannot send"))?;
    let wall = begin.elapsed().as_secs_f64();
    let arrived = received()? - before;
    // What is in its ring still is the sensor's to take.
    std::thread::sleep(Duration::from_secs(2));
    kill(Pid::from_raw(sensor.0.id() as i32), Signal::SIGTERM).map_err(|error| error.to_string())?;
    wait_until(|| sensor.0.try_wait().ok().flatten()).ok_or("the sensor does not end")?;
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|error| error.to_string())?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    println!("{sent} {arrived} {} {wall}", seconds(usage.user_time()) + seconds(usage.system_time()));
    Ok(())
}

/// A sensor that does not outlive us.
struct Sensor(Child);

impl Drop for Sensor {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ip(words: &[&str]) -> Result<(), String> {
    let status = Command::new("ip").args(words).stdout(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        _ => Err(format!("needs root: ip {} failed", words.join(" "))),
    }
}

/// Keeps this process on one core; on a machine with one core it stays where it is.
fn pin(core: usize) {
    let mut set = CpuSet::new();
    if set.set(core).is_ok() {
        let _ = sched_setaffinity(Pid::from_raw(0), &set);
    }
}

fn wait_until<T>(mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        if let Some(value) = condition() {
            return Some(value);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    None
}

/// Whether a packet socket of this namespace receives everything (protocol 3 in the fourth column).
fn listens() -> bool {
    let table = std::fs::read_to_string("/proc/self/net/packet").unwrap_or_default();
    table.lines().skip(1).any(|line| {
        let mut words = line.split_whitespace().skip(3);
        // Protocol, interface, running.
        words.next() == Some("0003") && words.next().is_some_and(|n| n != "0") && words.next() == Some("1")
    })
}

/// Packets that the listening end received.
fn received() -> Result<u64, String> {
    let table = File::open("/proc/self/net/dev").and_then(io::read_to_string).map_err(|e| e.to_string())?;
    table
        .lines()
        .find_map(|line| {
            line.trim().strip_prefix(FAR)?.strip_prefix(':')?.split_whitespace().nth(1)?.parse().ok()
        })
        .ok_or_else(|| "no counters of the interface".to_owned())
}
