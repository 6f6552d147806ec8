//! The daemon's messages: to standard error, where s6-log keeps them, and to a syslog server when one is
//! configured.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;

use config::{Endpoint, Level};
use syslog::{Facility, Formatter3164, Logger, LoggerBackend};

/// Messages that wait for the server at most; a name that cannot be looked up must not stop the box.
const WAITING: usize = 256;

/// Messages that found no room.
static DROPPED: AtomicU64 = AtomicU64::new(0);

static REMOTE: OnceLock<Remote> = OnceLock::new();

struct Remote {
    least: Level,
    queue: SyncSender<(Level, String)>,
}

/// A failure.
pub fn error(message: &str) {
    write(Level::Error, message);
}

/// What may become a failure.
pub fn warning(message: &str) {
    write(Level::Warning, message);
}

/// What a person would like to know.
pub fn info(message: &str) {
    write(Level::Info, message);
}

/// Sends messages to `server` from now on, down to the urgency `least`. Only the first call counts.
pub fn send_to(server: &Endpoint, least: Level, hostname: &str) -> std::io::Result<()> {
    let (queue, messages) = sync_channel(WAITING);
    let (server, hostname) = (server.to_string(), hostname.to_owned());
    thread::Builder::new().name("syslog".into()).spawn(move || deliver(&messages, &server, &hostname))?;
    // A second configuration in one life of the daemon does not happen.
    let _ = REMOTE.set(Remote { least, queue });
    Ok(())
}

fn write(level: Level, message: &str) {
    eprintln!("boxd: {message}");
    if let Some(remote) = REMOTE.get().filter(|remote| urgency(level) <= urgency(remote.least))
        && let Err(TrySendError::Full(_)) = remote.queue.try_send((level, message.to_owned()))
    {
        DROPPED.fetch_add(1, Ordering::Relaxed);
    }
}

fn urgency(level: Level) -> u8 {
    match level {
        Level::Error => 0,
        Level::Warning => 1,
        Level::Info => 2,
    }
}

/// Looks the server up for every message: its address may change, and it may not be there at first.
fn deliver(messages: &Receiver<(Level, String)>, server: &str, hostname: &str) {
    while let Ok((level, message)) = messages.recv() {
        let sent = connect(server, hostname).and_then(|mut logger| {
            let lost = DROPPED.swap(0, Ordering::Relaxed);
            if lost > 0 {
                logger.warning(format!("{lost} messages were lost before this one"))?;
            }
            match level {
                Level::Error => logger.err(message),
                Level::Warning => logger.warning(message),
                Level::Info => logger.info(message),
            }
        });
        if sent.is_err() {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn connect(server: &str, hostname: &str) -> Result<Logger<LoggerBackend, Formatter3164>, syslog::Error> {
    let formatter = Formatter3164 {
        facility: Facility::LOG_DAEMON,
        hostname: Some(hostname.to_owned()),
        process: "boxd".into(),
        pid: std::process::id(),
    };
    let server =
        server.to_socket_addrs()?.next().ok_or(std::io::Error::from(std::io::ErrorKind::NotFound))?;
    let local: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    syslog::udp(formatter, (local, 0), server)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use super::*;

    #[test]
    fn messages_reach_the_server_down_to_the_level() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        server.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let address = server.local_addr().unwrap().to_string();
        send_to(&address.parse().unwrap(), Level::Warning, "audit-1").unwrap();
        info("em1 is tap");
        error("the firewall does not load");
        let mut buffer = [0; 2048];
        let length = server.recv(&mut buffer).unwrap();
        let text = String::from_utf8_lossy(&buffer[..length]);
        // daemon.err is 3 * 8 + 3.
        assert!(text.starts_with("<27>"), "{text}");
        assert!(text.contains("audit-1 boxd[") && text.contains("the firewall does not load"), "{text}");
    }
}
