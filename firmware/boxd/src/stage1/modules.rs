//! Kernel modules of the initramfs, in the order in which the image build listed them.

use std::ffi::CStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use nix::errno::Errno;
use nix::kmod::{ModuleInitFlags, finit_module};

/// The list: one path a line, below the folder of the list itself when relative, dependencies first;
/// blank lines and lines starting with `#` are nothing.
pub const LIST: &str = "/modules/load";

/// The loading of [`LIST`], on a thread of its own: a driver that probes hardware takes its time, and
/// the disk that is wanted is usually there long before the last of them is done.
pub struct Loader {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<String>>,
}

impl Loader {
    /// Starts to load.
    pub fn start() -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = thread::Builder::new().name("modules".into()).spawn(move || load(&seen))?;
        Ok(Loader { stop, thread })
    }

    /// Whether nothing more is to come.
    pub fn finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits until the rest is loaded.
    pub fn finish(self) -> Vec<String> {
        self.thread.join().unwrap_or_else(|_| vec!["the loader has a fault of its own".into()])
    }

    /// Ends the loading after the present module; what is left is loaded from the root, for the
    /// hardware that is there.
    pub fn stop(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.finish()
    }
}

/// Loads the modules and gives one line for each that could not be. Those are no reason to stop: a
/// driver may find no hardware (`ENODEV`), and a missing disk shows by itself later.
fn load(stop: &AtomicBool) -> Vec<String> {
    let text = match fs::read_to_string(LIST) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => return vec![format!("{LIST}: {error}")],
    };
    let folder = Path::new(LIST).parent().unwrap_or(Path::new("/"));
    let wanted = listed(&text, folder);
    let going = wanted.iter().take_while(|_| !stop.load(Ordering::Relaxed));
    going.filter_map(|path| load_one(path).err()).collect()
}

fn listed(text: &str, folder: &Path) -> Vec<PathBuf> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| folder.join(line))
        .collect()
}

fn load_one(path: &Path) -> Result<(), String> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let flags = match path.extension() {
        Some(end) if end == "xz" || end == "zst" || end == "gz" => {
            ModuleInitFlags::from_bits_retain(COMPRESSED)
        }
        _ => ModuleInitFlags::empty(),
    };
    const NO_PARAMETERS: &CStr = c"";
    match finit_module(&file, NO_PARAMETERS, flags) {
        Ok(()) | Err(Errno::EEXIST | Errno::ENODEV) => Ok(()),
        // A symbol that is missing: the module that has it found no hardware.
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// `MODULE_INIT_COMPRESSED_FILE` (Linux 5.17): the kernel unpacks the file itself, where it was built to.
const COMPRESSED: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_keeps_its_order() {
        let paths = listed("# disks\nvirtio.ko\n\n /lib/modules/x/virtio_blk.ko \n", Path::new("/modules"));
        assert_eq!(
            paths,
            [PathBuf::from("/modules/virtio.ko"), PathBuf::from("/lib/modules/x/virtio_blk.ko")]
        );
    }

    #[test]
    fn a_module_that_is_not_there_is_named() {
        let error = load_one(Path::new("/nowhere/x.ko")).unwrap_err();
        assert!(error.starts_with("/nowhere/x.ko: No such file"), "{error}");
    }
}
