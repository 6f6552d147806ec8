//! The services' users, read from `/etc/passwd`.
//!
//! Not through the C library: a statically linked stage 1 has no name service.

use std::fs;
use std::io;
use std::path::Path;

/// Numeric ids of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Id of its own group.
    pub gid: u32,
}

/// The user called `name`; an error of kind `NotFound` when there is none.
pub fn find(name: &str) -> io::Result<User> {
    let text = fs::read_to_string("/etc/passwd")?;
    parse(&text, name).ok_or_else(|| {
        io::Error::new(io::ErrorKind::NotFound, format!("/etc/passwd has no usable user {name}"))
    })
}

fn parse(text: &str, name: &str) -> Option<User> {
    let line = text.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut ids = line.split(':').skip(2);
    Some(User { uid: ids.next()?.parse().ok()?, gid: ids.next()?.parse().ok()? })
}

/// Makes `folder` (and what leads to it), with `mode`, belonging to `user`. An existing one is put right.
pub fn own_folder(folder: &Path, user: User, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::{PermissionsExt, chown};
    fs::create_dir_all(folder)?;
    chown(folder, Some(user.uid), Some(user.gid))?;
    fs::set_permissions(folder, fs::Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_names_only() {
        let text = "root:x:0:0:root:/:/bin/false\nweb-old:x:5:6::/:\nweb:x:704:705::/:\nbad:x:no:1::/:\n";
        assert_eq!(parse(text, "web"), Some(User { uid: 704, gid: 705 }));
        assert_eq!(parse(text, "we"), None);
        assert_eq!(parse(text, "bad"), None);
    }
}
