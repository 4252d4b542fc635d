//! The disk of this machine, of which captures leave some to everybody else.

use crate::limits::DISK_RESERVE_BYTES;
use std::fs::File;
use std::io;

/// Refuses to write so much on the disk of a file if that left too little there. Asks the disk.
pub(crate) fn leave_reserve(file: &File, bytes: u64) -> io::Result<()> {
    let disk = rustix::fs::fstatvfs(file)?;
    if leaves_reserve(disk.f_bavail.saturating_mul(disk.f_frsize), bytes) {
        Ok(())
    } else {
        Err(io::ErrorKind::StorageFull.into())
    }
}

fn leaves_reserve(free: u64, bytes: u64) -> bool {
    free.checked_sub(bytes).is_some_and(|left| left >= DISK_RESERVE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_leaves_the_reserve() {
        for (free, bytes, fits) in [
            (DISK_RESERVE_BYTES, 0, true),
            (DISK_RESERVE_BYTES, 1, false),
            (DISK_RESERVE_BYTES + 5, 5, true),
            (DISK_RESERVE_BYTES + 5, 6, false),
            (0, 0, false),
            (10, u64::MAX, false),
            (u64::MAX, u64::MAX, false),
        ] {
            assert_eq!(leaves_reserve(free, bytes), fits, "{bytes} of {free}");
        }
    }

    #[test]
    fn a_real_disk_is_asked() {
        let file = tempfile::tempfile().unwrap();
        let refused = leave_reserve(&file, u64::MAX).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
    }
}
