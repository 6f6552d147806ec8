//! The record clients: one program with many names (ra, rastream, rasplit).
#![forbid(unsafe_code)]

mod bins;
mod cut;
mod dsrs;
mod exports;
mod feed;
mod files;
mod halves;
mod looked;
mod manual;
mod options;
mod pattern;
mod percent;
mod playback;
mod range;
mod script;
mod select;
mod settings;
mod show;
mod sieve;
mod sink;
mod split;
mod variables;
mod words;

use ::options::{Program, Stop};
use feed::{Client, Failure, Fared, feed, say};
use settings::{FilterPlace, Settings};
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

/// The names that the program goes by.
const NAMES: [(&str, &Program<options::Id>); 3] =
    [("ra", &options::RA), ("rasplit", &options::RASPLIT), ("rastream", &options::RASTREAM)];

/// The program that a name stands for.
fn named(name: &str) -> Option<&'static Program<options::Id>> {
    NAMES.iter().find(|&&(known, _)| known == name).map(|&(_, program)| program)
}

/// The program that was called, by its own name or by its first word, and the words that are its own.
fn called(mut words: Vec<OsString>) -> Result<(&'static Program<options::Id>, Vec<OsString>), String> {
    let own = if words.is_empty() { OsString::from("ra") } else { words.remove(0) };
    let own = Path::new(&own).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let first = words.first().and_then(|word| word.to_str()).and_then(named);
    match (named(&own), first) {
        (Some(program), _) if program.name != "ra" => Ok((program, words)),
        (_, Some(program)) => {
            words.remove(0);
            Ok((program, words))
        }
        (Some(program), None) => Ok((program, words)),
        (None, None) => {
            let names: Vec<&str> = NAMES.iter().map(|&(name, _)| name).collect();
            Err(format!("no client is called '{own}'; there are: {}", names.join(", ")))
        }
    }
}

fn main() -> ExitCode {
    let (program, words) = match called(std::env::args_os().collect()) {
        Ok(called) => called,
        Err(text) => {
            say("ra", &text);
            return ExitCode::from(2);
        }
    };
    // The C programs end with 1 whatever is wrong, and when they are asked for help.
    let historic = std::env::args_os().any(|word| word == "3.0.8" || word == "5.0.3");
    let settings = match Settings::read(program, words) {
        Ok(settings) => settings,
        Err(Stop::Help(text)) if historic => {
            use std::io::Write;
            let _ = std::io::stdout().write_all(text.as_bytes());
            return ExitCode::FAILURE;
        }
        Err(stop @ (Stop::Print(_) | Stop::Help(_))) => stop.exit(),
        Err(Stop::Usage { program, text }) => {
            say(program, &text);
            return ExitCode::from(if historic { 1 } else { 2 });
        }
    };
    match run(&settings) {
        Ok(code) => code,
        Err(Failure::NobodyReads) => ExitCode::SUCCESS,
        Err(Failure::Text(text)) => {
            say(settings.program, &text);
            ExitCode::FAILURE
        }
    }
}

fn run(settings: &Settings) -> Result<ExitCode, Failure> {
    // 3.0.8 goes on when there is no filter to show.
    if settings.show_filter && (settings.filter.is_some() || !settings.style.compat) {
        let (place, text) = match &settings.filter {
            Some((place, text)) => (*place, text.as_str()),
            None => (FilterPlace::Source, ""),
        };
        let filter = select::compile(settings, text).map_err(Failure::Text)?;
        if place == FilterPlace::Display {
            return Ok(ExitCode::SUCCESS);
        }
        use std::io::Write;
        write!(std::io::stdout(), "{filter}").map_err(Failure::standard_output)?;
        return Ok(ExitCode::SUCCESS);
    }
    // Kept to the end, which removes the file.
    let mut pid_file = None;
    // Files belong to the working directory that was the caller's, so their names hold in the background too.
    if settings.daemon {
        let background = daemon::background().map_err(Failure::Text)?;
        if settings.set_pid {
            let file = daemon::PidFile::create(&settings.pid_path, settings.program, "daemon");
            pid_file = Some(file.map_err(|error| Failure::Text(error.to_string()))?);
        }
        daemon::Ready::new()
            .caller(background)
            .tell(&daemon::Log::new(settings.program, daemon::Style::Client));
    }
    let done = match settings.program {
        "ra" if settings.percent => {
            let mut settings = settings.clone();
            if settings.style.compat {
                // 3.0.8 looks at no flow.
                let columns = settings.columns.list().iter();
                let totals: Vec<_> = columns.map(|column| column.field.adds_up.then_some(0.0)).collect();
                settings.columns.set_totals(&totals);
            } else {
                percent::total(&mut settings, &signals()?)?;
            }
            serve(&settings, &mut show::Show::new(&settings).map_err(Failure::Text)?)
        }
        "ra" => serve(settings, &mut show::Show::new(settings).map_err(Failure::Text)?),
        _ => serve(settings, &mut split::Split::new(settings).map_err(Failure::Text)?),
    };
    drop(pid_file);
    done
}

fn signals() -> Result<daemon::Signals, Failure> {
    daemon::Signals::new().map_err(|error| Failure::Text(format!("signals: {error}")))
}

/// Brings all records to a client.
fn serve(settings: &Settings, client: &mut (impl Client + Send)) -> Result<ExitCode, Failure> {
    let fared = feed(settings, &signals()?, client)?;
    let wanted = client.finish()?;
    Ok(status(fared, wanted))
}

/// The exit status: 2 when an input is missing, 1 when one is bad or nothing was wanted.
fn status(fared: Fared, wanted: bool) -> ExitCode {
    match fared {
        Fared { missing: true, .. } => ExitCode::from(2),
        Fared { bad: true, .. } => ExitCode::FAILURE,
        Fared { stopped: true, .. } => ExitCode::SUCCESS,
        _ if !wanted => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}
