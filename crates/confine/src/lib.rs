//! What a process gives up when it starts, for good: the rights of root but those that it names, and the calls to the kernel that
//! it never makes. So who takes it over by a hole in it cannot read other users' files, start a program, load one into the kernel,
//! or look into other processes.
//!
//! Both belong to a thread, and threads get them from the one that makes them. So [`enter`] is called while there is one thread, which is
//! before an async runtime and before the log. Nothing undoes it, which is its worth.
//!
//! Rights of Linux are capabilities (`capabilities(7)`), calls are filtered by seccomp (`seccomp(2)`). Left out: which files may be
//! opened (Landlock), which the settings name all over the disk.

mod calls;
mod error;
mod rights;

pub use calls::Calls;
pub use error::Error;
pub use rights::{Right, holds, while_holding};

use std::fmt;

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

/// Gives up everything but `needs`, for this thread and those that it will make.
///
/// # Errors
/// When the system does not let go of a right, or takes no filter of calls. Then it is not known what is left, and the process should end.
pub fn enter(needs: &[Right]) -> Result<Confined, Error> {
    let (rights, is_sealed) = rights::give_up_all_but(needs)?;
    let calls = calls::allow_only(rights.contains(&Right::CapturePackets))?;
    Ok(Confined {
        rights,
        is_sealed,
        calls,
    })
}
