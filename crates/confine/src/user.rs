//! Users as the system's files name them, and going on as one of them.
//!
//! Rights are one half of what root is. The other is that root owns what the system is made of: its programs, its disks, its settings, and
//! the sockets by which it is asked for things. Only another user has not got that.

use crate::Error;
use rustix::io::Errno;
use rustix::process::{Gid, Uid, getegid, geteuid, getgroups};
use rustix::thread::{set_keep_capabilities, set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use std::fmt;
use std::path::Path;

/// Where users are.
const USERS: &str = "/etc/passwd";

/// Where their groups are.
const GROUPS: &str = "/etc/group";

/// Groups of a user, more of which an old kernel would not take.
const GROUPS_MAX: usize = 32;

/// A user, who is not root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// What the settings call it.
    pub name: String,
    /// Its number.
    pub id: u32,
    /// That of its group.
    pub group: u32,
    /// Those of others that it is in.
    pub groups: Vec<u32>,
}

/// Why there is no such user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoUser {
    /// Nobody is called so.
    #[error("there is no user {0}")]
    Unknown(String),
    /// It is what is to be given up.
    #[error("{0} is root, who owns the system")]
    Root(String),
    /// Much of the system is open to its group.
    #[error("{0} is in the group of root, to which much of the system is open")]
    InRootsGroup(String),
    /// It cannot be told.
    #[error("users cannot be told: {0}")]
    Unreadable(String),
}

impl User {
    /// The user of a name in `/etc/passwd`, or of two numbers, as in `1000:1000`.
    ///
    /// # Errors
    /// When there is none, or it is root.
    pub fn named(name: &str) -> Result<Self, NoUser> {
        let read = |path: &str| match std::fs::read_to_string(Path::new(path)) {
            Ok(text) => Ok(text),
            // A container has none.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(NoUser::Unreadable(format!("{path}: {error}"))),
        };
        Self::of(name, &read(USERS)?, &read(GROUPS)?)
    }

    /// What the system's files call the user of a number.
    pub fn name_of(id: u32) -> Option<String> {
        name_in(id, &std::fs::read_to_string(USERS).ok()?)
    }

    fn of(name: &str, users: &str, groups: &str) -> Result<Self, NoUser> {
        let found = numbers(name).or_else(|| entry(name, users));
        let (id, group) = found.ok_or_else(|| NoUser::Unknown(name.to_owned()))?;
        if id == 0 {
            return Err(NoUser::Root(name.to_owned()));
        }
        let others = groups.lines().filter_map(|line| group_of(name, line));
        let groups: Vec<_> = others.take(GROUPS_MAX).collect();
        if group == 0 || groups.contains(&0) {
            return Err(NoUser::InRootsGroup(name.to_owned()));
        }
        Ok(Self {
            name: name.to_owned(),
            id,
            group,
            groups,
        })
    }

    /// Whether this process is it, and of its group: a container that names a user alone leaves the group of root.
    pub fn is_this(&self) -> bool {
        (geteuid().as_raw(), getegid().as_raw()) == (self.id, self.group)
    }

    fn ids(&self) -> (Uid, Gid, Vec<Gid>) {
        let groups = std::iter::once(&self.group).chain(&self.groups);
        (
            Uid::from_raw(self.id),
            Gid::from_raw(self.group),
            groups.map(|group| Gid::from_raw(*group)).collect(),
        )
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Two numbers that the kernel takes for a user and a group: the largest means none.
fn numbers(name: &str) -> Option<(u32, u32)> {
    let (user, group) = name.split_once(':')?;
    let number = |text: &str| text.parse().ok().filter(|number| *number != u32::MAX);
    Some((number(user)?, number(group)?))
}

/// Of `name:password:user:group:..` (passwd(5)).
fn entry(name: &str, users: &str) -> Option<(u32, u32)> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let rest: Vec<_> = fields.collect();
        numbers(&format!("{}:{}", rest.get(1)?, rest.get(2)?))
    })
}

/// The first name of a number.
fn name_in(id: u32, users: &str) -> Option<String> {
    users.lines().find_map(|line| {
        let (name, _) = line.split_once(':')?;
        (entry(name, users)?.0 == id).then(|| name.to_owned())
    })
}

/// The number of a group that a user is in, of `group:password:number:users` (group(5)).
fn group_of(name: &str, line: &str) -> Option<u32> {
    let fields: Vec<_> = line.split(':').collect();
    let is_in = fields.get(3)?.split(',').any(|user| user.trim() == name);
    is_in.then(|| fields[2].parse().ok()).flatten()
}

/// Goes on as another user, with the rights that there are. Only root can; who is that user already stays it.
pub(crate) fn become_user(user: &User) -> Result<(), Error> {
    let (id, group, groups) = user.ids();
    let failed = |error: Errno| Error::User {
        user: user.name.clone(),
        source: error.into(),
    };
    if user.is_this() {
        // It may have been another, whom it could be again.
        set_thread_res_gid(group, group, group).map_err(failed)?;
        return set_thread_res_uid(id, id, id).map_err(failed);
    }
    set_thread_groups(&groups).map_err(failed)?;
    set_thread_res_gid(group, group, group).map_err(failed)?;
    // What is to be kept of rights is said afterwards; without this nothing would be left.
    set_keep_capabilities(true).map_err(failed)?;
    set_thread_res_uid(id, id, id).map_err(failed)?;
    set_keep_capabilities(false).map_err(failed)?;
    if geteuid() != id || getegid() != group {
        return Err(Error::Kept);
    }
    Ok(())
}

/// A thread that looks at something as another user, until it is dropped.
pub(crate) struct Looking {
    id: Uid,
    group: Gid,
    groups: Vec<Gid>,
    /// Whether there is something to take back, the user itself or only its groups.
    is_changed: bool,
}

impl Looking {
    /// Looks as a user. Only root can, and who is that user already.
    pub(crate) fn as_user(user: &User) -> Result<Self, Error> {
        let failed = |error: Errno| Error::User {
            user: user.name.clone(),
            source: error.into(),
        };
        let mut looking = Self {
            id: geteuid(),
            group: getegid(),
            groups: getgroups().map_err(failed)?,
            is_changed: false,
        };
        if !user.is_this() {
            let (id, group, groups) = user.ids();
            set_thread_groups(&groups).map_err(failed)?;
            looking.is_changed = true;
            set_thread_res_gid(None, group, None).map_err(failed)?;
            set_thread_res_uid(None, id, None).map_err(failed)?;
        }
        Ok(looking)
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        if !self.is_changed {
            return;
        }
        // The user first: the rights to the rest come back with it.
        let back = set_thread_res_uid(None, self.id, None)
            .and_then(|()| set_thread_res_gid(None, self.group, None))
            .and_then(|()| set_thread_groups(&self.groups));
        debug_assert_eq!(back, Ok(()), "what was another user is root again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str = "root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:\nbaleen:x:990:980::/var/lib/baleen:/usr/sbin/nologin\nbroken:x\nodd:x:a:1::\nstaff:x:991:0::/:\nwheel:x:992:992::/:\n";
    const GROUPS: &str =
        "root:x:0:wheel\nssl-cert:x:110:www, baleen\npcap:x:111:baleenx,baleen\nbroken:x\nodd:x:z:baleen\n";

    #[test]
    fn numbers_have_names() {
        for (id, name) in [(0, Some("root")), (990, Some("baleen")), (1, None), (1000, None)] {
            assert_eq!(name_in(id, USERS).as_deref(), name, "{id}");
        }
        assert_eq!(User::name_of(0).as_deref(), Some("root"));
    }

    #[test]
    fn users_are_found_by_name_and_by_number() {
        let user = User::of("baleen", USERS, GROUPS).unwrap();
        assert_eq!((user.id, user.group, user.groups), (990, 980, vec![110, 111]));
        let user = User::of("1000:100", USERS, GROUPS).unwrap();
        assert_eq!((user.id, user.group, user.groups.len()), (1000, 100, 0));
        for root in ["root", "toor", "0:0", "0:1000"] {
            assert_eq!(User::of(root, USERS, GROUPS), Err(NoUser::Root(root.to_owned())));
        }
        for name in ["wheel", "1000:0", "staff"] {
            let refused = User::of(name, USERS, GROUPS);
            assert_eq!(refused, Err(NoUser::InRootsGroup(name.to_owned())));
        }
        for nobody in [
            "",
            "bale",
            "broken",
            "odd",
            "990",
            "4294967295:1",
            "1:4294967295",
            "-1:1",
            "1:",
            "baleen:x",
        ] {
            assert_eq!(User::of(nobody, USERS, GROUPS), Err(NoUser::Unknown(nobody.to_owned())));
        }
    }
}
