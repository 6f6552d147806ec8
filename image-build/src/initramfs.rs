//! The initramfs: `boxd init` as `/init` with its shared libraries, and modules in loading order in `/modules`.

use crate::error::{Error, Result};
use crate::identity::Identity;
use crate::kernel::Modules;
use crate::root::Root;
use crate::tree::{Node, Tree};

/// Names the modules in loading order, as absolute paths, one a line.
pub const LOAD_LIST: &str = "modules/load";

/// The compressed archive that the kernel unpacks.
pub fn build(root: &Root, modules: &Modules, identity: &Identity) -> Result<Vec<u8>> {
    let mut tree = Tree::new();
    for folder in ["dev", "proc", "root", "run", "sys", "tmp"] {
        tree.put(folder, Node::Folder);
    }
    for link in ["bin", "lib", "lib64", "sbin"] {
        tree.put_link(link, &format!("usr/{link}"));
    }
    let stage_1 = "usr/bin/boxd";
    for path in root.closure(stage_1)? {
        if let Some(node) = root.tree.get(&path) {
            tree.put(&path, node.clone());
        }
    }
    tree.put_link("init", &format!("/{stage_1}"));
    let mut list = String::new();
    for name in &modules.initramfs {
        let module = modules
            .all
            .iter()
            .find(|module| module.name == *name)
            .ok_or_else(|| Error::Input(format!("module {name} was not chosen")))?;
        tree.put_file(&format!("modules/{name}.ko"), module.content.clone(), false);
        list.push_str(&format!("/modules/{name}.ko\n"));
    }
    tree.put_file(LOAD_LIST, list, false);
    let archive = archive(&tree, identity.epoch);
    zstd::encode_all(archive.as_slice(), 19)
        .map_err(|error| Error::Input(format!("compressing the initramfs: {error}")))
}

/// `tree` as a cpio archive in the `newc` format, with the device node for the console that `/init` starts with.
fn archive(tree: &Tree, time: u64) -> Vec<u8> {
    const FOLDER: u32 = 0o040_755;
    const CHARACTER_DEVICE: u32 = 0o020_600;
    let mut archive = Archive { bytes: Vec::new(), number: 0, time };
    for (path, node) in tree.iter() {
        match node {
            Node::Folder => archive.entry(path, FOLDER, (0, 0), b""),
            Node::File { content, executable } => {
                archive.entry(path, if *executable { 0o100_755 } else { 0o100_644 }, (0, 0), content);
            }
            Node::Link(target) => archive.entry(path, 0o120_777, (0, 0), target.as_bytes()),
        }
        if path == "dev" {
            archive.entry("dev/console", CHARACTER_DEVICE, (5, 1), b"");
        }
    }
    archive.entry("TRAILER!!!", 0, (0, 0), b"");
    archive.bytes
}

struct Archive {
    bytes: Vec<u8>,
    number: u32,
    time: u64,
}

impl Archive {
    fn entry(&mut self, path: &str, mode: u32, device: (u32, u32), content: &[u8]) {
        self.number += 1;
        let links = if mode & 0o170_000 == 0o040_000 { 2 } else { 1 };
        let fields = [
            self.number,
            mode,
            0,
            0,
            links,
            self.time as u32,
            content.len() as u32,
            0,
            0,
            device.0,
            device.1,
            path.len() as u32 + 1,
            0,
        ];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_the_newc_layout() {
        let mut tree = Tree::new();
        tree.put_file("a", "xyz", true);
        let bytes = archive(&tree, 0x1234);
        assert_eq!(&bytes[..6], b"070701");
        assert_eq!(&bytes[14..22], b"000081ed");
        assert_eq!(&bytes[46..54], b"00001234");
        assert_eq!(&bytes[54..62], b"00000003");
        assert_eq!(&bytes[110..112], b"a\0");
        assert_eq!(&bytes[112..115], b"xyz");
        assert!(bytes.windows(10).any(|window| window == b"TRAILER!!!"));
        assert_eq!(bytes.len() % 4, 0);
    }
}
