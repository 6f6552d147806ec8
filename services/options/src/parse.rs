//! The command line, read as the C programs' getopt loop reads it (sensor-and-transport 1.1, ra-output 1).

use std::ffi::{OsStr, OsString};
use std::fmt::{self, Display};
use std::io::Write as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;
use std::str::FromStr;

use crate::table::{GENERATORS, Opt, Program, Takes};

/// What a command line said.
#[derive(Clone, Debug)]
pub struct Parsed<K> {
    /// The options, in the order in which they were given.
    pub found: Vec<Found<K>>,
    /// The words after the options, without the `-` or `--` that separated them.
    pub rest: Vec<OsString>,
}

impl<K: PartialEq> Parsed<K> {
    /// Whether an option was given at all, wherever.
    pub fn has(&self, id: K) -> bool {
        self.found.iter().any(|found| found.id == id)
    }
}

impl<K> Parsed<K> {
    /// The words after the options joined with blanks: the filter expression.
    pub fn expression(&self) -> String {
        let words: Vec<_> = self.rest.iter().map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    }
}

/// One option as it was given.
#[derive(Clone, Debug)]
pub struct Found<K> {
    /// Which option.
    pub id: K,
    /// As the user wrote it, for messages: `-P` or `--port`.
    pub name: String,
    /// Its values: none for a flag, at least one otherwise.
    pub values: Vec<OsString>,
    program: &'static str,
}

impl<K> Found<K> {
    /// The first value as text; empty for a flag.
    ///
    /// # Errors
    /// A usage error when it is not UTF-8.
    pub fn text(&self) -> Result<&str, Stop> {
        match self.values.first() {
            None => Ok(""),
            Some(value) => value
                .to_str()
                .ok_or_else(|| self.error(format!("'{}' is not UTF-8", value.to_string_lossy()))),
        }
    }

    /// All values as text, damaged UTF-8 replaced.
    pub fn texts(&self) -> impl Iterator<Item = String> {
        self.values.iter().map(|value| value.to_string_lossy().into_owned())
    }

    /// The first value as a path.
    pub fn path(&self) -> PathBuf {
        self.values.first().map(PathBuf::from).unwrap_or_default()
    }

    /// The second value as text: the filter of `-w file "filter"`.
    pub fn second(&self) -> Option<String> {
        self.values.get(1).map(|value| value.to_string_lossy().into_owned())
    }

    /// The first value parsed as a number or the like.
    ///
    /// # Errors
    /// A usage error that names the option and the value.
    pub fn parse<T: FromStr>(&self) -> Result<T, Stop> {
        let text = self.text()?;
        text.parse().map_err(|_| self.error(format!("invalid value '{text}'")))
    }

    /// A usage error about this option.
    pub fn error(&self, text: impl Display) -> Stop {
        Stop::usage(self.program, format_args!("option {}: {text}", self.name))
    }
}

/// Why the program ends before it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A text that was asked for (`--help`, `--version`, `--generate`): standard output, exit status 0.
    Print(String),
    /// The text of `-h`, likewise. The C programs end as if the command line were wrong.
    Help(String),
    /// The command line is wrong: one line on standard error, exit status 2.
    Usage {
        /// The program's name.
        program: &'static str,
        /// What is wrong.
        text: String,
    },
}

impl Stop {
    /// A usage error.
    pub fn usage(program: &'static str, text: impl Display) -> Self {
        Stop::Usage { program, text: text.to_string() }
    }

    /// Prints and ends the process. A reader that went away (`ra -h | head -1`) is no failure.
    pub fn exit(self) -> ! {
        match self {
            Stop::Print(text) | Stop::Help(text) => {
                let _ = std::io::stdout().write_all(text.as_bytes());
                std::process::exit(0)
            }
            usage => {
                let _ = writeln!(std::io::stderr(), "{usage}");
                std::process::exit(2)
            }
        }
    }
}

impl Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stop::Print(text) | Stop::Help(text) => f.write_str(text),
            Stop::Usage { program, text } => write!(f, "{program}: {text} (try {program} -h)"),
        }
    }
}

impl std::error::Error for Stop {}

impl<K: Copy> Program<K> {
    /// Reads the words of a command line, the program's name not among them.
    ///
    /// Options come first and may be clustered (`-nnr file`), values attached (`-s50`) or apart. The first word that
    /// is no option, or a lone `-` or `--`, ends them.
    ///
    /// # Errors
    /// [`Stop`]: a text was asked for, or the command line is wrong.
    pub fn parse<I>(&self, words: I) -> Result<Parsed<K>, Stop>
    where
        I: IntoIterator,
        I::Item: Into<OsString>,
    {
        let mut words = words.into_iter().map(Into::into).peekable();
        let mut found = Vec::new();
        while let Some(word) = words.peek() {
            let bytes = word.as_bytes();
            if bytes == b"-" || bytes == b"--" {
                words.next();
                break;
            }
            if bytes.first() != Some(&b'-') {
                break;
            }
            let Some(word) = words.next() else { break };
            match word.as_bytes().strip_prefix(b"--") {
                Some(long) => found.push(self.long(long, &mut words)?),
                None => self.cluster(word.as_bytes().get(1..).unwrap_or_default(), &mut words, &mut found)?,
            }
        }
        Ok(Parsed { found, rest: words.collect() })
    }

    /// The long name that a mistyped one was most likely meant for.
    fn nearest(&self, name: &str) -> Option<&str> {
        let own = self.options.iter().filter_map(|option| option.long).filter(|long| !long.is_empty());
        own.chain(["help", "version", "generate"])
            .map(|long| (strsim::osa_distance(name, long), long))
            .filter(|&(distance, long)| distance <= (long.len() / 3).clamp(1, 3))
            .min_by_key(|&(distance, _)| distance)
            .map(|(_, long)| long)
    }

    /// One word of the form `--name` or `--name=value`.
    fn long<I>(&self, word: &[u8], words: &mut std::iter::Peekable<I>) -> Result<Found<K>, Stop>
    where
        I: Iterator<Item = OsString>,
    {
        let (name, attached) = match word.iter().position(|byte| *byte == b'=') {
            Some(at) => (&word[..at], Some(&word[at + 1..])),
            None => (word, None),
        };
        let name = String::from_utf8_lossy(name);
        let Some(option) = self.by_long(&name) else {
            let mut value = || attached.map(OsStr::from_bytes).map(OsString::from).or_else(|| words.next());
            return Err(match &*name {
                "help" => Stop::Print(self.long_help()),
                "version" => Stop::Print(format!("{} {}\n", self.name, self.version)),
                "generate" => self.generate(&value().unwrap_or_default()),
                _ => {
                    let meant = self.nearest(&name);
                    let meant = meant.map(|meant| format!(" (perhaps --{meant})")).unwrap_or_default();
                    Stop::usage(self.name, format_args!("unknown option '--{}'{meant}", printable(&name)))
                }
            });
        };
        if option.takes == Takes::Nothing && attached.is_some() {
            return Err(Stop::usage(self.name, format_args!("option --{name} takes no value")));
        }
        self.values(option, format!("--{name}"), attached, words)
    }

    /// The letters of one word.
    fn cluster<I>(
        &self,
        letters: &[u8],
        words: &mut std::iter::Peekable<I>,
        found: &mut Vec<Found<K>>,
    ) -> Result<(), Stop>
    where
        I: Iterator<Item = OsString>,
    {
        for (at, letter) in letters.iter().enumerate() {
            let letter = char::from(*letter);
            let Some(option) = self.by_short(letter) else {
                return Err(match letter {
                    'h' => Stop::Help(self.short_help()),
                    _ => {
                        Stop::usage(self.name, format_args!("unknown option '-{}'", letter.escape_default()))
                    }
                });
            };
            if option.takes == Takes::Nothing {
                found.push(self.values(option, format!("-{letter}"), None, words)?);
                continue;
            }
            let attached = letters.get(at + 1..).filter(|rest| !rest.is_empty());
            found.push(self.values(option, format!("-{letter}"), attached, words)?);
            break;
        }
        Ok(())
    }

    /// Takes an option's values from what is attached to it and from the words after it.
    fn values<I>(
        &self,
        option: &Opt<K>,
        name: String,
        attached: Option<&[u8]>,
        words: &mut std::iter::Peekable<I>,
    ) -> Result<Found<K>, Stop>
    where
        I: Iterator<Item = OsString>,
    {
        let further = match option.takes {
            Takes::Nothing => {
                return Ok(Found { id: option.id, name, values: Vec::new(), program: self.name });
            }
            Takes::Value => 0,
            Takes::ValueAndWord => 1,
            Takes::Words => usize::MAX,
        };
        let first = attached.map(|value| OsString::from_vec(value.to_vec())).or_else(|| words.next());
        let Some(first) = first else {
            return Err(Stop::usage(self.name, format_args!("option {name} needs a value")));
        };
        let mut values = vec![first];
        while values.len() <= further
            && let Some(word) = words.next_if(|word| word.as_bytes().first() != Some(&b'-'))
        {
            values.push(word);
        }
        Ok(Found { id: option.id, name, values, program: self.name })
    }

    fn generate(&self, what: &OsStr) -> Stop {
        match what.to_str() {
            Some("man") => Stop::Print(self.manual()),
            Some("complete-bash") => Stop::Print(self.bash()),
            Some("complete-zsh") => Stop::Print(self.zsh()),
            Some("complete-fish") => Stop::Print(self.fish()),
            _ => Stop::usage(
                self.name,
                format_args!(
                    "cannot generate '{}', only {}",
                    printable(&what.to_string_lossy()),
                    GENERATORS.join(", ")
                ),
            ),
        }
    }
}

/// Control characters escaped, so that a command line cannot drive the terminal of whoever reads the message.
fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Id {
        Appbytes,
        Snap,
        Read,
        Write,
        Compat,
    }

    static PROGRAM: Program<Id> = Program {
        usage: &["demo [options] [expression]"],
        options: &[
            Opt::flag(Id::Appbytes, 'A', "", "application bytes."),
            Opt::value(Id::Snap, 's', "snap", "<n>", "snap length."),
            Opt::words(Id::Read, 'r', "read", "<file ...>", "input."),
            Opt::value_and_word(Id::Write, 'w', "", "<file [filter]>", "output."),
            Opt::value(Id::Compat, '-', "compat", "<version>", "like <version>.").long_only(),
        ],
        ..Program::new("demo", "a demonstration")
    };

    /// Options as `name=value,value`, then the rest after a bar.
    fn shown(words: &str) -> String {
        match PROGRAM.parse(words.split_whitespace()) {
            Err(stop) => stop.to_string(),
            Ok(parsed) => {
                let mut text: Vec<String> = parsed
                    .found
                    .iter()
                    .map(|found| format!("{}={}", found.name, found.texts().collect::<Vec<_>>().join(",")))
                    .collect();
                text.push(format!("| {}", parsed.expression()));
                text.join(" ")
            }
        }
    }

    #[test]
    fn getopt_syntax() {
        for (words, expected) in [
            ("", "| "),
            ("tcp or udp", "| tcp or udp"),
            ("-A tcp", "-A= | tcp"),
            ("-As50 - tcp", "-A= -s=50 | tcp"),
            ("-s 50 -- tcp", "-s=50 | tcp"),
            ("-s -1", "-s=-1 | "),
            ("-r - - tcp", "-r=- | tcp"),
            ("-r a b c -w o tcp -A", "-r=a,b,c -w=o,tcp -A= | "),
            ("-ra b - x", "-r=a,b | x"),
            ("-w o - tcp", "-w=o | tcp"),
            ("-w o one two", "-w=o,one | two"),
            ("-w- -A", "-w=- -A= | "),
            ("--compat 3.0.8 -A", "--compat=3.0.8 -A= | "),
            ("--compat=3.0.8 -A", "--compat=3.0.8 -A= | "),
            ("--compat= -A", "--compat= -A= | "),
            ("--read a b - x", "--read=a,b | x"),
            ("- -A", "| -A"),
            ("-k", "demo: unknown option '-k' (try demo -h)"),
            ("-A -s", "demo: option -s needs a value (try demo -h)"),
            ("--nope", "demo: unknown option '--nope' (try demo -h)"),
            ("--comapt=3.0.8", "demo: unknown option '--comapt' (perhaps --compat) (try demo -h)"),
            ("--verson", "demo: unknown option '--verson' (perhaps --version) (try demo -h)"),
            ("--version", "demo 0.1.0\n"),
            (
                "--generate x",
                "demo: cannot generate 'x', only man, complete-bash, complete-zsh, complete-fish (try demo -h)",
            ),
        ] {
            assert_eq!(shown(words), expected, "{words}");
        }
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let stop = PROGRAM.parse(["--\u{1b}[2J"]).unwrap_err();
        assert!(!stop.to_string().contains('\u{1b}'), "{stop:?}");
        let stop = PROGRAM.parse(["-\u{1b}"]).unwrap_err();
        assert!(!stop.to_string().contains('\u{1b}'), "{stop:?}");
    }

    #[test]
    fn values_are_checked_where_they_are_used() {
        let parsed = PROGRAM.parse(["-s", "many"]).unwrap();
        assert_eq!(
            parsed.found[0].parse::<u32>().unwrap_err().to_string(),
            "demo: option -s: invalid value 'many' (try demo -h)"
        );
        let bad = OsString::from_vec(vec![0xff]);
        let parsed = PROGRAM.parse([OsString::from("-r"), bad.clone()]).unwrap();
        assert!(parsed.found[0].text().is_err());
        assert_eq!(parsed.found[0].path(), PathBuf::from(bad));
    }
}
