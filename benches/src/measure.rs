//! CPU time and peak memory of one child.
//!
//! The kernel keeps the peak of all children of a process together, so each command is run by a process of its own: this
//! program again, with [`MARK`] as its first argument, which prints the figures on the descriptor that is its standard
//! error's.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

/// First argument of the process that measures.
const MARK: &str = "--measure-child";
/// Commands are run in turn until they took so many CPU seconds together, but no more than [`MOST`] times.
const ENOUGH: f64 = 12.0;
const MOST: u32 = 12;
/// How long a command may take.
const LIMIT: Duration = Duration::from_secs(120);

/// What a command used.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// User and system time, seconds.
    pub cpu: f64,
    /// Elapsed time, seconds.
    pub wall: f64,
    /// Peak resident set, KiB.
    pub peak_kib: i64,
}

/// The command to be measured, when this is the process that measures.
pub fn asked_to_measure() -> Option<Vec<String>> {
    let mut arguments = std::env::args().skip(1);
    (arguments.next()? == MARK).then(|| arguments.collect())
}

/// Runs the command, its output thrown away, and prints `cpu wall peak`.
pub fn child(arguments: &[String]) -> ! {
    let Some((program, rest)) = arguments.split_first() else { std::process::exit(2) };
    let begin = Instant::now();
    let status = Command::new(program)
        .args(rest)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .env("TZ", "UTC")
        .spawn()
        .and_then(|process| wait(process, begin));
    let wall = begin.elapsed().as_secs_f64();
    let (Ok(status), Ok(usage)) = (status, getrusage(UsageWho::RUSAGE_CHILDREN)) else {
        std::process::exit(1)
    };
    if !status.success() {
        std::process::exit(1);
    }
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    let cpu = seconds(usage.user_time()) + seconds(usage.system_time());
    println!("{cpu} {wall} {}", usage.max_rss());
    std::process::exit(0)
}

/// Waits for a process, but not for ever: a peer that hangs is killed and counts as failed.
fn wait(mut process: Child, begin: Instant) -> std::io::Result<ExitStatus> {
    loop {
        if let Some(status) = process.try_wait()? {
            return Ok(status);
        }
        if begin.elapsed() > LIMIT {
            process.kill()?;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A command to be measured, and a file that is removed before each run.
pub struct Asked {
    words: Vec<String>,
    fresh: Option<String>,
}

impl Asked {
    /// A command.
    pub fn new(words: &[&str], fresh: Option<&str>) -> Asked {
        Asked {
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            fresh: fresh.map(str::to_owned),
        }
    }

    fn run(&self) -> Option<Usage> {
        if let Some(file) = &self.fresh {
            let _ = std::fs::remove_file(file);
        }
        let output = Command::new(std::env::current_exe().ok()?).arg(MARK).args(&self.words).output().ok()?;
        if !output.status.success() {
            return None;
        }
        let text = String::from_utf8(output.stdout).ok()?;
        let mut words = text.split_whitespace();
        Some(Usage {
            cpu: words.next()?.parse().ok()?,
            wall: words.next()?.parse().ok()?,
            peak_kib: words.next()?.parse().ok()?,
        })
    }
}

/// Of each command the run with the least CPU time. They are run in turn, all as often, so that what else goes on meets
/// them alike: as often as asked for, and oftener when they are short. `None` when a command does not exist or fails.
pub fn best(runs: u32, commands: &[Asked]) -> Vec<Option<Usage>> {
    let mut best: Vec<Option<Usage>> = commands.iter().map(Asked::run).collect();
    let mut spent: f64 = best.iter().flatten().map(|usage| usage.cpu).sum();
    let mut rounds = 1;
    while rounds < runs || (runs > 1 && rounds < MOST && spent < ENOUGH) {
        for (command, least) in commands.iter().zip(&mut best) {
            let Some(before) = least else { continue };
            let usage = command.run();
            spent += usage.map_or(0.0, |usage| usage.cpu);
            *least = usage.map(|usage| if usage.cpu < before.cpu { usage } else { *before });
        }
        rounds += 1;
    }
    best
}
