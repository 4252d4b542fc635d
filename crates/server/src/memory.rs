//! How much memory this process may use.

use std::path::Path;

/// The least of what the machine has and what the control groups around this process allow (`memory.max`, cgroup version 2); `None`
/// where the kernel tells neither.
///
/// Source: Linux, `Documentation/admin-guide/cgroup-v2.rst` and `Documentation/filesystems/proc.rst`.
pub(crate) fn allowed_bytes() -> Option<u64> {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    allowed(&read)
}

fn allowed(read: &dyn Fn(&Path) -> Option<String>) -> Option<u64> {
    let machine = read(Path::new("/proc/meminfo")).and_then(|text| total(&text));
    let group = read(Path::new("/proc/self/cgroup")).and_then(|text| {
        let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?.to_owned();
        let own = Path::new("/sys/fs/cgroup").join(path);
        let around = own
            .ancestors()
            .take_while(|folder| folder.starts_with("/sys/fs/cgroup"));
        around
            .filter_map(|folder| read(&folder.join("memory.max"))?.trim().parse().ok())
            .min()
    });
    machine.into_iter().chain(group).min()
}

/// The machine's memory, of `/proc/meminfo`.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_that_is_allowed_counts() {
        type Files = &'static [(&'static str, &'static str)];
        const MEMINFO: &str = "MemTotal:       24576 kB\nMemFree:        1000 kB\n";
        const MACHINE: u64 = 24 << 20;
        let cases: [(Files, Option<u64>); 7] = [
            (&[("/proc/meminfo", MEMINFO)], Some(MACHINE)),
            (&[], None),
            (
                &[
                    ("/proc/meminfo", MEMINFO),
                    ("/proc/self/cgroup", "0::/system.slice/baleen.service\n"),
                    ("/sys/fs/cgroup/system.slice/baleen.service/memory.max", "max\n"),
                    ("/sys/fs/cgroup/system.slice/memory.max", "1048576\n"),
                ],
                Some(1 << 20),
            ),
            // A container sees its own group as the root.
            (
                &[
                    ("/proc/meminfo", MEMINFO),
                    ("/proc/self/cgroup", "0::/\n"),
                    ("/sys/fs/cgroup/memory.max", "2097152\n"),
                ],
                Some(2 << 20),
            ),
            // More than there is.
            (
                &[
                    ("/proc/meminfo", MEMINFO),
                    ("/proc/self/cgroup", "0::/\n"),
                    ("/sys/fs/cgroup/memory.max", "99999999999\n"),
                ],
                Some(MACHINE),
            ),
            // Version 1, of which nothing is read.
            (
                &[("/proc/meminfo", MEMINFO), ("/proc/self/cgroup", "4:memory:/x\n")],
                Some(MACHINE),
            ),
            (&[("/proc/meminfo", "MemTotal: many kB\n")], None),
        ];
        for (files, expected) in cases {
            let read = |path: &Path| {
                let file = files.iter().find(|(name, _)| Path::new(name) == path);
                file.map(|(_, text)| (*text).to_owned())
            };
            assert_eq!(allowed(&read), expected, "{files:?}");
        }
        assert!(allowed_bytes().is_some_and(|bytes| bytes > 1 << 20));
    }
}
