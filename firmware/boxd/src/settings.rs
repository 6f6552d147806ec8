//! Where the configuration comes from: the data partition, a seed on the EFI system partition, the
//! last good version, or the defaults, in this order of trust.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use config::Config;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::{disks, files};

/// The configuration's name, on the data partition and below `seed/` on the EFI system partition.
const NAME: &str = "box.toml";

/// The configuration in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What it says.
    pub config: Config,
    /// Its text.
    pub text: String,
    /// What is wrong with a document that is therefore not in force; one line for a person.
    pub fault: Option<String>,
}

impl Settings {
    /// Finds the configuration. `seeds` are read only when the data partition has none yet.
    pub fn load(folder: &Path, seeds: impl FnOnce() -> Vec<Seed>) -> Self {
        let path = folder.join(NAME);
        match read(&path) {
            Ok(text) => match Config::parse(&text) {
                Ok(config) => Settings { config, text, fault: None },
                Err(error) => Self::last_good(folder, format!("{}: {error}", path.display())),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::first(&path, seeds()),
            Err(error) => Self::last_good(folder, format!("{}: {error}", path.display())),
        }
    }

    /// Keeps the text as the last good one: it has been applied.
    pub fn keep(&self, folder: &Path) -> io::Result<()> {
        let good = good(folder);
        if self.fault.is_some() || fs::read_to_string(&good).is_ok_and(|kept| kept == self.text) {
            return Ok(());
        }
        files::replace_durably(&good, self.text.as_bytes(), 0o600)
    }

    fn last_good(folder: &Path, fault: String) -> Self {
        let kept = read(&good(folder)).ok().and_then(|text| Some((Config::parse(&text).ok()?, text)));
        match kept {
            Some((config, text)) => {
                Settings { config, text, fault: Some(format!("{fault}; the last good one is in force")) }
            }
            None => Self::default_with(Some(format!("{fault}; the defaults are in force"))),
        }
    }

    /// First boot: the first seed that can be read counts, and becomes the configuration.
    fn first(path: &Path, seeds: Vec<Seed>) -> Self {
        let mut fault = None;
        let mut settings = None;
        for Seed { place, text } in seeds {
            match Config::parse(&text) {
                Ok(config) => {
                    settings = Some(Settings { config, text, fault: None });
                    break;
                }
                Err(error) => fault = Some(format!("{place}: {error}; it is not taken")),
            }
        }
        let mut settings = settings.unwrap_or_else(|| Self::default_with(fault));
        if settings.fault.is_none()
            && let Err(error) = files::replace_durably(path, settings.text.as_bytes(), 0o600)
        {
            settings.fault = Some(format!("{error}; the configuration is lost at the next boot"));
        }
        settings
    }

    fn default_with(fault: Option<String>) -> Self {
        Settings { config: Config::default(), text: config::default_document(), fault }
    }
}

fn good(folder: &Path) -> PathBuf {
    files::beside(&folder.join(NAME), "good")
}

/// A configuration found outside the data partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    /// Where, for a message.
    pub place: String,
    /// Its text.
    pub text: String,
}

/// The seeds on all EFI system partitions, of this disk and of plugged-in ones.
pub fn seeds(mount_point: &Path) -> Vec<Seed> {
    disks::efi_system_partitions().iter().filter_map(|device| seed(device, mount_point)).collect()
}

fn seed(device: &Path, mount_point: &Path) -> Option<Seed> {
    fs::create_dir_all(mount_point).ok()?;
    let flags = MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some(device), mount_point, Some("vfat"), flags, None::<&str>).ok()?;
    let text = read(&mount_point.join("seed").join(NAME));
    // Read-only and used by nobody else: a failure leaves a mount that harms nothing.
    let _ = umount2(mount_point, MntFlags::MNT_DETACH);
    Some(Seed { place: format!("{}: seed/{NAME}", device.display()), text: text.ok()? })
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(config::MAX_OCTETS as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "schema = 1\n[box]\nhostname = \"good\"\n";

    fn seed_of(text: &str) -> Vec<Seed> {
        vec![Seed { place: "/dev/vda2: seed/box.toml".into(), text: text.into() }]
    }

    #[test]
    fn first_boot_takes_the_seed_once() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::load(folder.path(), || seed_of(GOOD));
        assert_eq!(settings.config.this.hostname.as_str(), "good");
        assert_eq!(fs::read_to_string(folder.path().join("box.toml")).unwrap(), GOOD);
        let again = Settings::load(folder.path(), || unreachable!("there is a configuration"));
        assert_eq!(again, settings);
    }

    #[test]
    fn without_a_seed_the_defaults_are_written_down() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::load(folder.path(), Vec::new);
        assert_eq!((settings.config, settings.fault), (Config::default(), None));
        assert!(folder.path().join("box.toml").exists());
    }

    #[test]
    fn a_bad_seed_is_told_and_leaves_room_for_a_better_one() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::load(folder.path(), || seed_of("schema = 1\nnonsense = 2\n"));
        let fault = settings.fault.unwrap();
        assert!(fault.starts_with("/dev/vda2: seed/box.toml: line 2, column 1: unknown field"), "{fault}");
        assert!(!folder.path().join("box.toml").exists());
    }

    #[test]
    fn an_unreadable_document_never_stops_the_audit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("box.toml");
        fs::write(&path, GOOD).unwrap();
        Settings::load(folder.path(), Vec::new).keep(folder.path()).unwrap();
        fs::write(&path, "schema = 1\n[box\n").unwrap();
        let settings = Settings::load(folder.path(), Vec::new);
        assert_eq!(settings.config.this.hostname.as_str(), "good");
        assert!(settings.fault.as_ref().unwrap().ends_with("the last good one is in force"));
        // What is not in force never becomes the good one, and the newest is kept as it is.
        settings.keep(folder.path()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "schema = 1\n[box\n");
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert_eq!(Settings::load(folder.path(), Vec::new).config.this.hostname.as_str(), "good");
    }
}
