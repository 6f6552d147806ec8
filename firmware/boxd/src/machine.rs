//! What the box remembers of the machine: which NIC had which name, and which carried management.

use std::fs;
use std::io;
use std::path::Path;

use config::Mac;
use net::{Known, Nic};
use serde::{Deserialize, Serialize};

use crate::files;

/// The file's schema.
const SCHEMA: u32 = 1;

/// The facts, kept on the data partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    schema: u32,
    /// The NIC that carried management at first boot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub management: Option<Place>,
    /// NICs and the numbers in their names.
    #[serde(default)]
    nic: Vec<Numbered>,
}

/// What a NIC is recognised by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Hardware address.
    pub mac: Mac,
    /// Where it is plugged in.
    pub path: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Numbered {
    number: u16,
    #[serde(flatten)]
    place: Place,
}

impl Default for Machine {
    fn default() -> Self {
        Machine { schema: SCHEMA, management: None, nic: Vec::new() }
    }
}

impl Machine {
    /// Reads the facts; without a readable file there are none, and the error says why if it should
    /// have been there.
    pub fn read(path: &Path) -> (Self, Option<String>) {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return (Self::default(), None),
            Err(error) => return (Self::default(), Some(format!("{}: {error}", path.display()))),
        };
        match toml::from_str::<Machine>(&text) {
            Ok(machine) if machine.schema == SCHEMA => (machine, None),
            Ok(machine) => {
                let why = format!("{}: schema {} is not known", path.display(), machine.schema);
                (Self::default(), Some(why))
            }
            Err(error) => (Self::default(), Some(format!("{}: {}", path.display(), error.message()))),
        }
    }

    /// Writes the facts so that they outlive a power cut.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let text = toml::to_string(self).map_err(io::Error::other)?;
        files::replace_durably(path, text.as_bytes(), 0o644)
    }

    /// Whether NICs have got their names before.
    pub fn knows_nics(&self) -> bool {
        !self.nic.is_empty()
    }

    /// Gives each NIC its number; see [`net::names`].
    pub fn names(&mut self, nics: &[Nic]) -> Vec<Option<u16>> {
        let known =
            |nic: &Numbered| Known { number: nic.number, mac: nic.place.mac, path: nic.place.path.clone() };
        let mut all: Vec<Known> =
            self.nic.iter().filter(|nic| nic.number <= net::MAX_NUMBER).map(known).collect();
        let given = net::names(nics, &mut all);
        let numbered =
            |nic: Known| Numbered { number: nic.number, place: Place { mac: nic.mac, path: nic.path } };
        self.nic = all.into_iter().map(numbered).collect();
        given
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nic(path: &str) -> Nic {
        Nic {
            name: "eth0".into(),
            index: 2,
            mac: Mac([2, 0, 0, 0, 0, 1]),
            driver: String::new(),
            path: path.into(),
        }
    }

    #[test]
    fn facts_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("machine.toml");
        assert_eq!(Machine::read(&path), (Machine::default(), None));
        let mut machine = Machine::default();
        assert_eq!(machine.names(&[nic("b")]), [Some(0)]);
        machine.management = Some(Place { mac: nic("b").mac, path: "b".into() });
        machine.write(&path).unwrap();
        assert_eq!(Machine::read(&path), (machine, None));
    }

    #[test]
    fn rubbish_is_forgotten_and_reported() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("machine.toml");
        for rubbish in ["schema = 9\n", "schema = 1\nnic = 3\n", "\0"] {
            fs::write(&path, rubbish).unwrap();
            let (machine, why) = Machine::read(&path);
            assert_eq!(machine, Machine::default());
            assert!(why.unwrap().contains("machine.toml"));
        }
    }
}
