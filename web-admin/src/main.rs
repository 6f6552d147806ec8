//! The program: options, then the parts of the library put together.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use daemon::{Identity, Log, Ready, Style};
use options::{Opt, Program, Stop};
use web_admin::certificate;
use web_admin::front::Front;
use web_admin::sessions::Sessions;
use web_admin::site::Site;
use web_admin::users::Users;
use web_admin::watch::{Places, Watch};

const NAME: &str = "web-admin";

#[derive(Clone, Copy, PartialEq)]
enum Key {
    Listen,
    Boxd,
    Data,
    Radium,
    Archive,
    User,
    Group,
    ReadyFd,
}

static PROGRAM: Program<Key> = Program {
    usage: &["web-admin [options]"],
    description: "Serves the pages, JSON and metrics of a Panoptes box over TLS. Its certificate is made at the first \
                  start and kept in the data directory, with the users.",
    section: 8,
    options: &[
        Opt::value(Key::Listen, 'l', "listen", "<addr:port>", "listen here; default 0.0.0.0:443."),
        Opt::value(Key::Boxd, 'b', "boxd", "<socket>", "boxd's socket."),
        Opt::value(Key::Data, 'd', "data", "<dir>", "directory of users and certificate."),
        Opt::value(Key::Radium, 'r', "radium-status", "<file>", "state file of radium."),
        Opt::value(Key::Archive, 'a', "archive-status", "<file>", "state file of the archiver."),
        Opt::value(Key::User, 'u', "user", "<user>", "run as <user> once the port is open."),
        Opt::value(Key::Group, 'g', "group", "<group>", "run as <group>; default the user's own."),
        Opt::value(Key::ReadyFd, 'R', "ready-fd", "<number>", "write a newline there when serving.")
            .long_only(),
    ],
    see_also: &["boxd(8)", "radium(8)"],
    ..Program::new(NAME, "the web admin of a Panoptes box")
};

struct Settings {
    listen: SocketAddr,
    data: PathBuf,
    places: Places,
    user: Option<String>,
    group: Option<String>,
    ready: Option<i32>,
}

fn settings() -> Result<Settings, Stop> {
    let mut settings = Settings {
        listen: SocketAddr::from(([0, 0, 0, 0], 443)),
        data: PathBuf::from("/data/web"),
        places: Places {
            boxd: PathBuf::from(boxd_api::SOCKET),
            radium: PathBuf::from("/run/radium/status.json"),
            archive: PathBuf::from("/run/archived/status.json"),
        },
        user: None,
        group: None,
        ready: None,
    };
    let parsed = PROGRAM.parse(std::env::args_os().skip(1))?;
    if !parsed.rest.is_empty() {
        return Err(Stop::usage(NAME, format!("'{}' is not an option", parsed.expression())));
    }
    for found in &parsed.found {
        match found.id {
            Key::Listen => settings.listen = found.parse()?,
            Key::Boxd => settings.places.boxd = found.path(),
            Key::Data => settings.data = found.path(),
            Key::Radium => settings.places.radium = found.path(),
            Key::Archive => settings.places.archive = found.path(),
            Key::User => settings.user = Some(found.text()?.to_owned()),
            Key::Group => settings.group = Some(found.text()?.to_owned()),
            Key::ReadyFd => settings.ready = Some(found.parse()?),
        }
    }
    Ok(settings)
}

fn run(settings: Settings, log: &Log) -> Result<(), String> {
    let identity = Identity::find(settings.user.as_deref(), settings.group.as_deref())
        .map_err(|error| error.to_string())?;
    let listener =
        TcpListener::bind(settings.listen).map_err(|error| format!("{}: {error}", settings.listen))?;
    // Everything from here on runs without privileges, so what is made below belongs to the user.
    identity.assume().map_err(|error| error.to_string())?;

    let hostname = nix::unistd::gethostname().unwrap_or_default();
    let certificate = certificate::load_or_make(&settings.data, &hostname.to_string_lossy())
        .map_err(|error| error.to_string())?;
    let users = Users::open(&settings.data).map_err(|error| error.to_string())?;
    let server = tiny_http::Server::http("127.0.0.1:0").map_err(|error| format!("loopback: {error}"))?;
    let inside = server.server_addr().to_ip().ok_or("loopback: not an internet address")?;
    log.info(format_args!("certificate fingerprint: SHA256:{}", certificate.fingerprint));

    let front = Front::new(certificate.config, inside);
    let watch = Arc::new(Watch::new(settings.places));
    let site = Site {
        users,
        sessions: Sessions::default(),
        watch: watch.clone(),
        peers: front.peers.clone(),
        counters: front.counters.clone(),
        log: log.clone(),
    };
    let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
    let cannot = |error| format!("starting a thread: {error}");
    thread("watch").spawn(move || watch.run()).map_err(cannot)?;
    thread("site").spawn(move || site.serve(&server)).map_err(cannot)?;

    let mut ready = Ready::new();
    if let Some(number) = settings.ready {
        ready = ready.supervisor(number)?;
    }
    log.info(format_args!("serving on https://{}", settings.listen));
    ready.tell(log);
    front.serve(&listener).map_err(|error| format!("accepting on {}: {error}", settings.listen))
}

fn main() {
    let settings = settings().unwrap_or_else(|stop| stop.exit());
    let log = Log::new(NAME, Style::Plain);
    // No state needs saving at the end: what matters was synced when it was made, so a signal may just end us.
    if let Err(error) = run(settings, &log) {
        daemon::fail(NAME, error);
    }
}
