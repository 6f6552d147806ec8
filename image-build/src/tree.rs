//! A tree of files by path, merged as `/usr`, that becomes the root or the initramfs.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// One entry of a [`Tree`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A folder.
    Folder,
    /// A file with its content.
    File {
        /// What is in it.
        content: Vec<u8>,
        /// Whether it may be executed.
        executable: bool,
    },
    /// A symbolic link to this target.
    Link(String),
}

/// Entries by path without a leading `/`; parents are made by themselves.
#[derive(Debug, Default, Clone)]
pub struct Tree {
    nodes: BTreeMap<String, Node>,
}

impl Tree {
    /// A tree of nothing.
    pub fn new() -> Tree {
        Tree::default()
    }

    /// All entries, parents before children.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(path, node)| (path.as_str(), node))
    }

    /// The entry at `path`.
    pub fn get(&self, path: &str) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// Adds or replaces the entry at `path`.
    pub fn put(&mut self, path: &str, node: Node) {
        let path = merged(path);
        let mut end = 0;
        while let Some(slash) = path[end..].find('/') {
            self.nodes.entry(path[..end + slash].to_string()).or_insert(Node::Folder);
            end += slash + 1;
        }
        self.nodes.insert(path, node);
    }

    /// Adds a file.
    pub fn put_file(&mut self, path: &str, content: impl Into<Vec<u8>>, executable: bool) {
        self.put(path, Node::File { content: content.into(), executable });
    }

    /// Adds a link.
    pub fn put_link(&mut self, path: &str, target: &str) {
        self.put(path, Node::Link(target.to_string()));
    }

    /// Reads the folder at `path` on the build machine as a tree.
    pub fn read(path: &Path) -> Result<Tree> {
        let mut tree = Tree::new();
        for source in files_below(path)? {
            let relative = source.strip_prefix(path).unwrap_or(&source);
            let name = relative
                .to_str()
                .ok_or_else(|| Error::Input(format!("{} has a name that is not UTF-8", source.display())))?;
            tree.put(name, read_node(&source)?);
        }
        Ok(tree)
    }

    /// Writes the tree into the folder at `path`, which is made.
    pub fn write(&self, path: &Path) -> Result<()> {
        fs::create_dir_all(path).map_err(Error::io("making", path))?;
        for (name, node) in self.iter() {
            let target = path.join(name);
            match node {
                Node::Folder => {
                    fs::create_dir_all(&target).map_err(Error::io("making", &target))?;
                    set_mode(&target, 0o755)?;
                }
                Node::File { content, executable } => {
                    fs::write(&target, content).map_err(Error::io("writing", &target))?;
                    set_mode(&target, if *executable { 0o755 } else { 0o644 })?;
                }
                Node::Link(to) => symlink(to, &target).map_err(Error::io("linking", &target))?,
            }
        }
        Ok(())
    }
}

/// One entry of the build machine's file system.
pub fn read_node(path: &Path) -> Result<Node> {
    let data = fs::symlink_metadata(path).map_err(Error::io("reading", path))?;
    if data.is_symlink() {
        let target = fs::read_link(path).map_err(Error::io("reading", path))?;
        return Ok(Node::Link(target.to_string_lossy().into_owned()));
    }
    if data.is_dir() {
        return Ok(Node::Folder);
    }
    let content = fs::read(path).map_err(Error::io("reading", path))?;
    Ok(Node::File { content, executable: data.permissions().mode() & 0o111 != 0 })
}

/// Everything below `folder`, in an order that does not depend on the file system.
pub fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).map_err(Error::io("reading", &folder))? {
            let path = entry.map_err(Error::io("reading", &folder))?.path();
            if path.is_dir() && !path.is_symlink() {
                waiting.push(path.clone());
            }
            found.push(path);
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// `path` where it lies once `/bin`, `/sbin`, `/lib` and `/lib64` are links into `/usr`.
pub fn merged(path: &str) -> String {
    let path = path.trim_matches('/');
    match path.split_once('/') {
        Some(("bin" | "sbin" | "lib" | "lib64", _)) => format!("usr/{path}"),
        _ => path.to_string(),
    }
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(Error::io("changing", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_come_first_and_usr_is_merged() {
        let mut tree = Tree::new();
        tree.put_file("sbin/init", "x", true);
        tree.put_link("etc/rc", "/run/rc");
        let paths: Vec<&str> = tree.iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["etc", "etc/rc", "usr", "usr/sbin", "usr/sbin/init"]);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut tree = Tree::new();
        tree.put_file("usr/bin/run", "#!", true);
        tree.put_file("etc/x", "y", false);
        tree.put_link("etc/l", "x");
        tree.put("data", Node::Folder);
        tree.write(folder.path()).unwrap();
        let back = Tree::read(folder.path()).unwrap();
        assert_eq!(back.nodes, tree.nodes);
    }
}
