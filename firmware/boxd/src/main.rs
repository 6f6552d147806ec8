//! The one root daemon of the box, and stage 1 of its boot.

use std::io::{self, Write};
use std::process::ExitCode;

use boxd::{backoff, daemon, dhcp, halt, stage1, stop};

const USAGE: &str = "\
usage: boxd [--ready-fd N]             the daemon
       boxd config --reference         all keys of box.toml
       boxd config --default           a box.toml that says nothing but the defaults
       boxd config --check FILE        whether a box.toml can be read
       boxd status                     the state of the box, as the daemon sees it, in JSON
       boxd stop reboot|poweroff       end the services in order, then the box
and, called by the box itself: init, halt, pause PROGRAM…, ended SERVICE…, dhcp-event EVENT";

fn main() -> ExitCode {
    let mut words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let name = words.next().unwrap_or_default();
    let words: Vec<String> = words.collect();
    // The kernel starts the initramfs's program as "/init" with whatever words it did not understand
    // itself on its command line; none of them is for us.
    if name.rsplit('/').next() == Some("init") {
        stage1::run();
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done: Result<(), String> = match words.as_slice() {
        [] => daemon::run(None).map_err(text),
        ["--ready-fd", fd] => match fd.parse() {
            Ok(fd @ 3..) => daemon::run(Some(fd)).map_err(text),
            _ => return usage(),
        },
        ["init"] => stage1::run(),
        ["halt"] => halt::run(halt::requested()),
        ["halt", "reboot"] => halt::run(halt::End::Reboot),
        ["halt", "poweroff"] => halt::run(halt::End::PowerOff),
        ["status"] => status(),
        ["stop", how @ ("reboot" | "poweroff")] => stop::run(how).map_err(text),
        ["pause", program @ ..] if !program.is_empty() => Err(text(backoff::pause(program))),
        ["ended", service, ..] => backoff::ended(service).map_err(text),
        ["dhcp-event", event] => {
            let variables = std::env::vars_os().map(|(name, value)| {
                (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
            });
            dhcp::event(event, variables.collect())
        }
        ["config", "--reference"] => print(&config::reference()),
        ["config", "--default"] => print(&config::default_document()),
        ["config", "--check", file] => check(file),
        ["-h" | "--help"] => print(&format!("{USAGE}\n")),
        _ => return usage(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("boxd: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("boxd: not understood\n{USAGE}");
    ExitCode::from(2)
}

fn text(error: io::Error) -> String {
    error.to_string()
}

fn print(text: &str) -> Result<(), String> {
    io::stdout().write_all(text.as_bytes()).map_err(|error| format!("standard output: {error}"))
}

fn status() -> Result<(), String> {
    let socket = std::path::Path::new(boxd_api::SOCKET);
    let limit = std::time::Duration::from_secs(10);
    let answer =
        boxd_api::ask(socket, &boxd_api::Request::Status, limit).map_err(|error| error.to_string())?;
    let text = serde_json::to_string_pretty(&answer).map_err(|error| error.to_string())?;
    print(&format!("{text}\n"))
}

fn check(file: &str) -> Result<(), String> {
    let document = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    config::Config::parse(&document).map(drop).map_err(|error| format!("{file}: {error}"))
}
