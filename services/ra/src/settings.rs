//! What configuration files and the command line ask for.

use crate::dsrs::DsrSelection;
use crate::options::Id;
use crate::range::RecordRange;
use crate::variables::{self, Release};
use crate::words::{duration, file, join_time, modes, precision, printer, seconds, titles};
use field::style::{Form, TcpStates};
use field::{Columns, Style};
use filter::tier::Tier;
use options::{Parsed, Program, Stop};
use std::path::PathBuf;

/// Where records come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file, `-` being standard input, and the octets between which records begin.
    File(PathBuf, Option<(u64, u64)>),
    /// A file that others are compared with.
    Baseline(PathBuf, Option<(u64, u64)>),
    /// A file of NetFlow exports, or a capture of them, and the octets between which datagrams begin.
    Exports(PathBuf, Option<(u64, u64)>),
    /// A folder.
    Folder(PathBuf),
}

impl Input {
    /// The octets of its path.
    pub fn path(&self) -> &[u8] {
        let (Input::File(path, _) | Input::Baseline(path, _) | Input::Exports(path, _) | Input::Folder(path)) =
            self;
        path.as_os_str().as_encoded_bytes()
    }
}

/// An output file and the filter of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The argument of `-w`.
    pub target: String,
    /// The filter behind it.
    pub filter: Option<String>,
}

/// Where a filter is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterPlace {
    /// By the source where there is one, and here.
    Source,
    /// Only here.
    Here,
    /// By those who redraw what they show; it must make sense all the same.
    Display,
}

/// When cells are coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// Never.
    Never,
    /// On a terminal.
    Auto,
    /// Always.
    Always,
}

/// Everything that was asked for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name for messages.
    pub program: &'static str,
    /// The look of rows.
    pub style: Style,
    /// The columns.
    pub columns: Columns,
    /// Inputs in order.
    pub inputs: Vec<Input>,
    /// Whether the inputs are those of a configuration file, which the command line's replace.
    pub configured_inputs: bool,
    /// Remote sources.
    pub sources: Vec<String>,
    /// Whether these are those of a configuration file, which the command line's replace.
    pub configured_sources: bool,
    /// Port of sources that name none.
    pub port: u16,
    /// The port of ours that connections to sources come from; 0 is any.
    pub local_port: u16,
    /// Connect again when a source goes away.
    pub reliable: bool,
    /// Seconds to wait for a connection.
    pub connect_seconds: f64,
    /// Seconds to stay attached.
    pub stay: Option<f64>,
    /// Output files.
    pub outputs: Vec<Output>,
    /// File of records that the filter rejects.
    pub rejects: Option<String>,
    /// The filter and where it is applied.
    pub filter: Option<(FilterPlace, String)>,
    /// Whether 3.0.8 optimises the filter: not with `-O`, nor once `-X` has reset that.
    pub optimised: bool,
    /// `-b`.
    pub show_filter: bool,
    /// Time range.
    pub time: Option<String>,
    /// Range of records.
    pub range: Option<RecordRange>,
    /// `-A`.
    pub summary: bool,
    /// `-q`.
    pub quiet: bool,
    /// `-L`: -1 never, 0 once, else before every so many rows.
    pub titles: i8,
    /// Print management records.
    pub management: bool,
    /// Print event records.
    pub events: bool,
    /// Regular expression over user data, with its side prefix.
    pub regex: Option<String>,
    /// Regular expression over labels.
    pub label: Option<String>,
    /// Parts of records to keep.
    pub dsrs: Option<DsrSelection>,
    /// `-M rmon`.
    pub rmon: bool,
    /// `-M uni`.
    pub uni: bool,
    /// `-M poll`.
    pub poll: bool,
    /// Stages of direction repair.
    pub port_direction: Vec<variables::DirectionStage>,
    /// How near the ends of a record are says which comes first.
    pub local_direction: Option<variables::LocalDirection>,
    /// Whether records are turned round that were seen from the wrong side.
    pub correct: bool,
    /// `-d`.
    pub daemon: bool,
    /// `-a`: letters of a suffix.
    pub digits: Option<usize>,
    /// `-B`: seconds to hold files open.
    pub hold: Option<f64>,
    /// `-f`: script for closed files.
    pub script: Option<PathBuf>,
    /// Modes that belong to one client, in order.
    pub modes: Vec<String>,
    /// `--color`.
    pub color: Color,
    /// `-%`.
    pub percent: bool,
    /// `-3`: written records become version 3.
    pub version_3: bool,
    /// `-M rtime`: how many times faster than it was recorded a file is played back.
    pub playback: Option<f64>,
    /// Write a pid file when run as a daemon.
    pub set_pid: bool,
    /// Where.
    pub pid_path: PathBuf,
}

impl Settings {
    /// The state before any option.
    pub fn new(program: &'static str, release: Release) -> Settings {
        let compat = release == Release::V3;
        let later = release == Release::V5;
        let style = Style { zone: field::time::local_zone(), compat, later, ..Style::default() };
        Settings {
            program,
            style,
            columns: Columns::new(compat),
            inputs: Vec::new(),
            configured_inputs: false,
            sources: Vec::new(),
            configured_sources: false,
            port: stream::DEFAULT_PORT,
            local_port: 0,
            reliable: false,
            connect_seconds: 10.0,
            stay: None,
            outputs: Vec::new(),
            rejects: None,
            filter: None,
            optimised: true,
            show_filter: false,
            time: None,
            range: None,
            summary: false,
            quiet: false,
            titles: 0,
            management: false,
            events: false,
            regex: None,
            label: None,
            dsrs: None,
            rmon: false,
            uni: false,
            poll: false,
            port_direction: Vec::new(),
            local_direction: None,
            correct: true,
            daemon: false,
            digits: None,
            hold: None,
            script: None,
            modes: Vec::new(),
            color: Color::Never,
            percent: false,
            version_3: false,
            playback: None,
            set_pid: false,
            pid_path: PathBuf::from("/var/run"),
        }
    }

    /// Which release's output is wanted.
    pub fn release(&self) -> Release {
        match (self.style.compat, self.style.later) {
            (true, _) => Release::V3,
            (_, true) => Release::V5,
            _ => Release::Ours,
        }
    }

    /// Sets the release whose output is wanted.
    pub fn set_release(&mut self, release: Release) {
        (self.style.compat, self.style.later) = (release == Release::V3, release == Release::V5);
    }

    /// Whether cells are to be coloured, now that everything is known.
    fn coloured(&self) -> bool {
        use std::io::IsTerminal;
        match self.color {
            Color::Never => false,
            Color::Always => true,
            Color::Auto => {
                std::io::stdout().is_terminal()
                    && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
            }
        }
    }

    /// Reads the configuration files and the command line.
    ///
    /// # Errors
    /// [`Stop`] for what cannot be read or understood.
    pub fn read(program: &'static Program<Id>, words: Vec<std::ffi::OsString>) -> Result<Settings, Stop> {
        let bare = words.iter().any(|word| word.as_encoded_bytes().windows(2).any(|two| two == b"-X"));
        let parsed = program.parse(join_time(words))?;
        // It decides how others are understood, so it holds from the start.
        let mut release = Release::Ours;
        for found in parsed.found.iter().filter(|found| found.id == Id::Compat) {
            release = variables::compatibility(found.text()?)
                .ok_or_else(|| found.error("only 3.0.8 and 5.0.3 are known"))?;
        }
        let mut settings = Settings::new(program.name, release);
        if !bare {
            for path in variables::default_files() {
                settings.configure(&path)?;
            }
        }
        (settings.configured_inputs, settings.configured_sources) = (true, true);
        settings.apply(&parsed)?;
        settings.style.colour = settings.coloured();
        Ok(settings)
    }

    /// Reads a configuration file, whose columns the next ones replace.
    fn configure(&mut self, path: &std::path::Path) -> Result<(), Stop> {
        variables::read(self, path)?;
        self.columns.restart();
        Ok(())
    }

    fn apply(&mut self, parsed: &Parsed<Id>) -> Result<(), Stop> {
        for found in &parsed.found {
            let wrong = || {
                found.error(format_args!("invalid value '{}'", found.texts().collect::<Vec<_>>().join(" ")))
            };
            match found.id {
                Id::Reset => {
                    *self = Settings {
                        configured_inputs: true,
                        configured_sources: true,
                        optimised: false,
                        ..Settings::new(self.program, self.release())
                    }
                }
                Id::Unoptimised => self.optimised = false,
                Id::Configuration => self.configure(&found.path())?,
                Id::Compat | Id::Ignored | Id::IgnoredFlag | Id::User => {}
                Id::Color => {
                    self.color = match found.text()? {
                        "never" => Color::Never,
                        "auto" => Color::Auto,
                        "always" => Color::Always,
                        _ => return Err(wrong()),
                    };
                }
                Id::Line => variables::line(self, found.text()?).map_err(|text| found.error(text))?,
                Id::Percent => self.percent = true,
                Id::Version3 => self.version_3 = true,
                Id::Netflow => self.source(format!("cisco://{}", found.text()?.trim_start_matches(':'))),
                Id::Summary => (self.summary, self.style.application_titles) = (true, true),
                Id::ShowFilter => self.show_filter = true,
                Id::Abbreviate => self.style.abbreviate = true,
                Id::Quiet => self.quiet = true,
                Id::UnixTime => self.style.unix_time = true,
                Id::Names => self.style.names = self.style.names.next(),
                Id::States => self.style.tcp_states = TcpStates::Letters,
                Id::Daemon => self.daemon = !self.daemon,
                Id::Delimiter => self.delimit(found.text()?.as_bytes()),
                Id::Flags => self.set_flags(found.text()?).ok_or_else(wrong)?,
                // 3.0.8 takes what is no number for 0.
                Id::Titles => {
                    let number = titles(found.text()?).or(self.style.compat.then_some(0));
                    self.titles = number.ok_or_else(wrong)?;
                }
                Id::Precision => {
                    let digits = precision(found.text()?).or(self.style.compat.then_some(0));
                    self.style.precision = digits.ok_or_else(wrong)?;
                }
                Id::Range => self.range = Some(RecordRange::parse(found.text()?).ok_or_else(wrong)?),
                Id::Time => self.time = Some(found.text()?.to_owned()),
                Id::Stay => self.stay = Some(seconds(found.text()?).ok_or_else(wrong)?),
                Id::Hold => self.hold = Some(duration(found.text()?).ok_or_else(wrong)?),
                Id::Number => self.digits = Some(found.parse::<usize>()?.clamp(1, 32)),
                Id::Script => self.script = Some(found.path()),
                Id::Regex => self.regex = Some(found.text()?.to_owned()),
                Id::Rejects => self.rejects = Some(found.text()?.to_owned()),
                Id::Source => self.source(found.text()?.to_owned()),
                Id::Write => {
                    self.outputs.push(Output { target: found.text()?.to_owned(), filter: found.second() });
                }
                Id::Fields => {
                    for text in found.texts() {
                        // 3.0.8 names the program alone, as for all that goes wrong later.
                        self.columns.add(&text).map_err(|error| Stop::Usage {
                            program: self.program,
                            text: error.to_string(),
                        })?;
                    }
                }
                Id::Modes => {
                    for mode in modes(found.texts()) {
                        self.mode(&mode).ok_or_else(|| found.error(format_args!("invalid mode '{mode}'")))?;
                    }
                }
                Id::Read | Id::Folders => {
                    if std::mem::take(&mut self.configured_inputs) {
                        self.inputs.clear();
                    }
                    for value in &found.values {
                        self.inputs.push(if found.id == Id::Folders {
                            Input::Folder(value.into())
                        } else {
                            file(value, self.style.compat).map_err(|text| found.error(text))?
                        });
                    }
                }
            }
        }
        // Who names a file does not wait for the source of a configuration file.
        if self.configured_sources && !self.configured_inputs {
            self.sources.clear();
        }
        let expression = parsed.expression();
        if !expression.trim().is_empty() {
            self.set_filter(&expression);
        }
        Ok(())
    }

    /// Takes a source; the first of the command line replaces those of configuration files.
    fn source(&mut self, text: String) {
        if std::mem::take(&mut self.configured_sources) {
            self.sources.clear();
        }
        self.sources.push(text);
    }

    /// Takes a filter with its prefix.
    pub fn set_filter(&mut self, text: &str) {
        let (tier, text) = filter::tier::split(text);
        let place = match tier {
            Tier::Remote => FilterPlace::Source,
            Tier::Local => FilterPlace::Here,
            Tier::Display => FilterPlace::Display,
        };
        self.filter = Some((place, text.trim().to_owned()));
    }

    /// The expression that chooses records.
    pub fn expression(&self) -> &str {
        match &self.filter {
            None | Some((FilterPlace::Display, _)) => "",
            Some((_, text)) => text,
        }
    }

    /// Takes a delimiter as `-c` gives it: its first character, or `\t`.
    pub fn delimit(&mut self, text: &[u8]) {
        self.style.variable = true;
        self.style.delimiter = match text {
            [] => None,
            [b'\\', b't', ..] => Some(b'\t'),
            // Columns are separated by blanks anyway: only the period goes.
            [b' ', ..] => {
                self.style.period = false;
                None
            }
            [first, ..] => Some(*first),
        };
    }

    /// `s`, `d` or `b`.
    pub fn set_flags(&mut self, text: &str) -> Option<()> {
        // The letters of `-z` win.
        if self.style.tcp_states == TcpStates::Letters {
            return Some(());
        }
        self.style.tcp_states = match text.as_bytes().first()? {
            b's' => TcpStates::SourceFlags,
            b'd' => TcpStates::DestinationFlags,
            b'b' => TcpStates::BothFlags,
            _ if self.style.compat => TcpStates::Nothing,
            _ => return None,
        };
        Some(())
    }

    /// A word of `-M`. Words that are not of all clients are kept for the one that runs.
    fn mode(&mut self, word: &str) -> Option<()> {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        match (name, value) {
            ("man", None) => self.management = true,
            ("noman", None) => self.management = false,
            ("xml", None) => (self.style.form, self.titles) = (Form::Xml, -1),
            // 3.0.8 does not know it and prints columns.
            ("json", None) if !self.style.compat => (self.style.form, self.titles) = (Form::Json, -1),
            ("rmon", None) => (self.rmon, self.style.rmon) = (true, true),
            ("uni", None) => self.uni = true,
            ("poll", None) => self.poll = true,
            ("disa", None) => self.style.disa = true,
            ("oui", None) => self.style.vendor_addresses = true,
            // 3.0.8 does not know them.
            ("correct", None) if !self.style.compat => self.correct = true,
            ("nocorrect", None) if !self.style.compat => self.correct = false,
            ("pzero", None) if !self.style.compat => self.style.zero_ports = true,
            // 3.0.8 does not know it.
            ("eframe", Some(octets)) if !self.style.compat => {
                self.style.extra_octets = octets.parse().ok()?
            }
            ("rtime" | "realtime", None) => self.playback = Some(1.0),
            _ if word.starts_with("rtime:") || word.starts_with("realtime:") => {
                let speed = word.split_once(':').and_then(|(_, speed)| seconds(speed));
                self.playback = Some(speed.filter(|&speed| speed > 0.0)?);
            }
            ("label", Some(regex)) => self.label = Some(regex.to_owned()),
            ("TZ", Some(zone)) => self.style.zone = field::time::zone(zone),
            // 3.0.8 passes over the name of one that it does not have.
            ("printer", Some(name)) if self.style.compat => {
                self.style.user_data = printer(name).unwrap_or(self.style.user_data);
            }
            ("printer", Some(name)) => self.style.user_data = printer(name)?,
            ("dsrs", Some(list)) => self.dsrs = Some(DsrSelection::parse(list)),
            _ => self.modes.push(word.to_owned()),
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str) -> Result<Settings, String> {
        let words = format!("-X {words}").split_whitespace().map(Into::into).collect();
        Settings::read(&crate::options::RA, words).map_err(|stop| stop.to_string())
    }

    #[test]
    fn options_in_order() {
        let settings =
            read("-nn -c , -r a b::1:2 -R d -w o tcp -t 14 - 16 -N 3 - local udp and port 53").expect("good");
        assert_eq!(settings.style.names, field::style::Names::None);
        assert_eq!(settings.style.delimiter, Some(b','));
        assert_eq!(
            settings.inputs,
            [Input::File("a".into(), None), Input::File("b".into(), Some((1, 2))), Input::Folder("d".into())]
        );
        assert_eq!(
            read("-r cisco:a::1:2 baseline:b -S sensor -C :2055").expect("good").inputs,
            [Input::Exports("a".into(), Some((1, 2))), Input::Baseline("b".into(), None)]
        );
        assert_eq!(read("-S sensor -C :2055").expect("good").sources, ["sensor", "cisco://2055"]);
        assert_eq!(read("- display tcp").expect("good").expression(), "");
        assert_eq!(settings.outputs, [Output { target: "o".into(), filter: Some("tcp".into()) }]);
        assert_eq!(settings.time.as_deref(), Some("14-16"));
        assert_eq!(settings.filter, Some((FilterPlace::Here, "udp and port 53".into())));
        assert!(read("-n -X").expect("good").style.names == field::style::Names::Ports);
        assert_eq!(read("-t 14 -16").expect("good").time.as_deref(), Some("14-16"));
        assert_eq!(read("-t 14 - tcp").expect("good").filter, Some((FilterPlace::Source, "tcp".into())));
    }

    #[test]
    fn columns_replace_those_of_a_file_before_them() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "RA_FIELD_SPECIFIER=\"stime proto\"\n").expect("written");
        let path = file.path().display();
        let columns = |words: &str| {
            let settings = read(&words.replace("FILE", &path.to_string())).expect("good");
            settings.columns.list().iter().map(|column| column.field.name).collect::<Vec<_>>()
        };
        // As 3.0.8 has them.
        assert_eq!(columns("-F FILE -s saddr"), ["saddr"]);
        assert_eq!(columns("-F FILE -s +saddr"), ["stime", "proto", "saddr"]);
        assert_eq!(columns("-s saddr -F FILE"), ["saddr", "stime", "proto"]);
        assert_eq!(columns("-s saddr -F FILE -s daddr"), ["daddr"]);
        assert_eq!(columns("-F FILE -s -stime"), ["proto"]);
    }

    #[test]
    fn bad_values_are_named() {
        assert!(read("-N x").is_err_and(|text| text.contains("-N")));
        assert!(read("-s nonesuch").is_err_and(|text| text.contains("nonesuch")));
        assert!(read("--compat 2").is_err_and(|text| text.contains("3.0.8")));
        assert!(read("-M printer=x").is_err_and(|text| text.contains("printer=x")));
        assert!(read("-r ft:x").is_err_and(|text| text.contains("flow-tools")));
    }
}
