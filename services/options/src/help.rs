//! `-h` in the layout of the C programs, and the longer `--help`.

use std::fmt::Write as _;

use crate::table::{BUILT_IN, Opt, Program};

impl<K> Program<K> {
    /// The text of `-h`.
    pub(crate) fn short_help(&self) -> String {
        let mut text = format!("{} Version {}\n", self.title, self.version);
        for form in self.usage {
            let _ = writeln!(text, "usage: {form}");
        }
        let mut lines: Vec<(String, &str, &str)> = Vec::new();
        for option in self.options.iter().filter(|option| !option.hidden) {
            lines.push((flags_short(option), option.help, option.detail));
        }
        // -h stands where the alphabet puts it, as in the C programs.
        let place = self
            .options
            .iter()
            .filter(|option| !option.hidden)
            .position(|option| option.short.is_none_or(|letter| letter.to_ascii_lowercase() >= 'h'))
            .unwrap_or(lines.len());
        if self.by_short('h').is_none() {
            lines.insert(place, ("-h".to_owned(), "print help.", ""));
        }
        for (_, long, value, help) in BUILT_IN.iter().filter(|built_in| built_in.0.is_none()) {
            lines.push((format!("--{long} {value}").trim_end().to_owned(), help, ""));
        }
        for (at, (flags, help, detail)) in lines.iter().enumerate() {
            let lead = if at == 0 { "options: " } else { "         " };
            let _ = writeln!(text, "{lead}{flags:<width$} {help}", width = self.column - 1);
            if !detail.is_empty() {
                let _ = writeln!(text, "{detail}");
            }
        }
        text
    }

    /// The text of `--help`.
    pub(crate) fn long_help(&self) -> String {
        let mut text = format!("{} {} - {}\n\n", self.name, self.version, self.about);
        for form in self.usage {
            let _ = writeln!(text, "usage: {form}");
        }
        for paragraph in paragraphs(self.description) {
            let _ = write!(text, "\n{}", wrapped(&paragraph, 0));
        }
        text.push_str("\nOptions:\n");
        for option in self.options {
            let _ = write!(text, "  {}\n{}", flags(option), wrapped(&sentence(option.help), 10));
            for paragraph in paragraphs(option.more) {
                let _ = write!(text, "\n{}", wrapped(&paragraph, 10));
            }
        }
        for (letter, long, value, help) in BUILT_IN {
            let name = letter.map_or_else(|| format!("--{long} {value}"), |letter| format!("-{letter}"));
            let _ = write!(text, "  {}\n{}", name.trim_end(), wrapped(&sentence(help), 10));
        }
        if !self.variables.is_empty() {
            text.push_str("\nConfiguration variables:\n");
            for variable in self.variables {
                let _ = write!(
                    text,
                    "  {}={}\n{}",
                    variable.name,
                    variable.value,
                    wrapped(&sentence(variable.help), 10)
                );
            }
        }
        for (title, body) in self.sections {
            let _ = write!(text, "\n{}:\n", sentence(&title.to_lowercase()));
            for (at, paragraph) in paragraphs(body).enumerate() {
                let gap = if at == 0 { "" } else { "\n" };
                let _ = write!(text, "{gap}{}", wrapped(&paragraph, 2));
            }
        }
        text
    }
}

/// `-r <file>`: what `-h` shows; the long name only where there is no letter.
fn flags_short<K>(option: &Opt<K>) -> String {
    let name = match (option.short, option.long) {
        (Some(letter), _) => format!("-{letter}"),
        (None, Some(long)) => format!("--{long}"),
        (None, None) => String::new(),
    };
    if option.value.is_empty() { name } else { format!("{name} {}", option.value) }
}

/// `-r, --read <file>`.
pub(crate) fn flags<K>(option: &Opt<K>) -> String {
    let mut text = match (option.short, option.long) {
        (Some(letter), Some(long)) => format!("-{letter}, --{long}"),
        (Some(letter), None) => format!("-{letter}"),
        (None, Some(long)) => format!("--{long}"),
        (None, None) => String::new(),
    };
    if !option.value.is_empty() {
        text.push(' ');
        text.push_str(option.value);
    }
    text
}

/// Paragraphs of a text, each in one line.
pub(crate) fn paragraphs(text: &str) -> impl Iterator<Item = String> {
    text.split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|paragraph| !paragraph.is_empty())
}

/// With a capital at the head.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// Wrapped at 79 columns, each line indented and ended.
fn wrapped(text: &str, indent: usize) -> String {
    let mut out = String::new();
    let mut width = 0;
    for word in text.split_whitespace() {
        if width > 0 && indent + width + 1 + word.chars().count() > 79 {
            out.push('\n');
            width = 0;
        }
        if width == 0 {
            out.extend(std::iter::repeat_n(' ', indent));
        } else {
            out.push(' ');
            width += 1;
        }
        out.push_str(word);
        width += word.chars().count();
    }
    if width > 0 {
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::{Opt, Program};

    static PROGRAM: Program<u8> = Program {
        title: "Demo",
        usage: &["demo [options] [- filter-expression]"],
        options: &[
            Opt::flag(0, 'A', "appbytes", "Generate application byte metrics."),
            Opt::words(1, 'r', "read", "<file file ...>", "use packet file as data source.")
                .detail("             Supported formats:")
                .more("Files are read\nin the order of their names."),
            Opt::value(2, '-', "compat", "<version>", "behave as argus <version>.").long_only(),
            Opt::value(3, 'D', "", "<level>", "debug level.").hidden(),
        ],
        ..Program::new("demo", "a demonstration")
    };

    #[test]
    fn short_help_has_the_layout_of_the_c_programs() {
        assert_eq!(
            PROGRAM.short_help(),
            "Demo Version 0.1.0\n\
             usage: demo [options] [- filter-expression]\n\
             options: -A                     Generate application byte metrics.\n         \
             -h                     print help.\n         \
             -r <file file ...>     use packet file as data source.\n             \
             Supported formats:\n         \
             --compat <version>     behave as argus <version>.\n         \
             --help                 print the long help.\n         \
             --version              print the version.\n         \
             --generate <what>      print a manual page or completion: man, complete-bash, complete-zsh, complete-fish.\n"
        );
    }

    #[test]
    fn long_help_shows_everything_within_79_columns() {
        let text = PROGRAM.long_help();
        assert!(
            text.contains("  -r, --read <file file ...>\n          Use packet file as data source.\n"),
            "{text}"
        );
        assert!(text.contains("\n          Files are read in the order of their names.\n"), "{text}");
        assert!(text.contains("  -D <level>\n"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 79), "{text}");
    }
}
