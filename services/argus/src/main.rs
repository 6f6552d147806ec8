//! The sensor: captures packets and reports the flows they belong to.
//!
//! | file | what |
//! |---|---|
//! | `options`, `command_line`, `variables`, `settings` | command line and configuration file, in the order in which they count |
//! | `observer`, `interface`, `targets` | the notations for source ids, for `-i`, for `-w` |
//! | `environment` | ARGUS_ENV |
//! | `run` | the order of start and end; reading capture files |
//! | `offline`, `input` | one capture file; the octets of one that grows, a pipe, what is compressed |
//! | `exports` | flow records out of packets that carry NetFlow |
//! | `control` | what counts as control plane traffic |
//! | `sieve` | a compiled packet filter on packets of files |
//! | `capture`, `lanes` | the loop over interfaces; threads that share their packets |
//! | `live`, `opening`, `source` | one interface; its ring, or libpcap |
//! | `order` | packets of several interfaces in the order of their times |
//! | `segments` | the packets that a super-packet was made of |
//! | `engines` | what the flow engines are told |
//! | `output` | where records go |
//! | `report` | management records |
//! | `events` | what programs print and files hold, as records |
//! | `dump` | packets written to a capture file besides |
//! | `bpf` | instructions of a compiled packet filter, and how they are shown |
//!
//! Facts: sensor-and-transport chapter, section 1.
#![forbid(unsafe_code)]

mod bpf;
mod capture;
mod command_line;
mod control;
mod dump;
mod engines;
mod environment;
mod events;
mod exports;
mod input;
mod interface;
mod lanes;
mod live;
mod observer;
mod offline;
mod opening;
mod options;
mod order;
mod output;
mod report;
mod run;
mod segments;
mod settings;
mod sieve;
mod source;
mod targets;
mod variables;

use std::process::ExitCode;

use command_line::Failure;
use daemon::{Log, Style};

fn main() -> ExitCode {
    let settings = match command_line::read(std::env::args_os().skip(1)) {
        Ok(settings) => settings,
        Err(Failure::Stop(stop)) => stop.exit(),
        Err(Failure::File(text)) => daemon::fail("argus", text),
    };
    if let Err(text) = environment::take(&settings.environment) {
        daemon::fail("argus", text);
    }
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
