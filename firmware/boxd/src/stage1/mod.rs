//! Stage 1: process 1 of the initramfs, until s6-svscan takes its place.
//!
//! Load modules, find the booted slot's partitions by their unique ids, mount the root and data, hand
//! over. Any failure prints what failed and where, waits, and starts the box again, so that the boot
//! loader can count the try (appliance chapter, section 2, step 2).

mod cmdline;
mod data;
mod modules;
mod root;

use std::convert::Infallible;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::panic;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use nix::sys::reboot::{RebootMode, reboot, set_cad_enabled};
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, getpid, sync};

use crate::{console, disks, users};
pub use cmdline::CommandLine;
use modules::Loader;
pub use root::copy;

/// Where the root is mounted before it becomes `/`.
const ROOT: &str = "/newroot";

/// Seconds that a failed boot stays readable on the console.
const READABLE: u64 = 10;

/// How much longer than for all drivers stage 1 waits for data: normally on the root's disk, so not at
/// all.
const DATA_WAIT: Duration = Duration::from_secs(10);

/// How long one look for data takes at most while drivers are loading.
const LOOK: Duration = Duration::from_millis(200);

/// Where stage 1 leaves its findings for the daemon: a file per fault, its text one line for a person.
pub const DEGRADED: &str = "/run/panoptes/degraded";

/// The scan directory of s6-svscan.
pub const SERVICE: &str = "/run/service";

/// The folder with a folder of logs for each service.
pub const LOG: &str = "/run/panoptes/log";

/// Where programs are looked for.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// What could not be done, and why.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {reason}")]
pub struct Failure {
    doing: String,
    reason: String,
}

impl Failure {
    fn new(doing: String, reason: impl ToString) -> Self {
        Failure { doing, reason: reason.to_string() }
    }
}

/// Boots the box. Never comes back: process 1 becomes s6-svscan, or the box starts again.
pub fn run() -> ! {
    if getpid().as_raw() != 1 {
        eprintln!("boxd: init: only process 1 of the initramfs boots the box");
        std::process::exit(1);
    }
    let reason = match panic::catch_unwind(boot) {
        Ok(Err(failure)) => failure.to_string(),
        Ok(Ok(never)) => match never {},
        Err(_) => "stage 1 has a fault of its own (see above)".into(),
    };
    console::say(&format!("panoptes: cannot boot: {reason}"));
    console::say(&format!("panoptes: starting again in {READABLE} seconds"));
    sleep(Duration::from_secs(READABLE));
    sync();
    let Err(error) = reboot(RebootMode::RB_AUTOBOOT);
    console::say(&format!("panoptes: the kernel refuses to restart: {error}"));
    loop {
        sleep(Duration::from_secs(60));
    }
}

fn boot() -> Result<Infallible, Failure> {
    root::mount_kernel()?;
    attach_console();
    // Ctrl-Alt-Del is a request to process 1, not an end in the middle of a write.
    let _ = set_cad_enabled(false);
    let text = fs::read_to_string("/proc/cmdline")
        .map_err(|error| Failure::new("reading /proc/cmdline".into(), error))?;
    let line = CommandLine::parse(&text)
        .map_err(|error| Failure::new("reading what the boot loader says".into(), error))?;
    say(&format!("stage 1, slot {}", line.slot));
    let loader = Loader::start().map_err(|error| Failure::new("starting to load modules".into(), error))?;
    let root = Path::new(ROOT);
    let found = find(&line, &loader).and_then(|(device, data)| {
        root::mount_root(&device, root, || loader.finished())?;
        Ok(data)
    });
    let data = match found {
        Ok(data) => {
            loader.stop();
            data
        }
        Err(failure) => {
            loader.finish().iter().for_each(|module| say(&format!("module not loaded: {module}")));
            return Err(failure);
        }
    };
    root::furnish(root)?;
    root::enter(root)?;
    mount_data(&line, data.as_deref())?;
    place_logs();
    root::lay_services()?;
    supervise()
}

fn say(line: &str) {
    println!("panoptes: {line}");
}

/// Gives process 1 the console as its standard input and outputs; without one it is deaf and dumb, but
/// boots.
fn attach_console() {
    let console = OpenOptions::new().read(true).write(true).open("/dev/console");
    let Ok(console) = console.or_else(|_| File::open("/dev/null")) else { return };
    let _ = dup2_stdin(&console);
    let _ = dup2_stdout(&console);
    let _ = dup2_stderr(&console);
}

/// Waits for the partitions that the boot loader names: the device of the root and, unless it does not
/// appear, that of data.
fn find(line: &CommandLine, loader: &Loader) -> Result<(PathBuf, Option<PathBuf>), Failure> {
    let doing = || format!("finding the root of slot {}", line.slot);
    if line.verity.is_some() {
        return Err(Failure::new(doing(), "this image cannot verify a root, and was told to"));
    }
    let root = disks::wait_for(&line.root, line.wait).ok_or_else(|| {
        let reason = format!(
            "no partition {} within {} seconds; there is {}",
            line.root,
            line.wait.as_secs(),
            disks::describe()
        );
        Failure::new(doing(), reason)
    })?;
    let Some(id) = &line.data else { return Ok((root, None)) };
    // Its driver may still be loading; after that it is given a little longer.
    while !loader.finished() {
        if let Some(data) = disks::wait_for(id, LOOK) {
            return Ok((root, Some(data)));
        }
    }
    Ok((root, disks::wait_for(id, DATA_WAIT)))
}

/// Mounts data, or memory in its place with the reason kept for the daemon.
fn mount_data(line: &CommandLine, device: Option<&Path>) -> Result<(), Failure> {
    let mounted = match (&line.data, device) {
        (None, _) => Err("data partition: the boot loader names none".to_owned()),
        (Some(id), None) => Err(format!("data partition {id}: not there")),
        (Some(_), Some(device)) => data::mount_data(device, &mut |line| say(line)),
    };
    let Err(reason) = mounted else { return Ok(()) };
    say(&format!("{reason}; going on with volatile data"));
    data::mount_volatile().map_err(|error| Failure::new("mounting volatile data".into(), error))?;
    let fault = Path::new(DEGRADED).join("data");
    fs::create_dir_all(DEGRADED)
        .and_then(|()| fs::write(&fault, format!("{reason}\n")))
        .map_err(|error| Failure::new(format!("writing {}", fault.display()), error))
}

/// Decides where logs go, for the loggers that start before the daemon. A box without logs still
/// audits, so what fails here is only said.
fn place_logs() {
    let volatile = Path::new(DEGRADED).join("data").exists();
    let folder = Path::new(if volatile { "/run/log" } else { "/data/log" });
    let made = users::find("log")
        .and_then(|user| users::own_folder(folder, user, 0o750))
        .and_then(|()| symlink(folder, LOG));
    if let Err(error) = made {
        say(&format!("no logs in {}: {error}", folder.display()));
    }
}

/// Becomes s6-svscan.
fn supervise() -> Result<Infallible, Failure> {
    let error = Command::new("s6-svscan")
        .args(["-c", "500", SERVICE])
        .env_clear()
        .envs([("PATH", PATH), ("HOME", "/"), ("LANG", "C.UTF-8")])
        .exec();
    Err(Failure::new("starting s6-svscan".into(), error))
}
