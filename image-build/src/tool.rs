//! Running the build machine's programs with an environment that makes their output the same every time.

use std::ffi::OsStr;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::error::{Error, Result};

/// Programs that a build runs, each with the Debian package that has it.
const PROGRAMS: &[(&str, &str)] = &[
    ("mmdebstrap", "mmdebstrap"),
    ("mksquashfs", "squashfs-tools"),
    ("mke2fs", "e2fsprogs"),
    ("mkfs.vfat", "dosfstools"),
    ("mcopy", "mtools"),
    ("mmd", "mtools"),
    ("sfdisk", "fdisk"),
    ("depmod", "kmod"),
    ("modinfo", "kmod"),
    ("grub-mkimage", "grub-common"),
    ("git", "git"),
];

/// A program of the build machine: C locale, UTC, times fixed at `epoch`, `/usr/sbin` on the path.
pub fn tool(program: &str, epoch: u64) -> Command {
    let mut command = Command::new(program);
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .env("LC_ALL", "C")
        .env("TZ", "UTC0")
        .env("SOURCE_DATE_EPOCH", epoch.to_string())
        .env("E2FSPROGS_FAKE_TIME", epoch.to_string())
        .env("MTOOLS_SKIP_CHECK", "1");
    command
}

/// Runs `command` and gives back what it wrote to stdout; an error holds the end of what it wrote to stderr.
pub fn run(command: &mut Command) -> Result<Vec<u8>> {
    run_with_input(command, b"")
}

/// As [`run`], with `input` on stdin.
pub fn run_with_input(command: &mut Command, input: &[u8]) -> Result<Vec<u8>> {
    let program = name(command.get_program());
    let failed = |status: String, stderr: String| Error::Program { program: program.clone(), status, stderr };
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed("not started".into(), error.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read its input to the end says so by its status.
        let _ = stdin.write_all(input);
    }
    let output = child.wait_with_output().map_err(|error| failed("lost".into(), error.to_string()))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines[lines.len().saturating_sub(8)..].join("; ");
    Err(failed(output.status.to_string(), tail))
}

/// Fails, naming the package, when a program that the build runs is not installed.
pub fn check_programs() -> Result<()> {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    for &(program, package) in PROGRAMS {
        if !path.split(':').any(|folder| std::path::Path::new(folder).join(program).is_file()) {
            return Err(Error::Absent { program, package });
        }
    }
    Ok(())
}

fn name(program: &OsStr) -> String {
    program.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_tells_program_and_reason() {
        let error =
            run(tool("sh", 0).args(["-c", "echo no such thing >&2; exit 3"])).unwrap_err().to_string();
        assert_eq!(error, "sh failed (exit status: 3): no such thing");
    }

    #[test]
    fn input_reaches_the_program() {
        assert_eq!(run_with_input(&mut tool("cat", 0), b"frame").unwrap(), b"frame");
    }
}
