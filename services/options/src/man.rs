//! The manual page, in roff with the man macros.

use std::fmt::Write as _;

use crate::help::{flags, paragraphs, sentence};
use crate::table::{BUILT_IN, Program};

/// The section that every page has.
const EXIT_STATUS: &str = "EXIT STATUS";

impl<K> Program<K> {
    /// The manual page.
    pub(crate) fn manual(&self) -> String {
        let mut page = String::new();
        let _ = writeln!(
            page,
            ".TH {} {} \"\" \"Panoptes {}\"\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS",
            roff(&self.name.to_uppercase()),
            self.section,
            self.version,
            roff(self.name),
            roff(self.about)
        );
        for form in self.usage {
            let (name, rest) = form.split_once(' ').unwrap_or((form, ""));
            let _ = writeln!(page, ".B {}\n{}\n.br", roff(name), roff(rest.trim()));
        }
        if !self.description.is_empty() {
            page.push_str(".SH DESCRIPTION\n");
            body(&mut page, self.description);
        }
        page.push_str(".SH OPTIONS\n");
        for option in self.options {
            let _ = writeln!(page, ".TP\n.B {}\n{}", roff(&flags(option)), roff(&sentence(option.help)));
            for paragraph in paragraphs(option.more) {
                let _ = writeln!(page, ".IP\n{}", roff(&paragraph));
            }
        }
        for (letter, long, value, help) in BUILT_IN {
            let name = letter.map_or_else(|| format!("--{long} {value}"), |letter| format!("-{letter}"));
            let _ = writeln!(page, ".TP\n.B {}\n{}", roff(name.trim_end()), roff(&sentence(help)));
        }
        if !self.variables.is_empty() {
            page.push_str(".SH CONFIGURATION\n");
            for variable in self.variables {
                let _ = writeln!(
                    page,
                    ".TP\n.B {}={}\n{}",
                    roff(variable.name),
                    roff(variable.value),
                    roff(&sentence(variable.help))
                );
            }
        }
        for (title, text) in self.sections {
            let _ = writeln!(page, ".SH {}", roff(title));
            body(&mut page, text);
        }
        // A program whose statuses mean more has a section of its own.
        if self.sections.iter().all(|&(title, _)| title != EXIT_STATUS) {
            let _ = writeln!(
                page,
                ".SH {EXIT_STATUS}\n0 on success, 1 on failure, 2 when the command line is wrong; failures are told in one line on \
                 standard error."
            );
        }
        if !self.see_also.is_empty() {
            let _ = writeln!(page, ".SH SEE ALSO\n{}", roff(&self.see_also.join(", ")));
        }
        page
    }
}

fn body(page: &mut String, text: &str) {
    for paragraph in paragraphs(text) {
        let _ = writeln!(page, ".PP\n{}", roff(&paragraph));
    }
}

/// Text made safe for roff: backslashes, dashes that users copy, and a control character at the head of a line.
fn roff(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    if text.starts_with(['.', '\'']) {
        out.push_str("\\&");
    }
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\e"),
            '-' => out.push_str("\\-"),
            '"' => out.push_str("\\(dq"),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::{Opt, Program, Variable};

    #[test]
    fn page_has_every_option_and_variable() {
        let program: Program<u8> = Program {
            usage: &["demo [options]"],
            options: const { &[Opt::value(0, 'w', "write", "<file>", ".dots and \\ back")] },
            variables: const { &[Variable::new("DEMO_PORT", "<n>", "port to listen on.")] },
            see_also: &["argus(8)"],
            ..Program::new("demo", "a demonstration")
        };
        let page = program.manual();
        assert!(page.starts_with(".TH DEMO 1 "), "{page}");
        assert!(page.contains(".TP\n.B \\-w, \\-\\-write <file>\n\\&.dots and \\e back\n"), "{page}");
        assert!(page.contains(".B DEMO_PORT=<n>\nPort to listen on.\n"), "{page}");
        assert!(page.contains(".SH SEE ALSO\nargus(8)\n"), "{page}");
        assert!(page.contains(".SH EXIT STATUS\n0 on success, 1 on failure"), "{page}");
    }

    #[test]
    fn statuses_of_a_programs_own_stand_alone() {
        let program: Program<u8> = Program {
            sections: &[("EXIT STATUS", "0 when it rains.")],
            ..Program::new("demo", "a demonstration")
        };
        let page = program.manual();
        assert_eq!(page.matches("EXIT STATUS").count(), 1, "{page}");
        assert!(page.contains(".SH EXIT STATUS\n.PP\n0 when it rains."), "{page}");
    }
}
