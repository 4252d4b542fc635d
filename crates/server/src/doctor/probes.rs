//! What the checks measure.

use baleen_runtime::{Clock, SystemClock};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The capability that packet sockets need (capability 13 of `linux/capability.h`).
pub(super) const CAP_NET_RAW: u64 = 1 << 13;

/// Flushes in one measurement.
const SYNC_ROUNDS: usize = 21;

/// The name of the probe file; one per process, so that two doctors do not meet.
fn probe_name() -> String {
    format!(".baleen-probe-{}", std::process::id())
}

/// SIGHUP among the signals of a process (signal 1 of `signal(7)`).
const HANGUP: u64 = 1;

/// The capabilities in effect; `None` where /proc does not tell.
pub(super) fn effective_capabilities() -> Option<u64> {
    set_of_process("CapEff:")
}

/// Whether this process was started so that SIGHUP does nothing, as nohup does it.
pub(crate) fn ignores_hangup() -> bool {
    set_of_process("SigIgn:").is_some_and(|ignored| ignored & HANGUP != 0)
}

/// A set of bits that /proc tells of this process.
fn set_of_process(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

/// Bytes that this user may still write at `path`.
pub(super) fn free_space(path: &Path) -> std::io::Result<u64> {
    let volume = rustix::fs::statvfs(path)?;
    Ok(volume.f_bavail.saturating_mul(volume.f_frsize))
}

/// How long a flush takes.
pub(super) struct Sync {
    pub(super) median: Duration,
    pub(super) worst: Duration,
}

/// Appends and flushes 4 KiB a few times in a file of its own at `path`.
pub(super) fn sync_time(path: &Path) -> std::io::Result<Sync> {
    let probe = path.join(probe_name());
    let measured = File::create_new(&probe).and_then(|mut file| {
        let clock = SystemClock::new();
        let mut times = Vec::with_capacity(SYNC_ROUNDS);
        for _ in 0..SYNC_ROUNDS {
            let start = clock.monotonic();
            file.write_all(&[0; 4096])?;
            file.sync_data()?;
            times.push(clock.monotonic().saturating_sub(start));
        }
        times.sort();
        Ok(Sync {
            median: times[SYNC_ROUNDS / 2],
            worst: times[SYNC_ROUNDS - 1],
        })
    });
    // Whatever happened, the probe goes; that it cannot be removed shows no more than that it was not made.
    let _ = std::fs::remove_file(&probe);
    measured
}

/// The soft limit of open files.
pub(super) fn open_files_limit() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find(|line| line.starts_with("Max open files"))?;
    let soft = line.split_whitespace().nth(3)?;
    if soft == "unlimited" {
        Some(u64::MAX)
    } else {
        soft.parse().ok()
    }
}

/// Tells whether a time service is seen at work: systemd-timesyncd's or systemd's mark, or the state folder of chrony or ntpd.
pub(super) fn clock_is_synchronized() -> bool {
    let marks = [
        "/run/systemd/timesync/synchronized",
        "/run/chrony/chronyd.pid",
        "/run/chrony.pid",
        "/run/ntpd.pid",
        "/run/openntpd.pid",
    ];
    marks.iter().any(|mark| Path::new(mark).exists())
}

/// Finds a program on the search path.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

/// The bytes of the files in a folder; 0 for one that is not there.
pub(super) fn bytes_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let metadata = entries.filter_map(|entry| entry.metadata().ok());
    metadata.filter(std::fs::Metadata::is_file).map(|file| file.len()).sum()
}
