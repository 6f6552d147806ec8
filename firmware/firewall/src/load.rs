//! Handing rules to the kernel through nft(8), whole or not at all.

use std::io::Write;
use std::process::{Command, Stdio};

/// Why rules are not in force.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// nft could not be run.
    #[error("nft: {0}")]
    Run(#[from] std::io::Error),
    /// nft or the kernel did not take them; nothing has changed.
    #[error("nft: {0}")]
    Refused(String),
}

/// Replaces what the text names in one transaction.
pub fn load(rules: &str) -> Result<(), Error> {
    let mut nft = Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let written = match nft.stdin.take() {
        Some(mut input) => input.write_all(rules.as_bytes()),
        None => Ok(()),
    };
    let output = nft.wait_with_output()?;
    if output.status.success() {
        return written.map_err(Error::Run);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).take(3).collect();
    Err(Error::Refused(if said.is_empty() { output.status.to_string() } else { said.join("; ") }))
}
