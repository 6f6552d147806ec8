//! What radium is asked to do: options from left to right, then the configuration file (3.1).

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use options::Stop;
use record::SourceId;
use stream::{DEFAULT_PORT, Source, Target, TimeRange};

use crate::options::{Id, PROGRAM};
use crate::variables;

/// The file that is read unless `-f` or `-X` is given.
const SYSTEM_FILE: &str = "/etc/radium.conf";

/// All there is to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The configuration file, to be read again at SIGHUP.
    pub file: Option<PathBuf>,
    /// Sources as written; [`Settings::parsed_sources`] gives them parsed.
    pub sources: Vec<String>,
    pub files: Vec<PathBuf>,
    pub port: u16,
    pub bind: Vec<String>,
    pub outputs: Vec<OutputSetting>,
    pub id: SourceId,
    /// Of radium's own status records; none when not set, as radium 3.0.8.2.
    pub interval: Option<Duration>,
    /// Asked of the sources.
    pub remote_filter: Option<String>,
    /// Applied to what arrives.
    pub filter: Option<String>,
    pub time_range: Option<TimeRange>,
    /// Clocks that are further off are corrected.
    pub adjust: Option<Duration>,
    pub daemon: bool,
    pub chroot: Option<PathBuf>,
    pub user: Option<String>,
    pub group: Option<String>,
    pub pid_file: bool,
    pub pid_path: PathBuf,
    pub count: Option<u64>,
    pub run_time: Option<Duration>,
    pub status: Option<PathBuf>,
    pub ready_fd: Option<i32>,
    pub archive: Option<PathBuf>,
    pub max_clients: usize,
    pub compat: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            file: None,
            sources: Vec::new(),
            files: Vec::new(),
            port: 0,
            bind: Vec::new(),
            outputs: Vec::new(),
            id: SourceId::None,
            interval: None,
            remote_filter: None,
            filter: None,
            time_range: None,
            adjust: None,
            daemon: false,
            chroot: None,
            user: None,
            group: None,
            pid_file: false,
            pid_path: "/var/run".into(),
            count: None,
            run_time: None,
            status: None,
            ready_fd: None,
            archive: None,
            max_clients: 256,
            compat: false,
        }
    }
}

/// One output: where to, and which records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputSetting {
    pub target: Target,
    pub filter: Option<String>,
}

impl OutputSetting {
    /// # Errors
    /// What is wrong with the target or the filter.
    pub fn new(target: &str, filter: Option<&str>) -> Result<OutputSetting, String> {
        let target = Target::parse(target).map_err(|e| e.to_string())?;
        if let Some(filter) = filter {
            variables::check_filter(filter)?;
        }
        Ok(OutputSetting { target, filter: filter.map(String::from) })
    }
}

/// Why there are no settings.
pub enum Failure {
    /// Help was asked for, or the command line is wrong.
    Stop(Stop),
    /// A file cannot be read.
    File(String),
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        Failure::Stop(stop)
    }
}

/// Reads the command line and the files it names.
///
/// # Errors
/// [`Failure`].
pub fn read(words: impl Iterator<Item = OsString>) -> Result<Settings, Failure> {
    let parsed = PROGRAM.parse(words)?;
    let mut settings = from_options(&parsed)?;
    let expression = parsed.expression();
    if !expression.is_empty() {
        settings.filter = Some(expression);
    }
    if let Some(filter) = &settings.filter {
        variables::check_filter(filter).map_err(|e| Stop::usage("radium", e))?;
    }
    if settings.file.is_none() && !parsed.has(Id::Reset) && Path::new(SYSTEM_FILE).exists() {
        settings.file = Some(SYSTEM_FILE.into());
    }
    if let Some(file) = settings.file.clone() {
        // A daemon changes its folder.
        let file = std::path::absolute(&file).unwrap_or(file);
        variables::read(&file, &mut settings).map_err(Failure::File)?;
        settings.file = Some(file);
    }
    settings.parsed_sources().map_err(Failure::File)?;
    Ok(settings)
}

fn from_options(parsed: &options::Parsed<Id>) -> Result<Settings, Failure> {
    let mut settings = Settings::default();
    let (mut sources, mut files) = (true, true);
    for found in &parsed.found {
        match found.id {
            Id::Bind => settings.bind = found.texts().collect(),
            Id::Chroot => settings.chroot = Some(found.path()),
            Id::Daemon => settings.daemon = !settings.daemon,
            Id::Monitor => {
                settings.id = stream::srcid::parse(found.text()?).map_err(|e| found.error(e))?;
            }
            Id::File => settings.file = Some(found.path()),
            Id::Resource => {
                if found.path() != Path::new("/dev/null") {
                    variables::read_resource(&found.path(), &mut settings).map_err(Failure::File)?;
                }
            }
            Id::Group => settings.group = Some(found.text()?.into()),
            Id::User => settings.user = Some(found.text()?.into()),
            Id::Modes => {
                if let Some(interval) = found.texts().find_map(|word| variables::seconds(&word)) {
                    settings.interval = interval;
                }
            }
            Id::Count => settings.count = Some(found.parse()?),
            Id::Port => settings.port = found.parse()?,
            Id::Read => {
                if std::mem::take(&mut files) {
                    settings.files.clear();
                }
                settings.files.extend(found.values.iter().map(PathBuf::from));
            }
            Id::Source => {
                if std::mem::take(&mut sources) {
                    settings.sources.clear();
                }
                let words: Vec<String> = found.texts().collect();
                settings.sources.extend(words.iter().flat_map(|w| w.split_whitespace()).map(String::from));
            }
            Id::RunTime => {
                let time = variables::seconds(found.text()?).ok_or_else(|| found.error("is no time"))?;
                settings.run_time = time;
            }
            Id::TimeRange => {
                let now = jiff::Zoned::now();
                let range = TimeRange::parse(found.text()?, &now, settings.compat);
                settings.time_range = Some(range.map_err(|e| found.error(e))?);
            }
            Id::Write => {
                let output = OutputSetting::new(found.text()?, found.second().as_deref());
                settings.outputs.push(output.map_err(|e| found.error(e))?);
            }
            Id::Reset => settings = Settings { compat: settings.compat, ..Settings::default() },
            Id::Status => settings.status = Some(found.path()),
            Id::ReadyFd => settings.ready_fd = Some(found.parse()?),
            Id::Archive => settings.archive = Some(found.path()),
            Id::MaxClients => settings.max_clients = found.parse()?,
            Id::Compat => settings.compat = found.text()?.starts_with("3.0"),
            Id::Nothing | Id::NothingWithValue => {}
        }
    }
    Ok(settings)
}

impl Settings {
    /// The sources, without repetitions. Where no port is written it is 561; with `--compat` it is that of `-P`,
    /// as with the C radium (2.10).
    ///
    /// # Errors
    /// Which source is wrong, and how.
    pub fn parsed_sources(&self) -> Result<Vec<Source>, String> {
        let mut sources: Vec<Source> = Vec::new();
        let port = if self.compat && self.port != 0 { self.port } else { DEFAULT_PORT };
        for text in &self.sources {
            let source = Source::parse(text, port).map_err(|e| e.to_string())?;
            if source.file.is_some() {
                return Err(format!("{text}: radium follows sources, it does not fetch files"));
            }
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
        Ok(sources)
    }
}
