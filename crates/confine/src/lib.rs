//! What a process gives up when it starts, for good: being root, if it names another user; the rights of root but those that it names; and
//! the calls to the kernel that it never makes. So who takes it over by a hole in it cannot use other users' files, start a program or load
//! one into the kernel, and nobody else looks into its memory.
//!
//! A process that stays root keeps what root owns, which is the system: then all of this is a hurdle and no wall. Code that was written to
//! a file can be run as code of a library is; so who has taken a process over runs what they like, within these bounds.
//!
//! All of it belongs to a thread, and threads get it from the one that makes them. So [`enter`] is called while there is one thread, which is
//! before an async runtime and before the log. Nothing undoes it, which is its worth.
//!
//! Rights of Linux are capabilities (`capabilities(7)`), calls are filtered by seccomp (`seccomp(2)`). Left out: which files may be
//! opened (Landlock), which the settings name all over the disk.

mod calls;
mod error;
mod rights;
mod user;

pub use calls::Calls;
pub use error::Error;
pub use rights::{Right, holds, while_holding};
pub use user::{NoUser, User};

use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use std::fmt;

/// Where the kernel lists the threads of a process.
const THREADS: &str = "/proc/self/task";

/// What a process goes on with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The rights that it needs.
    pub rights: Vec<Right>,
    /// Who it is from then on; who it was, without.
    pub user: Option<User>,
}

impl From<&[Right]> for Needs {
    fn from(rights: &[Right]) -> Self {
        Self {
            rights: rights.to_vec(),
            user: None,
        }
    }
}

/// What is left to a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confined {
    /// The rights that it still has: those that it needs, as far as it had them.
    pub rights: Vec<Right>,
    /// Whether no program that it would start could have others. Only who may change that can give it up.
    pub is_sealed: bool,
    /// Who says which calls it may make.
    pub calls: Calls,
}

impl fmt::Display for Confined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", names(&self.rights))
    }
}

/// Rights in words.
pub fn names(rights: &[Right]) -> String {
    if rights.is_empty() {
        return "none".to_owned();
    }
    let names: Vec<_> = rights.iter().map(|right| right.name()).collect();
    names.join(", ")
}

/// Gives up everything but `needs`, for this process.
///
/// # Errors
/// When there are other threads; when the system does not let it be that user, does not let go of a right, or takes no filter of calls. Then
/// it is not known what is left, and the process should end.
pub fn enter(needs: &Needs) -> Result<Confined, Error> {
    // Where it cannot be told it is believed: this is to find a library that begins threads, not somebody who hides them.
    let threads = std::fs::read_dir(THREADS).map_or(1, Iterator::count);
    if threads != 1 {
        return Err(Error::Threads(threads));
    }
    enter_thread(needs)
}

/// As [`enter`], for this thread and those that it will make alone: what is left to a process can be tried in a thread of another.
///
/// # Errors
/// As of [`enter`], whatever other threads there are.
pub fn enter_thread(needs: &Needs) -> Result<Confined, Error> {
    if let Some(user) = &needs.user {
        user::become_user(user)?;
    }
    let (rights, is_sealed) = rights::give_up_all_but(&needs.rights)?;
    // Other processes of the same user do not look into this one, which has keys, nor are these in what a crash leaves. This is of the
    // whole process, and a change of its user would undo it.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|error| Error::Rights {
        doing: "keep others from looking in",
        source: error.into(),
    })?;
    let calls = calls::allow_only(rights.contains(&Right::CapturePackets))?;
    Ok(Confined {
        rights,
        is_sealed,
        calls,
    })
}
