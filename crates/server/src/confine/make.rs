//! Folders that are made for the user as whom a process goes on.
//!
//! Whoever has taken over that user waits for the next start by root, and would have root make a folder, or give one away, where a link of
//! theirs leads. So what the user may make itself is made as that user, by its own rights. Root makes a folder only where nobody but root can
//! put anything in the way: each step is taken from the folder before it, and looked at before the next.

use crate::config::Config;
use crate::failure::Failure;
use baleen_confine::{Needs, User, while_holding};
use rustix::fd::OwnedFd;
use rustix::fs::{FileType, Gid, Mode, OFlags, Stat, Uid, fchmod, fchown, fstat, mkdirat, open, openat, readlinkat};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::DirBuilder;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// How many links there may be in one path, as for the kernel (path_resolution(7)).
const LINKS_MAX: usize = 40;

/// A step of a path: it is looked at, and neither opened nor followed.
const STEP: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A folder that is changed by its descriptor.
const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Of what is made for its user alone.
const PRIVATE: Mode = Mode::RWXU;

/// Of what is made above it: its user passes through, whatever root's umask says.
const PASSABLE: Mode = Mode::from_raw_mode(0o755);

/// Makes a folder that is not there for who will use it: where it lies they may have no right to.
///
/// # Errors
/// When it cannot be made or given away, or others than root could lead root elsewhere.
pub(crate) fn make(folder: &Path, user: Option<&User>) -> Result<(), Failure> {
    let Some(user) = user.filter(|user| !user.is_this()) else {
        return Ok(());
    };
    if folder.exists() {
        return Ok(());
    }
    let what = format!("{} cannot be made for {user}", folder.display());
    let as_user = Needs {
        rights: Vec::new(),
        user: Some(user.clone()),
    };
    let making = || DirBuilder::new().mode(0o700).recursive(true).create(folder);
    match while_holding(&as_user, making).map_err(|error| Failure::because(&what, &error))? {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
        Err(error) => return Err(Failure::because(&what, &error)),
    }
    match make_as_root(folder, user) {
        Ok(()) => Ok(()),
        Err(Refused::System(error)) => Err(Failure::because(&what, &error).advise(format!(
            "make that folder and give it away: mkdir -p {0} && {1}",
            folder.display(),
            super::chown_for(&user.name, folder)
        ))),
        Err(Refused::OfOthers { at, owner }) => Err(Failure::new(format!(
            "{what}: {} is not root's alone (user {owner}), and could lead root elsewhere",
            at.display()
        ))
        .advise(format!(
            "see where {0} leads, then make that folder and give it away: mkdir -p {0} && {1}",
            folder.display(),
            super::chown_for(&user.name, folder)
        ))),
    }
}

/// Makes the places of the settings that a server makes itself where it may: the data folder, and those of work that fails alone.
/// What of these cannot be made is returned, to be told when there is a log.
///
/// # Errors
/// When the data folder cannot be made.
pub(crate) fn make_all(config: &Config, user: Option<&User>) -> Result<Vec<Failure>, Failure> {
    if let Some(data) = &config.data {
        make(data, user)?;
    }
    let look_back = config.look_back.as_ref().and_then(|kept| kept.folder.as_deref());
    let folders = [look_back, config.backup.folder.as_deref()];
    let made = folders.into_iter().flatten().map(|folder| make(folder, user));
    Ok(made.filter_map(Result::err).collect())
}

/// Why root does not make a folder.
#[derive(Debug)]
enum Refused {
    System(io::Error),
    /// Somebody else could have put it there, or put something else there.
    OfOthers {
        at: PathBuf,
        owner: u32,
    },
}

impl From<Errno> for Refused {
    fn from(error: Errno) -> Self {
        Self::System(error.into())
    }
}

fn make_as_root(folder: &Path, user: &User) -> Result<(), Refused> {
    let folder = std::path::absolute(folder).map_err(Refused::System)?;
    let (Some(above), Some(name)) = (folder.parent(), folder.file_name()) else {
        return Err(Errno::INVAL.into());
    };
    let above = Walk::to(above)?;
    mkdirat(&above.at, name, PRIVATE)?;
    let made = openat(&above.at, name, FOLDER, Mode::empty())?;
    above.heed(&fstat(&made)?, name)?;
    fchmod(&made, PRIVATE)?;
    fchown(&made, Some(Uid::from_raw(user.id)), Some(Gid::from_raw(user.group)))?;
    Ok(())
}

/// A folder that is reached through what is root's alone.
struct Walk {
    at: OwnedFd,
    /// How it was reached, to be told.
    path: PathBuf,
    /// Whether others may put something into it, though not in the place of what is root's (`/tmp`).
    is_shared: bool,
}

impl Walk {
    /// Goes to a folder, making what is not there.
    fn to(folder: &Path) -> Result<Self, Refused> {
        let mut walk = Self::at_top()?;
        let mut links = 0;
        let mut left = steps(folder);
        while let Some(name) = left.pop() {
            let next = match openat(&walk.at, &name, STEP, Mode::empty()) {
                Err(Errno::NOENT) => walk.make(&name)?,
                next => next?,
            };
            let found = fstat(&next)?;
            walk.heed(&found, &name)?;
            if FileType::from_raw_mode(found.st_mode) == FileType::Symlink {
                links += 1;
                if links > LINKS_MAX {
                    return Err(Errno::LOOP.into());
                }
                // A link of root's can be brought into a shared folder by others, as a second name.
                if walk.is_shared {
                    return Err(walk.of_others(&found, &name));
                }
                let to = PathBuf::from(OsString::from_vec(readlinkat(&next, "", Vec::new())?.into_bytes()));
                left.extend(steps(&to));
                if to.is_absolute() {
                    walk = Self::at_top()?;
                }
                continue;
            }
            walk = Self {
                at: next,
                path: walk.path.join(&name),
                is_shared: is_shared(&found),
            };
        }
        Ok(walk)
    }

    fn at_top() -> Result<Self, Refused> {
        let path = PathBuf::from("/");
        let at = open(&path, STEP, Mode::empty())?;
        let found = fstat(&at)?;
        let top = Self {
            at,
            path,
            is_shared: is_shared(&found),
        };
        top.heed(&found, OsStr::new("")).map(|()| top)
    }

    fn make(&self, name: &OsStr) -> Result<OwnedFd, Refused> {
        mkdirat(&self.at, name, PRIVATE)?;
        let made = openat(&self.at, name, FOLDER, Mode::empty())?;
        self.heed(&fstat(&made)?, name)?;
        fchmod(&made, PASSABLE)?;
        Ok(made)
    }

    /// Refuses what is not root's, and a folder that others may change.
    fn heed(&self, found: &Stat, name: &OsStr) -> Result<(), Refused> {
        let is_link = FileType::from_raw_mode(found.st_mode) == FileType::Symlink;
        let is_closed = is_link || !is_open(found) || is_shared(found);
        if found.st_uid == 0 && is_closed {
            Ok(())
        } else {
            Err(self.of_others(found, name))
        }
    }

    fn of_others(&self, found: &Stat, name: &OsStr) -> Refused {
        Refused::OfOthers {
            at: self.path.join(name),
            owner: found.st_uid,
        }
    }
}

/// Whether others than root may write it.
fn is_open(found: &Stat) -> bool {
    let mode = Mode::from_raw_mode(found.st_mode);
    mode.contains(Mode::WOTH) || (mode.contains(Mode::WGRP) && found.st_gid != 0)
}

/// Whether others may write it, and not move what is root's.
fn is_shared(found: &Stat) -> bool {
    is_open(found) && Mode::from_raw_mode(found.st_mode).contains(Mode::SVTX)
}

/// The steps of a path, the first one last.
fn steps(path: &Path) -> Vec<OsString> {
    let names = path.components().map(|step| step.as_os_str().to_owned());
    let mut steps: Vec<_> = names.filter(|name| name != "/" && name != ".").collect();
    steps.reverse();
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;
    use baleen_confine::{Right, holds};
    use std::fs::{Permissions, create_dir, set_permissions, symlink_metadata};
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, lchown, symlink};

    const SOMEBODY: u32 = 65_534;
    const ANOTHER: u32 = 65_533;

    fn somebody() -> User {
        User::named(&format!("{SOMEBODY}:{SOMEBODY}")).unwrap()
    }

    /// A folder that is root's and open to all to pass, if this is root.
    fn place() -> Option<tempfile::TempDir> {
        let place = holds(Right::UseFilesOfOthers).then(|| tempfile::tempdir().unwrap())?;
        set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
        Some(place)
    }

    fn folder(path: &Path, owner: u32, mode: u32) {
        create_dir(path).unwrap();
        chown(path, Some(owner), Some(owner)).unwrap();
        set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_folder_is_made_for_its_user_wherever_it_lies() {
        let Some(place) = place() else { return };
        let at = |name: &str| place.path().join(name);
        folder(&at("own"), SOMEBODY, 0o700);
        folder(&at("shared"), 0, 0o1777);
        create_dir(at("disk")).unwrap();
        symlink("disk", at("link")).unwrap();
        symlink(at("link"), at("far")).unwrap();
        for name in [
            "roots",
            "new/below/data",
            "own/x/data",
            "shared/data",
            "far/data",
            "disk/../up",
        ] {
            make(&at(name), Some(&somebody())).unwrap();
            let made = symlink_metadata(at(name)).unwrap();
            assert_eq!(
                (made.uid(), made.gid(), made.mode() & 0o7777),
                (SOMEBODY, SOMEBODY, 0o700),
                "{name}"
            );
        }
        assert!(at("disk/data").is_dir());
        // What is above stays root's, and can be passed.
        let above = symlink_metadata(at("new/below")).unwrap();
        assert_eq!((above.uid(), above.mode() & 0o777), (0, 0o755));
    }

    /// What the settings name is made for who will use it, and what cannot be is told with what to do.
    #[test]
    fn all_that_a_server_makes_is_made_for_its_user() {
        let Some(place) = place() else { return };
        let root = place.path().display();
        let settings = |backup: &str| {
            let file = format!(
                "data = \"{root}/data\"\n[lookback]\nenabled = \"on\"\nfolder = \"{root}/back/ring\"\n[backup]\nfolder = \"{root}/{backup}\"\n"
            );
            let sources = Sources {
                file: Some(("baleen.toml".into(), file)),
                ..Sources::default()
            };
            Config::load(sources).unwrap().config
        };
        folder(&place.path().join("others"), ANOTHER, 0o755);
        let told = make_all(&settings("others/kept"), Some(&somebody())).unwrap();
        for name in ["data", "back/ring"] {
            let made = symlink_metadata(place.path().join(name)).unwrap();
            assert_eq!((made.uid(), made.mode() & 0o7777), (SOMEBODY, 0o700), "{name}");
        }
        assert_eq!(told.len(), 1);
        let (what, advice) = told[0].parts();
        assert!(what.contains("others is not root's alone"), "{what}");
        assert!(
            advice.contains("mkdir -p") && advice.contains("chown -R 65534:65534"),
            "{advice}"
        );
    }

    /// What a user that was taken over puts in the way leads root nowhere.
    #[test]
    fn root_makes_nothing_where_others_lead() {
        let Some(place) = place() else { return };
        let at = |name: &str| place.path().join(name);
        create_dir(at("roots")).unwrap();
        folder(&at("own"), SOMEBODY, 0o755);
        folder(&at("others"), ANOTHER, 0o755);
        folder(&at("group"), 0, 0o775);
        chown(at("group"), None, Some(ANOTHER)).unwrap();
        folder(&at("shared"), 0, 0o1777);
        symlink(at("roots"), at("own/link")).unwrap();
        symlink(at("roots"), at("shared/link")).unwrap();
        symlink(at("roots"), at("theirs")).unwrap();
        lchown(at("theirs"), Some(SOMEBODY), None).unwrap();
        symlink("loop", at("loop")).unwrap();
        for (name, told) in [
            ("own/link/data", "own is not root's alone (user 65534)"),
            ("others/data", "others is not root's alone (user 65533)"),
            ("others/x/data", "others is not root's alone"),
            ("group/data", "group is not root's alone (user 0)"),
            ("shared/link/data", "shared/link is not root's alone (user 0)"),
            ("theirs/data", "theirs is not root's alone (user 65534)"),
            ("loop/data", "cannot be made"),
        ] {
            let refused = make(&at(name), Some(&somebody())).unwrap_err();
            assert!(refused.to_string().contains(told), "{name}: {refused}");
        }
        assert_eq!(std::fs::read_dir(at("roots")).unwrap().count(), 0);
        assert_eq!(symlink_metadata(at("roots")).unwrap().uid(), 0);
    }

    /// A link in the place of the folder itself is not taken for it.
    #[test]
    fn what_hangs_in_the_place_of_the_folder_is_left() {
        let Some(place) = place() else { return };
        let (to, link) = (place.path().join("to"), place.path().join("data"));
        symlink(&to, &link).unwrap();
        assert!(make(&link, Some(&somebody())).is_err());
        assert!(make_as_root(&link, &somebody()).is_err());
        assert!(!to.exists());
        create_dir(&to).unwrap();
        assert!(make_as_root(&link, &somebody()).is_err());
        assert_eq!(symlink_metadata(&to).unwrap().uid(), 0);
    }
}
