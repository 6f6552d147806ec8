//! A root shell in a lab image, on a virtio serial port. Other images have none.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// The name of the virtio serial port.
pub const PORT_NAME: &str = "panoptes.lab";

/// A connection to the shell.
#[derive(Debug)]
pub struct Shell {
    stream: UnixStream,
    turn: u32,
}

impl Shell {
    /// Connects to QEMU's side of the port.
    pub(crate) fn connect(path: &Path) -> Result<Shell> {
        let stream = UnixStream::connect(path).map_err(Error::file("connecting to", path))?;
        stream.set_read_timeout(Some(Duration::from_millis(200))).map_err(Error::file("setting up", path))?;
        Ok(Shell { stream, turn: 0 })
    }

    /// Runs a command line in the box; gives back what it printed, or an error when its status is not 0.
    pub fn run(&mut self, command: &str) -> Result<String> {
        self.run_within(command, Duration::from_secs(30))
    }

    /// As [`Shell::run`], with an own limit.
    pub fn run_within(&mut self, command: &str, limit: Duration) -> Result<String> {
        self.turn += 1;
        // The word is put together by the shell, so that an echo of the line is not taken for it.
        let begin = format!("<{}-begin>", self.turn);
        let line = format!(
            "printf '<%s-begin>\\n' {turn}; {{ {command}\n}} </dev/null 2>&1; printf '<%s-end %s>\\n' {turn} $?\n",
            turn = self.turn
        );
        self.stream.write_all(line.as_bytes()).map_err(Error::io("writing to the lab shell"))?;
        let end_mark = format!("<{}-end ", self.turn);
        let mut said = Vec::new();
        let deadline = Instant::now() + limit;
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(Error::Other("the lab shell's port was closed".into())),
                Ok(length) => said.extend_from_slice(&buffer[..length]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(Error::io("reading the lab shell")(error)),
            }
            let text = String::from_utf8_lossy(&said).replace('\r', "");
            if let Some((_, rest)) = text.split_once(&begin)
                && let Some((output, status)) = rest.split_once(&end_mark)
                && let Some((status, _)) = status.split_once('>')
            {
                let output = output.trim_matches('\n').to_string();
                if status == "0" {
                    return Ok(output);
                }
                return Err(Error::Other(format!("in the box: {command}: status {status}: {output}")));
            }
            if Instant::now() > deadline {
                let what = format!("no end of {command:?} in the lab shell (it said {text:?})");
                return Err(Error::Timeout { what, seconds: limit.as_secs() });
            }
        }
    }
}
