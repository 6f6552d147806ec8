//! Merges many Argus sources and serves them to many clients.
//!
//! | file | what |
//! |---|---|
//! | `options`, `settings`, `variables` | command line and configuration file, in the order in which they count |
//! | `id` | the notations of the source id |
//! | `run` | the order of start and end; signals, timers |
//! | `input` | files that are read to their end; what any input does with a record |
//! | `sources` | remote sources, each with a thread; adding and removing them |
//! | `hub` | hands a record to all clients and outputs |
//! | `report` | radium's own management records |
//! | `adjust` | correction of the clocks of sources |
//! | `status` | the status file |
//!
//! Facts: sensor-and-transport chapter, sections 2 and 3.
#![forbid(unsafe_code)]

mod adjust;
mod hub;
mod input;
mod options;
mod report;
mod run;
mod settings;
mod sources;
mod status;
mod variables;

use std::process::ExitCode;

use daemon::{Log, Style};
use settings::Failure;

fn main() -> ExitCode {
    let settings = match settings::read(std::env::args_os().skip(1)) {
        Ok(settings) => settings,
        Err(Failure::Stop(stop)) => stop.exit(),
        Err(Failure::File(text)) => daemon::fail("radium", text),
    };
    let log = Log::new("radium", Style::Client);
    match run::run(settings, &log) {
        Ok(code) => code,
        Err(error) => {
            log.error(error);
            ExitCode::FAILURE
        }
    }
}
