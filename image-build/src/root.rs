//! The box's root: what is kept of Debian's packages, our programs, modules, firmware files, and the overlay over all.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::debian::Packages;
use crate::elf;
use crate::error::{Error, Result};
use crate::identity::Identity;
use crate::kernel::{Kernel, Modules};
use crate::lists;
use crate::tool::{run, tool};
use crate::tree::{Node, Tree, files_below, merged, read_node};

/// Mount points and folders that are there although nothing is in them.
const FOLDERS: &[&str] = &["data", "dev", "mnt", "proc", "root", "run", "sys", "tmp", "var"];
/// Links of a merged `/usr`.
const MERGED: &[(&str, &str)] =
    &[("bin", "usr/bin"), ("lib", "usr/lib"), ("lib64", "usr/lib64"), ("sbin", "usr/sbin")];
/// Where Debian's loader looks for shared libraries without a cache.
const LIBRARY_FOLDERS: &[&str] = &["usr/lib/x86_64-linux-gnu", "usr/lib"];

/// What [`Root::build`] puts together.
pub struct Sources<'a> {
    /// Debian packages of the root.
    pub packages: &'a Packages,
    /// Debian packages with firmware files.
    pub firmware: &'a Packages,
    /// The kernel and the modules chosen from it.
    pub kernel: &'a Kernel,
    /// These modules.
    pub modules: &'a Modules,
    /// Folder with our programs, stripped.
    pub programs: &'a Path,
    /// Folders laid over everything, one after the other.
    pub overlays: &'a [PathBuf],
}

/// The root as it goes into the image.
pub struct Root {
    /// Its files.
    pub tree: Tree,
    debian: BTreeMap<String, PathBuf>,
}

impl Root {
    /// Puts the root together.
    pub fn build(sources: &Sources, identity: &Identity) -> Result<Root> {
        let mut root = Root { tree: Tree::new(), debian: index(&sources.packages.root)? };
        for folder in FOLDERS {
            root.tree.put(folder, Node::Folder);
        }
        for (link, target) in MERGED {
            root.tree.put_link(link, target);
        }
        let lines = lists::lines(lists::FILES);
        let (without, with): (Vec<&str>, Vec<&str>) =
            lines.into_iter().partition(|line| line.starts_with('!'));
        for pattern in without {
            root.debian.retain(|path, _| !lists::fits(&pattern[1..], path));
        }
        for pattern in with {
            root.take(pattern)?;
        }
        for program in lists::PROGRAMS {
            root.tree.put(&format!("usr/bin/{program}"), read_node(&sources.programs.join(program))?);
        }
        for (link, program) in lists::LINKS {
            root.tree.put_link(&format!("usr/bin/{link}"), program);
        }
        root.applets(&sources.packages.root)?;
        root.modules(sources)?;
        root.firmware(sources)?;
        root.release(sources, identity);
        for overlay in sources.overlays {
            let overlay = Tree::read(overlay)?;
            let files = overlay.iter().filter(|(path, _)| !MERGED.iter().any(|(link, _)| path == link));
            files.for_each(|(path, node)| root.tree.put(path, node.clone()));
        }
        root.libraries()?;
        root.check_links()?;
        Ok(root)
    }

    /// Keeps what `pattern` of `lists/files` fits.
    fn take(&mut self, pattern: &str) -> Result<()> {
        let paths: Vec<String> =
            self.debian.keys().filter(|path| lists::fits(pattern, path)).cloned().collect();
        if paths.is_empty() {
            return Err(Error::Input(format!("lists/files: no Debian package of the root has {pattern}")));
        }
        paths.iter().try_for_each(|path| self.take_file(path))
    }

    /// Keeps one file; of a link its target too.
    fn take_file(&mut self, path: &str) -> Result<()> {
        let Some(source) = self.debian.get(path) else {
            return Err(Error::Input(format!("no Debian package of the root has {path}")));
        };
        let node = read_node(source)?;
        self.tree.put(path, node.clone());
        if let Node::Link(target) = node {
            let target = resolve(path, &target);
            if self.tree.get(&target).is_none() {
                self.take_file(&target)?;
            }
        }
        Ok(())
    }

    /// A link for every applet of busybox that no program of the root is named like.
    fn applets(&mut self, packages: &Path) -> Result<()> {
        let listed = run(tool(&packages.join("bin/busybox").to_string_lossy(), 0).arg("--list"))?;
        for applet in String::from_utf8_lossy(&listed).lines() {
            let taken = ["usr/bin", "usr/sbin"]
                .iter()
                .any(|folder| self.tree.get(&format!("{folder}/{applet}")).is_some());
            if !taken {
                self.tree.put_link(&format!("usr/bin/{applet}"), "busybox");
            }
        }
        Ok(())
    }

    fn modules(&mut self, sources: &Sources) -> Result<()> {
        let folder = format!("usr/lib/modules/{}", sources.kernel.release);
        for module in &sources.modules.all {
            self.tree.put_file(&format!("{folder}/{}", module.path), module.content.clone(), false);
        }
        for name in ["modules.builtin", "modules.builtin.modinfo", "modules.order"] {
            self.tree.put(&format!("{folder}/{name}"), read_node(&sources.kernel.folder.join(name))?);
        }
        Ok(())
    }

    /// The firmware files that modules name; one that is neither there nor excused stops the build.
    fn firmware(&mut self, sources: &Sources) -> Result<()> {
        let shipped = index(&sources.firmware.root)?;
        let excused = lists::lines(lists::FIRMWARE_ABSENT);
        let mut missing = Vec::new();
        for module in &sources.modules.all {
            for name in &module.firmware {
                if excused.iter().any(|pattern| lists::fits(pattern, name)) {
                    continue;
                }
                let pattern = format!("usr/lib/firmware/{name}");
                let fitting: Vec<_> =
                    shipped.iter().filter(|(path, _)| lists::fits(&pattern, path)).collect();
                if fitting.is_empty() {
                    missing.push(format!("{name} ({})", module.name));
                }
                for (path, source) in fitting {
                    // A link's target lies in the same package; its content is what counts.
                    let content = std::fs::read(source).map_err(Error::io("reading", source))?;
                    self.tree.put_file(path, content, false);
                }
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        Err(Error::Input(format!(
            "firmware files named by modules but in no package: {}",
            missing.join(", ")
        )))
    }

    fn release(&mut self, sources: &Sources, identity: &Identity) {
        let text = format!(
            "NAME=Panoptes\nID=panoptes\nPRETTY_NAME=\"Panoptes {version}\"\nVERSION_ID={version}\nBUILD_ID={commit}\n",
            version = identity.version,
            commit = identity.commit,
        );
        self.tree.put_file("usr/lib/os-release", text, false);
        self.tree.put_link("etc/os-release", "../usr/lib/os-release");
        let mut names: Vec<&String> = sources.packages.names.iter().chain(&sources.firmware.names).collect();
        names.sort_unstable();
        names.dedup();
        let list: String = names.iter().map(|name| format!("{name}\n")).collect();
        self.tree.put_file("usr/share/panoptes/packages", list, false);
        self.tree.put_file("usr/share/panoptes/build-time", format!("{}\n", identity.epoch), false);
    }

    /// Shared libraries of everything that is kept, from Debian's packages, with the symbol versions asked for.
    fn libraries(&mut self) -> Result<()> {
        let mut waiting: Vec<String> = self.tree.iter().map(|(path, _)| path.to_string()).collect();
        let mut wanted: BTreeSet<(String, String, String)> = BTreeSet::new();
        while let Some(path) = waiting.pop() {
            let Some(Node::File { content, .. }) = self.tree.get(&path) else { continue };
            if !elf::is_elf(content) || path.ends_with(".ko") || path.contains("/firmware/") {
                continue;
            }
            let needs = elf::needs(&path, content)?;
            wanted.extend(
                needs.versions.into_iter().map(|(library, version)| (library, version, path.clone())),
            );
            let interpreter = needs.interpreter.map(|path| merged(&path));
            let libraries = needs.libraries.iter().map(|name| self.library(name, &path));
            for library in libraries.chain(interpreter.into_iter().map(Ok)).collect::<Result<Vec<_>>>()? {
                if self.tree.get(&library).is_none() {
                    let before: BTreeSet<String> =
                        self.tree.iter().map(|(path, _)| path.to_string()).collect();
                    self.take_file(&library)?;
                    let added = self.tree.iter().map(|(path, _)| path).filter(|path| !before.contains(*path));
                    waiting.extend(added.map(str::to_string));
                }
            }
        }
        let mut defined: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (library, version, asker) in wanted {
            if !defined.contains_key(&library) {
                let mut path = self.library(&library, &asker)?;
                while let Some(Node::Link(target)) = self.tree.get(&path) {
                    path = resolve(&path, target);
                }
                if let Some(Node::File { content, .. }) = self.tree.get(&path) {
                    defined.insert(library.clone(), elf::defines(&path, content)?);
                }
            }
            if !defined.get(&library).is_some_and(|names| names.contains(&version)) {
                return Err(Error::Input(format!(
                    "{asker} was linked on another release: it needs {version} of {library}, which Debian {}'s has not",
                    crate::debian::SUITE
                )));
            }
        }
        Ok(())
    }

    fn library(&self, name: &str, asker: &str) -> Result<String> {
        LIBRARY_FOLDERS
            .iter()
            .map(|folder| format!("{folder}/{name}"))
            .find(|path| self.tree.get(path).is_some() || self.debian.contains_key(path))
            .ok_or_else(|| {
                Error::Input(format!("{asker} needs {name}, which no package in lists/packages brings"))
            })
    }

    /// Links that lead nowhere; what leads to `/run`, `/data`, `/dev`, `/proc` and `/tmp` is made by the running box.
    fn check_links(&self) -> Result<()> {
        for (path, node) in self.tree.iter() {
            let Node::Link(target) = node else { continue };
            let target = resolve(path, target);
            let live = ["run", "data", "dev", "proc", "sys", "tmp"];
            if live.iter().any(|folder| target.split('/').next() == Some(folder)) {
                continue;
            }
            if self.tree.get(&target).is_none() {
                return Err(Error::Input(format!(
                    "/{path} is a link to /{target}, which is not in the image"
                )));
            }
        }
        Ok(())
    }

    /// What `program` needs to run, as paths of this root: itself, its shared libraries and their loader.
    pub fn closure(&self, program: &str) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let mut waiting = vec![program.to_string()];
        while let Some(path) = waiting.pop() {
            if found.contains(&path) {
                continue;
            }
            match self.tree.get(&path) {
                Some(Node::Link(target)) => waiting.push(resolve(&path, target)),
                Some(Node::File { content, .. }) if elf::is_elf(content) => {
                    let needs = elf::needs(&path, content)?;
                    waiting.extend(needs.interpreter.map(|path| merged(&path)));
                    for library in &needs.libraries {
                        waiting.push(self.library(library, &path)?);
                    }
                }
                Some(_) => {}
                None => return Err(Error::Input(format!("/{path} is not in the image"))),
            }
            found.push(path);
        }
        found.sort_unstable();
        Ok(found)
    }
}

/// Paths of the files and links below `root`, as they lie when `/usr` is merged.
fn index(root: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut paths = BTreeMap::new();
    for source in files_below(root)? {
        if source.is_dir() && !source.is_symlink() {
            continue;
        }
        if let Some(path) = source.strip_prefix(root).ok().and_then(Path::to_str) {
            paths.insert(merged(path), source.clone());
        }
    }
    Ok(paths)
}

/// Where a link at `path` with this `target` leads, without a leading `/`.
fn resolve(path: &str, target: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    if !target.starts_with('/') {
        parts.extend(path.split('/'));
        parts.pop();
    }
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    merged(&parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_resolve_within_a_merged_usr() {
        assert_eq!(resolve("usr/bin/ra", "argus-ra"), "usr/bin/ra".replace("ra", "argus-ra"));
        assert_eq!(resolve("usr/sbin/modprobe", "/bin/kmod"), "usr/bin/kmod");
        assert_eq!(resolve("etc/os-release", "../usr/lib/os-release"), "usr/lib/os-release");
        assert_eq!(resolve("usr/lib64/ld.so", "../../lib/x/ld.so"), "usr/lib/x/ld.so");
        assert_eq!(resolve("a", "../../.."), "");
    }
}
