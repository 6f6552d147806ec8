//! Completion for bash, zsh and fish.

use std::fmt::Write as _;

use crate::table::{BUILT_IN, Complete, GENERATORS, Opt, Program, Takes};

impl<K> Program<K> {
    /// A bash completion script.
    pub(crate) fn bash(&self) -> String {
        let name = self.name;
        let function = format!("_{}", name.replace('-', "_"));
        let mut cases = String::new();
        for option in self.options.iter().filter(|option| option.takes != Takes::Nothing) {
            let action = match option.complete {
                Complete::Nothing => "return".to_owned(),
                Complete::Files => r#"COMPREPLY=($(compgen -f -- "$cur"))"#.to_owned(),
                Complete::Folders => r#"COMPREPLY=($(compgen -d -- "$cur"))"#.to_owned(),
                Complete::Interfaces => {
                    r#"COMPREPLY=($(compgen -W "$(command ls /sys/class/net 2>/dev/null)" -- "$cur"))"#
                        .to_owned()
                }
                Complete::Hosts => r#"COMPREPLY=($(compgen -A hostname -- "$cur"))"#.to_owned(),
                Complete::Users => r#"COMPREPLY=($(compgen -u -- "$cur"))"#.to_owned(),
                Complete::Groups => r#"COMPREPLY=($(compgen -g -- "$cur"))"#.to_owned(),
                Complete::Choice(words) => {
                    format!(r#"COMPREPLY=($(compgen -W {} -- "$cur"))"#, quoted(&words.join(" ")))
                }
            };
            let _ = writeln!(cases, "        {}) {action}; return ;;", names(option).join("|"));
        }
        let _ = writeln!(
            cases,
            r#"        --generate) COMPREPLY=($(compgen -W {} -- "$cur")); return ;;"#,
            quoted(&GENERATORS.join(" "))
        );
        let all = self.all_names().join(" ");
        format!(
            "{function}() {{\n    local cur=\"${{COMP_WORDS[COMP_CWORD]}}\" prev=\"${{COMP_WORDS[COMP_CWORD-1]}}\"\n    \
             COMPREPLY=()\n    case \"$prev\" in\n{cases}    esac\n    if [[ \"$cur\" == -* ]]; then\n        \
             COMPREPLY=($(compgen -W {} -- \"$cur\"))\n    else\n        COMPREPLY=($(compgen -f -- \"$cur\"))\n    \
             fi\n}}\ncomplete -F {function} {name}\n",
            quoted(&all)
        )
    }

    /// A zsh completion function.
    pub(crate) fn zsh(&self) -> String {
        let mut text = format!("#compdef {}\n_arguments -s \\\n", self.name);
        for option in self.options {
            let action = match option.complete {
                Complete::Nothing => " ".to_owned(),
                Complete::Files => "_files".to_owned(),
                Complete::Folders => "_files -/".to_owned(),
                Complete::Interfaces => "_net_interfaces".to_owned(),
                Complete::Hosts => "_hosts".to_owned(),
                Complete::Users => "_users".to_owned(),
                Complete::Groups => "_groups".to_owned(),
                Complete::Choice(words) => format!("({})", words.join(" ")),
            };
            let value = zsh_text(option.value.trim_matches(['<', '>']));
            for name in names(option) {
                let spec = match option.takes {
                    Takes::Nothing => format!("*{name}[{}]", zsh_text(option.help)),
                    _ => format!("*{name}[{}]:{value}:{action}", zsh_text(option.help)),
                };
                let _ = writeln!(text, "  {} \\", quoted(&spec));
            }
        }
        for (letter, long, value, help) in BUILT_IN {
            let name = letter.map_or_else(|| format!("--{long}"), |letter| format!("-{letter}"));
            let action =
                if value.is_empty() { String::new() } else { format!(":what:({})", GENERATORS.join(" ")) };
            let _ = writeln!(text, "  {} \\", quoted(&format!("{name}[{}]{action}", zsh_text(help))));
        }
        text.push_str("  '*::expression:_files'\n");
        text
    }

    /// A fish completion script.
    pub(crate) fn fish(&self) -> String {
        let mut text = String::new();
        for option in self.options {
            let _ = write!(text, "complete -c {}", self.name);
            if let Some(letter) = option.short {
                let _ = write!(text, " -s {}", quoted(&letter.to_string()));
            }
            if let Some(long) = option.long {
                let _ = write!(text, " -l {}", quoted(long));
            }
            match (option.takes, option.complete) {
                (Takes::Nothing, _) => {}
                (_, Complete::Files) => text.push_str(" -r -F"),
                (_, Complete::Folders) => text.push_str(" -x -a '(__fish_complete_directories)'"),
                (_, Complete::Interfaces) => text.push_str(" -x -a '(__fish_print_interfaces)'"),
                (_, Complete::Hosts) => text.push_str(" -x -a '(__fish_print_hostnames)'"),
                (_, Complete::Users) => text.push_str(" -x -a '(__fish_complete_users)'"),
                (_, Complete::Groups) => text.push_str(" -x -a '(__fish_complete_groups)'"),
                (_, Complete::Choice(words)) => {
                    let _ = write!(text, " -x -a {}", quoted(&words.join(" ")));
                }
                (_, Complete::Nothing) => text.push_str(" -x"),
            }
            let _ = writeln!(text, " -d {}", quoted(option.help));
        }
        for (letter, long, value, help) in BUILT_IN {
            let _ = write!(text, "complete -c {}", self.name);
            match letter {
                Some(letter) => {
                    let _ = write!(text, " -s {letter}");
                }
                None => {
                    let _ = write!(text, " -l {long}");
                }
            }
            if !value.is_empty() {
                let _ = write!(text, " -x -a {}", quoted(&GENERATORS.join(" ")));
            }
            let _ = writeln!(text, " -d {}", quoted(help));
        }
        text
    }

    fn all_names(&self) -> Vec<String> {
        let mut all: Vec<String> = self.options.iter().flat_map(names).collect();
        for (letter, long, ..) in BUILT_IN {
            all.push(letter.map_or_else(|| format!("--{long}"), |letter| format!("-{letter}")));
        }
        all
    }
}

fn names<K>(option: &Opt<K>) -> Vec<String> {
    let short = option.short.map(|letter| format!("-{letter}"));
    let long = option.long.map(|long| format!("--{long}"));
    short.into_iter().chain(long).collect()
}

/// In single quotes for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Text inside a zsh `_arguments` specification.
fn zsh_text(text: &str) -> String {
    text.replace('\\', r"\\").replace('[', r"\[").replace(']', r"\]").replace(':', r"\:")
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use crate::{Complete, Opt, Program};

    static PROGRAM: Program<u8> = Program {
        options: &[
            Opt::flag(0, 'A', "appbytes", "don't [care]: bytes."),
            Opt::words(1, 'r', "read", "<file ...>", "input.").complete(Complete::Files),
            Opt::value(2, '-', "compat", "<version>", "like <version>.")
                .long_only()
                .complete(Complete::Choice(&["3.0.8"])),
        ],
        ..Program::new("demo", "a demonstration")
    };

    /// Runs a shell over a script; None when the shell is not installed.
    fn shell(name: &str, arguments: &[&str], script: &str) -> Option<(bool, String)> {
        use std::io::Write as _;
        let mut child = Command::new(name)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .ok()?;
        child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let out = child.wait_with_output().unwrap();
        let text = [out.stdout, out.stderr].concat();
        Some((out.status.success(), String::from_utf8_lossy(&text).into_owned()))
    }

    #[test]
    fn bash_completes() {
        let script = format!(
            "{}\nCOMP_WORDS=(demo --c); COMP_CWORD=1; _demo; echo \"${{COMPREPLY[@]}}\"\n\
             COMP_WORDS=(demo --compat ''); COMP_CWORD=2; _demo; echo \"${{COMPREPLY[@]}}\"\n",
            PROGRAM.bash()
        );
        let Some((good, text)) = shell("bash", &[], &script) else {
            eprintln!("skipped: no bash");
            return;
        };
        assert!(good);
        assert_eq!(text, "--compat\n3.0.8\n");
    }

    #[test]
    fn other_shells_accept_the_scripts() {
        for (name, script) in [("zsh", PROGRAM.zsh()), ("fish", PROGRAM.fish())] {
            match shell(name, &["-n"], &script) {
                Some((good, text)) => assert!(good, "{name}: {text}"),
                None => eprintln!("skipped: no {name}"),
            }
        }
    }

    #[test]
    fn zsh_and_fish_name_every_option() {
        let (zsh, fish) = (PROGRAM.zsh(), PROGRAM.fish());
        assert!(zsh.contains(r"'*--appbytes[don'\''t \[care\]\: bytes.]'"), "{zsh}");
        assert!(zsh.contains("'*--compat[like <version>.]:version:(3.0.8)'"), "{zsh}");
        assert!(fish.contains("complete -c demo -s 'r' -l 'read' -r -F -d 'input.'"), "{fish}");
    }
}
