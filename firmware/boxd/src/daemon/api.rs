//! The socket on which boxd answers (crate `boxd-api`).

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use boxd_api::{Answer, MAX_LINE, Request, SOCKET};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

use super::Shared;
use super::status::status;
use crate::{backoff, log, supervise, users};

/// Connections at a time.
const CONNECTIONS: usize = 16;

/// The longest request, in octets: the longest is a claim code.
const REQUEST: u64 = 64 * 1024;

/// How long a connection may be silent.
const IDLE: Duration = Duration::from_secs(60);

/// What a wrong claim code costs: nobody else can try in the meantime.
const WRONG: Duration = Duration::from_secs(1);

/// Lines of a log in one answer.
const LINES: u32 = 1000;

/// Octets of a log in one answer; quoting may make them up to six times as many.
const LOG: usize = MAX_LINE / 8;

/// Opens the socket and answers on it from a thread of its own.
pub fn serve(shared: Arc<Shared>) -> io::Result<()> {
    let web = users::find("web")?;
    let path = Path::new(SOCKET);
    let folder = path.parent().unwrap_or(Path::new("/run"));
    users::own_folder(folder, users::User { uid: 0, gid: web.gid }, 0o750)?;
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    chown(path, Some(0), Some(web.gid))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
    thread::Builder::new().name("api".into()).spawn(move || accept(&listener, &shared, web.uid))?;
    Ok(())
}

fn accept(listener: &UnixListener, shared: &Arc<Shared>, web: u32) {
    let open = Arc::new(AtomicUsize::new(0));
    for connection in listener.incoming() {
        let Ok(connection) = connection else {
            // Out of descriptors: some connection will end.
            thread::sleep(Duration::from_millis(100));
            continue;
        };
        let allowed =
            getsockopt(&connection, PeerCredentials).is_ok_and(|peer| peer.uid() == 0 || peer.uid() == web);
        if !allowed {
            refuse(&connection, "this user may ask nothing");
            continue;
        }
        if open.fetch_add(1, Ordering::SeqCst) >= CONNECTIONS {
            open.fetch_sub(1, Ordering::SeqCst);
            refuse(&connection, "too many connections");
            continue;
        }
        let (shared, count) = (Arc::clone(shared), Arc::clone(&open));
        let started = thread::Builder::new().name("api connection".into()).spawn(move || {
            // A peer that goes away, stalls or writes rubbish ends its connection, nothing more.
            let _ = converse(&connection, &shared);
            count.fetch_sub(1, Ordering::SeqCst);
        });
        if started.is_err() {
            open.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

fn refuse(mut connection: &UnixStream, reason: &str) {
    let _ = connection.set_write_timeout(Some(Duration::from_secs(1)));
    if let Ok(line) = line(&Answer::Refused { reason: reason.into() }) {
        let _ = connection.write_all(&line);
    }
}

fn line(answer: &Answer) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    Ok(line)
}

/// Answers request after request.
fn converse(connection: &UnixStream, shared: &Shared) -> io::Result<()> {
    connection.set_read_timeout(Some(IDLE))?;
    connection.set_write_timeout(Some(IDLE))?;
    let mut reader = BufReader::new(connection);
    loop {
        let mut request = Vec::new();
        if reader.by_ref().take(REQUEST).read_until(b'\n', &mut request)? == 0 {
            return Ok(());
        }
        let answer = match serde_json::from_slice(&request) {
            Ok(request) => answer(request, shared),
            Err(error) => Answer::Refused { reason: format!("not a request: {error}") },
        };
        let mut writer = connection;
        writer.write_all(&line(&answer)?)?;
        if request.last() != Some(&b'\n') {
            return Ok(());
        }
    }
}

fn answer(request: Request, shared: &Shared) -> Answer {
    let known = |name: &str| name == "boxd" || shared.state().services.iter().any(|service| service == name);
    match request {
        Request::Status => Answer::Status(Box::new(status(shared))),
        Request::Config => Answer::Config { text: shared.state().settings.text.clone() },
        Request::Claim { code } => claim(shared, &code),
        Request::Restart { service } | Request::Log { service, .. } if !known(&service) => {
            Answer::Refused { reason: format!("there is no service {service:?}") }
        }
        Request::Restart { service } => {
            match backoff::ask(&service).and_then(|()| supervise::control(&service, "-r")) {
                Ok(()) => Answer::Done,
                Err(error) => Answer::Refused { reason: error.to_string() },
            }
        }
        Request::Log { service, lines } => {
            let folder = Path::new(crate::stage1::LOG).join(service);
            match tail(&folder, lines.min(LINES) as usize) {
                Ok(lines) => Answer::Log { lines },
                Err(error) => Answer::Refused { reason: format!("the log cannot be read: {error}") },
            }
        }
    }
}

fn claim(shared: &Shared, code: &str) -> Answer {
    let mut claim = shared.claim();
    let refused = |reason: &str| Answer::Refused { reason: reason.into() };
    let Some(claim) = claim.as_mut() else { return refused("there is no claim code") };
    if claim.shown().is_none() {
        return refused("the box has been claimed");
    }
    match claim.take(code) {
        Ok(true) => {
            log::info("the box has been claimed");
            Answer::Done
        }
        Ok(false) => {
            // With the lock held: attempts from several connections wait for one another.
            thread::sleep(WRONG);
            log::warning("a wrong claim code");
            refused("that is not the code on the console")
        }
        Err(error) => refused(&format!("the claim cannot be kept: {error}")),
    }
}

/// The last lines that s6-log wrote to a folder: of `current`, and of the file before it.
fn tail(folder: &Path, lines: usize) -> io::Result<Vec<String>> {
    let mut old: Vec<_> = match fs::read_dir(folder) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    // Closed files are called @<time>.s; the names sort as the times do.
    old.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('@')));
    old.sort();
    let mut octets = match old.last() {
        Some(last) => fs::read(last).unwrap_or_default(),
        None => Vec::new(),
    };
    match fs::read(folder.join("current")) {
        Ok(current) => octets.extend(current),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let start = octets.len().saturating_sub(LOG);
    let text = String::from_utf8_lossy(octets.get(start..).unwrap_or_default());
    let mut last: Vec<String> = text.lines().rev().take(lines).map(Into::into).collect();
    last.reverse();
    Ok(last)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use super::*;
    use crate::claim::Claim;
    use crate::daemon::State;
    use crate::settings::Settings;

    fn shared(folder: &Path) -> Shared {
        let state = State {
            settings: Settings::load(folder, Vec::new),
            nics: Vec::new(),
            services: vec!["radium".into()],
            faults: BTreeMap::from([("x".into(), vec!["a fault".into()])]),
        };
        Shared { state: Mutex::new(state), claim: Mutex::new(Some(Claim::open(folder).unwrap())) }
    }

    /// Sends octets and gives the lines that come back.
    fn talk(shared: &Shared, octets: &[u8]) -> Vec<String> {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        thread::scope(|scope| {
            scope.spawn(move || {
                let _ = converse(&theirs, shared);
            });
            ours.write_all(octets).unwrap();
            ours.shutdown(std::net::Shutdown::Write).unwrap();
            let mut text = String::new();
            ours.read_to_string(&mut text).unwrap();
            text.lines().map(Into::into).collect()
        })
    }

    #[test]
    fn several_requests_on_one_connection() {
        let folder = tempfile::tempdir().unwrap();
        let shared = shared(folder.path());
        let answers = talk(&shared, b"{\"request\":\"status\"}\n{\"request\":\"config\"}\n");
        let Answer::Status(status) = serde_json::from_str(&answers[0]).unwrap() else {
            panic!("{}", answers[0])
        };
        assert!(status.unclaimed);
        assert_eq!(status.degraded, ["a fault"]);
        assert_eq!(status.services.len(), 2);
        assert!(matches!(serde_json::from_str(&answers[1]).unwrap(), Answer::Config { .. }));
    }

    #[test]
    fn rubbish_is_refused_and_the_connection_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let shared = shared(folder.path());
        let answers = talk(&shared, b"\xff\xfe\n{}\n{\"request\":\"restart\",\"service\":\"../x\"}\n");
        assert_eq!(answers.len(), 3);
        assert!(answers.iter().all(|answer| answer.contains("refused")), "{answers:?}");
        assert!(answers[2].contains("there is no service"));
        // A request without end is cut off.
        let answers = talk(&shared, &vec![b'x'; REQUEST as usize]);
        assert_eq!(answers.len(), 1);
    }

    #[test]
    fn the_claim_code_works_once() {
        let folder = tempfile::tempdir().unwrap();
        let shared = shared(folder.path());
        let code = shared.claim().as_ref().unwrap().shown().unwrap();
        let claim = |code: &str| claim(&shared, code);
        assert!(matches!(claim("0000-0000"), Answer::Refused { .. }));
        assert_eq!(claim(&code), Answer::Done);
        let Answer::Refused { reason } = claim(&code) else { panic!() };
        assert!(reason.contains("has been claimed"));
    }

    #[test]
    fn a_log_is_read_across_its_files() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(tail(&folder.path().join("none"), 5).unwrap(), [""; 0]);
        fs::write(folder.path().join("@400000006b0327b5.s"), "one\ntwo\n").unwrap();
        fs::write(folder.path().join("current"), b"three\nfo\xff").unwrap();
        assert_eq!(tail(folder.path(), 3).unwrap(), ["two", "three", "fo\u{fffd}"]);
    }
}
