//! `rastream -f`: a program that is run on each file that was closed, one at a time, in order.

use crate::feed::say;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

/// Runs a program on files.
pub struct Script {
    files: Option<Sender<PathBuf>>,
    thread: Option<JoinHandle<()>>,
}

impl Script {
    /// Starts the thread that runs `program` as `program -r FILE`. No shell looks at the words.
    pub fn start(name: &'static str, program: PathBuf) -> Script {
        let (files, queue) = channel::<PathBuf>();
        let thread = std::thread::spawn(move || {
            for file in queue {
                let done = Command::new(&program).arg("-r").arg(&file).stdin(Stdio::null()).status();
                match done {
                    Ok(status) if status.success() => {}
                    Ok(status) => {
                        say(name, &format!("{} -r {}: {status}", program.display(), file.display()))
                    }
                    Err(error) => say(name, &format!("{}: {error}", program.display())),
                }
            }
        });
        Script { files: Some(files), thread: Some(thread) }
    }

    /// A file to run it on, when those before are done.
    pub fn run(&self, file: &Path) {
        if let Some(files) = &self.files {
            // The thread ends after us.
            let _ = files.send(file.to_owned());
        }
    }

    /// Waits until it has been run on all files.
    pub fn wait(&mut self) {
        self.files = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
