//! Writes radium's records into the box's rolling archive.
#![forbid(unsafe_code)]

mod config;
mod run;
mod status;

use daemon::{Log, Ready, Signals, Style};
use options::{Complete, Opt, Program, Stop};
use std::path::PathBuf;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Id {
    Config,
    Status,
    ReadyFd,
}

static PROGRAM: Program<Id> = Program {
    usage: &["archived --config <file> [--status <file>] [--ready-fd <number>]"],
    description: "Attaches to a radium or argus and files its records under YYYY/MM/DD/argus.YYYY.MM.DD.HH.MM.SS, times \
                  in UTC, one file for each split interval. Files being written have the suffix .part and are brought to \
                  the disk each sync interval; closed files are packed and listed in the day's SHA256SUMS. The oldest \
                  files are deleted when the archive is older, larger, or the disk fuller than the configuration \
                  allows.\n\nTERM and INT close all files and end the program. HUP closes the current files, reads the \
                  configuration again and goes on.",
    section: 8,
    options: &[
        Opt::value(Id::Config, 'f', "config", "<file>", "read the configuration from <file>.")
            .complete(Complete::Files),
        Opt::value(Id::Status, 's', "status", "<file>", "write counters to <file> as JSON, each second.")
            .complete(Complete::Files),
        Opt::value(
            Id::ReadyFd,
            'R',
            "ready-fd",
            "<number>",
            "write a newline to this descriptor when serving.",
        )
        .long_only(),
    ],
    sections: &[
        (
            "CONFIGURATION",
            "source: address of the radium, host:port. directory: where the archive lies. split-interval: seconds of one \
             file (300). sync-interval: seconds that a record may be not on disk (5). compression: \"gz\" or \"none\". \
             max-age: days that files are kept (0: for ever). max-bytes: octets of all files (0: no limit). min-free: \
             percent of the file system that stays free (10).",
        ),
        (
            "EXIT STATUS",
            "0 after a signal to stop, 1 when the archive or the configuration cannot be used, 2 for usage.",
        ),
    ],
    see_also: &["radium(8)", "ra(1)"],
    ..Program::new("archived", "writes records into a rolling archive")
};

struct Settings {
    config: PathBuf,
    status: Option<PathBuf>,
    ready_fd: Option<i32>,
}

fn settings() -> Result<Settings, Stop> {
    let parsed = PROGRAM.parse(std::env::args_os().skip(1))?;
    let (mut config, mut status, mut ready_fd) = (None, None, None);
    for found in &parsed.found {
        match found.id {
            Id::Config => config = found.values.first().map(PathBuf::from),
            Id::Status => status = found.values.first().map(PathBuf::from),
            Id::ReadyFd => ready_fd = Some(found.parse()?),
        }
    }
    if let Some(word) = parsed.rest.first() {
        return Err(Stop::usage(
            "archived",
            format_args!("unexpected argument '{}'", word.to_string_lossy()),
        ));
    }
    let config = config.ok_or_else(|| Stop::usage("archived", "--config is missing"))?;
    Ok(Settings { config, status, ready_fd })
}

fn main() {
    let settings = settings().unwrap_or_else(|stop| stop.exit());
    let log = Log::new("archived", Style::Plain);
    if let Err(text) = work(&settings, &log) {
        daemon::fail("archived", text);
    }
}

fn work(settings: &Settings, log: &Log) -> Result<(), String> {
    let signals = Signals::new()
        .and_then(Signals::hangup_reloads)
        .map_err(|e| format!("signal handlers cannot be set: {e}"))?;
    let config = config::read(&settings.config).map_err(|e| e.to_string())?;
    let mut ready = Ready::new();
    if let Some(number) = settings.ready_fd {
        ready = ready.supervisor(number)?;
    }
    run::Archiver {
        config_path: settings.config.clone(),
        config,
        status: settings.status.clone(),
        signals,
        log: log.clone(),
    }
    .run(ready)
    .map_err(|e| e.to_string())
}
