//! What an ELF file asks for: shared libraries with the symbol versions it needs, and a module's own description.

use std::collections::BTreeSet;

use goblin::elf::Elf;

use crate::error::{Error, Result};

/// What a program or shared library needs at run time.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The program interpreter's path without the leading `/`.
    pub interpreter: Option<String>,
    /// Shared libraries by soname.
    pub libraries: Vec<String>,
    /// Symbol versions by soname, such as (`libc.so.6`, `GLIBC_2.34`).
    pub versions: BTreeSet<(String, String)>,
}

/// Whether `bytes` begin like an ELF file.
pub fn is_elf(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x7fELF")
}

/// Needs of the ELF file `name` with content `bytes`.
pub fn needs(name: &str, bytes: &[u8]) -> Result<Needs> {
    let elf = parse(name, bytes)?;
    let mut versions = BTreeSet::new();
    if let Some(sections) = &elf.verneed {
        for need in sections.iter() {
            let Some(file) = elf.dynstrtab.get_at(need.vn_file) else { continue };
            for version in need.iter() {
                if let Some(version) = elf.dynstrtab.get_at(version.vna_name) {
                    versions.insert((file.to_string(), version.to_string()));
                }
            }
        }
    }
    Ok(Needs {
        interpreter: elf.interpreter.map(|path| path.trim_start_matches('/').to_string()),
        libraries: elf.libraries.iter().map(|library| library.to_string()).collect(),
        versions,
    })
}

/// Symbol versions that the shared library `name` defines.
pub fn defines(name: &str, bytes: &[u8]) -> Result<BTreeSet<String>> {
    let elf = parse(name, bytes)?;
    let mut names = BTreeSet::new();
    if let Some(sections) = &elf.verdef {
        for definition in sections.iter() {
            for name in definition.iter() {
                if let Some(name) = elf.dynstrtab.get_at(name.vda_name) {
                    names.insert(name.to_string());
                }
            }
        }
    }
    Ok(names)
}

/// The `key=value` pairs in a kernel module's `.modinfo` section.
pub fn module_info(name: &str, bytes: &[u8]) -> Result<Vec<(String, String)>> {
    let elf = parse(name, bytes)?;
    let section = elf
        .section_headers
        .iter()
        .find(|header| elf.shdr_strtab.get_at(header.sh_name) == Some(".modinfo"))
        .and_then(|header| bytes.get(header.file_range()?))
        .ok_or_else(|| Error::Input(format!("{name} has no .modinfo section")))?;
    let text = String::from_utf8_lossy(section);
    Ok(text
        .split('\0')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect())
}

fn parse<'a>(name: &str, bytes: &'a [u8]) -> Result<Elf<'a>> {
    Elf::parse(bytes).map_err(|error| Error::Input(format!("{name} is no whole ELF file: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_needs_libc_in_versions() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let needs = needs("own", &own).unwrap();
        assert!(needs.libraries.iter().any(|library| library == "libc.so.6"));
        assert!(
            needs.versions.iter().any(|(file, version)| file == "libc.so.6" && version.starts_with("GLIBC_"))
        );
        assert!(needs.interpreter.unwrap().starts_with("lib64/ld-linux"));
    }

    #[test]
    fn a_torn_file_is_an_error() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(needs("own", &own[..40]).is_err());
        assert!(module_info("own", &own).is_err());
    }
}
