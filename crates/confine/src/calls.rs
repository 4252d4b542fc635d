//! Which calls to the kernel are answered: those of a list, and of some of these only the harmless forms.
//!
//! What is not in the list fails with EPERM. Calls that are younger than the list fail with ENOSYS as on a kernel that does not have them,
//! since that is what C libraries fall back upon; among them are `io_uring`, and `clone3`, whose flags cannot be looked at.

mod allowed;

use crate::Error;
use allowed::{ALLOWED, ALLOWED_HERE};
use rustix::thread::{SecureComputingMode, secure_computing_mode};
use seccompiler::SeccompCmpOp::{Eq, MaskedEq, Ne};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};
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

/// The calls of which only some forms are answered.
fn looked_at(packets: bool) -> Result<Rules, BackendError> {
    Ok(BTreeMap::from([
        (libc::SYS_clone, vec![thread()?]),
        (libc::SYS_socket, sockets(packets)?),
        (libc::SYS_socketpair, vec![when(&[(0, Eq, libc::AF_UNIX)])?]),
        (libc::SYS_prctl, harmless_of_prctl()?),
        (libc::SYS_ioctl, vec![no_typing()?]),
        (libc::SYS_mmap, not_both_written_and_run()?),
        (libc::SYS_mprotect, not_made_to_run()?),
    ]))
}

/// A thread of this process: neither a process nor a namespace.
fn thread() -> Result<SeccompRule, BackendError> {
    const NAMESPACES: i32 = libc::CLONE_NEWNS
        | libc::CLONE_NEWCGROUP
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNET;
    let looked_at = bits(NAMESPACES | libc::CLONE_THREAD);
    when(&[(0, MaskedEq(looked_at), libc::CLONE_THREAD)])
}

/// TCP, UDP, local sockets, the kernel's list of interfaces and routes, and packets if they are captured. The kernel has some forty more
/// families, which hardly anybody uses and hardly anybody has looked through.
fn sockets(packets: bool) -> Result<Vec<SeccompRule>, BackendError> {
    // Above it are flags.
    const KIND: u64 = 0xf;
    let mut rules = vec![
        when(&[(0, Eq, libc::AF_UNIX)])?,
        when(&[(0, Eq, libc::AF_NETLINK), (2, Eq, libc::NETLINK_ROUTE)])?,
    ];
    for family in [libc::AF_INET, libc::AF_INET6] {
        for kind in [libc::SOCK_STREAM, libc::SOCK_DGRAM] {
            rules.push(when(&[(0, Eq, family), (1, MaskedEq(KIND), kind)])?);
        }
    }
    if packets {
        rules.push(when(&[(0, Eq, libc::AF_PACKET)])?);
    }
    Ok(rules)
}

/// Names of threads and of memory, and questions.
fn harmless_of_prctl() -> Result<Vec<SeccompRule>, BackendError> {
    let asked = [
        libc::PR_SET_NAME,
        libc::PR_GET_NAME,
        libc::PR_SET_VMA,
        libc::PR_GET_DUMPABLE,
        libc::PR_GET_NO_NEW_PRIVS,
        libc::PR_GET_SECCOMP,
        libc::PR_GET_SECUREBITS,
        libc::PR_CAPBSET_READ,
        libc::PR_GET_THP_DISABLE,
        libc::PR_SET_THP_DISABLE,
    ];
    asked.into_iter().map(|asked| when(&[(0, Eq, asked)])).collect()
}

/// Everything but what types into the terminal of whoever started the process, which a shell would read.
fn no_typing() -> Result<SeccompRule, BackendError> {
    const TIOCLINUX: i32 = 0x541c;
    // A request is 32 bits, whatever the type that a C library has for it.
    let typed = i32::try_from(libc::TIOCSTI).unwrap_or(i32::MAX);
    when(&[(1, Ne, typed), (1, Ne, TIOCLINUX)])
}

/// Memory that is written or run, but not both.
fn not_both_written_and_run() -> Result<Vec<SeccompRule>, BackendError> {
    let both = libc::PROT_WRITE | libc::PROT_EXEC;
    let looked_at = bits(both);
    [0, libc::PROT_WRITE, libc::PROT_EXEC]
        .into_iter()
        .map(|found| when(&[(2, MaskedEq(looked_at), found)]))
        .collect()
}

/// Memory that was written does not become a program. On ARM the loader of libraries marks their code so (BTI), and what it marks
/// cannot be told from the rest.
fn not_made_to_run() -> Result<Vec<SeccompRule>, BackendError> {
    if cfg!(target_arch = "x86_64") {
        return Ok(vec![when(&[(2, MaskedEq(bits(libc::PROT_EXEC)), 0)])?]);
    }
    not_both_written_and_run()
}

/// Arguments as they have to be: which, compared how, with what. All of them are of 32 bits in the kernel, whatever is above.
fn when(conditions: &[(u8, SeccompCmpOp, i32)]) -> Result<SeccompRule, BackendError> {
    let conditions: Result<Vec<_>, _> = conditions
        .iter()
        .map(|(argument, compared, with)| {
            SeccompCondition::new(*argument, SeccompCmpArgLen::Dword, compared.clone(), bits(*with))
        })
        .collect();
    SeccompRule::new(conditions?)
}

/// The bits of a C integer.
fn bits(flags: i32) -> u64 {
    u64::from(flags.cast_unsigned())
}

#[cfg(test)]
mod tests;
