//! Which calls to the kernel are answered: those of a list, and of some of these only the harmless forms.
//!
//! What is not in the list fails with EPERM. Calls that are younger than the list fail with ENOSYS as on a kernel that does not have them,
//! since that is what C libraries fall back upon; among them are `io_uring`, and `clone3`, whose flags cannot be looked at.

mod allowed;
mod forms;

use crate::Error;
use allowed::{ALLOWED, ALLOWED_HERE};
use forms::looked_at;
use rustix::thread::{SecureComputingMode, secure_computing_mode};
use seccompiler::{BackendError, BpfProgram, SeccompAction, SeccompFilter, SeccompRule, TargetArch, apply_filter};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::ops::RangeInclusive;

/// Who says which calls a process may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// The list of this crate.
    Listed,
    /// Who started the process, by a filter that lets it set none of its own.
    FilteredFromOutside,
}

/// Numbers of calls that are the same everywhere (from `pidfd_send_signal` on), those included that there will be.
const YOUNG: RangeInclusive<i64> = 424..=511;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Has the kernel answer what is listed alone.
pub(crate) fn allow_only(packets: bool) -> Result<Calls, Error> {
    // The first of them is the last that can be set: setting one is no call that is listed.
    for filter in [as_on_an_older_kernel()?, list(packets)?] {
        match apply_filter(&filter) {
            Ok(()) => {}
            Err(seccompiler::Error::Seccomp(error))
                if error.kind() == ErrorKind::PermissionDenied
                    && matches!(secure_computing_mode(), Ok(SecureComputingMode::Filter)) =>
            {
                return Ok(Calls::FilteredFromOutside);
            }
            Err(error) => return Err(Error::Calls(error)),
        }
    }
    Ok(Calls::Listed)
}

fn allowed() -> impl Iterator<Item = i64> {
    ALLOWED.iter().chain(ALLOWED_HERE).copied()
}

/// Answers calls that are younger than the list as a kernel does that has them not.
fn as_on_an_older_kernel() -> Result<BpfProgram, BackendError> {
    let young = YOUNG.filter(|call| !allowed().any(|allowed| allowed == *call));
    let rules: Rules = young.map(|call| (call, Vec::new())).collect();
    compile(rules, SeccompAction::Allow, errno(libc::ENOSYS))
}

/// Answers what is listed, and refuses the rest.
fn list(packets: bool) -> Result<BpfProgram, BackendError> {
    // The young ones are answered by the other filter.
    let mut rules: Rules = allowed().chain(YOUNG).map(|call| (call, Vec::new())).collect();
    rules.extend(looked_at(packets)?);
    compile(rules, errno(libc::EPERM), SeccompAction::Allow)
}

fn compile(rules: Rules, otherwise: SeccompAction, listed: SeccompAction) -> Result<BpfProgram, BackendError> {
    let here: TargetArch = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, otherwise, listed, here)?.try_into()
}

fn errno(number: i32) -> SeccompAction {
    SeccompAction::Errno(number.unsigned_abs())
}

#[cfg(test)]
mod tests;
