//! The places that the settings name and a process uses when it has given up the right to those of others: all of them, in one list, so that
//! what cannot be used is told at the start with what to do, and not when it is wanted.

use super::{advice_on, by_name_alone, in_words};
use crate::config::Config;
use crate::failure::Failure;
use baleen_agent::Settings;
use baleen_confine::Needs;
use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use tracing::error;

/// How far below a folder is looked: folders of captures and of parts, with what is in them.
const DEPTH: usize = 2;

/// How many files and folders are looked at in one place. What was made by one process is mostly of one owner.
const LOOKED_AT_MAX: usize = 10_000;

/// What file systems keep for themselves where they are mounted.
const OF_FILE_SYSTEMS: [&str; 2] = ["lost+found", ".snapshot"];

/// A place that the settings name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// What it is, in words.
    pub(crate) what: String,
    pub(crate) path: PathBuf,
    pub(crate) used: Used,
}

/// How a place is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Used {
    /// It is written, and nothing goes without it.
    Always,
    /// It is read, and nothing goes without it; made, where it is not there.
    Read,
    /// It is written by work that fails alone.
    Later,
}

/// Those of a server.
pub(crate) fn of_server(config: &Config) -> Vec<Place> {
    let place = |what: &str, path: Option<&PathBuf>, used| {
        path.map(|path| Place {
            what: what.to_owned(),
            path: path.clone(),
            used,
        })
    };
    let tls = config.tls.as_ref();
    let look_back = config.look_back.as_ref().and_then(|kept| kept.folder.as_ref());
    let regions = config.regions.iter().map(|region| Place {
        what: format!("the folder of region {}", region.name),
        path: region.folder.clone(),
        used: Used::Later,
    });
    [
        place("the data folder", config.data.as_ref(), Used::Always),
        place("master_key_file", config.master_key_file.as_ref(), Used::Read),
        place("tls.certificate", tls.map(|tls| &tls.certificate), Used::Read),
        place("tls.key", tls.map(|tls| &tls.key), Used::Read),
        place("lookback.folder", look_back, Used::Later),
        place("backup.folder", config.backup.folder.as_ref(), Used::Later),
    ]
    .into_iter()
    .flatten()
    .chain(regions)
    .collect()
}

/// Those of an agent.
pub(crate) fn of_agent(settings: &Settings) -> Vec<Place> {
    vec![Place {
        what: "the folder of the agent".to_owned(),
        path: settings.folder.clone(),
        used: Used::Always,
    }]
}

/// Refuses to go on where a place cannot be used without which nothing goes, and says it of the others. It is looked at by a process that has
/// given up the right to the files of others; of who never had it nothing is expected.
///
/// # Errors
/// What cannot be used, and what to do.
pub(crate) fn check(places: &[Place], needs: &Needs) -> Result<(), Failure> {
    let Some(who) = by_name_alone(needs.user.as_ref()) else {
        return Ok(());
    };
    for place in places {
        let Some((found, owner)) = unusable(place) else {
            continue;
        };
        let what = format!(
            "{} cannot be used: {} belongs to user {}",
            place.what,
            found.display(),
            in_words(owner)
        );
        let advice = advice_on(&place.path, &who);
        if place.used == Used::Later {
            error!(advice, "{what}");
        } else {
            return Err(Failure::new(what).advise(advice));
        }
    }
    Ok(())
}

/// What of a place this process may not use, with who owns it.
pub(crate) fn unusable(place: &Place) -> Option<(PathBuf, u32)> {
    let found = match place.used {
        Used::Read => (!may_read(&place.path)).then(|| place.path.clone()),
        Used::Always | Used::Later => unusable_in(&place.path),
    }?;
    let owner = std::fs::symlink_metadata(&found).map_or(u32::MAX, |found| found.uid());
    Some((found, owner))
}

/// The folder itself, or the first of what is in it.
fn unusable_in(folder: &Path) -> Option<PathBuf> {
    let all = Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK;
    let mut left = LOOKED_AT_MAX;
    let mut folders = VecDeque::from([(folder.to_owned(), 0)]);
    while let Some((folder, depth)) = folders.pop_front() {
        if !may(&folder, all) {
            return Some(folder);
        }
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            left = left.checked_sub(1)?;
            let (path, kind) = (entry.path(), entry.file_type());
            if kind.as_ref().is_ok_and(std::fs::FileType::is_dir) {
                let is_of_file_system = OF_FILE_SYSTEMS.iter().any(|name| entry.file_name() == *name);
                if depth < DEPTH && !is_of_file_system {
                    folders.push_back((path, depth + 1));
                }
            } else if kind.is_ok_and(|kind| kind.is_file()) && !may_use(&path) {
                return Some(path);
            }
        }
    }
    None
}

/// Whether a file can be read, and written by who does not own it: an owner has its reasons.
fn may_use(file: &Path) -> bool {
    let is_own =
        || std::fs::symlink_metadata(file).map_or(true, |found| found.uid() == rustix::process::geteuid().as_raw());
    may(file, Access::READ_OK) && (may(file, Access::WRITE_OK) || is_own())
}

/// Whether a file can be read, or made where it is to be.
fn may_read(file: &Path) -> bool {
    match accessat(CWD, file, Access::READ_OK, AtFlags::EACCESS) {
        Err(Errno::NOENT) => may_make(file),
        Err(Errno::ACCESS) => false,
        Ok(()) | Err(_) => true,
    }
}

/// Whether a file can be written, or made where it is to be.
pub(crate) fn may_write(file: &Path) -> bool {
    match accessat(CWD, file, Access::WRITE_OK, AtFlags::EACCESS) {
        Err(Errno::NOENT) => may_make(file),
        Ok(()) if file.is_dir() => may(file, Access::WRITE_OK | Access::EXEC_OK),
        Err(Errno::ACCESS) => false,
        Ok(()) | Err(_) => true,
    }
}

/// Whether a file can be made where it is to be.
pub(crate) fn may_make(file: &Path) -> bool {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    may(folder.unwrap_or(Path::new(".")), Access::WRITE_OK | Access::EXEC_OK)
}

/// Whether this process may do something with a path. What cannot be told shows when it is done.
fn may(path: &Path, what: Access) -> bool {
    !matches!(accessat(CWD, path, what, AtFlags::EACCESS), Err(Errno::ACCESS))
}
