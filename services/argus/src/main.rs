//! The sensor: captures packets and reports the flows they belong to.
//!
//! | file | what |
//! |---|---|
//! | `options`, `variables`, `settings` | command line and configuration file, in the order in which they count |
//! | `srcid`, `interface` | the notations for source ids and for `-i` |
//! | `run` | the order of start and end; reading capture files |
//! | `offline`, `quick` | one capture file |
//! | `capture`, `live` | the loop over interfaces; one interface |
//! | `engines` | what the flow engines are told |
//! | `output` | where records go |
//! | `report` | management records |
//! | `bpf` | shows a compiled packet filter |
//!
//! Facts: sensor-and-transport chapter, section 1.
#![forbid(unsafe_code)]

mod bpf;
mod capture;
mod engines;
mod interface;
mod live;
mod offline;
mod options;
mod output;
mod quick;
mod report;
mod run;
mod settings;
mod variables;

use std::process::ExitCode;

use daemon::{Log, Style};
use settings::Failure;

fn main() -> ExitCode {
    let settings = match settings::read(std::env::args_os().skip(1)) {
        Ok(settings) => settings,
        Err(Failure::Stop(stop)) => stop.exit(),
        Err(Failure::File(text)) => daemon::fail("argus", text),
    };
    let log = Log::new("argus", Style::Argus);
    log.only_up_to(settings.log_priority);
    match run::run(&settings, &log) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log.error(error);
            ExitCode::FAILURE
        }
    }
}
