//! The lists under `lists/`: what the image is made of, in files that are read by people too.

/// Debian packages of the root.
pub const PACKAGES: &str = include_str!("../lists/packages");
/// The Debian package of the kernel.
pub const KERNEL: &str = "linux-image-amd64";
/// Debian packages with firmware files.
pub const FIRMWARE_PACKAGES: &str = include_str!("../lists/firmware-packages");
/// Firmware files that modules name and that are left out, with the reason.
pub const FIRMWARE_ABSENT: &str = include_str!("../lists/firmware-absent");
/// Files kept of the Debian packages.
pub const FILES: &str = include_str!("../lists/files");
/// Kernel modules.
pub const MODULES: &str = include_str!("../lists/modules");

/// Programs of this tree that the box runs, in `/usr/bin`.
pub const PROGRAMS: &[&str] = &["archived", "argus", "boxd", "ra", "radium", "web-admin"];
/// Names under which programs of this tree do something else: link, program.
pub const LINKS: &[(&str, &str)] = &[("rasplit", "ra"), ("rastream", "ra")];

/// The lines of a list without comments and blanks.
pub fn lines(list: &str) -> Vec<&str> {
    list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// Whether `path` fits `pattern`: `*` stands for any characters but `/`, a final `/**` for everything below.
pub fn fits(pattern: &str, path: &str) -> bool {
    if let Some(tree) = pattern.strip_suffix("/**") {
        return path.strip_prefix(tree).is_some_and(|rest| rest.starts_with('/'));
    }
    match pattern.split_once('*') {
        None => pattern == path,
        Some((head, tail)) => path
            .strip_prefix(head)
            .and_then(|rest| rest.strip_suffix(tail))
            .is_some_and(|middle| !middle.contains('/')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        assert!(fits("usr/bin/s6-*", "usr/bin/s6-svscan"));
        assert!(!fits("usr/bin/s6-*", "usr/bin/s6-x/y"));
        assert!(fits("usr/share/zoneinfo/**", "usr/share/zoneinfo/Europe/Berlin"));
        assert!(!fits("usr/share/zoneinfo/**", "usr/share/zoneinfo2"));
        assert!(fits("etc/mke2fs.conf", "etc/mke2fs.conf"));
    }

    #[test]
    fn lists_have_lines() {
        for list in [PACKAGES, FIRMWARE_PACKAGES, FILES, MODULES] {
            assert!(!lines(list).is_empty());
        }
        assert!(lines("# a\n\n b \n").eq(&["b"]));
    }
}
