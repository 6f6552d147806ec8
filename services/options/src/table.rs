//! The table itself: what a program's options, variables and manual sections are.

/// A program's command line, declared once.
///
/// `K` is the program's own enum with one variant per option, so that the `match` over what was found is checked for
/// completeness by the compiler. Fill a literal from [`Program::new`] with `..`.
#[derive(Debug)]
pub struct Program<K: 'static> {
    /// The name users type, also the prefix of messages.
    pub name: &'static str,
    /// The name at the head of `-h`, as the C programs write it (`Argus`, `Ra`, `Radium`).
    pub title: &'static str,
    /// The version shown by `-h`, `--version` and the manual page.
    pub version: &'static str,
    /// One line for the NAME section of the manual page, lower case, without a full stop.
    pub about: &'static str,
    /// Forms of invocation, one a line, beginning with the program's name.
    pub usage: &'static [&'static str],
    /// Paragraphs for the DESCRIPTION section and the long help, separated by blank lines.
    pub description: &'static str,
    /// Section of the manual the page belongs to.
    pub section: u8,
    /// Width of the option column in `-h`: 24 for argus, 23 for the clients, 15 for radium.
    pub column: usize,
    /// The options, in the order in which `-h` shows them.
    pub options: &'static [Opt<K>],
    /// Variables of the configuration file.
    pub variables: &'static [Variable],
    /// Further sections of the manual page: title in capitals, text in paragraphs separated by blank lines.
    pub sections: &'static [(&'static str, &'static str)],
    /// Other pages, as `radium(8)`.
    pub see_also: &'static [&'static str],
}

impl<K> Program<K> {
    /// A program without options, the base of a struct literal.
    pub const fn new(name: &'static str, about: &'static str) -> Self {
        Program {
            name,
            title: name,
            version: env!("CARGO_PKG_VERSION"),
            about,
            usage: &[],
            description: "",
            section: 1,
            column: 23,
            options: &[],
            variables: &[],
            sections: &[],
            see_also: &[],
        }
    }

    /// Whether the configuration variable `name` is one of this program's.
    pub fn knows(&self, name: &str) -> bool {
        self.variables.iter().any(|variable| variable.name == name)
    }

    pub(crate) fn by_short(&self, letter: char) -> Option<&Opt<K>> {
        self.options.iter().find(|option| option.short == Some(letter))
    }

    pub(crate) fn by_long(&self, name: &str) -> Option<&Opt<K>> {
        self.options.iter().find(|option| option.long == Some(name))
    }
}

/// One option.
#[derive(Debug)]
pub struct Opt<K: 'static> {
    /// What the program calls it.
    pub id: K,
    /// Its letter, ASCII, without the dash.
    pub short: Option<char>,
    /// Its long name, without the dashes.
    pub long: Option<&'static str>,
    /// What follows it.
    pub takes: Takes,
    /// How `-h` writes what follows it, as `<secs>`; empty for flags.
    pub value: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
    /// Further lines of `-h`, printed as they are.
    pub detail: &'static str,
    /// More for the long help and the manual page, in paragraphs separated by blank lines; may be empty.
    pub more: &'static str,
    /// How a shell completes the value.
    pub complete: Complete,
    /// Left out of `-h` (options that C programs accept without effect); the manual has it.
    pub hidden: bool,
}

/// What follows an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Nothing: a flag.
    Nothing,
    /// One word, attached (`-s50`, `--snap=50`) or the next one, whatever it begins with.
    Value,
    /// One word as for [`Takes::Value`], then following words up to one that begins with `-`.
    Words,
    /// As [`Takes::Words`], but at most one further word (`-w file "filter"`).
    ValueAndWord,
}

/// How a shell completes an option's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Complete {
    /// Not at all.
    Nothing,
    /// With file names.
    Files,
    /// With folder names.
    Folders,
    /// With network interfaces.
    Interfaces,
    /// With host names.
    Hosts,
    /// With user names.
    Users,
    /// With group names.
    Groups,
    /// With these words.
    Choice(&'static [&'static str]),
}

impl<K> Opt<K> {
    const fn with(
        id: K,
        short: char,
        long: &'static str,
        takes: Takes,
        value: &'static str,
        help: &'static str,
    ) -> Self {
        Opt {
            id,
            short: Some(short),
            long: if long.is_empty() { None } else { Some(long) },
            takes,
            value,
            help,
            detail: "",
            more: "",
            complete: Complete::Nothing,
            hidden: false,
        }
    }

    /// A flag. An empty `long` means that there is only the letter.
    pub const fn flag(id: K, short: char, long: &'static str, help: &'static str) -> Self {
        Self::with(id, short, long, Takes::Nothing, "", help)
    }

    /// An option with one value.
    pub const fn value(
        id: K,
        short: char,
        long: &'static str,
        value: &'static str,
        help: &'static str,
    ) -> Self {
        Self::with(id, short, long, Takes::Value, value, help)
    }

    /// An option that swallows the words after it until one begins with `-`.
    pub const fn words(
        id: K,
        short: char,
        long: &'static str,
        value: &'static str,
        help: &'static str,
    ) -> Self {
        Self::with(id, short, long, Takes::Words, value, help)
    }

    /// An option with a value and perhaps one more word that does not begin with `-`.
    pub const fn value_and_word(
        id: K,
        short: char,
        long: &'static str,
        value: &'static str,
        help: &'static str,
    ) -> Self {
        Self::with(id, short, long, Takes::ValueAndWord, value, help)
    }

    /// Without a letter: only `--long`.
    pub const fn long_only(mut self) -> Self {
        self.short = None;
        self
    }

    /// With further lines for `-h`, printed as they are.
    pub const fn detail(mut self, lines: &'static str) -> Self {
        self.detail = lines;
        self
    }

    /// With more text for the long help and the manual page.
    pub const fn more(mut self, text: &'static str) -> Self {
        self.more = text;
        self
    }

    /// With a way to complete its value.
    pub const fn complete(mut self, how: Complete) -> Self {
        self.complete = how;
        self
    }

    /// Left out of `-h`.
    pub const fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }
}

/// One variable of the configuration file.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// How its value is written, as `yes|no` or `<secs>`.
    pub value: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
}

impl Variable {
    /// A variable.
    pub const fn new(name: &'static str, value: &'static str, help: &'static str) -> Self {
        Variable { name, value, help }
    }
}

/// The options every program has without declaring them, as (letter, long name, value, help).
pub(crate) const BUILT_IN: &[(Option<char>, &str, &str, &str)] = &[
    (Some('h'), "", "", "print help."),
    (None, "help", "", "print the long help."),
    (None, "version", "", "print the version."),
    (
        None,
        "generate",
        "<what>",
        "print a manual page or completion: man, complete-bash, complete-zsh, complete-fish.",
    ),
];

pub(crate) const GENERATORS: &[&str] = &["man", "complete-bash", "complete-zsh", "complete-fish"];
