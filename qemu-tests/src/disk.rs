//! A machine's disk: a sparse copy of the image, what is put on it beforehand, what is found on it afterwards.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Error, Result};

/// Numbers of partitions, as the image build lays them out.
const ESP: usize = 3;
const DATA: usize = 6;

/// The image that is tested: `PANOPTES_IMAGE`, or what `make image` builds.
pub fn default_image() -> PathBuf {
    image("PANOPTES_IMAGE", "")
}

/// The same image with a lab shell: `PANOPTES_LAB_IMAGE`, or what `make lab-image` builds.
pub fn lab_image() -> PathBuf {
    image("PANOPTES_LAB_IMAGE", "-lab")
}

fn image(variable: &str, kind: &str) -> PathBuf {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    match std::env::var_os(variable) {
        Some(path) => tree.join(path),
        None => tree.join(format!("build/panoptes-{}-x86_64{kind}.img", env!("CARGO_PKG_VERSION"))),
    }
}

/// A disk in a file.
#[derive(Debug)]
pub struct Disk {
    path: PathBuf,
}

impl Disk {
    /// A copy of the image at `image` in `folder`; holes stay holes.
    pub fn copy(image: &Path, folder: &Path) -> Result<Disk> {
        if !image.is_file() {
            return Err(Error::Other(format!("{} is not there: make image", image.display())));
        }
        let path = folder.join("disk.img");
        run(Command::new("cp").args(["--sparse=always", "--reflink=auto"]).arg(image).arg(&path))?;
        Ok(Disk { path })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts `text` on the ESP as `seed/box.toml`, which the box takes at its first boot.
    pub fn seed(&self, text: &str) -> Result<()> {
        let (start, _) = self.partition(ESP)?;
        let volume = format!("{}@@{start}", self.path.display());
        let mut command = Command::new("mcopy");
        command.env("MTOOLS_SKIP_CHECK", "1").args(["-o", "-i", &volume, "-", "::seed/box.toml"]);
        run_with_input(&mut command, text.as_bytes()).map(|_| ())
    }

    /// Copies the folder `folder` of the data partition into `target` on this machine. What the box left in the file
    /// system's journal is replayed first, on a copy.
    pub fn read_data(&self, folder: &str, target: &Path) -> Result<()> {
        fs::create_dir_all(target).map_err(Error::file("making", target))?;
        let (start, size) = self.partition(DATA)?;
        let copy = target.join("data.img");
        self.extract(start, size, &copy)?;
        // Status 1: repaired. debugfs then sees what a mount would see.
        let status =
            tool("e2fsck").args(["-fy"]).arg(&copy).stdout(Stdio::null()).stderr(Stdio::null()).status();
        let status = status.map_err(Error::io("starting e2fsck"))?;
        if !matches!(status.code(), Some(0 | 1)) {
            return Err(Error::Other(format!("e2fsck of the data partition: {status}")));
        }
        let request = format!("rdump {folder} {}", target.display());
        let said = run(tool("debugfs").args(["-R", &request]).arg(&copy))?;
        fs::remove_file(&copy).map_err(Error::file("removing", &copy))?;
        if said.contains("File not found") {
            return Err(Error::Other(format!("the data partition has no {folder}")));
        }
        Ok(())
    }

    /// Octets of a partition: where it starts and its size.
    fn partition(&self, number: usize) -> Result<(u64, u64)> {
        let mut file = File::open(&self.path).map_err(Error::file("opening", &self.path))?;
        // The table's entries are 128 octets each from LBA 2 (UEFI specification 5.3.3).
        let mut entry = [0; 128];
        file.seek(SeekFrom::Start(1024 + 128 * (number as u64 - 1)))
            .map_err(Error::file("reading", &self.path))?;
        file.read_exact(&mut entry).map_err(Error::file("reading", &self.path))?;
        let lba = |at: usize| {
            entry[at..at + 8].iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte))
        };
        let (first, last) = (lba(32), lba(40));
        if first == 0 || last < first {
            return Err(Error::Other(format!("{} has no partition {number}", self.path.display())));
        }
        Ok((first * 512, (last - first + 1) * 512))
    }

    fn extract(&self, start: u64, size: u64, target: &Path) -> Result<()> {
        const BLOCK: u64 = 1 << 20;
        run(Command::new("dd")
            .arg(format!("if={}", self.path.display()))
            .arg(format!("of={}", target.display()))
            .args(["bs=1M", "conv=sparse", "status=none"])
            .arg(format!("skip={}", start / BLOCK))
            .arg(format!("count={}", size / BLOCK)))?;
        // A hole at the end belongs to the partition too.
        let file = File::options().write(true).open(target).map_err(Error::file("opening", target))?;
        file.set_len(size).map_err(Error::file("sizing", target))
    }
}

/// A program that may lie in `/usr/sbin`.
fn tool(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default()));
    command
}

fn run(command: &mut Command) -> Result<String> {
    run_with_input(command, b"")
}

fn run_with_input(command: &mut Command, input: &[u8]) -> Result<String> {
    let name = command.get_program().to_owned();
    let name = OsStr::to_string_lossy(&name).into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Error::io(format!("starting {name}")))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input).map_err(Error::io(format!("writing to {name}")))?;
    }
    let output = child.wait_with_output().map_err(Error::io(format!("waiting for {name}")))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    Err(Error::Other(format!("{name}: {}: {}", output.status, said.trim())))
}
