//! What the filters say of calls, asked of the programs themselves.

use super::*;
use libc::{ENOSYS, EPERM};
use seccompiler::BpfProgramRef;

/// A call with its first arguments.
type Call<'a> = (i64, &'a [u64]);

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const ERRNO: u32 = libc::SECCOMP_RET_ERRNO;

/// The words of `struct seccomp_data`: number, architecture, address, arguments, low half first.
fn data((call, arguments): Call<'_>) -> Vec<u32> {
    let architecture = if cfg!(target_arch = "x86_64") {
        0xc000_003e
    } else {
        0xc000_00b7
    };
    let mut words = vec![u32::try_from(call).unwrap(), architecture, 0, 0];
    let half = |word: u64| u32::try_from(word).unwrap();
    for argument in arguments.iter().copied().chain([0; 6]).take(6) {
        words.extend([half(argument & 0xffff_ffff), half(argument >> 32)]);
    }
    words
}

/// Runs a program as the kernel does; of the kind that filters of calls may be, as far as ours go.
fn run(program: BpfProgramRef<'_>, data: &[u32]) -> u32 {
    let (mut at, mut word) = (0, 0);
    loop {
        let step = &program[at];
        at += 1;
        let jumps = |holds: bool| usize::from(if holds { step.jt } else { step.jf });
        match step.code {
            0x20 => word = data[usize::try_from(step.k).unwrap() / 4],
            0x54 => word &= step.k,
            0x05 => at += usize::try_from(step.k).unwrap(),
            0x15 => at += jumps(word == step.k),
            0x25 => at += jumps(word > step.k),
            0x35 => at += jumps(word >= step.k),
            0x06 => return step.k,
            other => panic!("instruction {other:#x} at {at}"),
        }
    }
}

/// What both filters say: the more severe answer, and of two errors that of the one that was set later.
fn answer(packets: bool, call: Call<'_>) -> Option<i32> {
    let filters = [list(packets).unwrap(), as_on_an_older_kernel().unwrap()];
    let said = filters.map(|filter| run(&filter, &data(call)));
    let refused = said.into_iter().find(|said| *said != ALLOW)?;
    assert_eq!(refused & 0xffff_0000, ERRNO, "{call:?}");
    Some(i32::try_from(refused & 0xffff).unwrap())
}

#[test]
fn what_no_server_needs_is_refused() {
    for call in [
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_kcmp,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_chroot,
        libc::SYS_kexec_load,
        libc::SYS_bpf,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_delete_module,
        libc::SYS_add_key,
        libc::SYS_keyctl,
        libc::SYS_request_key,
        libc::SYS_userfaultfd,
        libc::SYS_perf_event_open,
        libc::SYS_setns,
        libc::SYS_unshare,
        libc::SYS_reboot,
        libc::SYS_swapon,
        libc::SYS_name_to_handle_at,
        libc::SYS_open_by_handle_at,
        libc::SYS_clock_settime,
        libc::SYS_settimeofday,
        libc::SYS_adjtimex,
        libc::SYS_personality,
        libc::SYS_acct,
        libc::SYS_quotactl,
        libc::SYS_syslog,
        libc::SYS_setuid,
        libc::SYS_setresuid,
        libc::SYS_capset,
        libc::SYS_kill,
        libc::SYS_mknodat,
        libc::SYS_symlinkat,
        libc::SYS_memfd_create,
        libc::SYS_pkey_mprotect,
        libc::SYS_io_setup,
        libc::SYS_seccomp,
        libc::SYS_linkat,
        libc::SYS_fchown,
        libc::SYS_fchownat,
    ] {
        assert_eq!(answer(true, (call, &[])), Some(EPERM), "{call}");
    }
    #[cfg(target_arch = "x86_64")]
    for call in [
        libc::SYS_fork,
        libc::SYS_vfork,
        libc::SYS_ioperm,
        libc::SYS_iopl,
        libc::SYS_modify_ldt,
    ] {
        assert_eq!(answer(true, (call, &[])), Some(EPERM), "{call}");
        // The same as programs with short pointers make it, in a kernel that takes them.
        assert_eq!(answer(true, (call | 0x4000_0000, &[])), Some(EPERM), "{call}");
    }
}

#[test]
fn young_calls_are_as_on_an_older_kernel() {
    for call in [
        libc::SYS_clone3,
        libc::SYS_io_uring_setup,
        libc::SYS_io_uring_enter,
        libc::SYS_pidfd_open,
        libc::SYS_open_tree,
        libc::SYS_fsopen,
        libc::SYS_openat2,
        libc::SYS_fchmodat2,
        470,
        511,
    ] {
        assert_eq!(answer(true, (call, &[])), Some(ENOSYS), "{call}");
    }
    for call in [libc::SYS_close_range, libc::SYS_faccessat2] {
        assert_eq!(answer(true, (call, &[])), None, "{call}");
    }
    assert_eq!(answer(true, (512, &[])), Some(EPERM));
}

#[test]
fn of_some_calls_the_harmless_forms_are_answered() {
    let n = |number: i32| u64::from(number.cast_unsigned());
    let socket = |family: i32, kind: i32, protocol: i32| (libc::SYS_socket, vec![n(family), n(kind), n(protocol)]);
    let (stream, dgram, raw) = (libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_RAW);
    let (rw, rx, rwx) = (3, 5, 7);
    let threads = libc::CLONE_VM | libc::CLONE_FS | libc::CLONE_FILES | libc::CLONE_SIGHAND | libc::CLONE_THREAD;
    let of_memory = |call: i64, prot: u64| (call, vec![0, 4096, prot]);
    for ((call, arguments), is_answered) in [
        (socket(libc::AF_UNIX, stream | libc::SOCK_CLOEXEC, 0), true),
        (socket(libc::AF_INET, stream | libc::SOCK_NONBLOCK, 0), true),
        (socket(libc::AF_INET6, dgram, 17), true),
        (socket(libc::AF_NETLINK, raw, libc::NETLINK_ROUTE), true),
        (socket(libc::AF_PACKET, raw, 0), true),
        (socket(libc::AF_PACKET, dgram, 0), true),
        (socket(libc::AF_INET, raw, 1), false),
        (socket(libc::AF_INET6, raw, 58), false),
        (socket(libc::AF_INET, stream, libc::IPPROTO_TCP), true),
        (socket(libc::AF_INET6, dgram | libc::SOCK_CLOEXEC, 0), true),
        (socket(libc::AF_INET, libc::SOCK_SEQPACKET, 132), false),
        // SCTP, SMC, multipath TCP, DCCP; L2TP, UDP-Lite, ping.
        (socket(libc::AF_INET, stream, 132), false),
        (socket(libc::AF_INET, stream, 256), false),
        (socket(libc::AF_INET6, stream, 262), false),
        (socket(libc::AF_INET, stream, 17), false),
        (socket(libc::AF_INET, 6, 33), false),
        (socket(libc::AF_INET, dgram, 115), false),
        (socket(libc::AF_INET6, dgram, 136), false),
        (socket(libc::AF_INET, dgram, 1), false),
        (socket(libc::AF_INET6, dgram, 58), false),
        (socket(libc::AF_NETLINK, raw, libc::NETLINK_NETFILTER), false),
        (socket(libc::AF_NETLINK, raw, libc::NETLINK_GENERIC), false),
        (socket(libc::AF_ALG, libc::SOCK_SEQPACKET, 0), false),
        (socket(libc::AF_VSOCK, stream, 0), false),
        (socket(libc::AF_BLUETOOTH, raw, 0), false),
        (socket(libc::AF_XDP, raw, 0), false),
        (socket(libc::AF_KEY, raw, 2), false),
        ((libc::SYS_socketpair, vec![n(libc::AF_UNIX)]), true),
        ((libc::SYS_socketpair, vec![n(libc::AF_TIPC)]), false),
        ((libc::SYS_clone, vec![n(threads)]), true),
        ((libc::SYS_clone, vec![n(libc::SIGCHLD)]), false),
        ((libc::SYS_clone, vec![n(libc::CLONE_VM | libc::CLONE_VFORK)]), false),
        ((libc::SYS_clone, vec![n(threads | libc::CLONE_NEWUSER)]), false),
        (
            (libc::SYS_clone, vec![n(libc::CLONE_NEWUSER | libc::CLONE_NEWNS)]),
            false,
        ),
        ((libc::SYS_prctl, vec![n(libc::PR_SET_NAME)]), true),
        ((libc::SYS_prctl, vec![n(libc::PR_SET_DUMPABLE)]), false),
        ((libc::SYS_prctl, vec![n(libc::PR_SET_PTRACER)]), false),
        ((libc::SYS_prctl, vec![n(libc::PR_SET_MM)]), false),
        ((libc::SYS_ioctl, vec![0, 0x5413]), true),
        ((libc::SYS_ioctl, vec![0, 0x5412]), false),
        // The kernel does not look at the upper half, and so the filter must not.
        ((libc::SYS_ioctl, vec![0, 0xf_0000_5412]), false),
        ((libc::SYS_ioctl, vec![0, 0x541c]), false),
        ((libc::SYS_ioctl, vec![0, 0x8901]), false),
        ((libc::SYS_ioctl, vec![0, 0x8902]), false),
        (of_memory(libc::SYS_mmap, 0), true),
        (of_memory(libc::SYS_mmap, rw), true),
        (of_memory(libc::SYS_mmap, rx), true),
        (of_memory(libc::SYS_mmap, rwx), false),
        (of_memory(libc::SYS_mprotect, rw), true),
        (of_memory(libc::SYS_mprotect, rx), cfg!(not(target_arch = "x86_64"))),
        (of_memory(libc::SYS_mprotect, rwx), false),
    ] {
        let wanted = if is_answered { None } else { Some(EPERM) };
        assert_eq!(answer(true, (call, &arguments)), wanted, "{call} {arguments:x?}");
    }
    let (call, arguments) = socket(libc::AF_PACKET, raw, 0);
    assert_eq!(answer(false, (call, &arguments)), Some(EPERM));
}

/// What a process may do to itself it must not do to others: as root it could end any of them.
#[test]
fn signals_and_limits_are_of_this_process() {
    let own = u64::from(std::process::id());
    let (other, resource, signal) = (own + 1, 0, 9);
    for ((call, arguments), is_answered) in [
        ((libc::SYS_tgkill, [own, own, signal]), true),
        ((libc::SYS_tgkill, [other, other, signal]), false),
        ((libc::SYS_tgkill, [0, 0, signal]), false),
        ((libc::SYS_prlimit64, [0, resource, 0]), true),
        ((libc::SYS_prlimit64, [own, resource, 0]), true),
        ((libc::SYS_prlimit64, [other, resource, 0]), false),
        ((libc::SYS_setpriority, [0, 0, 10]), true),
        ((libc::SYS_setpriority, [0, other, 10]), false),
        ((libc::SYS_setpriority, [2, 0, 10]), false),
        ((libc::SYS_fcntl, [1, 3, 0]), true),
        ((libc::SYS_fcntl, [1, 1030, 0]), true),
        ((libc::SYS_fcntl, [1, 8, other]), false),
        ((libc::SYS_fcntl, [1, 10, signal]), false),
        ((libc::SYS_fcntl, [1, 15, 0]), false),
    ] {
        let wanted = if is_answered { None } else { Some(EPERM) };
        assert_eq!(answer(true, (call, &arguments)), wanted, "{call} {arguments:x?}");
    }
}

/// A file that runs as root for whoever starts it would outlive the process that made it.
#[test]
fn no_file_is_made_to_run_as_its_owner() {
    let makes = u64::from(libc::O_CREAT.cast_unsigned());
    let unnamed = u64::from(libc::O_TMPFILE.cast_unsigned());
    let folder = u64::from(libc::O_DIRECTORY.cast_unsigned());
    let mut calls = vec![
        (libc::SYS_fchmod, vec![3]),
        (libc::SYS_fchmodat, vec![3, 0]),
        (libc::SYS_mkdirat, vec![3, 0]),
        (libc::SYS_openat, vec![3, 0, makes]),
        (libc::SYS_openat, vec![3, 0, unnamed]),
    ];
    #[cfg(target_arch = "x86_64")]
    calls.extend([
        (libc::SYS_chmod, vec![0]),
        (libc::SYS_creat, vec![0]),
        (libc::SYS_mkdir, vec![0]),
        (libc::SYS_open, vec![0, makes | 2]),
    ]);
    for (call, before) in calls {
        for (mode, is_answered) in [
            (0o600, true),
            (0o1777, true),
            (0o4755, false),
            (0o2755, false),
            (0o6000, false),
            // The upper half is not looked at by the kernel, and hides nothing.
            (0xf_0000_0800, false),
        ] {
            let arguments: Vec<u64> = before.iter().copied().chain([mode]).collect();
            let wanted = if is_answered { None } else { Some(EPERM) };
            assert_eq!(answer(true, (call, &arguments)), wanted, "{call} {arguments:?}");
        }
    }
    // Where no file is made nothing is said in the place of its mode.
    for flags in [0, folder] {
        assert_eq!(answer(true, (libc::SYS_openat, &[3, 0, flags, u64::MAX])), None);
    }
}

#[test]
fn each_call_is_listed_once() {
    let all: Vec<_> = allowed().collect();
    for call in &all {
        assert_eq!(all.iter().filter(|other| *other == call).count(), 1, "{call}");
    }
    for call in looked_at(true).unwrap().keys() {
        assert!(!all.contains(call), "{call}");
    }
}
