//! The calls of which only some forms are answered, told by their arguments. What is behind a pointer no filter sees.

use super::Rules;
use rustix::process::getpid;
use seccompiler::SeccompCmpOp::{Eq, MaskedEq, Ne};
use seccompiler::{BackendError, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule};
use std::collections::BTreeMap;

/// The calls of which only some forms are answered.
pub(super) fn looked_at(packets: bool) -> Result<Rules, BackendError> {
    let mut rules = files()?;
    rules.extend([
        (libc::SYS_clone, vec![thread()?]),
        (libc::SYS_socket, sockets(packets)?),
        (libc::SYS_socketpair, vec![when(&[(0, Eq, libc::AF_UNIX)])?]),
        (libc::SYS_prctl, harmless_of_prctl()?),
        (libc::SYS_ioctl, vec![no_typing()?]),
        (libc::SYS_fcntl, vec![no_signals_to_others()?]),
        (libc::SYS_tgkill, vec![when(&[(0, Eq, own())])?]),
        (
            libc::SYS_prlimit64,
            vec![when(&[(0, Eq, 0)])?, when(&[(0, Eq, own())])?],
        ),
        // The look-back ring's disk is nice to others.
        (libc::SYS_setpriority, vec![when(&[(0, Eq, PRIO_PROCESS), (1, Eq, 0)])?]),
        (libc::SYS_mmap, not_both_written_and_run()?),
        (libc::SYS_mprotect, not_made_to_run()?),
    ]);
    Ok(rules)
}

/// Of which C libraries say different types.
const PRIO_PROCESS: i32 = 0;

/// The number of this process. It makes no other one that would have its filters.
fn own() -> i32 {
    getpid().as_raw_nonzero().get()
}

/// Calls that make files, or change who may do what with them: none that runs as its owner for whoever starts it (set-user-ID and
/// set-group-ID), which would outlive the process.
fn files() -> Result<Rules, BackendError> {
    let mut rules = BTreeMap::from([
        (libc::SYS_fchmod, vec![plain(1)?]),
        (libc::SYS_fchmodat, vec![plain(2)?]),
        (libc::SYS_mkdirat, vec![plain(2)?]),
        (libc::SYS_openat, made_plain(2, 3)?),
    ]);
    #[cfg(target_arch = "x86_64")]
    rules.extend([
        (libc::SYS_chmod, vec![plain(1)?]),
        (libc::SYS_creat, vec![plain(1)?]),
        (libc::SYS_mkdir, vec![plain(1)?]),
        (libc::SYS_open, made_plain(1, 2)?),
    ]);
    Ok(rules)
}

/// A mode without these two bits.
fn plain(mode: u8) -> Result<SeccompRule, BackendError> {
    when(&[(mode, MaskedEq(bits(SET_ID)), 0)])
}

/// The same where a file is made; else there is no mode, and whatever is in its place.
fn made_plain(flags: u8, mode: u8) -> Result<Vec<SeccompRule>, BackendError> {
    // What makes a file without a name, apart from what only asks for a folder.
    const UNNAMED: i32 = libc::O_TMPFILE & !libc::O_DIRECTORY;
    let makes = bits(libc::O_CREAT | UNNAMED);
    Ok(vec![plain(mode)?, when(&[(flags, MaskedEq(makes), 0)])?])
}

const SET_ID: i32 = (libc::S_ISUID | libc::S_ISGID).cast_signed();

/// Everything but having signals sent to whom one chooses.
fn no_signals_to_others() -> Result<SeccompRule, BackendError> {
    const F_SETSIG: i32 = 10;
    const F_SETOWN_EX: i32 = 15;
    when(&[(1, Ne, libc::F_SETOWN), (1, Ne, F_SETSIG), (1, Ne, F_SETOWN_EX)])
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
        for (kind, protocol) in [
            (libc::SOCK_STREAM, libc::IPPROTO_TCP),
            (libc::SOCK_DGRAM, libc::IPPROTO_UDP),
        ] {
            // By name, or as what is usual of that kind. Others of it, as SCTP, L2TP and ping, are modules that a kernel loads when asked.
            for protocol in [0, protocol] {
                rules.push(when(&[(0, Eq, family), (1, MaskedEq(KIND), kind), (2, Eq, protocol)])?);
            }
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

/// Everything but what types into the terminal of whoever started the process, which a shell would read, and what says who gets signals.
fn no_typing() -> Result<SeccompRule, BackendError> {
    const TIOCLINUX: i32 = 0x541c;
    const FIOSETOWN: i32 = 0x8901;
    const SIOCSPGRP: i32 = 0x8902;
    // A request is 32 bits, whatever the type that a C library has for it.
    let typed = i32::try_from(libc::TIOCSTI).unwrap_or(i32::MAX);
    when(&[
        (1, Ne, typed),
        (1, Ne, TIOCLINUX),
        (1, Ne, FIOSETOWN),
        (1, Ne, SIOCSPGRP),
    ])
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
