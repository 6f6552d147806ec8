//! Messages, in the format of the C programs (sensor-and-transport 1.9), to standard error or syslog.

use std::fmt::{Display, Write as _};
use std::io::Write as _;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::Zoned;
use jiff::tz::TimeZone;
use syslog::{Facility, Formatter3164, LoggerBackend};

/// How grave a message is. An error is the last message of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The program ends.
    Error,
    /// Somebody should look.
    Alert,
    /// Something is not as it should be.
    Warning,
    /// Something happened.
    Info,
}

/// How a line on standard error begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `     ArgusInfo: 22 Nov 26 15:04:59.395795 text`, as the sensor writes.
    Argus,
    /// `ra[4711]: 15:04:59.395795 text`, as radium and the clients write.
    Client,
    /// `name: text`: for services whose supervisor adds the time.
    Plain,
}

/// Where messages go. Clones share the destination.
#[derive(Clone)]
pub struct Log(Arc<Inner>);

struct Inner {
    program: String,
    style: Style,
    /// Looked up for the first message: most programs that end at once have none to tell.
    zone: OnceLock<TimeZone>,
    destination: Mutex<Destination>,
    /// Gravest syslog priorities only, up to this one.
    limit: AtomicU8,
}

struct Destination {
    standard_error: bool,
    syslog: Option<syslog::Logger<LoggerBackend, Formatter3164>>,
}

impl Log {
    /// Messages to standard error.
    pub fn new(program: &str, style: Style) -> Self {
        Log(Arc::new(Inner {
            program: program.to_owned(),
            style,
            zone: OnceLock::new(),
            destination: Mutex::new(Destination { standard_error: true, syslog: None }),
            limit: AtomicU8::new(7),
        }))
    }

    /// The time zone of the messages. To be looked up before a chroot, after which it cannot be.
    pub fn zone(&self) -> &TimeZone {
        self.0.zone.get_or_init(TimeZone::system)
    }

    /// No messages less grave than this syslog priority (0 to 7). Errors are always told.
    pub fn only_up_to(&self, priority: u8) {
        self.0.limit.store(priority, Ordering::Relaxed);
    }

    /// Messages also to the local syslog (facility daemon) from now on.
    ///
    /// # Errors
    /// Text of the reason, when no syslog listens; messages then stay where they were.
    pub fn open_syslog(&self) -> Result<(), String> {
        let formatter = Formatter3164 {
            facility: Facility::LOG_DAEMON,
            hostname: None,
            process: self.0.program.clone(),
            pid: std::process::id(),
        };
        let logger = syslog::unix(formatter).map_err(|error| format!("syslog: {error}"))?;
        self.destination().syslog = Some(logger);
        Ok(())
    }

    /// No more messages to standard error: it belongs to a terminal that is not ours any longer.
    pub fn leave_standard_error(&self) {
        self.destination().standard_error = false;
    }

    /// One message.
    pub fn say(&self, level: Level, text: impl Display) {
        let priority = match level {
            Level::Error => 0,
            Level::Alert => 1,
            Level::Warning => 4,
            Level::Info => 6,
        };
        if priority > self.0.limit.load(Ordering::Relaxed) {
            return;
        }
        let text = escaped(&text.to_string());
        let mut destination = self.destination();
        if destination.standard_error {
            let line = self.line(level, &text, &Zoned::now().with_time_zone(self.zone().clone()));
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
        if let Some(logger) = &mut destination.syslog {
            let sent = match level {
                Level::Error => logger.err(&text),
                Level::Alert => logger.alert(&text),
                Level::Warning => logger.warning(&text),
                Level::Info => logger.info(&text),
            };
            // A syslog that was restarted has a new socket: the next message finds it.
            if sent.is_err() {
                destination.syslog = None;
                drop(destination);
                let _ = self.open_syslog();
            }
        }
    }

    /// Something happened.
    pub fn info(&self, text: impl Display) {
        self.say(Level::Info, text);
    }

    /// Something is not as it should be.
    pub fn warning(&self, text: impl Display) {
        self.say(Level::Warning, text);
    }

    /// Somebody should look.
    pub fn alert(&self, text: impl Display) {
        self.say(Level::Alert, text);
    }

    /// The last message: why the program ends. On standard error it is the one line `<program>: <text>`, or that of the
    /// clients.
    pub fn error(&self, text: impl Display) {
        self.say(Level::Error, text);
    }

    fn destination(&self) -> std::sync::MutexGuard<'_, Destination> {
        self.0.destination.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, level: Level, text: &str, now: &Zoned) -> String {
        let mut line = String::with_capacity(text.len() + 48);
        let program = &self.0.program;
        let _ = match (self.0.style, level) {
            (Style::Client, _) => {
                write!(line, "{program}[{}]: {} ", std::process::id(), now.strftime("%H:%M:%S.%6f"))
            }
            (Style::Plain, _) | (Style::Argus, Level::Error) => write!(line, "{program}: "),
            (Style::Argus, _) => {
                let tag = match level {
                    Level::Error => "ArgusError",
                    Level::Alert => "ArgusAlert",
                    Level::Warning => "ArgusWarning",
                    Level::Info => "ArgusInfo",
                };
                write!(line, "{tag:>14}: {} ", now.strftime("%d %b %y %H:%M:%S.%6f"))
            }
        };
        line.push_str(text);
        line.push('\n');
        line
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Log({})", self.0.program)
    }
}

/// Control characters escaped: what a peer or a file says must not drive a terminal or forge a log line.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            out.extend(letter.escape_default());
        } else {
            out.push(letter);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_look_like_those_of_the_c_programs() {
        let now: Zoned = "2026-11-22T14:54:02.626047[UTC]".parse().unwrap();
        let line = |style, level, text| Log::new("argus", style).line(level, text, &now);
        assert_eq!(
            line(Style::Argus, Level::Alert, "started"),
            "    ArgusAlert: 22 Nov 26 14:54:02.626047 started\n"
        );
        assert_eq!(
            line(Style::Argus, Level::Warning, "client noname never started: timed out"),
            "  ArgusWarning: 22 Nov 26 14:54:02.626047 client noname never started: timed out\n"
        );
        assert_eq!(line(Style::Argus, Level::Error, "no such file"), "argus: no such file\n");
        assert_eq!(
            line(Style::Client, Level::Info, "x"),
            format!("argus[{}]: 14:54:02.626047 x\n", std::process::id())
        );
        assert_eq!(line(Style::Plain, Level::Info, "x"), "argus: x\n");
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(escaped("a\nb\u{1b}[31mc é"), "a\\nb\\u{1b}[31mc é");
    }
}
