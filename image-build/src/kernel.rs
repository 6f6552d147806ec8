//! Debian's kernel: its image, and the modules of `lists/modules` with what they depend on, in loading order.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::elf;
use crate::error::{Error, Result};
use crate::lists;
use crate::tree::files_below;

/// A kernel as Debian packs it.
#[derive(Debug)]
pub struct Kernel {
    /// Such as `6.1.0-56-amd64`.
    pub release: String,
    /// The compressed kernel.
    pub image: Vec<u8>,
    /// The folder `lib/modules/<release>` of the package.
    pub folder: PathBuf,
    /// Path below [`Kernel::folder`] of every module, by name with `_` for `-`.
    paths: BTreeMap<String, String>,
    /// Names of what is built in.
    builtin: BTreeSet<String>,
}

/// A module that goes into the image.
#[derive(Debug, Clone)]
pub struct Module {
    /// Its name with `_` for `-`.
    pub name: String,
    /// Path below `lib/modules/<release>`.
    pub path: String,
    /// The file.
    pub content: Vec<u8>,
    /// Firmware files that it names.
    pub firmware: Vec<String>,
    /// Modules that must, and those that should, be loaded before it.
    before: Vec<String>,
    /// Names under which the kernel asks for it.
    aliases: Vec<String>,
}

/// Modules of the image.
#[derive(Debug)]
pub struct Modules {
    /// All, each after those that it depends on.
    pub all: Vec<Module>,
    /// Names of those that the initramfs loads, in that order.
    pub initramfs: Vec<String>,
}

impl Kernel {
    /// The one kernel in the unpacked package at `root`.
    pub fn open(root: &Path) -> Result<Kernel> {
        let modules = root.join("lib/modules");
        let mut releases: Vec<String> = fs::read_dir(&modules)
            .map_err(Error::io("reading", &modules))?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        releases.sort_unstable();
        let [release] = releases.as_slice() else {
            return Err(Error::Input(format!(
                "{} holds {} kernels, not one",
                modules.display(),
                releases.len()
            )));
        };
        let folder = modules.join(release);
        let path = root.join(format!("boot/vmlinuz-{release}"));
        let image = fs::read(&path).map_err(Error::io("reading", &path))?;
        let mut paths = BTreeMap::new();
        for file in files_below(&folder)? {
            let Ok(relative) = file.strip_prefix(&folder) else { continue };
            let relative = relative.to_string_lossy();
            if relative.ends_with(".ko") {
                paths.insert(module_name(&relative), relative.into_owned());
            }
        }
        let list = folder.join("modules.builtin");
        let builtin = fs::read_to_string(&list).map_err(Error::io("reading", &list))?;
        let builtin = builtin.lines().map(module_name).collect();
        Ok(Kernel { release: release.clone(), image, folder, paths, builtin })
    }

    /// The modules that `list` names (see `lists/modules`) and all that these need.
    pub fn select(&self, list: &str) -> Result<Modules> {
        let mut read: BTreeMap<String, Module> = BTreeMap::new();
        let mut wanted = Vec::new();
        let mut early = Vec::new();
        let mut missing = Vec::new();
        for line in lists::lines(list) {
            let (initramfs, name) = match line.strip_prefix("initramfs ") {
                Some(name) => (true, name.trim()),
                None => (false, line),
            };
            let name = name.replace('-', "_");
            if self.builtin.contains(&name) {
                continue;
            }
            if !self.paths.contains_key(&name) {
                missing.push(name);
                continue;
            }
            if initramfs {
                early.push(name.clone());
            }
            wanted.push(name);
        }
        if !missing.is_empty() {
            return Err(Error::Input(format!(
                "kernel {} has no module {}",
                self.release,
                missing.join(", ")
            )));
        }
        let soft = self.soft_dependencies()?;
        let mut waiting = wanted.clone();
        while let Some(name) = waiting.pop() {
            if read.contains_key(&name) {
                continue;
            }
            let module = self.read(&name, &soft)?;
            waiting.extend(module.before.iter().cloned());
            read.insert(name, module);
        }
        let all = order(&read, &wanted)?.into_iter().filter_map(|name| read.get(&name).cloned()).collect();
        Ok(Modules { initramfs: order(&read, &early)?, all })
    }

    /// Modules by the aliases that soft dependencies go by (`crc32c`, `crypto-…`), read from Debian's modules.alias
    /// equivalent in the modules themselves; only the crypto folders hold such aliases.
    fn soft_dependencies(&self) -> Result<BTreeMap<String, Vec<String>>> {
        let mut by_alias: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, path) in &self.paths {
            if path.contains("/crypto/") {
                for alias in self.read(name, &BTreeMap::new())?.aliases {
                    by_alias.entry(alias).or_default().push(name.clone());
                }
            }
        }
        Ok(by_alias)
    }

    fn read(&self, name: &str, by_alias: &BTreeMap<String, Vec<String>>) -> Result<Module> {
        let path = self
            .paths
            .get(name)
            .ok_or_else(|| Error::Input(format!("kernel {} has no module {name}", self.release)))?;
        let file = self.folder.join(path);
        let content = fs::read(&file).map_err(Error::io("reading", &file))?;
        let mut module = Module {
            name: name.to_string(),
            path: path.clone(),
            content: Vec::new(),
            firmware: Vec::new(),
            before: Vec::new(),
            aliases: Vec::new(),
        };
        for (key, value) in elf::module_info(path, &content)? {
            match key.as_str() {
                "firmware" => module.firmware.push(value),
                "alias" => module.aliases.push(value),
                "depends" => {
                    let names = value.split(',').filter(|name| !name.is_empty());
                    module.before.extend(names.map(|name| name.replace('-', "_")));
                }
                "softdep" => {
                    let Some((_, early)) = value.split_once("pre:") else { continue };
                    let early = early.split("post:").next().unwrap_or_default();
                    for wish in early.split_whitespace() {
                        let wish_name = wish.replace('-', "_");
                        if self.paths.contains_key(&wish_name) {
                            module.before.push(wish_name);
                        } else if let Some(names) = by_alias.get(wish) {
                            module.before.extend(names.iter().cloned());
                        }
                    }
                }
                _ => {}
            }
        }
        module.before.retain(|before| before != name && !self.builtin.contains(before));
        module.content = content;
        Ok(module)
    }
}

/// `wanted` and all they need, each after what it needs; otherwise in the order of `wanted`.
fn order(modules: &BTreeMap<String, Module>, wanted: &[String]) -> Result<Vec<String>> {
    fn visit(
        name: &str,
        modules: &BTreeMap<String, Module>,
        path: &mut Vec<String>,
        done: &mut Vec<String>,
    ) -> Result<()> {
        if done.iter().any(|known| known == name) {
            return Ok(());
        }
        if path.iter().any(|open| open == name) {
            return Err(Error::Input(format!("modules depend in a circle: {}", path.join(" "))));
        }
        path.push(name.to_string());
        for before in modules.get(name).map(|module| module.before.as_slice()).unwrap_or_default() {
            visit(before, modules, path, done)?;
        }
        path.pop();
        done.push(name.to_string());
        Ok(())
    }
    let mut done = Vec::new();
    for name in wanted {
        visit(name, modules, &mut Vec::new(), &mut done)?;
    }
    Ok(done)
}

fn module_name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split(".ko").next().unwrap_or(file).replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(name: &str, before: &[&str]) -> (String, Module) {
        let module = Module {
            name: name.into(),
            path: format!("kernel/{name}.ko"),
            content: Vec::new(),
            firmware: Vec::new(),
            before: before.iter().map(|name| name.to_string()).collect(),
            aliases: Vec::new(),
        };
        (name.to_string(), module)
    }

    #[test]
    fn each_module_comes_after_what_it_needs() {
        let modules = BTreeMap::from([
            module("virtio_net", &["net_failover", "virtio"]),
            module("net_failover", &["failover"]),
            module("failover", &[]),
            module("virtio", &["virtio_ring"]),
            module("virtio_ring", &[]),
        ]);
        let names = order(&modules, &["virtio_net".into(), "virtio".into()]).unwrap();
        assert_eq!(names, ["failover", "net_failover", "virtio_ring", "virtio", "virtio_net"]);
    }

    #[test]
    fn a_circle_is_an_error() {
        let modules = BTreeMap::from([module("a", &["b"]), module("b", &["a"])]);
        assert!(order(&modules, &["a".into()]).is_err());
    }

    #[test]
    fn names_have_underscores() {
        assert_eq!(module_name("kernel/drivers/mmc/host/sdhci-pci.ko"), "sdhci_pci");
    }
}
