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
/// Commands are run until they took so many CPU seconds together, but no more than [`MOST`] times.
const ENOUGH: f64 = 1.5;
const MOST: u32 = 20;
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

/// The run with the least CPU time of several: of as many as asked for, and of more when these are short, since what else
/// goes on costs a short one a larger share. Files in `fresh` are removed before each run. `None` when the command does
/// not exist or fails.
pub fn best(runs: u32, command: &[&str], fresh: &[&str]) -> Option<Usage> {
    let own = std::env::current_exe().ok()?;
    let mut best: Option<Usage> = None;
    let (mut done, mut spent) = (0, 0.0);
    while done < runs.max(1) || (runs > 1 && done < MOST && spent < ENOUGH) {
        for file in fresh {
            let _ = std::fs::remove_file(file);
        }
        let output = Command::new(&own).arg(MARK).args(command).output().ok()?;
        if !output.status.success() {
            return None;
        }
        let text = String::from_utf8(output.stdout).ok()?;
        let mut words = text.split_whitespace();
        let usage = Usage {
            cpu: words.next()?.parse().ok()?,
            wall: words.next()?.parse().ok()?,
            peak_kib: words.next()?.parse().ok()?,
        };
        (done, spent) = (done + 1, spent + usage.cpu);
        if best.is_none_or(|least| usage.cpu < least.cpu) {
            best = Some(usage);
        }
    }
    best
}
