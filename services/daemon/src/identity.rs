//! The user and group a daemon runs as once everything privileged is open.

use std::ffi::CString;

use nix::unistd::{
    Gid, Group, Uid, User, getegid, geteuid, getgrouplist, setegid, seteuid, setgid, setgroups, setuid,
};

/// A user and group that were looked up.
#[derive(Clone, Debug)]
pub struct Identity {
    user: Option<Uid>,
    group: Option<Gid>,
    groups: Vec<Gid>,
}

/// Why an identity cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// There is no such user.
    #[error("unknown user '{0}'")]
    NoUser(String),
    /// There is no such group.
    #[error("unknown group '{0}'")]
    NoGroup(String),
    /// A system call failed.
    #[error("cannot {doing}: {source}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: nix::Error,
    },
    /// Root could be had back: the switch is not what it should be.
    #[error("privileges could not be given up")]
    StillPrivileged,
}

fn failed(doing: &'static str) -> impl Fn(nix::Error) -> IdentityError {
    move |source| IdentityError::System { doing, source }
}

impl Identity {
    /// Looks up a user and a group by name or number. A user without a group brings its own groups.
    ///
    /// # Errors
    /// An unknown name, or the databases cannot be read.
    pub fn find(user: Option<&str>, group: Option<&str>) -> Result<Self, IdentityError> {
        let mut identity = Identity { user: None, group: None, groups: Vec::new() };
        if let Some(name) = user {
            let by_name = User::from_name(name).map_err(failed("look up the user"))?;
            let found = match (by_name, name.parse()) {
                (None, Ok(number)) => {
                    let number = Uid::from_raw(number);
                    identity.user = Some(number);
                    User::from_uid(number).map_err(failed("look up the user"))?
                }
                (found, _) => Some(found.ok_or_else(|| IdentityError::NoUser(name.to_owned()))?),
            };
            if let Some(found) = found {
                identity.user = Some(found.uid);
                identity.group = Some(found.gid);
                if let Ok(name) = CString::new(found.name) {
                    identity.groups =
                        getgrouplist(&name, found.gid).map_err(failed("list the user's groups"))?;
                }
            }
        }
        if let Some(name) = group {
            let by_name = Group::from_name(name).map_err(failed("look up the group"))?;
            let gid = match (by_name, name.parse()) {
                (Some(found), _) => found.gid,
                (None, Ok(number)) => Gid::from_raw(number),
                (None, Err(_)) => return Err(IdentityError::NoGroup(name.to_owned())),
            };
            identity.group = Some(gid);
            identity.groups = vec![gid];
        }
        Ok(identity)
    }

    /// Whether anything would change.
    pub fn is_none(&self) -> bool {
        self.user.is_none() && self.group.is_none()
    }

    /// Does something with these as the effective ids, so that the files it makes belong to them.
    ///
    /// # Errors
    /// The ids cannot be switched.
    pub fn effectively<T>(&self, action: impl FnOnce() -> T) -> Result<T, IdentityError> {
        let (user, group) = (geteuid(), getegid());
        if let Some(gid) = self.group {
            setegid(gid).map_err(failed("switch the effective group"))?;
        }
        if let Some(uid) = self.user {
            seteuid(uid).map_err(failed("switch the effective user"))?;
        }
        let result = action();
        seteuid(user).map_err(failed("switch the effective user back"))?;
        setegid(group).map_err(failed("switch the effective group back"))?;
        Ok(result)
    }

    /// Becomes this user and group for good: groups first, then the user, capabilities gone, no new privileges by
    /// executing anything. Does nothing when neither user nor group was asked for.
    ///
    /// # Errors
    /// A step failed (not root), or root could be had back. The program must end then.
    pub fn assume(&self) -> Result<(), IdentityError> {
        if self.is_none() {
            return Ok(());
        }
        if geteuid().is_root() {
            setgroups(&self.groups).map_err(failed("set the groups"))?;
        }
        if let Some(gid) = self.group {
            setgid(gid).map_err(failed("set the group"))?;
        }
        if let Some(uid) = self.user {
            setuid(uid).map_err(failed("set the user"))?;
            if !uid.is_root() && setuid(Uid::from_raw(0)).is_ok() {
                return Err(IdentityError::StillPrivileged);
            }
        }
        #[cfg(target_os = "linux")]
        nix::sys::prctl::set_no_new_privs().map_err(failed("forbid new privileges"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        let root = Identity::find(Some("root"), None).unwrap();
        assert_eq!((root.user, root.group), (Some(Uid::from_raw(0)), Some(Gid::from_raw(0))));
        let numbers = Identity::find(Some("65533"), Some("65532")).unwrap();
        assert_eq!((numbers.user, numbers.group), (Some(Uid::from_raw(65533)), Some(Gid::from_raw(65532))));
        assert_eq!(numbers.groups, [Gid::from_raw(65532)]);
        assert!(Identity::find(None, None).unwrap().is_none());
        assert!(matches!(Identity::find(Some("no such user"), None), Err(IdentityError::NoUser(_))));
        assert!(matches!(Identity::find(None, Some("no such group")), Err(IdentityError::NoGroup(_))));
    }
}
